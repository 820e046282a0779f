/*
 * Values of search parameters, compiled and asked of resources: every kind, form, prefix and shape,
 * in every cut of the bytes.
 */

#include "fhir/fhir_lens.h"
#include "fhir/fhir_resource.h"
#include "fhir/fhir_test.h"
#include "unit.h"

#include <stdlib.h>

#define HASHES 1024

static const base_span_t bases[] = {BASE_SPAN_LIT("https://fhir.example.org/r4")};
static uint64_t hashes[HASHES];
static base_arena_t *arena;

static const fhir_lens_t *lookup(void *ctx, const fhir_type_t *type)
{
    const fhir_lens_t *lens = ctx;

    return fhir_lens_type(lens) == type ? lens : NULL;
}

static fhir_test_reason_t compile(const fhir_parameter_t *parameter, const char *value,
                                  const fhir_test_t **test)
{
    return fhir_test_compile(parameter, base_span_make(NULL, 0), base_span_of(value), bases, 1,
                             arena, test);
}

static const fhir_parameter_t *parameter_of(const fhir_definitions_t *defs, const char *type,
                                            const char *name)
{
    return fhir_parameter_find(defs, fhir_type_find(defs, base_span_of(type)), base_span_of(name));
}

static fhir_fact_t read_cut(const fhir_definitions_t *defs, fhir_lens_t *lens, int bit,
                            base_span_t bytes, size_t cut)
{
    static fhir_resource_t res;
    fhir_facts_t facts;

    fhir_resource_start(&res, defs, lookup, lens, fhir_lens_type(lens), hashes, HASHES);
    (void) fhir_resource_feed(&res, base_span_sub(bytes, 0, cut));
    (void) fhir_resource_feed(&res, base_span_sub(bytes, cut, bytes.n));
    return fhir_resource_end(&res, &facts) == BASE_OK ? fhir_facts_bit(&facts, bit) : FHIR_UNKNOWN;
}

/* The fact of Type?name=value for the members of a resource of that type. 'V': void. */
static char ask(fhir_version_t version, const char *type, const char *name, const char *value,
                const char *members)
{
    const fhir_definitions_t *defs = fhir_definitions_of(version);
    const fhir_parameter_t *parameter = parameter_of(defs, type, name);
    fhir_lens_t *lens = fhir_lens_new(arena, fhir_type_find(defs, base_span_of(type)));
    const fhir_test_t *test;
    fhir_facts_t facts;
    fhir_fact_t fact;
    char text[8192];
    int bit;

    if (parameter == NULL || compile(parameter, value, &test) != FHIR_TEST_OK) {
        return parameter == NULL ? '?' : 'V';
    }
    bit = fhir_lens_watch_test(lens, test);
    (void) snprintf(text, sizeof(text), "{%s%s\"resourceType\":\"%s\"}", members,
                    members[0] != '\0' ? "," : "", type);
    if (fhir_resource_read(base_span_of(text), defs, lookup, lens, hashes, HASHES, &facts) !=
        BASE_OK) {
        return 'E';
    }
    fact = fhir_facts_bit(&facts, bit);
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        if (read_cut(defs, lens, bit, base_span_of(text), cut) != fact) {
            return 'C';
        }
    }
    return "NMU"[fact];
}

typedef struct {
    const char *type, *name, *value, *members;
    char expected;
} case_t;

#define LAB "\"category\":[{\"coding\":[{\"system\":\"http://x\",\"code\":\"lab\"}]}]"

