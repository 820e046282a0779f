/*
 * What checking an answer costs: smart_review over a searchset of 500 Observations (1 MB), and over one Observation (2 KB), in MB of
 * the answer for a second of CPU on one core, and as a multiple of copying it (memcpy).
 *
 *     cc -O2 -std=c11 -Isrc -It/unit -o build/review_bench bench/review_bench.c \
 *         src/{smart,fhir,base}/[a-z]*.c -ljansson && build/review_bench
 *
 * Two arguments, N and the number of a row: N reviews of that and nothing else, for callgrind. Medians of interleaved batches; the machine's phase moves all
 * columns together, so the ratios are what to quote.
 */

#define _POSIX_C_SOURCE 200809L

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "smart/smart_judge.h"
#include "smart/smart_review.h"

#define ENTRIES 500
#define BATCHES 31
#define CHUNK   ((size_t) 16384) /* what nginx hands on at a time */

/* A laboratory result as US Core has it, some 2 KB. */
#define OBSERVATION                                                                                \
    "{\"resourceType\":\"Observation\",\"id\":\"%u\",\"meta\":{\"versionId\":\"1\","               \
    "\"lastUpdated\":"                                                                             \
    "\"2024-05-17T09:31:42.113+00:00\",\"source\":\"#Xb3fhM0v1uT2sYwq\",\"profile\":[\"http://"    \
    "hl7.org/fhir/us/"                                                                             \
    "core/StructureDefinition/"                                                                    \
    "us-core-observation-lab\"]},\"text\":{\"status\":\"generated\",\"div\":\"<div "               \
    "xmlns=\\\"http://www.w3.org/1999/xhtml\\\"><p><b>Generated "                                  \
    "Narrative</b></p><p><b>status</b>: final</p>"                                                 \
    "<p><b>category</b>: Laboratory</p><p><b>code</b>: Glucose [Mass/volume] in "                  \
    "Blood</p></div>\"},"                                                                          \
    "\"identifier\":[{\"use\":\"official\",\"system\":\"http://www.bmc.nl/zorgportal/identifiers/" \
    "observations\","                                                                              \
    "\"value\":\"6323-%u\"}],\"status\":\"final\",\"category\":[{\"coding\":[{\"system\":\"http:/" \
    "/terminology.hl7."                                                                            \
    "org/CodeSystem/"                                                                              \
    "observation-category\",\"code\":\"laboratory\",\"display\":\"Laboratory\"}],\"text\":"        \
    "\"Laboratory\"}],\"code\":{\"coding\":[{\"system\":\"http://"                                 \
    "loinc.org\",\"code\":\"2339-0\",\"display\":"                                                 \
    "\"Glucose [Mass/volume] in "                                                                  \
    "Blood\"},{\"system\":\"http://snomed.info/sct\",\"code\":\"33747003\",\"display\":"           \
    "\"Glucose measurement, "                                                                      \
    "blood\"}],\"text\":\"Glucose\"},\"subject\":{\"reference\":\"Patient/%s\","                   \
    "\"display\":\"P. van de "                                                                     \
    "Heuvel\"},\"encounter\":{\"reference\":\"Encounter/e%u\"},\"effectiveDateTime\":"             \
    "\"2024-05-17T08:30:00+01:00\",\"issued\":\"2024-05-17T09:30:10.000+01:00\",\"performer\":[{"  \
    "\"reference\":"                                                                               \
    "\"Practitioner/f005\",\"display\":\"A. Langeveld\"},{\"reference\":\"Organization/lab-7\"}]," \
    "\"valueQuantity\":{\"value\":6.30,\"unit\":\"mmol/l\",\"system\":\"http://"                   \
    "unitsofmeasure.org\",\"code\":"                                                               \
    "\"mmol/L\"},\"interpretation\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/"       \
    "CodeSystem/v3-"                                                                               \
    "ObservationInterpretation\",\"code\":\"H\",\"display\":\"High\"}]}],\"note\":[{\"text\":"     \
    "\"Sample slightly "                                                                           \
    "haemolysed; repeat within a week if it "                                                      \
    "persists.\"}],\"specimen\":{\"reference\":\"Specimen/s%u\"},"                                 \
    "\"referenceRange\":[{\"low\":{\"value\":3.1,\"unit\":\"mmol/l\",\"system\":\"http://"         \
    "unitsofmeasure.org\","                                                                        \
    "\"code\":\"mmol/L\"},\"high\":{\"value\":6.2,\"unit\":\"mmol/l\",\"system\":\"http://"        \
    "unitsofmeasure.org\","                                                                        \
    "\"code\":\"mmol/L\"}}]}"

