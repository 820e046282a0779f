/* D6: a Provenance may be created when all that it is about is the patient's own, or covered by r or s. */

#include "smart/smart_write_own.h"

#include "base/base_json.h"
#include "fhir/fhir_reference.h"

#include <string.h>

#define TARGETS_MAX   ((size_t) 64)
#define REFERENCE_MAX ((size_t) 512)

/* Where the scanner stands: in the list `target`, or not. */
typedef struct {
    smart_write_t *write;
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
    smart_write_t *write = r->write;

    if (write->_target_n == TARGETS_MAX) {
        r->reason = BASE_PREREAD_TOO_MANY;
        return;
    }
    write->_target[write->_target_n] = base_arena_copy(write->_arena, text);
    if (write->_target[write->_target_n].p == NULL) {
        r->reason = BASE_NO_MEMORY;
        return;
    }
    write->_target_n++;
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

/* Anything in the place of a list, of a target, or of a reference that is none: refused, for nobody says what it is about. */
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
            r->reason = BASE_BODY_UNCOVERED;
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
        r->reason = BASE_BODY_UNCOVERED;
    }
    r->n = 0;
}

static base_reason_t read_targets(smart_write_t *write)
{
    reading_t *r = base_arena_alloc(write->_arena, sizeof(*r));
    base_json_event_t event;

    write->_target = base_arena_array(write->_arena, TARGETS_MAX, sizeof(*write->_target));
    if (r == NULL || write->_target == NULL) {
        return BASE_NO_MEMORY;
    }
    r->write = write;
    r->in = write->_body;
    base_json_init(&r->js, 0, BASE_JSON_DEPTH_MAX, NULL, 0);
    while (r->reason == BASE_OK && (event = base_json_next(&r->js, &r->in)) != BASE_JSON_ERROR &&
           event != BASE_JSON_MORE) {
        take_event(r, event);
    }
    return r->reason == BASE_OK && write->_target_n == 0 ? BASE_BODY_UNCOVERED : r->reason;
}

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
    base_reason_t reason = read_targets(write);

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
