#include "ngx_http_smart_issuer.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/base_json.h"
#include "ngx_http_smart_documents.h"
#include "ngx_http_smart_fetch.h"
#include "ngx_http_smart_file.h"
#include "ngx_http_smart_introspection.h"
#include "ngx_http_smart_state.h"
#include "ngx_http_smart_token.h"
#include "ngx_http_smart_token_cache.h"
#include "ngx_http_smart_wait.h"


/* How often a worker looks at the zone: idle, and while requests wait for another worker's fetch. */
#define NGX_HTTP_SMART_TICK       1000
#define NGX_HTTP_SMART_TICK_FAST  20

#define NGX_HTTP_SMART_FULL_AGAIN 60


/* An issuer as this worker has it. */
struct ngx_http_smart_keeper_s {
    ngx_http_smart_issuer_t     *issuer;
    ngx_http_smart_zone_t       *zone;
    ngx_http_smart_documents_t   documents;
    ngx_event_t                  timer;
    ngx_queue_t                  waiters;
    ngx_uint_t                   waiting;

    jose_jwk_set_t              *keys;
    uint64_t                     generation;    /* of `keys`, this worker's count */
    uint64_t                     stored;        /* generation in the zone that `keys` are of */
    uint64_t                     attempts;      /* fetches seen to end */
    ngx_msec_t                   stale_until;

    ngx_file_uniq_t              file_uniq;
    uint64_t                     file_mtime;
    off_t                        file_size;
    ngx_uint_t                   file_bad;

    time_t                       full_at;       /* when it was said that the zone is full */
};


static ngx_http_smart_keeper_t *ngx_http_smart_keeper_new(ngx_cycle_t *cycle,
    ngx_http_smart_issuer_t *issuer, ngx_http_smart_zone_t *zone);
static void ngx_http_smart_keeper_tick(ngx_event_t *ev);
static void ngx_http_smart_keeper_done(void *data);
static void ngx_http_smart_keeper_again(ngx_http_smart_keeper_t *keeper,
    ngx_msec_t after);
static ngx_int_t ngx_http_smart_keeper_view(ngx_http_smart_keeper_t *keeper,
    ngx_http_smart_zone_view_t *view);
static void ngx_http_smart_keeper_sync(ngx_http_smart_keeper_t *keeper,
    ngx_http_smart_zone_view_t *view);
static ngx_int_t ngx_http_smart_keeper_load(ngx_http_smart_keeper_t *keeper,
    ngx_str_t *text);
static void ngx_http_smart_keeper_file(ngx_http_smart_keeper_t *keeper);
static ngx_int_t ngx_http_smart_keeper_file_read(
    ngx_http_smart_keeper_t *keeper, ngx_pool_t *pool);
static void ngx_http_smart_keeper_ask(oauth_document_t *metadata,
    oauth_document_t *keys, void *data);
static void ngx_http_smart_keeper_miss(oauth_document_t *metadata,
    oauth_document_t *keys, void *data);


static void ngx_http_smart_issuers_twins(ngx_http_smart_issuers_t *issuers);


typedef struct {
    ngx_http_smart_issuer_t     *issuer;
    oauth_document_miss_t        answer;
} ngx_http_smart_miss_t;


ngx_int_t
ngx_http_smart_issuers_create(ngx_conf_t *cf,
    ngx_http_smart_issuers_t *issuers)
{
    ngx_memzero(issuers, sizeof(ngx_http_smart_issuers_t));

    issuers->token_cache = NGX_CONF_UNSET_SIZE;
    issuers->verify_budget = NGX_CONF_UNSET;

    return ngx_array_init(&issuers->issuers, cf->pool, 2,
                          sizeof(ngx_http_smart_issuer_t *));
}


