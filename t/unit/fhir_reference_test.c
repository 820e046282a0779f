/*
 * References in every spelling (RULES C18, D2): what they name, and whether it is Patient/1 of this
 * server.
 */

#include "fhir/fhir_reference.h"
#include "unit.h"

static const base_span_t bases[] = {BASE_SPAN_LIT("https://fhir.example.org/r4"),
                                    BASE_SPAN_LIT("http://old.example.org")};

static const struct {
    const char *text;
    fhir_reference_kind_t kind;
    bool is; /* Patient/1 here */
    const char *type, *id, *vid;
} cases[] = {
    {"Patient/1", FHIR_REFERENCE_RELATIVE, true, "Patient", "1", NULL},
    {"Patient/1/_history/2", FHIR_REFERENCE_RELATIVE, true, "Patient", "1", "2"},
    {"https://fhir.example.org/r4/Patient/1", FHIR_REFERENCE_ABSOLUTE, true, "Patient", "1", NULL},
    {"https://fhir.example.org/r4/Patient/1/_history/a.b", FHIR_REFERENCE_ABSOLUTE, true, "Patient",
     "1", "a.b"},
    {"http://old.example.org/Patient/1", FHIR_REFERENCE_ABSOLUTE, true, "Patient", "1", NULL},
    /* another one */
    {"Patient/2", FHIR_REFERENCE_RELATIVE, false, "Patient", "2", NULL},
    {"Patient/11", FHIR_REFERENCE_RELATIVE, false, "Patient", "11", NULL},
    {"Patient/1.", FHIR_REFERENCE_RELATIVE, false, "Patient", "1.", NULL},
    {"Group/1", FHIR_REFERENCE_RELATIVE, false, "Group", "1", NULL},
    {"Patients/1", FHIR_REFERENCE_RELATIVE, false, "Patients", "1", NULL},
    {"PATIENT/1", FHIR_REFERENCE_RELATIVE, false, "PATIENT", "1", NULL},
    /* other bases */
    {"http://fhir.example.org/r4/Patient/1", FHIR_REFERENCE_ABSOLUTE, false, "Patient", "1", NULL},
    {"https://FHIR.example.org/r4/Patient/1", FHIR_REFERENCE_ABSOLUTE, false, "Patient", "1", NULL},
    {"https://fhir.example.org/Patient/1", FHIR_REFERENCE_ABSOLUTE, false, "Patient", "1", NULL},
    {"https://fhir.example.org/r4/x/Patient/1", FHIR_REFERENCE_ABSOLUTE, false, "Patient", "1",
     NULL},
    {"https://fhir.example.org/r4//Patient/1", FHIR_REFERENCE_ABSOLUTE, false, "Patient", "1",
     NULL},
    {"https://fhir.example.org:443/r4/Patient/1", FHIR_REFERENCE_ABSOLUTE, false, "Patient", "1",
     NULL},
    {"https://u@fhir.example.org/r4/Patient/1", FHIR_REFERENCE_ABSOLUTE, false, "Patient", "1",
     NULL},
    {"https://evil.org/https://fhir.example.org/r4/Patient/1", FHIR_REFERENCE_ABSOLUTE, false,
     "Patient", "1", NULL},
    {"http:///Patient/1", FHIR_REFERENCE_ABSOLUTE, false, "Patient", "1", NULL},
    /* no type and id */
    {"1", FHIR_REFERENCE_BARE, false, NULL, "1", NULL},
    {"Patient", FHIR_REFERENCE_BARE, false, NULL, "Patient", NULL},
    {"#1", FHIR_REFERENCE_CONTAINED, false, NULL, NULL, NULL},
    {"#Patient/1", FHIR_REFERENCE_CONTAINED, false, NULL, NULL, NULL},
    {"#", FHIR_REFERENCE_CONTAINED, false, NULL, NULL, NULL},
    {"urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a", FHIR_REFERENCE_URN, false, NULL, NULL, NULL},
    {"urn:oid:1.2/Patient/1", FHIR_REFERENCE_URN, false, NULL, NULL, NULL},
    {"Patient?identifier=x", FHIR_REFERENCE_CONDITIONAL, false, "Patient", NULL, NULL},
    {"Patient/1?x", FHIR_REFERENCE_CONDITIONAL, false, NULL, NULL, NULL},
    {"https://fhir.example.org/r4/Patient?x", FHIR_REFERENCE_CONDITIONAL, false, "Patient", NULL,
     NULL},
    {"?x=Patient/1", FHIR_REFERENCE_CONDITIONAL, false, NULL, NULL, NULL},
    /* nothing of ours */
    {"", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"/Patient/1", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"Patient/1/", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"Patient//1", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"./Patient/1", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"../r4/Patient/1", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"r4/Patient/1", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"patient/1", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"Patient/%31", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"Patient%2F1", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"Patient/1 ", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {" Patient/1", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"Patient/1#x", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"Patient/..", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"Patient/1/_history", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"Patient/1/_history/", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"Patient/1/_history/2/3", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"Patient/1/_History/2", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"_history/1", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"Patient/_history/1", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"//fhir.example.org/r4/Patient/1", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"HTTPS://fhir.example.org/r4/Patient/1", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"ftp://fhir.example.org/r4/Patient/1", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"https://fhir.example.org/r4/Patient/1/", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"https://fhir.example.org/r4/patient/1", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
    {"Pati\xc3\xa9nt/1", FHIR_REFERENCE_OTHER, false, NULL, NULL, NULL},
};

static void is_part(base_span_t got, const char *expected, const char *text)
{
    is_mem(got.p, got.n, expected, expected == NULL ? 0 : strlen(expected), "'%s': part", text);
}

static void test_case(size_t i)
{
    fhir_reference_t ref;
    const char *text = cases[i].text;

    fhir_reference_parse(base_span_of(text), &ref);
    is_int(ref.kind, cases[i].kind, "'%s': kind", text);
    is_part(ref.type, cases[i].type, text);
    is_part(ref.id, cases[i].id, text);
    is_part(ref.vid, cases[i].vid, text);
    is_int(fhir_reference_is(&ref, bases, 2, BASE_SPAN("Patient"), BASE_SPAN("1")), cases[i].is,
           "'%s' is Patient/1 or not", text);
}

static void test_bases(void)
{
    const base_span_t empty = {NULL, 0};
    fhir_reference_t ref;

    fhir_reference_parse(BASE_SPAN("https://fhir.example.org/r4/Patient/1"), &ref);
    ok(fhir_reference_is(&ref, bases, 1, BASE_SPAN("Patient"), BASE_SPAN("1")), "the base counts");
    ok(!fhir_reference_is(&ref, bases + 1, 1, BASE_SPAN("Patient"), BASE_SPAN("1")), "only a base");
    ok(!fhir_reference_is(&ref, NULL, 0, BASE_SPAN("Patient"), BASE_SPAN("1")), "none: not ours");
    fhir_reference_parse(BASE_SPAN("Patient/1"), &ref);
    ok(fhir_reference_is(&ref, NULL, 0, BASE_SPAN("Patient"), BASE_SPAN("1")), "relative: ours");
    ok(!fhir_reference_is(&ref, NULL, 0, BASE_SPAN("Patient"), empty), "no id is never anyone");
    fhir_reference_parse(BASE_SPAN("#x"), &ref);
    ok(!fhir_reference_is(&ref, NULL, 0, empty, empty), "nor is nothing");
    fhir_reference_parse(empty, &ref);
    is_int(ref.kind, FHIR_REFERENCE_OTHER, "an absent text");
}

int main(void)
{
    UNIT_BEGIN();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_case(i);
    }
    test_bases();
    UNIT_END();
}
