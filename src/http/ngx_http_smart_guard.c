/*
 * What is judged is what is sent. The operator's proxy_pass composes the
 * request; before a byte of it leaves, it is compared with what was judged:
 * method, path below the base, query, our headers each once, framing and body.
 * Different: 500, logged, nothing sent (nginx-mechanisms 3).
 *
 * The content handler is wrapped: while it runs, r->aio keeps
 * ngx_http_upstream_init_request() from starting, so that u->create_request
 * can be wrapped before it is called. HTTP/1 by proxy_pass only; what anything
 * else would send cannot be compared.
 */

#include "ngx_http_smart_headers.h"
#include "ngx_http_smart_wire.h"


static ngx_int_t ngx_http_smart_guard_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_smart_guard_refuse(ngx_http_request_t *r);
static ngx_http_smart_ctx_t *ngx_http_smart_guard_inherit(
    ngx_http_request_t *r);
static ngx_uint_t ngx_http_smart_guard_body_complete(ngx_http_request_t *r,
    ngx_uint_t before);
static ngx_int_t ngx_http_smart_guard_create_request(ngx_http_request_t *r);
static void ngx_http_smart_guard_finalize_request(ngx_http_request_t *r,
    ngx_int_t rc);
static ngx_int_t ngx_http_smart_guard_mismatch(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, const char *what);

#if (NGX_HTTP_CACHE)
static ngx_int_t ngx_http_smart_guard_create_key(ngx_http_request_t *r);
#endif


/*
 * To be called for every location that a request with a record comes to;
 * NGX_DECLINED: go on.
 */

