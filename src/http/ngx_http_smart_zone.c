#include "ngx_http_smart_zone.h"

#include <signal.h>

#include "ngx_http_smart_issuer.h"
#include "ngx_http_smart_zone_token.h"


/* An entry that no worker has looked at for so long belongs to a configuration that is gone. */
#define NGX_HTTP_SMART_ZONE_FORGET  60000


/*
 * Two buffers: the one that is not current is written, then they change places, so a writer that is
 * killed halfway leaves the old text whole. They only grow, in powers of two: no fragmentation.
 */
typedef struct {
    u_char                  *data[2];
    size_t                   size[2];
    size_t                   len;
    ngx_uint_t               current;
} ngx_http_smart_zone_buffer_t;


typedef struct {
    ngx_queue_t                   queue;
    u_char                        digest[NGX_HTTP_SMART_DIGEST_LEN];
    ngx_msec_t                    used_at;
    ngx_pid_t                     lease_owner;
    ngx_msec_t                    lease_until;
    oauth_document_t              metadata;
    oauth_document_t              keys;
    ngx_http_smart_zone_buffer_t  texts[NGX_HTTP_SMART_ZONE_TEXTS];
} ngx_http_smart_zone_entry_t;


struct ngx_http_smart_zone_sh_s {
    ngx_queue_t                    entries;
    ngx_http_smart_zone_tokens_t   tokens;
};


static ngx_int_t ngx_http_smart_zone_init(ngx_shm_zone_t *shm_zone, void *data);
static ngx_http_smart_zone_entry_t *ngx_http_smart_zone_find(
    ngx_http_smart_zone_t *zone, const u_char *digest);
static void *ngx_http_smart_zone_alloc(ngx_http_smart_zone_t *zone,
    size_t size);
static void ngx_http_smart_zone_forget(ngx_http_smart_zone_t *zone);
static ngx_uint_t ngx_http_smart_zone_leased(
    ngx_http_smart_zone_entry_t *entry);
static ngx_int_t ngx_http_smart_zone_write(ngx_http_smart_zone_t *zone,
    ngx_http_smart_zone_buffer_t *buffer, ngx_str_t *text);


extern ngx_module_t  ngx_http_smart_module;


char *
ngx_http_smart_zone_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    u_char                    *p;
    ssize_t                    size;
    ngx_str_t                 *value, text;
    ngx_http_smart_issuers_t  *issuers;

    issuers = (ngx_http_smart_issuers_t *) ((u_char *) conf + cmd->offset);
    value = cf->args->elts;

    if (issuers->zone.name.data) {
        return "is duplicate";
    }

    if (ngx_strncmp(value[1].data, "zone=", 5) != 0) {
        return "needs zone=<name>:<size>";
    }

    text.data = value[1].data + 5;
    text.len = value[1].len - 5;

    p = (u_char *) ngx_strchr(text.data, ':');
    if (p == NULL || p == text.data) {
        return "needs zone=<name>:<size>";
    }

    issuers->zone.name.data = text.data;
    issuers->zone.name.len = p - text.data;

    text.len -= issuers->zone.name.len + 1;
    text.data = p + 1;

    size = ngx_parse_size(&text);
    if (size == NGX_ERROR) {
        return "has an invalid size";
    }

    if (size < (ssize_t) (16 * ngx_pagesize)) {
        return "is too small, it needs 16 pages at least";
    }

    issuers->zone.size = size;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_smart_zone_add(ngx_conf_t *cf, ngx_http_smart_zone_t *zone)
{
    if (zone->name.data == NULL) {
        ngx_str_set(&zone->name, "smart");
        zone->size = 2 * 1024 * 1024;
    }

    zone->shm_zone = ngx_shared_memory_add(cf, &zone->name, zone->size,
                                           &ngx_http_smart_module);
    if (zone->shm_zone == NULL) {
        return NGX_ERROR;
    }

    zone->shm_zone->init = ngx_http_smart_zone_init;
    zone->shm_zone->data = zone;

    return NGX_OK;
}


static ngx_int_t
ngx_http_smart_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_smart_zone_t  *before = data;

    ngx_http_smart_zone_t  *zone;

    zone = shm_zone->data;

    if (before) {
        zone->sh = before->sh;
        zone->tokens = before->tokens;
        zone->shpool = before->shpool;
        return NGX_OK;
    }

    zone->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (shm_zone->shm.exists) {
        zone->sh = zone->shpool->data;
        zone->tokens = &zone->sh->tokens;
        return NGX_OK;
    }

    zone->sh = ngx_slab_alloc(zone->shpool, sizeof(ngx_http_smart_zone_sh_t));
    if (zone->sh == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_init(&zone->sh->entries);

    zone->tokens = &zone->sh->tokens;
    ngx_http_smart_zone_tokens_init(zone->tokens);

    zone->shpool->data = zone->sh;
    zone->shpool->log_nomem = 0;

    return NGX_OK;
}


