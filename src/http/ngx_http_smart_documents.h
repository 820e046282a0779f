/*
 * Bringing an issuer's documents into the shared zone: metadata where keys are to be discovered, then the key set.
 *
 * One job per issuer and worker at most; the lease in the zone makes it one per server. A job belongs to the issuer, never to a request.
 */

#ifndef _NGX_HTTP_SMART_DOCUMENTS_H_INCLUDED_
#define _NGX_HTTP_SMART_DOCUMENTS_H_INCLUDED_


#include "ngx_http_smart_fetch.h"
#include "ngx_http_smart_issuer.h"


typedef struct ngx_http_smart_documents_s  ngx_http_smart_documents_t;

typedef void (*ngx_http_smart_documents_pt)(void *data);

struct ngx_http_smart_documents_s {
    ngx_http_smart_issuer_t      *issuer;
    ngx_http_smart_zone_t        *zone;
    ngx_http_smart_documents_pt   done;     /* called from the event loop when a job has ended */
    void                         *data;

    /* the job */
    unsigned                      active:1;
    ngx_uint_t                    attempt;  /* of the places where metadata may be */
    ngx_pool_t                   *pool;
    base_arena_t                 *arena;
    ngx_http_smart_fetch_t        fetch;
};


/* Starts a job if something is due and nobody else is at it. */
void ngx_http_smart_documents_tick(ngx_http_smart_documents_t *documents,
    ngx_http_smart_zone_view_t *view);

/* Gives up a job that is under way, and its lease. */
void ngx_http_smart_documents_stop(ngx_http_smart_documents_t *documents);


#endif /* _NGX_HTTP_SMART_DOCUMENTS_H_INCLUDED_ */
