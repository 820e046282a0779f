#include "ngx_http_smart_introspection_block.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "jose/jose_assertion.h"


/* Beyond this a worker would do nothing else. */
#define NGX_HTTP_SMART_INTROSPECTION_MOST  1024

/* The token is believed for so long after it was revoked. */
#define NGX_HTTP_SMART_INTROSPECTION_LONG  (5 * 60 * 1000)


static char *ngx_http_smart_introspection_key_set(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer);
static const char *ngx_http_smart_introspection_key_fault(ngx_str_t *text,
    void *data);
static char *ngx_http_smart_introspection_secret(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer);
static ngx_int_t ngx_http_smart_introspection_hash(
    ngx_http_smart_issuer_t *issuer);


char *
ngx_http_smart_introspection_set(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    static const struct {
        const char  *name;
        ngx_uint_t   mode;
    } modes[] = {
        { "off",    NGX_HTTP_SMART_INTROSPECTION_OFF },
        { "opaque", NGX_HTTP_SMART_INTROSPECTION_OPAQUE },
        { "always", NGX_HTTP_SMART_INTROSPECTION_ALWAYS }
    };

    value = cf->args->elts;

    for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (ngx_strcmp(value[1].data, modes[i].name) == 0) {
            issuer->introspection = modes[i].mode;
            return NGX_CONF_OK;
        }
    }

    return "must be off, opaque or always";
}


/* basic <id> <file> | bearer <file> | private_key_jwt <id> <key file> [alg] [kid=<kid>] */

char *
ngx_http_smart_introspection_auth_set(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer)
{
    ngx_str_t   *value;
    ngx_uint_t   n;

    value = cf->args->elts;
    n = cf->args->nelts;

    if (ngx_strcmp(value[1].data, "private_key_jwt") == 0 && n >= 4) {
        issuer->client = NGX_HTTP_SMART_CLIENT_PRIVATE_KEY;
        issuer->client_id = value[2];
        issuer->secret.path = value[3];
        return ngx_http_smart_introspection_key_set(cf, issuer);
    }

    if (ngx_strcmp(value[1].data, "basic") == 0 && n == 4) {
        issuer->client = NGX_HTTP_SMART_CLIENT_BASIC;
        issuer->client_id = value[2];
        issuer->secret.path = value[3];
        return ngx_http_smart_introspection_secret(cf, issuer);
    }

    if (ngx_strcmp(value[1].data, "bearer") == 0 && n == 3) {
        issuer->client = NGX_HTTP_SMART_CLIENT_BEARER;
        issuer->secret.path = value[2];
        return ngx_http_smart_introspection_secret(cf, issuer);
    }

    return "must be basic <id> <file>, bearer <file>, or private_key_jwt <id> "
           "<key file> [alg] [kid=<kid>]";
}


static char *
ngx_http_smart_introspection_key_set(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 4; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "kid=", 4) == 0 && value[i].len > 4
            && issuer->client_kid.len == 0)
        {
            issuer->client_kid.data = value[i].data + 4;
            issuer->client_kid.len = value[i].len - 4;

        } else if (issuer->client_alg.len == 0 && value[i].len) {
            issuer->client_alg = value[i];

        } else {
            return "takes one algorithm and one kid=<kid> behind the key file";
        }
    }

    return ngx_http_smart_introspection_secret(cf, issuer);
}


/* At start, and whenever the file changes: a key that cannot sign never takes the place of one that can. */

static const char *
ngx_http_smart_introspection_key_fault(ngx_str_t *text, void *data)
{
    ngx_http_smart_issuer_t *issuer = data;

    const char   *fault;
    base_span_t   pem, alg;

    pem = base_span_make(text->data, text->len);
    alg = issuer->client_alg.len
          ? base_span_make(issuer->client_alg.data, issuer->client_alg.len)
          : jose_assertion_alg(pem);

    fault = jose_assertion_fault(pem, alg);

    ERR_clear_error();

    return fault;
}


