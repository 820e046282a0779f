/* What is kept of a resource until its type is known: the same facts, in less. */

#include "fhir/fhir_sketch.h"
#include "unit.h"

#include <string.h>

static uint64_t hashes[256];
static fhir_sketch_t sketch;

static base_span_t sketched(base_span_t body, size_t cut, size_t max, base_arena_t *arena)
{
    base_span_t part = base_span_sub(body, 0, cut);
    base_json_event_t event;
    base_json_t json;
    bool second = false;

    base_json_init(&json, BASE_JSON_STRICT, 64, hashes, 256);
    fhir_sketch_begin(&sketch, arena, max);
    sketch.skips = true;
    for (;;) {
        event = base_json_next(&json, &part);
        if (event == BASE_JSON_ERROR || (event == BASE_JSON_MORE && second)) {
            return base_span_make(NULL, 0);
        }
        if (event == BASE_JSON_MORE) {
            part = base_span_sub(body, cut, body.n);
            second = true;
        } else if (fhir_sketch_take(&sketch, &json, event)) {
            return fhir_sketch_text(&sketch);
        }
    }
}

static void gives(const char *body, const char *expected, const char *type)
{
    base_span_t text, whole = base_span_of(body);
    size_t at, wrong = 0;

    for (at = 0; at <= whole.n; at++) {
        base_arena_t *arena = base_arena_new(1u << 20);

        memset(&sketch, 0, sizeof(sketch));
        text = sketched(whole, at, 1u << 18, arena);
        wrong += !base_span_is(text, expected);
        wrong += !base_span_is(fhir_text_span(&sketch.type_name), type);
        base_arena_free(arena);
    }
    is_int(wrong, 0, "%.80s", body);
}

int main(void)
{
    static char body[10000], expected[10000];
    base_arena_t *arena = base_arena_new(1u << 16);
    size_t n;

    UNIT_BEGIN();
    gives("{ \"a\" : [ 1.50 , true, null, { } , [ ] ], \"resourceType\" : \"List\" }",
          "{\"a\":[1.50,true,null,{},[]],\"resourceType\":\"List\"}", "List");
    gives("{\"a\":\"\\\"\\\\\\n\\u00e4\\/\",\"b\\u0022\":\"\"}",
          "{\"a\":\"\\u0022\\u005c\\u000a\xc3\xa4/\",\"b\\u0022\":\"\"}", "");
    gives("{\"contained\":[{\"resourceType\":\"X\"}],\"x\":{\"contained\":[1],\"resourceType\":"
          "\"Y\"},"
          "\"resource\\u0054ype\":\"Li\\u0073t\"}",
          "{\"contained\":null,\"x\":{\"contained\":[1],\"resourceType\":\"Y\"},\"resourceType\":"
          "\"List\"}",
          "List");
    gives("{\"resourceType\":[\"List\"]}", "{\"resourceType\":[\"List\"]}", "");
    n = (size_t) sprintf(body, "{\"a\":\"\xc3\xa4");
    memset(body + n, 'A', 5000);
    (void) sprintf(body + n + 5000, "\",\"b\":1}");
    n = (size_t) sprintf(expected, "{\"a\":\"");
    memset(expected + n, 'x', FHIR_VALUE_MAX + 1);
    (void) sprintf(expected + n + FHIR_VALUE_MAX + 1, "\",\"b\":1}");
    gives(body, expected, "");
    memset(&sketch, 0, sizeof(sketch));
    ok(sketched(base_span_of(body), 9, 1024, arena).p == NULL, "no more than is allowed");
    base_arena_free(arena);
    UNIT_END();
}
