/* The scope grammar (RULES A1-A18, A25), as a table. */

#include "unit.h"

#include "smart/smart_scope.h"

#define LETTERS_OF(c, r, u, d, s)                                                                  \
    ((c ? SMART_C : 0) | (r ? SMART_R : 0) | (u ? SMART_U : 0) | (d ? SMART_D : 0) |               \
     (s ? SMART_S : 0))

typedef struct {
    const char *text;
    smart_scope_state_t state;
    const char *context;
    const char *type;
    const char *letters; /* "" when it grants nothing */
    const char *constraint;
} row_t;

#define GOOD       SMART_SCOPE_GOOD
#define OTHER      SMART_SCOPE_OTHER
#define LETTERS    SMART_SCOPE_BAD_LETTERS
#define CONSTRAINT SMART_SCOPE_BAD_CONSTRAINT
#define V1         SMART_SCOPE_V1_CONSTRAINT

/* clang-format off */
static const row_t rows[] = {
    /* A2: contexts and types */
    {"patient/Observation.rs", GOOD, "patient", "Observation", "rs", NULL},
    {"user/Observation.rs", GOOD, "user", "Observation", "rs", NULL},
    {"system/Observation.rs", GOOD, "system", "Observation", "rs", NULL},
    {"patient/*.rs", GOOD, "patient", "*", "rs", NULL},
    {"user/*.cruds", GOOD, "user", "*", "cruds", NULL},
    {"system/*.s", GOOD, "system", "*", "s", NULL},
    {"patient/ST3.r", GOOD, "patient", "ST3", "r", NULL},
    {"patient/observation.r", GOOD, "patient", "observation", "r", NULL}, /* no type of any version: later */
    {"Patient/Observation.rs", OTHER, NULL, NULL, "", NULL},
    {"PATIENT/Observation.rs", OTHER, NULL, NULL, "", NULL},
    {"practitioner/Observation.rs", OTHER, NULL, NULL, "", NULL},
    {"/Observation.rs", OTHER, NULL, NULL, "", NULL},
    {"patientObservation.rs", OTHER, NULL, NULL, "", NULL},
    {"patient\\Observation.rs", OTHER, NULL, NULL, "", NULL},
    {"patient//Observation.rs", OTHER, NULL, NULL, "", NULL},
    {"patient/.rs", OTHER, NULL, NULL, "", NULL},
    {"patient/", OTHER, NULL, NULL, "", NULL},
    {"patient", OTHER, NULL, NULL, "", NULL},
    {"patient/Observation", OTHER, NULL, NULL, "", NULL},
    {"patient/**.rs", OTHER, NULL, NULL, "", NULL},
    {"patient/*Observation.rs", OTHER, NULL, NULL, "", NULL},
    {"patient/Obs*.rs", OTHER, NULL, NULL, "", NULL},
    {"patient/Obs-ervation.rs", OTHER, NULL, NULL, "", NULL},
    {"patient/1Observation.rs", OTHER, NULL, NULL, "", NULL},
    {"patient/Observation/1.rs", OTHER, NULL, NULL, "", NULL},
    {"patient/Observation,Condition.rs", OTHER, NULL, NULL, "", NULL},
    {"xpatient/Observation.rs", OTHER, NULL, NULL, "", NULL},
    {"launch/patient/Observation.rs", OTHER, NULL, NULL, "", NULL},
    /* A3: v2 letters */
    {"patient/Observation.c", GOOD, "patient", "Observation", "c", NULL},
    {"patient/Observation.r", GOOD, "patient", "Observation", "r", NULL},
    {"patient/Observation.u", GOOD, "patient", "Observation", "u", NULL},
    {"patient/Observation.d", GOOD, "patient", "Observation", "d", NULL},
    {"patient/Observation.s", GOOD, "patient", "Observation", "s", NULL},
    {"patient/Observation.cr", GOOD, "patient", "Observation", "cr", NULL},
    {"patient/Observation.cu", GOOD, "patient", "Observation", "cu", NULL},
    {"patient/Observation.cd", GOOD, "patient", "Observation", "cd", NULL},
    {"patient/Observation.cs", GOOD, "patient", "Observation", "cs", NULL},
    {"patient/Observation.ru", GOOD, "patient", "Observation", "ru", NULL},
    {"patient/Observation.rd", GOOD, "patient", "Observation", "rd", NULL},
    {"patient/Observation.us", GOOD, "patient", "Observation", "us", NULL},
    {"patient/Observation.ds", GOOD, "patient", "Observation", "ds", NULL},
    {"patient/Observation.cru", GOOD, "patient", "Observation", "cru", NULL},
    {"patient/Observation.crud", GOOD, "patient", "Observation", "crud", NULL},
    {"patient/Observation.cud", GOOD, "patient", "Observation", "cud", NULL},
    {"patient/Observation.cuds", GOOD, "patient", "Observation", "cuds", NULL},
    {"patient/Observation.ruds", GOOD, "patient", "Observation", "ruds", NULL},
    {"patient/Observation.cruds", GOOD, "patient", "Observation", "cruds", NULL},
    {"patient/Observation.", LETTERS, "patient", "Observation", "", NULL},
    /* A6: out of order, repeated, undefined */
    {"patient/Observation.sr", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.dus", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.rc", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.rr", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.rss", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.crudsc", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.rx", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.xr", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.rsX", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.RS", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.rs.", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation..rs", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.rs.rs", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.r,s", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.r-s", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.rs/", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.rs#", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.rs&", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.rs%20", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.*s", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.**", LETTERS, "patient", "Observation", "", NULL},
    /* A4, A5: v1 */
    {"patient/Observation.read", GOOD, "patient", "Observation", "rs", NULL},
    {"patient/Observation.write", GOOD, "patient", "Observation", "cud", NULL},
    {"patient/Observation.*", GOOD, "patient", "Observation", "cruds", NULL},
    {"user/*.read", GOOD, "user", "*", "rs", NULL},
    {"user/*.write", GOOD, "user", "*", "cud", NULL},
    {"system/*.*", GOOD, "system", "*", "cruds", NULL},
    {"patient/Observation.Read", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.READ", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.reads", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.read-only", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.readwrite", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.read,write", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.writer", LETTERS, "patient", "Observation", "", NULL},
    {"patient/Observation.all", LETTERS, "patient", "Observation", "", NULL},
    /* A14, A15: not resource scopes */
    {"openid", OTHER, NULL, NULL, "", NULL},
    {"profile", OTHER, NULL, NULL, "", NULL},
    {"fhirUser", OTHER, NULL, NULL, "", NULL},
    {"launch", OTHER, NULL, NULL, "", NULL},
    {"launch/patient", OTHER, NULL, NULL, "", NULL},
    {"launch/encounter", OTHER, NULL, NULL, "", NULL},
    {"launch/imagingstudy?role=http://x", OTHER, NULL, NULL, "", NULL},
    {"launch/Observation.rs", OTHER, NULL, NULL, "", NULL},
    {"online_access", OTHER, NULL, NULL, "", NULL},
    {"offline_access", OTHER, NULL, NULL, "", NULL},
    {"__profilePhoto.manage", OTHER, NULL, NULL, "", NULL},
    {"https://x/scopes/profilePhoto.manage", OTHER, NULL, NULL, "", NULL},
    {"http://smarthealthit.org/fhir/scopes/patient/Observation.rs", OTHER, NULL, NULL, "", NULL},
    {"api://app/patient/Observation.rs", OTHER, NULL, NULL, "", NULL},
    {"patient%2fObservation.rs", OTHER, NULL, NULL, "", NULL},
    {"patient.Observation.rs", OTHER, NULL, NULL, "", NULL},
    {"*", OTHER, NULL, NULL, "", NULL},
    {"*/*.cruds", OTHER, NULL, NULL, "", NULL},
    {"", OTHER, NULL, NULL, "", NULL},
    /* A1: the alphabet */
    {"patient/Observation.rs\"", OTHER, NULL, NULL, "", NULL},
    {"patient/Observation.rs?code=a\\,b", OTHER, NULL, NULL, "", NULL},
    {"patient/Observation.rs\t", OTHER, NULL, NULL, "", NULL},
    {"patient/Observation.rs\n", OTHER, NULL, NULL, "", NULL},
    {"patient/Observation.rs\x7f", OTHER, NULL, NULL, "", NULL},
    {"patient/Observ\xc3\xa4tion.rs", OTHER, NULL, NULL, "", NULL},
    {"patient/Observation.rs user/*.rs", OTHER, NULL, NULL, "", NULL},
    /* A17, A18, A25: constraints */
    {"patient/Observation.rs?category=laboratory", GOOD, "patient", "Observation", "rs", "category=laboratory"},
    {"patient/Observation.rs?category=http://x|y", GOOD, "patient", "Observation", "rs", "category=http://x|y"},
    {"patient/Observation.rs?category=a&code=b", GOOD, "patient", "Observation", "rs", "category=a&code=b"},
    {"patient/Observation.rs?category=a,b", GOOD, "patient", "Observation", "rs", "category=a,b"},
    {"patient/Observation.rs?category=a%7Cb", GOOD, "patient", "Observation", "rs", "category=a%7Cb"},
    {"patient/Observation.rs?code=a=b", GOOD, "patient", "Observation", "rs", "code=a=b"},
    {"patient/Observation.rs?code=a?b", GOOD, "patient", "Observation", "rs", "code=a?b"},
    {"patient/Observation.rs?code=a.cruds", GOOD, "patient", "Observation", "rs", "code=a.cruds"},
    {"patient/Observation.rs?code=a%26x%3D1", GOOD, "patient", "Observation", "rs", "code=a%26x%3D1"},
    {"patient/*.rs?_tag=x", GOOD, "patient", "*", "rs", "_tag=x"},
    {"patient/Observation.rs?", CONSTRAINT, "patient", "Observation", "", ""},
    {"patient/Observation.rs?category", CONSTRAINT, "patient", "Observation", "", "category"},
    {"patient/Observation.rs?category=", CONSTRAINT, "patient", "Observation", "", "category="},
    {"patient/Observation.rs?=x", CONSTRAINT, "patient", "Observation", "", "=x"},
    {"patient/Observation.rs?category=a&", CONSTRAINT, "patient", "Observation", "", "category=a&"},
    {"patient/Observation.rs?&category=a", CONSTRAINT, "patient", "Observation", "", "&category=a"},
    {"patient/Observation.rs?category=a&&code=b", CONSTRAINT, "patient", "Observation", "", "category=a&&code=b"},
    {"patient/Observation.rs?category=%", CONSTRAINT, "patient", "Observation", "", "category=%"},
    {"patient/Observation.rs?category=%2", CONSTRAINT, "patient", "Observation", "", "category=%2"},
    {"patient/Observation.rs?category=%zz", CONSTRAINT, "patient", "Observation", "", "category=%zz"},
    {"patient/Observation.rs??", CONSTRAINT, "patient", "Observation", "", "?"},
    {"patient/Observation.read?category=a", V1, "patient", "Observation", "", "category=a"},
    {"patient/Observation.*?category=a", V1, "patient", "Observation", "", "category=a"},
    {"patient/Observation.sr?category=a", LETTERS, "patient", "Observation", "", "category=a"},
    {"patient/Observation?category=a.rs", OTHER, NULL, NULL, "", NULL},
    {"patient?x=/Observation.rs", OTHER, NULL, NULL, "", NULL},
};
/* clang-format on */

