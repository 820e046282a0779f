/*
 * The generated tables: counts and facts of the specification, checked one by one, and the order
 * that lookups rely on.
 */

#include "fhir/fhir_definitions.h"
#include "unit.h"

static const fhir_type_t *type_of(fhir_version_t version, const char *name)
{
    return fhir_type_find(fhir_definitions_of(version), base_span_of(name));
}

static const fhir_parameter_t *parameter_of(fhir_version_t version, const char *type,
                                            const char *name)
{
    return fhir_parameter_find(fhir_definitions_of(version), type_of(version, type),
                               base_span_of(name));
}

static void test_counts(void)
{
    static const struct {
        fhir_version_t version;
        const char *name, *number;
        unsigned types, abstracts, members[FHIR_COMPARTMENT_COUNT];
        unsigned parameters; /* own ones, US Core's not counted */
    } counts[] = {
        {FHIR_R4, "r4", "4.0", 146, 2, {66, 25, 59, 32, 32}, 1697},
        {FHIR_R4B, "r4b", "4.3", 141, 2, {66, 25, 59, 32, 32}, 1742},
        {FHIR_R5, "r5", "5.0", 158, 4, {73, 26, 57, 30, 30}, 1972},
    };

    for (size_t i = 0; i < 3; i++) {
        const fhir_definitions_t *defs = fhir_definitions_of(counts[i].version);
        unsigned members[FHIR_COMPARTMENT_COUNT] = {0};
        unsigned parameters = 0;
        fhir_version_t version = FHIR_VERSION_COUNT;

        is_str(defs->name, counts[i].name, "name");
        is_str(defs->number, counts[i].number, "number");
        ok(fhir_version_find(base_span_of(defs->name), &version) && version == counts[i].version,
           "%s is found by name", defs->name);
        is_int(defs->n_types, counts[i].types, "%s: types", defs->name);
        is_int(defs->n_abstracts, counts[i].abstracts, "%s: abstract types", defs->name);
        for (unsigned k = 0; k < defs->n_types; k++) {
            for (unsigned c = 0; c < FHIR_COMPARTMENT_COUNT; c++) {
                members[c] += defs->types[k].memberships[c].n > 0 ? 1 : 0;
            }
            parameters += defs->types[k].n_parameters;
        }
        for (unsigned c = 0; c < FHIR_COMPARTMENT_COUNT; c++) {
            is_int(members[c], counts[i].members[c], "%s: members of compartment %u", defs->name,
                   c);
        }
        is_int(parameters, counts[i].parameters, "%s: parameters", defs->name);
    }
}

static bool are_sorted(const fhir_parameter_t *rows, unsigned n)
{
    for (unsigned i = 1; i < n; i++) {
        if (base_span_cmp(base_span_of(rows[i - 1].name), base_span_of(rows[i].name)) >= 0) {
            return false;
        }
    }
    return true;
}

/* By its row; Patient's `_id` is a common one. */
static bool is_subject(const fhir_definitions_t *defs, const fhir_type_t *type, const char *name)
{
    const fhir_parameter_t *row = fhir_parameter_find(defs, type, base_span_of(name));

    return row != NULL &&
           (row->subject || (fhir_type_is(type, "Patient") && strcmp(name, "_id") == 0));
}

/* Everything in the tables can be found again, and every Patient member can be confined. */
static void test_order(fhir_version_t version)
{
    const fhir_definitions_t *defs = fhir_definitions_of(version);
    unsigned lost = 0, unsorted = 0, wrong_index = 0, not_narrowed = 0, no_subject = 0;

    for (unsigned i = 0; i < defs->n_types; i++) {
        const fhir_type_t *type = &defs->types[i];

        lost += fhir_type_find(defs, base_span_of(type->name)) != type ? 1 : 0;
        wrong_index += type->index != i || i >= FHIR_TYPES_MAX ? 1 : 0;
        for (unsigned k = 0; k < type->n_parameters; k++) {
            const fhir_parameter_t *row = &type->parameters[k];

            lost += fhir_parameter_find(defs, type, base_span_of(row->name)) != row ? 1 : 0;
        }
        unsorted += are_sorted(type->parameters, type->n_parameters) ? 0 : 1;
        unsorted += are_sorted(type->more, type->n_more) ? 0 : 1;
        if (type->memberships[FHIR_COMPARTMENT_PATIENT].n > 0) {
            const char *by = type->narrowing.parameter;

            not_narrowed +=
                by == NULL || fhir_parameter_find(defs, type, base_span_of(by)) == NULL ? 1 : 0;
            no_subject += by == NULL || !is_subject(defs, type, by) ? 1 : 0;
            not_narrowed += type->class_of != FHIR_CLASS_COMPARTMENT ? 1 : 0;
        }
    }
    unsorted += are_sorted(defs->common, defs->n_common) ? 0 : 1;
    is_int(lost, 0, "%s: every type and parameter is found", defs->name);
    is_int(wrong_index, 0, "%s: every index is its place", defs->name);
    is_int(unsorted, 0, "%s: every list of parameters is sorted", defs->name);
    is_int(not_narrowed, 0, "%s: every member can be narrowed", defs->name);
    is_int(no_subject, 0, "%s: the narrowing parameter is a subject parameter", defs->name);
}

