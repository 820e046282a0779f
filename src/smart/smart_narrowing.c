#include "smart/smart_narrowing.h"

#include "fhir/fhir_reference.h"

#include <string.h>

#define ITEMS_MAX ((size_t) SMART_CONSTRAINT_ITEMS + 1) /* of one alternative: the patient's, too */
#define ROWS_MAX  ((size_t) 64) /* alternatives looked at; more: nothing is said */

/* One alternative as parameters. */
typedef struct {
    smart_narrowing_item_t item[ITEMS_MAX];
    bool said[ITEMS_MAX]; /* by the narrowing */
    size_t n;
} row_t;

typedef struct {
    const smart_cover_t *cover;
    const fhir_definitions_t *definitions;
    const fhir_query_t *query; /* NULL: none */
    base_arena_t *arena;
    row_t *row;
    size_t n;
    bool full;       /* the edge evaluates every item fully */
    bool confinable; /* a patient can be said */
    smart_narrowing_item_t *out;
    size_t out_n;
    size_t differing; /* parameters that were joined of different values */
} making_t;

/* True when an alternative of a subject's value names a resource here that is not this patient. */
static bool is_another(const making_t *m, base_span_t value, base_span_t id)
{
    fhir_reference_t reference;

    fhir_reference_parse(value, &reference);
    if (reference.kind == FHIR_REFERENCE_BARE) {
        return !base_span_eq(reference.id, id);
    }
    return fhir_reference_is_own(&reference, m->cover->base->urls, m->cover->base->urls_n) &&
           (!base_span_is(reference.type, "Patient") || !base_span_eq(reference.id, id));
}

/* L5: the client asks for others alone. Where several may be named in one resource that excludes nobody. */
static bool item_excludes(const making_t *m, const fhir_item_t *item, base_span_t id)
{
    const fhir_parameter_t *parameter;
    base_span_t rest = item->value;

    if (item->chained || rest.p == NULL ||
        (item->modifier.p != NULL && !base_span_is(item->modifier, "Patient"))) {
        return false;
    }
    parameter = fhir_parameter_find(m->definitions, m->cover->type, item->code);
    if (parameter == NULL || !smart_cover_is_subject(m->cover->type, parameter)) {
        return false;
    }
    while (rest.p != NULL) {
        if (!is_another(m, fhir_query_split(&rest), id)) {
            return false;
        }
    }
    return true;
}

static bool is_excluded(const making_t *m, base_span_t id)
{
    const fhir_item_t *item;
    size_t at = 0;

    while (m->query != NULL && smart_cover_is_single(m->cover->type) &&
           (item = fhir_query_next(m->query, &at)) != NULL) {
        if (item_excludes(m, item, id)) {
            return true;
        }
    }
    return false;
}

static size_t left_of(const making_t *m, const smart_confinement_t *who)
{
    size_t n = 0, i;

    for (i = 0; who != NULL && i < who->n; i++) {
        n += is_excluded(m, who->id[i]) ? 0 : 1;
    }
    return who == NULL ? 1 : n;
}

static base_span_t write_patients(making_t *m, const smart_confinement_t *who)
{
    const char *prefix = !fhir_type_is(m->cover->type, "Patient") &&
                                 m->cover->type->narrowing.parameter != NULL &&
                                 m->cover->type->narrowing.value_has_type
                             ? "Patient/"
                             : "";
    size_t prefix_n = strlen(prefix), size = 0, i;
    unsigned char *text, *at;

    for (i = 0; i < who->n; i++) {
        size += prefix_n + who->id[i].n + 1;
    }
    text = at = size == 0 ? NULL : base_arena_alloc(m->arena, size);
    if (text == NULL) {
        return base_span_make(NULL, 0);
    }
    for (i = 0; i < who->n; i++) {
        if (is_excluded(m, who->id[i])) {
            continue;
        }
        memcpy(at, prefix, prefix_n);
        memcpy(at + prefix_n, who->id[i].p, who->id[i].n);
        at += prefix_n + who->id[i].n;
        *at++ = ',';
    }
    return base_span_make(text, (size_t) (at - text) - 1);
}

