/* `smartctl explain`: what would be decided, by which rule, and what would be sent and checked. The module's own judge decides. */

#define _POSIX_C_SOURCE 200809L

#include "smartctl.h"

#include "smart/smart_explain.h"
#include "smart/smart_judge.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char smartctl_explain_usage[] =
    "smartctl explain [option ...] <METHOD> '<path below the base>[?query]'\n"
    "    Says whether the request would be allowed, the rule behind it, and what would be sent and "
    "checked.\n"
    "    --scope --patient --fhir-user --client-id <text>\n"
    "                           the token's claims; --patient may be repeated (then as with "
    "`patients many`)\n"
    "    --claims <file>        the token's payload, as JSON, instead\n"
    "    --policy <file>        a smart_policy block, or its entries alone\n"
    "    --version r4|r4b|r5    short for the policy entry fhir_version\n"
    "    --base-url <url>       the public base, for absolute references\n"
    "    --accept --content-type --prefer --if-none-exist <value>\n"
    "                           headers of the request\n"
    "    --body <file>          the form of a _search, or what is written\n"
    "smartctl explain [option ...] --cases <file>\n"
    "    A table of decisions, one line for each line of JSON: {\"request\": \"GET /Patient/1\", "
    "\"scope\", \"patient\", \"user\" or\n"
    "    \"claims\", \"headers\", \"body\", \"name\"}; with \"reason\" the line says whether it is "
    "that one, and the exit code is 1 if any is not.\n";

#define WORDS_MAX 64
#define TEXT_MAX  4096

#define ENTRIES_MAX ((size_t) 512)

/* An entry of the policy's file, and the line where it ends. */
typedef struct {
    base_span_t name;
    size_t line;
} entry_t;

typedef struct {
    const char *path;
    size_t line;
    entry_t entry[ENTRIES_MAX];
    size_t entry_n;
} reading_t;

typedef struct {
    json_t *claims;
    char *claims_text;
    const char *policy_path;
    const char *version;
    const char *body_path;
    const char *body_text; /* of a case */
    const char *cases_path;
    base_span_t base_url;
    smart_message_t message;
    bool patients_many;
} options_t;

/* Everything one explanation stands on. */
typedef struct {
    base_arena_t *arena;
    smart_policy_t policy;
    smart_claim_map_t map;
    smart_base_t base;
    smart_principal_t *principal;
    smart_judge_t judge;
} stage_t;

#define HEADERS "accept, content-type, if-none-exist, prefer"

/* Where a header goes that decides something, NULL: another. Names of headers have no case (RFC 9110 section 5.1). */
static base_span_t *header_place(smart_message_t *message, const char *name)
{
    const struct {
        const char *name;
        base_span_t *place;
    } headers[] = {
        {"accept", &message->accept},
        {"content-type", &message->fhir.content_type},
        {"if-none-exist", &message->fhir.if_none_exist},
        {"prefer", &message->prefer},
    };
    size_t i;

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        if (strcasecmp(name, headers[i].name) == 0) {
            return headers[i].place;
        }
    }
    return NULL;
}

static bool add_patient(options_t *options, const char *value)
{
    json_t *list = json_object_get(options->claims, "patient"), *many;

    if (list == NULL) {
        return json_object_set_new(options->claims, "patient", json_string(value)) == 0;
    }
    options->patients_many = true;
    if (json_is_array(list)) {
        return json_array_append_new(list, json_string(value)) == 0;
    }
    many = json_array();
    return json_array_append(many, list) == 0 &&
           json_array_append_new(many, json_string(value)) == 0 &&
           json_object_set_new(options->claims, "patient", many) == 0;
}

static bool set_claim(options_t *options, const char *name, const char *value)
{
    static const char *const claims[][2] = {
        {"scope", "scope"}, {"fhir-user", "fhirUser"}, {"client-id", "client_id"}};
    size_t i;

    for (i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        if (strcmp(name, claims[i][0]) == 0) {
            return json_object_set_new(options->claims, claims[i][1], json_string(value)) == 0;
        }
    }
    return strcmp(name, "patient") == 0 && add_patient(options, value);
}

