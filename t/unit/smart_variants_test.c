/*
 * One request in all its spellings: bytes percent-encoded or not, hexadecimal digits of either case, '+' or %20, the parameters in any order,
 * in the URL or in a form. Two spellings never get different verdicts, but that one of them may be refused for its spelling (RULES B0, C1, L11).
 * Random requests, seeded: SMART_SEED chooses another run.
 */

#include "unit.h"

#include "fhir/fhir_query.h"
#include "smart_stage.h"

#define ROUNDS    3000
#define SPELLINGS 6
#define ITEMS_MAX 5
#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))

typedef struct {
    const char *name, *value;
} pair_t;

static const pair_t pairs[] = {
    {"code", "http://loinc.org|8867-4"},
    {"code", "x"},
    {"patient", "p1"},
    {"patient", "Patient/p1"},
    {"patient", "Patient/p9"},
    {"patient:Patient", "p1"},
    {"subject", "https://fhir.example.org/r4/Patient/p1"},
    {"subject", "Patient/p1,Patient/p9"},
    {"subject:Patient", "p1"},
    {"subject:identifier", "urn:x|1+1"},
    {"subject", "Group/1"},
    {"patient.name", "M\303\274ller & S\303\266hne"},
    {"subject:Patient.name", "x y"},
    {"performer:Practitioner.name", "x"},
    {"_include", "Observation:subject"},
    {"_include", "*"},
    {"_include:iterate", "Observation:performer"},
    {"_revinclude", "Provenance:target"},
    {"_has:Provenance:target:agent", "x"},
    {"_has:Observation:patient:code", "x"},
    {"_elements", "code,id"},
    {"_summary", "true"},
    {"_summary", "count"},
    {"_total", "accurate"},
    {"_sort", "-date"},
    {"_count", "10"},
    {"_count", "0"},
    {"date", "ge2020-01-01T10:00:00+02:00"},
    {"identifier", "urn:x|a\\,b=c\"<>#%"},
    {"_filter", "code eq \"x\""},
    {"_list", "1"},
    {"_type", "Observation,Patient"},
    {"_id", "1,2"},
    {"_id", "p1"},
    {"_tag", "t"},
    {"status:not", "final"},
    {"category", "laboratory"},
    {"category:in", "http://x"},
    {"_getpages", "7d3f"},
    {"_format", "json"},
    {"_format", "xml"},
    {"_query", "x"},
    {"_contained", "true"},
    {"_unknown", "x"},
    {"_method", "DELETE"},
    {"foo", "x y"},
    {"foo", ""},
    {"access_token", "x"},
};

typedef struct {
    const char *method, *path;
    const char *search; /* where the same is asked by POST, NULL: nowhere */
    bool none_exist;    /* the parameters are those of If-None-Exist */
    bool r5;            /* POST is of R5 (B2 20) */
} shape_t;

static const shape_t shapes[] = {
    {"GET", "/Observation", "/Observation/_search", false, false},
    {"GET", "/Observation", "/Observation/_search", false, false},
    {"GET", "/Patient", "/Patient/_search", false, false},
    {"GET", "/Device", "/Device/_search", false, false},
    {"GET", "/", "/_search", false, false},
    {"GET", "/Patient/p1/Observation", "/Patient/p1/Observation/_search", false, true},
    {"GET", "/Observation/1", NULL, false, false},
    {"GET", "/Patient/p1/$everything", NULL, false, false},
    {"GET", "/Observation/$lastn", NULL, false, false},
    {"DELETE", "/Observation", NULL, false, false},
    {"POST", "/Observation", NULL, true, false},
};

