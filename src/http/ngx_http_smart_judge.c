/*
 * PRECONTENT: the way of a request. After rewrite, limit_req and addresses,
 * before mirror and try_files; for main requests, subrequests, and again after
 * every internal redirect (DESIGN "One request"). What is decided is decided
 * in src/smart.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "oauth/oauth_bearer.h"
#include "ngx_http_smart_headers.h"
#include "ngx_http_smart_require.h"
#include "ngx_http_smart_seal.h"


static ngx_int_t ngx_http_smart_elsewhere(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, ngx_http_smart_loc_conf_t *slcf);
static ngx_uint_t ngx_http_smart_continues(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, ngx_http_smart_loc_conf_t *slcf);
static base_reason_t ngx_http_smart_begin(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, ngx_http_smart_loc_conf_t *slcf);
static base_reason_t ngx_http_smart_issuers_of(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
static base_reason_t ngx_http_smart_message(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
static void ngx_http_smart_capture(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
static ngx_int_t ngx_http_smart_principal(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, base_reason_t *reason);
static ngx_int_t ngx_http_smart_steps(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
static ngx_int_t ngx_http_smart_open_step(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, smart_step_t step);
static ngx_int_t ngx_http_smart_read_body(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
static ngx_int_t ngx_http_smart_read_stored(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
static base_reason_t ngx_http_smart_send(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
static ngx_int_t ngx_http_smart_refuse(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, base_reason_t reason);


ngx_int_t
ngx_http_smart_handler(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    base_reason_t               reason;
    ngx_http_smart_ctx_t       *ctx;
    ngx_http_smart_loc_conf_t  *slcf;

    if (ngx_http_smart_is_preread(r)) {
        return ngx_http_smart_preread_handler(r);
    }

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_smart_module);
    ctx = ngx_http_smart_find(r);

    if (ctx && ctx->state == NGX_HTTP_SMART_PREREAD) {
        return NGX_AGAIN;
    }

    if (!slcf->enabled) {
        return ngx_http_smart_elsewhere(r, ctx, slcf);
    }

    if (ctx == NULL) {
        ctx = ngx_http_smart_record(r);

        /* a status would give error_page a chance to reopen the request */

        if (ctx == NULL) {
            return NGX_ERROR;
        }
    }

    if (ctx->reason != BASE_OK) {
        return ngx_http_smart_refuse(r, ctx, ctx->reason);
    }

    if (!ngx_http_smart_continues(r, ctx, slcf)) {
        ngx_http_smart_open_begin(r, ctx, slcf);

        reason = ctx->bypassed ? BASE_OK : ngx_http_smart_begin(r, ctx, slcf);

        if (reason != BASE_OK || ctx->bypassed) {
            return ngx_http_smart_refuse(r, ctx, reason);
        }
    }

    if (ctx->state == NGX_HTTP_SMART_TOKEN) {
        rc = ngx_http_smart_principal(r, ctx, &reason);

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        if (rc != NGX_OK) {
            return ngx_http_smart_refuse(r, ctx, reason);
        }

        ctx->state = NGX_HTTP_SMART_JUDGE;
    }

    return ngx_http_smart_steps(r, ctx);
}


/*
 * A location without smart. If an internal redirect led here, the verdict
 * stays in force, and what is sent must still be what was judged.
 */

static ngx_int_t
ngx_http_smart_elsewhere(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    ngx_http_smart_loc_conf_t *slcf)
{
    /* an error before POST_READ leads here past it */

    if (ctx == NULL && r->internal && r == r->main
        && ngx_http_smart_strip_handler(r) != NGX_DECLINED)
    {
        return NGX_ERROR;
    }

    if (ctx == NULL && ngx_http_smart_slipped(r)) {
        ctx = ngx_http_smart_record(r);

        if (ctx == NULL) {
            return NGX_ERROR;
        }

        ctx->conf = slcf;
    }

    if (ctx == NULL) {
        return NGX_DECLINED;
    }

    if (ctx->reason != BASE_OK) {
        return ngx_http_smart_refuse(r, ctx, ctx->reason);
    }

    if (ctx->open) {
        return NGX_DECLINED;
    }

    return ngx_http_smart_guard(r, ctx, slcf);
}


/*
 * False for a new judgement: the first, or another location or URI after an
 * internal redirect.
 */

