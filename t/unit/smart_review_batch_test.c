/* Answers of batches, transactions and writes: by index, nothing removed (RULES L15, L10, B4, B5). */

#include "unit.h"

#include "smart_stage.h"

#define JSON "application/fhir+json"

#define OWN                                                                                        \
    "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/p1\"}}"
#define FOREIGN                                                                                    \
    "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/p2\"}}"
#define OUTCOME "{\"resourceType\":\"OperationOutcome\",\"issue\":[]}"
#define BATCH(entries)                                                                             \
    "{\"resourceType\":\"Bundle\",\"type\":\"batch-response\",\"entry\":[" entries "]}"
#define OK(resource)                                                                               \
    "{\"resource\":" resource ",\"response\":{\"status\":\"200 OK\",\"etag\":\"W/1\"}}"
#define STATUS(status) "{\"response\":{\"status\":\"" status "\"}}"
#define SET(entries)   "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[" entries "]}"
#define ITEM(resource) "{\"resource\":" resource "}"
#define TEXT(status, code, text)                                                                   \
    "{\"response\":{\"status\":\"" status                                                          \
    "\",\"outcome\":{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":\"error\","    \
    "\"code\":\"" code "\",\"details\":{\"text\":\"" text "\"}}]}}}"
#define MISSING TEXT("404", "not-found", "The resource does not exist or is not accessible.")

#define ENTRIES 4

static stage_t stage;
static smart_entry_check_t entry[ENTRIES];
static smart_verdict_t verdict;

/* The check of such a request by itself. */
static smart_check_t check_of(const char *line)
{
    smart_check_t none;

    memset(&none, 0, sizeof(none));
    is_int(stage_line(&stage, line), SMART_SEND, "%s", line);
    return smart_judge_verdict(&stage.judge)->check_n == 0
               ? none
               : smart_judge_verdict(&stage.judge)->check[0];
}

static void begin(const char *scope, size_t n, bool transaction)
{
    smart_check_t *check = &verdict.check[0];

    (void) stage_token(&stage, scope, "p1", NULL);
    memset(entry, 0, sizeof(entry));
    check_of("GET /Observation/1");
    smart_verdict_init(&verdict);
    verdict.reason = BASE_OK;
    verdict.obligations = SMART_RESPONSE;
    verdict.check_n = 1;
    memset(check, 0, sizeof(*check));
    check->kind = SMART_CHECK_ENTRIES;
    check->grants = smart_judge_grants(&stage.judge);
    check->entry = entry;
    check->entry_n = n;
    check->transaction = transaction;
}

static base_reason_t review_cut(const char *body, size_t at, unsigned status, const char *type,
                                smart_review_t *review, char **out)
{
    smart_head_t head = {.status = status, .content_type = base_span_of(type)};
    base_arena_t *arena = base_arena_new(1u << 24);
    base_reason_t reason;
    size_t n;

    *out = NULL;
    reason = BASE_OK;
    switch (smart_review_start(review, arena, &verdict, &stage.policy, &head)) {
    case SMART_REVIEW_STREAM:
        reason = stage_review(review, base_span_of(body), at, out, &n);
        break;
    case SMART_REVIEW_REPLACE:
        reason = review->reason;
        break;
    default:
        break;
    }
    base_arena_free(arena);
    return reason;
}

static void gives(const char *body, const char *expected, const char *what)
{
    size_t n = strlen(body), at, wrong = 0;
    smart_review_t review;
    char *out;

    for (at = 0; at <= n; at++) {
        base_reason_t reason = review_cut(body, at, 200, JSON, &review, &out);

        if (reason != BASE_OK || out == NULL || strcmp(out, expected) != 0) {
            if (wrong++ == 0) {
                printf("# cut at %zu: %s: %s\n", at, base_reason_info(reason)->name,
                       out == NULL ? "(nothing)" : out);
            }
        }
        free(out);
    }
    is_int(wrong, 0, "%s", what);
}

static void ends(base_reason_t expected, unsigned status, const char *body, const char *what)
{
    smart_review_t review;
    char *out;
    base_reason_t reason = review_cut(body, strlen(body), status, JSON, &review, &out);

    is_str(base_reason_info(reason)->name, base_reason_info(expected)->name, "%s", what);
    free(out);
}

