/*
 * Variables: what the record of the request says. None is cacheable, since a
 * verdict may come after the first look.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "oauth/oauth_bearer.h"
#include "smart/smart_context.h"
#include "ngx_http_smart_headers.h"


typedef base_span_t (*ngx_http_smart_fact_pt)(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, const smart_claims_t *claims);


static ngx_int_t ngx_http_smart_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_smart_claim_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_smart_item_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


/*
 * Of a subrequest that nobody judged: what is known of the request it belongs
 * to.
 */

static ngx_http_smart_ctx_t *
ngx_http_smart_variable_ctx(ngx_http_request_t *r)
{
    ngx_http_smart_ctx_t  *ctx;

    for ( ; r; r = r->parent) {
        ctx = ngx_http_smart_find(r);

        if (ctx) {
            return ctx;
        }
    }

    return NULL;
}


static base_span_t
ngx_http_smart_fact_status(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    const smart_claims_t *claims)
{
    if (ctx == NULL) {
        return BASE_SPAN("OFF");
    }

    if (ctx->bypassed) {
        return BASE_SPAN("BYPASS");
    }

    if (ctx->reason != BASE_OK) {
        return BASE_SPAN("DENIED");
    }

    if (ctx->open && ctx->would != BASE_OK) {
        return BASE_SPAN("DENIED_DRY_RUN");
    }

    if (ctx->state == NGX_HTTP_SMART_PASSED) {
        return BASE_SPAN("PASSED");
    }

    return base_span_make(NULL, 0);
}


static base_span_t
ngx_http_smart_fact_reason(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    const smart_claims_t *claims)
{
    if (ctx && ctx->open && !ctx->bypassed
        && ctx->state == NGX_HTTP_SMART_PASSED)
    {
        return base_span_of(base_reason_info(ctx->would)->name);
    }

    if (ctx == NULL || (ctx->reason == BASE_OK && !ctx->judged)) {
        return base_span_make(NULL, 0);
    }

    return base_span_of(base_reason_info(ctx->reason)->name);
}


static base_span_t
ngx_http_smart_fact_rule(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    const smart_claims_t *claims)
{
    return base_span_of(ctx ? ctx->verdict.rule : NULL);
}


static base_span_t
ngx_http_smart_fact_interaction(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, const smart_claims_t *claims)
{
    return base_span_of(ctx ? ctx->verdict.interaction : NULL);
}


static base_span_t
ngx_http_smart_fact_resource_type(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, const smart_claims_t *claims)
{
    return ctx ? ctx->verdict.type : base_span_make(NULL, 0);
}


/* Entries that were taken out of the answer, or (L18) would have been; of a Bundle that is checked. */

static base_span_t
ngx_http_smart_fact_removed(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    const smart_claims_t *claims)
{
    u_char  *p;

    if (ctx == NULL || (ctx->stream == NULL && !ctx->counted)) {
        return base_span_make(NULL, 0);
    }

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return base_span_make(NULL, 0);
    }

    return base_span_make(p, (size_t) (ngx_sprintf(p, "%uL",
                                                   ctx->review.removed) - p));
}


/*
 * Before the judging phase (limit_req_zone keys, maps) three variables answer
 * from the token cache: known tokens only, so that nobody is asked for a
 * signature check there (CONFIG). The record does not exist yet, and none is
 * made.
 */

static const smart_principal_t *
ngx_http_smart_variable_known(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    ngx_uint_t                  n;
    base_span_t                 values[8], token;
    ngx_http_smart_identity_t   identity;
    ngx_http_smart_loc_conf_t  *slcf;

    if (ctx) {
        return ctx->identity.principal;
    }

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_smart_module);

    if (!slcf->enabled || slcf->issuers_n == 0 || r != r->main) {
        return NULL;
    }

    n = ngx_http_smart_headers_values(r, "authorization",
                                      sizeof("authorization") - 1, values, 8);

    if (oauth_bearer_parse(values, ngx_min(n, 8), slcf->max_token, &token)
        != BASE_OK
        || ngx_http_smart_token_known(r, slcf->issuers, slcf->issuers_n, token,
                                      &identity)
           != NGX_OK)
    {
        return NULL;
    }

    return identity.principal;
}


