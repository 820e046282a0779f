#include "fhir/fhir_patch.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define FLAGS      (JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL)
#define RESULT_MAX ((size_t) 64 << 20)
#define COPIED_MAX                                                                                 \
    ((size_t) 16 << 20) /* bytes of JSON that copies may add: each can double what is there */
#define DEPTH_MAX 64

/* A patch at work: the document, and where the operation's pointer leads. */
typedef struct {
    json_t *document; /* owned */
    base_reason_t reason;
    size_t copied; /* bytes of JSON so far */
} patched_t;

typedef struct {
    json_t *parent; /* borrowed; NULL: the whole document */
    char *key;      /* decoded last token; owned */
} place_t;

static json_t *load(base_span_t text)
{
    json_error_t error;

    return json_loadb((const char *) text.p, text.n, FLAGS, &error);
}

static char *copy_of(const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = malloc(n);

    if (copy != NULL) {
        memcpy(copy, text, n);
    }
    return copy;
}

static bool fail(patched_t *p, base_reason_t reason)
{
    p->reason = reason;
    return false;
}

/* RFC 6901 section 3: "~1" is '/', "~0" is '~', anything else behind '~' is wrong. */
static bool unescape(char *token)
{
    char *to = token;

    for (; *token != '\0'; token++) {
        if (*token == '~') {
            token++;
            if (*token != '0' && *token != '1') {
                return false;
            }
            *to++ = *token == '0' ? '~' : '/';
        } else {
            *to++ = *token;
        }
    }
    *to = '\0';
    return true;
}

/* RFC 6901 section 4: digits without leading zeros. `size` elements; an index beyond the last only where `end` allows one. */
static bool index_of(const char *token, size_t size, bool end, size_t *index)
{
    size_t n = 0;

    if (strcmp(token, "-") == 0 && end) {
        *index = size;
        return true;
    }
    if (token[0] == '\0' || (token[0] == '0' && token[1] != '\0') || strlen(token) > 9) {
        return false;
    }
    for (; *token != '\0'; token++) {
        if (*token < '0' || *token > '9') {
            return false;
        }
        n = n * 10 + (size_t) (*token - '0');
    }
    *index = n;
    return n < size + (end ? 1 : 0);
}

static json_t *child(json_t *parent, const char *token)
{
    size_t index;

    if (json_is_object(parent)) {
        return json_object_get(parent, token);
    }
    return json_is_array(parent) && index_of(token, json_array_size(parent), false, &index)
               ? json_array_get(parent, index)
               : NULL;
}

/* jansson recurses: a document that is deeper than FHIR's servers read is never made. */
static bool is_deeper(json_t *value, unsigned levels)
{
    const char *key;
    json_t *member;
    size_t i;

    if (levels == 0) {
        return true;
    }
    json_object_foreach(value, key, member)
    {
        if (is_deeper(member, levels - 1)) {
            return true;
        }
    }
    json_array_foreach(value, i, member)
    {
        if (is_deeper(member, levels - 1)) {
            return true;
        }
    }
    return false;
}

static unsigned levels_of(const char *pointer)
{
    unsigned n = 0;

    for (; *pointer != '\0'; pointer++) {
        n += *pointer == '/';
    }
    return n;
}

static bool fits_below(const char *path, json_t *value)
{
    unsigned levels = levels_of(path);

    return levels < DEPTH_MAX && !is_deeper(value, DEPTH_MAX - levels);
}

