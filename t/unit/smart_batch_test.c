/* Batches and transactions: what is sent for what was asked, and how the answer comes back (RULES B5, L13, L15). */

#include "unit.h"

#include "smart_stage.h"

#include "smart/smart_batch.h"

#define OWN                                                                                        \
    "{\"resourceType\":\"Observation\",\"id\":\"o1\",\"subject\":{\"reference\":\"Patient/"        \
    "p1\"},\"value\":1.50}"
#define FOREIGN                                                                                    \
    "{\"resourceType\":\"Observation\",\"id\":\"o2\",\"subject\":{\"reference\":\"Patient/p2\"}}"
#define NEW                                                                                        \
    "{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/p1\"},\"value\":1.50}"
#define THEIRS "{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/p2\"}}"

#define BUNDLE(type, entries)                                                                      \
    "{\"resourceType\":\"Bundle\",\"type\":\"" type "\",\"entry\":[" entries "]}"
#define ASK(method, url) "{\"request\":{\"method\":\"" method "\",\"url\":\"" url "\"}}"
#define WRITE(method, url, resource)                                                               \
    "{\"resource\":" resource ",\"request\":{\"method\":\"" method "\",\"url\":\"" url "\"}}"

static void open_stage(stage_t *s, const char *scope)
{
    stage_open(s);
    (void) stage_token(s, scope, "p1", NULL);
    stage_store(s, "/Observation/o1", 200, "W/\"3\"", OWN);
    stage_store(s, "/Observation/o2", 200, "W/\"1\"", FOREIGN);
}

static smart_step_t post(stage_t *s, const char *body)
{
    smart_message_t message = stage_message("POST /");

    message.fhir.content_type = BASE_SPAN("application/fhir+json");
    message.fhir.has_body = true;
    return stage_play(s, &message, body);
}

static const char *sent(const stage_t *s)
{
    static char text[16384];
    base_span_t body = smart_edits_body(smart_judge_edits(&s->judge), s->arena);

    (void) snprintf(text, sizeof(text), "%.*s", (int) body.n,
                    body.p == NULL ? "" : (const char *) body.p);
    return text;
}

