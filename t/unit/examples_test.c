/*
 * The worked examples of t/examples through smart_judge and smart_review: all give what they say.
 */

#define _POSIX_C_SOURCE 200809L

#include "unit.h"

#include "smart_stage.h"

#include "smart/smart_answer.h"

/* clang-format off */
static const struct {
    const char *file;
    const char *reason;
} rows[] = {
    {"01-read-granular-match", "ok"},
    {"02-read-granular-mismatch", "not_found"},
    {"03-read-other-patient", "not_found"},
    {"04-search-narrow-and-filter", "ok"},
    {"05-search-post-other-patient", "other_patient"},
    {"06-include-revinclude", "ok"},
    {"07-has-oracle", "parameter_reach"},
    {"08-compartment-search-all-types", "ok"},
    {"09-transaction-allowed", "ok"},
    {"10-transaction-one-entry-forbidden", "body_uncovered"},
    {"11-transaction-indirect-subject", "patient_write"},
    {"12-batch-reads", "ok"},
    {"13-create-constraint-mismatch", "body_uncovered"},
    {"14-update-moves-subject", "body_uncovered"},
    {"15-json-patch-subject", "body_uncovered"},
    {"16-conditional-update", "scope_missing"},
    {"17-conditional-create", "scope_missing"},
    {"18-history-instance", "ok"},
    {"19-everything-partial-scopes", "ok"},
    {"20-export-group", "scope_missing"},
    {"21-practitioner-and-device", "not_found"},
    {"22-binary-security-context", "not_found"},
    {"23-v1-scope-write", "scope_missing"},
    {"24-no-token", "no_credentials"},
    {"25-opaque-page-link", "ok"},
    {"26-no-patient-context", "patient_missing"},
    {"27-elements-hides-membership", "ok"},
    {"28-performer-membership", "ok"},
    {"29-group-member", "type_not_patient_level"},
    {"30-user-scope-patient-user", "ok"},
    {"31-app-state-constrained-write", "ok"},
};
/* clang-format on */

static json_t *load(const char *name)
{
    char path[256];
    json_error_t error;

    (void) snprintf(path, sizeof(path), "t/examples/%s.json", name);
    return json_load_file(path, JSON_REJECT_DUPLICATES, &error);
}

static const char *member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static base_span_t header(const json_t *request, const char *name)
{
    return base_span_of(member(json_object_get(request, "headers"), name));
}

/* A body is a text (a form) or JSON. To be freed. */
static char *body_of(const json_t *holder)
{
    const json_t *body = json_object_get(holder, "body");

    if (body == NULL) {
        return NULL;
    }
    return json_is_string(body) ? strdup(json_string_value(body)) : json_dumps(body, JSON_COMPACT);
}

static void set_token(stage_t *s, const json_t *example)
{
    const json_t *token = json_object_get(example, "token");
    char *claims;

    if (json_is_object(token)) {
        claims = json_dumps(token, 0);
        (void) stage_claims(s, claims);
        free(claims);
    }
}

static smart_step_t ask(stage_t *s, const json_t *example, const char *path, const char *body)
{
    const json_t *request = json_object_get(example, "request");
    smart_message_t message;

    memset(&message, 0, sizeof(message));
    message.fhir.method = base_span_of(member(request, "method"));
    message.fhir.path = base_span_of(path);
    message.fhir.query = base_span_of(member(request, "query"));
    message.fhir.content_type = header(request, "Content-Type");
    message.fhir.if_none_exist = header(request, "If-None-Exist");
    message.fhir.if_match = header(request, "If-Match");
    message.accept = header(request, "Accept");
    message.prefer = header(request, "Prefer");
    message.fhir.has_body = body != NULL;
    return stage_play(s, &message, body);
}

static char *stored; /* the resource that reads find in examples 14 and 15 */

static void store(stage_t *s)
{
    json_t *example = load("14-update-moves-subject");

    stored = body_of(json_object_get(json_object_get(example, "upstreamResponse"), "preflight"));
    stage_store(s, "/Observation/obs-lab-1", 200, NULL, stored);
    json_decref(example);
}

