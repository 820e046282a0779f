#include "base/base_json.h"
#include "base/base_utf8.h"
#include "base/base_word.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* States between tokens first; S_STRING and above are inside one, or the end of everything. */
enum {
    S_VALUE,
    S_ITEM_OR_END,
    S_KEY_OR_END,
    S_KEY,
    S_COLON,
    S_AFTER,
    S_DONE,
    S_STRING,
    S_NUMBER,
    S_LITERAL,
    S_ERROR
};

/* _sub in S_STRING */
enum { T_PLAIN, T_ESCAPE, T_HEX1, T_HEX2, T_HEX3, T_HEX4, T_LOW, T_LOW_U };

/* _sub in S_NUMBER: what was read last. From N_ZERO on, the number may end there. */
enum {
    N_NONE,
    N_MINUS,
    N_POINT,
    N_E,
    N_E_SIGN,
    N_ZERO,
    N_INTEGER,
    N_FRACTION,
    N_EXPONENT,
    N_COUNT
};

/* _sub in S_LITERAL: the place in this text; each word ends before a space. */
static const char literals[] = "true false null ";

enum { L_TRUE = 0, L_FALSE = 5, L_NULL = 11 };

/* What next() reads from; kept in registers. */
typedef struct {
    const unsigned char *p;
    const unsigned char *end;
    const unsigned char *from;
} input_t;

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* The event for "nothing to say yet"; never leaves this file. */
#define AGAIN (BASE_JSON_NULL + 1)

static uint64_t seed0 = UINT64_C(0x0706050403020100);
static uint64_t seed1 = UINT64_C(0x0f0e0d0c0b0a0908);

void base_json_seed(uint64_t k0, uint64_t k1)
{
    seed0 = k0;
    seed1 = k1;
}

static base_json_event_t fail(base_json_t *js, base_reason_t reason)
{
    js->_state = S_ERROR;
    js->_skip = 0;
    js->reason = reason;
    js->text = (base_span_t){NULL, 0};
    return BASE_JSON_ERROR;
}

static inline bool level_bit(uint64_t bits, unsigned depth)
{
    return depth != 0 && (bits >> (depth - 1) & 1) != 0;
}

static inline bool in_object(const base_json_t *js)
{
    return level_bit(js->_is_object, js->_depth);
}

static inline bool in_watched(const base_json_t *js)
{
    return level_bit(js->_is_watched, js->_depth);
}

/*
 * The hashes of all open objects are one stack, threaded into buckets, newest first: a search stays
 * within the innermost object by stopping at the height its '{' found, and sees 1/128 of its
 * members (comparing with all of them would let 64 KB of input cost fifty million comparisons).
 */
static base_reason_t member_add(base_json_t *js, uint64_t hash)
{
    uint64_t tag = hash >> 16;
    uint16_t *bucket = &js->_buckets[tag % BASE_JSON_BUCKETS];
    size_t from = js->_object_from[js->_depth - 1];

    for (size_t i = *bucket; i > from; i = js->_hashes[i - 1] & 0xffff) {
        if (js->_hashes[i - 1] >> 16 == tag) {
            return BASE_JSON_DUPLICATE;
        }
    }
    if (js->_hashes_n == js->_hashes_max) {
        return BASE_JSON_MEMBERS;
    }
    js->_hashes[js->_hashes_n++] = tag << 16 | *bucket;
    *bucket = (uint16_t) js->_hashes_n;
    return BASE_OK;
}

static void members_drop(base_json_t *js)
{
    size_t from = js->_object_from[js->_depth - 1];

    while (js->_hashes_n > from) {
        uint64_t entry = js->_hashes[--js->_hashes_n];

        js->_buckets[(entry >> 16) % BASE_JSON_BUCKETS] = (uint16_t) (entry & 0xffff);
    }
}

static inline void token_begin(base_json_t *js, const input_t *in)
{
    js->start = js->_offset + (uint64_t) (in->p - in->from);
}

