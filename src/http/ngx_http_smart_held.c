/*
 * The file is written and read as nginx does with bodies: it blocks on the
 * disk, that is, hardly ever (nginx-mechanisms 5).
 */

#include "ngx_http_smart.h"
#include "ngx_http_smart_held.h"


#define NGX_HTTP_SMART_HELD_MIN  16384


static ngx_int_t ngx_http_smart_held_room(ngx_http_smart_held_t *held,
    size_t n);
static ngx_int_t ngx_http_smart_held_spill(ngx_http_smart_held_t *held,
    u_char *p, size_t n);
static ngx_int_t ngx_http_smart_held_open(ngx_http_smart_held_t *held);


void
ngx_http_smart_held_init(ngx_http_smart_held_t *held, ngx_http_request_t *r,
    off_t expected)
{
    ngx_http_smart_loc_conf_t  *slcf;

    slcf = ngx_http_smart_find(r)->conf;

    ngx_memzero(held, sizeof(ngx_http_smart_held_t));

    held->request = r;
    held->memory = ngx_min(slcf->response_buffer, slcf->response_max);
    held->max = (off_t) slcf->response_max;
    held->expected = expected;
}


off_t
ngx_http_smart_held_n(ngx_http_smart_held_t *held)
{
    return held->file_last - held->file_pos + (held->last - held->pos);
}


ngx_int_t
ngx_http_smart_held_add(ngx_http_smart_held_t *held, u_char *p, size_t n)
{
    size_t  lying;

    if ((off_t) n > held->max - ngx_http_smart_held_n(held)) {
        return NGX_DECLINED;
    }

    lying = (size_t) (held->last - held->pos);

    if (n > held->memory - lying) {

        if (ngx_http_smart_held_spill(held, held->pos, lying) != NGX_OK) {
            return NGX_ERROR;
        }

        held->pos = held->start;
        held->last = held->start;

        if (n > held->memory) {
            return ngx_http_smart_held_spill(held, p, n);
        }
    }

    if (ngx_http_smart_held_room(held, n) != NGX_OK) {
        return NGX_ERROR;
    }

    held->last = ngx_cpymem(held->last, p, n);

    return NGX_OK;
}


/* Room for `n` more behind what lies in memory. */

static ngx_int_t
ngx_http_smart_held_room(ngx_http_smart_held_t *held, size_t n)
{
    u_char  *p;
    size_t   lying, size;

    if ((size_t) (held->end - held->last) >= n) {
        return NGX_OK;
    }

    lying = (size_t) (held->last - held->pos);
    size = (size_t) (held->end - held->start);

    /* half of it is free in front: moving costs less than what was taken */

    if (lying + n <= size && lying <= size / 2) {
        ngx_memmove(held->start, held->pos, lying);
        held->pos = held->start;
        held->last = held->start + lying;
        return NGX_OK;
    }

    size = ngx_max(size * 2, NGX_HTTP_SMART_HELD_MIN);

    if (held->start == NULL && held->expected >= 0) {
        size = (size_t) ngx_min(ngx_max(held->expected, 1),
                                (off_t) held->memory);
    }

    size = ngx_min(ngx_max(size, lying + n), held->memory);

    p = ngx_palloc(held->request->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (held->start) {
        if (lying) {
            ngx_memcpy(p, held->pos, lying);
        }

        (void) ngx_pfree(held->request->pool, held->start);
    }

    held->start = p;
    held->pos = p;
    held->last = p + lying;
    held->end = p + size;

    return NGX_OK;
}


static ngx_int_t
ngx_http_smart_held_spill(ngx_http_smart_held_t *held, u_char *p, size_t n)
{
    ssize_t  written;

    if (n == 0) {
        return NGX_OK;
    }

    if (held->file == NULL && ngx_http_smart_held_open(held) != NGX_OK) {
        return NGX_ERROR;
    }

    if (held->file_pos == held->file_last) {
        held->file_pos = 0;
        held->file_last = 0;
    }

    written = ngx_write_file(&held->file->file, p, n, held->file_last);

    if (written != (ssize_t) n) {
        return NGX_ERROR;
    }

    held->file_last += (off_t) n;

    return NGX_OK;
}


/* Its name is gone before there is anything in it: nginx sees to that. */

static ngx_int_t
ngx_http_smart_held_open(ngx_http_smart_held_t *held)
{
    ngx_temp_file_t           *tf;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = held->request;

    tf = ngx_pcalloc(r->pool, sizeof(ngx_temp_file_t));
    if (tf == NULL) {
        return NGX_ERROR;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    tf->file.fd = NGX_INVALID_FILE;
    tf->file.log = r->connection->log;
    tf->path = r->upstream && r->upstream->conf->temp_path
               ? r->upstream->conf->temp_path : clcf->client_body_temp_path;
    tf->pool = r->pool;

    if (ngx_create_temp_file(&tf->file, tf->path, tf->pool, 0, 0, 0) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_smart_log_spill(r);

    held->file = tf;

    return NGX_OK;
}


ngx_int_t
ngx_http_smart_held_take(ngx_http_smart_held_t *held, u_char *to, size_t n)
{
    size_t   filed;
    ssize_t  got;

    filed = (size_t) ngx_min((off_t) n, held->file_last - held->file_pos);

    while (filed) {
        got = ngx_read_file(&held->file->file, to, filed, held->file_pos);

        if (got <= 0) {
            return NGX_ERROR;
        }

        to += got;
        n -= (size_t) got;
        filed -= (size_t) got;
        held->file_pos += got;
    }

    if (n) {
        ngx_memcpy(to, held->pos, n);
        held->pos += n;
    }

    return NGX_OK;
}


void
ngx_http_smart_held_drop(ngx_http_smart_held_t *held, off_t n)
{
    off_t  filed;

    filed = ngx_min(n, held->file_last - held->file_pos);

    held->file_pos += filed;
    held->pos += n - filed;
}


ngx_str_t
ngx_http_smart_held_lend(ngx_http_smart_held_t *held, off_t n)
{
    ngx_str_t  lent;

    ngx_str_null(&lent);

    if (held->file_pos == held->file_last) {
        lent.data = held->pos;
        lent.len = (size_t) ngx_min(n, (off_t) (held->last - held->pos));
        held->pos += lent.len;
    }

    return lent;
}
