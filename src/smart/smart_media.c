#include "smart/smart_media.h"

static base_span_t trim(base_span_t text)
{
    while (text.n > 0 && (text.p[0] == ' ' || text.p[0] == '\t')) {
        text = base_span_sub(text, 1, text.n);
    }
    while (text.n > 0 && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t')) {
        text.n--;
    }
    return text;
}

/* The next parameter's name and value, quotes taken off. False at the end. */
static bool next_parameter(base_span_t *rest, base_span_t *name, base_span_t *value)
{
    base_span_t part;
    size_t equals;

    if (rest->p == NULL) {
        return false;
    }
    part = trim(base_span_split(rest, ';'));
    equals = base_span_find(part, '=');
    *name = trim(base_span_sub(part, 0, equals));
    *value = trim(base_span_sub(part, equals + (equals < part.n), part.n));
    if (value->n >= 2 && value->p[0] == '"' && value->p[value->n - 1] == '"') {
        *value = base_span_sub(*value, 1, value->n - 1);
    }
    return true;
}

static bool is_one_of(base_span_t text, const char *const *names, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (base_span_is_nocase(text, names[i])) {
            return true;
        }
    }
    return false;
}

/* The type without its parameters, which are left in *rest. */
static base_span_t media_name(base_span_t *rest)
{
    return rest->p == NULL ? *rest : trim(base_span_split(rest, ';'));
}

static bool is_utf8(base_span_t parameters)
{
    base_span_t name, value;

    while (next_parameter(&parameters, &name, &value)) {
        if (base_span_is_nocase(name, "charset") && !base_span_is_nocase(value, "utf-8")) {
            return false;
        }
    }
    return true;
}

bool smart_media_is_json(base_span_t content_type)
{
    static const char *const names[] = {"application/fhir+json", "application/json",
                                        "application/json+fhir"};
    base_span_t rest = content_type;
    base_span_t name = media_name(&rest);

    return is_one_of(name, names, sizeof(names) / sizeof(names[0])) && is_utf8(rest);
}

bool smart_media_is_fhir(base_span_t content_type)
{
    static const char *const names[] = {"application/fhir+json", "application/json+fhir",
                                        "application/fhir+xml", "application/xml+fhir",
                                        "application/fhir+turtle"};

    return is_one_of(media_name(&content_type), names, sizeof(names) / sizeof(names[0]));
}

bool smart_media_is_json_patch(base_span_t content_type)
{
    return base_span_is_nocase(media_name(&content_type), "application/json-patch+json");
}

/* RFC 9110 section 12.4.2: a weight of 0 means "not acceptable". */
static bool is_zero(base_span_t weight)
{
    size_t i;

    for (i = 0; i < weight.n; i++) {
        if (weight.p[i] != '0' && weight.p[i] != '.') {
            return false;
        }
    }
    return weight.n > 0;
}

static bool range_admits_json(base_span_t range)
{
    static const char *const names[] = {"*/*", "application/*", "application/fhir+json",
                                        "application/json", "application/json+fhir"};
    base_span_t name = media_name(&range), parameter, value;

    if (!is_one_of(name, names, sizeof(names) / sizeof(names[0]))) {
        return false;
    }
    while (next_parameter(&range, &parameter, &value)) {
        if (base_span_is_nocase(parameter, "q") && is_zero(value)) {
            return false;
        }
    }
    return true;
}

bool smart_media_admits_json(base_span_t accept)
{
    if (trim(accept).n == 0) {
        return true;
    }
    while (accept.p != NULL) {
        if (range_admits_json(base_span_split(&accept, ','))) {
            return true;
        }
    }
    return false;
}

bool smart_media_format_is_json(base_span_t value)
{
    static const char *const names[] = {
        "json",      "application/fhir+json", "application/fhir json", "application/json",
        "text/json", "application/json+fhir", "application/json fhir"};

    return is_one_of(media_name(&value), names, sizeof(names) / sizeof(names[0]));
}

bool smart_media_other_version(base_span_t text, const fhir_definitions_t *definitions)
{
    base_span_t range, name, value;

    while (text.p != NULL) {
        range = base_span_split(&text, ',');
        while (next_parameter(&range, &name, &value)) {
            if (base_span_is_nocase(name, "fhirVersion") &&
                !base_span_is(value, definitions->number)) {
                return true;
            }
        }
    }
    return false;
}

static bool names(base_span_t preference, const char *wanted)
{
    base_span_t name, value;

    while (next_parameter(&preference, &name, &value)) {
        if (base_span_is_nocase(name, wanted)) {
            return true;
        }
    }
    return false;
}

bool smart_media_prefers_async(base_span_t preference)
{
    return names(preference, "respond-async");
}

bool smart_media_prefers_return(base_span_t preference)
{
    return names(preference, "return");
}

bool smart_media_prefers_strict(base_span_t preferences)
{
    base_span_t name, value, one;

    while (preferences.p != NULL) {
        one = base_span_split(&preferences, ',');
        while (next_parameter(&one, &name, &value)) {
            if (base_span_is_nocase(name, "handling") && base_span_is_nocase(value, "strict")) {
                return true;
            }
        }
    }
    return false;
}
