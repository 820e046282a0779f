/*
 * The scanner: a corpus of files named by what is expected (y_ accepted, n_<reason>_ refused with
 * that reason, i_ the choice is ours and must only be the same everywhere), each read whole, byte by
 * byte, and in every two pieces, each with parts passed over; then the promises of the header one
 * by one.
 */

#define _POSIX_C_SOURCE 200809L

#include "base/base_json.h"
#include "unit.h"

#include <dirent.h>
#include <stdlib.h>

#ifndef UNIT_CORPUS
#define UNIT_CORPUS "t/unit/corpus/json"
#endif

#define TOKENS_MAX 4096
#define TEXT_MAX   65536
#define HASHES     256
#define NEVER      SIZE_MAX

/* A complete token: parts are joined, so that it does not depend on the cuts. */
typedef struct {
    base_json_event_t event;
    uint64_t start;
    unsigned depth;
    size_t text, text_n;
} token_t;

typedef struct {
    token_t tokens[TOKENS_MAX];
    size_t n;
    unsigned char text[TEXT_MAX];
    size_t text_n;
    base_reason_t reason;
    uint64_t offset;
    /* Passing over: base_json_skip is called at this event, counted with parts. */
    size_t skip_at;
    size_t events;
    size_t skipped_token;
    bool skipped_part; /* it was a part that was not the last */
} trace_t;

typedef struct {
    unsigned flags, depth_max;
    bool watch; /* call base_json_watch at every OBJECT */
} how_t;

static const how_t strict = {BASE_JSON_STRICT, BASE_JSON_DEPTH_MAX, false};
static const how_t watching = {0, BASE_JSON_DEPTH_MAX, true};

static bool has_text(base_json_event_t event)
{
    return event == BASE_JSON_KEY || event == BASE_JSON_STRING || event == BASE_JSON_NUMBER;
}

static void trace_event(trace_t *t, const base_json_t *js, base_json_event_t event)
{
    token_t *token = &t->tokens[t->n];
    base_span_t text = has_text(event) ? js->text : (base_span_t){NULL, 0};

    if (t->n == TOKENS_MAX || text.n > TEXT_MAX - t->text_n) {
        abort();
    }
    if (text.n != 0) {
        memcpy(t->text + t->text_n, text.p, text.n);
    }
    t->text_n += text.n;
    token->text_n += text.n;
    if (has_text(event) && !js->last) {
        return;
    }
    token->event = event;
    token->start = js->start;
    token->depth = base_json_depth(js);
    token->text = t->text_n - token->text_n;
    t->n++;
    if (t->n < TOKENS_MAX) {
        t->tokens[t->n] = (token_t){.event = BASE_JSON_MORE};
    }
}

static void trace_skip(trace_t *t, base_json_t *js, bool part)
{
    t->skipped_token = part ? t->n : t->n - 1;
    t->skipped_part = part;
    t->tokens[t->n] = (token_t){.event = BASE_JSON_MORE};
    base_json_skip(js);
}

/* Reads one piece to its end, from memory of exactly its size, gone afterwards. */
static void trace_piece(trace_t *t, base_json_t *js, const how_t *how, base_span_t piece)
{
    unsigned char *memory = malloc(piece.n == 0 ? 1 : piece.n);
    base_span_t in = {memory, piece.n};
    base_json_event_t event;

    if (memory == NULL) {
        abort();
    }
    if (piece.n != 0) {
        memcpy(memory, piece.p, piece.n);
    }
    while ((event = base_json_next(js, &in)) > BASE_JSON_ERROR) {
        trace_event(t, js, event);
        if (how->watch) {
            base_json_watch(js);
        }
        if (t->events++ == t->skip_at) {
            trace_skip(t, js, has_text(event) && !js->last);
        }
    }
    free(memory);
}

