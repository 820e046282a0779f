/*
 * Introspection (RFC 7662; RULES F6, H8): the authorisation server is asked about a token, once for all who wait for the same one, in whatever worker.
 *
 * Answers are kept in the shared zone by a digest of the token and the settings. A call belongs to the issuer, never to a request: a client that goes
 * away ends nothing.
 */

#ifndef _NGX_HTTP_SMART_INTROSPECTION_H_INCLUDED_
#define _NGX_HTTP_SMART_INTROSPECTION_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "base/base_reason.h"
#include "base/base_span.h"
#include "ngx_http_smart_issuer.h"


/* Once per worker, for an issuer that introspects. NGX_ERROR: no memory. */
ngx_int_t ngx_http_smart_introspection_init(ngx_cycle_t *cycle,
    ngx_http_smart_issuer_t *issuer, ngx_http_smart_zone_t *zone);

/* Gives up what is being asked, so that other processes may. */
void ngx_http_smart_introspection_exit(ngx_http_smart_issuer_t *issuer);

/*
 * NGX_OK: *answer is what the server said (oauth_introspection_read found it good, and has to be asked again for the times), in the request's pool,
 * good until *until (ngx_current_msec's). NGX_AGAIN: the request waits, as in ngx_http_smart_wait. NGX_DECLINED: *reason: the server's no,
 * BASE_INTROSPECTION_FAILED, or what ngx_http_smart_wait says.
 */
ngx_int_t ngx_http_smart_introspection(ngx_http_request_t *r,
    ngx_http_smart_issuer_t *issuer, base_span_t token, base_span_t *answer,
    ngx_msec_t *until, base_reason_t *reason);


#endif /* _NGX_HTTP_SMART_INTROSPECTION_H_INCLUDED_ */
