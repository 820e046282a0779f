/*
 * Configurations made, merged, and looked at as a whole. What is wrong shows
 * when everything was read, far from where it was written: both places are
 * said.
 */

#include "ngx_http_smart_headers.h"
#include "ngx_http_smart_seal.h"


static char *ngx_http_smart_error(ngx_conf_t *cf,
    ngx_http_smart_loc_conf_t *conf, const char *fmt, ngx_str_t *name);
static void ngx_http_smart_merge_authorization(
    ngx_http_smart_loc_conf_t *prev, ngx_http_smart_loc_conf_t *conf);
static void ngx_http_smart_merge_bounds(ngx_http_smart_loc_conf_t *prev,
    ngx_http_smart_loc_conf_t *conf);
static void ngx_http_smart_merge_who(ngx_http_smart_loc_conf_t *prev,
    ngx_http_smart_loc_conf_t *conf);
static char *ngx_http_smart_check(ngx_conf_t *cf,
    ngx_http_smart_loc_conf_t *conf);
static ngx_int_t ngx_http_smart_strip_name(ngx_conf_t *cf,
    ngx_http_smart_srv_conf_t *sscf, ngx_str_t *header);
static char *ngx_http_smart_merge_path(ngx_conf_t *cf,
    ngx_http_smart_loc_conf_t *prev, ngx_http_smart_loc_conf_t *conf);
static char *ngx_http_smart_merge_headers(ngx_conf_t *cf,
    ngx_http_smart_loc_conf_t *prev, ngx_http_smart_loc_conf_t *conf);
static ngx_int_t ngx_http_smart_remember_path(ngx_conf_t *cf,
    ngx_http_smart_loc_conf_t *conf);
static char *ngx_http_smart_resolve(ngx_conf_t *cf,
    ngx_http_smart_loc_conf_t *conf);
static char *ngx_http_smart_resolve_issuers(ngx_conf_t *cf,
    ngx_http_smart_loc_conf_t *conf, ngx_http_smart_main_conf_t *smcf);
static ngx_int_t ngx_http_smart_bases(ngx_conf_t *cf,
    ngx_http_smart_loc_conf_t *conf);
static ngx_array_t *ngx_http_smart_base_array(ngx_conf_t *cf,
    ngx_http_smart_loc_conf_t *conf);


#define NGX_HTTP_SMART_CONTEXT_HEADER(id, name, header)  ngx_string(header),
static ngx_str_t  ngx_http_smart_context_headers[] = {
    NGX_HTTP_SMART_CONTEXT_HEADERS(NGX_HTTP_SMART_CONTEXT_HEADER)
};
#undef NGX_HTTP_SMART_CONTEXT_HEADER


void *
ngx_http_smart_create_main_conf(ngx_conf_t *cf)
{
    ngx_pool_cleanup_t          *cln;
    ngx_http_smart_main_conf_t  *smcf;

    smcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_smart_main_conf_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (smcf == NULL || cln == NULL) {
        return NULL;
    }

    smcf->arena = base_arena_new(64 * 1024 * 1024);
    if (smcf->arena == NULL) {
        return NULL;
    }

    cln->handler = (ngx_pool_cleanup_pt) base_arena_free;
    cln->data = smcf->arena;

    if (ngx_array_init(&smcf->policies, cf->pool, 4,
                       sizeof(ngx_http_smart_policy_block_t *))
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_http_smart_issuers_create(cf, &smcf->issuers) != NGX_OK) {
        return NULL;
    }

    return smcf;
}


char *
ngx_http_smart_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_smart_main_conf_t *smcf = conf;

    ngx_uint_t  i;

    smart_policy_default(&smcf->policy);

    for (i = 0; cf->cycle->modules[i]; i++) {
        if (ngx_strcmp(cf->cycle->modules[i]->name, "ngx_http_proxy_module")
            == 0)
        {
            smcf->proxy = cf->cycle->modules[i];
        }
    }

    return ngx_http_smart_issuers_init(cf, &smcf->issuers);
}


