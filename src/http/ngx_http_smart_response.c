/*
 * The answer. Under an obligation header and body are held, judged by
 * smart_review, and released as they came or replaced by our own answer. It
 * moves bytes; it decides nothing (nginx-mechanisms 8).
 */

#include "ngx_http_smart_headers.h"


#define NGX_HTTP_SMART_HELD_MIN      16384
#define NGX_HTTP_SMART_INSERTED_MIN  4096


static ngx_int_t ngx_http_smart_header_filter(ngx_http_request_t *r);
static base_reason_t ngx_http_smart_head(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
static void ngx_http_smart_edit_head(ngx_http_request_t *r,
    smart_review_t *review);
static void ngx_http_smart_edit_header(ngx_http_request_t *r,
    ngx_table_elt_t *h, base_span_t value);
static ngx_int_t ngx_http_smart_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static base_reason_t ngx_http_smart_hold(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, ngx_buf_t *b);
static ngx_int_t ngx_http_smart_finish(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
static ngx_int_t ngx_http_smart_release(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
static void ngx_http_smart_consume(ngx_chain_t *in);


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

    if (ctx == NULL || ctx->answering || ctx->open) {
        return ngx_http_next_header_filter(r);
    }

    ctx->answer = NGX_HTTP_SMART_UNSEEN;
    ctx->held_n = 0;

    reason = ctx->reason;

    if (reason == BASE_OK && ctx->judged) {
        reason = ngx_http_smart_head(r, ctx);
    }

    if (reason != BASE_OK) {
        return ngx_http_smart_replace(r, ctx, reason, ctx->review.status);
    }

    if (ctx->answer != NGX_HTTP_SMART_HOLD) {
        return ngx_http_next_header_filter(r);
    }

    /* nothing of it is sent anywhere: a mirror, a cache that updates itself */

    if (r->background) {
        ctx->answer = NGX_HTTP_SMART_PASS;
        return ngx_http_next_header_filter(r);
    }

    /* auth_request wants the status alone, but it takes the body to know it */

    if (r->header_only) {
        ctx->header_only = 1;
        r->header_only = 0;
    }

    /* the header goes when the body was judged */

    r->main_filter_need_in_memory = 1;
    r->filter_need_in_memory = 1;

    r->allow_ranges = 0;
    ngx_http_clear_accept_ranges(r);

    return NGX_OK;
}


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


static base_reason_t
ngx_http_smart_head(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
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


static ngx_int_t
ngx_http_smart_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_uint_t             last, flush;
    ngx_chain_t           *cl;
    base_reason_t          reason;
    ngx_http_smart_ctx_t  *ctx;

    if (ngx_http_smart_is_preread(r)) {
        return ngx_http_smart_preread_body(r, in);
    }

    ctx = ngx_http_smart_find(r);

    if (ctx == NULL || ctx->answering
        || ctx->answer == NGX_HTTP_SMART_PASS
        || ctx->answer == NGX_HTTP_SMART_UNSEEN)
    {
        return ngx_http_next_body_filter(r, in);
    }

    if (ctx->answer == NGX_HTTP_SMART_DONE) {
        ngx_http_smart_consume(in);

        return r->header_only ? NGX_OK : ngx_http_next_body_filter(r, NULL);
    }

    last = 0;
    flush = 0;

    for (cl = in; cl; cl = cl->next) {
        reason = ngx_http_smart_hold(r, ctx, cl->buf);

        if (reason != BASE_OK) {
            ngx_http_smart_consume(in);
            return ngx_http_smart_replace(r, ctx, reason, 0);
        }

        last |= cl->buf->last_buf
                || (r != r->main && cl->buf->last_in_chain);
        flush |= cl->buf->flush;
    }

    if (last) {
        return ngx_http_smart_finish(r, ctx);
    }

    /*
     * the upstream broke off: this flush is the last call there is, and
     * without an answer here the client would get none
     */

    if (flush && r->upstream && r->upstream->peer.connection == NULL
        && !r->cached)
    {
        return ngx_http_smart_replace(r, ctx, BASE_ANSWER_TRUNCATED, 0);
    }

    return NGX_OK;
}


/*
 * Appends to what is held. Everything is consumed: nginx has a few buffers
 * only, and would wait for them.
 */

static base_reason_t
ngx_http_smart_hold(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    ngx_buf_t *b)
{
    u_char  *p;
    size_t   n, size, limit;

    if (ngx_buf_special(b)) {
        return BASE_OK;
    }

    if (!ngx_buf_in_memory(b)) {
        return BASE_ANSWER_BROKEN;
    }

    n = (size_t) (b->last - b->pos);
    limit = ctx->conf->response_buffer;

    if (n > limit - ctx->held_n) {
        return BASE_ANSWER_TOO_LARGE;
    }

    if (n > ctx->held_size - ctx->held_n) {
        size = ngx_max(ctx->held_size * 2, NGX_HTTP_SMART_HELD_MIN);

        if (r->headers_out.content_length_n > (off_t) size) {
            size = (size_t) ngx_min(r->headers_out.content_length_n,
                                    (off_t) limit);
        }

        size = ngx_min(ngx_max(size, ctx->held_n + n), limit);

        p = ngx_palloc(r->pool, size);
        if (p == NULL) {
            return BASE_NO_MEMORY;
        }

        if (ctx->held) {
            ngx_memcpy(p, ctx->held, ctx->held_n);
            (void) ngx_pfree(r->pool, ctx->held);
        }

        ctx->held = p;
        ctx->held_size = size;
    }

    ngx_memcpy(ctx->held + ctx->held_n, b->pos, n);
    ctx->held_n += n;

    b->pos = b->last;

    if (b->in_file) {
        b->file_pos = b->file_last;
    }

    return BASE_OK;
}


/* What the review lets through; `limit` bounds what it may become. */
typedef struct {
    u_char  *data;
    size_t   n;
    size_t   size;
    size_t   limit;
} ngx_http_smart_shown_t;


/*
 * Something is put in; `rest` bytes of what is held may still come behind it.
 * Answers seldom grow, by what takes the place of an entry or a link.
 */

static base_reason_t
ngx_http_smart_review_insert(ngx_http_request_t *r,
    ngx_http_smart_shown_t *shown, base_span_t text, size_t rest)
{
    u_char  *grown;
    size_t   needed;

    needed = shown->n + text.n + rest;

    if (needed > shown->limit) {
        return BASE_ANSWER_TOO_LARGE;
    }

    if (needed > shown->size) {
        shown->size = ngx_max(needed, shown->size * 2);

        grown = ngx_palloc(r->pool, shown->size);
        if (grown == NULL) {
            return BASE_NO_MEMORY;
        }

        ngx_memcpy(grown, shown->data, shown->n);
        (void) ngx_pfree(r->pool, shown->data);
        shown->data = grown;
    }

    ngx_memcpy(shown->data + shown->n, text.p, text.n);
    shown->n += text.n;

    return BASE_OK;
}


/* Takes all that is decided. */

static base_reason_t
ngx_http_smart_review_take(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    base_splice_t *splice, ngx_http_smart_shown_t *shown)
{
    uint64_t          at;
    base_reason_t     reason;
    base_splice_op_t  op;

    for ( ;; ) {
        at = base_splice_taken(splice);
        op = base_splice_next(splice);

        if (op == BASE_SPLICE_WAIT) {
            return BASE_OK;
        }

        if (op == BASE_SPLICE_COPY) {
            ngx_memcpy(shown->data + shown->n, ctx->held + at,
                       (size_t) splice->n);
            shown->n += (size_t) splice->n;
        }

        if (op == BASE_SPLICE_INSERT) {
            reason = ngx_http_smart_review_insert(r, shown, splice->text,
                                                  ctx->held_n - (size_t) at);
            if (reason != BASE_OK) {
                return reason;
            }
        }
    }
}


/* All that is held at once: what the review lets through takes its place. */

static base_reason_t
ngx_http_smart_review_held(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    ngx_uint_t              ended;
    base_span_t             in;
    base_splice_t           splice;
    base_reason_t           reason;
    ngx_http_smart_shown_t  shown;

    shown.n = 0;
    shown.size = ctx->held_n + NGX_HTTP_SMART_INSERTED_MIN;
    shown.limit = ctx->held_n + ctx->conf->response_buffer + 65536;

    shown.data = ngx_palloc(r->pool, shown.size);
    if (shown.data == NULL) {
        return BASE_NO_MEMORY;
    }

    in = base_span_make(ctx->held, ctx->held_n);

    base_splice_init(&splice);

    do {
        ended = (in.n == 0);
        reason = ended ? smart_review_end(&ctx->review, &splice)
                       : smart_review_feed(&ctx->review, &in, &splice);

        if (reason == BASE_OK) {
            reason = ngx_http_smart_review_take(r, ctx, &splice, &shown);
        }

        if (reason != BASE_OK) {
            return reason;
        }

    } while (!ended || base_splice_taken(&splice) != ctx->held_n);

    ctx->held = shown.data;
    ctx->held_n = shown.n;

    return BASE_OK;
}


static ngx_int_t
ngx_http_smart_finish(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    base_reason_t  reason;

    if (r->headers_out.content_length_n >= 0
        && r->headers_out.content_length_n != (off_t) ctx->held_n)
    {
        return ngx_http_smart_replace(r, ctx, BASE_ANSWER_TRUNCATED, 0);
    }

    reason = ngx_http_smart_review_held(r, ctx);

    if (reason != BASE_OK) {
        return ngx_http_smart_replace(r, ctx, reason, ctx->review.status);
    }

    return ngx_http_smart_release(r, ctx);
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


static ngx_int_t
ngx_http_smart_release(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    ctx->answer = NGX_HTTP_SMART_DONE;
    r->header_only |= ctx->header_only;

    /* HEAD is told the length that GET would be (L12) */

    r->headers_out.content_length_n = (off_t) ctx->held_n;

    if (ctx->review.not_modified) {
        ngx_http_smart_not_modified(r);
    }

    if (ctx->review.bodiless) {
        r->headers_out.content_type.len = 0;
    }

    if (ctx->review.mismatched) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "smart: the answer to a batch has more or fewer entries "
                      "than were sent: what it wrote may stand");
    }

    rc = ngx_http_next_header_filter(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = ctx->held;
    b->last = ctx->held + ctx->held_n;
    b->memory = ctx->held_n ? 1 : 0;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_next_body_filter(r, &out);
}


static void
ngx_http_smart_consume(ngx_chain_t *in)
{
    for ( ; in; in = in->next) {
        in->buf->pos = in->buf->last;

        if (in->buf->in_file) {
            in->buf->file_pos = in->buf->file_last;
        }
    }
}
