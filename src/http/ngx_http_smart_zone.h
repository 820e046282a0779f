/*
 * The shared zone: what all workers know about the issuers' documents.
 *
 * One entry for each distinct set of fetch settings, found by a digest of those settings and never by
 * name, so that a reload keeps documents and a changed issuer starts anew. Every function locks the
 * slab pool's own mutex (the only one the master unlocks after a worker died) and holds it for no more
 * than a copy. No pointer into the zone leaves this file.
 */

#ifndef _NGX_HTTP_SMART_ZONE_H_INCLUDED_
#define _NGX_HTTP_SMART_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "oauth/oauth_document.h"


#define NGX_HTTP_SMART_DIGEST_LEN  32

/* a URL from a metadata document, longer ones are refused */
#define NGX_HTTP_SMART_URL_MAX     2048


typedef struct ngx_http_smart_zone_sh_s  ngx_http_smart_zone_sh_t;
typedef struct ngx_http_smart_zone_tokens_s  ngx_http_smart_zone_tokens_t;

typedef struct {
    ngx_shm_zone_t            *shm_zone;
    ngx_slab_pool_t           *shpool;
    ngx_http_smart_zone_sh_t  *sh;
    ngx_http_smart_zone_tokens_t  *tokens;     /* ngx_http_smart_zone_token.c's */
    ngx_str_t                  name;
    size_t                     size;
} ngx_http_smart_zone_t;


/* What an entry says, copied out. Times are ngx_current_msec's. */
typedef struct {
    oauth_document_t  metadata;
    oauth_document_t  keys;
    ngx_uint_t        leased;      /* some worker is fetching just now */
} ngx_http_smart_zone_view_t;


/* Set handler of `smart_zone zone=<name>:<size>`. cmd->offset leads to ngx_http_smart_issuers_t. */
char *ngx_http_smart_zone_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Adds the zone to the configuration, with defaults where nothing was set. */
ngx_int_t ngx_http_smart_zone_add(ngx_conf_t *cf, ngx_http_smart_zone_t *zone);

/* Makes sure that an entry exists. NGX_ERROR: the zone is full. */
ngx_int_t ngx_http_smart_zone_open(ngx_http_smart_zone_t *zone,
    const u_char *digest);

/* Copies the entry's states out; also marks the entry as in use. NGX_DECLINED: no such entry. */
ngx_int_t ngx_http_smart_zone_view(ngx_http_smart_zone_t *zone,
    const u_char *digest, ngx_http_smart_zone_view_t *view);

/*
 * Takes the right to fetch until `until`. NGX_OK, NGX_BUSY when somebody has it, be it for another issuer of the same settings in this
 * process, NGX_DECLINED: no such entry. A lease that ran out is anybody's.
 */
ngx_int_t ngx_http_smart_zone_lease(ngx_http_smart_zone_t *zone,
    const u_char *digest, ngx_msec_t until);

/* Who has the lease keeps it until `until`. */
void ngx_http_smart_zone_renew(ngx_http_smart_zone_t *zone,
    const u_char *digest, ngx_msec_t until);

/* Gives the lease back, if it is this process's. */
void ngx_http_smart_zone_release(ngx_http_smart_zone_t *zone,
    const u_char *digest);

/*
 * Changes states under the lock: `change` gets pointers that are valid during the call only, and must not block or log.
 * NGX_DECLINED: no such entry.
 */
typedef void (*ngx_http_smart_zone_change_pt)(oauth_document_t *metadata,
    oauth_document_t *keys, void *data);

ngx_int_t ngx_http_smart_zone_change(ngx_http_smart_zone_t *zone,
    const u_char *digest, ngx_http_smart_zone_change_pt change, void *data);

/* The documents' bytes. */
typedef enum {
    NGX_HTTP_SMART_ZONE_KEYS,
    NGX_HTTP_SMART_ZONE_JWKS_URI,
    NGX_HTTP_SMART_ZONE_KEYS_ETAG,
    NGX_HTTP_SMART_ZONE_INTROSPECTION_URI,
    NGX_HTTP_SMART_ZONE_TEXTS
} ngx_http_smart_zone_text_e;

/*
 * Stores bytes. The old ones stay readable until the new ones are complete. NGX_ERROR: the zone is
 * full, the old ones stay. NGX_DECLINED: no such entry. New keys are a new generation of them in the
 * same moment: whatever befalls the writer then, no worker stays with the old ones. Storing nothing
 * never fails for want of room.
 */
ngx_int_t ngx_http_smart_zone_store(ngx_http_smart_zone_t *zone,
    const u_char *digest, ngx_http_smart_zone_text_e which, ngx_str_t *text);

/* Copies bytes to the pool, NUL-terminated behind len; absent bytes give {0, NULL}. */
ngx_int_t ngx_http_smart_zone_text(ngx_http_smart_zone_t *zone,
    const u_char *digest, ngx_http_smart_zone_text_e which, ngx_pool_t *pool,
    ngx_str_t *text);


#endif /* _NGX_HTTP_SMART_ZONE_H_INCLUDED_ */
