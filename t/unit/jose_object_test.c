/* jose_object: members of one strict object. */

#include "unit.h"

#include <stdlib.h>

#include "jose/jose_object.h"

static base_arena_t *arena;
static jose_member_t a, b;

static base_reason_t read_text(const char *json)
{
    jose_member_t members[2] = {{.name = "a"}, {.name = "b"}};
    base_reason_t reason = jose_object_read(base_span_of(json), members, 2, arena);

    a = members[0];
    b = members[1];
    return reason;
}

static void is_text(base_span_t got, const char *expected, const char *name)
{
    is_mem(got.p, got.n, expected, strlen(expected), "%s", name);
}

static void test_kinds(void)
{
    static const struct {
        const char *json;
        jose_value_t kind;
    } rows[] = {
        {"{}", JOSE_VALUE_ABSENT},
        {"{\"c\":\"a\"}", JOSE_VALUE_ABSENT},
        {"{\"c\":{\"a\":1}}", JOSE_VALUE_ABSENT},
        {"{\"aa\":1}", JOSE_VALUE_ABSENT},
        {"{\"\":1}", JOSE_VALUE_ABSENT},
        {"{\"a\":\"\"}", JOSE_VALUE_STRING},
        {"{\"\\u0061\":\"x\"}", JOSE_VALUE_STRING},
        {"{\"a\":1}", JOSE_VALUE_NUMBER},
        {"{\"a\":-1.5e3}", JOSE_VALUE_NUMBER},
        {"{\"a\":[]}", JOSE_VALUE_STRINGS},
        {"{\"a\":[\"\"]}", JOSE_VALUE_STRINGS},
        {"{\"a\":[\"x\",1]}", JOSE_VALUE_OTHER},
        {"{\"a\":[null]}", JOSE_VALUE_OTHER},
        {"{\"a\":[[\"x\"]]}", JOSE_VALUE_OTHER},
        {"{\"a\":[{\"x\":\"y\"}]}", JOSE_VALUE_OTHER},
        {"{\"a\":{}}", JOSE_VALUE_OTHER},
        {"{\"a\":{\"b\":1}}", JOSE_VALUE_OTHER},
        {"{\"a\":null}", JOSE_VALUE_OTHER},
        {"{\"a\":true}", JOSE_VALUE_TRUE},
        {"{\"a\":false}", JOSE_VALUE_FALSE},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ok(read_text(rows[i].json) == BASE_OK && a.kind == rows[i].kind &&
               b.kind == JOSE_VALUE_ABSENT,
           "%s", rows[i].json);
    }
}

static void test_values(void)
{
    is_int(read_text("{\"a\":\"plain\",\"x\":[{\"a\":3}],\"b\":12.50}"), BASE_OK, "two members");
    is_text(a.text, "plain", "a string");
    is_text(b.text, "12.50", "a number, as written");
    is_int(read_text("{\"a\":\"\\\"\\\\\\/\\n\\u00e9\\ud83d\\ude00\",\"b\":\"x\\ty\"}"), BASE_OK,
           "escapes");
    is_text(a.text, "\"\\/\n\xc3\xa9\xf0\x9f\x98\x80", "decoded");
    is_text(b.text, "x\ty", "the second, too");
    is_int(read_text("{\"a\":\"\",\"b\":\"\\u0041\"}"), BASE_OK, "short ones");
    ok(a.text.p != NULL && a.text.n == 0, "an empty string is present");
    is_text(b.text, "A", "nothing but an escape");
    is_int(read_text("{\"a\":[\"x\",\"\",\"y\\u007a\"],\"b\":[]}"), BASE_OK, "arrays");
    is_int(a.items_n, 3, "three items");
    is_text(a.items[0], "x", "item 0");
    is_text(a.items[1], "", "item 1");
    is_text(a.items[2], "yz", "item 2");
    is_int(b.items_n, 0, "no item");
}

