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

void smart_judge_edit_header(smart_judge_t *judge, const char *name, base_span_t value);

/* D9, B14: conditions, ranges and codings go, so that the answer comes whole, fresh and uncoded. */
void smart_judge_drop_conditions(smart_judge_t *judge);

/* The types of the check as the item "_type", its narrowing (C11). BASE_OK or BASE_NO_MEMORY. */
base_reason_t smart_judge_say_types(smart_judge_t *judge, smart_check_t *check);

/* smart_judge_export: the kick-off of an export (B8). */

/* True once it is decided that it is one, and may begin. */
bool smart_judge_is_kickoff(const smart_judge_t *judge);

/* What the query alone does not decide: filters, and that links can be sealed. BASE_OK, or the verdict's reason. */
base_reason_t smart_judge_kickoff(smart_judge_t *judge);

/* What is sent. */
base_reason_t smart_judge_shape_kickoff(smart_judge_t *judge);

/* smart_judge_seal: a sealed link is followed (L21, row 33). */

/* Opens it: BASE_OK, or the verdict's reason. */
base_reason_t smart_judge_open(smart_judge_t *judge);

/* Has links to other pages sealed, where that is wanted and what was decided may bring some (C16). BASE_OK or BASE_NO_MEMORY. */
base_reason_t smart_judge_seal_pages(smart_judge_t *judge);

/* What is sent: where the link leads. */
base_reason_t smart_judge_shape_link(smart_judge_t *judge);

/* The edits of path and query; after they were written. */
void smart_judge_edit_link(smart_judge_t *judge);

/* Makes of a yes what is sent: the edits. */
base_reason_t smart_judge_prepare(smart_judge_t *judge);

#endif
