#include "fhir/fhir_resource.h"

#include "fhir/fhir_lens_watch.h"

#include <string.h>

/* What a member is besides watched: kept by itself in the facts. */
enum { SLOT_NONE, SLOT_TYPE, SLOT_ID, SLOT_META, SLOT_VERSION, SLOT_CONTAINED };

static const struct {
    const char *name;
    bool meta; /* inside meta, else in the resource itself */
    unsigned slot;
} slots[] = {{"resourceType", false, SLOT_TYPE},
             {"id", false, SLOT_ID},
             {"meta", false, SLOT_META},
             {"contained", false, SLOT_CONTAINED},
             {"versionId", true, SLOT_VERSION}};

static uint64_t lens_mask(const fhir_lens_t *lens)
{
    if (lens == NULL || lens->n == 0) {
        return 0;
    }
    return UINT64_MAX >> (FHIR_LENS_BITS - lens->n);
}

fhir_fact_t fhir_facts_bit(const fhir_facts_t *facts, int bit)
{
    uint64_t mask;

    if (facts->lens == NULL || bit < 0 || (unsigned) bit >= facts->lens->n) {
        return FHIR_UNKNOWN;
    }
    mask = facts->lens->watches[bit]->group;
    if ((facts->_unknown & mask) != 0) {
        return FHIR_UNKNOWN;
    }
    if (((facts->_met | facts->_not) & mask) == 0) {
        return fhir_watch_test(facts->lens->watches[bit]->kind)->nothing;
    }
    return (facts->_met & mask) != 0 ? FHIR_MET : FHIR_NOT_MET;
}

base_span_t fhir_text_span(const fhir_text_t *text)
{
    return base_span_make(text->n > 0 ? text->bytes : NULL, text->n);
}

void fhir_text_add(fhir_text_t *text, base_span_t part)
{
    if (text->unknown || part.n > (size_t) (FHIR_TEXT_MAX - text->n)) {
        text->unknown = true;
        text->n = 0;
        return;
    }
    if (part.n > 0) {
        memcpy(text->bytes + text->n, part.p, part.n);
        text->n = (unsigned char) (text->n + part.n);
    }
}

/* One fact for each bit of the mask. */
static void note(fhir_resource_t *res, uint64_t bits, fhir_fact_t fact)
{
    uint64_t *const sets[] = {[FHIR_NOT_MET] = &res->_facts._not,
                              [FHIR_MET] = &res->_facts._met,
                              [FHIR_UNKNOWN] = &res->_facts._unknown};

    *sets[fact] |= bits;
}

static const fhir_watch_t *watch_of(const fhir_resource_t *res, unsigned bit)
{
    return res->_facts.lens->watches[bit];
}

static unsigned lowest(uint64_t bits)
{
    return (unsigned) __builtin_ctzll(bits);
}

static bool is_test(const fhir_watch_t *watch)
{
    return watch->kind == FHIR_WATCH_TEST;
}

static const fhir_leaf_t *leaf_of(const fhir_resource_t *res, unsigned bit)
{
    return &watch_of(res, bit)->place->leaves[res->_matches[bit].leaf];
}

static bool is_array_at(const fhir_resource_t *res, unsigned bit, unsigned step)
{
    const fhir_watch_t *watch = watch_of(res, bit);

    return step < watch->n_steps ? watch->steps[step].array : leaf_of(res, bit)->array;
}

/* Of the bits: those whose step `step` is an array as `array` says. */
static uint64_t of_shape(const fhir_resource_t *res, uint64_t bits, unsigned step, bool array)
{
    uint64_t fit = 0;

    for (uint64_t left = bits; left != 0; left &= left - 1) {
        if (is_array_at(res, lowest(left), step) == array) {
            fit |= left & (0 - left);
        }
    }
    return fit;
}

/* Of the bits: those whose last step is `step`. */
static uint64_t that_end(const fhir_resource_t *res, uint64_t bits, unsigned step)
{
    uint64_t ending = 0;

    for (uint64_t left = bits; left != 0; left &= left - 1) {
        if (watch_of(res, lowest(left))->end == step) {
            ending |= left & (0 - left);
        }
    }
    return ending;
}

