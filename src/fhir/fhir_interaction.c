#include "fhir/fhir_interaction.h"

#define ALL (1u << FHIR_R4 | 1u << FHIR_R4B | 1u << FHIR_R5)
#define R5  (1u << FHIR_R5)
#define R6  0u

/* clang-format off */
static const fhir_interaction_row_t rows[] = {
    {1, FHIR_GET, FHIR_SHAPE_INSTANCE, FHIR_IF_ANY, FHIR_READ, "read", "r", ALL, true},
    {2, FHIR_GET, FHIR_SHAPE_VERSION, FHIR_IF_ANY, FHIR_VREAD, "vread", "r", ALL, true},
    {3, FHIR_PUT, FHIR_SHAPE_INSTANCE, FHIR_IF_ANY, FHIR_UPDATE, "update", "u", ALL, true},
    {4, FHIR_PUT, FHIR_SHAPE_TYPE, FHIR_IF_CRITERIA, FHIR_UPDATE_CONDITIONAL, "update-conditional", "us", ALL, true},
    {5, FHIR_PATCH_METHOD, FHIR_SHAPE_INSTANCE, FHIR_IF_ANY, FHIR_PATCH, "patch", "u", ALL, true},
    {6, FHIR_PATCH_METHOD, FHIR_SHAPE_TYPE, FHIR_IF_CRITERIA, FHIR_PATCH_CONDITIONAL, "patch-conditional", "us", ALL, true},
    {7, FHIR_DELETE_METHOD, FHIR_SHAPE_INSTANCE, FHIR_IF_ANY, FHIR_DELETE, "delete", "d", ALL, true},
    {8, FHIR_DELETE_METHOD, FHIR_SHAPE_TYPE, FHIR_IF_CRITERIA, FHIR_DELETE_CONDITIONAL, "delete-conditional", "ds", ALL, true},
    {9, FHIR_DELETE_METHOD, FHIR_SHAPE_BASE, FHIR_IF_CRITERIA, FHIR_DELETE_SYSTEM, "delete-system", "", R6, false},
    {10, FHIR_DELETE_METHOD, FHIR_SHAPE_HISTORY_INSTANCE, FHIR_IF_ANY, FHIR_DELETE_HISTORY, "delete-history", "", R6, false},
    {11, FHIR_DELETE_METHOD, FHIR_SHAPE_VERSION, FHIR_IF_ANY, FHIR_DELETE_VERSION, "delete-history-version", "", R6, false},
    {12, FHIR_GET, FHIR_SHAPE_HISTORY_INSTANCE, FHIR_IF_ANY, FHIR_HISTORY_INSTANCE, "history-instance", "r", ALL, true},
    {13, FHIR_GET, FHIR_SHAPE_HISTORY_TYPE, FHIR_IF_ANY, FHIR_HISTORY_TYPE, "history-type", "s", ALL, true},
    {14, FHIR_GET, FHIR_SHAPE_HISTORY_SYSTEM, FHIR_IF_ANY, FHIR_HISTORY_SYSTEM, "history-system", "s", ALL, true},
    {16, FHIR_POST, FHIR_SHAPE_TYPE, FHIR_IF_NONE_EXIST, FHIR_CREATE_CONDITIONAL, "create-conditional", "cs", ALL, true},
    {15, FHIR_POST, FHIR_SHAPE_TYPE, FHIR_IF_ANY, FHIR_CREATE, "create", "c", ALL, true},
    {17, FHIR_GET, FHIR_SHAPE_TYPE, FHIR_IF_ANY, FHIR_SEARCH_TYPE, "search-type", "s", ALL, true},
    {18, FHIR_POST, FHIR_SHAPE_SEARCH_TYPE, FHIR_IF_ANY, FHIR_SEARCH_TYPE, "search-type", "s", ALL, true},
    {19, FHIR_GET, FHIR_SHAPE_SEARCH_TYPE, FHIR_IF_ANY, FHIR_SEARCH_TYPE, "search-type", "s", ALL, true},
    {20, FHIR_GET, FHIR_SHAPE_COMPARTMENT, FHIR_IF_ANY, FHIR_SEARCH_COMPARTMENT, "search-compartment", "s", ALL, true},
    {20, FHIR_POST, FHIR_SHAPE_COMPARTMENT_SEARCH, FHIR_IF_ANY, FHIR_SEARCH_COMPARTMENT, "search-compartment", "s", R5, true},
    {21, FHIR_GET, FHIR_SHAPE_COMPARTMENT_ALL, FHIR_IF_ANY, FHIR_SEARCH_COMPARTMENT_ALL, "search-compartment", "s", ALL, true},
    {21, FHIR_POST, FHIR_SHAPE_COMPARTMENT_ALL_SEARCH, FHIR_IF_ANY, FHIR_SEARCH_COMPARTMENT_ALL, "search-compartment", "s", R5, true},
    {32, FHIR_GET, FHIR_SHAPE_BASE, FHIR_IF_PAGE, FHIR_PAGE, "page", "", ALL, true},
    {22, FHIR_GET, FHIR_SHAPE_BASE, FHIR_IF_ANY, FHIR_SEARCH_SYSTEM, "search-system", "s", ALL, true},
    {23, FHIR_POST, FHIR_SHAPE_SEARCH_SYSTEM, FHIR_IF_ANY, FHIR_SEARCH_SYSTEM, "search-system", "s", ALL, true},
    {24, FHIR_GET, FHIR_SHAPE_METADATA, FHIR_IF_ANY, FHIR_CAPABILITIES, "capabilities", "", ALL, true},
    {25, FHIR_POST, FHIR_SHAPE_BASE, FHIR_IF_ANY, FHIR_BATCH, "batch", "", ALL, true},
    {27, FHIR_GET | FHIR_POST, FHIR_SHAPE_OPERATION, FHIR_IF_ANY, FHIR_OPERATION, "operation", "", ALL, true},
    {29, FHIR_OPTIONS, FHIR_SHAPE_OTHER, FHIR_IF_ANY, FHIR_PREFLIGHT, "preflight", "", ALL, true},
    {30, FHIR_GET, FHIR_SHAPE_SMART_CONFIGURATION, FHIR_IF_ANY, FHIR_SMART_CONFIGURATION, "smart-configuration", "", ALL, true},
    {33, FHIR_GET | FHIR_DELETE_METHOD, FHIR_SHAPE_SEALED, FHIR_IF_ANY, FHIR_SEALED, "sealed", "", ALL, false},
};
/* clang-format on */

