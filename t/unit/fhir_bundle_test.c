/*
 * Bundles: entries with their facts and offsets, whatever the order of members, and what is
 * refused.
 */

#include "fhir/fhir_bundle.h"
#include "unit.h"

#define HASHES 1024

static const base_span_t ids[] = {BASE_SPAN_LIT("1")};
static uint64_t hashes[HASHES];
static base_arena_t *arena;
static fhir_lens_t *lens;

static const fhir_lens_t *lookup(void *ctx, const fhir_type_t *type)
{
    (void) ctx;
    return fhir_lens_type(lens) == type ? lens : NULL;
}

static void setup(void)
{
    const fhir_definitions_t *defs = fhir_definitions_of(FHIR_R4);
    const fhir_path_t path = {"subject", "Reference", NULL};

    arena = base_arena_new((size_t) 1 << 20);
    lens = fhir_lens_new(arena, fhir_type_find(defs, BASE_SPAN("Observation")));
    (void) fhir_lens_watch_reference(lens, &path, NULL, 0, "Patient", ids, 1);
}

static void open_bundle(fhir_bundle_t *bundle, base_span_t body)
{
    fhir_bundle_open(bundle, body, fhir_definitions_of(FHIR_R4), lookup, NULL, arena, hashes,
                     HASHES);
}

static void is_span(base_span_t got, const char *expected, const char *name)
{
    is_mem(got.p, got.n, expected, expected == NULL ? 0 : strlen(expected), "%s", name);
    ok((got.p == NULL) == (expected == NULL), "%s: present or not", name);
}

static void is_range(const char *body, fhir_range_t range, const char *expected, const char *name)
{
    is_mem(body + range.from, range.to - range.from, expected, strlen(expected), "%s", name);
}

#define MINE                                                                                       \
    "{\"resourceType\":\"Observation\",\"id\":\"a\",\"subject\":{\"reference\":\"Patient/1\"}}"
#define LATE                                                                                       \
    "{\"subject\":{\"reference\":\"Patient/1\"},\"id\":\"b\",\"resourceType\":\"Observation\"}"
#define OTHERS "{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/2\"}}"

static void test_searchset(void)
{
    static const char body[] =
        "{\"resourceType\":\"Bundle\", \"id\":\"x\", \"type\":\"searchset\", \"total\": 12 , "
        "\"link\": [{\"relation\":\"next\",\"url\":\"n\"},"
        "{\"url\":\"https:\\/\\/x/Observation?a=1\",\"relation\":\"self\"}], "
        "\"entry\" : [ {\"fullUrl\":\"http://x/Observation/a\", \"resource\": " MINE
        " ,\"search\":{\"score\":1,\"mode\":\"match\"}} ,"
        "{\"search\":{\"mode\":\"incl\\u0075de\"},\"resource\":" LATE "},"
        "{\"resource\":" OTHERS "},{\"fullUrl\":\"y\"} ] }\n";
    fhir_bundle_t bundle;

    open_bundle(&bundle, BASE_SPAN(body));
    is_int(fhir_bundle_next(&bundle), FHIR_BUNDLE_ENTRY, "first entry");
    is_span(bundle.entry.full_url, "http://x/Observation/a", "fullUrl");
    is_span(bundle.entry.mode, "match", "mode");
    is_span(fhir_text_span(&bundle.entry.facts.id), "a", "id");
    is_int(fhir_facts_bit(&bundle.entry.facts, 0), FHIR_MET, "fact");
    is_range(body, bundle.entry.resource, MINE, "resource");
    is_int(body[bundle.entry.whole.from], '{', "the entry begins with a brace");
    is_range(
        body,
        (fhir_range_t){bundle.entry.whole.to - sizeof("\"match\"}}") + 1, bundle.entry.whole.to},
        "\"match\"}}", "and ends with one");

    is_int(fhir_bundle_next(&bundle), FHIR_BUNDLE_ENTRY, "second entry");
    is_span(bundle.entry.full_url, NULL, "nothing is left of the first");
    is_span(bundle.entry.mode, "include", "mode with an escape");
    ok(!bundle.entry.facts.type_late, "a late type is read again");
    is_int(fhir_facts_bit(&bundle.entry.facts, 0), FHIR_MET, "so the fact is known");
    is_range(body, bundle.entry.resource, LATE, "resource");

    is_int(fhir_bundle_next(&bundle), FHIR_BUNDLE_ENTRY, "third entry");
    is_int(fhir_facts_bit(&bundle.entry.facts, 0), FHIR_NOT_MET, "of another patient");
    is_range(body, bundle.entry.whole, "{\"resource\":" OTHERS "}", "the whole entry");

    is_int(fhir_bundle_next(&bundle), FHIR_BUNDLE_ENTRY, "fourth entry");
    ok(bundle.entry.resource.to == 0 && bundle.entry.facts.type == NULL, "has no resource");
    is_int(fhir_facts_bit(&bundle.entry.facts, 0), FHIR_UNKNOWN, "and no facts");

    is_int(fhir_bundle_next(&bundle), FHIR_BUNDLE_END, "the end");
    is_int(fhir_bundle_next(&bundle), FHIR_BUNDLE_END, "stays the end");
    ok(bundle.is_bundle, "a Bundle");
    is_span(bundle.type, "searchset", "type");
    is_span(bundle.link_self, "https://x/Observation?a=1", "link self");
    is_range(body, bundle.total, "12", "total");
    is_int(body[bundle.links.from], '[', "links begin");
    is_int(body[bundle.links.to - 1], ']', "links end");
    is_int(body[bundle.entries.from], '[', "entries begin");
    is_int(body[bundle.entries.to - 1], ']', "entries end");
}