void *
ngx_http_smart_create_srv_conf(ngx_conf_t *cf)
{
    ngx_http_smart_srv_conf_t  *sscf;

    sscf = ngx_pcalloc(cf->pool, sizeof(ngx_http_smart_srv_conf_t));

    if (sscf == NULL
        || ngx_array_init(&sscf->strip, cf->pool, 4, sizeof(ngx_str_t))
           != NGX_OK
        || ngx_array_init(&sscf->paths, cf->pool, 4, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NULL;
    }

    return sscf;
}


void *
ngx_http_smart_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_smart_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_smart_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->enabled = NGX_CONF_UNSET;
    ngx_str_set(&conf->at, "another location");
    conf->forward_token = NGX_CONF_UNSET;
    conf->withhold = NGX_CONF_UNSET;
    conf->dry_run = NGX_CONF_UNSET;
    conf->bypass = NGX_CONF_UNSET_PTR;
    conf->cors = NGX_CONF_UNSET_PTR;
    conf->seal_links = NGX_CONF_UNSET;
    conf->seal_keys = NGX_CONF_UNSET_PTR;
    conf->max_token = NGX_CONF_UNSET_SIZE;
    conf->body_buffer = NGX_CONF_UNSET_SIZE;
    conf->response_buffer = NGX_CONF_UNSET_SIZE;
    conf->response_max = NGX_CONF_UNSET_SIZE;
    conf->bundle_max = NGX_CONF_UNSET;
    conf->preread_max = NGX_CONF_UNSET;
    conf->preread_timeout = NGX_CONF_UNSET_MSEC;

    return conf;
}


char *
ngx_http_smart_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_smart_loc_conf_t *prev = parent;
    ngx_http_smart_loc_conf_t *conf = child;

    char  *rv;

    ngx_http_smart_merge_bounds(prev, conf);

    if (conf->base_url == NULL) {
        conf->base_url = prev->base_url;
    }

    if (conf->requires == NULL) {
        conf->requires = prev->requires;
    }

    ngx_conf_merge_value(conf->dry_run, prev->dry_run, 0);
    ngx_conf_merge_ptr_value(conf->bypass, prev->bypass, NULL);
    ngx_conf_merge_ptr_value(conf->cors, prev->cors, NULL);

    ngx_conf_merge_value(conf->seal_links, prev->seal_links, 0);

    if (prev->seal_keys == NGX_CONF_UNSET_PTR) {
        prev->seal_keys = ngx_http_smart_seal_default(cf);
    }

    if (prev->seal_keys == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_conf_merge_ptr_value(conf->seal_keys, prev->seal_keys, NULL);

    ngx_http_smart_merge_authorization(prev, conf);
    ngx_http_smart_merge_who(prev, conf);

    rv = ngx_http_smart_merge_headers(cf, prev, conf);

    if (rv == NGX_CONF_OK) {
        rv = ngx_http_smart_merge_path(cf, prev, conf);
    }

    if (rv == NGX_CONF_OK && conf->enabled) {
        rv = ngx_http_smart_check(cf, conf);
    }

    return rv;
}


/* DESIGN "Bounds". */

static void
ngx_http_smart_merge_bounds(ngx_http_smart_loc_conf_t *prev,
    ngx_http_smart_loc_conf_t *conf)
{
    ngx_conf_merge_size_value(conf->max_token, prev->max_token, 16384);
    ngx_conf_merge_size_value(conf->body_buffer, prev->body_buffer, 1048576);
    ngx_conf_merge_size_value(conf->response_buffer, prev->response_buffer,
                              1048576);
    ngx_conf_merge_size_value(conf->response_max, prev->response_max,
                              64 * 1048576);
    ngx_conf_merge_value(conf->bundle_max, prev->bundle_max, 500);
    ngx_conf_merge_value(conf->preread_max, prev->preread_max, 50);
    ngx_conf_merge_msec_value(conf->preread_timeout, prev->preread_timeout,
                              10000);

    conf->limits.bundle_max = (size_t) conf->bundle_max;
    conf->limits.preread_max = (size_t) conf->preread_max;
    conf->limits.read_buffer = conf->response_buffer;
    conf->limits.body_buffer = conf->body_buffer;
}


