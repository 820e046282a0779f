#include "fhir/fhir_use.h"

#include <stddef.h>
#include <string.h>

static const struct {
    base_span_t name;
    fhir_result_t result;
} results[] = {
    {BASE_SPAN_LIT("_sort"), FHIR_RESULT_SORT},
    {BASE_SPAN_LIT("_count"), FHIR_RESULT_COUNT},
    {BASE_SPAN_LIT("_total"), FHIR_RESULT_TOTAL},
    {BASE_SPAN_LIT("_summary"), FHIR_RESULT_SUMMARY},
    {BASE_SPAN_LIT("_elements"), FHIR_RESULT_ELEMENTS},
    {BASE_SPAN_LIT("_contained"), FHIR_RESULT_CONTAINED},
    {BASE_SPAN_LIT("_containedType"), FHIR_RESULT_CONTAINED_TYPE},
    {BASE_SPAN_LIT("_type"), FHIR_RESULT_TYPE},
    {BASE_SPAN_LIT("_format"), FHIR_RESULT_FORMAT},
    {BASE_SPAN_LIT("_pretty"), FHIR_RESULT_PRETTY},
    {BASE_SPAN_LIT("_maxresults"), FHIR_RESULT_MAXRESULTS},
    {BASE_SPAN_LIT("_score"), FHIR_RESULT_SCORE},
    {BASE_SPAN_LIT("_since"), FHIR_RESULT_SINCE},
    {BASE_SPAN_LIT("_at"), FHIR_RESULT_AT},
    {BASE_SPAN_LIT("_graph"), FHIR_RESULT_GRAPH},
};

static const struct {
    base_span_t name;
    fhir_special_t special;
} specials[] = {
    {BASE_SPAN_LIT("_filter"), FHIR_SPECIAL_FILTER},
    {BASE_SPAN_LIT("_query"), FHIR_SPECIAL_QUERY},
    {BASE_SPAN_LIT("_list"), FHIR_SPECIAL_LIST},
    {BASE_SPAN_LIT("_in"), FHIR_SPECIAL_IN},
    {BASE_SPAN_LIT("_text"), FHIR_SPECIAL_TEXT},
    {BASE_SPAN_LIT("_content"), FHIR_SPECIAL_CONTENT},
};

