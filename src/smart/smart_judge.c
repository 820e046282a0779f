#include "smart/smart_judge_own.h"

#include "smart/smart_batch.h"
#include "smart/smart_body.h"
#include "smart/smart_decide.h"
#include "smart/smart_media.h"
#include "smart/smart_parameters.h"
#include "smart/smart_parameters_body.h"
#include "smart/smart_subscription.h"

#include <string.h>

static const smart_limits_t preset_limits = {500, 50, (size_t) 1 << 20, (size_t) 1 << 20};

static void refuse(smart_judge_t *judge, base_reason_t reason, const char *rule)
{
    judge->_verdict.reason = reason;
    judge->_verdict.rule = rule;
}

static const char *syntax_rule(base_reason_t reason)
{
    switch (reason) {
    case BASE_QUERY_SYNTAX:
    case BASE_QUERY_TOO_LARGE:
        return "C1";
    case BASE_CREDENTIALS_IN_QUERY:
        return "H2";
    case BASE_BODY_UNEXPECTED:
    case BASE_CONTENT_TYPE:
        return "L11";
    case BASE_WELL_KNOWN_SPELLING:
        return "G6";
    case BASE_METHOD_NOT_ALLOWED:
    case BASE_INTERACTION_REFUSED:
        return "B2";
    default:
        return "B0";
    }
}

static void parse(smart_judge_t *judge)
{
    judge->_syntax = fhir_request_parse(judge->_policy->definitions, &judge->_message.fhir,
                                        judge->_arena, &judge->_request);
    if (judge->_syntax != BASE_OK) {
        refuse(judge, judge->_syntax, syntax_rule(judge->_syntax));
    }
}

void smart_judge_start(smart_judge_t *judge, base_arena_t *arena, const smart_policy_t *policy,
                       const smart_base_t *base, const smart_message_t *message)
{
    memset(judge, 0, sizeof(*judge));
    judge->_arena = arena;
    judge->_policy = policy;
    judge->_base = base;
    judge->_message = *message;
    judge->_step = SMART_REFUSE;
    judge->_limits = preset_limits;
    smart_verdict_init(&judge->_verdict);
    parse(judge);
}

void smart_judge_start_entry(smart_judge_t *judge, base_arena_t *arena,
                             const smart_policy_t *policy, const smart_grants_t *grants,
                             const fhir_request_t *request, base_span_t resource)
{
    memset(judge, 0, sizeof(*judge));
    judge->_arena = arena;
    judge->_policy = policy;
    judge->_base = smart_grants_base(grants);
    judge->_grants = grants;
    judge->_request = *request;
    /* B5: it stands in a JSON body, so it is FHIR's JSON. */
    if (judge->_request.message.content_type.p == NULL) {
        judge->_request.message.content_type = BASE_SPAN("application/fhir+json");
    }
    judge->_message.fhir = judge->_request.message;
    judge->_body = resource.p == NULL ? BASE_SPAN("") : resource;
    judge->_step = SMART_REFUSE;
    judge->_limits = preset_limits;
    smart_verdict_init(&judge->_verdict);
}

void smart_judge_limits(smart_judge_t *judge, const smart_limits_t *limits)
{
    judge->_limits = *limits;
}

void smart_judge_sealer(smart_judge_t *judge, const smart_sealer_t *sealer)
{
    judge->_sealer = sealer;
}

bool smart_judge_needs_principal(const smart_judge_t *judge)
{
    if (judge->_syntax != BASE_OK) {
        return judge->_syntax != BASE_WELL_KNOWN_SPELLING && judge->_syntax != BASE_NOT_BELOW_BASE;
    }
    return !smart_decide_is_public(&judge->_request, judge->_policy);
}

void smart_judge_principal(smart_judge_t *judge, smart_principal_t *principal)
{
    judge->_grants = smart_grants_compile(principal, judge->_policy, judge->_base, judge->_arena);
    if (judge->_grants == NULL) {
        refuse(judge, BASE_NO_MEMORY, "L26");
        judge->_syntax = BASE_NO_MEMORY;
    }
}