static const case_t tokens[] = {
    {"Observation", "category", "lab", LAB, 'M'},
    {"Observation", "category", "http://x|lab", LAB, 'M'},
    {"Observation", "category", "http://x|", LAB, 'M'},
    {"Observation", "category", "|lab", LAB, 'N'},
    {"Observation", "category", "Lab", LAB, 'N'},
    {"Observation", "category", "http://X|lab", LAB, 'N'},
    {"Observation", "category", "http://x/|lab", LAB, 'N'},
    {"Observation", "category", "http://y|lab,http://x|vital", LAB, 'N'},
    {"Observation", "category", "http://x|vital,http://x|lab", LAB, 'M'},
    {"Observation", "category", "http://y|", LAB, 'N'},
    {"Observation", "category", "|lab", "\"category\":[{\"coding\":[{\"code\":\"lab\"}]}]", 'M'},
    {"Observation", "category", "http://x|lab", "\"category\":[{\"coding\":[{\"code\":\"lab\"}]}]",
     'N'},
    {"Observation", "category", "lab", "\"category\":[{\"coding\":[{\"code\":\"lab\"}]}]", 'M'},
    {"Observation", "category", "http://x|",
     "\"category\":[{\"coding\":[{\"system\":\"http://x\"}]}]", 'M'},
    {"Observation", "category", "lab", "\"category\":[{\"coding\":[{\"system\":\"lab\"}]}]", 'N'},
    /* system and code must be of one coding */
    {"Observation", "category", "http://x|lab",
     "\"category\":[{\"coding\":[{\"system\":\"http://x\",\"code\":\"a\"},{\"system\":\"http://y\","
     "\"code\":\"lab\"}]}]",
     'N'},
    {"Observation", "category", "http://x|lab",
     "\"category\":[{\"coding\":[{\"system\":\"http://x\"}]},{\"coding\":[{\"code\":\"lab\"}]}]",
     'N'},
    {"Observation", "category", "http://x|lab",
     "\"category\":[{\"coding\":[{\"system\":\"http://y\",\"code\":\"lab\"},{\"code\":\"lab\","
     "\"display\":\"z\",\"system\":\"http://x\"}]}]",
     'M'},
    {"Observation", "category", "lab", "\"category\":[{\"text\":\"lab\"}]", 'N'},
    {"Observation", "category", "lab", "", 'N'},
    {"Observation", "category", "lab", "\"category\":{\"coding\":[{\"code\":\"lab\"}]}", 'U'},
    {"Observation", "category", "lab", "\"category\":[{\"coding\":{\"code\":\"lab\"}}]", 'U'},
    {"Observation", "category", "lab", "\"category\":[{\"coding\":[{\"code\":5}]}]", 'U'},
    {"Observation", "category", "lab", "\"category\":[{\"coding\":[{\"code\":[\"lab\"]}]}]", 'U'},
    {"Observation", "category", "lab", "\"category\":[{\"coding\":[{\"code\":null}]}]", 'U'},
    {"Observation", "category", "lab", "\"category\":[{\"coding\":[\"lab\"]}]", 'U'},
    {"Observation", "category", "lab", "\"category\":null", 'U'},
    {"Observation", "category", "lab", LAB ",\"code\":{\"coding\":[{\"code\":7}]}", 'M'},
    /* escapes */
    {"Observation", "category", "a\\,b", "\"category\":[{\"coding\":[{\"code\":\"a,b\"}]}]", 'M'},
    {"Observation", "category", "a\\,b", "\"category\":[{\"coding\":[{\"code\":\"a\"}]}]", 'N'},
    {"Observation", "category", "a,b", "\"category\":[{\"coding\":[{\"code\":\"a,b\"}]}]", 'N'},
    {"Observation", "category", "a\\|b", "\"category\":[{\"coding\":[{\"code\":\"a|b\"}]}]", 'M'},
    {"Observation", "category", "a\\$b\\\\c",
     "\"category\":[{\"coding\":[{\"code\":\"a$b\\\\c\"}]}]", 'M'},
    {"Observation", "category", "a\\b", LAB, 'V'},
    {"Observation", "category", "a\\", LAB, 'V'},
    {"Observation", "category", "a|b|c", LAB, 'V'},
    {"Observation", "category", "|", LAB, 'V'},
    {"Observation", "category", "", LAB, 'V'},
    {"Observation", "category", "lab,", LAB, 'V'},
    {"Observation", "category", ",lab", LAB, 'V'},
    {"Observation", "category", "lab,,x", LAB, 'V'},
    /* Identifier, Coding, ContactPoint, plain values */
    {"Observation", "identifier", "urn:a|7",
     "\"identifier\":[{\"system\":\"urn:a\",\"value\":\"7\"}]", 'M'},
    {"Observation", "identifier", "urn:a|7",
     "\"identifier\":[{\"system\":\"urn:a\",\"value\":\"8\"},{\"system\":\"urn:b\",\"value\":\"7\"}"
     "]",
     'N'},
    {"Observation", "_tag", "t|a", "\"meta\":{\"tag\":[{\"system\":\"t\",\"code\":\"a\"}]}", 'M'},
    {"Observation", "_tag", "t|b", "\"meta\":{\"tag\":[{\"system\":\"t\",\"code\":\"a\"}]}", 'N'},
    {"Observation", "_tag", "t|a", "\"meta\":{\"security\":[{\"system\":\"t\",\"code\":\"a\"}]}",
     'N'},
    {"Observation", "_security", "t|a",
     "\"meta\":{\"versionId\":\"1\",\"security\":[{\"system\":\"t\",\"code\":\"a\"}]}", 'M'},
    {"Observation", "_id", "a,b", "\"id\":\"b\"", 'M'},
    {"Observation", "_id", "a,b", "\"id\":\"c\"", 'N'},
    {"Observation", "_id", "a,b", "", 'N'},
    {"Observation", "_id", "x|a", "\"id\":\"a\"", 'N'},
    {"Observation", "_id", "a", "\"id\":5", 'U'},
    {"Observation", "status", "final", "\"status\":\"final\"", 'M'},
    {"Observation", "status", "final", "\"status\":\"finally\"", 'N'},
    {"Observation", "status", "|final", "\"status\":\"final\"", 'N'},
    {"Observation", "status", "http://s|final", "\"status\":\"final\"", 'N'},
    {"Observation", "status", "http://s|", "\"status\":\"final\"", 'N'},
    {"Observation", "status", "true", "\"status\":true", 'U'},
    {"Patient", "active", "true", "\"active\":true", 'M'},
    {"Patient", "active", "true", "\"active\":false", 'N'},
    {"Patient", "active", "false", "\"active\":false", 'M'},
    {"Patient", "active", "|true", "\"active\":true", 'M'},
    {"Patient", "active", "true", "\"active\":\"true\"", 'U'},
    {"Patient", "active", "true", "\"active\":1", 'U'},
    {"Patient", "active", "true", "\"active\":null", 'U'},
    {"Patient", "telecom", "home|5", "\"telecom\":[{\"use\":\"home\",\"value\":\"5\"}]", 'M'},
    {"Patient", "telecom", "work|5", "\"telecom\":[{\"use\":\"home\",\"value\":\"5\"}]", 'N'},
    {"Patient", "deceased", "true", "\"deceasedBoolean\":true", 'V'},
    /* filters: whether the object counts may be said behind what it holds */
    {"Patient", "phone", "5", "\"telecom\":[{\"system\":\"phone\",\"value\":\"5\"}]", 'M'},
    {"Patient", "phone", "5", "\"telecom\":[{\"value\":\"5\",\"system\":\"phone\"}]", 'M'},
    {"Patient", "phone", "5", "\"telecom\":[{\"value\":\"5\",\"system\":\"fax\"}]", 'N'},
    {"Patient", "phone", "5", "\"telecom\":[{\"value\":\"5\"}]", 'N'},
    {"Patient", "phone", "5", "\"telecom\":[{\"value\":\"5\",\"system\":7}]", 'U'},
    {"Patient", "phone", "5", "\"telecom\":[{\"value\":\"5\",\"system\":[\"phone\"]}]", 'U'},
    {"Patient", "phone", "5", "\"telecom\":[{\"value\":\"5\",\"system\":null}]", 'U'},
    {"Patient", "phone", "5", "\"telecom\":[{\"value\":\"6\",\"system\":null}]", 'N'},
    {"Patient", "phone", "5",
     "\"telecom\":[{\"value\":\"6\",\"system\":\"phone\"},{\"value\":\"5\",\"system\":\"fax\"}]",
     'N'},
    {"Patient", "phone", "5",
     "\"telecom\":[{\"value\":\"5\",\"system\":\"fax\"},{\"system\":\"phone\"}]", 'N'},
    {"Patient", "phone", "5",
     "\"telecom\":[{\"value\":\"6\",\"system\":\"fax\"},{\"value\":\"5\",\"system\":\"phone\"}]",
     'M'},
    {"Patient", "phone", "5",
     "\"telecom\":[{\"value\":\"5\",\"system\":\"phone\"},{\"system\":\"fax\"}]", 'M'},
    {"Patient", "race", "2106-3",
     "\"extension\":[{\"url\":\"http://hl7.org/fhir/us/core/StructureDefinition/us-core-race\","
     "\"extension\":[{\"url\":\"ombCategory\",\"valueCoding\":{\"code\":\"2106-3\"}}]}]",
     'M'},
    {"Patient", "race", "2106-3",
     "\"extension\":[{\"extension\":[{\"url\":\"ombCategory\",\"valueCoding\":{\"code\":\"2106-3\"}"
     "}],"
     "\"url\":\"http://hl7.org/fhir/us/core/StructureDefinition/us-core-race\"}]",
     'M'},
    {"Patient", "race", "2106-3",
     "\"extension\":[{\"extension\":[{\"url\":\"ombCategory\",\"valueCoding\":{\"code\":\"2106-3\"}"
     "}],"
     "\"url\":\"http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity\"},"
     "{\"url\":\"http://hl7.org/fhir/us/core/StructureDefinition/us-core-race\"}]",
     'N'},
    /* several paths are one question */
    {"Observation", "combo-code", "c",
     "\"component\":[{\"code\":{\"coding\":[{\"code\":\"c\"}]}}],\"code\":{}", 'M'},
    {"Observation", "combo-code", "c", "\"code\":{\"coding\":[{\"code\":\"c\"}]},\"component\":[]",
     'M'},
    {"Observation", "combo-code", "c",
     "\"code\":{\"coding\":[{\"code\":\"c\"}]},\"component\":[{\"code\":{\"coding\":[7]}}]", 'U'},
    /* contained resources are not looked into (RULES D12) */
    {"Observation", "category", "lab", "\"contained\":[{" LAB "}]", 'N'},
    /* \u escapes in names and values */
    {"Observation", "category", "lab",
     "\"c\\u0061tegory\":[{\"coding\":[{\"c\\u006fde\":\"l\\u0061b\"}]}]", 'M'},
};

