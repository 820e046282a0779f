/*
 * The record of one request, main or sub. It hangs on a pool cleanup, since
 * internal redirects wipe r->ctx (DESIGN "The verdict is sticky").
 */

#include "ngx_http_smart.h"


/* of one request: what was judged, the edits, what reading the answer needs */
#define NGX_HTTP_SMART_ARENA  (32 * 1024 * 1024)


static void ngx_http_smart_cleanup(void *data);


ngx_http_smart_ctx_t *
ngx_http_smart_find(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t    *cln;
    ngx_http_smart_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_smart_module);

    if (ctx || !(r->internal || r->filter_finalize)) {
        return ctx;
    }

    /* an internal redirect wipes r->ctx; subrequests share the pool */

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler != ngx_http_smart_cleanup) {
            continue;
        }

        ctx = cln->data;

        if (ctx->request == r) {
            ngx_http_set_ctx(r, ctx, ngx_http_smart_module);
            return ctx;
        }
    }

    return NULL;
}


ngx_http_smart_ctx_t *
ngx_http_smart_record(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t    *cln;
    ngx_http_smart_ctx_t  *ctx;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_smart_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_smart_ctx_t));

    cln->handler = ngx_http_smart_cleanup;

    ctx->request = r;
    smart_verdict_init(&ctx->verdict);

    ctx->arena = base_arena_new(NGX_HTTP_SMART_ARENA);
    if (ctx->arena == NULL) {
        return NULL;
    }

    ngx_http_set_ctx(r, ctx, ngx_http_smart_module);

    return ctx;
}


/* The record of a subrequest that sends what `from` may send, or reads for it. */

ngx_http_smart_ctx_t *
ngx_http_smart_inherit(ngx_http_request_t *r, ngx_http_smart_ctx_t *from)
{
    base_arena_t          *arena;
    ngx_http_smart_ctx_t  *ctx;

    ctx = ngx_http_smart_record(r);

    if (ctx == NULL) {
        return NULL;
    }

    arena = ctx->arena;

    *ctx = *from;

    ctx->arena = arena;
    ctx->request = r;
    ctx->state = NGX_HTTP_SMART_PASSED;
    ctx->preread = NULL;
    ctx->answer = NGX_HTTP_SMART_UNSEEN;
    ctx->stream = NULL;
    ctx->judged = 1;
    ctx->guarded = 1;
    ctx->verified = 0;
    ctx->answering = 0;
    ctx->logged = 0;
    ctx->header_only = 0;

    return ctx;
}


static void
ngx_http_smart_cleanup(void *data)
{
    ngx_http_smart_ctx_t *ctx = data;

    if (ctx->preread) {
        ngx_http_smart_preread_cleanup(ctx->preread);
    }

    base_arena_free(ctx->arena);
}
