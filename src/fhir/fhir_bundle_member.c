#include "fhir/fhir_bundle_own.h"

static const fhir_bundle_row_t rows[] = {
    {K_RESOURCE, "resourceType", FHIR_MEMBER_RESOURCE_TYPE, V_TEXT, 0},
    {K_RESOURCE, "type", FHIR_MEMBER_TYPE, V_TEXT, 0},
    {K_RESOURCE, "total", FHIR_MEMBER_TOTAL, V_NUMBER, 0},
    {K_RESOURCE, "link", FHIR_MEMBER_LINK, V_ARRAY, K_LINKS},
    {K_RESOURCE, "entry", FHIR_MEMBER_ENTRY, V_ARRAY, K_ENTRIES},
    {K_RESOURCE, "parameter", FHIR_MEMBER_PARAMETER, V_ARRAY, K_PARAMETERS},
    {K_RESOURCE, "id", FHIR_MEMBER_PLAIN, V_OTHER, 0},
    {K_RESOURCE, "meta", FHIR_MEMBER_PLAIN, V_OTHER, 0},
    {K_RESOURCE, "implicitRules", FHIR_MEMBER_PLAIN, V_OTHER, 0},
    {K_RESOURCE, "language", FHIR_MEMBER_PLAIN, V_OTHER, 0},
    {K_RESOURCE, "identifier", FHIR_MEMBER_PLAIN, V_OTHER, 0},
    {K_RESOURCE, "timestamp", FHIR_MEMBER_PLAIN, V_OTHER, 0},
    {K_RESOURCE, "signature", FHIR_MEMBER_PLAIN, V_OTHER, 0},
    {K_RESOURCE, "extension", FHIR_MEMBER_PLAIN, V_OTHER, 0},
    {K_LINK, "relation", FHIR_MEMBER_RELATION, V_TEXT, 0},
    {K_LINK, "url", FHIR_MEMBER_URL, V_TEXT, 0},
    {K_ENTRY, "fullUrl", FHIR_MEMBER_FULL_URL, V_TEXT, 0},
    {K_ENTRY, "resource", FHIR_MEMBER_RESOURCE, V_RESOURCE, 0},
    {K_ENTRY, "search", FHIR_MEMBER_SEARCH, V_OBJECT, K_SEARCH},
    {K_ENTRY, "request", FHIR_MEMBER_REQUEST, V_OBJECT, K_REQUEST},
    {K_ENTRY, "response", FHIR_MEMBER_RESPONSE, V_OBJECT, K_RESPONSE},
    {K_ENTRY, "link", FHIR_MEMBER_PLAIN, V_OTHER, 0},
    {K_ENTRY, "id", FHIR_MEMBER_PLAIN, V_OTHER, 0},
    {K_ENTRY, "extension", FHIR_MEMBER_PLAIN, V_OTHER, 0},
    {K_ENTRY, "modifierExtension", FHIR_MEMBER_PLAIN, V_OTHER, 0},
    {K_SEARCH, "mode", FHIR_MEMBER_MODE, V_TEXT, 0},
    {K_REQUEST, "method", FHIR_MEMBER_METHOD, V_TEXT, 0},
    {K_REQUEST, "url", FHIR_MEMBER_URL, V_TEXT, 0},
    {K_RESPONSE, "status", FHIR_MEMBER_STATUS, V_TEXT, 0},
    {K_RESPONSE, "location", FHIR_MEMBER_LOCATION, V_TEXT, 0},
    {K_RESPONSE, "outcome", FHIR_MEMBER_OUTCOME, V_RESOURCE, 0},
    {K_PARAMETER, "name", FHIR_MEMBER_PLAIN, V_OTHER, 0},
    {K_PARAMETER, "id", FHIR_MEMBER_PLAIN, V_OTHER, 0},
    {K_PARAMETER, "extension", FHIR_MEMBER_PLAIN, V_OTHER, 0},
    {K_PARAMETER, "modifierExtension", FHIR_MEMBER_PLAIN, V_OTHER, 0},
    {K_PARAMETER, "resource", FHIR_MEMBER_RESOURCE, V_RESOURCE, 0},
    {K_PARAMETER, "part", FHIR_MEMBER_PART, V_ARRAY, K_PARAMETERS},
};

const fhir_bundle_row_t fhir_bundle_other = {0, "", FHIR_MEMBER_OTHER, V_OTHER, 0};

static const fhir_bundle_row_t plain = {0, "", FHIR_MEMBER_PLAIN, V_OTHER, 0};

const fhir_bundle_row_t *fhir_bundle_row(unsigned kind, base_span_t name)
{
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].kind == kind && base_span_is(name, rows[i].name)) {
            return &rows[i];
        }
    }
    if (kind == K_LINK || kind == K_SEARCH || kind == K_REQUEST || kind == K_RESPONSE) {
        return &plain;
    }
    if (kind == K_PARAMETER && (base_span_starts(name, "value") || base_span_starts(name, "_"))) {
        return &plain;
    }
    return &fhir_bundle_other;
}

bool fhir_bundle_may_be(const fhir_bundle_level_t *level, unsigned enter)
{
    return (level->enter & enter) != 0;
}

bool fhir_bundle_belongs(const fhir_bundle_level_t *level, fhir_member_id_t id)
{
    switch (id) {
    case FHIR_MEMBER_TYPE:
    case FHIR_MEMBER_TOTAL:
    case FHIR_MEMBER_LINK:
    case FHIR_MEMBER_ENTRY:
        return fhir_bundle_may_be(level, FHIR_ENTER_BUNDLE) &&
               (!level->is_container || base_span_is(fhir_text_span(&level->type_name), "Bundle"));
    case FHIR_MEMBER_PARAMETER:
        return fhir_bundle_may_be(level, FHIR_ENTER_PARAMETERS) &&
               (!level->is_container ||
                base_span_is(fhir_text_span(&level->type_name), "Parameters"));
    default:
        return true;
    }
}