/* B14: no version but the policy's is asked for or sent, checked or not. */
static base_reason_t judge_version(const smart_judge_t *judge)
{
    const fhir_definitions_t *definitions = judge->_policy->definitions;
    const fhir_item_t *item;
    size_t at = 0;

    if (smart_media_other_version(judge->_message.fhir.content_type, definitions)) {
        return BASE_VERSION_UNSUPPORTED;
    }
    if (smart_media_other_version(judge->_message.accept, definitions)) {
        return BASE_NOT_ACCEPTABLE;
    }
    while ((item = fhir_query_find(&judge->_request.query, BASE_SPAN("_format"), &at)) != NULL) {
        if (smart_media_other_version(item->value, definitions)) {
            return BASE_NOT_ACCEPTABLE;
        }
    }
    return BASE_OK;
}

static smart_step_t finish(smart_judge_t *judge)
{
    judge->_done = true;
    if (judge->_verdict.reason != BASE_OK) {
        judge->_step = SMART_REFUSE;
    } else {
        judge->_step = judge->_verdict.is_preflight ? SMART_ANSWER : SMART_SEND;
    }
    return judge->_step;
}

static smart_step_t prepare_and_finish(smart_judge_t *judge)
{
    base_reason_t reason = smart_judge_prepare(judge);

    if (reason != BASE_OK) {
        refuse(judge, reason,
               reason == BASE_NOT_ACCEPTABLE   ? "B14"
               : reason == BASE_NOT_NARROWABLE ? "L5"
               : reason == BASE_SCOPE_MISSING  ? "C2"
                                               : "L26");
    }
    return finish(judge);
}

static bool wants_body(const smart_judge_t *judge)
{
    if (judge->_body.p != NULL) {
        return false;
    }
    return smart_judge_is_form_search(judge) || smart_verdict_obliges(&judge->_verdict, SMART_BODY);
}

/* What is judged would not be what an upstream that decodes it reads (RFC 9110 section 8.4). */
static bool is_encoded(const smart_judge_t *judge)
{
    base_span_t coding = judge->_message.content_encoding;

    return coding.n > 0 && !base_span_is_nocase(coding, "identity");
}

/* The request itself; of an operation that takes a resource like a create, as if it were one. NULL: no memory. */
static fhir_request_t *as_create(smart_judge_t *judge)
{
    fhir_request_t *request = &judge->_request;

    if (judge->_verdict.body_is_resource) {
        request = base_arena_alloc(judge->_arena, sizeof(*request));
        if (request != NULL) {
            *request = judge->_request;
            request->row = fhir_interaction_match(FHIR_POST, FHIR_SHAPE_TYPE, false, false, false);
        }
    }
    return request;
}

static void judge_body(smart_judge_t *judge)
{
    base_span_t context = judge->_message.security_context;
    const fhir_request_t *request = as_create(judge);
    base_reason_t reason =
        request == NULL ? BASE_NO_MEMORY
                        : smart_body_judge(judge->_grants, request, judge->_policy->definitions,
                                           judge->_body, judge->_arena);

    /* B5: a reference of the resource, though it travels beside it. */
    if (reason == BASE_OK && base_span_find(context, '?') < context.n) {
        reason = BASE_CONDITIONAL_REFERENCE;
    }
    if (reason != BASE_OK) {
        refuse(judge, reason, reason == BASE_CONDITIONAL_REFERENCE ? "B5" : "B2");
        return;
    }
    if (smart_judge_is_write(judge) && fhir_type_is(judge->_request.type, "Subscription")) {
        reason = smart_subscription_judge(judge->_grants, judge->_policy, judge->_body,
                                          judge->_arena, &judge->_verdict.missing);
    }
    if (reason != BASE_OK) {
        refuse(judge, reason, "B13");
    }
}

