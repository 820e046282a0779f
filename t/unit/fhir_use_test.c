/*
 * What the items of a query do: each told in words, as the table has them.
 */

#include "fhir/fhir_use.h"
#include "unit.h"

#include <stdlib.h>

static base_arena_t *arena;
static char told[4096];
static size_t told_n;

static void tell(const char *text)
{
    told_n += (size_t) snprintf(told + told_n, sizeof(told) - told_n, "%s", text);
}

static void tell_span(base_span_t text)
{
    told_n += (size_t) snprintf(told + told_n, sizeof(told) - told_n, "%.*s", (int) text.n,
                                (const char *) text.p);
}

static void tell_types(const fhir_definitions_t *defs, const fhir_type_set_t *set)
{
    unsigned n = 0;

    for (unsigned i = 0; i < defs->n_types; i++) {
        n += fhir_type_set_has(set, &defs->types[i]) ? 1 : 0;
    }
    if (n > 6) {
        told_n += (size_t) snprintf(told + told_n, sizeof(told) - told_n,
                                    n == defs->n_types ? "all" : "%u types", n);
        return;
    }
    for (unsigned i = 0, k = 0; i < defs->n_types; i++) {
        if (fhir_type_set_has(set, &defs->types[i])) {
            tell(k++ > 0 ? "," : "");
            tell(defs->types[i].name);
        }
    }
}

static void tell_hops(const fhir_definitions_t *defs, const fhir_use_t *use)
{
    for (unsigned i = 0; i < use->n_hops; i++) {
        const fhir_hop_t *hop = &use->hops[i];

        tell(" ");
        tell_types(defs, &hop->from);
        tell(hop->reverse ? "<" : ">");
        tell_span(hop->name);
        tell(hop->reverse ? "<" : ">");
        tell_types(defs, &hop->to);
        ok(!hop->reverse || hop->restriction != NULL, "a reverse hop has its type");
    }
}

static void tell_include(const fhir_definitions_t *defs, const fhir_include_t *include)
{
    tell(include->iterate ? " iterate " : " ");
    tell(include->source != NULL ? include->source->name : "*");
    tell(":");
    tell_span(include->wildcard ? BASE_SPAN("*") : include->name);
    tell(include->target != NULL ? ":" : "");
    tell(include->target != NULL ? include->target->name : "");
    tell(" gives ");
    tell_types(defs, &include->returned);
}

static void tell_modifier(const fhir_use_t *use)
{
    static const char *const names[] = {"",      ":missing",    ":not",   ":exact",  ":contains",
                                        ":in",   ":not-in",     ":above", ":below",  ":of-type",
                                        ":text", ":identifier", ":",      ":iterate"};

    tell(" ");
    tell_span(use->name);
    tell(names[use->modifier]);
    tell(use->modifier == FHIR_MODIFIER_TYPE ? use->restriction->name : "");
}

static const char *told_of(fhir_version_t version, const char *type, const char *text)
{
    static const char *const kinds[] = {"filter",     "chain",    "has",     "include",
                                        "revinclude", "result",   "special", "page",
                                        "unknown",    "reserved", "broken"};
    const fhir_definitions_t *defs = fhir_definitions_of(version);
    fhir_query_t query;
    fhir_use_t use;

    told_n = 0;
    told[0] = '\0';
    if (fhir_query_parse(base_span_of(text), base_span_make(NULL, 0), arena, &query) != BASE_OK) {
        return "no query";
    }
    fhir_use_read(defs, type != NULL ? fhir_type_find(defs, base_span_of(type)) : NULL,
                  &query.items[0], &use);
    tell(kinds[use.kind]);
    if (use.kind <= FHIR_USE_HAS) {
        tell_hops(defs, &use);
        tell_modifier(&use);
        ok(use.parameter != NULL, "%s: compared with a parameter", text);
    } else if (use.kind <= FHIR_USE_REVINCLUDE) {
        tell_include(defs, &use.include);
    } else if (use.kind == FHIR_USE_RESULT) {
        told_n += (size_t) snprintf(told + told_n, sizeof(told) - told_n, " %d", (int) use.result);
    } else if (use.kind == FHIR_USE_SPECIAL) {
        told_n += (size_t) snprintf(told + told_n, sizeof(told) - told_n, " %d", (int) use.special);
    }
    return told;
}

