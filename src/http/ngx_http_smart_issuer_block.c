#include "ngx_http_smart_issuer_block.h"

#include "ngx_http_smart_introspection_block.h"
#include "ngx_http_smart_issuer_check.h"
#include "ngx_http_smart_scope_map.h"


/* What the claim map needs beside the configuration's own strings. */
#define NGX_HTTP_SMART_BLOCK_ARENA  (64 * 1024)


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


#define NGX_HTTP_SMART_BLOCK_WRAP(name)                                       \
    static char *                                                             \
    ngx_http_smart_block_##name(ngx_conf_t *cf,                               \
        ngx_http_smart_block_t *block, const ngx_http_smart_entry_t *entry)   \
    {                                                                         \
        return ngx_http_smart_##name##_set(cf, block->issuer);                \
    }

NGX_HTTP_SMART_BLOCK_WRAP(introspection)
NGX_HTTP_SMART_BLOCK_WRAP(introspection_auth)
NGX_HTTP_SMART_BLOCK_WRAP(introspection_max)
NGX_HTTP_SMART_BLOCK_WRAP(scope_map)

#undef NGX_HTTP_SMART_BLOCK_WRAP


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
    NGX_HTTP_SMART_ENTRY("state_file",     1, 1, file, state_file, 0),
    NGX_HTTP_SMART_ENTRY("proxy",          1, 1, proxy, proxy, 0),
    NGX_HTTP_SMART_ENTRY("insecure_http",  1, 1, flag, insecure_http, 0),
    NGX_HTTP_SMART_ENTRY("private_addresses",
                                           1, 1, flag, private_addresses, 0),
    NGX_HTTP_SMART_ENTRY("introspection",  1, 1, introspection,
                                           introspection, 0),
    NGX_HTTP_SMART_ENTRY("introspection_uri",
                                           1, 1, text, introspection_uri, 0),
    NGX_HTTP_SMART_ENTRY("introspection_auth",
                                           1, 5, introspection_auth, client, 0),
    NGX_HTTP_SMART_ENTRY("introspection_cache",
                                           1, 1, msec, introspection_cache, 0),
    NGX_HTTP_SMART_ENTRY("introspection_max",
                                           1, 1, introspection_max,
                                           introspection_max, 0),
    NGX_HTTP_SMART_ENTRY("scope_claim",    1, SMART_CLAIM_SCOPES_MAX,
                                           scope_claim, map, 0),
    NGX_HTTP_SMART_ENTRY("scope_prefix",   1, 1, span, map.scope_prefix, 0),
    NGX_HTTP_SMART_ENTRY("scope_separator",
                                           1, 1, span, map.scope_separator, 0),
    NGX_HTTP_SMART_ENTRY("scope_map",      2, 64, scope_map, map, 1),
    NGX_HTTP_SMART_ENTRY("claim",          2, 2, claim, map, 1),
    NGX_HTTP_SMART_ENTRY("patients",       1, 1, patients, map, 0),

    { ngx_null_string, 0, 0, NULL, 0, 0 }
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
    issuer->introspection_cache = NGX_CONF_UNSET_MSEC;
    issuer->introspection_max = NGX_CONF_UNSET;
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

    if (ngx_http_smart_issuer_check_others(cf, issuers, block.issuer)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    slot = ngx_array_push(&issuers->issuers);
    if (slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = block.issuer;

    return ngx_http_smart_issuer_check(cf, block.issuer);
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
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown entry \"%V\" in smart_issuer", name);
        return NGX_CONF_ERROR;
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
    ngx_str_t  *field;

    if (ngx_http_smart_block_text(cf, block, entry) != NGX_CONF_OK) {
        return "is empty";
    }

    field = (ngx_str_t *) ((u_char *) block->issuer + entry->offset);

    if (ngx_conf_full_name(cf->cycle, field, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
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
