#include "ngx_http_smart_scope_map.h"

#include "smart/smart_scope.h"


static char *ngx_http_smart_scope_map_scopes(ngx_conf_t *cf,
    smart_scope_map_t *row);
static ngx_uint_t ngx_http_smart_scope_map_again(smart_claim_map_t *map,
    smart_scope_map_t *row);


char *
ngx_http_smart_scope_map_set(ngx_conf_t *cf, ngx_http_smart_issuer_t *issuer)
{
    char               *rv;
    size_t              i;
    ngx_str_t          *value;
    smart_claim_map_t  *map;
    smart_scope_map_t  *rows, *row;

    value = cf->args->elts;
    map = &issuer->map;

    rows = ngx_pcalloc(cf->pool,
                       (map->scope_map_n + 1) * sizeof(smart_scope_map_t));
    if (rows == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < map->scope_map_n; i++) {
        rows[i] = map->scope_map[i];
    }

    row = &rows[i];
    row->client = ngx_strncmp(value[1].data, "client_id=", 10) == 0;
    row->value = row->client
                 ? base_span_make(value[1].data + 10, value[1].len - 10)
                 : base_span_make(value[1].data, value[1].len);

    if (row->value.n == 0 || ngx_strchr(row->value.p, ' ')) {
        return "needs a value without spaces, or client_id=<id>";
    }

    if (ngx_http_smart_scope_map_again(map, row)) {
        return "is given twice for one value";
    }

    rv = ngx_http_smart_scope_map_scopes(cf, row);

    if (rv == NGX_CONF_OK) {
        map->scope_map = rows;
        map->scope_map_n++;
    }

    return rv;
}


static ngx_uint_t
ngx_http_smart_scope_map_again(smart_claim_map_t *map, smart_scope_map_t *row)
{
    size_t  i;

    for (i = 0; i < map->scope_map_n; i++) {
        if (map->scope_map[i].client == row->client
            && base_span_eq(map->scope_map[i].value, row->value))
        {
            return 1;
        }
    }

    return 0;
}


/* Here, unlike in a token, what grants nothing is a mistake. */

static char *
ngx_http_smart_scope_map_scopes(ngx_conf_t *cf, smart_scope_map_t *row)
{
    ngx_str_t      *value;
    ngx_uint_t      i;
    base_span_t    *scopes;
    smart_scope_t   scope;

    value = cf->args->elts;

    row->scope_n = cf->args->nelts - 2;
    scopes = ngx_palloc(cf->pool, row->scope_n * sizeof(base_span_t));

    if (scopes == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < row->scope_n; i++) {
        scopes[i] = base_span_make(value[i + 2].data, value[i + 2].len);
        smart_scope_parse(scopes[i], &scope);

        if (scope.state != SMART_SCOPE_GOOD) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" in \"scope_map\" %s", &value[i + 2],
                               smart_scope_state_text(scope.state));
            return NGX_CONF_ERROR;
        }
    }

    row->scope = scopes;

    return NGX_CONF_OK;
}
