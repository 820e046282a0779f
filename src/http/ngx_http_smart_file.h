/*
 * Files that are read when nginx starts and again, by workers, when they change: key sets, secrets, certificates, revocation lists.
 *
 * Whatever is found under a name, a worker never waits for it: a pipe, a device or a directory is not read, even where one was put in a file's place.
 */

#ifndef _NGX_HTTP_SMART_FILE_H_INCLUDED_
#define _NGX_HTTP_SMART_FILE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * When a file was changed, in nanoseconds where the system says so: one of the same size can follow within the same second.
 */
#if (NGX_LINUX)
#define ngx_http_smart_file_time(info)                                        \
    ((uint64_t) (info)->st_mtim.tv_sec * 1000000000                           \
     + (uint64_t) (info)->st_mtim.tv_nsec)
#else
#define ngx_http_smart_file_time(info)  ((uint64_t) ngx_file_mtime(info))
#endif


/*
 * Opens a regular file for reading, by way of links unless O_NOFOLLOW is in `flags`. `info` is of what was opened. NGX_DECLINED: it cannot be opened (ngx_errno);
 * NGX_ERROR: it is something else than a regular file.
 */
ngx_int_t ngx_http_smart_file_open(ngx_str_t *name, int flags, ngx_fd_t *fd,
    ngx_file_info_t *info);

/* Its bytes, NUL-terminated behind len; the file is closed. NGX_ERROR: it cannot be read or is larger than `max`. */
ngx_int_t ngx_http_smart_file_take(ngx_pool_t *pool, ngx_fd_t fd, size_t max,
    ngx_str_t *text);

/* Both, by way of links. */
ngx_int_t ngx_http_smart_file_read(ngx_pool_t *pool, ngx_str_t *name,
    size_t max, ngx_str_t *text);


#endif /* _NGX_HTTP_SMART_FILE_H_INCLUDED_ */
