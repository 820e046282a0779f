/*
 * t/cases/decide.jsonl through smart_judge: one case a line.
 *
 * {"scope","patient","user"} or {"claims"}: the token; none of them: no token. "many": `patients many`; "issuer": entries of smart_issuer. "policy": entries. "request": method and path. "headers":
 * accept, prefer, content-type, content-encoding, x-security-context, if-none-exist, if-match, if-none-match. "body": what the judge gets when it asks, a text or JSON.
 * "stored": what reads find, by path and query: a resource, or {"status", "etag", "body"}; anything else is missing. Expected: "step" (send, refuse,
 * answer), "reason" (default ok), "rule", "obligations" (default none), "missing", "query" and "form" as sent, "method" and "path" as sent; "sent": headers as they are
 * replaced, null for one that is not; "sent_body": as it is replaced; "reads": how many.
 * "answer": what the upstream says to it, a resource or {"status", "type", "body"}; "shown": the status that the client gets (default: the answer's), "removed": the
 * entries that were taken out (default 0), "shows": its body, JSON or a text.
 */

#include "unit.h"

#include "smart_stage.h"

#include "smart/smart_explain.h"

#ifndef CASES
#define CASES "t/cases/decide.jsonl"
#endif

static const char *const steps[] = {"refuse", "send", "answer", "body", "read"};

static const char *text_of(const json_t *c, const char *name)
{
    return json_string_value(json_object_get(c, name));
}

static base_span_t header_of(const json_t *c, const char *name)
{
    return base_span_of(text_of(json_object_get(c, "headers"), name));
}

/* "claim patient /patient_id": one entry of smart_issuer that says how claims are read. */
static bool set_issuer_entry(stage_t *s, const char *text)
{
    static base_span_t word[8];
    static smart_scope_map_t row;
    base_span_t rest = base_span_of(text);
    size_t n = 0;

    while (rest.p != NULL && n < 8) {
        word[n++] = base_span_split(&rest, ' ');
    }
    if (base_span_is(word[0], "claim") && n == 3) {
        return smart_claim_of(word[1]) < SMART_CLAIM_COUNT &&
               smart_claim_pointer_set(&s->map.claim[smart_claim_of(word[1])], word[2], s->arena);
    }
    if (base_span_is(word[0], "scope_claim") && n == 2) {
        s->map.scope_n = 1;
        return smart_claim_pointer_set(&s->map.scope[0], word[1], s->arena);
    }
    if (base_span_is(word[0], "scope_map") && n >= 3) {
        row = (smart_scope_map_t){word[1], false, word + 2, n - 2};
        s->map.scope_map = &row;
        s->map.scope_map_n = 1;
        return true;
    }
    if (base_span_is(word[0], "scope_prefix")) {
        s->map.scope_prefix = word[1];
    } else if (base_span_is(word[0], "scope_separator")) {
        s->map.scope_separator = word[1];
    }
    return n == 2 && (s->map.scope_prefix.p == word[1].p || s->map.scope_separator.p == word[1].p);
}

static bool set_issuer(stage_t *s, const json_t *c)
{
    const json_t *entry;
    size_t i;

    s->map.patients_many = json_is_true(json_object_get(c, "many"));
    json_array_foreach(json_object_get(c, "issuer"), i, entry)
    {
        if (!set_issuer_entry(s, json_string_value(entry))) {
            return false;
        }
    }
    return true;
}

/* BASE_OK: s->principal is who the token is at the base (F4), or NULL without a token. */
static base_reason_t set_token(stage_t *s, const json_t *c)
{
    const json_t *claims = json_object_get(c, "claims");
    smart_principal_t *here;
    char *text;
    base_reason_t reason = BASE_OK;

    if (claims != NULL) {
        text = json_dumps(claims, 0);
        reason = stage_claims(s, text);
        free(text);
    } else if (json_object_get(c, "scope") != NULL) {
        reason = stage_token(s, text_of(c, "scope"), text_of(c, "patient"), text_of(c, "user"));
    }
    if (reason == BASE_OK && s->principal != NULL) {
        reason = smart_principal_at(s->principal, &s->map, &s->base, &here);
        smart_principal_release(s->principal);
        s->principal = reason == BASE_OK ? here : NULL;
    }
    return reason;
}

static bool set_policy(stage_t *s, const json_t *c)
{
    const json_t *entries = json_object_get(c, "policy");
    size_t i;

    for (i = 0; i < json_array_size(entries); i++) {
        if (!stage_policy(s, json_string_value(json_array_get(entries, i)))) {
            return false;
        }
    }
    return true;
}

