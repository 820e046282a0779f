#include "smart/smart_judge_own.h"

#include "smart/smart_batch.h"
#include "smart/smart_media.h"
#include "smart/smart_parameters.h"

#include <string.h>

/*
 * Never sent on: what would make another request of the one that was judged. X-Provenance has the server create a second resource
 * beside it (R4 provenance.html#header); X-Cascade has HAPI delete what refers to it, X-Rewrite-History replace an old version.
 */
static const char *const never_sent[] = {
    "x-http-method-override", "x-http-method", "x-method-override",
    "x-provenance",           "x-cascade",     "x-rewrite-history"};

/* D9, B14: so that the answer comes whole, fresh, uncoded and as JSON. */
static const char *const unsent_under_check[] = {
    "if-none-match", "if-modified-since", "if-match",       "if-unmodified-since",
    "range",         "if-range",          "accept-encoding"};

/* B14, of a write, whose preconditions are the client's, or become ours (L13). */
static const char *const unsent_with_write[] = {"if-modified-since", "range", "if-range",
                                                "accept-encoding"};

void smart_judge_edit_header(smart_judge_t *judge, const char *name, base_span_t value)
{
    smart_header_edit_t *edit = &judge->_edits.header[judge->_edits.header_n];

    if (judge->_edits.header_n == SMART_HEADER_EDITS_MAX) {
        judge->_verdict.reason = BASE_INTERNAL;
        return;
    }
    edit->name = name;
    edit->value = value;
    judge->_edits.header_n++;
}

static void drop_headers(smart_judge_t *judge, const char *const *names, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        smart_judge_edit_header(judge, names[i], base_span_make(NULL, 0));
    }
}

bool smart_judge_is_form_search(const smart_judge_t *judge)
{
    fhir_shape_t shape = judge->_request.shape;

    return judge->_request.method == FHIR_POST &&
           (shape == FHIR_SHAPE_SEARCH_TYPE || shape == FHIR_SHAPE_SEARCH_SYSTEM ||
            shape == FHIR_SHAPE_COMPARTMENT_SEARCH || shape == FHIR_SHAPE_COMPARTMENT_ALL_SEARCH);
}

/* B14: _format overrides Accept. Under a check both go, and JSON is asked for: 406 where that was not admitted. */
base_reason_t smart_judge_ask_for_json(smart_judge_t *judge)
{
    fhir_item_t *item;
    size_t at = 0;
    bool said = false;

    while ((item = fhir_query_find(&judge->_request.query, BASE_SPAN("_format"), &at)) != NULL) {
        if (!smart_media_format_is_json(item->value)) {
            return BASE_NOT_ACCEPTABLE;
        }
        said = true;
        fhir_query_remove(&judge->_request.query, item);
    }
    if (!said && !smart_media_admits_json(judge->_message.accept)) {
        return BASE_NOT_ACCEPTABLE;
    }
    smart_judge_edit_header(judge, "accept", BASE_SPAN("application/fhir+json"));
    return BASE_OK;
}

/* L5: what the query does not say already. It goes where the client's own go (L11). */
static base_reason_t append(smart_judge_t *judge, const smart_narrowing_item_t *item)
{
    return smart_narrowing_append(item, &judge->_request.query,
                                  smart_judge_is_form_search(judge) ? FHIR_FROM_FORM
                                                                    : FHIR_FROM_URL);
}

/* C11: the types by name, unless the query lists just these, or they are all there are. */
base_reason_t smart_judge_say_types(smart_judge_t *judge, smart_check_t *check)
{
    const fhir_definitions_t *definitions = judge->_policy->definitions;
    smart_narrowing_item_t *item = base_arena_alloc(judge->_arena, sizeof(*item));
    unsigned char *text = base_arena_alloc(judge->_arena, (size_t) definitions->n_types * 64);
    size_t n = 0, length;
    unsigned i;

    if (item == NULL || text == NULL) {
        return BASE_NO_MEMORY;
    }
    for (i = 0; i < definitions->n_types; i++) {
        if (!fhir_type_set_has(&check->types, &definitions->types[i])) {
            continue;
        }
        length = strlen(definitions->types[i].name);
        if (n > 0) {
            text[n++] = ',';
        }
        memcpy(text + n, definitions->types[i].name, length);
        n += length;
    }
    item->name = BASE_SPAN("_type");
    item->value = base_span_make(text, n);
    /* Confined grants cover only a part of each type. */
    check->narrowing =
        (smart_narrowing_t){item, 1, !smart_grants_are_confined(check->grants) && !check->page};
    return BASE_OK;
}

/* True when the query's only _type lists the same types, in whatever order. */
static bool types_said(const smart_judge_t *judge, const smart_check_t *check,
                       const fhir_item_t **only)
{
    const fhir_item_t *item;
    fhir_type_set_t listed;
    size_t at = 0, n = 0;

    while ((item = fhir_query_find(&judge->_request.query, BASE_SPAN("_type"), &at)) != NULL) {
        *only = item;
        n++;
    }
    return n == 1 && fhir_use_types(judge->_policy->definitions, (*only)->value, &listed) &&
           memcmp(&listed, &check->types, sizeof(listed)) == 0;
}

