/* The rule that is named for what was found before anything could be decided (RULES H). */

#include "smart/smart_verdict.h"

#include "unit.h"

static void rules(void)
{
    is_str(smart_verdict_rule(BASE_NO_CREDENTIALS), "H2", "no credentials");
    is_str(smart_verdict_rule(BASE_TOKEN_SIGNATURE), "H3", "a wrong signature");
    is_str(smart_verdict_rule(BASE_TOKEN_AUDIENCE), "H4", "another audience");
    is_str(smart_verdict_rule(BASE_TOKEN_KIND), "H5", "an ID token");
    is_str(smart_verdict_rule(BASE_NO_MEMORY), "L", "what has no rule of its own");
    is_str(smart_verdict_rule((base_reason_t) 9999), "L", "what is no reason");
}

/* Every refusal of credentials or a token says more than "L". */
static void tokens(void)
{
    int i;

    for (i = 1; i < BASE_REASON_COUNT; i++) {
        const base_reason_info_t *info = base_reason_info((base_reason_t) i);

        if (info->status == 401 && i != BASE_REQUIRE_401) {
            ok(smart_verdict_rule((base_reason_t) i)[0] == 'H' || i == BASE_TOKEN_SCOPES,
               "%s has its rule", info->name);
        }
    }
}

int main(void)
{
    UNIT_BEGIN();
    rules();
    tokens();
    UNIT_END();
}
