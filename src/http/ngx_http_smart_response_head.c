/*
 * What the head of an upstream's answer says to the review, and what becomes of
 * it.
 */

#include "ngx_http_smart_headers.h"
#include "ngx_http_smart_response.h"


static ngx_int_t ngx_http_smart_intermediary(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
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


static base_span_t
ngx_http_smart_header_of(ngx_table_elt_t *h)
{
    return h ? ngx_http_smart_span(&h->value) : base_span_make(NULL, 0);
}


/* The answer's header of that name; the absent span when there is none. */

static base_span_t
ngx_http_smart_header_named(ngx_http_request_t *r, const char *name)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    ngx_http_smart_each(&r->headers_out.headers, part, i, h) {

        if (h[i].hash && base_span_is_nocase(ngx_http_smart_span(&h[i].key),
                                             name))
        {
            return ngx_http_smart_span(&h[i].value);
        }
    }

    return base_span_make(NULL, 0);
}


ngx_int_t
ngx_http_smart_upstream_base(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    base_span_t *base)
{
    u_char     *p;
    ngx_str_t   upstream, *schema;

    if (ctx->host.len == 0 || r->upstream == NULL) {
        return NGX_OK;
    }

    schema = &r->upstream->schema;

    upstream.len = schema->len + ctx->host.len + ctx->prefix.len;
    upstream.data = ngx_pnalloc(r->pool, upstream.len);

    if (upstream.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(upstream.data, schema->data, schema->len);
    p = ngx_cpymem(p, ctx->host.data, ctx->host.len);
    ngx_memcpy(p, ctx->prefix.data, ctx->prefix.len);

    *base = ngx_http_smart_span(&upstream);

    return NGX_OK;
}


/*
 * L0: what links begin with. Of an answer from a cache it is not known what the
 * request was sent to.
 */

static ngx_int_t
ngx_http_smart_bases(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    smart_link_bases_t *bases)
{
    bases->path = base_span_sub(ngx_http_smart_span(&ctx->uri), 0,
                                ctx->base_len);

    if (ctx->conf->base_url && ctx->base && ctx->base->urls_n) {
        bases->public_url = ctx->base->urls[0];
    }

    return ngx_http_smart_upstream_base(r, ctx, &bases->upstream);
}


/*
 * L6: that the FHIR server ignores a parameter is remembered by each worker
 * until the next reload. It is no fact about a request.
 */

static u_char *
ngx_http_smart_ignored(ngx_http_smart_ctx_t *ctx)
{
    const fhir_type_t  *type;

    type = fhir_type_find(ctx->conf->policy->definitions, ctx->verdict.type);

    return type ? &ctx->conf->ignored[type->index] : NULL;
}


ngx_int_t
ngx_http_smart_response_said(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    smart_head_t *head)
{
    u_char  *ignored;

    ngx_memzero(head, sizeof(smart_head_t));

    head->status = (unsigned) r->headers_out.status;

    if (r->headers_out.content_type.len) {
        head->content_type = ngx_http_smart_span(&r->headers_out.content_type);
    }

    head->content_encoded = ngx_http_smart_is_encoded(r);

    head->etag = ngx_http_smart_header_of(r->headers_out.etag);
    head->last_modified =
                       ngx_http_smart_header_of(r->headers_out.last_modified);
    head->location = ngx_http_smart_header_named(r, "location");
    head->content_location = ngx_http_smart_header_named(r,
                                                         "content-location");

    ignored = ngx_http_smart_ignored(ctx);
    head->narrowing_ignored = ignored && *ignored;

    return ngx_http_smart_bases(r, ctx, &head->bases);
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

    if (ngx_http_smart_response_said(r, ctx, &head) != NGX_OK) {
        return BASE_NO_MEMORY;
    }

    switch (smart_review_start(&ctx->review, ctx->arena, &ctx->verdict,
                               ctx->conf->policy, &head))
    {
    case SMART_REVIEW_PASS:
        ctx->answer = NGX_HTTP_SMART_PASS;
        ngx_http_smart_edit_head(r, &ctx->review);
        return BASE_OK;

    case SMART_REVIEW_STREAM:
        ctx->answer = NGX_HTTP_SMART_HOLD;
        ngx_http_smart_edit_head(r, &ctx->review);

        return ctx->review.whole || ngx_http_smart_intermediary(r, ctx) == NGX_OK
               ? BASE_OK : BASE_NO_MEMORY;

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

    if (h == r->headers_out.location) {
        r->headers_out.location = NULL;
    }

    if (h == r->headers_out.etag) {
        r->headers_out.etag = NULL;
    }

    if (h == r->headers_out.last_modified) {
        r->headers_out.last_modified = NULL;
        r->headers_out.last_modified_time = -1;
    }
}


/*
 * B15: what is shown may not be all that came.
 */

static ngx_int_t
ngx_http_smart_intermediary(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    return ngx_http_smart_headers_say(r, "X-Intermediary",
                                      ngx_http_smart_own_host(ctx), NULL);
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
    u_char  *ignored;

    ignored = ngx_http_smart_ignored(ctx);

    if (ctx->review.narrowing_ignored && ignored && !*ignored) {
        *ignored = 1;
        ngx_http_smart_log_ignored(r, ctx);
    }

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