static const struct {
    const char *type, *item, *told;
} uses[] = {
    {"Observation", "code=a", "filter code"},
    {"Observation", "subject=Patient/1", "filter subject"},
    {"Observation", "subject:Patient=1", "filter subject:Patient"},
    {"Observation", "subject:Practitioner=1", "broken"},
    {"Observation", "subject:patient=1", "broken"},
    {"Observation", "subject:identifier=a|b", "filter subject:identifier"},
    {"Observation", "subject:missing=true", "filter subject:missing"},
    {"Observation", "code:not=a", "filter code:not"},
    {"Observation", "code:in=http://v", "filter code:in"},
    {"Observation", "code:not-in=http://v", "filter code:not-in"},
    {"Observation", "code:above=a", "filter code:above"},
    {"Observation", "code:below=a", "filter code:below"},
    {"Observation", "code:text=a", "filter code:text"},
    {"Observation", "code:code-text=a", "filter code:text"},
    {"Observation", "identifier:of-type=a|b|c", "filter identifier:of-type"},
    {"Patient", "name:exact=a", "filter name:exact"},
    {"Patient", "name:contains=a", "filter name:contains"},
    {"Observation", "code:foo=a", "broken"},
    {"Observation", "code:=a", "broken"},
    {"Observation", "code:iterate=a", "broken"},
    {"Observation", "code:not:in=a", "broken"},
    {"Observation", "_id=a", "filter _id"},
    {"Observation", "_tag:not=a", "filter _tag:not"},
    {"Observation", "_source=a", "filter _source"},
    {"Observation", "%5Ftag=a", "filter _tag"},
    {"Location", "near=1|2", "filter near"},
    {"Patient", "race=a", "filter race"},
    {"Observation", "Code=a", "unknown"},
    {"Observation", "phrase=a", "unknown"},
    {"Observation", "phrase:not=a", "unknown"},
    {"Observation", "phrase.name=a", "unknown"},
    {"Observation", "_phrase=a", "reserved"},
    {"Observation", "_tenant.name=a", "reserved"},
    {"Observation", "_getpages=a", "page"},
    {"Observation", "ct=a", "page"},
    {"Observation", "ct:not=a", "unknown"},
    /* chains */
    {"Observation", "subject:Patient.name=a", "chain Observation>subject>Patient name"},
    {"Observation", "patient.name=a", "chain Observation>patient>Patient name"},
    {"Observation", "patient.name:exact=a", "chain Observation>patient>Patient name:exact"},
    {"Observation", "subject.name=a", "chain Observation>subject>Location,Patient name"},
    {"Observation", "patient.identifier=a", "chain Observation>patient>Patient identifier"},
    {"Observation", "patient:Group.identifier=a", "broken"},
    {"Observation", "_include=Observation:patient", "include Observation:patient gives Patient"},
    {"Group", "_has:Observation:patient:code=a", "broken"},
    {"Observation", "subject.birthdate=a", "chain Observation>subject>Patient birthdate"},
    {"Observation", "subject._id=a", "chain Observation>subject>Device,Group,Location,Patient _id"},
    {"Observation", "subject:Group.birthdate=a", "broken"},
    {"Observation", "subject:Practitioner.name=a", "broken"},
    {"Observation", "subject:identifier.name=a", "broken"},
    {"Observation", "subject:missing.name=a", "broken"},
    {"Observation", "subject.foo=a", "broken"},
    {"Observation", "subject.=a", "broken"},
    {"Observation", "code.name=a", "broken"},
    {"Observation", "subject._include=a", "broken"},
    {"Observation", "subject._list=a", "broken"},
    {"Observation", "subject._count=a", "broken"},
    {"Patient", "general-practitioner:Practitioner.name=a",
     "chain Patient>general-practitioner>Practitioner name"},
    {"Patient", "general-practitioner.name=a",
     "chain Patient>general-practitioner>Organization,Practitioner name"},
    {"Encounter", "patient.organization.name=a",
     "chain Encounter>patient>Patient Patient>organization>Organization name"},
    {"Encounter", "subject.organization.partof.name=a",
     "chain Encounter>subject>Patient Patient>organization>Organization "
     "Organization>partof>Organization name"},
    {"Organization", "partof.partof.partof.partof.partof.partof.partof.partof.name=a",
     "chain Organization>partof>Organization Organization>partof>Organization "
     "Organization>partof>Organization Organization>partof>Organization "
     "Organization>partof>Organization Organization>partof>Organization "
     "Organization>partof>Organization Organization>partof>Organization name"},
    {"Organization", "partof.partof.partof.partof.partof.partof.partof.partof.partof.name=a",
     "broken"},
    /* _has */
    {"Patient", "_has:Observation:patient:code=a", "has Patient<patient<Observation code"},
    {"Patient", "_has:Observation:patient:code:in=a", "has Patient<patient<Observation code:in"},
    {"Patient", "_has:Observation:subject:code=a", "has Patient<subject<Observation code"},
    {"Practitioner", "_has:Observation:performer:patient=a",
     "has Practitioner<performer<Observation patient"},
    {"Patient", "_has:Observation:patient:_has:AuditEvent:entity:agent=a",
     "has Patient<patient<Observation Observation<entity<AuditEvent agent"},
    {"Patient", "_has:Observation:patient:performer:Practitioner.name=a",
     "has Patient<patient<Observation Observation>performer>Practitioner name"},
    {"Observation", "patient._has:Group:member:_id=a",
     "chain Observation>patient>Patient Patient<member<Group _id"},
    {"Observation", "subject._has:Encounter:patient:status=a",
     "chain Observation>subject>Patient Patient<patient<Encounter status"},
    {"Patient", "_has:Observation:patient=a", "broken"},
    {"Patient", "_has:Observation:patient:=a", "broken"},
    {"Patient", "_has:Observation:code:status=a", "broken"},
    {"Patient", "_has:Foo:patient:status=a", "broken"},
    {"Patient", "_has:Observation:encounter:status=a", "broken"},
    {"Patient", "_has:Observation:patient:foo=a", "broken"},
    {"Patient", "_has=a", "reserved"},
    {"Patient", "_has:=a", "broken"},
    /* includes */
    {"Observation", "_include=Observation:subject",
     "include Observation:subject gives Device,Group,Location,Patient"},
    {"Observation", "_include=Observation:subject:Patient",
     "include Observation:subject:Patient gives Patient"},
    {"Observation", "_include:iterate=Patient:organization",
     "include iterate Patient:organization gives Organization"},
    {"Observation", "_include:recurse=Patient:organization",
     "include iterate Patient:organization gives Organization"},
    {"Observation", "_include=*", "include *:* gives all"},
    {"Observation", "_include=*:*", "include *:* gives all"},
    {"Patient", "_include=Patient:*",
     "include Patient:* gives Organization,Patient,Practitioner,PractitionerRole,RelatedPerson"},
    {"Patient", "_include=Patient:*:Organization",
     "include Patient:*:Organization gives Organization"},
    {"Observation", "_revinclude=Provenance:target",
     "revinclude Provenance:target gives Provenance"},
    {"Observation", "_revinclude:iterate=Provenance:target:Observation",
     "revinclude iterate Provenance:target:Observation gives Provenance"},
    {"Observation", "_revinclude=*", "revinclude *:* gives all"},
    {"Observation", "_revinclude=Provenance:*", "revinclude Provenance:* gives Provenance"},
    {"Observation", "_include=Observation:code", "broken"},
    {"Observation", "_include=Observation:foo", "broken"},
    {"Observation", "_include=Observation", "broken"},
    {"Observation", "_include=Observation:", "broken"},
    {"Observation", "_include=Foo:subject", "broken"},
    {"Observation", "_include=Observation:subject:Foo", "broken"},
    {"Observation", "_include=Observation:subject:", "broken"},
    {"Observation", "_include=Observation:subject:Patient:x", "broken"},
    {"Observation", "_include=Observation:subject,Observation:encounter", "broken"},
    {"Observation", "_include=", "broken"},
    {"Observation", "_include", "broken"},
    {"Observation", "_include:all=Observation:subject", "broken"},
    {"Observation", "_include.x=Observation:subject", "broken"},
    /* results and specials */
    {"Observation", "_sort=-date", "result 1"},
    {"Observation", "_count=5", "result 2"},
    {"Observation", "_total=none", "result 3"},
    {"Observation", "_summary=true", "result 4"},
    {"Observation", "_elements=id", "result 5"},
    {"Observation", "_contained=true", "result 6"},
    {"Observation", "_containedType=container", "result 7"},
    {"Observation", "_type=Patient", "result 8"},
    {"Observation", "_format=json", "result 9"},
    {"Observation", "_pretty=true", "result 10"},
    {"Observation", "_maxresults=5", "result 11"},
    {"Observation", "_score=true", "result 12"},
    {"Observation", "_sort:asc=date", "broken"},
    {"Observation", "_filter=a", "special 1"},
    {"Observation", "_query=a", "special 2"},
    {"Observation", "_list=a", "special 3"},
    {"Observation", "_in=a", "special 4"},
    {"Observation", "_text=a", "special 5"},
    {"Observation", "_content=a", "special 6"},
    {"Observation", "_filter:x=a", "broken"},
    {"Observation", "_list.name=a", "broken"},
    /* the whole system */
    {NULL, "_id=a", "filter _id"},
    {NULL, "code=a", "unknown"},
    {NULL, "_type=Patient", "result 8"},
    {NULL, "_foo=a", "reserved"},
};

