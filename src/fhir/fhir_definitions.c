#include "fhir/fhir_definitions.h"

#include "base/base_word.h"
#include "fhir/fhir_definitions_tables.h"
#include "fhir/fhir_path.h"
#include "fhir/fhir_test.h"

#include <string.h>

static const fhir_definitions_t *const versions[FHIR_VERSION_COUNT] = {
    &fhir_definitions_r4, &fhir_definitions_r4b, &fhir_definitions_r5};

const fhir_definitions_t *fhir_definitions_of(fhir_version_t version)
{
    return versions[(unsigned) version < FHIR_VERSION_COUNT ? version : FHIR_R4];
}

bool fhir_version_find(base_span_t name, fhir_version_t *version)
{
    for (unsigned i = 0; i < FHIR_VERSION_COUNT; i++) {
        if (base_span_is(name, versions[i]->name)) {
            *version = (fhir_version_t) i;
            return true;
        }
    }
    return false;
}

/*
 * Where an index has a name, which is not empty: by its beginning, end and length, and a factor by which no two names of the table fall together,
 * which the generator found. What a name from outside falls on is compared with it.
 */
static inline unsigned slot_of(const fhir_index_t *index, base_span_t name)
{
    const unsigned char *p = name.p, *end = name.p + name.n;
    uint64_t first, last;

    if (name.n >= 8) {
        first = base_word_load8(p);
        last = base_word_load8(end - 8);
    } else if (name.n >= 4) {
        first = base_word_load4(p);
        last = base_word_load4(end - 4);
    } else {
        first = p[0];
        last = (uint64_t) p[name.n >> 1] << 8 | end[-1];
    }
    last ^= name.n;
    return index->slots[((first * index->factor) ^ last) * index->factor >> index->shift];
}

/* What two ends of eight octets do not cover is left to memcmp. */
static inline bool has_name(const char *text, unsigned n, base_span_t name)
{
    const unsigned char *p = (const unsigned char *) text, *q = name.p;

    if (n != name.n) {
        return false;
    }
    if (n >= 8 && n <= 16) {
        return base_word_load8(p) == base_word_load8(q) &&
               base_word_load8(p + n - 8) == base_word_load8(q + n - 8);
    }
    return memcmp(p, q, n) == 0;
}

const fhir_type_t *fhir_type_find(const fhir_definitions_t *defs, base_span_t name)
{
    unsigned row = name.n > 0 ? slot_of(&defs->type_index, name) : 0;
    const fhir_type_t *type = row > 0 ? &defs->types[row - 1] : NULL;

    return type != NULL && has_name(type->name, type->name_n, name) ? type : NULL;
}

bool fhir_type_is_abstract(const fhir_definitions_t *defs, base_span_t name)
{
    for (unsigned i = 0; i < defs->n_abstracts; i++) {
        if (base_span_is(name, defs->abstracts[i])) {
            return true;
        }
    }
    return false;
}

static inline const fhir_parameter_t *parameter_in(const fhir_parameter_t *rows,
                                                   const fhir_index_t *index, base_span_t name)
{
    unsigned row = index->slots != NULL ? slot_of(index, name) : 0;
    const fhir_parameter_t *parameter = row > 0 ? &rows[row - 1] : NULL;

    return parameter != NULL && has_name(parameter->name, parameter->name_n, name) ? parameter
                                                                                   : NULL;
}

/* Those of guides and of the policy are few. */
static const fhir_parameter_t *further_parameter(const fhir_type_t *type, base_span_t name)
{
    for (unsigned i = 0; i < type->n_more; i++) {
        if (has_name(type->more[i].name, type->more[i].name_n, name)) {
            return &type->more[i];
        }
    }
    return NULL;
}

const fhir_parameter_t *fhir_parameter_find(const fhir_definitions_t *defs, const fhir_type_t *type,
                                            base_span_t name)
{
    const fhir_parameter_t *found = NULL;

    if (name.n == 0) {
        return NULL;
    }
    if (type != NULL) {
        found = parameter_in(type->parameters, &type->parameter_index, name);
        if (found != NULL) {
            return found;
        }
        found = further_parameter(type, name);
    }
    return found != NULL ? found : parameter_in(defs->common, &defs->common_index, name);
}

