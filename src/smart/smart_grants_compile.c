#include "smart/smart_grants_own.h"

#include <string.h>

/* An alternative and the one after it: how many there are is known when all are compiled. */
typedef struct link_s {
    smart_alternative_t alternative;
    struct link_s *next;
} link_t;

/* Grants in the making. */
typedef struct {
    smart_grants_t *grants;
    const smart_claims_t *claims;
    smart_user_rule_t user;
    base_arena_t *arena;
    link_t *first;
    link_t **last;
} making_t;

static fhir_type_set_t set_both(fhir_type_set_t a, fhir_type_set_t b)
{
    fhir_type_set_intersect(&a, &b);
    return a;
}

/* The own base with its URLs as fhir_reference wants them: no trailing slash. */
static bool copy_base(smart_base_t *to, const smart_base_t *base, base_arena_t *arena)
{
    base_span_t *urls = base_arena_array(arena, base->urls_n, sizeof(*urls));
    base_span_t url;
    size_t i;

    for (i = 0; urls != NULL && i < base->urls_n; i++) {
        url = base->urls[i];
        while (url.n > 0 && url.p[url.n - 1] == '/') {
            url.n--;
        }
        urls[i] = base_arena_copy(arena, url);
        if (urls[i].p == NULL) {
            return false;
        }
    }
    to->path = base_span_make(NULL, 0);
    to->urls = urls;
    to->urls_n = base->urls_n;
    return urls != NULL;
}

/* True when both bases mean the same references; the path does not matter to grants. */
static bool same_urls(const smart_base_t *copied, const smart_base_t *base)
{
    base_span_t url;
    size_t i;

    if (copied->urls_n != base->urls_n) {
        return false;
    }
    for (i = 0; i < base->urls_n; i++) {
        url = base->urls[i];
        while (url.n > 0 && url.p[url.n - 1] == '/') {
            url.n--;
        }
        if (!base_span_eq(copied->urls[i], url)) {
            return false;
        }
    }
    return true;
}

/* The types a scope names. `named`: by name, not by '*'. */
static smart_scope_state_t scope_types(const smart_scope_t *scope,
                                       const fhir_definitions_t *definitions,
                                       fhir_type_set_t *types, bool *named)
{
    const fhir_type_t *type;

    memset(types, 0, sizeof(*types));
    *named = !base_span_is(scope->type, "*");
    if (!*named) {
        *types = fhir_type_set_all(definitions);
        return SMART_SCOPE_GOOD;
    }
    type = fhir_type_find(definitions, scope->type);
    if (type == NULL) {
        return fhir_type_is_abstract(definitions, scope->type) ? SMART_SCOPE_TYPE_ABSTRACT
                                                               : SMART_SCOPE_TYPE_UNKNOWN;
    }
    fhir_type_set_add(types, type);
    return SMART_SCOPE_GOOD;
}

static bool set_is_empty(fhir_type_set_t set)
{
    return fhir_type_set_is_empty(&set);
}

/* D8; what not even '*' names is left out (D5). */
static fhir_type_set_t shared_types(const smart_grants_t *grants, fhir_type_set_t types, bool named)
{
    return set_both(types, named ? grants->policy->shared : grants->policy->shared_unnamed);
}

/* Types by type scope alone. */
static void grant_all(smart_grants_t *grants, unsigned letters, fhir_type_set_t types)
{
    unsigned at;

    for (at = 0; at < SMART_LETTERS; at++) {
        if ((letters & (1u << at)) != 0) {
            fhir_type_set_unite(&grants->granted[at], &types);
        }
    }
}

/* B8: what an export may hold, once both letters are there. */
static void grant_system(smart_grants_t *grants, unsigned letters, fhir_type_set_t types)
{
    if ((letters & SMART_R) != 0) {
        fhir_type_set_unite(&grants->system_read, &types);
    }
    if ((letters & SMART_S) != 0) {
        fhir_type_set_unite(&grants->system_search, &types);
    }
}

/* B11: in no compartment, so by what refers to it, or by the scope alone. */
static void grant_binary(smart_grants_t *grants, unsigned letters)
{
    fhir_type_set_t raw = {{0}};

    grants->binary |= letters;
    if (grants->policy->binary == SMART_BINARY_SCOPE) {
        fhir_type_set_add(&raw, grants->policy->raw);
        grant_all(grants, letters & SMART_R, raw);
    }
}

