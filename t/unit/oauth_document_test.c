/* oauth_document: the life of a fetched document, by a clock that the test turns. */

#include "oauth/oauth_document.h"
#include "unit.h"

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

static const oauth_document_rules_t rules = {
    .refresh_min = MINUTE,
    .refresh_max = 24 * HOUR,
    .stale = HOUR,
    .cooldown = 30 * SECOND,
};

static const oauth_document_t never;

#define NOW (1000 * HOUR)

static void test_start(void)
{
    oauth_document_t doc = never;

    ok(oauth_document_due(&doc, NOW), "due from the first moment");
    ok(oauth_document_due(&doc, 0), "even when the clock starts at 0");
    ok(!oauth_document_usable(&doc, NOW), "not usable before it was fetched");
}

static void test_life(void)
{
    oauth_document_t doc = never;

    oauth_document_fetched(&doc, &rules, NOW, 600, 500, true);
    is_int(doc.generation, 1, "the first generation");
    ok(oauth_document_usable(&doc, NOW), "usable at once");
    ok(!oauth_document_due(&doc, NOW + 479 * SECOND), "not due before 80 %% of its life");
    ok(oauth_document_due(&doc, NOW + 480 * SECOND), "due at 80 %% of its life");
    ok(oauth_document_usable(&doc, NOW + 10 * MINUTE + HOUR - 1), "served while stale");
    ok(!oauth_document_usable(&doc, NOW + 10 * MINUTE + HOUR), "not a moment longer");
}

static void test_jitter(void)
{
    oauth_document_t doc = never;

    oauth_document_fetched(&doc, &rules, NOW, 1000, 0, true);
    is_int(doc.due_at - NOW, 700 * SECOND, "at the earliest 70 %%");
    oauth_document_fetched(&doc, &rules, NOW, 1000, OAUTH_DOCUMENT_JITTER, true);
    is_int(doc.due_at - NOW, 900 * SECOND, "at the latest 90 %%");
    oauth_document_fetched(&doc, &rules, NOW, 1000, 4000000000u, true);
    is_int(doc.due_at - NOW, 900 * SECOND, "jitter beyond its bound changes nothing");
}

static void test_clamps(void)
{
    static const struct {
        int64_t max_age;
        uint64_t life;
    } rows[] = {
        {0, MINUTE},        {59, MINUTE},       {60, MINUTE}, {61, 61 * SECOND},
        {86400, 24 * HOUR}, {86401, 24 * HOUR}, {-1, HOUR},   {INT64_MAX, 24 * HOUR},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        oauth_document_t doc = never;

        oauth_document_fetched(&doc, &rules, NOW, rows[i].max_age, 0, true);
        is_int(doc.fresh_until - NOW, rows[i].life, "max-age %lld", (long long) rows[i].max_age);
    }
}

static void test_unchanged(void)
{
    oauth_document_t doc = never;

    oauth_document_fetched(&doc, &rules, NOW, 60, 0, false);
    is_int(doc.generation, 1, "the first is a change whatever it says");
    oauth_document_fetched(&doc, &rules, NOW + HOUR, 60, 0, false);
    is_int(doc.generation, 1, "the same content is the same generation");
    ok(oauth_document_usable(&doc, NOW + HOUR + 30 * MINUTE), "but lives on");
    oauth_document_fetched(&doc, &rules, NOW + HOUR, 60, 0, true);
    is_int(doc.generation, 2, "other content is another");
}

