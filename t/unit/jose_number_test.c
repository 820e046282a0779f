/* jose_number: JSON numbers to whole seconds (threats section 2, "Numbers"). */

#include "unit.h"

#include <stdlib.h>

#include "jose/jose_number.h"

#define MAX INT64_C(1000000000000)
#define NO  INT64_MIN

static const struct {
    const char *text;
    int64_t value; /* NO: out of range */
} rows[] = {
    {"0", 0},
    {"-0", 0},
    {"0.0", 0},
    {"0e999999999999999999", 0},
    {"-0.0e-5", 0},
    {"1", 1},
    {"1700000000", 1700000000},
    {"-1", -1},
    {"1.5", 1},
    {"1.999999999999999999999999", 1},
    {"-1.5", -2},
    {"-1.0", -1},
    {"-0.1", -1},
    {"-1e-400", -1},
    {"0.1", 0},
    {"1e-400", 0},
    {"1e0", 1},
    {"1E+2", 100},
    {"17e8", 1700000000},
    {"1.7e9", 1700000000},
    {"1.7000000005e9", 1700000000},
    {"1.70000000051e9", 1700000000},
    {"1.7000000015e9", 1700000001},
    {"17000000000e-1", 1700000000},
    {"17000000009e-1", 1700000000},
    {"0.00017e13", 1700000000},
    {"000", 0},
    {"1000000000000", MAX},
    {"1e12", MAX},
    {"1000000000000.5", MAX},
    {"1000000000001", NO},
    {"-1000000000000", -MAX},
    {"-1000000000000.5", NO},
    {"-1000000000001", NO},
    {"1e13", NO},
    {"999999999999999999", NO},
    {"9223372036854775807", NO},
    {"9223372036854775808", NO},
    {"18446744073709551616", NO},
    {"18446744073709551617", NO},
    {"-9223372036854775809", NO},
    {"1e400", NO},
    {"-1e400", NO},
    {"1e18446744073709551616", NO},
    {"1e-18446744073709551616", 0},
    {"1e4294967297", NO},
    {"0.1e1000", NO},
    {"100000000000000000000000000000000000000e-30", 100000000},
    {"0.00000000000000000000000000000001e32", 1},
    {"", NO},
    {"-", NO},
    {"1x", NO},
    {" 1", NO},
    {"inf", NO},
    {"nan", NO},
    {"0x10", NO},
};

static void test_rows(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t value = 77;
        bool fits = jose_number_floor(base_span_of(rows[i].text), MAX, &value);

        is_int(fits ? value : NO, rows[i].value, "%s", rows[i].text);
    }
}

/* Numbers as long as a token. */
static void test_long(void)
{
    size_t n = 60000;
    char *text = malloc(n + 8);
    int64_t value;

    memset(text, '9', n);
    ok(!jose_number_floor(base_span_make(text, n), MAX, &value), "60000 digits");
    text[1] = '.';
    ok(jose_number_floor(base_span_make(text, n), MAX, &value) && value == 9,
       "60000 digits of fraction");
    memset(text, '0', n);
    text[1] = '.';
    text[n - 1] = '7';
    memcpy(text + n, "e59998", 6);
    ok(jose_number_floor(base_span_make(text, n + 6), MAX, &value) && value == 7,
       "a digit carried 59998 places");
    text[n] = '7';
    text[n - 1] = 'e';
    ok(jose_number_floor(base_span_make(text, n + 1), MAX, &value) && value == 0, "zero, scaled");
    free(text);
}

int main(void)
{
    UNIT_BEGIN();
    test_rows();
    test_long();
    UNIT_END();
}