/* An object begins whose members are step `step` of the bits. */
static void begin_tests(fhir_resource_t *res, uint64_t bits, unsigned step)
{
    for (uint64_t left = bits & res->_facts.lens->tests; left != 0; left &= left - 1) {
        const fhir_watch_t *watch = watch_of(res, lowest(left));
        fhir_match_t *match = &res->_matches[lowest(left)];

        if (watch->place->steps.filter + 1 == step) {
            match->filter = FHIR_NOT_MET;
            match->found = false;
        }
        if (watch->end == step) {
            fhir_match_open(match);
        }
    }
}

/* Such an object ends. What lies inside a filtered object counts once that has turned out to be one
 * that does. */
static void end_tests(fhir_resource_t *res, uint64_t bits, unsigned step)
{
    for (uint64_t left = bits & res->_facts.lens->tests; left != 0; left &= left - 1) {
        const fhir_watch_t *watch = watch_of(res, lowest(left));
        fhir_match_t *match = &res->_matches[lowest(left)];
        bool filtered = watch->place->steps.filter != FHIR_PATH_NO_FILTER;

        if (watch->end == step) {
            fhir_fact_t fact = fhir_match_close(watch->test, watch->place, match);

            match->found = match->found || (filtered && fact == FHIR_MET);
            note(res, left & (0 - left), filtered && fact == FHIR_MET ? FHIR_NOT_MET : fact);
        }
        if (filtered && watch->place->steps.filter + 1 == step && match->found) {
            note(res, left & (0 - left), (fhir_fact_t) match->filter);
        }
    }
}

static void use_lens(fhir_resource_t *res, const fhir_lens_t *lens)
{
    res->_facts.lens = lens;
    res->_frames[0].bits = lens_mask(lens);
    if (lens != NULL) {
        begin_tests(res, res->_frames[0].bits, 0);
    }
}

/* resourceType was read. The lens follows from it, unless what it watches may have passed already.
 */
static void type_read(fhir_resource_t *res)
{
    fhir_facts_t *facts = &res->_facts;
    const fhir_lens_t *lens;

    res->_typed = true;
    facts->type = fhir_type_find(res->_defs, fhir_text_span(&facts->type_name));
    if (res->_known != NULL) {
        facts->type_conflict = facts->type != res->_known;
        return;
    }
    lens =
        facts->type != NULL && res->_lookup != NULL ? res->_lookup(res->_ctx, facts->type) : NULL;
    facts->type_late = (res->_other_first && lens_mask(lens) != 0) ||
                       (res->_id_first && lens != NULL && lens->watches_id);
    if (!facts->type_late) {
        use_lens(res, lens);
    }
}

static fhir_text_t *text_of(fhir_resource_t *res, unsigned slot)
{
    switch (slot) {
    case SLOT_TYPE:
        return &res->_facts.type_name;
    case SLOT_ID:
        return &res->_facts.id;
    case SLOT_VERSION:
        return &res->_facts.version_id;
    default:
        return NULL;
    }
}

static unsigned slot_of(const fhir_resource_t *res, base_span_t name)
{
    const fhir_frame_t *frame = &res->_frames[res->_frames_n - 1];

    if (res->_frames_n > 1 && !frame->meta) {
        return SLOT_NONE;
    }
    for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
        if (slots[i].meta == frame->meta && base_span_is(name, slots[i].name)) {
            return slots[i].slot;
        }
    }
    return SLOT_NONE;
}

static bool is_filter_name(const fhir_watch_t *watch, unsigned step, base_span_t name)
{
    return is_test(watch) && watch->place->steps.filter != FHIR_PATH_NO_FILTER &&
           watch->place->steps.filter + 1 == step &&
           base_span_eq(watch->place->steps.filter_name, name);
}

/* Whether the member of that name is the next of the bit's path, or a leaf of it. */
static bool leads_on(fhir_resource_t *res, unsigned bit, unsigned step, base_span_t name)
{
    const fhir_watch_t *watch = watch_of(res, bit);

    if (step < watch->n_steps) {
        return base_span_eq(watch->steps[step].name, name);
    }
    return fhir_match_leaf(watch->place, name, &res->_matches[bit]);
}