/* B2 16: If-None-Exist is a search, as the query of the other conditional forms is. */
static base_reason_t judge_none_exist(smart_judge_t *judge)
{
    const fhir_type_t *type = judge->_request.type;
    base_span_t none = {NULL, 0}, text = judge->_message.fhir.if_none_exist;
    fhir_query_t *query = &judge->_none_exist;
    smart_parameters_t parameters;
    smart_cover_t cover;
    base_reason_t reason;

    if (judge->_request.row->interaction != FHIR_CREATE_CONDITIONAL) {
        return BASE_OK;
    }
    reason =
        fhir_query_parse(text.n > 0 && text.p[0] == '?' ? base_span_sub(text, 1, text.n) : text,
                         none, judge->_arena, query);
    if (reason != BASE_OK || query->n == 0) {
        return reason != BASE_OK ? reason : BASE_QUERY_SYNTAX;
    }
    cover = smart_grants_cover(judge->_grants, SMART_S, type);
    smart_parameters_judge(judge->_grants, judge->_policy, query, SMART_ASK_CRITERIA, type, &cover,
                           &parameters);
    judge->_verdict.missing = parameters.missing;
    return parameters.reason;
}

/* What the request says before anything else is looked at. */
static base_reason_t decide(smart_judge_t *judge)
{
    base_reason_t reason;

    if (judge->_request.row->interaction == FHIR_SEALED) {
        return smart_judge_open(judge);
    }
    smart_decide(judge->_grants, &judge->_request, judge->_policy, &judge->_verdict);
    if (judge->_verdict.reason != BASE_OK) {
        return judge->_verdict.reason;
    }
    reason = judge_version(judge);
    if (reason != BASE_OK) {
        refuse(judge, reason, "B14");
        return reason;
    }
    if (smart_judge_is_write(judge) && smart_verdict_obliges(&judge->_verdict, SMART_RESPONSE)) {
        reason = smart_judge_ask_for_json(judge);
        if (reason != BASE_OK) {
            refuse(judge, reason, "B14");
            return reason;
        }
    }
    reason = judge_none_exist(judge);
    if (reason != BASE_OK) {
        refuse(judge, reason, "L13");
        return reason;
    }
    reason = smart_judge_seal_pages(judge);
    if (reason != BASE_OK) {
        refuse(judge, reason, "L26");
    }
    return reason == BASE_OK && smart_judge_is_kickoff(judge) ? smart_judge_kickoff(judge) : reason;
}

/* The cover is not true, or what the criteria find must be looked at. */
static bool is_checked_write(const smart_judge_t *judge)
{
    const smart_write_kind_t *kind = smart_write_kind(judge->_request.row->interaction);
    smart_cover_t cover, search;

    if (kind == NULL) {
        return false;
    }
    cover = smart_grants_cover(judge->_grants, kind->letter, judge->_request.type);
    search = smart_grants_cover(judge->_grants, SMART_S, judge->_request.type);
    return !smart_cover_is_true(&cover) ||
           (judge->_request.conditional && !smart_cover_is_true(&search));
}

/* L13: a 412 to a precondition that the client did not send is a lost race. */
static void note_pinned(smart_judge_t *judge)
{
    const fhir_message_t *message = &judge->_message.fhir;
    size_t i;

    for (i = 0; i < judge->_verdict.check_n; i++) {
        judge->_verdict.check[i].pinned =
            message->if_match.p == NULL && message->if_none_match.p == NULL &&
            (judge->_write.if_match.p != NULL || judge->_write.must_be_new);
    }
}

static smart_step_t next_of_write(smart_judge_t *judge)
{
    smart_write_t *write = &judge->_write;

    judge->_step = smart_write_next(write);
    if (judge->_step == SMART_WANT_READ && write->reads > judge->_limits.preread_max) {
        refuse(judge, BASE_PREREAD_TOO_MANY, "L26");
        return finish(judge);
    }
    if (judge->_step == SMART_WANT_READ) {
        judge->_read = write->read;
        return judge->_step;
    }
    if (judge->_step != SMART_SEND) {
        refuse(judge, write->reason, write->rule);
        return finish(judge);
    }
    note_pinned(judge);
    return prepare_and_finish(judge);
}

