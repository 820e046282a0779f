/*
 * Compartments: which elements count by which rule (RULES D1, D3, D4), and who is a member at all.
 */

#include "fhir/fhir_compartment.h"
#include "unit.h"

static const fhir_type_t *type_of(const char *name)
{
    return fhir_type_find(fhir_definitions_of(FHIR_R4), base_span_of(name));
}

static void test_paths(void)
{
    static const struct {
        const char *type;
        unsigned formal, strict;
    } cases[] = {
        {"Observation", 2, 1}, {"Encounter", 1, 1},    {"AllergyIntolerance", 3, 1},
        {"Coverage", 4, 1},    {"AuditEvent", 2, 2},   {"Patient", 0, 0},
        {"Device", 0, 0},      {"Organization", 0, 0}, {"Binary", 0, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const fhir_type_t *type = type_of(cases[i].type);

        is_int(fhir_compartment_paths(type, FHIR_FORMAL).n, cases[i].formal, "%s: formal paths",
               cases[i].type);
        is_int(fhir_compartment_paths(type, FHIR_STRICT).n, cases[i].strict, "%s: strict paths",
               cases[i].type);
    }
    is_str(fhir_compartment_paths(type_of("Condition"), FHIR_STRICT).rows[0].text, "subject",
           "Condition belongs strictly by subject");
}

/* Strict membership is a part of the formal one for every type of every version. */
static void test_strict_within_formal(fhir_version_t version)
{
    const fhir_definitions_t *defs = fhir_definitions_of(version);
    unsigned outside = 0;

    for (unsigned i = 0; i < defs->n_types; i++) {
        fhir_paths_t formal = fhir_compartment_paths(&defs->types[i], FHIR_FORMAL);
        fhir_paths_t strict = fhir_compartment_paths(&defs->types[i], FHIR_STRICT);

        for (unsigned s = 0; s < strict.n; s++) {
            unsigned f = 0;

            while (f < formal.n && strcmp(formal.rows[f].text, strict.rows[s].text) != 0) {
                f++;
            }
            outside += f == formal.n ? 1 : 0;
        }
    }
    is_int(outside, 0, "%s: strict is within formal", defs->name);
}

static void test_members(void)
{
    fhir_compartment_t compartment = FHIR_COMPARTMENT_COUNT;

    ok(fhir_compartment_find(BASE_SPAN("Encounter"), &compartment), "Encounter is a compartment");
    is_int(compartment, FHIR_COMPARTMENT_ENCOUNTER, "that one");
    ok(fhir_compartment_find(BASE_SPAN("RelatedPerson"), &compartment), "so is RelatedPerson");
    ok(!fhir_compartment_find(BASE_SPAN("Observation"), &compartment), "Observation is none");
    ok(!fhir_compartment_find(BASE_SPAN("patient"), &compartment), "nor is patient");
    ok(fhir_compartment_has(FHIR_COMPARTMENT_PATIENT, type_of("Observation")), "member");
    ok(!fhir_compartment_has(FHIR_COMPARTMENT_PATIENT, type_of("Organization")), "no member");
    ok(!fhir_compartment_has(FHIR_COMPARTMENT_ENCOUNTER, type_of("Coverage")), "not of Encounter");
    is_str(fhir_compartment_parameter(type_of("Observation")), "patient", "its parameter");
    is_str(fhir_compartment_parameter(type_of("Group")), "member", "Group's parameter");
    is_str(fhir_compartment_parameter(type_of("Device")), NULL, "a non-member has none");
}

int main(void)
{
    UNIT_BEGIN();
    test_paths();
    test_strict_within_formal(FHIR_R4);
    test_strict_within_formal(FHIR_R4B);
    test_strict_within_formal(FHIR_R5);
    test_members();
    UNIT_END();
}
