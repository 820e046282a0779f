/*
 * Who seals links (RULES L21): the keys of smart_secret_file, or one that lasts until nginx is stopped.
 */

#ifndef _NGX_HTTP_SMART_SEAL_H_INCLUDED_
#define _NGX_HTTP_SMART_SEAL_H_INCLUDED_


#include "ngx_http_smart.h"


/* smart_secret_file: conf is the location's. */
char *ngx_http_smart_secret_file_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* Where no file is named: the key of this start, kept through reloads. NULL: OpenSSL has no random numbers. */
ngx_array_t *ngx_http_smart_seal_default(ngx_conf_t *cf);

/* Lets the judge seal and open links of this request; after smart_judge_start. */
void ngx_http_smart_seal(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx);


#endif /* _NGX_HTTP_SMART_SEAL_H_INCLUDED_ */
