#include "fhir/fhir_bundle_own.h"

#include <string.h>

/* What is being read. */
enum {
    AT_START,
    AT_KEY,     /* a name, or the end of an object */
    AT_VALUE,   /* the value of a member */
    AT_ELEMENT, /* an element, or the end of an array */
    IN_TEXT,
    IN_NUMBER,
    IN_OTHER,  /* a value that is passed over */
    IN_PLAIN,  /* a resource whose type is known */
    IN_SKETCH, /* one whose type is not */
    AT_END,
    AT_ERROR
};

/* What a step gives when there is nothing to say yet. */
#define AGAIN FHIR_BUNDLE_MORE

static fhir_bundle_event_t fail(fhir_bundle_t *bundle, base_reason_t reason)
{
    bundle->reason = reason;
    bundle->_state = AT_ERROR;
    return FHIR_BUNDLE_ERROR;
}

static fhir_bundle_level_t *level_of(fhir_bundle_t *bundle)
{
    return &bundle->level[bundle->level_n - 1];
}

static fhir_bundle_frame_t *frame_of(fhir_bundle_t *bundle)
{
    return &bundle->_frame[bundle->_frame_n - 1];
}

static uint64_t offset(const fhir_bundle_t *bundle)
{
    return base_json_offset(&bundle->_json);
}

static bool push_frame(fhir_bundle_t *bundle, unsigned kind)
{
    fhir_bundle_frame_t *frame;

    if (bundle->_frame_n == FHIR_BUNDLE_FRAMES) {
        return false;
    }
    frame = &bundle->_frame[bundle->_frame_n++];
    frame->kind = (unsigned char) kind;
    frame->depth = (unsigned char) base_json_depth(&bundle->_json);
    frame->item = false;
    frame->first = true;
    return true;
}

static bool is_array(unsigned kind)
{
    return kind == K_LINKS || kind == K_ENTRIES || kind == K_PARAMETERS;
}

/* The value of a member, or an element, of the innermost frame is complete. */
static fhir_bundle_event_t value_done(fhir_bundle_t *bundle)
{
    fhir_bundle_frame_t *frame = frame_of(bundle);
    fhir_bundle_level_t *level = level_of(bundle);

    frame->first = false;
    if (is_array(frame->kind)) {
        bundle->_state = AT_ELEMENT;
        if (frame->item) {
            level->item.to = offset(bundle);
            return FHIR_BUNDLE_ITEM_END;
        }
        return AGAIN;
    }
    bundle->_state = AT_KEY;
    if (frame->kind == K_RESOURCE) {
        level->member.to = offset(bundle);
        bundle->_tee = level->is_container ? NULL : &level->_sketch;
    } else if (frame->kind == K_ENTRY && level->item.member_n > 0) {
        level->item.member[level->item.member_n - 1].to = offset(bundle);
    }
    return AGAIN;
}

static bool ends_value(const fhir_bundle_t *bundle, base_json_event_t event)
{
    const fhir_bundle_frame_t *frame = &bundle->_frame[bundle->_frame_n - 1];

    return base_json_depth(&bundle->_json) == frame->depth &&
           ((event != BASE_JSON_STRING && event != BASE_JSON_NUMBER) || bundle->_json.last);
}

/* The value whose event came is passed over. */
static fhir_bundle_event_t pass(fhir_bundle_t *bundle, base_json_event_t event)
{
    if (ends_value(bundle, event)) {
        return value_done(bundle);
    }
    bundle->_state = IN_OTHER;
    return AGAIN;
}

/* The same where it should have been something else. Of what may not be a Bundle that is no error yet. */
static fhir_bundle_event_t wrong(fhir_bundle_t *bundle, base_json_event_t event)
{
    fhir_bundle_level_t *level = level_of(bundle);
    unsigned kind = frame_of(bundle)->kind;

    if (kind == K_RESOURCE) {
        level->member.wrong = true;
        if (bundle->_id == FHIR_MEMBER_RESOURCE_TYPE) {
            level->enter = 0;
        }
        if (bundle->_id != FHIR_MEMBER_TOTAL && bundle->_id != FHIR_MEMBER_LINK) {
            level->wrong = true;
            if (level->is_container) {
                return fail(bundle, BASE_ANSWER_UNEXPECTED);
            }
        }
    } else if (kind != K_LINK && kind != K_LINKS) {
        level->item.wrong = true;
    }
    return pass(bundle, event);
}

