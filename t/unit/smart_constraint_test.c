/* Scopes with constraints against what comes back (RULES A17-A25, E1-E6a, L1-L3, L8, L9), and why they are void. */

#include "unit.h"

#include "smart_stage.h"

#include "smart/smart_explain.h"

#define JSON      "application/fhir+json"
#define OF(p)     "\"subject\":{\"reference\":\"Patient/" p "\"}"
#define OBS(rest) "{\"resourceType\":\"Observation\",\"id\":\"1\"," rest "}"
#define CAT(s, c) "\"category\":[{\"coding\":[{\"system\":\"" s "\",\"code\":\"" c "\"}]}]"

static stage_t stage;

static void ask(const char *scope, const char *patient, const char *user, const char *line)
{
    stage_close(&stage);
    stage_open(&stage);
    (void) stage_token(&stage, scope, patient, user);
    is_int(stage_line(&stage, line), SMART_SEND, "%s by %s is sent", line, scope);
}

static void answers(base_reason_t expected, const char *body, const char *what)
{
    unsigned shown;

    is_str(base_reason_info(stage_answer(&stage, 200, JSON, body, &shown))->name,
           base_reason_info(expected)->name, "%s", what);
}

/* Whether what the client sees holds this text. */
static void holds(const char *body, const char *text, bool expected, const char *what)
{
    unsigned shown;
    char *out;

    (void) stage_shows(&stage, 200, JSON, body, strlen(body), &shown, &out);
    ok(out != NULL && (strstr(out, text) != NULL) == expected, "%s", what);
    free(out);
}

/* The reference spellings of a category, on a read. */
static void reads(void)
{
    ask("patient/Observation.rs?category=http://x|lab", "p1", NULL, "GET /Observation/1");
    answers(BASE_OK, OBS(OF("p1") "," CAT("http://x", "lab")), "matches (E3)");
    answers(BASE_NOT_FOUND, OBS(OF("p1") "," CAT("http://x", "vital-signs")), "another category");
    answers(BASE_NOT_FOUND, OBS(OF("p1") "," CAT("http://y", "lab")), "another system");
    answers(BASE_NOT_FOUND, OBS(OF("p1") "," CAT("http://x", "LAB")), "codes are exact (E6)");
    answers(BASE_NOT_FOUND, OBS(OF("p1")), "no category");
    answers(BASE_NOT_FOUND, OBS(OF("p2") "," CAT("http://x", "lab")), "another patient's");
    answers(
        BASE_OK,
        OBS(OF("p1") ",\"category\":[{\"text\":\"x\"},{\"coding\":[{\"code\":\"a\"},{\"system\":"
                     "\"http://x\",\"code\":\"lab\"}]}]"),
        "any coding of any category (E3)");
    answers(BASE_NOT_FOUND, OBS(OF("p1") ",\"category\":{\"coding\":[]}"), "of the wrong shape");
    ask("patient/Observation.rs?status=final&code=a,b", "p1", NULL, "GET /Observation/1");
    answers(BASE_OK, OBS(OF("p1") ",\"status\":\"final\",\"code\":{\"coding\":[{\"code\":\"b\"}]}"),
            "all items hold (A19)");
    answers(BASE_NOT_FOUND,
            OBS(OF("p1") ",\"status\":\"draft\",\"code\":{\"coding\":[{\"code\":\"b\"}]}"),
            "one does not");
    answers(BASE_NOT_FOUND, OBS(OF("p1") ",\"status\":\"final\""), "nor the other");
}

static void unions(void)
{
    ask("patient/Observation.r?category=a user/Observation.r?category=b", "p1", "Practitioner/1",
        "GET /Observation/1");
    answers(BASE_OK, OBS(OF("p1") "," CAT("s", "a")), "by patient/");
    answers(BASE_OK, OBS(OF("p2") "," CAT("s", "b")), "by user/, of anybody");
    answers(BASE_NOT_FOUND, OBS(OF("p2") "," CAT("s", "a")), "a constraint lends no context (L1)");
    answers(BASE_NOT_FOUND, OBS(OF("p1") "," CAT("s", "c")), "by neither");
    ask("patient/Observation.r user/Observation.r?category=b", "p1", "Practitioner/1",
        "GET /Observation/1");
    answers(BASE_OK, OBS(OF("p1") "," CAT("s", "a")), "one's own, whatever it is");
    answers(BASE_OK, OBS(OF("p2") "," CAT("s", "b")), "another's, of that category");
    answers(BASE_NOT_FOUND, OBS(OF("p2") "," CAT("s", "a")), "another's, of another");
    ask("system/*.rs?_security=http://s|N", NULL, NULL, "GET /Condition/1");
    answers(BASE_OK,
            "{\"resourceType\":\"Condition\",\"id\":\"1\",\"meta\":{\"security\":[{\"system\":"
            "\"http://s\",\"code\":\"N\"}]}}",
            "a parameter of all types (A21)");
    answers(BASE_NOT_FOUND, "{\"resourceType\":\"Condition\",\"id\":\"1\"}", "without the label");
}

