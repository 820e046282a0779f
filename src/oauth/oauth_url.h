/*
 * oauth_url: absolute http and https URLs, and which of them may be fetched (threats: issuer discovery).
 */

#ifndef OAUTH_URL_H
#define OAUTH_URL_H

#include "base/base_span.h"

#define OAUTH_URL_MAX 2048

/* Spans into the URL. */
typedef struct {
    bool https;
    base_span_t host; /* without the brackets of an IPv6 address */
    uint16_t port;    /* the scheme's when none is written */
    base_span_t path; /* from the first '/', query included; may be empty */
} oauth_url_t;

/*
 * True for an absolute http or https URL of at most OAUTH_URL_MAX printable ASCII bytes, without user information, backslash, quote or fragment, whose host is
 * a name or an address and whose port, if written, is 1..65535.
 */
bool oauth_url_parse(base_span_t text, oauth_url_t *url);

/* localhost, 127.0.0.0/8, ::1, as written. */
bool oauth_url_is_loopback(const oauth_url_t *url);

/* Same scheme, host (case-insensitively) and port. */
bool oauth_url_same_origin(const oauth_url_t *a, const oauth_url_t *b);

/*
 * True when an address, 4 or 16 bytes in network order, is not one of the public internet: private, loopback, link-local (cloud metadata), shared,
 * multicast, reserved, unspecified; IPv4 inside IPv6 (mapped, NAT64, 6to4) counts as the IPv4 address. RFC 6890.
 */
bool oauth_address_is_private(const unsigned char *address, size_t n);
bool oauth_address_is_loopback(const unsigned char *address, size_t n);

#endif