/* A grant confined to patients: members of their compartment; shared types to read and search (D8), Endpoint only by name (D5). */
static void grant_confined(smart_grants_t *grants, unsigned by, unsigned letters,
                           fhir_type_set_t types, bool named)
{
    fhir_type_set_t reached;
    unsigned at;

    for (at = 0; at < SMART_LETTERS; at++) {
        if ((letters & (1u << at)) != 0) {
            reached = set_both(types, grants->policy->reached[at]);
            fhir_type_set_unite(&grants->confined[by].types[at], &reached);
        }
    }
    grant_all(grants, letters & (SMART_R | SMART_S), shared_types(grants, types, named));
    if (fhir_type_set_has(&types, grants->policy->raw)) {
        grant_binary(grants, letters);
    }
}

static bool add_alternative(making_t *m, const smart_confinement_t *who, unsigned letters,
                            fhir_type_set_t types, const smart_constraint_t *constraint)
{
    link_t *link;

    if (letters == 0 || set_is_empty(types)) {
        return true;
    }
    link = base_arena_alloc(m->arena, sizeof(*link));
    if (link == NULL) {
        return false;
    }
    link->alternative.who = who;
    link->alternative.letters = letters;
    link->alternative.types = types;
    link->alternative.constraint = *constraint;
    *m->last = link;
    m->last = &link->next;
    m->grants->alternative_n++;
    return true;
}

/* The confinement of a scope: SMART_BY_PATIENT, SMART_BY_USER, or SMART_CONFINED_MAX for none. */
static unsigned confined_by(const making_t *m, const smart_scope_t *scope)
{
    if (scope->context == SMART_PATIENT) {
        return SMART_BY_PATIENT;
    }
    return scope->context == SMART_USER && m->user.confined ? SMART_BY_USER : SMART_CONFINED_MAX;
}

/* The same with a constraint (A20: it qualifies every letter). */
static bool grant_constrained(making_t *m, const smart_scope_t *scope, fhir_type_set_t types,
                              bool named, const smart_constraint_t *constraint)
{
    static const unsigned kinds[] = {SMART_R | SMART_S, SMART_C, SMART_U, SMART_D};
    unsigned by = confined_by(m, scope);
    size_t i;

    if (by == SMART_CONFINED_MAX) {
        return add_alternative(m, NULL, scope->letters, types, constraint);
    }
    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!add_alternative(m, &m->grants->confined[by].who, scope->letters & kinds[i],
                             set_both(types, m->grants->policy->reached[smart_letter_at(kinds[i])]),
                             constraint)) {
            return false;
        }
    }
    return add_alternative(m, NULL, scope->letters & (SMART_R | SMART_S),
                           shared_types(m->grants, types, named), constraint);
}

/* False when the type surely lacks the constraint's first parameter; saves compiling for it. */
static bool may_have(const smart_scope_t *scope, const fhir_definitions_t *definitions,
                     const fhir_type_t *type)
{
    base_span_t text = scope->constraint;
    base_span_t name = base_span_sub(text, 0, base_span_find(text, '='));

    return base_span_find(name, '%') < name.n || base_span_find(name, ':') < name.n ||
           base_span_find(name, '.') < name.n ||
           fhir_parameter_find(definitions, type, name) != NULL;
}

/* A21: by each type that has the parameters; where one has them not, nothing is granted. */
static smart_scope_state_t grant_each(making_t *m, const smart_scope_t *scope)
{
    const fhir_definitions_t *definitions = m->grants->policy->definitions;
    smart_scope_state_t state, best = SMART_SCOPE_PARAMETER_UNKNOWN;
    smart_constraint_t constraint;
    fhir_type_set_t one;
    unsigned i;

    for (i = 0; i < definitions->n_types; i++) {
        if (!may_have(scope, definitions, &definitions->types[i])) {
            continue;
        }
        state = smart_constraint_compile(scope->constraint, definitions, &definitions->types[i],
                                         &m->grants->base, m->arena, &constraint);
        if (state == SMART_SCOPE_STATE_COUNT || state == SMART_SCOPE_RESULT_PARAMETER ||
            state == SMART_SCOPE_EXPERIMENTAL) {
            return state;
        }
        if (state == SMART_SCOPE_GOOD) {
            memset(&one, 0, sizeof(one));
            fhir_type_set_add(&one, &definitions->types[i]);
            if (!grant_constrained(m, scope, one, false, &constraint)) {
                return SMART_SCOPE_STATE_COUNT;
            }
        }
        best = state == SMART_SCOPE_PARAMETER_UNKNOWN || best == SMART_SCOPE_GOOD ? best : state;
    }
    return best;
}