/* One body, what is sent of it ("": refused), and why not. */
static const struct {
    const char *name;
    const char *scope;
    const char *body;
    const char *sent;
    const char *reason;
} rows[] = {
    {"reads and searches", "patient/*.rs",
     BUNDLE("batch", ASK("GET", "Observation/o1") "," ASK("GET", "Observation?code=x")),
     BUNDLE("batch",
            "{\"request\":{\"method\":\"GET\",\"url\":\"Observation/o1\"}},"
            "{\"request\":{\"method\":\"GET\",\"url\":\"Observation?code=x&patient=p1\"}}"),
     "ok"},
    {"HEAD is asked as GET, a slash before the url goes", "patient/*.rs",
     BUNDLE("batch", ASK("HEAD", "/Observation/o1")), BUNDLE("batch", ASK("GET", "Observation/o1")),
     "ok"},
    {"the own base is taken as relative", "patient/*.rs",
     BUNDLE("batch", ASK("GET", STAGE_URL "/Observation/o1")),
     BUNDLE("batch", ASK("GET", "Observation/o1")), "ok"},
    {"what is refused is left out", "patient/*.rs",
     BUNDLE("batch", ASK("GET", "Patient/p2") "," ASK("GET", "Observation/o1") "," ASK(
                         "DELETE", "Observation/o1")),
     BUNDLE("batch", ASK("GET", "Observation/o1")), "ok"},
    {"nothing is left", "patient/*.rs", BUNDLE("batch", ASK("GET", "Patient/p2")), "",
     "other_patient"},
    {"a transaction stands or falls whole", "patient/*.rs",
     BUNDLE("transaction", ASK("GET", "Observation?code=x") "," ASK("GET", "Patient/p2")), "",
     "other_patient"},
    {"the same without it", "patient/*.rs", BUNDLE("transaction", ASK("GET", "Observation?code=x")),
     BUNDLE("transaction", ASK("GET", "Observation?code=x&patient=p1")), "ok"},
    {"a transaction reads what is there and covered", "patient/*.rs",
     BUNDLE("transaction", ASK("GET", "Observation/o1")),
     BUNDLE("transaction", ASK("GET", "Observation/o1")), "ok"},
    {"or nothing: foreign", "patient/*.rs", BUNDLE("transaction", ASK("GET", "Observation/o2")), "",
     "not_found"},
    {"or nothing: missing", "patient/*.rs", BUNDLE("transaction", ASK("GET", "Observation/o3")), "",
     "not_found"},
    {"a create, byte for byte", "patient/*.cruds",
     BUNDLE("transaction", "{\"fullUrl\":\"urn:uuid:1\",\"resource\":" NEW
                           ",\"request\":{\"method\":\"POST\",\"url\":\"Observation\"}}"),
     BUNDLE("transaction", "{\"fullUrl\":\"urn:uuid:1\",\"request\":{\"method\":\"POST\",\"url\":"
                           "\"Observation\"},\"resource\":" NEW "}"),
     "ok"},
    {"a create of another's", "patient/*.cruds",
     BUNDLE("transaction", WRITE("POST", "Observation", THEIRS)), "", "body_uncovered"},
    {"an update is pinned to what was judged", "patient/*.cruds",
     BUNDLE("batch", WRITE("PUT", "Observation/o1", OWN)),
     BUNDLE("batch", "{\"request\":{\"method\":\"PUT\",\"url\":\"Observation/o1\",\"ifMatch\":\"W/"
                     "\\\"3\\\"\"},\"resource\":" OWN "}"),
     "ok"},
    {"an update of another's", "patient/*.cruds",
     BUNDLE("batch", WRITE("PUT", "Observation/o2",
                           "{\"resourceType\":\"Observation\",\"id\":\"o2\",\"subject\":{"
                           "\"reference\":\"Patient/p1\"}}")),
     "", "body_uncovered"},
    {"a new one must be new", "patient/*.cruds",
     BUNDLE("batch", WRITE("PUT", "Observation/o9",
                           "{\"resourceType\":\"Observation\",\"id\":\"o9\",\"subject\":{"
                           "\"reference\":\"Patient/p1\"}}")),
     BUNDLE("batch", "{\"request\":{\"method\":\"PUT\",\"url\":\"Observation/"
                     "o9\",\"ifNoneMatch\":\"*\"},\"resource\":{\"resourceType\":\"Observation\","
                     "\"id\":\"o9\",\"subject\":{\"reference\":\"Patient/p1\"}}}"),
     "ok"},
    {"a delete is pinned", "patient/*.cruds",
     BUNDLE("transaction", ASK("DELETE", "Observation/o1")),
     BUNDLE("transaction", "{\"request\":{\"method\":\"DELETE\",\"url\":\"Observation/"
                           "o1\",\"ifMatch\":\"W/\\\"3\\\"\"}}"),
     "ok"},
    {"a delete of another's", "patient/*.cruds",
     BUNDLE("transaction", ASK("DELETE", "Observation/o2")), "", "not_found"},
    {"two writes to one instance", "patient/*.cruds",
     BUNDLE("transaction", ASK("DELETE", "Observation/o1") "," WRITE("PUT", "Observation/o1", OWN)),
     "", "bundle_repeated"},
    {"a JSON Patch in a Binary", "patient/*.cruds",
     BUNDLE("batch",
            WRITE("PATCH", "Observation/o1",
                  "{\"resourceType\":\"Binary\",\"contentType\":\"application/"
                  "json-patch+json\",\"data\":"
                  "\"W3sib3AiOiJhZGQiLCJwYXRoIjoiL2xhbmd1YWdlIiwidmFsdWUiOiJlbiJ9XQ==\"}")),
     BUNDLE("batch",
            "{\"request\":{\"method\":\"PATCH\",\"url\":\"Observation/o1\",\"ifMatch\":\"W/"
            "\\\"3\\\"\"},\"resource\":{\"resourceType\":\"Binary\",\"contentType\":\"application/"
            "json-patch+json\",\"data\":"
            "\"W3sib3AiOiJhZGQiLCJwYXRoIjoiL2xhbmd1YWdlIiwidmFsdWUiOiJlbiJ9XQ==\"}}"),
     "ok"},
    {"one that gives it away", "patient/*.cruds",
     BUNDLE("batch", WRITE("PATCH", "Observation/o1",
                           "{\"resourceType\":\"Binary\",\"contentType\":\"application/"
                           "json-patch+json\",\"data\":"
                           "\"W3sib3AiOiJyZXBsYWNlIiwicGF0aCI6Ii9zdWJqZWN0L3JlZmVyZW5jZSIsInZhbHVlI"
                           "joiUGF0aWVudC9wMiJ9XQ==\"}")),
     "", "body_uncovered"},
    {"a FHIRPath patch cannot be judged", "patient/*.cruds",
     BUNDLE("batch", WRITE("PATCH", "Observation/o1", "{\"resourceType\":\"Parameters\"}")), "",
     "patch_kind"},
    {"members that nobody judged are not sent", "system/*.cruds",
     "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"Entry\":[],\"entry\":[{\"Request\":{"
     "\"method\":\"DELETE\",\"url\":\"Patient/"
     "p2\"},\"request\":{\"method\":\"GET\",\"url\":\"Patient/p1\",\"URL\":\"Patient/"
     "p2\",\"extension\":[]}}]}",
     BUNDLE("batch", ASK("GET", "Patient/p1")), "ok"},
    {"the base itself", "system/*.cruds", BUNDLE("batch", WRITE("POST", "", NEW)), "",
     "path_syntax"},
    {"a bundle in a bundle", "system/*.cruds", BUNDLE("batch", WRITE("POST", "/", NEW)), "",
     "interaction_refused"},
    {"another server", "system/*.cruds",
     BUNDLE("batch", ASK("GET", "https://elsewhere.example/Observation/o1")), "", "path_syntax"},
    {"another authority", "system/*.cruds",
     BUNDLE("batch", ASK("GET", "//elsewhere.example/Observation")), "", "path_syntax"},
    {"a fragment", "system/*.cruds", BUNDLE("batch", ASK("GET", "Observation/o1#x")), "",
     "path_syntax"},
    {"dots", "system/*.cruds", BUNDLE("batch", ASK("GET", "Observation/../Patient/p2")), "",
     "path_syntax"},
    {"a new entry by the name of another resource", "system/*.cruds",
     BUNDLE("transaction", "{\"fullUrl\":\"Patient/"
                           "p1\",\"resource\":{\"resourceType\":\"Patient\"},\"request\":{"
                           "\"method\":\"POST\",\"url\":\"Patient\"}}"),
     "", "body_type"},
    {"a search by POST", "system/*.cruds",
     BUNDLE("batch", ASK("POST", "Observation/_search?code=x")), "", "interaction_refused"},
    {"an operation that nobody allowed", "system/*.cruds",
     BUNDLE("batch", ASK("GET", "Observation/$mystery")), "", "operation_refused"},
    {"a preflight", "system/*.cruds", BUNDLE("batch", ASK("OPTIONS", "Observation")), "",
     "interaction_refused"},
    {"no entries", "system/*.cruds", BUNDLE("batch", ""), "", "body_type"},
    {"a Bundle of another type", "system/*.cruds", BUNDLE("collection", ASK("GET", "Patient/p1")),
     "", "interaction_refused"},
    {"no Bundle", "system/*.cruds", "{\"resourceType\":\"Patient\"}", "", "body_type"},
    {"not JSON", "system/*.cruds", "{", "", "json_truncated"},
    {"a member twice", "system/*.cruds",
     BUNDLE("batch",
            "{\"request\":{\"method\":\"GET\",\"url\":\"Patient/p1\",\"url\":\"Patient/p2\"}}"),
     "", "json_duplicate"},
    {"a conditional create, narrowed", "patient/*.cruds",
     BUNDLE("transaction",
            "{\"resource\":" NEW ",\"request\":{\"method\":\"POST\",\"url\":\"Observation\","
            "\"ifNoneExist\":\"identifier=x\"}}"),
     BUNDLE("transaction", "{\"request\":{\"method\":\"POST\",\"url\":\"Observation\","
                           "\"ifNoneExist\":\"identifier=x&patient=p1\"},\"resource\":" NEW "}"),
     "ok"},
    {"a conditional reference", "patient/*.cruds user/Organization.r",
     BUNDLE("transaction",
            WRITE("POST", "Observation",
                  "{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/"
                  "p1\"},\"encounter\":{\"reference\":\"Encounter?identifier=x\"}}")),
     "", "conditional_reference"},
    {"a subject of the same bundle", "patient/*.cruds",
     BUNDLE("transaction",
            WRITE("POST", "Observation",
                  "{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"urn:uuid:1\"}}")),
     "", "body_uncovered"},
};