static ngx_uint_t
ngx_http_smart_continues(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    ngx_http_smart_loc_conf_t *slcf)
{
    if (ctx->state != NGX_HTTP_SMART_TOKEN
        && ctx->state != NGX_HTTP_SMART_JUDGE)
    {
        return 0;
    }

    return ctx->conf == slcf
           && ctx->uri.data == r->uri.data && ctx->uri.len == r->uri.len
           && ctx->query.data == r->args.data && ctx->query.len == r->args.len;
}


static base_reason_t
ngx_http_smart_begin(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    ngx_http_smart_loc_conf_t *slcf)
{
    base_reason_t  reason;

    ngx_http_smart_capture(r, ctx);

    ctx->state = NGX_HTTP_SMART_START;
    ctx->conf = slcf;
    ctx->uri = r->uri;
    ctx->query = r->args;

    /* its answer would be stored past the filters that check it */

    if (r->subrequest_in_memory) {
        ngx_http_smart_log_fault(r, ctx, "the answer to an in-memory "
                                 "subrequest cannot be checked");
        return BASE_NOT_AS_JUDGED;
    }

    reason = ngx_http_smart_issuers_of(r, ctx);

    if (reason == BASE_OK) {
        reason = ngx_http_smart_message(r, ctx);
    }

    if (reason != BASE_OK) {
        return reason;
    }

    smart_judge_start(&ctx->judge, ctx->arena, slcf->policy, ctx->base,
                      &ctx->message);
    smart_judge_limits(&ctx->judge, &slcf->limits);
    ngx_http_smart_seal(r, ctx);

    /* H2: whatever else is sent, and 400 rather than 401 */

    if (smart_judge_verdict(&ctx->judge)->reason == BASE_CREDENTIALS_IN_QUERY) {
        return BASE_CREDENTIALS_IN_QUERY;
    }

    ctx->state = smart_judge_needs_principal(&ctx->judge)
                 ? NGX_HTTP_SMART_TOKEN : NGX_HTTP_SMART_JUDGE;

    return BASE_OK;
}


/* `smart $variable`: one of the configured names, else 503 (CONFIG). */

static base_reason_t
ngx_http_smart_issuers_of(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    ngx_str_t                    name;
    ngx_http_smart_issuer_t     *issuer;
    ngx_http_smart_main_conf_t  *smcf;

    issuer = NULL;

    if (ctx->conf->variable == NULL) {
        ctx->issuers = ctx->conf->issuers;
        ctx->issuers_n = ctx->conf->issuers_n;

    } else {
        if (ngx_http_complex_value(r, ctx->conf->variable, &name) != NGX_OK) {
            return BASE_NO_MEMORY;
        }

        smcf = ngx_http_get_module_main_conf(r, ngx_http_smart_module);
        issuer = ngx_http_smart_issuer_find(&smcf->issuers, &name);

        if (issuer == NULL) {
            return BASE_ISSUER_UNKNOWN;
        }

        ctx->issuers = ngx_palloc(r->pool, sizeof(ngx_http_smart_issuer_t *));
        if (ctx->issuers == NULL) {
            return BASE_NO_MEMORY;
        }

        ctx->issuers[0] = issuer;
        ctx->issuers_n = 1;
    }

    ctx->base = ngx_http_smart_base(r, ctx->conf, issuer);

    return ctx->base ? BASE_OK : BASE_NO_MEMORY;
}


/*
 * The bytes that would be sent: the raw request line while nginx still has it,
 * else its own r->uri. For proxy_pass without a URI sends the raw one, and
 * what is judged must be what is sent; ngx_http_smart_send() compares the two.
 */

static void
ngx_http_smart_target(ngx_http_request_t *r, base_span_t *path,
    base_span_t *query)
{
    size_t       at;
    base_span_t  raw;

    if (!r->valid_unparsed_uri) {
        *path = ngx_http_smart_span(&r->uri);
        *query = ngx_http_smart_span(&r->args);

        if (r->args.len == 0) {
            query->p = NULL;
        }

        return;
    }

    raw = ngx_http_smart_span(&r->unparsed_uri);
    at = base_span_find(raw, '?');

    *path = base_span_sub(raw, 0, at);
    *query = (at < raw.n) ? base_span_sub(raw, at + 1, raw.n)
                          : base_span_make(NULL, 0);
}


