/*
 * The way of an answer's bytes: from the upstream's buffers to the review, and
 * what it lets through to the filters behind ours. It moves bytes; it decides
 * nothing (nginx-mechanisms 8).
 *
 * What is decided at once is copied from nginx's buffers to ours; what waits
 * for a decision is held (held.h). When ours are out, since the client is
 * slow, input is left where it is, and nginx stops reading from the upstream.
 */

#include "ngx_http_smart.h"
#include "ngx_http_smart_held.h"
#include "ngx_http_smart_response.h"


#define NGX_HTTP_SMART_STREAM_BUF   16384
#define NGX_HTTP_SMART_STREAM_BUFS  4

/* of r->buffered: nginx's own and its filters' are the others */
#define NGX_HTTP_SMART_BUFFERED     0x08


struct ngx_http_smart_stream_s {
    ngx_http_request_t         *request;
    ngx_http_smart_ctx_t       *ctx;
    ngx_http_smart_held_t       held;
    base_splice_t               splice;

    ngx_chain_t                *in;          /* not used up yet */
    size_t                      fed;         /* of its first buf: the review
                                                has it, nobody else */
    off_t                       seen;        /* bytes that the review has */
    off_t                       expected;    /* Content-Length, -1 for none */

    uint64_t                    copy;        /* bytes of the current COPY, */
    uint64_t                    drop;        /* ... DROP, */
    base_span_t                 insert;      /* ... INSERT, still to do */

    ngx_chain_t                *out;
    ngx_chain_t               **out_last;
    ngx_chain_t                *busy;
    ngx_chain_t                *free;
    ngx_uint_t                  bufs;        /* how many there are */
    off_t                       shown;       /* bytes that were let through */

    unsigned                    last:1;      /* the answer is complete */
    unsigned                    broken:1;    /* it will never be */
    unsigned                    flush:1;     /* the upstream wants it sent */
    unsigned                    ended:1;     /* the review knows it is */
    unsigned                    head_sent:1;
};


static ngx_int_t ngx_http_smart_stream_keep(ngx_http_smart_stream_t *st,
    ngx_chain_t *in);
static ngx_int_t ngx_http_smart_stream_run(ngx_http_smart_stream_t *st);
static base_reason_t ngx_http_smart_stream_next(ngx_http_smart_stream_t *st,
    ngx_uint_t *done);
static base_reason_t ngx_http_smart_stream_feed(ngx_http_smart_stream_t *st);
static base_reason_t ngx_http_smart_stream_end(ngx_http_smart_stream_t *st);
static base_reason_t ngx_http_smart_stream_rest(ngx_http_smart_stream_t *st);
static ngx_int_t ngx_http_smart_stream_take(ngx_http_smart_stream_t *st);
static ngx_int_t ngx_http_smart_stream_op(ngx_http_smart_stream_t *st);
static void ngx_http_smart_stream_advance(ngx_http_smart_stream_t *st,
    size_t n);
static ngx_buf_t *ngx_http_smart_stream_buf(ngx_http_smart_stream_t *st,
    ngx_int_t *rc);
static ngx_int_t ngx_http_smart_stream_append(ngx_http_smart_stream_t *st,
    ngx_buf_t *b);
static ngx_int_t ngx_http_smart_stream_push(ngx_http_smart_stream_t *st,
    ngx_uint_t flush);
static ngx_int_t ngx_http_smart_stream_finish(ngx_http_smart_stream_t *st);
static ngx_int_t ngx_http_smart_stream_fail(ngx_http_smart_stream_t *st,
    base_reason_t reason);


ngx_http_smart_stream_t *
ngx_http_smart_stream_new(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    ngx_http_smart_stream_t  *st;

    st = ngx_pcalloc(r->pool, sizeof(ngx_http_smart_stream_t));
    if (st == NULL) {
        return NULL;
    }

    st->request = r;
    st->ctx = ctx;
    st->expected = r->headers_out.content_length_n;
    st->out_last = &st->out;

    ngx_http_smart_held_init(&st->held, r, st->expected);
    base_splice_init(&st->splice);

    return st;
}


