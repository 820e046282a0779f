#include "ngx_http_smart_wait.h"


typedef struct {
    ngx_queue_t                queue;
    ngx_http_request_t        *request;
    ngx_event_t                event;          /* the deadline, and the posted wake-up */
    ngx_uint_t                *count;
    ngx_msec_t                 began;
    ngx_http_event_handler_pt  read_handler;   /* the request's, while it waits */
    unsigned                   queued:1;
    unsigned                   waiting:1;
} ngx_http_smart_waiter_t;


static ngx_http_smart_waiter_t *ngx_http_smart_waiter_get(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_smart_wait_suspend(ngx_http_smart_waiter_t *waiter);
static void ngx_http_smart_wait_unlink(ngx_http_smart_waiter_t *waiter);
static void ngx_http_smart_wait_resume(ngx_event_t *ev);
static void ngx_http_smart_wait_cleanup(void *data);


ngx_int_t
ngx_http_smart_wait(ngx_http_request_t *r, ngx_queue_t *queue,
    ngx_uint_t *waiting, ngx_msec_t time, base_reason_t *reason)
{
    ngx_msec_int_t            left;
    ngx_http_smart_waiter_t  *waiter;

    waiter = ngx_http_smart_waiter_get(r);
    if (waiter == NULL) {
        *reason = BASE_NO_MEMORY;
        return NGX_DECLINED;
    }

    if (waiter->waiting) {
        return NGX_AGAIN;
    }

    left = (ngx_msec_int_t) (waiter->began + time - ngx_current_msec);
    if (left <= 0) {
        *reason = BASE_KEYS_UNAVAILABLE;
        return NGX_DECLINED;
    }

    if (*waiting >= NGX_HTTP_SMART_WAIT_MAX) {
        *reason = BASE_TOO_MANY_WAITING;
        return NGX_DECLINED;
    }

    if (ngx_http_smart_wait_suspend(waiter) != NGX_OK) {
        *reason = BASE_INTERNAL;
        return NGX_DECLINED;
    }

    ngx_queue_insert_tail(queue, &waiter->queue);
    ngx_add_timer(&waiter->event, (ngx_msec_t) left);

    waiter->queued = 1;
    waiter->waiting = 1;
    waiter->count = waiting;
    (*waiting)++;

    return NGX_AGAIN;
}


void
ngx_http_smart_wake(ngx_queue_t *queue)
{
    ngx_queue_t              *q;
    ngx_http_smart_waiter_t  *waiter;

    while (!ngx_queue_empty(queue)) {
        q = ngx_queue_head(queue);
        waiter = ngx_queue_data(q, ngx_http_smart_waiter_t, queue);

        ngx_queue_remove(q);
        waiter->queued = 0;

        if (waiter->event.timer_set) {
            ngx_del_timer(&waiter->event);
        }

        ngx_post_event(&waiter->event, &ngx_posted_events);
    }
}


/*
 * A request's waiter hangs on its pool's cleanups, where an internal redirect does not wipe it as it wipes r->ctx:
 * the deadline counts from the first wait. A subrequest shares the pool and has a waiter of its own.
 */

static ngx_http_smart_waiter_t *
ngx_http_smart_waiter_get(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t       *cln;
    ngx_http_smart_waiter_t  *waiter;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_smart_wait_cleanup) {
            waiter = cln->data;

            if (waiter->request == r) {
                return waiter;
            }
        }
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_smart_waiter_t));
    if (cln == NULL) {
        return NULL;
    }

    waiter = cln->data;
    ngx_memzero(waiter, sizeof(ngx_http_smart_waiter_t));
    cln->handler = ngx_http_smart_wait_cleanup;

    waiter->request = r;
    waiter->began = ngx_current_msec;
    waiter->event.handler = ngx_http_smart_wait_resume;
    waiter->event.data = waiter;
    waiter->event.log = r->connection->log;

    return waiter;
}


/* As limit_req does: meanwhile only the client's going away is looked for. */

static ngx_int_t
ngx_http_smart_wait_suspend(ngx_http_smart_waiter_t *waiter)
{
    ngx_http_request_t  *r;

    r = waiter->request;
    waiter->read_handler = r->read_event_handler;

    if (r == r->main && !r->reading_body) {
        if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
            return NGX_ERROR;
        }

        r->read_event_handler = ngx_http_test_reading;
    }

    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_OK;
}


static void
ngx_http_smart_wait_unlink(ngx_http_smart_waiter_t *waiter)
{
    if (!waiter->waiting) {
        return;
    }

    if (waiter->queued) {
        ngx_queue_remove(&waiter->queue);
        waiter->queued = 0;
    }

    if (waiter->event.timer_set) {
        ngx_del_timer(&waiter->event);
    }

    if (waiter->event.posted) {
        ngx_delete_posted_event(&waiter->event);
    }

    waiter->waiting = 0;
    (*waiter->count)--;
}


static void
ngx_http_smart_wait_resume(ngx_event_t *ev)
{
    ngx_connection_t         *c;
    ngx_http_request_t       *r;
    ngx_http_smart_waiter_t  *waiter;

    waiter = ev->data;
    r = waiter->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_http_smart_wait_unlink(waiter);

    r->read_event_handler = waiter->read_handler;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_smart_wait_cleanup(void *data)
{
    ngx_http_smart_wait_unlink(data);
}