static void test_uses(void)
{
    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        is_str(told_of(FHIR_R4, uses[i].type, uses[i].item), uses[i].told, "%s?%s",
               uses[i].type != NULL ? uses[i].type : "", uses[i].item);
    }
    is_str(told_of(FHIR_R5, "Observation", "patient.name=a"),
           "chain Observation>patient>Patient name", "R5 has its own");
}

static void test_sort(void)
{
    const fhir_definitions_t *defs = fhir_definitions_of(FHIR_R4);
    const fhir_type_t *type = fhir_type_find(defs, BASE_SPAN("Observation"));
    base_span_t rest = BASE_SPAN("-date,code,foo,subject.name,-subject:Patient.name,");
    static const struct {
        const char *name;
        bool descending, chained, known;
    } rows[] = {{"date", true, false, true},
                {"code", false, false, true},
                {"foo", false, false, false},
                {"subject.name", false, true, false},
                {"subject:Patient.name", true, true, false},
                {"", false, false, false}};
    size_t n = 0;

    while (rest.p != NULL && n < 6) {
        fhir_sort_t sort;

        fhir_use_sort(defs, type, &rest, &sort);
        ok(base_span_is(sort.name, rows[n].name), "%s: the name", rows[n].name);
        is_int(sort.descending, rows[n].descending, "%s: the order", rows[n].name);
        is_int(sort.chained, rows[n].chained, "%s: the chain", rows[n].name);
        is_int(sort.parameter != NULL, rows[n].known, "%s: the parameter", rows[n].name);
        n++;
    }
    is_int(n, 6, "six items");
    ok(rest.p == NULL, "and no seventh");
}

static void test_types(void)
{
    const fhir_definitions_t *defs = fhir_definitions_of(FHIR_R4);
    static const struct {
        const char *value, *told;
    } rows[] = {{"Patient", "Patient"},
                {"Patient,Observation", "Observation,Patient"},
                {"Patient,Patient", "Patient"},
                {"Patient,", NULL},
                {"", NULL},
                {"Patient,Foo", NULL},
                {"Resource", NULL},
                {"patient", NULL},
                {"Patient, Observation", NULL}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fhir_type_set_t types;
        bool known = fhir_use_types(defs, base_span_of(rows[i].value), &types);

        told_n = 0;
        told[0] = '\0';
        tell_types(defs, &types);
        is_str(known ? told : NULL, rows[i].told, "_type=%s", rows[i].value);
    }
    ok(!fhir_use_types(defs, base_span_make(NULL, 0), &(fhir_type_set_t){{0}}), "no value");
}

int main(void)
{
    UNIT_BEGIN();
    arena = base_arena_new((size_t) 4 << 20);
    test_uses();
    test_sort();
    test_types();
    base_arena_free(arena);
    UNIT_END();
}