/* F10: of the two, what is written nearer. */

static void
ngx_http_smart_merge_authorization(ngx_http_smart_loc_conf_t *prev,
    ngx_http_smart_loc_conf_t *conf)
{
    if (conf->authorization && conf->forward_token == NGX_CONF_UNSET) {
        conf->forward_token = 0;
    }

    if (conf->authorization == NULL && conf->forward_token != 1) {
        conf->authorization = prev->authorization;
    }

    /* L18: in a dry run what is written counts, not what is the default */

    if (prev->withhold == NGX_CONF_UNSET) {
        prev->withhold = prev->forward_token == 0;
    }

    conf->withhold = conf->forward_token == NGX_CONF_UNSET
                     ? prev->withhold : conf->forward_token == 0;

    ngx_conf_merge_value(conf->forward_token, prev->forward_token, 0);
}


static char *
ngx_http_smart_check(ngx_conf_t *cf, ngx_http_smart_loc_conf_t *conf)
{
    static ngx_str_t  authorization =
                                    ngx_string("smart_upstream_authorization");
    static ngx_str_t  sizes = ngx_string("smart_max_token, smart_body_buffer, "
                                 "smart_response_buffer, smart_response_max, "
                                 "smart_bundle_max, smart_preread_max or "
                                 "smart_preread_timeout");

    if (conf->forward_token && conf->authorization) {
        return ngx_http_smart_error(cf, conf,
                            "\"smart_forward_token on\" and \"%V\" contradict "
                            "each other: the upstream gets the client's token "
                            "or the operator's credential", &authorization);
    }

    if (conf->max_token == 0 || conf->body_buffer == 0
        || conf->response_buffer == 0 || conf->response_max == 0
        || conf->bundle_max == 0 || conf->preread_max == 0
        || conf->preread_timeout == 0)
    {
        return ngx_http_smart_error(cf, conf, "a size of 0 is not a limit: %V",
                                    &sizes);
    }

    if (ngx_http_smart_remember_path(cf, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_smart_resolve(cf, conf);
}


/*
 * For requests that slip out of a location with smart before they are judged
 * there (ngx_http_smart_slipped).
 */

static ngx_int_t
ngx_http_smart_remember_path(ngx_conf_t *cf, ngx_http_smart_loc_conf_t *conf)
{
    ngx_str_t                  *path;
    ngx_http_smart_srv_conf_t  *sscf;

    sscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_smart_module);

    if (conf->base) {
        sscf->dynamic = 1;
        return NGX_OK;
    }

    if (conf->path.data == NULL) {
        return NGX_OK;
    }

    path = ngx_array_push(&sscf->paths);
    if (path == NULL) {
        return NGX_ERROR;
    }

    *path = conf->path;

    return NGX_OK;
}


static char *
ngx_http_smart_error(ngx_conf_t *cf, ngx_http_smart_loc_conf_t *conf,
    const char *fmt, ngx_str_t *name)
{
    u_char  text[NGX_MAX_CONF_ERRSTR], *last;

    last = ngx_snprintf(text, sizeof(text), fmt, name);

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%*s in %V",
                  (size_t) (last - text), text, &conf->at);

    return NGX_CONF_ERROR;
}


static void
ngx_http_smart_merge_who(ngx_http_smart_loc_conf_t *prev,
    ngx_http_smart_loc_conf_t *conf)
{
    conf->own = conf->enabled == 1;

    if (conf->enabled != NGX_CONF_UNSET) {
        return;
    }

    if (prev->enabled == NGX_CONF_UNSET) {
        conf->enabled = 0;
        return;
    }

    conf->enabled = prev->enabled;
    conf->names = prev->names;
    conf->variable = prev->variable;
    conf->policy_name = prev->policy_name;
    conf->at = prev->at;
}


