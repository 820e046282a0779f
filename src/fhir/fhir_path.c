#include "fhir/fhir_path.h"

#include <string.h>

static bool is_letter(unsigned char c)
{
    c |= 0x20;
    return c >= 'a' && c <= 'z';
}

/* A plain step: a name of letters and digits, "[]" behind it or not. */
static bool read_step(base_span_t text, fhir_step_t *step)
{
    step->array = text.n > 2 && text.p[text.n - 2] == '[' && text.p[text.n - 1] == ']';
    step->name = base_span_sub(text, 0, step->array ? text.n - 2 : text.n);
    if (step->name.n == 0 || !is_letter(step->name.p[0])) {
        return false;
    }
    for (size_t i = 1; i < step->name.n; i++) {
        unsigned char c = step->name.p[i];

        if (!is_letter(c) && (c < '0' || c > '9')) {
            return false;
        }
    }
    return true;
}

/* "k=v" of the step just read. */
static bool read_filter(base_span_t text, fhir_steps_t *steps)
{
    size_t equals = base_span_find(text, '=');

    if (steps->filter != FHIR_PATH_NO_FILTER || equals == 0 || equals + 1 >= text.n) {
        return false;
    }
    steps->filter = steps->n - 1;
    steps->filter_name = base_span_sub(text, 0, equals);
    steps->filter_value = base_span_sub(text, equals + 1, text.n);
    return true;
}

static size_t end_of_step(base_span_t text)
{
    size_t dot = base_span_find(text, '.');
    size_t brace = base_span_find(text, '{');

    return dot < brace ? dot : brace;
}

/* One step with its filter, and the dot behind it; *rest is absent behind the last. */
static bool take_step(base_span_t *rest, fhir_steps_t *steps)
{
    size_t at = end_of_step(*rest);

    if (steps->n == FHIR_PATH_STEPS ||
        !read_step(base_span_sub(*rest, 0, at), &steps->steps[steps->n])) {
        return false;
    }
    steps->n++;
    if (at < rest->n && rest->p[at] == '{') {
        size_t close = base_span_find(*rest, '}');

        if (close == rest->n || !read_filter(base_span_sub(*rest, at + 1, close), steps)) {
            return false;
        }
        at = close + 1;
    }
    if (at == rest->n) {
        *rest = base_span_make(NULL, 0);
        return true;
    }
    if (rest->p[at] != '.') {
        return false;
    }
    *rest = base_span_sub(*rest, at + 1, rest->n);
    return true;
}

bool fhir_path_read(const char *text, fhir_steps_t *steps)
{
    base_span_t rest = base_span_of(text);

    memset(steps, 0, sizeof(*steps));
    steps->filter = FHIR_PATH_NO_FILTER;
    while (rest.p != NULL) {
        if (!take_step(&rest, steps)) {
            return false;
        }
    }
    return steps->n > 0;
}

bool fhir_path_add(fhir_steps_t *steps, const char *step)
{
    return steps->n < FHIR_PATH_STEPS && read_step(base_span_of(step), &steps->steps[steps->n++]);
}
