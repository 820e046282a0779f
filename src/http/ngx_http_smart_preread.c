/*
 * What is stored is read before a request is judged (D10, L13): by a
 * subrequest through the location's own proxy_pass, whose answer nobody sees
 * but the judge. It moves bytes; what to read and what it means is decided in
 * src/smart (nginx-mechanisms 2).
 *
 * A read is known by its post_subrequest handler, never by r->ctx, which an
 * internal redirect wipes: a read that was led elsewhere must neither be
 * believed nor reach the client.
 */

#include "ngx_http_smart_headers.h"


struct ngx_http_smart_preread_s {
    ngx_http_request_t         *request;     /* the read */
    ngx_http_smart_ctx_t       *ctx;         /* of who waits for it */
    ngx_http_smart_ctx_t       *own;         /* of the read */
    ngx_event_t                 timer;
    ngx_http_post_subrequest_t  post;
    off_t                       n;           /* bytes of the body so far */
    base_reason_t               reason;      /* why it is worth nothing */

    unsigned                    started:1;   /* our phase has seen it */
    unsigned                    head:1;      /* the judge has the head */
    unsigned                    enough:1;    /* the judge wants no more */
    unsigned                    last:1;      /* the body has ended */
    unsigned                    done:1;
};


static ngx_int_t ngx_http_smart_preread_shape(ngx_http_request_t *r,
    ngx_http_request_t *sr, ngx_http_smart_ctx_t *own);
static ngx_int_t ngx_http_smart_preread_variables(ngx_http_request_t *r,
    ngx_http_request_t *sr);
static ngx_int_t ngx_http_smart_preread_target(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, ngx_str_t *uri, ngx_str_t *args,
    ngx_str_t *whole);
static ngx_int_t ngx_http_smart_preread_done(ngx_http_request_t *sr,
    void *data, ngx_int_t rc);
static base_reason_t ngx_http_smart_preread_outcome(
    ngx_http_smart_preread_t *pr, ngx_int_t rc);
static void ngx_http_smart_preread_head(ngx_http_smart_preread_t *pr,
    ngx_uint_t status);
static void ngx_http_smart_preread_enough(ngx_http_smart_preread_t *pr);
static void ngx_http_smart_preread_timeout(ngx_event_t *ev);


/*
 * Of the client's request, not of the read: its body, its conditions, what it
 * wants back. A search must not be answered from what the upstream remembers
 * (HAPI does for a minute, unless told).
 */

static const smart_header_edit_t  ngx_http_smart_preread_edits[] = {
    { "accept", { (const unsigned char *) "application/fhir+json", 21 } },
    { "cache-control", { (const unsigned char *) "no-cache", 8 } },
    { "accept-encoding", { NULL, 0 } },
    { "content-encoding", { NULL, 0 } },
    { "content-length", { NULL, 0 } },
    { "content-type", { NULL, 0 } },
    { "expect", { NULL, 0 } },
    { "if-match", { NULL, 0 } },
    { "if-modified-since", { NULL, 0 } },
    { "if-none-exist", { NULL, 0 } },
    { "if-none-match", { NULL, 0 } },
    { "if-range", { NULL, 0 } },
    { "if-unmodified-since", { NULL, 0 } },
    { "prefer", { NULL, 0 } },
    { "range", { NULL, 0 } },
    { "transfer-encoding", { NULL, 0 } },
    { "x-cascade", { NULL, 0 } },
    { "x-provenance", { NULL, 0 } },
    { "x-rewrite-history", { NULL, 0 } },
    { "x-security-context", { NULL, 0 } },
};


static ngx_http_smart_preread_t *
ngx_http_smart_preread_of(ngx_http_request_t *r)
{
    if (r->post_subrequest == NULL
        || r->post_subrequest->handler != ngx_http_smart_preread_done)
    {
        return NULL;
    }

    return r->post_subrequest->data;
}


ngx_uint_t
ngx_http_smart_is_preread(ngx_http_request_t *r)
{
    return ngx_http_smart_preread_of(r) != NULL;
}


/* NGX_AGAIN: it is on its way, and the phases run again when it has come. */

