#include "ngx_http_smart_issuer_block.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "oauth/oauth_url.h"


/* What the claim map needs beside the configuration's own strings. */
#define NGX_HTTP_SMART_BLOCK_ARENA  (64 * 1024)

/* More leeway than this is warned of: an expired token would live on. */
#define NGX_HTTP_SMART_LEEWAY_MAX   300


typedef struct {
    ngx_http_smart_issuer_t     *issuer;
    base_arena_t                *arena;
    uint64_t                     seen;          /* bit i: entry i was given */
    uint32_t                     claims;        /* bit i: claim i was given */
} ngx_http_smart_block_t;


typedef struct ngx_http_smart_entry_s  ngx_http_smart_entry_t;

struct ngx_http_smart_entry_s {
    ngx_str_t                    name;
    ngx_uint_t                   min;           /* arguments */
    ngx_uint_t                   max;
    char                      *(*set)(ngx_conf_t *cf,
                                   ngx_http_smart_block_t *block,
                                   const ngx_http_smart_entry_t *entry);
    size_t                       offset;
    ngx_uint_t                   repeatable;
};


static char *ngx_http_smart_block_entry(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf);
static char *ngx_http_smart_block_later(ngx_conf_t *cf, ngx_str_t *name);
static char *ngx_http_smart_block_check(ngx_conf_t *cf,
    ngx_http_smart_block_t *block);
static char *ngx_http_smart_block_check_keys(ngx_conf_t *cf,
    ngx_http_smart_block_t *block);
static char *ngx_http_smart_block_check_url(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer, const char *entry, ngx_str_t *url);
static char *ngx_http_smart_block_check_times(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer);
static char *ngx_http_smart_block_compile(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer);
static ngx_int_t ngx_http_smart_block_digest(ngx_http_smart_issuer_t *issuer);

static char *ngx_http_smart_block_text(ngx_conf_t *cf,
    ngx_http_smart_block_t *block, const ngx_http_smart_entry_t *entry);
static char *ngx_http_smart_block_audience(ngx_conf_t *cf,
    ngx_http_smart_block_t *block, const ngx_http_smart_entry_t *entry);
static char *ngx_http_smart_block_discovery(ngx_conf_t *cf,
    ngx_http_smart_block_t *block, const ngx_http_smart_entry_t *entry);
static char *ngx_http_smart_block_algorithms(ngx_conf_t *cf,
    ngx_http_smart_block_t *block, const ngx_http_smart_entry_t *entry);
static char *ngx_http_smart_block_typ(ngx_conf_t *cf,
    ngx_http_smart_block_t *block, const ngx_http_smart_entry_t *entry);
static char *ngx_http_smart_block_sec(ngx_conf_t *cf,
    ngx_http_smart_block_t *block, const ngx_http_smart_entry_t *entry);
static char *ngx_http_smart_block_msec(ngx_conf_t *cf,
    ngx_http_smart_block_t *block, const ngx_http_smart_entry_t *entry);
static char *ngx_http_smart_block_refresh(ngx_conf_t *cf,
    ngx_http_smart_block_t *block, const ngx_http_smart_entry_t *entry);
static char *ngx_http_smart_block_size(ngx_conf_t *cf,
    ngx_http_smart_block_t *block, const ngx_http_smart_entry_t *entry);
static char *ngx_http_smart_block_flag(ngx_conf_t *cf,
    ngx_http_smart_block_t *block, const ngx_http_smart_entry_t *entry);
static char *ngx_http_smart_block_file(ngx_conf_t *cf,
    ngx_http_smart_block_t *block, const ngx_http_smart_entry_t *entry);
static char *ngx_http_smart_block_proxy(ngx_conf_t *cf,
    ngx_http_smart_block_t *block, const ngx_http_smart_entry_t *entry);
static char *ngx_http_smart_block_scope_claim(ngx_conf_t *cf,
    ngx_http_smart_block_t *block, const ngx_http_smart_entry_t *entry);
static char *ngx_http_smart_block_span(ngx_conf_t *cf,
    ngx_http_smart_block_t *block, const ngx_http_smart_entry_t *entry);
static char *ngx_http_smart_block_claim(ngx_conf_t *cf,
    ngx_http_smart_block_t *block, const ngx_http_smart_entry_t *entry);