/* An alternative by its patients and its constraint; either may be none. Of one whose patients are all excluded nothing is said. */
static bool add_row(making_t *m, const smart_confinement_t *who,
                    const smart_constraint_t *constraint)
{
    const char *parameter = smart_cover_parameter(m->cover->type);
    row_t *row = &m->row[m->n];
    size_t i;

    if (left_of(m, who) == 0) {
        return true;
    }
    m->n++;
    if (who != NULL && parameter == NULL) {
        m->confinable = false;
    } else if (who != NULL) {
        row->item[row->n].name = base_span_of(parameter);
        row->item[row->n].value = write_patients(m, who);
        if (row->item[row->n++].value.p == NULL) {
            return false;
        }
    }
    for (i = 0; constraint != NULL && i < constraint->n; i++) {
        row->item[row->n].name = constraint->item[i].name;
        row->item[row->n++].value = constraint->item[i].value;
        m->full = m->full && fhir_test_is_full(constraint->item[i].test);
    }
    return true;
}

static bool add_rows(making_t *m)
{
    const smart_alternative_t *alternative;
    size_t at = 0, i;

    for (i = 0; i < m->cover->confined_n; i++) {
        if (!add_row(m, m->cover->confined[i], NULL)) {
            return false;
        }
    }
    while ((alternative = smart_cover_alternative(m->cover, &at)) != NULL) {
        if (!add_row(m, alternative->who, &alternative->constraint)) {
            return false;
        }
    }
    return true;
}

/* The position of an item of that name, and of that value unless it is absent, that is not said yet; ITEMS_MAX without. */
static size_t find(const row_t *row, base_span_t name, base_span_t value)
{
    size_t i;

    for (i = 0; i < row->n; i++) {
        if (!row->said[i] && base_span_eq(row->item[i].name, name) &&
            (value.p == NULL || base_span_eq(row->item[i].value, value))) {
            return i;
        }
    }
    return ITEMS_MAX;
}

static size_t count(const row_t *row, base_span_t name)
{
    size_t i, n = 0;

    for (i = 0; i < row->n; i++) {
        n += !row->said[i] && base_span_eq(row->item[i].name, name);
    }
    return n;
}

static void say(making_t *m, base_span_t name, base_span_t value)
{
    m->out[m->out_n].name = name;
    m->out[m->out_n++].value = value;
}

/* What every alternative says alike. */
static void say_common(making_t *m)
{
    smart_narrowing_item_t item;
    size_t i, r;

    for (i = 0; i < m->row[0].n; i++) {
        item = m->row[0].item[i];
        for (r = 0; r < m->n && find(&m->row[r], item.name, item.value) < ITEMS_MAX; r++) {
        }
        if (r < m->n || m->row[0].said[i]) {
            continue;
        }
        say(m, item.name, item.value);
        for (r = 0; r < m->n; r++) {
            m->row[r].said[find(&m->row[r], item.name, item.value)] = true;
        }
    }
}

/* True when the text is one of the comma-joined values already. */
static bool joined(base_span_t values, base_span_t value)
{
    size_t i;

    for (i = 0; i + value.n <= values.n; i++) {
        if ((i == 0 || (values.p[i - 1] == ',' && (i < 2 || values.p[i - 2] != '\\'))) &&
            (i + value.n == values.n || values.p[i + value.n] == ',') &&
            base_span_eq(base_span_sub(values, i, i + value.n), value)) {
            return true;
        }
    }
    return false;
}

static int order(base_span_t a, base_span_t b)
{
    int differs = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

    return differs != 0 ? differs : (a.n > b.n) - (a.n < b.n);
}

/* The values of one parameter, which each alternative has once; sorted, so that the order of scopes is no matter (L25). */
static size_t sorted_values(const making_t *m, base_span_t name, base_span_t *values)
{
    base_span_t value, none = {NULL, 0};
    size_t size = 0, r, i;

    for (r = 0; r < m->n; r++) {
        value = m->row[r].item[find(&m->row[r], name, none)].value;
        size += value.n + 1;
        for (i = r; i > 0 && order(values[i - 1], value) > 0; i--) {
            values[i] = values[i - 1];
        }
        values[i] = value;
    }
    return size;
}

static base_span_t join(making_t *m, base_span_t name)
{
    base_span_t values[ROWS_MAX];
    size_t size = sorted_values(m, name, values), n = 0, r;
    unsigned char *text = base_arena_alloc(m->arena, size);

    for (r = 0; text != NULL && r < m->n; r++) {
        if (joined(base_span_make(text, n), values[r])) {
            continue;
        }
        if (n > 0) {
            text[n++] = ',';
        }
        memcpy(text + n, values[r].p, values[r].n);
        n += values[r].n;
    }
    return base_span_make(text, text == NULL ? 0 : n);
}

