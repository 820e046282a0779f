/* Lookups: what is asked for in which order, and what of the answer they let through (RULES D6, D11, C9, L9, L26). */

#include "smart_stage.h"
#include "unit.h"

#define OBSERVATION(id, patient)                                                                   \
    "{\"resourceType\":\"Observation\",\"id\":\"" id                                               \
    "\",\"subject\":{\"reference\":\"Patient/" patient "\"}}"
#define PROVENANCE(id, version, target)                                                            \
    "{\"resourceType\":\"Provenance\",\"id\":\"" id "\",\"meta\":{\"versionId\":\"" version        \
    "\"},\"target\":[{\"reference\":\"" target "\"}]}"
#define BUNDLE(entries)                                                                            \
    "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[" entries "]}"
#define ENTRY(resource) "{\"resource\":" resource "}"

static base_reason_t shown(stage_t *s, const char *body, char **out)
{
    unsigned status;

    return stage_shows(s, 200, "application/fhir+json", body, 0, &status, out);
}

/* Of what is not looked at. */
static base_reason_t fate(stage_t *s, const char *body)
{
    char *out;
    base_reason_t reason = shown(s, body, &out);

    free(out);
    return reason;
}

/* D6: the answer is judged by what was read before, as long as it is the same version. */
static void provenance(void)
{
    stage_t s;

    stage_open(&s);
    (void) stage_token(&s, "patient/Provenance.r patient/Observation.r", "p1", NULL);
    stage_store(&s, "/Provenance/1", 200, NULL, PROVENANCE("1", "3", "Observation/1"));
    stage_store(&s, "/Observation/1", 200, NULL, OBSERVATION("1", "p1"));
    is_int(stage_line(&s, "GET /Provenance/1?_elements=target"), SMART_SEND, "by its target");
    ok(smart_judge_edits(&s.judge)->query.n == 0, "its version must be in the answer (L7)");
    is_int(fate(&s, PROVENANCE("1", "3", "Observation/1")), BASE_OK, "that version");
    is_int(fate(&s, PROVENANCE("1", "4", "Observation/2")), BASE_NOT_FOUND, "a later one");
    is_int(fate(&s, PROVENANCE("2", "3", "Observation/1")), BASE_ANSWER_UNEXPECTED,
           "another resource");
    stage_close(&s);
}

/* L9: each match has one of the targets that were read. */
static void targets(void)
{
    stage_t s;
    char *out;

    stage_open(&s);
    (void) stage_token(&s, "patient/Provenance.rs patient/Observation.r", "p1", NULL);
    stage_store(&s, "/Observation/1", 200, NULL, OBSERVATION("1", "p1"));
    is_int(stage_line(&s, "GET /Provenance?target=Observation/1"), SMART_SEND, "by target");
    is_int(shown(&s,
                 BUNDLE(ENTRY(PROVENANCE("1", "1", "Observation/1")) "," ENTRY(PROVENANCE(
                     "2", "1", "Observation/2")) "," ENTRY(PROVENANCE("3", "1", "Patient/p1"))),
                 &out),
           BASE_OK, "an answer");
    ok(out != NULL && strstr(out, "\"id\":\"1\"") != NULL, "of the target");
    ok(out != NULL && strstr(out, "\"id\":\"2\"") == NULL, "of none of them");
    ok(out != NULL && strstr(out, "\"id\":\"3\"") != NULL, "of the patient");
    free(out);
    stage_close(&s);
}

/* C9: should the upstream find something, no match is released; nor what is said to be included. */
static void nothing(void)
{
    stage_t s;
    char *out;

    stage_open(&s);
    (void) stage_token(&s, "patient/*.rs", "p1", NULL);
    is_int(stage_line(&s, "GET /Observation?_list=1&_include=Observation:subject"), SMART_SEND,
           "by a list that is not there");
    is_int(shown(&s,
                 BUNDLE(ENTRY(OBSERVATION("1", "p1")) ",{\"search\":{\"mode\":\"include\"},"
                                                      "\"resource\":{\"resourceType\":\"Patient\","
                                                      "\"id\":\"p1\"}}"),
                 &out),
           BASE_OK, "an answer");
    ok(out != NULL && strstr(out, "Observation") == NULL && strstr(out, "p1") == NULL,
       "of nothing");
    free(out);
    stage_close(&s);
}

/* Nothing is concluded from what did not come whole. */
static void broken(void)
{
    static const struct {
        base_reason_t end;
        const char *body;
        const char *reason;
    } rows[] = {
        {BASE_OK, OBSERVATION("1", "p1"), "ok"},
        {BASE_ANSWER_TRUNCATED, OBSERVATION("1", "p1"), "answer_truncated"},
        {BASE_OK, "{\"resourceType\":\"Observation\"", "preread_failed"},
        {BASE_OK, "{\"resourceType\":\"Observation\",\"id\":\"1\",\"id\":\"1\"}", "preread_failed"},
        {BASE_OK, "{\"resourceType\":\"Patient\",\"id\":\"1\"}", "not_found"},
    };
    stage_t s;
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        stage_open(&s);
        (void) stage_token(&s, "patient/Observation.r", "p1", NULL);
        stage_store(&s, "/Observation/1", 200, NULL, rows[i].body);
        s.ended = rows[i].end;
        (void) stage_line(&s, "GET /Observation/1/_history/1");
        is_str(stage_reason(&s), rows[i].reason, "read %zu", i);
        stage_close(&s);
    }
}

int main(void)
{
    UNIT_BEGIN();
    provenance();
    targets();
    nothing();
    broken();
    UNIT_END();
}