static void test_rows(void)
{
    stage_t s;
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        open_stage(&s, rows[i].scope);
        (void) post(&s, rows[i].body);
        is_str(stage_reason(&s), rows[i].reason, "%s", rows[i].name);
        is_str(s.step == SMART_SEND ? sent(&s) : "", rows[i].sent, "%s: what is sent",
               rows[i].name);
        stage_close(&s);
    }
}

/* The answer to a batch of which the first and the last entry were refused. */
static void test_answer(void)
{
    stage_t s;
    char *out;
    unsigned status;
    json_t *answer;

    open_stage(&s, "patient/*.rs");
    (void) post(&s,
                BUNDLE("batch", ASK("GET", "Patient/p2") "," ASK("GET", "Observation/o1") "," ASK(
                                    "GET", "Observation/o2") "," ASK("DELETE", "Observation/o1")));
    is_int(s.step, SMART_SEND, "two of four go");
    is_int(
        stage_shows(
            &s, 200, "application/fhir+json",
            "{\"resourceType\":\"Bundle\",\"type\":\"batch-response\",\"entry\":[{\"resource\":" OWN
            ",\"response\":{\"status\":\"200\"}},{\"resource\":" FOREIGN
            ",\"response\":{\"status\":\"200\"}}]}",
            30, &status, &out),
        BASE_OK, "the answer is let through");
    answer = json_loads(out, JSON_REJECT_DUPLICATES, NULL);
    is_int(json_array_size(json_object_get(answer, "entry")), 4,
           "one entry for each that was asked");
    static const char *const statuses[] = {"403", "200", "404", "403"};
    for (size_t i = 0; i < 4; i++) {
        const json_t *entry = json_array_get(json_object_get(answer, "entry"), i);

        ok(strncmp(json_string_value(json_object_get(json_object_get(entry, "response"), "status")),
                   statuses[i], 3) == 0,
           "entry %zu: %s", i, statuses[i]);
    }
    ok(strstr(out, "1.50") != NULL && strstr(out, "p2") == NULL,
       "its own as it was, nothing of another's");
    json_decref(answer);
    free(out);
    stage_close(&s);
}

