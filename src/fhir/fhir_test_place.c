#include "fhir/fhir_test_own.h"

#include <string.h>

#define KIND(kind) (1u << (kind))
#define CODED                                                                                      \
    {                                                                                              \
        {"system", FHIR_ROLE_SYSTEM},                                                              \
        {                                                                                          \
            "code", FHIR_ROLE_VALUE                                                                \
        }                                                                                          \
    }
#define MEASURED                                                                                   \
    {                                                                                              \
        {"value", FHIR_ROLE_VALUE}, {"system", FHIR_ROLE_SYSTEM}, {"code", FHIR_ROLE_UNIT_CODE},   \
            {"unit", FHIR_ROLE_UNIT},                                                              \
        {                                                                                          \
            "comparator", FHIR_ROLE_BLIND                                                          \
        }                                                                                          \
    }

/* Datatypes that are objects: what to go through to the object, and its leaves. */
typedef struct {
    unsigned kinds;
    const char *datatype;
    const char *inner[2];
    struct {
        const char *name;
        fhir_role_t role;
    } leaves[FHIR_LEAVES_MAX];
} complex_t;

static const complex_t complexes[] = {
    {KIND(FHIR_TOKEN), "CodeableConcept", {"coding[]", NULL}, CODED},
    {KIND(FHIR_TOKEN), "CodeableReference", {"concept", "coding[]"}, CODED},
    {KIND(FHIR_TOKEN), "Coding", {NULL, NULL}, CODED},
    {KIND(FHIR_TOKEN),
     "Identifier",
     {NULL, NULL},
     {{"system", FHIR_ROLE_SYSTEM}, {"value", FHIR_ROLE_VALUE}}},
    {KIND(FHIR_TOKEN),
     "ContactPoint",
     {NULL, NULL},
     {{"use", FHIR_ROLE_SYSTEM}, {"value", FHIR_ROLE_VALUE}}},
    {KIND(FHIR_STRING),
     "HumanName",
     {NULL, NULL},
     {{"text", FHIR_ROLE_VALUE},
      {"family", FHIR_ROLE_VALUE},
      {"given[]", FHIR_ROLE_VALUE},
      {"prefix[]", FHIR_ROLE_VALUE},
      {"suffix[]", FHIR_ROLE_VALUE}}},
    {KIND(FHIR_STRING),
     "Address",
     {NULL, NULL},
     {{"text", FHIR_ROLE_VALUE},
      {"line[]", FHIR_ROLE_VALUE},
      {"city", FHIR_ROLE_VALUE},
      {"district", FHIR_ROLE_VALUE},
      {"state", FHIR_ROLE_VALUE},
      {"postalCode", FHIR_ROLE_VALUE},
      {"country", FHIR_ROLE_VALUE}}},
    {KIND(FHIR_STRING), "Identifier", {NULL, NULL}, {{"value", FHIR_ROLE_VALUE}}},
    {KIND(FHIR_STRING), "Extension", {NULL, NULL}, {{"valueString", FHIR_ROLE_VALUE}}},
    {KIND(FHIR_REFERENCE), "Reference", {NULL, NULL}, {{"reference", FHIR_ROLE_VALUE}}},
    {KIND(FHIR_REFERENCE),
     "CodeableReference",
     {"reference", NULL},
     {{"reference", FHIR_ROLE_VALUE}}},
    {KIND(FHIR_DATE), "Period", {NULL, NULL}, {{"start", FHIR_ROLE_START}, {"end", FHIR_ROLE_END}}},
    {KIND(FHIR_QUANTITY), "Quantity", {NULL, NULL}, MEASURED},
    {KIND(FHIR_QUANTITY), "Age", {NULL, NULL}, MEASURED},
    {KIND(FHIR_QUANTITY), "Duration", {NULL, NULL}, MEASURED},
    {KIND(FHIR_QUANTITY), "Money", {NULL, NULL}, {{"value", FHIR_ROLE_VALUE}}},
};

