/*
 * The interaction table itself: that it is RULES B2 (letters, versions, what the first decisions
 * cover) and matches as it says.
 */

#include "fhir/fhir_interaction.h"
#include "unit.h"

static const struct {
    unsigned row;
    const char *letters;
    bool decided;
} expected[] = {
    {1, "r", true},   {2, "r", true},  {3, "u", true},  {4, "us", true}, {5, "u", true},
    {6, "us", true},  {7, "d", true},  {8, "ds", true}, {9, "", false},  {10, "", false},
    {11, "", false},  {12, "r", true}, {13, "s", true}, {14, "s", true}, {15, "c", true},
    {16, "cs", true}, {17, "s", true}, {18, "s", true}, {19, "s", true}, {20, "s", true},
    {21, "s", true},  {22, "s", true}, {23, "s", true}, {24, "", true},  {25, "", true},
    {27, "", true},   {29, "", true},  {30, "", true},  {32, "", true},  {33, "", false},
};

static void test_row(unsigned row, const char *letters, bool decided)
{
    size_t n;
    const fhir_interaction_row_t *rows = fhir_interaction_rows(&n);
    unsigned found = 0;

    for (size_t i = 0; i < n; i++) {
        if (rows[i].row == row) {
            found++;
            is_str(rows[i].letters, letters, "row %u: letters", row);
            is_int(rows[i].decided, decided, "row %u: decided", row);
            ok(rows[i].name[0] != '\0', "row %u has a name", row);
        }
    }
    ok(found > 0, "row %u exists", row);
}

static void test_match(void)
{
    const fhir_interaction_row_t *get =
        fhir_interaction_match(FHIR_GET, FHIR_SHAPE_INSTANCE, false, false, false);
    const fhir_interaction_row_t *head =
        fhir_interaction_match(FHIR_HEAD, FHIR_SHAPE_INSTANCE, false, false, false);

    ok(get != NULL && get == head, "HEAD is judged as GET");
    ok(fhir_interaction_match(FHIR_PUT, FHIR_SHAPE_TYPE, false, false, false) == NULL,
       "an update of a type needs criteria");
    ok(fhir_interaction_match(FHIR_PUT, FHIR_SHAPE_TYPE, true, false, false) != NULL,
       "and with criteria it is a row");
    ok(fhir_interaction_match(FHIR_POST, FHIR_SHAPE_OTHER, false, false, false) == NULL,
       "no row for no shape");
    ok(fhir_interaction_match(FHIR_OPTIONS, FHIR_SHAPE_OTHER, false, false, false) != NULL,
       "but for OPTIONS");
}

static void test_methods(void)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    fhir_method_t method;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ok(fhir_method_find(base_span_of(names[i]), &method), "%s is found", names[i]);
        is_str(fhir_method_name(method), names[i], "and named");
    }
    ok(!fhir_method_find(BASE_SPAN("get"), &method), "methods are case-sensitive");
    ok(!fhir_method_find(BASE_SPAN("TRACE"), &method), "FHIR has no TRACE");
    ok(!fhir_method_find(BASE_SPAN(""), &method), "nor none");
}

int main(void)
{
    UNIT_BEGIN();
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        test_row(expected[i].row, expected[i].letters, expected[i].decided);
    }
    test_match();
    test_methods();
    UNIT_END();
}
