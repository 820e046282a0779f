/*
 * What goes upstream about who asks: launch context headers (RULES F9), the
 * credential (F10), the judge's own edits; and what a client may not say to an
 * upstream. One rebuild of the list does all of it.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "base/base_base64url.h"
#include "smart/smart_context.h"
#include "ngx_http_smart_headers.h"


/* the longest value that is injected; longer ones are left out */
#define NGX_HTTP_SMART_VALUE_MAX  8192


typedef struct {
    ngx_http_smart_srv_conf_t  *srv;
    const smart_edits_t        *edits;
    ngx_uint_t                  authorization;  /* of a dry run: goes */
} ngx_http_smart_dropped_t;


static ngx_uint_t ngx_http_smart_inject_listed(ngx_http_smart_folded_t *name,
    ngx_str_t *list);
static ngx_uint_t ngx_http_smart_inject_drop(ngx_http_smart_folded_t *name,
    void *data);
static ngx_uint_t ngx_http_smart_inject_ours(ngx_http_smart_folded_t *name,
    void *data);
static ngx_int_t ngx_http_smart_inject_context(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
static ngx_int_t ngx_http_smart_inject_edits(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, const smart_edits_t *edits);
static ngx_int_t ngx_http_smart_inject_authorization(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
static ngx_int_t ngx_http_smart_inject_length(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, size_t n);
static ngx_int_t ngx_http_smart_inject_intermediary(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
static ngx_int_t ngx_http_smart_inject_add(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, ngx_str_t *name, base_span_t value);


/*
 * Threats section 6: what would override the judged method or path at an
 * upstream that listens to it; hop-by-hop fields, by which a client could take
 * our headers away again; credentials.
 */

static ngx_str_t  ngx_http_smart_dropped[] = {
    ngx_string("authorization"),
    ngx_string("proxy-authorization"),
    ngx_string("connection"),
    ngx_string("proxy-connection"),
    ngx_string("keep-alive"),
    ngx_string("te"),
    ngx_string("trailer"),
    ngx_string("upgrade"),
    ngx_string("http2-settings"),
    ngx_string("x-http-method-override"),
    ngx_string("x-http-method"),
    ngx_string("x-method-override"),
    ngx_string("x-original-url"),
    ngx_string("x-original-uri"),
    ngx_string("x-original-host"),
    ngx_string("x-rewrite-url"),
    ngx_string("x-forwarded-uri"),
    ngx_string("x-forwarded-url"),
    ngx_string("x-forwarded-path"),
    ngx_string("x-forwarded-prefix"),
    ngx_string("x-forwarded-host"),
    ngx_string("x-forwarded-server"),
    ngx_string("x-forwarded-method"),
    ngx_string("x-script-name"),
    ngx_string("forwarded"),
    ngx_null_string
};

/*
 * Judged, or meant for nginx, as they are spelt: what an upstream would fold
 * into one of them (Content_Type) nobody has looked at.
 */

static ngx_str_t  ngx_http_smart_odd[] = {
    ngx_string("accept"),
    ngx_string("accept-encoding"),
    ngx_string("content-encoding"),
    ngx_string("content-length"),
    ngx_string("content-type"),
    ngx_string("expect"),
    ngx_string("host"),
    ngx_string("if-match"),
    ngx_string("if-modified-since"),
    ngx_string("if-none-exist"),
    ngx_string("if-none-match"),
    ngx_string("if-range"),
    ngx_string("if-unmodified-since"),
    ngx_string("prefer"),
    ngx_string("range"),
    ngx_string("transfer-encoding"),
    ngx_null_string
};

static ngx_str_t  ngx_http_smart_authorization = ngx_string("Authorization");
static ngx_str_t  ngx_http_smart_length = ngx_string("Content-Length");
static ngx_str_t  ngx_http_smart_intermediary = ngx_string("X-Intermediary");


ngx_int_t
ngx_http_smart_headers_inject(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    const smart_edits_t *edits)
{
    ngx_http_smart_dropped_t  dropped;

    if (ngx_array_init(&ctx->sent.headers, r->pool,
                       NGX_HTTP_SMART_CONTEXT_COUNT + 4,
                       sizeof(ngx_http_smart_header_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_smart_inject_authorization(r, ctx) != NGX_OK
        || ngx_http_smart_inject_context(r, ctx) != NGX_OK
        || ngx_http_smart_inject_edits(r, ctx, edits) != NGX_OK
        || (edits->body_changed
            && ngx_http_smart_inject_length(r, ctx,
                                    (size_t) r->headers_in.content_length_n)
               != NGX_OK)
        || ((edits->body_changed || edits->query_changed)
            && ngx_http_smart_inject_intermediary(r, ctx) != NGX_OK))
    {
        return NGX_ERROR;
    }

    dropped.srv = ngx_http_get_module_srv_conf(r, ngx_http_smart_module);
    dropped.edits = edits;
    dropped.authorization = 1;

    return ngx_http_smart_headers_edit(r, ngx_http_smart_inject_drop, &dropped,
                                       &ctx->sent.headers);
}


/*
 * L18: Authorization goes as it came, unless the configuration writes
 * otherwise; of the rest, only what is ours goes and comes. A token that was
 * refused says nothing about who asks.
 */

ngx_int_t
ngx_http_smart_headers_open(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    ngx_http_smart_dropped_t  dropped;

    if (ngx_array_init(&ctx->sent.headers, r->pool,
                       NGX_HTTP_SMART_CONTEXT_COUNT + 1,
                       sizeof(ngx_http_smart_header_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    dropped.srv = ngx_http_get_module_srv_conf(r, ngx_http_smart_module);
    dropped.edits = NULL;
    dropped.authorization = ctx->conf->authorization || ctx->conf->withhold;

    if ((dropped.authorization
         && ngx_http_smart_inject_authorization(r, ctx) != NGX_OK)
        || (smart_judge_grants(&ctx->judge)
            && ngx_http_smart_inject_context(r, ctx) != NGX_OK))
    {
        return NGX_ERROR;
    }

    return ngx_http_smart_headers_edit(r, ngx_http_smart_inject_ours, &dropped,
                                       &ctx->sent.headers);
}


static ngx_uint_t
ngx_http_smart_inject_ours(ngx_http_smart_folded_t *name, void *data)
{
    ngx_http_smart_dropped_t *dropped = data;

    return ngx_http_smart_reserved(name, dropped->srv)
           || (dropped->authorization
               && ngx_http_smart_folded_is(name, "authorization", 13));
}


static ngx_uint_t
ngx_http_smart_inject_listed(ngx_http_smart_folded_t *name, ngx_str_t *list)
{
    for ( ; list->len; list++) {
        if (ngx_http_smart_folded_is(name, (char *) list->data, list->len)) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_smart_inject_drop(ngx_http_smart_folded_t *name, void *data)
{
    ngx_http_smart_dropped_t *dropped = data;

    size_t  i;

    if (ngx_http_smart_inject_listed(name, ngx_http_smart_dropped)
        || (name->odd
            && ngx_http_smart_inject_listed(name, ngx_http_smart_odd)))
    {
        return 1;
    }

    if (dropped->edits->body_changed
        && (ngx_http_smart_folded_is(name, "content-length", 14)
            || ngx_http_smart_folded_is(name, "transfer-encoding", 17)))
    {
        return 1;
    }

    if ((dropped->edits->body_changed || dropped->edits->query_changed)
        && ngx_http_smart_folded_is(name, "x-intermediary", 14))
    {
        return 1;
    }

    for (i = 0; i < dropped->edits->header_n; i++) {
        if (ngx_http_smart_folded_is(name, dropped->edits->header[i].name,
                               ngx_strlen(dropped->edits->header[i].name)))
        {
            return 1;
        }
    }

    return ngx_http_smart_reserved(name, dropped->srv);
}


/*
 * Remembers a header for the guard, and for the request unless the value is
 * absent.
 */

static ngx_int_t
ngx_http_smart_inject_add(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    ngx_str_t *name, base_span_t value)
{
    size_t                    i;
    ngx_http_smart_header_t  *header;

    header = ngx_array_push(&ctx->sent.headers);
    if (header == NULL) {
        return NGX_ERROR;
    }

    header->name = *name;
    header->value = ngx_http_smart_str(value);
    header->yields = 0;

    header->folded = ngx_pnalloc(r->pool, name->len);
    if (header->folded == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < name->len; i++) {
        header->folded[i] = ngx_http_smart_fold_char(name->data[i]);
    }

    return NGX_OK;
}


/*
 * F10: withheld unless the operator says otherwise; a token that nobody
 * verified never goes.
 */

static ngx_int_t
ngx_http_smart_inject_authorization(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx)
{
    ngx_str_t     value;
    base_span_t   decided;

    decided = BASE_SPAN("");
    decided.p = NULL;

    if (ctx->conf->authorization) {
        if (ngx_http_complex_value(r, ctx->conf->authorization, &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (value.len) {
            decided = ngx_http_smart_span(&value);
        }

    } else if (ctx->conf->forward_token && ctx->identity.principal) {
        decided = ctx->credentials[0];
    }

    return ngx_http_smart_inject_add(r, ctx, &ngx_http_smart_authorization,
                                     decided);
}


static ngx_int_t
ngx_http_smart_inject_edits(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    const smart_edits_t *edits)
{
    size_t     i;
    ngx_str_t  name;

    for (i = 0; i < edits->header_n; i++) {
        name.data = (u_char *) edits->header[i].name;
        name.len = ngx_strlen(name.data);

        /*
         * What goes may come again by nginx itself (a cache's If-None-Match),
         * but the slices of an answer cannot be judged
         */

        if (edits->header[i].value.p == NULL
            && ngx_strcmp(name.data, "range") != 0)
        {
            continue;
        }

        if (ngx_http_smart_inject_add(r, ctx, &name, edits->header[i].value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* Of a replaced body: $content_length and proxy_set_header see the new one. */

static ngx_int_t
ngx_http_smart_inject_length(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    size_t n)
{
    u_char       *p;
    base_span_t   value;

    p = ngx_pnalloc(r->pool, NGX_SIZE_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.p = p;
    value.n = (size_t) (ngx_sprintf(p, "%uz", n) - p);

    return ngx_http_smart_inject_add(r, ctx, &ngx_http_smart_length, value);
}


base_span_t
ngx_http_smart_own_host(ngx_http_smart_ctx_t *ctx)
{
    size_t       at;
    base_span_t  rest;

    if (ctx->base == NULL || ctx->base->urls_n == 0) {
        return base_span_make(ngx_cycle->hostname.data,
                              ngx_cycle->hostname.len);
    }

    rest = ctx->base->urls[0];
    at = base_span_find(rest, '/');

    while (at < rest.n && rest.p[at] == '/') {
        at++;
    }

    rest = base_span_sub(rest, at, rest.n);
    rest = base_span_sub(rest, 0, base_span_find(rest, '/'));

    return base_span_sub(rest, 0, (rest.n && rest.p[0] == '[')
                                  ? base_span_find(rest, ']') + 1
                                  : base_span_find(rest, ':'));
}


/*
 * B15: who changed the request, behind those that say so already. Judged
 * again after a redirect, it is said once.
 */

static ngx_int_t
ngx_http_smart_inject_intermediary(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx)
{
    u_char                   *p;
    base_span_t               host, came, value;
    ngx_http_smart_header_t  *header;

    host = ngx_http_smart_own_host(ctx);
    came = ngx_http_smart_headers_value(r, "x-intermediary", 14);

    if (came.n == 0 || came.n > NGX_HTTP_SMART_VALUE_MAX) {
        value = host;

    } else if (came.n >= host.n
               && base_span_eq(base_span_sub(came, came.n - host.n, came.n),
                               host))
    {
        value = came;

    } else {
        p = ngx_pnalloc(r->pool, came.n + 2 + host.n);
        if (p == NULL) {
            return NGX_ERROR;
        }

        value = base_span_make(p, came.n + 2 + host.n);

        p = ngx_cpymem(p, came.p, came.n);
        *p++ = ',';
        *p++ = ' ';
        ngx_memcpy(p, host.p, host.n);
    }

    if (ngx_http_smart_inject_add(r, ctx, &ngx_http_smart_intermediary, value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* who else changes requests in this nginx may say so in our place */

    header = ctx->sent.headers.elts;
    header[ctx->sent.headers.nelts - 1].yields = 1;

    return NGX_OK;
}


/* The values. Each is the absent span when there is nothing to say. */

typedef base_span_t (*ngx_http_smart_value_pt)(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, const smart_claims_t *claims);


static base_span_t  ngx_http_smart_nothing;


/* F9: free text is visible ASCII, else base64url. A space is not visible. */

static base_span_t
ngx_http_smart_inject_text(ngx_http_request_t *r, base_span_t text)
{
    size_t        i;
    u_char       *p;
    base_span_t   encoded;

    if (text.p == NULL || text.n == 0 || text.n > NGX_HTTP_SMART_VALUE_MAX) {
        return ngx_http_smart_nothing;
    }

    for (i = 0; i < text.n; i++) {
        if (text.p[i] <= 0x20 || text.p[i] >= 0x7f) {
            break;
        }
    }

    if (i == text.n) {
        return text;
    }

    p = ngx_pnalloc(r->pool, BASE_BASE64URL_ENCODED(text.n));
    if (p == NULL) {
        return ngx_http_smart_nothing;
    }

    encoded.p = p;
    encoded.n = base_base64url_encode(text, p);

    return encoded;
}


static base_span_t
ngx_http_smart_value_patient(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    const smart_claims_t *claims)
{
    u_char       *p;
    size_t        i, n, size;
    base_span_t   ids[SMART_PATIENTS_MAX], joined;

    n = smart_context_patients(claims, ctx->base, ids);

    if (n < 2) {
        return n ? ids[0] : ngx_http_smart_nothing;
    }

    for (size = 0, i = 0; i < n; i++) {
        size += ids[i].n + 1;
    }

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return ngx_http_smart_nothing;
    }

    joined.p = p;

    for (i = 0; i < n; i++) {
        if (i) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, ids[i].p, ids[i].n);
    }

    joined.n = (size_t) (p - joined.p);

    return joined;
}


static base_span_t
ngx_http_smart_value_encounter(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, const smart_claims_t *claims)
{
    return smart_context_encounter(claims, ctx->base);
}


static base_span_t
ngx_http_smart_value_fhir_user(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, const smart_claims_t *claims)
{
    u_char        *p;
    base_span_t    value;
    smart_user_t   user;

    if (!smart_context_user(claims, ctx->base, &user)) {
        return ngx_http_smart_nothing;
    }

    if (user.foreign) {
        return ngx_http_smart_inject_text(r, claims->fhir_user);
    }

    p = ngx_pnalloc(r->pool, user.type.n + 1 + user.id.n);
    if (p == NULL) {
        return ngx_http_smart_nothing;
    }

    value.p = p;

    p = ngx_cpymem(p, user.type.p, user.type.n);
    *p++ = '/';
    p = ngx_cpymem(p, user.id.p, user.id.n);

    value.n = (size_t) (p - value.p);

    return value;
}


static base_span_t
ngx_http_smart_value_banner(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    const smart_claims_t *claims)
{
    switch (claims->need_patient_banner) {

    case SMART_BANNER_NEEDED:
        return BASE_SPAN("true");

    case SMART_BANNER_NOT_NEEDED:
        return BASE_SPAN("false");

    default:
        return ngx_http_smart_nothing;
    }
}


/*
 * F9: compact JSON in base64url. The claim was scanned strictly, so white
 * space outside strings is all there is to leave out.
 */

static base_span_t
ngx_http_smart_value_fhir_context(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, const smart_claims_t *claims)
{
    u_char       *p, *out, c;
    size_t        i;
    ngx_uint_t    quoted;
    base_span_t   json, encoded;

    json = claims->fhir_context;

    if (json.p == NULL || json.n > NGX_HTTP_SMART_VALUE_MAX) {
        return ngx_http_smart_nothing;
    }

    p = ngx_pnalloc(r->pool, json.n + BASE_BASE64URL_ENCODED(json.n));
    if (p == NULL) {
        return ngx_http_smart_nothing;
    }

    out = p;
    quoted = 0;

    for (i = 0; i < json.n; i++) {
        c = json.p[i];

        if (!quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
            continue;
        }

        *out++ = c;

        if (quoted && c == '\\' && i + 1 < json.n) {
            *out++ = json.p[++i];

        } else if (c == '"') {
            quoted = !quoted;
        }
    }

    encoded.p = out;
    encoded.n = base_base64url_encode(base_span_make(p, (size_t) (out - p)),
                                      out);
    return encoded;
}


/* Scopes are separated by spaces, which a header value may hold. */

static base_span_t
ngx_http_smart_value_scopes(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    const smart_claims_t *claims)
{
    size_t        i;
    base_span_t   text;

    text = smart_principal_scope_text(ctx->identity.principal);

    if (text.n == 0 || text.n > NGX_HTTP_SMART_VALUE_MAX) {
        return ngx_http_smart_nothing;
    }

    for (i = 0; i < text.n; i++) {
        if (text.p[i] < 0x20 || text.p[i] >= 0x7f) {
            return ngx_http_smart_inject_text(r, text);
        }
    }

    return text;
}


#define NGX_HTTP_SMART_TEXT_VALUE(field)                                      \
    static base_span_t                                                        \
    ngx_http_smart_value_##field(ngx_http_request_t *r,                       \
        ngx_http_smart_ctx_t *ctx, const smart_claims_t *claims)              \
    {                                                                         \
        return ngx_http_smart_inject_text(r, claims->field);                  \
    }

NGX_HTTP_SMART_TEXT_VALUE(tenant)
NGX_HTTP_SMART_TEXT_VALUE(intent)
NGX_HTTP_SMART_TEXT_VALUE(smart_style_url)
NGX_HTTP_SMART_TEXT_VALUE(client_id)
NGX_HTTP_SMART_TEXT_VALUE(subject)
NGX_HTTP_SMART_TEXT_VALUE(issuer)
NGX_HTTP_SMART_TEXT_VALUE(token_id)

#undef NGX_HTTP_SMART_TEXT_VALUE


static ngx_http_smart_value_pt
    ngx_http_smart_values[NGX_HTTP_SMART_CONTEXT_COUNT] =
{
    [NGX_HTTP_SMART_CONTEXT_PATIENT] = ngx_http_smart_value_patient,
    [NGX_HTTP_SMART_CONTEXT_ENCOUNTER] = ngx_http_smart_value_encounter,
    [NGX_HTTP_SMART_CONTEXT_FHIR_USER] = ngx_http_smart_value_fhir_user,
    [NGX_HTTP_SMART_CONTEXT_TENANT] = ngx_http_smart_value_tenant,
    [NGX_HTTP_SMART_CONTEXT_INTENT] = ngx_http_smart_value_intent,
    [NGX_HTTP_SMART_CONTEXT_BANNER] = ngx_http_smart_value_banner,
    [NGX_HTTP_SMART_CONTEXT_STYLE_URL] = ngx_http_smart_value_smart_style_url,
    [NGX_HTTP_SMART_CONTEXT_FHIR_CONTEXT] = ngx_http_smart_value_fhir_context,
    [NGX_HTTP_SMART_CONTEXT_SCOPES] = ngx_http_smart_value_scopes,
    [NGX_HTTP_SMART_CONTEXT_CLIENT_ID] = ngx_http_smart_value_client_id,
    [NGX_HTTP_SMART_CONTEXT_SUBJECT] = ngx_http_smart_value_subject,
    [NGX_HTTP_SMART_CONTEXT_ISSUER] = ngx_http_smart_value_issuer,
    [NGX_HTTP_SMART_CONTEXT_TOKEN_ID] = ngx_http_smart_value_token_id
};


static ngx_int_t
ngx_http_smart_inject_context(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    ngx_uint_t             i;
    ngx_str_t             *name;
    base_span_t            value;
    const smart_claims_t  *claims;

    if (ctx->identity.principal == NULL) {
        return NGX_OK;
    }

    claims = smart_principal_claims(ctx->identity.principal);
    name = ctx->conf->header;

    for (i = 0; i < NGX_HTTP_SMART_CONTEXT_COUNT; i++) {
        if (name[i].len == 0) {
            continue;
        }

        value = ngx_http_smart_values[i](r, ctx, claims);

        if (value.p
            && ngx_http_smart_inject_add(r, ctx, &name[i], value) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
