#include "smart/smart_policy.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CHOICE(name, values, preset, text, member, no, yes)                                        \
    {                                                                                              \
        {name, values, preset, text}, TWO, offsetof(smart_policy_t, member), no, yes               \
    }

typedef enum { TWO, VERSION, BINARY, TYPES, NAMES, SCOPES, PATHS, OPERATION, PARAMETER } kind_t;

/* An entry and how it is applied: TWO sets a bool by the value's name. */
typedef struct {
    smart_policy_entry_t entry;
    kind_t kind;
    size_t offset;
    const char *no;
    const char *yes;
} row_t;

/* clang-format off */
static const row_t rows[] = {
    {{"fhir_version", "r4 | r4b | r5", "r4", "the version served; a request for another gets 406 or 415 (B14)"}, VERSION, 0, NULL, NULL},
    CHOICE("membership", "formal | strict", "formal", "which elements make a resource a patient's, on reads (D4)", membership_strict, "formal", "strict"),
    CHOICE("user_patient", "confine | pass", "confine", "user/ scopes of a patient who logs in (D13)", user_patient_pass, "confine", "pass"),
    CHOICE("user_unknown", "deny | pass", "deny", "user/ scopes in a token that does not say who the user is (D13)", user_unknown_pass, "deny", "pass"),
    CHOICE("user_context", "pass | confine", "pass", "whether a launch patient also confines user/ scopes (L22)", user_context_confine, "pass", "confine"),
    CHOICE("group", "deny | allow", "deny", "Group, which lists other patients, under patient/ (D5)", group_allow, "deny", "allow"),
    CHOICE("linked_patients", "deny | allow", "deny", "reading Patients that link to the one in context (D3)", linked_patients_allow, "deny", "allow"),
    {{"shared_types", "[+-]<Type> ...", "D8's", "readable and searchable by type scope alone under patient/ (D8)"}, TYPES, 0, NULL, NULL},
    CHOICE("hide_existence", "on | off", "on", "a foreign instance is answered as a missing one (D9)", hide_existence, "off", "on"),
    CHOICE("history", "both | own", "both", "a version is judged by its own body and the current one, or its own alone (D11)", history_own, "both", "own"),
    {{"binary", "referenced | deny | scope", "referenced", "what makes a Binary readable (B11)"}, BINARY, 0, NULL, NULL},
    CHOICE("include", "filter | refuse", "filter", "includes of types that are not granted: taken out of the search, or the search is refused (C2)", include_refuse, "filter", "refuse"),
    CHOICE("batch", "split | refuse", "split", "a batch with refused entries: the rest goes and they are answered 403, or all of it is refused (B5)", batch_refuse, "split", "refuse"),
    CHOICE("suppressed_outcome", "on | off", "off", "one outcome entry says that matches were taken out of a searchset (I4)", suppressed_outcome, "off", "on"),
    CHOICE("update_create", "on | off", "on", "update of a missing id creates it (B2 row 3)", update_create_off, "on", "off"),
    CHOICE("unversioned", "refuse | allow", "refuse", "a checked write when the stored resource has no version (L13)", unversioned_allow, "refuse", "allow"),
    CHOICE("export_group_scope", "require | ignore", "require", "whether the export of a Group asks for system/Group.r besides what is exported (B8)", export_group_ignore, "require", "ignore"),
    {{"operation", "<name> [system|type|instance] [<Type>...] [get|post] <Type>.<letters> ... | deny", "none", "the scopes that an operation needs, each without a condition, T being the type of the request; may be repeated (B6)"}, OPERATION, 0, NULL, NULL},
    {{"search_parameter", "<Type> <name> <kind> <path>", "none", "a search parameter that the server has beyond the standard and US Core: usable in searches and as a constraint; may be repeated (C1)"}, PARAMETER, 0, NULL, NULL},
    {{"page_parameter", "<name> ...", "built-in list", "more parameters of the server's page links; a request with one is a page, judged by what comes back (C1, L20)"}, NAMES, 0, NULL, NULL},
    {{"ceiling", "<scope> ...", "none", "every token is cut down to these: what a scope grants beyond all of them is not granted"}, SCOPES, 0, NULL, NULL},
    {{"public", "<path> ...", "metadata, .well-known/smart-configuration", "more paths below the base, each as it is written, that GET and HEAD answer without a token and without a check"}, PATHS, 0, NULL, NULL},
};
/* clang-format on */