static void text_set(fhir_text_t *text, base_span_t value, bool too_long)
{
    memset(text, 0, sizeof(*text));
    if (too_long) {
        text->unknown = true;
    } else {
        fhir_text_add(text, value);
    }
}

static void item_begin(fhir_item_place_t *item, uint64_t from)
{
    memset(item, 0, offsetof(fhir_item_place_t, full_url));
    fhir_url_begin(&item->full_url);
    fhir_url_begin(&item->url);
    item->member_n = 0;
    item->from = from;
}

/* Begins a resource at the '{' that came. */
static fhir_bundle_event_t begin_resource(fhir_bundle_t *bundle, unsigned enter,
                                          fhir_member_id_t role)
{
    fhir_bundle_level_t *level;

    if (bundle->level_n == FHIR_BUNDLE_LEVELS || !push_frame(bundle, K_RESOURCE)) {
        level_of(bundle)->item.wrong = true;
        return pass(bundle, BASE_JSON_OBJECT);
    }
    level = &bundle->level[bundle->level_n++];
    memset(level, 0, offsetof(fhir_bundle_level_t, facts));
    memset(&level->facts, 0, sizeof(level->facts));
    item_begin(&level->item, 0);
    level->from = bundle->_json.start;
    level->enter = enter;
    level->role = role;
    fhir_sketch_begin(&level->_sketch, bundle->_arena, bundle->_sketch_max);
    bundle->_tee = &level->_sketch;
    (void) fhir_sketch_take(bundle->_tee, &bundle->_json, BASE_JSON_OBJECT);
    bundle->_state = AT_KEY;
    return AGAIN;
}

/* The resource is complete; what it is for its entry is noted when the level is left. */
static fhir_bundle_event_t close_level(fhir_bundle_t *bundle)
{
    fhir_bundle_level_t *level = level_of(bundle);

    level->to = offset(bundle);
    bundle->_tee = NULL;
    bundle->_pop = true;
    return FHIR_BUNDLE_CLOSE;
}

static bool is_outcome(const fhir_bundle_level_t *level)
{
    return !level->is_container &&
           base_span_is(fhir_text_span(&level->type_name), "OperationOutcome");
}

/* Back to the level above, whose tee goes on only outside of its items. */
static fhir_bundle_event_t leave_level(fhir_bundle_t *bundle)
{
    const fhir_bundle_level_t *level = level_of(bundle);
    fhir_item_place_t *item;

    bundle->_pop = false;
    bundle->_frame_n--;
    bundle->level_n--;
    if (bundle->level_n == 0) {
        bundle->_state = AT_END;
        return AGAIN;
    }
    item = &level_of(bundle)->item;
    if (level->role == FHIR_MEMBER_OUTCOME) {
        item->other_outcome = !is_outcome(level);
        item->outcome_from = level->from;
        item->outcome_to = level->to;
    } else if (level->is_container) {
        item->has_container = true;
    } else {
        item->has_resource = true;
        item->facts = level->facts;
    }
    return value_done(bundle);
}

static fhir_bundle_event_t close_plain(fhir_bundle_t *bundle)
{
    fhir_bundle_level_t *level = level_of(bundle);

    if (fhir_resource_facts(&bundle->_resource, &level->facts) != BASE_OK) {
        return fail(bundle, bundle->_resource._reason);
    }
    level->type_name = level->facts.type_name;
    return close_level(bundle);
}

/* Read by itself, now that it is complete. */
static fhir_bundle_event_t close_sketch(fhir_bundle_t *bundle)
{
    fhir_bundle_level_t *level = level_of(bundle);
    base_span_t text = fhir_sketch_text(&level->_sketch);
    base_reason_t reason;

    if (text.p == NULL) {
        return fail(bundle, BASE_ANSWER_TOO_LARGE);
    }
    fhir_resource_start_again(
        &bundle->_resource, bundle->_defs, bundle->_lookup, bundle->_ctx,
        fhir_type_find(bundle->_defs, fhir_text_span(&level->_sketch.type_name)));
    (void) fhir_resource_feed(&bundle->_resource, text);
    reason = fhir_resource_end(&bundle->_resource, &level->facts);
    if (reason != BASE_OK) {
        return fail(bundle, reason);
    }
    level->type_name = level->facts.type_name;
    return close_level(bundle);
}

