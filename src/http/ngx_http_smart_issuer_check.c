#include "ngx_http_smart_issuer_check.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "oauth/oauth_url.h"
#include "ngx_http_smart_file.h"
#include "ngx_http_smart_introspection_block.h"


/* More leeway than this is warned of: an expired token would live on. */
#define NGX_HTTP_SMART_LEEWAY_MAX  300

#define NGX_HTTP_SMART_CHECK_PEM   (16 * 1024 * 1024)


static char *ngx_http_smart_check_keys(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer);
static char *ngx_http_smart_check_files(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer);
static char *ngx_http_smart_check_pems(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer);
static char *ngx_http_smart_check_state(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer);
static char *ngx_http_smart_check_url(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer, const char *entry, ngx_str_t *text);
static char *ngx_http_smart_check_times(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer);
static char *ngx_http_smart_check_compile(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer);
static ngx_int_t ngx_http_smart_check_digest(ngx_http_smart_issuer_t *issuer);
static ngx_int_t ngx_http_smart_check_read(ngx_conf_t *cf, ngx_str_t *name,
    const char *entry, size_t max, ngx_str_t *text);
static ngx_uint_t ngx_http_smart_check_certificate(ngx_str_t *text);
static ngx_uint_t ngx_http_smart_check_crl(ngx_str_t *text);