static void name_first(fhir_resource_t *res)
{
    if (res->_frames_n > 1 || res->_typed || res->_slot == SLOT_TYPE) {
        return;
    }
    if (res->_slot == SLOT_ID) {
        res->_id_first = true;
    } else {
        res->_other_first = true;
    }
}

/* A name for one that does not tell cases apart: it would look at what was not judged (threats section 7). */
static bool is_other_case(base_span_t name, base_span_t of)
{
    return base_span_eq_nocase(name, of) && !base_span_eq(name, of);
}

static bool is_odd_case(const fhir_resource_t *res, base_span_t name)
{
    const fhir_frame_t *frame = &res->_frames[res->_frames_n - 1];
    const fhir_watch_t *watch;
    bool odd = false;

    for (uint64_t left = frame->bits; left != 0 && !odd; left &= left - 1) {
        watch = watch_of(res, lowest(left));
        odd = frame->step < watch->n_steps && is_other_case(name, watch->steps[frame->step].name);
    }
    for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]) && !odd; i++) {
        odd = slots[i].meta == frame->meta && (res->_frames_n == 1 || frame->meta) &&
              is_other_case(name, base_span_of(slots[i].name));
    }
    return odd || is_other_case(name, BASE_SPAN("reference"));
}

static void take_name(fhir_resource_t *res, base_span_t name)
{
    const fhir_frame_t *frame = &res->_frames[res->_frames_n - 1];

    res->_next = 0;
    res->_filters = 0;
    if (res->_fold && is_odd_case(res, name)) {
        res->_reason = BASE_JSON_NAME;
        return;
    }
    for (uint64_t left = frame->bits; left != 0; left &= left - 1) {
        if (is_filter_name(watch_of(res, lowest(left)), frame->step, name)) {
            res->_filters |= left & (0 - left);
        } else if (leads_on(res, lowest(left), frame->step, name)) {
            res->_next |= left & (0 - left);
        }
    }
    res->_slot = slot_of(res, name);
    if (res->_slot == SLOT_CONTAINED) {
        res->_facts.contained = true;
        res->_slot = SLOT_NONE;
    }
    name_first(res);
    if (res->_next == 0 && res->_filters == 0 && res->_slot == SLOT_NONE) {
        base_json_skip(res->_json);
    }
}

static void take_key(fhir_resource_t *res)
{
    base_span_t part = res->_json->text;

    if (res->_key_n == 0 && res->_json->last) {
        take_name(res, part);
        return;
    }
    if (res->_key_n + part.n <= FHIR_TEXT_MAX && part.n > 0) {
        memcpy(res->_key + res->_key_n, part.p, part.n);
    }
    /* Capped, so that it cannot wrap; a name longer than any step matches none. */
    res->_key_n = part.n > FHIR_TEXT_MAX ? FHIR_TEXT_MAX + 1 : res->_key_n + part.n;
    if (res->_key_n > FHIR_TEXT_MAX) {
        res->_key_n = FHIR_TEXT_MAX + 1;
    }
    if (res->_json->last) {
        size_t n = res->_key_n;

        res->_key_n = 0;
        take_name(res, base_span_make(res->_key, n > FHIR_TEXT_MAX ? 0 : n));
    }
}

static void push(fhir_resource_t *res, uint64_t bits, unsigned step, bool array, bool meta)
{
    fhir_frame_t *frame = &res->_frames[res->_frames_n++];

    frame->bits = bits;
    frame->step = (unsigned char) step;
    frame->array = array;
    frame->meta = meta;
}

static void text_is_wrong(fhir_text_t *text)
{
    text->unknown = true;
    text->n = 0;
}

/* The value of a member that is kept is of a kind that cannot be. */
static void slot_is_wrong(fhir_resource_t *res, unsigned slot)
{
    switch (slot) {
    case SLOT_TYPE:
        text_is_wrong(&res->_facts.type_name);
        type_read(res);
        break;
    case SLOT_ID:
        text_is_wrong(&res->_facts.id);
        break;
    case SLOT_META:
    case SLOT_VERSION:
        text_is_wrong(&res->_facts.version_id);
        break;
    default:
        break;
    }
}

