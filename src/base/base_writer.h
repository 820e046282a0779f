/*
 * base_writer: JSON and text out, into memory the caller owns, with a sticky failure.
 *
 * Nothing is reported until base_writer_done: writing beyond the end sets a flag and drops the rest,
 * so callers write straight through and look once. No two-pass measuring.
 */

#ifndef BASE_WRITER_H
#define BASE_WRITER_H

#include "base/base_span.h"

typedef struct {
    unsigned char *_p;
    size_t _n;
    size_t _size;
    bool _failed;
    bool _comma;
} base_writer_t;

/* Writes into memory[0 .. size). */
void base_writer_init(base_writer_t *w, void *memory, size_t size);

/* Plain text, as it is: no comma, no quoting. Also for building anything else that is not JSON. */
void base_writer_raw(base_writer_t *w, base_span_t bytes);
void base_writer_text(base_writer_t *w, const char *text);
void base_writer_uint(base_writer_t *w, uint64_t value); /* decimal digits, raw */

/* JSON structure. Commas are put where they belong. */
void base_writer_object(base_writer_t *w);
void base_writer_object_end(base_writer_t *w);
void base_writer_array(base_writer_t *w);
void base_writer_array_end(base_writer_t *w);
void base_writer_member(base_writer_t *w,
                        const char *name); /* "name": a constant that needs no escapes */

/* JSON values. `string` escapes what RFC 8259 wants escaped; invalid UTF-8 becomes U+FFFD. */
void base_writer_string(base_writer_t *w, base_span_t value);
void base_writer_string_of(base_writer_t *w, const char *value);
void base_writer_number(base_writer_t *w, uint64_t value);
void base_writer_bool(base_writer_t *w, bool value);

/* True when all fitted: *out is what was written (a span over the caller's memory). False: *out untouched. */
bool base_writer_done(const base_writer_t *w, base_span_t *out);

#endif
