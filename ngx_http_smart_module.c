/*
 * The front door: directives, contexts, phases and filters. No logic.
 */

#include "http/ngx_http_smart.h"
#include "http/ngx_http_smart_issuer_block.h"
#include "http/ngx_http_smart_require.h"
#include "http/ngx_http_smart_seal.h"
#include "http/ngx_http_smart_token_cache.h"


static ngx_int_t ngx_http_smart_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_smart_init_process(ngx_cycle_t *cycle);
static void ngx_http_smart_exit_process(ngx_cycle_t *cycle);


#define NGX_HTTP_SMART_ANYWHERE                                               \
    NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF


static ngx_command_t  ngx_http_smart_commands[] = {

    { ngx_string("smart_issuer"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_smart_issuer_block,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_smart_main_conf_t, issuers),
      NULL },

    { ngx_string("smart_policy"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_smart_policy_block,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("smart"),
      NGX_HTTP_SMART_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_smart_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("smart_base"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_smart_base_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("smart_base_url"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_smart_base_url_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("smart_require"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_smart_require_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_smart_loc_conf_t, requires),
      NULL },

    { ngx_string("smart_context_header"),
      NGX_HTTP_SMART_ANYWHERE|NGX_CONF_TAKE2,
      ngx_http_smart_context_header_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("smart_dry_run"),
      NGX_HTTP_SMART_ANYWHERE|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_smart_loc_conf_t, dry_run),
      NULL },

    { ngx_string("smart_bypass"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_smart_bypass_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_smart_loc_conf_t, bypass),
      NULL },

    { ngx_string("smart_cors"),
      NGX_HTTP_SMART_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_smart_cors_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("smart_seal_links"),
      NGX_HTTP_SMART_ANYWHERE|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_smart_loc_conf_t, seal_links),
      NULL },

    { ngx_string("smart_secret_file"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_1MORE,
      ngx_http_smart_secret_file_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("smart_forward_token"),
      NGX_HTTP_SMART_ANYWHERE|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_smart_loc_conf_t, forward_token),
      NULL },

    { ngx_string("smart_upstream_authorization"),
      NGX_HTTP_SMART_ANYWHERE|NGX_CONF_TAKE1,
      ngx_http_smart_authorization_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("smart_max_token"),
      NGX_HTTP_SMART_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_smart_loc_conf_t, max_token),
      NULL },

    { ngx_string("smart_body_buffer"),
      NGX_HTTP_SMART_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_smart_loc_conf_t, body_buffer),
      NULL },

    { ngx_string("smart_response_buffer"),
      NGX_HTTP_SMART_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_smart_loc_conf_t, response_buffer),
      NULL },

    { ngx_string("smart_response_max"),
      NGX_HTTP_SMART_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_smart_loc_conf_t, response_max),
      NULL },

    { ngx_string("smart_bundle_max"),
      NGX_HTTP_SMART_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_smart_loc_conf_t, bundle_max),
      NULL },

    { ngx_string("smart_preread_max"),
      NGX_HTTP_SMART_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_smart_loc_conf_t, preread_max),
      NULL },

    { ngx_string("smart_preread_timeout"),
      NGX_HTTP_SMART_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_smart_loc_conf_t, preread_timeout),
      NULL },

    { ngx_string("smart_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_smart_zone_set,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_smart_main_conf_t, issuers),
      NULL },

    { ngx_string("smart_token_cache"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_smart_token_cache_set,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_smart_main_conf_t, issuers),
      NULL },

    { ngx_string("smart_verify_budget"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_smart_verify_budget_set,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_smart_main_conf_t, issuers),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_smart_module_ctx = {
    ngx_http_smart_add_variables,          /* preconfiguration */
    ngx_http_smart_init,                   /* postconfiguration */

    ngx_http_smart_create_main_conf,       /* create main configuration */
    ngx_http_smart_init_main_conf,         /* init main configuration */

    ngx_http_smart_create_srv_conf,        /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_smart_create_loc_conf,        /* create location configuration */
    ngx_http_smart_merge_loc_conf          /* merge location configuration */
};


ngx_module_t  ngx_http_smart_module = {
    NGX_MODULE_V1,
    &ngx_http_smart_module_ctx,            /* module context */
    ngx_http_smart_commands,               /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_smart_init_process,           /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_smart_exit_process,           /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_smart_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_POST_READ_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_smart_strip_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_smart_handler;

    return ngx_http_smart_response_init(cf);
}


static ngx_int_t
ngx_http_smart_init_process(ngx_cycle_t *cycle)
{
    ngx_http_smart_main_conf_t  *smcf;

    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_smart_module);

    return smcf ? ngx_http_smart_issuers_init_process(cycle, &smcf->issuers)
                : NGX_OK;
}


static void
ngx_http_smart_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_smart_main_conf_t  *smcf;

    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_smart_module);

    if (smcf) {
        ngx_http_smart_issuers_exit_process(cycle, &smcf->issuers);
    }
}
