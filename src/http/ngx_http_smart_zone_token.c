#include "ngx_http_smart_zone_token.h"

#include <signal.h>


typedef struct {
    ngx_rbtree_node_t        node;
    ngx_queue_t              queue;
    u_char                   key[NGX_HTTP_SMART_TOKEN_KEY];
    ngx_pid_t                owner;       /* who is asking; 0: this is an answer */
    ngx_msec_t               until;       /* of the answer, or of the asking */
    base_reason_t            reason;
    size_t                   len;
    u_char                   text[1];
} ngx_http_smart_zone_said_t;


static ngx_http_smart_zone_said_t *ngx_http_smart_zone_token_find(
    ngx_http_smart_zone_t *zone, const u_char *key);
static ngx_http_smart_zone_said_t *ngx_http_smart_zone_token_new(
    ngx_http_smart_zone_t *zone, const u_char *key, size_t len);
static ngx_uint_t ngx_http_smart_zone_token_busy(
    ngx_http_smart_zone_said_t *said);
static void ngx_http_smart_zone_token_free(ngx_http_smart_zone_t *zone,
    ngx_http_smart_zone_said_t *said);
static void ngx_http_smart_zone_token_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);


void
ngx_http_smart_zone_tokens_init(ngx_http_smart_zone_tokens_t *tokens)
{
    ngx_rbtree_init(&tokens->rbtree, &tokens->sentinel,
                    ngx_http_smart_zone_token_insert);
    ngx_queue_init(&tokens->queue);
}


ngx_uint_t
ngx_http_smart_zone_token_evict(ngx_http_smart_zone_t *zone)
{
    ngx_queue_t  *q;

    if (ngx_queue_empty(&zone->tokens->queue)) {
        return 0;
    }

    q = ngx_queue_last(&zone->tokens->queue);

    ngx_http_smart_zone_token_free(zone,
                        ngx_queue_data(q, ngx_http_smart_zone_said_t, queue));

    return 1;
}


