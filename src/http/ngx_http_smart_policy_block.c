/*
 * `smart_policy name { ... }`. The entries are smart_policy's own: nothing
 * here knows one of them.
 */

#include "ngx_http_smart.h"


#define NGX_HTTP_SMART_POLICY_WORDS  256


static char *ngx_http_smart_policy_entry(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf);
static ngx_uint_t ngx_http_smart_policy_exists(
    ngx_http_smart_main_conf_t *smcf, ngx_str_t *name);


char *
ngx_http_smart_policy_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_smart_main_conf_t *smcf = conf;

    char                            *rv, error[512];
    ngx_str_t                       *value;
    ngx_conf_t                       save;
    ngx_http_smart_policy_block_t   *block, **pushed;

    value = cf->args->elts;

    if (ngx_http_smart_policy_exists(smcf, &value[1])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate policy \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    block = ngx_pcalloc(cf->pool, sizeof(ngx_http_smart_policy_block_t));
    pushed = ngx_array_push(&smcf->policies);

    if (block == NULL || pushed == NULL) {
        return NGX_CONF_ERROR;
    }

    *pushed = block;
    block->name = value[1];
    smart_policy_default(&block->policy);

    save = *cf;
    cf->handler = ngx_http_smart_policy_entry;
    cf->handler_conf = (void *) block;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (!smart_policy_finish(&block->policy, error, sizeof(error))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in policy \"%V\"", error,
                           &block->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_http_smart_policy_exists(ngx_http_smart_main_conf_t *smcf, ngx_str_t *name)
{
    ngx_uint_t                       i;
    ngx_http_smart_policy_block_t  **block;

    block = smcf->policies.elts;

    for (i = 0; i < smcf->policies.nelts; i++) {
        if (block[i]->name.len == name->len
            && ngx_strncmp(block[i]->name.data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static char *
ngx_http_smart_policy_entry(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    ngx_http_smart_policy_block_t *block = conf;

    char                         error[512];
    ngx_str_t                   *value;
    ngx_uint_t                   i;
    base_span_t                  words[NGX_HTTP_SMART_POLICY_WORDS];
    ngx_http_smart_main_conf_t  *smcf;

    if (cf->args->nelts > NGX_HTTP_SMART_POLICY_WORDS) {
        return "has too many words";
    }

    value = cf->args->elts;

    for (i = 0; i < cf->args->nelts; i++) {
        words[i] = ngx_http_smart_span(&value[i]);
    }

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_smart_module);

    if (!smart_policy_set(&block->policy, words, cf->args->nelts, smcf->arena,
                          error, sizeof(error)))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s", error);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
