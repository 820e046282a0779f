/* What is told (RULES I, H2), what is sent (D9, B9, B14), and the policy's language. */

#include "unit.h"

#include "smart_stage.h"

#include "smart/smart_answer.h"
#include "smart/smart_explain.h"

static char text[2048];

static const char *finished(const base_writer_t *w)
{
    base_span_t out;

    if (!base_writer_done(w, &out)) {
        return NULL;
    }
    text[out.n] = '\0';
    return text;
}

static const char *challenge(base_reason_t reason, const smart_missing_t *missing,
                             const char *realm)
{
    base_writer_t w;

    base_writer_init(&w, text, sizeof(text) - 1);
    return smart_answer_challenge(reason, missing, base_span_of(realm), &w) ? finished(&w) : NULL;
}

static const char *outcome(base_reason_t reason, const smart_missing_t *missing)
{
    base_writer_t w;

    base_writer_init(&w, text, sizeof(text) - 1);
    smart_answer_outcome(reason, missing, &w);
    return finished(&w);
}

static void answers(void)
{
    smart_missing_t missing = {
        .context = SMART_USER, .type = BASE_SPAN_LIT("Observation"), .letter = SMART_S};
    json_t *json;
    int reason;

    is_str(challenge(BASE_NO_CREDENTIALS, NULL, NULL), "Bearer", "bare");
    is_str(challenge(BASE_NO_CREDENTIALS, NULL, "fhir \"x\\\r\n"), "Bearer realm=\"fhir x\"",
           "a realm, made plain");
    is_str(challenge(BASE_TOKEN_SIGNATURE, NULL, "fhir"),
           "Bearer realm=\"fhir\", error=\"invalid_token\"", "a bad token");
    is_str(challenge(BASE_CREDENTIALS_SYNTAX, NULL, NULL), "Bearer error=\"invalid_request\"",
           "a bad request");
    is_str(challenge(BASE_SCOPE_MISSING, &missing, NULL),
           "Bearer error=\"insufficient_scope\", scope=\"user/Observation.s\"", "a missing scope");
    missing.letter = 0;
    is_str(challenge(BASE_OTHER_PATIENT, &missing, NULL), "Bearer error=\"insufficient_scope\"",
           "no scope would help");
    is_str(challenge(BASE_NOT_FOUND, &missing, NULL), NULL, "none with 404");
    missing.letter = SMART_R;
    ok(strstr(outcome(BASE_NOT_FOUND, &missing), "diagnostics") == NULL,
       "nor a scope in its outcome (D9)");
    ok(strstr(outcome(BASE_SCOPE_MISSING, &missing), "Missing scope: user/Observation.r") != NULL,
       "but in that of 403");
    for (reason = BASE_OK + 1; reason < BASE_REASON_COUNT; reason++) {
        json = json_loads(outcome((base_reason_t) reason, &missing), JSON_REJECT_DUPLICATES, NULL);
        if (!ok(json != NULL &&
                    strcmp(json_string_value(json_object_get(json, "resourceType")),
                           "OperationOutcome") == 0 &&
                    json_array_size(json_object_get(json, "issue")) == 1,
                "outcome of %s", base_reason_info((base_reason_t) reason)->name)) {
            break;
        }
        json_decref(json);
        if (base_reason_info((base_reason_t) reason)->status == 401) {
            ok(challenge((base_reason_t) reason, NULL, NULL) != NULL, "and its challenge");
        }
    }
}

static void headers(void)
{
    stage_t s;
    smart_message_t message;

    stage_open(&s);
    (void) stage_token(&s, "patient/*.rs system/Condition.cruds system/Condition.rs", "p1", NULL);
    message = stage_message("GET /Observation/1");
    message.prefer = BASE_SPAN("respond-async, handling=strict ;x=\"y\"");
    is_int(stage_play(&s, &message, NULL), SMART_SEND, "under a check");
    is_str(stage_header(&s, "accept"), "application/fhir+json", "JSON is asked for");
    is_str(stage_header(&s, "accept-encoding"), "", "uncoded");
    is_str(stage_header(&s, "range"), "", "whole");
    is_str(stage_header(&s, "if-none-match"), "", "and fresh");
    is_str(stage_header(&s, "if-modified-since"), "", "in every way");
    is_str(stage_header(&s, "x-http-method-override"), "", "as the method says");
    is_str(stage_header(&s, "prefer"), " handling=strict ;x=\"y\"",
           "respond-async alone is taken out (B9)");
    message = stage_message("GET /Condition/1");
    message.prefer = BASE_SPAN("return=representation");
    is_int(stage_play(&s, &message, NULL), SMART_SEND, "without a check");
    is_str(stage_header(&s, "accept"), NULL, "the client's Accept stays");
    is_str(stage_header(&s, "if-none-match"), NULL, "and its condition");
    is_str(stage_header(&s, "prefer"), NULL, "and its preference");
    is_str(stage_header(&s, "x-provenance"), "", "but no second write");
    message.prefer = BASE_SPAN("RESPOND-ASYNC; wait=5");
    (void) stage_play(&s, &message, NULL);
    is_str(stage_header(&s, "prefer"), "", "nothing is left: deleted");
    stage_close(&s);
}

static const char *line_of(const stage_t *s)
{
    base_writer_t w;

    base_writer_init(&w, text, sizeof(text) - 1);
    smart_explain_line(smart_judge_verdict(&s->judge), &w);
    return finished(&w);
}

