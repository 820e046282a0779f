#include "ngx_http_smart_headers.h"


static ngx_int_t ngx_http_smart_headers_copy(ngx_http_request_t *r,
    ngx_list_t *list, ngx_http_smart_drop_pt drop, void *data);
static ngx_int_t ngx_http_smart_headers_push(ngx_http_request_t *r,
    ngx_list_t *list, ngx_http_smart_header_t *header);
static ngx_table_elt_t **ngx_http_smart_headers_typed(ngx_http_request_t *r,
    ngx_table_elt_t *h);


u_char
ngx_http_smart_fold_char(u_char c)
{
    u_char  lower;

    lower = (u_char) (c | 0x20);

    if (lower >= 'a' && lower <= 'z') {
        return lower;
    }

    return (c >= '0' && c <= '9') ? c : '-';
}


void
ngx_http_smart_fold(ngx_str_t *name, ngx_http_smart_folded_t *folded)
{
    size_t  i, n;

    n = ngx_min(name->len, NGX_HTTP_SMART_NAME_MAX);

    folded->odd = 0;

    for (i = 0; i < n; i++) {
        folded->data[i] = ngx_http_smart_fold_char(name->data[i]);
        folded->odd |= folded->data[i] == '-' && name->data[i] != '-';
    }

    folded->data[n] = '\0';
    folded->len = name->len;
}


ngx_uint_t
ngx_http_smart_folded_is(ngx_http_smart_folded_t *folded, const char *text,
    size_t len)
{
    return folded->len == len && len <= NGX_HTTP_SMART_NAME_MAX
           && ngx_memcmp(folded->data, text, len) == 0;
}