#define NAME(part) "\"name\":[{" part "}]"

static const case_t strings[] = {
    {"Patient", "name", "ann", NAME("\"given\":[\"Anna\"]"), 'M'},
    {"Patient", "name", "ann", NAME("\"given\":[\"Joan\",\"Anna\"]"), 'M'},
    {"Patient", "name", "ann", NAME("\"given\":[\"Joanna\"]"), 'N'},
    {"Patient", "name", "annas", NAME("\"given\":[\"Anna\"]"), 'N'},
    {"Patient", "name", "ann", NAME("\"family\":\"Annan\""), 'M'},
    {"Patient", "name", "ann", NAME("\"text\":\"Ann Smith\""), 'M'},
    {"Patient", "name", "mrs", NAME("\"prefix\":[\"Mrs.\"]"), 'M'},
    {"Patient", "name", "jr", NAME("\"suffix\":[\"Jr.\"]"), 'M'},
    {"Patient", "name", "off", NAME("\"use\":\"official\""), 'N'},
    {"Patient", "name", "x,ann", NAME("\"family\":\"Ann\""), 'M'},
    {"Patient", "name", "ann", NAME("\"given\":[null,\"Ann\"],\"_given\":[{\"id\":\"a\"},null]"),
     'M'},
    {"Patient", "name", "ann", NAME("\"given\":\"Ann\""), 'U'},
    {"Patient", "name", "ann", NAME("\"family\":[\"Ann\"]"), 'U'},
    {"Patient", "name", "ann", NAME("\"family\":null"), 'U'},
    {"Patient", "name", "ann", NAME("\"given\":[[\"Ann\"]]"), 'U'},
    {"Patient", "family", "MULLER", NAME("\"family\":\"M\xc3\xbcller\""), 'M'},
    {"Patient", "family", "m\xc3\xbcl", NAME("\"family\":\"Muller\""), 'M'},
    {"Patient", "family", "mu\xcc\x88l", NAME("\"family\":\"M\\u00fcller\""), 'M'},
    {"Patient", "family", "\xce\xac\xce\xbd",
     NAME("\"family\":\"\xce\x91\xce\x9d\xce\x9d\xce\x91\""), 'M'},
    {"Patient", "family", "\xd0\x98\xd0\xb2", NAME("\"family\":\"\xd0\xb8\xd0\x92\xd0\xb0\""), 'M'},
    {"Patient", "family", "\xe6\x9d\x8e", NAME("\"family\":\"\xe6\x9d\x8e\xe6\x98\x8e\""), 'M'},
    {"Patient", "family", "\xe6\x9d\x8e", NAME("\"family\":\"\xe6\x98\x8e\""), 'N'},
    {"Patient", "family", "\xcc\x81", NAME("\"family\":\"a\""), 'V'},
    {"Patient", "family", "a\\,b", NAME("\"family\":\"A,B\""), 'M'},
    {"Patient", "family", "zA", NAME("\"family\":\"Za\""), 'M'},
    {"Patient", "family", "[", NAME("\"family\":\"{\""), 'N'},
    {"Patient", "family", "@", NAME("\"family\":\"`\""), 'N'},
    {"Patient", "family", "ab", NAME("\"family\":\"a\\u0300b\""), 'M'},
    {"Patient", "family", "ab", NAME("\"family\":\"a\\u036fb\""), 'M'},
    {"Patient", "family", "ab", NAME("\"family\":\"a\\u02ffb\""), 'N'},
    {"Patient", "family", "ab", NAME("\"family\":\"a\\u0370b\""), 'N'},
    {"Patient", "family", "\xf0\x9f\x98\x80", NAME("\"family\":\"\\ud83d\\ude00b\""), 'M'},
    {"Patient", "family", "\xf0\x9f\x98\x80", NAME("\"family\":\"\\ud83d\\ude01b\""), 'N'},
    {"Patient", "family", "a|b", NAME("\"family\":\"A|B\""), 'M'},
    {"Patient", "address", "main", "\"address\":[{\"line\":[\"1 Elm\",\"Main St\"]}]", 'M'},
    {"Patient", "address", "bos", "\"address\":[{\"city\":\"Boston\"}]", 'M'},
    {"Patient", "address", "021", "\"address\":[{\"postalCode\":\"02134\"}]", 'M'},
    {"Patient", "address", "suf", "\"address\":[{\"district\":\"Suffolk\"}]", 'M'},
    {"Patient", "address", "ma", "\"address\":[{\"state\":\"MA\"}]", 'M'},
    {"Patient", "address", "us", "\"address\":[{\"country\":\"US\"}]", 'M'},
    {"Patient", "address", "1 m", "\"address\":[{\"text\":\"1 Main\"}]", 'M'},
    {"Patient", "address", "home", "\"address\":[{\"use\":\"home\",\"type\":\"home\"}]", 'N'},
    {"Organization", "name", "acme", "\"name\":\"Acme Inc\"", 'M'},
    {"Organization", "name", "acme", "\"alias\":[\"Old\",\"Acme\"]", 'M'},
    {"Organization", "name", "acme", "\"alias\":[\"Old\"],\"name\":\"The Acme\"", 'N'},
};

