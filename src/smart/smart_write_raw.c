/*
 * B11: who may write a document could make any Binary readable by referring to it. So what it newly refers to must say itself, by its security context, that
 * the token may read it.
 */

#include "smart/smart_write_own.h"

#include "fhir/fhir_url.h"
#include "smart/smart_security.h"

#define RAWS_MAX ((size_t) 16) /* of one document */

typedef struct smart_write_raw_s {
    base_span_t id[RAWS_MAX];
    size_t n;
    size_t at;
    smart_cover_t owner;
    base_span_t owner_id;
    const smart_watch_t *watch;
} raw_t;

/* However it is spelt, and on whatever base: the server may know itself by names that we do not. Only what is plainly ours can be looked at. */
base_reason_t smart_write_note_raw(smart_write_t *write, const fhir_reference_t *reference)
{
    const smart_base_t *base = smart_grants_base(write->_grants);

    if (!fhir_url_may_name(reference->text, "binary")) {
        return BASE_OK;
    }
    if (!fhir_reference_is_own(reference, base->urls, base->urls_n) || reference->vid.p != NULL ||
        !base_span_is(reference->type, "Binary") || !fhir_id_is_valid(reference->id)) {
        return BASE_BODY_UNCOVERED;
    }
    if (write->_raw == NULL) {
        write->_raw = base_arena_alloc(write->_arena, sizeof(*write->_raw));
    }
    if (write->_raw == NULL) {
        return BASE_NO_MEMORY;
    }
    if (write->_raw->n == RAWS_MAX) {
        return BASE_BODY_UNCOVERED;
    }
    write->_raw->id[write->_raw->n] = base_arena_copy(write->_arena, reference->id);
    return write->_raw->id[write->_raw->n++].p == NULL ? BASE_NO_MEMORY : BASE_OK;
}

smart_step_t smart_write_raws(smart_write_t *write)
{
    raw_t *raw = write->_raw;
    smart_read_t read = {{NULL, 0}, {NULL, 0}, NULL};

    if (raw->at == raw->n) {
        return smart_write_sent(write);
    }
    read.path = fhir_request_path(write->_arena, write->_policy->raw, raw->id[raw->at], "");
    if (read.path.p == NULL ||
        !smart_stored_start(&write->_stored, write->_arena, write->_policy->definitions, NULL, NULL,
                            write->_policy->raw, SMART_SECURITY_RAW_MAX)) {
        return smart_write_refuse(write, BASE_NO_MEMORY, "L26");
    }
    write->_stage = SMART_WRITE_RAW;
    write->read = read;
    write->read.into = &write->_stored;
    write->reads++;
    return SMART_WANT_READ;
}

static smart_step_t refuse(smart_write_t *write)
{
    return smart_write_refuse(write, BASE_BODY_UNCOVERED, "B11");
}

static smart_step_t covered(smart_write_t *write)
{
    write->_raw->at++;
    return smart_write_raws(write);
}

static smart_step_t ask_owner(smart_write_t *write)
{
    raw_t *raw = write->_raw;
    smart_read_t read = {{NULL, 0}, {NULL, 0}, NULL};

    raw->watch = smart_cover_watch(&raw->owner, 1, write->_arena);
    read.path = fhir_request_path(write->_arena, raw->owner.type, raw->owner_id, "");
    return raw->watch == NULL || read.path.p == NULL
               ? smart_write_refuse(write, BASE_NO_MEMORY, "L26")
               : smart_write_ask(write, SMART_WRITE_OWNER, read, smart_watch_lookup,
                                 (void *) raw->watch, raw->owner.type, false);
}

static bool is_found(const smart_write_t *write, base_span_t id)
{
    const fhir_facts_t *facts = &write->_stored.facts;

    return write->_stored.state == SMART_STORED_FOUND && !facts->id.unknown &&
           base_span_eq(fhir_text_span(&facts->id), id);
}

static smart_step_t take_raw(smart_write_t *write)
{
    raw_t *raw = write->_raw;
    base_span_t context = {NULL, 0};

    if (!is_found(write, raw->id[raw->at]) || write->_stored.facts.type != write->_policy->raw ||
        write->_stored.body.p == NULL ||
        smart_security_read(write->_stored.body, write->_arena, &context) != BASE_OK ||
        context.p == NULL) {
        return refuse(write);
    }
    switch (smart_security_judge(write->_grants, write->_policy, context, write->_stored.base,
                                 write->_arena, &raw->owner, &raw->owner_id)) {
    case SMART_TARGET_COVERED:
        return covered(write);
    case SMART_TARGET_TO_READ:
        return ask_owner(write);
    default:
        return refuse(write);
    }
}

smart_step_t smart_write_raw_read(smart_write_t *write)
{
    const raw_t *raw = write->_raw;

    if (write->_stored.state == SMART_STORED_FAILED) {
        return smart_write_refuse(write, write->_stored.reason, "B11");
    }
    if (write->_stage == SMART_WRITE_RAW) {
        return take_raw(write);
    }
    return is_found(write, raw->owner_id) &&
                   smart_watch_holds(raw->watch, SMART_R, &write->_stored.facts)
               ? covered(write)
               : refuse(write);
}