#define BUNDLE(total, entries)                                                                     \
    "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":" total ",\"entry\":[" entries  \
    "]}"
#define ENTRY(resource) "{\"resource\":" resource "}"

static void searches(void)
{
    ask("patient/Observation.rs?category=a patient/Observation.rs?category=b", "p1", NULL,
        "GET /Observation");
    answers(BASE_OK,
            BUNDLE("2", ENTRY(OBS(OF("p1") "," CAT("s", "a"))) "," ENTRY(
                            OBS(OF("p1") "," CAT("s", "b")))),
            "every match by one of them (E1)");
    holds(BUNDLE("2",
                 ENTRY(OBS(OF("p1") "," CAT("s", "a"))) "," ENTRY(OBS(OF("p1") "," CAT("s", "c")))),
          CAT("s", "c"), false, "one match by neither");
    holds(BUNDLE("2",
                 ENTRY(OBS(OF("p1") "," CAT("s", "a"))) "," ENTRY(OBS(OF("p1") "," CAT("s", "c")))),
          CAT("s", "a"), true, "beside one by the first");
    holds(BUNDLE("9", ENTRY(OBS(OF("p1") "," CAT("s", "a")))), "\"total\"", false,
          "a total beyond what is shown (L6)");
    holds("{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":9,\"link\":[{"
          "\"relation\":\"self\",\"url\":\"http://u/"
          "Observation?patient=p1&category=a%2Cb\"}],\"entry\":[]}",
          "\"total\":9", true, "the link says that all of it was applied");
    holds("{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":9,\"link\":[{"
          "\"relation\":\"self\",\"url\":\"http://u/Observation?patient=p1\"}],\"entry\":[]}",
          "\"total\"", false, "only a part of it");
}

static void links(void)
{
    ask("patient/Device.rs", "p1", NULL, "GET /Device/1");
    answers(BASE_OK,
            "{\"resourceType\":\"Device\",\"id\":\"1\",\"patient\":{\"reference\":\"Patient/p1\"}}",
            "one's own Device (D8)");
    answers(BASE_OK, "{\"resourceType\":\"Device\",\"id\":\"1\"}", "a Device of nobody");
    answers(BASE_NOT_FOUND,
            "{\"resourceType\":\"Device\",\"id\":\"1\",\"patient\":{\"reference\":\"Patient/p2\"}}",
            "another patient's");
    answers(BASE_NOT_FOUND,
            "{\"resourceType\":\"Device\",\"id\":\"1\",\"patient\":{\"display\":\"x\"}}",
            "of somebody, not said who");
    answers(BASE_NOT_FOUND, "{\"resourceType\":\"Device\",\"id\":\"1\",\"patient\":[]}",
            "of the wrong shape");
    ask("patient/Task.rs", "p1", NULL, "GET /Task/1");
    answers(BASE_OK,
            "{\"resourceType\":\"Task\",\"id\":\"1\",\"for\":{\"reference\":\"Patient/p1\"}}",
            "one's own Task");
    answers(BASE_NOT_FOUND, "{\"resourceType\":\"Task\",\"id\":\"1\"}",
            "a Task of nobody is denied");
    ask("patient/Device.rs", "p1", NULL, "GET /Device");
    holds(BUNDLE("1", ENTRY("{\"resourceType\":\"Device\",\"id\":\"1\"}")), "Device", false,
          "a search finds none of nobody");
}

static void voids(void)
{
    static const struct {
        const char *scope;
        const char *why;
    } rows[] = {
        {"system/Observation.rs?_count=1", "by a parameter that is no filter"},
        {"system/Observation.rs?%5Finclude=Observation:subject",
         "by a parameter that is no filter"},
        {"system/Observation.rs?code:in=x", "by a modifier"},
        {"system/Observation.rs?foo=x", "that the type does not have"},
        {"system/*.rs?foo=x", "that the type does not have"},
        {"system/*.rs?code:in=x", "by a modifier"},
        {"system/Observation.rs?date=apx", "by what cannot be evaluated here"},
        {"system/Observation.rs?component-code-value-concept=x",
         "by what cannot be evaluated here"},
    };
    char memory[256];
    base_writer_t w;
    base_span_t text = {NULL, 0};
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        stage_close(&stage);
        stage_open(&stage);
        (void) stage_token(&stage, rows[i].scope, NULL, NULL);
        is_int(stage_line(&stage, "GET /Observation/1"), SMART_REFUSE, "%s grants nothing",
               rows[i].scope);
        base_writer_init(&w, memory, sizeof(memory) - 1);
        smart_explain_void(smart_judge_grants(&stage.judge), 4, &w);
        ok(base_writer_done(&w, &text), "and says");
        memory[text.n] = '\0';
        ok(strstr(memory, rows[i].why) != NULL, "why: %s", memory);
    }
}

int main(void)
{
    UNIT_BEGIN();
    stage_open(&stage);
    reads();
    unions();
    searches();
    links();
    voids();
    stage_close(&stage);
    UNIT_END();
}