static smart_scope_state_t compile_constrained(making_t *m, const smart_scope_t *scope,
                                               fhir_type_set_t types, bool named)
{
    const fhir_definitions_t *definitions = m->grants->policy->definitions;
    const fhir_type_t *type = fhir_type_find(definitions, scope->type); /* NULL: '*' */
    smart_constraint_t constraint;
    smart_scope_state_t state = smart_constraint_compile(scope->constraint, definitions, type,
                                                         &m->grants->base, m->arena, &constraint);

    if (state == SMART_SCOPE_PARAMETER_UNKNOWN && type == NULL) {
        return grant_each(m, scope);
    }
    if (state == SMART_SCOPE_GOOD && !grant_constrained(m, scope, types, named, &constraint)) {
        return SMART_SCOPE_STATE_COUNT;
    }
    return state;
}

static smart_scope_state_t patient_state(const smart_grants_t *grants, const smart_claims_t *claims)
{
    if (grants->confined[SMART_BY_PATIENT].who.n > 0) {
        return SMART_SCOPE_GOOD;
    }
    return claims->patient_n > 0 || claims->patient_void ? SMART_SCOPE_PATIENT_VOID
                                                         : SMART_SCOPE_NO_PATIENT;
}

/* What its context asks of the token. */
static smart_scope_state_t context_state(const making_t *m, const smart_scope_t *scope)
{
    if (scope->context == SMART_PATIENT) {
        return patient_state(m->grants, m->claims);
    }
    return scope->context == SMART_USER ? m->user.refused : SMART_SCOPE_GOOD;
}

/* `named`: the token names the type. */
static smart_scope_state_t grant_scope(making_t *m, const smart_scope_t *scope, bool named)
{
    fhir_type_set_t types;
    bool by_name;
    unsigned by = confined_by(m, scope);
    smart_scope_state_t state =
        scope_types(scope, m->grants->policy->definitions, &types, &by_name);

    if (state != SMART_SCOPE_GOOD) {
        return state;
    }
    m->grants->unconfined = m->grants->unconfined || by == SMART_CONFINED_MAX;
    if (scope->constraint.p != NULL) {
        return compile_constrained(m, scope, types, named);
    }
    if (scope->context == SMART_SYSTEM) {
        grant_system(m->grants, scope->letters, types);
    }
    if (by == SMART_CONFINED_MAX) {
        grant_all(m->grants, scope->letters, types);
    } else {
        grant_confined(m->grants, by, scope->letters, types, named);
    }
    return SMART_SCOPE_GOOD;
}

/* Both constraints, all of whose items must hold (A19). */
static bool join_constraints(making_t *m, smart_scope_t *scope, base_span_t more)
{
    base_span_t first = scope->constraint;
    unsigned char *text;

    if (more.p == NULL || first.p == NULL) {
        scope->constraint = more.p == NULL ? first : more;
        return true;
    }
    text = base_arena_alloc(m->arena, first.n + more.n + 1);
    if (text == NULL) {
        return false;
    }
    memcpy(text, first.p, first.n);
    text[first.n] = '&';
    memcpy(text + first.n + 1, more.p, more.n);
    scope->constraint = base_span_make(text, first.n + more.n + 1);
    return true;
}

