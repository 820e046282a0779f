/* B11: a Binary under patient/, which is in no compartment: what the request alone says. smart_lookup carries it through. */

#include "smart/smart_decide_own.h"
#include "smart/smart_media.h"

static bool allow(smart_decision_t *d, unsigned lookup)
{
    d->verdict->obligations |= SMART_PREREAD;
    d->verdict->lookups |= lookup;
    d->verdict->reason = BASE_OK;
    d->verdict->rule = "B11";
    return true;
}

static bool refuse(smart_decision_t *d, base_reason_t reason)
{
    d->verdict->reason = reason;
    d->verdict->rule = "B11";
    return true;
}

static bool is_granted(const smart_decision_t *d, unsigned letter)
{
    return d->request->type == d->policy->raw && smart_grants_binary(d->grants, letter);
}

/* By a document that refers to it. What it brings is passed on as it comes, whatever it is. */
bool smart_decide_binary_read(smart_decision_t *d)
{
    static const char *const harmless[] = {"_format", "_pretty", "_summary", "_elements"};
    fhir_interaction_t interaction = d->request->row->interaction;
    const fhir_item_t *item;
    size_t at = 0, i;

    if (!is_granted(d, SMART_R) || (interaction != FHIR_READ && interaction != FHIR_VREAD)) {
        return false;
    }
    while ((item = fhir_query_next(&d->request->query, &at)) != NULL) {
        for (i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
            if (base_span_is(item->name, harmless[i])) {
                break;
            }
        }
        if (i == sizeof(harmless) / sizeof(harmless[0])) {
            return refuse(d, BASE_PARAMETER_REFUSED);
        }
    }
    return allow(d, SMART_LOOKUP_BINARY);
}

/* What is written says itself whose it is, by its security context. */
bool smart_decide_binary_write(smart_decision_t *d, unsigned letter)
{
    smart_cover_t cover = smart_grants_cover(d->grants, letter, d->request->type);
    base_span_t media = d->request->message.content_type;
    fhir_interaction_t interaction = d->request->row->interaction;
    smart_parameters_t parameters;

    if (!is_granted(d, letter)) {
        return false;
    }
    if (interaction != FHIR_CREATE && interaction != FHIR_UPDATE) {
        return refuse(d, BASE_PATIENT_WRITE);
    }
    if (!smart_decision_parameters(d, SMART_ASK_PLAIN, &cover, &parameters)) {
        return true;
    }
    if (media.n == 0 || base_span_find(media, ',') < media.n) {
        /* which of the two it is, raw or FHIR, would be the server's guess */
        return refuse(d, BASE_CONTENT_TYPE);
    }
    if (smart_media_is_fhir(media)) {
        d->verdict->obligations |= SMART_BODY;
    }
    return allow(d, SMART_LOOKUP_CONTEXT);
}
