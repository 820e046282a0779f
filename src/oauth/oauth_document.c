#include "oauth/oauth_document.h"

#include <string.h>

#define BACKOFF_FIRST 1000u
#define BACKOFF_STEPS 6u
#define BACKOFF_MAX   60000u

bool oauth_document_due(const oauth_document_t *doc, uint64_t now)
{
    return doc->wanted != 0 || now >= doc->due_at;
}

bool oauth_document_ask(oauth_document_t *doc, uint64_t now)
{
    if (!oauth_document_usable(doc, now) && now >= doc->failed_at + OAUTH_DOCUMENT_ASK) {
        doc->wanted = 1;
    }
    return oauth_document_due(doc, now);
}

bool oauth_document_usable(const oauth_document_t *doc, uint64_t now)
{
    return doc->generation != 0 && now < doc->stale_until;
}

static uint64_t life_of(const oauth_document_rules_t *rules, int64_t max_age)
{
    uint64_t seconds = max_age < 0 ? OAUTH_DOCUMENT_MAX_AGE : (uint64_t) max_age;

    if (seconds >= rules->refresh_max / 1000) {
        return rules->refresh_max;
    }
    return seconds * 1000 < rules->refresh_min ? rules->refresh_min : seconds * 1000;
}

static unsigned bounded(unsigned jitter)
{
    return jitter > OAUTH_DOCUMENT_JITTER ? OAUTH_DOCUMENT_JITTER : jitter;
}

void oauth_document_fetched(oauth_document_t *doc, const oauth_document_rules_t *rules,
                            uint64_t now, int64_t max_age, unsigned jitter, bool changed)
{
    uint64_t life = life_of(rules, max_age);

    if (changed || doc->generation == 0) {
        doc->generation++;
    }
    doc->attempts++;
    doc->failures = 0;
    doc->reason = BASE_OK;
    doc->wanted = 0;
    doc->fetched_at = now;
    doc->fresh_until = now + life;
    doc->stale_until = now + life + rules->stale;
    /* 70 to 90 per cent of its life: workers and hosts do not all come at once */
    doc->due_at = now + life / 10 * 7 + life / 5 * bounded(jitter) / OAUTH_DOCUMENT_JITTER;
}

void oauth_document_failed(oauth_document_t *doc, uint64_t now, base_reason_t reason,
                           unsigned jitter)
{
    uint64_t wait = BACKOFF_MAX;

    if (doc->failures < BACKOFF_STEPS) {
        wait = (uint64_t) BACKOFF_FIRST << doc->failures;
    }
    if (doc->failures < UINT32_MAX) {
        doc->failures++;
    }
    doc->attempts++;
    doc->failed_at = now;
    doc->reason = (uint32_t) reason;
    doc->wanted = 0;
    doc->due_at = now + wait + wait / 5 * bounded(jitter) / OAUTH_DOCUMENT_JITTER;
}

/* Milliseconds, 0..max. */
static uint64_t within(int64_t seconds, uint64_t max)
{
    if (seconds <= 0) {
        return 0;
    }
    return (uint64_t) seconds >= max / 1000 ? max : (uint64_t) seconds * 1000;
}

void oauth_document_restored(oauth_document_t *doc, const oauth_document_rules_t *rules,
                             uint64_t now, int64_t fresh_for, int64_t stale_for)
{
    if (doc->attempts != 0 || stale_for <= 0) {
        return;
    }
    if (doc->generation == 0) {
        doc->generation++;
    }
    doc->attempts++;
    doc->fetched_at = now;
    doc->due_at = now;
    doc->fresh_until = now + within(fresh_for, rules->refresh_max);
    doc->stale_until = now + within(stale_for, rules->refresh_max + rules->stale);
}

static oauth_document_miss_t answer_of(const oauth_document_t *doc)
{
    return doc->failures > 0 ? OAUTH_DOCUMENT_UNREACHABLE : OAUTH_DOCUMENT_ABSENT;
}

oauth_document_miss_t oauth_document_miss(oauth_document_t *doc,
                                          const oauth_document_rules_t *rules, uint64_t now)
{
    if (doc->wanted) {
        return OAUTH_DOCUMENT_WAIT;
    }
    /* `now` may lie before it: processes read the clock apart */
    if (doc->missed_at != 0 && now < doc->missed_at + rules->cooldown) {
        return answer_of(doc);
    }
    doc->missed_at = now == 0 ? 1 : now;
    doc->wanted = 1;
    return OAUTH_DOCUMENT_WAIT;
}

static base_span_t trim(base_span_t text)
{
    while (text.n > 0 && (text.p[0] == ' ' || text.p[0] == '\t')) {
        text = base_span_sub(text, 1, text.n);
    }
    while (text.n > 0 && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t')) {
        text.n--;
    }
    return text;
}

/* One directive: seconds, or -1 for one that says nothing about freshness. */
static int64_t directive_age(base_span_t directive)
{
    base_span_t rest = directive;
    base_span_t name = trim(base_span_split(&rest, '='));
    uint64_t value;

    if (base_span_is_nocase(name, "no-store") || base_span_is_nocase(name, "no-cache")) {
        return 0;
    }
    if (!base_span_is_nocase(name, "max-age") || rest.p == NULL) {
        return -1;
    }
    rest = trim(rest);
    if (rest.n >= 2 && rest.p[0] == '"' && rest.p[rest.n - 1] == '"') {
        rest = base_span_sub(rest, 1, rest.n - 1);
    }
    if (!base_span_uint(rest, &value)) {
        return -1;
    }
    return value > INT32_MAX ? INT32_MAX : (int64_t) value;
}

int64_t oauth_document_max_age(base_span_t cache_control)
{
    int64_t least = -1;
    int64_t age;

    while (cache_control.p != NULL) {
        age = directive_age(trim(base_span_split(&cache_control, ',')));
        if (age >= 0 && (least < 0 || age < least)) {
            least = age;
        }
    }
    return least;
}
