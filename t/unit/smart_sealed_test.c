/*
 * The way of an export by sealed links (RULES B9, L21), without nginx: what opens them and what does not, what manifests and files become,
 * wherever their bytes are cut.
 */

#include "unit.h"

#include "smart_stage.h"

#define ALL "{\"scope\":\"system/*.rs\",\"client_id\":\"b1\",\"iss\":\"https://as\"}"
#define TWO                                                                                        \
    "{\"scope\":\"system/Patient.rs "                                                              \
    "system/Observation.rs\",\"client_id\":\"b1\",\"iss\":\"https://as\"}"
#define UP  "http://fhir:8080/fhir"
#define DAY ((int64_t) 86400)

static char target[4096]; /* "GET /_smart/job/..." */

static smart_head_t head_of(unsigned status, const char *type)
{
    smart_head_t head;

    memset(&head, 0, sizeof(head));
    head.status = status;
    head.content_type = base_span_of(type);
    head.bases.upstream = BASE_SPAN(UP);
    head.bases.public_url = BASE_SPAN(STAGE_URL);
    head.bases.path = BASE_SPAN("/r4");
    return head;
}

/* "GET https://.../_smart/..." without what the base is. */
static void follow(const char *method, base_span_t url)
{
    url = base_span_sub(url, strlen(STAGE_URL), url.n);
    (void) snprintf(target, sizeof(target), "%s %.*s", method, (int) url.n, (const char *) url.p);
}

/* Begins an export: the reason, or "ok" and its link in `target`. */
static const char *kickoff(stage_t *s, const char *claims, const char *location)
{
    smart_head_t head = head_of(202, NULL);
    smart_review_t review;

    (void) stage_claims(s, claims);
    if (stage_line(s, "GET /Patient/$export") != SMART_SEND) {
        return stage_reason(s);
    }
    head.content_location = base_span_of(location);
    if (smart_review_start(&review, s->arena, smart_judge_verdict(&s->judge), &s->policy, &head) ==
        SMART_REVIEW_REPLACE) {
        return base_reason_info(review.reason)->name;
    }
    if (review.header_n == 0 || strcmp(review.header[0].name, "content-location") != 0) {
        return "no header";
    }
    follow("GET", review.header[0].value);
    return "ok";
}

/* What is sent when the link is followed: path and query, or the reason. */
static const char *open_link(stage_t *s, const char *claims, const char *line)
{
    static char text[4096];
    const smart_edits_t *edits;

    (void) stage_claims(s, claims);
    if (stage_line(s, line) != SMART_SEND) {
        return stage_reason(s);
    }
    edits = smart_judge_edits(&s->judge);
    (void) snprintf(text, sizeof(text), "%.*s%s%.*s", (int) edits->path.n,
                    (const char *) edits->path.p, edits->query.p == NULL ? "" : "?",
                    (int) edits->query.n,
                    edits->query.p == NULL ? "" : (const char *) edits->query.p);
    return text;
}

static void where(void)
{
    static const struct {
        const char *location;
        const char *sent; /* or the reason */
    } rows[] = {
        {UP "/$status?_jobId=a%2Fb", "/$status?_jobId=a%2Fb"},
        {STAGE_URL "/$status/7", "/$status/7"},
        {"/fhir/$status?job=1", "/$status?job=1"},
        {UP "?_jobs=1", "/?_jobs=1"},
        {"http://fhir:8080/fhirx/$status", "answer_unexpected"},
        {"http://other/fhir/$status", "answer_unexpected"},
        {"//fhir:8080/fhir/$status", "answer_unexpected"},
        {"$status?job=1", "answer_unexpected"},
        {UP "/a/../b", "answer_unexpected"},
        {UP "/a%2e%2e/b", "answer_unexpected"},
        {UP "/a#b", "answer_unexpected"},
        {UP, "answer_unexpected"},
        {"", "answer_unexpected"},
        {NULL, "answer_unexpected"},
    };
    stage_t s;
    const char *got;
    size_t i;

    stage_open(&s);
    stage_sealer(&s, 1000);
    s.sealer.url = BASE_SPAN(STAGE_URL);
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        got = kickoff(&s, TWO, rows[i].location);
        if (strcmp(got, "ok") == 0) {
            got = open_link(&s, TWO, target);
        }
        is_str(got, rows[i].sent, "the status at %s",
               rows[i].location == NULL ? "nowhere" : rows[i].location);
    }
    stage_close(&s);
}