static void test_types(void)
{
    static const struct {
        fhir_version_t version;
        const char *name;
        bool exists;
        fhir_class_t class_of;
    } types[] = {
        {FHIR_R4, "Observation", true, FHIR_CLASS_COMPARTMENT},
        {FHIR_R4, "Patient", true, FHIR_CLASS_COMPARTMENT},
        {FHIR_R4, "Device", true, FHIR_CLASS_PATIENT_LINKED},
        {FHIR_R5, "Device", true, FHIR_CLASS_INDIRECT},
        {FHIR_R4, "Task", true, FHIR_CLASS_PATIENT_LINKED},
        {FHIR_R5, "Task", true, FHIR_CLASS_COMPARTMENT},
        {FHIR_R4, "Organization", true, FHIR_CLASS_SHARED},
        {FHIR_R4, "ValueSet", true, FHIR_CLASS_DEFINITIONAL},
        {FHIR_R4, "Binary", true, FHIR_CLASS_INFRASTRUCTURE},
        {FHIR_R4, "DeviceMetric", true, FHIR_CLASS_INDIRECT},
        {FHIR_R4, "Resource", false, FHIR_CLASS_COMPARTMENT},
        {FHIR_R4, "DomainResource", false, FHIR_CLASS_COMPARTMENT},
        {FHIR_R5, "CanonicalResource", false, FHIR_CLASS_COMPARTMENT},
        {FHIR_R4, "observation", false, FHIR_CLASS_COMPARTMENT},
        {FHIR_R4, "Observatio", false, FHIR_CLASS_COMPARTMENT},
        {FHIR_R4, "Observations", false, FHIR_CLASS_COMPARTMENT},
        {FHIR_R4, "", false, FHIR_CLASS_COMPARTMENT},
        {FHIR_R5, "Media", false, FHIR_CLASS_COMPARTMENT},
        {FHIR_R4, "SubscriptionStatus", false, FHIR_CLASS_COMPARTMENT},
        {FHIR_R4B, "SubscriptionStatus", true, FHIR_CLASS_INFRASTRUCTURE},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const fhir_type_t *type = type_of(types[i].version, types[i].name);

        is_int(type != NULL, types[i].exists, "'%s' exists", types[i].name);
        if (type != NULL) {
            is_str(type->name, types[i].name, "its name");
            is_int(type->class_of, types[i].class_of, "class of %s", types[i].name);
        }
    }
    ok(fhir_type_is_abstract(fhir_definitions_of(FHIR_R4), BASE_SPAN("Resource")), "abstract");
    ok(!fhir_type_is_abstract(fhir_definitions_of(FHIR_R4), BASE_SPAN("CanonicalResource")),
       "CanonicalResource does not exist in R4");
    ok(fhir_type_is_abstract(fhir_definitions_of(FHIR_R5), BASE_SPAN("CanonicalResource")),
       "but in R5");
    ok(!fhir_type_is_abstract(fhir_definitions_of(FHIR_R4), BASE_SPAN("Patient")), "concrete");
}

