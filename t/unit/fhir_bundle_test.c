/*
 * Answers as they stream by: what is where, whatever the order of members and however the bytes are cut, and what is refused.
 */

#include "fhir/fhir_bundle.h"
#include "unit.h"

#define HASHES 1024
#define BOTH   (FHIR_ENTER_BUNDLE | FHIR_ENTER_PARAMETERS)

static const base_span_t ids[] = {BASE_SPAN_LIT("1")};
static uint64_t hashes[HASHES];
static base_arena_t *lenses;
static fhir_lens_t *lens;
static fhir_bundle_t bundle;
static char trace[8192];
static size_t trace_n;

static const fhir_lens_t *lookup(void *ctx, const fhir_type_t *type)
{
    (void) ctx;
    return fhir_lens_type(lens) == type ? lens : NULL;
}

static void setup(void)
{
    const fhir_definitions_t *defs = fhir_definitions_of(FHIR_R4);
    const fhir_path_t path = {"subject", "Reference", NULL};

    lenses = base_arena_new((size_t) 1 << 20);
    lens = fhir_lens_new(lenses, fhir_type_find(defs, BASE_SPAN("Observation")));
    (void) fhir_lens_watch_reference(lens, &path, NULL, 0, "Patient", ids, 1);
}

static void say(base_span_t text)
{
    for (size_t i = 0; i < text.n && trace_n < sizeof(trace) - 1; i++) {
        trace[trace_n++] = (char) text.p[i];
    }
    trace[trace_n] = '\0';
}

static void say_facts(const fhir_facts_t *facts)
{
    say(facts->type == NULL ? BASE_SPAN("?") : base_span_of(facts->type->name));
    say(BASE_SPAN("/"));
    say(fhir_text_span(&facts->id));
    say(fhir_facts_bit(facts, 0) == FHIR_MET ? BASE_SPAN("+") : BASE_SPAN("-"));
}

static void say_item(const fhir_item_place_t *item, base_span_t body)
{
    say(fhir_text_span(&item->mode));
    say(item->wrong ? BASE_SPAN("!") : BASE_SPAN(""));
    say(item->other_outcome ? BASE_SPAN("~") : BASE_SPAN(""));
    say(item->has_container ? BASE_SPAN("B") : BASE_SPAN(""));
    if (item->has_resource) {
        say_facts(&item->facts);
    }
    say(item->to > item->from && item->to <= body.n ? BASE_SPAN("") : BASE_SPAN("?range?"));
}

/* Members by the byte that follows their name's quote: t of "type" and "total" alike. */
static void say_event(fhir_bundle_event_t event, base_span_t body)
{
    const fhir_bundle_level_t *level = &bundle.level[bundle.level_n - 1];

    switch (event) {
    case FHIR_BUNDLE_MEMBER:
        say(base_span_sub(body, level->member.from + 1, level->member.from + 2));
        break;
    case FHIR_BUNDLE_URL:
        say(BASE_SPAN("<"));
        say(bundle.url.text);
        say(BASE_SPAN(">"));
        break;
    case FHIR_BUNDLE_ITEM:
        say(BASE_SPAN("("));
        fhir_bundle_enter(&bundle, BOTH);
        break;
    case FHIR_BUNDLE_ITEM_END:
        say_item(&level->item, body);
        say(BASE_SPAN(")"));
        break;
    case FHIR_BUNDLE_ITEMS_END:
        say(BASE_SPAN("]"));
        break;
    case FHIR_BUNDLE_CLOSE:
        if (level->is_container) {
            say(fhir_text_span(&level->type));
            say(BASE_SPAN("."));
        } else if (bundle.level_n == 1) {
            say_facts(&level->facts);
        }
        break;
    default:
        break;
    }
}

static base_reason_t feed(base_span_t in, base_span_t body)
{
    fhir_bundle_event_t event;

    while ((event = fhir_bundle_next(&bundle, &in)) != FHIR_BUNDLE_MORE) {
        if (event == FHIR_BUNDLE_ERROR) {
            return bundle.reason;
        }
        say_event(event, body);
    }
    return BASE_OK;
}

