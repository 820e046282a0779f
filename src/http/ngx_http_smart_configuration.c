/*
 * The directives of a location: read, checked, merged. Whatever is certainly wrong is an error of `nginx -t` that says where and what to
 * write instead (CONFIG).
 */

#include "ngx_http_smart_headers.h"


static char *ngx_http_smart_error(ngx_conf_t *cf,
    ngx_http_smart_loc_conf_t *conf, const char *fmt, ngx_str_t *name);
static char *ngx_http_smart_merge_who(ngx_conf_t *cf,
    ngx_http_smart_loc_conf_t *prev, ngx_http_smart_loc_conf_t *conf);
static char *ngx_http_smart_merge_path(ngx_conf_t *cf,
    ngx_http_smart_loc_conf_t *prev, ngx_http_smart_loc_conf_t *conf);
static char *ngx_http_smart_merge_headers(ngx_conf_t *cf,
    ngx_http_smart_loc_conf_t *prev, ngx_http_smart_loc_conf_t *conf);
static ngx_int_t ngx_http_smart_remember_path(ngx_conf_t *cf,
    ngx_http_smart_loc_conf_t *conf);
static char *ngx_http_smart_resolve(ngx_conf_t *cf,
    ngx_http_smart_loc_conf_t *conf);
static ngx_int_t ngx_http_smart_bases(ngx_conf_t *cf,
    ngx_http_smart_loc_conf_t *conf);


#define NGX_HTTP_SMART_CONTEXT_NAME(id, name, header)  ngx_string(name),
static ngx_str_t  ngx_http_smart_context_names[] = {
    NGX_HTTP_SMART_CONTEXT_HEADERS(NGX_HTTP_SMART_CONTEXT_NAME)
};
#undef NGX_HTTP_SMART_CONTEXT_NAME

#define NGX_HTTP_SMART_CONTEXT_HEADER(id, name, header)  ngx_string(header),
static ngx_str_t  ngx_http_smart_context_headers[] = {
    NGX_HTTP_SMART_CONTEXT_HEADERS(NGX_HTTP_SMART_CONTEXT_HEADER)
};
#undef NGX_HTTP_SMART_CONTEXT_HEADER


/* Headers that mean something to HTTP itself, or to who is asked. */

static ngx_str_t  ngx_http_smart_taken[] = {
    ngx_string("accept"),
    ngx_string("accept-encoding"),
    ngx_string("authorization"),
    ngx_string("connection"),
    ngx_string("content-encoding"),
    ngx_string("content-length"),
    ngx_string("content-type"),
    ngx_string("cookie"),
    ngx_string("expect"),
    ngx_string("forwarded"),
    ngx_string("host"),
    ngx_string("if-match"),
    ngx_string("if-modified-since"),
    ngx_string("if-none-exist"),
    ngx_string("if-none-match"),
    ngx_string("if-range"),
    ngx_string("keep-alive"),
    ngx_string("prefer"),
    ngx_string("proxy-authorization"),
    ngx_string("range"),
    ngx_string("te"),
    ngx_string("trailer"),
    ngx_string("transfer-encoding"),
    ngx_string("upgrade"),
    ngx_string("x-forwarded-for"),
    ngx_string("x-http-method-override"),
    ngx_null_string
};


/* What a client chooses: no public base is made of it. A name that ends in '_' is a prefix. */

static ngx_str_t  ngx_http_smart_client_variables[] = {
    ngx_string("host"),
    ngx_string("http_"),
    ngx_string("arg_"),
    ngx_string("args"),
    ngx_string("cookie_"),
    ngx_string("document_uri"),
    ngx_string("query_string"),
    ngx_string("request"),
    ngx_string("request_body"),
    ngx_string("request_uri"),
    ngx_string("ssl_server_name"),
    ngx_string("uri"),
    ngx_null_string
};


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

    smcf->arena = base_arena_new(1024 * 1024);
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
    conf->max_token = NGX_CONF_UNSET_SIZE;
    conf->body_buffer = NGX_CONF_UNSET_SIZE;
    conf->response_buffer = NGX_CONF_UNSET_SIZE;

    return conf;
}


