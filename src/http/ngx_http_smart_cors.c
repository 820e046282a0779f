/*
 * CORS for apps in a browser (RULES B10). Where smart_cors names origins, the
 * headers are ours alone: what the FHIR server says of them goes, and every
 * answer has them, our own refusals too, or the app could not read why.
 */

#include "ngx_http_smart_headers.h"


#define NGX_HTTP_SMART_CORS_METHODS                                           \
    "GET, HEAD, POST, PUT, PATCH, DELETE"
#define NGX_HTTP_SMART_CORS_HEADERS                                           \
    "Authorization, Content-Type, Accept, Prefer, If-Match, If-None-Match, "  \
    "If-None-Exist, If-Modified-Since, X-Request-Id"
#define NGX_HTTP_SMART_CORS_EXPOSED                                           \
    "ETag, Location, Content-Location, Last-Modified, X-Progress, "           \
    "Retry-After, WWW-Authenticate"
#define NGX_HTTP_SMART_CORS_MAX_AGE  "600"


static ngx_uint_t ngx_http_smart_cors_is_origin(ngx_str_t *origin);
static base_span_t ngx_http_smart_cors_allowed(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, ngx_array_t *origins);
static void ngx_http_smart_cors_clear(ngx_http_request_t *r);


/* smart_cors <origin> ... | * | off */

char *
ngx_http_smart_cors_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_smart_loc_conf_t *slcf = conf;

    ngx_str_t   *value, *origin;
    ngx_uint_t   i;

    if (slcf->cors != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        slcf->cors = NULL;
        return NGX_CONF_OK;
    }

    slcf->cors = ngx_array_create(cf->pool, cf->args->nelts, sizeof(ngx_str_t));
    if (slcf->cors == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (!(cf->args->nelts == 2 && ngx_strcmp(value[i].data, "*") == 0)
            && !ngx_http_smart_cors_is_origin(&value[i]))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"smart_cors\": \"%V\" is no origin as "
                               "browsers send it: http or https, \"://\", a "
                               "host in lower case, a port that is not the "
                               "scheme's own, and no path; or \"*\" or "
                               "\"off\" alone", &value[i]);
            return NGX_CONF_ERROR;
        }

        origin = ngx_array_push(slcf->cors);
        *origin = value[i];
    }

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_http_smart_cors_is_origin(ngx_str_t *origin)
{
    size_t       i;
    uint64_t     port;
    ngx_uint_t   secure;
    base_span_t  host, rest;

    rest = ngx_http_smart_span(origin);
    secure = base_span_starts(rest, "https://");

    if (!secure && !base_span_starts(rest, "http://")) {
        return 0;
    }

    rest = base_span_sub(rest, secure ? 8 : 7, rest.n);
    i = (rest.n && rest.p[0] == '[') ? base_span_find(rest, ']') : 0;
    host = base_span_sub(rest, i, rest.n);
    i += base_span_find(host, ':');
    host = base_span_sub(rest, 0, i);

    if (i < rest.n
        && (!base_span_uint(base_span_sub(rest, i + 1, rest.n), &port)
            || port == 0 || port > 65535 || rest.p[i + 1] == '0'
            || port == (secure ? 443 : 80)))
    {
        return 0;
    }

    for (i = 0; i < host.n; i++) {
        if (!(host.p[i] >= 'a' && host.p[i] <= 'z')
            && !(host.p[i] >= '0' && host.p[i] <= '9')
            && memchr("-._:[]", host.p[i], 6) == NULL)
        {
            return 0;
        }
    }

    return host.n != 0;
}


/*
 * To be called for each header that goes to the client; without smart_cors it
 * stays as it is.
 */

ngx_int_t
ngx_http_smart_cors(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    base_span_t   allowed;
    ngx_array_t  *origins;

    origins = ctx->conf ? ctx->conf->cors : NULL;

    if (origins == NULL || r != r->main || ctx->open) {
        return NGX_OK;
    }

    ngx_http_smart_cors_clear(r);

    allowed = ngx_http_smart_cors_allowed(r, ctx, origins);

    if (!base_span_is(allowed, "*")
        && ngx_http_smart_headers_say(r, "Vary", BASE_SPAN("Origin"), NULL) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (allowed.n == 0) {
        return NGX_OK;
    }

    if (ngx_http_smart_headers_say(r, "Access-Control-Allow-Origin", allowed, NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!ctx->verdict.is_preflight || ctx->reason != BASE_OK) {
        return ngx_http_smart_headers_say(r, "Access-Control-Expose-Headers",
                                       BASE_SPAN(NGX_HTTP_SMART_CORS_EXPOSED), NULL);
    }

    if (ngx_http_smart_headers_say(r, "Access-Control-Allow-Methods",
                                BASE_SPAN(NGX_HTTP_SMART_CORS_METHODS), NULL)
        != NGX_OK
        || ngx_http_smart_headers_say(r, "Access-Control-Allow-Headers",
                                   BASE_SPAN(NGX_HTTP_SMART_CORS_HEADERS), NULL)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_smart_headers_say(r, "Access-Control-Max-Age",
                                   BASE_SPAN(NGX_HTTP_SMART_CORS_MAX_AGE), NULL);
}


/*
 * The origin that may read the answer, empty: none. What is public is so for
 * every page (metadata, smart-configuration).
 */

static base_span_t
ngx_http_smart_cors_allowed(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    ngx_array_t *origins)
{
    ngx_str_t    *origin;
    ngx_uint_t    i;
    base_span_t   value;

    origin = origins->elts;

    if ((ctx->judged && ctx->reason == BASE_OK && ctx->verdict.is_public
         && !ctx->verdict.is_preflight)
        || base_span_is(ngx_http_smart_span(origin), "*"))
    {
        return BASE_SPAN("*");
    }

    if (ngx_http_smart_headers_values(r, "origin", 6, &value, 1) != 1) {
        return base_span_make(NULL, 0);
    }

    for (i = 0; i < origins->nelts; i++) {
        if (base_span_eq(value, ngx_http_smart_span(&origin[i]))) {
            return value;
        }
    }

    return base_span_make(NULL, 0);
}


static void
ngx_http_smart_cors_clear(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    ngx_http_smart_each(&r->headers_out.headers, part, i, h) {

        if (h[i].key.len > 15
            && ngx_strncasecmp(h[i].key.data, (u_char *) "access-control-", 15)
               == 0)
        {
            h[i].hash = 0;
        }
    }
}