/* Entries are the same wherever the members that say what the Bundle is stand. */
static void test_orders(void)
{
    static const char *const members[] = {"\"resourceType\":\"Bundle\"", "\"type\":\"history\"",
                                          "\"entry\":[{\"resource\":" MINE "}]", "\"total\":1"};
    unsigned wrong = 0, orders = 0;

    for (unsigned code = 0; code < 256; code++) {
        unsigned at[4] = {code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6};
        char json[512];
        fhir_bundle_t bundle;

        if ((1u << at[0] | 1u << at[1] | 1u << at[2] | 1u << at[3]) != 15) {
            continue;
        }
        orders++;
        (void) snprintf(json, sizeof(json), "{%s,%s,%s,%s}", members[at[0]], members[at[1]],
                        members[at[2]], members[at[3]]);
        open_bundle(&bundle, base_span_of(json));
        wrong += fhir_bundle_next(&bundle) != FHIR_BUNDLE_ENTRY;
        wrong += fhir_facts_bit(&bundle.entry.facts, 0) != FHIR_MET;
        wrong += fhir_bundle_next(&bundle) != FHIR_BUNDLE_END;
        wrong += !bundle.is_bundle || !base_span_is(bundle.type, "history");
        wrong += bundle.total.to - bundle.total.from != 1;
    }
    is_int(orders, 24, "all orders of four members");
    is_int(wrong, 0, "read the same");
}

static const struct {
    const char *body;
    fhir_bundle_event_t last;
    base_reason_t reason;
    unsigned entries;
    bool is_bundle;
} cases[] = {
    {"{\"resourceType\":\"Bundle\"}", FHIR_BUNDLE_END, BASE_OK, 0, true},
    {"{\"resourceType\":\"Bundle\",\"entry\":[]}", FHIR_BUNDLE_END, BASE_OK, 0, true},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{}]}", FHIR_BUNDLE_END, BASE_OK, 1, true},
    {"{\"resourceType\":\"Bundle\",\"x\":{\"entry\":[{}]}}", FHIR_BUNDLE_END, BASE_OK, 0, true},
    {"{\"resource\\u0054ype\":\"Bund\\u006ce\",\"en\\u0074ry\":[{}]}", FHIR_BUNDLE_END, BASE_OK, 1,
     true},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"resourceType\":\"Bundle\",\"entry\":"
     "[{\"resource\":" MINE "}]}}]}",
     FHIR_BUNDLE_END, BASE_OK, 1, true},
    /* no Bundle */
    {"{}", FHIR_BUNDLE_END, BASE_OK, 0, false},
    {"{\"entry\":[{}]}", FHIR_BUNDLE_END, BASE_OK, 1, false},
    {"{\"resourceType\":\"OperationOutcome\",\"issue\":[]}", FHIR_BUNDLE_END, BASE_OK, 0, false},
    {"{\"resourceType\":\"List\",\"entry\":[{\"item\":{}}]}", FHIR_BUNDLE_END, BASE_OK, 0, false},
    {"{\"resourceType\":\"Organization\",\"type\":[{}]}", FHIR_BUNDLE_END, BASE_OK, 0, false},
    {"{\"resourceType\":\"bundle\",\"entry\":[{}]}", FHIR_BUNDLE_END, BASE_OK, 0, false},
    /* wrong shapes */
    {"{\"resourceType\":[\"Bundle\"]}", FHIR_BUNDLE_ERROR, BASE_ANSWER_UNEXPECTED, 0, false},
    {"{\"resourceType\":\"Bundle\",\"entry\":{}}", FHIR_BUNDLE_ERROR, BASE_ANSWER_UNEXPECTED, 0,
     true},
    {"{\"resourceType\":\"Bundle\",\"entry\":null}", FHIR_BUNDLE_ERROR, BASE_ANSWER_UNEXPECTED, 0,
     true},
    {"{\"resourceType\":\"Bundle\",\"entry\":[[]]}", FHIR_BUNDLE_ERROR, BASE_ANSWER_UNEXPECTED, 0,
     true},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{},null]}", FHIR_BUNDLE_ERROR, BASE_ANSWER_UNEXPECTED,
     1, true},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":null}]}", FHIR_BUNDLE_ERROR,
     BASE_ANSWER_UNEXPECTED, 0, true},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":[" MINE "]}]}", FHIR_BUNDLE_ERROR,
     BASE_ANSWER_UNEXPECTED, 0, true},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":\"x\"}]}", FHIR_BUNDLE_ERROR,
     BASE_ANSWER_UNEXPECTED, 0, true},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{\"search\":\"match\"}]}", FHIR_BUNDLE_ERROR,
     BASE_ANSWER_UNEXPECTED, 0, true},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{\"search\":{\"mode\":1}}]}", FHIR_BUNDLE_ERROR,
     BASE_ANSWER_UNEXPECTED, 0, true},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{\"fullUrl\":[]}]}", FHIR_BUNDLE_ERROR,
     BASE_ANSWER_UNEXPECTED, 0, true},
    {"{\"resourceType\":\"Bundle\",\"total\":\"1\"}", FHIR_BUNDLE_ERROR, BASE_ANSWER_UNEXPECTED, 0,
     true},
    {"{\"resourceType\":\"Bundle\",\"link\":{}}", FHIR_BUNDLE_ERROR, BASE_ANSWER_UNEXPECTED, 0,
     true},
    {"{\"resourceType\":\"Bundle\",\"link\":[\"x\"]}", FHIR_BUNDLE_ERROR, BASE_ANSWER_UNEXPECTED, 0,
     true},
    {"{\"resourceType\":\"Bundle\",\"type\":[]}", FHIR_BUNDLE_ERROR, BASE_ANSWER_UNEXPECTED, 0,
     true},
    {"[]", FHIR_BUNDLE_ERROR, BASE_ANSWER_UNEXPECTED, 0, false},
    {"null ", FHIR_BUNDLE_ERROR, BASE_ANSWER_UNEXPECTED, 0, false},
    /* no JSON */
    {"", FHIR_BUNDLE_ERROR, BASE_JSON_TRUNCATED, 0, false},
    {"{", FHIR_BUNDLE_ERROR, BASE_JSON_TRUNCATED, 0, false},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{}", FHIR_BUNDLE_ERROR, BASE_JSON_TRUNCATED, 1, true},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{", FHIR_BUNDLE_ERROR,
     BASE_JSON_TRUNCATED, 0, true},
    {"{\"resourceType\":\"Bundle\"}{}", FHIR_BUNDLE_ERROR, BASE_JSON_SYNTAX, 0, true},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{}],\"entry\":[]}", FHIR_BUNDLE_ERROR,
     BASE_JSON_DUPLICATE, 1, true},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":" MINE ",\"resource\":" OTHERS "}]}",
     FHIR_BUNDLE_ERROR, BASE_JSON_DUPLICATE, 0, true},
    {"{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"a\":{\"b\":1,\"b\":2}}}]}",
     FHIR_BUNDLE_ERROR, BASE_JSON_DUPLICATE, 0, true},
};

