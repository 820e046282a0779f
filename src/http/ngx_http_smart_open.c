/*
 * Where nothing is enforced: dry run, which judges and records (RULES L18), and
 * bypass. The request and its answer pass unchanged, but for the headers that
 * are ours. Never once another location has enforced: verdicts are sticky.
 */

#include "ngx_http_smart_headers.h"


/*
 * To be called before every new judgement. An error that led here from before
 * our phase (error_page 413 = /dry$uri) may come out of a location that
 * enforces, where nobody has judged it yet: it is judged here.
 */

void
ngx_http_smart_open_begin(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    ngx_http_smart_loc_conf_t *slcf)
{
    ngx_http_smart_srv_conf_t  *sscf;

    sscf = ngx_http_get_module_srv_conf(r, ngx_http_smart_module);

    ctx->bypassed = 0;
    ctx->counts = 0;
    ctx->would = BASE_OK;

    if (ctx->state == NGX_HTTP_SMART_START && r->internal && r == r->main
        && sscf->enforcing
        && (r->error_page || r->err_status || sscf->recursive))
    {
        ctx->enforced = 1;
    }

    if (!ctx->enforced && slcf->bypass) {
        ctx->bypassed = ngx_http_test_predicates(r, slcf->bypass) != NGX_OK;
    }

    ctx->open = !ctx->enforced && (ctx->bypassed || slcf->dry_run);

    if (!ctx->open) {
        ctx->enforced = 1;
    }

    if (ctx->bypassed) {
        ngx_memzero(&ctx->judge, sizeof(smart_judge_t));
        ctx->conf = slcf;
    }
}


/* `reason`: why it would have been refused. */

ngx_int_t
ngx_http_smart_open_pass(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    base_reason_t reason)
{
    ctx->would = reason;
    ctx->state = NGX_HTTP_SMART_PASSED;

    if (!ctx->bypassed) {
        if (smart_judge_verdict(&ctx->judge)->rule) {
            ctx->verdict = *smart_judge_verdict(&ctx->judge);
        }

        if (ctx->verdict.reason != reason) {
            ctx->verdict.rule = smart_verdict_rule(reason);
        }
    }

    if (reason != BASE_OK) {
        ngx_http_smart_log_denial(r, ctx, reason);
    }

    return ngx_http_smart_headers_open(r, ctx) == NGX_OK ? NGX_DECLINED
                                                         : NGX_ERROR;
}


/* smart_bypass $variable ... */

char *
ngx_http_smart_bypass_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t   *value, *v;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        v = ngx_http_smart_client_variable(&value[i]);

        if (v) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"smart_bypass\" must not be \"$%V\", which "
                               "the client chooses: whoever sends it would "
                               "read everything; use a \"map\" or \"geo\" of "
                               "what the client proved", v);
            return NGX_CONF_ERROR;
        }

        if (value[i].len < 2 || value[i].data[0] != '$') {
            return "takes variables";
        }
    }

    ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                       "\"smart_bypass\": requests for which one of its "
                       "variables is set are not checked at all");

    return ngx_http_set_predicate_slot(cf, cmd, conf);
}