/* In two parts, or (0) byte by byte. */
static base_reason_t read_cut(base_span_t body, size_t at, size_t limit)
{
    base_arena_t *arena = base_arena_new(limit);
    base_reason_t reason = BASE_OK;
    size_t i;

    trace_n = 0;
    trace[0] = '\0';
    fhir_bundle_start(&bundle, BOTH, fhir_definitions_of(FHIR_R4), lookup, NULL, arena, hashes,
                      HASHES, (size_t) 1 << 18);
    if (at > 0) {
        reason = feed(base_span_sub(body, 0, at), body);
        reason = reason == BASE_OK ? feed(base_span_sub(body, at, body.n), body) : reason;
    }
    for (i = 0; at == 0 && i < body.n && reason == BASE_OK; i++) {
        reason = feed(base_span_sub(body, i, i + 1), body);
    }
    reason = reason == BASE_OK ? fhir_bundle_finish(&bundle) : reason;
    base_arena_free(arena);
    return reason;
}

/* The same however it is cut. `reason`: how it ends. */
static void reads(const char *text, base_reason_t reason, const char *expected)
{
    base_span_t body = base_span_of(text);
    size_t at, wrong = 0;

    for (at = 0; at <= body.n; at++) {
        base_reason_t got = read_cut(body, at, (size_t) 1 << 22);

        if (got != reason || (expected != NULL && strcmp(trace, expected) != 0)) {
            if (wrong++ == 0) {
                printf("# cut at %zu: %s: %s\n", at, base_reason_info(got)->name, trace);
            }
        }
    }
    is_int(wrong, 0, "%s", text);
}

#define MINE                                                                                       \
    "{\"resourceType\":\"Observation\",\"id\":\"a\",\"subject\":{\"reference\":\"Patient/1\"}}"
#define LATE                                                                                       \
    "{\"subject\":{\"reference\":\"Patient/1\"},\"id\":\"b\",\"contained\":[{}],"                  \
    "\"note\":[{\"text\":\"\\\"\\\\\\n\\u00e4\"},1.50,true,null,[]],\"resourceType\":"             \
    "\"Observation\"}"
#define OTHERS "{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/2\"}}"

static void searchsets(void)
{
    reads("{\"resourceType\":\"Bundle\", \"id\":\"x\", \"type\":\"searchset\", \"total\": 12 , "
          "\"link\": [{\"relation\":\"next\",\"url\":\"n\"},"
          "{\"url\":\"https:\\/\\/x/Observation?a=1\",\"relation\":\"self\"}], "
          "\"entry\" : [ {\"fullUrl\":\"http://x/Observation/a\", \"resource\": " MINE
          " ,\"search\":{\"score\":1,\"mode\":\"match\"}} ,"
          "{\"search\":{\"mode\":\"incl\\u0075de\"},\"resource\":" LATE "},"
          "{\"resource\":" OTHERS "},{\"fullUrl\":\"y\"} ] }\n",
          BASE_OK,
          "rittl<n><https://x/Observation?a=1>e(<http://x/Observation/a>matchObservation/a+)"
          "(sicnrincludeObservation/b+)(Observation/-)(<y>)]searchset.");
    is_mem(bundle.level[0].total.bytes, bundle.level[0].total.n, "12", 2, "the total as written");
    reads("{\"entry\":[{\"resource\":" LATE "}],\"total\":1,\"type\":\"history\",\"resourceType\":"
          "\"Bundle\"}",
          BASE_OK, "e(sicnrObservation/b+)]ttrhistory.");
    reads("{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"resourceType\":\"Bundle\","
          "\"type\":\"searchset\",\"entry\":[{\"resource\":" MINE "},{\"resource\":" LATE "}]}}]}",
          BASE_OK, "re(rte(Observation/a+)(sicnrObservation/b+)]searchset.B)].");
    reads("{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"entry\":[{\"resource\":" MINE
          "}],\"type\":\"searchset\",\"resourceType\":\"Bundle\"}}]}",
          BASE_OK, "re(e(Observation/a+)]trsearchset.B)].");
    reads("{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"entry\":[{\"item\":{}}],"
          "\"mode\":\"x\",\"id\":\"l\",\"resourceType\":\"List\"}}]}",
          BASE_OK, "re(e()]mirList/l-)].");
    reads("{\"resourceType\":\"Bundle\",\"entry\":[{\"response\":{\"status\":\"200\",\"outcome\":"
          "{\"resourceType\":\"OperationOutcome\"}}},{\"response\":{\"outcome\":" MINE
          "},\"resource\":" MINE "}]}",
          BASE_OK, "re()(~Observation/a+)].");
    reads("{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"a\",\"valueString\":\"x\"},"
          "{\"name\":\"b\",\"part\":[{\"resource\":" MINE "}]},{\"Resource\":" MINE "}]}",
          BASE_OK, "rp()(Observation/a+)(!)].");
    reads("{\"resourceType\":\"Bundle\",\"entry\":[null,7,[],{\"resource\":null},{\"resource\":["
          "1]},{\"search\":3}]}",
          BASE_OK, "re(!)(!)(!)(!)(!)(!)].");
}

