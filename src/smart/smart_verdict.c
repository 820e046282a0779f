#include "smart/smart_verdict.h"

#include <stddef.h>
#include <string.h>

/* RULES H. */
static const char *const rules[BASE_REASON_COUNT] = {
    [BASE_NO_CREDENTIALS] = "H2",       [BASE_CREDENTIALS_SYNTAX] = "H2",
    [BASE_CREDENTIALS_REPEATED] = "H2", [BASE_CREDENTIALS_IN_QUERY] = "H2",
    [BASE_TOKEN_TOO_LARGE] = "H3",      [BASE_TOKEN_MALFORMED] = "H3",
    [BASE_TOKEN_OPAQUE] = "H8",         [BASE_TOKEN_HEADER] = "H3",
    [BASE_TOKEN_ALGORITHM] = "H3",      [BASE_TOKEN_TYPE] = "H5",
    [BASE_TOKEN_KEY_UNKNOWN] = "H3",    [BASE_TOKEN_SIGNATURE] = "H3",
    [BASE_TOKEN_CLAIMS] = "H4",         [BASE_TOKEN_ISSUER] = "H4",
    [BASE_TOKEN_AUDIENCE] = "H4",       [BASE_TOKEN_EXPIRED] = "H4",
    [BASE_TOKEN_NOT_YET_VALID] = "H4",  [BASE_TOKEN_TOO_OLD] = "H7",
    [BASE_TOKEN_KIND] = "H5",           [BASE_TOKEN_BOUND] = "H10",
    [BASE_TOKEN_SCOPES] = "L26",        [BASE_TOKEN_INACTIVE] = "H8",
    [BASE_KEYS_UNAVAILABLE] = "G7",
};

const char *smart_verdict_rule(base_reason_t reason)
{
    const char *rule = (unsigned) reason < BASE_REASON_COUNT ? rules[reason] : NULL;

    return rule != NULL ? rule : "L";
}

void smart_verdict_init(smart_verdict_t *verdict)
{
    memset(verdict, 0, offsetof(smart_verdict_t, check));
    verdict->reason = BASE_INTERNAL;
    verdict->rule = "L";
    verdict->interaction = "";
}

bool smart_verdict_obliges(const smart_verdict_t *verdict, unsigned obligation)
{
    return verdict->reason == BASE_OK && (verdict->obligations & obligation) != 0;
}

static void refuse(smart_verdict_t *verdict, base_reason_t reason, const char *rule)
{
    if (verdict->reason == BASE_OK) {
        verdict->reason = reason;
        verdict->rule = rule;
    }
}

void smart_verdict_join(smart_verdict_t *verdict, const smart_verdict_t *more)
{
    size_t i;

    if (verdict->reason == BASE_OK && more->reason != BASE_OK) {
        verdict->missing = more->missing;
    }
    if (more->reason != BASE_OK) {
        refuse(verdict, more->reason, more->rule);
    }
    verdict->obligations |= more->obligations;
    verdict->is_public = verdict->is_public && more->is_public;
    verdict->is_preflight = verdict->is_preflight && more->is_preflight;
    for (i = 0; i < more->check_n; i++) {
        if (verdict->check_n == SMART_CHECKS_MAX) {
            refuse(verdict, BASE_INTERNAL, "L");
            return;
        }
        verdict->check[verdict->check_n++] = more->check[i];
    }
}
