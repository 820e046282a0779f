#include "ngx_http_smart_headers.h"
#include "ngx_http_smart_wire.h"


/* headers of ours in one request: context, credential, the judge's edits */
#define NGX_HTTP_SMART_WIRE_HEADERS  64


typedef struct {
    ngx_http_request_t    *request;
    ngx_http_smart_ctx_t  *ctx;
    base_span_t            rest;         /* of the head, not read yet */
    uint64_t               seen;         /* bits: ctx->sent.headers met */
    off_t                  length;       /* Content-Length, -1 for none */
    ngx_uint_t             chunked;
} ngx_http_smart_wire_t;


static const char *ngx_http_smart_wire_line(ngx_http_smart_wire_t *w);
static const char *ngx_http_smart_wire_target(ngx_http_smart_wire_t *w,
    base_span_t target);
static ngx_uint_t ngx_http_smart_wire_prefix(ngx_http_smart_wire_t *w,
    base_span_t prefix);
static const char *ngx_http_smart_wire_headers(ngx_http_smart_wire_t *w);
static const char *ngx_http_smart_wire_header(ngx_http_smart_wire_t *w,
    base_span_t name, base_span_t value);
static const char *ngx_http_smart_wire_framing(ngx_http_smart_wire_t *w,
    ngx_chain_t *body);
static ngx_uint_t ngx_http_smart_wire_same_body(ngx_chain_t *a,
    ngx_chain_t *b);


const char *
ngx_http_smart_wire_differs(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    const char             *what;
    ngx_chain_t            *cl;
    ngx_http_smart_wire_t   w;

    cl = r->upstream->request_bufs;

    if (cl == NULL || !ngx_buf_in_memory(cl->buf)) {
        return "there is no request";
    }

    w.request = r;
    w.ctx = ctx;
    w.rest = base_span_make(cl->buf->pos,
                            (size_t) (cl->buf->last - cl->buf->pos));
    w.seen = 0;
    w.length = -1;
    w.chunked = 0;

    what = ngx_http_smart_wire_line(&w);

    if (what == NULL) {
        what = ngx_http_smart_wire_headers(&w);
    }

    if (what == NULL) {
        what = ngx_http_smart_wire_framing(&w, cl->next);
    }

    return what;
}


/* A line without its CRLF; the absent span when there is no whole line. */

static base_span_t
ngx_http_smart_wire_next(ngx_http_smart_wire_t *w)
{
    size_t       at;
    base_span_t  line;

    at = base_span_find(w->rest, '\n');

    if (at == w->rest.n || at == 0 || w->rest.p[at - 1] != '\r') {
        return base_span_make(NULL, 0);
    }

    line = base_span_sub(w->rest, 0, at - 1);
    w->rest = base_span_sub(w->rest, at + 1, w->rest.n);

    return line;
}


static const char *
ngx_http_smart_wire_line(ngx_http_smart_wire_t *w)
{
    ngx_str_t    *judged;
    base_span_t   line, method, target, version;

    line = ngx_http_smart_wire_next(w);
    method = base_span_split(&line, ' ');
    target = base_span_split(&line, ' ');
    version = line;

    if (!base_span_is(version, "HTTP/1.0")
        && !base_span_is(version, "HTTP/1.1"))
    {
        return "it is not HTTP/1";
    }

    judged = &w->ctx->sent.method;

    /* proxy_cache asks for the whole of what a HEAD is about */

    if (!base_span_eq(method, ngx_http_smart_span(judged))
        && !(base_span_is(method, "GET")
             && base_span_is(ngx_http_smart_span(judged), "HEAD")))
    {
        return "the method differs";
    }

    return ngx_http_smart_wire_target(w, target);
}


static const char *
ngx_http_smart_wire_target(ngx_http_smart_wire_t *w, base_span_t target)
{
    size_t       at;
    base_span_t  path, query, below, prefix;

    at = base_span_find(target, '?');
    path = base_span_sub(target, 0, at);
    query = base_span_sub(target, at + 1, target.n);

    if (!base_span_eq(query, ngx_http_smart_span(&w->ctx->sent.args))
        && (query.n || w->ctx->sent.args.len))
    {
        return "the query differs";
    }

    below = ngx_http_smart_span(&w->ctx->sent.path);

    if (path.n < below.n
        || !base_span_eq(base_span_sub(path, path.n - below.n, path.n), below))
    {
        return "the path below the base differs";
    }

    prefix = base_span_sub(path, 0, path.n - below.n);

    if (!ngx_http_smart_wire_prefix(w, prefix)) {
        return "the path before the base is not a plain path";
    }

    w->ctx->prefix = ngx_http_smart_str(prefix);

    return NULL;
}