ngx_uint_t
ngx_http_smart_headers_any(ngx_http_request_t *r, ngx_http_smart_drop_pt drop,
    void *data)
{
    ngx_uint_t                i;
    ngx_list_part_t          *part;
    ngx_table_elt_t          *h;
    ngx_http_smart_folded_t   folded;

    ngx_http_smart_each(&r->headers_in.headers, part, i, h) {
        ngx_http_smart_fold(&h[i].key, &folded);

        if (drop(&folded, data)) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_smart_headers_edit(ngx_http_request_t *r, ngx_http_smart_drop_pt drop,
    void *data, ngx_array_t *add)
{
    ngx_uint_t                i;
    ngx_list_t                list;
    ngx_http_smart_header_t  *header;

    if (ngx_list_init(&list, r->pool, 20, sizeof(ngx_table_elt_t)) != NGX_OK
        || ngx_http_smart_headers_copy(r, &list, drop, data) != NGX_OK)
    {
        return NGX_ERROR;
    }

    header = add ? add->elts : NULL;

    for (i = 0; add && i < add->nelts; i++) {
        if (header[i].value.data
            && ngx_http_smart_headers_push(r, &list, &header[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    r->headers_in.headers = list;

    /* ngx_list_init points into the list itself */

    if (r->headers_in.headers.last == &list.part) {
        r->headers_in.headers.last = &r->headers_in.headers.part;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_smart_headers_copy(ngx_http_request_t *r, ngx_list_t *list,
    ngx_http_smart_drop_pt drop, void *data)
{
    ngx_uint_t                i;
    ngx_list_part_t          *part;
    ngx_table_elt_t          *h, *copy, **typed;
    ngx_http_smart_folded_t   folded;

    ngx_http_smart_each(&r->headers_in.headers, part, i, h) {
        ngx_http_smart_fold(&h[i].key, &folded);

        if (drop(&folded, data)) {
            typed = ngx_http_smart_headers_typed(r, &h[i]);

            /*
             * All headers of that name go: so does the chain. nginx's own
             * gzip, which works behind us, may know what the client decodes;
             * the upstream gets what is in the list.
             */

            if (typed && !ngx_http_smart_folded_is(&folded, "accept-encoding",
                                                   15))
            {
                *typed = NULL;
            }

            continue;
        }

        /*
         * typed pointers to what stays keep pointing to the old element, which
         * lives as long as the request
         */

        copy = ngx_list_push(list);
        if (copy == NULL) {
            return NGX_ERROR;
        }

        *copy = h[i];
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_smart_headers_push(ngx_http_request_t *r, ngx_list_t *list,
    ngx_http_smart_header_t *header)
{
    ngx_table_elt_t  *h, **typed;

    h = ngx_list_push(list);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->key = header->name;
    h->value = header->value;

    /* proxy_set_header's overrides are looked up by these */

    h->lowcase_key = ngx_pnalloc(r->pool, h->key.len);
    if (h->lowcase_key == NULL) {
        return NGX_ERROR;
    }

    h->hash = ngx_hash_strlow(h->lowcase_key, h->key.data, h->key.len);

    typed = ngx_http_smart_headers_typed(r, h);

    if (typed) {
        *typed = h;
    }

    return NGX_OK;
}


/*
 * The pointer of headers_in for headers of that name, NULL for none. Before
 * 1.23 Cookie and X-Forwarded-For are arrays: nobody here drops or adds them.
 */

static ngx_table_elt_t **
ngx_http_smart_headers_typed(ngx_http_request_t *r, ngx_table_elt_t *h)
{
    ngx_http_header_t          *hh;
    ngx_http_core_main_conf_t  *cmcf;

#if !(NGX_HTTP_SMART_LINKED)
    if ((h->key.len == 6 && ngx_strncmp(h->lowcase_key, "cookie", 6) == 0)
        || (h->key.len == 15
            && ngx_strncmp(h->lowcase_key, "x-forwarded-for", 15) == 0))
    {
        return NULL;
    }
#endif

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    hh = ngx_hash_find(&cmcf->headers_in_hash, h->hash, h->lowcase_key,
                       h->key.len);

    if (hh == NULL || hh->offset == 0) {
        return NULL;
    }

    return (ngx_table_elt_t **) ((char *) &r->headers_in + hh->offset);
}


ngx_uint_t
ngx_http_smart_headers_values(ngx_http_request_t *r, const char *name,
    size_t len, base_span_t *values, ngx_uint_t n)
{
    ngx_uint_t        i, found;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    found = 0;

    ngx_http_smart_each(&r->headers_in.headers, part, i, h) {
        if (h[i].key.len != len
            || ngx_strncasecmp(h[i].key.data, (u_char *) name, len) != 0)
        {
            continue;
        }

        if (found < n) {
            values[found] = ngx_http_smart_span(&h[i].value);
        }

        found++;
    }

    return found;
}


base_span_t
ngx_http_smart_headers_value(ngx_http_request_t *r, const char *name,
    size_t len)
{
    u_char       *p;
    size_t        size;
    ngx_uint_t    i, n;
    base_span_t   one, joined, *values;

    one.p = NULL;
    one.n = 0;

    n = ngx_http_smart_headers_values(r, name, len, &one, 1);

    if (n < 2) {
        return one;
    }

    values = ngx_palloc(r->pool, n * sizeof(base_span_t));
    if (values == NULL) {
        return one;
    }

    (void) ngx_http_smart_headers_values(r, name, len, values, n);

    /*
     * RFC 9110 section 5.3: repeated fields are one list, and all of it is
     * sent
     */

    for (size = 0, i = 0; i < n; i++) {
        size += values[i].n + 2;
    }

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return one;
    }

    joined.p = p;

    for (i = 0; i < n; i++) {
        if (i) {
            *p++ = ',';
            *p++ = ' ';
        }

        p = ngx_cpymem(p, values[i].p, values[i].n);
    }

    joined.n = (size_t) (p - joined.p);

    return joined;
}


ngx_int_t
ngx_http_smart_headers_say(ngx_http_request_t *r, const char *name,
    base_span_t value, ngx_table_elt_t **typed)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = ngx_http_smart_str(value);

    if (typed) {
        *typed = h;
    }

    return NGX_OK;
}
