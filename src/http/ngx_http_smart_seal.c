#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include "jose/jose_seal.h"
#include "ngx_http_smart_file.h"
#include "ngx_http_smart_seal.h"


#define NGX_HTTP_SMART_SECRET_FILE_MAX  (64 * 1024)


static ngx_int_t ngx_http_smart_secret_file(ngx_conf_t *cf, ngx_str_t *path,
    jose_seal_key_t *key);
static bool ngx_http_smart_seal_text(void *ctx, base_span_t text,
    base_arena_t *arena, base_span_t *seal);
static bool ngx_http_smart_open_seal(void *ctx, base_span_t seal,
    base_arena_t *arena, base_span_t *text);


/*
 * Of this start: workers inherit it, and a reload finds it as it was, for the
 * links that clients hold.
 */
static jose_seal_key_t  ngx_http_smart_own_key;
static ngx_uint_t       ngx_http_smart_own_key_made;


char *
ngx_http_smart_secret_file_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_smart_loc_conf_t *slcf = conf;

    ngx_str_t        *value;
    ngx_uint_t        i;
    jose_seal_key_t  *key;

    if (slcf->seal_keys != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    slcf->seal_keys = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                       sizeof(jose_seal_key_t));
    if (slcf->seal_keys == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        key = ngx_array_push(slcf->seal_keys);

        if (key == NULL
            || ngx_http_smart_secret_file(cf, &value[i], key) != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_smart_secret_file(ngx_conf_t *cf, ngx_str_t *path,
    jose_seal_key_t *key)
{
    bool       made;
    ngx_str_t  text;

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_set_errno(0);

    if (ngx_http_smart_file_read(cf->pool, path, NGX_HTTP_SMART_SECRET_FILE_MAX,
                                 &text)
        != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"%V\" of \"smart_secret_file\" cannot be read, or "
                           "is larger than 64k", path);
        return NGX_ERROR;
    }

    if (text.len < JOSE_SEAL_SECRET_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" of \"smart_secret_file\" is shorter than 32 "
                           "bytes; make one by \"openssl rand -out %V 48\"",
                           path, path);
        return NGX_ERROR;
    }

    made = jose_seal_key(ngx_http_smart_span(&text), key);

    OPENSSL_cleanse(text.data, text.len);

    if (!made) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no key can be made of \"%V\"", path);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_array_t *
ngx_http_smart_seal_default(ngx_conf_t *cf)
{
    u_char            secret[JOSE_SEAL_SECRET_MIN];
    ngx_array_t      *keys;
    jose_seal_key_t  *key;

    if (!ngx_http_smart_own_key_made) {

        if (RAND_bytes(secret, sizeof(secret)) != 1
            || !jose_seal_key(base_span_make(secret, sizeof(secret)),
                              &ngx_http_smart_own_key))
        {
            ERR_clear_error();
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "RAND_bytes() failed");
            return NULL;
        }

        OPENSSL_cleanse(secret, sizeof(secret));
        ngx_http_smart_own_key_made = 1;
    }

    keys = ngx_array_create(cf->pool, 1, sizeof(jose_seal_key_t));
    if (keys == NULL) {
        return NULL;
    }

    key = ngx_array_push(keys);
    *key = ngx_http_smart_own_key;

    return keys;
}


void
ngx_http_smart_seal(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    smart_sealer_t  *sealer;

    sealer = &ctx->sealer;

    sealer->seal = ngx_http_smart_seal_text;
    sealer->open = ngx_http_smart_open_seal;
    sealer->ctx = ctx;
    sealer->now = (int64_t) ngx_time();
    sealer->pages = ctx->conf->seal_links;
    sealer->path = base_span_sub(ngx_http_smart_span(&ctx->uri), 0,
                                 ctx->base_len);
    sealer->url = base_span_make(NULL, 0);

    if (ctx->conf->base_url && ctx->base && ctx->base->urls_n) {
        sealer->url = ctx->base->urls[0];
    }

    smart_judge_sealer(&ctx->judge, sealer);
}


static bool
ngx_http_smart_seal_text(void *data, base_span_t text, base_arena_t *arena,
    base_span_t *seal)
{
    ngx_http_smart_ctx_t *ctx = data;

    size_t             n;
    unsigned char     *out;
    jose_seal_key_t   *key;

    static ngx_uint_t  warned;

    key = ctx->conf->seal_keys->elts;

    if (!warned && ngx_memcmp(key, &ngx_http_smart_own_key,
                              sizeof(jose_seal_key_t)) == 0)
    {
        warned = 1;
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "smart: links are sealed with a key of this start: they "
                      "open neither after a restart nor on another node; name "
                      "a \"smart_secret_file\"");
    }

    if (text.n > JOSE_SEAL_TEXT_MAX) {
        return false;
    }

    out = base_arena_scratch(arena, JOSE_SEAL_SIZE(text.n), 1);
    n = out ? jose_seal(key, text, out) : 0;

    *seal = base_span_make(out, n);

    return n != 0;
}


static bool
ngx_http_smart_open_seal(void *data, base_span_t seal, base_arena_t *arena,
    base_span_t *text)
{
    ngx_http_smart_ctx_t *ctx = data;

    unsigned char  *out;

    out = base_arena_scratch(arena, JOSE_UNSEAL_SIZE(seal.n), 1);

    return out && jose_unseal(ctx->conf->seal_keys->elts,
                              ctx->conf->seal_keys->nelts, seal, out, text);
}
