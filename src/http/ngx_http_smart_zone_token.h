/*
 * What the authorisation server said about single tokens, in the shared zone: found by a digest, least recently used out, and a note of who is
 * asking just now, so that a server full of workers asks once.
 *
 * As in ngx_http_smart_zone.h: every function locks the slab pool's mutex for no more than a copy, and no pointer into the zone leaves.
 */

#ifndef _NGX_HTTP_SMART_ZONE_TOKEN_H_INCLUDED_
#define _NGX_HTTP_SMART_ZONE_TOKEN_H_INCLUDED_


#include "base/base_reason.h"
#include "ngx_http_smart_zone.h"


#define NGX_HTTP_SMART_TOKEN_KEY   32

/* of an answer; a longer one is not stored */
#define NGX_HTTP_SMART_TOKEN_MAX   (16 * 1024)


/* Embedded in the zone. */
struct ngx_http_smart_zone_tokens_s {
    ngx_rbtree_t       rbtree;
    ngx_rbtree_node_t  sentinel;
    ngx_queue_t        queue;       /* least recently used last */
};


/* An answer, copied out. */
typedef struct {
    base_reason_t      reason;
    ngx_msec_t         until;       /* ngx_current_msec's */
    ngx_str_t          text;        /* with BASE_OK */
} ngx_http_smart_zone_token_t;


/* For ngx_http_smart_zone.c, under the lock or before there is anybody else. evict: true when something went. */
void ngx_http_smart_zone_tokens_init(ngx_http_smart_zone_tokens_t *tokens);
ngx_uint_t ngx_http_smart_zone_token_evict(ngx_http_smart_zone_t *zone);

/*
 * NGX_OK: there is an answer, *out, its text in the pool. NGX_BUSY: another process is asking. NGX_DECLINED: nothing is known. NGX_ERROR: no
 * memory for the copy.
 */
ngx_int_t ngx_http_smart_zone_token_get(ngx_http_smart_zone_t *zone,
    const u_char *key, ngx_pool_t *pool, ngx_http_smart_zone_token_t *out);

/*
 * Takes the right to ask until `until`. NGX_OK, NGX_BUSY when another process has it, NGX_DONE when there is an answer, NGX_ERROR when there is no
 * room for a note: then nobody hinders anybody.
 */
ngx_int_t ngx_http_smart_zone_token_claim(ngx_http_smart_zone_t *zone,
    const u_char *key, ngx_msec_t until);

/* Stores an answer instead of the note. NGX_ERROR: no room, or it is too long; the note is gone all the same. */
ngx_int_t ngx_http_smart_zone_token_put(ngx_http_smart_zone_t *zone,
    const u_char *key, const ngx_http_smart_zone_token_t *answer);

/* Takes this process's note back. */
void ngx_http_smart_zone_token_drop(ngx_http_smart_zone_t *zone,
    const u_char *key);


#endif /* _NGX_HTTP_SMART_ZONE_TOKEN_H_INCLUDED_ */
