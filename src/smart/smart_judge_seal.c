#include "smart/smart_judge_own.h"

#include <string.h>

/* What may be done with a link of each kind. */
static const struct {
    unsigned methods;
    smart_check_kind_t check;
} kinds[SMART_LINK_KINDS] = {
    [SMART_LINK_JOB] = {FHIR_GET | FHIR_HEAD | FHIR_DELETE_METHOD, SMART_CHECK_JOB},
    [SMART_LINK_FILE] = {FHIR_GET | FHIR_HEAD, SMART_CHECK_FILE},
    [SMART_LINK_PAGE] = {FHIR_GET | FHIR_HEAD, SMART_CHECK_PAGE},
};

static base_reason_t refuse(smart_judge_t *judge, base_reason_t reason, const char *rule)
{
    judge->_verdict.reason = reason;
    judge->_verdict.rule = rule;
    return reason;
}

static bool includes(const fhir_type_set_t *all, const fhir_type_set_t *some)
{
    fhir_type_set_t both = *some;

    fhir_type_set_intersect(&both, all);
    return memcmp(&both, some, sizeof(both)) == 0;
}

/* All that it may bring is granted still; what a page brings is judged when it comes. */
static bool is_granted(const smart_judge_t *judge, const smart_link_t *link)
{
    fhir_type_set_t exportable = smart_grants_exportable(judge->_grants);

    if (link->kind == SMART_LINK_PAGE) {
        return smart_grants_any(judge->_grants, SMART_R | SMART_S);
    }
    return !fhir_type_set_is_empty(&link->types) && includes(&exportable, &link->types);
}

/* L21: made here, for this client of this issuer, not too long ago. */
static const smart_link_t *open_seal(smart_judge_t *judge)
{
    const smart_sealer_t *sealer = judge->_sealer;
    smart_link_t *link = base_arena_alloc(judge->_arena, sizeof(*link));
    base_span_t text;

    if (link == NULL || sealer == NULL ||
        !sealer->open(sealer->ctx, judge->_request.seal, judge->_arena, &text) ||
        !smart_link_read(text, judge->_policy->definitions, link) ||
        !base_span_is(judge->_request.seal_kind, smart_link_name(link->kind)) ||
        !smart_link_is_of(link, judge->_grants, sealer) || link->expires <= sealer->now) {
        return NULL;
    }
    return is_granted(judge, link) ? link : NULL;
}

/* L23: a file of which every type is granted is nothing to look into. */
static bool is_checked(const smart_judge_t *judge)
{
    fhir_type_set_t all = fhir_type_set_all(judge->_policy->definitions);

    return judge->_link->kind != SMART_LINK_FILE || !includes(&judge->_link->types, &all);
}

static void bind(smart_check_t *check, const smart_link_t *link, const smart_sealer_t *sealer,
                 smart_verdict_t *verdict)
{
    check->link = link;
    check->sealer = sealer;
    verdict->obligations |= SMART_SEAL;
}

/* L20, L21: each entry by r or s, whatever it was that was asked for. */
static void of_page(smart_judge_t *judge, smart_check_t *check)
{
    check->letters = SMART_R | SMART_S;
    check->complete = smart_grants_each(judge->_grants, SMART_R | SMART_S);
    if (judge->_sealer->pages) {
        bind(check, judge->_link, judge->_sealer, &judge->_verdict);
    }
}

static void oblige(smart_judge_t *judge)
{
    smart_verdict_t *verdict = &judge->_verdict;
    smart_check_t *check = &verdict->check[0];

    memset(check, 0, sizeof(*check));
    check->kind = judge->_request.method == FHIR_DELETE_METHOD ? SMART_CHECK_CANCEL
                                                               : kinds[judge->_link->kind].check;
    check->grants = judge->_grants;
    check->types = judge->_link->types;
    verdict->check_n = 1;
    verdict->obligations = SMART_RESPONSE;
    if (judge->_link->kind == SMART_LINK_PAGE) {
        of_page(judge, check);
    } else {
        bind(check, judge->_link, judge->_sealer, verdict);
    }
}

