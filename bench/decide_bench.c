/*
 * What deciding costs: smart_decide over typical requests, and smart_grants_compile, by a token of 20 scopes; in microseconds of CPU
 * on one core. Counts what is allocated on the way, which must be nothing for a decision.
 *
 * No argument: times. Two arguments, N and the number of a row: N times that and nothing else, for callgrind (bench/decide runs both).
 * Medians of interleaved batches. "carried through": from the request's bytes to the bytes to be sent (smart_judge), decision included.
 */

#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "smart/smart_decide.h"
#include "smart/smart_judge.h"

#define BATCHES 31
#define TIMES   2000 /* in one batch */

#define SYSTEM "http://terminology.hl7.org/CodeSystem/observation-category"

static const char *const types[] = {
    "AllergyIntolerance", "CarePlan",          "CareTeam",     "Condition", "Coverage",
    "Device",             "DiagnosticReport",  "Encounter",    "Goal",      "Immunization",
    "DocumentReference",  "MedicationRequest", "Observation",  "Patient",   "Practitioner",
    "Procedure",          "Provenance",        "Organization", "Specimen",  "ServiceRequest"};

typedef struct {
    const char *name;
    const char *context;
    const char *method;
    const char *target; /* NULL: the grants are compiled */
    smart_step_t step;  /* what it must come to */
    smart_principal_t *principal;
    const smart_grants_t *grants;
    smart_message_t message;
    fhir_request_t request;
} subject_t;

static subject_t subjects[] = {
    {.name = "read", .context = "patient", .method = "GET", .target = "/Observation/o1"},
    {.name = "read", .context = "user", .method = "GET", .target = "/Observation/o1"},
    {.name = "search, 2 parameters",
     .context = "patient",
     .method = "GET",
     .target = "/Observation?patient=p1&category=" SYSTEM "|laboratory"},
    {.name = "search, 2 parameters",
     .context = "user",
     .method = "GET",
     .target = "/Observation?patient=p1&category=" SYSTEM "|laboratory"},
    {.name = "search with _include",
     .context = "patient",
     .method = "GET",
     .target = "/MedicationRequest?patient=p1&_include=MedicationRequest:medication"},
    {.name = "search with _include",
     .context = "user",
     .method = "GET",
     .target = "/MedicationRequest?patient=p1&_include=MedicationRequest:medication"},
    {.name = "create",
     .context = "patient",
     .method = "POST",
     .target = "/Observation",
     .step = SMART_WANT_BODY},
    {.name = "create",
     .context = "user",
     .method = "POST",
     .target = "/Observation",
     .step = SMART_WANT_BODY},
    {.name = "20 scopes compiled", .context = "patient"},
    {.name = "20 scopes compiled", .context = "user"},
};

#define SUBJECTS (sizeof(subjects) / sizeof(subjects[0]))

static smart_policy_t policy;
static smart_base_t base;
static base_span_t url = BASE_SPAN_LIT("https://fhir.example.org/r4");
static size_t allocations;

/* The program is linked with --wrap for these. */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
    allocations++;
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    allocations++;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    allocations++;
    return __real_realloc(p, n);
}

static void must(bool holds, const subject_t *s, const char *what)
{
    if (!holds) {
        (void) fprintf(stderr, "%s by %s/: %s\n", s->name, s->context, what);
        exit(1);
    }
}

static double cpu_us(void)
{
    struct timespec t;

    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double) t.tv_sec * 1e6 + (double) t.tv_nsec / 1e3;
}

static void make_principal(subject_t *s)
{
    smart_claim_map_t map;
    char claims[2048];
    size_t n = (size_t) snprintf(
        claims, sizeof(claims), "{\"patient\":\"p1\",\"fhirUser\":\"Practitioner/d1\",\"scope\":\"");
    size_t i;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        n += (size_t) snprintf(claims + n, sizeof(claims) - n, "%s%s/%s.cruds", i > 0 ? " " : "",
                               s->context, types[i]);
    }
    (void) snprintf(claims + n, sizeof(claims) - n, "\"}");
    smart_principal_release(s->principal);
    s->principal = NULL;
    smart_claim_map_default(&map);
    must(smart_principal_new(&map, base_span_of(claims), BASE_SPAN("i"), &s->principal) == BASE_OK,
         s, "no principal");
}

static void compile(subject_t *s, base_arena_t *arena)
{
    s->grants = smart_grants_compile(s->principal, &policy, &base, arena);
    must(s->grants != NULL, s, "not compiled");
}

