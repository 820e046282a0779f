/*
 * What a URL may be taken for, by whoever reads it (RULES B11).
 */

#include "fhir/fhir_url.h"
#include "unit.h"

int main(void)
{
    static const char *const are[] = {
        "Binary/x",
        "/Binary/x",
        "./Binary/x",
        "Binary",
        "binary/x",
        "BINARY/x",
        "Bin%61ry/x",
        "Bin%2561ry/x",
        "%42inary%2Fx",
        "Bin%2525252561ry/x",
        "Bin%252525252561ry/x",
        "Binary%2fx",
        "Binary/x#y",
        "Binary/x?y",
        "Binary#x",
        "Binary/x/",
        " Binary/x",
        "Bin\tary/x",
        "Bin\nary /x",
        "Bin%0aary/x",
        "\xe2\x80\x8b\x42inary/x",
        "https://fhir.example.org/r4/Binary/x",
        "HTTPS://other/Binary/x/_history/1",
        "//host/Binary/x",
        "\\\\host\\Binary\\x",
        "https://fhir.example.org/r4/Patient/../Binary/x",
        "https://fhir.example.org/r4;a=b/Binary;c/x",
        "https://fhir.example.org/r4?url=Binary/x",
        "https:Binary/x",
    };
    static const char *const are_not[] = {
        "",
        "Patient/x",
        "urn:uuid:0f6f3f1c-6d3b-4b0a-8b0e-3f1c6d3b4b0a",
        "Binary1/x",
        "MyBinary/x",
        "binary-store/x",
        "https://binaryfiles.example.org/x",
        "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
        "%42%2",
        "Bin%6",
        "100%",
    };
    char text[FHIR_URL_MAX + 2];
    size_t i;

    for (i = 0; i < sizeof(are) / sizeof(are[0]); i++) {
        ok(fhir_url_may_name(base_span_of(are[i]), "binary"), "may be one: %s", are[i]);
    }
    for (i = 0; i < sizeof(are_not) / sizeof(are_not[0]); i++) {
        ok(!fhir_url_may_name(base_span_of(are_not[i]), "binary"), "is none: %s", are_not[i]);
    }
    memset(text, 'x', sizeof(text));
    ok(!fhir_url_may_name(base_span_make((unsigned char *) text, FHIR_URL_MAX), "binary"),
       "as long as is looked into");
    ok(fhir_url_may_name(base_span_make((unsigned char *) text, FHIR_URL_MAX + 1), "binary"),
       "longer");
    UNIT_END();
}
