/*
 * jose_object: some members of one strict JSON object (a JOSE header, a JWT's claims).
 *
 * Who reads names the members of interest in a table; all else is checked and passed over. The
 * document is strict throughout: base_json with every object under watch for duplicates.
 */

#ifndef JOSE_OBJECT_H
#define JOSE_OBJECT_H

#include "base/base_arena.h"
#include "base/base_reason.h"
#include "base/base_span.h"

/* Members of the open objects together, and names of interest: longer ones are nobody's. */
#define JOSE_OBJECT_MEMBERS_MAX 512
#define JOSE_OBJECT_DEPTH_MAX   32
#define JOSE_OBJECT_NAME_MAX    32
/* Elements of an array of strings; a longer one is JOSE_VALUE_OTHER. */
#define JOSE_OBJECT_ITEMS_MAX 64

typedef enum {
    JOSE_VALUE_ABSENT,
    JOSE_VALUE_STRING,
    JOSE_VALUE_NUMBER,
    JOSE_VALUE_STRINGS, /* an array, maybe empty, of nothing but strings */
    JOSE_VALUE_TRUE,
    JOSE_VALUE_FALSE,
    JOSE_VALUE_OTHER /* present, and none of these */
} jose_value_t;

/*
 * `name` is set by the caller (a constant), the rest by the reading. Spans point into the
 * document or the arena.
 */
typedef struct {
    const char *name;
    jose_value_t kind;
    base_span_t text;         /* STRING: decoded; NUMBER: as written */
    const base_span_t *items; /* STRINGS */
    size_t items_n;
} jose_member_t;

/*
 * Reads `json`. BASE_OK, BASE_NO_MEMORY, or a BASE_JSON_ reason (BASE_JSON_SYNTAX when the value
 * is not an object); the caller says what that means.
 */
base_reason_t jose_object_read(base_span_t json, jose_member_t *members, size_t n,
                               base_arena_t *arena);

#endif
