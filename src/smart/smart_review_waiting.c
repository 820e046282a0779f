/* Entries that wait for others of the same Bundle: a Provenance for one of its targets, a deletion for the version before it (L9). */

#include "smart/smart_review_own.h"

#include <string.h>

#define ENTRY_MAX     ((size_t) 65536)   /* bytes of one that waits */
#define KEPT_MAX      ((size_t) 1 << 20) /* of all of them */
#define ENTRIES_MAX   ((size_t) 256)     /* L26: more are dropped */
#define RELEASED_MAX  ((size_t) 8192)    /* slots of the table; three quarters are used */
#define REFERENCE_MAX 512
#define TARGETS_MAX   ((size_t) 32) /* of one Provenance; those beyond do not help it */

/* Which resource it is, as a number. Keyed, since ids come from outside. */
static uint64_t hash_of(base_span_t type, base_span_t id)
{
    base_hash_t hash;

    base_hash_begin(&hash, UINT64_C(0x736d617274206f6e), UINT64_C(0x2046484952207631));
    base_hash_feed(&hash, type);
    base_hash_feed(&hash, BASE_SPAN("/"));
    base_hash_feed(&hash, id);
    return base_hash_end(&hash) | 1; /* 0 is an empty slot */
}

static bool mark(smart_waiting_t *waiting, uint64_t hash)
{
    size_t at = hash % RELEASED_MAX;

    while (waiting->released[at] != 0 && waiting->released[at] != hash) {
        at = (at + 1) % RELEASED_MAX;
    }
    if (waiting->released[at] == 0 && waiting->released_n < RELEASED_MAX / 4 * 3) {
        waiting->released[at] = hash;
        waiting->released_n++;
    }
    return waiting->released[at] == hash;
}

static bool is_marked(const smart_waiting_t *waiting, uint64_t hash)
{
    size_t at = hash % RELEASED_MAX;

    while (waiting->released[at] != 0 && waiting->released[at] != hash) {
        at = (at + 1) % RELEASED_MAX;
    }
    return waiting->released[at] == hash;
}

/* Only a patient's grant without a constraint lets targets decide (D6). */
static bool is_by_targets(const smart_check_t *check, const fhir_type_t *type)
{
    smart_cover_t read, search;

    if (!check->includes && check->target_n == 0 && check->kind != SMART_CHECK_PAGE &&
        check->kind != SMART_CHECK_OPERATION) {
        return false;
    }
    read = smart_grants_cover(check->grants, SMART_R, type);
    search = smart_grants_cover(check->grants, SMART_S, type);
    return read.confined_n > 0 || search.confined_n > 0;
}

static bool is_history(const smart_check_t *check)
{
    return check->kind == SMART_CHECK_HISTORY || check->kind == SMART_CHECK_PAGE;
}

/* Entries of a batch bring their checks later. */
static bool may_wait(const smart_review_state_t *state)
{
    const smart_review_level_t *level = &state->level[0];
    size_t i;

    for (i = 0; i < level->check_n; i++) {
        if (level->check[i]->kind == SMART_CHECK_ENTRIES || is_history(level->check[i]) ||
            is_by_targets(level->check[i], state->waiting.provenance)) {
            return true;
        }
    }
    return false;
}

bool smart_review_waiting_start(smart_review_state_t *state)
{
    smart_waiting_t *waiting = &state->waiting;
    base_arena_t *arena = state->review->_arena;

    waiting->provenance =
        fhir_type_find(state->review->_policy->definitions, BASE_SPAN("Provenance"));
    if (waiting->provenance == NULL || !may_wait(state)) {
        return true;
    }
    waiting->bytes = base_arena_scratch(arena, ENTRY_MAX, 1);
    waiting->entry = base_arena_array(arena, ENTRIES_MAX, sizeof(*waiting->entry));
    waiting->released = base_arena_array(arena, RELEASED_MAX, sizeof(*waiting->released));
    return waiting->bytes != NULL && waiting->entry != NULL && waiting->released != NULL;
}

/* L9: targets that a search names, and that were found covered before it was sent. */
static void mark_targets(smart_waiting_t *waiting, const smart_check_t *check)
{
    fhir_reference_t reference;
    size_t i;

    for (i = 0; waiting->provenances && i < check->target_n; i++) {
        fhir_reference_parse(check->target[i], &reference);
        (void) mark(waiting, hash_of(reference.type, reference.id));
    }
}

