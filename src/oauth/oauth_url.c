#include "oauth/oauth_url.h"

#include <string.h>

static bool is_alnum(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Visible ASCII; what two parsers might read differently is refused. */
static bool is_plain(base_span_t text)
{
    size_t i;

    for (i = 0; i < text.n; i++) {
        if (text.p[i] <= 0x20 || text.p[i] >= 0x7f || memchr("\\\"<>^`{|}#", text.p[i], 10)) {
            return false;
        }
    }
    return true;
}

static bool is_name(base_span_t host)
{
    size_t i;

    for (i = 0; i < host.n; i++) {
        if (!is_alnum(host.p[i]) && host.p[i] != '-' && host.p[i] != '.' && host.p[i] != '_') {
            return false;
        }
    }
    return host.n > 0 && host.n <= 255 && host.p[0] != '.' && host.p[0] != '-';
}

static bool is_ipv6(base_span_t host)
{
    size_t i;

    for (i = 0; i < host.n; i++) {
        if (memchr("0123456789abcdefABCDEF:.", host.p[i], 24) == NULL) {
            return false;
        }
    }
    return host.n >= 2 && base_span_find(host, ':') < host.n;
}

static bool port_read(base_span_t text, uint16_t *port)
{
    uint64_t value;

    if (text.n > 5 || !base_span_uint(text, &value) || value == 0 || value > 65535) {
        return false;
    }
    *port = (uint16_t) value;
    return true;
}

/* host [ ":" port ], the host perhaps an IPv6 address in brackets */
static bool authority_read(base_span_t text, oauth_url_t *url)
{
    size_t end;

    if (text.n > 0 && text.p[0] == '[') {
        end = base_span_find(text, ']');
        url->host = base_span_sub(text, 1, end);
        if (end == text.n || !is_ipv6(url->host)) {
            return false;
        }
        end++;
    } else {
        end = base_span_find(text, ':');
        url->host = base_span_sub(text, 0, end);
        if (!is_name(url->host)) {
            return false;
        }
    }
    if (end == text.n) {
        return true;
    }
    return text.p[end] == ':' && port_read(base_span_sub(text, end + 1, text.n), &url->port);
}

static bool starts_nocase(base_span_t text, const char *prefix)
{
    return base_span_is_nocase(base_span_sub(text, 0, strlen(prefix)), prefix);
}

bool oauth_url_parse(base_span_t text, oauth_url_t *url)
{
    base_span_t rest;
    size_t end;

    memset(url, 0, sizeof(*url));
    if (text.n > OAUTH_URL_MAX || !is_plain(text)) {
        return false;
    }
    if (starts_nocase(text, "https://")) {
        url->https = true;
        url->port = 443;
        rest = base_span_sub(text, 8, text.n);
    } else if (starts_nocase(text, "http://")) {
        url->port = 80;
        rest = base_span_sub(text, 7, text.n);
    } else {
        return false;
    }
    for (end = 0; end < rest.n && rest.p[end] != '/' && rest.p[end] != '?'; end++) {
        if (rest.p[end] == '@' || rest.p[end] == '%') {
            return false;
        }
    }
    url->path = base_span_sub(rest, end, rest.n);
    return authority_read(base_span_sub(rest, 0, end), url);
}

/* Four decimal octets without leading zeros, nothing else: 127.1 and 0177.0.0.1 are names to us. */
static bool ipv4_read(base_span_t host, unsigned char address[4])
{
    base_span_t part;
    uint64_t value;
    size_t i = 0;

    while (host.p != NULL) {
        part = base_span_split(&host, '.');
        if (i == 4 || part.n > 3 || !base_span_uint(part, &value) || value > 255 ||
            (part.n > 1 && part.p[0] == '0')) {
            return false;
        }
        address[i++] = (unsigned char) value;
    }
    return i == 4;
}

bool oauth_url_is_loopback(const oauth_url_t *url)
{
    unsigned char address[4];

    if (base_span_is_nocase(url->host, "localhost") || base_span_is(url->host, "::1")) {
        return true;
    }
    return ipv4_read(url->host, address) && address[0] == 127;
}

static unsigned char lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char) (c + 32) : c;
}