static char *ngx_http_smart_block_patients(ngx_conf_t *cf,
    ngx_http_smart_block_t *block, const ngx_http_smart_entry_t *entry);

static ngx_int_t ngx_http_smart_block_read(ngx_conf_t *cf, ngx_str_t *name,
    const char *entry, size_t max, ngx_str_t *text);
static ngx_uint_t ngx_http_smart_block_is_pem(ngx_str_t *text,
    ngx_uint_t crl);


/* One list: the entries that keys and claims need. */

#define NGX_HTTP_SMART_ENTRY(name, min, max, set, field, repeatable)          \
    { ngx_string(name), min, max, ngx_http_smart_block_##set,                 \
      offsetof(ngx_http_smart_issuer_t, field), repeatable }

static const ngx_http_smart_entry_t  ngx_http_smart_entries[] = {

    NGX_HTTP_SMART_ENTRY("uri",            1, 1, text, uri, 0),
    NGX_HTTP_SMART_ENTRY("audience",       1, 64, audience, audiences, 1),
    NGX_HTTP_SMART_ENTRY("discovery",      1, 2, discovery, discovery, 0),
    NGX_HTTP_SMART_ENTRY("jwks_uri",       1, 1, text, jwks_uri, 0),
    NGX_HTTP_SMART_ENTRY("jwks_file",      1, 1, file, jwks_file, 0),
    NGX_HTTP_SMART_ENTRY("algorithms",     1, 16, algorithms, rules, 0),
    NGX_HTTP_SMART_ENTRY("typ",            1, 1, typ, rules, 0),
    NGX_HTTP_SMART_ENTRY("leeway",         1, 1, sec, leeway, 0),
    NGX_HTTP_SMART_ENTRY("max_token_age",  1, 1, sec, max_token_age, 0),
    NGX_HTTP_SMART_ENTRY("refresh",        2, 2, refresh, refresh_min, 0),
    NGX_HTTP_SMART_ENTRY("stale",          1, 1, msec, stale, 0),
    NGX_HTTP_SMART_ENTRY("cooldown",       1, 1, msec, cooldown, 0),
    NGX_HTTP_SMART_ENTRY("timeout",        1, 1, msec, timeout, 0),
    NGX_HTTP_SMART_ENTRY("max_size",       1, 1, size, max_size, 0),
    NGX_HTTP_SMART_ENTRY("trusted_certificate",
                                           1, 1, file, trusted_certificate, 0),
    NGX_HTTP_SMART_ENTRY("crl",            1, 1, file, crl, 0),
    NGX_HTTP_SMART_ENTRY("proxy",          1, 1, proxy, proxy, 0),
    NGX_HTTP_SMART_ENTRY("insecure_http",  1, 1, flag, insecure_http, 0),
    NGX_HTTP_SMART_ENTRY("private_addresses",
                                           1, 1, flag, private_addresses, 0),
    NGX_HTTP_SMART_ENTRY("scope_claim",    1, SMART_CLAIM_SCOPES_MAX,
                                           scope_claim, map, 0),
    NGX_HTTP_SMART_ENTRY("scope_prefix",   1, 1, span, map.scope_prefix, 0),
    NGX_HTTP_SMART_ENTRY("scope_separator",
                                           1, 1, span, map.scope_separator, 0),
    NGX_HTTP_SMART_ENTRY("claim",          2, 2, claim, map, 1),
    NGX_HTTP_SMART_ENTRY("patients",       1, 1, patients, map, 0),

    { ngx_null_string, 0, 0, NULL, 0, 0 }
};


/* CONFIG has them, this version does not: refused by name rather than passed over. */

static const ngx_str_t  ngx_http_smart_later[] = {
    ngx_string("introspection"),
    ngx_string("introspection_uri"),
    ngx_string("introspection_auth"),
    ngx_string("introspection_cache"),
    ngx_string("introspection_max"),
    ngx_string("state_file"),
    ngx_string("scope_map"),
    ngx_null_string
};


static void
ngx_http_smart_block_cleanup(void *data)
{
    base_arena_free(data);
}


