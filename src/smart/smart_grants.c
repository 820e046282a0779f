#include "smart/smart_principal_own.h"

#include <string.h>

enum { BY_PATIENT, BY_USER };

#define WORDS (FHIR_TYPES_MAX / 64)

typedef struct {
    fhir_type_set_t types[SMART_LETTERS];
    smart_confinement_t who;
} confined_t;

/* An alternative and the one after it: how many there are is known when all are compiled. */
typedef struct link_s {
    smart_alternative_t alternative;
    struct link_s *next;
} link_t;

struct smart_grants_s {
    const smart_policy_t *policy;
    smart_base_t base;
    fhir_type_set_t granted[SMART_LETTERS]; /* unconditionally */
    confined_t confined[SMART_CONFINED_MAX];
    const smart_alternative_t *alternative;
    size_t alternative_n;
    bool unconfined; /* some scope is not a patient's */
    const smart_scope_t *scope;
    smart_scope_state_t *state;
    size_t scope_n;
};

/* What a kind of user may do with user/ scopes. */
typedef struct {
    smart_scope_state_t refused; /* GOOD: not */
    bool confined;
} user_rule_t;

/* Grants in the making. */
typedef struct {
    smart_grants_t *grants;
    const smart_claims_t *claims;
    user_rule_t user;
    base_arena_t *arena;
    link_t *first;
    link_t **last;
} making_t;

static void set_unite(fhir_type_set_t *to, fhir_type_set_t more)
{
    unsigned i;

    for (i = 0; i < WORDS; i++) {
        to->w[i] |= more.w[i];
    }
}

static fhir_type_set_t set_both(fhir_type_set_t a, fhir_type_set_t b)
{
    unsigned i;

    for (i = 0; i < WORDS; i++) {
        a.w[i] &= b.w[i];
    }
    return a;
}

