#include "smart/smart_write.h"

#include "fhir/fhir_links.h"
#include "fhir/fhir_patch.h"
#include "smart/smart_body.h"
#include "smart/smart_media.h"
#include "smart/smart_write_own.h"

#include <string.h>

#define LINKS_MAX ((size_t) 4096)

static const smart_write_kind_t kinds[] = {
    [FHIR_CREATE] = {FHIR_CREATE, SMART_C, true, false, false},
    [FHIR_CREATE_CONDITIONAL] = {FHIR_CREATE_CONDITIONAL, SMART_C, true, false, false},
    [FHIR_UPDATE] = {FHIR_UPDATE, SMART_U, true, true, false},
    [FHIR_UPDATE_CONDITIONAL] = {FHIR_UPDATE_CONDITIONAL, SMART_U, true, true, false},
    [FHIR_PATCH] = {FHIR_PATCH, SMART_U, true, true, true},
    [FHIR_PATCH_CONDITIONAL] = {FHIR_PATCH_CONDITIONAL, SMART_U, true, true, true},
    [FHIR_DELETE] = {FHIR_DELETE, SMART_D, false, true, false},
    [FHIR_DELETE_CONDITIONAL] = {FHIR_DELETE_CONDITIONAL, SMART_D, false, true, false},
};

const smart_write_kind_t *smart_write_kind(fhir_interaction_t interaction)
{
    unsigned at = (unsigned) interaction;

    return at < sizeof(kinds) / sizeof(kinds[0]) && kinds[at].letter != 0 ? &kinds[at] : NULL;
}

void smart_write_start(smart_write_t *write, base_arena_t *arena, const smart_grants_t *grants,
                       const smart_policy_t *policy, fhir_request_t *request,
                       fhir_query_t *none_exist, base_span_t body, size_t keep_max)
{
    memset(write, 0, sizeof(*write));
    write->_arena = arena;
    write->_grants = grants;
    write->_policy = policy;
    write->_request = request;
    write->_none_exist = none_exist;
    write->_kind = smart_write_kind(request->row->interaction);
    write->_body = body;
    write->_keep_max = keep_max;
    write->_step = SMART_REFUSE;
    write->reason = BASE_INTERNAL;
    write->rule = "L";
}

smart_step_t smart_write_refuse(smart_write_t *write, base_reason_t reason, const char *rule)
{
    write->_stage = SMART_WRITE_DONE;
    write->_step = SMART_REFUSE;
    write->reason = reason;
    write->rule = rule;
    return SMART_REFUSE;
}

smart_step_t smart_write_send(smart_write_t *write)
{
    return write->_raw != NULL ? smart_write_raws(write) : smart_write_sent(write);
}

smart_step_t smart_write_sent(smart_write_t *write)
{
    write->_stage = SMART_WRITE_DONE;
    write->_step = SMART_SEND;
    write->reason = BASE_OK;
    return SMART_SEND;
}

static bool is_create(const smart_write_t *write)
{
    return write->_kind->letter == SMART_C;
}

bool smart_write_is_update(const smart_write_t *write)
{
    return write->_kind->letter == SMART_U && !write->_kind->is_patch;
}

static bool is_of_type(const smart_write_t *write, const char *name)
{
    return strcmp(write->_request->type->name, name) == 0;
}

smart_step_t smart_write_ask(smart_write_t *write, unsigned stage, smart_read_t read,
                             fhir_lens_lookup_pt lookup, void *ctx, const fhir_type_t *known,
                             bool keep)
{
    if (!smart_stored_start(&write->_stored, write->_arena, write->_policy->definitions, lookup,
                            ctx, known, keep ? write->_keep_max : 0)) {
        return smart_write_refuse(write, BASE_NO_MEMORY, "L26");
    }
    write->_stage = stage;
    write->read = read;
    write->read.into = &write->_stored;
    write->reads++;
    return SMART_WANT_READ;
}

base_reason_t smart_write_facts(const smart_write_t *write, base_span_t resource,
                                fhir_lens_lookup_pt lookup, void *ctx, fhir_facts_t *facts)
{
    uint64_t *hashes = base_arena_table(write->_arena, SMART_WRITE_HASHES, sizeof(*hashes));

    return hashes == NULL ? BASE_NO_MEMORY
                          : fhir_resource_read(resource, write->_policy->definitions, lookup, ctx,
                                               hashes, SMART_WRITE_HASHES, facts);
}