static ngx_http_smart_issuer_t *
ngx_http_smart_block_new(ngx_conf_t *cf, ngx_str_t *name,
    ngx_http_smart_block_t *block)
{
    ngx_pool_cleanup_t       *cln;
    ngx_http_smart_issuer_t  *issuer;

    ngx_memzero(block, sizeof(ngx_http_smart_block_t));

    issuer = ngx_pcalloc(cf->pool, sizeof(ngx_http_smart_issuer_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (issuer == NULL || cln == NULL
        || ngx_array_init(&issuer->audiences, cf->pool, 2, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NULL;
    }

    block->arena = base_arena_new(NGX_HTTP_SMART_BLOCK_ARENA);
    if (block->arena == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_smart_block_cleanup;
    cln->data = block->arena;

    block->issuer = issuer;

    issuer->name = *name;
    issuer->discovery = NGX_HTTP_SMART_DISCOVERY_UNSET;
    issuer->leeway = NGX_CONF_UNSET;
    issuer->max_token_age = NGX_CONF_UNSET;
    issuer->refresh_min = 60 * 1000;
    issuer->refresh_max = 24 * 60 * 60 * 1000;
    issuer->stale = NGX_CONF_UNSET_MSEC;
    issuer->cooldown = NGX_CONF_UNSET_MSEC;
    issuer->timeout = NGX_CONF_UNSET_MSEC;
    issuer->max_size = NGX_CONF_UNSET_SIZE;
    issuer->insecure_http = NGX_CONF_UNSET;
    issuer->private_addresses = NGX_CONF_UNSET;
    issuer->rules.algs = JOSE_ALG_ALL;

    smart_claim_map_default(&issuer->map);

    return issuer;
}


char *
ngx_http_smart_issuer_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                       *rv;
    ngx_str_t                  *name;
    ngx_conf_t                  save;
    ngx_http_smart_block_t      block;
    ngx_http_smart_issuer_t   **slot;
    ngx_http_smart_issuers_t   *issuers;

    issuers = (ngx_http_smart_issuers_t *) ((u_char *) conf + cmd->offset);
    name = (ngx_str_t *) cf->args->elts + 1;

    if (name->len == 0 || ngx_strcmp(name->data, "off") == 0
        || name->data[0] == '$' || ngx_strchr(name->data, '='))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" cannot be the name of a smart_issuer",
                           name);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_smart_issuer_find(issuers, name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate smart_issuer \"%V\"", name);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_smart_block_new(cf, name, &block) == NULL) {
        return NGX_CONF_ERROR;
    }

    save = *cf;
    cf->handler = ngx_http_smart_block_entry;
    cf->handler_conf = (void *) &block;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    slot = ngx_array_push(&issuers->issuers);
    if (slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = block.issuer;

    return ngx_http_smart_block_check(cf, &block);
}


static char *
ngx_http_smart_block_entry(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    ngx_http_smart_block_t *block = conf;

    char                          *rv;
    ngx_str_t                     *name;
    const ngx_http_smart_entry_t  *entry;

    name = cf->args->elts;

    if (ngx_strcmp(name->data, "include") == 0 && cf->args->nelts == 2) {
        return ngx_conf_include(cf, dummy, conf);
    }

    for (entry = ngx_http_smart_entries; entry->name.len; entry++) {
        if (name->len == entry->name.len
            && ngx_strcmp(name->data, entry->name.data) == 0)
        {
            break;
        }
    }

    if (entry->name.len == 0) {
        return ngx_http_smart_block_later(cf, name);
    }

    if (cf->args->nelts - 1 < entry->min || cf->args->nelts - 1 > entry->max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number of arguments of \"%V\" in "
                           "smart_issuer \"%V\"", name, &block->issuer->name);
        return NGX_CONF_ERROR;
    }

    if (!entry->repeatable
        && (block->seen & ((uint64_t) 1 << (entry - ngx_http_smart_entries))))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate \"%V\" in smart_issuer \"%V\"",
                           name, &block->issuer->name);
        return NGX_CONF_ERROR;
    }

    block->seen |= (uint64_t) 1 << (entry - ngx_http_smart_entries);

    rv = entry->set(cf, block, entry);

    if (rv == NGX_CONF_OK || rv == NGX_CONF_ERROR) {
        return rv;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" in smart_issuer \"%V\" %s", name,
                       &block->issuer->name, rv);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_smart_block_later(ngx_conf_t *cf, ngx_str_t *name)
{
    const ngx_str_t  *later;

    for (later = ngx_http_smart_later; later->len; later++) {
        if (name->len == later->len
            && ngx_strcmp(name->data, later->data) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" in smart_issuer is not supported yet",
                               name);
            return NGX_CONF_ERROR;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown entry \"%V\" in smart_issuer", name);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_smart_block_check(ngx_conf_t *cf, ngx_http_smart_block_t *block)
{
    ngx_http_smart_issuer_t  *issuer;

    issuer = block->issuer;

    ngx_conf_init_value(issuer->leeway, 60);
    ngx_conf_init_value(issuer->max_token_age, 0);
    ngx_conf_init_msec_value(issuer->stale, 60 * 60 * 1000);
    ngx_conf_init_msec_value(issuer->cooldown, 30 * 1000);
    ngx_conf_init_msec_value(issuer->timeout, 5 * 1000);
    ngx_conf_init_size_value(issuer->max_size, 256 * 1024);
    ngx_conf_init_value(issuer->insecure_http, 0);
    ngx_conf_init_value(issuer->private_addresses, 0);

    if (issuer->uri.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "smart_issuer \"%V\" has no \"uri\"",
                           &issuer->name);
        return NGX_CONF_ERROR;
    }

    if (issuer->audiences.nelts == 0 && !issuer->audience_off) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "smart_issuer \"%V\" has no \"audience\": without "
                           "it tokens for other services would be accepted",
                           &issuer->name);
        return NGX_CONF_ERROR;
    }

    if (issuer->audience_off) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "smart_issuer \"%V\" has \"audience off\": tokens "
                           "for other services are accepted", &issuer->name);
    }

    if (issuer->insecure_http) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "smart_issuer \"%V\" has \"insecure_http on\": "
                           "whoever is on the way can replace its keys",
                           &issuer->name);
    }

    if (ngx_http_smart_block_check_url(cf, issuer, "uri", &issuer->uri)
        != NGX_CONF_OK
        || ngx_http_smart_block_check_keys(cf, block) != NGX_CONF_OK
        || ngx_http_smart_block_check_times(cf, issuer) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_smart_block_compile(cf, issuer);
}


