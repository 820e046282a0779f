#include "smart/smart_parameters.h"

#include "fhir/fhir_reference.h"

#include <string.h>

/* One query being judged, and its present item. */
typedef struct {
    const smart_grants_t *grants;
    const smart_policy_t *policy;
    const fhir_query_t *query;
    smart_asking_t asking;
    const fhir_type_t *type;
    const smart_cover_t *cover;
    bool checked;
    bool confined; /* a search of a type, confined to patients */
    smart_parameters_t *out;
    const fhir_item_t *item;
    fhir_use_t *use; /* of the item */
} judging_t;

static void refuse(judging_t *j, base_reason_t reason, const char *rule)
{
    if (j->out->reason == BASE_OK) {
        j->out->reason = reason;
        j->out->rule = rule;
    }
}

/* Every type is searchable, so whatever is reached is. */
static bool all_searchable(const judging_t *j)
{
    return smart_grants_all(j->grants, SMART_S);
}

/* Goes on only where nothing can be reached that is not granted anyway. */
static void need_all(judging_t *j, const char *rule)
{
    if (!all_searchable(j)) {
        refuse(j, BASE_PARAMETER_REACH, rule);
    }
}

static bool is_granted(const smart_grants_t *grants, unsigned letter, const fhir_type_t *type)
{
    smart_cover_t cover = smart_grants_cover(grants, letter, type);

    return !smart_cover_is_empty(&cover);
}

static bool is_true(const smart_grants_t *grants, unsigned letter, const fhir_type_t *type)
{
    smart_cover_t cover = smart_grants_cover(grants, letter, type);

    return smart_cover_is_true(&cover);
}

/* The first type of the set whose s-cover is not true; NULL: they all are. */
static const fhir_type_t *untrue_type(const judging_t *j, const fhir_type_set_t *set)
{
    const fhir_definitions_t *definitions = j->policy->definitions;
    unsigned i;

    for (i = 0; (i = fhir_type_set_next(set, i)) < definitions->n_types; i++) {
        if (!is_true(j->grants, SMART_S, &definitions->types[i])) {
            return &definitions->types[i];
        }
    }
    return NULL;
}

static bool set_is(const fhir_type_set_t *set, const fhir_type_t *type)
{
    fhir_type_set_t one = {{0}};

    fhir_type_set_add(&one, type);
    return memcmp(&one, set, sizeof(one)) == 0;
}

static bool is_patient(const fhir_type_t *type)
{
    return type != NULL && fhir_type_is(type, "Patient");
}

/* L1: a search confined to one patient lends nothing to a grant of another's Patients or of what refers to them. */
static bool reaches_own(const judging_t *j, const fhir_type_t *type)
{
    base_span_t ids[SMART_CONFINED_MAX * SMART_PATIENTS_MAX];
    smart_cover_t cover = smart_grants_cover(j->grants, SMART_S, type);
    size_t n = smart_cover_patients(j->cover, ids), i;

    cover._alternative_n = 0; /* no constraint is looked at on the way */
    for (i = 0; i < n && smart_cover_has_patient(&cover, ids[i]); i++) {
    }
    return smart_cover_is_true(&cover) || (n > 0 && i == n);
}

/* C5 (a): to the patient whom the search is narrowed to anyway. */
static bool goes_to_own_patient(const judging_t *j, const fhir_hop_t *hop)
{
    const fhir_definitions_t *definitions = j->policy->definitions;
    const fhir_type_t *patient = fhir_type_find(definitions, BASE_SPAN("Patient"));
    const fhir_parameter_t *parameter = fhir_parameter_find(definitions, j->type, hop->name);

    if (j->type == NULL || patient == NULL || parameter == NULL || hop->reverse ||
        !set_is(&hop->to, patient) || !smart_cover_is_confined(j->cover) ||
        !smart_cover_is_subject(j->type, parameter) || !smart_cover_is_single(j->type)) {
        return false;
    }
    return reaches_own(j, patient);
}

/* C6, the exception: what refers to the own patient by the element that narrows it. */
static bool comes_from_own(const judging_t *j, const fhir_hop_t *hop)
{
    const fhir_parameter_t *parameter =
        fhir_parameter_find(j->policy->definitions, hop->restriction, hop->name);

    if (!is_patient(j->type) || j->use->n_hops != 1 || hop->restriction == NULL ||
        parameter == NULL || !smart_cover_is_confined(j->cover) ||
        !smart_cover_is_subject(hop->restriction, parameter)) {
        return false;
    }
    return reaches_own(j, hop->restriction);
}