static base_json_event_t open_level(base_json_t *js, input_t *in, bool object)
{
    uint64_t bit;

    if (js->_depth >= js->_depth_max) {
        return fail(js, BASE_JSON_DEPTH);
    }
    token_begin(js, in);
    in->p++;
    bit = UINT64_C(1) << js->_depth;
    js->_depth++;
    js->_is_watched &= ~bit;
    if (!object) {
        js->_is_object &= ~bit;
        js->_state = S_ITEM_OR_END;
        return BASE_JSON_ARRAY;
    }
    js->_is_object |= bit;
    js->_state = S_KEY_OR_END;
    if ((js->_flags & BASE_JSON_STRICT) != 0) {
        js->_is_watched |= bit;
        js->_object_from[js->_depth - 1] = (uint16_t) js->_hashes_n;
    }
    return BASE_JSON_OBJECT;
}

static inline void value_end(base_json_t *js)
{
    js->_state = js->_depth == 0 ? S_DONE : S_AFTER;
}

static base_json_event_t close_level(base_json_t *js, input_t *in)
{
    bool object = in_object(js);

    token_begin(js, in);
    in->p++;
    if (in_watched(js)) {
        members_drop(js);
    }
    js->_depth--;
    value_end(js);
    return object ? BASE_JSON_OBJECT_END : BASE_JSON_ARRAY_END;
}

/* What FHIR's names are made of; beyond ASCII readers fold what they like (U+017F is an s to some). */
static bool is_name_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* Of the name as it was read, or as one that folds case reads it. */
static void hash_name(base_json_t *js)
{
    unsigned char folded[64];
    size_t at = 0, n, i;

    if ((js->_flags & BASE_JSON_FOLD) == 0) {
        base_hash_feed(&js->_hash, js->text);
        return;
    }
    for (; at < js->text.n; at += n) {
        n = js->text.n - at < sizeof(folded) ? js->text.n - at : sizeof(folded);
        for (i = 0; i < n; i++) {
            folded[i] = base_span_lower(js->text.p[at + i]);
            js->_odd_name = js->_odd_name || !is_name_char(folded[i]);
        }
        base_hash_feed(&js->_hash, base_span_make(folded, n));
    }
}

/* The part of a string from `from` up to `to`. */
static base_json_event_t string_part(base_json_t *js, const unsigned char *from,
                                     const unsigned char *to)
{
    js->text = (base_span_t){from, (size_t) (to - from)};
    js->last = false;
    if (!js->_key) {
        return BASE_JSON_STRING;
    }
    if (in_watched(js)) {
        hash_name(js);
    }
    return BASE_JSON_KEY;
}

static base_json_event_t string_end(base_json_t *js, const unsigned char *from,
                                    const unsigned char *to)
{
    base_json_event_t event = string_part(js, from, to);
    base_reason_t reason;

    js->last = true;
    if (!js->_key) {
        value_end(js);
        return event;
    }
    js->_state = S_COLON;
    if (js->_odd_name) {
        return fail(js, BASE_JSON_NAME);
    }
    if (in_watched(js)) {
        reason = member_add(js, base_hash_end(&js->_hash));
        if (reason != BASE_OK) {
            return fail(js, reason);
        }
    }
    return event;
}

/* High bit set in each byte that does not simply belong to a string: '"', '\\', controls, 80..FF. */
static inline uint64_t special_bytes(uint64_t w)
{
    uint64_t quote = w ^ ONES * '"', slash = w ^ ONES * '\\';

    /* A borrow can only mark bytes above a true one, and the lowest is all that counts. */
    return (w | ((quote - ONES) & ~quote) | ((slash - ONES) & ~slash) | (w - ONES * 0x20)) & HIGHS;
}

#ifdef __SSE2__
/* Sixteen bytes: a bit for each that does not simply belong to a string. Signed, controls and 80..FF are less than a space. */
static inline unsigned special_mask(const unsigned char *p)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *) (const void *) p);
    __m128i special = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                   _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));

    special = _mm_or_si128(special, _mm_cmplt_epi8(bytes, _mm_set1_epi8(' ')));
    return (unsigned) _mm_movemask_epi8(special);
}
#endif