/* What of the scope is below one scope of the policy's ceiling. */
static smart_scope_state_t grant_below(making_t *m, const smart_scope_t *scope,
                                       const smart_scope_t *ceiling)
{
    smart_scope_t cut = *scope;
    bool named = !base_span_is(scope->type, "*");

    cut.letters &= ceiling->letters;
    if (!named) {
        cut.type = ceiling->type;
    }
    if (ceiling->context != scope->context || cut.letters == 0 ||
        (!base_span_is(ceiling->type, "*") && !base_span_eq(ceiling->type, cut.type))) {
        return SMART_SCOPE_ABOVE_CEILING;
    }
    return join_constraints(m, &cut, ceiling->constraint) ? grant_scope(m, &cut, named)
                                                          : SMART_SCOPE_STATE_COUNT;
}

/* One scope: what it grants, or why nothing; SMART_SCOPE_STATE_COUNT: no memory. */
static smart_scope_state_t compile_scope(making_t *m, const smart_scope_t *scope)
{
    const smart_policy_t *policy = m->grants->policy;
    smart_scope_state_t state = scope->state, best = SMART_SCOPE_ABOVE_CEILING;
    fhir_type_set_t types;
    bool named;
    size_t i;

    if (state == SMART_SCOPE_GOOD) {
        state = scope_types(scope, policy->definitions, &types, &named);
    }
    if (state == SMART_SCOPE_GOOD) {
        state = context_state(m, scope);
    }
    if (state != SMART_SCOPE_GOOD || policy->ceiling_n == 0) {
        return state == SMART_SCOPE_GOOD ? grant_scope(m, scope, named) : state;
    }
    for (i = 0; i < policy->ceiling_n; i++) {
        state = grant_below(m, scope, &policy->ceiling[i]);
        if (state == SMART_SCOPE_STATE_COUNT) {
            return state;
        }
        best = state == SMART_SCOPE_ABOVE_CEILING || best == SMART_SCOPE_GOOD ? best : state;
    }
    return best;
}

static bool compile_scopes(making_t *m)
{
    smart_grants_t *grants = m->grants;
    smart_alternative_t *alternative;
    const link_t *link;
    size_t i;

    for (i = 0; i < grants->scope_n; i++) {
        grants->state[i] = compile_scope(m, &grants->scope[i]);
        if (grants->state[i] == SMART_SCOPE_STATE_COUNT) {
            return false;
        }
    }
    alternative = base_arena_array(m->arena, grants->alternative_n, sizeof(*alternative));
    if (alternative == NULL) {
        return false;
    }
    grants->alternative = alternative;
    for (link = m->first; link != NULL; link = link->next) {
        *alternative++ = link->alternative;
    }
    return true;
}

static smart_grants_t *compile(const smart_principal_t *principal, const smart_policy_t *policy,
                               const smart_base_t *base, base_arena_t *arena)
{
    smart_grants_t *grants = base_arena_alloc(arena, sizeof(*grants));
    making_t m = {grants, &principal->claims, {SMART_SCOPE_GOOD, false}, arena, NULL, NULL};

    if (grants == NULL || !copy_base(&grants->base, base, arena)) {
        return NULL;
    }
    grants->principal = principal;
    grants->policy = policy;
    grants->scope = principal->scope;
    grants->scope_n = principal->scope_n;
    grants->state = base_arena_array(arena, grants->scope_n, sizeof(*grants->state));
    if (grants->state == NULL) {
        return NULL;
    }
    grants->confined[SMART_BY_PATIENT].who.n = smart_context_patients(
        &principal->claims, &grants->base, grants->confined[SMART_BY_PATIENT].who.id);
    m.last = &m.first;
    m.user = smart_grants_user(grants, &principal->claims);
    return compile_scopes(&m) ? grants : NULL;
}

const smart_grants_t *smart_grants_compile(smart_principal_t *principal,
                                           const smart_policy_t *policy, const smart_base_t *base,
                                           base_arena_t *arena)
{
    smart_grants_t *grants;
    size_t i;

    for (i = 0; i < principal->grants_n; i++) {
        grants = principal->grants[i];
        if (grants->policy == policy && same_urls(&grants->base, base)) {
            return grants;
        }
    }
    if (principal->grants_n == SMART_PRINCIPAL_GRANTS_MAX) {
        return compile(principal, policy, base, arena);
    }
    grants = compile(principal, policy, base, principal->arena);
    if (grants != NULL) {
        principal->grants[principal->grants_n++] = grants;
        return grants;
    }
    return compile(principal, policy, base, arena);
}
