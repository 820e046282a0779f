#include "fhir/fhir_reference.h"

#include "fhir/fhir_request.h"

#include <string.h>

/* Type names have no version here: an upper-case letter, then letters (R4 resourcelist.html). */
static bool is_type_name(base_span_t text)
{
    if (text.n == 0 || text.n > 64 || text.p[0] < 'A' || text.p[0] > 'Z') {
        return false;
    }
    for (size_t i = 1; i < text.n; i++) {
        unsigned char c = text.p[i] | 0x20;

        if (c < 'a' || c > 'z') {
            return false;
        }
    }
    return true;
}

/* Takes the last segment off *rest; the slash before it goes too. */
static base_span_t last_segment(base_span_t *rest)
{
    size_t at = rest->n;

    while (at > 0 && rest->p[at - 1] != '/') {
        at--;
    }
    base_span_t segment = base_span_sub(*rest, at, rest->n);

    *rest = at > 0 ? base_span_sub(*rest, 0, at - 1) : base_span_make(NULL, 0);
    return segment;
}

/* [...]Type/id[/_history/vid]; what precedes it stays in *rest, absent when nothing does. */
static bool read_tail(base_span_t *rest, fhir_reference_t *ref)
{
    base_span_t tail = *rest;
    base_span_t id = last_segment(&tail);
    base_span_t type = last_segment(&tail);

    if (base_span_is(type, "_history")) {
        ref->vid = id;
        id = last_segment(&tail);
        type = last_segment(&tail);
        if (!fhir_id_is_valid(ref->vid)) {
            return false;
        }
    }
    if (!is_type_name(type) || !fhir_id_is_valid(id)) {
        return false;
    }
    ref->type = type;
    ref->id = id;
    *rest = tail;
    return true;
}

/* What a server might run as a search: the last segment before '?' is its type, where it is one. */
static void read_conditional(size_t at, fhir_reference_t *ref)
{
    base_span_t before = base_span_sub(ref->text, 0, at);
    base_span_t type = last_segment(&before);

    ref->kind = FHIR_REFERENCE_CONDITIONAL;
    if (is_type_name(type)) {
        ref->type = type;
    }
}

static void read_path(fhir_reference_t *ref)
{
    base_span_t rest = ref->text;
    bool absolute = base_span_starts(rest, "http://") || base_span_starts(rest, "https://");

    if (!read_tail(&rest, ref) || (rest.p != NULL) != absolute) {
        ref->type = ref->id = ref->vid = base_span_make(NULL, 0);
        return;
    }
    ref->kind = absolute ? FHIR_REFERENCE_ABSOLUTE : FHIR_REFERENCE_RELATIVE;
    ref->base = rest;
}

void fhir_reference_parse(base_span_t text, fhir_reference_t *ref)
{
    size_t question = base_span_find(text, '?');

    memset(ref, 0, sizeof(*ref));
    ref->kind = FHIR_REFERENCE_OTHER;
    ref->text = text;
    if (text.n > 0 && text.p[0] == '#') {
        ref->kind = FHIR_REFERENCE_CONTAINED;
    } else if (question < text.n) {
        read_conditional(question, ref);
    } else if (base_span_starts(text, "urn:")) {
        ref->kind = FHIR_REFERENCE_URN;
    } else if (fhir_id_is_valid(text)) {
        ref->kind = FHIR_REFERENCE_BARE;
        ref->id = text;
    } else {
        read_path(ref);
    }
}

bool fhir_reference_is_own(const fhir_reference_t *ref, const base_span_t *bases, size_t n)
{
    if (ref->kind == FHIR_REFERENCE_RELATIVE) {
        return true;
    }
    for (size_t i = 0; ref->kind == FHIR_REFERENCE_ABSOLUTE && i < n; i++) {
        if (bases[i].n > 0 && base_span_eq(ref->base, bases[i])) {
            return true;
        }
    }
    return false;
}

bool fhir_reference_is(const fhir_reference_t *ref, const base_span_t *bases, size_t n,
                       base_span_t type, base_span_t id)
{
    return id.n > 0 && base_span_eq(ref->id, id) && base_span_eq(ref->type, type) &&
           fhir_reference_is_own(ref, bases, n);
}