fhir_type_set_t fhir_type_set_all(const fhir_definitions_t *defs)
{
    fhir_type_set_t set;
    unsigned left = defs->n_types;

    for (unsigned i = 0; i < FHIR_TYPES_MAX / 64; i++) {
        set.w[i] = left >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << left) - 1;
        left -= left >= 64 ? 64 : left;
    }
    return set;
}

static const char *const kinds[] = {
    [FHIR_TOKEN] = "token",       [FHIR_REFERENCE] = "reference", [FHIR_STRING] = "string",
    [FHIR_URI] = "uri",           [FHIR_DATE] = "date",           [FHIR_NUMBER] = "number",
    [FHIR_QUANTITY] = "quantity", [FHIR_COMPOSITE] = "composite", [FHIR_SPECIAL] = "special"};

static const char no_memory[] = "memory is short";

static bool kind_find(base_span_t name, fhir_kind_t *kind)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (base_span_is(name, kinds[i])) {
            *kind = (fhir_kind_t) i;
            return true;
        }
    }
    return false;
}

/* Letters, digits, '-' and '_', a letter first: no modifier, no chain, none of FHIR's own names. */
static bool name_is_fine(base_span_t name)
{
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = name.p[i];
        unsigned char lower = c | 0x20;
        bool letter = lower >= 'a' && lower <= 'z';

        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '-' || c == '_'))) {
            return false;
        }
    }
    return name.n > 0 && name.n <= 64;
}

/* "names|datatype|target" */
static const char *read_addition_path(const fhir_definitions_t *defs, base_span_t text,
                                      fhir_kind_t kind, base_arena_t *arena, fhir_path_t *path)
{
    base_span_t rest = text;
    base_span_t parts[3] = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    const char **const texts[] = {&path->text, &path->datatype, &path->target};
    fhir_steps_t steps;

    for (size_t i = 0; i < 3 && rest.p != NULL; i++) {
        parts[i] = base_span_split(&rest, '|');
        *texts[i] = parts[i].n > 0 ? (const char *) base_arena_copy(arena, parts[i]).p : NULL;
        if (parts[i].n > 0 && *texts[i] == NULL) {
            return no_memory;
        }
    }
    if (rest.p != NULL || path->text == NULL || !fhir_path_read(path->text, &steps)) {
        return "the path cannot be read, it must be like "
               "\"extension[]{url=http://example.org/vip}.valueCode|code\"";
    }
    if (text.p[0] >= 'A' && text.p[0] <= 'Z') {
        return "the path begins with an element, not with a type";
    }
    if (path->datatype != NULL && !fhir_test_judges(kind, parts[1])) {
        return "values of that datatype are not compared as that kind; without it the parameter "
               "can "
               "be searched by, but not be a constraint";
    }
    return path->target == NULL || fhir_type_find(defs, parts[2]) != NULL ? NULL
                                                                          : "unknown target type";
}

/* One path more to those that there are. */
static const char *add_path(const fhir_definitions_t *defs, fhir_parameter_t *row,
                            const fhir_path_t *path, base_arena_t *arena)
{
    fhir_path_t *rows = base_arena_array(arena, row->paths.n + 1, sizeof(fhir_path_t));
    const fhir_type_t *target =
        path->target != NULL ? fhir_type_find(defs, base_span_of(path->target)) : NULL;

    if (rows == NULL) {
        return no_memory;
    }
    if (row->paths.n > 0) {
        memcpy(rows, row->paths.rows, row->paths.n * sizeof(fhir_path_t));
    }
    rows[row->paths.n++] = *path;
    row->paths.rows = rows;
    if (row->kind != FHIR_REFERENCE) {
        return NULL;
    }
    if (target != NULL) {
        fhir_type_set_add(&row->targets, target);
    } else {
        row->targets = fhir_type_set_all(defs);
    }
    return NULL;
}