/* Of what may bring a Bundle with pages. */
static bool has_pages(const smart_judge_t *judge)
{
    static const bool pages[] = {
        [FHIR_SEARCH_TYPE] = true,        [FHIR_SEARCH_SYSTEM] = true,
        [FHIR_SEARCH_COMPARTMENT] = true, [FHIR_SEARCH_COMPARTMENT_ALL] = true,
        [FHIR_HISTORY_INSTANCE] = true,   [FHIR_HISTORY_TYPE] = true,
        [FHIR_HISTORY_SYSTEM] = true,     [FHIR_PAGE] = true,
    };
    unsigned interaction = (unsigned) judge->_request.row->interaction;

    return (interaction < sizeof(pages) / sizeof(pages[0]) && pages[interaction]) ||
           (judge->_verdict.check_n > 0 && judge->_verdict.check[0].kind == SMART_CHECK_OPERATION);
}

/*
 * L7: of what is granted as a whole, elements are not asked back. Who follows its links with a token of less would be judged by what is not there: they
 * stay as they are, and are judged by their parameters.
 */
static bool is_shaped(const smart_judge_t *judge)
{
    size_t elements = 0, summary = 0;

    return fhir_query_find(&judge->_request.query, BASE_SPAN("_elements"), &elements) != NULL ||
           fhir_query_find(&judge->_request.query, BASE_SPAN("_summary"), &summary) != NULL;
}

base_reason_t smart_judge_seal_pages(smart_judge_t *judge)
{
    smart_verdict_t *verdict = &judge->_verdict;
    smart_check_t *check = &verdict->check[0];
    smart_link_t *link;

    if (judge->_sealer == NULL || !judge->_sealer->pages || judge->_grants == NULL ||
        verdict->is_public || !has_pages(judge) || (verdict->check_n == 0 && is_shaped(judge))) {
        return BASE_OK;
    }
    link = base_arena_alloc(judge->_arena, sizeof(*link));
    if (link == NULL) {
        return BASE_NO_MEMORY;
    }
    smart_link_bind(link, judge->_grants, judge->_sealer);
    if (verdict->check_n == 0) {
        memset(check, 0, sizeof(*check));
        check->kind = SMART_CHECK_PAGE;
        check->grants = judge->_grants;
        check->letters = SMART_R | SMART_S;
        check->complete = true;
        verdict->check_n = 1;
        verdict->obligations |= SMART_RESPONSE;
    }
    bind(check, link, judge->_sealer, verdict);
    return BASE_OK;
}

base_reason_t smart_judge_open(smart_judge_t *judge)
{
    smart_verdict_init(&judge->_verdict);
    judge->_verdict.interaction = judge->_request.row->name;
    if (judge->_grants == NULL) {
        return refuse(judge, BASE_NO_CREDENTIALS, "H2");
    }
    if (judge->_request.query.n > 0) {
        return refuse(judge, BASE_PARAMETER_REFUSED, "L21");
    }
    judge->_link = open_seal(judge);
    if (judge->_link == NULL) {
        return refuse(judge, BASE_NOT_FOUND, "L21");
    }
    if ((kinds[judge->_link->kind].methods & judge->_request.method) == 0) {
        return refuse(judge, BASE_METHOD_NOT_ALLOWED, "L21");
    }
    if (is_checked(judge)) {
        oblige(judge);
    }
    return refuse(judge, BASE_OK, "L21");
}

base_reason_t smart_judge_shape_link(smart_judge_t *judge)
{
    base_reason_t reason = BASE_OK;

    if (!smart_verdict_obliges(&judge->_verdict, SMART_RESPONSE)) {
        return BASE_OK;
    }
    smart_judge_drop_conditions(judge);
    if (judge->_link->kind == SMART_LINK_PAGE) {
        reason = smart_judge_ask_for_json(judge);
    } else {
        smart_judge_edit_header(judge, "accept",
                                judge->_link->kind == SMART_LINK_FILE
                                    ? BASE_SPAN("application/fhir+ndjson")
                                    : BASE_SPAN("application/json"));
    }
    if (judge->_request.head) {
        judge->_edits.method = BASE_SPAN("GET");
    }
    return reason;
}

void smart_judge_edit_link(smart_judge_t *judge)
{
    smart_edits_t *edits = &judge->_edits;

    edits->came = edits->path;
    smart_link_split(judge->_link->target, &edits->path, &edits->query);
    if (edits->path.n == 0) {
        edits->path = BASE_SPAN("/");
    }
    edits->query_changed = true;
}
