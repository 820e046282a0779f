#include "ngx_http_smart_state.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "ngx_http_smart_file.h"


/*
 * One line: magic, SHA-256 of all that follows it. One line of numbers, in hexadecimal, all of 16 digits: the clock when it was written, until
 * when the metadata and the keys are fresh and used (seconds since 1970), then the length of each text. Then the settings' digest,
 * and the texts.
 */
#define NGX_HTTP_SMART_STATE_MAGIC    "ngx_http_smart_state 1 "
#define NGX_HTTP_SMART_STATE_MAGIC_N  (sizeof(NGX_HTTP_SMART_STATE_MAGIC) - 1)
#define NGX_HTTP_SMART_STATE_HASH     32
#define NGX_HTTP_SMART_STATE_DIGITS   16
#define NGX_HTTP_SMART_STATE_HEAD                                             \
    (NGX_HTTP_SMART_STATE_MAGIC_N + 2 * NGX_HTTP_SMART_STATE_HASH + 1)

/* clocks of hosts that wrote and read it may differ by so many seconds */
#define NGX_HTTP_SMART_STATE_SKEW     60


enum {
    NGX_HTTP_SMART_STATE_WRITTEN,
    NGX_HTTP_SMART_STATE_METADATA_FRESH,
    NGX_HTTP_SMART_STATE_METADATA_STALE,
    NGX_HTTP_SMART_STATE_KEYS_FRESH,
    NGX_HTTP_SMART_STATE_KEYS_STALE,
    NGX_HTTP_SMART_STATE_LENGTHS,
    NGX_HTTP_SMART_STATE_NUMBERS = NGX_HTTP_SMART_STATE_LENGTHS
                                   + NGX_HTTP_SMART_ZONE_TEXTS
};

#define NGX_HTTP_SMART_STATE_BODY                                             \
    (NGX_HTTP_SMART_STATE_NUMBERS * (NGX_HTTP_SMART_STATE_DIGITS + 1)         \
     + NGX_HTTP_SMART_DIGEST_LEN)


typedef struct {
    ngx_http_smart_issuer_t  *issuer;
    ngx_http_smart_zone_t    *zone;
    ngx_pool_t               *pool;
    int64_t                   number[NGX_HTTP_SMART_STATE_NUMBERS];
    ngx_str_t                 text[NGX_HTTP_SMART_ZONE_TEXTS];
} ngx_http_smart_state_t;


static void ngx_http_smart_state_save_one(ngx_http_smart_issuer_t *issuer,
    ngx_http_smart_zone_t *zone);
static const char *ngx_http_smart_state_gather(ngx_http_smart_state_t *state);
static const char *ngx_http_smart_state_compose(ngx_http_smart_state_t *state,
    ngx_str_t *file);
static const char *ngx_http_smart_state_write(ngx_http_smart_state_t *state,
    ngx_str_t *file);
static const char *ngx_http_smart_state_read(ngx_http_smart_state_t *state);
static const char *ngx_http_smart_state_open(ngx_str_t *name, ngx_fd_t *fd);
static const char *ngx_http_smart_state_parse(ngx_http_smart_state_t *state,
    ngx_str_t *file);
static const char *ngx_http_smart_state_timely(ngx_http_smart_state_t *state);
static const char *ngx_http_smart_state_store(ngx_http_smart_state_t *state);
static void ngx_http_smart_state_change(oauth_document_t *metadata,
    oauth_document_t *keys, void *data);
static const char *ngx_http_smart_state_hash(u_char *p, size_t n, u_char *hex);


/* Whoever of several with the same documents fetched them. */

void
ngx_http_smart_state_save(ngx_http_smart_issuer_t *issuer,
    ngx_http_smart_zone_t *zone)
{
    ngx_http_smart_issuer_t  *twin;

    twin = issuer;

    do {
        ngx_http_smart_state_save_one(twin, zone);
        twin = twin->twin;
    } while (twin != issuer);
}