/* What the client would see: the reason, the status and the body (to be freed). */
static base_reason_t see(stage_t *s, const json_t *example, unsigned *status, char **out)
{
    const json_t *answer = json_object_get(example, "upstreamResponse");
    base_reason_t reason = smart_judge_verdict(&s->judge)->reason;
    char *body = body_of(answer);

    *out = NULL;
    *status = base_reason_info(reason)->status;
    if (s->step == SMART_SEND && answer == NULL && smart_judge_edits(&s->judge)->body_n == 0 &&
        smart_verdict_obliges(smart_judge_verdict(&s->judge), SMART_MINIMAL)) {
        reason = stage_shows(s, 201, NULL, NULL, 1, status, out);
    } else if (s->step == SMART_SEND && answer != NULL) {
        reason = stage_shows(s, (unsigned) json_integer_value(json_object_get(answer, "status")),
                             "application/fhir+json", body, 0, status, out);
    }
    free(body);
    return reason;
}

/* Whether an entry of what the client sees is that resource: "Observation/1". */
static bool shows(const json_t *bundle, const char *reference)
{
    const json_t *entry;
    size_t i;
    char text[256];

    json_array_foreach(json_object_get(bundle, "entry"), i, entry)
    {
        const json_t *resource = json_object_get(entry, "resource");

        (void) snprintf(text, sizeof(text), "%s/%s", member(resource, "resourceType"),
                        member(resource, "id"));
        if (strcmp(text, reference) == 0) {
            return true;
        }
    }
    return false;
}

static void entries(const json_t *expect, const char *out, const char *name)
{
    static const struct {
        const char *list;
        bool shown;
    } lists[] = {{"keepEntries", true}, {"dropEntries", false}};
    json_t *bundle = out == NULL ? NULL : json_loads(out, JSON_REJECT_DUPLICATES, NULL);
    const json_t *one;
    size_t i, l;

    for (l = 0; l < 2; l++) {
        json_array_foreach(json_object_get(expect, lists[l].list), i, one)
        {
            ok(bundle != NULL && shows(bundle, json_string_value(one)) == lists[l].shown,
               "%s: %s %s", name, json_string_value(one), lists[l].shown ? "stays" : "goes");
        }
    }
    json_decref(bundle);
}

/* Decoded, as the examples write it. */
static bool query_holds(const stage_t *s, const char *item)
{
    const base_span_t query = smart_judge_edits(&s->judge)->query;
    char text[512];
    size_t i, n = 0;
    char hex[3] = {0};

    for (i = 0; i < query.n && n < sizeof(text) - 1; i++) {
        text[n] = (char) query.p[i];
        if (text[n] == '%' && i + 2 < query.n) {
            memcpy(hex, query.p + i + 1, 2);
            text[n] = (char) strtoul(hex, NULL, 16);
            i += 2;
        }
        n++;
    }
    text[n] = '\0';
    return item == NULL || strstr(text, item) != NULL;
}

static void as_expected(const stage_t *s, const json_t *expect, const char *name, bool denied,
                        unsigned status)
{
    const json_t *wanted = json_object_get(expect, "status");
    const char *decision = member(expect, "decision");

    ok(denied == (strncmp(decision, "deny", 4) == 0), "%s: %s", name, decision);
    ok(wanted == NULL || json_integer_value(wanted) == (json_int_t) status, "%s: status %u", name,
       status);
    ok(query_holds(s, member(expect, "upstreamQueryAdd")), "%s: what is appended", name);
}

static void play(const char *name, const char *reason_name)
{
    json_t *example = load(name);
    const json_t *expect = json_object_get(example, "expect");
    stage_t s;
    char *body = body_of(json_object_get(example, "request"));
    unsigned status = 0;
    base_reason_t reason;
    char *out;

    stage_open(&s);
    store(&s);
    set_token(&s, example);
    (void) ask(&s, example, member(json_object_get(example, "request"), "path"), body);
    reason = see(&s, example, &status, &out);
    is_str(base_reason_info(reason)->name, reason_name, "%s", name);
    if (example != NULL) {
        as_expected(&s, expect, name, reason != BASE_OK, status);
        entries(expect, out, name);
    }
    free(out);
    stage_close(&s);
    free(stored);
    free(body);
    json_decref(example);
}