static void who(void)
{
    static const struct {
        const char *name;
        const char *claims;
        int64_t now;
        const char *method;
        const char *got;
    } rows[] = {
        {"the client", TWO, 1000, "GET", "/$status?job=1"},
        {"by HEAD", TWO, 1000, "HEAD", "/$status?job=1"},
        {"to cancel it", TWO, 1000, "DELETE", "/$status?job=1"},
        {"with more scopes", ALL, 1000, "GET", "/$status?job=1"},
        {"a second before its end", TWO, 1000 + 7 * DAY - 1, "GET", "/$status?job=1"},
        {"at its end", TWO, 1000 + 7 * DAY, "GET", "not_found"},
        {"with less",
         "{\"scope\":\"system/Patient.rs\",\"client_id\":\"b1\",\"iss\":\"https://as\"}", 1000,
         "GET", "not_found"},
        {"r alone", "{\"scope\":\"system/*.r\",\"client_id\":\"b1\",\"iss\":\"https://as\"}", 1000,
         "GET", "not_found"},
        {"another client",
         "{\"scope\":\"system/*.rs\",\"client_id\":\"b2\",\"iss\":\"https://as\"}", 1000, "GET",
         "not_found"},
        {"no client", "{\"scope\":\"system/*.rs\",\"iss\":\"https://as\"}", 1000, "GET",
         "not_found"},
        {"of another issuer",
         "{\"scope\":\"system/*.rs\",\"client_id\":\"b1\",\"iss\":\"https://bs\"}", 1000, "GET",
         "not_found"},
    };
    char line[4096], *space;
    stage_t s;
    size_t i;

    stage_open(&s);
    stage_sealer(&s, 1000);
    s.sealer.url = BASE_SPAN(STAGE_URL);
    is_str(kickoff(&s, TWO, UP "/$status?job=1"), "ok", "a job");
    space = strchr(target, ' ');
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        s.sealer.now = rows[i].now;
        (void) snprintf(line, sizeof(line), "%s%s", rows[i].method, space);
        is_str(open_link(&s, rows[i].claims, line), rows[i].got, "%s", rows[i].name);
    }
    s.sealer.now = 1000;
    s.sealer.path = BASE_SPAN("/r5");
    is_str(open_link(&s, TWO, target), "not_found", "at another base");
    stage_close(&s);
}

/* The answer to what was sent last, cut at `at` (0: at every byte); to be freed. */
static const char *answer(stage_t *s, unsigned status, const char *type, const char *body,
                          size_t at, char **out)
{
    smart_head_t head = head_of(status, type);
    smart_review_t review;
    base_arena_t *arena = base_arena_new(1u << 22);
    base_reason_t reason;
    size_t n;

    *out = NULL;
    if (smart_review_start(&review, arena, smart_judge_verdict(&s->judge), &s->policy, &head) !=
        SMART_REVIEW_STREAM) {
        reason = review.reason;
        base_arena_free(arena);
        return reason == BASE_OK ? "passed" : base_reason_info(reason)->name;
    }
    reason = stage_review(&review, base_span_of(body), at, out, &n);
    s->removed = review.removed;
    if (review.bodiless && reason == BASE_OK) {
        (*out)[0] = '\0';
    }
    base_arena_free(arena);
    return base_reason_info(reason)->name;
}

static bool same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* Seals of the stage are as long as what they say, so equal links are equal text. */
static void every_cut(stage_t *s, const char *type, const char *body, const char *expected,
                      const char *name)
{
    char *whole, *out;
    const char *reason = answer(s, 200, type, body, strlen(body), &whole), *cut;
    size_t i, wrong = 0;

    if (expected != NULL && strchr(expected, '{') != NULL) {
        is_str(whole, expected, "%s", name);
    } else {
        is_str(reason, expected == NULL ? "ok" : expected, "%s", name);
    }
    for (i = 0; i < strlen(body); i++) {
        cut = answer(s, 200, type, body, i, &out);
        wrong += strcmp(cut, reason) != 0 || (strcmp(reason, "ok") == 0 && !same(out, whole));
        free(out);
    }
    is_int(wrong, 0, "%s: cut anywhere it is the same", name);
    free(whole);
}