ngx_uint_t
ngx_http_smart_stream_begun(ngx_http_smart_stream_t *st)
{
    return st->head_sent;
}


/* `in` NULL: the client has room again. */

ngx_int_t
ngx_http_smart_stream(ngx_http_smart_stream_t *st, ngx_chain_t *in)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = st->request;

    if (ngx_http_smart_stream_keep(st, in) != NGX_OK) {
        return NGX_ERROR;
    }

    r->buffered &= ~NGX_HTTP_SMART_BUFFERED;

    rc = ngx_http_smart_stream_run(st);

    if (rc == NGX_AGAIN && st->ctx->answer == NGX_HTTP_SMART_HOLD) {
        r->buffered |= NGX_HTTP_SMART_BUFFERED;
    }

    return rc;
}


/* The links of `in` are the caller's, the bufs are ours until used up. */

static ngx_int_t
ngx_http_smart_stream_keep(ngx_http_smart_stream_t *st, ngx_chain_t *in)
{
    ngx_chain_t          *cl;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = st->request;
    u = r->upstream;

    for (cl = in; cl; cl = cl->next) {

        if (cl->buf->last_buf || (r != r->main && cl->buf->last_in_chain)) {
            st->last = 1;
        }

        if (cl->buf->flush) {
            st->flush = 1;

            /*
             * the upstream broke off: this flush is the last call there is,
             * and without an answer here the client would get none
             */

            if (u && u->peer.connection == NULL && !r->cached && !st->last) {
                st->broken = 1;
            }
        }
    }

    return in ? ngx_chain_add_copy(r->pool, &st->in, in) : NGX_OK;
}


/* NGX_AGAIN: the client is slow, the rest later. */

static ngx_int_t
ngx_http_smart_stream_run(ngx_http_smart_stream_t *st)
{
    ngx_int_t      rc;
    ngx_uint_t     done;
    base_reason_t  reason;

    for ( ;; ) {
        rc = ngx_http_smart_stream_take(st);

        if (rc == NGX_AGAIN) {
            rc = ngx_http_smart_stream_push(st, 1);

            if (rc != NGX_OK) {
                return rc;
            }

            if (st->free == NULL) {
                return NGX_AGAIN;
            }

            continue;
        }

        if (rc != NGX_OK) {
            return ngx_http_smart_stream_fail(st, rc == NGX_DECLINED
                                              ? BASE_INTERNAL : BASE_NO_MEMORY);
        }

        done = 0;
        reason = ngx_http_smart_stream_next(st, &done);

        if (reason != BASE_OK) {
            return ngx_http_smart_stream_fail(st, reason);
        }

        if (done) {
            break;
        }
    }

    if (st->ended) {
        return ngx_http_smart_stream_finish(st);
    }

    return ngx_http_smart_stream_push(st, st->flush);
}


/* All that is decided was taken. *done: there is nothing more to do now. */

static base_reason_t
ngx_http_smart_stream_next(ngx_http_smart_stream_t *st, ngx_uint_t *done)
{
    base_reason_t  reason;

    if (st->ended) {
        *done = base_splice_taken(&st->splice) == (uint64_t) st->seen;
        return *done ? BASE_OK : ngx_http_smart_stream_end(st);
    }

    reason = ngx_http_smart_stream_rest(st);

    if (reason != BASE_OK) {
        return reason;
    }

    if (st->in) {
        return ngx_http_smart_stream_feed(st);
    }

    if (st->expected >= 0 ? st->seen == st->expected : st->last) {
        return ngx_http_smart_stream_end(st);
    }

    if (st->last || st->broken) {
        return BASE_ANSWER_TRUNCATED;
    }

    *done = 1;

    return BASE_OK;
}


/* What the review has seen and not decided is held; empty bufs are let go. */