static void set_without(fhir_type_set_t *set, const fhir_definitions_t *definitions,
                        const char *name)
{
    const fhir_type_t *type = fhir_type_find(definitions, base_span_of(name));

    if (type != NULL) {
        set->w[type->index / 64] &= ~((uint64_t) 1 << (type->index % 64));
    }
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

static bool is_among(const smart_confinement_t *who, base_span_t id)
{
    size_t i;

    for (i = 0; i < who->n; i++) {
        if (base_span_eq(who->id[i], id)) {
            return true;
        }
    }
    return false;
}

static user_rule_t user_refused(smart_scope_state_t why)
{
    return (user_rule_t){why, false};
}

static user_rule_t user_confined(void)
{
    return (user_rule_t){SMART_SCOPE_GOOD, true};
}

/* L22: where the policy says so, a launch patient confines user/ as well; a void one leaves nothing. */
static user_rule_t user_passes(smart_grants_t *grants, const smart_claims_t *claims)
{
    if (!grants->policy->user_context_confine ||
        (claims->patient_n == 0 && !claims->patient_void)) {
        return (user_rule_t){SMART_SCOPE_GOOD, false};
    }
    grants->confined[BY_USER].who = grants->confined[BY_PATIENT].who;
    return grants->confined[BY_USER].who.n > 0 ? user_confined()
                                               : user_refused(SMART_SCOPE_PATIENT_VOID);
}

/* D13: user/ of a patient is what patient/ of that patient is. */
static user_rule_t user_is_patient(smart_grants_t *grants, const smart_claims_t *claims,
                                   base_span_t id)
{
    bool launched = claims->patient_n > 0 || claims->patient_void;

    if (grants->policy->user_patient_pass) {
        return user_passes(grants, claims);
    }
    if (grants->policy->user_context_confine && launched &&
        !is_among(&grants->confined[BY_PATIENT].who, id)) {
        return user_refused(SMART_SCOPE_USER_REFUSED);
    }
    grants->confined[BY_USER].who.id[0] = id;
    grants->confined[BY_USER].who.n = 1;
    return user_confined();
}

/* D13. A Patient or RelatedPerson of another base is nobody whom we know (L0). */
static user_rule_t judge_user(smart_grants_t *grants, const smart_claims_t *claims)
{
    static const char *const passing[] = {"Practitioner", "PractitionerRole", "Organization",
                                          "Device"};
    smart_user_t user;
    size_t i;

    if (!smart_context_user(claims, &grants->base, &user)) {
        return claims->fhir_user.p == NULL && !claims->fhir_user_void &&
                       grants->policy->user_unknown_pass
                   ? user_passes(grants, claims)
                   : user_refused(SMART_SCOPE_USER_UNKNOWN);
    }
    for (i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
        if (base_span_is(user.type, passing[i])) {
            return user_passes(grants, claims);
        }
    }
    if (base_span_is(user.type, "Patient")) {
        return user.foreign ? user_refused(SMART_SCOPE_USER_UNKNOWN)
                            : user_is_patient(grants, claims, user.id);
    }
    if (!base_span_is(user.type, "RelatedPerson") || user.foreign) {
        return user_refused(user.foreign ? SMART_SCOPE_USER_UNKNOWN : SMART_SCOPE_USER_REFUSED);
    }
    grants->confined[BY_USER].who = grants->confined[BY_PATIENT].who;
    return grants->confined[BY_USER].who.n > 0 ? user_confined()
                                               : user_refused(SMART_SCOPE_USER_REFUSED);
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
    if (fhir_type_is_abstract(definitions, scope->type)) {
        return SMART_SCOPE_TYPE_ABSTRACT;
    }
    type = fhir_type_find(definitions, scope->type);
    if (type == NULL) {
        return SMART_SCOPE_TYPE_UNKNOWN;
    }
    fhir_type_set_add(types, type);
    return SMART_SCOPE_GOOD;
}

static bool set_is_empty(fhir_type_set_t set)
{
    return fhir_type_set_is_empty(&set);
}

static fhir_type_set_t shared_types(const smart_grants_t *grants, fhir_type_set_t types, bool named)
{
    fhir_type_set_t shared = set_both(types, grants->policy->shared);

    if (!named) {
        set_without(&shared, grants->policy->definitions, "Endpoint");
    }
    return shared;
}

/* Types by type scope alone. */
static void grant_all(smart_grants_t *grants, unsigned letters, fhir_type_set_t types)
{
    unsigned at;

    for (at = 0; at < SMART_LETTERS; at++) {
        if ((letters & (1u << at)) != 0) {
            set_unite(&grants->granted[at], types);
        }
    }
}

/* D5, D6, D10: what no patient's grant creates, updates or deletes. */
static const struct {
    const char *type;
    unsigned letters;
} unwritten[] = {
    {"Patient", SMART_C | SMART_D},
    {"Provenance", SMART_U | SMART_D},
    {"AuditEvent", SMART_C | SMART_U | SMART_D},
    {"Group", SMART_C | SMART_U | SMART_D},
};

/* Of the types, those that a patient's grant reaches with the letter. */
static fhir_type_set_t members_of(const smart_grants_t *grants, fhir_type_set_t types,
                                  unsigned letter)
{
    fhir_type_set_t members = set_both(types, grants->policy->members);
    size_t i;

    for (i = 0; i < sizeof(unwritten) / sizeof(unwritten[0]); i++) {
        if ((unwritten[i].letters & letter) != 0) {
            set_without(&members, grants->policy->definitions, unwritten[i].type);
        }
    }
    return members;
}

/* A grant confined to patients: members of their compartment; shared types to read and search (D8), Endpoint only by name (D5). */
static void grant_confined(smart_grants_t *grants, unsigned by, unsigned letters,
                           fhir_type_set_t types, bool named)
{
    unsigned at;

    for (at = 0; at < SMART_LETTERS; at++) {
        if ((letters & (1u << at)) != 0) {
            set_unite(&grants->confined[by].types[at], members_of(grants, types, 1u << at));
        }
    }
    grant_all(grants, letters & (SMART_R | SMART_S), shared_types(grants, types, named));
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

/* The confinement of a scope: BY_PATIENT, BY_USER, or SMART_CONFINED_MAX for none. */
static unsigned confined_by(const making_t *m, const smart_scope_t *scope)
{
    if (scope->context == SMART_PATIENT) {
        return BY_PATIENT;
    }
    return scope->context == SMART_USER && m->user.confined ? BY_USER : SMART_CONFINED_MAX;
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
                             members_of(m->grants, types, kinds[i]), constraint)) {
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
    if (grants->confined[BY_PATIENT].who.n > 0) {
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
    grants->policy = policy;
    grants->scope = principal->scope;
    grants->scope_n = principal->scope_n;
    grants->state = base_arena_array(arena, grants->scope_n, sizeof(*grants->state));
    if (grants->state == NULL) {
        return NULL;
    }
    grants->confined[BY_PATIENT].who.n = smart_context_patients(
        &principal->claims, &grants->base, grants->confined[BY_PATIENT].who.id);
    m.last = &m.first;
    m.user = judge_user(grants, &principal->claims);
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

/* Position of a letter's bit. */
static unsigned letter_at(unsigned letter)
{
    unsigned at = 0;

    while (at + 1 < SMART_LETTERS && (letter & (1u << at)) == 0) {
        at++;
    }
    return at;
}

smart_cover_t smart_grants_cover(const smart_grants_t *grants, unsigned letter,
                                 const fhir_type_t *type)
{
    smart_cover_t cover = {0};
    unsigned at = letter_at(letter), by;

    cover.type = type;
    cover.letter = letter;
    cover.base = &grants->base;
    cover.is_true = fhir_type_set_has(&grants->granted[at], type);
    cover.linked = letter == SMART_R && grants->policy->linked_patients_allow;
    cover.rule =
        letter == SMART_R && !grants->policy->membership_strict ? FHIR_FORMAL : FHIR_STRICT;
    for (by = 0; !cover.is_true && by < SMART_CONFINED_MAX; by++) {
        if (fhir_type_set_has(&grants->confined[by].types[at], type)) {
            cover.confined[cover.confined_n++] = &grants->confined[by].who;
        }
    }
    cover._alternative = grants->alternative;
    cover._alternative_n = grants->alternative_n;
    return cover;
}

bool smart_grants_all(const smart_grants_t *grants, unsigned letters)
{
    fhir_type_set_t all = fhir_type_set_all(grants->policy->definitions);
    unsigned at;

    for (at = 0; at < SMART_LETTERS; at++) {
        if ((letters & (1u << at)) != 0 && memcmp(&grants->granted[at], &all, sizeof(all)) != 0) {
            return false;
        }
    }
    return true;
}

const smart_base_t *smart_grants_base(const smart_grants_t *grants)
{
    return &grants->base;
}

bool smart_grants_any(const smart_grants_t *grants, unsigned letters)
{
    unsigned at, by;
    size_t i;

    for (at = 0; at < SMART_LETTERS; at++) {
        if ((letters & (1u << at)) == 0) {
            continue;
        }
        if (!fhir_type_set_is_empty(&grants->granted[at])) {
            return true;
        }
        for (by = 0; by < SMART_CONFINED_MAX; by++) {
            if (!fhir_type_set_is_empty(&grants->confined[by].types[at])) {
                return true;
            }
        }
    }
    for (i = 0; i < grants->alternative_n; i++) {
        if ((grants->alternative[i].letters & letters) != 0) {
            return true;
        }
    }
    return false;
}

bool smart_grants_each(const smart_grants_t *grants, unsigned letters)
{
    fhir_type_set_t all = fhir_type_set_all(grants->policy->definitions), either = {{0}};
    unsigned at;

    for (at = 0; at < SMART_LETTERS; at++) {
        if ((letters & (1u << at)) != 0) {
            set_unite(&either, grants->granted[at]);
        }
    }
    return memcmp(&either, &all, sizeof(all)) == 0;
}

bool smart_grants_wildcard(const smart_grants_t *grants, unsigned letters)
{
    size_t i;

    for (i = 0; grants->policy->ceiling_n == 0 && i < grants->scope_n; i++) {
        if (grants->state[i] == SMART_SCOPE_GOOD && (grants->scope[i].letters & letters) != 0 &&
            base_span_is(grants->scope[i].type, "*")) {
            return true;
        }
    }
    return false;
}

bool smart_grants_are_confined(const smart_grants_t *grants)
{
    return !grants->unconfined;
}

/* What a void scope that would otherwise fit tells, the most telling first. A good one that grants nothing: the type's class. */
static const struct {
    smart_scope_state_t state;
    base_reason_t reason;
} tellings[] = {
    {SMART_SCOPE_GOOD, BASE_TYPE_NOT_PATIENT_LEVEL},
    {SMART_SCOPE_NO_PATIENT, BASE_PATIENT_MISSING},
    {SMART_SCOPE_PATIENT_VOID, BASE_PATIENT_MISSING},
    {SMART_SCOPE_USER_UNKNOWN, BASE_USER_UNKNOWN},
    {SMART_SCOPE_USER_REFUSED, BASE_USER_REFUSED},
    {SMART_SCOPE_RESULT_PARAMETER, BASE_SCOPE_CONSTRAINED},
    {SMART_SCOPE_EXPERIMENTAL, BASE_SCOPE_CONSTRAINED},
    {SMART_SCOPE_PARAMETER_UNKNOWN, BASE_SCOPE_CONSTRAINED},
    {SMART_SCOPE_NOT_EVALUABLE, BASE_SCOPE_CONSTRAINED},
};

#define TELLINGS_N (sizeof(tellings) / sizeof(tellings[0]))

/* The state of a scope, seen from one type: what a ceiling cut off, or what A21 leaves out, is no matter of the type's class. */
static smart_scope_state_t state_for(const smart_grants_t *grants, size_t i,
                                     const fhir_type_t *type)
{
    if (grants->state[i] != SMART_SCOPE_GOOD) {
        return grants->state[i];
    }
    if (grants->policy->ceiling_n > 0) {
        return SMART_SCOPE_ABOVE_CEILING;
    }
    return grants->scope[i].constraint.p != NULL &&
                   (fhir_type_set_has(&grants->policy->members, type) ||
                    fhir_type_set_has(&grants->policy->shared, type))
               ? SMART_SCOPE_PARAMETER_UNKNOWN
               : SMART_SCOPE_GOOD;
}

static base_reason_t telling_reason(const smart_grants_t *grants, unsigned letter,
                                    const fhir_type_t *type)
{
    const smart_scope_t *scope;
    size_t best = TELLINGS_N, t, i;

    for (i = 0; i < grants->scope_n; i++) {
        scope = &grants->scope[i];
        if ((scope->letters & letter) == 0 ||
            (!base_span_is(scope->type, "*") && !base_span_is(scope->type, type->name))) {
            continue;
        }
        for (t = 0; t < best; t++) {
            if (state_for(grants, i, type) == tellings[t].state) {
                best = t;
            }
        }
    }
    return best < TELLINGS_N ? tellings[best].reason : BASE_SCOPE_MISSING;
}

/* I3: named by the first context in which the token has a resource scope. */
static void name_missing(const smart_grants_t *grants, unsigned letter, base_span_t type,
                         smart_missing_t *missing)
{
    size_t i;

    missing->context = SMART_CONTEXT_COUNT;
    for (i = 0; i < grants->scope_n; i++) {
        if (grants->scope[i].state != SMART_SCOPE_OTHER &&
            grants->scope[i].context < missing->context) {
            missing->context = grants->scope[i].context;
        }
    }
    if (missing->context == SMART_CONTEXT_COUNT) {
        missing->context = SMART_PATIENT;
    }
    missing->type = type;
    missing->letter = letter;
}

base_reason_t smart_grants_missing(const smart_grants_t *grants, unsigned letter,
                                   const fhir_type_t *type, smart_missing_t *missing)
{
    base_reason_t reason = telling_reason(grants, letter, type);

    memset(missing, 0, sizeof(*missing));
    if (reason == BASE_SCOPE_MISSING || reason == BASE_SCOPE_CONSTRAINED) {
        name_missing(grants, letter, base_span_of(type->name), missing);
    }
    return reason;
}

void smart_grants_missing_any(const smart_grants_t *grants, unsigned letter,
                              smart_missing_t *missing)
{
    name_missing(grants, letter, BASE_SPAN("*"), missing);
}

const smart_scope_t *smart_grants_scopes(const smart_grants_t *grants,
                                         const smart_scope_state_t **states, size_t *n)
{
    *states = grants->state;
    *n = grants->scope_n;
    return grants->scope;
}
