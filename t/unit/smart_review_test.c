/* What comes back: judged, released unchanged or replaced (RULES D1-D4, D9, L6, L8, L10). */

#include "unit.h"

#include "smart_stage.h"

#define JSON "application/fhir+json"

static stage_t stage;

static void token(const char *scope)
{
    (void) stage_token(&stage, scope, "p1", NULL);
}

/* One answer to what was asked last. */
static void answers(base_reason_t expected, unsigned status, const char *type, const char *body,
                    const char *what)
{
    unsigned shown;
    base_reason_t reason = stage_answer(&stage, status, type, body, &shown);

    is_str(base_reason_info(reason)->name, base_reason_info(expected)->name, "%s", what);
}

/* What the client sees of it, however it was cut. */
static void gives(const char *body, const char *expected, const char *what)
{
    size_t n = strlen(body), at, wrong = 0;
    unsigned shown;
    char *out;

    for (at = 0; at <= n; at++) {
        base_reason_t reason = stage_shows(&stage, 200, JSON, body, at, &shown, &out);

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

/* Refused, before a byte of it went, however it was cut. */
static void withholds(base_reason_t expected, const char *body, const char *what)
{
    size_t n = strlen(body), at, wrong = 0;
    unsigned shown;
    char *out;

    for (at = 0; at <= n; at++) {
        base_reason_t reason = stage_shows(&stage, 200, JSON, body, at, &shown, &out);

        if ((reason != expected || (out != NULL && out[0] != '\0')) && wrong++ == 0) {
            printf("# cut at %zu: %s: %s\n", at, base_reason_info(reason)->name,
                   out == NULL ? "(nothing)" : out);
        }
        free(out);
    }
    is_int(wrong, 0, "%s", what);
}

static void shows(unsigned expected, unsigned status, const char *type, const char *body,
                  const char *what)
{
    unsigned shown;

    (void) stage_answer(&stage, status, type, body, &shown);
    is_int(shown, expected, "%s", what);
}

static void instances(void)
{
    token("patient/Observation.r patient/Appointment.r");
    is_int(stage_line(&stage, "GET /Observation/1"), SMART_SEND, "read");
    answers(BASE_OK, 200, JSON,
            "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/"
            "p1\"}}",
            "own");
    answers(BASE_OK, 200, JSON,
            "{\"subject\":{\"reference\":\"Patient/"
            "p1\"},\"id\":\"1\",\"resourceType\":\"Observation\"}",
            "own, members the other way round");
    answers(BASE_OK, 200, "application/json;charset=UTF-8",
            "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"display\":\"x\","
            "\"reference\":\"Patient\\/p1\"}}",
            "own, escaped");
    answers(BASE_OK, 200, JSON,
            "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"" STAGE_URL
            "/Patient/p1\"}}",
            "own, absolute");
    answers(BASE_OK, 200, JSON,
            "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/"
            "p1/_history/3\"}}",
            "own, of a version (D2)");
    answers(BASE_OK, 200, JSON,
            "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/"
            "p2\"},\"performer\":[{\"reference\":\"Patient/p1\"}]}",
            "formal membership (D4)");
    answers(BASE_NOT_FOUND, 200, JSON,
            "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/"
            "p2\"}}",
            "foreign");
    answers(BASE_NOT_FOUND, 200, JSON,
            "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/"
            "p11\"}}",
            "foreign, by a longer id");
    answers(BASE_NOT_FOUND, 200, JSON,
            "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"patient/"
            "p1\"}}",
            "another case");
    answers(BASE_NOT_FOUND, 200, JSON,
            "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"https://"
            "other.example.org/r4/Patient/p1\"}}",
            "another base");
    answers(BASE_NOT_FOUND, 200, JSON,
            "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"identifier\":{\"value\":"
            "\"p1\"},\"display\":\"Patient/p1\"}}",
            "by identifier (D2)");
    answers(BASE_NOT_FOUND, 200, JSON,
            "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"#p1\"},"
            "\"contained\":[{\"resourceType\":\"Patient\",\"id\":\"p1\",\"subject\":{\"reference\":"
            "\"Patient/p1\"}}]}",
            "contained (D12)");
    answers(BASE_NOT_FOUND, 200, JSON,
            "{\"resourceType\":\"Observation\",\"id\":\"1\",\"focus\":[{\"reference\":\"Patient/"
            "p1\"}]}",
            "no membership element (C4)");
    answers(BASE_NOT_FOUND, 200, JSON, "{\"resourceType\":\"Observation\",\"id\":\"1\"}",
            "nobody's");
    answers(BASE_NOT_FOUND, 200, JSON,
            "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":[{\"reference\":\"Patient/"
            "p1\"}]}",
            "a wrong shape");
    answers(BASE_NOT_FOUND, 200, JSON,
            "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":{"
            "\"reference\":\"Patient/p1\"}}}",
            "another wrong shape");
    answers(BASE_ANSWER_UNEXPECTED, 200, JSON,
            "{\"resourceType\":\"Observation\",\"id\":\"2\",\"subject\":{\"reference\":\"Patient/"
            "p1\"}}",
            "another id (L10)");
    answers(
        BASE_ANSWER_UNEXPECTED, 200, JSON,
        "{\"resourceType\":\"Condition\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/p1\"}}",
        "another type (L10)");
    answers(BASE_ANSWER_UNEXPECTED, 200, JSON,
            "{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/p1\"}}",
            "no id");
    answers(BASE_ANSWER_UNEXPECTED, 200, JSON,
            "{\"id\":\"1\",\"subject\":{\"reference\":\"Patient/p1\"}}", "no type");
    answers(
        BASE_ANSWER_BROKEN, 200, JSON,
        "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/p1\"}",
        "cut");
    answers(BASE_ANSWER_BROKEN, 200, JSON,
            "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/"
            "p1\",\"reference\":\"Patient/p2\"}}",
            "twice");
    answers(BASE_ANSWER_BROKEN, 200, JSON,
            "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/"
            "p1\"}}{}",
            "more behind it");
    answers(BASE_ANSWER_BROKEN, 200, JSON, "", "nothing");
    answers(BASE_ANSWER_BROKEN, 200, JSON, "<Observation/>", "no JSON");
    answers(
        BASE_ANSWER_UNEXPECTED, 200, JSON,
        "{\"resourceType\":\"OperationOutcome\",\"contained\":[{\"resourceType\":\"Patient\"}]}",
        "an outcome with something inside");
    answers(BASE_OK, 200, JSON, "{\"resourceType\":\"OperationOutcome\"}",
            "an outcome passes (L10)");
    is_int(stage_line(&stage, "GET /Appointment/1"), SMART_SEND, "several actors");
    answers(BASE_OK, 200, JSON,
            "{\"resourceType\":\"Appointment\",\"id\":\"1\",\"participant\":[{\"actor\":{"
            "\"reference\":\"Patient/p2\"}},{\"actor\":{\"reference\":\"Patient/p1\"}}]}",
            "one of them (D5)");
    answers(BASE_NOT_FOUND, 200, JSON,
            "{\"resourceType\":\"Appointment\",\"id\":\"1\",\"participant\":[{\"actor\":{"
            "\"reference\":\"Patient/p2\"}}]}",
            "none of them");
}

static void policies(void)
{
    const char *performer =
        "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/"
        "p2\"},\"performer\":[{\"reference\":\"Patient/p1\"}]}";
    const char *linked = "{\"resourceType\":\"Patient\",\"id\":\"p2\",\"link\":[{\"other\":{"
                         "\"reference\":\"Patient/p1\"}}]}";
    stage_t strict;
    unsigned shown;

    stage_open(&strict);
    (void) stage_policy(&strict, "membership strict");
    (void) stage_policy(&strict, "hide_existence off");
    (void) stage_policy(&strict, "linked_patients allow");
    (void) stage_token(&strict, "patient/*.r", "p1", NULL);
    (void) stage_line(&strict, "GET /Observation/1");
    is_int(stage_answer(&strict, 200, JSON, performer, &shown), BASE_SCOPE_MISSING,
           "membership strict, hide_existence off: 403");
    is_int(shown, 403, "as the status says");
    (void) stage_line(&strict, "GET /Patient/p2");
    is_int(stage_answer(&strict, 200, JSON, linked, &shown), BASE_OK, "linked_patients allow (D3)");
    is_int(stage_answer(&strict, 200, JSON, "{\"resourceType\":\"Patient\",\"id\":\"p2\"}", &shown),
           BASE_SCOPE_MISSING, "and only linked ones");
    stage_close(&strict);
}

static void own_patient(void)
{
    token("patient/Patient.r");
    is_int(stage_line(&stage, "GET /Patient/p1"), SMART_SEND, "own Patient");
    answers(BASE_OK, 200, JSON, "{\"resourceType\":\"Patient\",\"id\":\"p1\"}", "by its id");
    answers(BASE_ANSWER_UNEXPECTED, 200, JSON, "{\"resourceType\":\"Patient\",\"id\":\"p2\"}",
            "another came");
    answers(BASE_ANSWER_UNEXPECTED, 200, JSON,
            "{\"resourceType\":\"Patient\",\"id\":\"p2\",\"link\":[{\"other\":{\"reference\":"
            "\"Patient/p1\"}}]}",
            "a linked one came");
    answers(BASE_ANSWER_BROKEN, 200, JSON,
            "{\"resourceType\":\"Patient\",\"id\":\"p1\",\"id\":\"p2\"}", "two ids");
}

static void heads(void)
{
    const char *own = "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":"
                      "\"Patient/p1\"}}";
    const char *outcome = "{\"resourceType\":\"OperationOutcome\",\"issue\":[]}";
    smart_review_t review;
    smart_head_t encoded = {
        .status = 200, .content_type = BASE_SPAN_LIT(JSON), .content_encoded = true};

    token("patient/Observation.rs");
    (void) stage_line(&stage, "GET /Observation/1");
    answers(BASE_OK, 201, JSON, own, "any 2xx with a body");
    answers(BASE_ANSWER_STATUS, 206, JSON, own, "206");
    answers(BASE_ANSWER_STATUS, 304, JSON, "", "304");
    answers(BASE_ANSWER_STATUS, 302, JSON, own, "302");
    answers(BASE_ANSWER_STATUS, 101, JSON, own, "101");
    answers(BASE_ANSWER_STATUS, 0, JSON, own, "no status");
    answers(BASE_ANSWER_NOT_JSON, 200, "application/fhir+xml", own, "XML");
    answers(BASE_ANSWER_NOT_JSON, 200, NULL, own, "no type");
    answers(BASE_ANSWER_NOT_JSON, 200, JSON "; charset=utf-16", own, "another encoding");
    answers(BASE_ANSWER_NOT_JSON, 200, JSON "; fhirVersion=5.0", own, "another version");
    answers(BASE_OK, 200, JSON "; fhirVersion=4.0", own, "this version");
    answers(BASE_NOT_FOUND, 404, JSON, outcome, "404: our own text (D9)");
    answers(BASE_NOT_FOUND, 410, JSON, outcome, "410 as well");
    shows(404, 410, JSON, outcome, "as 404");
    answers(BASE_OK, 500, JSON, outcome, "an error with an outcome");
    answers(BASE_OK, 400, JSON, "", "an error without a body");
    answers(BASE_ANSWER_UNEXPECTED, 500, JSON, own, "an error with a resource");
    shows(500, 500, JSON, own, "keeps its status (L10)");
    answers(BASE_ANSWER_UNEXPECTED, 500, "text/html", "<html>", "an error with a page");
    shows(500, 500, "text/html", "<html>", "keeps its status");
    answers(BASE_ANSWER_UNEXPECTED, 500, JSON, "{\"resourceType\":\"OperationOutcome\"",
            "an error, broken");
    is_int(smart_review_start(&review, stage.arena, smart_judge_verdict(&stage.judge),
                              &stage.policy, &encoded),
           SMART_REVIEW_REPLACE, "encoded");
    is_int(review.reason, BASE_ANSWER_ENCODED, "is not read");
    (void) stage_line(&stage, "GET /Observation");
    answers(BASE_OK, 404, JSON, outcome, "404 to a search passes");
    token("system/Observation.rs");
    (void) stage_line(&stage, "GET /Observation/1");
    answers(BASE_OK, 200, "application/fhir+xml", "<x/>", "without a check anything passes");
    answers(BASE_OK, 304, JSON, "", "304 too");
    answers(BASE_OK, 206, JSON, "", "206 too");
    answers(BASE_ANSWER_STATUS, 302, JSON, "", "but no redirect (L10)");
    answers(BASE_ANSWER_STATUS, 101, JSON, "", "and no tunnel");
    token("patient/Observation.s");
    (void) stage_line(&stage, "GET /Observation/1");
    answers(BASE_SCOPE_MISSING, 200, JSON, own, "a refused verdict releases nothing");
}

#define O1                                                                                         \
    "{\"resource\":{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":"     \
    "\"Patient/p1\"}}}"
#define O1M                                                                                        \
    "{\"search\":{\"mode\":\"match\"},\"resource\":{\"id\":\"1\",\"subject\":{\"reference\":"      \
    "\"Patient/p1\"},\"resourceType\":\"Observation\"},\"fullUrl\":\"x\"}"
#define O2                                                                                         \
    "{\"resource\":{\"resourceType\":\"Observation\",\"id\":\"2\",\"subject\":{\"reference\":"     \
    "\"Patient/p2\"}}}"
#define OPERF                                                                                      \
    "{\"resource\":{\"resourceType\":\"Observation\",\"id\":\"3\",\"subject\":{\"reference\":"     \
    "\"Patient/p2\"},\"performer\":[{\"reference\":\"Patient/p1\"}]}}"
#define P1 "{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"p1\"}}"
#define OUTCOME                                                                                    \
    "{\"search\":{\"mode\":\"outcome\"},\"resource\":{\"resourceType\":\"OperationOutcome\"}}"
#define FAKE_OUTCOME                                                                               \
    "{\"search\":{\"mode\":\"outcome\"},\"resource\":{\"resourceType\":\"Observation\",\"id\":"    \
    "\"2\",\"subject\":{\"reference\":\"Patient/p2\"}}}"
#define INCLUDE                                                                                    \
    "{\"search\":{\"mode\":\"include\"},\"resource\":{\"resourceType\":\"Observation\",\"id\":"    \
    "\"1\",\"subject\":{\"reference\":\"Patient/p1\"}}}"
#define BUNDLE(entries)                                                                            \
    "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[" entries "]}"
#define SELF(url) "\"link\":[{\"relation\":\"self\",\"url\":\"" url "\"}]"

#define PROVENANCE_OF(what)                                                                        \
    "{\"search\":{\"mode\":\"include\"},\"resource\":{\"resourceType\":\"Provenance\",\"id\":"     \
    "\"v\",\"target\":[{\"reference\":\"" what "\"}]}}"

static void searchsets(void)
{
    token("patient/Observation.s");
    is_int(stage_line(&stage, "GET /Observation?code=x"), SMART_SEND, "search");
    answers(BASE_OK, 200, JSON, BUNDLE(""), "empty");
    answers(BASE_OK, 200, JSON, "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":0}",
            "empty, no entry");
    answers(BASE_OK, 200, JSON, BUNDLE(O1), "own");
    answers(BASE_OK, 200, JSON, BUNDLE(O1 "," O1M "," OUTCOME), "own, own, an outcome");
    answers(BASE_OK, 200, JSON,
            "{\"entry\":[" O1M "],\"total\":1,\"type\":\"searchset\",\"resourceType\":\"Bundle\"}",
            "members the other way round");
    gives(BUNDLE(O1 "," O1M), BUNDLE(O1 "," O1M), "nothing to cut");
    gives(BUNDLE(O2), BUNDLE(""), "foreign");
    gives(BUNDLE(O1 "," O2), BUNDLE(O1), "foreign, last");
    gives(BUNDLE(O2 "," O1), BUNDLE(O1), "foreign, first");
    gives(BUNDLE(O2 " , " O2 " ,\n " O1 " , " O2), BUNDLE(O1), "foreign, all around");
    gives(BUNDLE(O1 "," O2 "," O1M), BUNDLE(O1 "," O1M), "foreign, in the middle");
    gives(BUNDLE(O1 "," O2 "," O2 "," O1M), BUNDLE(O1 "," O1M), "two of them");
    gives(BUNDLE(OPERF), BUNDLE(""), "a search is strict (D4)");
    gives(BUNDLE(P1), BUNDLE(""), "another type, though one's own");
    gives(BUNDLE(INCLUDE), BUNDLE(""), "an include that nobody asked for");
    gives(BUNDLE(O1 "," PROVENANCE_OF("Observation/1")), BUNDLE(O1),
          "a Provenance that nobody asked for (D6)");
    gives(BUNDLE(FAKE_OUTCOME), BUNDLE(""), "a resource as an outcome");
    gives(BUNDLE(O1 ",{\"fullUrl\":\"Observation/1\"}"), BUNDLE(O1), "an entry without a resource");
    gives(BUNDLE("{\"response\":{\"outcome\":" O2
                 "},\"resource\":{\"resourceType\":\"Observation\","
                 "\"subject\":{\"reference\":\"Patient/p1\"}}}"),
          BUNDLE(""), "an outcome that is none, beside one's own");
    gives(
        BUNDLE(
            "{\"search\":{\"mode\":"
            "\"mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm\"},"
            "\"resource\":{\"resourceType\":\"Observation\",\"subject\":{\"reference\":"
            "\"Patient/p1\"}}}"),
        BUNDLE(""), "a mode that is too long to be one");
    gives(BUNDLE("null," O1 ",7,[" O1 "],{\"resource\":null},{\"resource\":[" O1 "]}"), BUNDLE(O1),
          "shapes that no entry has");
    gives("{\"entry\":[" O2 "," O1M "],\"type\":\"searchset\",\"resourceType\":\"Bundle\"}",
          "{\"entry\":[" O1M "],\"type\":\"searchset\",\"resourceType\":\"Bundle\"}",
          "the type comes last");
    gives("{\"total\":1,\"Entry\":[" O2 "],\"type\":\"searchset\",\"issues\":" O2 ",\"entry\":[" O1
          "],\"resourceType\":\"Bundle\"}",
          "{\"type\":\"searchset\",\"entry\":[" O1 "],\"resourceType\":\"Bundle\"}",
          "members that no Bundle has");
    answers(BASE_ANSWER_UNEXPECTED, 200, JSON,
            "{\"resourceType\":\"Bundle\",\"type\":\"history\",\"entry\":[" O1 "]}", "a history");
    answers(BASE_ANSWER_UNEXPECTED, 200, JSON, "{\"resourceType\":\"Bundle\",\"entry\":[" O1 "]}",
            "no type");
    answers(BASE_ANSWER_UNEXPECTED, 200, JSON,
            "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/"
            "p1\"}}",
            "a single resource");
    answers(BASE_OK, 200, JSON, "{\"resourceType\":\"OperationOutcome\"}", "an outcome");
    answers(BASE_ANSWER_BROKEN, 200, JSON,
            "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[" O1 "],\"entry\":[" O2
            "]}",
            "two entry members");
    answers(BASE_ANSWER_BROKEN, 200, JSON,
            "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[" O1, "cut");
    gives(BUNDLE("{\"resource\":{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[" O1
                 "]}}"),
          BUNDLE(""), "a Bundle as a match is a resource that nobody covers");
}

/* A Patient is one's own by type and id together; links count only where the policy says so, and never in a search. */
#define PATIENT(id) "{\"resourceType\":\"Patient\",\"id\":\"" id "\"}"

static void patient_searchsets(void)
{
    token("patient/Patient.s patient/Observation.r");
    is_int(stage_line(&stage, "GET /Patient"), SMART_SEND, "search of Patients");
    answers(BASE_OK, 200, JSON, BUNDLE(P1), "oneself");
    gives(BUNDLE("{\"fullUrl\":\"" STAGE_URL
                 "/Patient/p1\"},{\"fullUrl\":\"Patient/p2\"},{\"fullUrl\":"
                 "\"https://x/Patient/p1\"},{\"fullUrl\":\"Observation/p1\"}"),
          BUNDLE("{\"fullUrl\":\"" STAGE_URL "/Patient/p1\"}"), "by the URL alone (L8)");
    gives(BUNDLE("{\"fullUrl\":\"" STAGE_URL "/Patient/p1\",\"resource\":[" PATIENT("p2") "]}"),
          BUNDLE(""), "by the URL, beside a list of resources");
    gives(BUNDLE("{\"fullUrl\":\"" STAGE_URL "/Patient/p1\",\"resource\":\"x\"}"), BUNDLE(""),
          "by the URL, beside a text for a resource");
    gives(BUNDLE("{\"fullUrl\":\"" STAGE_URL "/Patient/p1\",\"resource\":null}"), BUNDLE(""),
          "by the URL, beside null for a resource");
    gives(BUNDLE("{\"fullUrl\":\"" STAGE_URL
                 "/Patient/p1\",\"response\":{\"outcome\":[" PATIENT("p2") "]}}"),
          BUNDLE(""), "by the URL, beside a list of outcomes");
    gives(BUNDLE("{\"resource\":{\"resourceType\":\"Observation\",\"id\":\"p1\"}}"), BUNDLE(""),
          "another type of that id");
    gives(BUNDLE("{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"p2\",\"link\":[{\"other\":{"
                 "\"reference\":\"Patient/p1\"}}]}}"),
          BUNDLE(""), "a linked one (D3)");
    is_int(stage_line(&stage, "GET /Observation/p1"), SMART_SEND, "another type of that id");
    answers(BASE_NOT_FOUND, 200, JSON, "{\"resourceType\":\"Observation\",\"id\":\"p1\"}",
            "is nobody's");
}

#define TOTAL(n) "{\"resourceType\":\"Bundle\",\"total\":" n ",\"type\":\"searchset\""

/* L6: no count of what could not be shown. */
static void totals(void)
{
    token("patient/Observation.s");
    (void) stage_line(&stage, "GET /Observation?_count=0");
    answers(BASE_NOT_NARROWABLE, 200, JSON, TOTAL("7") "}", "a count that nothing explains");
    gives(TOTAL("7") "," SELF(STAGE_URL "/Observation?_count=0&patient=p1") "}",
          "{\"resourceType\":\"Bundle\",\"type\":\"searchset\"," SELF(
              STAGE_URL "/Observation?_count=0&patient=p1") ",\"total\":7}",
          "a count of what was narrowed");
    answers(BASE_NOT_NARROWABLE, 200, JSON,
            TOTAL("7") "," SELF(STAGE_URL "/Observation?_count=0") "}", "a count of what was not");
    answers(BASE_NOT_NARROWABLE, 200, JSON,
            TOTAL("7") "," SELF(STAGE_URL "/Observation?patient=p11") "}", "a count of another");
    (void) stage_line(&stage, "GET /Observation");
    gives(TOTAL("0") "}", "{\"resourceType\":\"Bundle\",\"type\":\"searchset\"}",
          "none, of whom nothing says");
    gives(TOTAL("1") ",\"entry\":[" O1 "]}", BUNDLE(O1), "beside what is shown");
    gives(TOTAL("2") "," SELF(STAGE_URL "/Observation?patient=p1&_count=1") ",\"entry\":[" O1 "]}",
          "{\"resourceType\":\"Bundle\",\"type\":\"searchset\"," SELF(
              STAGE_URL "/Observation?patient=p1&_count=1") ",\"entry\":[" O1 "],\"total\":2}",
          "beyond what is shown, of what was narrowed");
    gives("{\"total\":2,\"entry\":[" O1
          "]," SELF(STAGE_URL "/Observation?patient=p1") ",\"type\":\"searchset\",\"resourceType\":"
                                                         "\"Bundle\"}",
          "{\"entry\":[" O1
          "]," SELF(STAGE_URL "/Observation?patient=p1") ",\"type\":\"searchset\",\"resourceType\":"
                                                         "\"Bundle\",\"total\":2}",
          "the other way round");
    gives(TOTAL("2") "," SELF(STAGE_URL "/Observation?patient=p1") ",\"entry\":[" O1 "," O2 "]}",
          "{\"resourceType\":\"Bundle\",\"type\":\"searchset\"," SELF(
              STAGE_URL "/Observation?patient=p1") ",\"entry\":[" O1 "]}",
          "a match was taken out");
    gives(TOTAL("2") "," SELF(STAGE_URL "/Observation?_count=1") ",\"entry\":[" O1 "]}",
          "{\"resourceType\":\"Bundle\",\"type\":\"searchset\"," SELF(
              STAGE_URL "/Observation?_count=1") ",\"entry\":[" O1 "]}",
          "of what was not narrowed");
    gives(TOTAL("\"2\"") "," SELF(STAGE_URL "/Observation?patient=p1") "}",
          "{\"resourceType\":\"Bundle\",\"type\":\"searchset\"," SELF(
              STAGE_URL "/Observation?patient=p1") "}",
          "a total that is no number");
}

/* L6: an upstream that ignores what is appended, and what follows for its totals. */
static void ignored(void)
{
    const char *total =
        TOTAL("1") "," SELF(STAGE_URL "/Observation?patient=p1") ",\"entry\":[" O1 "]}";
    smart_head_t head = {.status = 200, .content_type = BASE_SPAN_LIT(JSON)};
    static const struct {
        const char *body;
        bool before;
        bool after;
        bool total;
        uint64_t removed;
    } rows[] = {
        {BUNDLE(O1), false, false, false, 0},
        {BUNDLE(O1 "," O2 "," O2), false, true, false, 2},
        {BUNDLE(O1 "," INCLUDE), false, false, false, 1},
        {NULL, false, false, true, 0},
        {NULL, true, false, false, 0},
    };

    token("patient/Observation.s");
    (void) stage_line(&stage, "GET /Observation");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        base_arena_t *arena = base_arena_new(1u << 20);
        smart_review_t review;
        size_t n;
        char *out;

        head.narrowing_ignored = rows[i].before;
        (void) smart_review_start(&review, arena, smart_judge_verdict(&stage.judge), &stage.policy,
                                  &head);
        (void) stage_review(&review, base_span_of(rows[i].body == NULL ? total : rows[i].body), 9,
                            &out, &n);
        is_int(review.narrowing_ignored, rows[i].after, "row %zu: whether it was ignored", i);
        is_int((long) review.removed, (long) rows[i].removed, "row %zu: how many went", i);
        is_int(strstr(out, "\"total\"") != NULL, rows[i].total, "row %zu: a total", i);
        ok(review.header_n == 2 && base_span_is(base_span_of(review.header[0].name), "etag") &&
               review.header[0].value.p == NULL,
           "row %zu: no ETag", i);
        free(out);
        base_arena_free(arena);
    }
}

#define PROVENANCE(id, targets)                                                                    \
    "{\"search\":{\"mode\":\"include\"},\"resource\":{\"resourceType\":\"Provenance\",\"id\":"     \
    "\"" id "\",\"target\":[" targets "]}}"
#define TO(what) "{\"reference\":\"" what "\"}"

/* D6, L9: each Provenance by its own targets; what another one refers to is no help. */
static void provenances(void)
{
    token("patient/Observation.rs patient/Provenance.rs");
    is_int(stage_line(&stage, "GET /Observation?_revinclude=Provenance:target"), SMART_SEND,
           "with Provenances");
    gives(BUNDLE(O1 "," PROVENANCE("a", TO("Observation/1"))),
          BUNDLE(O1 "," PROVENANCE("a", TO("Observation/1"))), "of a match");
    gives(BUNDLE(PROVENANCE("a", TO("Observation/1")) "," O1),
          BUNDLE(O1 "," PROVENANCE("a", TO("Observation/1"))), "before it: it comes at the end");
    gives(BUNDLE(PROVENANCE("a", TO("Observation\\/1")) "," O1 "," O2),
          BUNDLE(O1 "," PROVENANCE("a", TO("Observation\\/1"))), "with escapes");
    gives(BUNDLE("{\"X\":" O2 ",\"resource\":{\"resourceType\":\"Provenance\",\"target\":[" TO(
              "Observation/1") "]},\"y\":0,\"search\":{\"mode\":\"include\"},\"z\":[]}," O1),
          BUNDLE(O1 ",{\"resource\":{\"resourceType\":\"Provenance\",\"target\":[" TO(
              "Observation/1") "]},\"search\":{\"mode\":\"include\"}}"),
          "without members that no entry has");
    gives(BUNDLE(O1 "," PROVENANCE("b", TO("Observation/2"))), BUNDLE(O1), "of what is not here");
    gives(BUNDLE(O1 "," PROVENANCE("b", TO("https://other.example.org/r4/Observation/1"))),
          BUNDLE(O1), "of what is elsewhere");
    gives(
        BUNDLE(O1
               ",{\"search\":{\"mode\":\"include\"},\"resource\":{\"resourceType\":\"Provenance\","
               "\"target\":[" TO("Observation/2") "],\"agent\":[" TO("Observation/1") "]}}"),
        BUNDLE(O1), "that is another element's");
    gives(BUNDLE(O1 "," O2 "," PROVENANCE("b", TO("Observation/2"))), BUNDLE(O1),
          "of what was taken out");
    gives(BUNDLE(O1 "," PROVENANCE("a", TO("Patient/p1") "," TO("Observation/1")) "," PROVENANCE(
              "b", TO("Patient/p2"))),
          BUNDLE(O1 "," PROVENANCE("a", TO("Patient/p1") "," TO("Observation/1"))),
          "another patient's, beside one that is covered twice over");
    gives(BUNDLE(PROVENANCE("b", TO("Patient/p2")) "," O1 "," PROVENANCE(
              "a", TO("Observation/1") "," TO("Patient/p1"))),
          BUNDLE(O1 "," PROVENANCE("a", TO("Observation/1") "," TO("Patient/p1"))),
          "the other way round");
    gives(BUNDLE(PROVENANCE("b", TO("Patient/p2"))), BUNDLE(""), "alone");
    gives(BUNDLE(O1 "," PROVENANCE("a", TO("Patient/p1") "," TO("Observation/1")) "," PROVENANCE(
              "b", TO("Observation/1"))),
          BUNDLE(O1 "," PROVENANCE("a", TO("Patient/p1") "," TO("Observation/1")) "," PROVENANCE(
              "b", TO("Observation/1"))),
          "two of one's own");
}

#define HISTORY(entries)                                                                           \
    "{\"resourceType\":\"Bundle\",\"type\":\"history\",\"entry\":[" entries "]}"
#define DELETED(url) "{\"request\":{\"method\":\"DELETE\",\"url\":\"" url "\"}}"

/* L9: a deletion is shown when the version that it deleted is. L20: pages of histories. */
static void histories(void)
{
    stage_t own = stage;

    stage_open(&stage);
    (void) stage_policy(&stage, "history own");
    token("patient/Observation.rs");
    is_int(stage_line(&stage, "GET /Observation/1/_history"), SMART_SEND, "a history");
    gives(HISTORY(DELETED("Observation/1") "," O1 "," O1M),
          HISTORY(DELETED("Observation/1") "," O1 "," O1M), "of a deleted resource");
    gives(HISTORY(O1 "," DELETED("Observation/1") "," DELETED("Observation/1") "," O1M),
          HISTORY(O1 "," DELETED("Observation/1") "," DELETED("Observation/1") "," O1M),
          "deleted twice, before");
    gives(HISTORY(O2 "," DELETED("Observation/2") "," O1), HISTORY(O1), "of what is not asked for");
    gives(HISTORY(DELETED("Observation/1")), HISTORY(""), "nothing says what it was");
    gives(HISTORY(O1 ",{\"resource\":{\"resourceType\":\"Observation\",\"id\":\"4\",\"subject\":{"
                     "\"reference\":\"Patient/p1\"}}}"),
          HISTORY(O1), "one's own, of another instance");
    gives(HISTORY(DELETED(STAGE_URL "/Observation/1/_history/2") "," O1),
          HISTORY(DELETED(STAGE_URL "/Observation/1/_history/2") "," O1),
          "by an URL of this server");
    gives(HISTORY(DELETED("https://other.example.org/r4/Observation/1") "," O1), HISTORY(O1),
          "by one of another");
    gives(HISTORY("{\"fullUrl\":\"Observation/1\",\"request\":{\"method\":\"DELETE\"}}," O1),
          HISTORY("{\"fullUrl\":\"Observation/1\",\"request\":{\"method\":\"DELETE\"}}," O1),
          "by its fullUrl");
    gives(HISTORY("{\"fullUrl\":\"Observation/1\",\"request\":{\"method\":\"DELETE\",\"url\":"
                  "\"Observation/2\"}}," O1),
          HISTORY(O1), "request.url outweighs it");
    gives(HISTORY(DELETED("Observation/1") "," O2 "," O1), HISTORY(DELETED("Observation/1") "," O1),
          "others between");
    gives(HISTORY(DELETED(
              "Observation/1") ",{\"resource\":{\"resourceType\":\"Observation\",\"id\":\"1\","
                               "\"subject\":{\"reference\":\"Patient/p2\"}}}," O1),
          HISTORY(O1), "the next older version was another patient's");
    is_int(stage_line(&stage, "GET /?_getpages=x"), SMART_SEND, "a page");
    gives(HISTORY(DELETED("Observation/2") "," DELETED("Observation/1") "," O2 "," O1),
          HISTORY(DELETED("Observation/1") "," O1), "own and foreign deletions");
    stage_close(&stage);
    stage = own;
    token("patient/Observation.rs");
    is_int(stage_line(&stage, "GET /?_getpages=x"), SMART_SEND, "a page, history both");
    gives(HISTORY(O1), HISTORY(""), "of a history: the current version is not known (L20)");
    answers(BASE_ANSWER_UNCOVERED, 200, JSON,
            "{\"resourceType\":\"Bundle\",\"entry\":[" O1 "],\"type\":\"history\"}",
            "where it says that too late");
}

/* I4: that something was withheld, where the policy says so. */
static void suppressed(void)
{
    static const char outcome[] =
        "{\"resource\":{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":"
        "\"information\",\"code\":\"suppressed\",\"details\":{\"text\":\"Some matches are not "
        "covered "
        "by the access token.\"}}]},\"search\":{\"mode\":\"outcome\"}}";
    stage_t before = stage;
    char text[1024];

    stage_open(&stage);
    (void) stage_policy(&stage, "suppressed_outcome on");
    token("patient/Observation.s");
    is_int(stage_line(&stage, "GET /Observation"), SMART_SEND, "suppressed_outcome on");
    (void) snprintf(text, sizeof(text), BUNDLE("%s"), outcome);
    gives(BUNDLE(O2), text, "nothing is left");
    (void) snprintf(text, sizeof(text), BUNDLE(O1 ",%s"), outcome);
    gives(BUNDLE(O1 "," O2), text, "something is");
    gives(BUNDLE(O1 "," INCLUDE), BUNDLE(O1), "of includes nothing is said");
    gives(BUNDLE(O1), BUNDLE(O1), "nor of nothing");
    stage_close(&stage);
    stage = before;
}

/* B6: what an operation gives. */
#define INCLUDE_OF(type, id, who)                                                                  \
    "{\"search\":{\"mode\":\"include\"},\"resource\":{\"resourceType\":\"" type "\",\"id\":\"" id  \
    "\",\"subject\":{\"reference\":\"Patient/" who "\"}}}"

static void operations(void)
{
    token("patient/Observation.rs patient/Patient.rs patient/List.rs");
    is_int(stage_line(&stage, "GET /Patient/p1/$everything"), SMART_SEND, "$everything");
    gives(
        BUNDLE(O1M ",{\"resource\":{\"id\":\"l\",\"entry\":[{\"item\":{}}],\"total\":3,\"x\":null,"
                   "\"subject\":{\"reference\":\"Patient/p1\"},\"resourceType\":\"List\"}}"),
        BUNDLE(O1M ",{\"resource\":{\"id\":\"l\",\"entry\":[{\"item\":{}}],\"total\":3,\"x\":null,"
                   "\"subject\":{\"reference\":\"Patient/p1\"},\"resourceType\":\"List\"}}"),
        "types last: every byte stays");
    gives(BUNDLE("{\"resource\":{\"resourceType\":\"Bundle\",\"type\":\"document\",\"entry\":[" O1
                 "]}}," O1),
          BUNDLE(O1), "a Bundle that was stored is a resource");
    gives(BUNDLE("{\"resource\":" BUNDLE(O1 "," O2) "}"), BUNDLE("{\"resource\":" BUNDLE(O1) "}"),
          "one that was made for the answer is filtered");
    gives(BUNDLE(O1
                 "," INCLUDE_OF("Observation", "5", "p1") "," INCLUDE_OF("Observation", "6", "p2")),
          BUNDLE(O1 "," INCLUDE_OF("Observation", "5", "p1")), "what it includes, by r or s");
#define PARAMETERS(list) "{\"resourceType\":\"Parameters\",\"parameter\":[" list "]}"
#define PLAIN            "{\"name\":\"a\",\"valueString\":\"x\"}"
    gives(PARAMETERS(PLAIN
                     ",{\"name\":\"b\",\"resource\":{\"resourceType\":\"Observation\",\"subject\":{"
                     "\"reference\":\"Patient/p2\"}}}"),
          PARAMETERS(PLAIN), "a parameter with another's resource goes");
    gives(PARAMETERS("{\"name\":\"b\",\"part\":[" PLAIN ",{\"part\":[" O2 "]}]}," PLAIN),
          PARAMETERS(PLAIN), "or with one in a part of a part");
    gives(PARAMETERS("{\"name\":\"b\",\"part\":[" PLAIN "," O1 "," O1M "]}"), PARAMETERS(""),
          "members that no parameter has");
    gives(PARAMETERS("{\"name\":\"b\",\"part\":[" PLAIN "," O1 "]}," PLAIN),
          PARAMETERS("{\"name\":\"b\",\"part\":[" PLAIN "," O1 "]}," PLAIN), "the own ones stay");
    gives(PARAMETERS("{\"resource\":{\"id\":\"1\",\"subject\":{\"reference\":\"Patient/p2\"},"
                     "\"resourceType\":\"Observation\"}},{\"resource\":{\"resourceType\":"
                     "\"OperationOutcome\"}}"),
          PARAMETERS("{\"resource\":{\"resourceType\":\"OperationOutcome\"}}"),
          "types last; outcomes stay");
    gives("{\"parameter\":[" O2 "," PLAIN "],\"resourceType\":\"Parameters\"}",
          "{\"parameter\":[" PLAIN "],\"resourceType\":\"Parameters\"}", "the type of all last");
}

/* L20: on a page that nobody narrowed a total counts what is not shown. */
static void pages(void)
{
    token("patient/Observation.s");
    is_int(stage_line(&stage, "GET /?_getpages=x"), SMART_SEND, "a page");
    gives(BUNDLE(O1), BUNDLE(O1), "own");
    gives(BUNDLE(O1
                 "," INCLUDE_OF("Observation", "5", "p1") "," INCLUDE_OF("Observation", "6", "p2")),
          BUNDLE(O1 "," INCLUDE_OF("Observation", "5", "p1")), "own, included by whatever search");
    gives("{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":2," SELF(
              STAGE_URL "/_search") ",\"entry\":[" O1 "," O2 "]}",
          "{\"resourceType\":\"Bundle\",\"type\":\"searchset\"," SELF(
              STAGE_URL "/_search") ",\"entry\":[" O1 "]}",
          "no total");
}

/* What an attacker who can write resources, or a broken server, might try. */
/* Nothing goes before it is known what it is. */
static void withheld(void)
{
    token("patient/Observation.s patient/Patient.rs");
    (void) stage_line(&stage, "GET /Observation");
    withholds(BASE_ANSWER_UNEXPECTED,
              "{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[" O1 "," O1M "]}",
              "withheld: another type");
    withholds(BASE_ANSWER_UNEXPECTED,
              "{\"entry\":[" O1 "," O1M "],\"type\":\"collection\",\"resourceType\":\"Bundle\"}",
              "withheld: another type, said last");
    withholds(BASE_ANSWER_UNEXPECTED, "{\"resourceType\":\"Bundle\",\"entry\":[" O1 "," O1M "]}",
              "withheld: no type");
    withholds(BASE_ANSWER_UNEXPECTED,
              "{\"entry\":[" O1 "," O1M "],\"resourceType\":\"Patient\",\"id\":\"p1\"}",
              "withheld: no Bundle, said last");
    withholds(BASE_ANSWER_UNEXPECTED,
              "{\"id\":\"p1\",\"birthDate\":\"1970-01-01\",\"resourceType\":\"Patient\"}",
              "withheld: a resource that nobody asked for");
    (void) stage_line(&stage, "GET /Observation?_summary=count");
    withholds(BASE_NOT_NARROWABLE,
              "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":5,\"entry\":[" O1 "]}",
              "withheld: a count of whatever");
    (void) stage_line(&stage, "GET /Patient/p1");
    withholds(BASE_ANSWER_UNEXPECTED,
              "{\"birthDate\":\"1970-01-01\",\"id\":\"p2\",\"resourceType\":\"Patient\"}",
              "withheld: another instance, said last");
}

/* Where all of a type is covered, an entry without a resource says nothing all the same (L8). */
static void bodiless(void)
{
    token("system/Observation.rs patient/Patient.rs");
    (void) stage_line(&stage, "GET /Observation?_include=Observation:subject");
    gives(BUNDLE(O1 ",{\"fullUrl\":\"" STAGE_URL "/Observation/9\"}"), BUNDLE(O1),
          "an entry without a resource, of a type that is covered");
}

static void hostile(void)
{
    static char deep[4096], wide[200000];
    size_t i, n;

    token("patient/Observation.s");
    (void) stage_line(&stage, "GET /Observation");
    answers(
        BASE_ANSWER_BROKEN, 200, JSON,
        "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"type\":\"history\",\"entry\":[" O1
        "]}",
        "type twice");
    answers(BASE_ANSWER_UNEXPECTED, 200, JSON,
            "{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[" O1 "]}",
            "another type");
    answers(BASE_ANSWER_UNEXPECTED, 200, JSON,
            "{\"entry\":[" O1 "],\"type\":\"collection\",\"resourceType\":\"Bundle\"}",
            "another type, said last");
    answers(BASE_ANSWER_UNEXPECTED, 200, JSON,
            "{\"resourceType\":\"Bundle\",\"Type\":\"searchset\",\"entry\":[" O1 "]}",
            "a type by another spelling");
    answers(BASE_ANSWER_BROKEN, 200, JSON,
            "{\"ResourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[" O1 "]}",
            "a resourceType by another spelling");
    answers(BASE_ANSWER_UNEXPECTED, 200, JSON,
            "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":{\"resource\":" O1 "}}",
            "an entry that is no list");
    answers(BASE_ANSWER_BROKEN, 200, JSON,
            BUNDLE("{\"resource\":{\"resourceType\":\"Observation\",\"subject\":{\"reference\":"
                   "\"Patient/p2\"},\"resourceType\":\"Observation\"}}"),
            "resourceType twice inside");
    gives(
        BUNDLE(
            "{\"resource\":{\"resourceType\":\"Observation\",\"Subject\":{\"reference\":\"Patient/"
            "p1\"},\"subject\":{\"reference\":\"Patient/p2\"}}}"),
        BUNDLE(""), "a subject by another spelling is none");
    gives(BUNDLE("{\"resource\":{\"resourceType\":\"Observation\",\"contained\":[{\"resourceType\":"
                 "\"Observation\",\"subject\":{\"reference\":\"Patient/p1\"}}]}}," O1),
          BUNDLE(O1), "the own patient's inside of another's (D12)");
    gives(BUNDLE("{\"resource\":{\"contained\":[{\"subject\":{\"reference\":\"Patient/"
                 "p1\"}}],\"id\":\"1\","
                 "\"resourceType\":\"Observation\"}}," O1M),
          BUNDLE(O1M), "the same with the type last");
    gives(BUNDLE("{\"search\":{\"mode\":\"match\",\"Mode\":\"include\"},\"RESOURCE\":" O1 "}"),
          BUNDLE(""), "a resource by another spelling is none");
    gives(BUNDLE("{\"search\":{\"mode\":\"outcome\"},\"resource\":{\"id\":\"p2\",\"resourceType\":"
                 "\"Observation\"}}"),
          BUNDLE(""), "a late type as an outcome");
    gives(BUNDLE("{\"search\":{\"mode\":\"MATCH\"},\"resource\":{\"resourceType\":\"Observation\","
                 "\"subject\":{\"reference\":\"Patient/p1\"}}}"),
          BUNDLE(""), "a mode that there is not");
    /* brackets up to the scanner's depth, and beyond */
    for (n = 0; n < 2; n++) {
        char *to =
            deep + sprintf(deep, "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":["
                                 "{\"resource\":{\"resourceType\":\"Observation\",\"x\":");
        size_t levels = n == 0 ? 60 : 61;

        for (i = 0; i < levels; i++) {
            *to++ = '[';
        }
        for (i = 0; i < levels; i++) {
            *to++ = ']';
        }
        (void) strcpy(to, "}}]}");
        answers(n == 0 ? BASE_OK : BASE_ANSWER_BROKEN, 200, JSON, deep,
                n == 0 ? "as deep as may be" : "deeper");
    }
    /* a Bundle in a Bundle in a Bundle */
    token("patient/Observation.rs patient/Patient.rs");
    (void) stage_line(&stage, "GET /Patient/p1/$everything");
    n = 0;
    for (i = 0; i < 6; i++) {
        n += (size_t) sprintf(
            wide + n,
            "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[%s{\"resource\":",
            O2 ",");
    }
    n += (size_t) sprintf(
        wide + n, "{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/p1\"}}");
    for (i = 0; i < 6; i++) {
        n += (size_t) sprintf(wide + n, "}]}");
    }
    gives(wide,
          BUNDLE("{\"resource\":" BUNDLE(
              "{\"resource\":" BUNDLE("{\"resource\":" BUNDLE("") "}") "}") "}"),
          "Bundles inside of each other: what lies too deep goes");
    /* thousands of entries to cut, and one to keep */
    n = (size_t) sprintf(wide, "{\"entry\":[");
    for (i = 0; i < 1500; i++) {
        n += (size_t) sprintf(wide + n, "%s,", i % 2 == 0 ? O2 : "null");
    }
    (void) sprintf(wide + n, "%s],\"resourceType\":\"Bundle\",\"type\":\"searchset\"}", O1);
    answers(BASE_OK, 200, JSON, wide, "much to cut before the type is known");
}

static unsigned chance(unsigned of)
{
    static uint32_t state = 20240517;

    state = state * 1664525u + 1013904223u;
    return (state >> 16) % of;
}

/* Spaces, as a server that indents writes them. */
static const char *space(void)
{
    static const char *const spaces[] = {"", "", "", " ", "\n  ", "\t"};

    return spaces[chance(6)];
}

/* Any Bundle of these: what jansson reads of what is let through is what it reads of the Bundle without the others. */
static void property(void)
{
    static const struct {
        const char *text;
        bool kept;
    } items[] = {
        {O1, true},
        {O1M, true},
        {O2, false},
        {OPERF, false},
        {P1, false},
        {"null", false},
        {"[1.50,{\"resource\":{}}]", false},
        {OUTCOME, true},
        {FAKE_OUTCOME, false},
        {"{\"search\":{\"mode\":\"include\"},\"resource\":{\"resourceType\":\"Patient\",\"id\":"
         "\"p1\"}}",
         true},
        {"{\"search\":{\"mode\":\"include\"},\"resource\":{\"id\":\"p2\",\"resourceType\":"
         "\"Patient\"}}",
         false},
        {"{\"fullUrl\":\"Observation/1\"}", false},
        {"{\"resource\":{\"resourceType\":\"Observation\",\"value\":1.50,\"subject\":{"
         "\"reference\":"
         "\"Patient\\/p1\"}}}",
         true},
    };
    static const char *const outer[] = {"\"resourceType\":\"Bundle\"", "\"type\":\"searchset\"",
                                        "\"id\":\"x\""};
    char body[8192], expected[8192];
    unsigned round, wrong = 0, kept_n = 0;

    token("patient/Observation.s patient/Patient.r");
    is_int(stage_line(&stage, "GET /Observation?_include=Observation:subject"), SMART_SEND,
           "a search with includes");
    for (round = 0; round < 3000; round++) {
        unsigned first = chance(3), at = chance(4), i, n = chance(7), shown;
        size_t b = 0, e = 0;
        bool any = false;
        char *out;
        json_t *got, *want;

        for (i = 0; i < 4; i++) {
            const char *comma = i == 0 ? "{" : ",";

            if (i == at) {
                b += (size_t) sprintf(body + b, "%s%s\"entry\"%s:%s[", comma, space(), space(),
                                      space());
                e += (size_t) sprintf(expected + e, "%s\"entry\":[", comma);
                for (unsigned j = 0; j < n; j++) {
                    unsigned item = chance(sizeof(items) / sizeof(items[0]));

                    b += (size_t) sprintf(body + b, "%s%s%s%s", j > 0 ? "," : "", space(),
                                          items[item].text, space());
                    if (items[item].kept) {
                        e += (size_t) sprintf(expected + e, "%s%s", any ? "," : "",
                                              items[item].text);
                        any = true;
                        kept_n++;
                    }
                }
                b += (size_t) sprintf(body + b, "]%s", space());
                e += (size_t) sprintf(expected + e, "]");
                continue;
            }
            b += (size_t) sprintf(body + b, "%s%s%s", comma, outer[first % 3], space());
            e += (size_t) sprintf(expected + e, "%s%s", comma, outer[first % 3]);
            first++;
        }
        (void) sprintf(body + b, "}");
        (void) sprintf(expected + e, "}");
        (void) stage_shows(&stage, 200, JSON, body, chance((unsigned) b), &shown, &out);
        got = out == NULL ? NULL : json_loads(out, JSON_REJECT_DUPLICATES, NULL);
        want = json_loads(expected, JSON_REJECT_DUPLICATES, NULL);
        if (got == NULL || !json_equal(got, want)) {
            if (wrong++ == 0) {
                printf("# %s\n# gives %s\n# not   %s\n", body, out == NULL ? "" : out, expected);
            }
        }
        json_decref(got);
        json_decref(want);
        free(out);
    }
    is_int(wrong, 0, "3000 random Bundles: exactly what is covered");
    ok(kept_n > 2000, "with %u entries that were kept", kept_n);
}

static void joined(void)
{
    smart_verdict_t verdict, more;
    stage_t other;
    size_t i;

    stage_open(&other);
    token("patient/Observation.r");
    (void) stage_line(&stage, "GET /Observation/1");
    verdict = *smart_judge_verdict(&stage.judge);
    (void) stage_token(&other, "system/*.rs", NULL, NULL);
    (void) stage_line(&other, "GET /Observation/1");
    more = *smart_judge_verdict(&other.judge);
    smart_verdict_join(&verdict, &more);
    ok(smart_verdict_obliges(&verdict, SMART_RESPONSE) && verdict.check_n == 1,
       "a yes takes no obligation away");
    smart_verdict_join(&more, smart_judge_verdict(&stage.judge));
    ok(smart_verdict_obliges(&more, SMART_RESPONSE) && more.check_n == 1, "nor in the other order");
    (void) stage_line(&other, "GET /$nobody-knows");
    smart_verdict_join(&verdict, smart_judge_verdict(&other.judge));
    is_int(verdict.reason, BASE_OPERATION_REFUSED, "a refusal stays");
    smart_verdict_join(&verdict, &more);
    is_int(verdict.reason, BASE_OPERATION_REFUSED, "whatever comes after");
    smart_verdict_init(&verdict);
    is_int(verdict.reason, BASE_INTERNAL, "a verdict nobody made refuses");
    verdict = more;
    for (i = 0; i < SMART_CHECKS_MAX; i++) {
        smart_verdict_join(&verdict, &more);
    }
    is_int(verdict.reason, BASE_INTERNAL, "too many checks refuse");
    stage_close(&other);
}

int main(void)
{
    UNIT_BEGIN();
    stage_open(&stage);
    instances();
    policies();
    own_patient();
    heads();
    searchsets();
    patient_searchsets();
    totals();
    ignored();
    provenances();
    histories();
    suppressed();
    operations();
    pages();
    withheld();
    bodiless();
    hostile();
    property();
    joined();
    stage_close(&stage);
    UNIT_END();
}
