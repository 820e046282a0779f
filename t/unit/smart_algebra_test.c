/* The invariants of RULES L25, on random tokens and requests (seeded: SMART_SEED chooses another run). */

#include "unit.h"

#include "smart_stage.h"

#define ROUNDS     2000
#define SCOPES_MAX 6

static const char *const scopes[] = {
    "patient/*.rs",
    "patient/*.cruds",
    "patient/Observation.r",
    "patient/Observation.s",
    "patient/Observation.rs",
    "patient/Patient.rs",
    "patient/Practitioner.r",
    "patient/Endpoint.r",
    "patient/Group.rs",
    "patient/Observation.sr",
    "patient/Foo.rs",
    "patient/Observation.rs?code=x",
    "user/*.rs",
    "user/*.cruds",
    "user/Observation.r",
    "user/Observation.s",
    "user/Observation.cu",
    "user/Patient.rs",
    "user/*.read",
    "system/Observation.r",
    "system/Observation.rs",
    "system/Patient.s",
    "system/*.s",
    "system/Observation.crud",
    "openid",
    "launch/patient",
    "offline_access",
    "user/Device.rs",
    "patient/Observation.rs?code=y",
    "patient/Observation.rs?status=final&code=x",
    "patient/Observation.rs?status=final",
    "user/Observation.rs?code=x",
    "user/Observation.r?code=y",
    "system/Observation.rs?status=final",
    "patient/*.rs?_tag=t",
    "patient/Device.rs",
    "patient/Provenance.rs",
    "patient/Observation.u",
    "patient/Observation.cud?code=x",
    "patient/Observation.us?status=final",
    "user/Observation.cuds?code=y",
    "system/Observation.d?code=x",
    "patient/Patient.u",
};

static const char *const requests[] = {
    "GET /Observation/1",
    "GET /Observation?code=x",
    "GET /Observation?patient=p1",
    "GET /Observation?patient=p9",
    "GET /Observation?subject=Patient/p1,Patient/p9",
    "GET /Observation?subject:Patient=p9&_summary=count",
    "GET /Patient/p1",
    "GET /Patient/p9",
    "GET /Patient?name=x",
    "GET /Patient?_id=p1",
    "GET /Practitioner/1",
    "GET /Endpoint/1",
    "GET /Group/1",
    "GET /Device/1",
    "GET /Observation/1/_history",
    "HEAD /Observation/1",
    "DELETE /Observation/1",
    "GET /Observation?_format=xml",
    "GET /Observation?subject=Group/1",
    "GET /Condition/1",
    "GET /Observation?_include=Observation:subject",
    "GET /Observation?_revinclude=Provenance:target&_elements=code",
    "GET /Observation?patient.name=x",
    "GET /Observation?foo=x&_summary=true",
    "GET /?_type=Observation,Patient",
    "GET /Patient/p1/Observation",
    "GET /Patient/p1/$everything",
    "GET /?_getpages=x",
    "GET /Device?type=x",
    /* operations */
    "GET /Observation/$lastn?max=1",
    "GET /Observation/$stats?subject=p1",
    "GET /Observation/$includes?includesCt=x",
    "GET /Observation/1/$meta",
    "POST /Observation/1/$meta-add",
    "POST /Observation/2/$meta-add",
    "POST /Observation/$lastn",
    "POST /Observation/$stats",
    "POST /Observation/$validate",
    "POST /Observation/1/$validate",
    "POST /Patient/p1/$everything",
    /* writes */
    "POST /Observation",
    "PUT /Observation/1",
    "PUT /Observation/2",
    "PUT /Observation/new",
    "PUT /Observation?identifier=q",
    "PATCH /Observation/1",
    "PATCH /Observation/2",
    "DELETE /Observation/2",
    "DELETE /Observation?identifier=q",
    "PUT /Patient/p1",
};

#define WRITES 10u /* the last of them */

#define OBSERVATION(id, patient, code)                                                             \
    "{\"resourceType\":\"Observation\",\"id\":\"" id "\",\"status\":\"final\",\"meta\":{"          \
    "\"versionId\":\"1\"},\"code\":{\"coding\":[{\"code\":\"" code "\"}]},\"subject\":{"           \
    "\"reference\":\"Patient/" patient "\"}}"

