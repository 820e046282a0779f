#include "ngx_http_smart_introspection.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "oauth/oauth_introspection.h"
#include "ngx_http_smart_egress.h"
#include "ngx_http_smart_introspection_client.h"
#include "ngx_http_smart_wait.h"
#include "ngx_http_smart_zone_token.h"


/* Milliseconds: a no is believed so long; after no answer nobody asks again so long; another worker's call is looked after so often. */
#define NGX_HTTP_SMART_INTROSPECTION_NO      5000
#define NGX_HTTP_SMART_INTROSPECTION_FAULT   1000
#define NGX_HTTP_SMART_INTROSPECTION_WATCH   20

/* an answer that the zone has no room for stays so long, for those who waited */
#define NGX_HTTP_SMART_INTROSPECTION_LINGER  2000

/* seconds between two lines in the log */
#define NGX_HTTP_SMART_INTROSPECTION_SAID    10

#define NGX_HTTP_SMART_INTROSPECTION_ARENA   (64 * 1024)
#define NGX_HTTP_SMART_INTROSPECTION_ROWS    256


typedef enum {
    NGX_HTTP_SMART_JOB_LINE,       /* as many as may be are under way */
    NGX_HTTP_SMART_JOB_ASKING,
    NGX_HTTP_SMART_JOB_WATCHING,   /* another worker is asking */
    NGX_HTTP_SMART_JOB_DONE        /* lingers */
} ngx_http_smart_job_e;


/* One call, from the first request that needs it to its answer. */
typedef struct {
    ngx_queue_t                     row;
    ngx_queue_t                     line;
    ngx_http_smart_introspector_t  *introspector;
    ngx_uint_t                      state;      /* ngx_http_smart_job_e */
    u_char                          key[NGX_HTTP_SMART_TOKEN_KEY];
    ngx_queue_t                     waiters;
    ngx_event_t                     timer;
    base_arena_t                   *arena;
    base_span_t                     token;
    base_span_t                     uri;
    ngx_http_smart_fetch_t          fetch;
    ngx_http_smart_zone_token_t     answer;     /* of a job that lingers */
} ngx_http_smart_job_t;


/* An issuer as this worker asks it. */
struct ngx_http_smart_introspector_s {
    ngx_http_smart_issuer_t        *issuer;
    ngx_http_smart_zone_t          *zone;
    ngx_queue_t                     rows[NGX_HTTP_SMART_INTROSPECTION_ROWS];
    ngx_queue_t                     line;
    ngx_int_t                       asking;
    ngx_uint_t                      waiting;
    ngx_uint_t                      lined;      /* jobs in line */
    time_t                          said;
};


static ngx_int_t ngx_http_smart_introspection_key(
    ngx_http_smart_issuer_t *issuer, base_span_t token, u_char *key);
static ngx_int_t ngx_http_smart_introspection_known(ngx_http_request_t *r,
    ngx_http_smart_introspector_t *introspector, ngx_http_smart_job_t *job,
    const u_char *key, ngx_http_smart_zone_token_t *known);
static ngx_http_smart_job_t *ngx_http_smart_job_find(
    ngx_http_smart_introspector_t *introspector, const u_char *key);
static ngx_http_smart_job_t *ngx_http_smart_job_new(
    ngx_http_smart_introspector_t *introspector, const u_char *key,
    base_span_t token, ngx_str_t *uri);
static void ngx_http_smart_job_free(ngx_http_smart_job_t *job);
static void ngx_http_smart_job_unline(ngx_http_smart_job_t *job);
static ngx_uint_t ngx_http_smart_job_room(
    ngx_http_smart_introspector_t *introspector);
static void ngx_http_smart_job_next(
    ngx_http_smart_introspector_t *introspector);
static void ngx_http_smart_job_start(ngx_http_smart_job_t *job);
static ngx_int_t ngx_http_smart_job_ask(ngx_http_smart_job_t *job);
static void ngx_http_smart_job_handler(ngx_http_smart_fetch_t *fetch);
static void ngx_http_smart_job_read(ngx_http_smart_job_t *job,
    ngx_http_smart_zone_token_t *answer);
