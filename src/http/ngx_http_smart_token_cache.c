#include "ngx_http_smart_token_cache.h"


/* A guess at an entry, to size the table; it is not resized. */
#define NGX_HTTP_SMART_CACHE_ENTRY  2048

/* Of the token's end, which is the signature: random for whoever cannot sign. */
#define NGX_HTTP_SMART_CACHE_TAIL   43


typedef struct ngx_http_smart_cached_s  ngx_http_smart_cached_t;

struct ngx_http_smart_cached_s {
    ngx_queue_t               queue;          /* least recently used last */
    ngx_http_smart_cached_t  *next;           /* in the bucket */
    uint32_t                  hash;
    uint64_t                  generation;     /* 0: no key */
    ngx_msec_t                until;          /* 0: its times alone */
    ngx_http_smart_issuer_t  *issuer;
    smart_principal_t        *principal;
    jose_jwt_t                jwt;            /* its times; the payload is gone */
    size_t                    cost;
    size_t                    len;
    u_char                    token[1];
};


typedef struct {
    ngx_http_smart_cached_t **buckets;
    ngx_uint_t                mask;
    ngx_queue_t               queue;
    size_t                    size;
    size_t                    used;
} ngx_http_smart_cache_t;


static ngx_http_smart_cached_t *ngx_http_smart_cache_find(base_span_t token,
    uint32_t hash, ngx_http_smart_issuer_t **issuers, ngx_uint_t n);
static uint32_t ngx_http_smart_cache_hash(base_span_t token);
static void ngx_http_smart_cache_drop(ngx_http_smart_cached_t *entry);


static ngx_http_smart_cache_t  ngx_http_smart_cache;