static void instances(void)
{
    begin("patient/Observation.rs", 1, false);
    entry[0].check = check_of("GET /Observation/1");
    gives(BATCH(OK(OWN)), BATCH(OK(OWN)), "own");
    gives(BATCH(OK(FOREIGN)), BATCH(MISSING), "foreign");
    gives(BATCH(STATUS("404 Not Found")), BATCH(MISSING), "missing: the same");
    gives(BATCH("{\"fullUrl\":\"x\",\"response\":{\"status\":\"410\",\"etag\":\"W/"
                "3\",\"outcome\":" OUTCOME "}}"),
          BATCH(MISSING), "deleted: the same (D9)");
    gives(BATCH("{\"response\":{\"outcome\":" OUTCOME ",\"status\":\"500\"}}"),
          BATCH("{\"response\":{\"outcome\":" OUTCOME ",\"status\":\"500\"}}"), "an error passes");
    gives(BATCH("{\"resource\":" FOREIGN ",\"response\":{\"status\":\"500\"}}"),
          BATCH(STATUS("500")), "but not with a resource (L10)");
    gives(BATCH("{\"response\":{\"status\":\"500\"},\"resource\":" FOREIGN "}"),
          BATCH(STATUS("500")), "in the other order");
    gives(
        BATCH("{\"resource\":" OWN ",\"response\":{\"status\":\"200\",\"outcome\":" FOREIGN "}}"),
        BATCH(
            "{\"resource\":" OWN
            ",\"response\":{\"status\":\"200\",\"outcome\":{\"resourceType\":\"OperationOutcome\","
            "\"issue\":[{\"severity\":\"information\",\"code\":\"suppressed\"}]}}}"),
        "an outcome that is none");
    gives(
        BATCH("{\"Resource\":" FOREIGN ",\"resource\":" OWN ",\"response\":{\"status\":\"200\"}}"),
        BATCH("{\"resource\":" OWN ",\"response\":{\"status\":\"200\"}}"),
        "a member that no entry has");
    gives(BATCH(OK("{\"subject\":{\"reference\":\"Patient/p1\"},\"id\":\"2\",\"resourceType\":"
                   "\"Observation\"}")),
          BATCH(TEXT("502", "processing", "The FHIR server's answer is not what was asked for.")),
          "another id (L10)");
    gives(BATCH(STATUS("304")),
          BATCH(TEXT("502", "processing", "The FHIR server's answer cannot be checked.")),
          "what would say that it exists");
    gives(BATCH("null"),
          BATCH(TEXT("502", "processing", "The FHIR server's answer is not what was asked for.")),
          "no entry");
}

static void indices(void)
{
    static smart_entry_check_t other[ENTRIES];

    begin("patient/Observation.rs", 4, false);
    entry[0].refused = BASE_SCOPE_MISSING;
    entry[0].missing.context = SMART_PATIENT;
    entry[0].missing.type = BASE_SPAN("Condition");
    entry[0].missing.letter = SMART_R;
    entry[2].refused = BASE_SCOPE_MISSING;
    entry[3].refused = BASE_SCOPE_MISSING;
    entry[1].check = check_of("GET /Observation/1");
#define REFUSED TEXT("403", "forbidden", "The access token's scopes do not cover this request.")
    gives(
        BATCH(OK(OWN)),
        BATCH(
            "{\"response\":{\"status\":\"403\",\"outcome\":{\"resourceType\":\"OperationOutcome\","
            "\"issue\":[{\"severity\":\"error\",\"code\":\"forbidden\",\"details\":{\"text\":"
            "\"The access token's scopes do not cover this request.\"},\"diagnostics\":"
            "\"Missing scope: patient/Condition.r\"}]}}}," OK(OWN) "," REFUSED "," REFUSED),
        "refused entries in their places");
    ends(BASE_ANSWER_UNEXPECTED, 200, BATCH(OK(OWN) "," OK(OWN)), "more than were sent");
    ends(BASE_ANSWER_UNEXPECTED, 200, BATCH(""), "fewer than were sent");
    ends(BASE_ANSWER_UNEXPECTED, 200, "{\"resourceType\":\"Bundle\",\"type\":\"batch-response\"}",
         "none at all");
    ends(BASE_ANSWER_UNEXPECTED, 200, SET(ITEM(OWN)), "a searchset");
    ends(BASE_OK, 200, OUTCOME, "an outcome");
    ends(BASE_OK, 422, OUTCOME, "an error with an outcome");
    ends(BASE_ANSWER_UNEXPECTED, 422, BATCH(OK(OWN)), "an error with entries");
    verdict.check[1] = verdict.check[0];
    verdict.check[1].entry = other;
    verdict.check_n = 2;
    memcpy(other, entry, sizeof(entry));
    ends(BASE_OK, 200, BATCH(OK(OWN)), "two locations of one mind");
    other[1].refused = BASE_SCOPE_MISSING;
    ends(BASE_ANSWER_UNEXPECTED, 200, BATCH(OK(OWN)), "of two: then nobody knows what was sent");
    verdict.check_n = 1;
    verdict.check[0].transaction = true;
    ends(BASE_ANSWER_UNEXPECTED, 200, BATCH(OK(OWN)), "a batch's answer to a transaction");
}

