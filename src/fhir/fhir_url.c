#include "fhir/fhir_url.h"

#include <string.h>

void fhir_url_begin(fhir_url_t *url)
{
    url->said = url->unknown = false;
    url->n = 0;
}

void fhir_url_set(fhir_url_t *url, base_span_t text, bool too_long)
{
    url->said = true;
    url->unknown = too_long || text.n > sizeof(url->bytes);
    url->n = url->unknown ? 0 : text.n;
    if (url->n > 0) {
        memcpy(url->bytes, text.p, text.n);
    }
}

base_span_t fhir_url_span(const fhir_url_t *url)
{
    return url->said && !url->unknown ? base_span_make(url->bytes, url->n)
                                      : base_span_make(NULL, 0);
}
