#include "smart/smart_operation.h"

#include "smart/smart_scope.h"

#include <stdio.h>
#include <string.h>

#define SYSTEM   (1u << FHIR_LEVEL_SYSTEM)
#define TYPE     (1u << FHIR_LEVEL_TYPE)
#define INSTANCE (1u << FHIR_LEVEL_INSTANCE)
#define ANY      (FHIR_GET | FHIR_POST)

#define VERSION (1u << FHIR_LEVEL_VERSION)

/* clang-format off */
#define ROW(name, levels, types, kind, letters) \
    {name, levels, types, ANY, SMART_OPERATION_##kind, letters, {{NULL, 0}}, 0, NULL}

/* What takes a resource, or changes something, is called by POST alone (B7). */
#define POST_ROW(name, levels, types, kind, letters) \
    {name, levels, types, FHIR_POST, SMART_OPERATION_##kind, letters, {{NULL, 0}}, 0, NULL}

#define OPEN_ROW(name, levels, types, kind, letters, open) \
    {name, levels, types, ANY, SMART_OPERATION_##kind, letters, {{NULL, 0}}, 0, open}

static const smart_operation_t defaults[] = {
    ROW("everything",        INSTANCE,        "Patient Encounter EpisodeOfCare Group MedicinalProductDefinition", EVERYTHING, SMART_R),
    ROW("everything",        TYPE,            "Patient MedicinalProductDefinition", SCOPES, SMART_S),
    ROW("lastn",             TYPE,            "Observation", SEARCH, SMART_S),
    ROW("docref",            TYPE,            "DocumentReference", SEARCH, SMART_S),
    ROW("stats",             TYPE,            "Observation", STATS, SMART_S),
    ROW("find",              TYPE,            "List", FIND, SMART_S),
    ROW("includes",          TYPE,            NULL, PAGE, SMART_S),
    POST_ROW("match",        TYPE,            "Patient", SCOPES, SMART_S),
    {"member-match", TYPE, "Patient", FHIR_POST, SMART_OPERATION_SCOPES, 0,
     {{"Patient", SMART_S}, {"Coverage", SMART_S}, {"Consent", SMART_C}}, 3, NULL},
    POST_ROW("validate",     TYPE,            NULL, CREATE, SMART_C | SMART_U),
    ROW("validate",          INSTANCE,        NULL, VALIDATE, SMART_R),
    POST_ROW("submit",       TYPE,            "Claim CoverageEligibilityRequest", CREATE, SMART_C),
    ROW("meta",              INSTANCE,        NULL, SCOPES, SMART_R),
    POST_ROW("meta-add",     INSTANCE | VERSION, NULL, META, SMART_U),
    POST_ROW("meta-delete",  INSTANCE | VERSION, NULL, META, SMART_U),
    ROW("document",          INSTANCE,        "Composition", DOCUMENT, SMART_R),
    ROW("expand",            TYPE | INSTANCE, "ValueSet", SCOPES, SMART_R | SMART_S),
    ROW("validate-code",     TYPE | INSTANCE, "ValueSet CodeSystem", SCOPES, SMART_R | SMART_S),
    ROW("lookup",            TYPE | INSTANCE, "CodeSystem", SCOPES, SMART_R | SMART_S),
    ROW("subsumes",          TYPE | INSTANCE, "CodeSystem", SCOPES, SMART_R | SMART_S),
    ROW("find-matches",      TYPE | INSTANCE, "CodeSystem", SCOPES, SMART_R | SMART_S),
    ROW("translate",         TYPE | INSTANCE, "ConceptMap", SCOPES, SMART_R | SMART_S),
    ROW("preferred-id",      TYPE | INSTANCE, "NamingSystem", SCOPES, SMART_R | SMART_S),
    ROW("translate-id",      TYPE | INSTANCE, "NamingSystem", SCOPES, SMART_R | SMART_S),
    ROW("current-canonical", TYPE,            NULL, SCOPES, SMART_R | SMART_S),
    ROW("data-requirements", INSTANCE,        "ActivityDefinition Library Measure PlanDefinition", SCOPES, SMART_R),
    ROW("questionnaire",     INSTANCE,        "StructureDefinition", SCOPES, SMART_R),
    POST_ROW("snapshot",     INSTANCE,        "StructureDefinition", SCOPES, SMART_R),
    POST_ROW("snapshot",     TYPE,            "StructureDefinition", SCOPES, SMART_C),
    OPEN_ROW("status",       INSTANCE,        "Subscription", SCOPES, SMART_R, "SubscriptionStatus"),
    OPEN_ROW("status",       TYPE,            "Subscription", SCOPES, SMART_S, "SubscriptionStatus"),
    OPEN_ROW("events",       INSTANCE,        "Subscription", SCOPES, SMART_R, "SubscriptionStatus"),
    OPEN_ROW("conforms",     SYSTEM,          NULL, ANY, 0, "CapabilityStatement"),
    OPEN_ROW("conforms",     TYPE | INSTANCE, "CapabilityStatement", ANY, 0, "CapabilityStatement"),
    OPEN_ROW("implements",   SYSTEM,          NULL, ANY, 0, "CapabilityStatement"),
    OPEN_ROW("implements",   TYPE | INSTANCE, "CapabilityStatement", ANY, 0, "CapabilityStatement"),
    OPEN_ROW("subset",       SYSTEM,          NULL, ANY, 0, "CapabilityStatement"),
    OPEN_ROW("subset",       TYPE | INSTANCE, "CapabilityStatement", ANY, 0, "CapabilityStatement"),
    ROW("versions",          SYSTEM,          NULL, ANY, 0),
    ROW("versions",          TYPE,            "CapabilityStatement", ANY, 0),
};
/* clang-format on */

static bool in_words(const char *words, base_span_t word)
{
    base_span_t rest = base_span_of(words);

    while (rest.p != NULL) {
        if (base_span_eq(base_span_split(&rest, ' '), word)) {
            return true;
        }
    }
    return false;
}

static bool fits(const smart_operation_t *row, const fhir_request_t *request)
{
    unsigned method = request->head ? FHIR_GET : request->method;

    if (!base_span_is(request->operation, row->name) || (row->methods & method) == 0 ||
        (row->levels & (1u << request->level)) == 0) {
        return false;
    }
    return row->types == NULL ||
           (request->type != NULL && in_words(row->types, base_span_of(request->type->name)));
}

const smart_operation_t *smart_operation_find(const smart_operation_t *more, size_t n,
                                              const fhir_request_t *request)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (fits(&more[i], request)) {
            return &more[i];
        }
    }
    for (i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
        if (fits(&defaults[i], request)) {
            return &defaults[i];
        }
    }
    return NULL;
}

/* "T.rs", "Observation.r", "*.s": parsed as a scope of system/ would be. */
static bool read_need(base_span_t text, base_arena_t *arena, smart_operation_need_t *need)
{
    char memory[128];
    smart_scope_t scope;
    base_span_t type;
    int n = text.n < 100 ? snprintf(memory, sizeof(memory), "system/%.*s", (int) text.n,
                                    (const char *) text.p)
                         : 0;

    smart_scope_parse(base_span_make(memory, (size_t) n), &scope);
    if (n <= 0 || scope.state != SMART_SCOPE_GOOD || scope.constraint.p != NULL) {
        return false;
    }
    need->letters = scope.letters;
    if (base_span_is(scope.type, "T")) {
        need->type = NULL;
        return true;
    }
    type = base_arena_copy(arena, scope.type);
    need->type = (const char *) type.p;
    return type.p != NULL;
}

static bool read_level(base_span_t word, unsigned *levels)
{
    static const struct {
        const char *word;
        unsigned level;
    } words[] = {{"system", SYSTEM}, {"type", TYPE}, {"instance", INSTANCE}};
    size_t i;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (base_span_is(word, words[i].word)) {
            *levels |= words[i].level;
            return true;
        }
    }
    return false;
}