void smart_review_waiting_bundle(smart_review_state_t *state)
{
    smart_waiting_t *waiting = &state->waiting;
    const smart_review_level_t *level = &state->level[state->home];
    size_t i;

    waiting->provenances = waiting->deletions = waiting->bytes != NULL && level->check_n > 0;
    for (i = 0; i < level->check_n; i++) {
        waiting->provenances =
            waiting->provenances && is_by_targets(level->check[i], waiting->provenance);
        waiting->deletions = waiting->deletions && is_history(level->check[i]);
    }
    waiting->entry_n = 0;
    if (waiting->released_n > 0) {
        memset(waiting->released, 0, RELEASED_MAX * sizeof(*waiting->released));
        waiting->released_n = 0;
    }
    for (i = 0; i < level->check_n; i++) {
        mark_targets(waiting, level->check[i]);
    }
}

void smart_review_waiting_begin(smart_review_state_t *state)
{
    smart_waiting_t *waiting = &state->waiting;

    if (waiting->provenances || waiting->deletions) {
        waiting->capturing = true;
        waiting->too_long = false;
        waiting->bytes[0] = '{';
        waiting->n = 1;
    }
}

/* A resource that says what it is, and that it needs nobody. */
static bool is_of_no_use(const smart_review_state_t *state)
{
    const fhir_bundle_t *bundle = &state->bundle;

    const fhir_bundle_level_t *inner = &bundle->level[state->home + 1];

    return bundle->level_n > state->home + 1 && inner->known &&
           !(state->waiting.provenances &&
             base_span_is(fhir_text_span(&inner->type_name), "Provenance"));
}

void smart_review_waiting_bytes(smart_review_state_t *state, base_span_t bytes)
{
    smart_waiting_t *waiting = &state->waiting;

    if (!waiting->capturing) {
        return;
    }
    if (is_of_no_use(state)) {
        waiting->capturing = false;
    } else if (waiting->too_long || bytes.n > ENTRY_MAX - waiting->n) {
        waiting->too_long = true;
    } else if (bytes.n > 0) {
        memcpy(waiting->bytes + waiting->n, bytes.p, bytes.n);
        waiting->n += bytes.n;
    }
}

/* One more target, if it is a resource of this server. */
static void add_target(smart_undecided_t *entry, const smart_base_t *base, base_span_t text)
{
    fhir_reference_t reference;

    fhir_reference_parse(text, &reference);
    if (entry->targets_n < TARGETS_MAX &&
        fhir_reference_is_own(&reference, base->urls, base->urls_n)) {
        entry->targets[entry->targets_n++] = hash_of(reference.type, reference.id);
    }
}

/* Where a scanner stands on the way to {"resource":{"target":[{"reference": ...}]}}, by depth. */
typedef struct {
    unsigned on; /* depth up to which the way is right */
    size_t n;
    unsigned char text[REFERENCE_MAX]; /* of a name or string that comes in parts */
} way_t;

/* A part of a name or string. True when it is whole: way->text; what is too long is none of ours. */
static bool collect(way_t *way, const base_json_t *js, base_span_t *text)
{
    if (js->text.n > sizeof(way->text) - way->n) {
        way->n = sizeof(way->text);
    } else if (js->text.n > 0) {
        memcpy(way->text + way->n, js->text.p, js->text.n);
        way->n += js->text.n;
    }
    if (!js->last) {
        return false;
    }
    *text = base_span_make(way->text, way->n == sizeof(way->text) ? 0 : way->n);
    way->n = 0;
    return true;
}

static void step(way_t *way, unsigned depth, base_span_t name)
{
    static const char *const names[] = {"", "resource", "target", "", "reference"};

    way->on = way->on >= depth ? depth - 1 : way->on;
    if (way->on == depth - 1 && depth < 5 && depth != 3 && base_span_is(name, names[depth])) {
        way->on = depth;
    }
}

static bool read_targets(smart_review_state_t *state, smart_undecided_t *entry)
{
    const smart_base_t *base = smart_grants_base(state->level[state->home].check[0]->grants);
    base_span_t in = entry->text, text;
    base_json_event_t event;
    way_t way = {0};
    base_json_t js;

    entry->targets = base_arena_array(state->review->_arena, TARGETS_MAX, sizeof(uint64_t));
    if (entry->targets == NULL) {
        return false;
    }
    base_json_init(&js, 0, BASE_JSON_DEPTH_MAX, NULL, 0);
    while ((event = base_json_next(&js, &in)) != BASE_JSON_ERROR && event != BASE_JSON_MORE) {
        if (event == BASE_JSON_ARRAY && base_json_depth(&js) == 3 && way.on == 2) {
            way.on = 3;
        } else if (event == BASE_JSON_KEY && collect(&way, &js, &text)) {
            step(&way, base_json_depth(&js), text);
        } else if (event == BASE_JSON_STRING && collect(&way, &js, &text) &&
                   base_json_depth(&js) == 4 && way.on == 4) {
            add_target(entry, base, text);
        }
    }
    return true;
}