#define ROWS_N (sizeof(rows) / sizeof(rows[0]))

const smart_policy_entry_t *smart_policy_entry(size_t at)
{
    return at < ROWS_N ? &rows[at].entry : NULL;
}

__attribute__((format(printf, 3, 4))) static bool fail(char *error, size_t size, const char *format,
                                                       ...)
{
    va_list args;

    va_start(args, format);
    (void) vsnprintf(error, size, format, args);
    va_end(args);
    return false;
}

/* For %.*s: nothing from a configuration line is that long. */
static int length(base_span_t text)
{
    return text.n > 200 ? 200 : (int) text.n;
}

static void set_remove(fhir_type_set_t *set, const fhir_type_t *type)
{
    set->w[type->index / 64] &= ~((uint64_t) 1 << (type->index % 64));
}

/* Types of the classes that D8 shares, and those that the compartment judges (D5: Group only where it is allowed). */
static void preset_types(smart_policy_t *policy)
{
    const fhir_type_t *type;
    unsigned i;

    memset(&policy->shared, 0, sizeof(policy->shared));
    memset(&policy->members, 0, sizeof(policy->members));
    for (i = 0; i < policy->definitions->n_types; i++) {
        type = &policy->definitions->types[i];
        if (type->class_of == FHIR_CLASS_SHARED || type->class_of == FHIR_CLASS_DEFINITIONAL) {
            fhir_type_set_add(&policy->shared, type);
        } else if ((type->class_of == FHIR_CLASS_PATIENT_LINKED && type->links.n > 0) ||
                   (type->class_of == FHIR_CLASS_COMPARTMENT &&
                    (policy->group_allow || !fhir_type_is(type, "Group")))) {
            fhir_type_set_add(&policy->members, type);
        }
    }
}

/* D5, D6, D10: what no patient's grant creates, updates or deletes. */
static const struct {
    const char *type;
    unsigned letters;
} unwritten[] = {
    {"Patient", SMART_C | SMART_D},
    {"Provenance", SMART_U | SMART_D},
    {"AuditEvent", SMART_C | SMART_U | SMART_D},
    {"Group", SMART_C | SMART_U | SMART_D},
};

/* What grants are compiled by, once `shared` and `members` stand. */
static void derive_types(smart_policy_t *policy)
{
    const fhir_type_t *type = fhir_type_find(policy->definitions, BASE_SPAN("Endpoint"));
    unsigned at;
    size_t i;

    policy->raw = fhir_type_find(policy->definitions, BASE_SPAN("Binary"));
    policy->shared_unnamed = policy->shared;
    if (type != NULL) {
        set_remove(&policy->shared_unnamed, type);
    }
    for (at = 0; at < SMART_LETTERS; at++) {
        policy->reached[at] = policy->members;
        for (i = 0; i < sizeof(unwritten) / sizeof(unwritten[0]); i++) {
            type = fhir_type_find(policy->definitions, base_span_of(unwritten[i].type));
            if (type != NULL && (unwritten[i].letters & (1u << at)) != 0) {
                set_remove(&policy->reached[at], type);
            }
        }
    }
}

void smart_policy_default(smart_policy_t *policy)
{
    memset(policy, 0, sizeof(*policy));
    policy->definitions = fhir_definitions_of(FHIR_R4);
    policy->hide_existence = true;
    preset_types(policy);
    derive_types(policy);
}