static void bundles(void)
{
    begin("patient/Observation.rs patient/Provenance.rs", 2, false);
    entry[0].check = check_of("GET /Observation?_revinclude=Provenance:target");
    entry[1].check = check_of("GET /Observation?_count=0");
#define PROVENANCE                                                                                 \
    "{\"resource\":{\"resourceType\":\"Provenance\",\"id\":\"v\",\"target\":[{\"reference\":"      \
    "\"Observation/1\"}]},\"search\":{\"mode\":\"include\"}}"
#define COUNT(link, total)                                                                         \
    "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"link\":[{\"relation\":\"self\","        \
    "\"url\":"                                                                                     \
    "\"" link "\"}]" total "}"
    gives(BATCH(OK(SET(PROVENANCE "," ITEM(FOREIGN) "," ITEM(OWN) ",null")) "," OK(
              COUNT("x?_count=0&patient=p1", ",\"total\":3"))),
          BATCH(OK(SET(ITEM(OWN) "," PROVENANCE)) "," OK(
              COUNT("x?_count=0&patient=p1", ",\"total\":3"))),
          "Bundles inside are filtered");
    gives(
        BATCH(OK("{\"total\":3,\"entry\":[" ITEM(FOREIGN) "," ITEM(
            OWN) "],\"type\":\"searchset\",\"resourceType\":\"Bundle\"}") "," OK(COUNT("x?_count=0",
                                                                                       ",\"total\":"
                                                                                       "3"))),
        BATCH(OK("{\"entry\":[" ITEM(
            OWN) "],\"type\":\"searchset\",\"resourceType\":\"Bundle\"}") "," TEXT("403",
                                                                                   "forbidden",
                                                                                   "The request "
                                                                                   "cannot be "
                                                                                   "confined to "
                                                                                   "what the "
                                                                                   "access token "
                                                                                   "covers.")),
        "types last; a count that nothing explains");
    gives(BATCH(OK(OWN) "," OK(OUTCOME)),
          BATCH(TEXT("502", "processing",
                     "The FHIR server's answer is not what was asked for.") "," OK(OUTCOME)),
          "a resource where a Bundle should be; an outcome passes");
    entry[1] = entry[0];
    gives(BATCH(OK(SET(PROVENANCE)) "," OK(SET(ITEM(OWN)))),
          BATCH(OK(SET("")) "," OK(SET(ITEM(OWN)))),
          "what waits in one Bundle is not for the next");
}

static void writes(void)
{
    begin("patient/Observation.rs", 2, true);
    entry[0].write = true;
    entry[0].check = check_of("GET /Observation/1");
    entry[0].check.kind = SMART_CHECK_WRITTEN;
    entry[1] = entry[0];
#define ANSWER(entries)                                                                            \
    "{\"resourceType\":\"Bundle\",\"type\":\"transaction-response\",\"entry\":[" entries "]}"
#define CREATED(resource)                                                                          \
    "{\"response\":{\"status\":\"201\",\"location\":\"Observation/1/_history/1\"}" resource "}"
    gives(ANSWER(CREATED("") "," CREATED(",\"resource\":" OWN)),
          ANSWER(CREATED("") "," CREATED(",\"resource\":" OWN)), "what may be seen");
    gives(ANSWER(CREATED(",\"resource\":" FOREIGN) "," CREATED(",\"resource\":" SET(ITEM(OWN)))),
          ANSWER(CREATED("") "," CREATED("")), "what may not: status and location stay");
    entry[0].check.kind = SMART_CHECK_NONE;
    gives(ANSWER(CREATED(",\"resource\":" FOREIGN) "," CREATED("")),
          ANSWER(CREATED(",\"resource\":" FOREIGN) "," CREATED("")), "without a check all passes");
}