/* What is stored, and what is to be written, one of them by chance. */
static const char *const stored[][2] = {
    {"/Observation/1", OBSERVATION("1", "p1", "x")},
    {"/Observation/2", OBSERVATION("2", "p9", "y")},
    {"/Patient/p1", "{\"resourceType\":\"Patient\",\"id\":\"p1\",\"meta\":{\"versionId\":\"1\"}}"},
};
static const char *const found = "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[{"
                                 "\"resource\":" OBSERVATION("1", "p1", "x") "}]}";
static const char *const written[] = {
    OBSERVATION("1", "p1", "x"),   OBSERVATION("1", "p1", "y"),
    OBSERVATION("2", "p9", "y"),   OBSERVATION("2", "p1", "y"),
    OBSERVATION("new", "p1", "x"), "{\"resourceType\":\"Patient\",\"id\":\"p1\"}",
};
static const char *const patches[] = {
    "[{\"op\":\"add\",\"path\":\"/note\",\"value\":[]}]",
    "[{\"op\":\"replace\",\"path\":\"/code/coding/0/code\",\"value\":\"y\"}]",
    "[{\"op\":\"replace\",\"path\":\"/subject/reference\",\"value\":\"Patient/p1\"}]",
};

static const char *const parameters[] = {
    "",
    "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"subject\",\"valueUri\":"
    "\"Patient/p1\"}]}",
    "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"patient\",\"valueId\":\"p9\"}]}",
    OBSERVATION("1", "p1", "x"),
};

static const char *const bodies[] = {
    "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/p1\"}}",
    "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/p9\"}}",
    "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/p5\"}}",
    "{\"resourceType\":\"Patient\",\"id\":\"p1\"}",
    "{\"resourceType\":\"Patient\",\"id\":\"p9\"}",
    "{\"resourceType\":\"Group\",\"id\":\"1\",\"member\":[{\"entity\":{\"reference\":\"Patient/"
    "p1\"}}]}",
    "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[{\"resource\":{"
    "\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/p1\"}}}]}",
    "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[{\"resource\":{"
    "\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/p9\"}}}]}",
    "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[{\"resource\":{"
    "\"resourceType\":\"Patient\",\"id\":\"p1\"}}]}",
    "{\"resourceType\":\"Observation\",\"id\":\"1\",\"status\":\"final\",\"code\":{\"coding\":[{"
    "\"code\":\"x\"}]},\"subject\":{\"reference\":\"Patient/p5\"}}",
    "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[{\"resource\":{"
    "\"resourceType\":\"Observation\",\"id\":\"1\",\"code\":{\"coding\":[{\"code\":\"y\"}]},"
    "\"subject\":{\"reference\":\"Patient/p1\"}}},{\"search\":{\"mode\":\"include\"},\"resource\":{"
    "\"resourceType\":\"Patient\",\"id\":\"p1\"}}]}",
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const char *const patients[] = {NULL, "p1", "p9"};
static const char *const users[] = {NULL, "Practitioner/1", "Patient/p9", "RelatedPerson/r",
                                    "Person/1"};

typedef struct {
    const char *scope[SCOPES_MAX];
    size_t n;
    const char *patient;
    const char *user;
    const char *request;
    const char *body; /* of a write, or NULL */
} token_t;

/* What a token was given: everything that must not depend on order, and the set of bodies that would be released. */
typedef struct {
    smart_step_t step;
    base_reason_t reason;
    unsigned obligations;
    unsigned missing;
    unsigned released;
    char query[256];
} outcome_t;

static uint32_t state = 20261;

static size_t chance(size_t n)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % n;
}