/* RULES C19: "patient" for all but these. */
static void test_narrowing(fhir_version_t version, const char *const *exceptions, unsigned plain,
                           unsigned exact)
{
    const fhir_definitions_t *defs = fhir_definitions_of(version);
    unsigned by_patient = 0, exactly = 0;

    for (unsigned i = 0; i < defs->n_types; i++) {
        const fhir_narrowing_t *narrowing = &defs->types[i].narrowing;

        if (narrowing->parameter == NULL) {
            continue;
        }
        exactly += narrowing->exact ? 1 : 0;
        by_patient += base_span_is(base_span_of(narrowing->parameter), "patient") &&
                              !narrowing->value_has_type
                          ? 1
                          : 0;
    }
    is_int(by_patient, plain, "%s: narrowed by patient", defs->name);
    is_int(exactly, exact, "%s: exactly", defs->name);
    for (size_t i = 0; exceptions[i] != NULL; i += 2) {
        const fhir_narrowing_t *narrowing = &type_of(version, exceptions[i])->narrowing;

        is_str(narrowing->parameter, exceptions[i + 1], "%s %s", defs->name, exceptions[i]);
        is_int(narrowing->value_has_type, strcmp(exceptions[i], "Patient") != 0,
               "%s needs Patient/ in the value", exceptions[i]);
    }
}

static void is_paths(fhir_paths_t paths, const char *expected, const char *name)
{
    char text[512] = "";
    size_t n = 0;

    for (unsigned i = 0; i < paths.n; i++) {
        n += (size_t) snprintf(text + n, sizeof(text) - n, "%s%s", i > 0 ? " " : "",
                               paths.rows[i].text);
    }
    is_str(text, expected, "%s", name);
}

static void test_paths(void)
{
    const fhir_type_t *observation = type_of(FHIR_R4, "Observation");

    is_paths(observation->members, "performer[] subject", "Observation: formal paths");
    is_paths(observation->narrowing.paths, "subject", "Observation: strict path");
    is_paths(type_of(FHIR_R4, "Appointment")->members, "participant[].actor", "Appointment");
    is_paths(type_of(FHIR_R4, "AllergyIntolerance")->members, "asserter patient recorder",
             "AllergyIntolerance");
    is_paths(type_of(FHIR_R4, "Coverage")->narrowing.paths, "beneficiary", "Coverage, strictly");
    is_paths(type_of(FHIR_R4, "Group")->narrowing.paths, "member[].entity", "Group");
    is_paths(type_of(FHIR_R4, "Patient")->members, "link[].other", "Patient");
    is_paths(type_of(FHIR_R4, "Patient")->narrowing.paths, "", "Patient, strictly: by its id");
    is_paths(type_of(FHIR_R5, "SupplyRequest")->narrowing.paths, "deliverTo", "R5 SupplyRequest");
    is_paths(type_of(FHIR_R4, "Device")->links, "patient", "Device: links");
    ok(observation->members.rows[0].datatype != NULL, "a datatype is given");
    is_str(observation->members.rows[0].datatype, "Reference", "and is Reference");
    is_int(observation->memberships[FHIR_COMPARTMENT_PATIENT].n, 2, "two membership parameters");
    is_str(observation->memberships[FHIR_COMPARTMENT_PATIENT].rows[0].parameter, "performer",
           "of which performer is one");
}

