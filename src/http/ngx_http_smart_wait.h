/*
 * Requests that wait for something of the worker's: suspended in their phase, woken together, never inline.
 *
 * A request is unlinked by a cleanup of its pool, whatever ends it.
 */

#ifndef _NGX_HTTP_SMART_WAIT_H_INCLUDED_
#define _NGX_HTTP_SMART_WAIT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "base/base_reason.h"


#define NGX_HTTP_SMART_WAIT_MAX   1000   /* requests of a worker, for one issuer's documents or answers */
#define NGX_HTTP_SMART_WAIT_TIME  2000   /* msec, for keys */


/*
 * `waiting` counts all who wait for the same party in whatever queues, so that one that hangs takes no room from another. It outlives them.
 * `time`: milliseconds since the request waited first, for whatever.
 * NGX_AGAIN: the request is in the queue; ngx_http_core_run_phases is called from the event loop when the queue is woken or the request's
 * time is over. NGX_DECLINED: BASE_TOO_MANY_WAITING, BASE_KEYS_UNAVAILABLE when its time is over, BASE_NO_MEMORY.
 */
ngx_int_t ngx_http_smart_wait(ngx_http_request_t *r, ngx_queue_t *queue,
    ngx_uint_t *waiting, ngx_msec_t time, base_reason_t *reason);

/* All requests in the queue go on, each from a posted event. */
void ngx_http_smart_wake(ngx_queue_t *queue);


#endif /* _NGX_HTTP_SMART_WAIT_H_INCLUDED_ */