/* The parts of examples that are alternatives to their main request. */
static void alternatives(void)
{
    json_t *example = load("28-performer-membership");
    stage_t s;
    unsigned status;
    char *out;

    stage_open(&s);
    (void) stage_policy(&s, "membership strict");
    set_token(&s, example);
    (void) ask(&s, example, member(json_object_get(example, "request"), "path"), NULL);
    is_int(see(&s, example, &status, &out), BASE_NOT_FOUND, "28, membership strict");
    free(out);
    stage_close(&s);
    json_decref(example);

    example = load("21-practitioner-and-device");
    stage_open(&s);
    set_token(&s, example);
    is_int(ask(&s, example, "/Practitioner/prac-7", NULL), SMART_SEND, "21, the Practitioner");
    stage_close(&s);
    json_decref(example);

    example = load("08-compartment-search-all-types");
    stage_open(&s);
    set_token(&s, example);
    is_int(ask(&s, example, "/Patient/pat-200/Condition", NULL), SMART_REFUSE,
           "08, another patient");
    is_int(base_reason_info(smart_judge_verdict(&s.judge)->reason)->status, 403, "08, with 403");
    stage_close(&s);
    json_decref(example);
}

/* With the scope that the example says would do. */
static json_t *open_with_scope(stage_t *s, const char *name)
{
    json_t *example = load(name);
    const json_t *with = json_object_get(json_object_get(example, "expect"), "withScope");

    json_object_set(json_object_get(example, "token"), "scope", json_object_get(with, "scope"));
    stage_open(s);
    set_token(s, example);
    return example;
}

static smart_step_t ask_whole(stage_t *s, const json_t *example, const char *body)
{
    return ask(s, example, member(json_object_get(example, "request"), "path"), body);
}

/* 16: by what the edge's own search finds. */
static void conditional_update(void)
{
    static const char target[] = "/Condition?identifier=urn:example:cond|77&patient=pat-100";
    static const char hit[] = "{\"resource\":{\"resourceType\":\"Condition\",\"id\":\"%s\","
                              "\"subject\":{\"reference\":\"Patient/pat-100\"}}}";
    char one[512], two[512], text[1200];
    stage_t s;
    json_t *example = open_with_scope(&s, "16-conditional-update");
    char *body = body_of(json_object_get(example, "request"));

    (void) snprintf(one, sizeof(one), hit, "c1");
    (void) snprintf(two, sizeof(two), hit, "c2");
    stage_store(&s, target, 200, NULL, "{\"resourceType\":\"Bundle\",\"type\":\"searchset\"}");
    is_int(ask_whole(&s, example, body), SMART_SEND, "16, none");
    ok(query_holds(&s, "patient=pat-100"), "16, none: narrowed");
    (void) snprintf(text, sizeof(text), "{\"resourceType\":\"Bundle\",\"entry\":[%s,%s]}", one,
                    two);
    s.stored[0].body = text;
    is_int(ask_whole(&s, example, body), SMART_REFUSE, "16, several");
    is_str(stage_reason(&s), "multiple_matches", "16, several: why");
    (void) snprintf(text, sizeof(text), "{\"resourceType\":\"Bundle\",\"entry\":[%s]}", one);
    stage_store(&s, "/Condition/c1", 200, "W/\"5\"",
                "{\"resourceType\":\"Condition\",\"id\":\"c1\","
                "\"subject\":{\"reference\":\"Patient/pat-100\"}}");
    is_int(ask_whole(&s, example, body), SMART_SEND, "16, one");
    ok(base_span_is(smart_judge_edits(&s.judge)->path, "/Condition/c1"), "16, one: the instance");
    is_str(stage_header(&s, "if-match"), "W/\"5\"", "16, one: as it was judged");
    stage_close(&s);
    free(body);
    json_decref(example);
}

