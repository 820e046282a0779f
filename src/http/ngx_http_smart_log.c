/*
 * Never a token, an identifier, or anything else that a client sent: nginx
 * adds the request line to what is logged of a request, so its handler is set
 * aside meanwhile (RULES D14, threats section 8).
 */

#include "ngx_http_smart.h"
#include "smart/smart_explain.h"


#define NGX_HTTP_SMART_SCOPE_MAX   128
#define NGX_HTTP_SMART_SCOPES_MAX  1024


static ngx_str_t ngx_http_smart_log_scope(const smart_missing_t *missing,
    u_char *buf, size_t size);
static ngx_str_t ngx_http_smart_log_scopes(ngx_http_smart_ctx_t *ctx,
    u_char *buf, size_t size);


/* L18: a write that enforcement would have stopped. */

static ngx_uint_t
ngx_http_smart_log_is_write(ngx_http_request_t *r)
{
    static ngx_str_t  search = ngx_string("/_search");

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_OPTIONS)) {
        return 0;
    }

    return !(r->method & NGX_HTTP_POST) || r->uri.len < search.len
           || ngx_memcmp(r->uri.data + r->uri.len - search.len, search.data,
                         search.len)
              != 0;
}


void
ngx_http_smart_log_denial(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    base_reason_t reason)
{
    u_char                     buf[NGX_HTTP_SMART_SCOPE_MAX];
    u_char                     more[NGX_HTTP_SMART_SCOPES_MAX];
    ngx_log_t                 *log;
    ngx_str_t                  scope, scopes, type;
    ngx_uint_t                 level;
    ngx_log_handler_pt         handler;
    const base_reason_info_t  *info;

    if (ctx->logged) {
        return;
    }

    ctx->logged = 1;

    info = base_reason_info(reason);
    level = (info->fault == BASE_FAULT_CONFIG) ? NGX_LOG_ERR
            : ctx->open && ngx_http_smart_log_is_write(r) ? NGX_LOG_WARN
            : NGX_LOG_INFO;
    scope = ngx_http_smart_log_scope(&ctx->verdict.missing, buf, sizeof(buf));
    scopes = ngx_http_smart_log_scopes(ctx, more, sizeof(more));
    type = ngx_http_smart_str(ctx->verdict.type);

    log = r->connection->log;
    handler = log->handler;
    log->handler = NULL;

    ngx_log_error(level, log, 0,
                  "smart: %s %ui %s, rule %s, interaction \"%s\", "
                  "type \"%V\", missing %s \"%V\", scopes \"%V\", client: %V",
                  ctx->open ? "dry run, would have denied" : "denied",
                  (ngx_uint_t) info->status, info->name,
                  ctx->verdict.rule ? ctx->verdict.rule : "-",
                  ctx->verdict.interaction ? ctx->verdict.interaction : "",
                  &type,
                  ctx->verdict.missing.operation.p ? "policy entry" : "scope",
                  &scope, &scopes, &r->connection->addr_text);

    log->handler = handler;
}


void
ngx_http_smart_log_cut(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    base_reason_t reason)
{
    ngx_log_t           *log;
    ngx_log_handler_pt   handler;

    ctx->logged = 1;

    log = r->connection->log;
    handler = log->handler;
    log->handler = NULL;

    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "smart: cut an answer that was on its way: %s, "
                  "interaction \"%s\", client: %V",
                  base_reason_info(reason)->name,
                  ctx->verdict.interaction ? ctx->verdict.interaction : "",
                  &r->connection->addr_text);

    log->handler = handler;
}


void
ngx_http_smart_log_ignored(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    ngx_log_t                 *log;
    ngx_str_t                  type;
    ngx_log_handler_pt         handler;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    type = ngx_http_smart_str(ctx->verdict.type);

    log = r->connection->log;
    handler = log->handler;
    log->handler = NULL;

    ngx_log_error(NGX_LOG_WARN, log, 0,
                  "smart: narrowing_ignored: the FHIR server of location "
                  "\"%V\" answers searches of %V with what the narrowing "
                  "excludes; it is taken out, and no total is shown until the "
                  "next reload (L6)", &clcf->name, &type);

    log->handler = handler;
}


void
ngx_http_smart_log_spill(ngx_http_request_t *r)
{
    ngx_log_t           *log;
    ngx_log_handler_pt   handler;

    log = r->connection->log;
    handler = log->handler;
    log->handler = NULL;

    ngx_log_error(NGX_LOG_INFO, log, 0,
                  "smart: what waits to be judged is buffered to a temporary "
                  "file (smart_response_buffer), client: %V",
                  &r->connection->addr_text);

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

    if (missing->operation.p) {
        base_writer_init(&w, buf, size);
        (void) smart_explain_entry(missing, &w);
        (void) base_writer_done(&w, &text);

    } else if (missing->letter && missing->type.p) {
        base_writer_init(&w, buf, size);
        smart_scope_write(&w, missing->context, missing->type, missing->letter);
        (void) base_writer_done(&w, &text);
    }

    return ngx_http_smart_str(text);
}


/* Which scopes were considered, without their constraints, and why each did not do. */

static ngx_str_t
ngx_http_smart_log_scopes(ngx_http_smart_ctx_t *ctx, u_char *buf, size_t size)
{
    base_span_t            text;
    base_writer_t          w;
    const smart_grants_t  *grants;

    text = base_span_make(buf, 0);
    grants = smart_judge_grants(&ctx->judge);

    if (grants && ctx->verdict.missing.letter) {
        base_writer_init(&w, buf, size);
        smart_explain_scopes(grants, &ctx->verdict, 6, &w);
        (void) base_writer_done(&w, &text);
    }

    return ngx_http_smart_str(text);
}
