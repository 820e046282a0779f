#include "ngx_http_smart_egress.h"

#include "oauth/oauth_url.h"


static base_reason_t ngx_http_smart_egress_url(ngx_http_smart_issuer_t *issuer,
    base_span_t address, base_span_t from, ngx_http_smart_fetch_t *fetch);


base_reason_t
ngx_http_smart_egress(ngx_http_smart_issuer_t *issuer, base_span_t address,
    base_span_t from, ngx_http_smart_fetch_t *fetch)
{
    base_reason_t  reason;

    ngx_memzero(fetch, sizeof(ngx_http_smart_fetch_t));

    reason = ngx_http_smart_egress_url(issuer, address, from, fetch);

    if (reason != BASE_OK) {
        fetch->error = "the URL is not one that may be fetched";
        return reason;
    }

    fetch->accept = "application/json";
    fetch->proxy = (char *) issuer->proxy.data;
    fetch->trusted = issuer->trusted.len ? &issuer->trusted : NULL;
    fetch->crl = issuer->crl.len ? &issuer->crl : NULL;
    fetch->timeout = issuer->timeout;
    fetch->max_size = issuer->max_size;
    fetch->log = ngx_cycle->log;

    return BASE_OK;
}


base_span_t
ngx_http_smart_egress_from(ngx_http_smart_issuer_t *issuer)
{
    ngx_str_t  *from;

    from = (issuer->discovery == NGX_HTTP_SMART_DISCOVERY_SMART)
           ? &issuer->fhir_base : &issuer->uri;

    return base_span_make(from->data, from->len);
}


/*
 * https, or http as far as CONFIG lets it: to loopback, as configured or of the same origin as what is configured; anywhere with
 * insecure_http. The same origin also needs no leave for private addresses: the operator named it.
 */

static base_reason_t
ngx_http_smart_egress_url(ngx_http_smart_issuer_t *issuer,
    base_span_t address, base_span_t from, ngx_http_smart_fetch_t *fetch)
{
    u_char       ip[16];
    char         host[256];
    oauth_url_t  url, origin;

    if (address.p == NULL
        || !oauth_url_parse(address, &url)
        || !oauth_url_parse(from, &origin))
    {
        return BASE_DOCUMENT_URL;
    }

    fetch->url = (char *) address.p;
    fetch->http = !url.https;
    fetch->private_addresses = issuer->private_addresses
                               || oauth_url_same_origin(&url, &origin);
    fetch->loopback = oauth_url_is_loopback(&url)
                      && oauth_url_same_origin(&url, &origin);

    if (!url.https && !fetch->loopback && !issuer->insecure_http) {
        return BASE_DOCUMENT_URL;
    }

    /* through a proxy no address is seen but one that is written */

    if (issuer->proxy.len == 0 || fetch->private_addresses
        || url.host.n >= sizeof(host))
    {
        return BASE_OK;
    }

    ngx_memcpy(host, url.host.p, url.host.n);
    host[url.host.n] = '\0';

    if (oauth_url_is_loopback(&url)
        || (inet_pton(AF_INET, host, ip) == 1
            && oauth_address_is_private(ip, 4))
        || (inet_pton(AF_INET6, host, ip) == 1
            && oauth_address_is_private(ip, 16)))
    {
        return BASE_DOCUMENT_URL;
    }

    return BASE_OK;
}