static base_reason_t
ngx_http_smart_message(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    ngx_str_t        base;
    base_span_t      path, query, rest;
    fhir_message_t  *m;

    base = ctx->conf->path;

    if (ctx->conf->base) {
        if (ngx_http_complex_value(r, ctx->conf->base, &base) != NGX_OK) {
            return BASE_NO_MEMORY;
        }

        if (base.len && base.data[base.len - 1] == '/') {
            base.len--;
        }
    }

    if (!ngx_http_smart_below(ngx_http_smart_span(&r->uri), &base, &rest)) {
        return BASE_NOT_BELOW_BASE;
    }

    ctx->base_len = base.len;

    ngx_http_smart_target(r, &path, &query);

    /* spelt otherwise than nginx reads it: the grammar refuses it, whole */

    if (!ngx_http_smart_below(path, &base, &rest)) {
        rest = path;
    }

    ngx_memzero(&ctx->message, sizeof(smart_message_t));
    m = &ctx->message.fhir;

    m->method = ngx_http_smart_span(&r->method_name);
    m->path = rest;
    m->query = query;
    m->has_body = r->headers_in.content_length_n > 0 || r->headers_in.chunked;

#define ngx_http_smart_value(name)                                            \
    ngx_http_smart_headers_value(r, name, sizeof(name) - 1)

    m->content_type = ngx_http_smart_value("content-type");
    m->if_none_exist = ngx_http_smart_value("if-none-exist");
    m->if_match = ngx_http_smart_value("if-match");
    m->if_none_match = ngx_http_smart_value("if-none-match");
    ctx->message.accept = ngx_http_smart_value("accept");
    ctx->message.prefer = ngx_http_smart_value("prefer");
    ctx->message.if_modified_since = ngx_http_smart_value("if-modified-since");
    ctx->message.content_encoding = ngx_http_smart_value("content-encoding");
    ctx->message.security_context = ngx_http_smart_value("x-security-context");

#undef ngx_http_smart_value

    return BASE_OK;
}


/*
 * What the client sent, once: later judgements of this request, and those of
 * its subrequests, find the header gone or the operator's own in its place.
 */

static void
ngx_http_smart_capture(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    ngx_http_request_t    *p;
    ngx_http_smart_ctx_t  *earlier;

    if (ctx->captured) {
        return;
    }

    ctx->captured = 1;

    for (p = r->parent; p; p = p->parent) {
        earlier = ngx_http_smart_find(p);

        if (earlier && earlier->captured) {
            ctx->credentials[0] = earlier->credentials[0];
            ctx->credentials[1] = earlier->credentials[1];
            ctx->credentials_n = earlier->credentials_n;
            return;
        }
    }

    ctx->credentials_n = ngx_http_smart_headers_values(r, "authorization",
                           sizeof("authorization") - 1, ctx->credentials, 2);
}