static const struct {
    base_span_t name;
    fhir_modifier_t modifier;
} modifiers[] = {
    {BASE_SPAN_LIT("missing"), FHIR_MODIFIER_MISSING},
    {BASE_SPAN_LIT("not"), FHIR_MODIFIER_NOT},
    {BASE_SPAN_LIT("exact"), FHIR_MODIFIER_EXACT},
    {BASE_SPAN_LIT("contains"), FHIR_MODIFIER_CONTAINS},
    {BASE_SPAN_LIT("in"), FHIR_MODIFIER_IN},
    {BASE_SPAN_LIT("not-in"), FHIR_MODIFIER_NOT_IN},
    {BASE_SPAN_LIT("above"), FHIR_MODIFIER_ABOVE},
    {BASE_SPAN_LIT("below"), FHIR_MODIFIER_BELOW},
    {BASE_SPAN_LIT("of-type"), FHIR_MODIFIER_OF_TYPE},
    {BASE_SPAN_LIT("text"), FHIR_MODIFIER_TEXT},
    {BASE_SPAN_LIT("text-advanced"), FHIR_MODIFIER_TEXT},
    {BASE_SPAN_LIT("code-text"), FHIR_MODIFIER_TEXT},
    {BASE_SPAN_LIT("identifier"), FHIR_MODIFIER_IDENTIFIER},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* What is being read. */
typedef struct {
    const fhir_definitions_t *defs;
    fhir_type_set_t types; /* on which the next name is looked up */
    base_span_t rest;      /* of the name */
    fhir_use_t *use;
} reading_t;

static fhir_type_set_t only(const fhir_type_t *type)
{
    fhir_type_set_t set = {{0}};

    fhir_type_set_add(&set, type);
    return set;
}

static bool is_broken(fhir_use_t *use)
{
    use->kind = FHIR_USE_BROKEN;
    return false;
}

/* What a parameter can refer to. Where its expression chooses by type (resolve() is Patient), that
 * says more than its targets. */
static fhir_type_set_t leads_to(const fhir_definitions_t *defs, const fhir_parameter_t *parameter)
{
    fhir_type_set_t set = {{0}};

    if (parameter->kind != FHIR_REFERENCE) {
        return set;
    }
    for (unsigned i = 0; i < parameter->paths.n; i++) {
        const char *target = parameter->paths.rows[i].target;
        const fhir_type_t *type =
            target != NULL ? fhir_type_find(defs, base_span_of(target)) : NULL;

        if (type == NULL || !fhir_type_set_has(&parameter->targets, type)) {
            return parameter->targets;
        }
        fhir_type_set_add(&set, type);
    }
    return parameter->paths.n > 0 ? set : parameter->targets;
}

/*
 * Those of the set that define the parameter; the first definition of it is *parameter, and what
 * all of them refer to is added up in *targets.
 */
static fhir_type_set_t defining(const fhir_definitions_t *defs, const fhir_type_set_t *set,
                                base_span_t name, const fhir_parameter_t **parameter,
                                fhir_type_set_t *targets)
{
    fhir_type_set_t found = {{0}};
    fhir_type_set_t leading;

    *parameter = NULL;
    memset(targets, 0, sizeof(*targets));
    for (unsigned i = 0; (i = fhir_type_set_next(set, i)) < FHIR_TYPES_MAX; i++) {
        const fhir_parameter_t *row = fhir_parameter_find(defs, &defs->types[i], name);
        if (row != NULL) {
            fhir_type_set_add(&found, &defs->types[i]);
            *parameter = *parameter == NULL ? row : *parameter;
            leading = leads_to(defs, row);
            fhir_type_set_unite(targets, &leading);
        }
    }
    return found;
}

/* The hop before leads only to types that can take part in what comes. */
static bool narrow_last(reading_t *reading, const fhir_type_set_t *types)
{
    fhir_use_t *use = reading->use;

    if (use->n_hops > 0) {
        use->hops[use->n_hops - 1].to = *types;
    }
    return !fhir_type_set_is_empty(types);
}

static fhir_hop_t *new_hop(fhir_use_t *use)
{
    return use->n_hops < FHIR_USE_HOPS ? &use->hops[use->n_hops++] : NULL;
}

/* "name" or "name:Type", a '.' behind it. */
static bool read_forward(reading_t *reading, base_span_t piece)
{
    fhir_use_t *use = reading->use;
    size_t colon = base_span_find(piece, ':');
    const fhir_parameter_t *parameter;
    fhir_type_set_t targets;
    fhir_hop_t hop = {.name = base_span_sub(piece, 0, colon)};
    fhir_hop_t *row;

    hop.from = defining(reading->defs, &reading->types, hop.name, &parameter, &targets);
    if (use->n_hops == 0 && parameter == NULL) {
        return false;
    }
    if (parameter == NULL || !narrow_last(reading, &hop.from)) {
        return is_broken(use);
    }
    if (colon < piece.n) {
        hop.restriction = fhir_type_find(reading->defs, base_span_sub(piece, colon + 1, piece.n));
        if (hop.restriction == NULL || !fhir_type_set_has(&targets, hop.restriction)) {
            return is_broken(use);
        }
        targets = only(hop.restriction);
    }
    row = new_hop(use);
    if (row == NULL || fhir_type_set_is_empty(&targets)) {
        return is_broken(use);
    }
    hop.to = targets;
    *row = hop;
    reading->types = targets;
    return true;
}

static base_span_t take_colon(base_span_t *rest)
{
    return rest->p != NULL ? base_span_split(rest, ':') : base_span_make(NULL, 0);
}

/* "_has:Type:name:" before the rest. */
static bool read_reverse(reading_t *reading)
{
    fhir_use_t *use = reading->use;
    base_span_t rest = reading->rest;
    const fhir_parameter_t *parameter = NULL;
    fhir_hop_t hop = {.reverse = true};
    fhir_type_set_t targets;
    fhir_hop_t *row;

    (void) take_colon(&rest);
    hop.restriction = fhir_type_find(reading->defs, take_colon(&rest));
    hop.name = take_colon(&rest);
    if (hop.restriction != NULL && rest.n > 0) {
        parameter = fhir_parameter_find(reading->defs, hop.restriction, hop.name);
    }
    if (parameter == NULL || parameter->kind != FHIR_REFERENCE) {
        return is_broken(use);
    }
    targets = leads_to(reading->defs, parameter);
    hop.from = reading->types;
    fhir_type_set_intersect(&hop.from, &targets);
    hop.to = only(hop.restriction);
    if (!narrow_last(reading, &hop.from) || (row = new_hop(use)) == NULL) {
        return is_broken(use);
    }
    *row = hop;
    reading->types = hop.to;
    reading->rest = rest;
    return true;
}

static bool read_hops(reading_t *reading)
{
    for (;;) {
        size_t dot = base_span_find(reading->rest, '.');

        if (base_span_starts(reading->rest, "_has:")) {
            if (!read_reverse(reading)) {
                return false;
            }
        } else if (dot < reading->rest.n) {
            if (!read_forward(reading, base_span_sub(reading->rest, 0, dot))) {
                return false;
            }
            reading->rest = base_span_sub(reading->rest, dot + 1, reading->rest.n);
        } else {
            return true;
        }
    }
}

static fhir_modifier_t modifier_of(base_span_t name)
{
    for (size_t i = 0; i < COUNT(modifiers); i++) {
        if (base_span_eq(name, modifiers[i].name)) {
            return modifiers[i].modifier;
        }
    }
    return FHIR_MODIFIER_OTHER;
}

static bool read_modifier(reading_t *reading, base_span_t text, const fhir_type_set_t *targets)
{
    fhir_use_t *use = reading->use;

    use->restriction = fhir_type_find(reading->defs, text);
    if (use->restriction != NULL) {
        use->modifier = FHIR_MODIFIER_TYPE;
        return fhir_type_set_has(targets, use->restriction) ? true : is_broken(use);
    }
    use->modifier = modifier_of(text);
    return use->modifier != FHIR_MODIFIER_OTHER ? true : is_broken(use);
}

static bool is_reserved(base_span_t name);

/* The parameter that is compared in the end. */
static bool read_last(reading_t *reading)
{
    fhir_use_t *use = reading->use;
    size_t colon = base_span_find(reading->rest, ':');
    fhir_type_set_t targets;
    fhir_type_set_t found;

    use->name = base_span_sub(reading->rest, 0, colon);
    found = defining(reading->defs, &reading->types, use->name, &use->parameter, &targets);
    if (use->n_hops == 0 && use->parameter == NULL) {
        return false;
    }
    if (use->parameter == NULL || !narrow_last(reading, &found) ||
        (use->n_hops > 0 && is_reserved(use->name))) {
        return is_broken(use);
    }
    return colon == reading->rest.n ||
           read_modifier(reading, base_span_sub(reading->rest, colon + 1, reading->rest.n),
                         &targets);
}

/* All names that mean the same on every type begin so, and no other may. */
static bool begins_reserved(base_span_t name)
{
    return name.n > 0 && name.p[0] == '_';
}

/* FILTER, CHAIN, HAS; UNKNOWN where the first name is none of the type's. */
static void read_parameter(reading_t *reading, base_span_t name)
{
    fhir_use_t *use = reading->use;

    use->kind = begins_reserved(name) ? FHIR_USE_RESERVED : FHIR_USE_UNKNOWN;
    reading->rest = name;
    if (!read_hops(reading) || !read_last(reading)) {
        return;
    }
    if (use->n_hops == 0) {
        use->kind = FHIR_USE_FILTER;
    } else {
        use->kind = use->hops[0].reverse ? FHIR_USE_HAS : FHIR_USE_CHAIN;
    }
}

/* What all reference parameters of the source can lead to. */
static fhir_type_set_t all_targets(const fhir_type_t *source)
{
    fhir_type_set_t set = {{0}};

    for (unsigned i = 0; i < source->n_parameters; i++) {
        fhir_type_set_unite(&set, &source->parameters[i].targets);
    }
    for (unsigned i = 0; i < source->n_more; i++) {
        fhir_type_set_unite(&set, &source->more[i].targets);
    }
    return set;
}

/* "*" and "*:*" */
static bool read_any_source(const fhir_definitions_t *defs, base_span_t value,
                            fhir_include_t *include)
{
    include->wildcard = base_span_is(value, "*") || base_span_is(value, "*:*");
    include->returned = fhir_type_set_all(defs);
    return include->wildcard;
}

static bool read_include(const fhir_definitions_t *defs, base_span_t value, bool reverse,
                         fhir_include_t *include)
{
    base_span_t rest = value;
    const fhir_parameter_t *parameter = NULL;
    bool has_target;

    if (value.n == 0 || read_any_source(defs, value, include)) {
        return value.n > 0;
    }
    include->source = fhir_type_find(defs, take_colon(&rest));
    include->name = take_colon(&rest);
    has_target = rest.p != NULL;
    include->target = has_target ? fhir_type_find(defs, rest) : NULL;
    if (include->source == NULL || (has_target && include->target == NULL)) {
        return false;
    }
    include->wildcard = base_span_is(include->name, "*");
    if (!include->wildcard) {
        parameter = fhir_parameter_find(defs, include->source, include->name);
        if (parameter == NULL || parameter->kind != FHIR_REFERENCE) {
            return false;
        }
    }
    if (reverse) {
        include->returned = only(include->source);
    } else if (has_target) {
        include->returned = only(include->target);
    } else {
        include->returned =
            parameter != NULL ? leads_to(defs, parameter) : all_targets(include->source);
    }
    return true;
}

static bool use_include(const fhir_definitions_t *defs, const fhir_item_t *item, fhir_use_t *use)
{
    bool reverse = base_span_is(item->code, "_revinclude");

    if (!reverse && !base_span_is(item->code, "_include")) {
        return false;
    }
    memset(&use->include, 0, sizeof(use->include));
    use->kind = reverse ? FHIR_USE_REVINCLUDE : FHIR_USE_INCLUDE;
    use->include.iterate =
        base_span_is(item->modifier, "iterate") || base_span_is(item->modifier, "recurse");
    use->modifier = use->include.iterate ? FHIR_MODIFIER_ITERATE : FHIR_MODIFIER_NONE;
    if (item->chained || (item->modifier.p != NULL && !use->include.iterate) ||
        !read_include(defs, item->value, reverse, &use->include)) {
        use->kind = FHIR_USE_BROKEN;
    }
    return true;
}

static fhir_result_t result_of(base_span_t name)
{
    for (size_t i = 0; i < COUNT(results); i++) {
        if (base_span_eq(name, results[i].name)) {
            return results[i].result;
        }
    }
    return FHIR_RESULT_NONE;
}

static fhir_special_t special_of(base_span_t name)
{
    for (size_t i = 0; i < COUNT(specials); i++) {
        if (base_span_eq(name, specials[i].name)) {
            return specials[i].special;
        }
    }
    return FHIR_SPECIAL_NONE;
}

static bool is_reserved(base_span_t name)
{
    return result_of(name) != FHIR_RESULT_NONE || special_of(name) != FHIR_SPECIAL_NONE;
}

/* What has a meaning of its own, the same on every type: plain, or it is broken. */
static bool use_reserved(const fhir_item_t *item, fhir_use_t *use)
{
    use->result = result_of(item->code);
    use->special = special_of(item->code);
    if (use->result == FHIR_RESULT_NONE && use->special == FHIR_SPECIAL_NONE) {
        return false;
    }
    use->kind = use->result != FHIR_RESULT_NONE ? FHIR_USE_RESULT : FHIR_USE_SPECIAL;
    if (item->chained || item->modifier.p != NULL) {
        use->kind = FHIR_USE_BROKEN;
    }
    return true;
}

/* By the name alone, no modifier and no chain. */
static inline void use_plain(const fhir_definitions_t *defs, const fhir_type_t *type,
                             fhir_use_t *use)
{
    use->parameter = fhir_parameter_find(defs, type, use->name);
    use->kind = use->parameter != NULL       ? FHIR_USE_FILTER
                : begins_reserved(use->name) ? FHIR_USE_RESERVED
                                             : FHIR_USE_UNKNOWN;
}

/* A name with a modifier or a chain, or of a search on all types. */
static void use_composed(const fhir_definitions_t *defs, const fhir_type_t *type,
                         const fhir_item_t *item, fhir_use_t *use)
{
    reading_t reading = {.defs = defs, .use = use};

    if (type != NULL) {
        reading.types = only(type);
    } else if (item->chained || fhir_parameter_find(defs, NULL, item->code) != NULL) {
        reading.types = fhir_type_set_all(defs);
    }
    read_parameter(&reading, item->name);
}

/* Kept apart: it needs room that the usual item does not. */
__attribute__((noinline)) static void use_unusual(const fhir_definitions_t *defs,
                                                  const fhir_type_t *type, const fhir_item_t *item,
                                                  fhir_use_t *use)
{
    if (begins_reserved(item->code) && (use_include(defs, item, use) || use_reserved(item, use))) {
        return;
    }
    if (type == NULL || item->chained || item->modifier.p != NULL) {
        use_composed(defs, type, item, use);
    } else {
        use_plain(defs, type, use);
    }
}

void fhir_use_read(const fhir_definitions_t *defs, const fhir_type_t *type, const fhir_item_t *item,
                   fhir_use_t *use)
{
    memset(use, 0, offsetof(fhir_use_t, include));
    use->name = item->code;
    if (fhir_query_is_page(item->name)) {
        use->kind = FHIR_USE_PAGE;
    } else if (type == NULL || item->chained || item->modifier.p != NULL ||
               begins_reserved(item->code)) {
        use_unusual(defs, type, item, use);
    } else {
        use_plain(defs, type, use);
    }
}

void fhir_use_sort(const fhir_definitions_t *defs, const fhir_type_t *type, base_span_t *rest,
                   fhir_sort_t *sort)
{
    base_span_t text = base_span_split(rest, ',');

    memset(sort, 0, sizeof(*sort));
    sort->descending = text.n > 0 && text.p[0] == '-';
    sort->name = base_span_sub(text, sort->descending ? 1 : 0, text.n);
    sort->chained = base_span_find(sort->name, '.') < sort->name.n ||
                    base_span_find(sort->name, ':') < sort->name.n;
    if (!sort->chained) {
        sort->parameter = fhir_parameter_find(defs, type, sort->name);
    }
}

bool fhir_use_types(const fhir_definitions_t *defs, base_span_t value, fhir_type_set_t *types)
{
    base_span_t rest = value;

    memset(types, 0, sizeof(*types));
    if (value.n == 0) {
        return false;
    }
    while (rest.p != NULL) {
        const fhir_type_t *type = fhir_type_find(defs, base_span_split(&rest, ','));

        if (type == NULL) {
            return false;
        }
        fhir_type_set_add(types, type);
    }
    return true;
}
