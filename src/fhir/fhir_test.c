#include "fhir/fhir_test.h"

#include "fhir/fhir_fold.h"
#include "fhir/fhir_query.h"
#include "fhir/fhir_test_own.h"

/* Longer texts are never compared: FHIR_VALUE_MAX of fhir_resource.h. */
#define TEXT_MAX 2048

const char *fhir_test_reason_text(fhir_test_reason_t reason)
{
    static const char *const texts[FHIR_TEST_REASONS] = {
        [FHIR_TEST_OK] = "fine",
        [FHIR_TEST_NO_MEMORY] = "no memory",
        [FHIR_TEST_KIND] = "composite and special parameters are not evaluated",
        [FHIR_TEST_PATHS] = "the parameter's elements cannot be evaluated",
        [FHIR_TEST_MODIFIER] = "modifiers are not evaluated",
        [FHIR_TEST_PREFIX] = "the prefix ap is not evaluated",
        [FHIR_TEST_VALUE] = "the value is none that the parameter can have",
        [FHIR_TEST_SIZE] = "the value is too large",
    };

    return (unsigned) reason < FHIR_TEST_REASONS ? texts[reason] : texts[FHIR_TEST_VALUE];
}

/* Resolves `\,` `\|` `\$` `\\`; what has no escapes stays where it is. */
static fhir_test_reason_t unescape(base_span_t text, base_arena_t *arena, base_span_t *out)
{
    unsigned char *to;
    size_t n = 0;

    *out = text;
    if (base_span_find(text, '\\') == text.n) {
        return FHIR_TEST_OK;
    }
    to = base_arena_alloc(arena, text.n);
    if (to == NULL) {
        return FHIR_TEST_NO_MEMORY;
    }
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = text.p[i];

        if (c == '\\') {
            c = ++i < text.n ? text.p[i] : 0;
            if (c != ',' && c != '|' && c != '$' && c != '\\') {
                return FHIR_TEST_VALUE;
            }
        }
        to[n++] = c;
    }
    *out = base_span_make(to, n);
    return FHIR_TEST_OK;
}

/* The next part before a '|' that is not escaped; *rest is absent behind the last. */
static base_span_t split_bar(base_span_t *rest)
{
    base_span_t all = *rest;

    for (size_t i = 0; i < all.n; i++) {
        if (all.p[i] == '\\') {
            i++;
        } else if (all.p[i] == '|') {
            *rest = base_span_sub(all, i + 1, all.n);
            return base_span_sub(all, 0, i);
        }
    }
    *rest = base_span_make(NULL, 0);
    return all;
}

/* Up to `max` parts between bars, unescaped. */
static fhir_test_reason_t split_parts(base_span_t text, size_t max, base_arena_t *arena,
                                      base_span_t *parts, size_t *n)
{
    base_span_t rest = text;

    *n = 0;
    while (rest.p != NULL) {
        fhir_test_reason_t reason;

        if (*n == max) {
            return FHIR_TEST_VALUE;
        }
        reason = unescape(split_bar(&rest), arena, &parts[(*n)++]);
        if (reason != FHIR_TEST_OK) {
            return reason;
        }
    }
    return FHIR_TEST_OK;
}

/* code, system|code, |code, system| */
static fhir_test_reason_t read_token(struct fhir_test_s *test, base_span_t text, uint64_t bit,
                                     base_arena_t *arena, fhir_alternative_t *alternative)
{
    base_span_t parts[2] = {{NULL, 0}};
    size_t n;
    fhir_test_reason_t reason = split_parts(text, 2, arena, parts, &n);

    if (reason != FHIR_TEST_OK) {
        return reason;
    }
    if (n == 1) {
        alternative->text = parts[0];
        test->any_system |= bit;
        return FHIR_TEST_OK;
    }
    if (parts[0].n == 0 && parts[1].n == 0) {
        return FHIR_TEST_VALUE;
    }
    if (parts[0].n == 0) {
        test->no_system |= bit;
    } else {
        alternative->system = parts[0];
    }
    if (parts[1].n == 0) {
        test->any_code |= bit;
    } else {
        alternative->text = parts[1];
    }
    return FHIR_TEST_OK;
}

static fhir_test_reason_t read_text(struct fhir_test_s *test, base_span_t text, uint64_t bit,
                                    base_arena_t *arena, fhir_alternative_t *alternative)
{
    fhir_test_reason_t reason = unescape(text, arena, &alternative->text);

    (void) bit;
    /* What begins with nothing would be everything. */
    if (reason == FHIR_TEST_OK && test->kind == FHIR_STRING &&
        fhir_fold_is_empty(alternative->text)) {
        return FHIR_TEST_VALUE;
    }
    return reason;
}