bool oauth_url_same_origin(const oauth_url_t *a, const oauth_url_t *b)
{
    size_t i;

    if (a->https != b->https || a->port != b->port || a->host.n != b->host.n) {
        return false;
    }
    for (i = 0; i < a->host.n; i++) {
        if (lower(a->host.p[i]) != lower(b->host.p[i])) {
            return false;
        }
    }
    return true;
}

typedef struct {
    unsigned char address[16];
    unsigned bits;
} range_t;

/* RFC 6890 and its registry: what is not globally reachable. */
static const range_t ranges4[] = {
    {{0}, 8},             /* this network */
    {{10}, 8},            /* private */
    {{100, 64}, 10},      /* shared, RFC 6598 */
    {{127}, 8},           /* loopback */
    {{169, 254}, 16},     /* link-local, cloud metadata */
    {{172, 16}, 12},      /* private */
    {{192, 0, 0}, 24},    /* protocol assignments */
    {{192, 0, 2}, 24},    /* documentation */
    {{192, 88, 99}, 24},  /* 6to4 relays */
    {{192, 168}, 16},     /* private */
    {{198, 18}, 15},      /* benchmarking */
    {{198, 51, 100}, 24}, /* documentation */
    {{203, 0, 113}, 24},  /* documentation */
    {{224}, 3},           /* multicast and reserved */
};

static const range_t ranges6[] = {
    {{0}, 8},                 /* unspecified, loopback, mapped, compatible, RFC 6052 local use */
    {{0x01, 0x00}, 64},       /* discard */
    {{0x20, 0x01, 0x00}, 23}, /* protocol assignments, Teredo */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x3f, 0xff, 0x00}, 20},       /* documentation */
    {{0x5f, 0x00}, 16},             /* segment routing */
    {{0xfc}, 7},                    /* unique local */
    {{0xfe}, 8},                    /* link-local, site-local */
    {{0xff}, 8},                    /* multicast */
};

static bool in_range(const unsigned char *address, const range_t *range)
{
    unsigned whole = range->bits / 8;
    unsigned rest = range->bits % 8;
    unsigned mask;

    if (memcmp(address, range->address, whole) != 0) {
        return false;
    }
    if (rest == 0) {
        return true;
    }
    mask = (0xff00u >> rest) & 0xffu;
    return (address[whole] & mask) == (range->address[whole] & mask);
}

static bool in_any(const unsigned char *address, const range_t *ranges, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (in_range(address, &ranges[i])) {
            return true;
        }
    }
    return false;
}

/* The IPv4 address that an IPv6 address stands for, or NULL. */
static const unsigned char *ipv4_within(const unsigned char *address)
{
    static const range_t mapped = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96};
    static const range_t nat64 = {{0x00, 0x64, 0xff, 0x9b}, 96};
    static const range_t sixtofour = {{0x20, 0x02}, 16};

    if (in_range(address, &mapped) || in_range(address, &nat64)) {
        return address + 12;
    }
    return in_range(address, &sixtofour) ? address + 2 : NULL;
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

bool oauth_address_is_private(const unsigned char *address, size_t n)
{
    const unsigned char *within;

    if (n == 4) {
        return in_any(address, ranges4, COUNT(ranges4));
    }
    if (n != 16) {
        return true;
    }
    within = ipv4_within(address);
    if (within != NULL) {
        return in_any(within, ranges4, COUNT(ranges4));
    }
    return in_any(address, ranges6, COUNT(ranges6));
}

bool oauth_address_is_loopback(const unsigned char *address, size_t n)
{
    static const unsigned char loopback[16] = {[15] = 1};

    if (n == 4) {
        return address[0] == 127;
    }
    return n == 16 && memcmp(address, loopback, 16) == 0;
}