static const case_t references[] = {
    {"Observation", "subject", "Patient/1", "\"subject\":{\"reference\":\"Patient/1\"}", 'M'},
    {"Observation", "subject", "1", "\"subject\":{\"reference\":\"Patient/1\"}", 'M'},
    {"Observation", "subject", "1", "\"subject\":{\"reference\":\"Group/1\"}", 'M'},
    {"Observation", "subject", "Group/1", "\"subject\":{\"reference\":\"Patient/1\"}", 'N'},
    {"Observation", "subject", "2", "\"subject\":{\"reference\":\"Patient/1\"}", 'N'},
    {"Observation", "patient", "1", "\"subject\":{\"reference\":\"Patient/1\"}", 'M'},
    {"Observation", "patient", "1", "\"subject\":{\"reference\":\"Group/1\"}", 'N'},
    {"Observation", "subject", "Patient/1",
     "\"subject\":{\"reference\":\"https://fhir.example.org/r4/Patient/1\"}", 'M'},
    {"Observation", "subject", "Patient/1",
     "\"subject\":{\"reference\":\"https://other.example.org/r4/Patient/1\"}", 'N'},
    {"Observation", "subject", "https://fhir.example.org/r4/Patient/1",
     "\"subject\":{\"reference\":\"Patient/1\"}", 'M'},
    {"Observation", "subject", "https://other.example.org/r4/Patient/1",
     "\"subject\":{\"reference\":\"Patient/1\"}", 'N'},
    {"Observation", "subject", "https://other.example.org/r4/Patient/1",
     "\"subject\":{\"reference\":\"https://other.example.org/r4/Patient/1\"}", 'M'},
    {"Observation", "subject", "Patient/1", "\"subject\":{\"reference\":\"Patient/1/_history/4\"}",
     'M'},
    {"Observation", "subject", "Patient/1/_history/4", "\"subject\":{\"reference\":\"Patient/1\"}",
     'V'},
    {"Observation", "subject", "#a", "\"subject\":{\"reference\":\"#a\"}", 'V'},
    {"Observation", "subject", "Patient?x=y", "\"subject\":{\"reference\":\"Patient?x=y\"}", 'V'},
    {"Observation", "subject", "1", "\"subject\":{\"reference\":\"1\"}", 'N'},
    {"Observation", "subject", "Patient/1", "\"subject\":{\"display\":\"Patient/1\"}", 'N'},
    {"Observation", "subject", "Patient/1", "\"subject\":{\"reference\":{}}", 'U'},
    {"Observation", "performer", "Practitioner/7",
     "\"performer\":[{\"reference\":\"Practitioner/6\"},{\"reference\":\"Practitioner/7\"}]", 'M'},
    {"ValueSet", "url", "http://v", "\"url\":\"http://v\"", 'M'},
    {"ValueSet", "url", "http://v", "\"url\":\"http://v/\"", 'N'},
    {"ValueSet", "url", "http://V", "\"url\":\"http://v\"", 'N'},
    {"Observation", "_profile", "http://p", "\"meta\":{\"profile\":[\"http://o\",\"http://p\"]}",
     'M'},
    {"Observation", "_profile", "http://p", "\"meta\":{\"profile\":[\"http://p|1\"]}", 'N'},
    {"Observation", "_profile", "http://p", "\"meta\":{\"profile\":\"http://p\"}", 'U'},
    {"QuestionnaireResponse", "questionnaire", "http://q/Questionnaire/1",
     "\"questionnaire\":\"http://q/Questionnaire/1\"", 'M'},
    {"Library", "derived-from", "http://a",
     "\"relatedArtifact\":[{\"resource\":\"http://a\",\"type\":\"derived-from\"}]", 'M'},
    {"Library", "derived-from", "http://a",
     "\"relatedArtifact\":[{\"resource\":\"http://a\",\"type\":\"successor\"}]", 'N'},
    {"Library", "derived-from", "https://fhir.example.org/r4/Library/1",
     "\"relatedArtifact\":[{\"resource\":\"Library/1\",\"type\":\"derived-from\"}]", 'N'},
    {"Library", "derived-from", "https://fhir.example.org/r4/Library/1",
     "\"relatedArtifact\":[{\"resource\":\"https://fhir.example.org/r4/Library/1\","
     "\"type\":\"derived-from\"}]",
     'M'},
    {"Bundle", "composition", "Composition/1", "\"entry\":[]", 'V'},
};

#define ON(date)         "\"effectiveDateTime\":\"" date "\""
#define IN_PERIOD(inner) "\"effectivePeriod\":{" inner "}"