static void trace_begin(trace_t *t, size_t skip_at)
{
    t->n = t->text_n = t->events = 0;
    t->tokens[0] = (token_t){.event = BASE_JSON_MORE};
    t->skip_at = skip_at;
    t->skipped_token = NEVER;
}

/* step 0: two pieces, cut at `cut`; else pieces of `step` bytes. */
static void trace_run(trace_t *t, const how_t *how, base_span_t doc, size_t cut, size_t step)
{
    uint64_t hashes[HASHES];
    base_json_t js;

    base_json_init(&js, how->flags, how->depth_max, hashes, HASHES);
    if (step == 0) {
        trace_piece(t, &js, how, base_span_sub(doc, 0, cut));
        trace_piece(t, &js, how, base_span_sub(doc, cut, doc.n));
    } else {
        for (size_t at = 0; at < doc.n; at += step) {
            trace_piece(t, &js, how, base_span_sub(doc, at, at + step));
        }
    }
    t->reason = base_json_finish(&js);
    t->offset = base_json_offset(&js);
    /* Said once, said for good. */
    if (base_json_finish(&js) != t->reason) {
        abort();
    }
}

static bool token_same(const trace_t *a, const trace_t *b, size_t i, size_t j)
{
    const token_t *x = &a->tokens[i], *y = &b->tokens[j];

    return x->event == y->event && x->start == y->start && x->depth == y->depth &&
           base_span_eq(base_span_make(a->text + x->text, x->text_n),
                        base_span_make(b->text + y->text, y->text_n));
}

static bool trace_same(const trace_t *a, const trace_t *b)
{
    if (a->n != b->n || a->reason != b->reason || a->offset != b->offset) {
        return false;
    }
    for (size_t i = 0; i < a->n; i++) {
        if (!token_same(a, b, i, i)) {
            return false;
        }
    }
    return true;
}

static bool closes(base_json_event_t event)
{
    return event == BASE_JSON_OBJECT_END || event == BASE_JSON_ARRAY_END;
}

static bool opens(base_json_event_t event)
{
    return event == BASE_JSON_OBJECT || event == BASE_JSON_ARRAY;
}

/* The first token behind the value that begins at token i. */
static size_t behind_value(const trace_t *t, size_t i)
{
    unsigned depth;

    if (i >= t->n || !opens(t->tokens[i].event)) {
        return i + 1;
    }
    depth = t->tokens[i].depth - 1;
    for (i++; i < t->n; i++) {
        if (closes(t->tokens[i].event) && t->tokens[i].depth == depth) {
            return i + 1;
        }
    }
    return i;
}

/* True when t is what `all` becomes by passing over at t->skipped_token. */
static bool trace_without(const trace_t *all, const trace_t *t)
{
    size_t at = t->skipped_token, i = at + 1, j = t->skipped_part ? at : at + 1;

    if (at < all->n && all->tokens[at].event == BASE_JSON_KEY) {
        i = behind_value(all, at + 1);
    } else if (at < all->n && opens(all->tokens[at].event)) {
        i = behind_value(all, at);
    }
    if (i > all->n) {
        i = all->n; /* the document ends or goes wrong inside of what was passed over */
    }
    if (t->reason != all->reason || t->offset != all->offset || t->n - j != all->n - i) {
        return false;
    }
    for (; j < t->n; i++, j++) {
        if (!token_same(all, t, i, j)) {
            return false;
        }
    }
    return true;
}

static trace_t whole, other;

static bool same_in_all_cuts(const how_t *how, base_span_t doc)
{
    for (size_t step = 1; step <= 9; step++) {
        trace_begin(&other, NEVER);
        trace_run(&other, how, doc, 0, step);
        if (!trace_same(&whole, &other)) {
            return false;
        }
    }
    /* Long documents are long by repetition. */
    for (size_t cut = 0; cut <= doc.n; cut += doc.n > 1000 ? 7 : 1) {
        trace_begin(&other, NEVER);
        trace_run(&other, how, doc, cut, 0);
        if (!trace_same(&whole, &other)) {
            return false;
        }
    }
    return true;
}