/* smart <issuer> ... [policy=<name>] | $variable [policy=<name>] | off */

char *
ngx_http_smart_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_smart_loc_conf_t *slcf = conf;

    ngx_str_t                         *value, *name;
    ngx_uint_t                         i;
    ngx_http_compile_complex_value_t   ccv;

    if (slcf->enabled != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        slcf->enabled = 0;
        return NGX_CONF_OK;
    }

    slcf->enabled = 1;
    slcf->file = cf->conf_file->file.name.data;
    slcf->line = cf->conf_file->line;

    slcf->names = ngx_array_create(cf->pool, 2, sizeof(ngx_str_t));
    slcf->at.data = ngx_pnalloc(cf->pool, cf->conf_file->file.name.len
                                          + NGX_INT_T_LEN + 1);

    if (slcf->names == NULL || slcf->at.data == NULL) {
        return NGX_CONF_ERROR;
    }

    slcf->at.len = ngx_sprintf(slcf->at.data, "%V:%ui",
                               &cf->conf_file->file.name, slcf->line)
                   - slcf->at.data;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "policy=", 7) == 0) {
            if (slcf->policy_name.data || value[i].len == 7) {
                return "takes one \"policy=<name>\"";
            }

            slcf->policy_name.data = value[i].data + 7;
            slcf->policy_name.len = value[i].len - 7;
            continue;
        }

        if (ngx_strcmp(value[i].data, "off") == 0) {
            return "takes either \"off\" or issuers, not both";
        }

        if (slcf->variable) {
            return "takes one variable, or names of issuers";
        }

        if (value[i].len && value[i].data[0] == '$') {

            if (slcf->names->nelts) {
                return "takes one variable, or names of issuers";
            }

            ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

            slcf->variable = ngx_palloc(cf->pool,
                                        sizeof(ngx_http_complex_value_t));
            if (slcf->variable == NULL) {
                return NGX_CONF_ERROR;
            }

            ccv.cf = cf;
            ccv.value = &value[i];
            ccv.complex_value = slcf->variable;

            if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        name = ngx_array_push(slcf->names);
        if (name == NULL) {
            return NGX_CONF_ERROR;
        }

        *name = value[i];
    }

    if (slcf->variable == NULL && slcf->names->nelts == 0) {
        return "needs the name of a \"smart_issuer\"";
    }

    return NGX_CONF_OK;
}