ngx_int_t
ngx_http_smart_zone_open(ngx_http_smart_zone_t *zone, const u_char *digest)
{
    ngx_int_t                     rc;
    ngx_http_smart_zone_entry_t  *entry;

    rc = NGX_OK;

    ngx_shmtx_lock(&zone->shpool->mutex);

    if (ngx_http_smart_zone_find(zone, digest) == NULL) {
        entry = ngx_http_smart_zone_alloc(zone,
                                          sizeof(ngx_http_smart_zone_entry_t));
        if (entry) {
            ngx_memzero(entry, sizeof(ngx_http_smart_zone_entry_t));
            ngx_memcpy(entry->digest, digest, NGX_HTTP_SMART_DIGEST_LEN);
            entry->used_at = ngx_current_msec;
            ngx_queue_insert_head(&zone->sh->entries, &entry->queue);

        } else {
            rc = NGX_ERROR;
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return rc;
}


ngx_int_t
ngx_http_smart_zone_view(ngx_http_smart_zone_t *zone, const u_char *digest,
    ngx_http_smart_zone_view_t *view)
{
    ngx_http_smart_zone_entry_t  *entry;

    ngx_shmtx_lock(&zone->shpool->mutex);

    entry = ngx_http_smart_zone_find(zone, digest);

    if (entry) {
        view->metadata = entry->metadata;
        view->keys = entry->keys;
        view->leased = ngx_http_smart_zone_leased(entry);
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return entry ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_http_smart_zone_lease(ngx_http_smart_zone_t *zone, const u_char *digest,
    ngx_msec_t until)
{
    ngx_int_t                     rc;
    ngx_http_smart_zone_entry_t  *entry;

    ngx_shmtx_lock(&zone->shpool->mutex);

    entry = ngx_http_smart_zone_find(zone, digest);

    if (entry == NULL) {
        rc = NGX_DECLINED;

    } else if (ngx_http_smart_zone_leased(entry)) {
        rc = NGX_BUSY;

    } else {
        entry->lease_owner = ngx_pid;
        entry->lease_until = until;
        rc = NGX_OK;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return rc;
}


void
ngx_http_smart_zone_renew(ngx_http_smart_zone_t *zone, const u_char *digest,
    ngx_msec_t until)
{
    ngx_http_smart_zone_entry_t  *entry;

    ngx_shmtx_lock(&zone->shpool->mutex);

    entry = ngx_http_smart_zone_find(zone, digest);

    if (entry && entry->lease_owner == ngx_pid) {
        entry->lease_until = until;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


void
ngx_http_smart_zone_release(ngx_http_smart_zone_t *zone, const u_char *digest)
{
    ngx_http_smart_zone_entry_t  *entry;

    ngx_shmtx_lock(&zone->shpool->mutex);

    entry = ngx_http_smart_zone_find(zone, digest);

    if (entry && entry->lease_owner == ngx_pid) {
        entry->lease_owner = 0;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


ngx_int_t
ngx_http_smart_zone_change(ngx_http_smart_zone_t *zone, const u_char *digest,
    ngx_http_smart_zone_change_pt change, void *data)
{
    ngx_http_smart_zone_entry_t  *entry;

    ngx_shmtx_lock(&zone->shpool->mutex);

    entry = ngx_http_smart_zone_find(zone, digest);

    if (entry) {
        change(&entry->metadata, &entry->keys, data);
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return entry ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_http_smart_zone_store(ngx_http_smart_zone_t *zone, const u_char *digest,
    ngx_http_smart_zone_text_e which, ngx_str_t *text)
{
    ngx_int_t                     rc;
    ngx_http_smart_zone_entry_t  *entry;

    rc = NGX_DECLINED;

    ngx_shmtx_lock(&zone->shpool->mutex);

    entry = ngx_http_smart_zone_find(zone, digest);

    if (entry) {
        rc = ngx_http_smart_zone_write(zone, &entry->texts[which], text);

        if (rc == NGX_OK && which == NGX_HTTP_SMART_ZONE_KEYS) {
            entry->keys.generation++;
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return rc;
}


ngx_int_t
ngx_http_smart_zone_text(ngx_http_smart_zone_t *zone, const u_char *digest,
    ngx_http_smart_zone_text_e which, ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_int_t                      rc;
    ngx_http_smart_zone_entry_t   *entry;
    ngx_http_smart_zone_buffer_t  *buffer;

    ngx_str_null(text);
    rc = NGX_DECLINED;

    ngx_shmtx_lock(&zone->shpool->mutex);

    entry = ngx_http_smart_zone_find(zone, digest);

    if (entry) {
        rc = NGX_OK;
        buffer = &entry->texts[which];

        if (buffer->len) {
            text->data = ngx_pnalloc(pool, buffer->len + 1);

            if (text->data) {
                text->len = buffer->len;
                ngx_memcpy(text->data, buffer->data[buffer->current],
                           buffer->len);
                text->data[text->len] = '\0';

            } else {
                rc = NGX_ERROR;
            }
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return rc;
}


/* Few issuers, and never on a request's usual way: a list will do. */

static ngx_http_smart_zone_entry_t *
ngx_http_smart_zone_find(ngx_http_smart_zone_t *zone, const u_char *digest)
{
    ngx_queue_t                  *q;
    ngx_http_smart_zone_entry_t  *entry;

    for (q = ngx_queue_head(&zone->sh->entries);
         q != ngx_queue_sentinel(&zone->sh->entries);
         q = ngx_queue_next(q))
    {
        entry = ngx_queue_data(q, ngx_http_smart_zone_entry_t, queue);

        if (ngx_memcmp(entry->digest, digest, NGX_HTTP_SMART_DIGEST_LEN)
            == 0)
        {
            entry->used_at = ngx_current_msec;
            return entry;
        }
    }

    return NULL;
}


static void *
ngx_http_smart_zone_alloc(ngx_http_smart_zone_t *zone, size_t size)
{
    void  *p;

    p = ngx_slab_alloc_locked(zone->shpool, size);

    if (p == NULL) {
        ngx_http_smart_zone_forget(zone);
        p = ngx_slab_alloc_locked(zone->shpool, size);
    }

    /* documents go before what is known of single tokens */

    while (p == NULL && ngx_http_smart_zone_token_evict(zone)) {
        p = ngx_slab_alloc_locked(zone->shpool, size);
    }

    return p;
}


static void
ngx_http_smart_zone_forget(ngx_http_smart_zone_t *zone)
{
    ngx_uint_t                    i;
    ngx_queue_t                  *q, *next;
    ngx_http_smart_zone_entry_t  *entry;

    for (q = ngx_queue_head(&zone->sh->entries);
         q != ngx_queue_sentinel(&zone->sh->entries);
         q = next)
    {
        next = ngx_queue_next(q);
        entry = ngx_queue_data(q, ngx_http_smart_zone_entry_t, queue);

        if ((ngx_msec_int_t) (ngx_current_msec - entry->used_at)
            < NGX_HTTP_SMART_ZONE_FORGET)
        {
            continue;
        }

        ngx_queue_remove(q);

        for (i = 0; i < NGX_HTTP_SMART_ZONE_TEXTS * 2; i++) {
            if (entry->texts[i / 2].data[i % 2]) {
                ngx_slab_free_locked(zone->shpool,
                                     entry->texts[i / 2].data[i % 2]);
            }
        }

        ngx_slab_free_locked(zone->shpool, entry);
    }
}


/* A lease ends with its time or with the process that took it. */

static ngx_uint_t
ngx_http_smart_zone_leased(ngx_http_smart_zone_entry_t *entry)
{
    if (entry->lease_owner == 0
        || (ngx_msec_int_t) (entry->lease_until - ngx_current_msec) <= 0)
    {
        return 0;
    }

    return entry->lease_owner == ngx_pid
           || kill(entry->lease_owner, 0) == 0
           || ngx_errno != NGX_ESRCH;
}


static ngx_int_t
ngx_http_smart_zone_write(ngx_http_smart_zone_t *zone,
    ngx_http_smart_zone_buffer_t *buffer, ngx_str_t *text)
{
    size_t      size;
    u_char     *p;
    ngx_uint_t  other;

    other = !buffer->current;

    if (buffer->size[other] < text->len) {

        for (size = 64; size < text->len; size *= 2) { /* void */ }

        p = ngx_http_smart_zone_alloc(zone, size);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (buffer->data[other]) {
            ngx_slab_free_locked(zone->shpool, buffer->data[other]);
        }

        buffer->data[other] = p;
        buffer->size[other] = size;
    }

    if (text->len) {
        ngx_memcpy(buffer->data[other], text->data, text->len);
    }

    buffer->len = text->len;
    buffer->current = other;

    return NGX_OK;
}
