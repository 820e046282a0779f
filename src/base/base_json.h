/*
 * base_json: the strict JSON scanner. Every byte of JSON from outside (token headers, claims,
 * resources, Bundles) is read with it.
 *
 * Pulled: the caller hands in bytes as they come, cut anywhere, and takes events. The scanner
 * allocates nothing, copies nothing but escapes, and never recurses; its state is this struct.
 * However the input is cut, the same values come out and the same reason at the same offset.
 *
 * Refused, at the byte that shows it:
 *   BASE_JSON_SYNTAX     what RFC 8259 does not allow; U+0000, escaped or not; a byte order mark or
 *                        anything else beyond ASCII outside of strings; all but white space after
 *                        the value
 *   BASE_JSON_ENCODING   in strings: invalid UTF-8 (overlong, surrogates, beyond U+10FFFF); an escaped
 *                        surrogate without its other half
 *   BASE_JSON_DEPTH      nesting deeper than the limit
 *   BASE_JSON_DUPLICATE  a member twice in an object under watch, compared after unescaping
 *   BASE_JSON_NAME       with BASE_JSON_FOLD: a name of anything but ASCII letters, digits and '_',
 *                        which some reader may fold to another's
 *   BASE_JSON_MEMBERS    more members under watch than the table holds
 *   BASE_JSON_TRUNCATED  the input ends before the value does (found by base_json_finish)
 */

#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/base_hash.h"
#include "base/base_reason.h"
#include "base/base_span.h"

#define BASE_JSON_DEPTH_MAX 64
#define BASE_JSON_BUCKETS   128 /* private */

typedef enum {
    BASE_JSON_MORE,   /* the input is used up: hand in more, or call base_json_finish */
    BASE_JSON_ERROR,  /* js->reason says why; every later call says so again */
    BASE_JSON_OBJECT, /* '{' */
    BASE_JSON_OBJECT_END,
    BASE_JSON_ARRAY, /* '[' */
    BASE_JSON_ARRAY_END,
    BASE_JSON_KEY,    /* a part of a member's name: js->text, js->last */
    BASE_JSON_STRING, /* a part of a string: js->text, js->last */
    BASE_JSON_NUMBER, /* a part of a number, as written: js->text, js->last */
    BASE_JSON_TRUE,
    BASE_JSON_FALSE,
    BASE_JSON_NULL
} base_json_event_t;

/* Flag of base_json_init: every object is under watch for duplicate members, skipped ones too. */
#define BASE_JSON_STRICT 1u

/* Flag: names that differ by ASCII case alone are one name, for readers that take them for one (threats section 7). */
#define BASE_JSON_FOLD 2u

typedef struct base_json_s base_json_t;

/*
 * Members that begin with an underscore are the scanner's own. `text`: decoded bytes (escapes
 * resolved, UTF-8), pointing into the input or into the scanner, valid until the next call. A KEY,
 * STRING or NUMBER comes in one or more parts, the final one with `last` set (its text may be
 * empty); a whole string without escapes inside one input comes as a single part. Where the input
 * was cut, a part may end within a character; and what came before an error is not yet valid.
 * `start`: offset, counted from the first byte ever handed in, of the first byte of the token that
 * the event belongs to.
 */
struct base_json_s {
    base_span_t text;
    bool last;
    uint64_t start;
    base_reason_t reason;

    uint64_t _offset;
    uint64_t *_hashes; /* a stack: 48 bits of hash, 16 bits of link to the next of its bucket */
    size_t _hashes_max;
    size_t _hashes_n;
    uint16_t _buckets[BASE_JSON_BUCKETS];       /* newest hash of each, counted from 1 */
    uint16_t _object_from[BASE_JSON_DEPTH_MAX]; /* height of the stack at '{' */
    uint64_t _is_object;                        /* bit i: level i is an object */
    uint64_t _is_watched;                       /* bit i: level i is under watch */
    base_hash_t _hash;                          /* of the name being read */
    unsigned _flags;
    unsigned _depth_max;
    unsigned _depth;
    unsigned _skip; /* 0, or 1 + depth at which the value passed over ends */
    unsigned _state;
    unsigned _sub;   /* state within the token */
    unsigned _event; /* the latest */
    unsigned _utf8;
    uint32_t _code;
    uint32_t _high;
    bool _key;
    bool _odd_name; /* what was read of the name cannot be one of FHIR's */
    unsigned char _scratch[8];
};

/*
 * Sets the process-wide key of the hashes that find duplicate members, so that nobody outside can
 * construct collisions. Called once at start with random numbers; without the call a fixed key is
 * used (tests).
 */
void base_json_seed(uint64_t k0, uint64_t k1);

/*
 * Prepares for one document. `depth_max` 1..BASE_JSON_DEPTH_MAX. `hashes`: room for `hashes_max`
 * members of the open watched objects together (owned by the caller, may be NULL when nothing is
 * watched; more than 65535 are not used). The cost of a member grows with 1/128 of those its object
 * has: 4096 are cheap. Two different names count as one with a probability of 2^-48.
 */
void base_json_init(base_json_t *js, unsigned flags, unsigned depth_max, uint64_t *hashes,
                    size_t hashes_max);

/* Consumes from *in (which is moved forward) up to the next event. */
base_json_event_t base_json_next(base_json_t *js, base_span_t *in);

/*
 * Right after OBJECT, before the next call: watch this object for duplicate members. (With
 * BASE_JSON_STRICT all are.)
 */
void base_json_watch(base_json_t *js);

/*
 * After OBJECT, ARRAY, or a part of a STRING or NUMBER that is not the last: the rest of this value
 * is checked but gives no events, nor does its end. After a final KEY part: the member's whole value
 * is so passed over; after another KEY part: the rest of the name, too. The next event is what
 * follows the value. After anything else: no effect. MORE in between changes nothing.
 */
void base_json_skip(base_json_t *js);

/*
 * Says that no more input comes. BASE_OK when exactly one whole value was read; else the reason
 * (BASE_JSON_TRUNCATED or what next() had found). A number at the very end of the input is completed
 * here: its final part was then not delivered, so top-level numbers are of no use to callers.
 */
base_reason_t base_json_finish(base_json_t *js);

/* Bytes consumed so far; after an event, the offset just behind it. */
uint64_t base_json_offset(const base_json_t *js);

/* Open objects and arrays: 0 outside the value, 1 inside the top-level object or array. */
unsigned base_json_depth(const base_json_t *js);

#endif