static bool set_choice(smart_policy_t *policy, const row_t *row, base_span_t value, char *error,
                       size_t size)
{
    bool *at = (bool *) ((char *) policy + row->offset);

    if (!base_span_is(value, row->no) && !base_span_is(value, row->yes)) {
        return fail(error, size, "invalid value \"%.*s\" of \"%s\", it must be \"%s\" or \"%s\"",
                    length(value), (const char *) value.p, row->entry.name, row->no, row->yes);
    }
    *at = base_span_is(value, row->yes);
    return true;
}

static bool set_binary(smart_policy_t *policy, base_span_t value, char *error, size_t size)
{
    static const char *const names[] = {[SMART_BINARY_REFERENCED] = "referenced",
                                        [SMART_BINARY_DENY] = "deny",
                                        [SMART_BINARY_SCOPE] = "scope"};
    unsigned i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (base_span_is(value, names[i])) {
            policy->binary = (smart_binary_t) i;
            return true;
        }
    }
    return fail(error, size,
                "invalid value \"%.*s\" of \"binary\", it must be \"referenced\", \"deny\" or "
                "\"scope\"",
                length(value), (const char *) value.p);
}

static bool set_version(smart_policy_t *policy, base_span_t value, char *error, size_t size)
{
    fhir_version_t version;

    if (!fhir_version_find(value, &version)) {
        return fail(error, size,
                    "unknown FHIR version \"%.*s\", it must be \"r4\", \"r4b\" or \"r5\"",
                    length(value), (const char *) value.p);
    }
    policy->definitions = fhir_definitions_of(version);
    return true;
}

static bool copy_list(const base_span_t *argv, size_t argc, base_arena_t *arena,
                      const base_span_t **list, size_t *n)
{
    base_span_t *copy = base_arena_array(arena, argc, sizeof(*copy));
    size_t i;

    for (i = 0; copy != NULL && i < argc; i++) {
        copy[i] = base_arena_copy(arena, argv[i]);
        if (copy[i].p == NULL) {
            return false;
        }
    }
    *list = copy;
    *n = argc;
    return copy != NULL;
}

static bool is_name(base_span_t text)
{
    size_t i;

    for (i = 0; i < text.n; i++) {
        if (text.p[i] <= 0x20 || text.p[i] > 0x7e ||
            strchr("=&%+:.;?#\"'<>\\", text.p[i]) != NULL) {
            return false;
        }
    }
    return text.n > 0;
}

/* A name that FHIR gives a meaning would take it away. */
static bool set_pages(smart_policy_t *policy, const base_span_t *argv, size_t argc,
                      base_arena_t *arena, char *error, size_t size)
{
    static const char *const taken[] = {"_format",  "_pretty",     "_type", "_id",
                                        "_include", "_revinclude", "_has",  "_method"};
    size_t i, t;

    for (i = 0; i < argc; i++) {
        if (!is_name(argv[i])) {
            return fail(error, size, "\"page_parameter\": \"%.*s\" is no name", length(argv[i]),
                        (const char *) argv[i].p);
        }
        for (t = 0; t < sizeof(taken) / sizeof(taken[0]); t++) {
            if (base_span_is(argv[i], taken[t])) {
                return fail(error, size, "\"page_parameter\": %s is no page parameter", taken[t]);
            }
        }
    }
    return copy_list(argv, argc, arena, &policy->page_parameters, &policy->page_parameters_n) ||
           fail(error, size, "no memory for \"page_parameter\"");
}