static ngx_int_t
ngx_http_smart_principal(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    base_reason_t *reason)
{
    ngx_int_t    rc;
    base_span_t  token;

    /* more than one is refused, whatever the others hold */

    *reason = oauth_bearer_parse(ctx->credentials,
                                 ngx_min(ctx->credentials_n, 2),
                                 ctx->conf->max_token, &token);

    if (*reason != BASE_OK) {
        return NGX_DECLINED;
    }

    rc = ngx_http_smart_token(r, ctx->issuers, ctx->issuers_n, token,
                              &ctx->identity, reason);

    if (rc == NGX_OK) {
        rc = ngx_http_smart_token_here(r, ctx->base, &ctx->identity, reason);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    *reason = ngx_http_smart_require(r, ctx->conf->requires);

    if (*reason != BASE_OK) {
        return NGX_DECLINED;
    }

    smart_judge_principal(&ctx->judge, ctx->identity.principal);

    return NGX_OK;
}


static ngx_int_t
ngx_http_smart_steps(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    ngx_int_t      rc;
    smart_step_t   step;
    base_reason_t  reason;

    for ( ;; ) {

        step = ctx->reading ? SMART_WANT_READ : smart_judge_next(&ctx->judge);

        if (ctx->open && step != SMART_WANT_BODY) {
            return ngx_http_smart_open_step(r, ctx, step);
        }

        switch (step) {

        case SMART_WANT_READ:

            rc = ngx_http_smart_read_stored(r, ctx);

            if (rc == NGX_ERROR) {
                return ngx_http_smart_refuse(r, ctx, BASE_NO_MEMORY);
            }

            return rc;

        case SMART_WANT_BODY:

            rc = ngx_http_smart_read_body(r, ctx);

            if (rc == NGX_OK) {
                continue;
            }

            return rc;

        case SMART_ANSWER:

            ngx_http_finalize_request(r, ngx_http_smart_preflight(r, ctx));
            return NGX_DONE;

        case SMART_SEND:

            reason = ngx_http_smart_send(r, ctx);

            if (reason != BASE_OK) {
                return ngx_http_smart_refuse(r, ctx, reason);
            }

            return ngx_http_smart_guard(r, ctx, ctx->conf);

        default: /* SMART_REFUSE */

            ctx->verdict = *smart_judge_verdict(&ctx->judge);

            return ngx_http_smart_refuse(r, ctx, ctx->verdict.reason
                                         ? ctx->verdict.reason
                                         : BASE_INTERNAL);
        }
    }
}


/*
 * L18: whatever it is, it passes. No read before: what that would have shown is
 * not known.
 */

static ngx_int_t
ngx_http_smart_open_step(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    smart_step_t step)
{
    base_reason_t  reason;

    switch (step) {

    case SMART_SEND:
        reason = ngx_http_smart_send(r, ctx);
        ctx->counts = reason == BASE_OK;

        return ngx_http_smart_refuse(r, ctx, reason);

    case SMART_REFUSE:
        reason = smart_judge_verdict(&ctx->judge)->reason;
        return ngx_http_smart_refuse(r, ctx, reason ? reason : BASE_INTERNAL);

    default:
        return ngx_http_smart_refuse(r, ctx, BASE_OK);
    }
}


/* NGX_OK: the judge has it; anything else is for the phases. */

static ngx_int_t
ngx_http_smart_read_body(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    ngx_int_t    rc;
    base_span_t  body;

    rc = ngx_http_smart_body_whole(r, ctx, &body);

    switch (rc) {

    case NGX_OK:
        smart_judge_body(&ctx->judge, body);
        return NGX_OK;

    case NGX_AGAIN:
        return ngx_http_smart_body_read(r, ctx);

    case NGX_DECLINED:
        return ngx_http_smart_refuse(r, ctx, BASE_BODY_TOO_LARGE);

    default:
        return ngx_http_smart_refuse(r, ctx, BASE_NO_MEMORY);
    }
}


/*
 * The request's own body, if there is one, is kept before anything else is
 * sent: a read must not take it along, nor find half of it on the connection.
 */

static ngx_int_t
ngx_http_smart_read_stored(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    if (r == r->main && r->request_body == NULL && !r->discard_body) {
        ctx->reading = 1;
        return ngx_http_smart_body_read(r, ctx);
    }

    ctx->reading = 0;

    return ngx_http_smart_preread(r, ctx);
}


/* r->args, and the raw request line while it is what proxy_pass would send. */

static ngx_int_t
ngx_http_smart_rewrite(ngx_http_request_t *r, ngx_str_t *path, ngx_str_t *args)
{
    u_char  *p;

    if (r->valid_unparsed_uri) {
        p = ngx_pnalloc(r->pool, path->len + 1 + args->len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        r->unparsed_uri.data = p;

        p = ngx_cpymem(p, path->data, path->len);

        if (args->len) {
            *p++ = '?';
            p = ngx_cpymem(p, args->data, args->len);
        }

        r->unparsed_uri.len = (size_t) (p - r->unparsed_uri.data);
    }

    r->args = *args;

    return NGX_OK;
}


/*
 * L13, L21: a conditional write goes to the instance that was found, a sealed
 * link to where it leads. NGX_DECLINED: past the name of the location, which
 * proxy_pass replaces without looking.
 */

static ngx_int_t
ngx_http_smart_resolve(ngx_http_request_t *r, const smart_edits_t *edits)
{
    size_t                     prefix;
    u_char                    *p;
    ngx_http_core_loc_conf_t  *clcf;

    prefix = r->uri.len - edits->came.n;

    p = ngx_pnalloc(r->pool, prefix + edits->path.n);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(ngx_cpymem(p, r->uri.data, prefix), edits->path.p,
               edits->path.n);

    r->uri.data = p;
    r->uri.len = prefix + edits->path.n;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->valid_location && !clcf->named
#if (NGX_PCRE)
        && clcf->regex == NULL
#endif
        && (r->uri.len < clcf->name.len
            || ngx_memcmp(r->uri.data, clcf->name.data, clcf->name.len) != 0))
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/*
 * Threats section 6: nginx's view of the request and the judged one are proven
 * equal, or it is refused. They differ where a path or query is spelt
 * otherwise than it reads: escapes, dot segments, '#'.
 */

static base_reason_t
ngx_http_smart_target_edit(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    const smart_edits_t *edits)
{
    ngx_int_t    rc;
    ngx_str_t    whole, args;
    base_span_t  path, query, rest;

    rest = base_span_make(NULL, 0);
    ngx_http_smart_target(r, &path, &query);

    if (r->uri.len < edits->came.n) {
        return BASE_PATH_SYNTAX;
    }

    rest = base_span_sub(ngx_http_smart_span(&r->uri),
                         r->uri.len - edits->came.n, r->uri.len);

    if (!base_span_eq(rest, edits->came)
        || r->uri.len - rest.n != path.n - ctx->message.fhir.path.n
        || ngx_memcmp(r->uri.data, path.p, r->uri.len - rest.n) != 0)
    {
        return BASE_PATH_SYNTAX;
    }

    if (query.n != r->args.len
        || (query.n && ngx_memcmp(query.p, r->args.data, query.n) != 0))
    {
        return BASE_QUERY_SYNTAX;
    }

    if (!ctx->open && !base_span_eq(edits->came, edits->path)) {
        rc = ngx_http_smart_resolve(r, edits);

        if (rc == NGX_DECLINED) {
            ngx_http_smart_log_fault(r, ctx, "the resource that was found lies "
                                     "outside of this location");
            return BASE_NOT_AS_JUDGED;
        }

        if (rc != NGX_OK) {
            return BASE_NO_MEMORY;
        }
    }

    whole = r->uri;
    args = ngx_http_smart_str(edits->query);

    if (!ctx->open && (edits->query_changed || whole.len != path.n)
        && ngx_http_smart_rewrite(r, &whole, &args) != NGX_OK)
    {
        return BASE_NO_MEMORY;
    }

    ctx->sent.path = ngx_http_smart_str(edits->path);
    ctx->sent.args = args;

    return BASE_OK;
}


/* The judge said yes: the request becomes what was judged, and stays it. */

static base_reason_t
ngx_http_smart_send(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    base_reason_t         reason;
    const smart_edits_t  *edits;

    edits = smart_judge_edits(&ctx->judge);

    reason = ngx_http_smart_target_edit(r, ctx, edits);

    if (reason != BASE_OK) {
        return reason;
    }

    if (ctx->open) {
        return BASE_OK;
    }

    /*
     * HEAD is asked as GET where the answer must be read; r->method stays, so
     * that only a header is sent (L12)
     */

    ctx->sent.method = ngx_http_smart_str(edits->method);
    r->method_name = ctx->sent.method;

    if ((edits->body_changed
         && ngx_http_smart_body_replace(r, ctx, edits->body, edits->body_n)
            != NGX_OK)
        || ngx_http_smart_headers_inject(r, ctx, edits) != NGX_OK)
    {
        return BASE_NO_MEMORY;
    }

    if (ctx->judged) {
        smart_verdict_join(&ctx->verdict, smart_judge_verdict(&ctx->judge));

    } else {
        ctx->verdict = *smart_judge_verdict(&ctx->judge);
    }

    if (ctx->verdict.reason != BASE_OK) {
        return ctx->verdict.reason;
    }

    ctx->judged = 1;
    ctx->state = NGX_HTTP_SMART_PASSED;

    return BASE_OK;
}


static ngx_int_t
ngx_http_smart_refuse(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    base_reason_t reason)
{
    if (ctx->open) {
        return ngx_http_smart_open_pass(r, ctx, reason);
    }

    ngx_http_finalize_request(r, ngx_http_smart_deny(r, ctx, reason));

    return NGX_DONE;
}