static void written(void)
{
    smart_review_t review;
    char *out;
    static const struct {
        unsigned status;
        const char *type;
        const char *body;
        bool bodiless;
        base_reason_t reason;
    } rows[] = {
        {200, JSON, OWN, false, BASE_OK},
        {200, JSON, FOREIGN, true, BASE_OK},
        {201, JSON, OUTCOME, false, BASE_OK},
        {201, JSON, "", false, BASE_OK},
        {204, NULL, "", true, BASE_OK},
        {200, JSON, "{\"resourceType\":", true, BASE_OK},
        {200, JSON, OWN "x", true, BASE_OK},
        {200, "text/html", "<html>", true, BASE_OK},
        {412, JSON, OUTCOME, false, BASE_OK},
        {412, JSON, OWN, false, BASE_ANSWER_UNEXPECTED},
        {302, JSON, "", false, BASE_ANSWER_STATUS},
    };

    begin("patient/Observation.rs", 0, false);
    verdict.check[0] = check_of("GET /Observation/1");
    verdict.check[0].kind = SMART_CHECK_WRITTEN;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t n = strlen(rows[i].body), wrong = 0;

        for (size_t at = 0; at <= n; at++) {
            base_reason_t reason =
                review_cut(rows[i].body, at, rows[i].status, rows[i].type, &review, &out);

            wrong += reason != rows[i].reason;
            wrong += reason == BASE_OK && review.bodiless != rows[i].bodiless;
            wrong += reason == BASE_OK && out != NULL &&
                     strcmp(out, rows[i].bodiless ? "" : rows[i].body) != 0;
            free(out);
        }
        is_int(wrong, 0, "%u, %s", rows[i].status, rows[i].body);
    }
}

/* D9: 304 is said by us, of what may be seen. */
static void not_modified(void)
{
    static const struct {
        const char *none_match;
        const char *since;
        const char *etag;
        const char *body;
        bool expected;
    } rows[] = {
        {"W/\"1\"", NULL, "W/\"1\"", OWN, true},
        {"\"1\"", NULL, "W/\"1\"", OWN, true},
        {"\"0\" , W/\"1\"", NULL, "\"1\"", OWN, true},
        {"*", NULL, NULL, OWN, true},
        {"\"2\"", NULL, "\"1\"", OWN, false},
        {"\"1", NULL, "\"1\"", OWN, false},
        {"", NULL, NULL, OWN, false},
        {"\"1\"", NULL, NULL, OWN, false},
        {NULL, "Thu, 01 Jan 2026 00:00:00 GMT", "\"1\"", OWN, true},
        {NULL, "Thu, 01 Jan 2026 00:00:01 GMT", "\"1\"", OWN, false},
        {"\"2\"", "Thu, 01 Jan 2026 00:00:00 GMT", "\"1\"", OWN, false},
        {NULL, NULL, "\"1\"", OWN, false},
        {"\"1\"", NULL, "\"1\"", OUTCOME, false},
        {"\"1\"", NULL, "\"1\"", FOREIGN, false},
    };

    (void) stage_token(&stage, "patient/Observation.rs", "p1", NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        smart_message_t message = stage_message("GET /Observation/1");
        smart_head_t head = {.status = 200,
                             .content_type = BASE_SPAN_LIT(JSON),
                             .etag = base_span_of(rows[i].etag),
                             .last_modified = BASE_SPAN_LIT("Thu, 01 Jan 2026 00:00:00 GMT")};
        base_arena_t *arena = base_arena_new(1u << 20);
        smart_review_t review;
        size_t n;
        char *out;

        message.fhir.if_none_match = base_span_of(rows[i].none_match);
        message.if_modified_since = base_span_of(rows[i].since);
        (void) stage_play(&stage, &message, NULL);
        (void) smart_review_start(&review, arena, smart_judge_verdict(&stage.judge), &stage.policy,
                                  &head);
        (void) stage_review(&review, base_span_of(rows[i].body), 7, &out, &n);
        is_int(review.not_modified, rows[i].expected, "%s or %s of %s",
               rows[i].none_match == NULL ? "-" : rows[i].none_match,
               rows[i].since == NULL ? "-" : rows[i].since,
               rows[i].etag == NULL ? "-" : rows[i].etag);
        free(out);
        base_arena_free(arena);
    }
}