static fhir_bundle_event_t close_resource(fhir_bundle_t *bundle)
{
    fhir_bundle_level_t *level = level_of(bundle);

    if (level->is_container) {
        level->before = level->member;
        level->has_before = level->member.from != 0;
        return level->wrong ? fail(bundle, BASE_ANSWER_UNEXPECTED) : close_level(bundle);
    }
    return close_sketch(bundle);
}

/* Whether a resource of that type is walked into here. */
static bool is_container_type(const fhir_bundle_level_t *level)
{
    base_span_t name = fhir_text_span(&level->type_name);

    return (fhir_bundle_may_be(level, FHIR_ENTER_BUNDLE) && base_span_is(name, "Bundle")) ||
           (fhir_bundle_may_be(level, FHIR_ENTER_PARAMETERS) && base_span_is(name, "Parameters"));
}

/* resourceType was read. Said first it decides how to go on; said late it says what was walked. */
static fhir_bundle_event_t type_read(fhir_bundle_t *bundle)
{
    fhir_bundle_level_t *level = level_of(bundle);

    level->known = true;
    level->is_container = is_container_type(level);
    if (level->is_container) {
        (void) value_done(bundle);
        if (level->late) {
            return level->wrong ? fail(bundle, BASE_ANSWER_UNEXPECTED) : AGAIN;
        }
        return FHIR_BUNDLE_MEMBER;
    }
    level->enter = 0;
    if (level->late) {
        return value_done(bundle);
    }
    bundle->_tee = NULL;
    fhir_resource_begin_typed(&bundle->_resource, &bundle->_json, bundle->_defs, bundle->_lookup,
                              bundle->_ctx, &level->type_name);
    bundle->_state = IN_PLAIN;
    return AGAIN;
}

static fhir_bundle_event_t say_url(fhir_bundle_t *bundle, base_span_t text)
{
    fhir_bundle_event_t event;

    bundle->url.leads_on = false;
    bundle->url.from = bundle->_value;
    bundle->url.to = offset(bundle);
    bundle->url.text = bundle->_text_long ? base_span_make(NULL, 0) : text;
    bundle->url.unknown = bundle->_text_long;
    event = value_done(bundle);
    return event == AGAIN ? FHIR_BUNDLE_URL : event;
}

/* Kept until the link ends, which says whether it is of use. */
static fhir_bundle_event_t link_url(fhir_bundle_t *bundle, base_span_t text)
{
    if (bundle->_link == NULL) {
        bundle->_link = base_arena_scratch(bundle->_arena, FHIR_BUNDLE_LINK_MAX, 1);
    }
    if (bundle->_link == NULL) {
        return fail(bundle, BASE_NO_MEMORY);
    }
    if (!bundle->_text_long && text.n > 0) {
        memcpy(bundle->_link, text.p, text.n);
        bundle->_link_url = base_span_make(bundle->_link, text.n);
    }
    bundle->_link_place.from = bundle->_value;
    bundle->_link_place.to = offset(bundle);
    bundle->_link_place.unknown = bundle->_text_long;
    return value_done(bundle);
}

static fhir_bundle_event_t status_read(fhir_bundle_t *bundle, base_span_t text)
{
    fhir_item_place_t *item = &level_of(bundle)->item;

    text_set(&item->status, text, bundle->_text_long);
    item->status_from = bundle->_value;
    item->status_to = offset(bundle);
    return value_done(bundle);
}