static void refuse_hop(judging_t *j, const fhir_type_t *type)
{
    const char *rule = j->use->kind == FHIR_USE_HAS ? "C6" : "C5";

    if (is_granted(j->grants, SMART_S, type)) {
        refuse(j, BASE_PARAMETER_REACH, rule);
        return;
    }
    refuse(j, smart_grants_missing(j->grants, SMART_S, type, &j->out->missing), rule);
}

/* C5, C6: every type on the way needs a true s-cover. */
static void judge_hops(judging_t *j)
{
    const fhir_type_t *type;
    unsigned i;

    for (i = 0; i < j->use->n_hops; i++) {
        type = untrue_type(j, &j->use->hops[i].to);
        if (type == NULL ||
            (i == 0 && (goes_to_own_patient(j, &j->use->hops[0]) ||
                        (j->use->hops[0].reverse && comes_from_own(j, &j->use->hops[0]))))) {
            continue;
        }
        refuse_hop(j, type);
        return;
    }
}

static bool include_granted(const smart_grants_t *grants, const smart_policy_t *policy,
                            const fhir_use_t *use)
{
    const fhir_definitions_t *definitions = policy->definitions;
    const fhir_type_t *type;
    unsigned i;

    for (i = 0; (i = fhir_type_set_next(&use->include.returned, i)) < definitions->n_types; i++) {
        type = &definitions->types[i];
        if (is_granted(grants, SMART_S, type) ||
            (use->kind == FHIR_USE_INCLUDE && is_granted(grants, SMART_R, type))) {
            return true;
        }
    }
    return false;
}

static const fhir_type_t *first_type(const judging_t *j, const fhir_type_set_t *set)
{
    const fhir_definitions_t *definitions = j->policy->definitions;
    unsigned i = fhir_type_set_next(set, 0);

    return i < definitions->n_types ? &definitions->types[i] : NULL;
}

/* C2, C3 */
static void judge_include(judging_t *j)
{
    const fhir_type_t *type;
    unsigned letter = j->use->kind == FHIR_USE_INCLUDE ? SMART_R : SMART_S;

    if (!include_granted(j->grants, j->policy, j->use)) {
        type = first_type(j, &j->use->include.returned);
        j->out->dropped = true;
        if (j->policy->include_refuse && type != NULL) {
            refuse(j, smart_grants_missing(j->grants, letter, type, &j->out->missing), "C2");
        }
        return;
    }
    j->out->includes = true;
    if (j->use->kind == FHIR_USE_INCLUDE) {
        fhir_type_set_unite(&j->out->included, &j->use->include.returned);
    }
}

/* C12, C6: by the type's own parameters; by a chain where everything may be searched. */
static void judge_sort(judging_t *j)
{
    base_span_t rest = j->item->value;
    fhir_sort_t sort;

    while (rest.p != NULL) {
        fhir_use_sort(j->policy->definitions, j->type, &rest, &sort);
        if (sort.chained) {
            need_all(j, "C5");
        } else if (sort.parameter == NULL && j->checked) {
            refuse(j, BASE_PARAMETER_REFUSED, "C12");
        }
    }
}

static void judge_count(judging_t *j)
{
    uint64_t count;

    if (!base_span_uint(j->item->value, &count)) {
        refuse(j, BASE_PARAMETER_REFUSED, "C12");
    } else if (count == 0) {
        j->out->counts = true;
    }
}

static void judge_summary(judging_t *j)
{
    static const char *const values[] = {"true", "text", "data", "false"};
    size_t i;

    if (base_span_is(j->item->value, "count") && j->asking != SMART_ASK_READ) {
        j->out->counts = true;
        return;
    }
    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (base_span_is(j->item->value, values[i])) {
            return;
        }
    }
    refuse(j, BASE_PARAMETER_REFUSED, "C14");
}

/* C10 */
static void judge_contained(judging_t *j)
{
    if (!base_span_is(j->item->value, "false")) {
        need_all(j, "C10");
    }
}