static void test_refused(void)
{
    static const struct {
        const char *json;
        base_reason_t reason;
    } rows[] = {
        {"", BASE_JSON_TRUNCATED},
        {" ", BASE_JSON_TRUNCATED},
        {"{", BASE_JSON_TRUNCATED},
        {"{\"a\"", BASE_JSON_TRUNCATED},
        {"{\"a\":\"x", BASE_JSON_TRUNCATED},
        {"{\"a\":1", BASE_JSON_TRUNCATED},
        {"{\"a\":[\"x\"", BASE_JSON_TRUNCATED},
        {"{\"c\":[\"x\"", BASE_JSON_TRUNCATED},
        {"[]", BASE_JSON_SYNTAX},
        {"\"a\"", BASE_JSON_SYNTAX},
        {"true", BASE_JSON_SYNTAX},
        {"{\"a\":1,\"a\":1}", BASE_JSON_DUPLICATE},
        {"{\"a\":1,\"\\u0061\":1}", BASE_JSON_DUPLICATE},
        {"{\"c\":1,\"c\":1}", BASE_JSON_DUPLICATE},
        {"{\"c\":{\"d\":[{\"e\":1,\"e\":2}]}}", BASE_JSON_DUPLICATE},
        {"{\"a\":{\"e\":1,\"e\":2}}", BASE_JSON_DUPLICATE},
        {"{\"a\":1}x", BASE_JSON_SYNTAX},
        {"{\"a\":1}{\"a\":2}", BASE_JSON_SYNTAX},
        {"{\"a\":\"\xff\"}", BASE_JSON_ENCODING},
        {"{\"a\":\"\\u0000\"}", BASE_JSON_ENCODING},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ok(read_text(rows[i].json) != BASE_OK, "refused: %s", rows[i].json);
        if (rows[i].reason != BASE_JSON_ENCODING) {
            is_int(read_text(rows[i].json), rows[i].reason, "reason: %s", rows[i].json);
        }
    }
}

/* An object of `n` members, or an array of `n` strings in "a". */
static char *many(const char *head, const char *format, const char *tail, int n)
{
    char *text = malloc((size_t) n * 16 + 64), *p = text;

    p += sprintf(p, "%s", head);
    for (int i = 0; i < n; i++) {
        p += sprintf(p, format, i == 0 ? "" : ",", i);
    }
    (void) sprintf(p, "%s", tail);
    return text;
}

static void test_bounds(void)
{
    char *text = many("{", "%s\"m%d\":0", "}", JOSE_OBJECT_MEMBERS_MAX);

    is_int(read_text(text), BASE_OK, "as many members as fit");
    free(text);
    text = many("{", "%s\"m%d\":0", "}", JOSE_OBJECT_MEMBERS_MAX + 1);
    is_int(read_text(text), BASE_JSON_MEMBERS, "a member too many");
    free(text);
    text = many("{\"a\":[", "%s\"%d\"", "]}", JOSE_OBJECT_ITEMS_MAX);
    ok(read_text(text) == BASE_OK && a.kind == JOSE_VALUE_STRINGS &&
           a.items_n == JOSE_OBJECT_ITEMS_MAX,
       "as many items as fit");
    free(text);
    text = many("{\"a\":[", "%s\"%d\"", "],\"b\":\"x\"}", JOSE_OBJECT_ITEMS_MAX + 1);
    ok(read_text(text) == BASE_OK && a.kind == JOSE_VALUE_OTHER && a.items_n == 0 &&
           b.kind == JOSE_VALUE_STRING,
       "an item too many leaves no list");
    free(text);
    ok(read_text(
           "{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1}") ==
               BASE_OK &&
           a.kind == JOSE_VALUE_ABSENT,
       "a long name is nobody's");
}

/* Every limit of the arena: NO_MEMORY until it is enough. */
static void test_no_memory(void)
{
    static const char json[] = "{\"a\":[\"\\u0041\",\"b\"],\"b\":\"x\\ny\"}";
    int failed = 0, done = 0, other = 0;

    for (size_t limit = 0; limit < 2048; limit += 8) {
        base_arena_t *small = base_arena_new(limit);
        jose_member_t members[2] = {{.name = "a"}, {.name = "b"}};
        base_reason_t reason = jose_object_read(base_span_of(json), members, 2, small);

        failed += reason == BASE_NO_MEMORY;
        done += reason == BASE_OK;
        other += reason != BASE_OK && reason != BASE_NO_MEMORY;
        base_arena_free(small);
    }
    ok(failed > 0 && done > 0 && other == 0, "small arenas: %d failed, %d done", failed, done);
}

int main(void)
{
    UNIT_BEGIN();
    arena = base_arena_new(1 << 20);
    test_kinds();
    test_values();
    test_refused();
    test_bounds();
    test_no_memory();
    base_arena_free(arena);
    UNIT_END();
}
