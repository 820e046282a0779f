/*
 * The directives of a location, read. Whatever is certainly wrong is an error
 * of `nginx -t` that says what to write instead (CONFIG).
 */

#include "ngx_http_smart_file.h"
#include "ngx_http_smart_headers.h"


#define NGX_HTTP_SMART_SECRET_FILE  4095


static char *ngx_http_smart_set_word(ngx_conf_t *cf,
    ngx_http_smart_loc_conf_t *slcf, ngx_str_t *word);
static ngx_http_complex_value_t *ngx_http_smart_complex(ngx_conf_t *cf,
    ngx_str_t *value);
static char *ngx_http_smart_header_name(ngx_str_t *name);
static char *ngx_http_smart_read_secret(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *secret);


#define NGX_HTTP_SMART_CONTEXT_NAME(id, name, header)  ngx_string(name),
static ngx_str_t  ngx_http_smart_context_names[] = {
    NGX_HTTP_SMART_CONTEXT_HEADERS(NGX_HTTP_SMART_CONTEXT_NAME)
};
#undef NGX_HTTP_SMART_CONTEXT_NAME

#define NGX_HTTP_SMART_CONTEXT_SAID(id, name, header)  " " name
#define NGX_HTTP_SMART_CONTEXT_LIST                                           \
    "these:" NGX_HTTP_SMART_CONTEXT_HEADERS(NGX_HTTP_SMART_CONTEXT_SAID)


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


/*
 * What a client chooses: no public base is made of it. A name that ends in '_'
 * is a prefix.
 */

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


/* smart <issuer> ... [policy=<name>] | $variable [policy=<name>] | off */

char *
ngx_http_smart_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_smart_loc_conf_t *slcf = conf;

    char        *rv;
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (slcf->enabled != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        slcf->enabled = 0;
        return NGX_CONF_OK;
    }

    slcf->enabled = 1;

    slcf->names = ngx_array_create(cf->pool, 2, sizeof(ngx_str_t));
    slcf->at.data = ngx_pnalloc(cf->pool, cf->conf_file->file.name.len
                                          + NGX_INT_T_LEN + 1);

    if (slcf->names == NULL || slcf->at.data == NULL) {
        return NGX_CONF_ERROR;
    }

    slcf->at.len = ngx_sprintf(slcf->at.data, "%V:%ui",
                               &cf->conf_file->file.name, cf->conf_file->line)
                   - slcf->at.data;

    for (i = 1; i < cf->args->nelts; i++) {
        rv = ngx_http_smart_set_word(cf, slcf, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (slcf->variable == NULL && slcf->names->nelts == 0) {
        return "needs the name of a \"smart_issuer\"";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_smart_set_word(ngx_conf_t *cf, ngx_http_smart_loc_conf_t *slcf,
    ngx_str_t *word)
{
    ngx_str_t  *name;

    if (ngx_strncmp(word->data, "policy=", 7) == 0) {
        if (slcf->policy_name.data || word->len == 7) {
            return "takes one \"policy=<name>\"";
        }

        slcf->policy_name.data = word->data + 7;
        slcf->policy_name.len = word->len - 7;

        return NGX_CONF_OK;
    }

    if (ngx_strcmp(word->data, "off") == 0) {
        return "takes either \"off\" or issuers, not both";
    }

    if (slcf->variable
        || (word->data[0] == '$' && slcf->names->nelts))
    {
        return "takes one variable, or names of issuers";
    }

    if (word->data[0] == '$') {
        slcf->variable = ngx_http_smart_complex(cf, word);
        return slcf->variable ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    name = ngx_array_push(slcf->names);
    if (name == NULL) {
        return NGX_CONF_ERROR;
    }

    *name = *word;

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

ngx_str_t *
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

    char        *rv;
    ngx_str_t   *value, *s;
    ngx_uint_t   at;

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
                           "it is one of " NGX_HTTP_SMART_CONTEXT_LIST,
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    if (slcf->header[at].data) {
        return "is duplicate";
    }

    if (ngx_strcmp(value[2].data, "off") == 0) {
        slcf->header[at].data = value[2].data;
        return NGX_CONF_OK;
    }

    rv = ngx_http_smart_header_name(&value[2]);

    if (rv == NGX_CONF_OK) {
        slcf->header[at] = value[2];
    }

    return rv;
}


static char *
ngx_http_smart_header_name(ngx_str_t *name)
{
    size_t                    i;
    ngx_str_t                *s;
    ngx_http_smart_folded_t   folded;

    if (name->len == 0 || name->len > NGX_HTTP_SMART_NAME_MAX) {
        return "takes a header's name of at most 63 characters";
    }

    for (i = 0; i < name->len; i++) {
        if (name->data[i] != '-'
            && ngx_http_smart_fold_char(name->data[i]) == '-')
        {
            return "takes a header's name: letters, digits and \"-\"";
        }
    }

    ngx_http_smart_fold(name, &folded);

    for (s = ngx_http_smart_taken; s->len; s++) {
        if (ngx_http_smart_folded_is(&folded, (char *) s->data, s->len)) {
            return "takes a header of its own, not one that HTTP uses";
        }
    }

    return NGX_CONF_OK;
}


/* smart_upstream_authorization <value> | file:<path> */

static char *
ngx_http_smart_read_secret(ngx_conf_t *cf, ngx_str_t *path, ngx_str_t *secret)
{
    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_set_errno(0);

    if (ngx_http_smart_file_read(cf->pool, path, NGX_HTTP_SMART_SECRET_FILE,
                                 secret)
        != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"%V\" cannot be read, or is no file of %d bytes "
                           "at most", path, NGX_HTTP_SMART_SECRET_FILE);
        return NGX_CONF_ERROR;
    }

    while (secret->len && (secret->data[secret->len - 1] == '\n'
                           || secret->data[secret->len - 1] == '\r'))
    {
        secret->len--;
    }

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
