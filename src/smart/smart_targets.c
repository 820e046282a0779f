#include "smart/smart_targets.h"

#include "base/base_json.h"

#include <string.h>

#define REFERENCE_MAX ((size_t) 512)

/* Where the scanner stands: in the list `target`, or not. */
typedef struct {
    smart_targets_t *targets;
    base_arena_t *arena;
    base_json_t js;
    base_span_t in;
    unsigned char text[REFERENCE_MAX];
    size_t n;
    bool listed;   /* the member just named is `target` */
    bool in_list;  /* inside its array */
    bool named;    /* in it: the member just named is `reference` */
    bool referred; /* the present target has one */
    base_reason_t reason;
} reading_t;

/* True when the name or string is whole; what is too long is none of ours. */
static bool gather(reading_t *r)
{
    if (r->js.text.n > REFERENCE_MAX || r->n + r->js.text.n > REFERENCE_MAX) {
        r->n = REFERENCE_MAX + 1;
    } else if (r->js.text.n > 0) {
        memcpy(r->text + r->n, r->js.text.p, r->js.text.n);
        r->n += r->js.text.n;
    }
    return r->js.last;
}

static base_span_t gathered(reading_t *r)
{
    size_t n = r->n;

    r->n = 0;
    return base_span_make(r->text, n > REFERENCE_MAX ? 0 : n);
}

static void add_target(reading_t *r, base_span_t text)
{
    smart_targets_t *targets = r->targets;

    if (targets->n == SMART_TARGETS_MAX) {
        r->reason = BASE_PREREAD_TOO_MANY;
        return;
    }
    targets->text[targets->n] = base_arena_copy(r->arena, text);
    if (targets->text[targets->n].p == NULL) {
        r->reason = BASE_NO_MEMORY;
        return;
    }
    targets->n++;
    r->referred = true;
}

static void take_name(reading_t *r, base_span_t name)
{
    unsigned depth = base_json_depth(&r->js);

    if (depth == 1) {
        r->listed = base_span_is(name, "target");
    }
    r->named = depth == 3 && r->in_list && base_span_is(name, "reference");
}

/* Anything in the place of a list, of a target, or of a reference that is none is odd. */
static void take_event(reading_t *r, base_json_event_t event)
{
    unsigned depth = base_json_depth(&r->js);

    switch (event) {
    case BASE_JSON_KEY:
        if (gather(r)) {
            take_name(r, gathered(r));
        }
        return;
    case BASE_JSON_ARRAY:
        r->in_list = r->in_list || (depth == 2 && r->listed);
        return;
    case BASE_JSON_ARRAY_END:
        r->in_list = r->in_list && depth > 1;
        r->listed = r->listed && depth > 1;
        return;
    case BASE_JSON_OBJECT:
        r->referred = depth == 3 && r->in_list ? false : r->referred;
        return;
    case BASE_JSON_OBJECT_END:
        if (depth == 2 && r->in_list && !r->referred) {
            r->targets->odd = true;
        }
        return;
    default:
        break;
    }
    if (event == BASE_JSON_STRING && !gather(r)) {
        return;
    }
    if (event == BASE_JSON_STRING && depth == 3 && r->named) {
        add_target(r, gathered(r));
    } else if ((depth == 2 && r->in_list) || (depth == 1 && r->listed)) {
        r->targets->odd = true;
    }
    r->n = 0;
}

base_reason_t smart_targets_read(base_span_t body, base_arena_t *arena, smart_targets_t *targets)
{
    reading_t *r = base_arena_alloc(arena, sizeof(*r));
    base_json_event_t event;

    memset(targets, 0, sizeof(*targets));
    targets->text = base_arena_array(arena, SMART_TARGETS_MAX, sizeof(*targets->text));
    if (r == NULL || targets->text == NULL) {
        return BASE_NO_MEMORY;
    }
    r->targets = targets;
    r->arena = arena;
    r->in = body;
    base_json_init(&r->js, 0, BASE_JSON_DEPTH_MAX, NULL, 0);
    while (r->reason == BASE_OK && (event = base_json_next(&r->js, &r->in)) != BASE_JSON_ERROR &&
           event != BASE_JSON_MORE) {
        take_event(r, event);
    }
    return r->reason;
}

smart_target_fate_t smart_targets_judge(const smart_grants_t *grants,
                                        const fhir_definitions_t *definitions, base_span_t text,
                                        smart_target_t *target)
{
    const smart_base_t *base = smart_grants_base(grants);

    fhir_reference_parse(text, &target->reference);
    target->type = fhir_reference_is_own(&target->reference, base->urls, base->urls_n)
                       ? fhir_type_find(definitions, target->reference.type)
                       : NULL;
    if (target->type == NULL) {
        return SMART_TARGET_UNCOVERED;
    }
    target->cover[0] = smart_grants_cover(grants, SMART_R, target->type);
    target->cover[1] = smart_grants_cover(grants, SMART_S, target->type);
    if (smart_cover_is_true(&target->cover[0]) || smart_cover_is_true(&target->cover[1])) {
        return SMART_TARGET_COVERED;
    }
    return smart_cover_is_empty(&target->cover[0]) && smart_cover_is_empty(&target->cover[1])
               ? SMART_TARGET_UNCOVERED
               : SMART_TARGET_TO_READ;
}
