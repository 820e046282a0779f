/*
 * The scanner against jansson: same documents accepted, same contents, and the same however the
 * input is cut or parts of it are passed over.
 *
 * Input: 4 bytes that seed cuts and skips, then the document.
 *
 * jansson (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY) differs in these, and only these:
 * - depth: 2048 there, 64 here. A document refused here for its depth is not compared.
 * - numbers: integers beyond 64 bits and reals beyond double are refused there (numeric_overflow);
 *   here numbers are text (RFC 8259 section 6 sets no limit). A document refused there for this is
 *   not compared.
 * - members: bounded here by the caller's table; the table here is too large to be met.
 * - U+0000: refused here wherever it stands. There, too, in strings (for want of JSON_ALLOW_NUL),
 *   but a NUL byte just behind a number or literal is lost ("1\0" reads as 1), so documents with a
 *   NUL byte are only checked to be refused here.
 */

#include "base/base_json.h"
#include "base/base_writer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOCUMENT_MAX ((size_t) 8192)
#define HASHES       ((size_t) 4096)
#define CHECK(cond)  check((cond), #cond, __LINE__)

typedef struct {
    base_json_event_t event;
    uint64_t start;
    size_t text, text_n;
    bool skipped; /* base_json_skip was called here, where it has an effect */
    bool part;    /* ... behind a part that was not the last: the rest of the text is missing */
} token_t;

typedef struct {
    token_t tokens[DOCUMENT_MAX + 2];
    unsigned char text[DOCUMENT_MAX + 2];
    size_t n, text_n;
    base_reason_t reason;
    uint64_t offset;
} trace_t;

typedef struct {
    unsigned flags;
    bool cut, skip, watch;
} how_t;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t dice_state;

static void check(bool cond, const char *what, int line)
{
    if (!cond) {
        (void) fprintf(stderr, "line %d: %s\n", line, what);
        abort();
    }
}

static uint32_t dice(uint32_t sides)
{
    dice_state ^= dice_state << 13;
    dice_state ^= dice_state >> 17;
    dice_state ^= dice_state << 5;
    return dice_state % sides;
}

static bool has_text(base_json_event_t event)
{
    return event == BASE_JSON_KEY || event == BASE_JSON_STRING || event == BASE_JSON_NUMBER;
}

static void trace_event(trace_t *t, const base_json_t *js, base_json_event_t event)
{
    token_t *token = &t->tokens[t->n];
    base_span_t text = has_text(event) ? js->text : (base_span_t){NULL, 0};

    CHECK(t->n <= DOCUMENT_MAX && text.n <= sizeof(t->text) - t->text_n);
    CHECK(js->start < base_json_offset(js));
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
    token->text = t->text_n - token->text_n;
    t->tokens[++t->n] = (token_t){.event = BASE_JSON_MORE};
}

static void trace_skip(trace_t *t, base_json_t *js, base_json_event_t event)
{
    bool part = has_text(event) && !js->last;

    if (part) {
        CHECK(t->n <= DOCUMENT_MAX);
        t->tokens[t->n] = (token_t){.event = event, .start = js->start, .part = true};
        t->tokens[++t->n] = (token_t){.event = BASE_JSON_MORE};
    }
    t->tokens[t->n - 1].skipped =
        part || event == BASE_JSON_KEY || event == BASE_JSON_OBJECT || event == BASE_JSON_ARRAY;
    base_json_skip(js);
}

static void piece(trace_t *t, base_json_t *js, const how_t *how, base_span_t bytes)
{
    unsigned char *memory = malloc(bytes.n == 0 ? 1 : bytes.n);
    base_span_t in = {memory, bytes.n};
    base_json_event_t event;

    CHECK(memory != NULL);
    if (bytes.n != 0) {
        memcpy(memory, bytes.p, bytes.n);
    }
    while ((event = base_json_next(js, &in)) > BASE_JSON_ERROR) {
        trace_event(t, js, event);
        if (how->watch && dice(2) == 0) {
            base_json_watch(js);
        }
        if (how->skip && dice(4) == 0) {
            trace_skip(t, js, event);
        }
    }
    CHECK(event == BASE_JSON_ERROR || in.n == 0);
    CHECK(in.p + in.n == memory + bytes.n);
    free(memory);
}