/* The order of members does not matter: servers that sort them say the type last. */
static void test_sorted(void)
{
    stage_t s;
    char *out;
    unsigned status;

    open_stage(&s, "patient/*.rs");
    (void) post(&s, BUNDLE("batch", ASK("GET", "Observation/o1")));
    is_int(stage_shows(&s, 200, "application/fhir+json",
                       "{\"entry\":[{\"resource\":{\"id\":\"o1\",\"resourceType\":\"Observation\","
                       "\"subject\":{\"reference\":\"Patient/"
                       "p1\"}},\"response\":{\"status\":\"200\"}}],\"resourceType\":\"Bundle\","
                       "\"type\":\"batch-response\"}",
                       0, &status, &out),
           BASE_OK, "sorted members");
    ok(strstr(out, "Patient/p1") != NULL, "its own is there");
    free(out);
    stage_close(&s);
}

static void test_policy(void)
{
    stage_t s;

    open_stage(&s, "patient/*.rs");
    ok(stage_policy(&s, "batch refuse"), "batch refuse");
    (void) post(&s, BUNDLE("batch", ASK("GET", "Observation/o1") "," ASK("GET", "Patient/p2")));
    is_str(stage_reason(&s), "other_patient", "one refusal refuses all");
    stage_close(&s);
}