static void ngx_http_smart_job_until(ngx_http_smart_job_t *job,
    ngx_http_smart_zone_token_t *answer, int64_t exp);
static void ngx_http_smart_job_log(ngx_http_smart_job_t *job);
static void ngx_http_smart_job_answered(ngx_http_smart_job_t *job,
    ngx_http_smart_zone_token_t *answer);
static void ngx_http_smart_job_timer(ngx_event_t *ev);


ngx_int_t
ngx_http_smart_introspection_init(ngx_cycle_t *cycle,
    ngx_http_smart_issuer_t *issuer, ngx_http_smart_zone_t *zone)
{
    ngx_uint_t                      i;
    ngx_http_smart_introspector_t  *introspector;

    if (issuer->introspection == NGX_HTTP_SMART_INTROSPECTION_OFF) {
        return NGX_OK;
    }

    introspector = ngx_pcalloc(cycle->pool,
                               sizeof(ngx_http_smart_introspector_t));
    if (introspector == NULL) {
        return NGX_ERROR;
    }

    introspector->issuer = issuer;
    introspector->zone = zone;
    ngx_queue_init(&introspector->line);

    for (i = 0; i < NGX_HTTP_SMART_INTROSPECTION_ROWS; i++) {
        ngx_queue_init(&introspector->rows[i]);
    }

    issuer->introspector = introspector;

    return NGX_OK;
}


void
ngx_http_smart_introspection_exit(ngx_http_smart_issuer_t *issuer)
{
    ngx_uint_t                      i;
    ngx_queue_t                    *q;
    ngx_http_smart_job_t           *job;
    ngx_http_smart_introspector_t  *introspector;

    introspector = issuer->introspector;

    if (introspector == NULL) {
        return;
    }

    ngx_http_smart_secret_exit(&issuer->secret);

    for (i = 0; i < NGX_HTTP_SMART_INTROSPECTION_ROWS; i++) {

        while (!ngx_queue_empty(&introspector->rows[i])) {
            q = ngx_queue_head(&introspector->rows[i]);
            job = ngx_queue_data(q, ngx_http_smart_job_t, row);

            if (job->state == NGX_HTTP_SMART_JOB_ASKING) {
                ngx_http_smart_fetch_cancel(&job->fetch);
                ngx_http_smart_zone_token_drop(introspector->zone, job->key);
            }

            ngx_http_smart_wake(&job->waiters);
            ngx_http_smart_job_free(job);
        }
    }

    issuer->introspector = NULL;
}