static bool set_option(options_t *options, const char *name, const char *value)
{
    base_span_t *header = header_place(&options->message, name);
    size_t n;

    if (value == NULL) {
        return false;
    }
    if (header != NULL) {
        *header = base_span_of(value);
    } else if (strcmp(name, "policy") == 0) {
        options->policy_path = value;
    } else if (strcmp(name, "version") == 0) {
        options->version = value;
    } else if (strcmp(name, "body") == 0) {
        options->body_path = value;
    } else if (strcmp(name, "cases") == 0) {
        options->cases_path = value;
    } else if (strcmp(name, "base-url") == 0) {
        options->base_url = base_span_of(value);
    } else if (strcmp(name, "claims") == 0) {
        free(options->claims_text);
        options->claims_text = smartctl_read(value, &n);
        return options->claims_text != NULL;
    } else {
        return set_claim(options, name, value);
    }
    return true;
}

/* White space and comments; counts the lines. */
static void pass_blank(base_span_t *rest, size_t *line)
{
    size_t i = 0;

    while (i < rest->n && strchr(" \t\r\n#", rest->p[i]) != NULL && rest->p[i] != '\0') {
        if (rest->p[i] == '#') {
            i += base_span_find(base_span_sub(*rest, i, rest->n), '\n');
        } else {
            *line += rest->p[i++] == '\n' ? 1 : 0;
        }
    }
    *rest = base_span_sub(*rest, i, rest->n);
}

/* The next word of nginx's notation, quoted ones without their quotes, but no variables and no backslashes. Empty at the end. */
static base_span_t next_word(base_span_t *rest, size_t *line)
{
    base_span_t word;
    size_t n = 0, quote;

    pass_blank(rest, line);
    quote = rest->n > 0 && (rest->p[0] == '"' || rest->p[0] == '\'') ? 1 : 0;
    if (quote == 1) {
        n = base_span_find(base_span_sub(*rest, 1, rest->n), rest->p[0]);
    } else if (rest->n > 0 && strchr(";{}", rest->p[0]) != NULL) {
        n = 1;
    } else {
        while (n < rest->n && strchr(" \t\r\n;{}", rest->p[n]) == NULL) {
            n++;
        }
    }
    word = base_span_sub(*rest, quote, quote + n);
    n += 2 * quote;
    *rest = base_span_sub(*rest, n < rest->n ? n : rest->n, rest->n);
    return word;
}

static bool wrong_entry(const reading_t *reading, size_t line, const char *error)
{
    (void) smartctl_fail(SMARTCTL_USAGE, "%s:%zu: %s", reading->path, line, error);
    return false;
}

static bool set_entry(stage_t *stage, reading_t *reading, const base_span_t *words, size_t n)
{
    char error[TEXT_MAX];

    if (reading->entry_n == ENTRIES_MAX) {
        return wrong_entry(reading, reading->line, "too many entries");
    }
    reading->entry[reading->entry_n++] = (entry_t){words[0], reading->line};
    return smart_policy_set(&stage->policy, words, n, stage->arena, error, sizeof(error)) ||
           wrong_entry(reading, reading->line, error);
}

/* `smart_policy name { entry ...; }` or entries alone. */
static bool read_policy(stage_t *stage, reading_t *reading, base_span_t text)
{
    base_span_t words[WORDS_MAX], word;
    size_t n = 0;

    while ((word = next_word(&text, &reading->line)).n > 0) {
        if (base_span_is(word, "{") && n == 2 && base_span_is(words[0], "smart_policy")) {
            n = 0;
        } else if (base_span_is(word, ";") && n > 0) {
            if (!set_entry(stage, reading, words, n)) {
                return false;
            }
            n = 0;
        } else if (base_span_is(word, "}") && n == 0) {
            continue;
        } else if (n < WORDS_MAX && !base_span_is(word, "{") && !base_span_is(word, "}")) {
            words[n++] = word;
        } else {
            n = WORDS_MAX;
            break;
        }
    }
    return n == 0 || wrong_entry(reading, reading->line, "the policy is not well-formed");
}

/* What is wrong only beside the other entries. */
static bool finish_policy(stage_t *stage, const reading_t *reading)
{
    smart_policy_place_t place;
    char error[TEXT_MAX];
    size_t i, nth = 0;

    if (smart_policy_finish(&stage->policy, stage->arena, &place, error, sizeof(error))) {
        return true;
    }
    for (i = 0; i < reading->entry_n; i++) {
        if (base_span_is(reading->entry[i].name, place.entry) && nth++ == place.nth) {
            return wrong_entry(reading, reading->entry[i].line, error);
        }
    }
    return wrong_entry(reading, reading->line, error);
}