static void run(trace_t *t, const how_t *how, base_span_t doc)
{
    static uint64_t hashes[HASHES];
    base_json_t js;
    size_t n;

    t->n = t->text_n = 0;
    t->tokens[0] = (token_t){.event = BASE_JSON_MORE};
    base_json_init(&js, how->flags, BASE_JSON_DEPTH_MAX, hashes, HASHES);
    for (size_t at = 0; at < doc.n; at += n) {
        n = how->cut ? dice(dice(16) == 0 ? 64 : 6) : doc.n;
        piece(t, &js, how, base_span_sub(doc, at, at + n));
    }
    t->reason = base_json_finish(&js);
    t->offset = base_json_offset(&js);
    CHECK(t->offset <= doc.n);
    CHECK(t->reason != BASE_OK || (t->offset == doc.n && base_json_depth(&js) == 0));
}

static base_span_t token_text(const trace_t *t, size_t i)
{
    return base_span_make(t->text + t->tokens[i].text, t->tokens[i].text_n);
}

static void check_same(const trace_t *a, const trace_t *b)
{
    CHECK(a->reason == b->reason);
    CHECK(a->offset == b->offset);
    CHECK(a->n == b->n);
    for (size_t i = 0; i < a->n; i++) {
        CHECK(a->tokens[i].event == b->tokens[i].event);
        CHECK(a->tokens[i].start == b->tokens[i].start);
        CHECK(base_span_eq(token_text(a, i), token_text(b, i)));
    }
}

/* The first token behind the member or value that begins at token i. */
static size_t behind(const trace_t *t, size_t i)
{
    size_t open = 0;

    if (i < t->n && t->tokens[i].event == BASE_JSON_KEY) {
        i++;
    }
    for (; i < t->n; i++) {
        base_json_event_t event = t->tokens[i].event;

        open += event == BASE_JSON_OBJECT || event == BASE_JSON_ARRAY;
        open -= event == BASE_JSON_OBJECT_END || event == BASE_JSON_ARRAY_END;
        if (open == 0) {
            return i + 1;
        }
    }
    return i;
}

/* What was not passed over comes, in the same order, unchanged; what was passed over does not. */
static void check_within(const trace_t *all, const trace_t *some)
{
    size_t i = 0;

    CHECK(all->reason == some->reason);
    CHECK(all->offset == some->offset);
    for (size_t j = 0; j < some->n; j++) {
        const token_t *token = &some->tokens[j];

        if (i == all->n && token->part) {
            /* It was never completed, or by finish only. */
            CHECK(j + 1 == some->n);
            CHECK(all->reason != BASE_OK || token->event == BASE_JSON_NUMBER);
            return;
        }
        CHECK(i < all->n);
        CHECK(all->tokens[i].start == token->start && all->tokens[i].event == token->event);
        CHECK(token->part || base_span_eq(token_text(all, i), token_text(some, j)));
        i = token->skipped ? behind(all, i) : i + 1;
    }
    CHECK(i >= all->n);
}

static void check_number(const json_t *value, base_span_t text)
{
    char buffer[DOCUMENT_MAX + 1];

    CHECK(json_is_number(value) && text.n <= DOCUMENT_MAX);
    memcpy(buffer, text.p, text.n);
    buffer[text.n] = '\0';
    if (json_is_integer(value)) {
        CHECK(strpbrk(buffer, ".eE") == NULL);
        CHECK(json_integer_value(value) == strtoll(buffer, NULL, 10));
    } else {
        CHECK(strpbrk(buffer, ".eE") != NULL);
        CHECK(json_real_value(value) == strtod(buffer, NULL));
    }
}

static void check_text(base_span_t text, const char *p, size_t n)
{
    CHECK(base_span_eq(text, base_span_make(p, n)));
}

