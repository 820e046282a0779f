/*
 * smart_manifest: the answer to an export that is complete, as it streams: where its URLs stand (Bulk Data Access IG, export.md "Response - Complete").
 *
 *     while ((event = smart_manifest_next(&manifest, &in)) != SMART_MANIFEST_MORE) ...
 *
 * Bytes may be cut anywhere, and members come in any order. All else of it is passed over. Offsets count from the first byte ever handed in.
 */

#ifndef SMART_MANIFEST_H
#define SMART_MANIFEST_H

#include "base/base_json.h"

#define SMART_MANIFEST_URL_MAX ((size_t) 8192)

typedef enum {
    SMART_MANIFEST_MORE,  /* the input is used up */
    SMART_MANIFEST_URL,   /* of an element of `list`: text, from, to */
    SMART_MANIFEST_TOKEN, /* requiresAccessToken: requires, from, to */
    SMART_MANIFEST_ASKED, /* request, the URL of the kick-off: text, from, to */
    SMART_MANIFEST_END,   /* from: of the last brace */
    SMART_MANIFEST_ERROR  /* it is no manifest */
} smart_manifest_event_t;

typedef enum {
    SMART_MANIFEST_OUTPUT,
    SMART_MANIFEST_DELETED,
    SMART_MANIFEST_FAILED, /* "error" */
    SMART_MANIFEST_LINK    /* where the manifest goes on */
} smart_manifest_list_t;

/* Members that begin with an underscore are its own. About 12 KB. */
typedef struct {
    smart_manifest_list_t list;
    base_span_t text; /* decoded; valid until the next call */
    bool requires;
    uint64_t from; /* the first byte of the value, its quote included */
    uint64_t to;   /* behind the last */
    base_json_t _json;
    unsigned _place;
    unsigned _name;
    size_t _key_n;
    unsigned char _key[32];
    size_t _text_n;
    unsigned char _text[SMART_MANIFEST_URL_MAX];
} smart_manifest_t;

/* Hashes as base_json_init has them: a member that is there twice makes an error. */
void smart_manifest_start(smart_manifest_t *manifest, uint64_t *hashes, size_t hashes_n);

/* Consumes from *in (which is moved forward) up to the next event. ERROR stays. */
smart_manifest_event_t smart_manifest_next(smart_manifest_t *manifest, base_span_t *in);

/* Says that no more comes: true when all of one manifest came. */
bool smart_manifest_finish(smart_manifest_t *manifest);

#endif
