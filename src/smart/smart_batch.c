#include "smart/smart_batch.h"

#include "base/base_base64url.h"
#include "base/base_writer.h"
#include "fhir/fhir_batch.h"
#include "fhir/fhir_walk.h"

#include <string.h>

#define HASHES_MAX ((size_t) 4096)

/* What becomes of one entry. */
typedef struct {
    base_span_t head;         /* up to the resource, or all of the entry without one */
    base_span_t resource;     /* as it came */
    const base_span_t *piece; /* as it goes */
    size_t piece_n;
    const fhir_type_t *written; /* of a write of one instance under a check */
    base_span_t written_id;
    bool sent;
} made_t;

struct smart_batch_s {
    base_arena_t *arena;
    const smart_grants_t *grants;
    const smart_policy_t *policy;
    smart_limits_t limits;
    base_span_t body;
    fhir_batch_t batch;
    made_t *made;
    smart_entry_check_t *entry;
    size_t at; /* the entry that is judged */
    size_t sent_n;
    size_t reads;
    bool judging; /* the judge of that entry is at work */
    bool looking; /* so is a read of the instance that a transaction's entry reads (L15) */
    bool minimal;
    bool checked;
    bool pinned;     /* some write goes with a precondition of ours */
    bool conditions; /* some entry with the client's own */
    smart_judge_t judge;
    fhir_request_t request;
    smart_stored_t stored;
    const smart_watch_t *watch;
    smart_read_t read;
    smart_batch_refusal_t refusal;
    smart_batch_refusal_t first; /* of an entry */
    smart_check_t check;
    base_span_t *out; /* the body that is sent, in pieces */
    size_t out_n;
    smart_step_t step;
};

static const fhir_lens_t *no_lens(void *ctx, const fhir_type_t *type)
{
    (void) ctx;
    (void) type;
    return NULL;
}

/* B2 26: what is neither says nothing about what to do with its entries. */
static base_reason_t read_bundle(smart_batch_t *batch, const fhir_definitions_t *definitions)
{
    uint64_t *hashes = base_arena_table(batch->arena, HASHES_MAX, sizeof(*hashes));
    base_reason_t reason;

    if (hashes == NULL) {
        return BASE_NO_MEMORY;
    }
    reason = fhir_batch_read(batch->body, batch->limits.bundle_max, definitions, no_lens, NULL,
                             batch->arena, hashes, HASHES_MAX, &batch->batch);
    if (reason != BASE_OK) {
        /* as a rule it is the arena that is full: of entries, and of what they refer to */
        return reason == BASE_NO_MEMORY ? BASE_BODY_TOO_LARGE : reason;
    }
    return batch->batch.kind == FHIR_BATCH_OTHER ? BASE_INTERACTION_REFUSED : BASE_OK;
}

smart_batch_t *smart_batch_new(base_arena_t *arena, const smart_grants_t *grants,
                               const smart_policy_t *policy, const smart_limits_t *limits,
                               base_span_t body, base_reason_t *reason)
{
    smart_batch_t *batch = base_arena_alloc(arena, sizeof(*batch));

    *reason = BASE_NO_MEMORY;
    if (batch == NULL) {
        return NULL;
    }
    batch->arena = arena;
    batch->grants = grants;
    batch->policy = policy;
    batch->limits = *limits;
    batch->body = body;
    batch->step = SMART_WANT_BODY;
    *reason = read_bundle(batch, policy->definitions);
    if (*reason != BASE_OK) {
        return NULL;
    }
    batch->made = base_arena_array(arena, batch->batch.n, sizeof(*batch->made));
    batch->entry = base_arena_array(arena, batch->batch.n, sizeof(*batch->entry));
    *reason = batch->made == NULL || batch->entry == NULL ? BASE_NO_MEMORY : BASE_OK;
    return *reason == BASE_OK ? batch : NULL;
}

static bool is_transaction(const smart_batch_t *batch)
{
    return batch->batch.kind == FHIR_BATCH_TRANSACTION;
}

