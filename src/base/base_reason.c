#include "base/base_reason.h"

#define BASE_REASON_ROW(id, name, status, issue, error, fault, text)                               \
    {name, status, issue, error, BASE_FAULT_##fault, text},

static const base_reason_info_t rows[] = {BASE_REASONS(BASE_REASON_ROW)};

const base_reason_info_t *base_reason_info(base_reason_t reason)
{
    if ((unsigned) reason >= BASE_REASON_COUNT) {
        reason = BASE_INTERNAL;
    }
    return &rows[reason];
}