ngx_int_t
ngx_http_smart_guard(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    ngx_http_smart_loc_conf_t *slcf)
{
    ctx->guarded = 0;
    ctx->verified = 0;

    if (r->content_handler == NULL) {

        /*
         * files: fine where an operator redirects to, e.g. an error page; in a
         * location with smart nobody judged them
         */

        if (slcf->enabled) {
            r->content_handler = ngx_http_smart_guard_refuse;
        }

        return NGX_DECLINED;
    }

    if (!ctx->judged) {
        r->content_handler = ngx_http_smart_guard_refuse;
        return NGX_DECLINED;
    }

    if (r->content_handler != ngx_http_smart_guard_handler) {
        ctx->content_handler = r->content_handler;
    }

    ctx->guarded = 1;
    r->content_handler = ngx_http_smart_guard_handler;

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_smart_guard_refuse(ngx_http_request_t *r)
{
    ngx_http_smart_ctx_t  *ctx;

    ctx = ngx_http_smart_find(r);

    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_http_smart_guard_mismatch(r, ctx, ctx->judged
                                  ? "there is no proxy_pass here"
                                  : "the request was never judged");

    return ngx_http_smart_deny(r, ctx, BASE_NOT_AS_JUDGED);
}


static ngx_int_t
ngx_http_smart_guard_handler(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    ngx_uint_t             complete;
    ngx_http_upstream_t   *u, *before;
    ngx_http_smart_ctx_t  *ctx;

    ctx = ngx_http_smart_find(r);

    if (ctx == NULL) {
        ctx = ngx_http_smart_guard_inherit(r);
    }

    if (ctx == NULL || ctx->content_handler == NULL) {
        return NGX_ERROR;
    }

    before = r->upstream;
    complete = r != r->main || r->request_body || r->discard_body;

    r->aio = 1;

    rc = ctx->content_handler(r);

    r->aio = 0;

    u = r->upstream;

    if (rc != NGX_DONE || u == NULL || u == before
        || u->create_request == NULL)
    {
        /*
         * failed, or no upstream: what it sends, if anything, the header
         * filter stops
         */
        return rc;
    }

    if (u->create_request != ngx_http_smart_guard_create_request) {
        ctx->create_request = u->create_request;
        u->create_request = ngx_http_smart_guard_create_request;

        ctx->finalize_request = u->finalize_request;
        u->finalize_request = ngx_http_smart_guard_finalize_request;

#if (NGX_HTTP_CACHE)
        ctx->create_key = u->create_key;
        u->create_key = ngx_http_smart_guard_create_key;
#endif
    }

    if (ngx_http_smart_guard_body_complete(r, complete)) {
        ngx_http_upstream_init(r);
    }

    return NGX_DONE;
}


/*
 * A clone starts in the content phase (slice, background update of a cache):
 * it sends what its parent sends, so the parent's verdict and obligations are
 * its own.
 */

static ngx_http_smart_ctx_t *
ngx_http_smart_guard_inherit(ngx_http_request_t *r)
{
    ngx_http_smart_ctx_t  *parent;

    parent = r->parent ? ngx_http_smart_find(r->parent) : NULL;

    if (parent == NULL || !parent->judged || parent->reason != BASE_OK) {
        return NULL;
    }

    return ngx_http_smart_inherit(r, parent);
}


/*
 * True when ngx_http_read_client_request_body() has called
 * ngx_http_upstream_init() already, which returned at once; else the read
 * handler will call it. `before`: there was nothing to read.
 */

static ngx_uint_t
ngx_http_smart_guard_body_complete(ngx_http_request_t *r, ngx_uint_t before)
{
    ngx_http_request_body_t  *rb;

    rb = r->request_body;

    if (before || rb == NULL || r->reading_body || rb->rest < 0) {
        return 1;
    }

    return rb->rest == 0 && rb->last_saved;
}


static ngx_int_t
ngx_http_smart_guard_create_request(ngx_http_request_t *r)
{
    const char                  *what;
    ngx_http_smart_ctx_t        *ctx;
    ngx_http_smart_main_conf_t  *smcf;

    ctx = ngx_http_smart_find(r);

    if (ctx == NULL) {
        return NGX_ERROR;
    }

    smcf = ngx_http_get_module_main_conf(r, ngx_http_smart_module);

    if (smcf->proxy == NULL
        || r->upstream->output.tag != (ngx_buf_tag_t) smcf->proxy)
    {
        return ngx_http_smart_guard_mismatch(r, ctx,
                                  "only proxy_pass with HTTP/1 can be guarded");
    }

    if (ngx_http_smart_is_preread(r)) {
        r->upstream->store = 0;
    }

    if (ctx->create_request(r) != NGX_OK) {
        return NGX_ERROR;
    }

    what = ngx_http_smart_wire_differs(r, ctx);

    if (what) {
        return ngx_http_smart_guard_mismatch(r, ctx, what);
    }

    ctx->verified = 1;

    return NGX_OK;
}


/*
 * An answer that breaks while it is held (chunks that are none) is given up
 * without another call of the filters, and the client would get no answer.
 */

static void
ngx_http_smart_guard_finalize_request(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_smart_ctx_t  *ctx;

    ctx = ngx_http_smart_find(r);

    if (ctx == NULL) {
        return;
    }

    ctx->finalize_request(r, rc);

    if (rc == NGX_ERROR && ctx->answer == NGX_HTTP_SMART_HOLD
        && !ngx_http_smart_stream_begun(ctx->stream) && !r->connection->error)
    {
        r->keepalive = 0;
        (void) ngx_http_smart_replace(r, ctx, BASE_ANSWER_BROKEN, 0);
    }
}


/*
 * `what` is a constant: neither the request nor a header's value is ever
 * logged.
 */

static ngx_int_t
ngx_http_smart_guard_mismatch(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    const char *what)
{
    ngx_http_smart_log_fault(r, ctx, what);

    ctx->reason = BASE_NOT_AS_JUDGED;
    ctx->logged = 1;

    return NGX_ERROR;
}


#if (NGX_HTTP_CACHE)

/*
 * A cached answer is found by its key, without a request being composed: the
 * key must hold the whole of what was judged, or one request would be answered
 * with the answer to another.
 */

static ngx_int_t
ngx_http_smart_guard_create_key(ngx_http_request_t *r)
{
    ngx_http_smart_ctx_t  *ctx;

    ctx = ngx_http_smart_find(r);

    if (ctx == NULL || ctx->create_key(r) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ngx_http_smart_wire_keyed(r, ctx)) {
        return ngx_http_smart_guard_mismatch(r, ctx, "the cache key lacks the "
                                             "judged path and query");
    }

    ctx->verified = 1;

    return NGX_OK;
}

#endif