static smart_message_t message_of(const json_t *c)
{
    smart_message_t message = stage_message(text_of(c, "request"));

    message.accept = header_of(c, "accept");
    message.prefer = header_of(c, "prefer");
    message.content_encoding = header_of(c, "content-encoding");
    message.security_context = header_of(c, "x-security-context");
    message.fhir.content_type = header_of(c, "content-type");
    message.fhir.if_none_exist = header_of(c, "if-none-exist");
    message.fhir.if_match = header_of(c, "if-match");
    message.fhir.if_none_match = header_of(c, "if-none-match");
    message.fhir.has_body = json_object_get(c, "body") != NULL;
    return message;
}

static bool span_fits(const json_t *c, const char *name, base_span_t got)
{
    const char *expected = text_of(c, name);

    return json_object_get(c, name) == NULL ||
           (expected == NULL ? got.n == 0 : base_span_is(got, expected));
}

static const char *written(char *memory, size_t size, const smart_verdict_t *verdict, bool missing)
{
    base_writer_t w;
    base_span_t out = {NULL, 0};

    base_writer_init(&w, memory, size - 1);
    if (!missing) {
        smart_explain_obligations(verdict->obligations, &w);
    } else if (verdict->missing.letter != 0) {
        smart_scope_write(&w, verdict->missing.context, verdict->missing.type,
                          verdict->missing.letter);
    }
    if (base_writer_done(&w, &out)) {
        memory[out.n] = '\0';
    }
    return memory;
}

static bool text_fits(const json_t *c, const char *name, const char *preset, const char *got)
{
    const char *expected = text_of(c, name);

    if (expected == NULL) {
        expected = preset;
    }
    return expected == NULL || strcmp(expected, got) == 0;
}

/* Texts that live as long as the case. */
static char *memory[64];
static size_t memory_n;

static const char *dumped(const json_t *value)
{
    if (value == NULL || json_is_string(value)) {
        return json_string_value(value);
    }
    memory[memory_n] = json_dumps(value, JSON_COMPACT);
    return memory[memory_n++];
}

static void forget(void)
{
    while (memory_n > 0) {
        free(memory[--memory_n]);
    }
}

static void store(stage_t *s, const json_t *c)
{
    const char *target;
    json_t *value;

    json_object_foreach(json_object_get(c, "stored"), target, value)
    {
        bool plain = json_object_get(value, "resourceType") != NULL;

        stage_store(s, target, (unsigned) json_integer_value(json_object_get(value, "status")),
                    text_of(value, "etag"), dumped(plain ? value : json_object_get(value, "body")));
    }
}

static bool sent_fits(const stage_t *s, const json_t *c)
{
    const char *name;
    json_t *value;
    bool fits = true;

    json_object_foreach(json_object_get(c, "sent"), name, value)
    {
        const char *got = stage_header(s, name);

        fits = fits &&
               (json_is_null(value) ? got == NULL
                                    : got != NULL && strcmp(json_string_value(value), got) == 0);
    }
    return fits;
}

/* Of a write; what a form becomes is "form". */
static bool body_fits(const stage_t *s, const smart_edits_t *edits, const json_t *c)
{
    return json_object_get(c, "sent_body") == NULL ||
           (edits->body_changed &&
            base_span_is(smart_edits_body(edits, s->arena), text_of(c, "sent_body")));
}

static bool reads_fit(const stage_t *s, const json_t *c)
{
    const json_t *reads = json_object_get(c, "reads");

    return reads == NULL || (size_t) json_integer_value(reads) == s->reads;
}

/* A text is compared as it is, anything else as JSON; null: no byte of a body. */
static bool shows_fit(const json_t *c, const char *out)
{
    const json_t *expected = json_object_get(c, "shows");
    json_t *got;
    bool same;

    if (expected == NULL || out == NULL) {
        return expected == NULL;
    }
    if (!json_is_object(expected)) {
        return strcmp(out, json_is_null(expected) ? "" : json_string_value(expected)) == 0;
    }
    got = json_loads(out, JSON_REJECT_DUPLICATES, NULL);
    same = json_equal(got, expected) != 0;
    json_decref(got);
    return same;
}