static const case_t dates[] = {
    {"Observation", "date", "2024-05-01", ON("2024-05-01"), 'M'},
    {"Observation", "date", "2024-05", ON("2024-05-31"), 'M'},
    {"Observation", "date", "2024", ON("2024-12"), 'M'},
    {"Observation", "date", "2024-12", ON("2024"), 'N'},
    {"Observation", "date", "2024-05-01", ON("2024-05"), 'N'},
    {"Observation", "date", "2024-02", ON("2024-02-29"), 'M'},
    {"Observation", "date", "2023-02-29", ON("2024-02-29"), 'V'},
    {"Observation", "date", "eq2024-05-01", ON("2024-05-02"), 'N'},
    {"Observation", "date", "ne2024-05-01", ON("2024-05-02"), 'M'},
    {"Observation", "date", "ne2024-05-01", ON("2024-05-01"), 'N'},
    {"Observation", "date", "gt2024-05-01", ON("2024-05-02"), 'M'},
    {"Observation", "date", "gt2024-05-01", ON("2024-05-01"), 'N'},
    {"Observation", "date", "gt2024-05-01", ON("2024-05"), 'M'},
    {"Observation", "date", "lt2024-05-01", ON("2024-04-30"), 'M'},
    {"Observation", "date", "lt2024-05-01", ON("2024-05-01"), 'N'},
    {"Observation", "date", "lt2024-05-02", ON("2024-05"), 'M'},
    {"Observation", "date", "ge2024-05-01", ON("2024-05-01"), 'M'},
    {"Observation", "date", "ge2024-05-01", ON("2024-04-30"), 'N'},
    {"Observation", "date", "le2024-05-01", ON("2024-05-01"), 'M'},
    {"Observation", "date", "le2024-05-01", ON("2024-05-02"), 'N'},
    {"Observation", "date", "sa2024-05-01", ON("2024-05-02"), 'M'},
    {"Observation", "date", "sa2024-05-01", ON("2024-05"), 'N'},
    {"Observation", "date", "eb2024-05-01", ON("2024-04-30"), 'M'},
    {"Observation", "date", "eb2024-05-02", ON("2024-05"), 'N'},
    {"Observation", "date", "ap2024-05-01", ON("2024-05-01"), 'V'},
    {"Observation", "date", "xx2024-05-01", ON("2024-05-01"), 'V'},
    {"Observation", "date", "GE2024-05-01", ON("2024-05-01"), 'V'},
    {"Observation", "date", "2024-05-01,2024-06", ON("2024-06-07"), 'M'},
    /* zones */
    {"Observation", "date", "2024-05-01T10:00:00Z", ON("2024-05-01T10:00:00Z"), 'M'},
    {"Observation", "date", "2024-05-01T10:00:00Z", ON("2024-05-01T12:00:00+02:00"), 'M'},
    {"Observation", "date", "2024-05-01T10:00:00Z", ON("2024-05-01T10:00:00+02:00"), 'N'},
    {"Observation", "date", "2024-05-01T10:00:00-05:30", ON("2024-05-01T15:30:00Z"), 'M'},
    {"Observation", "date", "2024-05-01T10:00Z", ON("2024-05-01T10:00:59.999Z"), 'M'},
    {"Observation", "date", "2024-05-01T10:00Z", ON("2024-05-01T10:01:00Z"), 'N'},
    {"Observation", "date", "2024-05-01T10:00:00Z", ON("2024-05-01T10:00:00.5Z"), 'M'},
    {"Observation", "date", "2024-05-01T10:00:00.5Z", ON("2024-05-01T10:00:00.51Z"), 'M'},
    {"Observation", "date", "2024-05-01T10:00:00.9Z", ON("2024-05-01T10:00:00.999Z"), 'M'},
    {"Observation", "date", "2024-05-01T10:00:00.5Z", ON("2024-05-01T10:00:00Z"), 'N'},
    {"Observation", "date", "ge2024-05-01T10:00:00.5Z", ON("2024-05-01T10:00:00.4Z"), 'N'},
    {"Observation", "date", "ge2024-05-01T10:00:00.5Z", ON("2024-05-01T10:00:00.500Z"), 'M'},
    {"Observation", "date", "eb2024-05-01T10:00:00.5Z", ON("2024-05-01T10:00:00.6Z"), 'N'},
    {"Observation", "date", "eb2024-05-01T10:00:00.5Z", ON("2024-05-01T10:00:00.4Z"), 'M'},
    {"Observation", "date", "gt2024-05-01T10:00:00.9Z", ON("2024-05-01T10:00:00Z"), 'N'},
    {"Observation", "date", "2024-05-01T10:00:00+14:00", ON("2024-04-30T20:00:00Z"), 'M'},
    {"Observation", "date", "2024-05-01T10:00:00+15:00", ON("2024-04-30T20:00:00Z"), 'V'},
    {"Observation", "date", "2024-05-01", ON("2024-05-01T23:30:00-05:00"), 'U'},
    {"Observation", "date", "2024-05-01", ON("2024-05-03T12:00:00Z"), 'N'},
    {"Observation", "date", "2024-05-01", ON("2024-04-29T12:00:00Z"), 'N'},
    {"Observation", "date", "2024-05", ON("2024-05-15T12:00:00Z"), 'M'},
    {"Observation", "date", "2024-05", ON("2024-05-31T23:00:00Z"), 'U'},
    {"Observation", "date", "ge2024-05-01", ON("2024-05-01T12:00:01Z"), 'M'},
    {"Observation", "date", "ge2024-05-01", ON("2024-05-01T11:59:58Z"), 'U'},
    {"Observation", "date", "ge2024-05-01", ON("2024-04-30T09:59:58Z"), 'N'},
    {"Observation", "date", "lt2024-05-01", ON("2024-04-30T09:59:59Z"), 'M'},
    {"Observation", "date", "lt2024-05-01", ON("2024-05-01T12:00:00Z"), 'N'},
    {"Observation", "date", "ge2024-05-01T00:00:00Z", ON("2024-05-02"), 'M'},
    {"Observation", "date", "ge2024-05-01T00:00:00Z", ON("2024-05-01"), 'M'},
    {"Observation", "date", "sa2024-05-01T00:00:00Z", ON("2024-05-01"), 'U'},
    {"Observation", "date", "sa2024-05-01T00:00:00Z", ON("2024-05-02"), 'M'},
    {"Observation", "date", "2024-05-01T10:00", ON("2024-05-01"), 'N'},
    {"Observation", "date", "2024-05-03,2024-05-01", ON("2024-05-01T05:00:00Z"), 'U'},
    {"Observation", "date", "2024-05-01,2024", ON("2024-05-01T05:00:00Z"), 'M'},
    /* Periods, with open ends */
    {"Observation", "date", "2024-05", IN_PERIOD("\"start\":\"2024-05-01\",\"end\":\"2024-05-31\""),
     'M'},
    {"Observation", "date", "2024-05", IN_PERIOD("\"end\":\"2024-05-31\",\"start\":\"2024-05-01\""),
     'M'},
    {"Observation", "date", "2024-05", IN_PERIOD("\"start\":\"2024-05-01\",\"end\":\"2024-06-01\""),
     'N'},
    {"Observation", "date", "2024-05", IN_PERIOD("\"start\":\"2024-05-01\""), 'N'},
    {"Observation", "date", "gt2030", IN_PERIOD("\"start\":\"2024-05-01\""), 'M'},
    {"Observation", "date", "sa2023", IN_PERIOD("\"start\":\"2024-05-01\""), 'M'},
    {"Observation", "date", "lt2000", IN_PERIOD("\"end\":\"2024-05-01\""), 'M'},
    {"Observation", "date", "lt2000", IN_PERIOD("\"start\":\"2024-05-01\""), 'N'},
    {"Observation", "date", "eb2025", IN_PERIOD("\"end\":\"2024-05-01\""), 'M'},
    {"Observation", "date", "gt2025", IN_PERIOD("\"end\":\"2024-05-01\""), 'N'},
    {"Observation", "date", "gt2000", IN_PERIOD(""), 'N'},
    {"Observation", "date", "gt2000", IN_PERIOD("\"start\":7"), 'U'},
    {"Observation", "date", "gt2000", "\"effectiveTiming\":{}", 'U'},
    {"Observation", "date", "gt2000", "\"effectiveInstant\":\"2024-05-01T10:00:00Z\"", 'M'},
    /* what is no date */
    {"Observation", "date", "2024-05-01", ON("2024-5-1"), 'U'},
    {"Observation", "date", "2024-05-01", ON(""), 'U'},
    {"Observation", "date", "2024-13", ON("2024"), 'V'},
    {"Observation", "date", "24", ON("2024"), 'V'},
    {"Observation", "date", "2024-05-01T24:00:00Z", ON("2024"), 'V'},
    {"Observation", "date", "2024-05-01T10:00:60Z", ON("2024"), 'V'},
    {"Observation", "date", "2024-05-01T10Z", ON("2024"), 'V'},
    {"Observation", "date", "2024-05T10:00:00Z", ON("2024"), 'V'},
    {"Observation", "date", "2024-05-01T10:00:00+1:00", ON("2024"), 'V'},
    {"Observation", "date", "2024-05-01T10:00:00Zx", ON("2024"), 'V'},
    {"Observation", "date", "2024-05-01T10:00:00.1234567890Z", ON("2024"), 'V'},
    {"Observation", "date", "2024-05-01 10:00:00Z", ON("2024"), 'V'},
    {"Patient", "birthdate", "1900-03-01", "\"birthDate\":\"1900-03-01\"", 'M'},
    {"Patient", "birthdate", "le1900-02-28", "\"birthDate\":\"1900-02-29\"", 'U'},
    {"Patient", "birthdate", "2000-02-29", "\"birthDate\":\"2000-02-29\"", 'M'},
    {"Observation", "_lastUpdated", "ge2024-01-01T00:00:00Z",
     "\"meta\":{\"lastUpdated\":\"2024-01-01T00:00:00.000Z\"}", 'M'},
    {"Observation", "_lastUpdated", "ge2024-01-01T00:00:00Z",
     "\"meta\":{\"lastUpdated\":\"2023-12-31T23:59:59.999Z\"}", 'N'},
};

#define Q(inner) "\"valueQuantity\":{" inner "}"