static void test_case(size_t i)
{
    fhir_bundle_t bundle;
    fhir_bundle_event_t event;
    unsigned entries = 0;

    open_bundle(&bundle, base_span_of(cases[i].body));
    while ((event = fhir_bundle_next(&bundle)) == FHIR_BUNDLE_ENTRY) {
        entries++;
    }
    is_int(event, cases[i].last, "how it ends: %s", cases[i].body);
    is_int(bundle.reason, cases[i].reason, "the reason: %s", cases[i].body);
    is_int(entries, cases[i].entries, "entries: %s", cases[i].body);
    is_int(bundle.is_bundle, cases[i].is_bundle, "a Bundle or not: %s", cases[i].body);
    is_int(fhir_bundle_next(&bundle), cases[i].last, "and it stays so: %s", cases[i].body);
}

static void test_selves(void)
{
    fhir_bundle_t bundle;

    open_bundle(&bundle, BASE_SPAN("{\"link\":[{\"relation\":\"self\",\"url\":\"a\"},"
                                   "{\"relation\":\"self\",\"url\":\"b\"}]}"));
    is_int(fhir_bundle_next(&bundle), FHIR_BUNDLE_END, "two self links");
    is_span(bundle.link_self, NULL, "are none");
    open_bundle(&bundle, BASE_SPAN("{\"link\":[{\"relation\":\"self\"}]}"));
    is_int(fhir_bundle_next(&bundle), FHIR_BUNDLE_END, "a self link without url");
    is_span(bundle.link_self, NULL, "is none");
}

/* Running out of memory for a text with escapes is an error, never a text cut short. */
static void test_memory(void)
{
    base_arena_t *small = base_arena_new(0);
    fhir_bundle_t bundle;

    fhir_bundle_open(&bundle, BASE_SPAN("{\"entry\":[{\"fullUrl\":\"a\\n\"}]}"),
                     fhir_definitions_of(FHIR_R4), lookup, NULL, small, hashes, HASHES);
    is_int(fhir_bundle_next(&bundle), FHIR_BUNDLE_ERROR, "no memory");
    is_int(bundle.reason, BASE_NO_MEMORY, "says so");
    base_arena_free(small);
}

int main(void)
{
    UNIT_BEGIN();
    setup();
    test_searchset();
    test_orders();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_case(i);
    }
    test_selves();
    test_memory();
    base_arena_free(arena);
    UNIT_END();
}
