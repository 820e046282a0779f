#include "ngx_http_smart_secret.h"

#include "ngx_http_smart_file.h"


#define NGX_HTTP_SMART_SECRET_MAX  (64 * 1024)


static const char *ngx_http_smart_secret_load(ngx_pool_t *pool,
    ngx_http_smart_secret_t *secret, ngx_str_t *text);
static ngx_uint_t ngx_http_smart_secret_changed(
    ngx_http_smart_secret_t *secret);


const char *
ngx_http_smart_secret_read(ngx_pool_t *pool, ngx_http_smart_secret_t *secret)
{
    (void) ngx_http_smart_secret_changed(secret);

    return ngx_http_smart_secret_load(pool, secret, &secret->text);
}


ngx_str_t *
ngx_http_smart_secret_get(ngx_http_smart_secret_t *secret, ngx_log_t *log)
{
    u_char      *own;
    ngx_str_t    text;
    ngx_pool_t  *pool;
    const char  *fault;

    if (secret->looked == ngx_time()) {
        return &secret->text;
    }

    secret->looked = ngx_time();

    if (!ngx_http_smart_secret_changed(secret)) {
        return &secret->text;
    }

    pool = ngx_create_pool(1024, log);
    if (pool == NULL) {
        return &secret->text;
    }

    own = NULL;
    fault = ngx_http_smart_secret_load(pool, secret, &text);

    if (fault == NULL) {
        own = ngx_alloc(text.len, log);
    }

    if (own) {
        ngx_memcpy(own, text.data, text.len);

        ngx_http_smart_secret_exit(secret);

        secret->own = own;
        secret->text.data = own;
        secret->text.len = text.len;

    } else if (fault && !secret->bad) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "\"%V\" has changed and %s: it stays as it was",
                      &secret->path, fault);
    }

    secret->bad = own == NULL;

    ngx_destroy_pool(pool);

    return &secret->text;
}


void
ngx_http_smart_secret_exit(ngx_http_smart_secret_t *secret)
{
    if (secret->own) {
        ngx_explicit_memzero(secret->own, secret->text.len);
        ngx_free(secret->own);

        secret->own = NULL;
        ngx_str_null(&secret->text);
    }
}


static const char *
ngx_http_smart_secret_load(ngx_pool_t *pool, ngx_http_smart_secret_t *secret,
    ngx_str_t *text)
{
    size_t  i;

    if (ngx_http_smart_file_read(pool, &secret->path,
                                 NGX_HTTP_SMART_SECRET_MAX, text)
        != NGX_OK)
    {
        return "cannot be read, or is larger than 64k";
    }

    if (secret->plain) {
        while (text->len && (text->data[text->len - 1] == '\n'
                             || text->data[text->len - 1] == '\r'))
        {
            text->len--;
        }

        for (i = 0; i < text->len; i++) {
            if (text->data[i] <= 0x20 || text->data[i] >= 0x7f) {
                return "is not one line of visible characters";
            }
        }
    }

    if (text->len == 0) {
        return "is empty";
    }

    return secret->fault ? secret->fault(text, secret->data) : NULL;
}


static ngx_uint_t
ngx_http_smart_secret_changed(ngx_http_smart_secret_t *secret)
{
    ngx_file_info_t  info;

    if (ngx_file_info(secret->path.data, &info) == NGX_FILE_ERROR) {
        return 0;
    }

    if (ngx_file_uniq(&info) == secret->uniq
        && ngx_http_smart_file_time(&info) == secret->mtime
        && ngx_file_size(&info) == secret->size)
    {
        return 0;
    }

    secret->uniq = ngx_file_uniq(&info);
    secret->mtime = ngx_http_smart_file_time(&info);
    secret->size = ngx_file_size(&info);

    return 1;
}