static base_span_t
ngx_http_smart_fact_issuer(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    const smart_claims_t *claims)
{
    const smart_principal_t  *principal;

    principal = ngx_http_smart_variable_known(r, ctx);

    return principal ? smart_principal_issuer(principal)
                     : base_span_make(NULL, 0);
}


static base_span_t
ngx_http_smart_fact_subject(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    const smart_claims_t *claims)
{
    const smart_principal_t  *principal;

    principal = ngx_http_smart_variable_known(r, ctx);

    return principal ? smart_principal_claims(principal)->subject
                     : base_span_make(NULL, 0);
}


static base_span_t
ngx_http_smart_fact_client_id(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    const smart_claims_t *claims)
{
    const smart_principal_t  *principal;

    principal = ngx_http_smart_variable_known(r, ctx);

    return principal ? smart_principal_claims(principal)->client_id
                     : base_span_make(NULL, 0);
}


static base_span_t
ngx_http_smart_fact_scope(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    const smart_claims_t *claims)
{
    return claims ? smart_principal_scope_text(ctx->identity.principal)
                  : base_span_make(NULL, 0);
}


static base_span_t
ngx_http_smart_fact_patient(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    const smart_claims_t *claims)
{
    base_span_t  ids[SMART_PATIENTS_MAX];

    /* several are not one: nothing is said rather than half of it */

    if (claims == NULL
        || smart_context_patients(claims, ctx->base, ids) != 1)
    {
        return base_span_make(NULL, 0);
    }

    return ids[0];
}


static base_span_t
ngx_http_smart_fact_encounter(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    const smart_claims_t *claims)
{
    return claims ? smart_context_encounter(claims, ctx->base)
                  : base_span_make(NULL, 0);
}


#define NGX_HTTP_SMART_CLAIM_FACT(field)                                      \
    static base_span_t                                                        \
    ngx_http_smart_fact_##field(ngx_http_request_t *r,                        \
        ngx_http_smart_ctx_t *ctx, const smart_claims_t *claims)              \
    {                                                                         \
        return claims ? claims->field : base_span_make(NULL, 0);              \
    }

NGX_HTTP_SMART_CLAIM_FACT(token_id)
NGX_HTTP_SMART_CLAIM_FACT(fhir_user)
NGX_HTTP_SMART_CLAIM_FACT(tenant)
NGX_HTTP_SMART_CLAIM_FACT(intent)

#undef NGX_HTTP_SMART_CLAIM_FACT