static const char *const tokens[] = {
    "{\"scope\":\"patient/*.cruds\",\"patient\":\"p1\"}",
    "{\"scope\":\"patient/Observation.rs patient/Patient.rs\",\"patient\":\"p1\"}",
    "{\"scope\":\"patient/Observation.cruds?code=x\",\"patient\":\"p1\"}",
    "{\"scope\":\"patient/*.s user/*.rs\",\"patient\":\"p1\",\"fhirUser\":\"Practitioner/1\"}",
    "{\"scope\":\"patient/*.s user/Patient.rs\",\"patient\":\"p1\",\"fhirUser\":\"Patient/p1\"}",
    "{\"scope\":\"user/*.cruds\",\"fhirUser\":\"Practitioner/1\"}",
    "{\"scope\":\"system/Observation.cruds patient/*.rs\",\"patient\":\"p1\"}",
    "{\"scope\":\"system/*.cruds\"}",
};

static const char own[] = "{\"resourceType\":\"Observation\",\"subject\":{\"reference\":"
                          "\"Patient/p1\"},\"code\":{\"coding\":[{\"code\":\"x\"}]}}";

/* Answers, of which some are released. */
static const char *const answers[] = {
    "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[{\"resource\":{"
    "\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/p1\"}}}]}",
    "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[{\"resource\":{"
    "\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/p9\"}}},{"
    "\"search\":{\"mode\":\"include\"},\"resource\":{\"resourceType\":\"Practitioner\",\"id\":\"1\""
    "}}]}",
    "{\"resourceType\":\"Observation\",\"id\":\"1\",\"subject\":{\"reference\":\"Patient/p9\"}}",
};

typedef struct {
    const shape_t *shape;
    const char *token;
    bool r5;
    pair_t item[ITEMS_MAX];
    size_t n;
} asked_t;

typedef struct {
    char path[128], query[2048], form[2048];
    bool post;
} spelt_t;

typedef struct {
    smart_step_t step;
    base_reason_t reason;
    unsigned obligations;
    size_t reads;
    char said[4096]; /* the parameters as they are sent, decoded and sorted */
    char shown[4096];
} outcome_t;

static uint32_t state = 20261;

static size_t chance(size_t n)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % n;
}

static asked_t any_request(void)
{
    asked_t asked = {&shapes[chance(COUNT(shapes))],
                     tokens[chance(COUNT(tokens))],
                     chance(2) == 0,
                     {{NULL, NULL}},
                     0};

    for (asked.n = 0; asked.n < 1 + chance(ITEMS_MAX); asked.n++) {
        asked.item[asked.n] = pairs[chance(COUNT(pairs))];
    }
    return asked;
}

/* What stands for itself nowhere in a query. */
static bool is_special(unsigned char c)
{
    return c <= ' ' || c >= 0x7f || strchr("#\"<>&=+%", c) != NULL;
}

static void spell(char *out, const char *text, bool plain)
{
    static const char *const hex[] = {"0123456789ABCDEF", "0123456789abcdef"};
    char *end = out + strlen(out);

    for (; text != NULL && *text != '\0'; text++) {
        unsigned char c = (unsigned char) *text;

        if (!is_special(c) && (plain || chance(4) != 0)) {
            *end++ = (char) c;
        } else if (c == ' ' && !plain && chance(2) == 0) {
            *end++ = '+';
        } else {
            *end++ = '%';
            *end++ = hex[plain ? 0 : chance(2)][c >> 4];
            *end++ = hex[plain ? 0 : chance(2)][c & 15];
        }
    }
    *end = '\0';
}

static void shuffle(asked_t *asked)
{
    for (size_t i = asked->n; i > 1; i--) {
        size_t j = chance(i);
        pair_t kept = asked->item[j];

        asked->item[j] = asked->item[i - 1];
        asked->item[i - 1] = kept;
    }
}

/* At the base itself a page is no search (B2 22 and 32): what is asked there by POST is another interaction. */
static bool is_posted(const asked_t *asked)
{
    for (size_t i = 0; i < asked->n && strcmp(asked->shape->path, "/") == 0; i++) {
        if (fhir_query_is_page(base_span_of(asked->item[i].name))) {
            return false;
        }
    }
    return asked->shape->search != NULL && (asked->r5 || !asked->shape->r5);
}

