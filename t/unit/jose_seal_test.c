/* jose_seal: what is sealed comes back to who has the secret, and to nobody else (RULES L21). */

#include "unit.h"

#include <stdlib.h>

#include "jose/jose_seal.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define OTHER  "0123456789abcdef0123456789abcdeF"
#define TEXT   "job:/$status?job=7"

static bool opens(const jose_seal_key_t *key, size_t key_n, base_span_t seal, const char *expected)
{
    unsigned char *out = malloc(JOSE_UNSEAL_SIZE(seal.n));
    base_span_t text;
    bool done =
        jose_unseal(key, key_n, seal, out, &text) && base_span_eq(text, base_span_of(expected));

    free(out);
    return done;
}

static void secrets(void)
{
    jose_seal_key_t key, again, other;

    ok(!jose_seal_key(base_span_make(SECRET, 31), &key), "31 bytes are no secret");
    ok(jose_seal_key(BASE_SPAN(SECRET), &key), "32 are");
    ok(jose_seal_key(BASE_SPAN(SECRET), &again) && memcmp(&key, &again, sizeof(key)) == 0,
       "the same on every node");
    ok(jose_seal_key(BASE_SPAN(OTHER), &other) && memcmp(&key, &other, sizeof(key)) != 0,
       "another for another secret");
    ok(strstr((const char *) SECRET, "0123") != NULL && memcmp(&key, SECRET, sizeof(key)) != 0,
       "and not the secret itself");
}

static void rotation(void)
{
    unsigned char old[256], new[256];
    jose_seal_key_t key[2];
    size_t old_n, new_n;

    ok(jose_seal_key(BASE_SPAN(SECRET), &key[1]) && jose_seal_key(BASE_SPAN(OTHER), &key[0]),
       "two keys");
    old_n = jose_seal(&key[1], BASE_SPAN(TEXT), old);
    new_n = jose_seal(&key[0], BASE_SPAN(TEXT), new);
    is_int(old_n, 78, "so many letters");
    ok(opens(key, 2, base_span_make(old, old_n), TEXT), "the older opens what it sealed");
    ok(opens(key, 2, base_span_make(new, new_n), TEXT), "and the newer");
    ok(!opens(key, 1, base_span_make(old, old_n), TEXT), "not so once it is gone");
    ok(!opens(key, 0, base_span_make(old, old_n), TEXT), "without keys nothing opens");
}

/* Each bit and each length counts. */
static void forgeries(void)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char seal[256], was;
    jose_seal_key_t key;
    size_t n, i, j, opened = 0, tried = 0;

    (void) jose_seal_key(BASE_SPAN(SECRET), &key);
    n = jose_seal(&key, BASE_SPAN(TEXT), seal);
    for (i = 0; i < n; i++) {
        was = seal[i];
        for (j = 0; j < 64; j++) {
            seal[i] = (unsigned char) letters[j];
            if (seal[i] != was) {
                tried++;
                opened += opens(&key, 1, base_span_make(seal, n), TEXT);
            }
        }
        seal[i] = was;
    }
    ok(opens(&key, 1, base_span_make(seal, n), TEXT), "untouched it opens");
    is_int(opened, 0, "none of %zu with another letter does", tried);
    for (i = opened = 0; i < n; i++) {
        opened += opens(&key, 1, base_span_make(seal, i), TEXT);
    }
    is_int(opened, 0, "none that is shorter does");
    seal[n] = '=';
    ok(!opens(&key, 1, base_span_make(seal, n + 1), TEXT), "nor one that is padded");
}

static void sizes(void)
{
    unsigned char *text = calloc(1, JOSE_SEAL_TEXT_MAX + 1),
                  *seal = malloc(JOSE_SEAL_SIZE(JOSE_SEAL_TEXT_MAX + 1)),
                  *out = malloc(JOSE_UNSEAL_SIZE(JOSE_SEAL_SIZE(JOSE_SEAL_TEXT_MAX)));
    jose_seal_key_t key;
    base_span_t back;
    size_t n;

    (void) jose_seal_key(BASE_SPAN(SECRET), &key);
    n = jose_seal(&key, base_span_make(text, JOSE_SEAL_TEXT_MAX), seal);
    ok(jose_unseal(&key, 1, base_span_make(seal, n), out, &back) && back.n == JOSE_SEAL_TEXT_MAX,
       "the longest text");
    is_int(jose_seal(&key, base_span_make(text, JOSE_SEAL_TEXT_MAX + 1), seal), 0, "one longer");
    n = jose_seal(&key, BASE_SPAN(""), seal);
    ok(jose_unseal(&key, 1, base_span_make(seal, n), out, &back) && back.n == 0, "nothing at all");
    free(text);
    free(seal);
    free(out);
}

static void nonces(void)
{
    unsigned char one[256], two[256];
    jose_seal_key_t key;
    size_t n;

    (void) jose_seal_key(BASE_SPAN(SECRET), &key);
    n = jose_seal(&key, BASE_SPAN(TEXT), one);
    ok(jose_seal(&key, BASE_SPAN(TEXT), two) == n && memcmp(one, two, 16) != 0 &&
           memcmp(one + 32, two + 32, n - 32) != 0,
       "no two seals of one text are alike");
}

int main(void)
{
    UNIT_BEGIN();
    secrets();
    rotation();
    forgeries();
    sizes();
    nonces();
    UNIT_END();
}