static bool make_policy(stage_t *stage, const options_t *options)
{
    base_span_t version[2] = {BASE_SPAN_LIT("fhir_version"), {NULL, 0}};
    reading_t reading = {.path = options->policy_path, .line = 1};
    char *text = NULL;
    size_t n;
    bool good = true;

    smart_policy_default(&stage->policy);
    if (options->policy_path != NULL) {
        text = smartctl_read(options->policy_path, &n);
        good = text != NULL && read_policy(stage, &reading, base_span_make(text, n));
    }
    if (good && options->version != NULL) {
        reading.path = "--version";
        version[1] = base_span_of(options->version);
        good = set_entry(stage, &reading, version, 2);
    }
    good = good && finish_policy(stage, &reading);
    free(text);
    return good;
}

static bool make_principal(stage_t *stage, const options_t *options)
{
    char *dumped = options->claims_text == NULL ? json_dumps(options->claims, 0) : NULL;
    const char *payload = dumped != NULL ? dumped : options->claims_text;
    base_reason_t reason;

    smart_claim_map_default(&stage->map);
    stage->map.patients_many = options->patients_many;
    reason = smart_principal_new(&stage->map, base_span_of(payload), BASE_SPAN("smartctl"),
                                 &stage->principal);
    free(dumped);
    if (reason != BASE_OK) {
        (void) smartctl_fail(SMARTCTL_USAGE, "the claims are refused: %s",
                             base_reason_info(reason)->name);
    }
    return reason == BASE_OK;
}

/* No answer comes, so nothing is sealed; and what nginx sealed only nginx opens. */
static bool seal_nothing(void *ctx, base_span_t text, base_arena_t *arena, base_span_t *out)
{
    (void) ctx;
    (void) text;
    (void) arena;
    (void) out;
    return false;
}

static const smart_sealer_t sealer = {.seal = seal_nothing, .open = seal_nothing};

/* Plays the request. Without --body a body is taken to be empty. */
static smart_step_t play(stage_t *stage, const options_t *options, char **body)
{
    size_t n = 0;
    smart_step_t step;

    smart_judge_start(&stage->judge, stage->arena, &stage->policy, &stage->base, &options->message);
    smart_judge_sealer(&stage->judge, &sealer);
    if (smart_judge_needs_principal(&stage->judge)) {
        smart_judge_principal(&stage->judge, stage->principal);
    }
    step = smart_judge_next(&stage->judge);
    if (step != SMART_WANT_BODY) {
        return step;
    }
    if (options->body_text != NULL) {
        smart_judge_body(&stage->judge, base_span_of(options->body_text));
        return smart_judge_next(&stage->judge);
    }
    *body = options->body_path == NULL ? NULL : smartctl_read(options->body_path, &n);
    smart_judge_body(&stage->judge, base_span_make(*body, n));
    return smart_judge_next(&stage->judge);
}

static void print_span(const char *label, base_span_t text)
{
    (void) printf("%s%.*s", label, (int) text.n, text.p == NULL ? "" : (const char *) text.p);
}

static void print_written(const char *label, const base_writer_t *w)
{
    base_span_t text;

    if (base_writer_done(w, &text) && text.n > 0) {
        print_span(label, text);
        (void) putchar('\n');
    }
}

/* Headers that are deleted in one line, those that are set in one each. */
static void print_headers(const smart_edits_t *edits)
{
    const char *label = "drops    ";
    size_t i;

    for (i = 0; i < edits->header_n; i++) {
        if (edits->header[i].value.p == NULL) {
            (void) printf("%s%s", label, edits->header[i].name);
            label = ", ";
        }
    }
    (void) fputs(label[0] == ',' ? "\n" : "", stdout);
    for (i = 0; i < edits->header_n; i++) {
        if (edits->header[i].value.p != NULL) {
            (void) printf("sets     %s", edits->header[i].name);
            print_span(": ", edits->header[i].value);
            (void) putchar('\n');
        }
    }
}

static void print_edits(const smart_edits_t *edits)
{
    size_t i;

    print_span("sends    ", edits->method);
    print_span(" ", edits->path);
    if (edits->query.p != NULL) {
        print_span("?", edits->query);
    }
    (void) putchar('\n');
    if (edits->body_changed) {
        for (i = 0; i < edits->body_n; i++) {
            print_span(i == 0 ? "body     " : "", edits->body[i]);
        }
        (void) putchar('\n');
    }
    print_headers(edits);
}

