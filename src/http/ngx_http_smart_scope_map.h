/*
 * `scope_map <foreign value> <SMART scope> ...` and `scope_map client_id=<id> <SMART scope> ...` of smart_issuer.
 */

#ifndef _NGX_HTTP_SMART_SCOPE_MAP_H_INCLUDED_
#define _NGX_HTTP_SMART_SCOPE_MAP_H_INCLUDED_


#include "ngx_http_smart_issuer.h"


/* From cf->args, one more row. NGX_CONF_OK, or what is wrong, to be put behind the entry's name. */
char *ngx_http_smart_scope_map_set(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer);


#endif /* _NGX_HTTP_SMART_SCOPE_MAP_H_INCLUDED_ */