static base_reason_t narrow_types(smart_judge_t *judge, smart_check_t *check)
{
    base_reason_t reason = smart_judge_say_types(judge, check);
    smart_narrowing_item_t *item = (smart_narrowing_item_t *) check->narrowing.item;
    const fhir_item_t *only = NULL;
    fhir_item_t *said;
    size_t at = 0;

    if (reason != BASE_OK) {
        return reason;
    }
    if (types_said(judge, check, &only)) {
        item->value = only->value;
        return BASE_OK;
    }
    while ((said = fhir_query_find(&judge->_request.query, BASE_SPAN("_type"), &at)) != NULL) {
        fhir_query_remove(&judge->_request.query, said);
    }
    return append(judge, item);
}

/* L5, L6: what a narrowing lets through besides is cut out of the answer; of a count nothing can be cut out. */
static base_reason_t narrow(smart_judge_t *judge)
{
    smart_check_t *check = &judge->_verdict.check[0];
    base_reason_t reason = BASE_OK;
    size_t i;

    if (check->cover.type == NULL) {
        return narrow_types(judge, check);
    }
    if (!smart_narrowing_make(&check->cover, judge->_policy->definitions, &judge->_request.query,
                              judge->_arena, &check->narrowing)) {
        return BASE_NO_MEMORY;
    }
    /* L20: which page it is says the server's parameter alone; what is appended may go by unheard, and be told in link[self] all the same. */
    check->narrowing.sound = check->narrowing.sound && !check->page;
    if (check->counts && !check->narrowing.sound) {
        return BASE_NOT_NARROWABLE;
    }
    for (i = 0; reason == BASE_OK && i < check->narrowing.n; i++) {
        reason = append(judge, &check->narrowing.item[i]);
    }
    return reason;
}

/* C2: quietly, unless the client wants to be told. */
static base_reason_t filter(smart_judge_t *judge)
{
    if (smart_media_prefers_strict(judge->_message.prefer)) {
        return BASE_SCOPE_MISSING;
    }
    smart_parameters_filter(judge->_grants, judge->_policy, judge->_request.type,
                            &judge->_request.query);
    return BASE_OK;
}

/* L7: what the check looks at must be in the answer. */
static base_reason_t open_answer(smart_judge_t *judge)
{
    const smart_check_t *check = &judge->_verdict.check[0];
    const smart_watch_t *watch;
    bool mixed =
        check->includes || check->cover.type == NULL || check->by_targets || check->target_n > 0;

    if (mixed) {
        return smart_parameters_open(NULL, true, judge->_arena, &judge->_request.query);
    }
    watch = smart_cover_watch(&check->cover, 1, judge->_arena);
    return watch == NULL ? BASE_NO_MEMORY
                         : smart_parameters_open(smart_watch_lens(watch), false, judge->_arena,
                                                 &judge->_request.query);
}

/* What is not sent on of the client's preferences: an answer elsewhere and later (B9), and, without r, any representation (B4). */
static bool is_preference_unsent(const smart_judge_t *judge, base_span_t preference)
{
    return (smart_media_prefers_async(preference) && !smart_judge_is_kickoff(judge)) ||
           (smart_verdict_obliges(&judge->_verdict, SMART_MINIMAL) &&
            smart_media_prefers_return(preference));
}

static base_reason_t edit_prefer(smart_judge_t *judge)
{
    bool minimal = smart_verdict_obliges(&judge->_verdict, SMART_MINIMAL);
    base_span_t rest = judge->_message.prefer, part, said = BASE_SPAN("return=minimal");
    unsigned char *out, *at;

    if (rest.p == NULL && !minimal) {
        return BASE_OK;
    }
    out = at = base_arena_alloc(judge->_arena, rest.n + said.n + 2);
    if (out == NULL) {
        return BASE_NO_MEMORY;
    }
    if (minimal) {
        memcpy(at, said.p, said.n);
        at += said.n;
    }
    while (rest.p != NULL) {
        part = base_span_split(&rest, ',');
        if (is_preference_unsent(judge, part)) {
            continue;
        }
        if (at > out) {
            *at++ = ',';
        }
        if (part.n > 0) {
            memcpy(at, part.p, part.n);
            at += part.n;
        }
    }
    if (minimal || (size_t) (at - out) != judge->_message.prefer.n) {
        smart_judge_edit_header(judge, "prefer",
                                at > out ? base_span_make(out, (size_t) (at - out))
                                         : base_span_make(NULL, 0));
    }
    return BASE_OK;
}

/* D9: conditions of a read are answered once it is known that there is something to see. */
static void keep_conditions(smart_judge_t *judge)
{
    size_t i;

    for (i = 0; i < judge->_verdict.check_n; i++) {
        if (judge->_verdict.check[i].kind == SMART_CHECK_INSTANCE) {
            judge->_verdict.check[i].if_none_match = judge->_message.fhir.if_none_match;
            judge->_verdict.check[i].if_modified_since = judge->_message.if_modified_since;
        }
    }
}

