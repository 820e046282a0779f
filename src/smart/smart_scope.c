#include "smart/smart_scope.h"

#include <string.h>

typedef struct {
    const char *word;
    unsigned letters;
} v1_t;

/* A5 */
static const v1_t v1_permissions[] = {
    {"read", SMART_R | SMART_S},
    {"write", SMART_C | SMART_U | SMART_D},
    {"*", SMART_C | SMART_R | SMART_U | SMART_D | SMART_S},
};

static const char *const context_names[] = {"patient", "user", "system"};
static const char letter_names[] = "cruds";

#define SMART_SCOPE_STATE_TEXT(id, text) text,
static const char *const state_texts[] = {SMART_SCOPE_STATES(SMART_SCOPE_STATE_TEXT)};
#undef SMART_SCOPE_STATE_TEXT

const char *smart_scope_state_text(smart_scope_state_t state)
{
    return (unsigned) state < SMART_SCOPE_STATE_COUNT ? state_texts[state] : "";
}

const char *smart_context_name(smart_context_t context)
{
    return (unsigned) context < SMART_CONTEXT_COUNT ? context_names[context] : "";
}

/* RFC 6749 section 3.3: %x21 / %x23-5B / %x5D-7E (A1). */
static bool is_scope_token(base_span_t token)
{
    size_t i;

    for (i = 0; i < token.n; i++) {
        if (token.p[i] < 0x21 || token.p[i] > 0x7e || token.p[i] == '"' || token.p[i] == '\\') {
            return false;
        }
    }
    return token.n > 0;
}

static bool is_letter(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* `*`, or what a type's name could be; whether it is one, the FHIR version says. */
static bool is_type(base_span_t text)
{
    size_t i;

    if (base_span_is(text, "*")) {
        return true;
    }
    for (i = 0; i < text.n; i++) {
        if (!is_letter(text.p[i]) && (i == 0 || text.p[i] < '0' || text.p[i] > '9')) {
            return false;
        }
    }
    return text.n > 0;
}

/* A non-empty subset of c r u d s in that order (A3); 0 for anything else. */
static unsigned v2_letters(base_span_t text)
{
    unsigned letters = 0;
    size_t i = 0;
    unsigned at;

    for (at = 0; at < SMART_LETTERS && i < text.n; at++) {
        if (text.p[i] == (unsigned char) letter_names[at]) {
            letters |= 1u << at;
            i++;
        }
    }
    return i == text.n ? letters : 0;
}

static bool is_hex(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

static bool is_percent_encoded(base_span_t text)
{
    size_t i;

    for (i = 0; i < text.n; i++) {
        if (text.p[i] == '%' &&
            (text.n - i < 3 || !is_hex(text.p[i + 1]) || !is_hex(text.p[i + 2]))) {
            return false;
        }
    }
    return true;
}

/* A17, A18: name=value joined by '&', neither empty, split before anything is decoded. */
static bool is_constraint(base_span_t text)
{
    base_span_t item;
    size_t equals;

    if (!is_percent_encoded(text)) {
        return false;
    }
    do {
        item = base_span_split(&text, '&');
        equals = base_span_find(item, '=');
        if (equals == 0 || equals + 1 >= item.n) {
            return false;
        }
    } while (text.p != NULL);
    return true;
}

static bool parse_context(base_span_t *rest, smart_context_t *context)
{
    base_span_t word = base_span_sub(*rest, 0, base_span_find(*rest, '/'));
    unsigned i;

    if (word.n == rest->n) {
        return false;
    }
    for (i = 0; i < SMART_CONTEXT_COUNT; i++) {
        if (base_span_is(word, context_names[i])) {
            *context = (smart_context_t) i;
            *rest = base_span_sub(*rest, word.n + 1, rest->n);
            return true;
        }
    }
    return false;
}

/* Permission words and letters; *is_v1 tells which. */
static unsigned parse_permissions(base_span_t text, bool *is_v1)
{
    size_t i;

    *is_v1 = false;
    for (i = 0; i < sizeof(v1_permissions) / sizeof(v1_permissions[0]); i++) {
        if (base_span_is(text, v1_permissions[i].word)) {
            *is_v1 = true;
            return v1_permissions[i].letters;
        }
    }
    return v2_letters(text);
}

static smart_scope_state_t judge_constraint(base_span_t constraint, bool is_v1)
{
    if (constraint.p == NULL) {
        return SMART_SCOPE_GOOD;
    }
    if (is_v1) {
        return SMART_SCOPE_V1_CONSTRAINT;
    }
    return is_constraint(constraint) ? SMART_SCOPE_GOOD : SMART_SCOPE_BAD_CONSTRAINT;
}

void smart_scope_parse(base_span_t token, smart_scope_t *scope)
{
    base_span_t rest = token, permissions, type;
    size_t question, dot;
    bool is_v1;

    memset(scope, 0, sizeof(*scope));
    scope->text = token;
    scope->state = SMART_SCOPE_OTHER;
    if (!is_scope_token(token) || !parse_context(&rest, &scope->context)) {
        return;
    }
    question = base_span_find(rest, '?');
    permissions = base_span_sub(rest, 0, question);
    dot = base_span_find(permissions, '.');
    type = base_span_sub(permissions, 0, dot);
    if (dot == permissions.n || !is_type(type)) {
        return;
    }
    scope->type = type;
    if (question < rest.n) {
        scope->constraint = base_span_sub(rest, question + 1, rest.n);
    }
    scope->letters =
        (uint8_t) parse_permissions(base_span_sub(permissions, dot + 1, permissions.n), &is_v1);
    scope->state =
        scope->letters == 0 ? SMART_SCOPE_BAD_LETTERS : judge_constraint(scope->constraint, is_v1);
    if (scope->state != SMART_SCOPE_GOOD) {
        scope->letters = 0;
    }
}

void smart_scope_write(base_writer_t *w, smart_context_t context, base_span_t type,
                       unsigned letters)
{
    unsigned at;

    base_writer_text(w, smart_context_name(context));
    base_writer_text(w, "/");
    base_writer_raw(w, type);
    base_writer_text(w, ".");
    for (at = 0; at < SMART_LETTERS; at++) {
        if ((letters & (1u << at)) != 0) {
            base_writer_raw(w, base_span_make(&letter_names[at], 1));
        }
    }
}
