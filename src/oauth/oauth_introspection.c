#include "oauth/oauth_introspection.h"

#include "base/base_base64url.h"
#include "base/base_writer.h"
#include "jose/jose_object.h"

enum { A_ACTIVE, A_TOKEN_TYPE, A_TOKEN_USE, A_COUNT };

/* application/x-www-form-urlencoded: what is not unreserved (RFC 3986 section 2.3) takes three. */
#define FORM_SIZE(n) ((n) *3)

static void form_write(base_writer_t *w, base_span_t text)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    base_span_t unreserved = base_span_make(plain, sizeof(plain) - 1);
    unsigned char escaped[3] = {'%', 0, 0};
    size_t i;

    for (i = 0; i < text.n; i++) {
        if (base_span_find(unreserved, text.p[i]) < unreserved.n) {
            base_writer_raw(w, base_span_sub(text, i, i + 1));
            continue;
        }
        escaped[1] = (unsigned char) hex[text.p[i] >> 4];
        escaped[2] = (unsigned char) hex[text.p[i] & 15];
        base_writer_raw(w, base_span_make(escaped, sizeof(escaped)));
    }
}

static base_span_t absent(void)
{
    return base_span_make(NULL, 0);
}

base_span_t oauth_introspection_form(base_span_t token, base_span_t assertion, base_arena_t *arena)
{
    size_t size = FORM_SIZE(token.n) + FORM_SIZE(assertion.n) + 256;
    void *memory = base_arena_alloc(arena, size);
    base_span_t out = absent();
    base_writer_t w;

    if (memory == NULL) {
        return absent();
    }
    base_writer_init(&w, memory, size);
    base_writer_text(&w, "token=");
    form_write(&w, token);
    base_writer_text(&w, "&token_type_hint=access_token");
    if (assertion.p != NULL) {
        base_writer_text(&w, "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion"
                             "-type%3Ajwt-bearer&client_assertion=");
        form_write(&w, assertion);
    }
    return base_writer_done(&w, &out) ? out : absent();
}

/* RFC 4648 section 4: the other alphabet, and padding. */
static size_t base64(base_span_t bytes, unsigned char *out)
{
    size_t n = base_base64url_encode(bytes, out);
    size_t i;

    for (i = 0; i < n; i++) {
        if (out[i] == '-') {
            out[i] = '+';
        } else if (out[i] == '_') {
            out[i] = '/';
        }
    }
    while (n % 4 != 0) {
        out[n++] = '=';
    }
    return n;
}

base_span_t oauth_introspection_basic(base_span_t id, base_span_t secret, base_arena_t *arena)
{
    static const base_span_t scheme = BASE_SPAN_LIT("Basic ");
    size_t size = FORM_SIZE(id.n) + FORM_SIZE(secret.n) + 1;
    void *memory = base_arena_alloc(arena, size);
    unsigned char *out = base_arena_alloc(arena, scheme.n + BASE_BASE64URL_ENCODED(size) + 1);
    base_span_t pair = absent();
    base_writer_t w;
    size_t i;

    if (memory == NULL || out == NULL) {
        return absent();
    }
    base_writer_init(&w, memory, size);
    form_write(&w, id);
    base_writer_text(&w, ":");
    form_write(&w, secret);
    if (!base_writer_done(&w, &pair)) {
        return absent();
    }
    for (i = 0; i < scheme.n; i++) {
        out[i] = scheme.p[i];
    }
    return base_span_make(out, scheme.n + base64(pair, out + scheme.n));
}

base_span_t oauth_introspection_bearer(base_span_t token, base_arena_t *arena)
{
    size_t size = token.n + sizeof("Bearer ");
    void *memory = base_arena_alloc(arena, size);
    base_span_t out = absent();
    base_writer_t w;

    if (memory == NULL) {
        return absent();
    }
    base_writer_init(&w, memory, size - 1);
    base_writer_text(&w, "Bearer ");
    base_writer_raw(&w, token);
    return base_writer_done(&w, &out) ? out : absent();
}

static bool begins_nocase(base_span_t text, const char *word, size_t n)
{
    return text.n >= n && base_span_is_nocase(base_span_sub(text, 0, n), word);
}

/* `token_type` of RFC 7662 is RFC 6749's; some servers call it refresh_token there, others in `token_use`. */
static base_reason_t check_type(const jose_member_t *answer)
{
    const jose_member_t *type = &answer[A_TOKEN_TYPE];
    const jose_member_t *use = &answer[A_TOKEN_USE];

    if (type->kind == JOSE_VALUE_STRING &&
        (base_span_is_nocase(type->text, "DPoP") || base_span_is_nocase(type->text, "PoP") ||
         base_span_is_nocase(type->text, "mac"))) {
        return BASE_TOKEN_BOUND;
    }
    if (type->kind == JOSE_VALUE_STRING &&
        (begins_nocase(type->text, "refresh", 7) || begins_nocase(type->text, "id_token", 8))) {
        return BASE_TOKEN_KIND;
    }
    if (use->kind == JOSE_VALUE_STRING &&
        (begins_nocase(use->text, "refresh", 7) || begins_nocase(use->text, "id", 2))) {
        return BASE_TOKEN_KIND;
    }
    return BASE_OK;
}

base_reason_t oauth_introspection_read(base_span_t json, const jose_jwt_rules_t *rules, int64_t now,
                                       base_arena_t *arena, jose_jwt_t *out)
{
    jose_member_t answer[A_COUNT] = {
        [A_ACTIVE] = {.name = "active"},
        [A_TOKEN_TYPE] = {.name = "token_type"},
        [A_TOKEN_USE] = {.name = "token_use"},
    };
    base_reason_t reason = jose_object_read(json, answer, A_COUNT, arena);

    *out = (jose_jwt_t){0};
    if (reason != BASE_OK) {
        return reason == BASE_NO_MEMORY ? reason : BASE_INTROSPECTION_FAILED;
    }
    if (answer[A_ACTIVE].kind == JOSE_VALUE_FALSE) {
        return BASE_TOKEN_INACTIVE;
    }
    if (answer[A_ACTIVE].kind != JOSE_VALUE_TRUE) {
        return BASE_INTROSPECTION_FAILED;
    }
    reason = check_type(answer);
    return reason == BASE_OK ? jose_jwt_check_answer(json, rules, now, arena, out) : reason;
}