/* RULES C15: who reads the same element. */
static void test_subjects(void)
{
    static const struct {
        const char *type, *name;
        bool is;
    } cases[] = {
        {"Observation", "patient", true},
        {"Observation", "subject", true},
        {"Observation", "performer", false},
        {"Observation", "focus", false},
        {"Observation", "code", false},
        {"Observation", "Patient", false},
        {"Patient", "_id", true},
        {"Patient", "link", false},
        {"Coverage", "beneficiary", true},
        {"Coverage", "patient", true},
        {"Coverage", "subscriber", false},
        {"AllergyIntolerance", "patient", true},
        {"AllergyIntolerance", "recorder", false},
        {"Appointment", "patient", true},
        {"Appointment", "actor", true},
        {"Appointment", "practitioner", false},
        {"AdverseEvent", "subject", true},
        {"Group", "member", true},
        {"Schedule", "actor", true},
        {"Organization", "name", false},
        {"Device", "patient", true},
        {"Device", "location", false},
        {"Task", "patient", true},
        {"Task", "subject", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_int(is_subject(fhir_definitions_of(FHIR_R4), type_of(FHIR_R4, cases[i].type),
                          cases[i].name),
               cases[i].is, "%s?%s names the subject or not", cases[i].type, cases[i].name);
    }
}

static void test_parameters(void)
{
    static const struct {
        fhir_version_t version;
        const char *type, *name;
        int kind; /* -1: none */
        const char *paths;
    } cases[] = {
        {FHIR_R4, "Observation", "code", FHIR_TOKEN, "code"},
        {FHIR_R4, "Observation", "category", FHIR_TOKEN, "category[]"},
        {FHIR_R4, "Observation", "patient", FHIR_REFERENCE, "subject"},
        {FHIR_R4, "Observation", "value-quantity", FHIR_QUANTITY, "valueQuantity valueSampledData"},
        {FHIR_R4, "Observation", "code-value-quantity", FHIR_COMPOSITE, ""},
        {FHIR_R4, "Patient", "name", FHIR_STRING, "name[]"},
        {FHIR_R4, "Patient", "birthdate", FHIR_DATE, "birthDate"},
        {FHIR_R4, "ValueSet", "url", FHIR_URI, "url"},
        {FHIR_R4, "Patient", "email", FHIR_TOKEN, "telecom[]{system=email}"},
        {FHIR_R4, "Location", "near", FHIR_SPECIAL, "position"},
        {FHIR_R4, "RiskAssessment", "probability", FHIR_NUMBER,
         "prediction[].probabilityDecimal prediction[].probabilityRange"},
        {FHIR_R4, "Observation", "_id", FHIR_TOKEN, "id"},
        {FHIR_R4, "Observation", "_lastUpdated", FHIR_DATE, "meta.lastUpdated"},
        {FHIR_R4, "Observation", "_tag", FHIR_TOKEN, "meta.tag[]"},
        {FHIR_R4, "Observation", "_text", FHIR_SPECIAL, ""},
        {FHIR_R4B, "Observation", "_has", FHIR_SPECIAL, ""},
        {FHIR_R5, "Observation", "_filter", FHIR_SPECIAL, ""},
        {FHIR_R4, "Condition", "asserted-date", FHIR_DATE,
         "extension[]{url=http://hl7.org/fhir/StructureDefinition/condition-assertedDate}"
         ".valueDateTime"},
        {FHIR_R4, "Encounter", "discharge-disposition", FHIR_TOKEN,
         "hospitalization.dischargeDisposition"},
        {FHIR_R4B, "CareTeam", "role", FHIR_TOKEN, "participant[].role[]"},
        {FHIR_R4, "Goal", "description", FHIR_TOKEN, "description"},
        {FHIR_R5, "Encounter", "discharge-disposition", -1, ""},
        {FHIR_R4, "Observation", "Code", -1, ""},
        {FHIR_R4, "Observation", "code:not", -1, ""},
        {FHIR_R4, "Observation", "birthdate", -1, ""},
        {FHIR_R4, "Observation", "_sort", -1, ""},
        {FHIR_R4, "Observation", "_include", -1, ""},
        {FHIR_R4, "Observation", "", -1, ""},
        {FHIR_R4, NULL, "_id", FHIR_TOKEN, "id"},
        {FHIR_R4, NULL, "code", -1, ""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *type = cases[i].type == NULL ? "" : cases[i].type;
        const fhir_parameter_t *parameter = parameter_of(cases[i].version, type, cases[i].name);

        is_int(parameter == NULL ? -1 : (int) parameter->kind, cases[i].kind, "%s?%s: kind", type,
               cases[i].name);
        if (parameter != NULL) {
            is_paths(parameter->paths, cases[i].paths, cases[i].name);
        }
    }
    ok(parameter_of(FHIR_R4, "Patient", "deceased")->complex, "Patient?deceased is complex");
    ok(!parameter_of(FHIR_R4, "Patient", "gender")->complex, "Patient?gender is not");
}

static void test_targets(void)
{
    const fhir_parameter_t *subject = parameter_of(FHIR_R4, "Observation", "subject");
    const fhir_parameter_t *focus = parameter_of(FHIR_R4, "Observation", "focus");
    fhir_type_set_t all = fhir_type_set_all(fhir_definitions_of(FHIR_R4));

    ok(fhir_type_set_has(&subject->targets, type_of(FHIR_R4, "Patient")), "subject: Patient");
    ok(fhir_type_set_has(&subject->targets, type_of(FHIR_R4, "Group")), "subject: Group");
    ok(!fhir_type_set_has(&subject->targets, type_of(FHIR_R4, "Encounter")), "not Encounter");
    is_mem(&focus->targets, sizeof(all), &all, sizeof(all), "focus: any type");
    ok(fhir_type_set_is_empty(&parameter_of(FHIR_R4, "Observation", "code")->targets),
       "a token has no targets");
    ok(!fhir_type_set_is_empty(&subject->targets), "a reference has");
}

static void test_sets(void)
{
    const fhir_definitions_t *defs = fhir_definitions_of(FHIR_R5);
    fhir_type_set_t set = {{0}};
    fhir_type_set_t all;

    for (unsigned i = 0; i < defs->n_types; i++) {
        ok(!fhir_type_set_has(&set, &defs->types[i]), "%s is not in yet", defs->types[i].name);
        fhir_type_set_add(&set, &defs->types[i]);
    }
    all = fhir_type_set_all(defs);
    is_mem(&set, sizeof(set), &all, sizeof(all), "all, one by one");
}

static const fhir_addition_t additions[] = {
    {BASE_SPAN_LIT("Patient"), BASE_SPAN_LIT("vip"), BASE_SPAN_LIT("token"),
     BASE_SPAN_LIT("extension[]{url=http://x}.valueCode|code")},
    {BASE_SPAN_LIT("Patient"), BASE_SPAN_LIT("a-clinic"), BASE_SPAN_LIT("reference"),
     BASE_SPAN_LIT("extension[]{url=http://y}.valueReference|Reference|Organization")},
    {BASE_SPAN_LIT("Patient"), BASE_SPAN_LIT("vip"), BASE_SPAN_LIT("token"),
     BASE_SPAN_LIT("meta.tag[]|Coding")},
    {BASE_SPAN_LIT("Observation"), BASE_SPAN_LIT("zone"), BASE_SPAN_LIT("string"),
     BASE_SPAN_LIT("zone")},
    {BASE_SPAN_LIT("Observation"), BASE_SPAN_LIT("about"), BASE_SPAN_LIT("reference"),
     BASE_SPAN_LIT("about[]|Reference")},
};

/* What an operator adds is found, sorted in, and nothing else changes. */
static void test_additions(void)
{
    const fhir_definitions_t *r4 = fhir_definitions_of(FHIR_R4);
    const fhir_type_t *organization = fhir_type_find(r4, BASE_SPAN("Organization"));
    base_arena_t *arena = base_arena_new((size_t) 1 << 20);
    const fhir_definitions_t *defs;
    const fhir_type_t *type;
    const fhir_parameter_t *row;
    size_t at;

    ok(fhir_definitions_with(r4, additions, 5, arena, &defs, &at) == NULL, "additions are fine");
    type = fhir_type_find(defs, BASE_SPAN("Patient"));
    is_int(type->n_more, fhir_type_find(r4, BASE_SPAN("Patient"))->n_more + 2, "two more");
    for (unsigned i = 1; i < type->n_more; i++) {
        ok(strcmp(type->more[i - 1].name, type->more[i].name) < 0, "%s in order",
           type->more[i].name);
    }
    row = fhir_parameter_find(defs, type, BASE_SPAN("vip"));
    ok(row != NULL && row->kind == FHIR_TOKEN && row->paths.n == 2, "a token of two paths");
    is_str(row->paths.rows[0].text, "extension[]{url=http://x}.valueCode", "the first");
    is_str(row->paths.rows[1].datatype, "Coding", "the second");
    row = fhir_parameter_find(defs, type, BASE_SPAN("a-clinic"));
    is_str(row->paths.rows[0].target, "Organization", "a target");
    ok(fhir_type_set_has(&row->targets, organization), "is one");
    ok(!fhir_type_set_has(&row->targets, type), "the only one");
    row = fhir_parameter_find(defs, fhir_type_find(defs, BASE_SPAN("Observation")),
                              BASE_SPAN("about"));
    ok(fhir_type_set_has(&row->targets, type), "without a target any type is");
    ok(fhir_parameter_find(defs, type, BASE_SPAN("race")) != NULL, "the guide's are still there");
    ok(fhir_parameter_find(defs, type, BASE_SPAN("name")) != NULL, "and the standard's");
    ok(fhir_parameter_find(r4, fhir_type_find(r4, BASE_SPAN("Patient")), BASE_SPAN("vip")) == NULL,
       "the tables are what they were");
    ok(fhir_parameter_find(defs, organization, BASE_SPAN("vip")) == NULL, "of that type alone");
    base_arena_free(arena);
}

static void test_additions_refused(void)
{
    static const struct {
        const char *type, *name, *kind, *path;
    } bad[] = {
        {"Foo", "a", "token", "a|code"},
        {"*", "a", "token", "a|code"},
        {"Resource", "a", "token", "a|code"},
        {"Patient", "", "token", "a|code"},
        {"Patient", "_a", "token", "a|code"},
        {"Patient", "a.b", "token", "a|code"},
        {"Patient", "a:b", "token", "a|code"},
        {"Patient", "1a", "token", "a|code"},
        {"Patient", "a", "Token", "a|code"},
        {"Patient", "a", "", "a|code"},
        {"Patient", "name", "string", "a|string"},
        {"Patient", "race", "token", "a|code"},
        {"Patient", "a", "token", ""},
        {"Patient", "a", "token", "a[0]|code"},
        {"Patient", "a", "token", "a..b|code"},
        {"Patient", "a", "token", "a{b}|code"},
        {"Patient", "a", "token", "a{b=}|code"},
        {"Patient", "a", "token", "a{=b}|code"},
        {"Patient", "a", "token", "a{b=c|code"},
        {"Patient", "a", "token", "a{b=c}d|code"},
        {"Patient", "a", "token", "a.1b|code"},
        {"Patient", "a", "token", "a.b-c|code"},
        {"Patient", "a", "token", "a[|code"},
        {"Patient", "a", "token", "a]|code"},
        {"Patient", "a", "token", "[]|code"},
        {"Patient", "a", "token", "a.|code"},
        {"Patient", "a", "token", "a.b.c.d.e.f.g.h.i.j.k.l.m|code"},
        {"Patient", "a", "token", "a{b=c}{d=e}|code"},
        {"Patient", "a", "token", "a{b=c}.d{e=f}|code"},
        {"Patient", "a", "token", "a.where(b)|code"},
        {"Patient", "a", "reference", "a|Reference|Foo"},
        {"Patient", "a", "reference", "a|Reference|Patient|x"},
    };
    const fhir_definitions_t *r4 = fhir_definitions_of(FHIR_R4);
    base_arena_t *arena = base_arena_new((size_t) 4 << 20);
    const fhir_definitions_t *defs;
    unsigned failed = 0;
    size_t at;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const fhir_addition_t rows[2] = {additions[3],
                                         {base_span_of(bad[i].type), base_span_of(bad[i].name),
                                          base_span_of(bad[i].kind), base_span_of(bad[i].path)}};

        ok(fhir_definitions_with(r4, rows, 2, arena, &defs, &at) != NULL && defs == NULL,
           "%s %s %s %s is refused", bad[i].type, bad[i].name, bad[i].kind, bad[i].path);
        is_int(at, 1, "and named");
    }
    {
        fhir_addition_t rows[2] = {additions[0], additions[0]};

        rows[1].kind = BASE_SPAN("string");
        ok(fhir_definitions_with(r4, rows, 2, arena, &defs, &at) != NULL, "two kinds of one name");
    }
    base_arena_free(arena);
    for (size_t limit = 1024; limit < 1 << 20; limit += 512) {
        base_arena_t *small = base_arena_new(limit);
        const char *wrong = fhir_definitions_with(r4, additions, 5, small, &defs, &at);

        base_arena_free(small);
        if (wrong == NULL) {
            break;
        }
        failed += strcmp(wrong, "memory is short") == 0;
    }
    ok(failed > 10, "short memory is refused, %u times", failed);
}

int main(void)
{
    static const char *const r4[] = {
        "AdverseEvent",  "subject", "Group",   "member", "Schedule", "actor",
        "SupplyRequest", "subject", "Patient", "_id",    NULL};
    static const char *const r5[] = {
        "Appointment",   "actor",   "Group",   "member", "Schedule", "actor",
        "SupplyRequest", "subject", "Patient", "_id",    NULL};

    UNIT_BEGIN();
    test_counts();
    test_order(FHIR_R4);
    test_order(FHIR_R4B);
    test_order(FHIR_R5);
    test_types();
    test_narrowing(FHIR_R4, r4, 61, 42);
    test_narrowing(FHIR_R4B, r4, 61, 42);
    test_narrowing(FHIR_R5, r5, 68, 49);
    test_paths();
    test_subjects();
    test_parameters();
    test_targets();
    test_sets();
    test_additions();
    test_additions_refused();
    UNIT_END();
}