static ngx_http_complex_value_t *
ngx_http_smart_complex(ngx_conf_t *cf, ngx_str_t *value)
{
    ngx_http_complex_value_t          *cv;
    ngx_http_compile_complex_value_t   ccv;

    cv = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (cv == NULL) {
        return NULL;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = cv;

    return ngx_http_compile_complex_value(&ccv) == NGX_OK ? cv : NULL;
}


char *
ngx_http_smart_base_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_smart_loc_conf_t *slcf = conf;

    u_char                    *p;
    size_t                     i;
    ngx_str_t                 *value;
    ngx_http_complex_value_t  *cv;

    if (slcf->base || slcf->path.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    cv = ngx_http_smart_complex(cf, &value[1]);
    if (cv == NULL) {
        return NGX_CONF_ERROR;
    }

    if (cv->lengths) {
        slcf->base = cv;
        slcf->path.data = (u_char *) "";
        return NGX_CONF_OK;
    }

    if (value[1].len == 0 || value[1].data[0] != '/') {
        return "must be a path that begins with \"/\"";
    }

    for (i = 0; i < value[1].len; i++) {
        p = &value[1].data[i];

        if (*p <= 0x20 || *p >= 0x7f || memchr("%?#\\;", *p, 5)
            || (*p == '/' && i + 1 < value[1].len
                && (p[1] == '/' || p[1] == '.')))
        {
            return "must be a plain path, as \"$uri\" has it";
        }
    }

    slcf->path = value[1];

    if (slcf->path.data[slcf->path.len - 1] == '/') {
        slcf->path.len--;
    }

    slcf->explicit = 1;

    return NGX_CONF_OK;
}


/* The name of the first variable in `text` that a client chooses, or NULL. */

static ngx_str_t *
ngx_http_smart_client_variable(ngx_str_t *text)
{
    u_char     *p, *last;
    size_t      n;
    ngx_str_t  *v;

    last = text->data + text->len;

    for (p = text->data; p < last; p++) {
        if (*p != '$') {
            continue;
        }

        p += (p + 1 < last && p[1] == '{') ? 2 : 1;

        for (n = 0; p + n < last
                    && (p[n] == '_' || ngx_http_smart_fold_char(p[n]) != '-');
             n++)
        {
            /* void */
        }

        for (v = ngx_http_smart_client_variables; v->len; v++) {
            if (n >= v->len && ngx_strncasecmp(p, v->data, v->len) == 0
                && (n == v->len || v->data[v->len - 1] == '_'))
            {
                return v;
            }
        }

        p--;
    }

    return NULL;
}


char *
ngx_http_smart_base_url_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_smart_loc_conf_t *slcf = conf;

    ngx_str_t  *value, *v;

    if (slcf->base_url) {
        return "is duplicate";
    }

    value = cf->args->elts;

    v = ngx_http_smart_client_variable(&value[1]);

    if (v) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"smart_base_url\" must not be made of \"$%V\", "
                           "which the client chooses; write the public base "
                           "itself, or a \"map\" of \"$server_name\"", v);
        return NGX_CONF_ERROR;
    }

    if (value[1].len == 0
        || (value[1].data[0] != '$'
            && ngx_strncmp(value[1].data, "https://", 8) != 0
            && ngx_strncmp(value[1].data, "http://", 7) != 0))
    {
        return "must be an absolute URL: https://...";
    }

    slcf->base_url = ngx_http_smart_complex(cf, &value[1]);

    return slcf->base_url ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_http_smart_context_header_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_smart_loc_conf_t *slcf = conf;

    size_t                    i;
    ngx_str_t                *value, *s;
    ngx_uint_t                at;
    ngx_http_smart_folded_t   folded;

    value = cf->args->elts;

    for (at = 0; at < NGX_HTTP_SMART_CONTEXT_COUNT; at++) {
        s = &ngx_http_smart_context_names[at];

        if (s->len == value[1].len
            && ngx_strncmp(s->data, value[1].data, s->len) == 0)
        {
            break;
        }
    }

    if (at == NGX_HTTP_SMART_CONTEXT_COUNT) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown name \"%V\" in \"smart_context_header\"; "
                           "it is one of patient, encounter, fhirUser, tenant, "
                           "intent, need_patient_banner, smart_style_url, "
                           "fhirContext, scopes, client_id, subject, issuer, "
                           "token_id", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (slcf->header[at].data) {
        return "is duplicate";
    }

    if (ngx_strcmp(value[2].data, "off") == 0) {
        slcf->header[at].data = value[2].data;
        return NGX_CONF_OK;
    }

    if (value[2].len == 0 || value[2].len > NGX_HTTP_SMART_NAME_MAX) {
        return "takes a header's name of at most 63 characters";
    }

    for (i = 0; i < value[2].len; i++) {
        if (value[2].data[i] != '-'
            && ngx_http_smart_fold_char(value[2].data[i]) == '-')
        {
            return "takes a header's name: letters, digits and \"-\"";
        }
    }

    ngx_http_smart_fold(&value[2], &folded);

    for (s = ngx_http_smart_taken; s->len; s++) {
        if (ngx_http_smart_folded_is(&folded, (char *) s->data, s->len)) {
            return "takes a header of its own, not one that HTTP uses";
        }
    }

    slcf->header[at] = value[2];

    return NGX_CONF_OK;
}


/* smart_upstream_authorization <value> | file:<path> */