/* C11: at type level it could only broaden; at system level smart_decide reads it. */
static void judge_type(judging_t *j)
{
    fhir_type_set_t types;

    if (!fhir_use_types(j->policy->definitions, j->item->value, &types)) {
        refuse(j, BASE_PARAMETER_REFUSED, "C11");
    } else if (j->type != NULL && !set_is(&types, j->type)) {
        need_all(j, "C11");
    }
}

static void pass(judging_t *j)
{
    (void) j;
}

static void judge_graph(judging_t *j)
{
    if (!smart_grants_all(j->grants, SMART_R | SMART_S)) {
        refuse(j, BASE_PARAMETER_REACH, "C10");
    }
}

#define IN_SEARCH   1u
#define IN_READ     2u
#define IN_HISTORY  4u
#define IN_CRITERIA 8u
#define IN_PLAIN    16u
#define IN_ANSWERS  (IN_SEARCH | IN_READ | IN_HISTORY)
#define IN_LISTS    (IN_SEARCH | IN_HISTORY)
#define IN_ALL      (IN_ANSWERS | IN_CRITERIA | IN_PLAIN)

/* Parameters that shape an answer, and where they may. */
static const struct {
    fhir_result_t result;
    unsigned where;
    void (*judge)(judging_t *j);
} results[] = {
    {FHIR_RESULT_SORT, IN_LISTS, judge_sort},
    {FHIR_RESULT_COUNT, IN_LISTS, judge_count},
    {FHIR_RESULT_TOTAL, IN_LISTS, pass},
    {FHIR_RESULT_SUMMARY, IN_ANSWERS, judge_summary},
    {FHIR_RESULT_ELEMENTS, IN_ANSWERS, pass},
    {FHIR_RESULT_CONTAINED, IN_SEARCH, judge_contained},
    {FHIR_RESULT_CONTAINED_TYPE, IN_SEARCH, judge_contained},
    {FHIR_RESULT_TYPE, IN_LISTS, judge_type},
    {FHIR_RESULT_FORMAT, IN_ALL, pass},
    {FHIR_RESULT_PRETTY, IN_ALL, pass},
    {FHIR_RESULT_MAXRESULTS, IN_SEARCH, pass},
    {FHIR_RESULT_SCORE, IN_SEARCH, pass},
    {FHIR_RESULT_SINCE, IN_HISTORY, pass},
    {FHIR_RESULT_AT, IN_HISTORY, pass},
    {FHIR_RESULT_GRAPH, IN_SEARCH, judge_graph},
};

/* Plain: with a modifier it would be broken. */
static void judge_result(judging_t *j)
{
    size_t i;

    for (i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        if (results[i].result == j->use->result && (results[i].where >> j->asking & 1) != 0) {
            results[i].judge(j);
            return;
        }
    }
    refuse(j, BASE_PARAMETER_REFUSED, "C1");
}

/* r or s on whatever the name is of (C9), without looking at the instance. */
static bool list_is_granted(const judging_t *j, const char *name)
{
    const fhir_type_t *type = fhir_type_find(j->policy->definitions, base_span_of(name));

    return type == NULL || is_true(j->grants, SMART_R, type) || is_true(j->grants, SMART_S, type);
}

bool smart_parameters_listed(const smart_policy_t *policy, const fhir_item_t *item,
                             base_span_t *value, const fhir_type_t **type, base_span_t *id)
{
    base_span_t name = base_span_is(item->code, "_list") ? BASE_SPAN("List") : BASE_SPAN("");
    fhir_reference_t reference;

    if (value->p == NULL) {
        return false;
    }
    fhir_reference_parse(fhir_query_split(value), &reference);
    if (reference.kind == FHIR_REFERENCE_RELATIVE && name.n == 0 && reference.vid.p == NULL &&
        (base_span_is(reference.type, "CareTeam") || base_span_is(reference.type, "Group") ||
         base_span_is(reference.type, "List"))) {
        name = reference.type;
    } else if (reference.kind != FHIR_REFERENCE_BARE || name.n == 0) {
        *type = NULL;
        return true;
    }
    *type = fhir_type_find(policy->definitions, name);
    *id = reference.id;
    return true;
}