/* L0, L10: links carry the public base. */
static void links(void)
{
    static const smart_link_bases_t bases = {BASE_SPAN_LIT("http://up:8080/fhir"),
                                             BASE_SPAN_LIT("https://fhir.example.org/r4"),
                                             {NULL, 0}};
    static const struct {
        const char *scope;
        const char *location;
        smart_review_step_t step;
        const char *sent;
    } rows[] = {
        {"system/*.cruds", "http://up:8080/fhir/Observation/2", SMART_REVIEW_PASS,
         "https://fhir.example.org/r4/Observation/2"},
        {"system/*.cruds", "https://fhir.example.org/r4/Observation/2", SMART_REVIEW_PASS, NULL},
        {"system/*.cruds", "/r4/Observation/2", SMART_REVIEW_PASS, NULL},
        {"system/*.cruds", "http://up:8080/fhirx/Observation/2", SMART_REVIEW_REPLACE, NULL},
        {"system/*.cruds", "/r4x", SMART_REVIEW_REPLACE, NULL},
        {"system/*.cruds", "https://elsewhere.example.org/", SMART_REVIEW_REPLACE, NULL},
        {"system/*.cruds", "//elsewhere.example.org/r4/", SMART_REVIEW_REPLACE, NULL},
        {"system/*.cruds", NULL, SMART_REVIEW_REPLACE, NULL},
        {"patient/*.cruds", "http://up:8080/fhir/Observation/2", SMART_REVIEW_REPLACE, NULL},
    };
    const char *body =
        "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"link\":[{\"relation\":\"next\","
        "\"url\":"
        "\"http:\\/\\/up:8080\\/fhir?_getpages=x\"},{\"url\":\"http://up:8080/"
        "fhirx\"}],\"entry\":[{"
        "\"fullUrl\":\"http://up:8080/fhir/Observation/1\",\"resource\":" OWN "},{\"fullUrl\":"
        "\"http://up:8080/fhir/Observation/1\",\"resource\":" FOREIGN "}]}";
    const char *expected =
        "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"link\":[{\"relation\":\"next\","
        "\"url\":"
        "\"https://fhir.example.org/r4?_getpages=x\"},{\"url\":\"http://up:8080/"
        "fhirx\"}],\"entry\":[{"
        "\"fullUrl\":\"https://fhir.example.org/r4/Observation/1\",\"resource\":" OWN "}]}";
    smart_head_t head = {.status = 302, .content_type = BASE_SPAN_LIT(JSON), .bases = bases};
    smart_review_t review;
    size_t wrong = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void) stage_token(&stage, rows[i].scope, "p1", NULL);
        (void) stage_line(&stage, "GET /Observation/1");
        head.location = base_span_of(rows[i].location);
        is_int(smart_review_start(&review, stage.arena, smart_judge_verdict(&stage.judge),
                                  &stage.policy, &head),
               rows[i].step, "to %s", rows[i].location == NULL ? "nowhere" : rows[i].location);
        ok(rows[i].sent == NULL
               ? review.header_n == 0
               : review.header_n == 1 && base_span_is(review.header[0].value, rows[i].sent),
           "as the client knows it");
    }
    head.bases.upstream = head.bases.public_url = base_span_make(NULL, 0);
    head.bases.path = BASE_SPAN("/r4");
    (void) stage_token(&stage, "system/*.cruds", NULL, NULL);
    (void) stage_line(&stage, "GET /Observation/1");
    head.location = BASE_SPAN("/r4/Observation/2");
    is_int(smart_review_start(&review, stage.arena, smart_judge_verdict(&stage.judge),
                              &stage.policy, &head),
           SMART_REVIEW_PASS, "by the path alone");
    head.location = BASE_SPAN("/other");
    is_int(smart_review_start(&review, stage.arena, smart_judge_verdict(&stage.judge),
                              &stage.policy, &head),
           SMART_REVIEW_REPLACE, "another path");
    head.bases.path = BASE_SPAN("");
    for (size_t i = 0; i < 3; i++) {
        static const char *const paths[] = {"/other", "//other", "/\\other"};

        head.location = base_span_of(paths[i]);
        is_int(smart_review_start(&review, stage.arena, smart_judge_verdict(&stage.judge),
                                  &stage.policy, &head),
               i == 0 ? SMART_REVIEW_PASS : SMART_REVIEW_REPLACE, "no base path: to %s", paths[i]);
    }
    head.bases = bases;
    head.bases.path = BASE_SPAN("/r4");
    (void) stage_token(&stage, "patient/Observation.rs", "p1", NULL);
    (void) stage_line(&stage, "GET /Observation");
    for (size_t i = 0; i < 3; i++) {
        static const char *const paths[] = {"/r4/Observation?a", "/r4x/Observation?a", "//r4"};

        head.location = base_span_of(paths[i]);
        is_int(smart_review_start(&review, stage.arena, smart_judge_verdict(&stage.judge),
                                  &stage.policy, &head),
               i == 0 ? SMART_REVIEW_STREAM : SMART_REVIEW_REPLACE, "a search goes to %s",
               paths[i]);
        ok(i > 0 ||
               (review.bodiless && review.header_n == 1 &&
                base_span_is(review.header[0].value, "https://fhir.example.org/r4/Observation?a")),
           "... without its body, as the client knows it");
    }
    head.location = base_span_make(NULL, 0);
    head.bases = bases;
    head.status = 200;
    for (size_t at = 0; at <= strlen(body); at++) {
        base_arena_t *arena = base_arena_new(1u << 22);
        char *out;
        size_t n;

        (void) smart_review_start(&review, arena, smart_judge_verdict(&stage.judge), &stage.policy,
                                  &head);
        wrong += stage_review(&review, base_span_of(body), at, &out, &n) != BASE_OK ||
                 strcmp(out, expected) != 0;
        free(out);
        base_arena_free(arena);
    }
    is_int(wrong, 0, "links and fullUrls inside");
}

