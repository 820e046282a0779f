#include "smart/smart_lookup_own.h"

/* What a search goes by, and the client may not. */
static bool goes_by(const smart_verdict_t *verdict, const fhir_item_t *item)
{
    return base_span_is(item->code, "_list") || base_span_is(item->code, "_in") ||
           ((verdict->lookups & SMART_LOOKUP_TARGETS) != 0 && base_span_is(item->code, "target"));
}

/* Where nothing was to be checked, whatever comes back is now. */
static void check_matches(const smart_lookup_t *lookup, const fhir_request_t *request,
                          smart_verdict_t *verdict)
{
    smart_check_t *check = &verdict->check[0];

    if (verdict->check_n == 0) {
        memset(check, 0, sizeof(*check));
        check->kind = SMART_CHECK_SEARCHSET;
        check->cover = smart_grants_cover(lookup->_grants, SMART_S, request->type);
        check->grants = lookup->_grants;
        verdict->check_n = 1;
        verdict->obligations |= SMART_RESPONSE;
    }
}

/* C9, L9: foreign and missing alike. */
static base_reason_t find_nothing(const smart_lookup_t *lookup, fhir_request_t *request,
                                  fhir_origin_t origin, smart_verdict_t *verdict)
{
    fhir_item_t *item;
    size_t at = 0, i;

    while ((item = fhir_query_next(&request->query, &at)) != NULL) {
        if (goes_by(verdict, item)) {
            fhir_query_remove(&request->query, item);
        }
    }
    check_matches(lookup, request, verdict);
    for (i = 0; i < verdict->check_n; i++) {
        verdict->check[i].letters = 0;
        verdict->check[i].includes = false;
        verdict->check[i].target_n = 0;
    }
    return fhir_query_append(&request->query, origin, BASE_SPAN("_id"), BASE_SPAN("not-found"));
}

base_reason_t smart_lookup_apply(const smart_lookup_t *lookup, fhir_request_t *request,
                                 fhir_origin_t origin, smart_verdict_t *verdict)
{
    smart_check_t *check = &verdict->check[0];

    if (lookup->nothing) {
        return find_nothing(lookup, request, origin, verdict);
    }
    if (verdict->check_n > 0) {
        check->by_targets = lookup->by_targets;
        check->version_id = lookup->version_id;
        check->target = lookup->target;
        check->target_n = lookup->target_n;
    }
    return BASE_OK;
}