static smart_step_t refuse(smart_batch_t *batch, const smart_batch_refusal_t *why)
{
    batch->refusal = *why;
    batch->refusal.missing.entry = batch->judging || batch->looking ? batch->at + 1 : 0;
    return batch->step = SMART_REFUSE;
}

static smart_step_t refuse_by(smart_batch_t *batch, base_reason_t reason, const char *rule)
{
    smart_batch_refusal_t why = {reason, rule, {0}};

    return refuse(batch, &why);
}

/* B5: of a transaction, or by policy, one refusal is the whole's; else the entry is left out. True: go on. */
static bool leave_out(smart_batch_t *batch, const smart_batch_refusal_t *why)
{
    smart_entry_check_t *entry = &batch->entry[batch->at];

    if (batch->first.reason == BASE_OK) {
        batch->first = *why;
    }
    if (is_transaction(batch) || batch->policy->batch_refuse || why->reason == BASE_NO_MEMORY) {
        batch->judging = true;
        (void) refuse(batch, why);
        return false;
    }
    batch->judging = batch->looking = false;
    memset(entry, 0, sizeof(*entry));
    entry->refused = why->reason;
    entry->missing = why->missing;
    batch->at++;
    return true;
}

static bool leave_out_by(smart_batch_t *batch, base_reason_t reason, const char *rule)
{
    smart_batch_refusal_t why = {reason, rule, {0}};

    return leave_out(batch, &why);
}

/* The data of a Binary that holds a JSON Patch. */
typedef struct {
    base_span_t content_type;
    base_span_t data;
} binary_t;

static bool read_content_type(void *ctx, fhir_walk_t *walk, base_json_event_t event)
{
    fhir_range_t range;

    return fhir_walk_string(walk, event, &((binary_t *) ctx)->content_type, &range);
}

static bool read_data(void *ctx, fhir_walk_t *walk, base_json_event_t event)
{
    fhir_range_t range;

    return fhir_walk_string(walk, event, &((binary_t *) ctx)->data, &range);
}

/* Base64 as FHIR has it, into the alphabet of base64url. */
static base_span_t decode(base_span_t text, base_arena_t *arena)
{
    unsigned char *url, *out;
    size_t i, n;

    while (text.n > 0 && text.p[text.n - 1] == '=') {
        text.n--;
    }
    url = base_arena_scratch(arena, text.n + 1, 1);
    out = base_arena_scratch(arena, text.n + 1, 1);
    for (i = 0; url != NULL && i < text.n; i++) {
        url[i] = (unsigned char) (text.p[i] == '+' ? '-' : text.p[i] == '/' ? '_' : text.p[i]);
    }
    return url != NULL && out != NULL && base_base64url_decode(base_span_make(url, text.n), out, &n)
               ? base_span_make(out, n)
               : base_span_make(NULL, 0);
}

/* B5: a PATCH carries Parameters, or a Binary with a JSON Patch. */
static base_reason_t patch_of(smart_batch_t *batch, base_span_t resource, base_span_t *patch)
{
    static const fhir_walk_member_t members[] = {{"contentType", read_content_type},
                                                 {"data", read_data}};
    uint64_t *hashes = base_arena_table(batch->arena, HASHES_MAX, sizeof(*hashes));
    binary_t binary = {{NULL, 0}, {NULL, 0}};
    base_json_event_t event;
    fhir_walk_t walk;

    if (hashes == NULL) {
        return BASE_NO_MEMORY;
    }
    fhir_walk_start(&walk, resource, BASE_BODY_TYPE, batch->arena, hashes, HASHES_MAX);
    if (!fhir_walk_pull(&walk, &event) ||
        !fhir_walk_object(&walk, event, members, sizeof(members) / sizeof(members[0]), &binary,
                          NULL)) {
        return walk.reason;
    }
    *patch = decode(binary.data, batch->arena);
    if (!base_span_is(binary.content_type, "application/json-patch+json") || patch->p == NULL) {
        return BASE_CONTENT_TYPE;
    }
    batch->request.message.content_type = BASE_SPAN("application/json-patch+json");
    return BASE_OK;
}