static bool set_ceiling(smart_policy_t *policy, const base_span_t *argv, size_t argc,
                        base_arena_t *arena, char *error, size_t size)
{
    smart_scope_t *scopes = base_arena_array(arena, argc, sizeof(*scopes));
    const base_span_t *texts;
    size_t i, n;

    if (scopes == NULL || !copy_list(argv, argc, arena, &texts, &n)) {
        return fail(error, size, "no memory for \"ceiling\"");
    }
    for (i = 0; i < n; i++) {
        smart_scope_parse(texts[i], &scopes[i]);
        if (scopes[i].state != SMART_SCOPE_GOOD) {
            return fail(error, size, "\"ceiling\": \"%.*s\" %s", length(texts[i]),
                        (const char *) texts[i].p, smart_scope_state_text(scopes[i].state));
        }
    }
    policy->ceiling = scopes;
    policy->ceiling_n = n;
    return true;
}

/* Letters, digits and -._ in segments that are not empty. */
static bool is_path(base_span_t text)
{
    base_span_t segment;
    size_t i;

    do {
        segment = base_span_split(&text, '/');
        for (i = 0; i < segment.n; i++) {
            if (segment.p[i] > 0x7e ||
                strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._",
                       segment.p[i]) == NULL ||
                segment.p[i] == '\0') {
                return false;
            }
        }
    } while (segment.n > 0 && text.p != NULL);
    return segment.n > 0;
}

static bool set_public(smart_policy_t *policy, const base_span_t *argv, size_t argc,
                       base_arena_t *arena, char *error, size_t size)
{
    size_t i;

    for (i = 0; i < argc; i++) {
        if (!is_path(argv[i])) {
            return fail(error, size,
                        "\"public\": \"%.*s\" is no path below the base, such as \"ValueSet\"",
                        length(argv[i]), (const char *) argv[i].p);
        }
    }
    return copy_list(argv, argc, arena, &policy->public_paths, &policy->public_paths_n) ||
           fail(error, size, "no memory for \"public\"");
}

#define OPERATIONS_MAX ((size_t) 128)

static bool add_operation(smart_policy_t *policy, const base_span_t *argv, size_t argc,
                          base_arena_t *arena, char *error, size_t size)
{
    smart_operation_t *operations =
        policy->operations_n == OPERATIONS_MAX
            ? NULL
            : base_arena_array(arena, policy->operations_n + 1, sizeof(*operations));

    if (operations == NULL) {
        return fail(error, size, "too many \"operation\" entries");
    }
    if (policy->operations_n > 0) {
        memcpy(operations, policy->operations, policy->operations_n * sizeof(*operations));
    }
    if (!smart_operation_read(argv, argc, arena, &operations[policy->operations_n], error, size)) {
        return false;
    }
    policy->operations = operations;
    policy->operations_n++;
    return true;
}

#define ADDITIONS_MAX ((size_t) 256)

/* What it says is looked at when the version is known. */
static bool add_parameter(smart_policy_t *policy, const base_span_t *argv, size_t argc,
                          base_arena_t *arena, char *error, size_t size)
{
    fhir_addition_t *all;
    const base_span_t *words;
    size_t n = policy->_additions_n;

    if (argc != 4) {
        return fail(error, size,
                    "\"search_parameter\" takes: <Type> <name> <kind> <path>, such as Patient vip "
                    "token \"extension[]{url=http://example.org/vip}.valueCode|code\"");
    }
    if (n == ADDITIONS_MAX) {
        return fail(error, size, "too many \"search_parameter\" entries");
    }
    all = base_arena_array(arena, n + 1, sizeof(*all));
    if (all == NULL || !copy_list(argv, argc, arena, &words, &argc)) {
        return fail(error, size, "no memory for \"search_parameter\"");
    }
    if (n > 0) {
        memcpy(all, policy->_additions, n * sizeof(*all));
    }
    all[n] = (fhir_addition_t){words[0], words[1], words[2], words[3]};
    policy->_additions = all;
    policy->_additions_n = n + 1;
    return true;
}

static bool set_types(smart_policy_t *policy, const base_span_t *argv, size_t argc,
                      base_arena_t *arena, char *error, size_t size)
{
    return copy_list(argv, argc, arena, &policy->_shared_types, &policy->_shared_types_n) ||
           fail(error, size, "no memory for \"shared_types\"");
}

