/*
 * Outgoing HTTP, the sole user of libcurl: its multi-socket API on nginx's event loop.
 *
 * A fetch never blocks the worker and never completes inside ngx_http_smart_fetch_start. Redirects are not followed, nothing is decompressed, the
 * environment's proxies are not used, and the addresses that a name resolves to are looked at before anything is sent.
 */

#ifndef _NGX_HTTP_SMART_FETCH_H_INCLUDED_
#define _NGX_HTTP_SMART_FETCH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "base/base_reason.h"


typedef struct ngx_http_smart_fetch_s  ngx_http_smart_fetch_t;

typedef void (*ngx_http_smart_fetch_pt)(ngx_http_smart_fetch_t *fetch);


/* Filled by the caller, who owns the memory; zeroed before. Strings are NUL-terminated, NULL for none. */
struct ngx_http_smart_fetch_s {
    /* what is asked */
    char                     *url;
    char                     *etag;               /* sent as If-None-Match */
    char                     *accept;
    char                     *authorization;      /* a header's value */
    ngx_str_t                 form;               /* data NULL: GET; else POST, of a form */
    char                     *proxy;
    ngx_str_t                *trusted;            /* PEM; NULL for the system's roots */
    ngx_str_t                *crl;                /* path; NULL for none */
    ngx_msec_t                timeout;            /* for the whole of it */
    size_t                    max_size;
    unsigned                  http:1;             /* http is allowed */
    unsigned                  loopback:1;         /* loopback addresses are allowed */
    unsigned                  private_addresses:1;
    unsigned                  reuse:1;            /* connections are kept and used again; the rule for addresses holds all the same */

    ngx_http_smart_fetch_pt   handler;            /* called once, from the event loop; may free */
    void                     *data;
    ngx_log_t                *log;

    /* what came, valid in the handler */
    ngx_uint_t                status;             /* 0: none */
    const char               *error;              /* why not, a constant; NULL when a whole answer came */
    unsigned                  too_large:1;
    u_char                   *body;
    size_t                    len;
    char                      new_etag[128];      /* "" for none */
    int64_t                   max_age;            /* seconds, -1: not said */

    void                     *transfer;           /* ngx_http_smart_fetch.c's */
};


/* Once per worker, after the fork. */
ngx_int_t ngx_http_smart_fetch_init_process(ngx_cycle_t *cycle);
void ngx_http_smart_fetch_exit_process(ngx_cycle_t *cycle);

/* NGX_OK: the handler will be called, unless it is cancelled. NGX_ERROR: it will not, `error` says why. */
ngx_int_t ngx_http_smart_fetch_start(ngx_http_smart_fetch_t *fetch);

/* Gives up; the handler is not called any more. Harmless when nothing is under way. */
void ngx_http_smart_fetch_cancel(ngx_http_smart_fetch_t *fetch);


#endif /* _NGX_HTTP_SMART_FETCH_H_INCLUDED_ */
