/*
 * libcurl's multi handle as a guest on nginx's event loop: sockets, the timer, who is told that a transfer has ended.
 *
 * The conditions under which it never blocks a worker are these files' business; fetch says what is transferred.
 */

#ifndef _NGX_HTTP_SMART_MULTI_H_INCLUDED_
#define _NGX_HTTP_SMART_MULTI_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <curl/curl.h>


/* `data` is the easy handle's CURLOPT_PRIVATE. Called from the event loop; the handle may be removed. */
typedef void (*ngx_http_smart_multi_done_pt)(void *data, CURLcode rc);

/* nginx has no connection or no event for the handle's socket. Called from inside curl: nothing may be removed. */
typedef void (*ngx_http_smart_multi_stuck_pt)(void *data);


/* Once per worker, after the fork. */
ngx_int_t ngx_http_smart_multi_init(ngx_cycle_t *cycle,
    ngx_http_smart_multi_done_pt done, ngx_http_smart_multi_stuck_pt stuck);

/* All handles must have been removed. */
void ngx_http_smart_multi_exit(void);

ngx_uint_t ngx_http_smart_multi_ready(void);

ngx_int_t ngx_http_smart_multi_add(CURL *easy);

/* To be called for each socket that curl is given (CURLOPT_OPENSOCKETFUNCTION). */
void ngx_http_smart_multi_opened(curl_socket_t s);

/* Harmless for a handle that was not added. */
void ngx_http_smart_multi_remove(CURL *easy);


#endif /* _NGX_HTTP_SMART_MULTI_H_INCLUDED_ */