#define HERE "{\"type\":\"Patient\",\"url\":\"" UP "\\/Binary/7\"}"
#define AWAY "{\"url\":\"https://files.example.org/1\"}"

/* A member's name longer than any that is looked at. */
#define LONG                                                                                       \
    "a-name-that-is-longer-than-all-names-that-a-manifest-or-a-line-of-a-file-is-looked-at-for-"   \
    "by-the-edge-which-keeps-no-more-of-it-than-it-must-and-goes-on-behind-its-value-as-if-it-"    \
    "were-not-there"

static void manifests(void)
{
    static const struct {
        const char *body;
        const char *got; /* NULL: ok; with a brace: the body */
    } rows[] = {
        {"{\"transactionTime\":\"x\",\"request\":\"" UP
         "/$export\",\"requiresAccessToken\":false,\"output\":[" HERE "," HERE
         "],\"deleted\":[{\"url\":\"" UP "/Binary/8\"}],\"error\":[{\"url\":\"" UP
         "/Binary/9\"}],\"extension\":{\"url\":\"" UP "\"}}",
         NULL},
        {"{\"output\":[" AWAY "],\"requiresAccessToken\":false}",
         "{\"output\":[" AWAY "],\"requiresAccessToken\":false}"},
        {"{\"output\":[" AWAY "],\"requiresAccessToken\":true}", "answer_unexpected"},
        {"{\"output\":[" AWAY "]}", "answer_unexpected"},
        {"{\"output\":[" AWAY "," HERE "],\"requiresAccessToken\":false}", "answer_unexpected"},
        {"{\"output\":[{\"url\":\"" UP "/../x\"}]}", "answer_unexpected"},
        {"{\"output\":[],\"requiresAccessToken\":true}",
         "{\"output\":[],\"requiresAccessToken\":true}"},
        {"{\"output\":[" HERE "],\"output\":[]}", "answer_broken"},
        {"{\"output\":[{\"url\":\"a\",\"url\":\"b\"}]}", "answer_broken"},
        {"{\"output\":[" HERE "]", "answer_broken"},
        {"{\"output\":[\"" UP "/1\"]}", "answer_broken"},
        {"{\"output\":{}}", "answer_broken"},
        {"{\"requiresAccessToken\":\"false\"}", "answer_broken"},
        {"{\"" LONG "\":{\"url\":1},\"output\":[]}", "{\"" LONG "\":{\"url\":1},\"output\":[]}"},
        {"{\"output\":[{\"" LONG "\":true,\"url\":\"https://files.example.org/1\"}],"
         "\"requiresAccessToken\":false}",
         "{\"output\":[{\"" LONG "\":true,\"url\":\"https://files.example.org/1\"}],"
         "\"requiresAccessToken\":false}"},
        {"{\"output\":[{\"url\":true}]}", "answer_broken"},
        {"{\"request\":false}", "answer_broken"},
        {"{\"output\":[" HERE, "answer_broken"},
        {"{\"output\":[" HERE "]}}", "answer_broken"},
        {"[]", "answer_broken"},
        {"", "answer_broken"},
    };
    stage_t s;
    char *out;
    size_t i;

    stage_open(&s);
    stage_sealer(&s, 1000);
    s.sealer.url = BASE_SPAN(STAGE_URL);
    is_str(kickoff(&s, TWO, UP "/$status"), "ok", "a job");
    is_str(open_link(&s, TWO, target), "/$status", "is asked for");
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        every_cut(&s, "application/json", rows[i].body, rows[i].got, rows[i].body);
    }
    is_str(answer(&s, 200, "application/json", rows[0].body, 1, &out), "ok", "a manifest");
    ok(strstr(out, UP) != NULL && strstr(strstr(out, UP) + 1, UP) == NULL,
       "nothing but an extension says where the server is: %s", out);
    ok(strstr(out, "\"requiresAccessToken\":true,") != NULL, "a token is needed");
    ok(strstr(out, "\"request\":\"" STAGE_URL "/$export\"") != NULL, "by the client's own word");
    free(out);
    is_str(answer(&s, 202, NULL, "secret", 1, &out), "ok", "not yet");
    is_str(out, "", "without a word");
    free(out);
    is_str(answer(&s, 204, NULL, "", 1, &out), "answer_status", "another status");
    is_str(answer(&s, 200, "text/html", "{}", 1, &out), "answer_not_json", "another type");
    stage_close(&s);
}