/* C9: each instance that is named is granted, or can be looked at first. Only a search of a type does that. */
static void judge_listed(judging_t *j)
{
    base_span_t value = j->item->value, id;
    const fhir_type_t *type;

    while (smart_parameters_listed(j->policy, j->item, &value, &type, &id)) {
        if (type == NULL || j->item->modifier.p != NULL ||
            (!is_granted(j->grants, SMART_R, type) && !is_granted(j->grants, SMART_S, type))) {
            refuse(j, BASE_PARAMETER_REFUSED, "C9");
        }
    }
    if (j->asking != SMART_ASK_SEARCH || j->type == NULL) {
        refuse(j, BASE_PARAMETER_REFUSED, "C9");
    }
    j->out->lists = true;
}

static void judge_list(judging_t *j)
{
    if (base_span_starts(j->item->value, "$current-")) {
        if (j->type == NULL) {
            need_all(j, "C9");
        }
    } else if (!list_is_granted(j, "List")) {
        judge_listed(j);
    }
}

static void judge_special(judging_t *j)
{
    switch (j->use->special) {
    case FHIR_SPECIAL_FILTER:
        need_all(j, "C7");
        break;
    case FHIR_SPECIAL_LIST:
        judge_list(j);
        break;
    case FHIR_SPECIAL_IN:
        if (!list_is_granted(j, "CareTeam") || !list_is_granted(j, "Group") ||
            !list_is_granted(j, "List")) {
            judge_listed(j);
        }
        break;
    case FHIR_SPECIAL_TEXT:
    case FHIR_SPECIAL_CONTENT:
        break;
    default:
        refuse(j, BASE_PARAMETER_REFUSED, "C8");
    }
}

bool smart_parameters_is_page(const smart_policy_t *policy, base_span_t name)
{
    size_t i;

    for (i = 0; i < policy->page_parameters_n; i++) {
        if (base_span_eq(policy->page_parameters[i], name)) {
            return true;
        }
    }
    return fhir_query_is_page(name);
}

/* What a page's link says: which page it is, and what shapes the answer. */
static bool is_of_page(const smart_policy_t *policy, const fhir_item_t *item)
{
    static const fhir_result_t shapes[] = {FHIR_RESULT_COUNT,   FHIR_RESULT_TOTAL,
                                           FHIR_RESULT_SUMMARY, FHIR_RESULT_ELEMENTS,
                                           FHIR_RESULT_FORMAT,  FHIR_RESULT_PRETTY};
    fhir_use_t use;
    size_t i;

    if (smart_parameters_is_page(policy, item->name)) {
        return true;
    }
    fhir_use_read(policy->definitions, NULL, item, &use);
    for (i = 0; use.kind == FHIR_USE_RESULT && i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if (use.result == shapes[i]) {
            return true;
        }
    }
    return use.kind == FHIR_USE_INCLUDE || use.kind == FHIR_USE_REVINCLUDE;
}

bool smart_parameters_of_page(const smart_policy_t *policy, const fhir_query_t *query)
{
    const fhir_item_t *item;
    size_t at = 0;

    while ((item = fhir_query_next(query, &at)) != NULL) {
        if (!is_of_page(policy, item)) {
            return false;
        }
    }
    return true;
}

/* C1: a filter can only make an answer smaller; what begins with '_' could do anything. */
static void judge_unknown(judging_t *j)
{
    if (j->item->chained || j->item->modifier.p != NULL) {
        need_all(j, "C1");
    } else if (j->use->kind == FHIR_USE_RESERVED) {
        refuse(j, BASE_PARAMETER_UNKNOWN, "C1");
    }
}

/* True when a bare id can only be a Patient's: FHIR's `patient` parameters list Group as well, and yet read Patients alone. */
static bool takes_patients_only(const fhir_parameter_t *parameter)
{
    unsigned i;

    if (strcmp(parameter->name, "patient") == 0) {
        return true;
    }
    for (i = 0; i < parameter->paths.n; i++) {
        if (parameter->paths.rows[i].target == NULL ||
            strcmp(parameter->paths.rows[i].target, "Patient") != 0) {
            return false;
        }
    }
    return i > 0;
}