/*
 * What stands before the judged path is the operator's, yet a variable in it
 * may be the client's: segments that are not empty, not dots and no resource
 * type, or the upstream would read another FHIR path than the judged one.
 */

static ngx_uint_t
ngx_http_smart_wire_prefix(ngx_http_smart_wire_t *w, base_span_t prefix)
{
    size_t       i;
    u_char       c;
    base_span_t  segment;

    if (prefix.n == 0) {
        return 1;
    }

    segment = base_span_split(&prefix, '/');

    if (segment.n) {
        return 0;
    }

    while (prefix.p) {
        segment = base_span_split(&prefix, '/');

        if (segment.n == 0 || base_span_is(segment, ".")
            || base_span_is(segment, "..")
            || fhir_type_find(w->ctx->conf->policy->definitions, segment))
        {
            return 0;
        }

        for (i = 0; i < segment.n; i++) {
            c = segment.p[i];

            if (ngx_http_smart_fold_char(c) == '-'
                && memchr("-._~@:", c, 6) == NULL)
            {
                return 0;
            }
        }
    }

    return 1;
}


static const char *
ngx_http_smart_wire_headers(ngx_http_smart_wire_t *w)
{
    size_t                    at;
    ngx_uint_t                i;
    const char               *what;
    base_span_t               line;
    ngx_http_smart_header_t  *header;

    for ( ;; ) {
        line = ngx_http_smart_wire_next(w);

        if (line.p == NULL) {
            return "the header is broken";
        }

        if (line.n == 0) {
            break;
        }

        at = base_span_find(line, ':');

        if (at == line.n || at + 1 == line.n || line.p[at + 1] != ' ') {
            return "the header is broken";
        }

        what = ngx_http_smart_wire_header(w, base_span_sub(line, 0, at),
                                      base_span_sub(line, at + 2, line.n));
        if (what) {
            return what;
        }
    }

    header = w->ctx->sent.headers.elts;

    for (i = 0; i < w->ctx->sent.headers.nelts; i++) {
        if (header[i].value.data && !header[i].yields
            && !(w->seen & ((uint64_t) 1 << i)))
        {
            return "a header that the module sends is missing "
                   "(proxy_set_header or proxy_pass_request_headers)";
        }
    }

    return w->rest.n ? "the body was changed (proxy_set_body)" : NULL;
}


/*
 * Threats section 6: no inbound spelling, and no proxy_set_header, puts words
 * into our mouth.
 */

static ngx_uint_t
ngx_http_smart_wire_forbidden(ngx_http_smart_wire_t *w,
    ngx_http_smart_folded_t *name)
{
    return ngx_http_smart_reserved(name,
                         ngx_http_get_module_srv_conf(w->request,
                                                      ngx_http_smart_module))
           || ngx_http_smart_folded_is(name, "authorization", 13)
           || ngx_http_smart_folded_is(name, "upgrade", 7)
           || ngx_http_smart_folded_is(name, "x-http-method-override", 22)
           || ngx_http_smart_folded_is(name, "x-http-method", 13)
           || ngx_http_smart_folded_is(name, "x-method-override", 17);
}


static const char *
ngx_http_smart_wire_known(ngx_http_smart_wire_t *w,
    ngx_http_smart_folded_t *folded, base_span_t value, ngx_uint_t *known)
{
    uint64_t                  bit;
    ngx_uint_t                i, n;
    ngx_http_smart_header_t  *header;

    header = w->ctx->sent.headers.elts;
    n = ngx_min(w->ctx->sent.headers.nelts, NGX_HTTP_SMART_WIRE_HEADERS);

    for (i = 0; i < n; i++) {
        if (!ngx_http_smart_folded_is(folded, (char *) header[i].folded,
                                      header[i].name.len))
        {
            continue;
        }

        *known = 1;

        if (header[i].yields) {
            continue;
        }

        bit = (uint64_t) 1 << i;

        if (header[i].value.data == NULL || (w->seen & bit)
            || !base_span_eq(value, ngx_http_smart_span(&header[i].value)))
        {
            return "a header that the module decides about differs "
                   "(proxy_set_header)";
        }

        w->seen |= bit;
    }

    return NULL;
}


