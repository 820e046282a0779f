/* jose_alg: the table. */

#include "unit.h"

#include "jose/jose_alg.h"

static void test_rows(void)
{
    uint32_t seen = 0;

    for (size_t i = 0; i < JOSE_ALG_COUNT; i++) {
        const jose_alg_t *row = jose_alg_at(i);

        ok(row->bit == 1u << i && (seen & row->bit) == 0, "bit of row %zu", i);
        ok(jose_alg_find(row->name) == row, "row %zu is found by its name", i);
        ok((row->curve == JOSE_CURVE_NONE) == (row->kty == JOSE_KTY_RSA), "curve of row %zu", i);
        ok((row->signature_n == 0) == (row->kty == JOSE_KTY_RSA), "signature of row %zu", i);
        ok(!row->pss || row->kty == JOSE_KTY_RSA, "padding of row %zu", i);
        seen |= row->bit;
    }
    is_int(seen, JOSE_ALG_ALL, "all rows are the set of all");
    ok(jose_alg_at(JOSE_ALG_COUNT) == NULL, "no row beyond");
}

static void test_names(void)
{
    static const char *const names[] = {"",       "none",  "NONE",  "HS256",  "HS384",
                                        "HS512",  "rs256", "RS25",  "RS2560", "RS1",
                                        "ES256K", "EDDSA", "Ed448", "RSA1_5", "dir"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ok(jose_alg_find(base_span_of(names[i])) == NULL, "no row for '%s'", names[i]);
    }
    ok(jose_alg_find(base_span_make(NULL, 0)) == NULL, "no row for nothing");
    ok(jose_alg_find(base_span_make("RS256\0", 6)) == NULL, "no row for a NUL behind");
    ok(jose_alg_find(BASE_SPAN("RS256")) != NULL, "control: RS256");
}

int main(void)
{
    UNIT_BEGIN();
    test_rows();
    test_names();
    UNIT_END();
}