/* True when one alternative of a subject-type parameter names a Patient other than those of the cover (C15, C18). */
static bool alternative_is_other(const smart_cover_t *cover, const fhir_use_t *use,
                                 base_span_t value)
{
    fhir_reference_t reference;

    if (smart_cover_has_patient(cover, value)) {
        return false;
    }
    fhir_reference_parse(value, &reference);
    if (reference.kind == FHIR_REFERENCE_BARE) {
        return use->modifier == FHIR_MODIFIER_TYPE || is_patient(cover->type) ||
               takes_patients_only(use->parameter);
    }
    return base_span_is(reference.type, "Patient") &&
           fhir_reference_is_own(&reference, cover->base->urls, cover->base->urls_n) &&
           !smart_cover_has_patient(cover, reference.id);
}

/* C15: of a search that is confined to patients. */
static bool is_other_patient(const judging_t *j)
{
    const fhir_use_t *use = j->use;
    base_span_t rest = j->item->value;

    if (!smart_cover_is_subject(j->type, use->parameter) ||
        (use->modifier != FHIR_MODIFIER_NONE &&
         (use->modifier != FHIR_MODIFIER_TYPE || !is_patient(use->restriction))) ||
        smart_cover_has_patient(j->cover, rest)) { /* as most say it: one bare id */
        return false;
    }
    while (rest.p != NULL) {
        if (alternative_is_other(j->cover, use, fhir_query_split(&rest))) {
            return true;
        }
    }
    return false;
}

/* What a search may ask; reads and histories have less. */
static void judge_search_item(judging_t *j)
{
    switch (j->use->kind) {
    case FHIR_USE_FILTER:
        if (j->confined && is_other_patient(j)) {
            j->out->other_patient = true;
        }
        break;
    case FHIR_USE_CHAIN:
    case FHIR_USE_HAS:
        judge_hops(j);
        break;
    case FHIR_USE_INCLUDE:
    case FHIR_USE_REVINCLUDE:
        judge_include(j);
        break;
    case FHIR_USE_SPECIAL:
        judge_special(j);
        break;
    case FHIR_USE_UNKNOWN:
    case FHIR_USE_RESERVED:
        judge_unknown(j);
        break;
    default:
        refuse(j, BASE_PARAMETER_REFUSED, "C1");
    }
}

/* L13: what selects resources; what the server does not understand could select others. */
static void judge_criterion(judging_t *j)
{
    switch (j->use->kind) {
    case FHIR_USE_FILTER:
        break;
    case FHIR_USE_CHAIN:
    case FHIR_USE_HAS:
        judge_hops(j);
        break;
    default:
        refuse(j, BASE_PARAMETER_REFUSED, "L13");
    }
}

/* L10: on an instance, filters feed nothing. */
static void judge_read_item(judging_t *j)
{
    if (j->use->kind == FHIR_USE_RESERVED) {
        refuse(j, BASE_PARAMETER_UNKNOWN, "C1");
    } else if (j->asking != SMART_ASK_READ ||
               (j->use->kind != FHIR_USE_FILTER && j->use->kind != FHIR_USE_UNKNOWN) ||
               j->item->chained || j->item->modifier.p != NULL) {
        refuse(j, BASE_PARAMETER_REFUSED, "C1");
    }
}

/* By its whole name, or by what stands before a modifier. */
static bool is_page(const judging_t *j)
{
    if (j->use->kind == FHIR_USE_PAGE) {
        return true;
    }
    return (j->policy->page_parameters_n > 0 || j->item->code.n != j->item->name.n) &&
           smart_parameters_is_page(j->policy, j->item->code);
}

static void judge_item(judging_t *j)
{
    if (j->item->value.p == NULL) {
        refuse(j, BASE_PARAMETER_REFUSED, "C1");
    } else if (is_page(j)) {
        if (j->asking == SMART_ASK_CRITERIA || j->asking == SMART_ASK_PLAIN) {
            refuse(j, BASE_PARAMETER_REFUSED, "L20");
        }
        j->out->page = true;
    } else if (j->use->kind == FHIR_USE_RESULT) {
        judge_result(j);
    } else if (j->asking == SMART_ASK_SEARCH) {
        judge_search_item(j);
    } else if (j->asking == SMART_ASK_CRITERIA) {
        judge_criterion(j);
    } else {
        judge_read_item(j);
    }
}

/* C1, C13: a number cannot be checked entry by entry, so nothing may be among what is counted that was not understood. */
static void judge_counting(judging_t *j)
{
    const fhir_item_t *item;
    size_t at = 0;

    while ((item = fhir_query_next(j->query, &at)) != NULL) {
        fhir_use_read(j->policy->definitions, j->type, item, j->use);
        if (j->use->kind == FHIR_USE_UNKNOWN) {
            refuse(j, BASE_NOT_NARROWABLE, "C1");
        }
    }
}