char *
ngx_http_smart_token_cache_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ssize_t                    size;
    ngx_str_t                 *value;
    ngx_http_smart_issuers_t  *issuers;

    issuers = (ngx_http_smart_issuers_t *) ((u_char *) conf + cmd->offset);
    value = cf->args->elts;

    if (issuers->token_cache != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    if (ngx_strcmp(value[1].data, "off") == 0) {
        issuers->token_cache = 0;
        return NGX_CONF_OK;
    }

    size = ngx_parse_size(&value[1]);
    if (size == NGX_ERROR || size < 65536) {
        return "needs a size of 64k at least, or off";
    }

    issuers->token_cache = size;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_smart_token_cache_init(ngx_cycle_t *cycle, size_t size)
{
    ngx_uint_t               n;
    ngx_http_smart_cache_t  *cache;

    cache = &ngx_http_smart_cache;

    ngx_memzero(cache, sizeof(ngx_http_smart_cache_t));
    ngx_queue_init(&cache->queue);

    if (size == 0) {
        return NGX_OK;
    }

    for (n = 64; n < size / NGX_HTTP_SMART_CACHE_ENTRY; n *= 2) { /* void */ }

    cache->buckets = ngx_calloc(n * sizeof(ngx_http_smart_cached_t *),
                                cycle->log);
    if (cache->buckets == NULL) {
        return NGX_ERROR;
    }

    cache->mask = n - 1;
    cache->size = size;

    return NGX_OK;
}


void
ngx_http_smart_token_cache_exit(void)
{
    ngx_queue_t             *q;
    ngx_http_smart_cache_t  *cache;

    cache = &ngx_http_smart_cache;

    if (cache->buckets == NULL) {
        return;
    }

    while (!ngx_queue_empty(&cache->queue)) {
        q = ngx_queue_head(&cache->queue);
        ngx_http_smart_cache_drop(
                           ngx_queue_data(q, ngx_http_smart_cached_t, queue));
    }

    ngx_free(cache->buckets);
    cache->buckets = NULL;
}


smart_principal_t *
ngx_http_smart_token_cache_get(base_span_t token,
    ngx_http_smart_issuer_t **issuers, ngx_uint_t n, time_t now,
    ngx_http_smart_issuer_t **issuer)
{
    uint64_t                  generation;
    ngx_http_smart_cached_t  *entry;

    if (ngx_http_smart_cache.buckets == NULL) {
        return NULL;
    }

    entry = ngx_http_smart_cache_find(token, ngx_http_smart_cache_hash(token),
                                      issuers, n);
    if (entry == NULL) {
        return NULL;
    }

    /* a key that was taken back, a token whose time is over */

    generation = 0;

    if (entry->generation
        && ngx_http_smart_issuer_keys(entry->issuer, &generation) == NULL)
    {
        return NULL;
    }

    if (generation != entry->generation
        || (entry->until
            && (ngx_msec_int_t) (entry->until - ngx_current_msec) <= 0)
        || jose_jwt_check_times(&entry->jwt, &entry->issuer->rules, now)
           != BASE_OK)
    {
        ngx_http_smart_cache_drop(entry);
        return NULL;
    }

    ngx_queue_remove(&entry->queue);
    ngx_queue_insert_head(&ngx_http_smart_cache.queue, &entry->queue);

    *issuer = entry->issuer;

    return smart_principal_hold(entry->principal);
}


void
ngx_http_smart_token_cache_put(base_span_t token,
    ngx_http_smart_issuer_t *issuer, uint64_t generation, ngx_msec_t until,
    const jose_jwt_t *jwt, smart_principal_t *principal)
{
    size_t                    cost;
    uint32_t                  hash;
    ngx_queue_t              *q;
    ngx_http_smart_cache_t   *cache;
    ngx_http_smart_cached_t  *entry, **bucket;

    cache = &ngx_http_smart_cache;

    cost = sizeof(ngx_http_smart_cached_t) + token.n
           + smart_principal_size(principal);

    if (cache->buckets == NULL || cost > cache->size) {
        return;
    }

    hash = ngx_http_smart_cache_hash(token);

    entry = ngx_http_smart_cache_find(token, hash, &issuer, 1);
    if (entry) {
        ngx_http_smart_cache_drop(entry);
    }

    while (cache->used + cost > cache->size) {
        q = ngx_queue_last(&cache->queue);
        ngx_http_smart_cache_drop(
                           ngx_queue_data(q, ngx_http_smart_cached_t, queue));
    }

    entry = ngx_alloc(sizeof(ngx_http_smart_cached_t) + token.n,
                      ngx_cycle->log);
    if (entry == NULL) {
        return;
    }

    entry->hash = hash;
    entry->generation = generation;
    entry->until = until;
    entry->issuer = issuer;
    entry->principal = smart_principal_hold(principal);
    entry->jwt = *jwt;
    entry->jwt.payload = base_span_make(NULL, 0);
    entry->cost = cost;
    entry->len = token.n;
    ngx_memcpy(entry->token, token.p, token.n);

    bucket = &cache->buckets[hash & cache->mask];
    entry->next = *bucket;
    *bucket = entry;

    ngx_queue_insert_head(&cache->queue, &entry->queue);
    cache->used += cost;
}


static ngx_http_smart_cached_t *
ngx_http_smart_cache_find(base_span_t token, uint32_t hash,
    ngx_http_smart_issuer_t **issuers, ngx_uint_t n)
{
    ngx_uint_t                i;
    ngx_http_smart_cached_t  *entry;

    for (entry = ngx_http_smart_cache.buckets[hash & ngx_http_smart_cache.mask];
         entry;
         entry = entry->next)
    {
        if (entry->hash != hash || entry->len != token.n
            || ngx_memcmp(entry->token, token.p, token.n) != 0)
        {
            continue;
        }

        for (i = 0; i < n; i++) {
            if (entry->issuer == issuers[i]) {
                return entry;
            }
        }
    }

    return NULL;
}


static uint32_t
ngx_http_smart_cache_hash(base_span_t token)
{
    size_t  n;

    n = ngx_min(token.n, NGX_HTTP_SMART_CACHE_TAIL);

    return ngx_murmur_hash2((u_char *) token.p + token.n - n, n);
}


static void
ngx_http_smart_cache_drop(ngx_http_smart_cached_t *entry)
{
    ngx_http_smart_cached_t  **bucket;

    bucket = &ngx_http_smart_cache.buckets[entry->hash
                                           & ngx_http_smart_cache.mask];

    while (*bucket != entry) {
        bucket = &(*bucket)->next;
    }

    *bucket = entry->next;

    ngx_queue_remove(&entry->queue);
    ngx_http_smart_cache.used -= entry->cost;

    smart_principal_release(entry->principal);
    ngx_free(entry);
}