/* B11: these make a Binary readable by referring to it. */
static bool refers_to_binaries(const smart_write_t *write)
{
    static const char *const types[] = {"DocumentReference", "DiagnosticReport", "Media"};
    size_t i;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (is_of_type(write, types[i])) {
            return true;
        }
    }
    return false;
}

static bool has_link(const fhir_links_t *links, const fhir_link_t *link)
{
    size_t i;

    for (i = 0; i < links->n; i++) {
        if (links->rows[i].kind == link->kind &&
            base_span_eq(links->rows[i].reference.text, link->reference.text)) {
            return true;
        }
    }
    return false;
}

static base_reason_t links_of(const smart_write_t *write, base_span_t resource, fhir_links_t *links)
{
    uint64_t *hashes = base_arena_table(write->_arena, SMART_WRITE_HASHES, sizeof(*hashes));

    memset(links, 0, sizeof(*links));
    if (hashes == NULL) {
        return BASE_NO_MEMORY;
    }
    return resource.p == NULL ? BASE_OK
                              : fhir_links_read(resource, LINKS_MAX, write->_arena, hashes,
                                                SMART_WRITE_HASHES, links);
}

/* B11: URLs of Binaries that were not there before. */
static base_reason_t judge_binaries(smart_write_t *write, base_span_t before, base_span_t after)
{
    fhir_links_t old, new;
    base_reason_t reason;
    size_t i;

    if (!refers_to_binaries(write)) {
        return BASE_OK;
    }
    reason = links_of(write, before, &old);
    if (reason == BASE_OK) {
        reason = links_of(write, after, &new);
    }
    for (i = 0; reason == BASE_OK && i < new.n; i++) {
        if (!has_link(&old, &new.rows[i])) {
            reason = smart_write_note_raw(write, &new.rows[i].reference);
        }
    }
    return reason;
}

/* What is to be written, as a resource of the type: in which ways it is covered. */
static base_reason_t judge_after(smart_write_t *write, base_span_t resource)
{
    fhir_facts_t facts;
    base_reason_t reason =
        smart_write_facts(write, resource, smart_image_lookup, write->_image, &facts);

    if (reason != BASE_OK) {
        return reason;
    }
    if (facts.type != write->_request->type) {
        return BASE_BODY_TYPE;
    }
    write->_after = smart_image_ways(write->_image, &facts);
    write->_body_id = facts.id;
    return BASE_OK;
}

static base_span_t absent(void)
{
    return base_span_make(NULL, 0);
}

/* Its bytes are needed: to apply a patch to, to compare with, or to look at twice. */
static bool must_keep(const smart_write_t *write)
{
    return write->_kind->is_patch || write->_request->conditional ||
           (write->_kind->has_body && (is_of_type(write, "Patient") || refers_to_binaries(write)));
}

smart_step_t smart_write_ask_instance(smart_write_t *write)
{
    smart_read_t read = {.path = write->_request->path};

    return smart_write_ask(write, SMART_WRITE_READ, read, smart_image_lookup, write->_image,
                           write->_request->type, must_keep(write));
}

static smart_step_t begin_create(smart_write_t *write)
{
    base_reason_t reason;

    if (write->_after == 0) {
        return smart_write_refuse(write, BASE_BODY_UNCOVERED, "D10");
    }
    reason = judge_binaries(write, absent(), write->_body);
    if (reason != BASE_OK) {
        return smart_write_refuse(write, reason, "B11");
    }
    if (write->_request->conditional) {
        reason = smart_write_narrow_none_exist(write);
        if (reason != BASE_OK) {
            return smart_write_refuse(write, reason, "L13");
        }
    }
    if (is_of_type(write, "Provenance") &&
        (write->_after & smart_image_of_anybody(write->_image)) == 0) {
        return smart_write_targets(write);
    }
    return smart_write_send(write);
}

/* What is refused whatever is stored needs no read. */
static smart_step_t begin(smart_write_t *write)
{
    base_reason_t reason = BASE_OK;

    write->_cover = smart_grants_cover(write->_grants, write->_kind->letter, write->_request->type);
    write->_search = smart_grants_cover(write->_grants, SMART_S, write->_request->type);
    write->_image = smart_image_new(&write->_cover, write->_arena);
    if (write->_image == NULL) {
        return smart_write_refuse(write, BASE_NO_MEMORY, "L26");
    }
    if (write->_kind->has_body && !write->_kind->is_patch) {
        reason = smart_media_is_json(write->_request->message.content_type)
                     ? judge_after(write, write->_body)
                     : BASE_CONTENT_TYPE;
    }
    if (reason != BASE_OK) {
        return smart_write_refuse(write, reason, "B2");
    }
    if (is_create(write)) {
        return begin_create(write);
    }
    if (smart_write_is_update(write) && write->_after == 0 && !write->_policy->update_create_off) {
        return smart_write_refuse(write, BASE_BODY_UNCOVERED, "D10");
    }
    return write->_request->conditional ? smart_write_search(write)
                                        : smart_write_ask_instance(write);
}