/* 17: and 31, whose other bodies are denied. */
static void conditional_create(void)
{
    stage_t s;
    json_t *example = open_with_scope(&s, "17-conditional-create");
    const json_t *sent = json_object_get(
        json_object_get(json_object_get(example, "expect"), "withScope"), "upstreamHeaders");
    char *body = body_of(json_object_get(example, "request"));

    is_int(ask_whole(&s, example, body), SMART_SEND, "17, with s");
    is_str(stage_header(&s, "if-none-exist"), member(sent, "If-None-Exist"), "17, narrowed");
    is_str(stage_header(&s, "prefer"), member(sent, "Prefer"), "17, without r");
    stage_close(&s);
    free(body);
    json_decref(example);
}

/* 15: other patches of the same resource. */
static void patches(void)
{
    static const char *const same[] = {
        "[{\"op\":\"replace\",\"path\":\"/status\",\"value\":\"amended\"}]",
        "[{\"op\":\"replace\",\"path\":\"/subject/reference\",\"value\":\"Patient/pat-100\"}]"};
    stage_t s;
    json_t *example = load("15-json-patch-subject"), *deny;
    size_t i;

    stage_open(&s);
    store(&s);
    set_token(&s, example);
    for (i = 0; i < 2; i++) {
        is_int(ask_whole(&s, example, same[i]), SMART_SEND, "15, allowed %u", (unsigned) i);
        is_str(stage_header(&s, "if-match"), "W/\"1\"", "15, allowed %u: pinned", (unsigned) i);
    }
    json_array_foreach(json_object_get(json_object_get(example, "expect"), "alsoDeny"), i, deny)
    {
        char *body = json_dumps(deny, JSON_COMPACT);

        is_int(ask_whole(&s, example, body), SMART_REFUSE, "15, denied %u", (unsigned) i);
        free(body);
    }
    stage_close(&s);
    free(stored);
    json_decref(example);
}

static void app_state(void)
{
    stage_t s;
    json_t *example = load("31-app-state-constrained-write");
    json_t *body = json_object_get(json_object_get(example, "request"), "body");
    json_t *coding = json_array_get(json_object_get(json_object_get(body, "code"), "coding"), 0);
    char *text = json_dumps(body, 0);

    stage_open(&s);
    set_token(&s, example);
    is_int(ask_whole(&s, example, text), SMART_SEND, "31");
    is_str(stage_header(&s, "prefer"), "return=minimal", "31, without r");
    free(text);
    json_object_set_new(coding, "code", json_string("x"));
    text = json_dumps(body, 0);
    is_int(ask_whole(&s, example, text), SMART_REFUSE, "31, another code");
    free(text);
    json_object_set_new(coding, "code", json_string("ui-prefs"));
    json_object_del(body, "subject");
    text = json_dumps(body, 0);
    is_int(ask_whole(&s, example, text), SMART_REFUSE, "31, nobody's");
    free(text);
    stage_close(&s);
    json_decref(example);
}

static void challenges(void)
{
    char memory[256];
    base_writer_t w;
    base_span_t text = {NULL, 0};
    json_t *example = load("23-v1-scope-write");
    char *body = body_of(json_object_get(example, "request"));
    const json_t *headers = json_object_get(json_object_get(example, "expect"), "headers");
    const smart_verdict_t *verdict;
    stage_t s;

    stage_open(&s);
    set_token(&s, example);
    (void) ask(&s, example, "/Condition", body);
    verdict = smart_judge_verdict(&s.judge);
    base_writer_init(&w, memory, sizeof(memory));
    (void) smart_answer_challenge(verdict->reason, &verdict->missing, BASE_SPAN("fhir"), &w);
    (void) base_writer_done(&w, &text);
    is_mem(text.p, text.n, member(headers, "WWW-Authenticate"),
           strlen(member(headers, "WWW-Authenticate")), "23, the challenge");
    stage_close(&s);
    free(body);
    json_decref(example);
}

int main(void)
{
    size_t i;

    UNIT_BEGIN();
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        play(rows[i].file, rows[i].reason);
    }
    alternatives();
    conditional_update();
    conditional_create();
    patches();
    app_state();
    challenges();
    UNIT_END();
}