static bool add_type(base_span_t word, base_arena_t *arena, smart_operation_t *operation)
{
    size_t before = operation->types == NULL ? 0 : strlen(operation->types) + 1;
    char *text = base_arena_alloc(arena, before + word.n + 1);

    if (text == NULL || word.n == 0 || word.p[0] < 'A' || word.p[0] > 'Z') {
        return false;
    }
    if (before > 0) {
        memcpy(text, operation->types, before - 1);
        text[before - 1] = ' ';
    }
    memcpy(text + before, word.p, word.n);
    operation->types = text;
    return true;
}

static bool read_word(base_span_t word, base_arena_t *arena, smart_operation_t *operation)
{
    if (read_level(word, &operation->levels)) {
        return true;
    }
    if (base_span_is(word, "get") || base_span_is(word, "post")) {
        operation->methods |= base_span_is(word, "get") ? FHIR_GET : FHIR_POST;
        return true;
    }
    if (base_span_is(word, "deny")) {
        operation->kind = SMART_OPERATION_DENIED;
        return true;
    }
    if (base_span_find(word, '.') == word.n) {
        return add_type(word, arena, operation);
    }
    return operation->need_n < SMART_OPERATION_NEEDS &&
           read_need(word, arena, &operation->need[operation->need_n++]);
}

