/*
 * oauth_document: the life of a fetched document (metadata, key set), without I/O and without a clock.
 *
 * The state is plain data without pointers, so that it can live in memory shared by processes. All times are milliseconds of one monotonic clock, given
 * by the caller as `now`; jitter is given too, 0..OAUTH_DOCUMENT_JITTER.
 *
 *     never fetched --fetched--> fresh --80 % of its life--> due, still fresh --> stale --> unusable
 *          ^ failed: backoff 1, 2, 4 .. 60 s         fetched: fresh again; failed: backoff, the document stays
 */

#ifndef OAUTH_DOCUMENT_H
#define OAUTH_DOCUMENT_H

#include "base/base_reason.h"
#include "base/base_span.h"

/* Milliseconds between two retries that somebody waits for. */
#define OAUTH_DOCUMENT_ASK 2000

#define OAUTH_DOCUMENT_JITTER 1000

/* What an issuer's server does not say otherwise: seconds a document without Cache-Control is fresh, before clamping. */
#define OAUTH_DOCUMENT_MAX_AGE 3600

/* Settings, in milliseconds. */
typedef struct {
    uint64_t refresh_min;
    uint64_t refresh_max;
    uint64_t stale;    /* served so long after it stopped being fresh */
    uint64_t cooldown; /* between two fetches because of tokens */
} oauth_document_rules_t;

/* Zeroed memory is a document that was never fetched. */
typedef struct {
    uint64_t generation; /* changes of content so far; 0: never fetched */
    uint64_t fetched_at; /* last success, 304 included */
    uint64_t failed_at;  /* last failure */
    uint64_t due_at;     /* when the next regular fetch, or retry, may start */
    uint64_t fresh_until;
    uint64_t stale_until;
    uint64_t attempts;  /* fetches that ended, well or not */
    uint32_t failures;  /* in a row */
    uint32_t reason;    /* base_reason_t of the last fetch */
    uint64_t missed_at; /* the last time a token asked for newer keys, 0: never */
    uint32_t wanted;    /* a token asks for newer keys now */
} oauth_document_t;

typedef enum {
    OAUTH_DOCUMENT_WAIT,   /* a fetch is wanted (now, or already): wait for its end */
    OAUTH_DOCUMENT_ABSENT, /* the issuer was asked and does not have it, or was asked too recently */
    OAUTH_DOCUMENT_UNREACHABLE /* the issuer was asked too recently and did not answer */
} oauth_document_miss_t;

/* True when a fetch should start. */
bool oauth_document_due(const oauth_document_t *doc, uint64_t now);

/*
 * Somebody waits for a document that is not usable: a retry may start before the backoff is over, once in OAUTH_DOCUMENT_ASK milliseconds, so that an
 * issuer that is back is seen at once. True when a fetch is due now.
 */
bool oauth_document_ask(oauth_document_t *doc, uint64_t now);

/* True while what was fetched may be used. */
bool oauth_document_usable(const oauth_document_t *doc, uint64_t now);

/*
 * A fetch succeeded. `max_age`: seconds by the server's word, -1 for none. `changed`: other content than before (never so for a 304); counts as changed
 * when it is the first.
 */
void oauth_document_fetched(oauth_document_t *doc, const oauth_document_rules_t *rules,
                            uint64_t now, int64_t max_age, unsigned jitter, bool changed);

/* A fetch failed: what there was stays as long as it is usable. */
void oauth_document_failed(oauth_document_t *doc, uint64_t now, base_reason_t reason,
                           unsigned jitter);

/*
 * A document that another process fetched and kept on disk: usable for `stale_for` seconds more (at most as long as a new one would be), and due at
 * once. With stale_for <= 0 nothing happens. A document that was fetched here is never replaced.
 */
void oauth_document_restored(oauth_document_t *doc, const oauth_document_rules_t *rules,
                             uint64_t now, int64_t fresh_for, int64_t stale_for);

/*
 * A token asks for newer keys: it names one that is not in the set, or no key verifies it. One fetch per cooldown, whatever the tokens; nothing is
 * remembered of them, so that nobody can lock out a key that is yet to come by asking for it in vain.
 */
oauth_document_miss_t oauth_document_miss(oauth_document_t *doc,
                                          const oauth_document_rules_t *rules, uint64_t now);

/*
 * Freshness by RFC 9111 section 4.2.1 from the value of Cache-Control: seconds, 0 for no-store and no-cache, -1 when
 * it says nothing (or nothing that can be read).
 */
int64_t oauth_document_max_age(base_span_t cache_control);

#endif