/* Passes over at every event in turn. */
static bool same_with_skips(const how_t *how, base_span_t doc, size_t step)
{
    for (size_t at = 0; at < 400; at++) {
        trace_begin(&other, at);
        trace_run(&other, how, doc, doc.n, step);
        if (other.skipped_token == NEVER) {
            break;
        }
        if (!trace_without(&whole, &other)) {
            return false;
        }
    }
    return true;
}

/* The reason that "n_<reason>_..." names. */
static bool expected(const char *name, base_reason_t reason)
{
    char wanted[64];

    if (name[0] != 'n') {
        return name[0] == 'i' || reason == BASE_OK;
    }
    (void) snprintf(wanted, sizeof(wanted), "json_%s", name + 2);
    wanted[5 + strcspn(wanted + 5, "_")] = '\0';
    return strcmp(wanted, base_reason_info(reason)->name) == 0;
}

static void corpus_document(const char *name, base_span_t doc)
{
    trace_begin(&whole, NEVER);
    trace_run(&whole, &strict, doc, doc.n, 0);
    ok(expected(name, whole.reason), "%s: %s", name, base_reason_info(whole.reason)->name);
    ok(same_in_all_cuts(&strict, doc), "%s: the same however it is cut", name);
    ok(same_in_all_cuts(&watching, doc), "%s: the same when each object is put under watch", name);
    ok(same_with_skips(&strict, doc, 0) && same_with_skips(&strict, doc, 1),
       "%s: the same with parts passed over", name);
}

static void corpus_file(const char *name)
{
    static unsigned char bytes[16384];
    char path[512];
    FILE *file;
    size_t n;

    (void) snprintf(path, sizeof(path), "%s/%s", UNIT_CORPUS, name);
    file = fopen(path, "rb");
    ok(file != NULL, "%s opens", name);
    if (file == NULL) {
        return;
    }
    n = fread(bytes, 1, sizeof(bytes), file);
    (void) fclose(file);
    corpus_document(name, base_span_make(bytes, n));
}

static int is_corpus_name(const struct dirent *entry)
{
    return strchr("yni", entry->d_name[0]) != NULL && entry->d_name[1] == '_';
}

