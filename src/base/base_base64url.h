/*
 * base_base64url: RFC 4648 section 5 without padding, strictly.
 *
 * One value has one spelling: the exact alphabet, no '=', no white space, no impossible length
 * (n % 4 == 1), and unused bits zero (RFC 7515 section 2; otherwise one token has many spellings).
 */

#ifndef BASE_BASE64URL_H
#define BASE_BASE64URL_H

#include "base/base_arena.h"

/* Bytes that `n` encoded characters hold at most, and characters that `n` bytes need. */
#define BASE_BASE64URL_DECODED(n) ((n) / 4 * 3 + 2)
#define BASE_BASE64URL_ENCODED(n) (((n) + 2) / 3 * 4)

/*
 * Decodes into `out`, which must hold BASE_BASE64URL_DECODED(text.n) bytes. Returns false for
 * anything that is not the canonical spelling; *n is then untouched. Empty text decodes to nothing.
 */
bool base_base64url_decode(base_span_t text, unsigned char *out, size_t *n);

/* Encodes into `out`, which must hold BASE_BASE64URL_ENCODED(bytes.n); returns the length written. */
size_t base_base64url_encode(base_span_t bytes, unsigned char *out);

#endif