static char *
ngx_http_smart_merge_headers(ngx_conf_t *cf, ngx_http_smart_loc_conf_t *prev,
    ngx_http_smart_loc_conf_t *conf)
{
    ngx_uint_t                  i, j;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_smart_srv_conf_t  *sscf;

    for (i = 0; i < NGX_HTTP_SMART_CONTEXT_COUNT; i++) {
        if (conf->header[i].data == NULL) {
            conf->header[i] = prev->header[i].data
                              ? prev->header[i]
                              : ngx_http_smart_context_headers[i];
        }
    }

    if (!conf->enabled) {
        return NGX_CONF_OK;
    }

    sscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_smart_module);
    sscf->enabled = 1;
    sscf->enforcing |= !conf->dry_run;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    sscf->recursive |= clcf->recursive_error_pages;

    for (i = 0; i < NGX_HTTP_SMART_CONTEXT_COUNT; i++) {

        for (j = 0; j < i; j++) {
            if (conf->header[i].len
                && conf->header[i].len == conf->header[j].len
                && ngx_strncasecmp(conf->header[i].data, conf->header[j].data,
                                   conf->header[i].len)
                   == 0)
            {
                return ngx_http_smart_error(cf, conf,
                              "two context headers have the name \"%V\" (see "
                              "\"smart_context_header\") for \"smart\"",
                              &conf->header[i]);
            }
        }

        if (ngx_http_smart_strip_name(cf, sscf, &conf->header[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* A name of ours goes from every request of the server, once in the list. */

static ngx_int_t
ngx_http_smart_strip_name(ngx_conf_t *cf, ngx_http_smart_srv_conf_t *sscf,
    ngx_str_t *header)
{
    size_t                    i;
    ngx_str_t                *name;
    ngx_http_smart_folded_t   folded;

    ngx_http_smart_fold(header, &folded);

    if (header->len == 0 || ngx_http_smart_reserved(&folded, sscf)) {
        return NGX_OK;
    }

    name = ngx_array_push(&sscf->strip);
    if (name == NULL) {
        return NGX_ERROR;
    }

    name->len = header->len;
    name->data = ngx_pnalloc(cf->pool, name->len);

    if (name->data == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < name->len; i++) {
        name->data[i] = folded.data[i];
    }

    return NGX_OK;
}


/*
 * smart_base, else the path of the prefix location that `smart` is written in;
 * blocks inside it have the same base.
 */

static char *
ngx_http_smart_merge_path(ngx_conf_t *cf, ngx_http_smart_loc_conf_t *prev,
    ngx_http_smart_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    if (!conf->enabled || conf->path.data) {
        return NGX_CONF_OK;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (prev->path.data
        && (!conf->own || prev->explicit || prev->base || clcf->noname))
    {
        conf->path = prev->path;
        conf->base = prev->base;
        conf->explicit = prev->explicit;
        return NGX_CONF_OK;
    }

    if (clcf->name.len == 0 || clcf->noname) {

        /* the server itself: its locations have paths */

        return NGX_CONF_OK;
    }

    if (clcf->named || clcf->name.data[0] != '/'
#if (NGX_PCRE)
        || clcf->regex
#endif
        )
    {
        return ngx_http_smart_error(cf, conf,
                           "location \"%V\" is not a path: write "
                           "\"smart_base\" there, or \"smart off\"; "
                           "\"smart\" is", &clcf->name);
    }

    conf->path = clcf->name;

    if (conf->path.data[conf->path.len - 1] == '/') {
        conf->path.len--;
    }

    return NGX_CONF_OK;
}


/* True when one of the n issuers before it has its uri. */

static ngx_uint_t
ngx_http_smart_issuer_again(ngx_http_smart_loc_conf_t *conf, ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        if (base_span_eq(ngx_http_smart_span(&conf->issuers[i]->uri),
                         ngx_http_smart_span(&conf->issuers[n]->uri)))
        {
            return 1;
        }
    }

    return 0;
}


/* True when it introspects, and one of the n issuers before it as well. */

static ngx_uint_t
ngx_http_smart_issuer_asks(ngx_http_smart_loc_conf_t *conf, ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        if (conf->issuers[n]->introspection != NGX_HTTP_SMART_INTROSPECTION_OFF
            && conf->issuers[i]->introspection
               != NGX_HTTP_SMART_INTROSPECTION_OFF)
        {
            return 1;
        }
    }

    return 0;
}


static char *
ngx_http_smart_resolve(ngx_conf_t *cf, ngx_http_smart_loc_conf_t *conf)
{
    ngx_uint_t                       i;
    ngx_http_smart_main_conf_t      *smcf;
    ngx_http_smart_policy_block_t  **block;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_smart_module);

    conf->policy = conf->policy_name.len ? NULL : &smcf->policy;

    block = smcf->policies.elts;

    for (i = 0; i < smcf->policies.nelts; i++) {
        if (conf->policy_name.len == block[i]->name.len
            && ngx_strncmp(conf->policy_name.data, block[i]->name.data,
                           block[i]->name.len) == 0)
        {
            conf->policy = &block[i]->policy;
        }
    }

    if (conf->policy == NULL) {
        return ngx_http_smart_error(cf, conf, "unknown policy \"%V\": there is "
                                    "no \"smart_policy\" of that name, named",
                                    &conf->policy_name);
    }

    return ngx_http_smart_resolve_issuers(cf, conf, smcf);
}


static char *
ngx_http_smart_resolve_issuers(ngx_conf_t *cf,
    ngx_http_smart_loc_conf_t *conf, ngx_http_smart_main_conf_t *smcf)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    name = conf->names->elts;

    conf->issuers_n = conf->names->nelts;
    conf->issuers = ngx_palloc(cf->pool, (conf->issuers_n + 1)
                                         * sizeof(ngx_http_smart_issuer_t *));
    if (conf->issuers == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < conf->issuers_n; i++) {
        conf->issuers[i] = ngx_http_smart_issuer_find(&smcf->issuers, &name[i]);

        if (conf->issuers[i] == NULL) {
            return ngx_http_smart_error(cf, conf, "unknown issuer \"%V\": "
                                    "there is no \"smart_issuer\" of that "
                                    "name, named", &name[i]);
        }

        if (ngx_http_smart_issuer_again(conf, i)) {
            return ngx_http_smart_error(cf, conf, "smart_issuer \"%V\" has the "
                                    "same \"uri\" as another one here: a "
                                    "token's \"iss\" cannot choose between "
                                    "them", &name[i]);
        }

        if (ngx_http_smart_issuer_asks(conf, i)) {
            return ngx_http_smart_error(cf, conf, "smart_issuer \"%V\" is the "
                                    "second one here with \"introspection\": "
                                    "nobody could say which to ask about an "
                                    "opaque token", &name[i]);
        }
    }

    return ngx_http_smart_bases(cf, conf) == NGX_OK ? NGX_CONF_OK
                                                    : NGX_CONF_ERROR;
}


/* L0: smart_base_url, else each audience that is a URL. */

static ngx_int_t
ngx_http_smart_base_urls(ngx_conf_t *cf, ngx_array_t *urls,
    ngx_http_smart_issuer_t *issuer)
{
    ngx_str_t    *audience;
    ngx_uint_t    i;
    base_span_t  *url;

    audience = issuer->audiences.elts;

    for (i = 0; i < issuer->audiences.nelts; i++) {
        if (ngx_strncmp(audience[i].data, "https://", 8) != 0
            && ngx_strncmp(audience[i].data, "http://", 7) != 0)
        {
            continue;
        }

        url = ngx_array_push(urls);
        if (url == NULL) {
            return NGX_ERROR;
        }

        *url = ngx_http_smart_span(&audience[i]);
    }

    return NGX_OK;
}


/*
 * One base for the location, or with `smart $variable` one for each issuer
 * there is.
 */

static ngx_int_t
ngx_http_smart_bases(ngx_conf_t *cf, ngx_http_smart_loc_conf_t *conf)
{
    ngx_uint_t                    i, n;
    ngx_array_t                  *urls;
    ngx_http_smart_issuer_t     **issuer;
    ngx_http_smart_main_conf_t   *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_smart_module);

    issuer = conf->variable ? smcf->issuers.issuers.elts : conf->issuers;
    n = conf->variable ? smcf->issuers.issuers.nelts : conf->issuers_n;

    conf->bases = ngx_pcalloc(cf->pool, (n + 1) * sizeof(smart_base_t));
    conf->ignored = ngx_pcalloc(cf->pool, FHIR_TYPES_MAX);

    if (conf->bases == NULL || conf->ignored == NULL) {
        return NGX_ERROR;
    }

    urls = NULL;

    for (i = 0; i < n; i++) {

        if (urls == NULL || conf->variable) {
            urls = ngx_http_smart_base_array(cf, conf);
        }

        if (urls == NULL
            || (conf->base_url == NULL
                && ngx_http_smart_base_urls(cf, urls, issuer[i]) != NGX_OK))
        {
            return NGX_ERROR;
        }

        conf->bases[i].urls = urls->elts;
        conf->bases[i].urls_n = urls->nelts;
        conf->bases[i].path = ngx_http_smart_span(&conf->path);
    }

    /* of several issuers together: the last has the urls of all */

    if (!conf->variable && n) {
        conf->bases[0] = conf->bases[n - 1];
    }

    return NGX_OK;
}