/* A string that is looked at is complete. */
static fhir_bundle_event_t text_done(fhir_bundle_t *bundle, base_span_t text)
{
    fhir_bundle_level_t *level = level_of(bundle);
    bool is_long = bundle->_text_long;

    switch (bundle->_id) {
    case FHIR_MEMBER_RESOURCE_TYPE:
        text_set(&level->type_name, text, is_long);
        return type_read(bundle);
    case FHIR_MEMBER_TYPE:
        text_set(&level->type, text, is_long);
        break;
    case FHIR_MEMBER_RELATION:
        text_set(&bundle->_relation, text, is_long);
        break;
    case FHIR_MEMBER_MODE:
        text_set(&level->item.mode, text, is_long);
        break;
    case FHIR_MEMBER_METHOD:
        text_set(&level->item.method, text, is_long);
        break;
    case FHIR_MEMBER_STATUS:
        return status_read(bundle, text);
    case FHIR_MEMBER_FULL_URL:
        fhir_url_set(&level->item.full_url, text, is_long);
        return say_url(bundle, text);
    case FHIR_MEMBER_LOCATION:
        return say_url(bundle, text);
    case FHIR_MEMBER_URL:
        if (frame_of(bundle)->kind == K_LINK) {
            return link_url(bundle, text);
        }
        fhir_url_set(&level->item.url, text, is_long);
        break;
    default:
        break;
    }
    return value_done(bundle);
}

/* A part of it. In one part it is looked at where it stands. */
static fhir_bundle_event_t text_part(fhir_bundle_t *bundle)
{
    base_span_t part = bundle->_json.text;

    if (bundle->_json.last && bundle->_text_n == 0 && part.n <= sizeof(bundle->_text)) {
        return text_done(bundle, part);
    }
    if (part.n > sizeof(bundle->_text) - bundle->_text_n) {
        bundle->_text_long = true;
    } else if (part.n > 0) {
        memcpy(bundle->_text + bundle->_text_n, part.p, part.n);
        bundle->_text_n += part.n;
    }
    bundle->_state = IN_TEXT;
    return bundle->_json.last ? text_done(bundle, base_span_make(bundle->_text, bundle->_text_n))
                              : AGAIN;
}

static fhir_bundle_event_t number_part(fhir_bundle_t *bundle)
{
    fhir_text_add(&level_of(bundle)->total, bundle->_json.text);
    bundle->_state = IN_NUMBER;
    return bundle->_json.last ? value_done(bundle) : AGAIN;
}

/* An array that is walked. What is inside of items is not sketched: null stands for it. */
static fhir_bundle_event_t begin_array(fhir_bundle_t *bundle)
{
    fhir_bundle_level_t *level = level_of(bundle);
    bool items = bundle->_id == FHIR_MEMBER_ENTRY || bundle->_id == FHIR_MEMBER_PARAMETER;

    if (!push_frame(bundle, bundle->_inner)) {
        level->item.wrong = true;
        return pass(bundle, BASE_JSON_ARRAY);
    }
    frame_of(bundle)->item = items;
    if (items) {
        level->items_open = offset(bundle);
    }
    bundle->_state = AT_ELEMENT;
    return AGAIN;
}

static fhir_bundle_event_t begin_object(fhir_bundle_t *bundle, unsigned kind)
{
    if (!push_frame(bundle, kind)) {
        level_of(bundle)->item.wrong = true;
        return pass(bundle, BASE_JSON_OBJECT);
    }
    bundle->_state = AT_KEY;
    return AGAIN;
}

static unsigned enter_of_item(const fhir_bundle_level_t *level, fhir_member_id_t id)
{
    return id == FHIR_MEMBER_RESOURCE ? level->item.enter : 0;
}