static fhir_test_reason_t read_reference(struct fhir_test_s *test, base_span_t text, uint64_t bit,
                                         base_arena_t *arena, fhir_alternative_t *alternative)
{
    fhir_reference_t *ref = &alternative->reference;
    fhir_test_reason_t reason = read_text(test, text, bit, arena, alternative);

    if (reason != FHIR_TEST_OK) {
        return reason;
    }
    fhir_reference_parse(alternative->text, ref);
    alternative->own =
        ref->kind == FHIR_REFERENCE_BARE || fhir_reference_is_own(ref, test->bases, test->n_bases);
    /* One version of a resource is not what a reference search finds. */
    return ref->kind == FHIR_REFERENCE_CONTAINED || ref->kind == FHIR_REFERENCE_CONDITIONAL ||
                   ref->vid.p != NULL
               ? FHIR_TEST_VALUE
               : FHIR_TEST_OK;
}

static bool is_lower(unsigned char c)
{
    return c >= 'a' && c <= 'z';
}

/* Takes a prefix off, where there is one. */
static fhir_test_reason_t read_prefix(base_span_t *text, fhir_prefix_t *prefix)
{
    static const char *const names[] = {
        [FHIR_PREFIX_EQ] = "eq", [FHIR_PREFIX_NE] = "ne", [FHIR_PREFIX_GT] = "gt",
        [FHIR_PREFIX_LT] = "lt", [FHIR_PREFIX_GE] = "ge", [FHIR_PREFIX_LE] = "le",
        [FHIR_PREFIX_SA] = "sa", [FHIR_PREFIX_EB] = "eb", [FHIR_PREFIX_AP] = "ap"};

    *prefix = FHIR_PREFIX_EQ;
    if (text->n == 0 || !is_lower(text->p[0])) {
        return FHIR_TEST_OK;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (base_span_starts(*text, names[i])) {
            *prefix = (fhir_prefix_t) i;
            *text = base_span_sub(*text, 2, text->n);
            return i == FHIR_PREFIX_AP ? FHIR_TEST_PREFIX : FHIR_TEST_OK;
        }
    }
    return FHIR_TEST_VALUE;
}

static fhir_test_reason_t read_date(struct fhir_test_s *test, base_span_t text, uint64_t bit,
                                    base_arena_t *arena, fhir_alternative_t *alternative)
{
    fhir_test_reason_t reason = read_prefix(&text, &alternative->prefix);

    (void) test;
    (void) bit;
    (void) arena;
    if (reason != FHIR_TEST_OK) {
        return reason;
    }
    return fhir_when_parse(text, &alternative->when) ? FHIR_TEST_OK : FHIR_TEST_VALUE;
}

static fhir_test_reason_t read_number(struct fhir_test_s *test, base_span_t text, uint64_t bit,
                                      base_arena_t *arena, fhir_alternative_t *alternative)
{
    fhir_test_reason_t reason = read_prefix(&text, &alternative->prefix);

    (void) test;
    (void) bit;
    if (reason != FHIR_TEST_OK) {
        return reason;
    }
    if (!fhir_decimal_parse(text, &alternative->number)) {
        return FHIR_TEST_VALUE;
    }
    if (alternative->prefix != FHIR_PREFIX_EQ && alternative->prefix != FHIR_PREFIX_NE) {
        return FHIR_TEST_OK;
    }
    switch (fhir_decimal_range(text, arena, &alternative->low, &alternative->high)) {
    case FHIR_DECIMAL_OK:
        return FHIR_TEST_OK;
    case FHIR_DECIMAL_SIZE:
        return FHIR_TEST_SIZE;
    default:
        return FHIR_TEST_NO_MEMORY;
    }
}

/* number, number|system|code, number||unit */
static fhir_test_reason_t read_quantity(struct fhir_test_s *test, base_span_t text, uint64_t bit,
                                        base_arena_t *arena, fhir_alternative_t *alternative)
{
    base_span_t parts[3] = {{NULL, 0}};
    size_t n;
    fhir_test_reason_t reason = split_parts(text, 3, arena, parts, &n);

    if (reason != FHIR_TEST_OK) {
        return reason;
    }
    if (n == 2 || (n == 3 && parts[2].n == 0)) {
        return FHIR_TEST_VALUE;
    }
    if (n == 1) {
        test->any_code |= bit;
    } else {
        alternative->text = parts[2];
    }
    if (n == 3 && parts[1].n > 0) {
        alternative->system = parts[1];
    } else {
        test->any_system |= bit;
    }
    return read_number(test, parts[0], bit, arena, alternative);
}

