/*
 * Request headers: really deleted, and added so that the upstream gets them
 * (nginx-mechanisms 4).
 *
 * The list is rebuilt, never edited in place: `hash = 0` does not keep an
 * inbound header from the upstream, subrequests share list parts with their
 * parent, and an emptied part is sent as a line ":".
 */

#ifndef _NGX_HTTP_SMART_HEADERS_H_INCLUDED_
#define _NGX_HTTP_SMART_HEADERS_H_INCLUDED_


#include "ngx_http_smart.h"


/*
 * A folded name: every letter in lower case, every other character but digits
 * as '-'.
 */
typedef struct {
    size_t      len;                            /* of the name, folded or not */
    ngx_uint_t  odd;                            /* '_', '.' ... became '-' */
    u_char      data[NGX_HTTP_SMART_NAME_MAX + 1];  /* as much of it as fits */
} ngx_http_smart_folded_t;

/* Goes through a list of headers: part, i and h are the caller's. */
#define ngx_http_smart_each(list, part, i, h)                                 \
    for (part = &(list)->part, i = 0; part; part = part->next, i = 0)         \
        for (h = part->elts; i < part->nelts; i++)

/* True: the header goes. */
typedef ngx_uint_t (*ngx_http_smart_drop_pt)(ngx_http_smart_folded_t *name,
    void *data);


void ngx_http_smart_fold(ngx_str_t *name, ngx_http_smart_folded_t *folded);

/* Lower case of a, in the same manner as names are folded. */
u_char ngx_http_smart_fold_char(u_char c);

ngx_uint_t ngx_http_smart_folded_is(ngx_http_smart_folded_t *folded,
    const char *text, size_t len);

/* True when some header would be dropped. */
ngx_uint_t ngx_http_smart_headers_any(ngx_http_request_t *r,
    ngx_http_smart_drop_pt drop, void *data);

/*
 * Drops headers, then adds `add` (ngx_http_smart_header_t, those with a value;
 * may be NULL). Typed pointers of r->headers_in are mended.
 */
ngx_int_t ngx_http_smart_headers_edit(ngx_http_request_t *r,
    ngx_http_smart_drop_pt drop, void *data, ngx_array_t *add);

/*
 * All values of the headers of that lower-case name: n of them at most are
 * written, how many there are is returned.
 */
ngx_uint_t ngx_http_smart_headers_values(ngx_http_request_t *r,
    const char *name, size_t len, base_span_t *values, ngx_uint_t n);

/*
 * The one value of the header of that name; the absent span when there is
 * none. Repeats: joined by a comma, or the first alone without memory.
 */
base_span_t ngx_http_smart_headers_value(ngx_http_request_t *r,
    const char *name, size_t len);

/*
 * What is decided about headers, put into ctx->sent.headers, and the list
 * edited accordingly.
 */
ngx_int_t ngx_http_smart_headers_inject(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, const smart_edits_t *edits);

/* The same where nothing is enforced: only what is ours (L18). */
ngx_int_t ngx_http_smart_headers_open(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);

/*
 * One more header of the answer. `name` is a constant, the value must live as
 * long as the request; `typed`: where nginx looks for it, NULL: nowhere.
 */
ngx_int_t ngx_http_smart_headers_say(ngx_http_request_t *r, const char *name,
    base_span_t value, ngx_table_elt_t **typed);

/* B15, who we are: the public base's host, else this machine. */
base_span_t ngx_http_smart_own_host(ngx_http_smart_ctx_t *ctx);

/*
 * True for a name that only the module may send: launch context, in any
 * spelling, and renamed ones of the server.
 */
ngx_uint_t ngx_http_smart_reserved(ngx_http_smart_folded_t *name, void *srv);


#endif /* _NGX_HTTP_SMART_HEADERS_H_INCLUDED_ */
