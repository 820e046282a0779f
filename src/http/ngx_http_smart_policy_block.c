/*
 * `smart_policy name { ... }`. The entries are smart_policy's own: nothing
 * here knows one of them.
 */

#include "ngx_http_smart.h"


#define NGX_HTTP_SMART_POLICY_WORDS  256


/* An entry of the block that is being read, and where it stands. */
typedef struct {
    ngx_str_t    name;
    ngx_uint_t   line;
} ngx_http_smart_policy_entry_t;


typedef struct {
    smart_policy_t  *policy;
    ngx_array_t      entries;
} ngx_http_smart_policy_reading_t;


static char *ngx_http_smart_policy_finish(ngx_conf_t *cf,
    ngx_http_smart_policy_reading_t *reading, ngx_str_t *name);
static ngx_uint_t ngx_http_smart_policy_line(
    ngx_http_smart_policy_reading_t *reading, smart_policy_place_t *place,
    ngx_uint_t fallback);
static char *ngx_http_smart_policy_entry(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf);
static ngx_uint_t ngx_http_smart_policy_exists(
    ngx_http_smart_main_conf_t *smcf, ngx_str_t *name);


char *
ngx_http_smart_policy_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_smart_main_conf_t *smcf = conf;

    char                             *rv;
    ngx_str_t                        *value;
    ngx_conf_t                        save;
    ngx_http_smart_policy_block_t    *block, **pushed;
    ngx_http_smart_policy_reading_t   reading;

    value = cf->args->elts;

    if (ngx_http_smart_policy_exists(smcf, &value[1])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate policy \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    block = ngx_pcalloc(cf->pool, sizeof(ngx_http_smart_policy_block_t));
    pushed = ngx_array_push(&smcf->policies);

    if (block == NULL || pushed == NULL
        || ngx_array_init(&reading.entries, cf->temp_pool, 16,
                          sizeof(ngx_http_smart_policy_entry_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    *pushed = block;
    block->name = value[1];
    smart_policy_default(&block->policy);
    reading.policy = &block->policy;

    save = *cf;
    cf->handler = ngx_http_smart_policy_entry;
    cf->handler_conf = (void *) &reading;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_http_smart_policy_finish(cf, &reading, &block->name);
}


/* What is wrong only beside the other entries is said with its own line. */

static char *
ngx_http_smart_policy_finish(ngx_conf_t *cf,
    ngx_http_smart_policy_reading_t *reading, ngx_str_t *name)
{
    char                         error[1024];
    smart_policy_place_t         place;
    ngx_http_smart_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_smart_module);

    if (smart_policy_finish(reading->policy, smcf->arena, &place, error,
                            sizeof(error)))
    {
        return NGX_CONF_OK;
    }

    cf->conf_file->line = ngx_http_smart_policy_line(reading, &place,
                                                     cf->conf_file->line);

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in policy \"%V\"", error,
                       name);

    return NGX_CONF_ERROR;
}


static ngx_uint_t
ngx_http_smart_policy_line(ngx_http_smart_policy_reading_t *reading,
    smart_policy_place_t *place, ngx_uint_t fallback)
{
    size_t                          nth;
    ngx_uint_t                      i;
    ngx_http_smart_policy_entry_t  *entry;

    nth = 0;
    entry = reading->entries.elts;

    for (i = 0; i < reading->entries.nelts; i++) {
        if (base_span_is(ngx_http_smart_span(&entry[i].name), place->entry)
            && nth++ == place->nth)
        {
            return entry[i].line;
        }
    }

    return fallback;
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
    ngx_http_smart_policy_reading_t *reading = conf;

    char                            error[1024];
    ngx_str_t                      *value;
    ngx_uint_t                      i;
    base_span_t                     words[NGX_HTTP_SMART_POLICY_WORDS];
    ngx_http_smart_main_conf_t     *smcf;
    ngx_http_smart_policy_entry_t  *entry;

    if (cf->args->nelts > NGX_HTTP_SMART_POLICY_WORDS) {
        return "has too many words";
    }

    value = cf->args->elts;

    for (i = 0; i < cf->args->nelts; i++) {
        words[i] = ngx_http_smart_span(&value[i]);
    }

    entry = ngx_array_push(&reading->entries);
    if (entry == NULL) {
        return NGX_CONF_ERROR;
    }

    entry->name = value[0];
    entry->line = cf->conf_file->line;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_smart_module);

    if (!smart_policy_set(reading->policy, words, cf->args->nelts, smcf->arena,
                          error, sizeof(error)))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s", error);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