static bool is_patch(const fhir_request_t *request)
{
    return request->row->interaction == FHIR_PATCH ||
           request->row->interaction == FHIR_PATCH_CONDITIONAL;
}

/*
 * B5: a server may take what refers to the fullUrl of a new entry for a reference to that entry: one that looks like a resource of its own would
 * make another resource of what was judged.
 */
static bool names_another(const smart_batch_t *batch, const fhir_batch_entry_t *row)
{
    const smart_base_t *base = smart_grants_base(batch->grants);
    fhir_reference_t reference;

    if (row->full_url.text.n == 0 || batch->request.method != FHIR_POST) {
        return false;
    }
    fhir_reference_parse(row->full_url.text, &reference);
    return fhir_reference_is_own(&reference, base->urls, base->urls_n);
}

/* B5: no search by a form that an entry does not have, no Bundle inside, no sealed link. */
static bool is_no_entry(const fhir_request_t *request)
{
    return request->row->interaction == FHIR_SEALED ||
           (request->method == FHIR_POST && request->row->interaction != FHIR_OPERATION &&
            smart_write_kind(request->row->interaction) == NULL);
}

static base_reason_t begin_request(smart_batch_t *batch, const fhir_batch_entry_t *row,
                                   base_span_t *resource)
{
    const smart_base_t *base = smart_grants_base(batch->grants);
    base_reason_t reason = fhir_batch_request(batch->policy->definitions, row, base->urls,
                                              base->urls_n, batch->arena, &batch->request);

    if (reason != BASE_OK) {
        return reason;
    }
    if (is_no_entry(&batch->request)) {
        return BASE_INTERACTION_REFUSED;
    }
    if (names_another(batch, row)) {
        return BASE_BODY_TYPE;
    }
    *resource = row->resource.to > 0
                    ? base_span_sub(batch->body, row->resource.from, row->resource.to)
                    : base_span_make(NULL, 0);
    if (is_patch(&batch->request) &&
        base_span_is(fhir_text_span(&row->facts.type_name), "Binary")) {
        return patch_of(batch, *resource, resource);
    }
    return BASE_OK;
}

/* False: what became of the entry is settled, one way or the other. */
static bool begin_entry(smart_batch_t *batch)
{
    const fhir_batch_entry_t *row = &batch->batch.rows[batch->at];
    smart_limits_t limits = batch->limits;
    base_span_t resource = {NULL, 0};
    base_reason_t reason = begin_request(batch, row, &resource);

    if (reason != BASE_OK) {
        (void) leave_out_by(batch, reason, "B5");
        return false;
    }
    limits.preread_max =
        batch->limits.preread_max > batch->reads ? batch->limits.preread_max - batch->reads : 0;
    smart_judge_start_entry(&batch->judge, batch->arena, batch->policy, batch->grants,
                            &batch->request, resource);
    smart_judge_limits(&batch->judge, &limits);
    batch->judging = true;
    return true;
}

/* The value of a header edit, else what came. */
static base_span_t edited(const smart_edits_t *edits, const char *name, base_span_t as_it_came)
{
    size_t i;

    for (i = 0; i < edits->header_n; i++) {
        if (strcmp(edits->header[i].name, name) == 0) {
            return edits->header[i].value;
        }
    }
    return as_it_came;
}

static void write_member(base_writer_t *w, const char *name, base_span_t value)
{
    if (value.n > 0) {
        base_writer_member(w, name);
        base_writer_string(w, value);
    }
}