static unsigned released(stage_t *s)
{
    unsigned set = 0, shown;
    size_t i;
    char *out;

    for (i = 0; i < COUNT(bodies); i++) {
        if (stage_shows(s, 200, "application/fhir+json", bodies[i], strlen(bodies[i]), &shown,
                        &out) == BASE_OK &&
            out[0] != '\0' &&
            (strstr(bodies[i], "\"Bundle\"") == NULL || strstr(out, "\"resource\"") != NULL)) {
            set |= 1u << i;
            /* the Bundle of two */
            set |= strstr(out, "\"code\":\"y\"") != NULL ? 1u << COUNT(bodies) : 0;
            set |= strstr(out, "\"include\"") != NULL ? 2u << COUNT(bodies) : 0;
        }
        free(out);
    }
    return set;
}

/* What is stored is found by its path; by criteria, however they are narrowed, always the one. */
static void play_request(stage_t *s, const char *request, const char *body)
{
    smart_message_t message = stage_message(request);
    size_t i;

    for (i = 0; i < COUNT(stored); i++) {
        stage_store(s, stored[i][0], 200, "W/\"1\"", stored[i][1]);
    }
    stage_store(s, NULL, 200, NULL, found);
    message.fhir.has_body = body != NULL;
    if (body != NULL) {
        message.fhir.content_type = strncmp(request, "PATCH", 5) == 0
                                        ? BASE_SPAN("application/json-patch+json")
                                        : BASE_SPAN("application/fhir+json");
    }
    s->step = stage_play(s, &message, body);
}

static void play(const token_t *token, const char *request, outcome_t *out)
{
    const smart_verdict_t *verdict;
    stage_t s;
    char text[512] = "";
    size_t i;

    for (i = 0; i < token->n; i++) {
        strcat(strcat(text, token->scope[i]), " ");
    }
    memset(out, 0, sizeof(*out));
    stage_open(&s);
    (void) stage_token(&s, text, token->patient, token->user);
    play_request(&s, request, token->body);
    out->step = s.step;
    verdict = smart_judge_verdict(&s.judge);
    out->reason = verdict->reason;
    out->missing = verdict->missing.letter | (unsigned) verdict->missing.context << 8;
    if (out->step == SMART_SEND) {
        out->obligations = verdict->obligations;
        out->released = released(&s);
        (void) snprintf(out->query, sizeof(out->query), "%.*s",
                        (int) smart_judge_edits(&s.judge)->query.n,
                        (const char *) smart_judge_edits(&s.judge)->query.p);
    }
    stage_close(&s);
}

static token_t any_token(void)
{
    token_t token = {{NULL}, 0, NULL, NULL, NULL, NULL};
    size_t at = chance(COUNT(requests) + 2 * WRITES);

    token.n = 1 + chance(SCOPES_MAX - 1);
    for (size_t i = 0; i < token.n; i++) {
        token.scope[i] = scopes[chance(COUNT(scopes))];
    }
    token.patient = patients[chance(COUNT(patients))];
    token.user = users[chance(COUNT(users))];
    token.request = requests[at < COUNT(requests) ? at : COUNT(requests) - WRITES + at % WRITES];
    if (strncmp(token.request, "PATCH", 5) == 0) {
        token.body = patches[chance(COUNT(patches))];
    } else if (strchr(token.request, '$') != NULL && token.request[0] == 'P') {
        token.body = parameters[chance(COUNT(parameters))];
    } else if (token.request[0] == 'P') {
        token.body = written[chance(COUNT(written))];
    }
    return token;
}

static bool same(const outcome_t *a, const outcome_t *b)
{
    return a->step == b->step && a->reason == b->reason && a->obligations == b->obligations &&
           a->missing == b->missing && a->released == b->released &&
           strcmp(a->query, b->query) == 0;
}

/* Permuting and repeating scopes changes nothing. */
static bool order_matters_not(token_t token)
{
    outcome_t before, after;
    const char *swap;
    size_t i = chance(token.n), j = chance(token.n);

    play(&token, token.request, &before);
    swap = token.scope[i];
    token.scope[i] = token.scope[j];
    token.scope[j] = swap;
    if (token.n < SCOPES_MAX) {
        token.scope[token.n++] = token.scope[i];
    }
    play(&token, token.request, &after);
    return same(&before, &after);
}