/* A Bundle of n entries that read the same. */
static const char *repeated(const char *type, size_t n)
{
    static char body[1 << 17];
    size_t at, i;

    at = (size_t) snprintf(body, sizeof(body),
                           "{\"resourceType\":\"Bundle\",\"type\":\"%s\",\"entry\":[", type);
    for (i = 0; i < n; i++) {
        at += (size_t) snprintf(body + at, sizeof(body) - at, "%s%s", i == 0 ? "" : ",",
                                ASK("GET", "Observation/o1"));
    }
    (void) snprintf(body + at, sizeof(body) - at, "]}");
    return body;
}

/* Entries and reads are bounded. */
static void test_bounds(void)
{
    static const struct {
        const char *type;
        size_t n;
        const char *reason;
    } bounds[] = {
        {"transaction", 50, "ok"},
        {"transaction", 51, "preread_too_many"},
        {"batch", 500, "ok"},
        {"batch", 501, "body_too_large"},
    };
    stage_t s;
    size_t i;

    for (i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        open_stage(&s, "patient/*.rs");
        (void) post(&s, repeated(bounds[i].type, bounds[i].n));
        is_str(stage_reason(&s), bounds[i].reason, "%s of %zu", bounds[i].type, bounds[i].n);
        stage_close(&s);
    }
}

/* Entries are judged one after the other: what one needs for it, the next needs again. */
static void test_memory(void)
{
    static char body[1 << 17];
    size_t at = 0, i;
    stage_t s;

    at += (size_t) snprintf(body, sizeof(body),
                            "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[");
    for (i = 0; i < 500; i++) {
        at += (size_t) snprintf(
            body + at, sizeof(body) - at, "%s%s", i == 0 ? "" : ",",
            WRITE("POST", "DocumentReference",
                  "{\"resourceType\":\"DocumentReference\",\"subject\":{\"reference\":"
                  "\"Patient/p1\"}}"));
    }
    (void) snprintf(body + at, sizeof(body) - at, "]}");
    open_stage(&s, "patient/DocumentReference.c");
    (void) post(&s, body);
    is_str(stage_reason(&s), "ok", "500 documents in %zu bytes", base_arena_size(s.arena));
    ok(base_arena_size(s.arena) < (size_t) 8 << 20, "which is not much");
    stage_close(&s);
}

/* L26: more references than there is room for are the client's fault, not ours. */
static void test_references(void)
{
    static const char reference[] = "{\"reference\":\"Observation/1\"}";
    size_t n = 300, links = 300, size = n * (links * sizeof(reference) + 256) + 256, at, i, l;
    char *body = malloc(size);
    stage_t s;

    at = (size_t) snprintf(body, size,
                           "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[");
    for (i = 0; i < n; i++) {
        at += (size_t) snprintf(body + at, size - at,
                                "%s{\"request\":{\"method\":\"POST\",\"url\":\"Observation\"},"
                                "\"resource\":{\"resourceType\":\"Observation\",\"hasMember\":[",
                                i > 0 ? "," : "");
        for (l = 0; l < links; l++) {
            at += (size_t) snprintf(body + at, size - at, "%s%s", l > 0 ? "," : "", reference);
        }
        at += (size_t) snprintf(body + at, size - at, "]}}");
    }
    (void) snprintf(body + at, size - at, "]}");
    open_stage(&s, "system/*.cruds");
    (void) post(&s, body);
    is_str(stage_reason(&s), "body_too_large", "%zu references", n * links);
    stage_close(&s);
    free(body);
}

static void test_minimal(void)
{
    stage_t s;

    open_stage(&s, "patient/Observation.c");
    (void) post(&s, BUNDLE("transaction", WRITE("POST", "Observation", NEW)));
    is_str(stage_header(&s, "prefer"), "return=minimal",
           "without r no representation is asked for");
    stage_close(&s);
    open_stage(&s, "system/*.cruds");
    (void) post(&s, BUNDLE("transaction", WRITE("POST", "Observation", NEW)));
    ok(!smart_verdict_obliges(smart_judge_verdict(&s.judge), SMART_RESPONSE),
       "all of it granted: the answer is not looked at");
    ok(stage_header(&s, "prefer") == NULL, "and the preference is the client's");
    stage_close(&s);
}

int main(void)
{
    UNIT_BEGIN();
    test_rows();
    test_answer();
    test_sorted();
    test_policy();
    test_bounds();
    test_memory();
    test_references();
    test_minimal();
    UNIT_END();
}