/* What is said to need c, u or d changes something, and is not called by GET unless that is said as well (B7). */
static unsigned preset_methods(const smart_operation_t *operation)
{
    size_t i;

    for (i = 0; i < operation->need_n; i++) {
        if ((operation->need[i].letters & (SMART_C | SMART_U | SMART_D)) != 0) {
            return FHIR_POST;
        }
    }
    return ANY;
}

bool smart_operation_read(const base_span_t *argv, size_t argc, base_arena_t *arena,
                          smart_operation_t *operation, char *error, size_t size)
{
    base_span_t name = argv[0];
    bool good = argc > 1;
    size_t i;

    memset(operation, 0, sizeof(*operation));
    operation->kind = SMART_OPERATION_SCOPES;
    if (name.n > 1 && name.p[0] == '$') {
        name = base_span_sub(name, 1, name.n);
    }
    operation->name = (const char *) base_arena_copy(arena, name).p;
    for (i = 1; good && i < argc; i++) {
        good = read_word(argv[i], arena, operation);
    }
    if (!good || operation->name == NULL ||
        (operation->kind == SMART_OPERATION_DENIED) == (operation->need_n > 0)) {
        (void) snprintf(error, size,
                        "\"operation\" takes: <name> [system|type|instance] [<Type> ...] "
                        "[get|post] <Type>.<letters> ... | deny");
        return false;
    }
    if (strcmp(operation->name, "export") == 0 && operation->kind != SMART_OPERATION_DENIED) {
        (void) snprintf(
            error, size,
            "\"operation\" cannot allow $export: what it exports would leave unchecked");
        return false;
    }
    operation->levels = operation->levels == 0 ? SYSTEM | TYPE | INSTANCE : operation->levels;
    operation->methods = operation->methods == 0 ? preset_methods(operation) : operation->methods;
    return true;
}

/* Said back to the client: nothing that could be more than a name. */
static bool is_plain_name(base_span_t name)
{
    size_t i;

    for (i = 0; i < name.n && name.n <= 64; i++) {
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.",
                   name.p[i]) == NULL ||
            name.p[i] == '\0') {
            return false;
        }
    }
    return name.n > 0 && name.n <= 64;
}

void smart_operation_missing(const fhir_request_t *request, smart_missing_t *missing)
{
    static const char *const levels[] = {[FHIR_LEVEL_SYSTEM] = "system",
                                         [FHIR_LEVEL_TYPE] = "type",
                                         [FHIR_LEVEL_INSTANCE] = "instance",
                                         [FHIR_LEVEL_VERSION] = "instance"};

    if (is_plain_name(request->operation)) {
        missing->operation = request->operation;
        missing->level = levels[request->level];
        missing->type =
            request->type == NULL ? base_span_make(NULL, 0) : base_span_of(request->type->name);
    }
}