/* plain: the one spelling that others are compared with. */
static void write_request(asked_t asked, bool plain, spelt_t *out)
{
    memset(out, 0, sizeof(*out));
    out->post = !plain && is_posted(&asked) && chance(2) == 0;
    if (!plain) {
        shuffle(&asked);
    }
    for (size_t i = 0; i < asked.n; i++) {
        char *part = out->post && chance(3) != 0 ? out->form : out->query;

        if (part[0] != '\0') {
            strcat(part, "&");
        }
        spell(part, asked.item[i].name, plain);
        strcat(part, "=");
        spell(part, asked.item[i].value, plain);
    }
    strcpy(out->path, out->post ? asked.shape->search : asked.shape->path);
}

/* Sometimes a letter of the path is encoded, too. */
static void encode_path(spelt_t *out)
{
    char rest[128];
    size_t at = chance(strlen(out->path));

    strcpy(rest, out->path + at + 1);
    (void) snprintf(out->path + at, sizeof(out->path) - at, "%%%02X%s", out->path[at], rest);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

static void decode(stage_t *s, base_span_t url, base_span_t form, char *out, size_t size)
{
    fhir_query_t query;
    char *line[FHIR_QUERY_ITEMS_MAX];
    size_t n = 0;

    if (fhir_query_parse(url, form, s->arena, &query) != BASE_OK) {
        abort();
    }
    for (; n < query.n; n++) {
        const fhir_item_t *item = &query.items[n];
        size_t room = item->name.n + item->value.n + 3;

        line[n] = base_arena_alloc(s->arena, room);
        (void) snprintf(line[n], room, "%.*s=%.*s\n", (int) item->name.n,
                        (const char *) item->name.p, (int) item->value.n,
                        item->value.p == NULL ? "" : (const char *) item->value.p);
    }
    qsort(line, n, sizeof(line[0]), by_text);
    for (size_t i = 0, at = 0; i < n; i++) {
        at += (size_t) snprintf(out + at, size - at, "%s", line[i]);
    }
}

static void show(stage_t *s, outcome_t *out)
{
    unsigned shown;
    size_t at = 0;
    char *body;

    for (size_t i = 0; i < COUNT(answers); i++) {
        base_reason_t reason = stage_shows(s, 200, "application/fhir+json", answers[i],
                                           strlen(answers[i]), &shown, &body);

        at += (size_t) snprintf(out->shown + at, sizeof(out->shown) - at, "%u %s\n", shown,
                                reason == BASE_OK ? body : "");
        free(body);
    }
}

static void play(const asked_t *asked, const spelt_t *spelt, outcome_t *out)
{
    smart_message_t message = {0};
    const smart_edits_t *edits;
    base_span_t form = base_span_make(NULL, 0);
    stage_t s;

    memset(out, 0, sizeof(*out));
    stage_open(&s);
    if (asked->r5 && !stage_policy(&s, "fhir_version r5")) {
        abort();
    }
    (void) stage_claims(&s, asked->token);
    message.fhir.method = base_span_of(spelt->post ? "POST" : asked->shape->method);
    message.fhir.path = base_span_of(spelt->path);
    message.fhir.has_body = spelt->post || asked->shape->none_exist;
    message.fhir.content_type = spelt->post ? BASE_SPAN("application/x-www-form-urlencoded")
                                            : BASE_SPAN("application/fhir+json");
    if (asked->shape->none_exist) {
        message.fhir.if_none_exist = base_span_of(spelt->query);
    } else if (spelt->query[0] != '\0') {
        message.fhir.query = base_span_of(spelt->query);
    }
    out->step = stage_play(&s, &message, spelt->post ? spelt->form : own);
    out->reason = smart_judge_verdict(&s.judge)->reason;
    out->reads = s.reads;
    if (out->step == SMART_SEND) {
        edits = smart_judge_edits(&s.judge);
        out->obligations = smart_judge_verdict(&s.judge)->obligations;
        if (spelt->post) {
            form =
                edits->body_changed ? smart_edits_body(edits, s.arena) : base_span_of(spelt->form);
        }
        decode(&s, edits->query, form, out->said, sizeof(out->said));
        if (asked->shape->none_exist && stage_header(&s, "if-none-exist") != NULL) {
            decode(&s, base_span_of(stage_header(&s, "if-none-exist")), base_span_make(NULL, 0),
                   out->said, sizeof(out->said));
        }
        show(&s, out);
    }
    stage_close(&s);
}

/* Refused for how it is written, whatever it says. */
static bool is_spelling(base_reason_t reason)
{
    return reason == BASE_PATH_ENCODED || reason == BASE_PATH_SYNTAX ||
           reason == BASE_QUERY_SYNTAX || reason == BASE_QUERY_TOO_LARGE;
}

static bool same(const outcome_t *a, const outcome_t *b)
{
    return a->step == b->step &&
           (a->step != SMART_SEND ||
            (a->obligations == b->obligations && a->reads == b->reads &&
             strcmp(a->said, b->said) == 0 && strcmp(a->shown, b->shown) == 0));
}

static void differ(const asked_t *asked, const spelt_t *a, const outcome_t *x, const spelt_t *b,
                   const outcome_t *y)
{
    (void) printf("# %s\n# %s %s ? %s: %d %s %u\n# %s %s ? %s ? %s: %d %s %u\n", asked->token,
                  asked->shape->method, a->path, a->query, (int) x->step,
                  base_reason_info(x->reason)->name, x->obligations,
                  b->post ? "POST" : asked->shape->method, b->path, b->query, b->form,
                  (int) y->step, base_reason_info(y->reason)->name, y->obligations);
    (void) printf("# said: %s\n# or: %s\n# shown: %s\n# or: %s\n", x->said, y->said, x->shown,
                  y->shown);
}

typedef struct {
    unsigned sent, refused, posted, spelling;
} tally_t;

static bool one_verdict(const asked_t *asked, tally_t *tally)
{
    static spelt_t plain, spelt;
    static outcome_t first, other;

    write_request(*asked, true, &plain);
    play(asked, &plain, &first);
    for (int i = 0; i < SPELLINGS; i++) {
        write_request(*asked, false, &spelt);
        if (chance(8) == 0) {
            encode_path(&spelt);
        }
        play(asked, &spelt, &other);
        tally->sent += other.step == SMART_SEND;
        tally->refused += other.step == SMART_REFUSE;
        tally->posted += spelt.post && other.step == SMART_SEND;
        tally->spelling += is_spelling(other.reason);
        if (!is_spelling(other.reason) && !same(&first, &other)) {
            differ(asked, &plain, &first, &spelt, &other);
            return false;
        }
    }
    return true;
}

int main(void)
{
    const char *seed = getenv("SMART_SEED");
    tally_t tally = {0, 0, 0, 0};
    bool good = true;

    UNIT_BEGIN();
    if (seed != NULL) {
        state = (uint32_t) strtoul(seed, NULL, 10);
    }
    for (int i = 0; i < ROUNDS && good; i++) {
        asked_t asked = any_request();

        good = one_verdict(&asked, &tally);
    }
    ok(good, "%d requests, each in %d spellings more", ROUNDS, SPELLINGS);
    ok(tally.sent > ROUNDS / 2 && tally.refused > ROUNDS / 2 && tally.posted > ROUNDS / 10 &&
           tally.spelling > ROUNDS / 10,
       "%u are sent, of them %u by POST, %u refused, of them %u for their spelling", tally.sent,
       tally.posted, tally.refused, tally.spelling);
    UNIT_END();
}