static void test_failures(void)
{
    static const uint64_t waits[] = {1, 2, 4, 8, 16, 32, 60, 60};
    oauth_document_t doc = never;
    uint64_t now = NOW;
    size_t i;

    for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        oauth_document_failed(&doc, now, BASE_KEYS_UNAVAILABLE, 0);
        is_int(doc.due_at - now, waits[i] * SECOND, "backoff after failure %d", (int) i + 1);
        ok(!oauth_document_due(&doc, doc.due_at - 1), "not before");
        now = doc.due_at;
    }
    ok(!oauth_document_usable(&doc, now), "failures make nothing usable");
    oauth_document_failed(&doc, now, BASE_KEYS_UNAVAILABLE, OAUTH_DOCUMENT_JITTER);
    is_int(doc.due_at - now, 72 * SECOND, "jitter adds a fifth at most");
    oauth_document_fetched(&doc, &rules, now, 60, 0, true);
    is_int(doc.failures, 0, "success forgets them");
    oauth_document_failed(&doc, now, BASE_KEYS_UNAVAILABLE, 0);
    is_int(doc.due_at - now, SECOND, "and the backoff begins anew");
    ok(oauth_document_usable(&doc, now + MINUTE), "what was good stays");
    ok(!oauth_document_usable(&doc, now + MINUTE + HOUR), "but not for ever");
}

static void test_misses(void)
{
    oauth_document_t doc = never;
    uint64_t now = NOW;

    oauth_document_fetched(&doc, &rules, now, 3600, 0, true);
    is_int(oauth_document_miss(&doc, &rules, now), OAUTH_DOCUMENT_WAIT, "the first is asked");
    ok(oauth_document_due(&doc, now), "by a fetch at once");
    is_int(oauth_document_miss(&doc, &rules, now), OAUTH_DOCUMENT_WAIT, "others wait with it");
    oauth_document_fetched(&doc, &rules, now + 1, 3600, 0, false);
    ok(!oauth_document_due(&doc, now + 1), "one fetch for all");
    is_int(oauth_document_miss(&doc, &rules, now + 1), OAUTH_DOCUMENT_ABSENT, "in vain");
    is_int(oauth_document_miss(&doc, &rules, now + 1), OAUTH_DOCUMENT_ABSENT,
           "no other in the cooldown");
    is_int(oauth_document_miss(&doc, &rules, now + 30 * SECOND - 1), OAUTH_DOCUMENT_ABSENT,
           "to its last moment");
    ok(!oauth_document_due(&doc, now + 30 * SECOND - 1), "nothing was asked");
    is_int(oauth_document_miss(&doc, &rules, now + 30 * SECOND), OAUTH_DOCUMENT_WAIT, "then again");
}

/* In vain, again and again: the wait between two fetches does not grow. */
static void test_in_vain(void)
{
    oauth_document_t doc = never;
    uint64_t now = NOW;
    int i;

    oauth_document_fetched(&doc, &rules, now, 86400, 0, true);
    for (i = 0; i < 7; i++) {
        is_int(oauth_document_miss(&doc, &rules, now), OAUTH_DOCUMENT_WAIT, "asked, time %d", i);
        oauth_document_fetched(&doc, &rules, now, 86400, 0, false);
        is_int(oauth_document_miss(&doc, &rules, now + rules.cooldown - 1), OAUTH_DOCUMENT_ABSENT,
               "not before the cooldown is over");
        now += rules.cooldown;
    }
}

/* Each process reads the clock for itself, some milliseconds apart: one that lags is still within the cooldown. */
static void test_lag(void)
{
    oauth_document_t doc = never;

    oauth_document_fetched(&doc, &rules, NOW, 86400, 0, true);
    is_int(oauth_document_miss(&doc, &rules, NOW + 5), OAUTH_DOCUMENT_WAIT, "asked");
    oauth_document_fetched(&doc, &rules, NOW + 6, 86400, 0, false);
    is_int(oauth_document_miss(&doc, &rules, NOW + 4), OAUTH_DOCUMENT_ABSENT,
           "by a clock that lags: still in the cooldown");
    ok(!oauth_document_due(&doc, NOW + 6), "nothing was asked");
    is_int(oauth_document_miss(&doc, &rules, NOW + 5 + 30 * SECOND), OAUTH_DOCUMENT_WAIT,
           "then again");
}