static char *
ngx_http_smart_introspection_secret(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer)
{
    ngx_str_t   *path;
    const char  *fault;

    path = &issuer->secret.path;

    if (path->len == 0 || ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return "needs a file";
    }

    if (issuer->client != NGX_HTTP_SMART_CLIENT_BEARER
        && issuer->client_id.len == 0)
    {
        return "needs a client id";
    }

    if (issuer->client == NGX_HTTP_SMART_CLIENT_PRIVATE_KEY) {
        issuer->secret.fault = ngx_http_smart_introspection_key_fault;
        issuer->secret.data = issuer;

    } else {
        issuer->secret.plain = 1;
    }

    fault = ngx_http_smart_secret_read(cf->pool, &issuer->secret);

    if (fault) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"introspection_auth\" of smart_issuer \"%V\": "
                           "\"%V\" %s", &issuer->name, path, fault);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_smart_introspection_max_set(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer)
{
    ngx_int_t   n;
    ngx_str_t  *value;

    value = cf->args->elts;

    n = ngx_atoi(value[1].data, value[1].len);

    if (n == NGX_ERROR || n == 0 || n > NGX_HTTP_SMART_INTROSPECTION_MOST) {
        return "must be a number from 1 to 1024";
    }

    issuer->introspection_max = n;

    return NGX_CONF_OK;
}


ngx_uint_t
ngx_http_smart_introspection_possible(ngx_http_smart_issuer_t *issuer)
{
    return issuer->introspection_uri.len
           || (issuer->jwks_file.len == 0
               && issuer->discovery != NGX_HTTP_SMART_DISCOVERY_OFF);
}


char *
ngx_http_smart_introspection_check(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer)
{
    const char  *fault;
    ngx_uint_t   possible;

    ngx_conf_init_msec_value(issuer->introspection_cache, 60 * 1000);
    ngx_conf_init_value(issuer->introspection_max, 32);

    possible = ngx_http_smart_introspection_possible(issuer);
    fault = NULL;

    if (issuer->introspection == NGX_HTTP_SMART_INTROSPECTION_UNSET) {
        issuer->introspection = (issuer->client && possible)
                                ? NGX_HTTP_SMART_INTROSPECTION_OPAQUE
                                : NGX_HTTP_SMART_INTROSPECTION_OFF;
    }

    if (issuer->introspection_cache < 1000) {
        fault = "\"introspection_cache\" must be 1s at least";

    } else if (issuer->introspection == NGX_HTTP_SMART_INTROSPECTION_OFF) {

        if (issuer->client || issuer->introspection_uri.len) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "smart_issuer \"%V\" does not introspect: its "
                               "\"introspection_uri\" or "
                               "\"introspection_auth\" has no effect",
                               &issuer->name);
        }

    } else if (!possible) {
        fault = "\"introspection\" needs \"introspection_uri\" where there is "
                "no discovery";

    } else if (issuer->keyless
               && issuer->introspection == NGX_HTTP_SMART_INTROSPECTION_ALWAYS)
    {
        fault = "\"introspection always\" needs keys, by which a JWT is "
                "verified before anybody is asked";

    } else if (issuer->client == NGX_HTTP_SMART_CLIENT_NONE) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "smart_issuer \"%V\" introspects without "
                           "\"introspection_auth\": few servers answer to "
                           "nobody", &issuer->name);
    }

    if (fault) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s, in smart_issuer \"%V\"",
                           fault, &issuer->name);
        return NGX_CONF_ERROR;
    }

    if (issuer->introspection_cache > NGX_HTTP_SMART_INTROSPECTION_LONG) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"introspection_cache\" of smart_issuer \"%V\" is "
                           "%M ms: revoked tokens live on for so long",
                           &issuer->name, issuer->introspection_cache);
    }

    return ngx_http_smart_introspection_hash(issuer) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* Of all that decides what is asked, of whom, and as whom. */

static ngx_int_t
ngx_http_smart_introspection_hash(ngx_http_smart_issuer_t *issuer)
{
    int          rc;
    size_t       i;
    uint64_t     length, numbers[] = {
        issuer->client, issuer->introspection_cache
    };
    ngx_str_t   *texts[] = { &issuer->introspection_uri, &issuer->client_id };
    EVP_MD_CTX  *md;

    md = EVP_MD_CTX_new();

    rc = md != NULL
         && EVP_DigestInit_ex(md, EVP_sha256(), NULL)
         && EVP_DigestUpdate(md, issuer->digest, NGX_HTTP_SMART_DIGEST_LEN)
         && EVP_DigestUpdate(md, numbers, sizeof(numbers));

    for (i = 0; rc && i < sizeof(texts) / sizeof(texts[0]); i++) {
        length = texts[i]->len;
        rc = EVP_DigestUpdate(md, &length, sizeof(length))
             && EVP_DigestUpdate(md, texts[i]->data, texts[i]->len);
    }

    rc = rc && EVP_DigestFinal_ex(md, issuer->introspection_digest, NULL);

    EVP_MD_CTX_free(md);
    ERR_clear_error();

    return rc ? NGX_OK : NGX_ERROR;
}