static smart_step_t start_write(smart_judge_t *judge)
{
    fhir_request_t *request = as_create(judge);

    if (request == NULL) {
        refuse(judge, BASE_NO_MEMORY, "L26");
        return finish(judge);
    }
    judge->_writing = true;
    judge->_edits.came = judge->_request.path;
    smart_write_start(&judge->_write, judge->_arena, judge->_grants, judge->_policy, request,
                      &judge->_none_exist, judge->_body, judge->_limits.read_buffer);
    return next_of_write(judge);
}

/* What the entries are judged to be becomes the whole's. */
static smart_step_t next_of_batch(smart_judge_t *judge)
{
    const smart_batch_refusal_t *refusal;
    const smart_check_t *check;

    judge->_step = smart_batch_next(judge->_batch);
    if (judge->_step == SMART_WANT_READ) {
        judge->_read = *smart_batch_read(judge->_batch);
        return judge->_step;
    }
    if (judge->_step != SMART_SEND) {
        refusal = smart_batch_refusal(judge->_batch);
        refuse(judge, refusal->reason, refusal->rule);
        judge->_verdict.missing = refusal->missing;
        return finish(judge);
    }
    check = smart_batch_check(judge->_batch);
    if (check->kind != SMART_CHECK_NONE) {
        judge->_verdict.check[judge->_verdict.check_n++] = *check;
        judge->_verdict.obligations |= SMART_RESPONSE;
    }
    if (smart_batch_is_minimal(judge->_batch)) {
        judge->_verdict.obligations |= SMART_MINIMAL;
    }
    return prepare_and_finish(judge);
}

static smart_step_t start_batch(smart_judge_t *judge)
{
    base_span_t media = judge->_message.fhir.content_type;
    base_reason_t reason = BASE_CONTENT_TYPE;

    if (smart_media_is_json(media) && base_span_find(media, ',') == media.n) {
        judge->_batch = smart_batch_new(judge->_arena, judge->_grants, judge->_policy,
                                        &judge->_limits, judge->_body, &reason);
    }
    if (judge->_batch == NULL) {
        refuse(judge, reason, reason == BASE_INTERACTION_REFUSED ? "B2" : "B5");
        return finish(judge);
    }
    return next_of_batch(judge);
}

/* Of these a tree or a list is made; all else is read as it lies there. */
size_t smart_judge_body_max(const smart_judge_t *judge)
{
    fhir_interaction_t interaction = judge->_request.row->interaction;

    return smart_judge_is_form_search(judge) || interaction == FHIR_PATCH ||
                   interaction == FHIR_PATCH_CONDITIONAL || judge->_verdict.takes_parameters
               ? judge->_limits.body_buffer
               : SIZE_MAX;
}

static smart_step_t want_body(smart_judge_t *judge)
{
    if (is_encoded(judge)) {
        refuse(judge, BASE_CONTENT_TYPE, "L11");
        return finish(judge);
    }
    judge->_step = SMART_WANT_BODY;
    return judge->_step;
}

static smart_step_t next_of_lookup(smart_judge_t *judge)
{
    smart_lookup_t *lookup = &judge->_lookup;
    base_reason_t reason;

    judge->_step = smart_lookup_next(lookup);
    if (judge->_step == SMART_WANT_READ && lookup->reads > judge->_limits.preread_max) {
        refuse(judge, BASE_PREREAD_TOO_MANY, "L26");
        return finish(judge);
    }
    if (judge->_step == SMART_WANT_READ) {
        judge->_read = lookup->read;
        return judge->_step;
    }
    if (judge->_step != SMART_SEND) {
        refuse(judge, lookup->reason, lookup->rule);
        return finish(judge);
    }
    judge->_write.if_match = lookup->if_match;
    judge->_write.must_be_new = lookup->must_be_new;
    note_pinned(judge);
    reason = smart_lookup_apply(lookup, &judge->_request,
                                smart_judge_is_form_search(judge) ? FHIR_FROM_FORM : FHIR_FROM_URL,
                                &judge->_verdict);
    if (reason != BASE_OK) {
        refuse(judge, reason, "L26");
        return finish(judge);
    }
    return prepare_and_finish(judge);
}