/* Adding a scope never removes what was released or permitted. */
static bool more_is_more(token_t token)
{
    outcome_t before, after;

    play(&token, token.request, &before);
    token.scope[token.n < SCOPES_MAX ? token.n++ : 0] = scopes[chance(COUNT(scopes))];
    play(&token, token.request, &after);
    return before.step != SMART_SEND || token.n == SCOPES_MAX ||
           after.reason == BASE_NOT_NARROWABLE || after.reason == BASE_PARAMETER_REACH ||
           /* what passed unread was whatever the upstream said; more includes are judged */
           (before.obligations & SMART_RESPONSE) < (after.obligations & SMART_RESPONSE) ||
           (after.step == SMART_SEND && (before.released & ~after.released) == 0);
}

/* A patient in context never widens user/, except for a RelatedPerson (D13). */
static bool launch_widens_not(token_t token)
{
    outcome_t before, after;
    size_t i;

    for (i = 0; i < token.n; i++) {
        if (strncmp(token.scope[i], "user/", 5) != 0) {
            token.scope[i] = "openid";
        }
    }
    if (token.user != NULL && strncmp(token.user, "Related", 7) == 0) {
        return true;
    }
    token.patient = NULL;
    play(&token, token.request, &before);
    token.patient = "p1";
    play(&token, token.request, &after);
    return same(&before, &after);
}

/* A narrowed request judged again gives itself. */
static bool narrowing_is_final(token_t token)
{
    char again[512];
    outcome_t before, after;
    size_t path = strcspn(token.request, "?");

    play(&token, token.request, &before);
    if (before.step != SMART_SEND || before.query[0] == '\0') {
        return true;
    }
    (void) snprintf(again, sizeof(again), "%.*s?%s", (int) path, token.request, before.query);
    play(&token, again, &after);
    /* what was taken out needs no taking out again */
    before.obligations &= ~SMART_FILTER;
    return same(&before, &after);
}

/* Nothing of p5, whom no token names, is released unless a grant is unconditional. */
static bool strangers_stay(token_t token)
{
    outcome_t got;
    size_t i;

    for (i = 0; i < token.n; i++) {
        if (strncmp(token.scope[i], "system/", 7) == 0) {
            return true;
        }
    }
    if (token.user != NULL && strncmp(token.user, "Practitioner", 12) == 0) {
        return true;
    }
    play(&token, token.request, &got);
    return strstr(token.request, "/Observation") == NULL || (got.released & 4u) == 0;
}

static void property(const char *name, bool (*holds)(token_t token))
{
    token_t token;
    int i;
    bool good = true;

    for (i = 0; i < ROUNDS && good; i++) {
        token = any_token();
        good = holds(token);
    }
    ok(good, "%s: %d random tokens", name, ROUNDS);
    if (!good) {
        (void) printf("# round %d: %s [%s %s %s %s] patient %s user %s\n", i, token.request,
                      token.scope[0], token.n > 1 ? token.scope[1] : "",
                      token.n > 2 ? token.scope[2] : "", token.n > 3 ? token.scope[3] : "",
                      token.patient, token.user);
    }
}

/* The generator reaches both sides of what is claimed. */
static void not_vacuous(void)
{
    token_t token;
    outcome_t got;
    int i, sent = 0, checked = 0, refused = 0, writes = 0;

    for (i = 0; i < ROUNDS; i++) {
        token = any_token();
        play(&token, token.request, &got);
        sent += got.step == SMART_SEND;
        writes += got.step == SMART_SEND && (token.body != NULL || token.request[0] == 'D');
        checked += (got.obligations & SMART_RESPONSE) != 0;
        refused += got.step == SMART_REFUSE;
    }
    ok(sent > ROUNDS / 8 && checked > ROUNDS / 20 && refused > ROUNDS / 8 && writes > ROUNDS / 40,
       "of %d: %d sent, %d of them checked, %d of them writes, %d refused", ROUNDS, sent, checked,
       writes, refused);
}

