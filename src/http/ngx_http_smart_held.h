/*
 * Bytes of an answer that nobody has decided about yet: first in memory, then
 * in a temporary file that has no name (DESIGN "Bounds"). First in, first out.
 */

#ifndef _NGX_HTTP_SMART_HELD_H_INCLUDED_
#define _NGX_HTTP_SMART_HELD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


typedef struct {
    ngx_http_request_t         *request;
    size_t                      memory;      /* at most so many in memory */
    off_t                       max;         /* ... and so many altogether */
    off_t                       expected;    /* of the whole answer, or -1 */

    u_char                     *start;
    u_char                     *pos;         /* in memory: the newest */
    u_char                     *last;
    u_char                     *end;

    ngx_temp_file_t            *file;
    off_t                       file_pos;    /* in the file: the oldest */
    off_t                       file_last;
} ngx_http_smart_held_t;


/* `expected`: the length that the answer says, -1 for none */
void ngx_http_smart_held_init(ngx_http_smart_held_t *held,
    ngx_http_request_t *r, off_t expected);

/* NGX_DECLINED: too many; NGX_ERROR: no memory, or no file */
ngx_int_t ngx_http_smart_held_add(ngx_http_smart_held_t *held, u_char *p,
    size_t n);

off_t ngx_http_smart_held_n(ngx_http_smart_held_t *held);

/*
 * Takes the oldest `n` bytes, of which so many are held, to `to`, or throws
 * them away. NGX_ERROR: the file cannot be read
 */
ngx_int_t ngx_http_smart_held_take(ngx_http_smart_held_t *held, u_char *to,
    size_t n);
void ngx_http_smart_held_drop(ngx_http_smart_held_t *held, off_t n);

/*
 * The oldest bytes as they lie in memory, at most `n`, and they are taken:
 * they stay as they are if nothing is added any more. Empty: they are in the
 * file
 */
ngx_str_t ngx_http_smart_held_lend(ngx_http_smart_held_t *held, off_t n);


#endif /* _NGX_HTTP_SMART_HELD_H_INCLUDED_ */