/* Puts it among the type's further parameters, where it belongs by its name; its namesake goes. */
static bool put(fhir_type_t *type, const fhir_parameter_t *parameter, base_arena_t *arena)
{
    fhir_parameter_t *rows = base_arena_array(arena, type->n_more + 1, sizeof(fhir_parameter_t));
    unsigned n = 0;
    unsigned from = 0;

    if (rows == NULL) {
        return false;
    }
    while (from < type->n_more && strcmp(type->more[from].name, parameter->name) < 0) {
        rows[n++] = type->more[from++];
    }
    rows[n++] = *parameter;
    if (from < type->n_more && strcmp(type->more[from].name, parameter->name) == 0) {
        from++;
    }
    while (from < type->n_more) {
        rows[n++] = type->more[from++];
    }
    type->more = rows;
    type->n_more = n;
    return true;
}

/* What the addition is by itself: its kind, name and path. */
static const char *read_addition(const fhir_definitions_t *base, const fhir_addition_t *addition,
                                 base_arena_t *arena, fhir_parameter_t *parameter,
                                 fhir_path_t *path)
{
    const fhir_type_t *type = fhir_type_find(base, addition->type);

    if (type == NULL) {
        return "unknown resource type";
    }
    if (!name_is_fine(addition->name)) {
        return "the name must be letters, digits, \"-\" and \"_\", a letter first";
    }
    if (!kind_find(addition->kind, &parameter->kind)) {
        return "unknown kind, it must be token, reference, string, uri, date, number, quantity, "
               "composite or special";
    }
    if (fhir_parameter_find(base, type, addition->name) != NULL) {
        return "the parameter is defined already, by FHIR or by US Core";
    }
    parameter->name = (const char *) base_arena_copy(arena, addition->name).p;
    parameter->name_n = (unsigned) addition->name.n;
    return parameter->name != NULL
               ? read_addition_path(base, addition->path, parameter->kind, arena, path)
               : no_memory;
}

/* `base`: the definitions without additions, where a name that is found is taken. */
static const char *add(const fhir_definitions_t *base, const fhir_definitions_t *made,
                       fhir_type_t *types, const fhir_addition_t *addition, base_arena_t *arena)
{
    fhir_parameter_t parameter = {0};
    fhir_path_t path = {NULL, NULL, NULL};
    const char *wrong = read_addition(base, addition, arena, &parameter, &path);
    const fhir_parameter_t *twin;
    fhir_type_t *type;

    if (wrong != NULL) {
        return wrong;
    }
    type = &types[fhir_type_find(base, addition->type)->index];
    twin = fhir_parameter_find(made, type, addition->name);
    if (twin != NULL && twin->kind != parameter.kind) {
        return "the parameter is of another kind in an entry above";
    }
    parameter = twin != NULL ? *twin : parameter;
    wrong = add_path(base, &parameter, &path, arena);
    if (wrong != NULL) {
        return wrong;
    }
    return put(type, &parameter, arena) ? NULL : no_memory;
}

const char *fhir_definitions_with(const fhir_definitions_t *defs, const fhir_addition_t *additions,
                                  size_t n, base_arena_t *arena, const fhir_definitions_t **out,
                                  size_t *at)
{
    fhir_definitions_t *made = base_arena_alloc(arena, sizeof(*made));
    fhir_type_t *types = base_arena_array(arena, defs->n_types, sizeof(*types));

    *out = NULL;
    *at = 0;
    if (made == NULL || types == NULL) {
        return no_memory;
    }
    memcpy(types, defs->types, defs->n_types * sizeof(*types));
    *made = *defs;
    made->types = types;
    for (; *at < n; (*at)++) {
        const char *wrong = add(defs, made, types, &additions[*at], arena);

        if (wrong != NULL) {
            return wrong;
        }
    }
    *out = made;
    return NULL;
}