/* D9: as if it were not there; an update would then create it, so that a foreign one says no. */
static smart_step_t foreign(smart_write_t *write)
{
    if (smart_write_is_update(write) && !write->_policy->update_create_off) {
        return smart_write_refuse(write, BASE_BODY_UNCOVERED, "D9");
    }
    return smart_write_refuse(
        write, write->_policy->hide_existence ? BASE_NOT_FOUND : BASE_SCOPE_MISSING, "D9");
}

smart_step_t smart_write_create(smart_write_t *write)
{
    base_reason_t reason;

    if (!smart_write_is_update(write) || write->_policy->update_create_off) {
        return smart_write_refuse(write, BASE_NOT_FOUND, "D9");
    }
    if (is_of_type(write, "Patient") &&
        (write->_after & smart_image_of_anybody(write->_image)) == 0) {
        return smart_write_refuse(write, BASE_PATIENT_WRITE, "D10");
    }
    if (write->_after == 0) {
        return smart_write_refuse(write, BASE_BODY_UNCOVERED, "D10");
    }
    reason = judge_binaries(write, absent(), write->_body);
    if (reason != BASE_OK) {
        return smart_write_refuse(write, reason, "B11");
    }
    if (write->_request->message.if_match.p != NULL && write->_request->id.p != NULL) {
        return smart_write_refuse(write, BASE_PRECONDITION, "L13");
    }
    write->must_be_new = write->_request->id.p != NULL;
    return smart_write_send(write);
}

/* D10: the result of a patch as the body of a PUT. */
static base_reason_t judge_patched(smart_write_t *write, base_span_t *result)
{
    base_reason_t reason =
        fhir_patch_apply(write->_body, write->_stored.body, write->_arena, result);

    if (reason == BASE_OK) {
        reason = smart_body_judge_update(write->_grants, write->_request,
                                         write->_policy->definitions, *result, write->_arena);
    }
    return reason == BASE_OK ? judge_after(write, *result) : reason;
}

/* D3, D10: a tree is made of both, so the new one must be as small as what was kept. */
static base_reason_t judge_link(const smart_write_t *write, base_span_t after)
{
    if (after.n > write->_keep_max) {
        after = smart_stored_abridge(after, write->_arena, write->_keep_max);
        if (after.p == NULL) {
            return BASE_BODY_TOO_LARGE;
        }
    }
    return fhir_patch_leaves(write->_stored.body, after, "link") ? BASE_OK : BASE_BODY_UNCOVERED;
}

/* L3, D3, D4, B11: by the same grant before and after. */
static base_reason_t judge_change(smart_write_t *write, uint64_t before)
{
    base_span_t after = write->_body;
    base_reason_t reason = write->_kind->is_patch ? judge_patched(write, &after) : BASE_OK;

    if (reason != BASE_OK) {
        return reason;
    }
    if ((before & write->_after) == 0) {
        return BASE_BODY_UNCOVERED;
    }
    if (is_of_type(write, "Patient") &&
        (before & write->_after & smart_image_of_anybody(write->_image)) == 0) {
        reason = judge_link(write, after);
    }
    return reason != BASE_OK ? reason : judge_binaries(write, write->_stored.body, after);
}

/* The opaque part: FHIR compares weakly (R4 http.html#concurrency). */
static base_span_t opaque(base_span_t tag)
{
    while (tag.n > 0 && (tag.p[0] == ' ' || tag.p[0] == '\t')) {
        tag = base_span_sub(tag, 1, tag.n);
    }
    while (tag.n > 0 && (tag.p[tag.n - 1] == ' ' || tag.p[tag.n - 1] == '\t')) {
        tag.n--;
    }
    return base_span_starts(tag, "W/") ? base_span_sub(tag, 2, tag.n) : tag;
}

static bool lists_version(base_span_t list, base_span_t version)
{
    base_span_t tag;

    while (list.p != NULL) {
        tag = opaque(base_span_split(&list, ','));
        if (base_span_is(tag, "*") || base_span_eq(tag, opaque(version))) {
            return true;
        }
    }
    return false;
}