static const case_t numbers[] = {
    {"RiskAssessment", "probability", "0.8", "\"prediction\":[{\"probabilityDecimal\":0.8}]", 'M'},
    {"RiskAssessment", "probability", "0.8", "\"prediction\":[{\"probabilityDecimal\":0.75}]", 'M'},
    {"RiskAssessment", "probability", "0.8", "\"prediction\":[{\"probabilityDecimal\":0.85}]", 'N'},
    {"RiskAssessment", "probability", "0.80", "\"prediction\":[{\"probabilityDecimal\":0.75}]",
     'N'},
    {"RiskAssessment", "probability", "0.8", "\"prediction\":[{\"probabilityDecimal\":8e-1}]", 'M'},
    {"RiskAssessment", "probability", "0.8", "\"prediction\":[{\"probabilityDecimal\":\"0.8\"}]",
     'U'},
    {"RiskAssessment", "probability", "gt0.8",
     "\"prediction\":[{\"probabilityDecimal\":0.80000000000000000001}]", 'M'},
    {"RiskAssessment", "probability", "gt0.8",
     "\"prediction\":[{\"probabilityDecimal\":0.80000000000000000000}]", 'N'},
    {"RiskAssessment", "probability", "ge0.8", "\"prediction\":[{\"probabilityRange\":{}}]", 'U'},
    {"RiskAssessment", "probability", "ge0.8",
     "\"prediction\":[{\"probabilityDecimal\":0.1},{\"probabilityDecimal\":0.9}]", 'M'},
    {"Observation", "value-quantity", "5.4", Q("\"value\":5.4"), 'M'},
    {"Observation", "value-quantity", "5.4", Q("\"value\":5.35"), 'M'},
    {"Observation", "value-quantity", "5.4", Q("\"value\":5.45"), 'N'},
    {"Observation", "value-quantity", "5.4", Q("\"value\":5.449999999999999999999999999999"), 'M'},
    {"Observation", "value-quantity", "5.40", Q("\"value\":5.449"), 'N'},
    {"Observation", "value-quantity", "100", Q("\"value\":99.5"), 'M'},
    {"Observation", "value-quantity", "100", Q("\"value\":100.5"), 'N'},
    {"Observation", "value-quantity", "100", Q("\"value\":1e2"), 'M'},
    {"Observation", "value-quantity", "-100", Q("\"value\":-100.4"), 'M'},
    {"Observation", "value-quantity", "-100", Q("\"value\":-100.5"), 'M'},
    {"Observation", "value-quantity", "-100", Q("\"value\":-99.5"), 'N'},
    {"Observation", "value-quantity", "0", Q("\"value\":-0.5"), 'M'},
    {"Observation", "value-quantity", "0", Q("\"value\":-0"), 'M'},
    {"Observation", "value-quantity", "0", Q("\"value\":0.5"), 'N'},
    {"Observation", "value-quantity", "1e2", Q("\"value\":100"), 'V'},
    {"Observation", "value-quantity", "ge1e2", Q("\"value\":100"), 'M'},
    {"Observation", "value-quantity", "123456789012345678", Q("\"value\":1"), 'V'},
    {"Observation", "value-quantity", "gt123456789012345678", Q("\"value\":123456789012345679"),
     'M'},
    {"Observation", "value-quantity", "ne5.4", Q("\"value\":5.5"), 'M'},
    {"Observation", "value-quantity", "ne5.4", Q("\"value\":5.41"), 'N'},
    {"Observation", "value-quantity", "gt5", Q("\"value\":5"), 'N'},
    {"Observation", "value-quantity", "gt5", Q("\"value\":5.0001"), 'M'},
    {"Observation", "value-quantity", "sa5", Q("\"value\":5.0001"), 'M'},
    {"Observation", "value-quantity", "sa5", Q("\"value\":5"), 'N'},
    {"Observation", "value-quantity", "lt5", Q("\"value\":4.9"), 'M'},
    {"Observation", "value-quantity", "lt5", Q("\"value\":5"), 'N'},
    {"Observation", "value-quantity", "eb5", Q("\"value\":-7"), 'M'},
    {"Observation", "value-quantity", "eb5", Q("\"value\":5"), 'N'},
    {"Observation", "value-quantity", "ge5", Q("\"value\":5.00"), 'M'},
    {"Observation", "value-quantity", "ge5", Q("\"value\":4.99"), 'N'},
    {"Observation", "value-quantity", "le5", Q("\"value\":5"), 'M'},
    {"Observation", "value-quantity", "le5", Q("\"value\":5.1"), 'N'},
    {"Observation", "value-quantity", "le-5", Q("\"value\":-5.1"), 'M'},
    {"Observation", "value-quantity", "ap5", Q("\"value\":5"), 'V'},
    {"Observation", "value-quantity", "05", Q("\"value\":5"), 'V'},
    {"Observation", "value-quantity", "5.", Q("\"value\":5"), 'V'},
    {"Observation", "value-quantity", ".5", Q("\"value\":5"), 'V'},
    {"Observation", "value-quantity", "+5", Q("\"value\":5"), 'V'},
    {"Observation", "value-quantity", "5x", Q("\"value\":5"), 'V'},
    {"Observation", "value-quantity", "ge5e99999", Q("\"value\":5"), 'V'},
    {"Observation", "value-quantity", "ge5", Q("\"value\":5e99999"), 'U'},
    /* units */
    {"Observation", "value-quantity", "5|http://u|mg",
     Q("\"value\":5,\"system\":\"http://u\",\"code\":\"mg\""), 'M'},
    {"Observation", "value-quantity", "5|http://u|mg",
     Q("\"value\":5,\"system\":\"http://u\",\"code\":\"g\""), 'N'},
    {"Observation", "value-quantity", "5|http://u|mg",
     Q("\"value\":5,\"system\":\"http://v\",\"code\":\"mg\""), 'N'},
    {"Observation", "value-quantity", "5|http://u|mg",
     Q("\"value\":6,\"system\":\"http://u\",\"code\":\"mg\""), 'N'},
    {"Observation", "value-quantity", "5|http://u|mg", Q("\"value\":5,\"code\":\"mg\""), 'N'},
    {"Observation", "value-quantity", "5|http://u|mg",
     Q("\"value\":5,\"system\":\"http://u\",\"unit\":\"mg\""), 'N'},
    {"Observation", "value-quantity", "5||mg", Q("\"unit\":\"mg\",\"value\":5"), 'M'},
    {"Observation", "value-quantity", "5||mg",
     Q("\"value\":5,\"system\":\"http://u\",\"code\":\"mg\""), 'M'},
    {"Observation", "value-quantity", "5||mg", Q("\"value\":5,\"code\":\"g\""), 'N'},
    {"Observation", "value-quantity", "5||mg", Q("\"value\":5"), 'N'},
    {"Observation", "value-quantity", "5,6", Q("\"value\":5"), 'M'},
    {"Observation", "value-quantity", "5||mg,6||g", Q("\"value\":5,\"unit\":\"mg\""), 'M'},
    {"Observation", "value-quantity", "4||mg,5||g", Q("\"value\":5,\"unit\":\"mg\""), 'N'},
    {"Observation", "value-quantity", "5|http://u", Q("\"value\":5"), 'V'},
    {"Observation", "value-quantity", "5||", Q("\"value\":5"), 'V'},
    {"Observation", "value-quantity", "|http://u|mg", Q("\"value\":5"), 'V'},
    {"Observation", "value-quantity", "5", Q("\"value\":5,\"comparator\":\"<\""), 'U'},
    {"Observation", "value-quantity", "5", Q("\"unit\":\"mg\""), 'N'},
    {"Observation", "value-quantity", "5", "\"valueSampledData\":{}", 'U'},
    {"Observation", "value-quantity", "5", Q("\"value\":\"5\""), 'U'},
};

static void test_cases(const char *what, const case_t *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const case_t *c = &cases[i];
        char got = ask(FHIR_R4, c->type, c->name, c->value, c->members);

        is_int(got, c->expected, "%s %s?%s=%s on %s: %c", what, c->type, c->name, c->value,
               c->members, got);
    }
}

#define TEST_CASES(what, cases) test_cases((what), (cases), sizeof(cases) / sizeof((cases)[0]))

/* What R5 has otherwise. */
static void test_r5(void)
{
    is_int(ask(FHIR_R5, "Observation", "_profile", "http://p",
               "\"meta\":{\"profile\":[\"http://p\"]}"),
           'M', "R5 _profile is a canonical reference");
    is_int(ask(FHIR_R5, "Observation", "_profile", "http://p",
               "\"meta\":{\"profile\":[\"http://q\"]}"),
           'N', "another");
    is_int(ask(FHIR_R5, "PractitionerRole", "phone", "5",
               "\"contact\":[{\"telecom\":[{\"value\":\"5\",\"system\":\"phone\"}]}]"),
           'M', "a filter further in");
    is_int(ask(FHIR_R5, "PractitionerRole", "phone", "5",
               "\"contact\":[{\"telecom\":[{\"value\":\"5\",\"system\":\"email\"}]}]"),
           'N', "that does not hold");
}