static char *
ngx_http_smart_read_secret(ngx_conf_t *cf, ngx_str_t *path, ngx_str_t *secret)
{
    ssize_t     n;
    u_char      buf[4096];
    ngx_file_t  file;

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *path;
    file.log = cf->log;
    file.fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", path);
        return NGX_CONF_ERROR;
    }

    n = ngx_read_file(&file, buf, sizeof(buf), 0);

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed", path);
    }

    if (n == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    if ((size_t) n == sizeof(buf)) {
        return "names a file that is too large";
    }

    while (n && (buf[n - 1] == '\n' || buf[n - 1] == '\r')) {
        n--;
    }

    secret->len = (size_t) n;
    secret->data = ngx_pnalloc(cf->pool, secret->len ? secret->len : 1);

    if (secret->data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(secret->data, buf, secret->len);
    ngx_explicit_memzero(buf, sizeof(buf));

    return NGX_CONF_OK;
}


char *
ngx_http_smart_authorization_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_smart_loc_conf_t *slcf = conf;

    char                      *rv;
    size_t                     i;
    ngx_str_t                 *value, path, secret;
    ngx_http_complex_value_t  *cv;

    if (slcf->authorization) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strncmp(value[1].data, "file:", 5) != 0) {
        slcf->authorization = ngx_http_smart_complex(cf, &value[1]);
        return value[1].len == 0 ? "needs a value"
               : slcf->authorization ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    path.data = value[1].data + 5;
    path.len = value[1].len - 5;

    rv = ngx_http_smart_read_secret(cf, &path, &secret);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    for (i = 0; i < secret.len; i++) {
        if (secret.data[i] < 0x20 || secret.data[i] >= 0x7f) {
            return "names a file that is not one line of visible characters";
        }
    }

    if (secret.len == 0) {
        return "names an empty file";
    }

    cv = ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (cv == NULL) {
        return NGX_CONF_ERROR;
    }

    cv->value = secret;
    slcf->authorization = cv;

    return NGX_CONF_OK;
}


