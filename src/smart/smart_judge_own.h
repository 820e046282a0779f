/*
 * smart_judge_own: how a yes becomes what is sent. For smart_judge*.c alone.
 */

#ifndef SMART_JUDGE_OWN_H
#define SMART_JUDGE_OWN_H

#include "smart/smart_judge.h"

/* A search whose parameters come as a form. */
bool smart_judge_is_form_search(const smart_judge_t *judge);

bool smart_judge_is_write(const smart_judge_t *judge);

/* B14: _format overrides Accept. Under a check both go, and JSON is asked for: BASE_NOT_ACCEPTABLE where that was not admitted. */
base_reason_t smart_judge_ask_for_json(smart_judge_t *judge);

/* Makes of a yes what is sent: the edits. */
base_reason_t smart_judge_prepare(smart_judge_t *judge);

#endif
