/*
 * The request's body: read whole for the judge, replaced by what the judge
 * made of it (nginx-mechanisms 5).
 */

#include "ngx_http_smart.h"

#include <sys/mman.h>


typedef struct {
    u_char                     *start;
    size_t                      size;
} ngx_http_smart_body_map_t;


static void ngx_http_smart_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_smart_body_gather(ngx_http_request_t *r,
    ngx_chain_t *cl, size_t size, base_span_t *body);
static ngx_int_t ngx_http_smart_body_map(ngx_http_request_t *r, ngx_buf_t *b,
    base_span_t *body);
static void ngx_http_smart_body_unmap(void *data);
static ngx_int_t ngx_http_smart_body_join(ngx_http_request_t *r,
    const base_span_t *piece, size_t n, size_t size, base_span_t *joined);
static ngx_int_t ngx_http_smart_body_chain(ngx_http_request_t *r,
    const base_span_t *piece, size_t n, ngx_chain_t **chain);
static ssize_t ngx_http_smart_body_copy(ngx_buf_t *b, u_char *p, size_t size);


ngx_int_t
ngx_http_smart_body_read(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    ngx_int_t  rc;

    ctx->state = NGX_HTTP_SMART_READING;

    rc = ngx_http_read_client_request_body(r, ngx_http_smart_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


static void
ngx_http_smart_body_handler(ngx_http_request_t *r)
{
    ngx_http_smart_ctx_t  *ctx;

    ctx = ngx_http_smart_find(r);

    if (ctx && ctx->state == NGX_HTTP_SMART_READING) {
        ctx->state = NGX_HTTP_SMART_JUDGE;
    }

    r->preserve_body = 1;

    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}


/*
 * How large the body may be: what the judge can take, and never more than
 * smart_response_max, the bound of what is judged as a whole
 */

static off_t
ngx_http_smart_body_max(ngx_http_smart_ctx_t *ctx)
{
    size_t  max;

    max = ngx_min(smart_judge_body_max(&ctx->judge),
                  ngx_max(ctx->conf->response_max, ctx->conf->body_buffer));

    return (off_t) ngx_min(max, (size_t) NGX_MAX_OFF_T_VALUE);
}


/*
 * NGX_AGAIN: not read yet. NGX_DECLINED: larger than may be judged, or gone.
 */

ngx_int_t
ngx_http_smart_body_whole(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    base_span_t *body)
{
    off_t         size, max;
    ngx_chain_t  *cl;

    max = ngx_http_smart_body_max(ctx);

    if (r->headers_in.content_length_n > max) {
        return NGX_DECLINED;
    }

    /*
     * Thrown away by an error on the way here, or left unread by a parent: it
     * will not come, and reading would call us again at once, for ever
     */

    if (r->request_body == NULL) {
        return (r != r->main || r->discard_body) ? NGX_DECLINED : NGX_AGAIN;
    }

    for (size = 0, cl = r->request_body->bufs; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    if (size > max) {
        return NGX_DECLINED;
    }

    cl = r->request_body->bufs;

    if (cl && cl->next == NULL && ngx_buf_in_memory(cl->buf)) {
        *body = base_span_make(cl->buf->pos, (size_t) size);
        return NGX_OK;
    }

    if (cl && cl->next == NULL && size > (off_t) ctx->conf->body_buffer) {
        return ngx_http_smart_body_map(r, cl->buf, body);
    }

    return ngx_http_smart_body_gather(r, cl, (size_t) size, body);
}


/* In pieces, or in a file and small: a copy. */

static ngx_int_t
ngx_http_smart_body_gather(ngx_http_request_t *r, ngx_chain_t *cl, size_t size,
    base_span_t *body)
{
    u_char   *p;
    ssize_t   n;

    p = ngx_palloc(r->pool, size ? size : 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *body = base_span_make(p, size);

    for ( ; cl; cl = cl->next) {
        n = ngx_http_smart_body_copy(cl->buf, p,
                                     (size_t) ngx_buf_size(cl->buf));
        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        p += n;
    }

    return NGX_OK;
}


/*
 * Beyond smart_body_buffer the temp file is looked at where it lies, in the
 * pages that the kernel has just been given. It has no name (but for
 * client_body_in_file_only), so that nobody changes or shortens it.
 */

static ngx_int_t
ngx_http_smart_body_map(ngx_http_request_t *r, ngx_buf_t *b, base_span_t *body)
{
    u_char                     *p;
    size_t                      size;
    ngx_pool_cleanup_t         *cln;
    ngx_http_smart_body_map_t  *map;

    size = (size_t) b->file_last;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_smart_body_map_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, b->file->fd, 0);

    if (p == MAP_FAILED) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, ngx_errno,
                      "smart: mmap() of a request body of %uz bytes failed",
                      size);
        return NGX_ERROR;
    }

    map = cln->data;
    map->start = p;
    map->size = size;

    cln->handler = ngx_http_smart_body_unmap;

    *body = base_span_make(p + b->file_pos, size - (size_t) b->file_pos);

    return NGX_OK;
}


static void
ngx_http_smart_body_unmap(void *data)
{
    ngx_http_smart_body_map_t *map = data;

    (void) munmap(map->start, map->size);
}


static ssize_t
ngx_http_smart_body_copy(ngx_buf_t *b, u_char *p, size_t size)
{
    if (size == 0) {
        return 0;
    }

    if (ngx_buf_in_memory(b)) {
        ngx_memcpy(p, b->pos, size);
        return (ssize_t) size;
    }

    /* nginx spilled it: pread blocks on the disk, as in nginx itself */

    if (ngx_read_file(b->file, p, size, b->file_pos) != (ssize_t) size) {
        return NGX_ERROR;
    }

    return (ssize_t) size;
}


/*
 * What is sent instead, in pieces: joined while that is no more than
 * smart_body_buffer, since small writes make small packets. A large piece lies
 * in the body that came.
 */

ngx_int_t
ngx_http_smart_body_replace(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    const base_span_t *piece, size_t n)
{
    size_t                    i, size;
    base_span_t               joined;
    ngx_http_request_body_t  *rb;

    rb = r->request_body;

    if (rb == NULL) {
        return NGX_ERROR;
    }

    for (size = 0, i = 0; i < n; i++) {
        size += piece[i].n;
    }

    if (n > 1 && size <= ctx->conf->body_buffer) {
        if (ngx_http_smart_body_join(r, piece, n, size, &joined) != NGX_OK) {
            return NGX_ERROR;
        }

        piece = &joined;
        n = 1;
    }

    if (ngx_http_smart_body_chain(r, piece, n, &rb->bufs) != NGX_OK) {
        return NGX_ERROR;
    }

    rb->buf = rb->bufs ? rb->bufs->buf : NULL;
    rb->temp_file = NULL;

    r->headers_in.content_length_n = (off_t) size;
    r->headers_in.chunked = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_smart_body_join(ngx_http_request_t *r, const base_span_t *piece,
    size_t n, size_t size, base_span_t *joined)
{
    size_t   i;
    u_char  *p;

    p = ngx_palloc(r->pool, size ? size : 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *joined = base_span_make(p, size);

    for (i = 0; i < n; i++) {
        p = ngx_cpymem(p, piece[i].p, piece[i].n);
    }

    return NGX_OK;
}


/* A retry sets pos to start (ngx_http_upstream_reinit). */

static ngx_int_t
ngx_http_smart_body_chain(ngx_http_request_t *r, const base_span_t *piece,
    size_t n, ngx_chain_t **chain)
{
    size_t        i;
    ngx_buf_t    *b, *last;
    ngx_chain_t  *cl;

    *chain = NULL;
    last = NULL;

    for (i = 0; i < n; i++) {

        if (piece[i].n == 0) {
            continue;
        }

        b = ngx_calloc_buf(r->pool);
        cl = ngx_alloc_chain_link(r->pool);

        if (b == NULL || cl == NULL) {
            return NGX_ERROR;
        }

        b->start = (u_char *) piece[i].p;
        b->pos = b->start;
        b->last = b->start + piece[i].n;
        b->end = b->last;
        b->memory = 1;

        last = b;

        cl->buf = b;
        cl->next = NULL;

        *chain = cl;
        chain = &cl->next;
    }

    if (last) {
        last->last_buf = 1;
    }

    return NGX_OK;
}