/* What an answer is looked at for, and what becomes of what does not hold. */
static const struct {
    const char *what;
    const char *otherwise; /* NULL: as an instance that is not there, or not the client's (D9) */
} checked[] = {
    [SMART_CHECK_NONE] = {"nothing", ""},
    [SMART_CHECK_INSTANCE] = {"the answer is this", NULL},
    [SMART_CHECK_SEARCHSET] = {"each match is of", "it is taken out"},
    [SMART_CHECK_HISTORY] = {"each version is of", "it is taken out"},
    [SMART_CHECK_PAGE] = {"each entry may be read or searched", "it is taken out"},
    [SMART_CHECK_OPERATION] = {"each resource may be read or searched", "it is taken out"},
    [SMART_CHECK_WRITTEN] = {"what comes back is of", "the body goes"},
    [SMART_CHECK_ENTRIES] = {"each entry of the answer by its request", "it is replaced"},
    [SMART_CHECK_KICKOFF] = {"the job's status is behind a sealed link", "502"},
    [SMART_CHECK_JOB] = {"all files are behind sealed links", "502"},
    [SMART_CHECK_CANCEL] = {"nothing is shown", ""},
    [SMART_CHECK_FILE] = {"each line is of a granted type", "it is taken out"},
};

/* Whose the resource must be; of any type nobody can say beforehand. */
static void print_cover(const smart_cover_t *cover)
{
    base_span_t ids[SMART_CONFINED_MAX * SMART_PATIENTS_MAX];
    size_t n = smart_cover_patients(cover, ids), i;

    (void) printf(" %s", cover->type->name);
    for (i = 0; i < n; i++) {
        print_span(i == 0 ? " that belongs to Patient/" : " or Patient/", ids[i]);
    }
    if (n > 0) {
        (void) printf(" (%s membership)", cover->rule == FHIR_FORMAL ? "formal" : "strict");
    }
    if (smart_cover_is_constrained(cover)) {
        (void) fputs(n > 0 ? ", or as a scope's constraint says" : " as a scope's constraint says",
                     stdout);
    }
}

static void print_check(const smart_check_t *check, const smart_policy_t *policy)
{
    const char *otherwise = checked[check->kind].otherwise;

    (void) printf("checks   %s", checked[check->kind].what);
    if (check->cover.type != NULL) {
        print_cover(&check->cover);
    }
    if (otherwise == NULL) {
        otherwise = policy->hide_existence ? "404" : "403";
    }
    (void) printf("%s%s\n", otherwise[0] == '\0' ? "" : "; else ", otherwise);
}

/* What is stored decides: without a server nobody knows how it goes on. */
static void print_read(const smart_read_t *read)
{
    print_span("reads    GET ", read->path);
    print_span(read->query.p == NULL ? "" : "?", read->query);
    (void) fputs(", and goes by what is there\n", stdout);
}

static void print_explanation(stage_t *stage, smart_step_t step)
{
    const smart_verdict_t *verdict = smart_judge_verdict(&stage->judge);
    const smart_grants_t *grants = smart_judge_grants(&stage->judge);
    char memory[TEXT_MAX];
    base_writer_t w;
    size_t i;

    base_writer_init(&w, memory, sizeof(memory));
    smart_explain_line(verdict, &w);
    print_written("", &w);
    if (step == SMART_REFUSE) {
        (void) printf("answers  %u %s\n", base_reason_info(verdict->reason)->status,
                      base_reason_info(verdict->reason)->text);
    } else if (step == SMART_ANSWER) {
        (void) printf("answers  at the edge, nothing is sent\n");
    } else if (step == SMART_WANT_READ) {
        print_read(smart_judge_read(&stage->judge));
    } else {
        print_edits(smart_judge_edits(&stage->judge));
        for (i = 0; i < verdict->check_n; i++) {
            print_check(&verdict->check[i], &stage->policy);
        }
    }
    if (grants != NULL) {
        base_writer_init(&w, memory, sizeof(memory));
        smart_explain_scopes(grants, verdict, 32, &w);
        print_written("scopes   ", &w);
        base_writer_init(&w, memory, sizeof(memory));
        smart_explain_void(grants, 32, &w);
        print_written("void     ", &w);
    }
}

typedef int (*telling_pt)(stage_t *stage, smart_step_t step, const void *data);