/* The link of the first file of that list, as the manifest has it. */
static bool file_link(stage_t *s, const char *claims, const char *list)
{
    char body[512], *out = NULL, *at = NULL;

    (void) snprintf(body, sizeof(body), "{\"%s\":[{\"url\":\"" UP "/Binary/7\"}]}", list);
    if (strcmp(kickoff(s, claims, UP "/$status"), "ok") == 0 &&
        strcmp(open_link(s, claims, target), "/$status") == 0) {
        (void) answer(s, 200, "application/json", body, 1, &out);
        at = out == NULL ? NULL : strstr(out, STAGE_URL);
    }
    if (at != NULL) {
        follow("GET", base_span_make(at, strcspn(at, "\"")));
    }
    free(out);
    return at != NULL && strcmp(open_link(s, claims, target), "/Binary/7") == 0;
}

#define NDJSON "application/fhir+ndjson"
#define PT     "{\"resourceType\":\"Patient\",\"id\":\"p\"}"
#define OB     "{\"id\":\"o\",\"resourceType\":\"Observation\"}"
#define CO     "{\"resourceType\":\"Condition\",\"id\":\"c\"}"
#define OO     "{\"resourceType\":\"OperationOutcome\"}"
#define TX(x)  "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[" x "]}"
#define DEL(x) "{\"request\":{\"method\":\"DELETE\",\"url\":\"" x "\"}}"

