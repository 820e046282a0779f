/*
 * The kick-off of an export (RULES B8), where its links can be sealed: what is sent of it.
 */

#include "unit.h"

#include "smart_stage.h"

#define ALL "{\"scope\":\"system/*.rs\",\"client_id\":\"b1\"}"
#define TWO                                                                                        \
    "{\"scope\":\"system/Patient.rs system/Observation.rs system/Group.r\",\"client_id\":\"b1\"}"
#define V1 "{\"scope\":\"system/Patient.read system/Observation.read\",\"client_id\":\"b1\"}"
#define SPLIT                                                                                      \
    "{\"scope\":\"system/Patient.rs system/Observation.r "                                         \
    "system/Observation.s\",\"client_id\":\"b1\"}"
#define HALVES                                                                                     \
    "{\"scope\":\"system/Patient.rs system/Observation.r "                                         \
    "user/Observation.s\",\"client_id\":\"b1\",\"fhirUser\":\"Practitioner/1\"}"
#define WHO                                                                                        \
    "{\"scope\":\"system/Patient.rs system/Observation.rs?category=a\",\"client_id\":\"b1\"}"
#define GROUPED "{\"scope\":\"system/Group.rs system/Patient.rs\",\"client_id\":\"b1\"}"

/* As sent: the query; absent: none. Refused: the reason. */
typedef struct {
    const char *claims;
    const char *line;
    const char *query;
    const char *reason;
} row_t;

static const row_t rows[] = {
    {ALL, "GET /$export", "", NULL},
    {ALL, "GET /$export?_type=Patient", "_type=Patient", NULL},
    {ALL, "GET /$export?_since=2026-01-01T00:00:00Z&_type=Group",
     "_since=2026-01-01T00:00:00Z&_type=Group", NULL},
    {TWO, "GET /$export", "_type=Observation%2CPatient", NULL},
    {TWO, "GET /Patient/$export", "_type=Observation%2CPatient", NULL},
    {TWO, "GET /Group/g1/$export", "_type=Observation%2CPatient", NULL},
    {TWO, "GET /Group/g1/$export?_type=Patient", "_type=Patient", NULL},
    {TWO, "GET /Group/g1/$export?_type=Patient&_type=Observation",
     "_type=Patient&_type=Observation", NULL},
    {TWO, "GET /$export?_type=Patient,Condition", NULL, "scope_missing"},
    {TWO, "GET /$export?_type=Patient&_type=Condition", NULL, "scope_missing"},
    {TWO, "GET /$export?_type=Nothing", NULL, "parameter_refused"},
    {V1, "GET /Patient/$export", "_type=Observation%2CPatient", NULL},
    {SPLIT, "GET /Patient/$export?_type=Observation", "_type=Observation", NULL},
    {HALVES, "GET /Patient/$export?_type=Observation", NULL, "scope_missing"},
    {HALVES, "GET /Patient/$export", "_type=Patient", NULL},
    {WHO, "GET /Patient/$export", "_type=Patient", NULL},
    {WHO, "GET /Patient/$export?_type=Observation", NULL, "scope_missing"},
    {GROUPED, "GET /$export", "_type=Patient", NULL},
    {GROUPED, "GET /$export?_type=Group", "_type=Group", NULL},
    {TWO, "GET /$export?_typeFilter=Patient%3Fgender%3Dmale",
     "_typeFilter=Patient%3Fgender%3Dmale&_type=Observation%2CPatient", NULL},
    {TWO, "GET /$export?_typeFilter=Patient%3Fgender%3Dmale,Observation%3Fcode%3Da,b",
     "_typeFilter=Patient%3Fgender%3Dmale,Observation%3Fcode%3Da,b&_type=Observation%2CPatient",
     NULL},
    {TWO, "GET /$export?_typeFilter=Patient%3Fgender%3Dmale,Condition%3Fcode%3Da", NULL,
     "parameter_refused"},
    {TWO, "GET /$export?_typeFilter=Condition%3Fcode%3Da", NULL, "parameter_refused"},
    {TWO, "GET /$export?_type=Patient&_typeFilter=Observation%3Fcode%3Da", NULL,
     "parameter_refused"},
    {TWO, "GET /$export?_typeFilter=Patient%3F_revinclude%3DCondition:subject", NULL,
     "parameter_refused"},
    {TWO, "GET /$export?_typeFilter=Patient%3F_has:Condition:patient:code%3Dx", NULL,
     "scope_missing"},
    {TWO, "GET /$export?_typeFilter=Patient", NULL, "parameter_refused"},
    {TWO, "GET /$export?_typeFilter=", NULL, "parameter_refused"},
    {TWO, "GET /$export?_outputFormat=application/fhir%2Bndjson&_type=Patient",
     "_outputFormat=application/fhir%2Bndjson&_type=Patient", NULL},
    {TWO, "GET /$export?_outputFormat=text/csv", NULL, "not_acceptable"},
    {TWO, "GET /$export?_include=Observation:subject", NULL, "parameter_unknown"},
    {TWO, "GET /$export?_type:not=Patient", NULL, "parameter_refused"},
    {TWO, "HEAD /$export", NULL, "operation_refused"},
    {TWO, "GET /Observation/$export", NULL, "operation_refused"},
    {TWO, "GET /Group/$export", NULL, "operation_refused"},
    {TWO, "GET /Patient/p1/$export", NULL, "operation_refused"},
};