/* Where keys come from. */

static char *
ngx_http_smart_block_check_keys(ngx_conf_t *cf, ngx_http_smart_block_t *block)
{
    ngx_http_smart_issuer_t  *issuer;

    issuer = block->issuer;

    if (issuer->jwks_uri.len && issuer->jwks_file.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "smart_issuer \"%V\" has both \"jwks_uri\" and "
                           "\"jwks_file\"", &issuer->name);
        return NGX_CONF_ERROR;
    }

    if (issuer->discovery == NGX_HTTP_SMART_DISCOVERY_OFF
        && issuer->jwks_uri.len == 0 && issuer->jwks_file.len == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "smart_issuer \"%V\" has \"discovery off\" and "
                           "neither \"jwks_uri\" nor \"jwks_file\": there "
                           "would be no keys", &issuer->name);
        return NGX_CONF_ERROR;
    }

    if (issuer->discovery == NGX_HTTP_SMART_DISCOVERY_UNSET) {
        issuer->discovery = NGX_HTTP_SMART_DISCOVERY_OIDC;
    }

    if (issuer->jwks_uri.len
        && ngx_http_smart_block_check_url(cf, issuer, "jwks_uri",
                                          &issuer->jwks_uri)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (issuer->fhir_base.len
        && ngx_http_smart_block_check_url(cf, issuer, "discovery",
                                          &issuer->fhir_base)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (issuer->jwks_file.len) {

        if (ngx_http_smart_block_read(cf, &issuer->jwks_file, "jwks_file",
                                      issuer->max_size, &issuer->jwks)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        if (ngx_http_smart_issuer_file_keys(&issuer->jwks) == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"jwks_file\" \"%V\" of smart_issuer \"%V\" "
                               "is no JWK set with usable public keys",
                               &issuer->jwks_file, &issuer->name);
            return NGX_CONF_ERROR;
        }
    }

    if (issuer->trusted_certificate.len) {

        if (ngx_http_smart_block_read(cf, &issuer->trusted_certificate,
                                      "trusted_certificate", 16 * 1024 * 1024,
                                      &issuer->trusted)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        if (!ngx_http_smart_block_is_pem(&issuer->trusted, 0)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"trusted_certificate\" \"%V\" of "
                               "smart_issuer \"%V\" holds no PEM certificate",
                               &issuer->trusted_certificate, &issuer->name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_smart_block_check_url(ngx_conf_t *cf, ngx_http_smart_issuer_t *issuer,
    const char *entry, ngx_str_t *text)
{
    oauth_url_t  url;

    if (!oauth_url_parse(base_span_make(text->data, text->len), &url)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" \"%V\" of smart_issuer \"%V\" is not an "
                           "absolute https URL without user and fragment",
                           entry, text, &issuer->name);
        return NGX_CONF_ERROR;
    }

    if (!url.https && !oauth_url_is_loopback(&url) && !issuer->insecure_http) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" \"%V\" of smart_issuer \"%V\" must be "
                           "https; http is for loopback addresses, or with "
                           "\"insecure_http on\"",
                           entry, text, &issuer->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_smart_block_check_times(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer)
{
    const char  *fault;

    fault = NULL;

    if (issuer->refresh_min < 1000 || issuer->refresh_min > issuer->refresh_max)
    {
        fault = "\"refresh\" needs a minimum of 1s at least, and a maximum "
                "that is not less";

    } else if (issuer->cooldown < 1000) {
        fault = "\"cooldown\" must be 1s at least";

    } else if (issuer->timeout < 100 || issuer->timeout > 60000) {
        fault = "\"timeout\" must be between 100ms and 60s";

    } else if (issuer->max_size < 1024 || issuer->max_size > 16 * 1024 * 1024) {
        fault = "\"max_size\" must be between 1k and 16m";
    }

    if (fault) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s, in smart_issuer \"%V\"",
                           fault, &issuer->name);
        return NGX_CONF_ERROR;
    }

    if (issuer->leeway > NGX_HTTP_SMART_LEEWAY_MAX) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"leeway\" of smart_issuer \"%V\" is %T s: expired "
                           "tokens live on for so long",
                           &issuer->name, issuer->leeway);
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_smart_block_compile(ngx_conf_t *cf, ngx_http_smart_issuer_t *issuer)
{
    ngx_str_t         *value;
    ngx_uint_t         i;
    base_span_t       *audiences;
    jose_jwt_rules_t  *rules;

    rules = &issuer->rules;
    value = issuer->audiences.elts;

    audiences = ngx_palloc(cf->pool, (issuer->audiences.nelts + 1)
                                     * sizeof(base_span_t));
    if (audiences == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < issuer->audiences.nelts; i++) {
        audiences[i] = base_span_make(value[i].data, value[i].len);
    }

    rules->issuer = base_span_make(issuer->uri.data, issuer->uri.len);
    rules->audiences = audiences;
    rules->audiences_n = issuer->audiences.nelts;
    rules->audience_off = issuer->audience_off;
    rules->leeway = issuer->leeway;
    rules->max_token_age = issuer->max_token_age;

    issuer->life.refresh_min = issuer->refresh_min;
    issuer->life.refresh_max = issuer->refresh_max;
    issuer->life.stale = issuer->stale;
    issuer->life.cooldown = issuer->cooldown;

    if (ngx_http_smart_block_digest(issuer) != NGX_OK) {
        ERR_clear_error();
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* Of all that decides what is fetched and how long it lives: with other settings, other documents. */

static ngx_int_t
ngx_http_smart_block_digest(ngx_http_smart_issuer_t *issuer)
{
    int          rc;
    size_t       i;
    uint64_t     length;
    EVP_MD_CTX  *md;
    uint64_t     numbers[] = {
        issuer->discovery, (uint64_t) issuer->insecure_http,
        (uint64_t) issuer->private_addresses, issuer->max_size,
        issuer->refresh_min, issuer->refresh_max, issuer->stale,
        issuer->cooldown
    };
    ngx_str_t   *texts[] = {
        &issuer->uri, &issuer->fhir_base, &issuer->jwks_uri,
        &issuer->jwks_file, &issuer->trusted, &issuer->crl, &issuer->proxy
    };

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        return NGX_ERROR;
    }

    rc = EVP_DigestInit_ex(md, EVP_sha256(), NULL)
         && EVP_DigestUpdate(md, numbers, sizeof(numbers));

    for (i = 0; rc && i < sizeof(texts) / sizeof(texts[0]); i++) {
        length = texts[i]->len;
        rc = EVP_DigestUpdate(md, &length, sizeof(length))
             && EVP_DigestUpdate(md, texts[i]->data, texts[i]->len);
    }

    rc = rc && EVP_DigestFinal_ex(md, issuer->digest, NULL);

    EVP_MD_CTX_free(md);

    return rc ? NGX_OK : NGX_ERROR;
}


static char *
ngx_http_smart_block_text(ngx_conf_t *cf, ngx_http_smart_block_t *block,
    const ngx_http_smart_entry_t *entry)
{
    ngx_str_t  *value, *field;

    value = cf->args->elts;
    field = (ngx_str_t *) ((u_char *) block->issuer + entry->offset);

    if (value[1].len == 0) {
        return "is empty";
    }

    *field = value[1];

    return NGX_CONF_OK;
}


static char *
ngx_http_smart_block_audience(ngx_conf_t *cf, ngx_http_smart_block_t *block,
    const ngx_http_smart_entry_t *entry)
{
    ngx_str_t                *value, *audience;
    ngx_uint_t                i;
    ngx_http_smart_issuer_t  *issuer;

    value = cf->args->elts;
    issuer = block->issuer;

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len == 0) {
            return "is empty";
        }

        if (ngx_strcmp(value[i].data, "off") == 0) {
            issuer->audience_off = 1;
            continue;
        }

        audience = ngx_array_push(&issuer->audiences);
        if (audience == NULL) {
            return NGX_CONF_ERROR;
        }

        *audience = value[i];
    }

    if (issuer->audience_off && issuer->audiences.nelts) {
        return "is both \"off\" and given";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_smart_block_discovery(ngx_conf_t *cf, ngx_http_smart_block_t *block,
    const ngx_http_smart_entry_t *entry)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    static const struct {
        const char  *name;
        ngx_uint_t   discovery;
        ngx_uint_t   n;
    } kinds[] = {
        { "oidc",  NGX_HTTP_SMART_DISCOVERY_OIDC, 2 },
        { "oauth", NGX_HTTP_SMART_DISCOVERY_OAUTH, 2 },
        { "smart", NGX_HTTP_SMART_DISCOVERY_SMART, 3 },
        { "off",   NGX_HTTP_SMART_DISCOVERY_OFF, 2 }
    };

    value = cf->args->elts;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {

        if (ngx_strcmp(value[1].data, kinds[i].name) == 0
            && cf->args->nelts == kinds[i].n)
        {
            block->issuer->discovery = kinds[i].discovery;

            if (kinds[i].n == 3) {
                block->issuer->fhir_base = value[2];
            }

            return NGX_CONF_OK;
        }
    }

    return "must be oidc, oauth, smart <fhir base> or off";
}


static char *
ngx_http_smart_block_algorithms(ngx_conf_t *cf, ngx_http_smart_block_t *block,
    const ngx_http_smart_entry_t *entry)
{
    ngx_str_t         *value;
    ngx_uint_t         i;
    const char        *why;
    const jose_alg_t  *alg;

    value = cf->args->elts;
    block->issuer->rules.algs = 0;

    for (i = 1; i < cf->args->nelts; i++) {

        alg = jose_alg_find(base_span_make(value[i].data, value[i].len));

        if (alg) {
            block->issuer->rules.algs |= alg->bit;
            continue;
        }

        why = "is not known";

        if (ngx_strncasecmp(value[i].data, (u_char *) "HS", 2) == 0) {
            why = "is refused: whoever can verify such a token can forge one";

        } else if (ngx_strcasecmp(value[i].data, (u_char *) "none") == 0) {
            why = "is refused: such a token is not signed at all";
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "algorithm \"%V\" in smart_issuer \"%V\" %s; known "
                           "are RS256 RS384 RS512 PS256 PS384 PS512 ES256 "
                           "ES384 ES512 EdDSA",
                           &value[i], &block->issuer->name, why);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_smart_block_typ(ngx_conf_t *cf, ngx_http_smart_block_t *block,
    const ngx_http_smart_entry_t *entry)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "at+jwt") == 0) {
        block->issuer->rules.require_at_jwt = 1;

    } else if (ngx_strcmp(value[1].data, "any") != 0) {
        return "must be any or at+jwt";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_smart_block_sec(ngx_conf_t *cf, ngx_http_smart_block_t *block,
    const ngx_http_smart_entry_t *entry)
{
    time_t     *field, time;
    ngx_str_t  *value;

    value = cf->args->elts;
    field = (time_t *) ((u_char *) block->issuer + entry->offset);

    if (entry->offset == offsetof(ngx_http_smart_issuer_t, max_token_age)
        && ngx_strcmp(value[1].data, "off") == 0)
    {
        *field = 0;
        return NGX_CONF_OK;
    }

    time = ngx_parse_time(&value[1], 1);
    if (time == (time_t) NGX_ERROR) {
        return "has an invalid time";
    }

    *field = time;

    return NGX_CONF_OK;
}


static char *
ngx_http_smart_block_msec(ngx_conf_t *cf, ngx_http_smart_block_t *block,
    const ngx_http_smart_entry_t *entry)
{
    ngx_str_t   *value;
    ngx_msec_t  *field, msec;

    value = cf->args->elts;
    field = (ngx_msec_t *) ((u_char *) block->issuer + entry->offset);

    msec = ngx_parse_time(&value[1], 0);
    if (msec == (ngx_msec_t) NGX_ERROR) {
        return "has an invalid time";
    }

    *field = msec;

    return NGX_CONF_OK;
}


static char *
ngx_http_smart_block_refresh(ngx_conf_t *cf, ngx_http_smart_block_t *block,
    const ngx_http_smart_entry_t *entry)
{
    ngx_str_t   *value;
    ngx_msec_t   min, max;

    value = cf->args->elts;

    min = ngx_parse_time(&value[1], 0);
    max = ngx_parse_time(&value[2], 0);

    if (min == (ngx_msec_t) NGX_ERROR || max == (ngx_msec_t) NGX_ERROR) {
        return "has an invalid time";
    }

    block->issuer->refresh_min = min;
    block->issuer->refresh_max = max;

    return NGX_CONF_OK;
}


static char *
ngx_http_smart_block_size(ngx_conf_t *cf, ngx_http_smart_block_t *block,
    const ngx_http_smart_entry_t *entry)
{
    ssize_t     size;
    ngx_str_t  *value;

    value = cf->args->elts;

    size = ngx_parse_size(&value[1]);
    if (size == NGX_ERROR) {
        return "has an invalid size";
    }

    *(size_t *) ((u_char *) block->issuer + entry->offset) = (size_t) size;

    return NGX_CONF_OK;
}


static char *
ngx_http_smart_block_flag(ngx_conf_t *cf, ngx_http_smart_block_t *block,
    const ngx_http_smart_entry_t *entry)
{
    ngx_str_t   *value;
    ngx_flag_t  *field;

    value = cf->args->elts;
    field = (ngx_flag_t *) ((u_char *) block->issuer + entry->offset);

    if (ngx_strcmp(value[1].data, "on") == 0) {
        *field = 1;

    } else if (ngx_strcmp(value[1].data, "off") == 0) {
        *field = 0;

    } else {
        return "must be on or off";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_smart_block_file(ngx_conf_t *cf, ngx_http_smart_block_t *block,
    const ngx_http_smart_entry_t *entry)
{
    ngx_str_t  *field, text;

    if (ngx_http_smart_block_text(cf, block, entry) != NGX_CONF_OK) {
        return "is empty";
    }

    field = (ngx_str_t *) ((u_char *) block->issuer + entry->offset);

    if (ngx_conf_full_name(cf->cycle, field, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (field != &block->issuer->crl) {
        return NGX_CONF_OK;
    }

    if (ngx_http_smart_block_read(cf, field, "crl", 16 * 1024 * 1024, &text)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_smart_block_is_pem(&text, 1)
           ? NGX_CONF_OK : "holds no PEM revocation list";
}


/* Proxies may need a user, so this is not quite oauth_url. */

static char *
ngx_http_smart_block_proxy(ngx_conf_t *cf, ngx_http_smart_block_t *block,
    const ngx_http_smart_entry_t *entry)
{
    size_t      i;
    ngx_str_t  *value;

    value = cf->args->elts;

    for (i = 0; i < value[1].len; i++) {
        if (value[1].data[i] <= 0x20 || value[1].data[i] >= 0x7f) {
            break;
        }
    }

    if (i != value[1].len
        || (ngx_strncmp(value[1].data, "http://", 7) != 0
            && ngx_strncmp(value[1].data, "https://", 8) != 0))
    {
        return "must be an http or https URL";
    }

    block->issuer->proxy = value[1];

    return NGX_CONF_OK;
}


static char *
ngx_http_smart_block_scope_claim(ngx_conf_t *cf,
    ngx_http_smart_block_t *block, const ngx_http_smart_entry_t *entry)
{
    ngx_str_t          *value;
    ngx_uint_t          i;
    smart_claim_map_t  *map;

    value = cf->args->elts;
    map = &block->issuer->map;

    for (i = 1; i < cf->args->nelts; i++) {
        if (!smart_claim_pointer_set(&map->scope[i - 1],
                                     base_span_make(value[i].data,
                                                    value[i].len),
                                     block->arena))
        {
            return "has an invalid claim name or JSON pointer";
        }
    }

    map->scope_n = cf->args->nelts - 1;

    return NGX_CONF_OK;
}


static char *
ngx_http_smart_block_span(ngx_conf_t *cf, ngx_http_smart_block_t *block,
    const ngx_http_smart_entry_t *entry)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "is empty";
    }

    *(base_span_t *) ((u_char *) block->issuer + entry->offset) =
                                  base_span_make(value[1].data, value[1].len);

    return NGX_CONF_OK;
}


static char *
ngx_http_smart_block_claim(ngx_conf_t *cf, ngx_http_smart_block_t *block,
    const ngx_http_smart_entry_t *entry)
{
    ngx_str_t      *value;
    smart_claim_t   claim;

    value = cf->args->elts;
    claim = smart_claim_of(base_span_make(value[1].data, value[1].len));

    if (claim == SMART_CLAIM_COUNT) {
        return "has an unknown name; known are patient encounter fhirUser "
               "fhirContext intent tenant need_patient_banner smart_style_url "
               "client_id subject";
    }

    if (block->claims & (1u << claim)) {
        return "is given twice for one name";
    }

    block->claims |= 1u << claim;

    if (!smart_claim_pointer_set(&block->issuer->map.claim[claim],
                                 base_span_make(value[2].data, value[2].len),
                                 block->arena))
    {
        return "has an invalid claim name or JSON pointer";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_smart_block_patients(ngx_conf_t *cf, ngx_http_smart_block_t *block,
    const ngx_http_smart_entry_t *entry)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "many") == 0) {
        block->issuer->map.patients_many = 1;

    } else if (ngx_strcmp(value[1].data, "one") != 0) {
        return "must be one or many";
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_smart_block_read(ngx_conf_t *cf, ngx_str_t *name, const char *entry,
    size_t max, ngx_str_t *text)
{
    ngx_int_t         rc;
    ngx_file_info_t   info;

    if (ngx_file_info(name->data, &info) != NGX_FILE_ERROR
        && ngx_is_file(&info) && (size_t) ngx_file_size(&info) <= max)
    {
        rc = ngx_http_smart_issuer_file(cf->pool, name,
                                        (size_t) ngx_file_size(&info), text);
    } else {
        rc = NGX_ERROR;
    }

    if (rc != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"%s\" \"%V\" cannot be read, or is no file of "
                           "%uz bytes at most", entry, name, max);
    }

    return rc;
}


static ngx_uint_t
ngx_http_smart_block_is_pem(ngx_str_t *text, ngx_uint_t crl)
{
    BIO       *bio;
    X509      *certificate;
    X509_CRL  *list;

    certificate = NULL;
    list = NULL;

    bio = BIO_new_mem_buf(text->data, (int) text->len);

    if (bio && crl) {
        list = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);

    } else if (bio) {
        certificate = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
    }

    BIO_free(bio);
    X509_free(certificate);
    X509_CRL_free(list);
    ERR_clear_error();

    return certificate != NULL || list != NULL;
}
