/*
 * The request's body: read whole for the judge, replaced by what the judge
 * made of it (nginx-mechanisms 5).
 */

#include "ngx_http_smart.h"


static void ngx_http_smart_body_handler(ngx_http_request_t *r);
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
 * NGX_AGAIN: not read yet. NGX_DECLINED: more than smart_body_buffer, or gone.
 */

ngx_int_t
ngx_http_smart_body_whole(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    base_span_t *body)
{
    off_t         size;
    u_char       *p;
    ssize_t       n;
    ngx_chain_t  *cl;

    if (r->headers_in.content_length_n > (off_t) ctx->conf->body_buffer) {
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

    if (size > (off_t) ctx->conf->body_buffer) {
        return NGX_DECLINED;
    }

    p = ngx_palloc(r->pool, size ? (size_t) size : 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *body = base_span_make(p, (size_t) size);

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        n = ngx_http_smart_body_copy(cl->buf, p,
                                     (size_t) ngx_buf_size(cl->buf));
        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        p += n;
    }

    return NGX_OK;
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


ngx_int_t
ngx_http_smart_body_replace(ngx_http_request_t *r, base_span_t body)
{
    ngx_buf_t                *b;
    ngx_chain_t              *cl;
    ngx_http_request_body_t  *rb;

    rb = r->request_body;
    b = ngx_calloc_buf(r->pool);
    cl = ngx_alloc_chain_link(r->pool);

    if (rb == NULL || b == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    /* a retry sets pos to start (ngx_http_upstream_reinit) */

    b->start = (u_char *) body.p;
    b->pos = b->start;
    b->last = b->start + body.n;
    b->end = b->last;
    b->memory = 1;
    b->last_buf = 1;

    cl->buf = b;
    cl->next = NULL;

    rb->bufs = body.n ? cl : NULL;
    rb->buf = body.n ? b : NULL;
    rb->temp_file = NULL;

    r->headers_in.content_length_n = (off_t) body.n;
    r->headers_in.chunked = 0;

    return NGX_OK;
}