static void
ngx_http_smart_state_save_one(ngx_http_smart_issuer_t *issuer,
    ngx_http_smart_zone_t *zone)
{
    ngx_str_t               file;
    const char             *fault;
    ngx_http_smart_state_t  state;

    if (issuer->state_file.len == 0) {
        return;
    }

    ngx_memzero(&state, sizeof(ngx_http_smart_state_t));
    state.issuer = issuer;
    state.zone = zone;

    state.pool = ngx_create_pool(4096, ngx_cycle->log);
    if (state.pool == NULL) {
        return;
    }

    fault = ngx_http_smart_state_gather(&state);

    if (fault == NULL) {
        fault = ngx_http_smart_state_compose(&state, &file);
    }

    ngx_set_errno(0);

    if (fault == NULL) {
        fault = ngx_http_smart_state_write(&state, &file);
    }

    if (fault && !issuer->state_bad) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, ngx_errno,
                      "smart_issuer \"%V\": state_file \"%V\" was not "
                      "written: %s", &issuer->name, &issuer->state_file, fault);
    }

    issuer->state_bad = fault != NULL;

    ngx_destroy_pool(state.pool);
}


void
ngx_http_smart_state_load(ngx_http_smart_issuer_t *issuer,
    ngx_http_smart_zone_t *zone)
{
    const char                  *fault;
    ngx_http_smart_state_t       state;
    ngx_http_smart_zone_view_t   view;

    if (issuer->state_file.len == 0
        || ngx_http_smart_zone_view(zone, issuer->digest, &view) != NGX_OK
        || view.keys.attempts
        || ngx_http_smart_zone_lease(zone, issuer->digest,
                                     ngx_current_msec + 2000)
           != NGX_OK)
    {
        return;
    }

    ngx_memzero(&state, sizeof(ngx_http_smart_state_t));
    state.issuer = issuer;
    state.zone = zone;

    state.pool = ngx_create_pool(4096, ngx_cycle->log);

    if (state.pool) {
        fault = ngx_http_smart_state_read(&state);

        if (fault == NULL) {
            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "smart_issuer \"%V\" begins with the documents of "
                          "state_file \"%V\"", &issuer->name,
                          &issuer->state_file);

        } else if (*fault) {
            ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                          "smart_issuer \"%V\": state_file \"%V\" is ignored: "
                          "%s", &issuer->name, &issuer->state_file, fault);
        }

        ngx_destroy_pool(state.pool);
    }

    ngx_http_smart_zone_release(zone, issuer->digest);
}


/* What the zone holds, by the wall clock: monotonic times mean nothing to another boot. */

static const char *
ngx_http_smart_state_gather(ngx_http_smart_state_t *state)
{
    u_char                      *digest;
    int64_t                      now, *number;
    uint64_t                     msec;
    ngx_uint_t                   i;
    ngx_http_smart_zone_view_t   view;

    digest = state->issuer->digest;
    number = state->number;

    if (ngx_http_smart_zone_view(state->zone, digest, &view) != NGX_OK) {
        return "there is nothing to write";
    }

    now = ngx_time();
    msec = ngx_current_msec;

#define ngx_http_smart_state_wall(at)                                         \
    ((at) > msec ? now + (int64_t) (((at) - msec) / 1000) : 0)

    number[NGX_HTTP_SMART_STATE_WRITTEN] = now;
    number[NGX_HTTP_SMART_STATE_METADATA_FRESH] =
                          ngx_http_smart_state_wall(view.metadata.fresh_until);
    number[NGX_HTTP_SMART_STATE_METADATA_STALE] =
                          ngx_http_smart_state_wall(view.metadata.stale_until);
    number[NGX_HTTP_SMART_STATE_KEYS_FRESH] =
                          ngx_http_smart_state_wall(view.keys.fresh_until);
    number[NGX_HTTP_SMART_STATE_KEYS_STALE] =
                          ngx_http_smart_state_wall(view.keys.stale_until);

#undef ngx_http_smart_state_wall

    for (i = 0; i < NGX_HTTP_SMART_ZONE_TEXTS; i++) {

        if (ngx_http_smart_zone_text(state->zone, digest, i, state->pool,
                                     &state->text[i])
            != NGX_OK)
        {
            return "there is no memory";
        }

        number[NGX_HTTP_SMART_STATE_LENGTHS + i] =
                                               (int64_t) state->text[i].len;
    }

    return NULL;
}