/* The first event of a member's value. */
static fhir_bundle_event_t take_value(fhir_bundle_t *bundle, base_json_event_t event)
{
    static const base_json_event_t wanted[] = {[V_TEXT] = BASE_JSON_STRING,
                                               [V_NUMBER] = BASE_JSON_NUMBER,
                                               [V_OBJECT] = BASE_JSON_OBJECT,
                                               [V_ARRAY] = BASE_JSON_ARRAY,
                                               [V_RESOURCE] = BASE_JSON_OBJECT};
    fhir_bundle_level_t *level = level_of(bundle);

    bundle->_value = bundle->_json.start;
    if (frame_of(bundle)->kind == K_RESOURCE) {
        level->member.value = bundle->_value;
    } else if (frame_of(bundle)->kind == K_ENTRY && level->item.member_n > 0) {
        level->item.member[level->item.member_n - 1].value = bundle->_value;
    }
    if (bundle->_shape == V_OTHER) {
        return pass(bundle, event);
    }
    if (event != wanted[bundle->_shape]) {
        return wrong(bundle, event);
    }
    bundle->_text_n = 0;
    bundle->_text_long = false;
    switch (bundle->_shape) {
    case V_TEXT:
        return text_part(bundle);
    case V_NUMBER:
        memset(&level->total, 0, sizeof(level->total));
        return number_part(bundle);
    case V_OBJECT:
        return begin_object(bundle, bundle->_inner);
    case V_ARRAY:
        return begin_array(bundle);
    default:
        return begin_resource(bundle, enter_of_item(level, bundle->_id), bundle->_id);
    }
}

/* An element, whose kind follows from the array's. */
static fhir_bundle_event_t take_element(fhir_bundle_t *bundle, base_json_event_t event)
{
    fhir_bundle_frame_t *frame = frame_of(bundle);
    fhir_bundle_level_t *level = level_of(bundle);
    fhir_bundle_event_t next;
    bool item = frame->item;

    if (item) {
        item_begin(&level->item, bundle->_json.start);
    }
    if (event != BASE_JSON_OBJECT) {
        level->item.wrong = level->item.wrong || frame->kind != K_LINKS;
        next = pass(bundle, event);
        /* in one piece: the item ends where it begins */
        bundle->_close = next == FHIR_BUNDLE_ITEM_END;
        return item ? FHIR_BUNDLE_ITEM : next;
    }
    if (frame->kind == K_LINKS) {
        memset(&bundle->_relation, 0, sizeof(bundle->_relation));
        bundle->_link_url = base_span_make(NULL, 0);
        bundle->_link_place.to = 0;
    }
    next = begin_object(bundle, frame->kind + 1u);
    return item ? FHIR_BUNDLE_ITEM : next;
}

static void link_done(fhir_bundle_t *bundle)
{
    fhir_bundle_level_t *level = level_of(bundle);

    if (base_span_is(fhir_text_span(&bundle->_relation), "self")) {
        level->link_self = level->selves++ == 0 ? base_arena_copy(bundle->_arena, bundle->_link_url)
                                                : base_span_make(NULL, 0);
    } else if (base_span_is(fhir_text_span(&bundle->_relation), "next")) {
        level->has_next = true;
    }
    bundle->url = bundle->_link_place;
    bundle->url.text = bundle->_link_url;
    bundle->url.leads_on = !base_span_is(fhir_text_span(&bundle->_relation), "self");
}

/* The array or object of the innermost frame ends. */
static fhir_bundle_event_t take_close(fhir_bundle_t *bundle)
{
    fhir_bundle_frame_t frame = *frame_of(bundle);
    fhir_bundle_event_t event;

    if (frame.kind == K_RESOURCE) {
        return close_resource(bundle);
    }
    if (frame.kind == K_LINK) {
        link_done(bundle);
    }
    bundle->_frame_n--;
    if (!frame.item) {
        event = value_done(bundle);
        return event == AGAIN && frame.kind == K_LINK && bundle->_link_place.to > 0
                   ? FHIR_BUNDLE_URL
                   : event;
    }
    (void) value_done(bundle);
    return FHIR_BUNDLE_ITEMS_END;
}

/* The first member of a resource: its type, or it comes late. */
static fhir_bundle_event_t first_member(fhir_bundle_t *bundle, fhir_member_id_t id)
{
    fhir_bundle_level_t *level = level_of(bundle);

    if (id == FHIR_MEMBER_RESOURCE_TYPE) {
        return AGAIN;
    }
    level->late = true;
    if (level->enter == 0) {
        bundle->_state = IN_SKETCH;
        level->_sketch.skips = true;
        return AGAIN;
    }
    return FHIR_BUNDLE_MEMBER;
}