/* The first byte that does not simply belong to a string, or the end. */
static inline const unsigned char *plain_end(const unsigned char *p, const unsigned char *end)
{
#ifdef __SSE2__
    while (end - p >= 16) {
        unsigned mask = special_mask(p);

        if (mask != 0) {
            return p + __builtin_ctz(mask);
        }
        p += 16;
    }
#endif
    while (end - p >= 8) {
        uint64_t special = special_bytes(base_word_load8(p));

        if (special != 0) {
            return p + __builtin_ctzll(special) / 8;
        }
        p += 8;
    }
    while (p != end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\') {
        p++;
    }
    return p;
}

/* Reads characters beyond ASCII. False: invalid, in->p is at the culprit. */
static bool utf8_run(base_json_t *js, input_t *in)
{
    const unsigned char *p = in->p;
    unsigned state = js->_utf8;

    while (p != in->end && (state != BASE_UTF8_DONE || *p >= 0x80)) {
        state = state == BASE_UTF8_DONE ? base_utf8_lead(*p) : base_utf8_more(state, *p);
        if (state == BASE_UTF8_BAD) {
            in->p = p;
            return false;
        }
        p++;
    }
    js->_utf8 = state;
    in->p = p;
    return true;
}

static base_json_event_t string_plain(base_json_t *js, input_t *in)
{
    const unsigned char *from = in->p;

    for (;;) {
        if (!utf8_run(js, in)) {
            return fail(js, BASE_JSON_ENCODING);
        }
        in->p = plain_end(in->p, in->end);
        if (in->p == in->end) {
            return in->p == from ? BASE_JSON_MORE : string_part(js, from, in->p);
        }
        if (*in->p == '"') {
            return string_end(js, from, in->p++);
        }
        if (*in->p == '\\') {
            js->_sub = T_ESCAPE;
            in->p++;
            return in->p - 1 == from ? AGAIN : string_part(js, from, in->p - 1);
        }
        if (*in->p < 0x20) {
            return fail(js, BASE_JSON_SYNTAX);
        }
    }
}

