#include "ngx_http_smart_multi.h"

#include <ngx_event.h>
#include <openssl/err.h>


typedef struct {
    ngx_queue_t                     queue;
    curl_socket_t                   socket;      /* curl's */
    int                             what;        /* CURL_POLL_* */
    ngx_connection_t               *connection;  /* of a duplicate of the socket */
} ngx_http_smart_watch_t;


typedef struct {
    CURLM                          *multi;
    ngx_event_t                     timer;
    ngx_queue_t                     watches;
    ngx_log_t                      *log;
    ngx_http_smart_multi_done_pt    done;
    ngx_http_smart_multi_stuck_pt   stuck;
} ngx_http_smart_curl_t;


static int ngx_http_smart_multi_socket(CURL *easy, curl_socket_t s, int what,
    void *data, void *socket_data);
static ngx_int_t ngx_http_smart_multi_watch(ngx_http_smart_watch_t *watch);
static ngx_int_t ngx_http_smart_multi_set(ngx_event_t *ev, ngx_int_t event,
    ngx_uint_t wanted);
static void ngx_http_smart_multi_unwatch(ngx_http_smart_watch_t *watch);
static void ngx_http_smart_multi_free(ngx_http_smart_watch_t *watch);
static void ngx_http_smart_multi_stuck(CURL *easy);
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
    ngx_queue_init(&curl->watches);
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
    ngx_queue_t            *q;
    ngx_http_smart_curl_t  *curl;

    curl = &ngx_http_smart_curl;

    (void) curl_multi_cleanup(curl->multi);
    ERR_clear_error();

    curl->multi = NULL;

    while (!ngx_queue_empty(&curl->watches)) {
        q = ngx_queue_head(&curl->watches);
        ngx_http_smart_multi_free(ngx_queue_data(q, ngx_http_smart_watch_t,
                                                 queue));
    }

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
    ngx_http_smart_watch_t  *watch = socket_data;

    if (what == CURL_POLL_REMOVE) {

        if (watch) {
            (void) curl_multi_assign(ngx_http_smart_curl.multi, s, NULL);
            ngx_http_smart_multi_free(watch);
        }

        return 0;
    }

    if (watch == NULL) {
        watch = ngx_calloc(sizeof(ngx_http_smart_watch_t),
                           ngx_http_smart_curl.log);
        if (watch == NULL) {
            ngx_http_smart_multi_stuck(easy);
            return 0;
        }

        watch->socket = s;
        ngx_queue_insert_tail(&ngx_http_smart_curl.watches, &watch->queue);

        (void) curl_multi_assign(ngx_http_smart_curl.multi, s, watch);
    }

    watch->what = what;

    if (ngx_http_smart_multi_watch(watch) != NGX_OK) {
        ngx_http_smart_multi_stuck(easy);
    }

    /* -1 would be the end of all transfers, not of this one */

    return 0;
}


/*
 * curl (7.88) closes a socket whose connection was not made without a word, and says so later, when
 * the number may be somebody else's. So nginx watches a duplicate, which is ours to take off and to
 * close.
 */

static ngx_int_t
ngx_http_smart_multi_watch(ngx_http_smart_watch_t *watch)
{
    int                s;
    ngx_connection_t  *c;

    if (watch->connection == NULL) {

        s = fcntl(watch->socket, F_DUPFD_CLOEXEC, 0);
        if (s == -1) {
            return NGX_ERROR;
        }

        c = ngx_get_connection(s, ngx_http_smart_curl.log);
        if (c == NULL) {
            (void) close(s);
            return NGX_ERROR;
        }

        c->data = watch;
        c->log = ngx_http_smart_curl.log;
        c->read->log = c->log;
        c->write->log = c->log;
        c->read->handler = ngx_http_smart_multi_event;
        c->write->handler = ngx_http_smart_multi_event;

        watch->connection = c;
    }

    if (ngx_http_smart_multi_set(watch->connection->read, NGX_READ_EVENT,
                                 watch->what & CURL_POLL_IN)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_smart_multi_set(watch->connection->write, NGX_WRITE_EVENT,
                                    watch->what & CURL_POLL_OUT);
}


/* Level-triggered: curl reads until it has enough, not until the socket is empty. */

static ngx_int_t
ngx_http_smart_multi_set(ngx_event_t *ev, ngx_int_t event, ngx_uint_t wanted)
{
    if (wanted && !ev->active) {
        return ngx_add_event(ev, event, NGX_LEVEL_EVENT);
    }

    if (!wanted && ev->active) {
        return ngx_del_event(ev, event, 0);
    }

    return NGX_OK;
}


/*
 * Not ngx_close_connection: it leaves taking the events off to close(), which does not do it while
 * curl's descriptor of the socket is open.
 */

static void
ngx_http_smart_multi_unwatch(ngx_http_smart_watch_t *watch)
{
    ngx_fd_t           s;
    ngx_connection_t  *c;

    c = watch->connection;
    watch->connection = NULL;

    if (c == NULL) {
        return;
    }

    (void) ngx_http_smart_multi_set(c->read, NGX_READ_EVENT, 0);
    (void) ngx_http_smart_multi_set(c->write, NGX_WRITE_EVENT, 0);

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    c->read->closed = 1;
    c->write->closed = 1;

    ngx_free_connection(c);

    s = c->fd;
    c->fd = (ngx_socket_t) -1;

    (void) close(s);
}


static void
ngx_http_smart_multi_free(ngx_http_smart_watch_t *watch)
{
    ngx_http_smart_multi_unwatch(watch);
    ngx_queue_remove(&watch->queue);
    ngx_free(watch);
}


/* The number of a socket that was closed without a word: curl thinks that it is still watched. */

void
ngx_http_smart_multi_opened(curl_socket_t s)
{
    ngx_queue_t             *q;
    ngx_http_smart_watch_t  *watch;

    for (q = ngx_queue_head(&ngx_http_smart_curl.watches);
         q != ngx_queue_sentinel(&ngx_http_smart_curl.watches);
         q = ngx_queue_next(q))
    {
        watch = ngx_queue_data(q, ngx_http_smart_watch_t, queue);

        if (watch->socket == s) {
            ngx_http_smart_multi_unwatch(watch);
            (void) ngx_http_smart_multi_watch(watch);
            return;
        }
    }
}


static void
ngx_http_smart_multi_stuck(CURL *easy)
{
    ngx_http_smart_curl.stuck(ngx_http_smart_multi_private(easy));
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
    ngx_connection_t        *c;
    ngx_http_smart_watch_t  *watch;

    c = ev->data;
    watch = c->data;

    /* worker_shutdown_timeout is over: exit_process ends what is left */

    if (c->close) {
        ngx_http_smart_multi_unwatch(watch);
        return;
    }

    ngx_http_smart_multi_action(watch->socket, ev->write ? CURL_CSELECT_OUT
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