static unsigned letters_of(const char *text)
{
    return (unsigned) LETTERS_OF(strchr(text, 'c') != NULL, strchr(text, 'r') != NULL,
                                 strchr(text, 'u') != NULL, strchr(text, 'd') != NULL,
                                 strchr(text, 's') != NULL);
}

static void check_row(const row_t *row)
{
    smart_scope_t scope;
    int good;

    smart_scope_parse(base_span_of(row->text), &scope);
    good = scope.state == row->state && scope.letters == letters_of(row->letters);
    if (row->context != NULL) {
        good = good && strcmp(smart_context_name(scope.context), row->context) == 0 &&
               base_span_is(scope.type, row->type);
        good = good && (row->constraint == NULL ? scope.constraint.p == NULL
                                                : base_span_is(scope.constraint, row->constraint));
    }
    ok(good, "%s: %s", row->text, smart_scope_state_text(row->state));
}

static void check_write(const char *text, const char *expected)
{
    unsigned char memory[64];
    base_writer_t w;
    base_span_t out = {NULL, 0};
    smart_scope_t scope;

    smart_scope_parse(base_span_of(text), &scope);
    base_writer_init(&w, memory, sizeof(memory));
    smart_scope_write(&w, scope.context, scope.type, scope.letters);
    (void) base_writer_done(&w, &out);
    is_mem(out.p, out.n, expected, strlen(expected), "%s is written canonically", text);
}

int main(void)
{
    size_t i;

    UNIT_BEGIN();
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_row(&rows[i]);
    }
    check_write("patient/Observation.read", "patient/Observation.rs");
    check_write("user/*.*", "user/*.cruds");
    check_write("system/Patient.ud", "system/Patient.ud");
    UNIT_END();
}