char *
ngx_http_smart_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_smart_loc_conf_t *prev = parent;
    ngx_http_smart_loc_conf_t *conf = child;

    char  *rv;

    ngx_conf_merge_size_value(conf->max_token, prev->max_token, 16384);
    ngx_conf_merge_size_value(conf->body_buffer, prev->body_buffer, 1048576);
    ngx_conf_merge_size_value(conf->response_buffer, prev->response_buffer,
                              1048576);

    if (conf->authorization && prev->forward_token == 1
        && conf->forward_token == NGX_CONF_UNSET)
    {
        conf->forward_token = 0;
    }

    if (conf->authorization == NULL && conf->forward_token != 1) {
        conf->authorization = prev->authorization;
    }

    ngx_conf_merge_value(conf->forward_token, prev->forward_token, 0);

    if (conf->base_url == NULL) {
        conf->base_url = prev->base_url;
    }

    rv = ngx_http_smart_merge_who(cf, prev, conf);

    if (rv == NGX_CONF_OK) {
        rv = ngx_http_smart_merge_headers(cf, prev, conf);
    }

    if (rv == NGX_CONF_OK) {
        rv = ngx_http_smart_merge_path(cf, prev, conf);
    }

    if (rv != NGX_CONF_OK || !conf->enabled) {
        return rv;
    }

    if (conf->forward_token && conf->authorization) {
        return ngx_http_smart_error(cf, conf,
                            "\"smart_forward_token on\" and \"%V\" contradict "
                            "each other: the upstream gets the client's token "
                            "or the operator's credential",
                            &(ngx_str_t)
                            ngx_string("smart_upstream_authorization"));
    }

    if (conf->max_token == 0 || conf->body_buffer == 0
        || conf->response_buffer == 0)
    {
        return ngx_http_smart_error(cf, conf, "a size of 0 is not a limit in "
                            "%V", &(ngx_str_t)
                            ngx_string("smart_max_token, smart_body_buffer or "
                                       "smart_response_buffer"));
    }

    if (ngx_http_smart_remember_path(cf, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_smart_resolve(cf, conf);
}


/* For requests that slip out of a location with smart before they are judged there (ngx_http_smart_slipped). */

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


/* What is wrong shows when everything was read, far from where it was written: both are said. */

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


static char *
ngx_http_smart_merge_who(ngx_conf_t *cf, ngx_http_smart_loc_conf_t *prev,
    ngx_http_smart_loc_conf_t *conf)
{
    conf->own = conf->enabled == 1;

    if (conf->enabled != NGX_CONF_UNSET) {
        return NGX_CONF_OK;
    }

    if (prev->enabled == NGX_CONF_UNSET) {
        conf->enabled = 0;
        return NGX_CONF_OK;
    }

    conf->enabled = prev->enabled;
    conf->names = prev->names;
    conf->variable = prev->variable;
    conf->policy_name = prev->policy_name;
    conf->file = prev->file;
    conf->line = prev->line;
    conf->at = prev->at;

    return NGX_CONF_OK;
}


static char *
ngx_http_smart_merge_headers(ngx_conf_t *cf, ngx_http_smart_loc_conf_t *prev,
    ngx_http_smart_loc_conf_t *conf)
{
    ngx_str_t                  *name;
    ngx_uint_t                  i, j;
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

        if (conf->header[i].len == 0) {
            continue;
        }

        name = ngx_array_push(&sscf->strip);
        if (name == NULL) {
            return NGX_CONF_ERROR;
        }

        name->len = conf->header[i].len;
        name->data = ngx_pnalloc(cf->pool, name->len);

        if (name->data == NULL) {
            return NGX_CONF_ERROR;
        }

        for (j = 0; j < name->len; j++) {
            name->data[j] = ngx_http_smart_fold_char(conf->header[i].data[j]);
        }
    }

    return NGX_CONF_OK;
}


/* smart_base, else the path of the prefix location that `smart` is written in; blocks inside it have the same base. */

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


static char *
ngx_http_smart_resolve(ngx_conf_t *cf, ngx_http_smart_loc_conf_t *conf)
{
    ngx_str_t                       *name;
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
            return ngx_http_smart_error(cf, conf, "unknown issuer \"%V\": there "
                                    "is no \"smart_issuer\" of that name, "
                                    "named", &name[i]);
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


/* One base for the location, or with `smart $variable` one for each issuer there is. */

static ngx_int_t
ngx_http_smart_bases(ngx_conf_t *cf, ngx_http_smart_loc_conf_t *conf)
{
    ngx_uint_t                    i, n;
    ngx_array_t                  *urls;
    base_span_t                  *url;
    ngx_http_smart_issuer_t     **issuer;
    ngx_http_smart_main_conf_t   *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_smart_module);

    issuer = conf->variable ? smcf->issuers.issuers.elts : conf->issuers;
    n = conf->variable ? smcf->issuers.issuers.nelts : conf->issuers_n;

    conf->bases = ngx_pcalloc(cf->pool, (n + 1) * sizeof(smart_base_t));
    urls = ngx_array_create(cf->pool, 4, sizeof(base_span_t));

    if (conf->bases == NULL || urls == NULL) {
        return NGX_ERROR;
    }

    if (conf->base_url && conf->base_url->lengths == NULL) {
        url = ngx_array_push(urls);
        if (url == NULL) {
            return NGX_ERROR;
        }

        *url = ngx_http_smart_span(&conf->base_url->value);
    }

    for (i = 0; i < n; i++) {

        if (conf->base_url == NULL) {

            if (conf->variable) {
                urls = ngx_array_create(cf->pool, 4, sizeof(base_span_t));
                if (urls == NULL) {
                    return NGX_ERROR;
                }
            }

            if (ngx_http_smart_base_urls(cf, urls, issuer[i]) != NGX_OK) {
                return NGX_ERROR;
            }
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