static base_json_event_t string_code(base_json_t *js, uint32_t c)
{
    unsigned char *out = js->_scratch;

    js->_sub = T_PLAIN;
    if (c < 0x80) {
        *out++ = (unsigned char) c;
    } else if (c < 0x800) {
        *out++ = (unsigned char) (0xc0 | c >> 6);
        *out++ = (unsigned char) (0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (unsigned char) (0xe0 | c >> 12);
        *out++ = (unsigned char) (0x80 | (c >> 6 & 0x3f));
        *out++ = (unsigned char) (0x80 | (c & 0x3f));
    } else {
        *out++ = (unsigned char) (0xf0 | c >> 18);
        *out++ = (unsigned char) (0x80 | (c >> 12 & 0x3f));
        *out++ = (unsigned char) (0x80 | (c >> 6 & 0x3f));
        *out++ = (unsigned char) (0x80 | (c & 0x3f));
    }
    return string_part(js, js->_scratch, out);
}

/* A \uXXXX is complete (RFC 8259 section 7: beyond the BMP they come in pairs). */
static base_json_event_t string_unit(base_json_t *js, uint32_t unit)
{
    uint32_t high = js->_high;

    js->_high = 0;
    if (unit >= 0xdc00 && unit <= 0xdfff) {
        if (high == 0) {
            return fail(js, BASE_JSON_ENCODING);
        }
        return string_code(js, 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
    }
    if (high != 0) {
        return fail(js, BASE_JSON_ENCODING);
    }
    if (unit >= 0xd800 && unit <= 0xdbff) {
        js->_high = unit;
        js->_sub = T_LOW;
        return AGAIN;
    }
    if (unit == 0) {
        return fail(js, BASE_JSON_SYNTAX);
    }
    return string_code(js, unit);
}

static unsigned hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10u : 16u;
}

static base_json_event_t string_hex(base_json_t *js, input_t *in)
{
    unsigned value = hex_value(*in->p);

    if (value > 15) {
        return fail(js, BASE_JSON_SYNTAX);
    }
    in->p++;
    js->_code = js->_code << 4 | value;
    if (js->_sub != T_HEX4) {
        js->_sub++;
        return AGAIN;
    }
    return string_unit(js, js->_code);
}

static base_json_event_t string_escape(base_json_t *js, input_t *in)
{
    static const unsigned char meaning[256] = {
        ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
        ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
    };
    unsigned char c = *in->p;

    if (c == 'u') {
        in->p++;
        js->_sub = T_HEX1;
        js->_code = 0;
        return AGAIN;
    }
    if (meaning[c] == 0) {
        return fail(js, BASE_JSON_SYNTAX);
    }
    in->p++;
    return string_code(js, meaning[c]);
}

/* A high surrogate was read: only the escape of a low one may follow. */
static base_json_event_t string_low(base_json_t *js, input_t *in)
{
    if (*in->p != (js->_sub == T_LOW ? '\\' : 'u')) {
        return fail(js, BASE_JSON_ENCODING);
    }
    in->p++;
    js->_sub = js->_sub == T_LOW ? T_LOW_U : T_HEX1;
    js->_code = 0;
    return AGAIN;
}

static base_json_event_t string(base_json_t *js, input_t *in)
{
    base_json_event_t event = AGAIN;

    while (event == AGAIN) {
        if (in->p == in->end) {
            return BASE_JSON_MORE;
        }
        switch (js->_sub) {
        case T_PLAIN:
            event = string_plain(js, in);
            break;
        case T_ESCAPE:
            event = string_escape(js, in);
            break;
        case T_LOW:
        case T_LOW_U:
            event = string_low(js, in);
            break;
        default:
            event = string_hex(js, in);
            break;
        }
    }
    return event;
}

static base_json_event_t string_begin(base_json_t *js, input_t *in, bool key)
{
    token_begin(js, in);
    in->p++;
    js->_state = S_STRING;
    js->_sub = T_PLAIN;
    js->_key = key;
    if (key && in_watched(js)) {
        base_hash_begin(&js->_hash, seed0, seed1);
    }
    return string(js, in);
}

/* Next state of a number; N_NONE where it ends (RFC 8259 section 6). */
static unsigned number_next(unsigned state, unsigned char c)
{
    enum { C_OTHER, C_ZERO, C_DIGIT, C_POINT, C_E, C_PLUS, C_MINUS, C_COUNT };
    static const unsigned char class_of[256] = {
        ['0'] = C_ZERO,  ['1'] = C_DIGIT, ['2'] = C_DIGIT, ['3'] = C_DIGIT, ['4'] = C_DIGIT,
        ['5'] = C_DIGIT, ['6'] = C_DIGIT, ['7'] = C_DIGIT, ['8'] = C_DIGIT, ['9'] = C_DIGIT,
        ['.'] = C_POINT, ['e'] = C_E,     ['E'] = C_E,     ['+'] = C_PLUS,  ['-'] = C_MINUS,
    };
    static const unsigned char next[N_COUNT][C_COUNT] = {
        [N_NONE] = {[C_ZERO] = N_ZERO, [C_DIGIT] = N_INTEGER, [C_MINUS] = N_MINUS},
        [N_MINUS] = {[C_ZERO] = N_ZERO, [C_DIGIT] = N_INTEGER},
        [N_ZERO] = {[C_POINT] = N_POINT, [C_E] = N_E},
        [N_INTEGER] =
            {[C_ZERO] = N_INTEGER, [C_DIGIT] = N_INTEGER, [C_POINT] = N_POINT, [C_E] = N_E},
        [N_POINT] = {[C_ZERO] = N_FRACTION, [C_DIGIT] = N_FRACTION},
        [N_FRACTION] = {[C_ZERO] = N_FRACTION, [C_DIGIT] = N_FRACTION, [C_E] = N_E},
        [N_E] = {[C_ZERO] = N_EXPONENT,
                 [C_DIGIT] = N_EXPONENT,
                 [C_PLUS] = N_E_SIGN,
                 [C_MINUS] = N_E_SIGN},
        [N_E_SIGN] = {[C_ZERO] = N_EXPONENT, [C_DIGIT] = N_EXPONENT},
        [N_EXPONENT] = {[C_ZERO] = N_EXPONENT, [C_DIGIT] = N_EXPONENT},
    };

    return next[state][class_of[c]];
}

static base_json_event_t number(base_json_t *js, input_t *in)
{
    const unsigned char *from = in->p;
    unsigned state = js->_sub, next;

    js->last = false;
    for (; in->p != in->end; in->p++) {
        next = number_next(state, *in->p);
        if (next == N_NONE) {
            if (state < N_ZERO) {
                return fail(js, BASE_JSON_SYNTAX);
            }
            js->last = true;
            value_end(js);
            break;
        }
        state = next;
    }
    js->_sub = state;
    js->text = base_span_make(from, (size_t) (in->p - from));
    return BASE_JSON_NUMBER;
}

static base_json_event_t literal(base_json_t *js, input_t *in)
{
    for (; in->p != in->end; in->p++) {
        if (*in->p != (unsigned char) literals[js->_sub]) {
            return fail(js, BASE_JSON_SYNTAX);
        }
        js->_sub++;
        if (literals[js->_sub] == ' ') {
            in->p++;
            value_end(js);
            if (js->_sub > L_NULL) {
                return BASE_JSON_NULL;
            }
            return js->_sub > L_FALSE ? BASE_JSON_FALSE : BASE_JSON_TRUE;
        }
    }
    return BASE_JSON_MORE;
}

static base_json_event_t literal_begin(base_json_t *js, input_t *in, unsigned sub)
{
    token_begin(js, in);
    js->_state = S_LITERAL;
    js->_sub = sub;
    return literal(js, in);
}

static base_json_event_t value(base_json_t *js, input_t *in)
{
    switch (*in->p) {
    case '"':
        return string_begin(js, in, false);
    case '{':
        return open_level(js, in, true);
    case '[':
        return open_level(js, in, false);
    case 't':
        return literal_begin(js, in, L_TRUE);
    case 'f':
        return literal_begin(js, in, L_FALSE);
    case 'n':
        return literal_begin(js, in, L_NULL);
    default:
        break;
    }
    if (number_next(N_NONE, *in->p) == N_NONE) {
        return fail(js, BASE_JSON_SYNTAX);
    }
    token_begin(js, in);
    js->_state = S_NUMBER;
    js->_sub = N_NONE;
    return number(js, in);
}

static inline void space(input_t *in)
{
    const unsigned char *p = in->p;

    if (p != in->end && *p > ' ') {
        return;
    }
    while (p != in->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
        while (in->end - p >= 8 && base_word_load8(p) == ONES * ' ') {
            p += 8;
        }
    }
    in->p = p;
}

/* After a value inside an object or array. */
static base_json_event_t after(base_json_t *js, input_t *in)
{
    bool object = in_object(js);

    if (*in->p == ',') {
        in->p++;
        js->_state = object ? S_KEY : S_VALUE;
        return AGAIN;
    }
    if (*in->p == (object ? '}' : ']')) {
        return close_level(js, in);
    }
    return fail(js, BASE_JSON_SYNTAX);
}

/* One byte that is not white space, outside of all tokens. */
static base_json_event_t between(base_json_t *js, input_t *in)
{
    unsigned char c = *in->p;

    switch (js->_state) {
    case S_ITEM_OR_END:
        return c == ']' ? close_level(js, in) : value(js, in);
    case S_VALUE:
        return value(js, in);
    case S_KEY_OR_END:
        if (c == '}') {
            return close_level(js, in);
        }
        break;
    case S_KEY:
        break;
    case S_COLON:
        if (c != ':') {
            return fail(js, BASE_JSON_SYNTAX);
        }
        in->p++;
        js->_state = S_VALUE;
        return AGAIN;
    case S_AFTER:
        return after(js, in);
    default:
        return fail(js, BASE_JSON_SYNTAX);
    }
    return c == '"' ? string_begin(js, in, true) : fail(js, BASE_JSON_SYNTAX);
}

static base_json_event_t step(base_json_t *js, input_t *in)
{
    base_json_event_t event;

    switch (js->_state) {
    case S_STRING:
        return string(js, in);
    case S_NUMBER:
        return number(js, in);
    case S_LITERAL:
        return literal(js, in);
    default:
        break;
    }
    do {
        space(in);
        if (in->p == in->end) {
            return BASE_JSON_MORE;
        }
        event = between(js, in);
    } while (event == AGAIN);
    return event;
}

static bool ends_value(const base_json_t *js)
{
    return js->_state == S_AFTER || js->_state == S_DONE;
}

void base_json_init(base_json_t *js, unsigned flags, unsigned depth_max, uint64_t *hashes,
                    size_t hashes_max)
{
    memset(js, 0, sizeof(*js));
    js->_flags = flags;
    js->_depth_max = depth_max < BASE_JSON_DEPTH_MAX ? depth_max : BASE_JSON_DEPTH_MAX;
    js->_hashes = hashes;
    /* Links have 16 bits. */
    js->_hashes_max = hashes == NULL ? 0 : hashes_max < UINT16_MAX ? hashes_max : UINT16_MAX;
}

base_json_event_t base_json_next(base_json_t *js, base_span_t *in)
{
    input_t input = {in->p, in->p, in->p};
    base_json_event_t event;

    if (js->_state == S_ERROR) {
        return BASE_JSON_ERROR;
    }
    if (in->n == 0) {
        return BASE_JSON_MORE;
    }
    input.end += in->n;
    for (;;) {
        event = input.p == input.end ? BASE_JSON_MORE : step(js, &input);
        if (event == BASE_JSON_MORE) {
            break;
        }
        js->_event = event;
        if (js->_skip == 0) {
            break;
        }
        if (js->_depth < js->_skip && ends_value(js)) {
            js->_skip = 0;
        }
    }
    js->_offset += (uint64_t) (input.p - input.from);
    in->n = (size_t) (input.end - input.p);
    in->p = input.p;
    return event;
}

void base_json_watch(base_json_t *js)
{
    if (js->_event == BASE_JSON_OBJECT && js->_state == S_KEY_OR_END && js->_depth != 0 &&
        !in_watched(js)) {
        js->_is_watched |= UINT64_C(1) << (js->_depth - 1);
        js->_object_from[js->_depth - 1] = (uint16_t) js->_hashes_n;
    }
}

void base_json_skip(base_json_t *js)
{
    switch (js->_event) {
    case BASE_JSON_OBJECT:
    case BASE_JSON_ARRAY:
        js->_skip = js->_depth;
        break;
    case BASE_JSON_KEY:
        js->_skip = js->_depth + 1;
        break;
    case BASE_JSON_STRING:
    case BASE_JSON_NUMBER:
        if (!js->last) {
            js->_skip = js->_depth + 1;
        }
        break;
    default:
        break;
    }
}

base_reason_t base_json_finish(base_json_t *js)
{
    if (js->_state == S_ERROR) {
        return js->reason;
    }
    if (js->_state == S_NUMBER && js->_depth == 0 && js->_sub >= N_ZERO) {
        js->_state = S_DONE;
    }
    if (js->_state != S_DONE) {
        (void) fail(js, BASE_JSON_TRUNCATED);
        return BASE_JSON_TRUNCATED;
    }
    return BASE_OK;
}

uint64_t base_json_offset(const base_json_t *js)
{
    return js->_offset;
}

unsigned base_json_depth(const base_json_t *js)
{
    return js->_depth;
}
