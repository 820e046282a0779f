/*
 * JSON Patch: the examples of RFC 6902 appendix A, and what a hostile client sends.
 */

#include "fhir/fhir_patch.h"
#include "unit.h"

#include <jansson.h>
#include <stdlib.h>

/* Without a result: the reason. */
static const struct {
    const char *name, *stored, *patch, *result;
    base_reason_t reason;
} rows[] = {
    {"A.1", "{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\"}]",
     "{\"baz\":\"qux\",\"foo\":\"bar\"}", BASE_OK},
    {"A.2", "{\"foo\":[\"bar\",\"baz\"]}",
     "[{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":\"qux\"}]",
     "{\"foo\":[\"bar\",\"qux\",\"baz\"]}", BASE_OK},
    {"A.3", "{\"baz\":\"qux\",\"foo\":\"bar\"}", "[{\"op\":\"remove\",\"path\":\"/baz\"}]",
     "{\"foo\":\"bar\"}", BASE_OK},
    {"A.4", "{\"foo\":[\"bar\",\"qux\",\"baz\"]}", "[{\"op\":\"remove\",\"path\":\"/foo/1\"}]",
     "{\"foo\":[\"bar\",\"baz\"]}", BASE_OK},
    {"A.5", "{\"baz\":\"qux\",\"foo\":\"bar\"}",
     "[{\"op\":\"replace\",\"path\":\"/baz\",\"value\":\"boo\"}]",
     "{\"baz\":\"boo\",\"foo\":\"bar\"}", BASE_OK},
    {"A.6", "{\"foo\":{\"bar\":\"baz\",\"waldo\":\"fred\"},\"qux\":{\"corge\":\"grault\"}}",
     "[{\"op\":\"move\",\"from\":\"/foo/waldo\",\"path\":\"/qux/thud\"}]",
     "{\"foo\":{\"bar\":\"baz\"},\"qux\":{\"corge\":\"grault\",\"thud\":\"fred\"}}", BASE_OK},
    {"A.7", "{\"foo\":[\"all\",\"grass\",\"cows\",\"eat\"]}",
     "[{\"op\":\"move\",\"from\":\"/foo/1\",\"path\":\"/foo/3\"}]",
     "{\"foo\":[\"all\",\"cows\",\"eat\",\"grass\"]}", BASE_OK},
    {"A.8", "{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}",
     "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"qux\"},"
     "{\"op\":\"test\",\"path\":\"/foo/1\",\"value\":2}]",
     "{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}", BASE_OK},
    {"A.9", "{\"baz\":\"qux\"}", "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"bar\"}]", NULL,
     BASE_PATCH_INAPPLICABLE},
    {"A.10", "{\"foo\":\"bar\"}",
     "[{\"op\":\"add\",\"path\":\"/child\",\"value\":{\"grandchild\":{}}}]",
     "{\"foo\":\"bar\",\"child\":{\"grandchild\":{}}}", BASE_OK},
    {"A.11", "{\"foo\":\"bar\"}",
     "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\",\"xyz\":123}]",
     "{\"foo\":\"bar\",\"baz\":\"qux\"}", BASE_OK},
    {"A.12", "{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz/bat\",\"value\":\"qux\"}]",
     NULL, BASE_PATCH_INAPPLICABLE},
    {"A.13", "{\"foo\":\"bar\"}",
     "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\",\"op\":\"remove\"}]", NULL,
     BASE_JSON_SYNTAX},
    {"A.14", "{\"/\":9,\"~1\":10}", "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":10}]",
     "{\"/\":9,\"~1\":10}", BASE_OK},
    {"A.15", "{\"/\":9,\"~1\":10}", "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":\"10\"}]", NULL,
     BASE_PATCH_INAPPLICABLE},
    {"A.16", "{\"foo\":[\"bar\"]}",
     "[{\"op\":\"add\",\"path\":\"/foo/-\",\"value\":[\"abc\",\"def\"]}]",
     "{\"foo\":[\"bar\",[\"abc\",\"def\"]]}", BASE_OK},
    {"nothing", "{\"a\":1}", "[]", "{\"a\":1}", BASE_OK},
    {"copy", "{\"a\":{\"b\":1}}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/c\"}]",
     "{\"a\":{\"b\":1},\"c\":{\"b\":1}}", BASE_OK},
    {"a copy is one of its own", "{\"a\":{\"b\":1}}",
     "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/c\"},"
     "{\"op\":\"replace\",\"path\":\"/c/b\",\"value\":2}]",
     "{\"a\":{\"b\":1},\"c\":{\"b\":2}}", BASE_OK},
    {"the whole", "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":{\"b\":2}}]",
     "{\"b\":2}", BASE_OK},
    {"the whole by a list", "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":[]}]", NULL,
     BASE_PATCH_INAPPLICABLE},
    {"the whole removed", "{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"\"}]", NULL,
     BASE_PATCH_INAPPLICABLE},
    {"the whole copied into itself", "{\"a\":1}",
     "[{\"op\":\"copy\",\"from\":\"\",\"path\":\"/a\"}]", "{\"a\":{\"a\":1}}", BASE_OK},
    {"moved into itself", "{\"a\":{\"b\":1}}",
     "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/c\"}]", NULL, BASE_PATCH_INAPPLICABLE},
    {"moved to where it is", "{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a\"}]",
     "{\"a\":1}", BASE_OK},
    {"replace of nothing", "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/b\",\"value\":1}]", NULL,
     BASE_PATCH_INAPPLICABLE},
    {"remove of nothing", "{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/b\"}]", NULL,
     BASE_PATCH_INAPPLICABLE},
    {"index beyond the end", "{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/2\",\"value\":1}]",
     NULL, BASE_PATCH_INAPPLICABLE},
    {"index with a leading zero", "{\"a\":[1,2]}", "[{\"op\":\"remove\",\"path\":\"/a/01\"}]", NULL,
     BASE_PATCH_INAPPLICABLE},
    {"index with a sign", "{\"a\":[1,2]}", "[{\"op\":\"remove\",\"path\":\"/a/+1\"}]", NULL,
     BASE_PATCH_INAPPLICABLE},
    {"index that wraps", "{\"a\":[1,2]}",
     "[{\"op\":\"remove\",\"path\":\"/a/18446744073709551617\"}]", NULL, BASE_PATCH_INAPPLICABLE},
    {"removal of what comes next", "{\"a\":[1]}", "[{\"op\":\"remove\",\"path\":\"/a/-\"}]", NULL,
     BASE_PATCH_INAPPLICABLE},
    {"a wrong escape", "{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/~2\"}]", NULL,
     BASE_PATCH_INAPPLICABLE},
    {"a path without a slash", "{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"a\"}]", NULL,
     BASE_JSON_SYNTAX},
    {"a path with a NUL", "{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/a\\u0000b\"}]", NULL,
     BASE_JSON_SYNTAX},
    {"an unknown operation", "{\"a\":1}", "[{\"op\":\"spend\",\"path\":\"/a\"}]", NULL,
     BASE_JSON_SYNTAX},
    {"add without a value", "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/a\"}]", NULL,
     BASE_JSON_SYNTAX},
    {"no path", "{\"a\":1}", "[{\"op\":\"remove\"}]", NULL, BASE_JSON_SYNTAX},
    {"no from", "{\"a\":1}", "[{\"op\":\"copy\",\"path\":\"/a\"}]", NULL, BASE_JSON_SYNTAX},
    {"no list", "{\"a\":1}", "{\"op\":\"remove\",\"path\":\"/a\"}", NULL, BASE_JSON_SYNTAX},
    {"no operation", "{\"a\":1}", "[1]", NULL, BASE_JSON_SYNTAX},
    {"no JSON", "{\"a\":1}", "[", NULL, BASE_JSON_SYNTAX},
    {"stored is no object", "[]", "[]", NULL, BASE_PREREAD_FAILED},
    {"all or nothing", "{\"a\":1}",
     "[{\"op\":\"add\",\"path\":\"/b\",\"value\":1},{\"op\":\"remove\",\"path\":\"/c\"}]", NULL,
     BASE_PATCH_INAPPLICABLE},
};

