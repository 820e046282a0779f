/* oauth_url: which URLs and addresses may be fetched (RULES G7, threats: issuer discovery). */

#include "oauth/oauth_url.h"
#include "unit.h"

#include <arpa/inet.h>

static void test_good(void)
{
    static const struct {
        const char *text;
        const char *host;
        const char *path;
        int https;
        int port;
        int loopback;
    } rows[] = {
        {"https://a.example", "a.example", "", 1, 443, 0},
        {"HTTPS://A.example/", "A.example", "/", 1, 443, 0},
        {"http://a.example:8080/x?y=z", "a.example", "/x?y=z", 0, 8080, 0},
        {"https://a.example?y", "a.example", "?y", 1, 443, 0},
        {"http://127.0.0.1:1/", "127.0.0.1", "/", 0, 1, 1},
        {"http://127.255.1.2", "127.255.1.2", "", 0, 80, 1},
        {"http://localhost", "localhost", "", 0, 80, 1},
        {"http://[::1]:9/k", "::1", "/k", 0, 9, 1},
        {"http://[2001:db8::1]/k", "2001:db8::1", "/k", 0, 80, 0},
        {"http://127.0.0.1.example/", "127.0.0.1.example", "/", 0, 80, 0},
        {"http://localhost.example/", "localhost.example", "/", 0, 80, 0},
        {"http://0177.0.0.1/", "0177.0.0.1", "/", 0, 80, 0},
        {"http://127.1/", "127.1", "/", 0, 80, 0},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        oauth_url_t url;

        ok(oauth_url_parse(base_span_of(rows[i].text), &url), "%s", rows[i].text);
        is_mem(url.host.p, url.host.n, rows[i].host, strlen(rows[i].host), "its host");
        is_mem(url.path.p, url.path.n, rows[i].path, strlen(rows[i].path), "its path");
        is_int(url.https, rows[i].https, "its scheme");
        is_int(url.port, rows[i].port, "its port");
        is_int(oauth_url_is_loopback(&url), rows[i].loopback, "loopback or not");
    }
}

static void test_bad(void)
{
    static const char *const rows[] = {
        "",
        "https:",
        "https://",
        "https:///x",
        "https://:443/",
        "ftp://a.example/",
        "file:///etc/passwd",
        "//a.example/",
        "/x",
        "a.example",
        "https://user@a.example/",
        "https://user:pass@a.example/",
        "https://a.example:0/",
        "https://a.example:65536/",
        "https://a.example:/",
        "https://a.example:44x/",
        "https://a.example:000443/",
        "https://a.example/#f",
        "https://a.example/ x",
        "https://a.example/\tx",
        "https://a.example/\n",
        "https://a.example\\@b/",
        "https://a%2eexample/",
        "https://a.ex\xc3\xa4mple/",
        "https://.example/",
        "https://[::1/",
        "https://[]/",
        "https://[a.example]/",
        "https://[::1]x/",
        "https://a,b/",
    };
    static char longest[OAUTH_URL_MAX + 2];
    oauth_url_t url;
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ok(!oauth_url_parse(base_span_of(rows[i]), &url), "refused: %s", rows[i]);
    }
    memset(longest, 'a', sizeof(longest) - 1);
    memcpy(longest, "https://a/", 10);
    ok(!oauth_url_parse(base_span_of(longest), &url), "one byte too long");
    longest[OAUTH_URL_MAX] = '\0';
    ok(oauth_url_parse(base_span_of(longest), &url), "as long as may be");
    ok(!oauth_url_parse(base_span_make("https://a/\0b", 12), &url), "a NUL");
}

static void test_origin(void)
{
    static const struct {
        const char *a;
        const char *b;
        int same;
    } rows[] = {
        {"https://a/x", "https://A:443/y", 1}, {"https://a/", "http://a/", 0},
        {"http://a/", "http://a:8080/", 0},    {"https://a/", "https://b/", 0},
        {"https://a/", "https://ab/", 0},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        oauth_url_t a;
        oauth_url_t b;

        ok(oauth_url_parse(base_span_of(rows[i].a), &a), "one");
        ok(oauth_url_parse(base_span_of(rows[i].b), &b), "two");
        is_int(oauth_url_same_origin(&a, &b), rows[i].same, "%s and %s", rows[i].a, rows[i].b);
    }
}

static void test_addresses(void)
{
    static const struct {
        const char *text;
        int hidden;
        int loopback;
    } rows[] = {
        {"8.8.8.8", 0, 0},
        {"10.0.0.1", 1, 0},
        {"9.255.255.255", 0, 0},
        {"11.0.0.0", 0, 0},
        {"127.0.0.1", 1, 1},
        {"127.9.9.9", 1, 1},
        {"169.254.169.254", 1, 0},
        {"169.253.0.1", 0, 0},
        {"172.15.0.1", 0, 0},
        {"172.16.0.1", 1, 0},
        {"172.31.255.255", 1, 0},
        {"172.32.0.1", 0, 0},
        {"192.168.1.1", 1, 0},
        {"192.167.1.1", 0, 0},
        {"100.64.0.1", 1, 0},
        {"100.63.0.1", 0, 0},
        {"100.128.0.1", 0, 0},
        {"0.0.0.0", 1, 0},
        {"224.0.0.1", 1, 0},
        {"255.255.255.255", 1, 0},
        {"223.255.255.254", 0, 0},
        {"198.18.0.1", 1, 0},
        {"198.19.255.255", 1, 0},
        {"198.20.0.1", 0, 0},
        {"::", 1, 0},
        {"::1", 1, 1},
        {"::2", 1, 0},
        {"fe80::1", 1, 0},
        {"fc00::1", 1, 0},
        {"fdff::1", 1, 0},
        {"ff02::1", 1, 0},
        {"2606:4700::1111", 0, 0},
        {"2001:db8::1", 1, 0},
        {"::ffff:10.0.0.1", 1, 0},
        {"::ffff:8.8.8.8", 0, 0},
        {"64:ff9b::10.0.0.1", 1, 0},
        {"64:ff9b::8.8.8.8", 0, 0},
        {"2002:0a00:0001::", 1, 0},
        {"2002:0808:0808::", 0, 0},
        {"::10.0.0.1", 1, 0},
        {"2001::1", 1, 0},
        {"2001:400::1", 0, 0},
    };
    unsigned char address[16];
    size_t i;
    size_t n;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        n = strchr(rows[i].text, ':') != NULL ? 16 : 4;
        ok(inet_pton(n == 16 ? AF_INET6 : AF_INET, rows[i].text, address) == 1, "reads");
        is_int(oauth_address_is_private(address, n), rows[i].hidden, "%s private", rows[i].text);
        is_int(oauth_address_is_loopback(address, n), rows[i].loopback, "%s loopback",
               rows[i].text);
    }
    ok(oauth_address_is_private(address, 5), "an address of no known kind is not public");
}

int main(void)
{
    UNIT_BEGIN();
    test_good();
    test_bad();
    test_origin();
    test_addresses();
    UNIT_END();
}