static const char *
ngx_http_smart_wire_header(ngx_http_smart_wire_t *w, base_span_t name,
    base_span_t value)
{
    ngx_str_t                 s;
    uint64_t                  length;
    ngx_uint_t                known;
    const char               *what;
    ngx_http_smart_folded_t   folded;

    s = ngx_http_smart_str(name);
    ngx_http_smart_fold(&s, &folded);

    known = 0;
    what = ngx_http_smart_wire_known(w, &folded, value, &known);

    if (what) {
        return what;
    }

    if (!known && ngx_http_smart_wire_forbidden(w, &folded)) {
        return "a header that only the module may send was set "
               "(proxy_set_header)";
    }

    if (ngx_http_smart_folded_is(&folded, "host", 4)) {
        w->ctx->host = ngx_http_smart_str(value);
    }

    if (ngx_http_smart_folded_is(&folded, "content-length", 14)) {
        if (w->length != -1 || !base_span_uint(value, &length)
            || length > (uint64_t) NGX_MAX_OFF_T_VALUE)
        {
            return "Content-Length was changed";
        }

        w->length = (off_t) length;
    }

    if (ngx_http_smart_folded_is(&folded, "transfer-encoding", 17)) {
        if (w->chunked || !base_span_is(value, "chunked")) {
            return "Transfer-Encoding was changed";
        }

        w->chunked = 1;
    }

    return NULL;
}


static const char *
ngx_http_smart_wire_framing(ngx_http_smart_wire_t *w, ngx_chain_t *body)
{
    off_t                size;
    ngx_chain_t         *cl;
    ngx_http_request_t  *r;

    r = w->request;

    if (r->request_body_no_buffering) {

        /* streamed as it comes */

        if (w->chunked ? w->length != -1
                       : w->length != r->headers_in.content_length_n)
        {
            return "the length of the body differs";
        }

        return NULL;
    }

    if (!ngx_http_smart_wire_same_body(body, r->request_body
                                             ? r->request_body->bufs : NULL))
    {
        return "the body differs (proxy_pass_request_body)";
    }

    for (size = 0, cl = body; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    if (w->chunked || (w->length != size && (size || w->length != -1))) {
        return "the length of the body differs";
    }

    return NULL;
}


static ngx_uint_t
ngx_http_smart_wire_same_body(ngx_chain_t *a, ngx_chain_t *b)
{
    for ( ; a && b; a = a->next, b = b->next) {
        if (a->buf->pos != b->buf->pos || a->buf->last != b->buf->last
            || a->buf->file_pos != b->buf->file_pos
            || a->buf->file_last != b->buf->file_last)
        {
            return 0;
        }
    }

    return a == NULL && b == NULL;
}


#if (NGX_HTTP_CACHE)

ngx_uint_t
ngx_http_smart_wire_keyed(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    u_char      *key, *p, *wanted;
    size_t       len, n;
    ngx_str_t   *s, *path, *args;
    ngx_uint_t   i;

    path = &ctx->sent.path;
    args = &ctx->sent.args;

    if (!base_span_is(ngx_http_smart_span(&ctx->sent.method), "GET")
        && !base_span_is(ngx_http_smart_span(&ctx->sent.method), "HEAD"))
    {
        return 0;
    }

    s = r->cache->keys.elts;

    for (len = 0, i = 0; i < r->cache->keys.nelts; i++) {
        len += s[i].len;
    }

    n = path->len + (args->len ? 1 + args->len : 0);

    if (n == 0) {
        return 0;
    }

    key = ngx_pnalloc(r->pool, len + n + 1);
    if (key == NULL) {
        return 0;
    }

    for (p = key, i = 0; i < r->cache->keys.nelts; i++) {
        p = ngx_cpymem(p, s[i].data, s[i].len);
    }

    wanted = p;
    p = ngx_cpymem(p, path->data, path->len);

    if (args->len) {
        *p++ = '?';
        ngx_memcpy(p, args->data, args->len);
    }

    for (i = 0; i + n <= len; i++) {
        if (ngx_memcmp(key + i, wanted, n) == 0) {
            return 1;
        }
    }

    return 0;
}

#endif
