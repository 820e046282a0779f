#include "ngx_http_smart_multi.h"

#include <ngx_event.h>
#include <openssl/err.h>


typedef struct {
    CURLM                          *multi;
    ngx_event_t                     timer;
    ngx_log_t                      *log;
    ngx_http_smart_multi_done_pt    done;
    ngx_http_smart_multi_stuck_pt   stuck;
} ngx_http_smart_curl_t;


static int ngx_http_smart_multi_socket(CURL *easy, curl_socket_t s, int what,
    void *data, void *socket_data);
static ngx_int_t ngx_http_smart_multi_watch(ngx_connection_t *c, int what);
static void ngx_http_smart_multi_unwatch(ngx_connection_t *c);
static int ngx_http_smart_multi_timeout(CURLM *multi, long timeout,
    void *data);
static void ngx_http_smart_multi_event(ngx_event_t *ev);
static void ngx_http_smart_multi_timer(ngx_event_t *ev);
static void ngx_http_smart_multi_action(curl_socket_t s, int mask);
static void *ngx_http_smart_multi_private(CURL *easy);


static ngx_http_smart_curl_t  ngx_http_smart_curl;


ngx_int_t
ngx_http_smart_multi_init(ngx_cycle_t *cycle, ngx_http_smart_multi_done_pt done,
    ngx_http_smart_multi_stuck_pt stuck)
{
    CURLM                  *multi;
    ngx_http_smart_curl_t  *curl;

    curl = &ngx_http_smart_curl;

    ngx_memzero(curl, sizeof(ngx_http_smart_curl_t));
    curl->log = cycle->log;
    curl->done = done;
    curl->stuck = stuck;

    curl->timer.handler = ngx_http_smart_multi_timer;
    curl->timer.data = curl;
    curl->timer.log = cycle->log;
    curl->timer.cancelable = 1;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        ERR_clear_error();
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "curl_global_init() failed");
        return NGX_ERROR;
    }

    multi = curl_multi_init();

    if (multi == NULL
        || curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION,
                             ngx_http_smart_multi_socket)
        || curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION,
                             ngx_http_smart_multi_timeout))
    {
        ERR_clear_error();
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "curl_multi_init() failed");
        return NGX_ERROR;
    }

    ERR_clear_error();

    curl->multi = multi;

    return NGX_OK;
}


void
ngx_http_smart_multi_exit(void)
{
    ngx_http_smart_curl_t  *curl;

    curl = &ngx_http_smart_curl;

    (void) curl_multi_cleanup(curl->multi);
    ERR_clear_error();

    curl->multi = NULL;

    if (curl->timer.timer_set) {
        ngx_del_timer(&curl->timer);
    }
}


ngx_uint_t
ngx_http_smart_multi_ready(void)
{
    return ngx_http_smart_curl.multi != NULL;
}


/* Sends nothing yet: curl only asks for a timer. */

ngx_int_t
ngx_http_smart_multi_add(CURL *easy)
{
    CURLMcode  rc;

    rc = curl_multi_add_handle(ngx_http_smart_curl.multi, easy);
    ERR_clear_error();

    return rc == CURLM_OK ? NGX_OK : NGX_ERROR;
}


void
ngx_http_smart_multi_remove(CURL *easy)
{
    (void) curl_multi_remove_handle(ngx_http_smart_curl.multi, easy);
    ERR_clear_error();
}


static int
ngx_http_smart_multi_socket(CURL *easy, curl_socket_t s, int what, void *data,
    void *socket_data)
{
    ngx_connection_t  *c = socket_data;

    if (what == CURL_POLL_REMOVE) {

        if (c) {
            (void) curl_multi_assign(ngx_http_smart_curl.multi, s, NULL);
            ngx_http_smart_multi_unwatch(c);
        }

        return 0;
    }

    if (c == NULL) {
        c = ngx_get_connection(s, ngx_http_smart_curl.log);
        if (c == NULL) {
            ngx_http_smart_curl.stuck(ngx_http_smart_multi_private(easy));
            return 0;
        }

        c->log = ngx_http_smart_curl.log;
        c->read->log = c->log;
        c->write->log = c->log;
        c->read->handler = ngx_http_smart_multi_event;
        c->write->handler = ngx_http_smart_multi_event;

        (void) curl_multi_assign(ngx_http_smart_curl.multi, s, c);
    }

    if (ngx_http_smart_multi_watch(c, what) != NGX_OK) {
        ngx_http_smart_curl.stuck(ngx_http_smart_multi_private(easy));
    }

    /* -1 would be the end of all transfers, not of this one */

    return 0;
}


/* Level-triggered: curl reads until it has enough, not until the socket is empty. */

static ngx_int_t
ngx_http_smart_multi_watch(ngx_connection_t *c, int what)
{
    ngx_int_t  rc;

    rc = NGX_OK;

    if ((what & CURL_POLL_IN) && !c->read->active) {
        rc = ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT);

    } else if (!(what & CURL_POLL_IN) && c->read->active) {
        rc = ngx_del_event(c->read, NGX_READ_EVENT, 0);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if ((what & CURL_POLL_OUT) && !c->write->active) {
        rc = ngx_add_event(c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);

    } else if (!(what & CURL_POLL_OUT) && c->write->active) {
        rc = ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
    }

    return rc;
}


/* The socket is curl's: only nginx's side of it goes, without a close. */

static void
ngx_http_smart_multi_unwatch(ngx_connection_t *c)
{
    if (c->read->active) {
        (void) ngx_del_event(c->read, NGX_READ_EVENT, 0);
    }

    if (c->write->active) {
        (void) ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    c->read->closed = 1;
    c->write->closed = 1;

    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;
}


static int
ngx_http_smart_multi_timeout(CURLM *multi, long timeout, void *data)
{
    ngx_event_t  *timer;

    timer = &ngx_http_smart_curl.timer;

    /* ngx_add_timer alone would leave a timer that is off by less than 300 ms */

    if (timer->timer_set) {
        ngx_del_timer(timer);
    }

    if (timeout >= 0) {
        ngx_add_timer(timer, (ngx_msec_t) ngx_min(timeout, 60000));
    }

    return 0;
}


static void
ngx_http_smart_multi_timer(ngx_event_t *ev)
{
    ngx_http_smart_multi_action(CURL_SOCKET_TIMEOUT, 0);
}


static void
ngx_http_smart_multi_event(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    /* a graceful exit: fetches that requests wait for go on, exit_process ends the others */

    if (c->close) {
        return;
    }

    ngx_http_smart_multi_action(c->fd, ev->write ? CURL_CSELECT_OUT
                                                 : CURL_CSELECT_IN);
}


static void
ngx_http_smart_multi_action(curl_socket_t s, int mask)
{
    int       running, left;
    CURLMsg  *message;

    (void) curl_multi_socket_action(ngx_http_smart_curl.multi, s, mask,
                                    &running);
    ERR_clear_error();

    for ( ;; ) {
        message = curl_multi_info_read(ngx_http_smart_curl.multi, &left);
        if (message == NULL) {
            return;
        }

        if (message->msg == CURLMSG_DONE) {
            ngx_http_smart_curl.done(
                          ngx_http_smart_multi_private(message->easy_handle),
                          message->data.result);
        }
    }
}


static void *
ngx_http_smart_multi_private(CURL *easy)
{
    char  *private;

    private = NULL;
    (void) curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);

    return private;
}
