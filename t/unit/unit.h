/*
 * TAP macros for the unit tests: one program per t/unit/<room>_<noun>_test.c.
 *
 *     int
 *     main(void)
 *     {
 *         UNIT_BEGIN();
 *         ok(1 + 1 == 2, "sums %d", 2);
 *         is_int(4, 2 * 2, "products");
 *         is_str("a", "a", "C strings, NULL allowed");
 *         is_mem("ab", 2, "abc", 2, "bytes with their length");
 *         UNIT_END();
 *     }
 *
 * Every check takes what was got first, what was expected second, and ends in a printf format that
 * names the test. Each evaluates to 1 or 0, so that a test can stop early.
 */

#ifndef UNIT_H
#define UNIT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#if defined(__GNUC__)
#define UNIT_PRINTF(at, first) __attribute__((format(printf, at, first), unused))
#else
#define UNIT_PRINTF(at, first)
#endif

static int unit_count;
static int unit_failed;

/* Line buffered: what was printed before a crash is seen. */
#define UNIT_BEGIN() ((void) setvbuf(stdout, NULL, _IOLBF, 0))

/* Prints the plan and returns from main(): 0, or 1 when a check failed. */
#define UNIT_END()                                                                                 \
    do {                                                                                           \
        (void) printf("1..%d\n", unit_count);                                                      \
        return unit_failed != 0;                                                                   \
    } while (0)

#define ok(cond, ...) unit_ok((cond) ? 1 : 0, #cond, __FILE__, __LINE__, __VA_ARGS__)

#define is_int(got, expected, ...)                                                                 \
    unit_is_int((long long) (got), (long long) (expected), __FILE__, __LINE__, __VA_ARGS__)

#define is_str(got, expected, ...) unit_is_str((got), (expected), __FILE__, __LINE__, __VA_ARGS__)

#define is_mem(got, got_len, expected, expected_len, ...)                                          \
    unit_is_mem((got), (got_len), (expected), (expected_len), __FILE__, __LINE__, __VA_ARGS__)

/* A name with '#' would be read as a TAP directive, and a newline as another line. */
static inline void unit_print_name(const char *format, va_list args)
{
    char name[512];
    char *c;

    (void) vsnprintf(name, sizeof(name), format, args);
    for (c = name; *c != '\0'; c++) {
        if (*c == '#' || (unsigned char) *c < 0x20) {
            *c = '?';
        }
    }
    (void) printf(" %d - %s\n", unit_count, name);
}

static inline int unit_result(int passed, const char *file, int line, const char *format,
                              va_list args)
{
    unit_count++;
    (void) fputs(passed ? "ok" : "not ok", stdout);
    unit_print_name(format, args);
    if (!passed) {
        unit_failed++;
        (void) printf("#   at %s line %d\n", file, line);
    }
    return passed;
}

UNIT_PRINTF(5, 6)
static int unit_ok(int passed, const char *cond, const char *file, int line, const char *format,
                   ...)
{
    va_list args;

    va_start(args, format);
    (void) unit_result(passed, file, line, format, args);
    va_end(args);
    if (!passed) {
        (void) printf("#   false: %s\n", cond);
    }
    return passed;
}

UNIT_PRINTF(5, 6)
static int unit_is_int(long long got, long long expected, const char *file, int line,
                       const char *format, ...)
{
    int passed = got == expected;
    va_list args;

    va_start(args, format);
    (void) unit_result(passed, file, line, format, args);
    va_end(args);
    if (!passed) {
        (void) printf("#        got: %lld\n#   expected: %lld\n", got, expected);
    }
    return passed;
}

static inline void unit_print_bytes(const char *label, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    size_t i;

    (void) printf("#   %s: ", label);
    if (p == NULL) {
        (void) printf("NULL\n");
        return;
    }
    (void) putchar('"');
    for (i = 0; i < len && i < 1024; i++) {
        if (p[i] >= 0x20 && p[i] < 0x7f && p[i] != '"' && p[i] != '\\') {
            (void) putchar(p[i]);
        } else {
            (void) printf("\\x%02x", p[i]);
        }
    }
    (void) printf("\" (%zu bytes)\n", len);
}

static inline int unit_same_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
    if (a_len != b_len) {
        return 0;
    }
    if (a_len == 0) {
        return 1;
    }
    return a != NULL && b != NULL && memcmp(a, b, a_len) == 0;
}

UNIT_PRINTF(5, 6)
static int unit_is_str(const char *got, const char *expected, const char *file, int line,
                       const char *format, ...)
{
    int passed = got == expected || (got != NULL && expected != NULL && strcmp(got, expected) == 0);
    va_list args;

    va_start(args, format);
    (void) unit_result(passed, file, line, format, args);
    va_end(args);
    if (!passed) {
        unit_print_bytes("     got", got, got == NULL ? 0 : strlen(got));
        unit_print_bytes("expected", expected, expected == NULL ? 0 : strlen(expected));
    }
    return passed;
}

UNIT_PRINTF(7, 8)
static int unit_is_mem(const void *got, size_t got_len, const void *expected, size_t expected_len,
                       const char *file, int line, const char *format, ...)
{
    int passed = unit_same_bytes(got, got_len, expected, expected_len);
    va_list args;

    va_start(args, format);
    (void) unit_result(passed, file, line, format, args);
    va_end(args);
    if (!passed) {
        unit_print_bytes("     got", got, got_len);
        unit_print_bytes("expected", expected, expected_len);
    }
    return passed;
}

#endif