/* An array for a base's URLs, which holds a constant smart_base_url already. */

static ngx_array_t *
ngx_http_smart_base_array(ngx_conf_t *cf, ngx_http_smart_loc_conf_t *conf)
{
    ngx_array_t  *urls;
    base_span_t  *url;

    urls = ngx_array_create(cf->pool, 4, sizeof(base_span_t));

    if (urls && conf->base_url && conf->base_url->lengths == NULL) {
        url = ngx_array_push(urls);
        if (url == NULL) {
            return NULL;
        }

        *url = ngx_http_smart_span(&conf->base_url->value);
    }

    return urls;
}


/* `issuer`: with `smart $variable` the one chosen, else NULL. */

smart_base_t *
ngx_http_smart_base(ngx_http_request_t *r, ngx_http_smart_loc_conf_t *slcf,
    ngx_http_smart_issuer_t *issuer)
{
    ngx_str_t                     value;
    ngx_uint_t                    i;
    smart_base_t                 *base;
    base_span_t                  *url;
    ngx_http_smart_issuer_t     **issuers;
    ngx_http_smart_main_conf_t   *smcf;

    if (slcf->base_url && slcf->base_url->lengths) {
        base = ngx_palloc(r->pool, sizeof(smart_base_t) + sizeof(base_span_t));

        if (base == NULL
            || ngx_http_complex_value(r, slcf->base_url, &value) != NGX_OK)
        {
            return NULL;
        }

        url = (base_span_t *) &base[1];
        *url = ngx_http_smart_span(&value);

        base->path = ngx_http_smart_span(&slcf->path);
        base->urls = url;
        base->urls_n = 1;

        return base;
    }

    if (issuer == NULL) {
        return &slcf->bases[0];
    }

    smcf = ngx_http_get_module_main_conf(r, ngx_http_smart_module);
    issuers = smcf->issuers.issuers.elts;

    for (i = 0; i < smcf->issuers.issuers.nelts; i++) {
        if (issuers[i] == issuer) {
            return &slcf->bases[i];
        }
    }

    return NULL;
}