static void test_corpus(void)
{
    struct dirent **entries = NULL;
    int n = scandir(UNIT_CORPUS, &entries, is_corpus_name, alphasort);

    ok(n > 300, "the corpus is there: %d files in %s", n, UNIT_CORPUS);
    for (int i = 0; i < n; i++) {
        corpus_file(entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

/* The events as text: parts in parentheses, '~' behind those that are not the last. */
static const char *events_of(const char *text, size_t step)
{
    static const char *const names[] = {"", "", "{", "}", "[", "]", "k", "s", "n", "t", "f", "0"};
    static char out[1024];
    base_span_t doc = base_span_of(text);
    uint64_t hashes[HASHES];
    base_json_t js;
    size_t n = 0;

    base_json_init(&js, BASE_JSON_STRICT, BASE_JSON_DEPTH_MAX, hashes, HASHES);
    out[0] = '\0';
    for (size_t at = 0; at < doc.n; at += step) {
        base_span_t in = base_span_sub(doc, at, at + step > at ? at + step : doc.n);
        base_json_event_t event;

        while ((event = base_json_next(&js, &in)) > BASE_JSON_ERROR) {
            n += (size_t) snprintf(out + n, sizeof(out) - n, "%s", names[event]);
            if (has_text(event)) {
                n += (size_t) snprintf(out + n, sizeof(out) - n, "(%.*s)%s", (int) js.text.n,
                                       (const char *) js.text.p, js.last ? "" : "~");
            }
        }
        if (event == BASE_JSON_ERROR || doc.n - at <= step) {
            break;
        }
    }
    (void) snprintf(out + n, sizeof(out) - n, " %s", base_reason_info(base_json_finish(&js))->name);
    return out;
}

static void test_events(void)
{
    is_str(events_of("{\"a\":[1,-2.50,true,false,null],\"b\":{}}", 4096),
           "{k(a)[n(1)n(-2.50)tf0]k(b){}} ok", "events of a document, numbers as written");
    is_str(events_of("[\"plain\",\"\"]", 4096), "[s(plain)s()] ok",
           "a string without escapes is one part");
    is_str(events_of("[\"one\\ntwo\"]", 4096), "[s(one)~s(\n)~s(two)] ok",
           "an escape is a part of its own");
    is_str(events_of("[\"\\u00e9\\ud83d\\ude00\"]", 4096),
           "[s(\xc3\xa9)~s(\xf0\x9f\x98\x80)~s()] ok", "escapes come decoded");
    is_str(events_of("{\"abcd\":\"efgh\"}", 5), "{k(abc)~k(d)s(e)~s(fgh)} ok", "parts at cuts");
    is_str(events_of("[123,4]", 3), "[n(12)~n(3)n(4)~n()] ok", "numbers cut");
    is_str(events_of("[12,4]", 3), "[n(12)~n()n(4)] ok", "a number that ended at the cut");
    is_str(events_of("[tr", 1), "[ json_truncated", "nothing of half a literal");
    is_str(events_of("12", 4096), "n(12)~ ok", "a number at the very end is completed by finish");
    is_str(events_of("[1,2}", 4096), "[n(1)n(2) json_syntax",
           "what is read is told until the error");
}

static base_json_event_t read_all(base_json_t *js, const char *text)
{
    base_span_t in = base_span_of(text);
    base_json_event_t event;

    do {
        event = base_json_next(js, &in);
    } while (event > BASE_JSON_ERROR);
    return event;
}

static base_reason_t read_with(const char *text, unsigned flags, unsigned depth, uint64_t *hashes,
                               size_t hashes_max)
{
    base_json_t js;

    base_json_init(&js, flags, depth, hashes, hashes_max);
    (void) read_all(&js, text);
    return base_json_finish(&js);
}

static void test_limits(void)
{
    uint64_t hashes[4] = {0, 0, 0, UINT64_C(0xfeedfacecafebeef)};
    static const char three[] = "{\"a\":1,\"b\":{\"c\":1}}",
                      four[] = "{\"a\":1,\"b\":{\"c\":1,\"d\":1}}";

    is_int(read_with("[[[]]]", 0, 3, NULL, 0), BASE_OK, "depth at the limit");
    is_int(read_with("[[[[]]]]", 0, 3, NULL, 0), BASE_JSON_DEPTH, "depth one over the limit");
    is_int(read_with("[]", 0, 0, NULL, 0), BASE_JSON_DEPTH, "depth 0 holds no array");
    is_int(read_with("[{}]", 0, 1, NULL, 0), BASE_JSON_DEPTH, "objects count");
    is_int(read_with("[[],[],[[]]]", 0, 3, NULL, 0), BASE_OK, "siblings do not add up");
    is_int(read_with(three, BASE_JSON_STRICT, 64, hashes, 3), BASE_OK, "members fill the table");
    is_int(read_with(four, BASE_JSON_STRICT, 64, hashes, 3), BASE_JSON_MEMBERS, "one member over");
    is_int(hashes[3] == UINT64_C(0xfeedfacecafebeef), 1, "nothing written behind the table");
    is_int(read_with(four, 0, 64, NULL, 0), BASE_OK, "without watch no table is needed");
    is_int(read_with("{\"ab\":1,\"aB\":2}", BASE_JSON_STRICT, 64, hashes, 3), BASE_OK,
           "another case is another name");
    is_int(read_with("{\"ab\":1,\"aB\":2}", BASE_JSON_STRICT | BASE_JSON_FOLD, 64, hashes, 3),
           BASE_JSON_DUPLICATE, "or the same, folded");
    is_int(
        read_with("{\"ab\":1,\"b\":{\"AB\":2}}", BASE_JSON_STRICT | BASE_JSON_FOLD, 64, hashes, 3),
        BASE_OK, "in one object only");
    is_int(read_with("{\"\\u017fub\":1}", BASE_JSON_STRICT, 64, hashes, 3), BASE_OK,
           "any name is a name");
    is_int(read_with("{\"\\u017fub\":1}", BASE_JSON_STRICT | BASE_JSON_FOLD, 64, hashes, 3),
           BASE_JSON_NAME, "but not where names are folded");
    is_int(read_with("{\"_aB9\":1}", BASE_JSON_STRICT | BASE_JSON_FOLD, 64, hashes, 3), BASE_OK,
           "such a one is");
    is_int(read_with("{}", BASE_JSON_STRICT, 64, NULL, 0), BASE_OK, "nor for no member");
    is_int(read_with("{\"a\":1}", BASE_JSON_STRICT, 64, NULL, 0), BASE_JSON_MEMBERS,
           "a watched member without a table is refused");
    is_int(read_with("[{\"a\":1},{\"b\":1},{\"c\":1},{\"a\":1}]", BASE_JSON_STRICT, 64, hashes, 1),
           BASE_OK, "closed objects give their room back");
    is_int(read_with("{\"a\":1,\"a\":1}", BASE_JSON_STRICT, 64, hashes, 1), BASE_JSON_DUPLICATE,
           "a duplicate is called one even when the table is full");
}

/* Watches only objects at the given depth. */
static base_reason_t read_watching(const char *text, unsigned depth)
{
    uint64_t hashes[8];
    base_span_t in = base_span_of(text);
    base_json_t js;
    base_json_event_t event;

    base_json_init(&js, 0, 64, hashes, 8);
    do {
        event = base_json_next(&js, &in);
        if (base_json_depth(&js) == depth) {
            base_json_watch(&js); /* also at events that are no OBJECT: without effect */
        }
    } while (event > BASE_JSON_ERROR);
    return base_json_finish(&js);
}

static void test_watch(void)
{
    is_int(read_with("{\"a\":1,\"a\":2}", 0, 64, NULL, 0), BASE_OK, "no watch, no complaint");
    is_int(read_watching("{\"a\":1,\"a\":2}", 1), BASE_JSON_DUPLICATE, "the top object watched");
    is_int(read_watching("{\"a\":1,\"b\":{\"a\":1,\"a\":2},\"c\":3}", 1), BASE_OK,
           "watching the outer does not watch the inner");
    is_int(read_watching("{\"a\":1,\"b\":{\"a\":1,\"a\":2},\"c\":3}", 2), BASE_JSON_DUPLICATE,
           "watching the inner");
    is_int(read_watching("{\"a\":1,\"b\":{\"x\":1,\"y\":2},\"a\":3}", 2), BASE_OK,
           "watching the inner does not watch the outer");
    is_int(read_watching("{\"a\":1,\"b\":{\"x\":[{}],\"x\":2},\"a\":3}", 1), BASE_JSON_DUPLICATE,
           "the outer stays under watch behind an inner that is not");
    is_int(read_watching("[{\"a\":1},{\"a\":1,\"\\u0061\":2}]", 2), BASE_JSON_DUPLICATE,
           "names are compared after unescaping");
    is_int(read_watching("[{\"a\":1},{\"b\":1,\"\\u0061\":2}]", 2), BASE_OK, "... and differ so");
}

/* Watches the first object only: the next at its level is not under watch by inheritance. */
static void test_watch_ends(void)
{
    static const char *const texts[] = {
        "[{\"a\":1},{\"b\":1,\"b\":2}]",
        "[{\"a\":1},[1],{\"b\":1,\"b\":2}]",
        "[{\"a\":{\"x\":1,\"x\":2}},{\"b\":{\"c\":1,\"c\":2}}]",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        uint64_t hashes[2];
        base_span_t in = base_span_of(texts[i]);
        base_json_t js;

        base_json_init(&js, 0, 64, hashes, 2);
        is_int(base_json_next(&js, &in), BASE_JSON_ARRAY, "an array");
        is_int(base_json_next(&js, &in), BASE_JSON_OBJECT, "its first object");
        base_json_watch(&js);
        while (base_json_next(&js, &in) > BASE_JSON_ERROR) {
        }
        is_int(base_json_finish(&js), BASE_OK, "watch ends with its object: %s", texts[i]);
    }
}

/* Every byte at every place of a string long enough for all ways of reading it. */
static void test_bytes_in_strings(void)
{
    static const char at_rest[] = "[\"abcdefghijklmnopqrstuvwxyz\"]";

    for (unsigned c = 0; c < 256; c++) {
        base_reason_t wanted = c >= 0x80  ? BASE_JSON_ENCODING
                               : c < 0x20 ? BASE_JSON_SYNTAX
                                          : BASE_OK;
        unsigned wrong = 0;

        for (size_t at = 2; at < 28; at++) {
            unsigned char text[sizeof(at_rest)];

            if (c == '"' || c == '\\') {
                continue;
            }
            memcpy(text, at_rest, sizeof(at_rest));
            text[at] = (unsigned char) c;
            trace_begin(&whole, NEVER);
            trace_run(&whole, &strict, base_span_make(text, sizeof(at_rest) - 1), NEVER, 0);
            wrong += whole.reason != wanted;
            wrong +=
                whole.reason != BASE_OK && whole.offset != (c < 0xc2 || c > 0xf4 ? at : at + 1);
        }
        is_int(wrong, 0, "byte %02x at every place of a string", c);
    }
}

/* Many members in one object, and their names again in a nested one: found, and nothing else is. */
static void test_many_members(void)
{
    static const unsigned counts[] = {1, 2, 100, 1000, 12345, 65535, 65536};
    static uint64_t hashes[70000];
    static char text[70000 * 10 + 32];
    size_t n;

    for (size_t row = 0; row < sizeof(counts) / sizeof(counts[0]); row++) {
        unsigned count = counts[row];
        base_reason_t full = count > UINT16_MAX ? BASE_JSON_MEMBERS : BASE_OK;

        n = 0;
        for (unsigned i = 0; i < count; i++) {
            n += (size_t) snprintf(text + n, 24, "%s\"%u\":1", i == 0 ? "{" : ",", i);
        }
        text[n] = '}';
        text[n + 1] = '\0';
        is_int(read_with(text, BASE_JSON_STRICT, 64, hashes, 70000), full, "%u members", count);
        (void) snprintf(text + n, 24, ",\"%u\":1}", count / 2);
        full = count > UINT16_MAX ? BASE_JSON_MEMBERS : BASE_JSON_DUPLICATE;
        is_int(read_with(text, BASE_JSON_STRICT, 64, hashes, 70000), full,
               "%u members and one twice", count);
    }
}

static void test_after_the_end(void)
{
    base_json_t js;

    base_json_init(&js, 0, 64, NULL, 0);
    is_int(read_all(&js, "[] "), BASE_JSON_MORE, "a value and white space");
    is_int(base_json_finish(&js), BASE_OK, "finish");
    is_int(read_all(&js, "\n"), BASE_JSON_MORE, "white space is still allowed");
    is_int(base_json_finish(&js), BASE_OK, "finish again");
    is_int(read_all(&js, "[]"), BASE_JSON_ERROR, "a second value is not");
    is_int(base_json_finish(&js), BASE_JSON_SYNTAX, "and that is the last word");
    is_int(read_all(&js, " "), BASE_JSON_ERROR, "every later call says so");
    is_int(js.reason, BASE_JSON_SYNTAX, "with the same reason");

    base_json_init(&js, 0, 64, NULL, 0);
    (void) read_all(&js, "[1");
    is_int(base_json_finish(&js), BASE_JSON_TRUNCATED, "finish within the value");
    is_int(read_all(&js, "]"), BASE_JSON_ERROR, "what comes too late does not count");
    is_int(base_json_finish(&js), BASE_JSON_TRUNCATED, "finish stays");

    base_json_init(&js, 0, 64, NULL, 0);
    is_int(read_all(&js, ""), BASE_JSON_MORE, "no bytes");
    base_json_skip(&js);
    base_json_watch(&js);
    is_int(base_json_finish(&js), BASE_JSON_TRUNCATED, "nothing is not a document");
}

static void test_offsets(void)
{
    base_span_t in = BASE_SPAN("  {\"a\" : [ 12 , \"x\" ] }  ");
    base_json_t js;

    base_json_init(&js, 0, 64, NULL, 0);
    (void) base_json_next(&js, &in);
    is_int(js.start, 2, "start of the object");
    is_int(base_json_offset(&js), 3, "just behind it");
    is_int(base_json_depth(&js), 1, "inside it");
    (void) base_json_next(&js, &in);
    is_int(js.start, 3, "start of the name is its quote");
    is_int(base_json_offset(&js), 6, "just behind its other quote");
    (void) base_json_next(&js, &in);
    (void) base_json_next(&js, &in);
    is_int(js.start, 11, "start of the number");
    is_int(base_json_offset(&js), 13, "just behind its last digit");
    (void) base_json_next(&js, &in);
    (void) base_json_next(&js, &in);
    is_int(base_json_depth(&js), 1, "array closed");
    (void) base_json_next(&js, &in);
    is_int(base_json_depth(&js), 0, "object closed");
    is_int(base_json_offset(&js), 23, "just behind it");
    is_int(base_json_next(&js, &in), BASE_JSON_MORE, "the rest is white space");
    is_int(base_json_offset(&js), 25, "all consumed");
    is_int(in.n, 0, "the input moved along");
}

/* The waits between a name and its value must not lose the request to pass over. */
static void test_skip_across_inputs(void)
{
    base_span_t in = BASE_SPAN("{\"a\""), rest = BASE_SPAN(" : {\"b\":[1,2]}, \"c\":3}");
    base_json_t js;

    base_json_init(&js, 0, 64, NULL, 0);
    (void) base_json_next(&js, &in);
    is_int(base_json_next(&js, &in), BASE_JSON_KEY, "a name");
    is_int(base_json_next(&js, &in), BASE_JSON_MORE, "its value is not there yet");
    base_json_skip(&js);
    base_json_skip(&js);
    is_int(base_json_next(&js, &rest), BASE_JSON_KEY, "the value is passed over");
    ok(base_span_is(js.text, "c"), "next comes the next name");
    is_int(base_json_next(&js, &rest), BASE_JSON_NUMBER, "whose value is told");
    base_json_skip(&js);
    is_int(base_json_next(&js, &rest), BASE_JSON_OBJECT_END, "skip after a whole value: no effect");
    is_int(base_json_finish(&js), BASE_OK, "and all is well");
}

static void test_seed(void)
{
    base_json_seed(1, 2);
    is_int(read_watching("{\"a\":1,\"\\u0061\":2}", 1), BASE_JSON_DUPLICATE, "seeded: found");
    is_int(read_watching("{\"a\":1,\"b\":2}", 1), BASE_OK, "seeded: nothing else");
}

int main(void)
{
    UNIT_BEGIN();
    test_events();
    test_limits();
    test_watch();
    test_watch_ends();
    test_bytes_in_strings();
    test_many_members();
    test_after_the_end();
    test_offsets();
    test_skip_across_inputs();
    test_corpus();
    test_seed();
    UNIT_END();
}