/* Compares from token i on; returns the token behind the value. Recursion: our depth of 64. */
static size_t check_value(const trace_t *t, size_t i, json_t *value)
{
    const char *key;
    json_t *item;
    size_t index;

    CHECK(i < t->n);
    switch (t->tokens[i].event) {
    case BASE_JSON_OBJECT:
        CHECK(json_is_object(value));
        i++;
        json_object_foreach(value, key, item)
        {
            CHECK(t->tokens[i].event == BASE_JSON_KEY);
            check_text(token_text(t, i), key, strlen(key));
            i = check_value(t, i + 1, item);
        }
        CHECK(t->tokens[i].event == BASE_JSON_OBJECT_END);
        break;
    case BASE_JSON_ARRAY:
        CHECK(json_is_array(value));
        i++;
        json_array_foreach(value, index, item)
        {
            i = check_value(t, i, item);
        }
        CHECK(t->tokens[i].event == BASE_JSON_ARRAY_END);
        break;
    case BASE_JSON_STRING:
        CHECK(json_is_string(value));
        check_text(token_text(t, i), json_string_value(value), json_string_length(value));
        break;
    case BASE_JSON_NUMBER:
        check_number(value, token_text(t, i));
        break;
    case BASE_JSON_TRUE:
        CHECK(json_is_true(value));
        break;
    case BASE_JSON_FALSE:
        CHECK(json_is_false(value));
        break;
    default:
        CHECK(t->tokens[i].event == BASE_JSON_NULL && json_is_null(value));
        break;
    }
    return i + 1;
}

static void check_jansson(const trace_t *t, base_span_t doc)
{
    json_error_t error;
    json_t *root;

    if (base_span_find(doc, '\0') != doc.n) {
        CHECK(t->reason != BASE_OK);
        return;
    }
    if (t->reason == BASE_JSON_DEPTH) {
        return;
    }
    root =
        json_loadb((const char *) doc.p, doc.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (root == NULL) {
        if (json_error_code(&error) == json_error_numeric_overflow) {
            return;
        }
        CHECK(t->reason != BASE_OK);
        CHECK((t->reason == BASE_JSON_DUPLICATE) ==
              (json_error_code(&error) == json_error_duplicate_key));
        return;
    }
    CHECK(t->reason == BASE_OK);
    /* A lone number at the very end of the input is completed by finish, not told. */
    if (t->n != 0 || !json_is_number(root)) {
        CHECK(check_value(t, 0, root) == t->n);
    }
    json_decref(root);
}

/* What the writer writes, the scanner reads back as it was. */
static void check_writer(const trace_t *t)
{
    static unsigned char memory[6 * DOCUMENT_MAX + 2];
    static trace_t again;
    const how_t plain = {0, false, false, false};
    base_writer_t w;
    base_span_t out;

    for (size_t i = 0; i < t->n && i < 8; i++) {
        if (t->tokens[i].event != BASE_JSON_STRING) {
            continue;
        }
        base_writer_init(&w, memory, sizeof(memory));
        base_writer_string(&w, token_text(t, i));
        CHECK(base_writer_done(&w, &out));
        if (out.n <= DOCUMENT_MAX) {
            run(&again, &plain, out);
            CHECK(again.reason == BASE_OK && again.n == 1);
            CHECK(base_span_eq(token_text(&again, 0), token_text(t, i)));
        }
    }
}

/* Duplicates apart, watching changes nothing. */
static void check_watching(const trace_t *strict, base_span_t doc)
{
    static trace_t loose, some;
    const how_t none = {0, true, false, false}, random = {0, true, false, true};

    run(&loose, &none, doc);
    run(&some, &random, doc);
    CHECK(loose.reason != BASE_JSON_DUPLICATE);
    if (strict->reason != BASE_JSON_DUPLICATE) {
        check_same(strict, &loose);
        check_same(strict, &some);
    }
    CHECK(some.reason == BASE_JSON_DUPLICATE || some.offset == loose.offset);
    CHECK(some.offset >= strict->offset && loose.offset >= some.offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static trace_t whole, other;
    static const how_t plain = {BASE_JSON_STRICT, false, false, false};
    static const how_t cut = {BASE_JSON_STRICT, true, false, false};
    static const how_t skip = {BASE_JSON_STRICT, false, true, false};
    static const how_t cut_skip = {BASE_JSON_STRICT, true, true, false};
    base_span_t doc;

    if (size < 4 || size - 4 > DOCUMENT_MAX) {
        return 0;
    }
    memcpy(&dice_state, data, 4);
    dice_state |= 1;
    doc = base_span_make(data + 4, size - 4);
    run(&whole, &plain, doc);
    check_jansson(&whole, doc);
    check_writer(&whole);
    run(&other, &cut, doc);
    check_same(&whole, &other);
    run(&other, &skip, doc);
    check_within(&whole, &other);
    run(&other, &cut_skip, doc);
    check_within(&whole, &other);
    check_watching(&whole, doc);
    return 0;
}