static base_span_t url_of(smart_batch_t *batch, const smart_edits_t *edits)
{
    base_span_t path = base_span_sub(edits->path, 1, edits->path.n);
    size_t n = path.n + edits->query.n + 1;
    unsigned char *url = base_arena_scratch(batch->arena, n + 1, 1);

    if (url == NULL || path.p == NULL) {
        return base_span_make(NULL, 0);
    }
    memcpy(url, path.p, path.n);
    if (edits->query.p == NULL) {
        return base_span_make(url, path.n);
    }
    url[path.n] = '?';
    if (edits->query.n > 0) {
        memcpy(url + path.n + 1, edits->query.p, edits->query.n);
    }
    return base_span_make(url, n);
}

/* Escapes make at most six bytes of one. */
static size_t room_for(const fhir_batch_entry_t *row, base_span_t url, base_span_t none_exist)
{
    return 6 * (row->full_url.text.n + url.n + none_exist.n + row->if_none_exist.text.n +
                row->if_match.text.n + row->if_none_match.text.n + row->if_modified_since.text.n) +
           2048;
}

/* {"fullUrl":...,"request":{...},"resource": - what follows is the resource, byte for byte, and '}'. */
static base_span_t write_head(smart_batch_t *batch, const fhir_batch_entry_t *row,
                              const smart_edits_t *edits)
{
    base_span_t url = url_of(batch, edits), head = {NULL, 0};
    base_span_t none_exist = edited(edits, "if-none-exist", row->if_none_exist.text);
    size_t room = room_for(row, url, none_exist) + 6 * edited(edits, "if-match", url).n;
    unsigned char *memory = base_arena_scratch(batch->arena, room, 1);
    base_writer_t w;

    if (memory == NULL || url.p == NULL) {
        return head;
    }
    base_writer_init(&w, memory, room);
    base_writer_object(&w);
    write_member(&w, "fullUrl", row->full_url.text);
    base_writer_member(&w, "request");
    base_writer_object(&w);
    write_member(&w, "method", edits->method);
    write_member(&w, "url", url);
    write_member(&w, "ifNoneMatch", edited(edits, "if-none-match", row->if_none_match.text));
    write_member(&w, "ifModifiedSince",
                 edited(edits, "if-modified-since", row->if_modified_since.text));
    write_member(&w, "ifMatch", edited(edits, "if-match", row->if_match.text));
    write_member(&w, "ifNoneExist", none_exist);
    base_writer_object_end(&w);
    return base_writer_done(&w, &head) ? head : base_span_make(NULL, 0);
}

static const smart_check_t *only_check(const smart_batch_t *batch)
{
    const smart_verdict_t *verdict = smart_judge_verdict(&batch->judge);

    return verdict->check_n > 0 ? &verdict->check[0] : NULL;
}

static bool is_write(const smart_batch_t *batch)
{
    return smart_write_kind(batch->request.row->interaction) != NULL;
}

/* L15: what is judged of an instance must still be so when the second write comes. */
static bool is_repeated(const smart_batch_t *batch, const made_t *made)
{
    size_t i;

    for (i = 0; made->written != NULL && i < batch->at; i++) {
        if (batch->made[i].sent && batch->made[i].written == made->written &&
            base_span_eq(batch->made[i].written_id, made->written_id)) {
            return true;
        }
    }
    return false;
}

static void note_written(smart_batch_t *batch, made_t *made, const smart_edits_t *edits)
{
    base_span_t path = edits->path, id;

    if (!is_write(batch) || only_check(batch) == NULL || batch->request.method == FHIR_POST) {
        return;
    }
    (void) base_span_split(&path, '/');
    (void) base_span_split(&path, '/');
    id = path.p == NULL ? base_span_make(NULL, 0) : base_span_split(&path, '/');
    if (id.n > 0) {
        made->written = batch->request.type;
        made->written_id = id;
    }
}

/* L13: of which precondition a 412 to a transaction speaks, nobody says; ours alone, it is a lost race. */
static void note_preconditions(smart_batch_t *batch, const fhir_batch_entry_t *row)
{
    const smart_check_t *check = only_check(batch);
    bool pinned = check != NULL && check->pinned;

    batch->pinned = batch->pinned || pinned;
    batch->conditions = batch->conditions || row->if_match.text.n > 0 ||
                        row->if_none_match.text.n > 0 || row->if_none_exist.text.n > 0 ||
                        (batch->request.conditional && !pinned);
}