static smart_step_t start_lookup(smart_judge_t *judge)
{
    judge->_looking = true;
    smart_lookup_start(&judge->_lookup, judge->_arena, judge->_grants, judge->_policy,
                       &judge->_request, judge->_verdict.lookups, judge->_limits.read_buffer);
    smart_lookup_context(&judge->_lookup, judge->_message.security_context, judge->_body);
    return next_of_lookup(judge);
}

/* B6, B8: Parameters of the body are judged as the query is. */
static smart_step_t take_parameters(smart_judge_t *judge)
{
    base_span_t media = judge->_message.fhir.content_type;
    base_reason_t reason = BASE_OK;

    if (judge->_body.n > 0) {
        reason = smart_media_is_json(media) && base_span_find(media, ',') == media.n
                     ? smart_parameters_body_read(judge->_body, judge->_arena,
                                                  &judge->_request.query, &judge->_place)
                     : BASE_CONTENT_TYPE;
    }
    if (reason != BASE_OK) {
        refuse(judge, reason, reason == BASE_CONTENT_TYPE ? "L11" : "B6");
        return finish(judge);
    }
    judge->_request.parameters_pending = judge->_decided = false;
    return smart_judge_next(judge);
}

smart_step_t smart_judge_next(smart_judge_t *judge)
{
    if (judge->_done || judge->_syntax != BASE_OK) {
        return finish(judge);
    }
    if (judge->_looking) {
        return next_of_lookup(judge);
    }
    if (judge->_batch != NULL) {
        return next_of_batch(judge);
    }
    if (judge->_writing) {
        return next_of_write(judge);
    }
    if (!judge->_decided && decide(judge) != BASE_OK) {
        return finish(judge);
    }
    judge->_decided = true;
    if (wants_body(judge)) {
        return want_body(judge);
    }
    if (judge->_body.n > smart_judge_body_max(judge)) {
        refuse(judge, BASE_BODY_TOO_LARGE, "L26");
        return finish(judge);
    }
    if (judge->_request.row->interaction == FHIR_BATCH) {
        return start_batch(judge);
    }
    if (judge->_verdict.takes_parameters) {
        return take_parameters(judge);
    }
    if (smart_verdict_obliges(&judge->_verdict, SMART_BODY)) {
        judge_body(judge);
    }
    if (judge->_verdict.reason != BASE_OK) {
        return finish(judge);
    }
    if (judge->_verdict.lookups != 0) {
        return start_lookup(judge);
    }
    return judge->_verdict.submits || is_checked_write(judge) ? start_write(judge)
                                                              : prepare_and_finish(judge);
}

/* Of a _search the request is read anew: parameters of URL and form are one multiset (L11). */
void smart_judge_body(smart_judge_t *judge, base_span_t body)
{
    if (judge->_step != SMART_WANT_BODY || judge->_done) {
        return;
    }
    judge->_body = body.p == NULL ? BASE_SPAN("") : body;
    if (smart_judge_is_form_search(judge)) {
        judge->_message.fhir.form = judge->_body;
        judge->_decided = false;
        parse(judge);
    }
}

const smart_read_t *smart_judge_read(const smart_judge_t *judge)
{
    return &judge->_read;
}

bool smart_judge_read_head(smart_judge_t *judge, const smart_read_head_t *head)
{
    return judge->_read.into != NULL && smart_stored_head(judge->_read.into, head);
}

bool smart_judge_read_feed(smart_judge_t *judge, base_span_t bytes)
{
    return judge->_read.into != NULL && smart_stored_feed(judge->_read.into, bytes);
}

void smart_judge_read_end(smart_judge_t *judge, base_reason_t reason)
{
    if (judge->_read.into != NULL) {
        smart_stored_end(judge->_read.into, reason);
    }
}

const smart_verdict_t *smart_judge_verdict(const smart_judge_t *judge)
{
    return &judge->_verdict;
}

const smart_edits_t *smart_judge_edits(const smart_judge_t *judge)
{
    return &judge->_edits;
}

const smart_grants_t *smart_judge_grants(const smart_judge_t *judge)
{
    return judge->_grants;
}

const fhir_request_t *smart_judge_request(const smart_judge_t *judge)
{
    return judge->_syntax == BASE_OK ? &judge->_request : NULL;
}