static void test_reasons(void)
{
    static const struct {
        const char *type, *name, *modifier, *value;
        fhir_test_reason_t reason;
    } rows[] = {
        {"Observation", "category", NULL, "a", FHIR_TEST_OK},
        {"Observation", "category", "not", "a", FHIR_TEST_MODIFIER},
        {"Observation", "category", "", "a", FHIR_TEST_MODIFIER},
        {"Observation", "code-value-quantity", NULL, "a$5", FHIR_TEST_KIND},
        {"Observation", "_content", NULL, "a", FHIR_TEST_KIND},
        {"Location", "near", NULL, "1|2", FHIR_TEST_KIND},
        {"Patient", "deceased", NULL, "true", FHIR_TEST_PATHS},
        {"Observation", "date", NULL, "ap2024", FHIR_TEST_PREFIX},
        {"Observation", "date", NULL, "soon", FHIR_TEST_VALUE},
        {"Observation", "value-quantity", NULL, "123456789012345678", FHIR_TEST_SIZE},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const fhir_test_t *test = (const fhir_test_t *) rows;
        fhir_test_reason_t reason = fhir_test_compile(
            parameter_of(fhir_definitions_of(FHIR_R4), rows[i].type, rows[i].name),
            base_span_of(rows[i].modifier), base_span_of(rows[i].value), bases, 1, arena, &test);

        is_int(reason, rows[i].reason, "%s:%s=%s: %s", rows[i].name,
               rows[i].modifier != NULL ? rows[i].modifier : "", rows[i].value,
               fhir_test_reason_text(reason));
        ok((test != NULL) == (reason == FHIR_TEST_OK), "and a test only then");
    }
    ok(strlen(fhir_test_reason_text((fhir_test_reason_t) 99)) > 0, "any number has a text");
}

/* n times "a," and one more. */
static fhir_test_reason_t compile_many(size_t n, size_t length)
{
    static char value[300000];
    const fhir_test_t *test;
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        if (i > 0) {
            value[at++] = ',';
        }
        memset(value + at, 'a', length);
        at += length;
    }
    value[at] = '\0';
    return compile(parameter_of(fhir_definitions_of(FHIR_R4), "Observation", "category"), value,
                   &test);
}

static void test_bounds(void)
{
    is_int(compile_many(FHIR_TEST_ALTERNATIVES, 1), FHIR_TEST_OK, "64 alternatives");
    is_int(compile_many(FHIR_TEST_ALTERNATIVES + 1, 1), FHIR_TEST_SIZE, "65");
    is_int(compile_many(1, FHIR_VALUE_MAX), FHIR_TEST_OK, "2 KB of text");
    is_int(compile_many(1, FHIR_VALUE_MAX + 1), FHIR_TEST_SIZE, "more");
}

/* The last of 64 alternatives counts, and values at the edge of the buffer. */
static void test_edges(void)
{
    char value[400];
    char members[FHIR_VALUE_MAX + 200];
    size_t at = 0;

    for (unsigned i = 0; i < FHIR_TEST_ALTERNATIVES; i++) {
        at += (size_t) snprintf(value + at, sizeof(value) - at, "%sc%u", i > 0 ? "," : "", i);
    }
    is_int(ask(FHIR_R4, "Observation", "status", value, "\"status\":\"c63\""), 'M', "the 64th");
    is_int(ask(FHIR_R4, "Observation", "status", value, "\"status\":\"c64\""), 'N', "no 65th");

    (void) snprintf(members, sizeof(members), "\"status\":\"%0*d\"", FHIR_VALUE_MAX, 0);
    is_int(ask(FHIR_R4, "Observation", "status", "c", members), 'N', "a long value is read");
    (void) snprintf(members, sizeof(members), "\"status\":\"\\u0030%0*d\"", FHIR_VALUE_MAX, 0);
    is_int(ask(FHIR_R4, "Observation", "status", "c", members), 'U', "a longer one is unknown");
    (void) snprintf(members, sizeof(members),
                    "\"telecom\":[{\"value\":\"5\",\"system\":\"\\u0030%0*d\"}]", FHIR_VALUE_MAX,
                    0);
    is_int(ask(FHIR_R4, "Patient", "phone", "5", members), 'U', "so is a filter");
}

/* Tests and references in one lens; a lens that is full; the elements it looks at. */
static void test_lens(void)
{
    const fhir_definitions_t *defs = fhir_definitions_of(FHIR_R4);
    const fhir_type_t *type = fhir_type_find(defs, BASE_SPAN("Observation"));
    static const base_span_t ids[] = {BASE_SPAN_LIT("1")};
    const fhir_path_t subject = {"subject", "Reference", NULL};
    fhir_lens_t *lens = fhir_lens_new(arena, type);
    const fhir_test_t *combo, *lab;
    fhir_facts_t facts;
    int patient, code, category;
    base_span_t body = BASE_SPAN("{\"resourceType\":\"Observation\",\"subject\":{\"reference\":"
                                 "\"Patient/1\"}," LAB ",\"component\":[{\"code\":{\"coding\":[{"
                                 "\"code\":\"d\"}]}}]}");

    (void) compile(parameter_of(defs, "Observation", "combo-code"), "c", &combo);
    (void) compile(parameter_of(defs, "Observation", "category"), "lab", &lab);
    code = fhir_lens_watch_test(lens, combo);
    patient = fhir_lens_watch_reference(lens, &subject, bases, 1, "Patient", ids, 1);
    category = fhir_lens_watch_test(lens, lab);
    is_int(fhir_resource_read(body, defs, lookup, lens, hashes, HASHES, &facts), BASE_OK, "read");
    is_int(fhir_facts_bit(&facts, code), FHIR_NOT_MET, "two paths, none met");
    is_int(fhir_facts_bit(&facts, patient), FHIR_MET, "the patient");
    is_int(fhir_facts_bit(&facts, category), FHIR_MET, "the category");
    is_int(fhir_lens_bits(lens), 4, "four paths");
    ok(base_span_is(fhir_lens_element(lens, 0), "code"), "the first");
    ok(base_span_is(fhir_lens_element(lens, 1), "component"), "the second");
    ok(base_span_is(fhir_lens_element(lens, 2), "subject"), "the third");
    ok(base_span_is(fhir_lens_element(lens, 3), "category"), "the fourth");
    ok(fhir_lens_element(lens, 4).p == NULL, "no fifth");
    while (fhir_lens_bits(lens) < FHIR_LENS_BITS - 1) {
        (void) fhir_lens_watch_test(lens, lab);
    }
    is_int(fhir_lens_watch_test(lens, combo), FHIR_LENS_FAILED, "no room for two");
    is_int(fhir_lens_watch_test(lens, lab), FHIR_LENS_BITS - 1, "but for one");
    is_int(fhir_lens_watch_test(lens, lab), FHIR_LENS_FAILED, "and that was the last");
    is_int(fhir_resource_read(body, defs, lookup, lens, hashes, HASHES, &facts), BASE_OK, "read");
    for (int i = 3; i < FHIR_LENS_BITS; i++) {
        is_int(fhir_facts_bit(&facts, i), FHIR_MET, "bit %d of 64", i);
    }
}