/* The entry goes: as it was judged. */
static bool keep_entry(smart_batch_t *batch)
{
    const fhir_batch_entry_t *row = &batch->batch.rows[batch->at];
    const smart_edits_t *edits = smart_judge_edits(&batch->judge);
    const smart_check_t *check = only_check(batch);
    smart_entry_check_t *entry = &batch->entry[batch->at];
    made_t *made = &batch->made[batch->at];

    note_written(batch, made, edits);
    if (is_repeated(batch, made)) {
        return leave_out_by(batch, BASE_BUNDLE_REPEATED, "L15");
    }
    made->head = write_head(batch, row, edits);
    if (made->head.p == NULL) {
        return leave_out_by(batch, BASE_NO_MEMORY, "L26");
    }
    if (row->resource.to > 0) {
        made->resource = base_span_sub(batch->body, row->resource.from, row->resource.to);
        made->piece = edits->body_changed ? edits->body : &made->resource;
        made->piece_n = edits->body_changed ? edits->body_n : 1;
    }
    note_preconditions(batch, row);
    entry->write = is_write(batch);
    if (check != NULL) {
        entry->check = *check;
        entry->check.if_none_match = entry->check.if_modified_since = base_span_make(NULL, 0);
        batch->checked = true;
    }
    batch->minimal =
        batch->minimal || smart_verdict_obliges(smart_judge_verdict(&batch->judge), SMART_MINIMAL);
    made->sent = true;
    batch->sent_n++;
    batch->at++;
    batch->judging = false;
    return true;
}

/* L15: of a transaction, an instance that is read must be there and covered, or nothing is sent. */
static bool must_look(const smart_batch_t *batch)
{
    const smart_check_t *check = only_check(batch);

    return is_transaction(batch) && check != NULL && check->kind == SMART_CHECK_INSTANCE;
}

static smart_step_t want_read(smart_batch_t *batch, const smart_read_t *read)
{
    if (++batch->reads > batch->limits.preread_max) {
        return refuse_by(batch, BASE_PREREAD_TOO_MANY, "L26");
    }
    batch->read = *read;
    return batch->step = SMART_WANT_READ;
}

static smart_step_t look(smart_batch_t *batch)
{
    const smart_edits_t *edits = smart_judge_edits(&batch->judge);
    smart_read_t read = {.path = edits->path, .into = &batch->stored};

    batch->watch = smart_cover_watch(&only_check(batch)->cover, 1, batch->arena);
    if (batch->watch == NULL ||
        !smart_stored_start(&batch->stored, batch->arena, batch->policy->definitions,
                            smart_watch_lookup, (void *) batch->watch, batch->request.type, 0)) {
        return refuse_by(batch, BASE_NO_MEMORY, "L26");
    }
    batch->looking = true;
    return want_read(batch, &read);
}

/* What was looked at. True: the entry is kept. */
static bool is_seen(smart_batch_t *batch)
{
    const smart_stored_t *stored = &batch->stored;

    batch->looking = false;
    if (stored->state == SMART_STORED_FAILED) {
        (void) refuse_by(batch, stored->reason, "L15");
        return false;
    }
    if (stored->state != SMART_STORED_FOUND ||
        !base_span_eq(fhir_text_span(&stored->facts.id), batch->request.id) ||
        !smart_watch_holds(batch->watch, SMART_R, &stored->facts)) {
        (void) refuse_by(batch, BASE_NOT_FOUND, "L15");
        return false;
    }
    return true;
}