static bool refers_to_released(const smart_waiting_t *waiting, const smart_undecided_t *entry)
{
    size_t i;

    for (i = 0; i < entry->targets_n; i++) {
        if (is_marked(waiting, entry->targets[i])) {
            return true;
        }
    }
    return false;
}

/* Type and id of the resource that the open entry is a version of; 0: it does not say. */
static uint64_t about(const smart_review_state_t *state, const fhir_item_place_t *item)
{
    fhir_reference_t reference;

    if (item->has_resource) {
        return item->facts.id.n == 0 ? 0
                                     : hash_of(fhir_text_span(&item->facts.type_name),
                                               fhir_text_span(&item->facts.id));
    }
    return smart_review_names(state, state->home, item, &reference)
               ? hash_of(reference.type, reference.id)
               : 0;
}

void smart_review_waiting_keep(smart_review_state_t *state)
{
    smart_waiting_t *waiting = &state->waiting;
    const fhir_item_place_t *item = &state->bundle.level[state->home].item;
    smart_undecided_t *entry;

    if (!waiting->capturing || waiting->too_long || waiting->entry_n == ENTRIES_MAX ||
        waiting->n > KEPT_MAX - waiting->kept_n) {
        return;
    }
    entry = &waiting->entry[waiting->entry_n];
    memset(entry, 0, sizeof(*entry));
    entry->deletion = !item->has_resource;
    entry->about = about(state, item);
    entry->text =
        base_cut_edited(&state->cut, item->from, base_span_make(waiting->bytes, waiting->n));
    if (entry->text.p == NULL || (!entry->deletion && !read_targets(state, entry))) {
        state->no_memory = true;
        return;
    }
    waiting->kept_n += waiting->n;
    waiting->entry_n++;
}

/* The entry as an item, with the comma that it needs, before the byte at `at`. */
static void come_back(smart_review_state_t *state, smart_undecided_t *entry, uint64_t at,
                      bool comma_before)
{
    if (comma_before) {
        base_cut_insert(&state->cut, at, BASE_SPAN(","));
    }
    base_cut_insert(&state->cut, at, entry->text);
    if (!comma_before) {
        base_cut_insert(&state->cut, at, BASE_SPAN(","));
    }
    entry->done = true;
    state->level[state->home].removed--;
}

/* The next older version: when it is kept, the deletion comes back right before it; else it stays away. */
static void decide_deletions(smart_review_state_t *state, const fhir_item_place_t *item, bool kept)
{
    smart_waiting_t *waiting = &state->waiting;
    uint64_t hash = about(state, item);
    size_t i;

    for (i = 0; i < waiting->entry_n; i++) {
        if (!waiting->entry[i].deletion || waiting->entry[i].done || hash == 0 ||
            waiting->entry[i].about != hash) {
            continue;
        }
        if (kept) {
            come_back(state, &waiting->entry[i], item->from, false);
        }
        waiting->entry[i].done = true;
    }
}

void smart_review_waiting_seen(smart_review_state_t *state, bool kept)
{
    const fhir_item_place_t *item = &state->bundle.level[state->home].item;

    if (!item->has_resource) {
        return;
    }
    if (state->waiting.deletions) {
        decide_deletions(state, item, kept);
    }
    if (kept && state->waiting.provenances && item->facts.type != state->waiting.provenance &&
        item->facts.id.n > 0) {
        (void) mark(&state->waiting, hash_of(fhir_text_span(&item->facts.type_name),
                                             fhir_text_span(&item->facts.id)));
    }
}

void smart_review_waiting_end(smart_review_state_t *state)
{
    smart_waiting_t *waiting = &state->waiting;
    base_cut_list_t *items = &state->level[state->home].items;
    uint64_t at = base_cut_end(items, state->bundle.level[state->home].items_open);
    size_t i;

    for (i = 0; i < waiting->entry_n; i++) {
        if (!waiting->entry[i].done && !waiting->entry[i].deletion &&
            refers_to_released(waiting, &waiting->entry[i])) {
            come_back(state, &waiting->entry[i], at, items->kept);
            items->kept = true;
        }
    }
}
