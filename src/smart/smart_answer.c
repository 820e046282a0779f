#include "smart/smart_answer.h"

#include "smart/smart_explain.h"

static bool names_scope(base_reason_t reason, const smart_missing_t *missing)
{
    return missing != NULL && missing->letter != 0 && missing->type.p != NULL &&
           base_reason_info(reason)->status == 403;
}

/* What would have helped: a scope, or an entry of the policy. */
static bool write_diagnostics(base_reason_t reason, const smart_missing_t *missing,
                              base_writer_t *w)
{
    if (names_scope(reason, missing)) {
        base_writer_text(w, "Missing scope: ");
        smart_scope_write(w, missing->context, missing->type, missing->letter);
        return true;
    }
    if (reason != BASE_OPERATION_REFUSED || missing == NULL || missing->operation.p == NULL) {
        return false;
    }
    base_writer_text(w, "Missing policy entry: ");
    return smart_explain_entry(missing, w);
}

/* Which entry of the client's Bundle (R4 operationoutcome.html, issue.expression). */
static void write_expression(const smart_missing_t *missing, base_writer_t *w)
{
    unsigned char memory[64];
    base_writer_t entry;
    base_span_t text;

    if (missing == NULL || missing->entry == 0) {
        return;
    }
    base_writer_init(&entry, memory, sizeof(memory));
    base_writer_text(&entry, "Bundle.entry[");
    base_writer_uint(&entry, missing->entry - 1);
    base_writer_text(&entry, "]");
    if (base_writer_done(&entry, &text)) {
        base_writer_member(w, "expression");
        base_writer_array(w);
        base_writer_string(w, text);
        base_writer_array_end(w);
    }
}

void smart_answer_outcome(base_reason_t reason, const smart_missing_t *missing, base_writer_t *w)
{
    const base_reason_info_t *info = base_reason_info(reason);
    unsigned char memory[256];
    base_writer_t more;
    base_span_t text;

    base_writer_object(w);
    base_writer_member(w, "resourceType");
    base_writer_string_of(w, "OperationOutcome");
    base_writer_member(w, "issue");
    base_writer_array(w);
    base_writer_object(w);
    base_writer_member(w, "severity");
    base_writer_string_of(w, "error");
    base_writer_member(w, "code");
    base_writer_string_of(w, info->issue);
    base_writer_member(w, "details");
    base_writer_object(w);
    base_writer_member(w, "text");
    base_writer_string_of(w, info->text);
    base_writer_object_end(w);
    base_writer_init(&more, memory, sizeof(memory));
    if (write_diagnostics(reason, missing, &more) && base_writer_done(&more, &text)) {
        base_writer_member(w, "diagnostics");
        base_writer_string(w, text);
    }
    write_expression(missing, w);
    base_writer_object_end(w);
    base_writer_array_end(w);
    base_writer_object_end(w);
}

/* A realm is the operator's text; what would end a quoted string is left out. */
static void write_realm(base_writer_t *w, base_span_t realm)
{
    size_t i;

    base_writer_text(w, "realm=\"");
    for (i = 0; i < realm.n; i++) {
        if (realm.p[i] >= 0x20 && realm.p[i] <= 0x7e && realm.p[i] != '"' && realm.p[i] != '\\') {
            base_writer_raw(w, base_span_make(&realm.p[i], 1));
        }
    }
    base_writer_text(w, "\"");
}

bool smart_answer_challenge(base_reason_t reason, const smart_missing_t *missing, base_span_t realm,
                            base_writer_t *w)
{
    const base_reason_info_t *info = base_reason_info(reason);
    const char *separator = " ";

    if (info->status != 401 && info->error[0] == '\0') {
        return false;
    }
    base_writer_text(w, "Bearer");
    if (realm.p != NULL) {
        base_writer_text(w, separator);
        write_realm(w, realm);
        separator = ", ";
    }
    if (info->error[0] != '\0') {
        base_writer_text(w, separator);
        base_writer_text(w, "error=\"");
        base_writer_text(w, info->error);
        base_writer_text(w, "\"");
        separator = ", ";
    }
    if (names_scope(reason, missing)) {
        base_writer_text(w, separator);
        base_writer_text(w, "scope=\"");
        smart_scope_write(w, missing->context, missing->type, missing->letter);
        base_writer_text(w, "\"");
    }
    return true;
}