static void explanations(void)
{
    stage_t s;
    base_writer_t w;

    stage_open(&s);
    (void) stage_token(&s,
                       "patient/Observation.rs patient/Foo.r patient/Resource.r patient/X.sr "
                       "openid patient/A.r?b=secret",
                       "p1", NULL);
    (void) stage_line(&s, "GET /Observation?code=secret");
    is_str(line_of(&s), "allowed (L5): search-type Observation with NARROW RESPONSE", "allowed");
    (void) stage_line(&s, "GET /Condition?code=secret");
    is_str(line_of(&s),
           "refused scope_missing (B1): search-type Condition needs patient/Condition.s",
           "refused");
    (void) stage_line(&s, "GET /Nothing");
    is_str(line_of(&s), "refused type_unknown (B0): request", "not understood");
    (void) stage_line(&s, "GET /Condition");
    base_writer_init(&w, text, sizeof(text) - 1);
    smart_explain_scopes(smart_judge_grants(&s.judge), smart_judge_verdict(&s.judge), 3, &w);
    is_str(finished(&w),
           "patient/Observation.rs is for another type; patient/Foo.r names a type unknown to this "
           "FHIR version; patient/Resource.r names an abstract type",
           "what was considered");
    (void) stage_line(&s, "DELETE /Observation/1");
    base_writer_init(&w, text, sizeof(text) - 1);
    smart_explain_scopes(smart_judge_grants(&s.judge), smart_judge_verdict(&s.judge), 1, &w);
    is_str(finished(&w), "patient/Observation.rs does not grant the letter", "the letter");
    (void) stage_line(&s, "GET /Observation/1");
    base_writer_init(&w, text, sizeof(text) - 1);
    smart_explain_scopes(smart_judge_grants(&s.judge), smart_judge_verdict(&s.judge), 1, &w);
    is_str(finished(&w), "", "nothing after a yes");
    base_writer_init(&w, text, sizeof(text) - 1);
    smart_explain_void(smart_grants_compile(s.principal, &s.policy, &s.base, s.arena), 8, &w);
    is_str(finished(&w),
           "patient/Foo.r names a type unknown to this FHIR version; patient/Resource.r names an "
           "abstract type; patient/X.sr has undefined "
           "permission letters; "
           "patient/A.r?... names a type unknown to this FHIR version",
           "void scopes, without their constraints");
    stage_close(&s);
}

static void refused_entry(const char *entry, const char *part)
{
    stage_t s;

    stage_open(&s);
    ok(!stage_policy(&s, entry) && strstr(s.error, part) != NULL, "%s: %s", entry, s.error);
    stage_close(&s);
}

static void policies(void)
{
    const smart_policy_entry_t *entry;
    base_span_t argv[2];
    stage_t s;
    size_t n;

    refused_entry("colour blue", "unknown policy entry");
    refused_entry("membership", "wrong number");
    refused_entry("membership formal strict", "wrong number");
    refused_entry("membership lax", "\"formal\" or \"strict\"");
    refused_entry("fhir_version r6", "r4b");
    refused_entry("shared_types Foo", "unknown type");
    refused_entry("shared_types +Practitioner Location", "whole list");
    refused_entry("shared_types +Condition", "cannot be shared");
    refused_entry("shared_types +Subscription", "cannot be shared");
    refused_entry("shared_types +Binary", "cannot be shared");
    refused_entry("operation $export Patient type T.rs", "cannot allow $export");
    refused_entry("operation export *.rs", "cannot allow $export");
    refused_entry("page_parameter _type", "no page parameter");
    refused_entry("page_parameter a=b", "no name");
    refused_entry("ceiling openid", "is not a resource scope");
    refused_entry("ceiling patient/*.sr", "undefined permission letters");
    refused_entry("ceiling patient/*.rs system/Foo.rs", "unknown type");
    refused_entry("public /ValueSet", "no path below the base");
    refused_entry("public ValueSet?x", "no path below the base");
    refused_entry("operation $x", "takes");
    refused_entry("operation $x T.r deny", "takes");
    refused_entry("operation $x T.sr", "takes");
    refused_entry("operation $x Foo deny", "unknown type");
    refused_entry("operation $x Foo.r", "unknown type");
    stage_open(&s);
    ok(stage_policy(&s, "membership strict"), "once");
    ok(!stage_policy(&s, "membership strict"), "but not twice: %s", s.error);
    ok(stage_policy(&s, "shared_types -Endpoint +DeviceMetric"), "edits");
    for (n = 0; (entry = smart_policy_entry(n)) != NULL; n++) {
        ok(entry->name[0] != '\0' && entry->values[0] != '\0' && entry->preset[0] != '\0' &&
               entry->text[0] != '\0',
           "%s is documented", entry->name);
        argv[0] = base_span_of(entry->name);
        argv[1] = BASE_SPAN("\x01");
        ok(!smart_policy_set(&s.policy, argv, 2, s.arena, s.error, sizeof(s.error)) ||
               !smart_policy_finish(&s.policy, s.arena, NULL, s.error, sizeof(s.error)),
           "%s takes no nonsense", entry->name);
    }
    is_int(n, 22, "all entries of the language");
    stage_close(&s);
}

int main(void)
{
    UNIT_BEGIN();
    answers();
    headers();
    explanations();
    policies();
    UNIT_END();
}