static void take_object(fhir_resource_t *res, uint64_t bits, unsigned step, bool element)
{
    uint64_t fit = of_shape(res, bits, step, element);
    uint64_t ending = that_end(res, fit, step);
    bool meta = res->_slot == SLOT_META;

    note(res, bits & ~fit, FHIR_UNKNOWN);
    for (uint64_t left = ending; left != 0; left &= left - 1) {
        note(res, left & (0 - left), fhir_watch_test(watch_of(res, lowest(left))->kind)->other);
    }
    if (res->_slot != SLOT_META && res->_slot != SLOT_NONE) {
        slot_is_wrong(res, res->_slot);
    }
    fit &= ~ending;
    if (fit == 0 && !meta) {
        base_json_skip(res->_json);
        return;
    }
    push(res, fit, step + 1, false, meta);
    if (fit != 0) {
        begin_tests(res, fit, step + 1);
    }
}

static void take_array(fhir_resource_t *res, uint64_t bits, unsigned step, bool element)
{
    uint64_t fit = element ? 0 : of_shape(res, bits, step, true);

    note(res, bits & ~fit, FHIR_UNKNOWN);
    if (res->_slot != SLOT_NONE) {
        slot_is_wrong(res, res->_slot);
        res->_slot = SLOT_NONE;
    }
    if (fit == 0) {
        base_json_skip(res->_json);
        return;
    }
    push(res, fit, step, true, false);
}

/* A value that has come to a leaf of a test. */
static void test_value(fhir_resource_t *res, unsigned bit, fhir_leaf_json_t json, base_span_t text)
{
    const fhir_watch_t *watch = watch_of(res, bit);

    if (fhir_match_value(watch->test, watch->place, json, text, &res->_matches[bit]) ==
        FHIR_UNKNOWN) {
        note(res, UINT64_C(1) << bit, FHIR_UNKNOWN);
    }
}

/* A null among the values of an array stands for one that has extensions only (R4
 * json.html#primitive). */
static uint64_t that_take_null(const fhir_resource_t *res, uint64_t bits, unsigned step,
                               bool element)
{
    return element && res->_facts.lens != NULL ? that_end(res, bits & res->_facts.lens->tests, step)
                                               : 0;
}

static void end_scalar(fhir_resource_t *res, base_json_event_t event, unsigned bit)
{
    const fhir_watch_t *watch = watch_of(res, bit);

    if (!is_test(watch)) {
        note(res, UINT64_C(1) << bit, fhir_watch_test(watch->kind)->other);
    } else if (event == BASE_JSON_NUMBER) {
        res->_strings |= UINT64_C(1) << bit; /* its text is still to come */
    } else {
        test_value(res, bit, FHIR_LEAF_BOOLEAN,
                   event == BASE_JSON_TRUE ? BASE_SPAN("true") : BASE_SPAN("false"));
    }
}

/* null, true, false and numbers: never what a path leads through. */
static void take_scalar(fhir_resource_t *res, base_json_event_t event, uint64_t bits, unsigned step,
                        bool element)
{
    uint64_t fit = event == BASE_JSON_NULL ? 0 : of_shape(res, bits, step, element);
    uint64_t ending = that_end(res, fit, step);

    res->_strings = 0;
    res->_choosing = 0;
    res->_value_n = 0;
    if (event == BASE_JSON_NULL) {
        bits &= ~that_take_null(res, bits, step, element);
    }
    note(res, bits & ~ending, FHIR_UNKNOWN);
    for (uint64_t left = ending; left != 0; left &= left - 1) {
        end_scalar(res, event, lowest(left));
    }
    if (res->_slot != SLOT_NONE) {
        slot_is_wrong(res, res->_slot);
    }
}

static void choose(fhir_resource_t *res, uint64_t bits, const base_span_t *text)
{
    for (uint64_t left = bits; left != 0; left &= left - 1) {
        base_span_t wanted = watch_of(res, lowest(left))->place->steps.filter_value;
        fhir_fact_t fact = FHIR_UNKNOWN;

        if (text != NULL) {
            fact = base_span_eq(*text, wanted) ? FHIR_MET : FHIR_NOT_MET;
        }
        res->_matches[lowest(left)].filter = (unsigned char) fact;
    }
}

