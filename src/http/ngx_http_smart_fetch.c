#include "ngx_http_smart_fetch.h"

#include <ngx_event.h>

#include <openssl/err.h>

#include "ngx_http_smart_file.h"
#include "ngx_http_smart_multi.h"
#include "oauth/oauth_document.h"
#include "oauth/oauth_url.h"


/* Answers' header lines together; curl bounds a single one. */
#define NGX_HTTP_SMART_FETCH_HEADERS  65536


typedef struct {
    ngx_queue_t              queue;
    ngx_http_smart_fetch_t  *fetch;
    CURL                    *easy;
    struct curl_slist       *headers;
    u_char                  *body;
    size_t                   len;
    size_t                   size;
    size_t                   headers_len;
    ngx_event_t              failed;        /* posted: the transfer cannot go on */
    unsigned                 refused:1;     /* by the rule for addresses */
    unsigned                 too_large:1;
} ngx_http_smart_transfer_t;


static ngx_int_t ngx_http_smart_fetch_setup(
    ngx_http_smart_transfer_t *transfer);
static CURLcode ngx_http_smart_fetch_setup_request(
    ngx_http_smart_transfer_t *transfer);
static CURLcode ngx_http_smart_fetch_setup_egress(
    ngx_http_smart_transfer_t *transfer);
static CURLcode ngx_http_smart_fetch_setup_tls(
    ngx_http_smart_transfer_t *transfer);
static CURLcode ngx_http_smart_fetch_readable(ngx_str_t *name);
static ngx_int_t ngx_http_smart_fetch_header(
    ngx_http_smart_transfer_t *transfer, const char *name, const char *value);
static void ngx_http_smart_fetch_free(ngx_http_smart_transfer_t *transfer);

static void ngx_http_smart_fetch_failed(ngx_event_t *ev);
static void ngx_http_smart_fetch_stuck(void *data);
static void ngx_http_smart_fetch_done(void *data, CURLcode rc);
static void ngx_http_smart_fetch_result(ngx_http_smart_transfer_t *transfer);
static int64_t ngx_http_smart_fetch_age(CURL *easy);

static size_t ngx_http_smart_fetch_write(char *data, size_t size, size_t n,
    void *userdata);
static size_t ngx_http_smart_fetch_head(char *data, size_t size, size_t n,
    void *userdata);
static curl_socket_t ngx_http_smart_fetch_open(void *userdata,
    curlsocktype purpose, struct curl_sockaddr *address);
static int ngx_http_smart_fetch_again(void *userdata, char *address,
    char *local, int port, int local_port);
static ngx_uint_t ngx_http_smart_fetch_allowed(ngx_http_smart_fetch_t *fetch,
    const u_char *address, size_t n);


static ngx_queue_t  ngx_http_smart_transfers;


ngx_int_t
ngx_http_smart_fetch_init_process(ngx_cycle_t *cycle)
{
    ngx_queue_init(&ngx_http_smart_transfers);

    return ngx_http_smart_multi_init(cycle, ngx_http_smart_fetch_done,
                                     ngx_http_smart_fetch_stuck);
}


void
ngx_http_smart_fetch_exit_process(ngx_cycle_t *cycle)
{
    ngx_queue_t                *q;
    ngx_http_smart_transfer_t  *transfer;

    if (!ngx_http_smart_multi_ready()) {
        return;
    }

    while (!ngx_queue_empty(&ngx_http_smart_transfers)) {
        q = ngx_queue_head(&ngx_http_smart_transfers);
        transfer = ngx_queue_data(q, ngx_http_smart_transfer_t, queue);
        ngx_http_smart_fetch_free(transfer);
    }

    ngx_http_smart_multi_exit();
}


