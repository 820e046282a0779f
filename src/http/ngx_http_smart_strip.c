/*
 * POST_READ: what only the module may say about a request goes before anybody
 * sees it, so that no map, if or set keeps a spoofed value (RULES F9, threats
 * section 6). For every request of a server that has a location with smart.
 */

#include "ngx_http_smart_headers.h"


/*
 * threats section 6: any spelling that an upstream might fold into one of ours
 */
#define NGX_HTTP_SMART_PREFIX  "x-smart-"


ngx_uint_t
ngx_http_smart_reserved(ngx_http_smart_folded_t *name, void *srv)
{
    ngx_http_smart_srv_conf_t *sscf = srv;

    ngx_str_t   *strip;
    ngx_uint_t   i;

    if (name->len >= sizeof(NGX_HTTP_SMART_PREFIX) - 1
        && ngx_memcmp(name->data, NGX_HTTP_SMART_PREFIX,
                      sizeof(NGX_HTTP_SMART_PREFIX) - 1) == 0)
    {
        return 1;
    }

    strip = sscf->strip.elts;

    for (i = 0; i < sscf->strip.nelts; i++) {
        if (ngx_http_smart_folded_is(name, (char *) strip[i].data,
                                     strip[i].len))
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_smart_strip_handler(ngx_http_request_t *r)
{
    ngx_http_smart_srv_conf_t  *sscf;

    sscf = ngx_http_get_module_srv_conf(r, ngx_http_smart_module);

    if (!sscf->enabled
        || !ngx_http_smart_headers_any(r, ngx_http_smart_reserved, sscf))
    {
        return NGX_DECLINED;
    }

    if (ngx_http_smart_headers_edit(r, ngx_http_smart_reserved, sscf, NULL)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_DECLINED;
}