static void test_string(fhir_resource_t *res, fhir_leaf_json_t json, base_span_t text)
{
    for (uint64_t left = res->_strings; left != 0; left &= left - 1) {
        const fhir_watch_t *watch = watch_of(res, lowest(left));

        if (is_test(watch)) {
            test_value(res, lowest(left), json, text);
        } else {
            note(res, left & (0 - left), fhir_watch_test(watch->kind)->string(watch, text));
        }
    }
    choose(res, res->_choosing, &text);
}

static void string_begin(fhir_resource_t *res, uint64_t bits, unsigned step, bool element)
{
    uint64_t ending = that_end(res, of_shape(res, bits, step, element), step);

    note(res, bits & ~ending, FHIR_UNKNOWN);
    if (res->_slot == SLOT_META) {
        slot_is_wrong(res, res->_slot);
    }
    res->_strings = ending;
    res->_choosing = element ? 0 : res->_filters;
    res->_text = text_of(res, res->_slot);
    res->_value_n = 0;
}

/* Nobody can say what is longer than the buffer. */
static void give_up(fhir_resource_t *res)
{
    note(res, res->_strings, FHIR_UNKNOWN);
    choose(res, res->_choosing, NULL);
    res->_strings = 0;
    res->_choosing = 0;
}

/* A string or number in one part is tested where it stands, another in the buffer. */
static void value_part(fhir_resource_t *res, fhir_leaf_json_t json, bool whole)
{
    base_span_t part = res->_json->text;
    base_span_t text = part;

    if ((res->_strings | res->_choosing) != 0 && (!whole || part.n > FHIR_VALUE_MAX)) {
        if (part.n > FHIR_VALUE_MAX - res->_value_n) {
            give_up(res);
        } else if (part.n > 0) {
            memcpy(res->_value + res->_value_n, part.p, part.n);
            res->_value_n += part.n;
        }
        text = base_span_make(res->_value, res->_value_n);
    }
    if (res->_json->last) {
        test_string(res, json, text);
    }
}

static void string_part(fhir_resource_t *res, bool whole)
{
    if (res->_text != NULL) {
        fhir_text_add(res->_text, res->_json->text);
    }
    value_part(res, FHIR_LEAF_STRING, whole);
    if (res->_json->last && res->_slot == SLOT_TYPE) {
        type_read(res);
    }
}

static void pop(fhir_resource_t *res)
{
    const fhir_frame_t *frame = &res->_frames[--res->_frames_n];

    if (!frame->array && frame->bits != 0) {
        end_tests(res, frame->bits, frame->step);
    }
    res->_done = res->_frames_n == 0;
}

/* An event of a value: of the member whose name was just read, or an element of an array. */
static void take_value(fhir_resource_t *res, base_json_event_t event, bool first_part)
{
    const fhir_frame_t *frame = &res->_frames[res->_frames_n - 1];
    bool element = frame->array;
    uint64_t bits = element ? frame->bits : res->_next;
    unsigned step = frame->step;

    if (element) {
        res->_slot = SLOT_NONE;
    } else if (event != BASE_JSON_STRING) {
        /* Only a string can say which objects count. */
        choose(res, res->_filters, NULL);
    }
    switch (event) {
    case BASE_JSON_OBJECT:
        take_object(res, bits, step, element);
        break;
    case BASE_JSON_ARRAY:
        take_array(res, bits, step, element);
        break;
    case BASE_JSON_STRING:
        if (first_part) {
            string_begin(res, bits, step, element);
        }
        string_part(res, first_part && res->_json->last);
        break;
    default:
        if (first_part) {
            take_scalar(res, event, bits, step, element);
        }
        if (event == BASE_JSON_NUMBER) {
            value_part(res, FHIR_LEAF_NUMBER, first_part && res->_json->last);
        }
        break;
    }
}

/* The value itself must be an object. */
static bool take_first(fhir_resource_t *res, base_json_event_t event)
{
    if (event != BASE_JSON_OBJECT) {
        res->_reason = BASE_JSON_SYNTAX;
        res->_done = true;
        return true;
    }
    res->_frames_n = 1;
    return false;
}