/* Judges what the options say; `tell` prints it and gives the exit code. */
static int judge(const options_t *options, telling_pt tell, const void *data)
{
    stage_t stage;
    char *body = NULL;
    int code = SMARTCTL_USAGE;

    memset(&stage, 0, sizeof(stage));
    stage.arena = base_arena_new((size_t) 1 << 22);
    stage.base.urls = &options->base_url;
    stage.base.urls_n = options->base_url.p == NULL ? 0 : 1;
    if (stage.arena != NULL && make_policy(&stage, options) && make_principal(&stage, options)) {
        code = tell(&stage, play(&stage, options, &body), data);
    }
    smart_principal_release(stage.principal);
    base_arena_free(stage.arena);
    free(body);
    return code;
}

static int tell_all(stage_t *stage, smart_step_t step, const void *data)
{
    (void) data;
    print_explanation(stage, step);
    return step == SMART_REFUSE ? SMARTCTL_REFUSED : SMARTCTL_OK;
}

static const char *member(const json_t *c, const char *name)
{
    return json_string_value(json_object_get(c, name));
}

/* One line of the table; 1 when another reason was expected. */
static int tell_row(stage_t *stage, smart_step_t step, const void *data)
{
    const json_t *c = data;
    const smart_verdict_t *verdict = smart_judge_verdict(&stage->judge);
    const char *reason = base_reason_info(verdict->reason)->name, *expected = member(c, "reason");
    bool wrong = expected != NULL && strcmp(expected, reason) != 0;
    char memory[TEXT_MAX];
    base_writer_t w;
    base_span_t text = {NULL, 0};

    base_writer_init(&w, memory, sizeof(memory));
    smart_explain_obligations(verdict->obligations, &w);
    (void) base_writer_done(&w, &text);
    (void) printf("%-8s %-8s %-4s ",
                  expected == NULL ? ""
                  : wrong          ? "WRONG"
                                   : "as said",
                  step == SMART_REFUSE ? "refused" : "allowed", verdict->rule);
    if (step == SMART_REFUSE) {
        (void) printf("%-24s", reason);
    } else {
        (void) printf("%-24.*s", (int) text.n, text.p == NULL ? "" : (const char *) text.p);
    }
    (void) printf(" %s", member(c, "request"));
    (void) printf("%s%s\n", member(c, "name") == NULL ? "" : "  # ",
                  member(c, "name") == NULL ? "" : member(c, "name"));
    return wrong ? SMARTCTL_REFUSED : SMARTCTL_OK;
}