static base_reason_t apply(const char *stored, const char *patch, char **result)
{
    base_arena_t *arena = base_arena_new((size_t) 1 << 27);
    base_span_t out = {NULL, 0};
    base_reason_t reason = fhir_patch_apply(base_span_of(patch), base_span_of(stored), arena, &out);

    *result = NULL;
    if (reason == BASE_OK) {
        *result = malloc(out.n + 1);
        memcpy(*result, out.p, out.n);
        (*result)[out.n] = '\0';
    }
    base_arena_free(arena);
    return reason;
}

static void play(size_t i)
{
    char *result;
    json_t *got, *expected;

    is_int(apply(rows[i].stored, rows[i].patch, &result), rows[i].reason, "%s", rows[i].name);
    if (rows[i].result != NULL && result != NULL) {
        got = json_loads(result, JSON_REJECT_DUPLICATES, NULL);
        expected = json_loads(rows[i].result, 0, NULL);
        ok(json_equal(got, expected), "%s: %s", rows[i].name, result);
        json_decref(got);
        json_decref(expected);
    }
    free(result);
}

/* A patch of `n` equal operations. */
static char *repeated(const char *operation, size_t n)
{
    size_t length = strlen(operation), i;
    char *text = malloc(n * (length + 1) + 2), *at = text;

    *at++ = '[';
    for (i = 0; i < n; i++) {
        if (i > 0) {
            *at++ = ',';
        }
        memcpy(at, operation, length);
        at += length;
    }
    *at++ = ']';
    *at = '\0';
    return text;
}