ngx_int_t
ngx_http_smart_fetch_start(ngx_http_smart_fetch_t *fetch)
{
    ngx_http_smart_transfer_t  *transfer;

    fetch->error = "it cannot be started";

    if (!ngx_http_smart_multi_ready()) {
        return NGX_ERROR;
    }

    transfer = ngx_calloc(sizeof(ngx_http_smart_transfer_t), fetch->log);
    if (transfer == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_insert_tail(&ngx_http_smart_transfers, &transfer->queue);

    transfer->fetch = fetch;
    transfer->failed.handler = ngx_http_smart_fetch_failed;
    transfer->failed.data = transfer;
    transfer->failed.log = fetch->log;

    fetch->transfer = transfer;
    fetch->status = 0;
    fetch->too_large = 0;
    fetch->body = NULL;
    fetch->len = 0;
    fetch->new_etag[0] = '\0';
    fetch->max_age = -1;

    if (ngx_http_smart_fetch_setup(transfer) != NGX_OK
        || ngx_http_smart_multi_add(transfer->easy) != NGX_OK)
    {
        ngx_http_smart_fetch_free(transfer);
        return NGX_ERROR;
    }

    fetch->error = NULL;

    return NGX_OK;
}


void
ngx_http_smart_fetch_cancel(ngx_http_smart_fetch_t *fetch)
{
    if (fetch->transfer) {
        ngx_http_smart_fetch_free(fetch->transfer);
    }
}


static ngx_int_t
ngx_http_smart_fetch_setup(ngx_http_smart_transfer_t *transfer)
{
    CURLcode                 rc;
    ngx_http_smart_fetch_t  *fetch;

    fetch = transfer->fetch;

    transfer->easy = curl_easy_init();
    if (transfer->easy == NULL) {
        ERR_clear_error();
        return NGX_ERROR;
    }

    if (ngx_http_smart_fetch_header(transfer, "Accept", fetch->accept)
        != NGX_OK
        || ngx_http_smart_fetch_header(transfer, "If-None-Match", fetch->etag)
           != NGX_OK
        || ngx_http_smart_fetch_header(transfer, "Authorization",
                                       fetch->authorization)
           != NGX_OK
        || ngx_http_smart_fetch_header(transfer, "Expect", "") != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_smart_fetch_setup_request(transfer);

    if (rc == CURLE_OK) {
        rc = ngx_http_smart_fetch_setup_egress(transfer);
    }

    if (rc == CURLE_OK) {
        rc = ngx_http_smart_fetch_setup_tls(transfer);
    }

    ERR_clear_error();

    if (rc != CURLE_OK) {
        fetch->error = curl_easy_strerror(rc);
        return NGX_ERROR;
    }

    return NGX_OK;
}


#define ngx_http_smart_fetch_set(rc, easy, option, value)                     \
    do {                                                                      \
        if (rc == CURLE_OK) {                                                 \
            rc = curl_easy_setopt(easy, option, value);                       \
        }                                                                     \
    } while (0)


static CURLcode
ngx_http_smart_fetch_setup_request(ngx_http_smart_transfer_t *transfer)
{
    CURL                    *easy;
    CURLcode                 rc;
    ngx_http_smart_fetch_t  *fetch;

    easy = transfer->easy;
    fetch = transfer->fetch;
    rc = CURLE_OK;

    ngx_http_smart_fetch_set(rc, easy, CURLOPT_URL, fetch->url);
    ngx_http_smart_fetch_set(rc, easy, CURLOPT_PRIVATE, transfer);
    ngx_http_smart_fetch_set(rc, easy, CURLOPT_HTTPHEADER, transfer->headers);
    ngx_http_smart_fetch_set(rc, easy, CURLOPT_USERAGENT,
                             "ngx_http_smart_module");
    ngx_http_smart_fetch_set(rc, easy, CURLOPT_HTTP_VERSION,
                             (long) CURL_HTTP_VERSION_1_1);

    ngx_http_smart_fetch_set(rc, easy, CURLOPT_WRITEFUNCTION,
                             ngx_http_smart_fetch_write);
    ngx_http_smart_fetch_set(rc, easy, CURLOPT_WRITEDATA, transfer);
    ngx_http_smart_fetch_set(rc, easy, CURLOPT_HEADERFUNCTION,
                             ngx_http_smart_fetch_head);
    ngx_http_smart_fetch_set(rc, easy, CURLOPT_HEADERDATA, transfer);

    if (fetch->form.data) {
        ngx_http_smart_fetch_set(rc, easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                 (curl_off_t) fetch->form.len);
        ngx_http_smart_fetch_set(rc, easy, CURLOPT_POSTFIELDS,
                                 fetch->form.data);
    }

    ngx_http_smart_fetch_set(rc, easy, CURLOPT_FOLLOWLOCATION, 0L);
    ngx_http_smart_fetch_set(rc, easy, CURLOPT_NETRC,
                             (long) CURL_NETRC_IGNORED);
    ngx_http_smart_fetch_set(rc, easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    ngx_http_smart_fetch_set(rc, easy, CURLOPT_MAXFILESIZE_LARGE,
                             (curl_off_t) fetch->max_size);

    ngx_http_smart_fetch_set(rc, easy, CURLOPT_TIMEOUT_MS,
                             (long) fetch->timeout);
    ngx_http_smart_fetch_set(rc, easy, CURLOPT_CONNECTTIMEOUT_MS,
                             (long) fetch->timeout);

    return rc;
}


static CURLcode
ngx_http_smart_fetch_setup_egress(ngx_http_smart_transfer_t *transfer)
{
    CURL                    *easy;
    CURLcode                 rc;
    ngx_http_smart_fetch_t  *fetch;

    easy = transfer->easy;
    fetch = transfer->fetch;
    rc = CURLE_OK;

    /* else a hung resolver blocks the worker: its thread would be joined */

    ngx_http_smart_fetch_set(rc, easy, CURLOPT_QUICK_EXIT, 1L);
    ngx_http_smart_fetch_set(rc, easy, CURLOPT_NOSIGNAL, 1L);

    ngx_http_smart_fetch_set(rc, easy, CURLOPT_PROTOCOLS_STR,
                             fetch->http ? "http" : "https");

    /* an empty string keeps the environment's proxies out */

    ngx_http_smart_fetch_set(rc, easy, CURLOPT_PROXY,
                             fetch->proxy ? fetch->proxy : "");
    ngx_http_smart_fetch_set(rc, easy, CURLOPT_NOPROXY, "");
    ngx_http_smart_fetch_set(rc, easy, CURLOPT_HTTPPROXYTUNNEL,
                             fetch->proxy ? 1L : 0L);
    ngx_http_smart_fetch_set(rc, easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);

    ngx_http_smart_fetch_set(rc, easy, CURLOPT_OPENSOCKETFUNCTION,
                             ngx_http_smart_fetch_open);
    ngx_http_smart_fetch_set(rc, easy, CURLOPT_OPENSOCKETDATA, transfer);

    /* a connection that is used again may be another issuer's, opened under another rule */

    ngx_http_smart_fetch_set(rc, easy, CURLOPT_PREREQFUNCTION,
                             ngx_http_smart_fetch_again);
    ngx_http_smart_fetch_set(rc, easy, CURLOPT_PREREQDATA, transfer);

    ngx_http_smart_fetch_set(rc, easy, CURLOPT_FRESH_CONNECT,
                             fetch->reuse ? 0L : 1L);
    ngx_http_smart_fetch_set(rc, easy, CURLOPT_FORBID_REUSE,
                             fetch->reuse ? 0L : 1L);

    return rc;
}


static CURLcode
ngx_http_smart_fetch_setup_tls(ngx_http_smart_transfer_t *transfer)
{
    CURL                    *easy;
    CURLcode                 rc;
    struct curl_blob         blob;
    ngx_http_smart_fetch_t  *fetch;

    easy = transfer->easy;
    fetch = transfer->fetch;
    rc = CURLE_OK;

    ngx_http_smart_fetch_set(rc, easy, CURLOPT_SSL_VERIFYPEER, 1L);
    ngx_http_smart_fetch_set(rc, easy, CURLOPT_SSL_VERIFYHOST, 2L);
    ngx_http_smart_fetch_set(rc, easy, CURLOPT_SSLVERSION,
                             (long) CURL_SSLVERSION_TLSv1_2);

    if (fetch->trusted) {
        blob.data = fetch->trusted->data;
        blob.len = fetch->trusted->len;
        blob.flags = CURL_BLOB_COPY;

        /* these roots instead of the system's, not beside them */

        ngx_http_smart_fetch_set(rc, easy, CURLOPT_CAPATH, NULL);
        ngx_http_smart_fetch_set(rc, easy, CURLOPT_CAINFO, NULL);
        ngx_http_smart_fetch_set(rc, easy, CURLOPT_CAINFO_BLOB, &blob);
    }

    if (fetch->crl) {
        ngx_http_smart_fetch_set(rc, easy, CURLOPT_CRLFILE, fetch->crl->data);
    }

    if (rc == CURLE_OK && fetch->crl) {
        rc = ngx_http_smart_fetch_readable(fetch->crl);
    }

    return rc;
}


/* OpenSSL opens it by itself for each connection, and would wait for who writes into a pipe. */

static CURLcode
ngx_http_smart_fetch_readable(ngx_str_t *name)
{
    ngx_fd_t          fd;
    ngx_file_info_t   info;

    if (ngx_http_smart_file_open(name, 0, &fd, &info) != NGX_OK) {
        return CURLE_SSL_CRL_BADFILE;
    }

    (void) ngx_close_file(fd);

    return CURLE_OK;
}


static ngx_int_t
ngx_http_smart_fetch_header(ngx_http_smart_transfer_t *transfer,
    const char *name, const char *value)
{
    u_char             *line, *last;
    size_t              size;
    struct curl_slist  *headers;

    if (value == NULL) {
        return NGX_OK;
    }

    size = ngx_strlen(name) + ngx_strlen(value) + sizeof(": ");

    line = ngx_alloc(size, transfer->fetch->log);
    if (line == NULL) {
        return NGX_ERROR;
    }

    /* to curl, a name with a colon and nothing else is a header that is not to be sent */

    last = ngx_snprintf(line, size - 1, *value ? "%s: %s" : "%s:%s", name,
                        value);
    *last = '\0';

    headers = curl_slist_append(transfer->headers, (char *) line);

    ngx_explicit_memzero(line, size);
    ngx_free(line);

    if (headers == NULL) {
        return NGX_ERROR;
    }

    transfer->headers = headers;

    return NGX_OK;
}


static void
ngx_http_smart_fetch_free(ngx_http_smart_transfer_t *transfer)
{
    transfer->fetch->transfer = NULL;

    if (transfer->easy) {
        ngx_http_smart_multi_remove(transfer->easy);
        curl_easy_cleanup(transfer->easy);
        ERR_clear_error();
    }

    curl_slist_free_all(transfer->headers);

    if (transfer->failed.posted) {
        ngx_delete_posted_event(&transfer->failed);
    }

    if (transfer->body) {
        ngx_free(transfer->body);
    }

    ngx_queue_remove(&transfer->queue);
    ngx_free(transfer);
}


/* From inside a callback of curl's: nothing may be removed here. */

static void
ngx_http_smart_fetch_stuck(void *data)
{
    ngx_http_smart_transfer_t  *transfer = data;

    ngx_post_event(&transfer->failed, &ngx_posted_events);
}


static void
ngx_http_smart_fetch_failed(ngx_event_t *ev)
{
    ngx_http_smart_fetch_done(ev->data, CURLE_FAILED_INIT);
}


static void
ngx_http_smart_fetch_done(void *data, CURLcode rc)
{
    u_char                     *body;
    ngx_http_smart_fetch_t     *fetch;
    ngx_http_smart_transfer_t  *transfer;

    transfer = data;
    fetch = transfer->fetch;

    if (transfer->refused && rc != CURLE_OK) {
        fetch->error = "the address is not public and \"private_addresses\" "
                       "is off";

    } else if (transfer->too_large || rc == CURLE_FILESIZE_EXCEEDED) {
        fetch->error = "the answer is larger than \"max_size\"";
        fetch->too_large = 1;

    } else if (rc != CURLE_OK) {
        fetch->error = curl_easy_strerror(rc);

    } else {
        ngx_http_smart_fetch_result(transfer);
    }

    body = transfer->body;
    transfer->body = NULL;

    fetch->body = body;
    fetch->len = transfer->len;

    ngx_http_smart_fetch_free(transfer);

    /* may start this fetch again, or free it */

    fetch->handler(fetch);

    if (body) {
        ngx_free(body);
    }
}


static void
ngx_http_smart_fetch_result(ngx_http_smart_transfer_t *transfer)
{
    long                     status;
    struct curl_header      *header;
    ngx_http_smart_fetch_t  *fetch;

    fetch = transfer->fetch;
    status = 0;

    (void) curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    fetch->status = (ngx_uint_t) status;

    fetch->max_age = ngx_http_smart_fetch_age(transfer->easy);

    if (curl_easy_header(transfer->easy, "ETag", 0, CURLH_HEADER, -1, &header)
        == CURLHE_OK
        && ngx_strlen(header->value) < sizeof(fetch->new_etag))
    {
        ngx_cpystrn((u_char *) fetch->new_etag, (u_char *) header->value,
                    sizeof(fetch->new_etag));
    }
}


/* RFC 9111 section 4.2.1: Cache-Control goes before Expires. */

static int64_t
ngx_http_smart_fetch_age(CURL *easy)
{
    time_t               expires, date;
    int64_t              age, least;
    size_t               i;
    struct curl_header  *header;

    least = -1;

    for (i = 0;
         curl_easy_header(easy, "Cache-Control", i, CURLH_HEADER, -1, &header)
         == CURLHE_OK;
         i++)
    {
        age = oauth_document_max_age(base_span_of(header->value));
        if (age >= 0 && (least < 0 || age < least)) {
            least = age;
        }
    }

    if (least >= 0
        || curl_easy_header(easy, "Expires", 0, CURLH_HEADER, -1, &header)
           != CURLHE_OK)
    {
        return least;
    }

    expires = curl_getdate(header->value, NULL);

    if (curl_easy_header(easy, "Date", 0, CURLH_HEADER, -1, &header)
        == CURLHE_OK)
    {
        date = curl_getdate(header->value, NULL);

    } else {
        date = ngx_time();
    }

    return (expires < 0 || date < 0 || expires < date) ? 0 : expires - date;
}


static size_t
ngx_http_smart_fetch_write(char *data, size_t size, size_t n, void *userdata)
{
    ngx_http_smart_transfer_t  *transfer = userdata;

    u_char  *p;
    size_t   wanted;

    n *= size;

    if (n > transfer->fetch->max_size - transfer->len) {
        transfer->too_large = 1;
        return 0;
    }

    if (transfer->len + n > transfer->size) {
        wanted = ngx_max(transfer->size * 2, transfer->len + n);

        p = realloc(transfer->body, wanted);
        if (p == NULL) {
            return 0;
        }

        transfer->body = p;
        transfer->size = wanted;
    }

    if (n) {
        ngx_memcpy(transfer->body + transfer->len, data, n);
        transfer->len += n;
    }

    return n;
}


static size_t
ngx_http_smart_fetch_head(char *data, size_t size, size_t n, void *userdata)
{
    ngx_http_smart_transfer_t  *transfer = userdata;

    n *= size;

    if (n > NGX_HTTP_SMART_FETCH_HEADERS - transfer->headers_len) {
        transfer->too_large = 1;
        return 0;
    }

    transfer->headers_len += n;

    return n;
}


static curl_socket_t
ngx_http_smart_fetch_open(void *userdata, curlsocktype purpose,
    struct curl_sockaddr *address)
{
    ngx_http_smart_transfer_t  *transfer = userdata;

    size_t         n;
    u_char        *bytes;
    curl_socket_t  s;

    if (address->family == AF_INET) {
        bytes = (u_char *) &((struct sockaddr_in *) &address->addr)->sin_addr;
        n = 4;

    } else if (address->family == AF_INET6) {
        bytes = (u_char *) &((struct sockaddr_in6 *) &address->addr)->sin6_addr;
        n = 16;

    } else {
        return CURL_SOCKET_BAD;
    }

    if (!ngx_http_smart_fetch_allowed(transfer->fetch, bytes, n)) {
        transfer->refused = 1;
        return CURL_SOCKET_BAD;
    }

    s = socket(address->family, address->socktype | SOCK_CLOEXEC,
               address->protocol);

    if (s != CURL_SOCKET_BAD) {
        transfer->refused = 0;
        ngx_http_smart_multi_opened(s);
    }

    return s;
}


/* There is a connection, new or not, and nothing has been sent. */

static int
ngx_http_smart_fetch_again(void *userdata, char *address, char *local,
    int port, int local_port)
{
    ngx_http_smart_transfer_t  *transfer = userdata;

    size_t  n;
    u_char  bytes[16];

    n = 0;

    if (address && inet_pton(AF_INET, address, bytes) == 1) {
        n = 4;

    } else if (address && inet_pton(AF_INET6, address, bytes) == 1) {
        n = 16;
    }

    if (!ngx_http_smart_fetch_allowed(transfer->fetch, bytes, n)) {
        transfer->refused = 1;
        return CURL_PREREQFUNC_ABORT;
    }

    return CURL_PREREQFUNC_OK;
}


/* With a proxy it is the proxy's address, and that is the operator's word. */

static ngx_uint_t
ngx_http_smart_fetch_allowed(ngx_http_smart_fetch_t *fetch,
    const u_char *address, size_t n)
{
    if (fetch->proxy || fetch->private_addresses
        || !oauth_address_is_private(address, n))
    {
        return 1;
    }

    return fetch->loopback && oauth_address_is_loopback(address, n);
}
