/*
 * `smart_issuer name { ... }`: reading and checking the block. One table of entries.
 */

#ifndef _NGX_HTTP_SMART_ISSUER_BLOCK_H_INCLUDED_
#define _NGX_HTTP_SMART_ISSUER_BLOCK_H_INCLUDED_


#include "ngx_http_smart_issuer.h"


/*
 * Set handler: NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1, NGX_HTTP_MAIN_CONF_OFFSET, and cmd->offset leads to the
 * ngx_http_smart_issuers_t inside the main conf.
 */
char *ngx_http_smart_issuer_block(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_HTTP_SMART_ISSUER_BLOCK_H_INCLUDED_ */