char *
ngx_http_smart_issuer_check(ngx_conf_t *cf, ngx_http_smart_issuer_t *issuer)
{
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

    if (ngx_http_smart_check_url(cf, issuer, "uri", &issuer->uri)
        != NGX_CONF_OK
        || ngx_http_smart_check_keys(cf, issuer) != NGX_CONF_OK
        || ngx_http_smart_check_times(cf, issuer) != NGX_CONF_OK
        || ngx_http_smart_check_files(cf, issuer) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_smart_check_compile(cf, issuer);
}


char *
ngx_http_smart_issuer_check_others(ngx_conf_t *cf,
    ngx_http_smart_issuers_t *issuers, ngx_http_smart_issuer_t *issuer)
{
    ngx_str_t                 *file;
    ngx_uint_t                 i;
    ngx_http_smart_issuer_t  **other;

    other = issuers->issuers.elts;
    file = &issuer->state_file;

    for (i = 0; file->len && i < issuers->issuers.nelts; i++) {

        if (other[i]->state_file.len == file->len
            && ngx_strcmp(other[i]->state_file.data, file->data) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"state_file\" \"%V\" of smart_issuer \"%V\" "
                               "is that of smart_issuer \"%V\": each needs its "
                               "own", file, &issuer->name, &other[i]->name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* Where keys come from. */

static char *
ngx_http_smart_check_keys(ngx_conf_t *cf, ngx_http_smart_issuer_t *issuer)
{
    if (issuer->jwks_uri.len && issuer->jwks_file.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "smart_issuer \"%V\" has both \"jwks_uri\" and "
                           "\"jwks_file\"", &issuer->name);
        return NGX_CONF_ERROR;
    }

    issuer->keyless = issuer->discovery == NGX_HTTP_SMART_DISCOVERY_OFF
                      && issuer->jwks_uri.len == 0
                      && issuer->jwks_file.len == 0;

    if (issuer->keyless
        && (issuer->introspection_uri.len == 0
            || issuer->introspection == NGX_HTTP_SMART_INTROSPECTION_OFF))
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
        && ngx_http_smart_check_url(cf, issuer, "jwks_uri",
                                          &issuer->jwks_uri)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (issuer->introspection_uri.len
        && ngx_http_smart_check_url(cf, issuer, "introspection_uri",
                                    &issuer->introspection_uri)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (issuer->fhir_base.len
        && ngx_http_smart_check_url(cf, issuer, "discovery",
                                          &issuer->fhir_base)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* Files are read here, by the user who starts nginx; workers may not be able to. */

static char *
ngx_http_smart_check_files(ngx_conf_t *cf, ngx_http_smart_issuer_t *issuer)
{
    if (issuer->jwks_file.len) {

        if (ngx_http_smart_check_read(cf, &issuer->jwks_file, "jwks_file",
                                      issuer->max_size, &issuer->jwks)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        if (ngx_http_smart_issuer_file_keys(&issuer->jwks) <= 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"jwks_file\" \"%V\" of smart_issuer \"%V\" "
                               "is no JWK set with usable public keys",
                               &issuer->jwks_file, &issuer->name);
            return NGX_CONF_ERROR;
        }
    }

    if (issuer->state_file.len
        && ngx_http_smart_check_state(cf, issuer) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_smart_check_pems(cf, issuer);
}


static char *
ngx_http_smart_check_pems(ngx_conf_t *cf, ngx_http_smart_issuer_t *issuer)
{
    ngx_str_t  crl;

    if (issuer->trusted_certificate.len) {

        if (ngx_http_smart_check_read(cf, &issuer->trusted_certificate,
                                      "trusted_certificate", NGX_HTTP_SMART_CHECK_PEM,
                                      &issuer->trusted)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        if (!ngx_http_smart_check_certificate(&issuer->trusted)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"trusted_certificate\" \"%V\" of "
                               "smart_issuer \"%V\" holds no PEM certificate",
                               &issuer->trusted_certificate, &issuer->name);
            return NGX_CONF_ERROR;
        }
    }

    if (issuer->crl.len) {

        if (ngx_http_smart_check_read(cf, &issuer->crl, "crl",
                                      NGX_HTTP_SMART_CHECK_PEM, &crl)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        if (!ngx_http_smart_check_crl(&crl)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"crl\" \"%V\" of smart_issuer \"%V\" holds "
                               "no PEM revocation list",
                               &issuer->crl, &issuer->name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* Written by workers, later: here it can only be said that it is no use, or that its directory is not there. */

static char *
ngx_http_smart_check_state(ngx_conf_t *cf, ngx_http_smart_issuer_t *issuer)
{
    u_char           *name, *slash;
    ngx_str_t        *file;
    ngx_file_info_t   info;

    file = &issuer->state_file;

    if (issuer->jwks_file.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "smart_issuer \"%V\" has \"state_file\" and "
                           "\"jwks_file\": nothing is fetched that could be "
                           "kept", &issuer->name);
        return NGX_CONF_ERROR;
    }

    name = ngx_pnalloc(cf->pool, file->len + 2);
    if (name == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(name, file->data, file->len);

    for (slash = name + file->len - 1; *slash != '/'; slash--) { /* void */ }

    *(slash == name ? slash + 1 : slash) = '\0';

    if (ngx_file_info(name, &info) == NGX_FILE_ERROR || !ngx_is_dir(&info)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"state_file\" \"%V\" of smart_issuer \"%V\" "
                           "needs a directory that is there",
                           file, &issuer->name);
        return NGX_CONF_ERROR;
    }

    if (ngx_file_info(file->data, &info) != NGX_FILE_ERROR
        && !ngx_is_file(&info))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"state_file\" \"%V\" of smart_issuer \"%V\" is "
                           "no file", file, &issuer->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_smart_check_url(ngx_conf_t *cf, ngx_http_smart_issuer_t *issuer,
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
ngx_http_smart_check_times(ngx_conf_t *cf,
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
ngx_http_smart_check_compile(ngx_conf_t *cf, ngx_http_smart_issuer_t *issuer)
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

    if (ngx_http_smart_check_digest(issuer) != NGX_OK) {
        ERR_clear_error();
        return NGX_CONF_ERROR;
    }

    return ngx_http_smart_introspection_check(cf, issuer);
}


/* Of all that decides what is fetched and how long it lives: with other settings, other documents. */

static ngx_int_t
ngx_http_smart_check_digest(ngx_http_smart_issuer_t *issuer)
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


static ngx_int_t
ngx_http_smart_check_read(ngx_conf_t *cf, ngx_str_t *name, const char *entry,
    size_t max, ngx_str_t *text)
{
    ngx_int_t         rc;
    ngx_file_info_t   info;

    if (ngx_file_info(name->data, &info) != NGX_FILE_ERROR
        && ngx_is_file(&info) && (size_t) ngx_file_size(&info) <= max)
    {
        rc = ngx_http_smart_file_read(cf->pool, name,
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
ngx_http_smart_check_certificate(ngx_str_t *text)
{
    BIO         *bio;
    X509        *certificate;
    ngx_uint_t   found;

    bio = BIO_new_mem_buf(text->data, (int) text->len);
    certificate = bio ? PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL) : NULL;
    found = certificate != NULL;

    X509_free(certificate);
    BIO_free(bio);
    ERR_clear_error();

    return found;
}


static ngx_uint_t
ngx_http_smart_check_crl(ngx_str_t *text)
{
    BIO         *bio;
    X509_CRL    *crl;
    ngx_uint_t   found;

    bio = BIO_new_mem_buf(text->data, (int) text->len);
    crl = bio ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : NULL;
    found = crl != NULL;

    X509_CRL_free(crl);
    BIO_free(bio);
    ERR_clear_error();

    return found;
}
