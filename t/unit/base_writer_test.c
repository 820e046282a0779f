#include "base/base_json.h"
#include "base/base_writer.h"
#include "unit.h"

#include <stdlib.h>

static void write_document(base_writer_t *w)
{
    base_writer_object(w);
    base_writer_member(w, "resourceType");
    base_writer_string_of(w, "OperationOutcome");
    base_writer_member(w, "issue");
    base_writer_array(w);
    base_writer_object(w);
    base_writer_object_end(w);
    base_writer_array(w);
    base_writer_array_end(w);
    base_writer_number(w, 0);
    base_writer_number(w, UINT64_MAX);
    base_writer_bool(w, true);
    base_writer_bool(w, false);
    base_writer_string(w, BASE_SPAN(""));
    base_writer_array_end(w);
    base_writer_member(w, "last");
    base_writer_object(w);
    base_writer_member(w, "x");
    base_writer_bool(w, false);
    base_writer_object_end(w);
    base_writer_object_end(w);
}

static const char document[] = "{\"resourceType\":\"OperationOutcome\",\"issue\":[{},[],0,"
                               "18446744073709551615,true,false,\"\"],\"last\":{\"x\":false}}";

static void test_structure(void)
{
    char memory[256];
    base_writer_t w;
    base_span_t out = {NULL, 0};

    base_writer_init(&w, memory, sizeof(memory));
    write_document(&w);
    ok(base_writer_done(&w, &out), "it fits");
    is_mem(out.p, out.n, document, sizeof(document) - 1, "commas where they belong");
    ok(out.p == (unsigned char *) memory, "in the caller's memory");
}

/* In memory of every size: all or nothing, and never a byte beyond. */
static void test_sizes(void)
{
    for (size_t size = 0; size <= sizeof(document); size++) {
        unsigned char *memory = malloc(size == 0 ? 1 : size);
        base_span_t out = {NULL, 4711};
        base_writer_t w;
        bool done;

        base_writer_init(&w, memory, size);
        write_document(&w);
        done = base_writer_done(&w, &out);
        ok(done == (size >= sizeof(document) - 1), "%zu bytes of memory", size);
        ok(done || (out.p == NULL && out.n == 4711), "a failure leaves *out alone");
        free(memory);
    }
}

static const char *text_of(const base_writer_t *w)
{
    static char text[256];
    base_span_t out;

    if (!base_writer_done(w, &out) || out.n >= sizeof(text)) {
        return NULL;
    }
    memcpy(text, out.p, out.n);
    text[out.n] = '\0';
    return text;
}

static void test_raw(void)
{
    char memory[64];
    base_writer_t w;

    base_writer_init(&w, memory, sizeof(memory));
    base_writer_text(&w, "Bearer realm=\"");
    base_writer_raw(&w, BASE_SPAN("a\"b"));
    base_writer_raw(&w, (base_span_t){NULL, 0});
    base_writer_text(&w, NULL);
    base_writer_uint(&w, 401);
    is_str(text_of(&w), "Bearer realm=\"a\"b401", "raw text as it is");

    base_writer_init(&w, memory, 4);
    base_writer_text(&w, "12345");
    base_writer_text(&w, "1");
    ok(text_of(&w) == NULL, "what is too long drops the rest: nothing with a hole comes out");
}

static const char *quoted(base_span_t value)
{
    static char memory[256];
    base_writer_t w;

    base_writer_init(&w, memory, sizeof(memory));
    base_writer_string(&w, value);
    return text_of(&w);
}

static void test_strings(void)
{
    is_str(quoted(BASE_SPAN("a\"b\\c/d")), "\"a\\\"b\\\\c/d\"", "quote and backslash");
    is_str(quoted(BASE_SPAN("\b\t\n\f\r")), "\"\\b\\t\\n\\f\\r\"", "short escapes");
    is_str(quoted(BASE_SPAN("\x01\x1f\x7f")), "\"\\u0001\\u001f\x7f\"", "controls");
    is_str(quoted(base_span_make("a\0b", 3)), "\"a\\u0000b\"", "NUL");
    is_str(quoted(BASE_SPAN("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")),
           "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "UTF-8 as it is");
    is_str(quoted(BASE_SPAN("a\xff\x62")), "\"a\xef\xbf\xbd\x62\"", "a bad byte");
    is_str(quoted(BASE_SPAN("\xc0\xaf")), "\"\xef\xbf\xbd\xef\xbf\xbd\"", "an overlong form");
    is_str(quoted(BASE_SPAN("\xc3")), "\"\xef\xbf\xbd\"", "a character cut at the end");
    is_str(quoted(BASE_SPAN("\xc3\"")), "\"\xef\xbf\xbd\\\"\"", "... does not swallow a quote");
    is_str(quoted(BASE_SPAN("\xe2\x82\n")), "\"\xef\xbf\xbd\xef\xbf\xbd\\n\"", "... nor a newline");
    is_str(quoted(BASE_SPAN("\xed\xa0\x80")), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"",
           "a surrogate");
    is_str(quoted((base_span_t){NULL, 0}), "\"\"", "absent is empty");
}

/* Whatever bytes go in, what comes out is JSON, and valid UTF-8 comes back as it was. */
static void test_round_trip(void)
{
    unsigned char value[3], memory[64];
    unsigned bad = 0;

    for (unsigned n = 0; n < 1u << 16; n++) {
        base_writer_t w;
        base_json_t js;
        base_span_t out;

        value[0] = (unsigned char) (n >> 8);
        value[1] = (unsigned char) n;
        value[2] = (unsigned char) (n * 7);
        base_writer_init(&w, memory, sizeof(memory));
        base_writer_string(&w, base_span_make(value, 3));
        base_json_init(&js, 0, 1, NULL, 0);
        if (!base_writer_done(&w, &out)) {
            bad++;
            continue;
        }
        while (base_json_next(&js, &out) > BASE_JSON_ERROR) {
        }
        /* U+0000 is written as RFC 8259 has it; our own scanner refuses it. */
        if (base_json_finish(&js) != BASE_OK && value[0] != 0 && value[1] != 0 && value[2] != 0) {
            bad++;
        }
    }
    is_int(bad, 0, "65536 strings of any bytes come out as JSON");
}

int main(void)
{
    UNIT_BEGIN();
    test_structure();
    test_sizes();
    test_raw();
    test_strings();
    test_round_trip();
    UNIT_END();
}