#define NGX_HTTP_SMART_VARIABLE(name)                                         \
    { ngx_string("smart_" #name), NULL, ngx_http_smart_variable,              \
      (uintptr_t) ngx_http_smart_fact_##name, NGX_HTTP_VAR_NOCACHEABLE, 0 }

static ngx_http_variable_t  ngx_http_smart_variables[] = {

    NGX_HTTP_SMART_VARIABLE(status),
    NGX_HTTP_SMART_VARIABLE(reason),
    NGX_HTTP_SMART_VARIABLE(rule),
    NGX_HTTP_SMART_VARIABLE(issuer),
    NGX_HTTP_SMART_VARIABLE(subject),
    NGX_HTTP_SMART_VARIABLE(client_id),
    NGX_HTTP_SMART_VARIABLE(scope),
    NGX_HTTP_SMART_VARIABLE(token_id),
    NGX_HTTP_SMART_VARIABLE(patient),
    NGX_HTTP_SMART_VARIABLE(encounter),
    NGX_HTTP_SMART_VARIABLE(fhir_user),
    NGX_HTTP_SMART_VARIABLE(tenant),
    NGX_HTTP_SMART_VARIABLE(intent),
    NGX_HTTP_SMART_VARIABLE(interaction),
    NGX_HTTP_SMART_VARIABLE(resource_type),
    NGX_HTTP_SMART_VARIABLE(removed),

    { ngx_string("smart_context_"), NULL, ngx_http_smart_item_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

    { ngx_string("smart_claim_"), NULL, ngx_http_smart_claim_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

      ngx_http_null_variable
};

#undef NGX_HTTP_SMART_VARIABLE


ngx_int_t
ngx_http_smart_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_smart_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_smart_variable_value(ngx_http_variable_value_t *v, base_span_t value)
{
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = value.p == NULL;
    v->data = (u_char *) value.p;
    v->len = (unsigned) (value.n & 0xfffffff);

    return NGX_OK;
}


static ngx_int_t
ngx_http_smart_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    const smart_claims_t    *claims;
    ngx_http_smart_ctx_t    *ctx;
    ngx_http_smart_fact_pt   fact;

    fact = (ngx_http_smart_fact_pt) data;
    ctx = ngx_http_smart_variable_ctx(r);

    claims = (ctx && ctx->identity.principal)
             ? smart_principal_claims(ctx->identity.principal) : NULL;

    return ngx_http_smart_variable_value(v, fact(r, ctx, claims));
}


/*
 * nginx lowers the names of variables: $smart_claim_tenantId asks for a claim
 * of that name in any case. Two of them are not one.
 */

static base_span_t
ngx_http_smart_claim(const smart_claims_t *claims, base_span_t name)
{
    size_t       i, j, n;
    base_span_t  value;

    value = smart_claims_extra(claims, name);

    if (value.p) {
        return value;
    }

    for (n = 0, i = 0; i < claims->extra_n; i++) {

        if (claims->extra[i].name.n != name.n) {
            continue;
        }

        for (j = 0; j < name.n; j++) {
            if (ngx_tolower(claims->extra[i].name.p[j]) != name.p[j]) {
                break;
            }
        }

        if (j == name.n) {
            value = claims->extra[i].value;
            n++;
        }
    }

    return n == 1 ? value : base_span_make(NULL, 0);
}


static ngx_int_t
ngx_http_smart_claim_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t              *name = (ngx_str_t *) data;
    base_span_t             claim, value;
    ngx_http_smart_ctx_t   *ctx;

    ctx = ngx_http_smart_variable_ctx(r);
    value = base_span_make(NULL, 0);

    if (ctx && ctx->identity.principal) {
        claim = base_span_sub(ngx_http_smart_span(name),
                              sizeof("smart_claim_") - 1, name->len);
        value = ngx_http_smart_claim(
                        smart_principal_claims(ctx->identity.principal), claim);
    }

    return ngx_http_smart_variable_value(v, value);
}


static ngx_int_t
ngx_http_smart_item_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                 *name = (ngx_str_t *) data;
    ngx_uint_t                 i;
    base_span_t                type, value;
    ngx_http_smart_ctx_t      *ctx;
    const fhir_definitions_t  *defs;

    ctx = ngx_http_smart_variable_ctx(r);
    value = base_span_make(NULL, 0);

    if (ctx == NULL || ctx->identity.principal == NULL) {
        return ngx_http_smart_variable_value(v, value);
    }

    type = base_span_sub(ngx_http_smart_span(name),
                         sizeof("smart_context_") - 1, name->len);
    defs = ctx->conf->policy->definitions;

    /* nginx lowers the names of variables */

    for (i = 0; i < defs->n_types; i++) {
        if (base_span_is_nocase(type, defs->types[i].name)) {
            value = smart_context_item(
                         smart_principal_claims(ctx->identity.principal),
                         ctx->base, base_span_of(defs->types[i].name));
            break;
        }
    }

    return ngx_http_smart_variable_value(v, value);
}