/* One step of the entry at hand. */
static void go_on(smart_batch_t *batch)
{
    const smart_verdict_t *verdict = smart_judge_verdict(&batch->judge);
    smart_batch_refusal_t why;

    switch (smart_judge_next(&batch->judge)) {
    case SMART_WANT_READ:
        (void) want_read(batch, smart_judge_read(&batch->judge));
        return;
    case SMART_SEND:
        if (must_look(batch)) {
            (void) look(batch);
        } else {
            (void) keep_entry(batch);
        }
        return;
    default:
        why.reason = verdict->reason == BASE_OK ? BASE_INTERACTION_REFUSED : verdict->reason;
        why.rule = verdict->rule;
        why.missing = verdict->missing;
        (void) leave_out(batch, &why);
    }
}

/* What stands around an entry and its resource, and around all of them. */
#define PIECES_AROUND ((size_t) 4)

static void add_piece(smart_batch_t *batch, base_span_t piece)
{
    batch->out[batch->out_n++] = piece;
}

static void add_entry(smart_batch_t *batch, const made_t *made)
{
    size_t i;

    if (batch->out_n > 1) {
        add_piece(batch, BASE_SPAN(","));
    }
    add_piece(batch, made->head);
    if (made->piece_n > 0) {
        add_piece(batch, BASE_SPAN(",\"resource\":"));
    }
    for (i = 0; i < made->piece_n; i++) {
        add_piece(batch, made->piece[i]);
    }
    add_piece(batch, BASE_SPAN("}"));
}

/* The resources are not copied: a Bundle may be larger than the arena. */
static bool assemble(smart_batch_t *batch)
{
    size_t room = 2, i;

    for (i = 0; i < batch->batch.n; i++) {
        room += PIECES_AROUND + batch->made[i].piece_n;
    }
    batch->out = base_arena_array(batch->arena, room, sizeof(*batch->out));
    if (batch->out == NULL) {
        return false;
    }
    add_piece(batch,
              is_transaction(batch)
                  ? BASE_SPAN("{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[")
                  : BASE_SPAN("{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":["));
    for (i = 0; i < batch->batch.n; i++) {
        if (batch->made[i].sent) {
            add_entry(batch, &batch->made[i]);
        }
    }
    add_piece(batch, BASE_SPAN("]}"));
    return true;
}

static smart_step_t end(smart_batch_t *batch)
{
    if (batch->sent_n == 0) {
        return batch->first.reason != BASE_OK ? refuse(batch, &batch->first)
                                              : refuse_by(batch, BASE_BODY_TYPE, "B5");
    }
    if (!assemble(batch)) {
        return refuse_by(batch, BASE_NO_MEMORY, "L26");
    }
    if (batch->checked || batch->sent_n < batch->batch.n) {
        batch->check.kind = SMART_CHECK_ENTRIES;
        batch->check.entry = batch->entry;
        batch->check.entry_n = batch->batch.n;
        batch->check.transaction = is_transaction(batch);
        batch->check.pinned = is_transaction(batch) && batch->pinned && !batch->conditions;
        batch->check.grants = batch->grants;
    }
    return batch->step = SMART_SEND;
}

smart_step_t smart_batch_next(smart_batch_t *batch)
{
    if (batch->step == SMART_SEND || batch->step == SMART_REFUSE) {
        return batch->step;
    }
    batch->step = SMART_WANT_BODY;
    if (batch->looking && is_seen(batch)) {
        (void) keep_entry(batch);
    }
    while (batch->step == SMART_WANT_BODY) {
        if (!batch->judging && batch->at == batch->batch.n) {
            return end(batch);
        }
        if (batch->judging || begin_entry(batch)) {
            go_on(batch);
        }
    }
    return batch->step;
}

const smart_read_t *smart_batch_read(const smart_batch_t *batch)
{
    return &batch->read;
}

const smart_batch_refusal_t *smart_batch_refusal(const smart_batch_t *batch)
{
    return &batch->refusal;
}

const base_span_t *smart_batch_body(const smart_batch_t *batch, size_t *n)
{
    *n = batch->out_n;
    return batch->out;
}

const smart_check_t *smart_batch_check(const smart_batch_t *batch)
{
    return &batch->check;
}

bool smart_batch_is_minimal(const smart_batch_t *batch)
{
    return batch->minimal;
}
