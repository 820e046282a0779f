/*
 * smart_step: what a pulled machine of this room wants next.
 */

#ifndef SMART_STEP_H
#define SMART_STEP_H

#include "base/base_span.h"

struct smart_stored_s;

typedef enum {
    SMART_REFUSE,
    SMART_SEND,
    SMART_ANSWER,
    SMART_WANT_BODY, /* the whole request body */
    SMART_WANT_READ  /* a stored resource, or a search: smart_read_t */
} smart_step_t;

/* What is to be read before more can be said, by GET below the base. */
typedef struct {
    base_span_t path;            /* "/Observation/1" */
    base_span_t query;           /* without '?'; absent: none */
    struct smart_stored_s *into; /* what takes the answer */
} smart_read_t;

#endif