ngx_int_t
ngx_http_smart_preread(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    ngx_str_t                  uri, args, whole;
    ngx_http_request_t        *sr;
    ngx_http_smart_preread_t  *pr;

    pr = ngx_pcalloc(r->pool, sizeof(ngx_http_smart_preread_t));

    if (pr == NULL
        || ngx_http_smart_preread_target(r, ctx, &uri, &args, &whole)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    pr->ctx = ctx;
    pr->post.handler = ngx_http_smart_preread_done;
    pr->post.data = pr;

    ctx->preread = pr;
    ctx->state = NGX_HTTP_SMART_PREREAD;

    if (ngx_http_subrequest(r, &uri, &args, &sr, &pr->post,
                            NGX_HTTP_SUBREQUEST_WAITED
                            |NGX_HTTP_SUBREQUEST_CLONE)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    pr->request = sr;
    sr->unparsed_uri = whole;

    pr->own = ngx_http_smart_inherit(sr, ctx);

    /* it cannot be called back: it ends by itself when it gets to our phase */

    if (pr->own == NULL
        || ngx_http_smart_preread_shape(r, sr, pr->own) != NGX_OK)
    {
        pr->reason = BASE_NO_MEMORY;
        return NGX_AGAIN;
    }

    pr->own->sent.path = ngx_http_smart_str(
                                         smart_judge_read(&ctx->judge)->path);
    pr->own->sent.args = args;

    pr->timer.handler = ngx_http_smart_preread_timeout;
    pr->timer.data = pr;
    pr->timer.log = r->connection->log;

    ngx_add_timer(&pr->timer, ctx->conf->preread_timeout);

    return NGX_AGAIN;
}


/* What stands before the base is the request's own. */

static ngx_int_t
ngx_http_smart_preread_target(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    ngx_str_t *uri, ngx_str_t *args, ngx_str_t *whole)
{
    u_char              *p;
    const smart_read_t  *read;

    read = smart_judge_read(&ctx->judge);

    p = ngx_pnalloc(r->pool, ctx->base_len + read->path.n + 1 + read->query.n);
    if (p == NULL) {
        return NGX_ERROR;
    }

    uri->data = p;
    p = ngx_cpymem(p, r->uri.data, ngx_min(ctx->base_len, r->uri.len));
    p = ngx_cpymem(p, read->path.p, read->path.n);
    uri->len = (size_t) (p - uri->data);

    *whole = *uri;
    ngx_str_null(args);

    if (read->query.n) {
        *p++ = '?';
        args->data = p;
        args->len = read->query.n;
        p = ngx_cpymem(p, read->query.p, read->query.n);
        whole->len = (size_t) (p - whole->data);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_smart_preread_shape(ngx_http_request_t *r, ngx_http_request_t *sr,
    ngx_http_smart_ctx_t *own)
{
    size_t         n;
    smart_edits_t  edits;

    static ngx_str_t  get = ngx_string("GET");

    /*
     * Of no method that a cache answers, yet sent as GET: what a cache holds
     * may not be what is stored
     */

    sr->method = NGX_HTTP_PUT;
    sr->method_name = get;
    own->sent.method = get;

    /* not the request's, which would be read, sent or closed */

    sr->request_body = ngx_pcalloc(r->pool, sizeof(ngx_http_request_body_t));
    if (sr->request_body == NULL) {
        return NGX_ERROR;
    }

    sr->headers_in.content_length_n = -1;
    sr->headers_in.chunked = 0;

    if (ngx_http_smart_preread_variables(r, sr) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&edits, sizeof(smart_edits_t));

    n = sizeof(ngx_http_smart_preread_edits) / sizeof(smart_header_edit_t);

    ngx_memcpy(edits.header, ngx_http_smart_preread_edits,
               n * sizeof(smart_header_edit_t));
    edits.header_n = n;

    sr->filter_need_in_memory = 1;

    return ngx_http_smart_headers_inject(sr, own, &edits);
}


/*
 * Values are cached in an array that subrequests share: the read has its own,
 * with what `set` left there, but not with the request's own target.
 */

static ngx_int_t
ngx_http_smart_preread_variables(ngx_http_request_t *r, ngx_http_request_t *sr)
{
    ngx_uint_t                  i;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    sr->variables = ngx_pcalloc(r->pool, (cmcf->variables.nelts + 1)
                                         * sizeof(ngx_http_variable_value_t));
    if (sr->variables == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(sr->variables, r->variables,
               cmcf->variables.nelts * sizeof(ngx_http_variable_value_t));

    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        if (v[i].name.len == sizeof("request_uri") - 1
            && ngx_strncmp(v[i].name.data, "request_uri",
                           sizeof("request_uri") - 1)
               == 0)
        {
            sr->variables[i].valid = 0;
            sr->variables[i].not_found = 0;
        }
    }

    return NGX_OK;
}


/*
 * The read comes to our phase, as all requests do. Twice: it was redirected,
 * and what it would bring is not what was asked for.
 */

ngx_int_t
ngx_http_smart_preread_handler(ngx_http_request_t *r)
{
    ngx_http_smart_preread_t  *pr;

    pr = ngx_http_smart_preread_of(r);

    if (pr->reason != BASE_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (pr->started
        || ngx_http_get_module_ctx(r, ngx_http_smart_module) != pr->own)
    {
        pr->reason = BASE_PREREAD_FAILED;
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    pr->started = 1;

    return ngx_http_smart_guard(r, pr->own, pr->own->conf);
}


/* True when the answer is the upstream's to what was compared and sent. */

static ngx_uint_t
ngx_http_smart_preread_is_genuine(ngx_http_smart_preread_t *pr)
{
    ngx_http_request_t  *r;

    r = pr->request;

    if (ngx_http_get_module_ctx(r, ngx_http_smart_module) != pr->own
        || r->upstream == NULL || !pr->own->verified)
    {
        return 0;
    }

#if (NGX_HTTP_CACHE)
    switch (r->upstream->cache_status) {

    case NGX_HTTP_CACHE_HIT:
    case NGX_HTTP_CACHE_STALE:
    case NGX_HTTP_CACHE_UPDATING:
        return 0;
    }
#endif

    return 1;
}


ngx_int_t
ngx_http_smart_preread_header(ngx_http_request_t *r)
{
    ngx_http_smart_preread_t  *pr;

    pr = ngx_http_smart_preread_of(r);

    if (pr->done) {
        return NGX_OK;
    }

    if (pr->head || !ngx_http_smart_preread_is_genuine(pr)) {
        pr->reason = BASE_PREREAD_FAILED;
        ngx_http_smart_preread_enough(pr);
        return NGX_OK;
    }

    /* whatever X-Accel-Buffering says: a pipe can be told that it is enough */

    if (r->upstream->pipe) {
        r->upstream->buffering = 1;
    }

    ngx_http_smart_preread_head(pr, r->upstream->headers_in.status_n);

    return NGX_OK;
}


static void
ngx_http_smart_preread_head(ngx_http_smart_preread_t *pr, ngx_uint_t status)
{
    smart_read_head_t    head;
    ngx_http_request_t  *r;

    r = pr->request;
    pr->head = 1;

    ngx_memzero(&head, sizeof(smart_read_head_t));

    head.status = (unsigned) status;

    if (r->headers_out.content_type.len) {
        head.content_type = ngx_http_smart_span(&r->headers_out.content_type);
    }

    if (r->headers_out.etag) {
        head.etag = ngx_http_smart_span(&r->headers_out.etag->value);
    }

    head.content_encoded = ngx_http_smart_is_encoded(r);

    /* without memory it is not known */

    (void) ngx_http_smart_upstream_base(r, pr->own, &head.base);

    if (!smart_judge_read_head(&pr->ctx->judge, &head)) {
        ngx_http_smart_preread_enough(pr);
    }
}


/* The rest is not read, where a pipe reads it; else it is thrown away. */

static void
ngx_http_smart_preread_enough(ngx_http_smart_preread_t *pr)
{
    ngx_http_upstream_t  *u;

    pr->enough = 1;

    u = pr->request->upstream;

    if (u && u->pipe && u->buffering && u->peer.connection) {
        u->pipe->upstream_done = 1;
    }
}


static void
ngx_http_smart_preread_feed(ngx_http_smart_preread_t *pr, ngx_buf_t *b)
{
    base_span_t  bytes;

    if (!ngx_buf_in_memory(b)) {
        pr->reason = BASE_PREREAD_FAILED;
        ngx_http_smart_preread_enough(pr);
        return;
    }

    bytes = base_span_make(b->pos, (size_t) (b->last - b->pos));
    pr->n += (off_t) bytes.n;

    if (pr->n > (off_t) pr->ctx->conf->response_max) {
        pr->reason = BASE_ANSWER_TOO_LARGE;
        ngx_http_smart_preread_enough(pr);
        return;
    }

    if (!smart_judge_read_feed(&pr->ctx->judge, bytes)) {
        ngx_http_smart_preread_enough(pr);
    }
}


ngx_int_t
ngx_http_smart_preread_body(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t                 *b;
    ngx_http_smart_preread_t  *pr;

    pr = ngx_http_smart_preread_of(r);

    for ( ; in; in = in->next) {
        b = in->buf;

        if (!pr->done && !pr->enough && pr->head && !ngx_buf_special(b)) {
            ngx_http_smart_preread_feed(pr, b);
        }

        pr->last |= b->last_buf || b->last_in_chain;

        b->pos = b->last;

        if (b->in_file) {
            b->file_pos = b->file_last;
        }
    }

    return NGX_OK;
}


/*
 * Always NGX_OK: anything else would be the client's answer, or end its
 * connection. May be called twice, when the request is not the active one.
 */

static ngx_int_t
ngx_http_smart_preread_done(ngx_http_request_t *sr, void *data, ngx_int_t rc)
{
    ngx_http_smart_preread_t *pr = data;

    if (pr->done) {
        return NGX_OK;
    }

    if (pr->timer.timer_set) {
        ngx_del_timer(&pr->timer);
    }

    pr->reason = ngx_http_smart_preread_outcome(pr, rc);
    pr->done = 1;

    smart_judge_read_end(&pr->ctx->judge, pr->reason);

    pr->ctx->state = NGX_HTTP_SMART_JUDGE;
    pr->ctx->preread = NULL;

    return NGX_OK;
}


static base_reason_t
ngx_http_smart_preread_outcome(ngx_http_smart_preread_t *pr, ngx_int_t rc)
{
    off_t                 expected;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = pr->request;

    if (pr->own && pr->own->reason != BASE_OK) {
        return pr->own->reason;
    }

    if (pr->reason != BASE_OK) {
        return pr->reason;
    }

    u = r ? r->upstream : NULL;

    if (!pr->head) {

        /* proxy_intercept_errors: the status is the upstream's all the same */

        if (u == NULL || !ngx_http_smart_preread_is_genuine(pr)
            || u->headers_in.status_n < NGX_HTTP_SPECIAL_RESPONSE
            || rc != (ngx_int_t) u->headers_in.status_n)
        {
            return rc == NGX_HTTP_GATEWAY_TIME_OUT ? BASE_PREREAD_TIMEOUT
                                                   : BASE_UPSTREAM_UNAVAILABLE;
        }

        ngx_http_smart_preread_head(pr, u->headers_in.status_n);

        return BASE_OK;
    }

    if (pr->enough) {
        return BASE_OK;
    }

    expected = r->headers_out.content_length_n;

    if (!pr->last || rc != NGX_OK
        || (expected >= 0 && expected != pr->n))
    {
        return BASE_ANSWER_TRUNCATED;
    }

    return BASE_OK;
}


/*
 * It takes too long. The upstream is let go of as at the end of the request:
 * that gives back the read's hold on it, which finalizing gives back as well.
 */

static void
ngx_http_smart_preread_timeout(ngx_event_t *ev)
{
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_upstream_t       *u;
    ngx_http_smart_preread_t  *pr;

    pr = ev->data;
    r = pr->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_log_error(NGX_LOG_WARN, c->log, 0,
                  "smart: a stored resource could not be read in time");

    pr->reason = BASE_PREREAD_TIMEOUT;

    u = r->upstream;

    if (u && u->cleanup) {
        r->main->count++;
        (*u->cleanup)(r);
    }

    ngx_http_finalize_request(r, NGX_HTTP_GATEWAY_TIME_OUT);
    ngx_http_run_posted_requests(c);
}


/* The request ends with a read on its way. */

void
ngx_http_smart_preread_cleanup(ngx_http_smart_preread_t *pr)
{
    if (pr->timer.timer_set) {
        ngx_del_timer(&pr->timer);
    }

    pr->done = 1;
}
