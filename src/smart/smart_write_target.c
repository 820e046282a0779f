/* D6: a Provenance may be created when all that it is about is the patient's own, or covered by r or s. */

#include "smart/smart_write_own.h"

#include "fhir/fhir_reference.h"
#include "smart/smart_targets.h"

#include <string.h>

static smart_step_t uncovered(smart_write_t *write)
{
    return smart_write_refuse(write, BASE_BODY_UNCOVERED, "D6");
}

/* D6: the own Patient by the reference alone. */
static bool is_own_patient(const smart_write_t *write, const smart_target_t *target)
{
    return target->type != NULL && fhir_type_is(target->type, "Patient") &&
           smart_cover_has_patient(&write->_cover, target->reference.id);
}

static smart_step_t ask_target(smart_write_t *write, const smart_target_t *target)
{
    smart_read_t read = {
        .path = fhir_request_path(write->_arena, target->type, target->reference.id, "")};

    write->_watch = smart_cover_watch(target->cover, 2, write->_arena);
    if (read.path.p == NULL || write->_watch == NULL) {
        return smart_write_refuse(write, BASE_NO_MEMORY, "L26");
    }
    return smart_write_ask(write, SMART_WRITE_TARGET, read, smart_watch_lookup,
                           (void *) write->_watch, target->type, false);
}

static smart_step_t next_target(smart_write_t *write)
{
    smart_target_fate_t fate;
    smart_target_t target;

    for (; write->_target_at < write->_target_n; write->_target_at++) {
        fate = smart_targets_judge(write->_grants, write->_policy->definitions,
                                   write->_target[write->_target_at], &target);
        if (fate == SMART_TARGET_COVERED || is_own_patient(write, &target)) {
            continue;
        }
        return fate == SMART_TARGET_TO_READ ? ask_target(write, &target) : uncovered(write);
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