typedef bool (*setter_pt)(smart_policy_t *policy, const base_span_t *argv, size_t argc,
                          base_arena_t *arena, char *error, size_t size);

/* Of the entries that take lists. */
static setter_pt setter_of(kind_t kind)
{
    static const setter_pt setters[] = {
        [TYPES] = set_types,  [NAMES] = set_pages,         [SCOPES] = set_ceiling,
        [PATHS] = set_public, [OPERATION] = add_operation, [PARAMETER] = add_parameter};

    return setters[kind];
}

static const row_t *find_row(base_span_t name)
{
    size_t i;

    for (i = 0; i < ROWS_N; i++) {
        if (base_span_is(name, rows[i].entry.name)) {
            return &rows[i];
        }
    }
    return NULL;
}

bool smart_policy_set(smart_policy_t *policy, const base_span_t *argv, size_t argc,
                      base_arena_t *arena, char *error, size_t size)
{
    const row_t *row = argc == 0 ? NULL : find_row(argv[0]);
    uint64_t bit;

    if (row == NULL) {
        return argc == 0 ? fail(error, size, "empty policy entry")
                         : fail(error, size, "unknown policy entry \"%.*s\"", length(argv[0]),
                                (const char *) argv[0].p);
    }
    bit = (uint64_t) 1 << (row - rows);
    if ((policy->_seen & bit) != 0 && row->kind != OPERATION && row->kind != PARAMETER) {
        return fail(error, size, "\"%s\" is duplicate", row->entry.name);
    }
    if (argc < 2 || (argc > 2 && setter_of(row->kind) == NULL)) {
        return fail(error, size, "wrong number of values of \"%s\", it takes: %s", row->entry.name,
                    row->entry.values);
    }
    policy->_seen |= bit;
    if (setter_of(row->kind) != NULL) {
        return setter_of(row->kind)(policy, argv + 1, argc - 1, arena, error, size);
    }
    switch (row->kind) {
    case VERSION:
        return set_version(policy, argv[1], error, size);
    case BINARY:
        return set_binary(policy, argv[1], error, size);
    default:
        return set_choice(policy, row, argv[1], error, size);
    }
}

/* Never by type scope alone: patients' own data, credentials (D5), and raw content, which has rules of its own (B11). */
static bool may_be_shared(const fhir_type_t *type)
{
    return type->class_of != FHIR_CLASS_COMPARTMENT && !fhir_type_is(type, "Subscription") &&
           !fhir_type_is(type, "Binary");
}

static bool is_edit(base_span_t text)
{
    return text.n > 0 && (text.p[0] == '+' || text.p[0] == '-');
}

static bool apply_shared(smart_policy_t *policy, base_span_t text, char *error, size_t size)
{
    base_span_t name = is_edit(text) ? base_span_sub(text, 1, text.n) : text;
    const fhir_type_t *type = fhir_type_find(policy->definitions, name);

    if (type == NULL) {
        return fail(error, size, "\"shared_types\": unknown type \"%.*s\" in FHIR %s", length(name),
                    (const char *) name.p, policy->definitions->name);
    }
    if (text.p[0] == '-') {
        set_remove(&policy->shared, type);
        return true;
    }
    if (!may_be_shared(type)) {
        return fail(error, size, "\"shared_types\": %s cannot be shared among patients",
                    type->name);
    }
    fhir_type_set_add(&policy->shared, type);
    return true;
}

static bool ceiling_fits(const smart_policy_t *policy, char *error, size_t size)
{
    base_span_t type;
    size_t i;

    for (i = 0; i < policy->ceiling_n; i++) {
        type = policy->ceiling[i].type;
        if (!base_span_is(type, "*") && fhir_type_find(policy->definitions, type) == NULL) {
            return fail(error, size, "\"ceiling\": unknown type \"%.*s\" in FHIR %s", length(type),
                        (const char *) type.p, policy->definitions->name);
        }
    }
    return true;
}

