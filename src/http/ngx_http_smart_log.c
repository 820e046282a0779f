/*
 * Never a token, an identifier, or anything else that a client sent: nginx
 * adds the request line to what is logged of a request, so its handler is set
 * aside meanwhile (RULES D14, threats section 8).
 */

#include "ngx_http_smart.h"


#define NGX_HTTP_SMART_SCOPE_MAX  128


static ngx_str_t ngx_http_smart_log_scope(const smart_missing_t *missing,
    u_char *buf, size_t size);


void
ngx_http_smart_log_denial(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    base_reason_t reason)
{
    u_char                     buf[NGX_HTTP_SMART_SCOPE_MAX];
    ngx_log_t                 *log;
    ngx_str_t                  scope;
    ngx_uint_t                 level;
    ngx_log_handler_pt         handler;
    const base_reason_info_t  *info;

    if (ctx->logged) {
        return;
    }

    ctx->logged = 1;

    info = base_reason_info(reason);
    level = (info->fault == BASE_FAULT_CONFIG) ? NGX_LOG_ERR : NGX_LOG_INFO;
    scope = ngx_http_smart_log_scope(&ctx->verdict.missing, buf, sizeof(buf));

    log = r->connection->log;
    handler = log->handler;
    log->handler = NULL;

    ngx_log_error(level, log, 0,
                  "smart: denied %ui %s, rule %s, interaction \"%s\", "
                  "missing scope \"%V\", client: %V",
                  (ngx_uint_t) info->status, info->name,
                  ctx->verdict.rule ? ctx->verdict.rule : "-",
                  ctx->verdict.interaction ? ctx->verdict.interaction : "",
                  &scope, &r->connection->addr_text);

    log->handler = handler;
}


void
ngx_http_smart_log_fault(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    const char *what)
{
    ngx_log_t                 *log;
    ngx_log_handler_pt         handler;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    log = r->connection->log;
    handler = log->handler;
    log->handler = NULL;

    ngx_log_error(NGX_LOG_ALERT, log, 0,
                  "smart: what location \"%V\" would send is not what was "
                  "judged, nothing is sent: %s; \"smart\" is in %V",
                  &clcf->name, what, &ctx->conf->at);

    log->handler = handler;
}


static ngx_str_t
ngx_http_smart_log_scope(const smart_missing_t *missing, u_char *buf,
    size_t size)
{
    base_span_t    text;
    base_writer_t  w;

    text = base_span_make(buf, 0);

    if (missing->letter && missing->type.p) {
        base_writer_init(&w, buf, size);
        smart_scope_write(&w, missing->context, missing->type, missing->letter);
        (void) base_writer_done(&w, &text);
    }

    return ngx_http_smart_str(text);
}