static void prepare(subject_t *s, base_arena_t *arena)
{
    base_span_t target = base_span_of(s->target);
    size_t question = base_span_find(target, '?');

    make_principal(s);
    if (s->target == NULL) {
        return;
    }
    compile(s, arena);
    s->message.fhir.method = base_span_of(s->method);
    s->message.fhir.has_body = strcmp(s->method, "POST") == 0;
    s->message.fhir.content_type = BASE_SPAN("application/fhir+json");
    s->message.fhir.path = base_span_sub(target, 0, question);
    if (question < target.n) {
        s->message.fhir.query = base_span_sub(target, question + 1, target.n);
    }
    must(fhir_request_parse(policy.definitions, &s->message.fhir, arena, &s->request) == BASE_OK, s,
         "not parsed");
}

/* The subject once; false: it came to something else than it should. */
static bool decide(subject_t *s)
{
    static smart_verdict_t verdict;

    smart_decide(s->grants, &s->request, &policy, &verdict);
    return verdict.reason == BASE_OK;
}

static bool carry(subject_t *s, base_arena_t *arena)
{
    static smart_judge_t judge;
    smart_step_t step = s->step == 0 ? SMART_SEND : s->step;

    smart_judge_start(&judge, arena, &policy, &base, &s->message);
    smart_judge_principal(&judge, s->principal);
    return smart_judge_next(&judge) == step;
}

/* Microseconds for one. Arenas and principals are made outside of what is measured. */
static double time_decide(subject_t *s)
{
    size_t before = allocations, i;
    double from = cpu_us();

    for (i = 0; i < TIMES; i++) {
        must(decide(s), s, "refused");
    }
    from = (cpu_us() - from) / TIMES;
    must(allocations == before, s, "a decision allocated");
    return from;
}

static double time_carry(subject_t *s)
{
    double sum = 0, from;
    size_t i;

    for (i = 0; i < TIMES / 10; i++) {
        base_arena_t *arena = base_arena_new((size_t) 1 << 20);

        from = cpu_us();
        must(carry(s, arena), s, "not carried through");
        sum += cpu_us() - from;
        base_arena_free(arena);
    }
    return sum / (TIMES / 10);
}

static double time_compile(subject_t *s, size_t times)
{
    double sum = 0, from;
    size_t i;

    for (i = 0; i < times; i++) {
        base_arena_t *arena = base_arena_new((size_t) 1 << 20);

        make_principal(s);
        from = cpu_us();
        compile(s, arena);
        sum += cpu_us() - from;
        base_arena_free(arena);
    }
    return sum / (double) times;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}

static void measure(void)
{
    static double cost[SUBJECTS][BATCHES], whole[SUBJECTS][BATCHES];

    for (size_t b = 0; b < BATCHES; b++) {
        for (size_t i = 0; i < SUBJECTS; i++) {
            subject_t *s = &subjects[i];

            cost[i][b] = s->target == NULL ? time_compile(s, TIMES / 10) : time_decide(s);
            whole[i][b] = s->target == NULL ? 0 : time_carry(s);
        }
    }
    (void) printf("%-22s %-9s %9s %16s\n", "CPU time (us)", "scopes", "decided", "carried through");
    for (size_t i = 0; i < SUBJECTS; i++) {
        qsort(cost[i], BATCHES, sizeof(double), by_value);
        qsort(whole[i], BATCHES, sizeof(double), by_value);
        (void) printf("%-22s %-9s %9.3f", subjects[i].name, subjects[i].context,
                      cost[i][BATCHES / 2]);
        if (subjects[i].target != NULL) {
            (void) printf(" %16.3f", whole[i][BATCHES / 2]);
        }
        (void) printf("\n");
    }
}

int main(int argc, char **argv)
{
    base_arena_t *arena = base_arena_new((size_t) 1 << 22);

    smart_policy_default(&policy);
    base.path = BASE_SPAN("/r4");
    base.urls = &url;
    base.urls_n = 1;
    for (size_t i = 0; i < SUBJECTS; i++) {
        prepare(&subjects[i], arena);
    }
    if (argc <= 2) {
        measure();
    } else if (strtoul(argv[2], NULL, 10) < SUBJECTS) {
        subject_t *s = &subjects[strtoul(argv[2], NULL, 10)];
        size_t times = strtoul(argv[1], NULL, 10);

        if (s->target == NULL) {
            (void) time_compile(s, times);
        }
        for (size_t i = 0; s->target != NULL && i < times; i++) {
            must(decide(s), s, "refused");
        }
        (void) printf("%s|%s|%s\n", s->name, s->context,
                      s->target == NULL ? "smart_grants_compile" : "smart_decide");
    }
    for (size_t i = 0; i < SUBJECTS; i++) {
        smart_principal_release(subjects[i].principal);
    }
    base_arena_free(arena);
    return 0;
}