/* Walks all but the last token. False: the pointer is wrong, or leads nowhere. */
static bool find(patched_t *p, const char *pointer, place_t *place)
{
    char *copy, *token, *slash;
    json_t *at = p->document;

    place->parent = NULL;
    place->key = NULL;
    if (pointer[0] == '\0') {
        return true;
    }
    copy = pointer[0] == '/' ? copy_of(pointer + 1) : NULL;
    if (copy == NULL) {
        return fail(p, pointer[0] == '/' ? BASE_NO_MEMORY : BASE_JSON_SYNTAX);
    }
    for (token = copy; (slash = strchr(token, '/')) != NULL; token = slash + 1) {
        *slash = '\0';
        at = unescape(token) ? child(at, token) : NULL;
        if (at == NULL) {
            free(copy);
            return fail(p, BASE_PATCH_INAPPLICABLE);
        }
    }
    place->parent = at;
    place->key = unescape(token) ? copy_of(token) : NULL;
    free(copy);
    return place->key != NULL ? true : fail(p, BASE_PATCH_INAPPLICABLE);
}

static json_t *value_at(const patched_t *p, const place_t *place)
{
    return place->parent == NULL ? p->document : child(place->parent, place->key);
}

/* Takes the value. */
static bool add(patched_t *p, const place_t *place, json_t *value)
{
    size_t index;
    int failed = -1;

    if (place->parent == NULL) {
        json_decref(p->document);
        p->document = value;
        return true;
    }
    if (json_is_object(place->parent)) {
        failed = json_object_set_new(place->parent, place->key, value);
    } else if (json_is_array(place->parent) &&
               index_of(place->key, json_array_size(place->parent), true, &index)) {
        failed = json_array_insert_new(place->parent, index, value);
    } else {
        json_decref(value);
    }
    return failed == 0 ? true : fail(p, BASE_PATCH_INAPPLICABLE);
}

static bool take_away(patched_t *p, const place_t *place)
{
    size_t index;
    int failed = -1;

    if (json_is_object(place->parent)) {
        failed = json_object_del(place->parent, place->key);
    } else if (json_is_array(place->parent) &&
               index_of(place->key, json_array_size(place->parent), false, &index)) {
        failed = json_array_remove(place->parent, index);
    }
    return failed == 0 ? true : fail(p, BASE_PATCH_INAPPLICABLE);
}

static bool op_add(patched_t *p, const place_t *place, json_t *value)
{
    return add(p, place, json_deep_copy(value));
}

static bool op_remove(patched_t *p, const place_t *place, json_t *value)
{
    (void) value;
    return take_away(p, place);
}

static bool op_replace(patched_t *p, const place_t *place, json_t *value)
{
    if (value_at(p, place) == NULL) {
        return fail(p, BASE_PATCH_INAPPLICABLE);
    }
    if (place->parent == NULL || json_is_object(place->parent)) {
        return add(p, place, json_deep_copy(value));
    }
    return take_away(p, place) && add(p, place, json_deep_copy(value));
}

static bool op_test(patched_t *p, const place_t *place, json_t *value)
{
    json_t *there = value_at(p, place);

    return there != NULL && json_equal(there, value) ? true : fail(p, BASE_PATCH_INAPPLICABLE);
}

/* True when `path` is below `from`: what is moved cannot go into itself (RFC 6902 section 4.4). */
static bool is_below(const char *path, const char *from)
{
    size_t n = strlen(from);

    return strncmp(path, from, n) == 0 && path[n] == '/';
}