/* A parameter that every alternative has once, with different values (C20). */
static bool say_differing(making_t *m)
{
    base_span_t name, value, none = {NULL, 0};
    size_t i, r;

    for (i = 0; i < m->row[0].n; i++) {
        name = m->row[0].item[i].name;
        for (r = 0; r < m->n && count(&m->row[r], name) == 1; r++) {
        }
        if (m->row[0].said[i] || r < m->n) {
            continue;
        }
        value = join(m, name);
        if (value.p == NULL) {
            return false;
        }
        say(m, name, value);
        m->differing++;
        for (r = 0; r < m->n; r++) {
            m->row[r].said[find(&m->row[r], name, none)] = true;
        }
    }
    return true;
}

static bool all_said(const row_t *row)
{
    size_t i;

    for (i = 0; i < row->n; i++) {
        if (!row->said[i]) {
            return false;
        }
    }
    return true;
}

/* Sound when what was said is one alternative, or the OR of all of them in one parameter. */
static bool is_sound(const making_t *m)
{
    size_t r;

    if (!m->full || !m->confinable || m->differing > 1) {
        return false;
    }
    for (r = 0; r < m->n; r++) {
        if (!all_said(&m->row[r])) {
            continue;
        }
        if (m->differing == 0) {
            return true;
        }
    }
    for (r = 0; r < m->n && all_said(&m->row[r]); r++) {
    }
    return r == m->n;
}

static int order_rows(const row_t *a, const row_t *b)
{
    size_t i;
    int differs = 0;

    for (i = 0; i < a->n && i < b->n && differs == 0; i++) {
        differs = order(a->item[i].name, b->item[i].name);
        differs = differs != 0 ? differs : order(a->item[i].value, b->item[i].value);
    }
    return differs != 0 ? differs : (a->n > b->n) - (a->n < b->n);
}

/* The first row gives the order of what is said: it is the same whatever the order of scopes (L25). */
static void put_first(making_t *m)
{
    size_t r, first = 0;
    row_t row;

    for (r = 1; r < m->n; r++) {
        first = order_rows(&m->row[r], &m->row[first]) < 0 ? r : first;
    }
    row = m->row[0];
    m->row[0] = m->row[first];
    m->row[first] = row;
}

/* L5: whom the query excludes is left out, unless nobody would be left. */
static void exclude(making_t *m)
{
    const smart_alternative_t *alternative;
    size_t at = 0, left = 0, i;

    for (i = 0; i < m->cover->confined_n; i++) {
        left += left_of(m, m->cover->confined[i]);
    }
    while ((alternative = smart_cover_alternative(m->cover, &at)) != NULL) {
        left += left_of(m, alternative->who);
    }
    m->query = left == 0 ? NULL : m->query;
}

static bool make(making_t *m, smart_narrowing_t *narrowing)
{
    size_t at = 0, n = m->cover->confined_n;

    while (smart_cover_alternative(m->cover, &at) != NULL) {
        n++;
    }
    if (n > ROWS_MAX || n == 0) {
        return true;
    }
    exclude(m);
    m->row = base_arena_array(m->arena, n, sizeof(*m->row));
    if (m->row == NULL || !add_rows(m)) {
        return false;
    }
    put_first(m);
    say_common(m);
    if (!say_differing(m)) {
        return false;
    }
    narrowing->item = m->out;
    narrowing->n = m->out_n;
    narrowing->sound = is_sound(m);
    return true;
}

bool smart_narrowing_make(const smart_cover_t *cover, const fhir_definitions_t *definitions,
                          const fhir_query_t *query, base_arena_t *arena,
                          smart_narrowing_t *narrowing)
{
    making_t m = {0};

    memset(narrowing, 0, sizeof(*narrowing));
    if (smart_cover_is_true(cover)) {
        narrowing->sound = true;
        return true;
    }
    m.cover = cover;
    m.definitions = definitions;
    m.query = query;
    m.arena = arena;
    m.full = m.confinable = true;
    m.out = base_arena_array(arena, ITEMS_MAX, sizeof(*m.out));
    return m.out != NULL && make(&m, narrowing);
}

base_reason_t smart_narrowing_append(const smart_narrowing_item_t *item, fhir_query_t *query,
                                     fhir_origin_t origin)
{
    return fhir_query_says(query, item->name, item->value)
               ? BASE_OK
               : fhir_query_append(query, origin, item->name, item->value);
}