typedef struct {
    const char *name;
    const char *scope;
    const char *line;
    bool
        sorted; /* names, as servers write them that keep JSON in columns: the type comes after most of it */
    bool single;
    unsigned foreign; /* each so many-th is another patient's; 0: none */
    smart_principal_t *principal;
    smart_judge_t judge;
    base_arena_t *arena;
    char *body;
    size_t n;
} subject_t;

static smart_policy_t policy;
static smart_base_t base;

static double cpu_us(void)
{
    struct timespec t;

    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double) t.tv_sec * 1e6 + (double) t.tv_nsec / 1e3;
}

static size_t resource(char *to, size_t room, const subject_t *s, unsigned i)
{
    const char *patient = s->foreign != 0 && i % s->foreign == 0 ? "p2" : "p1";
    size_t n = (size_t) snprintf(to, room, OBSERVATION, i, i, patient, i, i);
    json_t *json;
    char *text;

    if (!s->sorted) {
        return n;
    }
    json = json_loads(to, 0, NULL);
    text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(4));
    n = (size_t) snprintf(to, room, "%s", text);
    free(text);
    json_decref(json);
    return n;
}

static void make_body(subject_t *s)
{
    size_t room = ENTRIES * 2600 + 4096, n = 0;
    char *to = malloc(room);
    unsigned i;

    if (s->single) {
        n = resource(to, room, s, 1);
    } else {
        n = (size_t) snprintf(to, room,
                              "{\"resourceType\":\"Bundle\",\"id\":\"b\",\"type\":\"searchset\","
                              "\"total\":%u,\"link\":[{\"relation\":\"self\",\"url\":\"http://up/"
                              "fhir/Observation?patient=p1\"}],\"entry\":[",
                              ENTRIES);
        for (i = 1; i <= ENTRIES; i++) {
            n += (size_t) snprintf(to + n, room - n,
                                   "%s{\"fullUrl\":\"http://up/fhir/Observation/%u\",\"resource\":",
                                   i > 1 ? "," : "", i);
            n += resource(to + n, room - n, s, i);
            n += (size_t) snprintf(to + n, room - n, ",\"search\":{\"mode\":\"match\"}}");
        }
        n += (size_t) snprintf(to + n, room - n, "]}");
    }
    s->body = to;
    s->n = n;
}

static void prepare(subject_t *s)
{
    smart_claim_map_t map;
    smart_message_t message;
    char claims[512];
    base_span_t path = base_span_of(s->line);
    size_t question = base_span_find(path, '?');

    (void) snprintf(claims, sizeof(claims), "{\"scope\":\"%s\",\"patient\":\"p1\"}", s->scope);
    smart_claim_map_default(&map);
    (void) smart_principal_new(&map, base_span_of(claims), BASE_SPAN("i"), &s->principal);
    s->arena = base_arena_new((size_t) 1 << 20);
    memset(&message, 0, sizeof(message));
    message.fhir.method = BASE_SPAN("GET");
    message.fhir.path = base_span_sub(path, 0, question);
    smart_judge_start(&s->judge, s->arena, &policy, &base, &message);
    smart_judge_principal(&s->judge, s->principal);
    if (smart_judge_next(&s->judge) != SMART_SEND) {
        (void) fprintf(stderr, "%s: not sent\n", s->name);
        exit(1);
    }
    make_body(s);
}

