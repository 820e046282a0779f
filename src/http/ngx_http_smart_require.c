#include "ngx_http_smart_require.h"


typedef struct {
    ngx_int_t                index;
    base_reason_t            reason;
} ngx_http_smart_requirement_t;


static base_reason_t ngx_http_smart_require_error(ngx_str_t *word);
static void ngx_http_smart_require_flush(ngx_http_request_t *r,
    ngx_uint_t index);


char *
ngx_http_smart_require_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                     *value, name;
    ngx_uint_t                     i, n;
    ngx_array_t                  **requires;
    base_reason_t                  reason;
    ngx_http_smart_requirement_t  *requirement;

    requires = (ngx_array_t **) ((u_char *) conf + cmd->offset);
    value = cf->args->elts;
    n = cf->args->nelts;

    reason = ngx_http_smart_require_error(&value[n - 1]);

    if (reason == BASE_OK) {
        reason = BASE_REQUIRE_401;

    } else if (--n == 1) {
        return "needs a variable";
    }

    if (*requires == NULL) {
        *requires = ngx_array_create(cf->pool, 2,
                                     sizeof(ngx_http_smart_requirement_t));
        if (*requires == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    for (i = 1; i < n; i++) {

        if (value[i].len < 2 || value[i].data[0] != '$') {
            return "takes variables, and error=401 or error=403 at the end";
        }

        requirement = ngx_array_push(*requires);
        if (requirement == NULL) {
            return NGX_CONF_ERROR;
        }

        name.data = value[i].data + 1;
        name.len = value[i].len - 1;

        requirement->reason = reason;
        requirement->index = ngx_http_get_variable_index(cf, &name);

        if (requirement->index == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* BASE_OK: it is no error= */

static base_reason_t
ngx_http_smart_require_error(ngx_str_t *word)
{
    if (ngx_strcmp(word->data, "error=401") == 0) {
        return BASE_REQUIRE_401;
    }

    if (ngx_strcmp(word->data, "error=403") == 0) {
        return BASE_REQUIRE_403;
    }

    return BASE_OK;
}


base_reason_t
ngx_http_smart_require(ngx_http_request_t *r, ngx_array_t *requires)
{
    ngx_uint_t                     i;
    ngx_http_variable_value_t     *v;
    ngx_http_smart_requirement_t  *requirement;

    if (requires == NULL) {
        return BASE_OK;
    }

    requirement = requires->elts;

    for (i = 0; i < requires->nelts; i++) {
        ngx_http_smart_require_flush(r, (ngx_uint_t) requirement[i].index);
    }

    for (i = 0; i < requires->nelts; i++) {
        v = ngx_http_get_flushed_variable(r,
                                          (ngx_uint_t) requirement[i].index);

        if (v == NULL || v->not_found || v->len == 0
            || (v->len == 1 && v->data[0] == '0'))
        {
            return requirement[i].reason;
        }
    }

    return BASE_OK;
}


/*
 * A `map` remembers its value, which somebody may have asked for before the token was known: it is made anew, with all that are made by the
 * same handler, since a map may look at another. A variable of `set`, which has its own index as data, is nothing but its value and stays.
 */

static void
ngx_http_smart_require_flush(ngx_http_request_t *r, ngx_uint_t index)
{
    ngx_uint_t                  i;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);
    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        if (v[i].get_handler == v[index].get_handler && v[i].data != i) {
            r->variables[i].valid = 0;
            r->variables[i].not_found = 0;
        }
    }
}