static base_reason_t
ngx_http_smart_stream_rest(ngx_http_smart_stream_t *st)
{
    ngx_buf_t    *b;
    ngx_int_t     rc;
    ngx_chain_t  *cl;

    if (st->fed) {
        b = st->in->buf;
        rc = ngx_http_smart_held_add(&st->held, b->pos, st->fed);

        if (rc != NGX_OK) {
            return rc == NGX_DECLINED ? BASE_ANSWER_TOO_LARGE : BASE_NO_MEMORY;
        }

        b->pos += st->fed;
        st->fed = 0;
    }

    while (st->in) {
        b = st->in->buf;

        if (ngx_buf_special(b) || (ngx_buf_in_memory(b) && b->pos == b->last)) {

            if (b->in_file) {
                b->file_pos = b->file_last;
            }

            cl = st->in;
            st->in = cl->next;
            ngx_free_chain(st->request->pool, cl);

            continue;
        }

        return ngx_buf_in_memory(b) ? BASE_OK : BASE_ANSWER_BROKEN;
    }

    return BASE_OK;
}


static base_reason_t
ngx_http_smart_stream_feed(ngx_http_smart_stream_t *st)
{
    ngx_buf_t      *b;
    base_span_t     bytes;
    base_reason_t   reason;

    b = st->in->buf;
    bytes = base_span_make(b->pos, (size_t) (b->last - b->pos));

    if (st->expected >= 0 && (off_t) bytes.n > st->expected - st->seen) {
        return BASE_ANSWER_BROKEN;
    }

    reason = smart_review_feed(&st->ctx->review, &bytes, &st->splice);

    st->fed = (size_t) (bytes.p - b->pos);
    st->seen += (off_t) st->fed;

    return reason;
}


/*
 * Called again while the splice had no room for all. A length that was told is
 * enough to know: what fits in our buffers goes with a true Content-Length.
 */

static base_reason_t
ngx_http_smart_stream_end(ngx_http_smart_stream_t *st)
{
    st->ended = 1;

    return smart_review_end(&st->ctx->review, &st->splice);
}


/* NGX_AGAIN: no buffer is free; NGX_DECLINED: the review contradicts itself. */

static ngx_int_t
ngx_http_smart_stream_take(ngx_http_smart_stream_t *st)
{
    ngx_int_t  rc;

    for ( ;; ) {
        rc = ngx_http_smart_stream_op(st);

        if (rc != NGX_OK) {
            return rc;
        }

        switch (base_splice_next(&st->splice)) {

        case BASE_SPLICE_COPY:
            st->copy = st->splice.n;
            break;

        case BASE_SPLICE_DROP:
            st->drop = st->splice.n;
            break;

        case BASE_SPLICE_INSERT:
            st->insert = st->splice.text;
            break;

        default: /* BASE_SPLICE_WAIT */
            return NGX_OK;
        }

        if (st->copy + st->drop > (uint64_t) ngx_http_smart_held_n(&st->held)
                                  + st->fed)
        {
            return NGX_DECLINED;
        }
    }
}


/* The bytes that the current operation is about come next: held, then fed. */

static void
ngx_http_smart_stream_skip(ngx_http_smart_stream_t *st)
{
    off_t  n;

    n = ngx_min((off_t) st->drop, ngx_http_smart_held_n(&st->held));

    ngx_http_smart_held_drop(&st->held, n);
    ngx_http_smart_stream_advance(st, (size_t) ((off_t) st->drop - n));

    st->drop = 0;
}


static void
ngx_http_smart_stream_advance(ngx_http_smart_stream_t *st, size_t n)
{
    if (n) {
        st->in->buf->pos += n;
        st->fed -= n;
    }
}


/* Copies the next `n` bytes at most, of one place; 0: that failed. */

static size_t
ngx_http_smart_stream_copy(ngx_http_smart_stream_t *st, u_char *to, size_t n)
{
    off_t  held;

    held = ngx_http_smart_held_n(&st->held);

    if (held) {
        n = (size_t) ngx_min((off_t) n, held);

        return ngx_http_smart_held_take(&st->held, to, n) == NGX_OK ? n : 0;
    }

    ngx_memcpy(to, st->in->buf->pos, n);
    ngx_http_smart_stream_advance(st, n);

    return n;
}