/* Entries are the same wherever the members that say what the Bundle is stand. */
static void orders(void)
{
    static const char *const members[] = {"\"resourceType\":\"Bundle\"", "\"type\":\"history\"",
                                          "\"entry\":[{\"resource\":" MINE "}]", "\"total\":1"};
    unsigned wrong = 0, n = 0;

    for (unsigned code = 0; code < 256; code++) {
        unsigned at[4] = {code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6};
        char json[512];

        if ((1u << at[0] | 1u << at[1] | 1u << at[2] | 1u << at[3]) != 15) {
            continue;
        }
        n++;
        (void) snprintf(json, sizeof(json), "{%s,%s,%s,%s}", members[at[0]], members[at[1]],
                        members[at[2]], members[at[3]]);
        wrong += read_cut(base_span_of(json), 0, (size_t) 1 << 22) != BASE_OK;
        wrong += strstr(trace, "(Observation/a+)") == NULL;
        wrong += !bundle.level[0].is_container || bundle.level[0].total.n != 1;
        wrong += strstr(trace, "history.") == NULL;
    }
    is_int(n, 24, "all orders of four members");
    is_int(wrong, 0, "read the same");
}

static void others(void)
{
    reads(MINE, BASE_OK, "Observation/a+");
    reads(LATE, BASE_OK, NULL);
    ok(strstr(trace, "Observation/b+") != NULL, "a single resource with a late type");
    reads("{}", BASE_OK, "?/-");
    reads("{\"entry\":[{}]}", BASE_OK, NULL);
    reads("{\"resourceType\":\"List\",\"entry\":[{\"item\":{}}]}", BASE_OK, "List/-");
    reads("{\"resourceType\":\"Organization\",\"type\":[{}]}", BASE_OK, "Organization/-");
    reads("{\"resourceType\":\"bundle\",\"entry\":[{}]}", BASE_OK, "?/-");
    reads("{\"resource\\u0054ype\":\"Bund\\u006ce\",\"en\\u0074ry\":[{}]}", BASE_OK, "re()].");
    reads("{\"resourceType\":[\"Bundle\"],\"entry\":[{}]}", BASE_OK, "?/-");
    reads("{\"id\":\"x\",\"resourceType\":[\"Bundle\"],\"entry\":[{}]}", BASE_OK, NULL);
    ok(!bundle.level[0].is_container, "a type that is no string is none");
}