bool fhir_resource_take(fhir_resource_t *res, base_json_event_t event)
{
    bool first_part = !res->_in_value;

    if (event == BASE_JSON_STRING || event == BASE_JSON_NUMBER) {
        res->_in_value = !res->_json->last;
    }
    if (res->_done) {
        return true;
    }
    if (res->_frames_n == 0) {
        return take_first(res, event);
    }
    if (event == BASE_JSON_OBJECT_END || event == BASE_JSON_ARRAY_END) {
        pop(res);
    } else if (event == BASE_JSON_KEY) {
        take_key(res);
    } else {
        take_value(res, event, first_part);
    }
    return res->_done;
}

void fhir_resource_begin(fhir_resource_t *res, base_json_t *json, const fhir_definitions_t *defs,
                         fhir_lens_lookup_pt lookup, void *ctx, const fhir_type_t *known)
{
    memset(res, 0, offsetof(fhir_resource_t, _key));
    res->_json = json;
    res->_defs = defs;
    res->_lookup = lookup;
    res->_ctx = ctx;
    res->_known = known;
    if (known != NULL && lookup != NULL) {
        use_lens(res, lookup(ctx, known));
    }
}

void fhir_resource_begin_typed(fhir_resource_t *res, base_json_t *json,
                               const fhir_definitions_t *defs, fhir_lens_lookup_pt lookup,
                               void *ctx, const fhir_text_t *type_name)
{
    fhir_resource_begin(res, json, defs, lookup, ctx, NULL);
    res->_frames_n = 1;
    res->_facts.type_name = *type_name;
    type_read(res);
}

void fhir_resource_start(fhir_resource_t *res, const fhir_definitions_t *defs,
                         fhir_lens_lookup_pt lookup, void *ctx, const fhir_type_t *known,
                         uint64_t *hashes, size_t hashes_max)
{
    fhir_resource_begin(res, &res->_own, defs, lookup, ctx, known);
    res->_fold = true;
    base_json_init(&res->_own, BASE_JSON_STRICT | BASE_JSON_FOLD, BASE_JSON_DEPTH_MAX, hashes,
                   hashes_max);
}

void fhir_resource_start_again(fhir_resource_t *res, const fhir_definitions_t *defs,
                               fhir_lens_lookup_pt lookup, void *ctx, const fhir_type_t *known)
{
    fhir_resource_begin(res, &res->_own, defs, lookup, ctx, known);
    res->_fold = true;
    base_json_init(&res->_own, 0, BASE_JSON_DEPTH_MAX, NULL, 0);
}

base_reason_t fhir_resource_feed(fhir_resource_t *res, base_span_t bytes)
{
    base_json_event_t event;

    while (res->_reason == BASE_OK &&
           (event = base_json_next(&res->_own, &bytes)) != BASE_JSON_MORE) {
        if (event == BASE_JSON_ERROR) {
            res->_reason = res->_own.reason;
        } else {
            (void) fhir_resource_take(res, event);
        }
    }
    return res->_reason;
}

base_reason_t fhir_resource_facts(fhir_resource_t *res, fhir_facts_t *facts)
{
    if (res->_reason == BASE_OK && !res->_done) {
        res->_reason = BASE_JSON_TRUNCATED;
    }
    if (!res->_typed || res->_facts.type_late || res->_facts.type_conflict) {
        res->_facts._unknown = UINT64_MAX;
    }
    *facts = res->_facts;
    return res->_reason;
}

base_reason_t fhir_resource_end(fhir_resource_t *res, fhir_facts_t *facts)
{
    base_reason_t reason = base_json_finish(&res->_own);

    if (res->_reason == BASE_OK) {
        res->_reason = reason;
    }
    return fhir_resource_facts(res, facts);
}

base_reason_t fhir_resource_read(base_span_t bytes, const fhir_definitions_t *defs,
                                 fhir_lens_lookup_pt lookup, void *ctx, uint64_t *hashes,
                                 size_t hashes_max, fhir_facts_t *facts)
{
    const fhir_type_t *known = NULL;
    base_reason_t reason;

    do {
        fhir_resource_t res;

        fhir_resource_start(&res, defs, lookup, ctx, known, hashes, hashes_max);
        (void) fhir_resource_feed(&res, bytes);
        reason = fhir_resource_end(&res, facts);
        known = facts->type;
    } while (reason == BASE_OK && facts->type_late);
    return reason;
}