/* What a line of cases may say. */
static bool case_is_known(const char *key)
{
    static const char *const keys[] = {"request", "claims", "scope", "patient", "user",
                                       "headers", "body",   "name",  "reason"};
    size_t i;

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(key, keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* False: said what is wrong. `where` is the file and the line. */
static bool case_members(const json_t *c, const char *where)
{
    const char *key, *header;
    json_t *value, *of;

    json_object_foreach((json_t *) c, key, value)
    {
        if (!case_is_known(key)) {
            return smartctl_fail(false, "%s: unknown member \"%s\"", where, key);
        }
        if (strcmp(key, "body") != 0 && strcmp(key, "claims") != 0 && strcmp(key, "headers") != 0 &&
            !json_is_string(value)) {
            return smartctl_fail(false, "%s: \"%s\" must be a string", where, key);
        }
    }
    json_object_foreach(json_object_get(c, "headers"), header, of)
    {
        if (!json_is_string(of)) {
            return smartctl_fail(false, "%s: header \"%s\" must be a string", where, header);
        }
    }
    return member(c, "request") != NULL && strchr(member(c, "request"), ' ') != NULL
               ? true
               : smartctl_fail(false, "%s: no \"request\" like \"GET /Patient/1\"", where);
}

static bool case_claims(options_t *options, const json_t *c)
{
    json_t *claims = json_object_get(c, "claims");

    options->claims_text = claims == NULL ? NULL : json_dumps(claims, 0);
    return (claims == NULL || options->claims_text != NULL) &&
           (member(c, "scope") == NULL || set_claim(options, "scope", member(c, "scope"))) &&
           (member(c, "patient") == NULL || set_claim(options, "patient", member(c, "patient"))) &&
           (member(c, "user") == NULL || set_claim(options, "fhir-user", member(c, "user")));
}

static bool case_headers(options_t *options, const json_t *c, const char *where)
{
    const char *name;
    json_t *value;
    base_span_t *place;

    json_object_foreach(json_object_get(c, "headers"), name, value)
    {
        place = header_place(&options->message, name);
        if (place == NULL) {
            return smartctl_fail(false, "%s: header \"%s\" decides nothing; those that do: %s",
                                 where, name, HEADERS);
        }
        *place = base_span_of(json_string_value(value));
    }
    return true;
}

/* As it is, or a resource. */
static char *case_body(const json_t *c)
{
    const json_t *body = json_object_get(c, "body");

    return body == NULL           ? NULL
           : json_is_string(body) ? strdup(json_string_value(body))
                                  : json_dumps(body, JSON_ENCODE_ANY | JSON_COMPACT);
}

static void set_target(smart_message_t *message, base_span_t method, base_span_t text);

static int judge_case(const options_t *common, const json_t *c, const char *where)
{
    options_t options = *common;
    base_span_t line = base_span_of(member(c, "request")), method;
    char *body = case_body(c);
    int code = SMARTCTL_USAGE;

    options.claims = json_deep_copy(common->claims);
    options.claims_text = NULL;
    options.body_text = body;
    options.message.fhir.has_body = body != NULL;
    method = base_span_split(&line, ' ');
    if (case_claims(&options, c) && case_headers(&options, c, where)) {
        set_target(&options.message, method, line);
        code = judge(&options, tell_row, c);
    }
    json_decref(options.claims);
    free(options.claims_text);
    free(body);
    return code;
}

static int judge_line(const options_t *options, base_span_t line, size_t number)
{
    char where[512];
    json_error_t error;
    json_t *c = json_loadb((const char *) line.p, line.n, JSON_REJECT_DUPLICATES, &error);
    int code = SMARTCTL_USAGE;

    (void) snprintf(where, sizeof(where), "%s:%zu", options->cases_path, number);
    if (c == NULL) {
        (void) smartctl_fail(SMARTCTL_USAGE, "%s: %s, at column %d", where, error.text,
                             error.column);
    } else if (!json_is_object(c)) {
        (void) smartctl_fail(SMARTCTL_USAGE, "%s is no JSON object", where);
    } else if (case_members(c, where)) {
        code = judge_case(options, c, where);
    }
    json_decref(c);
    return code;
}

/* Empty lines and those that begin with '#' are passed over. */
static int judge_cases(const options_t *options)
{
    size_t n = 0, number = 0;
    char *text = smartctl_read(options->cases_path, &n);
    base_span_t rest = base_span_make(text, n), line;
    int code = text == NULL ? SMARTCTL_USAGE : SMARTCTL_OK, one;

    while (code != SMARTCTL_USAGE && rest.p != NULL) {
        line = base_span_split(&rest, '\n');
        number++;
        if (line.n > 0 && line.p[0] != '#') {
            one = judge_line(options, line, number);
            code = one > code ? one : code;
        }
    }
    free(text);
    return code;
}

static void set_target(smart_message_t *message, base_span_t method, base_span_t text)
{
    size_t question = base_span_find(text, '?');

    message->fhir.method = method;
    message->fhir.path = base_span_sub(text, 0, question);
    if (question < text.n) {
        message->fhir.query = base_span_sub(text, question + 1, text.n);
    }
}

int smartctl_explain(int argc, char **argv)
{
    options_t options;
    const char *name, *value;
    int at = 0, code = SMARTCTL_OK;

    memset(&options, 0, sizeof(options));
    options.claims = json_object();
    while (code == SMARTCTL_OK && smartctl_option(argc, argv, &at, &name, &value)) {
        if (!set_option(&options, name, value)) {
            code = smartctl_fail(SMARTCTL_USAGE, "wrong option --%s", name);
        }
    }
    if (code == SMARTCTL_OK && argc - at != (options.cases_path == NULL ? 2 : 0)) {
        code = smartctl_fail(SMARTCTL_USAGE, "a method and a path are needed, or cases");
    }
    if (code == SMARTCTL_OK && options.cases_path != NULL) {
        code = judge_cases(&options);
    } else if (code == SMARTCTL_OK) {
        set_target(&options.message, base_span_of(argv[at]), base_span_of(argv[at + 1]));
        options.message.fhir.has_body = options.body_path != NULL;
        code = judge(&options, tell_all, NULL);
    } else {
        (void) fputs(smartctl_explain_usage, stderr);
    }
    json_decref(options.claims);
    free(options.claims_text);
    return code;
}