static const char *
ngx_http_smart_state_compose(ngx_http_smart_state_t *state, ngx_str_t *file)
{
    size_t       n;
    u_char      *p, *body;
    const char  *fault;
    ngx_uint_t   i;

    n = NGX_HTTP_SMART_STATE_HEAD + NGX_HTTP_SMART_STATE_BODY;

    for (i = 0; i < NGX_HTTP_SMART_ZONE_TEXTS; i++) {
        n += state->text[i].len;
    }

    file->data = ngx_pnalloc(state->pool, n);
    if (file->data == NULL) {
        return "there is no memory";
    }

    file->len = n;
    body = file->data + NGX_HTTP_SMART_STATE_HEAD;
    p = body;

    for (i = 0; i < NGX_HTTP_SMART_STATE_NUMBERS; i++) {
        p = ngx_sprintf(p, "%016xL%c", state->number[i],
                        i + 1 == NGX_HTTP_SMART_STATE_NUMBERS ? '\n' : ' ');
    }

    p = ngx_cpymem(p, state->issuer->digest, NGX_HTTP_SMART_DIGEST_LEN);

    for (i = 0; i < NGX_HTTP_SMART_ZONE_TEXTS; i++) {
        if (state->text[i].len) {
            p = ngx_cpymem(p, state->text[i].data, state->text[i].len);
        }
    }

    ngx_memcpy(file->data, NGX_HTTP_SMART_STATE_MAGIC,
               NGX_HTTP_SMART_STATE_MAGIC_N);

    fault = ngx_http_smart_state_hash(body, (size_t) (p - body), file->data
                                               + NGX_HTTP_SMART_STATE_MAGIC_N);

    body[-1] = '\n';

    return fault;
}


static const char *
ngx_http_smart_state_write(ngx_http_smart_state_t *state, ngx_str_t *file)
{
    int          fd;
    u_char      *temp;
    ssize_t      n;
    ngx_str_t   *name;
    const char  *fault;

    name = &state->issuer->state_file;

    temp = ngx_pnalloc(state->pool, name->len + NGX_INT_T_LEN + 2);
    if (temp == NULL) {
        return "there is no memory";
    }

    *ngx_sprintf(temp, "%V.%P", name, ngx_pid) = '\0';

    /* left by a process of that number that was killed */

    (void) ngx_delete_file(temp);

    fd = open((char *) temp, O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC,
              0600);
    if (fd == -1) {
        return "it cannot be created; workers need to write to its directory";
    }

    n = ngx_write_fd(fd, file->data, file->len);
    fault = (n == (ssize_t) file->len) ? NULL : "it cannot be written";

    if (ngx_close_file(fd) == NGX_FILE_ERROR && fault == NULL) {
        fault = "it cannot be closed";
    }

    if (fault == NULL && ngx_rename_file(temp, name->data) == NGX_FILE_ERROR) {
        fault = "it cannot be renamed";
    }

    if (fault) {
        (void) ngx_delete_file(temp);
    }

    return fault;
}


/* "" when there is no file: that is no fault. */

static const char *
ngx_http_smart_state_read(ngx_http_smart_state_t *state)
{
    size_t        max;
    ngx_fd_t      fd;
    ngx_str_t     file;
    const char   *fault;

    fault = ngx_http_smart_state_open(&state->issuer->state_file, &fd);
    if (fault) {
        return fault;
    }

    max = NGX_HTTP_SMART_STATE_HEAD + NGX_HTTP_SMART_STATE_BODY
          + state->issuer->max_size + 16384;

    if (ngx_http_smart_file_take(state->pool, fd, max, &file) != NGX_OK)
    {
        return "it cannot be read, or is too large";
    }

    fault = ngx_http_smart_state_parse(state, &file);

    if (fault == NULL) {
        fault = ngx_http_smart_state_timely(state);
    }

    return fault ? fault : ngx_http_smart_state_store(state);
}


/* Keys come from it: whoever can write it, or say where it leads to, can sign tokens. */

static const char *
ngx_http_smart_state_open(ngx_str_t *name, ngx_fd_t *fd)
{
    ngx_int_t         rc;
    ngx_file_info_t   info;

    rc = ngx_http_smart_file_open(name, O_NOFOLLOW, fd, &info);

    if (rc == NGX_DECLINED) {
        return ngx_errno == NGX_ENOENT ? ""
               : ngx_errno == NGX_ELOOP ? "it is no regular file"
               : "it cannot be opened";
    }

    if (rc != NGX_OK) {
        return "it is no regular file";
    }

    if ((info.st_uid != 0 && info.st_uid != geteuid())
        || (info.st_mode & (S_IWGRP|S_IWOTH)))
    {
        (void) ngx_close_file(*fd);
        return "others than its owner could have written it";
    }

    return NULL;
}


