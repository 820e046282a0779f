/*
 * jose_number: a JSON number, as written, to whole seconds, without a double in between.
 */

#ifndef JOSE_NUMBER_H
#define JOSE_NUMBER_H

#include "base/base_span.h"

/*
 * The largest integer that is not greater than the number `text`, which the scanner has found to
 * be one (RFC 8259 section 6: fraction and exponent allowed). False when it lies outside
 * -max..max (0 <= max <= 10^17), whatever its spelling: 1e400 does not wrap.
 */
bool jose_number_floor(base_span_t text, int64_t max, int64_t *value);

#endif