ngx_int_t
ngx_http_smart_zone_token_get(ngx_http_smart_zone_t *zone, const u_char *key,
    ngx_pool_t *pool, ngx_http_smart_zone_token_t *out)
{
    ngx_int_t                    rc;
    ngx_http_smart_zone_said_t  *said;

    ngx_memzero(out, sizeof(ngx_http_smart_zone_token_t));
    rc = NGX_DECLINED;

    ngx_shmtx_lock(&zone->shpool->mutex);

    said = ngx_http_smart_zone_token_find(zone, key);

    if (said && said->owner) {
        rc = ngx_http_smart_zone_token_busy(said) ? NGX_BUSY : NGX_DECLINED;

    } else if (said) {
        rc = NGX_OK;
        out->reason = said->reason;
        out->until = said->until;

        if (said->len) {
            out->text.data = ngx_pnalloc(pool, said->len);

            if (out->text.data) {
                out->text.len = said->len;
                ngx_memcpy(out->text.data, said->text, said->len);

            } else {
                rc = NGX_ERROR;
            }
        }

        ngx_queue_remove(&said->queue);
        ngx_queue_insert_head(&zone->tokens->queue, &said->queue);
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return rc;
}


ngx_int_t
ngx_http_smart_zone_token_claim(ngx_http_smart_zone_t *zone, const u_char *key,
    ngx_msec_t until)
{
    ngx_int_t                    rc;
    ngx_http_smart_zone_said_t  *said;

    ngx_shmtx_lock(&zone->shpool->mutex);

    said = ngx_http_smart_zone_token_find(zone, key);

    if (said && said->owner == 0) {
        rc = NGX_DONE;

    } else if (said && said->owner != ngx_pid
               && ngx_http_smart_zone_token_busy(said))
    {
        rc = NGX_BUSY;

    } else {
        rc = NGX_OK;

        if (said == NULL) {
            said = ngx_http_smart_zone_token_new(zone, key, 0);
        }

        if (said) {
            said->owner = ngx_pid;
            said->until = until;

        } else {
            rc = NGX_ERROR;
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return rc;
}


ngx_int_t
ngx_http_smart_zone_token_put(ngx_http_smart_zone_t *zone, const u_char *key,
    const ngx_http_smart_zone_token_t *answer)
{
    ngx_http_smart_zone_said_t  *said;

    ngx_shmtx_lock(&zone->shpool->mutex);

    said = ngx_http_smart_zone_token_find(zone, key);

    if (said) {
        ngx_http_smart_zone_token_free(zone, said);
        said = NULL;
    }

    if (answer->text.len <= NGX_HTTP_SMART_TOKEN_MAX) {
        said = ngx_http_smart_zone_token_new(zone, key, answer->text.len);
    }

    if (said) {
        said->reason = answer->reason;
        said->until = answer->until;

        if (said->len) {
            ngx_memcpy(said->text, answer->text.data, said->len);
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return said ? NGX_OK : NGX_ERROR;
}


void
ngx_http_smart_zone_token_drop(ngx_http_smart_zone_t *zone, const u_char *key)
{
    ngx_http_smart_zone_said_t  *said;

    ngx_shmtx_lock(&zone->shpool->mutex);

    said = ngx_http_smart_zone_token_find(zone, key);

    if (said && said->owner == ngx_pid) {
        ngx_http_smart_zone_token_free(zone, said);
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


/* An answer whose time is over is none. */

static ngx_http_smart_zone_said_t *
ngx_http_smart_zone_token_find(ngx_http_smart_zone_t *zone, const u_char *key)
{
    int                          rc;
    ngx_rbtree_key_t             hash;
    ngx_rbtree_node_t           *node;
    ngx_http_smart_zone_said_t  *said;

    ngx_memcpy(&hash, key, sizeof(hash));
    node = zone->tokens->rbtree.root;

    while (node != &zone->tokens->sentinel) {

        if (hash != node->key) {
            node = (hash < node->key) ? node->left : node->right;
            continue;
        }

        said = (ngx_http_smart_zone_said_t *) node;
        rc = ngx_memcmp(key, said->key, NGX_HTTP_SMART_TOKEN_KEY);

        if (rc == 0) {
            if (said->owner == 0
                && (ngx_msec_int_t) (said->until - ngx_current_msec) <= 0)
            {
                ngx_http_smart_zone_token_free(zone, said);
                return NULL;
            }

            return said;
        }

        node = (rc < 0) ? node->left : node->right;
    }

    return NULL;
}


static ngx_http_smart_zone_said_t *
ngx_http_smart_zone_token_new(ngx_http_smart_zone_t *zone, const u_char *key,
    size_t len)
{
    size_t                       size;
    ngx_http_smart_zone_said_t  *said;

    size = sizeof(ngx_http_smart_zone_said_t) + len;
    said = ngx_slab_alloc_locked(zone->shpool, size);

    while (said == NULL && ngx_http_smart_zone_token_evict(zone)) {
        said = ngx_slab_alloc_locked(zone->shpool, size);
    }

    if (said == NULL) {
        return NULL;
    }

    ngx_memzero(said, sizeof(ngx_http_smart_zone_said_t));
    ngx_memcpy(said->key, key, NGX_HTTP_SMART_TOKEN_KEY);
    ngx_memcpy(&said->node.key, key, sizeof(said->node.key));
    said->len = len;

    ngx_rbtree_insert(&zone->tokens->rbtree, &said->node);
    ngx_queue_insert_head(&zone->tokens->queue, &said->queue);

    return said;
}


/* Asking ends with its time or with the process. */

static ngx_uint_t
ngx_http_smart_zone_token_busy(ngx_http_smart_zone_said_t *said)
{
    return (ngx_msec_int_t) (said->until - ngx_current_msec) > 0
           && (kill(said->owner, 0) == 0 || ngx_errno != NGX_ESRCH);
}


static void
ngx_http_smart_zone_token_free(ngx_http_smart_zone_t *zone,
    ngx_http_smart_zone_said_t *said)
{
    ngx_queue_remove(&said->queue);
    ngx_rbtree_delete(&zone->tokens->rbtree, &said->node);
    ngx_slab_free_locked(zone->shpool, said);
}


static void
ngx_http_smart_zone_token_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t           **p;
    ngx_http_smart_zone_said_t   *said, *other;

    said = (ngx_http_smart_zone_said_t *) node;

    for ( ;; ) {
        other = (ngx_http_smart_zone_said_t *) temp;

        if (node->key != temp->key) {
            p = (node->key < temp->key) ? &temp->left : &temp->right;

        } else {
            p = (ngx_memcmp(said->key, other->key, NGX_HTTP_SMART_TOKEN_KEY)
                 < 0) ? &temp->left : &temp->right;
        }

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}