static fhir_test_reason_t read_alternative(struct fhir_test_s *test, base_span_t text, uint64_t bit,
                                           base_arena_t *arena, fhir_alternative_t *alternative)
{
    static fhir_test_reason_t (*const readers[])(struct fhir_test_s *, base_span_t, uint64_t,
                                                 base_arena_t *, fhir_alternative_t *) = {
        [FHIR_TOKEN] = read_token,       [FHIR_REFERENCE] = read_reference,
        [FHIR_STRING] = read_text,       [FHIR_URI] = read_text,
        [FHIR_DATE] = read_date,         [FHIR_NUMBER] = read_number,
        [FHIR_QUANTITY] = read_quantity,
    };

    if (text.n == 0) {
        return FHIR_TEST_VALUE;
    }
    return text.n > TEXT_MAX ? FHIR_TEST_SIZE
                             : readers[test->kind](test, text, bit, arena, alternative);
}

/* At least as many as there are. */
static size_t alternatives_in(base_span_t value)
{
    size_t n = 1;

    for (size_t i = 0; i < value.n && n < FHIR_TEST_ALTERNATIVES; i++) {
        n += value.p[i] == ',' ? 1 : 0;
    }
    return n;
}

static fhir_test_reason_t read_value(struct fhir_test_s *test, base_span_t value,
                                     base_arena_t *arena)
{
    base_span_t rest = value;
    fhir_alternative_t *rows =
        base_arena_array(arena, alternatives_in(value), sizeof(fhir_alternative_t));

    if (rows == NULL) {
        return FHIR_TEST_NO_MEMORY;
    }
    test->alternatives = rows;
    while (rest.p != NULL) {
        base_span_t text = fhir_query_split(&rest);
        fhir_test_reason_t reason;

        if (test->n_alternatives == FHIR_TEST_ALTERNATIVES) {
            return FHIR_TEST_SIZE;
        }
        reason = read_alternative(test, text, UINT64_C(1) << test->n_alternatives, arena,
                                  &rows[test->n_alternatives]);
        if (reason != FHIR_TEST_OK) {
            return reason;
        }
        test->n_alternatives++;
    }
    return test->n_alternatives > 0 ? FHIR_TEST_OK : FHIR_TEST_VALUE;
}

/* All paths, or the test would find less than a server does; one at least must be judged. */
static fhir_test_reason_t read_paths(struct fhir_test_s *test, base_arena_t *arena)
{
    const fhir_paths_t *paths = &test->parameter->paths;
    fhir_place_t *places;
    unsigned blind = 0;

    if (paths->n == 0 || test->parameter->complex) {
        return FHIR_TEST_PATHS;
    }
    places = base_arena_array(arena, paths->n, sizeof(fhir_place_t));
    if (places == NULL) {
        return FHIR_TEST_NO_MEMORY;
    }
    for (unsigned i = 0; i < paths->n; i++) {
        bool is_blind;

        if (!fhir_test_place(&paths->rows[i], test->kind, &places[i], &is_blind)) {
            return FHIR_TEST_PATHS;
        }
        blind += is_blind ? 1 : 0;
    }
    test->places = places;
    test->n_places = paths->n;
    test->full = blind == 0;
    return blind < paths->n ? FHIR_TEST_OK : FHIR_TEST_PATHS;
}

fhir_test_reason_t fhir_test_compile(const fhir_parameter_t *parameter, base_span_t modifier,
                                     base_span_t value, const base_span_t *bases, size_t n_bases,
                                     base_arena_t *arena, const fhir_test_t **test)
{
    struct fhir_test_s *made;
    fhir_test_reason_t reason;

    *test = NULL;
    if (modifier.p != NULL) {
        return FHIR_TEST_MODIFIER;
    }
    if (parameter->kind == FHIR_COMPOSITE || parameter->kind == FHIR_SPECIAL) {
        return FHIR_TEST_KIND;
    }
    made = base_arena_alloc(arena, sizeof(*made));
    if (made == NULL) {
        return FHIR_TEST_NO_MEMORY;
    }
    made->parameter = parameter;
    made->kind = parameter->kind;
    made->bases = bases;
    made->n_bases = n_bases;
    reason = read_paths(made, arena);
    if (reason == FHIR_TEST_OK) {
        reason = read_value(made, value, arena);
    }
    if (reason == FHIR_TEST_OK) {
        *test = made;
    }
    return reason;
}

bool fhir_test_is_full(const fhir_test_t *test)
{
    return test->full;
}

const fhir_parameter_t *fhir_test_parameter(const fhir_test_t *test)
{
    return test->parameter;
}