static void refused(void)
{
    reads("{\"resourceType\":\"Bundle\",\"entry\":{}}", BASE_ANSWER_UNEXPECTED, "re");
    reads("{\"resourceType\":\"Bundle\",\"entry\":null}", BASE_ANSWER_UNEXPECTED, "re");
    reads("{\"entry\":null,\"resourceType\":\"Bundle\"}", BASE_ANSWER_UNEXPECTED, NULL);
    reads("{\"resourceType\":\"Bundle\",\"type\":[]}", BASE_ANSWER_UNEXPECTED, "rt");
    reads("[]", BASE_JSON_SYNTAX, "");
    reads("null ", BASE_JSON_SYNTAX, "");
    reads("", BASE_JSON_TRUNCATED, "");
    reads("{", BASE_JSON_TRUNCATED, "");
    reads("{\"resourceType\":\"Bundle\",\"entry\":[{}", BASE_JSON_TRUNCATED, "re()");
    reads("{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{", BASE_JSON_TRUNCATED, "re(");
    reads("{\"resourceType\":\"Bundle\"}{}", BASE_JSON_SYNTAX, "r.");
    reads("{\"resourceType\":\"Bundle\",\"entry\":[{}],\"entry\":[]}", BASE_JSON_DUPLICATE,
          "re()]");
    reads("{\"resourceType\":\"Bundle\",\"resourceType\":\"List\"}", BASE_JSON_DUPLICATE, "r");
    reads("{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":" MINE ",\"resource\":" OTHERS
          "}]}",
          BASE_JSON_DUPLICATE, "re(");
    reads("{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"a\":{\"b\":1,\"b\":2}}}]}",
          BASE_JSON_DUPLICATE, "re(a");
}

static void selves(void)
{
    base_span_t two = BASE_SPAN("{\"resourceType\":\"Bundle\",\"link\":[{\"relation\":\"self\","
                                "\"url\":\"a\"},{\"relation\":\"self\",\"url\":\"b\"}]}");
    base_span_t none =
        BASE_SPAN("{\"resourceType\":\"Bundle\",\"link\":[{\"relation\":\"self\"}]}");

    (void) read_cut(two, two.n, 1u << 20);
    ok(bundle.level[0].link_self.p == NULL, "two self links are none");
    (void) read_cut(none, none.n, 1u << 20);
    ok(bundle.level[0].link_self.p == NULL, "a self link without url is none");
}

/* Megabytes before the type, and a string that is longer than any that is compared. */
static void late_and_large(void)
{
    static char body[3000000];
    size_t n = (size_t) sprintf(body, "{\"content\":\"");
    base_span_t text;

    memset(body + n, 'A', 2900000);
    (void) sprintf(body + n + 2900000, "\",\"id\":\"b\",\"subject\":{\"reference\":\"Patient/1\"},"
                                       "\"resourceType\":\"Observation\"}");
    text = base_span_of(body);
    is_int(read_cut(text, 1000001, 1u << 19), BASE_OK, "three megabytes before the type");
    is_str(trace, "cisrObservation/b+", "are no obstacle");
    n = (size_t) sprintf(body, "{\"subject\":{\"reference\":\"Patient/1");
    memset(body + n, '1', 4000);
    (void) sprintf(body + n + 4000, "\"},\"id\":\"b\",\"resourceType\":\"Observation\"}");
    is_int(read_cut(base_span_of(body), 77, 1u << 19), BASE_OK, "a long string");
    is_str(trace, "sirObservation/b-", "is not what it begins with");
    n = (size_t) sprintf(body, "{\"a\":[");
    for (unsigned i = 0; i < 10000; i++) {
        n += (size_t) sprintf(body + n, "\"%0100u\",", i);
    }
    (void) sprintf(body + n, "1],\"resourceType\":\"Observation\"}");
    is_int(read_cut(base_span_of(body), 77, 1u << 22), BASE_ANSWER_TOO_LARGE, "too much to keep");
}

/* Running out of memory is an error, never a text cut short. */
static void memory(void)
{
    base_span_t body = BASE_SPAN("{\"resourceType\":\"Bundle\",\"link\":[{\"url\":\"a\"}]}");

    is_int(read_cut(body, body.n, (size_t) 1 << 15), BASE_OK, "with enough");
    is_int(read_cut(base_span_of(LATE), 5, 64), BASE_ANSWER_TOO_LARGE, "a late type");
}

int main(void)
{
    UNIT_BEGIN();
    setup();
    searchsets();
    orders();
    others();
    refused();
    selves();
    late_and_large();
    memory();
    base_arena_free(lenses);
    UNIT_END();
}
