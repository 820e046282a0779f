/*
 * Requests that an error takes past our phase, and the bases by which they are
 * known.
 */

#include "ngx_http_smart.h"


/* True when some segment can be of a FHIR path: a type, _history, $export. */

static ngx_uint_t
ngx_http_smart_looks_fhir(ngx_http_request_t *r)
{
    base_span_t                  path, segment;
    const fhir_definitions_t    *defs;
    ngx_http_smart_main_conf_t  *smcf;

    smcf = ngx_http_get_module_main_conf(r, ngx_http_smart_module);
    defs = smcf->policy.definitions;
    path = ngx_http_smart_span(&r->uri);

    while (path.p) {
        segment = base_span_split(&path, '/');

        if (segment.n && (segment.p[0] == '_' || segment.p[0] == '$'
                          || fhir_type_find(defs, segment)))
        {
            return 1;
        }
    }

    return 0;
}


/*
 * True when an error before our phase (413 above all, which a client brings
 * about at will) led to a location without smart, and nobody has judged the
 * request: a named one, where it keeps its method and path, or one by a URI
 * that the client may have written (error_page 413 = /backend$uri).
 */

ngx_uint_t
ngx_http_smart_slipped(ngx_http_request_t *r)
{
    ngx_str_t                  *path;
    ngx_uint_t                  i;
    base_span_t                 rest;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_smart_srv_conf_t  *sscf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    sscf = ngx_http_get_module_srv_conf(r, ngx_http_smart_module);

    if (!r->internal || !sscf->enforcing || r->content_handler == NULL) {
        return 0;
    }

    /*
     * try_files of a location without smart leads here as well, and is none of
     * ours
     */

    if (!r->error_page && !r->err_status && !sscf->recursive) {
        return 0;
    }

    if (!clcf->named) {
        return r == r->main && ngx_http_smart_looks_fhir(r);
    }

    path = sscf->paths.elts;

    for (i = 0; i < sscf->paths.nelts; i++) {
        if (ngx_http_smart_below(ngx_http_smart_span(&r->uri), &path[i], &rest))
        {
            return 1;
        }
    }

    return sscf->dynamic;
}


/* True when `path` is the base or below it; *rest is then what follows. */

ngx_uint_t
ngx_http_smart_below(base_span_t path, ngx_str_t *base, base_span_t *rest)
{
    if (path.n < base->len
        || ngx_memcmp(path.p, base->data, base->len) != 0
        || (path.n > base->len && path.p[base->len] != '/'))
    {
        return 0;
    }

    *rest = base_span_sub(path, base->len, path.n);

    return 1;
}
