#include "smart/smart_constraint.h"

#include "fhir/fhir_query.h"

static unsigned char hex_value(unsigned char c)
{
    return (unsigned char) (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* A18: once, after splitting; '+' is itself. The text's escapes are well-formed. */
static base_span_t decode(base_span_t text, base_arena_t *arena)
{
    unsigned char *out = base_arena_alloc(arena, text.n + 1);
    size_t i, n = 0;

    if (out == NULL) {
        return base_span_make(NULL, 0);
    }
    for (i = 0; i < text.n; i++) {
        if (text.p[i] != '%') {
            out[n++] = text.p[i];
            continue;
        }
        out[n++] = (unsigned char) (hex_value(text.p[i + 1]) << 4 | hex_value(text.p[i + 2]));
        i += 2;
    }
    return base_span_make(out, n);
}

/* A22: they shape an answer, and some of them broaden it. */
static bool is_result(base_span_t name)
{
    static const char *const names[] = {"_include",       "_revinclude", "_sort",   "_count",
                                        "_summary",       "_elements",   "_total",  "_contained",
                                        "_containedType", "_format",     "_pretty", "_maxresults",
                                        "_score",         "_type",       "_graph"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (base_span_is(name, names[i])) {
            return true;
        }
    }
    return false;
}

/* A23 */
static bool is_experimental(base_span_t name)
{
    return base_span_find(name, ':') < name.n || base_span_find(name, '.') < name.n ||
           base_span_is(name, "_filter") || base_span_is(name, "_has");
}

static smart_scope_state_t compile_item(smart_constraint_item_t *item,
                                        const fhir_definitions_t *definitions,
                                        const fhir_type_t *type, const smart_base_t *base,
                                        base_arena_t *arena)
{
    const fhir_parameter_t *parameter;
    fhir_test_reason_t reason;

    /* What no query may hold cannot be said in one (C1, L5). */
    if (!fhir_query_is_text(item->value)) {
        return SMART_SCOPE_NOT_EVALUABLE;
    }
    if (is_result(item->name)) {
        return SMART_SCOPE_RESULT_PARAMETER;
    }
    if (is_experimental(item->name)) {
        return SMART_SCOPE_EXPERIMENTAL;
    }
    parameter = fhir_parameter_find(definitions, type, item->name);
    if (parameter == NULL) {
        return SMART_SCOPE_PARAMETER_UNKNOWN;
    }
    reason = fhir_test_compile(parameter, base_span_make(NULL, 0), item->value, base->urls,
                               base->urls_n, arena, &item->test);
    if (reason == FHIR_TEST_NO_MEMORY) {
        return SMART_SCOPE_STATE_COUNT;
    }
    return reason == FHIR_TEST_OK ? SMART_SCOPE_GOOD : SMART_SCOPE_NOT_EVALUABLE;
}

/* As many as there will be, or as are allowed. */
static size_t item_count(base_span_t text)
{
    size_t n = 0;

    while (text.p != NULL && n < SMART_CONSTRAINT_ITEMS) {
        (void) base_span_split(&text, '&');
        n++;
    }
    return n;
}

smart_scope_state_t smart_constraint_compile(base_span_t text,
                                             const fhir_definitions_t *definitions,
                                             const fhir_type_t *type, const smart_base_t *base,
                                             base_arena_t *arena, smart_constraint_t *constraint)
{
    smart_constraint_item_t *items = base_arena_array(arena, item_count(text), sizeof(*items));
    smart_scope_state_t state;
    base_span_t part;
    size_t equals, n = 0;

    if (items == NULL) {
        return SMART_SCOPE_STATE_COUNT;
    }
    while (text.p != NULL) {
        part = base_span_split(&text, '&');
        equals = base_span_find(part, '=');
        if (n == SMART_CONSTRAINT_ITEMS || equals == part.n) {
            return SMART_SCOPE_NOT_EVALUABLE;
        }
        items[n].name = decode(base_span_sub(part, 0, equals), arena);
        items[n].value = decode(base_span_sub(part, equals + 1, part.n), arena);
        if (items[n].name.p == NULL || items[n].value.p == NULL) {
            return SMART_SCOPE_STATE_COUNT;
        }
        state = compile_item(&items[n], definitions, type, base, arena);
        if (state != SMART_SCOPE_GOOD) {
            return state;
        }
        n++;
    }
    constraint->item = items;
    constraint->n = n;
    return SMART_SCOPE_GOOD;
}
