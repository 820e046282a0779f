/*
 * The answer. Under an obligation its header waits, and its body goes by way of
 * smart_review (ngx_http_smart_stream), or our own answer takes the place of
 * both (nginx-mechanisms 8).
 */

#include "ngx_http_smart_response.h"


static ngx_int_t ngx_http_smart_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_smart_begin(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
static ngx_int_t ngx_http_smart_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);


#if (NGX_HTTP_SMART_EARLY_HINTS)
static ngx_int_t ngx_http_smart_early_hints_filter(ngx_http_request_t *r);

static ngx_http_output_header_filter_pt  ngx_http_next_early_hints_filter;
#endif

static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


ngx_int_t
ngx_http_smart_response_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_smart_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_smart_body_filter;

#if (NGX_HTTP_SMART_EARLY_HINTS)
    ngx_http_next_early_hints_filter = ngx_http_top_early_hints_filter;
    ngx_http_top_early_hints_filter = ngx_http_smart_early_hints_filter;
#endif

    return NGX_OK;
}


#if (NGX_HTTP_SMART_EARLY_HINTS)

/* A 103 comes before the answer and says what it will be: it is not judged. */

static ngx_int_t
ngx_http_smart_early_hints_filter(ngx_http_request_t *r)
{
    ngx_http_smart_ctx_t  *ctx;

    ctx = ngx_http_smart_find(r);

    return ctx && !ctx->open ? NGX_OK : ngx_http_next_early_hints_filter(r);
}

#endif


ngx_int_t
ngx_http_smart_next_header(ngx_http_request_t *r)
{
    ngx_http_smart_ctx_t  *ctx;

    ctx = ngx_http_smart_find(r);

    if (ctx && ngx_http_smart_cors(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


ngx_int_t
ngx_http_smart_next_body(ngx_http_request_t *r, ngx_chain_t *in)
{
    return ngx_http_next_body_filter(r, in);
}


/*
 * slice asks for the rest of an answer by clones of the request, which start
 * behind our phase and have no record: they say what their parent may say, so
 * nothing when it is held or refused. A background clone fills a cache, whose
 * answers are judged when they are served.
 */

static ngx_uint_t
ngx_http_smart_is_unjudged_clone(ngx_http_request_t *r)
{
    ngx_http_smart_ctx_t       *ctx;
    ngx_http_smart_loc_conf_t  *slcf;

    if (r == r->main || r->background || r->upstream == NULL) {
        return 0;
    }

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_smart_module);

    if (!slcf->enabled && r->loc_conf != r->parent->loc_conf) {
        return 0;
    }

    ctx = ngx_http_smart_find(r->parent);

    if (ctx == NULL) {
        return slcf->enabled;
    }

    return !ctx->open
           && (ctx->reason != BASE_OK || ctx->answer != NGX_HTTP_SMART_PASS);
}


static ngx_int_t
ngx_http_smart_header_filter(ngx_http_request_t *r)
{
    base_reason_t          reason;
    ngx_http_smart_ctx_t  *ctx;

    if (ngx_http_smart_is_preread(r)) {
        return ngx_http_smart_preread_header(r);
    }

    ctx = ngx_http_smart_find(r);

    if (ctx == NULL && ngx_http_smart_is_unjudged_clone(r)) {
        return NGX_ERROR;
    }

    if (ctx && ctx->open && ngx_http_smart_count_begin(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx == NULL || ctx->answering || ctx->open) {
        return ngx_http_smart_next_header(r);
    }

    ctx->answer = NGX_HTTP_SMART_UNSEEN;
    ctx->stream = NULL;

    reason = ctx->reason;

    if (reason == BASE_OK && ctx->judged) {
        reason = ngx_http_smart_response_look(r, ctx);
    }

    if (reason != BASE_OK) {
        return ngx_http_smart_replace(r, ctx, reason, ctx->review.status);
    }

    if (ctx->answer != NGX_HTTP_SMART_HOLD) {
        return ngx_http_smart_next_header(r);
    }

    return ngx_http_smart_begin(r, ctx);
}


/* The header goes with the first byte that may. */

static ngx_int_t
ngx_http_smart_begin(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    /* nothing of it is sent anywhere: a mirror, a cache that updates itself */

    if (r->background) {
        ctx->answer = NGX_HTTP_SMART_PASS;
        return ngx_http_smart_next_header(r);
    }

    /* HEAD and auth_request want no body, but it takes one to know the status */

    if (r->header_only || r->method == NGX_HTTP_HEAD) {
        ctx->header_only = 1;
        r->header_only = 0;
    }

    ctx->stream = ngx_http_smart_stream_new(r, ctx);
    if (ctx->stream == NULL) {
        return NGX_ERROR;
    }

    r->main_filter_need_in_memory = 1;
    r->filter_need_in_memory = 1;

    r->allow_ranges = 0;
    ngx_http_clear_accept_ranges(r);

    return NGX_OK;
}


static ngx_int_t
ngx_http_smart_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_smart_ctx_t  *ctx;

    if (ngx_http_smart_is_preread(r)) {
        return ngx_http_smart_preread_body(r, in);
    }

    ctx = ngx_http_smart_find(r);

    if (ctx && ctx->count) {
        ngx_http_smart_count_body(r, ctx, in);
    }

    if (ctx == NULL || ctx->answering
        || ctx->answer == NGX_HTTP_SMART_PASS
        || ctx->answer == NGX_HTTP_SMART_UNSEEN)
    {
        return ngx_http_next_body_filter(r, in);
    }

    if (ctx->answer == NGX_HTTP_SMART_DONE) {

        for ( ; in; in = in->next) {
            ngx_http_smart_response_consume(in->buf);
        }

        return r->header_only ? NGX_OK : ngx_http_next_body_filter(r, NULL);
    }

    return ngx_http_smart_stream(ctx->stream, in);
}
