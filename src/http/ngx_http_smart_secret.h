/*
 * A secret in a file: read at start by whoever starts nginx, read again by workers when it changes.
 */

#ifndef _NGX_HTTP_SMART_SECRET_H_INCLUDED_
#define _NGX_HTTP_SMART_SECRET_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    ngx_str_t         path;           /* full, NUL-terminated */
    ngx_str_t         text;
    ngx_uint_t        plain;          /* one line of visible characters; line ends at its end are taken off */
    const char     *(*fault)(ngx_str_t *text, void *data);  /* what else is wrong with it; NULL: nothing can be */
    void             *data;

    ngx_file_uniq_t   uniq;
    uint64_t          mtime;          /* ngx_http_smart_file_time()'s */
    off_t             size;
    time_t            looked;
    u_char           *own;            /* what to free */
    unsigned          bad:1;          /* said in the log */
} ngx_http_smart_secret_t;


/* With path, plain, fault and data set. NULL, or what is wrong with it: a constant to be put behind its name. */
const char *ngx_http_smart_secret_read(ngx_pool_t *pool,
    ngx_http_smart_secret_t *secret);

/*
 * Its text now; looks at the file once a second at most. A file that cannot be read, or is not what it should be, leaves the text as it was and
 * is said in the log once.
 */
ngx_str_t *ngx_http_smart_secret_get(ngx_http_smart_secret_t *secret,
    ngx_log_t *log);

/* Frees what was read again; then there is none. */
void ngx_http_smart_secret_exit(ngx_http_smart_secret_t *secret);


#endif /* _NGX_HTTP_SMART_SECRET_H_INCLUDED_ */
