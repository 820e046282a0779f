/*
 * `smart_require $v ... [error=401|403]`: conditions that a verified token must meet beside its scopes, in nginx's own variables.
 */

#ifndef _NGX_HTTP_SMART_REQUIRE_H_INCLUDED_
#define _NGX_HTTP_SMART_REQUIRE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "base/base_reason.h"


/* Set handler (server, location; 1MORE). cmd->offset leads to an ngx_array_t *, NULL while there is none. */
char *ngx_http_smart_require_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * To be asked when the token was verified. BASE_OK: each variable is neither empty nor "0"; else the reason of the first that is not.
 * `requires` may be NULL.
 */
base_reason_t ngx_http_smart_require(ngx_http_request_t *r,
    ngx_array_t *requires);


#endif /* _NGX_HTTP_SMART_REQUIRE_H_INCLUDED_ */