static void test_unreachable(void)
{
    oauth_document_t doc = never;

    oauth_document_fetched(&doc, &rules, NOW, 3600, 0, true);
    is_int(oauth_document_miss(&doc, &rules, NOW), OAUTH_DOCUMENT_WAIT, "asked");
    oauth_document_failed(&doc, NOW, BASE_KEYS_UNAVAILABLE, 0);
    is_int(oauth_document_miss(&doc, &rules, NOW), OAUTH_DOCUMENT_UNREACHABLE,
           "no answer is not the token's fault");
    ok(oauth_document_usable(&doc, NOW), "and the known keys stay");
}

static void test_max_age(void)
{
    static const struct {
        const char *text;
        int64_t age;
    } rows[] = {
        {"max-age=60", 60},
        {"MAX-AGE=60", 60},
        {"public, max-age=60", 60},
        {"max-age=\"60\"", 60},
        {" public ,\tmax-age = 60 ", 60},
        {"max-age=60, max-age=30", 30},
        {"no-store, max-age=60", 0},
        {"no-cache", 0},
        {"no-cache=\"x\"", 0},
        {"max-age=0", 0},
        {"max-age=99999999999", INT32_MAX},
        {"max-age=99999999999999999999999", -1},
        {"max-age=-1", -1},
        {"max-age=", -1},
        {"max-age", -1},
        {"max-age=6x", -1},
        {"s-maxage=60", -1},
        {"xmax-age=60", -1},
        {"public", -1},
        {"", -1},
        {",,,", -1},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_int(oauth_document_max_age(base_span_of(rows[i].text)), rows[i].age, "\"%s\"",
               rows[i].text);
    }
}

static void test_restored(void)
{
    oauth_document_t doc = never;

    oauth_document_restored(&doc, &rules, NOW, 600, 0);
    is_int(doc.generation, 0, "what is over is not restored");
    oauth_document_restored(&doc, &rules, NOW, -5, 60);
    ok(oauth_document_usable(&doc, NOW + 59 * SECOND), "restored: usable as long as is left");
    ok(!oauth_document_usable(&doc, NOW + 60 * SECOND), "restored: not longer");
    ok(oauth_document_due(&doc, NOW), "restored: due at once");
    oauth_document_restored(&doc, &rules, NOW, 600, 6000);
    ok(!oauth_document_usable(&doc, NOW + 60 * SECOND), "what is there is not replaced");
    doc = never;
    oauth_document_restored(&doc, &rules, NOW, INT64_MAX, INT64_MAX);
    is_int(doc.stale_until - NOW, 25 * HOUR, "restored: never longer than a new one");
    is_int(doc.fresh_until - NOW, 24 * HOUR, "restored: nor fresh for longer");
}

static void test_asked(void)
{
    oauth_document_t doc = never;
    int i;

    oauth_document_fetched(&doc, &rules, NOW, 60, 0, true);
    for (i = 0; i < 8; i++) {
        oauth_document_failed(&doc, NOW + 50 * SECOND, BASE_KEYS_UNAVAILABLE, 0);
    }
    ok(!oauth_document_ask(&doc, NOW + 59 * SECOND), "asked while usable: the backoff holds");
    oauth_document_failed(&doc, NOW + 2 * HOUR, BASE_KEYS_UNAVAILABLE, 0);
    ok(!oauth_document_ask(&doc, NOW + 2 * HOUR + 1999), "asked too soon: the backoff holds");
    ok(!oauth_document_due(&doc, NOW + 2 * HOUR + 2 * SECOND), "not due by itself");
    ok(oauth_document_ask(&doc, NOW + 2 * HOUR + 2 * SECOND), "asked: before the backoff is over");
    oauth_document_failed(&doc, NOW + 2 * HOUR + 3 * SECOND, BASE_KEYS_UNAVAILABLE, 0);
    ok(!oauth_document_ask(&doc, NOW + 2 * HOUR + 4 * SECOND), "in vain: not at once again");
}

int main(void)
{
    UNIT_BEGIN();
    test_asked();
    test_restored();
    test_start();
    test_life();
    test_jitter();
    test_clamps();
    test_unchanged();
    test_failures();
    test_misses();
    test_in_vain();
    test_lag();
    test_unreachable();
    test_max_age();
    UNIT_END();
}