/* Two tests over one filter. */
static void test_two_filters(void)
{
    const fhir_definitions_t *defs = fhir_definitions_of(FHIR_R4);
    fhir_lens_t *lens = fhir_lens_new(arena, fhir_type_find(defs, BASE_SPAN("Patient")));
    const fhir_test_t *five, *six;
    fhir_facts_t facts;

    (void) compile(parameter_of(defs, "Patient", "phone"), "5", &five);
    (void) compile(parameter_of(defs, "Patient", "phone"), "6", &six);
    (void) fhir_lens_watch_test(lens, five);
    (void) fhir_lens_watch_test(lens, six);
    (void) fhir_resource_read(BASE_SPAN("{\"resourceType\":\"Patient\",\"telecom\":["
                                        "{\"system\":\"phone\",\"value\":\"5\"},"
                                        "{\"system\":\"phone\",\"value\":\"6\"}]}"),
                              defs, lookup, lens, hashes, HASHES, &facts);
    is_int(fhir_facts_bit(&facts, 0), FHIR_MET, "the first of two");
    is_int(fhir_facts_bit(&facts, 1), FHIR_MET, "the second of two");
}

/* Paths that lead nowhere one can look. */
static void test_paths(void)
{
    static const struct {
        const char *text, *datatype;
        fhir_test_reason_t reason;
    } rows[] = {
        {"a.b.c.d.e.f.g.h.i.j.k", "CodeableConcept", FHIR_TEST_OK},
        {"a.b.c.d.e.f.g.h.i.j.k.l", "CodeableConcept", FHIR_TEST_PATHS},
        {"a.b.c.d.e.f.g.h.i.j.k.l", "code", FHIR_TEST_OK},
        {"a[]{b=c}", "code", FHIR_TEST_PATHS},
        {"a[]{b=c}.d", "code", FHIR_TEST_OK},
        {"a[]{b=c}", "Coding", FHIR_TEST_OK},
        {"a", "Attachment", FHIR_TEST_PATHS},
        {"a", NULL, FHIR_TEST_PATHS},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const fhir_path_t path = {rows[i].text, rows[i].datatype, NULL};
        const fhir_parameter_t parameter = {
            .name = "x", .name_n = 1, .kind = FHIR_TOKEN, .paths = {&path, 1}};
        const fhir_test_t *test;

        is_int(compile(&parameter, "a", &test), rows[i].reason, "%s of %s", rows[i].text,
               rows[i].datatype != NULL ? rows[i].datatype : "an unsaid type");
    }
}

/* The id before the type is read again; without an interest in it it is not. */
static void test_late_id(void)
{
    const fhir_definitions_t *defs = fhir_definitions_of(FHIR_R4);
    const fhir_type_t *type = fhir_type_find(defs, BASE_SPAN("Observation"));
    base_span_t body = BASE_SPAN("{\"id\":\"a\",\"resourceType\":\"Observation\"}");

    for (unsigned i = 0; i < 2; i++) {
        fhir_lens_t *lens = fhir_lens_new(arena, type);
        static fhir_resource_t res;
        const fhir_test_t *test;
        fhir_facts_t facts;

        (void) compile(parameter_of(defs, "Observation", i == 0 ? "_id" : "status"), "a", &test);
        (void) fhir_lens_watch_test(lens, test);
        fhir_resource_start(&res, defs, lookup, lens, NULL, hashes, HASHES);
        (void) fhir_resource_feed(&res, body);
        is_int(fhir_resource_end(&res, &facts), BASE_OK, "read");
        is_int(facts.type_late, i == 0, "late only where the id is watched");
        is_int(fhir_facts_bit(&facts, 0), i == 0 ? FHIR_UNKNOWN : FHIR_NOT_MET, "and unknown then");
    }
}

/* Every parameter of every version compiles or says why not; tests on the ones that do run. */
static void test_all(void)
{
    unsigned compiled = 0, full = 0, empty = 0, total = 0, wrong = 0;

    for (unsigned v = 0; v < FHIR_VERSION_COUNT; v++) {
        const fhir_definitions_t *defs = fhir_definitions_of((fhir_version_t) v);

        for (unsigned i = 0; i < defs->n_types; i++) {
            const fhir_type_t *type = &defs->types[i];

            for (unsigned k = 0; k < type->n_parameters; k++) {
                const fhir_parameter_t *p = &type->parameters[k];
                base_arena_t *mine = base_arena_new(65536);
                const fhir_test_t *test;
                const char *value = p->kind == FHIR_DATE ? "2024" : "5";
                fhir_test_reason_t reason = fhir_test_compile(
                    p, base_span_make(NULL, 0), base_span_of(value), bases, 1, mine, &test);

                total++;
                compiled += reason == FHIR_TEST_OK;
                full += reason == FHIR_TEST_OK && fhir_test_is_full(test);
                empty +=
                    reason != FHIR_TEST_OK && p->kind != FHIR_COMPOSITE && p->kind != FHIR_SPECIAL;
                wrong += reason == FHIR_TEST_NO_MEMORY || reason == FHIR_TEST_VALUE;
                if (reason == FHIR_TEST_OK) {
                    wrong += fhir_test_parameter(test) != p;
                    wrong += fhir_lens_watch_test(fhir_lens_new(mine, type), test) != 0;
                }
                base_arena_free(mine);
            }
        }
    }
    is_int(wrong, 0, "no parameter fails for another reason");
    ok(compiled > total * 19 / 20, "%u of %u parameters of types are evaluated", compiled, total);
    ok(full > compiled * 19 / 20, "%u of them fully", full);
    ok(empty > 0 && empty < 40, "%u of plain kinds are not", empty);
}

static void test_memory(void)
{
    const fhir_parameter_t *parameter =
        parameter_of(fhir_definitions_of(FHIR_R4), "Observation", "value-quantity");
    unsigned failed = 0;
    size_t limit;

    for (limit = 16; limit < 65536; limit += 16) {
        base_arena_t *small = base_arena_new(limit);
        const fhir_test_t *test;
        fhir_test_reason_t reason =
            fhir_test_compile(parameter, base_span_make(NULL, 0), BASE_SPAN("5\\,3,4|a\\|b|c"),
                              bases, 1, small, &test);

        base_arena_free(small);
        if (reason != FHIR_TEST_NO_MEMORY) {
            break;
        }
        failed++;
    }
    ok(failed > 3 && limit < 65536, "short memory is a failure: %u times", failed);
}

int main(void)
{
    UNIT_BEGIN();
    arena = base_arena_new((size_t) 64 << 20);
    TEST_CASES("token", tokens);
    TEST_CASES("string", strings);
    TEST_CASES("reference", references);
    TEST_CASES("date", dates);
    TEST_CASES("number", numbers);
    test_r5();
    test_reasons();
    test_bounds();
    test_edges();
    test_lens();
    test_two_filters();
    test_paths();
    test_late_id();
    test_all();
    test_memory();
    base_arena_free(arena);
    UNIT_END();
}
