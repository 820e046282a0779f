/* Claims and what is made of them: any payload, any claim map; jansson gives a second opinion on what is accepted. */

#include "smart/smart_grants.h"

#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(smart_principal_t *principal, const smart_policy_t *policy)
{
    static const base_span_t url = BASE_SPAN_LIT("https://fhir.example.org/r4");
    smart_base_t base = {BASE_SPAN_LIT("/r4"), &url, 1};
    const smart_claims_t *claims = smart_principal_claims(principal);
    base_arena_t *arena = base_arena_new(65536);
    const smart_grants_t *grants = smart_grants_compile(principal, policy, &base, arena);
    const fhir_type_t *type = fhir_type_find(policy->definitions, BASE_SPAN("Observation"));
    base_span_t ids[SMART_PATIENTS_MAX];
    smart_user_t user;
    smart_cover_t cover;

    (void) smart_context_user(claims, &base, &user);
    (void) smart_context_encounter(claims, &base);
    (void) smart_context_item(claims, &base, BASE_SPAN("Task"));
    if (grants != NULL) {
        cover = smart_grants_cover(grants, SMART_R, type);
        /* A12: no patient in context, and no user: only system/ grants anything. */
        if (smart_context_patients(claims, &base, ids) == 0 && claims->fhir_user.p == NULL &&
            cover.confined_n != 0) {
            abort();
        }
    }
    base_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    smart_claim_map_t map;
    smart_policy_t policy;
    smart_principal_t *principal;
    json_error_t error;
    json_t *json;

    if (size == 0) {
        return 0;
    }
    smart_claim_map_default(&map);
    smart_policy_default(&policy);
    map.patients_many = (data[0] & 1) != 0;
    if ((data[0] & 2) != 0) {
        map.scope_separator = BASE_SPAN(".%");
        map.scope_prefix = BASE_SPAN("x/");
    }
    if (smart_principal_new(&map, base_span_make(data + 1, size - 1), BASE_SPAN("i"), &principal) !=
        BASE_OK) {
        return 0;
    }
    json = json_loadb((const char *) data + 1, size - 1,
                      JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
    /* A number beyond what jansson can hold is JSON all the same. */
    if (json == NULL ? json_error_code(&error) != json_error_numeric_overflow
                     : !json_is_object(json)) {
        abort();
    }
    json_decref(json);
    use(principal, &policy);
    smart_principal_release(principal);
    return 0;
}