char *
ngx_http_smart_issuers_init(ngx_conf_t *cf, ngx_http_smart_issuers_t *issuers)
{
    ngx_conf_init_size_value(issuers->token_cache, 16 * 1024 * 1024);
    ngx_conf_init_value(issuers->verify_budget, 2000);

    if (issuers->issuers.nelts == 0) {
        return NGX_CONF_OK;
    }

    if (ngx_http_smart_zone_add(cf, &issuers->zone) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_http_smart_issuers_twins(issuers);

    return NGX_CONF_OK;
}


/* Issuers that differ in nothing that is fetched share their documents. */

static void
ngx_http_smart_issuers_twins(ngx_http_smart_issuers_t *issuers)
{
    ngx_uint_t                 i, j;
    ngx_http_smart_issuer_t  **issuer;

    issuer = issuers->issuers.elts;

    for (i = 0; i < issuers->issuers.nelts; i++) {
        issuer[i]->twin = issuer[i];

        for (j = 0; j < i; j++) {

            if (ngx_memcmp(issuer[i]->digest, issuer[j]->digest,
                           NGX_HTTP_SMART_DIGEST_LEN)
                == 0)
            {
                issuer[i]->twin = issuer[j]->twin;
                issuer[j]->twin = issuer[i];
                break;
            }
        }
    }
}


ngx_http_smart_issuer_t *
ngx_http_smart_issuer_find(ngx_http_smart_issuers_t *issuers, ngx_str_t *name)
{
    ngx_uint_t                 i;
    ngx_http_smart_issuer_t  **issuer;

    issuer = issuers->issuers.elts;

    for (i = 0; i < issuers->issuers.nelts; i++) {
        if (issuer[i]->name.len == name->len
            && ngx_strncmp(issuer[i]->name.data, name->data, name->len) == 0)
        {
            return issuer[i];
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_smart_issuers_init_process(ngx_cycle_t *cycle,
    ngx_http_smart_issuers_t *issuers)
{
    uint64_t                   seed[2];
    ngx_uint_t                 i;
    ngx_http_smart_issuer_t  **issuer;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    if (RAND_bytes((u_char *) seed, sizeof(seed)) != 1) {
        ERR_clear_error();
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0, "RAND_bytes() failed");
        return NGX_ERROR;
    }

    base_json_seed(seed[0], seed[1]);

    if (issuers->issuers.nelts == 0) {
        return NGX_OK;
    }

    ngx_http_smart_verify_budget_init(issuers->verify_budget);

    if (ngx_http_smart_token_cache_init(cycle, issuers->token_cache) != NGX_OK
        || ngx_http_smart_fetch_init_process(cycle) != NGX_OK)
    {
        return NGX_ERROR;
    }

    issuer = issuers->issuers.elts;

    for (i = 0; i < issuers->issuers.nelts; i++) {
        issuer[i]->keeper = ngx_http_smart_keeper_new(cycle, issuer[i],
                                                      &issuers->zone);
        if (issuer[i]->keeper == NULL
            || ngx_http_smart_introspection_init(cycle, issuer[i],
                                                 &issuers->zone)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


void
ngx_http_smart_issuers_exit_process(ngx_cycle_t *cycle,
    ngx_http_smart_issuers_t *issuers)
{
    ngx_uint_t                 i;
    ngx_http_smart_keeper_t   *keeper;
    ngx_http_smart_issuer_t  **issuer;

    issuer = issuers->issuers.elts;

    for (i = 0; i < issuers->issuers.nelts; i++) {
        keeper = issuer[i]->keeper;

        if (keeper == NULL) {
            continue;
        }

        ngx_http_smart_introspection_exit(issuer[i]);
        ngx_http_smart_documents_stop(&keeper->documents);

        if (keeper->timer.timer_set) {
            ngx_del_timer(&keeper->timer);
        }

        jose_jwk_set_free(keeper->keys);
        keeper->keys = NULL;
    }

    ngx_http_smart_token_cache_exit();
    ngx_http_smart_fetch_exit_process(cycle);
}


jose_jwk_set_t *
ngx_http_smart_issuer_keys(ngx_http_smart_issuer_t *issuer,
    uint64_t *generation)
{
    ngx_http_smart_keeper_t  *keeper;

    keeper = issuer->keeper;

    if (keeper == NULL || keeper->keys == NULL) {
        return NULL;
    }

    if (issuer->jwks_file.len == 0
        && (ngx_msec_int_t) (keeper->stale_until - ngx_current_msec) <= 0)
    {
        return NULL;
    }

    *generation = keeper->generation;

    return keeper->keys;
}


ngx_int_t
ngx_http_smart_issuer_cold(ngx_http_request_t *r,
    ngx_http_smart_issuer_t *issuer, base_reason_t *reason)
{
    ngx_uint_t                   due;
    ngx_http_smart_keeper_t     *keeper;
    ngx_http_smart_zone_view_t   view;

    keeper = issuer->keeper;
    *reason = BASE_KEYS_UNAVAILABLE;

    /* an issuer of opaque tokens alone: there is no key that could have signed this */

    if (issuer->keyless) {
        *reason = BASE_TOKEN_KEY_UNKNOWN;
        return NGX_DECLINED;
    }

    if (keeper == NULL || issuer->jwks_file.len
        || ngx_http_smart_keeper_view(keeper, &view) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    /*
     * it failed a moment ago, and nobody is at it: waiting would only hold the client up; but what there is of old may not have reached this
     * worker yet
     */

    if (view.keys.failures && !view.leased
        && !oauth_document_due(&view.keys, ngx_current_msec)
        && !oauth_document_usable(&view.keys, ngx_current_msec))
    {
        due = 0;

        (void) ngx_http_smart_zone_change(keeper->zone, issuer->digest,
                                          ngx_http_smart_keeper_ask, &due);
        if (!due) {
            return NGX_DECLINED;
        }
    }

    ngx_http_smart_keeper_again(keeper, 0);

    return ngx_http_smart_wait(r, &keeper->waiters, &keeper->waiting,
                               NGX_HTTP_SMART_WAIT_TIME, reason);
}


ngx_int_t
ngx_http_smart_issuer_endpoint(ngx_http_request_t *r,
    ngx_http_smart_issuer_t *issuer, ngx_str_t *uri, base_reason_t *reason)
{
    ngx_int_t                    rc;
    ngx_http_smart_keeper_t     *keeper;
    ngx_http_smart_zone_view_t   view;

    if (issuer->introspection_uri.len) {
        *uri = issuer->introspection_uri;
        return NGX_OK;
    }

    keeper = issuer->keeper;
    *reason = BASE_INTROSPECTION_FAILED;

    if (keeper == NULL || ngx_http_smart_keeper_view(keeper, &view) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (oauth_document_usable(&view.metadata, ngx_current_msec)) {
        rc = ngx_http_smart_zone_text(keeper->zone, issuer->digest,
                                      NGX_HTTP_SMART_ZONE_INTROSPECTION_URI,
                                      r->pool, uri);

        return (rc == NGX_OK && uri->len) ? NGX_OK : NGX_DECLINED;
    }

    /* it failed a moment ago, and nobody is at it */

    if (view.metadata.failures && !view.leased
        && !oauth_document_due(&view.metadata, ngx_current_msec))
    {
        return NGX_DECLINED;
    }

    ngx_http_smart_keeper_again(keeper, 0);

    return ngx_http_smart_wait(r, &keeper->waiters, &keeper->waiting,
                               issuer->timeout, reason);
}


ngx_int_t
ngx_http_smart_issuer_miss(ngx_http_request_t *r,
    ngx_http_smart_issuer_t *issuer, base_reason_t *reason)
{
    uint64_t                     stored;
    ngx_http_smart_miss_t        miss;
    ngx_http_smart_keeper_t     *keeper;
    ngx_http_smart_zone_view_t   view;

    keeper = issuer->keeper;
    *reason = BASE_TOKEN_KEY_UNKNOWN;

    if (issuer->jwks_file.len) {
        return NGX_DECLINED;
    }

    stored = keeper->stored;

    if (ngx_http_smart_keeper_view(keeper, &view) != NGX_OK) {
        *reason = BASE_KEYS_UNAVAILABLE;
        return NGX_DECLINED;
    }

    ngx_http_smart_keeper_sync(keeper, &view);

    if (keeper->stored != stored) {
        return NGX_OK;
    }

    miss.issuer = issuer;
    miss.answer = OAUTH_DOCUMENT_UNREACHABLE;

    (void) ngx_http_smart_zone_change(keeper->zone, issuer->digest,
                                      ngx_http_smart_keeper_miss, &miss);

    switch (miss.answer) {

    case OAUTH_DOCUMENT_WAIT:
        ngx_http_smart_keeper_again(keeper, 0);
        return ngx_http_smart_wait(r, &keeper->waiters, &keeper->waiting,
                                   NGX_HTTP_SMART_WAIT_TIME, reason);

    case OAUTH_DOCUMENT_ABSENT:
        return NGX_DECLINED;

    default:
        *reason = BASE_KEYS_UNAVAILABLE;
        return NGX_DECLINED;
    }
}


static void
ngx_http_smart_keeper_ask(oauth_document_t *metadata, oauth_document_t *keys,
    void *data)
{
    ngx_uint_t *due = data;

    *due = oauth_document_ask(keys, ngx_current_msec);
}


static void
ngx_http_smart_keeper_miss(oauth_document_t *metadata, oauth_document_t *keys,
    void *data)
{
    ngx_http_smart_miss_t  *miss = data;

    miss->answer = oauth_document_miss(keys, &miss->issuer->life,
                                       ngx_current_msec);
}


static ngx_http_smart_keeper_t *
ngx_http_smart_keeper_new(ngx_cycle_t *cycle, ngx_http_smart_issuer_t *issuer,
    ngx_http_smart_zone_t *zone)
{
    ngx_http_smart_keeper_t     *keeper;
    ngx_http_smart_zone_view_t   view;

    keeper = ngx_pcalloc(cycle->pool, sizeof(ngx_http_smart_keeper_t));
    if (keeper == NULL) {
        return NULL;
    }

    ngx_queue_init(&keeper->waiters);
    keeper->issuer = issuer;
    keeper->zone = zone;

    keeper->documents.issuer = issuer;
    keeper->documents.zone = zone;
    keeper->documents.done = ngx_http_smart_keeper_done;
    keeper->documents.data = keeper;

    keeper->timer.handler = ngx_http_smart_keeper_tick;
    keeper->timer.data = keeper;
    keeper->timer.log = cycle->log;
    keeper->timer.cancelable = 1;

    if (issuer->jwks.len
        && ngx_http_smart_keeper_load(keeper, &issuer->jwks) != NGX_OK)
    {
        return NULL;
    }

    if (ngx_http_smart_keeper_view(keeper, &view) == NGX_OK) {
        ngx_http_smart_state_load(issuer, zone);
    }

    ngx_http_smart_keeper_again(keeper, 0);

    return keeper;
}


static void
ngx_http_smart_keeper_again(ngx_http_smart_keeper_t *keeper, ngx_msec_t after)
{
    if (keeper->timer.timer_set) {
        ngx_del_timer(&keeper->timer);
    }

    ngx_add_timer(&keeper->timer, after);
}


static void
ngx_http_smart_keeper_tick(ngx_event_t *ev)
{
    ngx_http_smart_keeper_t     *keeper;
    ngx_http_smart_zone_view_t   view;

    keeper = ev->data;

    if (keeper->issuer->jwks_file.len) {
        ngx_http_smart_keeper_file(keeper);
        ngx_http_smart_keeper_again(keeper, NGX_HTTP_SMART_TICK);
        return;
    }

    if (ngx_http_smart_keeper_view(keeper, &view) == NGX_OK) {
        ngx_http_smart_keeper_sync(keeper, &view);

        if (!ngx_exiting || !ngx_queue_empty(&keeper->waiters)) {
            ngx_http_smart_documents_tick(&keeper->documents, &view);
        }
    }

    ngx_http_smart_keeper_again(keeper,
                                ngx_queue_empty(&keeper->waiters)
                                ? NGX_HTTP_SMART_TICK + ngx_random() % 100
                                : NGX_HTTP_SMART_TICK_FAST);
}


/* A fetch of this worker's has ended: what came is taken up by the next tick, which is at once. */

static void
ngx_http_smart_keeper_done(void *data)
{
    ngx_http_smart_keeper_again(data, 0);
}


static ngx_int_t
ngx_http_smart_keeper_view(ngx_http_smart_keeper_t *keeper,
    ngx_http_smart_zone_view_t *view)
{
    ngx_int_t  rc;

    rc = ngx_http_smart_zone_view(keeper->zone, keeper->issuer->digest, view);

    if (rc == NGX_DECLINED) {

        if (ngx_http_smart_zone_open(keeper->zone, keeper->issuer->digest)
            != NGX_OK)
        {
            if (ngx_time() - keeper->full_at >= NGX_HTTP_SMART_FULL_AGAIN) {
                keeper->full_at = ngx_time();
                ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                              "smart_zone \"%V\" is full: no room for "
                              "smart_issuer \"%V\"",
                              &keeper->zone->name, &keeper->issuer->name);
            }

            return NGX_ERROR;
        }

        rc = ngx_http_smart_zone_view(keeper->zone, keeper->issuer->digest,
                                      view);
    }

    return rc;
}


static void
ngx_http_smart_keeper_sync(ngx_http_smart_keeper_t *keeper,
    ngx_http_smart_zone_view_t *view)
{
    ngx_str_t    text;
    ngx_pool_t  *pool;

    if (view->keys.generation == 0) {
        keeper->stored = 0;

    } else if (view->keys.generation != keeper->stored) {

        pool = ngx_create_pool(4096, ngx_cycle->log);
        if (pool == NULL) {
            return;
        }

        if (ngx_http_smart_zone_text(keeper->zone, keeper->issuer->digest,
                                     NGX_HTTP_SMART_ZONE_KEYS, pool, &text)
            == NGX_OK
            && ngx_http_smart_keeper_load(keeper, &text) == NGX_OK)
        {
            keeper->stored = view->keys.generation;
        }

        ngx_destroy_pool(pool);
    }

    keeper->stale_until = view->keys.stale_until;

    if (view->keys.attempts != keeper->attempts) {
        keeper->attempts = view->keys.attempts;
        ngx_http_smart_wake(&keeper->waiters);
    }
}


/* Replaces the keys. Cached tokens were verified under another generation and are verified anew. */

static ngx_int_t
ngx_http_smart_keeper_load(ngx_http_smart_keeper_t *keeper, ngx_str_t *text)
{
    size_t           ignored;
    base_reason_t    reason;
    jose_jwk_set_t  *keys;

    reason = jose_jwk_set_read(base_span_make(text->data, text->len), &keys);
    ERR_clear_error();

    if (reason != BASE_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "smart_issuer \"%V\": bad key set: %s",
                      &keeper->issuer->name, base_reason_info(reason)->name);
        return NGX_ERROR;
    }

    ignored = jose_jwk_set_ignored(keys, NULL);

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "smart_issuer \"%V\": %uz keys, %uz ignored",
                  &keeper->issuer->name, jose_jwk_set_count(keys), ignored);

    jose_jwk_set_free(keeper->keys);

    keeper->keys = keys;
    keeper->generation++;

    return NGX_OK;
}


static void
ngx_http_smart_keeper_file(ngx_http_smart_keeper_t *keeper)
{
    ngx_err_t         err;
    ngx_str_t        *name;
    ngx_pool_t       *pool;
    ngx_file_info_t   info;

    name = &keeper->issuer->jwks_file;

    if (ngx_file_info(name->data, &info) == NGX_FILE_ERROR) {
        err = ngx_errno;

        if (!keeper->file_bad) {
            keeper->file_bad = 1;
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, err,
                          "smart_issuer \"%V\": \"%V\" cannot be read, "
                          "the keys stay as they are",
                          &keeper->issuer->name, name);
        }

        return;
    }

    if (ngx_file_uniq(&info) == keeper->file_uniq
        && ngx_http_smart_file_time(&info) == keeper->file_mtime
        && ngx_file_size(&info) == keeper->file_size)
    {
        return;
    }

    keeper->file_uniq = ngx_file_uniq(&info);
    keeper->file_mtime = ngx_http_smart_file_time(&info);
    keeper->file_size = ngx_file_size(&info);
    keeper->file_bad = 0;

    pool = ngx_create_pool(4096, ngx_cycle->log);

    if (pool == NULL || ngx_http_smart_keeper_file_read(keeper, pool) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "smart_issuer \"%V\": \"%V\" holds no usable keys, "
                      "the keys stay as they are",
                      &keeper->issuer->name, name);
    }

    if (pool) {
        ngx_destroy_pool(pool);
    }
}


static ngx_int_t
ngx_http_smart_keeper_file_read(ngx_http_smart_keeper_t *keeper,
    ngx_pool_t *pool)
{
    ngx_str_t  text, *before;

    if (ngx_http_smart_file_read(pool, &keeper->issuer->jwks_file,
                                 keeper->issuer->max_size, &text)
        != NGX_OK
        || ngx_http_smart_issuer_file_keys(&text) == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    before = &keeper->issuer->jwks;

    if (keeper->generation == 1 && text.len == before->len
        && ngx_memcmp(text.data, before->data, text.len) == 0)
    {
        return NGX_OK;
    }

    return ngx_http_smart_keeper_load(keeper, &text);
}


ngx_int_t
ngx_http_smart_issuer_file_keys(ngx_str_t *text)
{
    size_t           n, ignored;
    jose_jwk_set_t  *keys;

    if (jose_jwk_set_read(base_span_make(text->data, text->len), &keys)
        != BASE_OK)
    {
        ERR_clear_error();
        return NGX_ERROR;
    }

    ERR_clear_error();
    n = jose_jwk_set_count(keys);
    ignored = jose_jwk_set_ignored(keys, NULL);
    jose_jwk_set_free(keys);

    return (n == 0 && ignored) ? NGX_ERROR : (ngx_int_t) n;
}
