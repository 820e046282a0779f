#include "smart/smart_judge_own.h"

#include "smart/smart_media.h"
#include "smart/smart_parameters.h"

#include <string.h>

static base_reason_t refuse(smart_judge_t *judge, base_reason_t reason, const char *rule)
{
    judge->_verdict.reason = reason;
    judge->_verdict.rule = rule;
    return reason;
}

bool smart_judge_is_kickoff(const smart_judge_t *judge)
{
    return judge->_verdict.check_n == 1 && judge->_verdict.check[0].kind == SMART_CHECK_KICKOFF;
}

/* A filter begins with its type: "Observation?"; other commas belong to its values. */
static bool begins_filter(base_span_t text)
{
    size_t question = base_span_find(text, '?'), i;

    for (i = 0; i < question && i < text.n; i++) {
        if ((text.p[i] | 0x20) < 'a' || (text.p[i] | 0x20) > 'z') {
            return false;
        }
    }
    return question > 0 && question < text.n;
}

/* The next filter of a list, up to the comma before another; *rest absent: it was the last. */
static base_span_t next_filter(base_span_t *rest)
{
    base_span_t all = *rest, tail;
    size_t at;

    for (at = base_span_find(all, ','); at < all.n;
         at += 1 + base_span_find(base_span_sub(all, at + 1, all.n), ',')) {
        tail = base_span_sub(all, at + 1, all.n);
        if (begins_filter(tail)) {
            *rest = tail;
            return base_span_sub(all, 0, at);
        }
    }
    *rest = base_span_make(NULL, 0);
    return all;
}

/* B8: a search of a type that is exported, which brings nothing in. */
static base_reason_t judge_filter(smart_judge_t *judge, base_span_t filter)
{
    const base_span_t none = {NULL, 0};
    size_t question = base_span_find(filter, '?');
    const fhir_type_t *type =
        fhir_type_find(judge->_policy->definitions, base_span_sub(filter, 0, question));
    smart_parameters_t parameters;
    smart_cover_t cover;
    fhir_query_t query;
    base_reason_t reason;

    if (question == filter.n || type == NULL ||
        !fhir_type_set_has(&judge->_verdict.check[0].types, type)) {
        return BASE_PARAMETER_REFUSED;
    }
    reason = fhir_query_parse(base_span_sub(filter, question + 1, filter.n), none, judge->_arena,
                              &query);
    if (reason != BASE_OK) {
        return reason;
    }
    cover = smart_grants_cover(judge->_grants, SMART_S, type);
    smart_parameters_judge(judge->_grants, judge->_policy, &query, SMART_ASK_SEARCH, type, &cover,
                           &parameters);
    judge->_verdict.missing = parameters.missing;
    if (parameters.reason != BASE_OK) {
        return parameters.reason;
    }
    return parameters.includes || parameters.dropped || parameters.page || parameters.lists
               ? BASE_PARAMETER_REFUSED
               : BASE_OK;
}

static base_reason_t judge_filters(smart_judge_t *judge)
{
    base_reason_t reason = BASE_OK;
    const fhir_item_t *item;
    base_span_t rest;
    size_t at = 0;

    while (reason == BASE_OK && (item = fhir_query_find(&judge->_request.query,
                                                        BASE_SPAN("_typeFilter"), &at)) != NULL) {
        rest = item->value.p == NULL ? BASE_SPAN("") : item->value;
        while (reason == BASE_OK && rest.p != NULL) {
            reason = judge_filter(judge, next_filter(&rest));
        }
    }
    return reason;
}

/* B14: lines of JSON are what can be judged. A '+' that was decoded to a space is understood. */
static base_reason_t judge_format(const smart_judge_t *judge)
{
    static const char *const lines[] = {"application/fhir+ndjson", "application/fhir ndjson",
                                        "application/ndjson", "ndjson"};
    const fhir_item_t *item;
    size_t at = 0, i;

    while ((item = fhir_query_find(&judge->_request.query, BASE_SPAN("_outputFormat"), &at)) !=
           NULL) {
        for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
            if (base_span_is_nocase(item->value, lines[i])) {
                break;
            }
        }
        if (i == sizeof(lines) / sizeof(lines[0])) {
            return BASE_NOT_ACCEPTABLE;
        }
    }
    return BASE_OK;
}

/* L21: what every link of this job says. */
static base_reason_t bind_links(smart_judge_t *judge)
{
    smart_check_t *check = &judge->_verdict.check[0];
    smart_link_t *link = base_arena_alloc(judge->_arena, sizeof(*link));

    if (link == NULL) {
        return BASE_NO_MEMORY;
    }
    smart_link_bind(link, judge->_grants, judge->_sealer);
    link->types = check->types;
    check->link = link;
    check->sealer = judge->_sealer;
    return BASE_OK;
}

/* Without a sealer, as within a batch (B5), there is no way back to the job. */
base_reason_t smart_judge_kickoff(smart_judge_t *judge)
{
    base_reason_t reason = judge_filters(judge);

    if (reason != BASE_OK) {
        return refuse(judge, reason, "B8");
    }
    reason = judge_format(judge);
    if (reason != BASE_OK) {
        return refuse(judge, reason, "B14");
    }
    reason = judge->_sealer == NULL ? BASE_OPERATION_REFUSED : bind_links(judge);
    return reason == BASE_OK ? reason : refuse(judge, reason, "L21");
}

/* C11: where the client's own parameters are. */
static base_reason_t say_types(smart_judge_t *judge)
{
    smart_check_t *check = &judge->_verdict.check[0];
    base_reason_t reason = smart_judge_say_types(judge, check);

    if (reason != BASE_OK || judge->_body.n == 0) {
        return reason == BASE_OK ? smart_narrowing_append(check->narrowing.item,
                                                          &judge->_request.query, FHIR_FROM_URL)
                                 : reason;
    }
    judge->_sent_body = smart_parameters_body_add(judge->_body, &judge->_place, "_type",
                                                  check->narrowing.item->value, judge->_arena);
    return judge->_sent_body.p == NULL ? BASE_NO_MEMORY : BASE_OK;
}

base_reason_t smart_judge_shape_kickoff(smart_judge_t *judge)
{
    base_reason_t reason = smart_judge_ask_for_json(judge);

    smart_judge_drop_conditions(judge);
    if (reason == BASE_OK && smart_verdict_obliges(&judge->_verdict, SMART_NARROW)) {
        reason = say_types(judge);
    }
    return reason;
}
