#include "smart/smart_explain.h"

static const struct {
    unsigned bit;
    const char *name;
} obligation_names[] = {
    {SMART_NARROW, "NARROW"},     {SMART_BODY, "BODY"},       {SMART_PREREAD, "PREREAD"},
    {SMART_RESPONSE, "RESPONSE"}, {SMART_MINIMAL, "MINIMAL"}, {SMART_FILTER, "FILTER"},
    {SMART_SEAL, "SEAL"},
};

void smart_explain_obligations(unsigned obligations, base_writer_t *w)
{
    bool first = true;
    size_t i;

    for (i = 0; i < sizeof(obligation_names) / sizeof(obligation_names[0]); i++) {
        if ((obligations & obligation_names[i].bit) == 0) {
            continue;
        }
        base_writer_text(w, first ? "" : " ");
        base_writer_text(w, obligation_names[i].name);
        first = false;
    }
}

static void write_target(const smart_verdict_t *verdict, base_writer_t *w)
{
    base_writer_text(w, verdict->interaction[0] == '\0' ? "request" : verdict->interaction);
    if (verdict->type.p != NULL) {
        base_writer_text(w, " ");
        base_writer_raw(w, verdict->type);
    }
}

bool smart_explain_entry(const smart_missing_t *missing, base_writer_t *w)
{
    if (missing->operation.p == NULL) {
        return false;
    }
    base_writer_text(w, "operation ");
    base_writer_raw(w, missing->operation);
    base_writer_text(w, " ");
    base_writer_text(w, missing->level);
    if (missing->type.p != NULL) {
        base_writer_text(w, " ");
        base_writer_raw(w, missing->type);
    }
    base_writer_text(w, " <Type>.<letters>");
    return true;
}

void smart_explain_line(const smart_verdict_t *verdict, base_writer_t *w)
{
    if (verdict->reason == BASE_OK) {
        base_writer_text(w, "allowed");
    } else {
        base_writer_text(w, "refused ");
        base_writer_text(w, base_reason_info(verdict->reason)->name);
    }
    base_writer_text(w, " (");
    base_writer_text(w, verdict->rule);
    base_writer_text(w, "): ");
    write_target(verdict, w);
    if (verdict->reason != BASE_OK && verdict->missing.letter != 0) {
        base_writer_text(w, " needs ");
        smart_scope_write(w, verdict->missing.context, verdict->missing.type,
                          verdict->missing.letter);
    }
    if (verdict->reason != BASE_OK && verdict->missing.operation.p != NULL) {
        base_writer_text(w, ", no policy entry: ");
        (void) smart_explain_entry(&verdict->missing, w);
    }
    if (verdict->reason == BASE_OK && verdict->obligations != 0) {
        base_writer_text(w, " with ");
        smart_explain_obligations(verdict->obligations, w);
    }
}

/* What is no plain text of a scope is not repeated: it could be anything. */
static void write_scope(const smart_scope_t *scope, base_writer_t *w)
{
    base_span_t text = base_span_sub(scope->text, 0, base_span_find(scope->text, '?'));
    size_t i;

    for (i = 0; i < text.n && i < 80; i++) {
        if (text.p[i] < 0x21 || text.p[i] > 0x7e || text.p[i] == '"' || text.p[i] == '\\') {
            base_writer_text(w, ".");
        } else {
            base_writer_raw(w, base_span_make(&text.p[i], 1));
        }
    }
    base_writer_text(w, text.n < scope->text.n ? "?..." : "");
}

void smart_explain_void(const smart_grants_t *grants, size_t max, base_writer_t *w)
{
    const smart_scope_state_t *state;
    size_t n, i, written = 0;
    const smart_scope_t *scope = smart_grants_scopes(grants, &state, &n);

    for (i = 0; i < n && written < max; i++) {
        if (state[i] == SMART_SCOPE_GOOD || state[i] == SMART_SCOPE_OTHER) {
            continue;
        }
        base_writer_text(w, written > 0 ? "; " : "");
        write_scope(&scope[i], w);
        base_writer_text(w, " ");
        base_writer_text(w, smart_scope_state_text(state[i]));
        written++;
    }
}

/* Why a scope that is not void does not do; "" when it should have. */
static const char *why_not(const smart_scope_t *scope, const smart_missing_t *missing)
{
    if (!base_span_is(missing->type, "*") && !base_span_is(scope->type, "*") &&
        !base_span_eq(scope->type, missing->type)) {
        return "is for another type";
    }
    if ((scope->letters & missing->letter) == 0) {
        return "does not grant the letter";
    }
    return "does not grant it under this policy";
}

void smart_explain_scopes(const smart_grants_t *grants, const smart_verdict_t *verdict, size_t max,
                          base_writer_t *w)
{
    const smart_missing_t *missing = &verdict->missing;
    const smart_scope_state_t *state;
    size_t n, i, written = 0;
    const smart_scope_t *scope = smart_grants_scopes(grants, &state, &n);

    for (i = 0; missing->letter != 0 && verdict->reason != BASE_OK && i < n && written < max; i++) {
        if (state[i] == SMART_SCOPE_OTHER) {
            continue;
        }
        base_writer_text(w, written > 0 ? "; " : "");
        write_scope(&scope[i], w);
        base_writer_text(w, " ");
        base_writer_text(w, state[i] == SMART_SCOPE_GOOD ? why_not(&scope[i], missing)
                                                         : smart_scope_state_text(state[i]));
        written++;
    }
}