bool smart_judge_is_write(const smart_judge_t *judge)
{
    return smart_write_kind(judge->_request.row->interaction) != NULL;
}

void smart_judge_drop_conditions(smart_judge_t *judge)
{
    drop_headers(judge, unsent_under_check,
                 sizeof(unsent_under_check) / sizeof(unsent_under_check[0]));
}

static base_reason_t shape_for_check(smart_judge_t *judge)
{
    base_reason_t reason = smart_judge_ask_for_json(judge);

    keep_conditions(judge);
    smart_judge_drop_conditions(judge);
    if (judge->_request.head) {
        judge->_edits.method = BASE_SPAN("GET");
    }
    return reason == BASE_OK && !judge->_verdict.check[0].complete ? open_answer(judge) : reason;
}

/* JSON was asked for before the criteria were; what comes back is looked at as a whole. */
static void shape_write(smart_judge_t *judge)
{
    const smart_write_t *write = &judge->_write;

    drop_headers(judge, unsent_with_write,
                 sizeof(unsent_with_write) / sizeof(unsent_with_write[0]));
    if (write->if_match.p != NULL) {
        smart_judge_edit_header(judge, "if-match", write->if_match);
    }
    if (write->must_be_new) {
        smart_judge_edit_header(judge, "if-none-match", BASE_SPAN("*"));
    }
    if (write->none_exist.p != NULL) {
        smart_judge_edit_header(judge, "if-none-exist", write->none_exist);
    }
}

static base_reason_t write_request(smart_judge_t *judge)
{
    smart_edits_t *edits = &judge->_edits;
    base_span_t query = judge->_message.fhir.query, form = judge->_message.fhir.form;
    base_reason_t reason = fhir_request_write(&judge->_request, judge->_arena, &edits->path,
                                              &edits->query, &judge->_form);

    if (edits->came.p == NULL) {
        edits->came = edits->path;
    }
    edits->query_changed = !base_span_eq(edits->query, query);
    edits->body = &judge->_form;
    edits->body_n = judge->_form.n > 0 ? 1 : 0;
    edits->body_changed = smart_judge_is_form_search(judge) && !base_span_eq(judge->_form, form);
    if (judge->_batch != NULL) {
        edits->body = smart_batch_body(judge->_batch, &edits->body_n);
        edits->body_changed = true;
    } else if (judge->_write.body_n > 0) {
        edits->body = judge->_write.body;
        edits->body_n = judge->_write.body_n;
        edits->body_changed = true;
    }
    if (judge->_sent_body.p != NULL) {
        edits->body = &judge->_sent_body;
        edits->body_n = 1;
        edits->body_changed = true;
    }
    if (judge->_link != NULL) {
        smart_judge_edit_link(judge);
    }
    return reason;
}

base_span_t smart_edits_body(const smart_edits_t *edits, base_arena_t *arena)
{
    unsigned char *text;
    size_t i, n = 0;

    if (edits->body_n <= 1) {
        return edits->body_n == 0 ? base_span_make(NULL, 0) : edits->body[0];
    }
    for (i = 0; i < edits->body_n; i++) {
        n += edits->body[i].n;
    }
    text = base_arena_scratch(arena, n, 1);
    if (text == NULL) {
        return base_span_make(NULL, 0);
    }
    for (n = i = 0; i < edits->body_n; n += edits->body[i].n, i++) {
        memcpy(text + n, edits->body[i].p, edits->body[i].n);
    }
    return base_span_make(text, n);
}

/* Makes of a yes what is sent. */
base_reason_t smart_judge_prepare(smart_judge_t *judge)
{
    base_reason_t reason = BASE_OK;

    judge->_edits.method = judge->_message.fhir.method;
    drop_headers(judge, never_sent, sizeof(never_sent) / sizeof(never_sent[0]));
    if (judge->_link != NULL) {
        reason = smart_judge_shape_link(judge);
    } else if (smart_judge_is_kickoff(judge)) {
        reason = smart_judge_shape_kickoff(judge);
    } else if (smart_judge_is_write(judge)) {
        shape_write(judge);
    } else if (smart_verdict_obliges(&judge->_verdict, SMART_RESPONSE)) {
        reason = shape_for_check(judge);
    }
    if (reason == BASE_OK && smart_verdict_obliges(&judge->_verdict, SMART_FILTER)) {
        reason = filter(judge);
    }
    if (reason == BASE_OK && !smart_judge_is_write(judge) && !smart_judge_is_kickoff(judge) &&
        smart_verdict_obliges(&judge->_verdict, SMART_NARROW)) {
        reason = narrow(judge);
    }
    if (reason == BASE_OK) {
        reason = edit_prefer(judge);
    }
    return reason == BASE_OK ? write_request(judge) : reason;
}