static bool copy_or_move(patched_t *p, const char *from, const char *path, bool move)
{
    place_t source, target;
    json_t *value = NULL, *there;
    bool done;

    if (move && is_below(path, from)) {
        return fail(p, BASE_PATCH_INAPPLICABLE);
    }
    if (!find(p, from, &source)) {
        return false;
    }
    there = value_at(p, &source);
    p->copied += there == NULL ? 0 : json_dumpb(there, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
    if (there != NULL && p->copied <= COPIED_MAX && fits_below(path, there)) {
        value = json_deep_copy(there);
    }
    done = value != NULL ? true : fail(p, BASE_PATCH_INAPPLICABLE);
    if (done && move && strcmp(from, path) != 0) {
        done = take_away(p, &source);
    }
    free(source.key);
    if (!done || !find(p, path, &target)) {
        json_decref(value);
        return false;
    }
    done = add(p, &target, value);
    free(target.key);
    return done;
}

static const struct {
    const char *name;
    bool (*apply)(patched_t *p, const place_t *place, json_t *value);
    bool valued;
} operations[] = {
    {"add", op_add, true},
    {"remove", op_remove, false},
    {"replace", op_replace, true},
    {"test", op_test, true},
};

static bool apply_one(patched_t *p, const json_t *operation)
{
    const char *op = json_string_value(json_object_get(operation, "op"));
    const char *path = json_string_value(json_object_get(operation, "path"));
    const char *from = json_string_value(json_object_get(operation, "from"));
    json_t *value = json_object_get(operation, "value");
    place_t place;
    bool done;
    size_t i;

    if (op == NULL || path == NULL ||
        strlen(path) != json_string_length(json_object_get(operation, "path"))) {
        return fail(p, BASE_JSON_SYNTAX);
    }
    if (strcmp(op, "move") == 0 || strcmp(op, "copy") == 0) {
        return from != NULL &&
                       strlen(from) == json_string_length(json_object_get(operation, "from"))
                   ? copy_or_move(p, from, path, op[0] == 'm')
                   : fail(p, BASE_JSON_SYNTAX);
    }
    for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (strcmp(op, operations[i].name) == 0 && (value != NULL || !operations[i].valued)) {
            if (value != NULL && !fits_below(path, value)) {
                return fail(p, BASE_PATCH_INAPPLICABLE);
            }
            if (!find(p, path, &place)) {
                return false;
            }
            done = place.parent == NULL && strcmp(op, "remove") == 0
                       ? fail(p, BASE_PATCH_INAPPLICABLE)
                       : operations[i].apply(p, &place, value);
            free(place.key);
            return done;
        }
    }
    return fail(p, BASE_JSON_SYNTAX);
}

static bool apply_all(patched_t *p, const json_t *patch)
{
    size_t i;

    if (!json_is_array(patch) || json_array_size(patch) > FHIR_PATCH_OPERATIONS_MAX) {
        return fail(p, BASE_JSON_SYNTAX);
    }
    for (i = 0; i < json_array_size(patch); i++) {
        if (!apply_one(p, json_array_get(patch, i))) {
            return false;
        }
    }
    return true;
}

/* Copying again and again can make much of little. */
static base_reason_t write_result(const json_t *document, base_arena_t *arena, base_span_t *result)
{
    size_t n;
    char *text;

    if (!json_is_object(document)) {
        return BASE_PATCH_INAPPLICABLE;
    }
    n = json_dumpb(document, NULL, 0, JSON_COMPACT);
    if (n == 0 || n > RESULT_MAX) {
        return BASE_BODY_TOO_LARGE;
    }
    text = base_arena_scratch(arena, n, 1);
    if (text == NULL) {
        return BASE_NO_MEMORY;
    }
    (void) json_dumpb(document, text, n, JSON_COMPACT);
    *result = base_span_make(text, n);
    return BASE_OK;
}

base_reason_t fhir_patch_apply(base_span_t patch, base_span_t stored, base_arena_t *arena,
                               base_span_t *result)
{
    patched_t p = {load(stored), BASE_OK, 0};
    json_t *list = load(patch);
    base_reason_t reason;

    if (!json_is_object(p.document)) {
        reason = BASE_PREREAD_FAILED;
    } else if (list == NULL) {
        reason = BASE_JSON_SYNTAX;
    } else {
        reason = apply_all(&p, list) ? write_result(p.document, arena, result) : p.reason;
    }
    json_decref(p.document);
    json_decref(list);
    return reason;
}

bool fhir_patch_leaves(base_span_t before, base_span_t after, const char *member)
{
    json_t *one = load(before), *other = load(after);
    json_t *a = json_object_get(one, member), *b = json_object_get(other, member);
    bool same = json_is_object(one) && json_is_object(other) &&
                ((a == NULL && b == NULL) || (a != NULL && b != NULL && json_equal(a, b)));

    json_decref(one);
    json_decref(other);
    return same;
}