/* As many times; the patch is repeated() and goes. */
static base_reason_t fate(const char *stored, char *patch)
{
    char *result;
    base_reason_t reason = apply(stored, patch, &result);

    free(result);
    free(patch);
    return reason;
}

static void bounds(void)
{
    static const char test[] = "{\"op\":\"test\",\"path\":\"/a\",\"value\":1}";

    is_int(fate("{\"a\":1}", repeated(test, FHIR_PATCH_OPERATIONS_MAX)), BASE_OK,
           "as many operations as may be");
    is_int(fate("{\"a\":1}", repeated(test, FHIR_PATCH_OPERATIONS_MAX + 1)), BASE_JSON_SYNTAX,
           "one more");
    is_int(fate("{\"a\":[\"xxxxxxxxxxxxxxxx\"]}",
                repeated("{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/-\"}", 40)),
           BASE_PATCH_INAPPLICABLE, "each copy makes twice as much");
    is_int(fate("{\"a\":1}", repeated("{\"op\":\"copy\",\"from\":\"\",\"path\":\"/a\"}", 80)),
           BASE_PATCH_INAPPLICABLE, "deeper and deeper");
}

static void leaves(void)
{
    base_span_t one = BASE_SPAN("{\"link\":[{\"a\":1,\"b\":2}],\"x\":1}");

    ok(fhir_patch_leaves(one, BASE_SPAN("{\"link\":[{\"b\":2,\"a\":1}]}"), "link"), "the same");
    ok(!fhir_patch_leaves(one, BASE_SPAN("{\"link\":[{\"b\":2,\"a\":2}]}"), "link"), "another");
    ok(!fhir_patch_leaves(one, BASE_SPAN("{}"), "link"), "gone");
    ok(!fhir_patch_leaves(BASE_SPAN("{}"), one, "link"), "come");
    ok(fhir_patch_leaves(BASE_SPAN("{}"), BASE_SPAN("{}"), "link"), "in neither");
    ok(!fhir_patch_leaves(BASE_SPAN("{"), BASE_SPAN("{}"), "link"), "not to be read");
}

int main(void)
{
    size_t i;

    UNIT_BEGIN();
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        play(i);
    }
    bounds();
    leaves();
    UNIT_END();
}
