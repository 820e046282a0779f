/*
 * As whom an issuer is asked about tokens: `introspection_auth`.
 */

#ifndef _NGX_HTTP_SMART_INTROSPECTION_CLIENT_H_INCLUDED_
#define _NGX_HTTP_SMART_INTROSPECTION_CLIENT_H_INCLUDED_


#include "ngx_http_smart_issuer.h"


/*
 * Who we are: a header's value, or an assertion for the form, in the arena; NULL for what is not sent. NGX_ERROR: it cannot be made.
 */
ngx_int_t ngx_http_smart_introspection_client(ngx_http_smart_issuer_t *issuer,
    base_arena_t *arena, char **authorization, base_span_t *assertion);


#endif /* _NGX_HTTP_SMART_INTROSPECTION_CLIENT_H_INCLUDED_ */