static const struct {
    const char *name;
    fhir_method_t method;
} methods[] = {
    {"GET", FHIR_GET},         {"HEAD", FHIR_HEAD},          {"POST", FHIR_POST},
    {"PUT", FHIR_PUT},         {"PATCH", FHIR_PATCH_METHOD}, {"DELETE", FHIR_DELETE_METHOD},
    {"OPTIONS", FHIR_OPTIONS},
};

#define N_ROWS    (sizeof(rows) / sizeof(rows[0]))
#define N_METHODS (sizeof(methods) / sizeof(methods[0]))

const fhir_interaction_row_t *fhir_interaction_rows(size_t *n)
{
    *n = N_ROWS;
    return rows;
}

const fhir_interaction_row_t *fhir_interaction_match(fhir_method_t method, fhir_shape_t shape,
                                                     bool has_criteria, bool has_none_exist,
                                                     bool has_page)
{
    const bool holds[] = {[FHIR_IF_ANY] = true,
                          [FHIR_IF_CRITERIA] = has_criteria,
                          [FHIR_IF_NONE_EXIST] = has_none_exist,
                          [FHIR_IF_PAGE] = has_page};
    unsigned as = method == FHIR_HEAD ? FHIR_GET : method;

    /* A preflight asks about any path; its answer tells nothing (RULES B10). */
    if (method == FHIR_OPTIONS) {
        shape = FHIR_SHAPE_OTHER;
    }
    for (size_t i = 0; i < N_ROWS; i++) {
        if ((rows[i].methods & as) != 0 && rows[i].shape == shape && holds[rows[i].condition]) {
            return &rows[i];
        }
    }
    return NULL;
}

bool fhir_method_find(base_span_t name, fhir_method_t *method)
{
    for (size_t i = 0; i < N_METHODS; i++) {
        if (base_span_is(name, methods[i].name)) {
            *method = methods[i].method;
            return true;
        }
    }
    return false;
}

const char *fhir_method_name(fhir_method_t method)
{
    for (size_t i = 0; i < N_METHODS; i++) {
        if (methods[i].method == method) {
            return methods[i].name;
        }
    }
    return "";
}