void smart_parameters_judge(const smart_grants_t *grants, const smart_policy_t *policy,
                            const fhir_query_t *query, smart_asking_t asking,
                            const fhir_type_t *type, const smart_cover_t *cover,
                            smart_parameters_t *out)
{
    judging_t j = {0};
    fhir_use_t use;
    size_t at = 0;

    memset(out, 0, sizeof(*out));
    out->rule = "L2";
    j.grants = grants;
    j.policy = policy;
    j.query = query;
    j.asking = asking;
    j.type = type;
    j.cover = cover;
    j.checked = cover != NULL && !smart_cover_is_true(cover);
    j.confined = j.checked && asking == SMART_ASK_SEARCH && smart_cover_is_confined(cover);
    j.out = out;
    j.use = &use;
    while ((j.item = fhir_query_next(query, &at)) != NULL) {
        fhir_use_read(policy->definitions, type, j.item, &use);
        judge_item(&j);
    }
    if (j.checked && out->counts) {
        judge_counting(&j);
    }
}

void smart_parameters_filter(const smart_grants_t *grants, const smart_policy_t *policy,
                             const fhir_type_t *type, fhir_query_t *query)
{
    fhir_item_t *item;
    fhir_use_t use;
    size_t at = 0;

    while ((item = fhir_query_next(query, &at)) != NULL) {
        fhir_use_read(policy->definitions, type, item, &use);
        if ((use.kind == FHIR_USE_INCLUDE || use.kind == FHIR_USE_REVINCLUDE) &&
            !include_granted(grants, policy, &use)) {
            fhir_query_remove(query, item);
        }
    }
}

/* True when the comma list names the element. */
static bool lists(base_span_t value, base_span_t element)
{
    while (value.p != NULL) {
        if (base_span_eq(base_span_split(&value, ','), element)) {
            return true;
        }
    }
    return false;
}

static base_reason_t add_elements(const fhir_lens_t *lens, base_arena_t *arena, base_span_t *value)
{
    unsigned bits = lens == NULL ? 0 : fhir_lens_bits(lens), i;
    size_t size = value->n + sizeof(",id");
    unsigned char *text;

    for (i = 0; i < bits; i++) {
        size += fhir_lens_element(lens, i).n + 1;
    }
    text = base_arena_alloc(arena, size);
    if (text == NULL) {
        return BASE_NO_MEMORY;
    }
    memcpy(text, value->p, value->n);
    *value = base_span_make(text, value->n);
    for (i = 0; i <= bits; i++) {
        base_span_t element = i < bits ? fhir_lens_element(lens, i) : BASE_SPAN("id");

        if (!lists(*value, element)) {
            text[value->n++] = ',';
            memcpy(text + value->n, element.p, element.n);
            value->n += element.n;
        }
    }
    return BASE_OK;
}

static base_reason_t open_elements(const fhir_lens_t *lens, bool includes, base_arena_t *arena,
                                   fhir_query_t *query, fhir_item_t *item)
{
    fhir_origin_t origin = item->origin;
    base_span_t value = item->value;
    base_reason_t reason;

    if (includes) {
        fhir_query_remove(query, item);
        return BASE_OK;
    }
    reason = add_elements(lens, arena, &value);
    if (reason != BASE_OK || base_span_eq(value, item->value)) {
        return reason;
    }
    fhir_query_remove(query, item);
    return fhir_query_append(query, origin, BASE_SPAN("_elements"), value);
}

base_reason_t smart_parameters_open(const fhir_lens_t *lens, bool includes, base_arena_t *arena,
                                    fhir_query_t *query)
{
    fhir_item_t *item;
    size_t at = 0, n = query->n;
    base_reason_t reason = BASE_OK;

    while (reason == BASE_OK && at < n && (item = fhir_query_next(query, &at)) != NULL) {
        if (base_span_is(item->name, "_elements")) {
            reason = open_elements(lens, includes, arena, query, item);
        } else if (base_span_is(item->name, "_summary") &&
                   (base_span_is(item->value, "true") || base_span_is(item->value, "text"))) {
            fhir_query_remove(query, item);
        }
    }
    return reason;
}
