#include "ngx_http_smart_file.h"


/* What was opened is looked at, not what the name led to a moment before; and opening a pipe for which there is no writer would wait for one. */

ngx_int_t
ngx_http_smart_file_open(ngx_str_t *name, int flags, ngx_fd_t *fd,
    ngx_file_info_t *info)
{
    *fd = open((char *) name->data,
               O_RDONLY|O_NONBLOCK|O_NOCTTY|O_CLOEXEC|flags);

    if (*fd == NGX_INVALID_FILE) {
        return NGX_DECLINED;
    }

    if (ngx_fd_info(*fd, info) == NGX_FILE_ERROR || !ngx_is_file(info)) {
        (void) ngx_close_file(*fd);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_smart_file_take(ngx_pool_t *pool, ngx_fd_t fd, size_t max,
    ngx_str_t *text)
{
    ssize_t  n;

    n = -1;
    text->data = ngx_pnalloc(pool, max + 1);

    if (text->data) {
        n = ngx_read_fd(fd, text->data, max + 1);
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      ngx_close_file_n " failed");
    }

    if (n < 0 || (size_t) n > max) {
        return NGX_ERROR;
    }

    text->len = (size_t) n;
    text->data[n] = '\0';

    return NGX_OK;
}


ngx_int_t
ngx_http_smart_file_read(ngx_pool_t *pool, ngx_str_t *name, size_t max,
    ngx_str_t *text)
{
    ngx_fd_t          fd;
    ngx_int_t         rc;
    ngx_file_info_t   info;

    rc = ngx_http_smart_file_open(name, 0, &fd, &info);

    return rc == NGX_OK ? ngx_http_smart_file_take(pool, fd, max, text) : rc;
}