static void files(void)
{
    static const struct {
        const char *list;
        const char *body;
        const char *got;
    } rows[] = {
        {"output", PT "\n" OB "\n", PT "\n" OB "\n"},
        {"output", PT "\n" CO "\n" OB, PT "\n" OB},
        {"output", CO "\n" PT "\r\n\n  \n" CO, PT "\r\n\n  \n{"},
        {"output", "{\"resourceType\":\"Patient\",\"resourceType\":\"Condition\"}",
         "answer_broken"},
        {"output", PT "\n{\"resourceType\":\"Patient\"", "answer_broken"},
        {"output", PT PT "\n", "answer_broken"},
        {"output", "[" PT "]\n", "answer_broken"},
        {"output", "{\"resourceType\":\n\"Patient\"}", "answer_broken"},
        {"output", "PAR1", "answer_broken"},
        {"output", "{\"id\":\"x\"}\n{\"resourceType\":[\"Patient\"]}\n{\"resourceType\":1}\n" PT,
         PT},
        {"output",
         "{\"contained\":[" CO "],\"resourceType\":\"Patient\",\"type\":{},\"entry\":1}\n" CO,
         "{\"contained\":[" CO "],\"resourceType\":\"Patient\",\"type\":{},\"entry\":1}\n{"},
        {"output", TX(DEL("Patient/1")) "\n" PT, PT},
        {"deleted", TX(DEL("Patient/1")) "\n", TX(DEL("Patient/1")) "\n"},
        {"deleted", TX(DEL("Condition/1") ", " DEL("Patient/2") "," DEL("Condition/3")) "\n",
         TX(DEL("Patient/2")) "\n"},
        {"deleted", TX(DEL("Patient/1") ", " DEL("Condition/2") "," DEL("Observation/3")),
         TX(DEL("Patient/1") "," DEL("Observation/3"))},
        {"deleted", TX(DEL("Condition/1")) "\n" TX(DEL("Patient/1")) "\n" PT,
         TX(DEL("Patient/1")) "\n{"},
        {"deleted",
         TX("{\"request\":{\"method\":\"DELETE\",\"url\":\"Patient/1\"},\"resource\":" CO
            "}," DEL(UP "/Patient/2") ",{\"request\":{\"method\":\"PUT\",\"url\":\"Patient/"
                                      "3\"}},{\"request\":{\"method\":\"DELETE\"}}"),
         TX(DEL(UP "/Patient/2"))},
        {"deleted",
         "{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[" DEL(
             "Patient/1") "]}\n" TX(DEL("Patient/1")),
         TX(DEL("Patient/1"))},
        {"deleted", TX("1," DEL("Patient/1")) "\n" TX(DEL("Patient/1")), TX(DEL("Patient/1"))},
        {"output",
         "{\"" LONG "\":{\"resourceType\":\"Condition\"},\"resourceType\":\"Patient\"}\n" CO,
         "{\"" LONG "\":{\"resourceType\":\"Condition\"},\"resourceType\":\"Patient\"}\n{"},
        {"output", "{\"" LONG "\":\"Patient\",\"resourceType\":\"Condition\"}\n" PT, PT},
        {"output", "{\"resourceType\":\"" LONG "\"}\n{\"resourceType\":\"PatientX\"}\n" PT, PT},
        {"deleted",
         TX("{\"" LONG "\":" CO
            ",\"request\":{\"method\":\"DELETE\",\"url\":\"Patient/1\"}}," DEL("Patient/2")),
         TX(DEL("Patient/2"))},
        {"deleted",
         TX("{\"request\":{\"" LONG
            "\":1,\"method\":\"DELETE\",\"url\":\"Patient/1\"}}," DEL("Condition/2")),
         TX("{\"request\":{\"" LONG "\":1,\"method\":\"DELETE\",\"url\":\"Patient/1\"}}")},
        {"deleted",
         TX(DEL("Patient/" LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG) "," DEL(
             "Patient/1")),
         TX(DEL("Patient/1"))},
        {"deleted", TX("{\"request\":[" DEL("Patient/1") "]}," DEL("Patient/2")),
         TX(DEL("Patient/2"))},
        {"deleted", TX("{\"request\":\"DELETE\"}," DEL("Patient/2")), TX(DEL("Patient/2"))},
        {"deleted",
         TX("{\"request\":{\"method\":\"DELETE\",\"url\":{\"url\":\"Patient/1\"}}}," DEL(
             "Patient/2")),
         TX(DEL("Patient/2"))},
        {"deleted", TX("{\"request\":{\"method\":\"DELETE\",\"url\":1}}," DEL("Patient/2")),
         TX(DEL("Patient/2"))},
        {"deleted",
         TX("{\"request\":{\"method\":[\"DELETE\"],\"url\":\"Patient/1\"}}," DEL("Patient/2")),
         TX(DEL("Patient/2"))},
        {"error", OO "\n" PT "\n", OO "\n"},
        {"error", "{\"resourceType\":\"OperationOutcome\",\"contained\":[" PT "]}\n" OO, OO},
    };
    stage_t s;
    char *out, expected[4096];
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        stage_open(&s);
        stage_sealer(&s, 1000);
        s.sealer.url = BASE_SPAN(STAGE_URL);
        ok(file_link(&s, TWO, rows[i].list), "a file of %s", rows[i].list);
        (void) snprintf(expected, sizeof(expected), "%s", rows[i].got);
        /* a last brace alone marks a body that ends in white space */
        if (expected[strlen(expected) - 1] == '{') {
            expected[strlen(expected) - 1] = '\0';
        }
        every_cut(&s, NDJSON, rows[i].body, expected, rows[i].body);
        stage_close(&s);
    }
    stage_open(&s);
    stage_sealer(&s, 1000);
    s.sealer.url = BASE_SPAN(STAGE_URL);
    ok(file_link(&s, TWO, "output"), "a file");
    is_str(stage_header(&s, "accept"), NDJSON, "lines are asked for");
    is_str(answer(&s, 200, "application/fhir+json", PT, 1, &out), "answer_unexpected",
           "one resource for a file");
    is_str(answer(&s, 206, NDJSON, PT, 1, &out), "answer_status", "a part of it");
    is_str(answer(&s, 200, NDJSON, PT "\n" CO "\n" CO, 1, &out), "ok", "a file again");
    is_int(s.removed, 2, "so many lines went");
    free(out);
    ok(file_link(&s, ALL, "output"), "where all is granted");
    ok(stage_header(&s, "accept") == NULL, "nobody's word is changed");
    is_str(answer(&s, 200, "application/octet-stream", "PAR1", 1, &out), "passed", "it passes");
    stage_close(&s);
}

int main(void)
{
    UNIT_BEGIN();
    where();
    who();
    manifests();
    files();
    UNIT_END();
}