static const char *
ngx_http_smart_state_parse(ngx_http_smart_state_t *state, ngx_str_t *file)
{
    size_t       n, left;
    u_char      *p, *body, hex[2 * NGX_HTTP_SMART_STATE_HASH];
    int64_t      length;
    ngx_uint_t   i;

    static const char  broken[] = "it is not as it was written";

    if (file->len < NGX_HTTP_SMART_STATE_HEAD + NGX_HTTP_SMART_STATE_BODY
        || ngx_memcmp(file->data, NGX_HTTP_SMART_STATE_MAGIC,
                      NGX_HTTP_SMART_STATE_MAGIC_N)
           != 0)
    {
        return broken;
    }

    body = file->data + NGX_HTTP_SMART_STATE_HEAD;
    left = file->len - NGX_HTTP_SMART_STATE_HEAD;

    if (ngx_http_smart_state_hash(body, left, hex) != NULL
        || ngx_memcmp(hex, file->data + NGX_HTTP_SMART_STATE_MAGIC_N,
                      sizeof(hex))
           != 0)
    {
        return broken;
    }

    p = body;

    for (i = 0; i < NGX_HTTP_SMART_STATE_NUMBERS; i++) {
        state->number[i] = ngx_hextoi(p, NGX_HTTP_SMART_STATE_DIGITS);
        p += NGX_HTTP_SMART_STATE_DIGITS + 1;

        if (state->number[i] < 0) {
            return broken;
        }
    }

    if (ngx_memcmp(p, state->issuer->digest, NGX_HTTP_SMART_DIGEST_LEN) != 0) {
        return "it was written for other settings";
    }

    p += NGX_HTTP_SMART_DIGEST_LEN;
    left -= NGX_HTTP_SMART_STATE_BODY;

    for (i = 0; i < NGX_HTTP_SMART_ZONE_TEXTS; i++) {
        length = state->number[NGX_HTTP_SMART_STATE_LENGTHS + i];

        if ((uint64_t) length > left) {
            return broken;
        }

        n = (size_t) length;
        state->text[i].data = p;
        state->text[i].len = n;
        p += n;
        left -= n;
    }

    return left ? broken : NULL;
}


static const char *
ngx_http_smart_state_timely(ngx_http_smart_state_t *state)
{
    int64_t  now;

    now = ngx_time();

    if (state->number[NGX_HTTP_SMART_STATE_WRITTEN]
        > now + NGX_HTTP_SMART_STATE_SKEW)
    {
        return "it was written in the future";
    }

    if (state->number[NGX_HTTP_SMART_STATE_KEYS_STALE] <= now) {
        return "it is too old";
    }

    if (ngx_http_smart_issuer_file_keys(
                                   &state->text[NGX_HTTP_SMART_ZONE_KEYS])
        == NGX_ERROR)
    {
        return "it holds no usable keys";
    }

    return NULL;
}


static const char *
ngx_http_smart_state_store(ngx_http_smart_state_t *state)
{
    ngx_uint_t  i;

    /* the keys last: with them it begins to count */

    for (i = NGX_HTTP_SMART_ZONE_TEXTS; i > 0; i--) {
        if (ngx_http_smart_zone_store(state->zone, state->issuer->digest,
                                      i - 1, &state->text[i - 1])
            != NGX_OK)
        {
            return "the smart_zone has no room for it";
        }
    }

    (void) ngx_http_smart_zone_change(state->zone, state->issuer->digest,
                                      ngx_http_smart_state_change, state);

    return NULL;
}


static void
ngx_http_smart_state_change(oauth_document_t *metadata, oauth_document_t *keys,
    void *data)
{
    ngx_http_smart_state_t *state = data;

    int64_t                        now, *number;
    const oauth_document_rules_t  *rules;

    now = ngx_time();
    number = state->number;
    rules = &state->issuer->life;

    oauth_document_restored(metadata, rules, ngx_current_msec,
                      number[NGX_HTTP_SMART_STATE_METADATA_FRESH] - now,
                      number[NGX_HTTP_SMART_STATE_METADATA_STALE] - now);

    oauth_document_restored(keys, rules, ngx_current_msec,
                      number[NGX_HTTP_SMART_STATE_KEYS_FRESH] - now,
                      number[NGX_HTTP_SMART_STATE_KEYS_STALE] - now);
}


static const char *
ngx_http_smart_state_hash(u_char *p, size_t n, u_char *hex)
{
    u_char  digest[EVP_MAX_MD_SIZE];

    if (EVP_Digest(p, n, digest, NULL, EVP_sha256(), NULL) != 1) {
        ERR_clear_error();
        return "it cannot be hashed";
    }

    (void) ngx_hex_dump(hex, digest, NGX_HTTP_SMART_STATE_HASH);

    return NULL;
}