/* Datatypes that are one JSON value. */
static const struct {
    unsigned kinds;
    const char *datatype;
    fhir_leaf_json_t json;
    bool systemless;
} primitives[] = {
    /* A code has a system that the definitions alone know: `|code` is not for it. */
    {KIND(FHIR_TOKEN), "code", FHIR_LEAF_STRING, false},
    {KIND(FHIR_TOKEN) | KIND(FHIR_STRING), "string", FHIR_LEAF_STRING, true},
    {KIND(FHIR_TOKEN), "id", FHIR_LEAF_STRING, true},
    {KIND(FHIR_TOKEN) | KIND(FHIR_URI) | KIND(FHIR_REFERENCE), "uri", FHIR_LEAF_STRING, true},
    {KIND(FHIR_TOKEN) | KIND(FHIR_URI) | KIND(FHIR_REFERENCE), "canonical", FHIR_LEAF_STRING, true},
    {KIND(FHIR_TOKEN), "boolean", FHIR_LEAF_BOOLEAN, true},
    {KIND(FHIR_STRING), "markdown", FHIR_LEAF_STRING, true},
    {KIND(FHIR_URI), "url", FHIR_LEAF_STRING, true},
    {KIND(FHIR_DATE), "date", FHIR_LEAF_STRING, true},
    {KIND(FHIR_DATE), "dateTime", FHIR_LEAF_STRING, true},
    {KIND(FHIR_DATE), "instant", FHIR_LEAF_STRING, true},
    {KIND(FHIR_NUMBER), "decimal", FHIR_LEAF_NUMBER, true},
    {KIND(FHIR_NUMBER), "integer", FHIR_LEAF_NUMBER, true},
    {KIND(FHIR_NUMBER), "unsignedInt", FHIR_LEAF_NUMBER, true},
    {KIND(FHIR_NUMBER), "positiveInt", FHIR_LEAF_NUMBER, true},
};

static void add_leaf(fhir_place_t *place, base_span_t name, fhir_role_t role, fhir_leaf_json_t json)
{
    fhir_leaf_t *leaf = &place->leaves[place->n_leaves++];

    leaf->array = name.n > 2 && name.p[name.n - 1] == ']';
    leaf->name = base_span_sub(name, 0, leaf->array ? name.n - 2 : name.n);
    leaf->role = role;
    leaf->json = json;
}

static bool place_complex(const complex_t *row, fhir_place_t *place)
{
    for (size_t i = 0; i < 2 && row->inner[i] != NULL; i++) {
        if (!fhir_path_add(&place->steps, row->inner[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < FHIR_LEAVES_MAX && row->leaves[i].name != NULL; i++) {
        bool number = (row->kinds & KIND(FHIR_QUANTITY)) != 0 && i == 0;

        add_leaf(place, base_span_of(row->leaves[i].name), row->leaves[i].role,
                 number ? FHIR_LEAF_NUMBER : FHIR_LEAF_STRING);
    }
    return true;
}

/* The last step is the leaf itself. */
static bool place_leaf(fhir_place_t *place, fhir_role_t role, fhir_leaf_json_t json)
{
    fhir_step_t *last = &place->steps.steps[place->steps.n - 1];

    if (place->steps.filter == place->steps.n - 1) {
        return false;
    }
    add_leaf(place, last->name, role, json);
    place->leaves[0].array = last->array;
    place->steps.n--;
    return true;
}

static bool place_primitive(const char *datatype, fhir_kind_t kind, fhir_place_t *place,
                            bool *blind)
{
    for (size_t i = 0; i < sizeof(primitives) / sizeof(primitives[0]); i++) {
        if ((primitives[i].kinds & KIND(kind)) != 0 &&
            strcmp(primitives[i].datatype, datatype) == 0) {
            place->systemless = primitives[i].systemless;
            place->literal = kind == FHIR_REFERENCE;
            return place_leaf(place, FHIR_ROLE_VALUE, primitives[i].json);
        }
    }
    *blind = true;
    /*
     * A filter that would choose among things nobody can judge is left out: more is unknown then.
     */
    place->steps.filter = FHIR_PATH_NO_FILTER;
    return place_leaf(place, FHIR_ROLE_BLIND, FHIR_LEAF_STRING);
}

bool fhir_test_place(const fhir_path_t *path, fhir_kind_t kind, fhir_place_t *place, bool *blind)
{
    const char *datatype = path->datatype != NULL ? path->datatype : "";

    memset(place, 0, sizeof(*place));
    *blind = false;
    if (!fhir_path_read(path->text, &place->steps)) {
        return false;
    }
    place->target = base_span_of(path->target);
    for (size_t i = 0; i < sizeof(complexes) / sizeof(complexes[0]); i++) {
        if ((complexes[i].kinds & KIND(kind)) != 0 &&
            strcmp(complexes[i].datatype, datatype) == 0) {
            return place_complex(&complexes[i], place);
        }
    }
    return place_primitive(datatype, kind, place, blind);
}

bool fhir_test_judges(fhir_kind_t kind, base_span_t datatype)
{
    bool judged = false;

    for (size_t i = 0; i < sizeof(complexes) / sizeof(complexes[0]) && !judged; i++) {
        judged =
            (complexes[i].kinds & KIND(kind)) != 0 && base_span_is(datatype, complexes[i].datatype);
    }
    for (size_t i = 0; i < sizeof(primitives) / sizeof(primitives[0]) && !judged; i++) {
        judged = (primitives[i].kinds & KIND(kind)) != 0 &&
                 base_span_is(datatype, primitives[i].datatype);
    }
    return judged;
}