/* The whole review of an answer that comes in pieces; bytes that are let through. */
static uint64_t review(const subject_t *s)
{
    smart_head_t head = {.status = 200, .content_type = BASE_SPAN_LIT("application/fhir+json")};
    base_arena_t *arena = base_arena_new((size_t) 1 << 22);
    base_splice_t splice;
    base_splice_op_t op;
    smart_review_t one;
    base_span_t in;
    base_reason_t reason = BASE_OK;
    uint64_t passed = 0;
    size_t fed = 0;

    if (smart_review_start(&one, arena, smart_judge_verdict(&s->judge), &policy, &head) !=
        SMART_REVIEW_STREAM) {
        exit(1);
    }
    base_splice_init(&splice);
    while (reason == BASE_OK && base_splice_taken(&splice) < s->n) {
        in = base_span_make(s->body + fed, s->n - fed < CHUNK ? s->n - fed : CHUNK);
        fed += in.n;
        reason =
            in.n == 0 ? smart_review_end(&one, &splice) : smart_review_feed(&one, &in, &splice);
        fed -= in.n;
        while ((op = base_splice_next(&splice)) != BASE_SPLICE_WAIT) {
            passed += op == BASE_SPLICE_COPY ? splice.n : 0;
        }
    }
    base_arena_free(arena);
    return reason == BASE_OK ? passed : 0;
}

static uint64_t copy(const subject_t *s)
{
    static unsigned char to[CHUNK];
    size_t at;

    for (at = 0; at < s->n; at += CHUNK) {
        memcpy(to, s->body + at, s->n - at < CHUNK ? s->n - at : CHUNK);
        __asm__ volatile("" ::"r"(to) : "memory");
    }
    return s->n;
}

static uint64_t (*const runs[])(const subject_t *s) = {review, copy};

#define RUNS (sizeof(runs) / sizeof(runs[0]))

/* MB for a second. */
static double batch(const subject_t *s, size_t run)
{
    unsigned i, times = (unsigned) (4000000 / s->n) + 1;
    double from = cpu_us();

    for (i = 0; i < times; i++) {
        if (runs[run](s) == 0) {
            (void) fprintf(stderr, "%s: refused\n", s->name);
            exit(1);
        }
    }
    return (double) s->n * times / (cpu_us() - from);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}

static void measure(subject_t *s)
{
    double rates[RUNS][BATCHES];

    for (size_t b = 0; b < BATCHES; b++) {
        for (size_t run = 0; run < RUNS; run++) {
            rates[run][b] = batch(s, run);
        }
    }
    for (size_t run = 0; run < RUNS; run++) {
        qsort(rates[run], BATCHES, sizeof(double), by_value);
    }
    (void) printf("%-38s %9zu %8.0f %8.0f %7.1f\n", s->name, s->n, rates[0][BATCHES / 2],
                  rates[0][BATCHES - 1], rates[1][BATCHES / 2] / rates[0][BATCHES / 2]);
}

int main(int argc, char **argv)
{
    static subject_t subjects[] = {
        {"500, compartment", "patient/Observation.rs", "/Observation", .foreign = 0},
        {"500, category",
         "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/"
         "observation-category|laboratory",
         "/Observation", .foreign = 0},
        {"500, each second cut out", "patient/Observation.rs", "/Observation", .foreign = 2},
        {"500, type last", "patient/Observation.rs", "/Observation", .sorted = true},
        {"one, compartment", "patient/Observation.rs", "/Observation/1", .single = true},
    };

    smart_policy_default(&policy);
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
        prepare(&subjects[i]);
    }
    if (argc > 1) {
        size_t which =
            argc > 2 ? strtoul(argv[2], NULL, 10) % (sizeof(subjects) / sizeof(subjects[0])) : 0;

        for (long i = strtol(argv[1], NULL, 10); i > 0; i--) {
            (void) review(&subjects[which]);
        }
        (void) printf("%s: %zu bytes each\n", subjects[which].name, subjects[which].n);
        return 0;
    }
    (void) printf("%-38s %9s %8s %8s %7s\n", "answer", "bytes", "MB/s", "best", "memcpy");
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
        measure(&subjects[i]);
    }
    return 0;
}