static bool is_type(const smart_policy_t *policy, base_span_t name)
{
    return base_span_is(name, "*") || fhir_type_find(policy->definitions, name) != NULL;
}

static bool operation_fits(const smart_policy_t *policy, const smart_operation_t *operation,
                           base_span_t *unknown)
{
    base_span_t rest = base_span_of(operation->types);
    size_t i;

    while (rest.p != NULL) {
        *unknown = base_span_split(&rest, ' ');
        if (!is_type(policy, *unknown)) {
            return false;
        }
    }
    for (i = 0; i < operation->need_n; i++) {
        *unknown = base_span_of(operation->need[i].type);
        if (unknown->p != NULL && !is_type(policy, *unknown)) {
            return false;
        }
    }
    return true;
}

static bool operations_fit(const smart_policy_t *policy, size_t *nth, char *error, size_t size)
{
    base_span_t unknown;
    size_t i;

    for (i = 0; i < policy->operations_n; i++) {
        *nth = i;
        if (!operation_fits(policy, &policy->operations[i], &unknown)) {
            return fail(error, size, "\"operation\": unknown type \"%.*s\" in FHIR %s",
                        length(unknown), (const char *) unknown.p, policy->definitions->name);
        }
    }
    return true;
}

static bool shared_fit(smart_policy_t *policy, char *error, size_t size)
{
    const base_span_t *types = policy->_shared_types;
    size_t i;

    if (policy->_shared_types_n > 0 && !is_edit(types[0])) {
        memset(&policy->shared, 0, sizeof(policy->shared));
    }
    for (i = 0; i < policy->_shared_types_n; i++) {
        if (is_edit(types[i]) != is_edit(types[0])) {
            return fail(
                error, size,
                "\"shared_types\": either the whole list, or each type with \"+\" or \"-\"");
        }
        if (!apply_shared(policy, types[i], error, size)) {
            return false;
        }
    }
    return true;
}

/* C1: the version's parameters and the server's own together. */
static bool parameters_fit(smart_policy_t *policy, base_arena_t *arena, size_t *nth, char *error,
                           size_t size)
{
    const fhir_addition_t *wrong;
    const char *why;

    policy->definitions = fhir_definitions_of(policy->definitions->version);
    if (policy->_additions_n == 0) {
        return true;
    }
    why = fhir_definitions_with(policy->definitions, policy->_additions, policy->_additions_n,
                                arena, &policy->definitions, nth);
    if (why == NULL) {
        return true;
    }
    policy->definitions = fhir_definitions_of(FHIR_R4);
    wrong = &policy->_additions[*nth < policy->_additions_n ? *nth : 0];
    return fail(error, size, "\"search_parameter %.*s %.*s %.*s %.*s\": %s", length(wrong->type),
                (const char *) wrong->type.p, length(wrong->name), (const char *) wrong->name.p,
                length(wrong->kind), (const char *) wrong->kind.p, length(wrong->path),
                (const char *) wrong->path.p, why);
}

bool smart_policy_finish(smart_policy_t *policy, base_arena_t *arena, smart_policy_place_t *wrong,
                         char *error, size_t size)
{
    smart_policy_place_t place = {"search_parameter", 0};
    bool good = parameters_fit(policy, arena, &place.nth, error, size);

    if (good) {
        preset_types(policy);
        place = (smart_policy_place_t){"ceiling", 0};
        good = ceiling_fits(policy, error, size);
    }
    if (good) {
        place = (smart_policy_place_t){"operation", 0};
        good = operations_fit(policy, &place.nth, error, size);
    }
    if (good) {
        place = (smart_policy_place_t){"shared_types", 0};
        good = shared_fit(policy, error, size);
    }
    if (!good) {
        if (wrong != NULL) {
            *wrong = place;
        }
        return false;
    }
    derive_types(policy);
    return true;
}
