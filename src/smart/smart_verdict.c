#include "smart/smart_verdict.h"

#include <string.h>

void smart_verdict_init(smart_verdict_t *verdict)
{
    memset(verdict, 0, sizeof(*verdict));
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