/* L13: what the client expects, and what the write is pinned to. */
static base_reason_t pin(smart_write_t *write)
{
    const fhir_message_t *message = &write->_request->message;

    if (smart_write_is_update(write) && base_span_is(opaque(message->if_none_match), "*")) {
        return BASE_PRECONDITION;
    }
    if (write->_stored.version.p == NULL) {
        return write->_policy->unversioned_allow ? BASE_OK : BASE_UNVERSIONED;
    }
    if (message->if_match.p != NULL && !lists_version(message->if_match, write->_stored.version)) {
        return BASE_PRECONDITION;
    }
    write->if_match = write->_stored.version;
    return BASE_OK;
}

/* L13: an update in instance form says its id. */
static base_reason_t splice_id(smart_write_t *write)
{
    size_t at = base_span_find(write->_body, '{');
    base_span_t id = write->_request->id, *piece;
    unsigned char *text;

    if (!smart_write_is_update(write) || !write->_request->conditional || write->_body_id.n > 0) {
        return BASE_OK;
    }
    if (at == write->_body.n || write->_body_id.unknown) {
        return BASE_BODY_TYPE;
    }
    text = base_arena_scratch(write->_arena, id.n + 8, 1);
    piece = base_arena_array(write->_arena, 3, sizeof(*piece));
    if (text == NULL || piece == NULL) {
        return BASE_NO_MEMORY;
    }
    memcpy(text, "\"id\":\"", 6);
    memcpy(text + 6, id.p, id.n);
    memcpy(text + 6 + id.n, "\",", 2);
    piece[0] = base_span_sub(write->_body, 0, at + 1);
    piece[1] = base_span_make(text, id.n + 8);
    piece[2] = base_span_sub(write->_body, at + 1, write->_body.n);
    write->body = piece;
    write->body_n = 3;
    return BASE_OK;
}

static const char *rule_of(base_reason_t reason)
{
    switch (reason) {
    case BASE_UNVERSIONED:
    case BASE_PRECONDITION:
        return "L13";
    case BASE_BODY_UNCOVERED:
        return "L3";
    default:
        return "D10";
    }
}

static smart_step_t found(smart_write_t *write)
{
    const fhir_facts_t *facts = &write->_stored.facts;
    uint64_t before = smart_image_ways(write->_image, facts);
    base_reason_t reason;

    if (facts->type != write->_request->type || facts->id.unknown ||
        !base_span_eq(fhir_text_span(&facts->id), write->_request->id)) {
        return smart_write_refuse(write, BASE_PREREAD_FAILED, "D10");
    }
    if (before == 0) {
        return foreign(write);
    }
    if (write->_stored.too_large || (write->_kind->is_patch && write->_stored.abridged)) {
        return smart_write_refuse(write, BASE_STORED_TOO_LARGE, "D10");
    }
    if (write->_unfound || (write->_request->conditional && !smart_write_still_found(write))) {
        return smart_write_refuse(write, BASE_CONFLICT, "L13");
    }
    reason = write->_kind->has_body ? judge_change(write, before) : BASE_OK;
    if (reason == BASE_OK) {
        reason = pin(write);
    }
    if (reason == BASE_OK) {
        reason = splice_id(write);
    }
    return reason == BASE_OK ? smart_write_send(write)
                             : smart_write_refuse(write, reason, rule_of(reason));
}

static smart_step_t read_instance(smart_write_t *write)
{
    switch (write->_stored.state) {
    case SMART_STORED_FOUND:
        return found(write);
    case SMART_STORED_MISSING:
    case SMART_STORED_GONE:
        return write->_hit.n > 0 ? smart_write_refuse(write, BASE_CONFLICT, "L13")
                                 : smart_write_create(write);
    default:
        return smart_write_refuse(write, write->_stored.reason, "D10");
    }
}

smart_step_t smart_write_next(smart_write_t *write)
{
    static smart_step_t (*const stages[])(smart_write_t *) = {
        [SMART_WRITE_BEGIN] = begin,
        [SMART_WRITE_SEARCHED] = smart_write_searched,
        [SMART_WRITE_READ] = read_instance,
        [SMART_WRITE_TARGET] = smart_write_target_read,
        [SMART_WRITE_RAW] = smart_write_raw_read,
        [SMART_WRITE_OWNER] = smart_write_raw_read,
    };

    if (write->_stage == SMART_WRITE_DONE || write->_kind == NULL) {
        return write->_step;
    }
    if (write->reads > 0 && write->_stored.state == SMART_STORED_READING) {
        return SMART_WANT_READ;
    }
    return stages[write->_stage](write);
}