/* Grants are remembered for the policy and base they were made for, and for no other. */
static void remembered(void)
{
    stage_t s;
    smart_policy_t policy[8];
    base_span_t url = BASE_SPAN(STAGE_URL "/"), other = BASE_SPAN("https://other.example.org/r4");
    smart_base_t slash = {BASE_SPAN_LIT("/r4"), &url, 1},
                 elsewhere = {BASE_SPAN_LIT("/r4"), &other, 1};
    const smart_grants_t *first, *grants;
    const fhir_type_t *type;
    smart_cover_t cover;
    size_t i;

    stage_open(&s);
    (void) stage_token(&s, "patient/*.rs", STAGE_URL "/Patient/p1", NULL);
    type = fhir_type_find(s.policy.definitions, BASE_SPAN("Observation"));
    first = smart_grants_compile(s.principal, &s.policy, &s.base, s.arena);
    ok(first == smart_grants_compile(s.principal, &s.policy, &s.base, s.arena), "once compiled");
    ok(first == smart_grants_compile(s.principal, &s.policy, &slash, s.arena),
       "a slash is no other base");
    grants = smart_grants_compile(s.principal, &s.policy, &elsewhere, s.arena);
    cover = smart_grants_cover(grants, SMART_R, type);
    ok(grants != first && smart_cover_is_empty(&cover),
       "another base is: its patient is nobody there");
    for (i = 0; i < sizeof(policy) / sizeof(policy[0]); i++) {
        smart_policy_default(&policy[i]);
        policy[i].membership_strict = true;
        grants = smart_grants_compile(s.principal, &policy[i], &s.base, s.arena);
        cover = smart_grants_cover(grants, SMART_R, type);
        ok(grants != first && cover.rule == FHIR_STRICT, "another policy is, number %zu", i);
    }
    cover = smart_grants_cover(first, SMART_R, type);
    is_int(cover.rule, FHIR_FORMAL, "and the first stays what it was");
    stage_close(&s);
}

/* One request and two answers with so much memory: false when anything was allowed that should not be. */
static bool closed_with(stage_t *s, size_t limit, bool *finished)
{
    static const char line[] = "POST /Observation/_search?code=x";
    base_arena_t *whole = s->arena;
    smart_message_t message = stage_message(line);
    const smart_edits_t *edits;
    bool good = true;
    unsigned shown;
    char *out;

    message.fhir.content_type = BASE_SPAN("application/x-www-form-urlencoded");
    message.prefer = BASE_SPAN("handling=strict, respond-async");
    s->arena = base_arena_new(limit);
    *finished = false;
    if (stage_play(s, &message, "date=2020") == SMART_SEND) {
        edits = smart_judge_edits(&s->judge);
        good = base_span_is(smart_edits_body(edits, s->arena), "date=2020&patient=p1") &&
               edits->body_changed;
        s->review_limit = 16 * limit;
        good = good && (stage_shows(s, 200, "application/json", bodies[7], strlen(bodies[7]),
                                    &shown, &out) != BASE_OK ||
                        strstr(out, "p9") == NULL);
        free(out);
        *finished = stage_answer(s, 200, "application/json", bodies[6], &shown) == BASE_OK;
    }
    base_arena_free(s->arena);
    s->arena = whole;
    return good;
}

static void out_of_memory(void)
{
    stage_t s;
    size_t limit;
    bool good = true, finished = false;

    stage_open(&s);
    (void) stage_token(&s, "patient/*.rs", "p1", NULL);
    for (limit = 0; limit < 1u << 18 && good && !finished; limit += 64) {
        good = closed_with(&s, limit, &finished);
    }
    ok(good, "whatever allocation fails, nothing is allowed that should not be");
    ok(finished, "and with %zu bytes it works", limit);
    stage_close(&s);
}

int main(void)
{
    const char *seed = getenv("SMART_SEED");

    UNIT_BEGIN();
    if (seed != NULL) {
        state = (uint32_t) strtoul(seed, NULL, 10);
    }
    remembered();
    out_of_memory();
    not_vacuous();
    property("the order of scopes", order_matters_not);
    property("another scope", more_is_more);
    property("a launch patient", launch_widens_not);
    property("narrowing again", narrowing_is_final);
    property("strangers", strangers_stay);
    UNIT_END();
}
