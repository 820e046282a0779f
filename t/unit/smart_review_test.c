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
    answers(BASE_ANSWER_UNCOVERED, 200, JSON, BUNDLE(O2), "foreign");
    answers(BASE_ANSWER_UNCOVERED, 200, JSON, BUNDLE(O1 "," O2), "foreign, last");
    answers(BASE_ANSWER_UNCOVERED, 200, JSON, BUNDLE(O2 "," O1), "foreign, first");
    answers(BASE_ANSWER_UNCOVERED, 200, JSON, BUNDLE(O1 "," O2 "," O1M), "foreign, in the middle");
    shows(502, 200, JSON, BUNDLE(O2), "as 502");
    answers(BASE_ANSWER_UNCOVERED, 200, JSON, BUNDLE(OPERF), "a search is strict (D4)");
    answers(BASE_ANSWER_UNCOVERED, 200, JSON, BUNDLE(P1), "another type, though one's own");
    answers(BASE_ANSWER_UNCOVERED, 200, JSON, BUNDLE(INCLUDE), "an include that nobody asked for");
    answers(BASE_ANSWER_UNCOVERED, 200, JSON, BUNDLE(FAKE_OUTCOME), "a resource as an outcome");
    answers(BASE_ANSWER_UNCOVERED, 200, JSON, BUNDLE("{\"fullUrl\":\"Observation/1\"}"),
            "an entry without a resource");
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
    answers(
        BASE_ANSWER_UNCOVERED, 200, JSON,
        BUNDLE("{\"resource\":{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[" O1
               "]}}"),
        "a Bundle inside");
}

/* A Patient is one's own by type and id together; links count only where the policy says so, and never in a search. */
static void patient_searchsets(void)
{
    token("patient/Patient.s patient/Observation.r");
    is_int(stage_line(&stage, "GET /Patient"), SMART_SEND, "search of Patients");
    answers(BASE_OK, 200, JSON, BUNDLE(P1), "oneself");
    answers(BASE_ANSWER_UNCOVERED, 200, JSON,
            BUNDLE("{\"resource\":{\"resourceType\":\"Observation\",\"id\":\"p1\"}}"),
            "another type of that id");
    answers(
        BASE_ANSWER_UNCOVERED, 200, JSON,
        BUNDLE("{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"p2\",\"link\":[{\"other\":{"
               "\"reference\":\"Patient/p1\"}}]}}"),
        "a linked one (D3)");
    is_int(stage_line(&stage, "GET /Observation/p1"), SMART_SEND, "another type of that id");
    answers(BASE_NOT_FOUND, 200, JSON, "{\"resourceType\":\"Observation\",\"id\":\"p1\"}",
            "is nobody's");
}

/* L6: no count of what could not be shown. */
static void totals(void)
{
    token("patient/Observation.s");
    (void) stage_line(&stage, "GET /Observation?_count=0");
    answers(BASE_NOT_NARROWABLE, 200, JSON,
            "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":7}",
            "a count that nothing explains");
    answers(BASE_OK, 200, JSON,
            "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":7," SELF(
                STAGE_URL "/Observation?_count=0&patient=p1") "}",
            "a count of what was narrowed");
    answers(BASE_NOT_NARROWABLE, 200, JSON,
            "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":7," SELF(
                STAGE_URL "/Observation?_count=0") "}",
            "a count of what was not");
    answers(BASE_NOT_NARROWABLE, 200, JSON,
            "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":7," SELF(
                STAGE_URL "/Observation?patient=p11") "}",
            "a count of another");
    answers(BASE_OK, 200, JSON, "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":0}",
            "none");
    answers(BASE_OK, 200, JSON,
            "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":1,\"entry\":[" O1 "]}",
            "beside what is shown");
    answers(BASE_NOT_NARROWABLE, 200, JSON,
            "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":2,\"entry\":[" O1 "]}",
            "beyond what is shown, of whom nothing says");
    answers(BASE_OK, 200, JSON,
            "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":2," SELF(
                STAGE_URL "/Observation?patient=p1&_count=1") ",\"entry\":[" O1 "]}",
            "beyond what is shown, of what was narrowed");
    answers(BASE_NOT_NARROWABLE, 200, JSON,
            "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":2," SELF(
                STAGE_URL "/Observation?_count=1") ",\"entry\":[" O1 "]}",
            "beyond what is shown, of what was not narrowed");
    answers(BASE_OK, 200, JSON,
            "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":2," SELF(
                STAGE_URL "/Observation/_search") ",\"entry\":[" O1 "]}",
            "beyond what is shown, by a link without any parameter");
    answers(BASE_NOT_NARROWABLE, 200, JSON,
            "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":2," SELF(
                STAGE_URL "/Observation/_search") "}",
            "the same with nothing shown");
    answers(BASE_OK, 200, JSON,
            "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":0,\"entry\":[" O1 "]}",
            "short of what is shown");
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
    answers(BASE_OK, 200, JSON, BUNDLE(O1 "," PROVENANCE("a", TO("Observation/1"))), "of a match");
    answers(BASE_OK, 200, JSON, BUNDLE(PROVENANCE("a", TO("Observation/1")) "," O1), "before it");
    answers(BASE_ANSWER_UNCOVERED, 200, JSON, BUNDLE(O1 "," PROVENANCE("b", TO("Observation/2"))),
            "of what is not here");
    answers(BASE_ANSWER_UNCOVERED, 200, JSON,
            BUNDLE(O1 "," PROVENANCE("a", TO("Patient/p1") "," TO("Observation/1")) "," PROVENANCE(
                "b", TO("Patient/p2"))),
            "another patient's, beside one that is covered twice over");
    answers(BASE_ANSWER_UNCOVERED, 200, JSON,
            BUNDLE(PROVENANCE("b", TO("Patient/p2")) "," O1 "," PROVENANCE(
                "a", TO("Observation/1") "," TO("Patient/p1"))),
            "the other way round");
    answers(BASE_OK, 200, JSON,
            BUNDLE(O1 "," PROVENANCE("a", TO("Patient/p1") "," TO("Observation/1")) "," PROVENANCE(
                "b", TO("Observation/1"))),
            "two of one's own");
}

/* L20: on a page that nobody narrowed a total counts what is not shown. */
static void pages(void)
{
    token("patient/Observation.s");
    is_int(stage_line(&stage, "GET /?_getpages=x"), SMART_SEND, "a page");
    answers(BASE_OK, 200, JSON, BUNDLE(O1), "own");
    answers(BASE_NOT_NARROWABLE, 200, JSON,
            "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":2," SELF(
                STAGE_URL "/_search") ",\"entry\":[" O1 "]}",
            "a total beyond it, by a link without any parameter");
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
    provenances();
    pages();
    joined();
    stage_close(&stage);
    UNIT_END();
}