/* A member of a resource that is walked, or may be. */
static fhir_bundle_event_t resource_member(fhir_bundle_t *bundle, bool first)
{
    fhir_bundle_level_t *level = level_of(bundle);

    level->before = level->member;
    level->has_before = !first;
    memset(&level->member, 0, sizeof(level->member));
    level->member.id = bundle->_id;
    level->member.from = bundle->_from;
    if (bundle->_shape == V_ARRAY && bundle->_inner != K_LINKS && bundle->_tee != NULL) {
        fhir_sketch_null(bundle->_tee);
        bundle->_tee = NULL;
    }
    if (first) {
        return first_member(bundle, bundle->_id);
    }
    return level->enter != 0 ? FHIR_BUNDLE_MEMBER : AGAIN;
}

static void entry_member(fhir_bundle_t *bundle)
{
    fhir_item_place_t *item = &level_of(bundle)->item;

    if (item->member_n == FHIR_BUNDLE_MEMBERS) {
        item->wrong = true;
        return;
    }
    memset(&item->member[item->member_n], 0, sizeof(item->member[0]));
    item->member[item->member_n].id = bundle->_id;
    item->member[item->member_n].from = bundle->_from;
    item->other_member = item->other_member || bundle->_id == FHIR_MEMBER_OTHER;
    item->member_n++;
}

static fhir_bundle_event_t name_done(fhir_bundle_t *bundle, base_span_t name)
{
    fhir_bundle_frame_t *frame = frame_of(bundle);
    fhir_bundle_level_t *level = level_of(bundle);
    const fhir_bundle_row_t *row = fhir_bundle_row(frame->kind, name);

    if (frame->kind == K_RESOURCE && !fhir_bundle_belongs(level, row->id)) {
        row = &fhir_bundle_other;
    }
    bundle->_id = row->id;
    bundle->_shape = row->shape;
    bundle->_inner = row->inner;
    bundle->_state = AT_VALUE;
    if (frame->kind == K_RESOURCE) {
        return resource_member(bundle, frame->first);
    }
    if (frame->kind == K_ENTRY) {
        entry_member(bundle);
    } else if (frame->kind == K_PARAMETER && row == &fhir_bundle_other) {
        level->item.wrong = true;
    }
    return AGAIN;
}

/* A name in one part, or in several; one that is too long is none of ours. */
static fhir_bundle_event_t take_name(fhir_bundle_t *bundle)
{
    base_span_t part = bundle->_json.text;
    size_t n;

    bundle->_from = bundle->_json.start;
    if (bundle->_json.last && bundle->_name_n == 0) {
        return name_done(bundle, part);
    }
    n = bundle->_name_n;
    if (n > sizeof(bundle->_name) || part.n > sizeof(bundle->_name) - n) {
        bundle->_name_n = sizeof(bundle->_name) + 1;
    } else if (part.n > 0) {
        memcpy(bundle->_name + n, part.p, part.n);
        bundle->_name_n = n + part.n;
    }
    if (!bundle->_json.last) {
        return AGAIN;
    }
    n = bundle->_name_n > sizeof(bundle->_name) ? 0 : bundle->_name_n;
    bundle->_name_n = 0;
    return name_done(bundle, base_span_make(bundle->_name, n));
}

static fhir_bundle_event_t take(fhir_bundle_t *bundle, base_json_event_t event)
{
    switch (bundle->_state) {
    case AT_START:
        return event == BASE_JSON_OBJECT
                   ? begin_resource(bundle, bundle->level[0].enter, FHIR_MEMBER_RESOURCE)
                   : fail(bundle, BASE_JSON_SYNTAX);
    case AT_KEY:
        return event == BASE_JSON_KEY ? take_name(bundle) : take_close(bundle);
    case AT_VALUE:
        return take_value(bundle, event);
    case AT_ELEMENT:
        return event == BASE_JSON_ARRAY_END ? take_close(bundle) : take_element(bundle, event);
    case IN_TEXT:
        return text_part(bundle);
    case IN_NUMBER:
        return number_part(bundle);
    case IN_OTHER:
        return pass(bundle, event);
    default:
        return fail(bundle, BASE_JSON_SYNTAX);
    }
}

