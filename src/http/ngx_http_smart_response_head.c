/*
 * What the head of an upstream's answer says to the review, and what becomes of
 * it.
 */

#include "ngx_http_smart_headers.h"
#include "ngx_http_smart_response.h"


static void ngx_http_smart_edit_head(ngx_http_request_t *r,
    smart_review_t *review);
static void ngx_http_smart_edit_header(ngx_http_request_t *r,
    ngx_table_elt_t *h, base_span_t value);


/*
 * True for what nginx itself says instead of an upstream's answer: 502, 504,
 * 413 ...
 */

static ngx_uint_t
ngx_http_smart_is_own_page(ngx_http_request_t *r)
{
    return r->err_status
           && (r->upstream == NULL || r->upstream->headers_in.status_n == 0);
}


/*
 * True for a tunnel, which would pass by every check, and for a part of an
 * answer that must be judged: slice has made a 200 of it already.
 */

static ngx_uint_t
ngx_http_smart_is_beyond_check(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx)
{
    if (r->headers_out.status == NGX_HTTP_SWITCHING_PROTOCOLS) {
        return 1;
    }

    return r->upstream
           && r->upstream->headers_in.status_n == NGX_HTTP_PARTIAL_CONTENT
           && smart_verdict_obliges(&ctx->verdict, SMART_RESPONSE);
}


ngx_uint_t
ngx_http_smart_is_encoded(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    h = r->headers_out.content_encoding;

    return h && !base_span_is_nocase(ngx_http_smart_span(&h->value),
                                     "identity");
}


/* What the head says to the review. */

static void
ngx_http_smart_head_of(ngx_http_request_t *r, smart_head_t *head)
{
    ngx_memzero(head, sizeof(smart_head_t));

    head->status = (unsigned) r->headers_out.status;

    if (r->headers_out.content_type.len) {
        head->content_type = ngx_http_smart_span(&r->headers_out.content_type);
    }

    head->content_encoded = ngx_http_smart_is_encoded(r);

    if (r->headers_out.etag) {
        head->etag = ngx_http_smart_span(&r->headers_out.etag->value);
    }

    if (r->headers_out.last_modified) {
        head->last_modified =
                        ngx_http_smart_span(&r->headers_out.last_modified->value);
    }
}


base_reason_t
ngx_http_smart_response_look(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    smart_head_t  head;

    ngx_memzero(&ctx->review, sizeof(smart_review_t));

    if (ngx_http_smart_is_own_page(r)) {
        ctx->answer = NGX_HTTP_SMART_PASS;

        /* where no error_page took over */

        if (!r->internal && (r->headers_out.status == NGX_HTTP_BAD_GATEWAY
                         || r->headers_out.status == NGX_HTTP_GATEWAY_TIME_OUT))
        {
            ctx->review.status = (unsigned) r->headers_out.status;
            return BASE_UPSTREAM_UNAVAILABLE;
        }

        return BASE_OK;
    }

    if (ctx->guarded && !ctx->verified) {
        ngx_http_smart_log_fault(r, ctx, "an answer came from a handler that "
                                 "is no proxy_pass");
        return BASE_NOT_AS_JUDGED;
    }

    if (ngx_http_smart_is_beyond_check(r, ctx)) {
        return BASE_ANSWER_STATUS;
    }

    ngx_http_smart_head_of(r, &head);

    switch (smart_review_start(&ctx->review, ctx->arena, &ctx->verdict,
                               ctx->conf->policy, &head))
    {
    case SMART_REVIEW_PASS:
        ctx->answer = NGX_HTTP_SMART_PASS;
        return BASE_OK;

    case SMART_REVIEW_STREAM:
        ctx->answer = NGX_HTTP_SMART_HOLD;
        ngx_http_smart_edit_head(r, &ctx->review);
        return BASE_OK;

    default:
        return ctx->review.reason ? ctx->review.reason : BASE_INTERNAL;
    }
}


/*
 * What the review wants of the head: a header that is said of what came, not of
 * what is shown, goes.
 */

static void
ngx_http_smart_edit_head(ngx_http_request_t *r, smart_review_t *review)
{
    size_t            j;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    ngx_http_smart_each(&r->headers_out.headers, part, i, h) {

        for (j = 0; h[i].hash && j < review->header_n; j++) {

            if (base_span_is_nocase(ngx_http_smart_span(&h[i].key),
                                    review->header[j].name))
            {
                ngx_http_smart_edit_header(r, &h[i], review->header[j].value);
            }
        }
    }
}


static void
ngx_http_smart_edit_header(ngx_http_request_t *r, ngx_table_elt_t *h,
    base_span_t value)
{
    if (value.p) {
        h->value = ngx_http_smart_str(value);
        return;
    }

    h->hash = 0;

    if (h == r->headers_out.etag) {
        r->headers_out.etag = NULL;
    }

    if (h == r->headers_out.last_modified) {
        r->headers_out.last_modified = NULL;
        r->headers_out.last_modified_time = -1;
    }
}


/* D9: as ngx_http_not_modified_filter says it. */

static void
ngx_http_smart_not_modified(ngx_http_request_t *r)
{
    r->headers_out.status = NGX_HTTP_NOT_MODIFIED;
    r->headers_out.status_line.len = 0;
    r->headers_out.content_type.len = 0;
    r->header_only = 1;

    ngx_http_clear_content_length(r);
}


ngx_int_t
ngx_http_smart_response_head(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    off_t length)
{
    ngx_http_clear_content_length(r);
    r->headers_out.content_length_n = length;

    if (ctx->review.not_modified) {
        ngx_http_smart_not_modified(r);
    }

    if (ctx->review.bodiless) {
        r->headers_out.content_type.len = 0;
    }

    return ngx_http_smart_next_header(r);
}


void
ngx_http_smart_response_noted(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    if (ctx->review.mismatched) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "smart: the answer to a batch has more or fewer entries "
                      "than were sent: what it wrote may stand");
    }
}


ngx_int_t
ngx_http_smart_response_cut(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    base_reason_t reason)
{
    ctx->reason = reason;
    ctx->answer = NGX_HTTP_SMART_DONE;

    ngx_http_smart_log_cut(r, ctx, reason);

    r->keepalive = 0;
    r->connection->error = 1;

    return NGX_ERROR;
}


void
ngx_http_smart_response_consume(ngx_buf_t *b)
{
    b->pos = b->last;

    if (b->in_file) {
        b->file_pos = b->file_last;
    }
}