ngx_int_t
ngx_http_smart_introspection(ngx_http_request_t *r,
    ngx_http_smart_issuer_t *issuer, base_span_t token, base_span_t *answer,
    ngx_msec_t *until, base_reason_t *reason)
{
    u_char                          key[NGX_HTTP_SMART_TOKEN_KEY];
    ngx_int_t                       rc;
    ngx_str_t                       uri;
    ngx_http_smart_job_t           *job;
    ngx_http_smart_zone_token_t     known;
    ngx_http_smart_introspector_t  *introspector;

    introspector = issuer->introspector;
    *reason = BASE_INTROSPECTION_FAILED;

    if (introspector == NULL
        || ngx_http_smart_introspection_key(issuer, token, key) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    job = ngx_http_smart_job_find(introspector, key);

    rc = ngx_http_smart_introspection_known(r, introspector, job, key, &known);

    if (rc == NGX_OK) {
        *reason = known.reason;
        *until = known.until;
        *answer = base_span_make(known.text.data, known.text.len);

        return known.reason == BASE_OK ? NGX_OK : NGX_DECLINED;
    }

    if (rc == NGX_ERROR) {
        *reason = BASE_NO_MEMORY;
        return NGX_DECLINED;
    }

    if (job == NULL && !ngx_http_smart_job_room(introspector)) {
        *reason = BASE_TOO_MANY_WAITING;
        return NGX_DECLINED;
    }

    if (job == NULL) {
        rc = ngx_http_smart_issuer_endpoint(r, issuer, &uri, reason);

        if (rc == NGX_OK) {
            job = ngx_http_smart_job_new(introspector, key, token, &uri);
            rc = job ? NGX_OK : NGX_DECLINED;
        }
    }

    if (job && rc != NGX_AGAIN) {
        rc = ngx_http_smart_wait(r, &job->waiters, &introspector->waiting,
                                 issuer->timeout, reason);
        ngx_http_smart_job_next(introspector);
    }

    if (*reason == BASE_KEYS_UNAVAILABLE) {
        *reason = BASE_INTROSPECTION_FAILED;
    }

    return rc;
}


/*
 * Of the settings and the token, so that with other settings nothing is known; and of the issuer's name, since a no may be of its rules.
 */

static ngx_int_t
ngx_http_smart_introspection_key(ngx_http_smart_issuer_t *issuer,
    base_span_t token, u_char *key)
{
    int          rc;
    EVP_MD_CTX  *md;

    md = EVP_MD_CTX_new();

    rc = md != NULL
         && EVP_DigestInit_ex(md, EVP_sha256(), NULL)
         && EVP_DigestUpdate(md, issuer->introspection_digest,
                             NGX_HTTP_SMART_DIGEST_LEN)
         && EVP_DigestUpdate(md, issuer->name.data, issuer->name.len + 1)
         && EVP_DigestUpdate(md, token.p, token.n)
         && EVP_DigestFinal_ex(md, key, NULL);

    EVP_MD_CTX_free(md);
    ERR_clear_error();

    return rc ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_smart_introspection_known(ngx_http_request_t *r,
    ngx_http_smart_introspector_t *introspector, ngx_http_smart_job_t *job,
    const u_char *key, ngx_http_smart_zone_token_t *known)
{
    u_char  *p;

    if (job == NULL || job->state != NGX_HTTP_SMART_JOB_DONE) {
        return ngx_http_smart_zone_token_get(introspector->zone, key, r->pool,
                                             known);
    }

    *known = job->answer;

    p = ngx_pnalloc(r->pool, known->text.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (known->text.len) {
        ngx_memcpy(p, known->text.data, known->text.len);
    }

    known->text.data = p;

    return NGX_OK;
}


static ngx_http_smart_job_t *
ngx_http_smart_job_find(ngx_http_smart_introspector_t *introspector,
    const u_char *key)
{
    ngx_queue_t           *q, *row;
    ngx_http_smart_job_t  *job;

    row = &introspector->rows[key[0]];

    for (q = ngx_queue_head(row);
         q != ngx_queue_sentinel(row);
         q = ngx_queue_next(q))
    {
        job = ngx_queue_data(q, ngx_http_smart_job_t, row);

        if (ngx_memcmp(job->key, key, NGX_HTTP_SMART_TOKEN_KEY) == 0) {
            return job;
        }
    }

    return NULL;
}


static ngx_http_smart_job_t *
ngx_http_smart_job_new(ngx_http_smart_introspector_t *introspector,
    const u_char *key, base_span_t token, ngx_str_t *uri)
{
    base_arena_t          *arena;
    ngx_http_smart_job_t  *job;

    /* with what an assertion and the form need */

    arena = base_arena_new(NGX_HTTP_SMART_INTROSPECTION_ARENA
                           + 8 * token.n + 4 * introspector->issuer->secret
                                                            .text.len);
    job = arena ? base_arena_alloc(arena, sizeof(ngx_http_smart_job_t)) : NULL;

    if (job) {
        job->token = base_arena_copy(arena, token);
        job->uri = base_arena_copy(arena, base_span_make(uri->data, uri->len));
    }

    if (job == NULL || job->token.p == NULL || job->uri.p == NULL) {
        base_arena_free(arena);
        return NULL;
    }

    job->arena = arena;
    job->introspector = introspector;
    job->state = NGX_HTTP_SMART_JOB_LINE;
    ngx_memcpy(job->key, key, NGX_HTTP_SMART_TOKEN_KEY);

    job->timer.handler = ngx_http_smart_job_timer;
    job->timer.data = job;
    job->timer.log = ngx_cycle->log;
    job->timer.cancelable = 1;

    ngx_queue_init(&job->waiters);
    ngx_queue_insert_tail(&introspector->rows[key[0]], &job->row);
    ngx_queue_insert_tail(&introspector->line, &job->line);
    introspector->lined++;

    return job;
}


static void
ngx_http_smart_job_free(ngx_http_smart_job_t *job)
{
    if (job->state == NGX_HTTP_SMART_JOB_LINE) {
        ngx_http_smart_job_unline(job);
    }

    if (job->timer.timer_set) {
        ngx_del_timer(&job->timer);
    }

    if (job->answer.text.data) {
        ngx_free(job->answer.text.data);
    }

    ngx_queue_remove(&job->row);
    ngx_explicit_memzero((void *) job->token.p, job->token.n);
    base_arena_free(job->arena);
}


static void
ngx_http_smart_job_unline(ngx_http_smart_job_t *job)
{
    ngx_queue_remove(&job->line);
    job->introspector->lined--;
}


/* Clients that come, ask and go leave their jobs in the line: before it grows beyond who may wait, those are taken out. */

static ngx_uint_t
ngx_http_smart_job_room(ngx_http_smart_introspector_t *introspector)
{
    ngx_queue_t           *q, *next;
    ngx_http_smart_job_t  *job;

    if (introspector->waiting >= NGX_HTTP_SMART_WAIT_MAX) {
        return 0;
    }

    if (introspector->lined < 2 * NGX_HTTP_SMART_WAIT_MAX) {
        return 1;
    }

    for (q = ngx_queue_head(&introspector->line);
         q != ngx_queue_sentinel(&introspector->line);
         q = next)
    {
        next = ngx_queue_next(q);
        job = ngx_queue_data(q, ngx_http_smart_job_t, line);

        if (ngx_queue_empty(&job->waiters)) {
            ngx_http_smart_job_free(job);
        }
    }

    return 1;
}


/* Whose clients have all gone is not asked for. */

static void
ngx_http_smart_job_next(ngx_http_smart_introspector_t *introspector)
{
    ngx_queue_t           *q;
    ngx_http_smart_job_t  *job;

    while (introspector->asking < introspector->issuer->introspection_max
           && !ngx_queue_empty(&introspector->line))
    {
        q = ngx_queue_head(&introspector->line);
        job = ngx_queue_data(q, ngx_http_smart_job_t, line);

        if (ngx_queue_empty(&job->waiters)) {
            ngx_http_smart_job_free(job);
            continue;
        }

        ngx_http_smart_job_unline(job);
        ngx_http_smart_job_start(job);
    }
}


static void
ngx_http_smart_job_start(ngx_http_smart_job_t *job)
{
    ngx_int_t                       rc;
    ngx_http_smart_zone_token_t     answer;
    ngx_http_smart_introspector_t  *introspector;

    introspector = job->introspector;
    job->state = NGX_HTTP_SMART_JOB_WATCHING;

    rc = ngx_http_smart_zone_token_claim(introspector->zone, job->key,
                                         ngx_current_msec
                                         + introspector->issuer->timeout
                                         + 2000);

    if (rc == NGX_BUSY || rc == NGX_DONE) {
        ngx_add_timer(&job->timer, rc == NGX_BUSY
                                   ? NGX_HTTP_SMART_INTROSPECTION_WATCH : 1);
        return;
    }

    job->state = NGX_HTTP_SMART_JOB_ASKING;
    introspector->asking++;

    if (ngx_http_smart_job_ask(job) == NGX_OK) {
        return;
    }

    ngx_memzero(&answer, sizeof(ngx_http_smart_zone_token_t));
    answer.reason = BASE_INTROSPECTION_FAILED;
    answer.until = ngx_current_msec + NGX_HTTP_SMART_INTROSPECTION_FAULT;

    ngx_http_smart_job_log(job);
    ngx_http_smart_job_answered(job, &answer);
}


static ngx_int_t
ngx_http_smart_job_ask(ngx_http_smart_job_t *job)
{
    base_span_t               assertion, form, from;
    ngx_http_smart_fetch_t   *fetch;
    ngx_http_smart_issuer_t  *issuer;

    issuer = job->introspector->issuer;
    fetch = &job->fetch;

    from = issuer->introspection_uri.len
           ? job->uri : ngx_http_smart_egress_from(issuer);

    if (ngx_http_smart_egress(issuer, job->uri, from, fetch) != BASE_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_smart_introspection_client(issuer, job->arena,
                                            &fetch->authorization, &assertion)
        != NGX_OK)
    {
        fetch->error = "the client's credentials cannot be made";
        return NGX_ERROR;
    }

    form = oauth_introspection_form(job->token, assertion, job->arena);

    if (form.p == NULL) {
        fetch->error = "there is no memory";
        return NGX_ERROR;
    }

    fetch->form.data = (u_char *) form.p;
    fetch->form.len = form.n;
    fetch->reuse = 1;
    fetch->handler = ngx_http_smart_job_handler;
    fetch->data = job;

    if (ngx_http_smart_fetch_start(fetch) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_smart_job_handler(ngx_http_smart_fetch_t *fetch)
{
    ngx_http_smart_job_t           *job;
    ngx_http_smart_zone_token_t     answer;
    ngx_http_smart_introspector_t  *introspector;

    job = fetch->data;
    introspector = job->introspector;

    ngx_memzero(&answer, sizeof(ngx_http_smart_zone_token_t));
    answer.reason = BASE_INTROSPECTION_FAILED;
    answer.until = ngx_current_msec + NGX_HTTP_SMART_INTROSPECTION_FAULT;

    if (fetch->error == NULL && fetch->status == NGX_HTTP_OK) {
        ngx_http_smart_job_read(job, &answer);
    }

    if (answer.reason == BASE_INTROSPECTION_FAILED) {
        ngx_http_smart_job_log(job);
    }

    ngx_http_smart_job_answered(job, &answer);
    ngx_http_smart_job_next(introspector);
}


static void
ngx_http_smart_job_read(ngx_http_smart_job_t *job,
    ngx_http_smart_zone_token_t *answer)
{
    jose_jwt_t               jwt;
    base_arena_t            *arena;
    ngx_http_smart_fetch_t  *fetch;

    fetch = &job->fetch;

    arena = base_arena_new(NGX_HTTP_SMART_INTROSPECTION_ARENA
                           + 2 * fetch->len);
    if (arena == NULL) {
        return;
    }

    answer->reason = oauth_introspection_read(
                                  base_span_make(fetch->body, fetch->len),
                                  &job->introspector->issuer->rules,
                                  ngx_time(), arena, &jwt);

    base_arena_free(arena);

    if (answer->reason == BASE_NO_MEMORY) {
        answer->reason = BASE_INTROSPECTION_FAILED;
    }

    if (answer->reason == BASE_OK) {
        answer->text.data = fetch->body;
        answer->text.len = fetch->len;
    }

    ngx_http_smart_job_until(job, answer, jwt.exp);
}


/* The least of introspection_cache and exp (RULES H8). */

static void
ngx_http_smart_job_until(ngx_http_smart_job_t *job,
    ngx_http_smart_zone_token_t *answer, int64_t exp)
{
    int64_t     left;
    ngx_msec_t  time;

    time = job->introspector->issuer->introspection_cache;

    if (answer->reason == BASE_OK) {
        left = exp - ngx_time();

        /* within the leeway: good for now, and not to be kept */

        if (left < 1) {
            left = 1;
        }

        if ((uint64_t) left < time / 1000) {
            time = (ngx_msec_t) left * 1000;
        }

    } else if (answer->reason == BASE_INTROSPECTION_FAILED) {
        time = NGX_HTTP_SMART_INTROSPECTION_FAULT;

    } else {
        time = ngx_min(time, NGX_HTTP_SMART_INTROSPECTION_NO);
    }

    answer->until = ngx_current_msec + time;
}


static void
ngx_http_smart_job_log(ngx_http_smart_job_t *job)
{
    ngx_http_smart_fetch_t         *fetch;
    ngx_http_smart_introspector_t  *introspector;

    fetch = &job->fetch;
    introspector = job->introspector;

    if (ngx_time() - introspector->said < NGX_HTTP_SMART_INTROSPECTION_SAID) {
        return;
    }

    introspector->said = ngx_time();

    if (fetch->error) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "smart_issuer \"%V\": no introspection from \"%s\": %s",
                      &introspector->issuer->name, job->uri.p, fetch->error);
        return;
    }

    if (fetch->status != NGX_HTTP_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "smart_issuer \"%V\": no introspection from \"%s\": "
                      "status %ui", &introspector->issuer->name, job->uri.p,
                      fetch->status);
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "smart_issuer \"%V\": no introspection from \"%s\": the "
                  "answer is not one", &introspector->issuer->name,
                  job->uri.p);
}


/* All go on, here and, by the zone, elsewhere. */

static void
ngx_http_smart_job_answered(ngx_http_smart_job_t *job,
    ngx_http_smart_zone_token_t *answer)
{
    ngx_http_smart_introspector_t  *introspector;

    introspector = job->introspector;
    introspector->asking--;

    ngx_http_smart_wake(&job->waiters);

    if (ngx_http_smart_zone_token_put(introspector->zone, job->key, answer)
        == NGX_OK)
    {
        job->state = NGX_HTTP_SMART_JOB_DONE;
        ngx_http_smart_job_free(job);
        return;
    }

    job->state = NGX_HTTP_SMART_JOB_DONE;
    job->answer = *answer;
    job->answer.text.data = NULL;

    if (answer->text.len) {
        job->answer.text.data = ngx_alloc(answer->text.len, ngx_cycle->log);

        if (job->answer.text.data) {
            ngx_memcpy(job->answer.text.data, answer->text.data,
                       answer->text.len);

        } else {
            job->answer.text.len = 0;
            job->answer.reason = BASE_INTROSPECTION_FAILED;
        }
    }

    ngx_add_timer(&job->timer, NGX_HTTP_SMART_INTROSPECTION_LINGER);
}


static void
ngx_http_smart_job_timer(ngx_event_t *ev)
{
    ngx_pool_t                     *pool;
    ngx_int_t                       rc;
    ngx_http_smart_job_t           *job;
    ngx_http_smart_zone_token_t     known;
    ngx_http_smart_introspector_t  *introspector;

    job = ev->data;
    introspector = job->introspector;

    if (job->state == NGX_HTTP_SMART_JOB_DONE) {
        ngx_http_smart_job_free(job);
        return;
    }

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        ngx_add_timer(&job->timer, NGX_HTTP_SMART_INTROSPECTION_WATCH);
        return;
    }

    rc = ngx_http_smart_zone_token_get(introspector->zone, job->key, pool,
                                       &known);
    ngx_destroy_pool(pool);

    if (rc == NGX_BUSY && !ngx_queue_empty(&job->waiters)) {
        ngx_add_timer(&job->timer, NGX_HTTP_SMART_INTROSPECTION_WATCH);
        return;
    }

    if (rc == NGX_DECLINED && !ngx_queue_empty(&job->waiters)) {

        /* who was asking is gone, or could not keep the answer */

        job->state = NGX_HTTP_SMART_JOB_LINE;
        ngx_queue_insert_head(&introspector->line, &job->line);
        introspector->lined++;
        ngx_http_smart_job_next(introspector);
        return;
    }

    ngx_http_smart_wake(&job->waiters);
    ngx_http_smart_job_free(job);
}