/*
 * At the end of the answer, what is held in memory goes as it lies there. A
 * HEAD is told the length alone. True when that was all of the current COPY.
 */

static ngx_int_t
ngx_http_smart_stream_lend(ngx_http_smart_stream_t *st)
{
    ngx_buf_t  *b;
    ngx_str_t   lent;

    if (st->ctx->header_only) {
        st->shown += (off_t) st->copy;
        st->drop = st->copy;
        st->copy = 0;
        ngx_http_smart_stream_skip(st);
        return NGX_OK;
    }

    if (!st->ended || st->fed) {
        return NGX_OK;
    }

    lent = ngx_http_smart_held_lend(&st->held, (off_t) st->copy);

    if (lent.len == 0) {
        return NGX_OK;
    }

    b = ngx_calloc_buf(st->request->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = lent.data;
    b->last = lent.data + lent.len;
    b->memory = 1;

    st->copy -= lent.len;
    st->shown += (off_t) lent.len;

    return ngx_http_smart_stream_append(st, b);
}


static ngx_int_t
ngx_http_smart_stream_op(ngx_http_smart_stream_t *st)
{
    size_t      n;
    ngx_int_t   rc;
    ngx_buf_t  *b;

    if (st->drop) {
        ngx_http_smart_stream_skip(st);
    }

    if (st->ctx->header_only) {
        st->shown += (off_t) st->insert.n;
        st->insert.n = 0;
    }

    if (st->copy && ngx_http_smart_stream_lend(st) != NGX_OK) {
        return NGX_ERROR;
    }

    while (st->insert.n || st->copy) {
        b = ngx_http_smart_stream_buf(st, &rc);

        if (b == NULL) {
            return rc;
        }

        n = (size_t) (b->end - b->last);

        if (st->insert.n) {
            n = ngx_min(n, st->insert.n);
            ngx_memcpy(b->last, st->insert.p, n);
            st->insert = base_span_sub(st->insert, n, st->insert.n);

        } else {
            n = (size_t) ngx_min((uint64_t) n, st->copy);
            n = ngx_http_smart_stream_copy(st, b->last, n);
            st->copy -= n;

            if (n == 0) {
                return NGX_ERROR;
            }
        }

        b->last += n;
        st->shown += (off_t) n;
    }

    return NGX_OK;
}


/* One with room in it. NULL: see *rc; NGX_AGAIN: all are on their way. */

static ngx_buf_t *
ngx_http_smart_stream_buf(ngx_http_smart_stream_t *st, ngx_int_t *rc)
{
    size_t        size;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (st->out) {
        cl = (ngx_chain_t *) ((u_char *) st->out_last
                              - offsetof(ngx_chain_t, next));
        b = cl->buf;

        if (b->temporary && b->last < b->end) {
            return b;
        }
    }

    *rc = NGX_ERROR;

    if (st->free) {
        cl = st->free;
        st->free = cl->next;
        b = cl->buf;
        ngx_free_chain(st->request->pool, cl);

    } else if (st->bufs == NGX_HTTP_SMART_STREAM_BUFS) {
        *rc = NGX_AGAIN;
        return NULL;

    } else {
        size = NGX_HTTP_SMART_STREAM_BUF;

        if (st->expected >= 0 && st->expected < (off_t) size) {
            size = (size_t) ngx_max(st->expected, 1024);
        }

        b = ngx_create_temp_buf(st->request->pool, size);
        if (b == NULL) {
            return NULL;
        }

        b->tag = (ngx_buf_tag_t) &ngx_http_smart_module;
        st->bufs++;
    }

    return ngx_http_smart_stream_append(st, b) == NGX_OK ? b : NULL;
}


static ngx_int_t
ngx_http_smart_stream_append(ngx_http_smart_stream_t *st, ngx_buf_t *b)
{
    ngx_chain_t  *cl;

    cl = ngx_alloc_chain_link(st->request->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = b;
    cl->next = NULL;

    *st->out_last = cl;
    st->out_last = &cl->next;

    return NGX_OK;
}


/*
 * True while nginx would not send it either: until then another answer can
 * take its place.
 */

static ngx_uint_t
ngx_http_smart_stream_is_little(ngx_http_smart_stream_t *st)
{
    off_t                      n;
    ngx_chain_t               *cl;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(st->request, ngx_http_core_module);

    for (n = 0, cl = st->out; cl; cl = cl->next) {
        n += ngx_buf_size(cl->buf);
    }

    return n < (off_t) ngx_max(clcf->postpone_output, 1);
}


/*
 * What was let through goes to the filters behind ours, the head first. Without
 * anything to send, they get a call all the same: they may have some left.
 */

static ngx_int_t
ngx_http_smart_stream_push(ngx_http_smart_stream_t *st, ngx_uint_t flush)
{
    ngx_int_t            rc;
    ngx_chain_t         *cl;
    ngx_http_request_t  *r;

    r = st->request;

    if (!st->head_sent) {

        if (st->out == NULL
            || (!flush && ngx_http_smart_stream_is_little(st)))
        {
            return NGX_OK;
        }

        st->head_sent = 1;

        rc = ngx_http_smart_response_head(r, st->ctx, -1);

        if (rc == NGX_ERROR || rc > NGX_OK) {
            return NGX_ERROR;
        }
    }

    for (cl = st->out; cl; cl = cl->next) {
        cl->buf->flush = (flush && cl->next == NULL) ? 1 : 0;
    }

    st->flush = 0;

    rc = ngx_http_smart_next_body(r, st->out);

    ngx_chain_update_chains(r->pool, &st->free, &st->busy, &st->out,
                            (ngx_buf_tag_t) &ngx_http_smart_module);
    st->out_last = &st->out;

    return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


/* All was judged and taken. A head that was not sent yet can be exact. */

static ngx_int_t
ngx_http_smart_stream_finish(ngx_http_smart_stream_t *st)
{
    ngx_int_t              rc;
    ngx_buf_t             *b;
    ngx_http_request_t    *r;
    ngx_http_smart_ctx_t  *ctx;

    r = st->request;
    ctx = st->ctx;

    ctx->answer = NGX_HTTP_SMART_DONE;
    ngx_http_smart_response_noted(r, ctx);

    if (!st->head_sent) {
        st->head_sent = 1;
        r->header_only |= ctx->header_only;

        rc = ngx_http_smart_response_head(r, ctx,
                                          ctx->header_only && !ctx->review.whole
                                          ? -1 : st->shown);

        if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
            return rc;
        }
    }

    b = ngx_calloc_buf(r->pool);

    if (b == NULL || ngx_http_smart_stream_append(st, b) != NGX_OK) {
        return NGX_ERROR;
    }

    b->last_buf = (r == r->main) ? 1 : 0;
    b->sync = (r == r->main) ? 0 : 1;
    b->last_in_chain = 1;

    return ngx_http_smart_next_body(r, st->out);
}


/*
 * Before the head: another answer instead. Afterwards the connection is cut,
 * so that the client sees that this is not all (nginx-mechanisms 8).
 */

static ngx_int_t
ngx_http_smart_stream_fail(ngx_http_smart_stream_t *st, base_reason_t reason)
{
    ngx_chain_t         *cl;
    ngx_http_request_t  *r;

    r = st->request;

    for (cl = st->in; cl; cl = cl->next) {
        ngx_http_smart_response_consume(cl->buf);
    }

    st->in = NULL;

    if (!st->head_sent) {
        return ngx_http_smart_replace(r, st->ctx, reason,
                                      st->ctx->review.reason == reason
                                      ? st->ctx->review.status : 0);
    }

    return ngx_http_smart_response_cut(r, st->ctx, reason);
}