static void play_row(const row_t *row)
{
    stage_t s;
    base_span_t query;
    smart_message_t message = stage_message(row->line);

    stage_open(&s);
    stage_sealer(&s, 1000);
    (void) stage_claims(&s, row->claims);
    message.prefer = BASE_SPAN("respond-async");
    (void) stage_play(&s, &message, NULL);
    if (row->reason != NULL) {
        is_str(stage_reason(&s), row->reason, "%s", row->line);
    } else if (ok(s.step == SMART_SEND, "%s is sent", row->line)) {
        query = smart_judge_edits(&s.judge)->query;
        is_mem(query.p == NULL ? (const unsigned char *) "" : query.p, query.n, row->query,
               strlen(row->query), "%s: what is asked for", row->line);
        is_str(stage_header(&s, "accept"), "application/fhir+json", "an answer that can be read");
        ok(stage_header(&s, "prefer") == NULL, "later, and elsewhere (B8)");
    } else {
        (void) printf("#   %s\n", stage_reason(&s));
    }
    stage_close(&s);
}

/* By POST: Parameters. */
static const struct {
    const char *claims;
    const char *body;
    const char *sent; /* NULL: as it came */
    const char *reason;
} posts[] = {
    {ALL, "{\"resourceType\":\"Parameters\"}", NULL, NULL},
    {ALL, "", NULL, NULL},
    {TWO,
     "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"_type\",\"valueString\":"
     "\"Patient\"}]}",
     NULL, NULL},
    {TWO,
     "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"_since\",\"valueInstant\":"
     "\"2026\"}]}",
     "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"_since\",\"valueInstant\":"
     "\"2026\"},{\"name\":\"_type\",\"valueString\":\"Observation,Patient\"}]}",
     NULL},
    {TWO, "{\"resourceType\":\"Parameters\",\"parameter\":[]}",
     "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"_type\",\"valueString\":"
     "\"Observation,Patient\"}]}",
     NULL},
    {TWO, "{\"resourceType\":\"Parameters\"}",
     "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"_type\",\"valueString\":"
     "\"Observation,Patient\"}]}",
     NULL},
    {TWO,
     "{\"parameter\":[{\"name\":\"patient\",\"valueReference\":{\"reference\":\"Patient/"
     "7\"}}],\"resourceType\":\"Parameters\"}",
     "{\"parameter\":[{\"name\":\"patient\",\"valueReference\":{\"reference\":\"Patient/"
     "7\"}},{\"name\":\"_type\",\"valueString\":\"Observation,Patient\"}],\"resourceType\":"
     "\"Parameters\"}",
     NULL},
    {TWO,
     "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"_type\",\"valueString\":"
     "\"Condition\"}]}",
     NULL, "scope_missing"},
    {TWO,
     "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"_type\",\"valueString\":"
     "\"Patient\"},{\"name\":\"_type\",\"valueCode\":\"Condition\"}]}",
     NULL, "scope_missing"},
    {TWO,
     "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"_ty\\u0070e\",\"valueString\":"
     "\"Condition\"}]}",
     NULL, "scope_missing"},
    {TWO,
     "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"_typeFilter\",\"valueString\":"
     "\"Condition?code=x\"}]}",
     NULL, "parameter_refused"},
    {TWO,
     "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"_typeFilter\",\"part\":[]}]}",
     NULL, "body_type"},
    {TWO,
     "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"_type\",\"valueString\":"
     "\"Patient\",\"valueCode\":\"Condition\"}]}",
     NULL, "body_type"},
    {TWO,
     "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"_type\",\"valueString\":"
     "\"Patient\",\"valueString\":\"Condition\"}]}",
     NULL, "json_duplicate"},
    {TWO,
     "{\"resourceType\":\"Parameters\",\"parameter\":[],\"Parameter\":[{\"name\":\"_type\","
     "\"valueString\":\"Condition\"}]}",
     NULL, "json_duplicate"},
    {TWO, "{\"resourceType\":\"Parameters\",\"contained\":[]}", NULL, "body_type"},
    {TWO, "{\"resourceType\":\"Patient\"}", NULL, "body_type"},
    {TWO, "{\"parameter\":[]}", NULL, "body_type"},
    {TWO, "[]", NULL, "body_type"},
    {TWO, "{\"resourceType\":\"Parameters\"", NULL, "json_truncated"},
};

