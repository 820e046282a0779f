/*
 * fhir_walk: a whole JSON body read member by member, each by the function that its name has. For
 * those readers of the room that have all of the body in one span.
 */

#ifndef FHIR_WALK_H
#define FHIR_WALK_H

#include "base/base_arena.h"
#include "base/base_json.h"
#include "fhir/fhir_links.h"

#define FHIR_WALK_NAME 64 /* a longer name is none that anybody reads */

typedef struct {
    base_json_t json;
    base_reason_t reason; /* of the first failure; BASE_OK until then */
    base_reason_t shape;  /* what a value of the wrong kind is */
    base_arena_t *arena;  /* decoded texts that have escapes */
    base_span_t in;
    unsigned char name[FHIR_WALK_NAME];
} fhir_walk_t;

/* Reads a value whose first event is `event`. False: walk->reason says why. */
typedef bool (*fhir_walk_pt)(void *ctx, fhir_walk_t *walk, base_json_event_t event);

typedef struct {
    const char *name;
    fhir_walk_pt read;
} fhir_walk_member_t;

/* Begins; duplicates are refused everywhere. Body, arena and hashes must outlive the walk. */
void fhir_walk_start(fhir_walk_t *walk, base_span_t body, base_reason_t shape, base_arena_t *arena,
                     uint64_t *hashes, size_t hashes_max);

/* Notes the first failure; always false. */
bool fhir_walk_fail(fhir_walk_t *walk, base_reason_t reason);

/* The next event. The whole body is there: its end is a failure. */
bool fhir_walk_pull(fhir_walk_t *walk, base_json_event_t *event);

/* False, and the walk's reason for shapes, when it is another event. */
bool fhir_walk_is(fhir_walk_t *walk, base_json_event_t event, base_json_event_t wanted);

/*
 * All members of an object, from its first event to its end. *n (may be NULL): how many there were.
 */
bool fhir_walk_object(fhir_walk_t *walk, base_json_event_t event, const fhir_walk_member_t *members,
                      size_t n_members, void *ctx, size_t *n);

/* A string: its decoded text, in the body or the arena, and where it stands. */
bool fhir_walk_string(fhir_walk_t *walk, base_json_event_t event, base_span_t *text,
                      fhir_range_t *range);

/* Offset of the first byte of the value whose first event came; the one behind what was read. */
size_t fhir_walk_from(const fhir_walk_t *walk);
size_t fhir_walk_to(const fhir_walk_t *walk);

/* Behind the last value. True when nothing but white space is left. */
bool fhir_walk_end(fhir_walk_t *walk);

#endif
