/* D6: a Provenance may be created when all that it is about is the patient's own, or covered by r or s. */

#include "smart/smart_write_own.h"

#include "fhir/fhir_reference.h"
#include "smart/smart_targets.h"

#include <string.h>

static const fhir_lens_t *lens_of_watch(void *ctx, const fhir_type_t *type)
{
    (void) type;
    return smart_watch_lens(ctx);
}

static smart_step_t uncovered(smart_write_t *write)
{
    return smart_write_refuse(write, BASE_BODY_UNCOVERED, "D6");
}

typedef enum { TARGET_COVERED, TARGET_REFUSED, TARGET_ASKED } target_fate_t;

/* What the reference alone says; else what is to be read. */
static target_fate_t judge_reference(smart_write_t *write, base_span_t text,
                                     fhir_reference_t *reference)
{
    const smart_base_t *base = smart_grants_base(write->_grants);
    const fhir_type_t *type;
    smart_cover_t cover[2];

    fhir_reference_parse(text, reference);
    type = fhir_type_find(write->_policy->definitions, reference->type);
    if (type == NULL || !fhir_reference_is_own(reference, base->urls, base->urls_n)) {
        return TARGET_REFUSED;
    }
    if (strcmp(type->name, "Patient") == 0 &&
        smart_cover_has_patient(&write->_cover, reference->id)) {
        return TARGET_COVERED;
    }
    cover[0] = smart_grants_cover(write->_grants, SMART_R, type);
    cover[1] = smart_grants_cover(write->_grants, SMART_S, type);
    if (smart_cover_is_true(&cover[0]) || smart_cover_is_true(&cover[1])) {
        return TARGET_COVERED;
    }
    write->_watch = smart_cover_watch(cover, 2, write->_arena);
    return smart_cover_is_empty(&cover[0]) && smart_cover_is_empty(&cover[1]) ? TARGET_REFUSED
                                                                              : TARGET_ASKED;
}

static smart_step_t ask_target(smart_write_t *write, const fhir_reference_t *reference)
{
    unsigned char *path = base_arena_alloc(write->_arena, reference->type.n + reference->id.n + 2);
    smart_read_t read = {{path, reference->type.n + reference->id.n + 2}, {NULL, 0}};

    if (path == NULL || write->_watch == NULL) {
        return smart_write_refuse(write, BASE_NO_MEMORY, "L26");
    }
    path[0] = '/';
    memcpy(path + 1, reference->type.p, reference->type.n);
    path[reference->type.n + 1] = '/';
    memcpy(path + reference->type.n + 2, reference->id.p, reference->id.n);
    return smart_write_ask(write, SMART_WRITE_TARGET, read, lens_of_watch, (void *) write->_watch,
                           fhir_type_find(write->_policy->definitions, reference->type), false);
}

static smart_step_t next_target(smart_write_t *write)
{
    fhir_reference_t reference;

    for (; write->_target_at < write->_target_n; write->_target_at++) {
        switch (judge_reference(write, write->_target[write->_target_at], &reference)) {
        case TARGET_REFUSED:
            return uncovered(write);
        case TARGET_ASKED:
            return ask_target(write, &reference);
        default:
            break;
        }
    }
    return smart_write_send(write);
}

smart_step_t smart_write_targets(smart_write_t *write)
{
    smart_targets_t targets;
    base_reason_t reason = smart_targets_read(write->_body, write->_arena, &targets);

    if (reason == BASE_OK && (targets.odd || targets.n == 0)) {
        return uncovered(write);
    }
    write->_target = targets.text;
    write->_target_n = targets.n;
    return reason == BASE_OK ? next_target(write) : smart_write_refuse(write, reason, "D6");
}

smart_step_t smart_write_target_read(smart_write_t *write)
{
    const fhir_facts_t *facts = &write->_stored.facts;
    fhir_reference_t reference;

    if (write->_stored.state == SMART_STORED_FAILED) {
        return smart_write_refuse(write, write->_stored.reason, "D6");
    }
    fhir_reference_parse(write->_target[write->_target_at], &reference);
    if (write->_stored.state != SMART_STORED_FOUND || facts->id.unknown ||
        !base_span_eq(fhir_text_span(&facts->id), reference.id) ||
        !smart_watch_holds(write->_watch, SMART_R | SMART_S, facts)) {
        return uncovered(write);
    }
    write->_target_at++;
    return next_target(write);
}