static void play_post(size_t at)
{
    stage_t s;
    smart_message_t message = stage_message("POST /Patient/$export");
    const smart_edits_t *edits;
    base_span_t sent;

    stage_open(&s);
    stage_sealer(&s, 1000);
    (void) stage_claims(&s, posts[at].claims);
    message.fhir.content_type = BASE_SPAN("application/fhir+json");
    message.fhir.has_body = posts[at].body[0] != '\0';
    (void) stage_play(&s, &message, posts[at].body);
    edits = smart_judge_edits(&s.judge);
    sent = smart_edits_body(edits, s.arena);
    is_str(stage_reason(&s), posts[at].reason == NULL ? "ok" : posts[at].reason, "POST %s",
           posts[at].body);
    if (posts[at].reason == NULL && posts[at].sent != NULL) {
        ok(edits->body_changed, "is sent otherwise");
        is_mem(sent.p, sent.n, posts[at].sent, strlen(posts[at].sent), "with what may be exported");
        ok(edits->query.n == 0, "in the body alone");
    } else if (posts[at].reason == NULL) {
        ok(!edits->body_changed, "is sent as it came");
    }
    stage_close(&s);
}

/* What a body is called decides how it is read. */
static void other_media(void)
{
    stage_t s;
    smart_message_t message = stage_message("POST /Patient/$export");

    stage_open(&s);
    stage_sealer(&s, 1000);
    (void) stage_claims(&s, TWO);
    message.fhir.content_type = BASE_SPAN("application/x-www-form-urlencoded");
    message.fhir.has_body = true;
    (void) stage_play(&s, &message, "_type=Condition");
    is_str(stage_reason(&s), "content_type", "a form");
    stage_close(&s);
}

/* Without a key nothing begins, and the verdict says what is missing. */
static void unsealed(void)
{
    stage_t s;

    stage_open(&s);
    (void) stage_claims(&s, ALL);
    (void) stage_line(&s, "GET /$export");
    is_str(stage_reason(&s), "operation_refused", "nobody seals");
    ok(smart_judge_verdict(&s.judge)->check[0].sealer == NULL, "no sealer");
    stage_sealer(&s, 1000);
    (void) stage_line(&s, "GET /$export");
    is_str(stage_reason(&s), "ok", "somebody does");
    (void) stage_claims(&s, "{\"scope\":\"system/*.rs\"}");
    (void) stage_line(&s, "GET /$export");
    is_str(stage_reason(&s), "export_unbound", "nobody to bind it to");
    stage_close(&s);
}

/* What each link of the job will say (L21). */
static void bound(void)
{
    stage_t s;
    const smart_check_t *check;
    const fhir_definitions_t *r4;

    stage_open(&s);
    stage_sealer(&s, 1000);
    (void) stage_claims(&s, "{\"iss\":\"https://auth.example.org\",\"scope\":\"system/"
                            "Patient.rs\",\"client_id\":\"b1\"}");
    (void) stage_line(&s, "GET /Patient/$export");
    check = &smart_judge_verdict(&s.judge)->check[0];
    r4 = s.policy.definitions;
    ok(s.step == SMART_SEND && check->kind == SMART_CHECK_KICKOFF && check->sealer == &s.sealer,
       "a job");
    if (check->link != NULL) {
        ok(base_span_is(check->link->client, "b1"), "of the client");
        ok(base_span_is(check->link->issuer, "https://auth.example.org"), "of the issuer");
        ok(base_span_is(check->link->base_path, "/r4"), "at the base");
        ok(fhir_type_set_has(&check->link->types, fhir_type_find(r4, BASE_SPAN("Patient"))) &&
               !fhir_type_set_has(&check->link->types,
                                  fhir_type_find(r4, BASE_SPAN("Observation"))),
           "for what was granted");
    }
    stage_close(&s);
}

int main(void)
{
    size_t i;

    UNIT_BEGIN();
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        play_row(&rows[i]);
    }
    for (i = 0; i < sizeof(posts) / sizeof(posts[0]); i++) {
        play_post(i);
    }
    other_media();
    unsealed();
    bound();
    UNIT_END();
}