/* What a review keeps does not grow with the Bundle. */
static void memory(void)
{
    size_t room = (size_t) 1 << 23, n = 0, out_n, i;
    char *body = malloc(room), *out;
    base_arena_t *arena = base_arena_new((size_t) 1 << 18);
    smart_head_t head = {.status = 200,
                         .content_type = BASE_SPAN_LIT(JSON),
                         .bases = {.upstream = BASE_SPAN_LIT("http://up/fhir"),
                                   .public_url = BASE_SPAN_LIT("https://p/r4")}};
    smart_review_t review;

    n = (size_t) sprintf(body, "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[");
    for (i = 0; i < 20000; i++) {
        n += (size_t) sprintf(body + n,
                              "%s{\"fullUrl\":\"http://up/fhir/Observation/1\",\"resource\":%s}",
                              i > 0 ? "," : "", i % 3 == 0 ? FOREIGN : OWN);
    }
    (void) sprintf(body + n, "]}");
    (void) stage_token(&stage, "patient/Observation.rs", "p1", NULL);
    (void) stage_line(&stage, "GET /Observation?_include=Observation:subject");
    (void) smart_review_start(&review, arena, smart_judge_verdict(&stage.judge), &stage.policy,
                              &head);
    is_int(stage_review(&review, base_span_of(body), 3000001, &out, &out_n), BASE_OK,
           "20000 entries within 256 KB");
    is_int((long) review.removed, 6667, "each third went");
    ok(strstr(out, "http://up") == NULL && strstr(out, "Patient/p2") == NULL,
       "and nothing is left");
    free(out);
    free(body);
    base_arena_free(arena);
}

/* L13: a 412 to a precondition of ours is a lost race, to the client's own it is what was asked for. */
static void races(void)
{
    begin("patient/Observation.cruds", 1, false);
    entry[0].write = true;
    entry[0].check.kind = SMART_CHECK_WRITTEN;
    entry[0].check.grants = smart_judge_grants(&stage.judge);
    gives(BATCH(STATUS("412 Precondition Failed")), BATCH(STATUS("412 Precondition Failed")),
          "the client's precondition");
    entry[0].check.pinned = true;
    gives(BATCH(STATUS("412 Precondition Failed")),
          BATCH(TEXT("409", "conflict", "The stored resource changed meanwhile; try again.")),
          "a precondition of ours");
    gives(BATCH(STATUS("409 Conflict")), BATCH(STATUS("409 Conflict")), "another conflict");
}

int main(void)
{
    UNIT_BEGIN();
    stage_open(&stage);
    instances();
    indices();
    bundles();
    writes();
    written();
    not_modified();
    links();
    memory();
    races();
    stage_close(&stage);
    UNIT_END();
}