/* What the client gets of "answer". */
static bool answer_fits(stage_t *s, const json_t *c)
{
    const json_t *answer = json_object_get(c, "answer");
    bool plain = json_object_get(answer, "resourceType") != NULL;
    const json_t *status = json_object_get(answer, "status");
    const json_t *expected = json_object_get(c, "shown");
    const char *body = dumped(plain ? answer : json_object_get(answer, "body"));
    const char *type = plain ? NULL : text_of(answer, "type");
    unsigned shown = 0,
             said = plain || status == NULL ? 200u : (unsigned) json_integer_value(status);
    char *out = NULL;
    base_reason_t reason;
    bool fits;

    if (answer == NULL) {
        return true;
    }
    s->removed = 0;
    reason =
        stage_shows(s, said, type == NULL ? "application/fhir+json" : type, body, 0, &shown, &out);
    fits = shown == (expected == NULL ? said : (unsigned) json_integer_value(expected)) &&
           s->removed == (uint64_t) json_integer_value(json_object_get(c, "removed")) &&
           shows_fit(c, reason == BASE_OK ? out : NULL);
    if (!fits) {
        (void) printf("#   shown %u (%s) removed %u: %s\n", shown, base_reason_info(reason)->name,
                      (unsigned) s->removed, out == NULL ? "-" : out);
    }
    free(out);
    return fits;
}

/* A bad token is refused before anything is judged. */
static bool token_fits(const json_t *c, base_reason_t token)
{
    const char *reason = text_of(c, "reason");

    return reason != NULL && strcmp(reason, base_reason_info(token)->name) == 0;
}

static void play(const json_t *c, int line)
{
    stage_t s;
    smart_message_t message;
    const smart_verdict_t *verdict;
    const smart_edits_t *edits;
    base_span_t form;
    char obligations[128] = "", missing[128] = "";
    base_reason_t token;
    bool good;

    stage_open(&s);
    stage_sealer(&s, 1000);
    good = set_policy(&s, c) && set_issuer(&s, c);
    token = set_token(&s, c);
    if (token != BASE_OK) {
        ok(good && token_fits(c, token), "line %d: %s: %s %s", line, text_of(c, "request"),
           base_reason_info(token)->name, text_of(c, "name"));
        stage_close(&s);
        return;
    }
    message = message_of(c);
    store(&s, c);
    (void) stage_play(&s, &message, dumped(json_object_get(c, "body")));
    verdict = smart_judge_verdict(&s.judge);
    edits = smart_judge_edits(&s.judge);
    (void) written(missing, sizeof(missing), verdict, true);
    (void) written(obligations, sizeof(obligations), verdict, false);
    good = good && text_fits(c, "step", "send", steps[s.step]) &&
           text_fits(c, "reason", "ok", stage_reason(&s)) &&
           text_fits(c, "rule", NULL, verdict->rule) && text_fits(c, "missing", NULL, missing) &&
           (s.step == SMART_REFUSE || text_fits(c, "obligations", "", obligations));
    good = good && reads_fit(&s, c);
    form = smart_edits_body(edits, s.arena);
    if (s.step == SMART_SEND) {
        good = good && span_fits(c, "path", edits->path) && sent_fits(&s, c) &&
               body_fits(&s, edits, c);
        good = good && span_fits(c, "query", edits->query) && span_fits(c, "form", form) &&
               span_fits(c, "method", edits->method) && answer_fits(&s, c);
    }
    ok(good, "line %d: %s [%s] %s", line, text_of(c, "request"),
       text_of(c, "scope") != NULL ? text_of(c, "scope") : "-", text_of(c, "name"));
    if (!good) {
        (void) printf(
            "#   got %s %s (%s) missing '%s' obligations '%s' query '%.*s' form '%.*s' path '%.*s' "
            "reads %u last '%s' if-match '%s' %s\n",
            steps[s.step], stage_reason(&s), verdict->rule, missing, obligations,
            (int) edits->query.n, (const char *) edits->query.p, (int) form.n,
            (const char *) form.p, (int) edits->path.n, (const char *) edits->path.p,
            (unsigned) s.reads, s.asked,
            stage_header(&s, "if-match") == NULL ? "-" : stage_header(&s, "if-match"), s.error);
    }
    forget();
    stage_close(&s);
}

int main(void)
{
    static char text[65536];
    FILE *file = fopen(CASES, "r");
    json_error_t error;
    json_t *c;
    int line = 0;

    UNIT_BEGIN();
    ok(file != NULL, "the cases are there");
    while (file != NULL && fgets(text, sizeof(text), file) != NULL) {
        line++;
        if (text[0] == '\n' || text[0] == '#') {
            continue;
        }
        c = json_loads(text, JSON_REJECT_DUPLICATES, &error);
        if (c == NULL) {
            ok(0, "line %d is JSON: %s", line, error.text);
            continue;
        }
        play(c, line);
        json_decref(c);
    }
    if (file != NULL) {
        (void) fclose(file);
    }
    UNIT_END();
}