/* The bytes of a resource of known type: most there are. */
static fhir_bundle_event_t next_plain(fhir_bundle_t *bundle, base_span_t *in)
{
    base_json_event_t event;

    while ((event = base_json_next(&bundle->_json, in)) != BASE_JSON_MORE) {
        if (event == BASE_JSON_ERROR) {
            return fail(bundle, bundle->_json.reason);
        }
        if (fhir_resource_take(&bundle->_resource, event)) {
            return close_plain(bundle);
        }
    }
    return FHIR_BUNDLE_MORE;
}

static fhir_bundle_event_t next_sketch(fhir_bundle_t *bundle, base_span_t *in)
{
    base_json_event_t event;

    while ((event = base_json_next(&bundle->_json, in)) != BASE_JSON_MORE) {
        if (event == BASE_JSON_ERROR) {
            return fail(bundle, bundle->_json.reason);
        }
        if (fhir_sketch_take(bundle->_tee, &bundle->_json, event)) {
            return close_sketch(bundle);
        }
    }
    return FHIR_BUNDLE_MORE;
}

static fhir_bundle_event_t next_event(fhir_bundle_t *bundle, base_span_t *in)
{
    base_json_event_t event;

    if (bundle->_state == IN_PLAIN) {
        return next_plain(bundle, in);
    }
    if (bundle->_state == IN_SKETCH) {
        return next_sketch(bundle, in);
    }
    event = base_json_next(&bundle->_json, in);
    if (event == BASE_JSON_MORE) {
        return FHIR_BUNDLE_MORE;
    }
    if (event == BASE_JSON_ERROR) {
        return fail(bundle, bundle->_json.reason);
    }
    if (bundle->_tee != NULL) {
        (void) fhir_sketch_take(bundle->_tee, &bundle->_json, event);
    }
    return take(bundle, event);
}

/* What was said before is taken up first: a level that was closed, an item that ended where it began. */
static fhir_bundle_event_t go_on(fhir_bundle_t *bundle)
{
    if (bundle->_close) {
        bundle->_close = false;
        return FHIR_BUNDLE_ITEM_END;
    }
    return bundle->_pop ? leave_level(bundle) : AGAIN;
}

fhir_bundle_event_t fhir_bundle_next(fhir_bundle_t *bundle, base_span_t *in)
{
    fhir_bundle_event_t event;

    if (bundle->_state == AT_ERROR) {
        return FHIR_BUNDLE_ERROR;
    }
    event = go_on(bundle);
    while (event == AGAIN && in->n > 0) {
        event = next_event(bundle, in);
    }
    return event;
}

void fhir_bundle_start(fhir_bundle_t *bundle, unsigned enter, const fhir_definitions_t *defs,
                       fhir_lens_lookup_pt lookup, void *ctx, base_arena_t *arena, uint64_t *hashes,
                       size_t hashes_max, size_t sketch_max)
{
    size_t i;

    /* The rest of a level begins with its resource. */
    memset(bundle, 0, offsetof(fhir_bundle_t, level));
    memset(&bundle->level_n, 0,
           offsetof(fhir_bundle_t, _resource) - offsetof(fhir_bundle_t, level_n));
    memset(&bundle->_defs, 0, offsetof(fhir_bundle_t, _text) - offsetof(fhir_bundle_t, _defs));
    for (i = 0; i < FHIR_BUNDLE_LEVELS; i++) {
        memset(&bundle->level[i]._sketch, 0, sizeof(bundle->level[i]._sketch));
    }
    bundle->level[0].enter = enter;
    bundle->_defs = defs;
    bundle->_lookup = lookup;
    bundle->_ctx = ctx;
    bundle->_arena = arena;
    bundle->_sketch_max = sketch_max;
    base_json_init(&bundle->_json, BASE_JSON_STRICT, BASE_JSON_DEPTH_MAX, hashes, hashes_max);
}

void fhir_bundle_enter(fhir_bundle_t *bundle, unsigned enter)
{
    level_of(bundle)->item.enter = enter;
}

base_reason_t fhir_bundle_finish(fhir_bundle_t *bundle)
{
    base_reason_t reason = base_json_finish(&bundle->_json);

    if (bundle->_state == AT_ERROR) {
        return bundle->reason;
    }
    return reason != BASE_OK || bundle->_state == AT_END ? reason : BASE_JSON_TRUNCATED;
}
