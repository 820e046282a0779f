#include "base/base_reason.h"
#include "unit.h"

/* Names become variable values, metrics labels and documentation anchors. */
static bool is_name(const char *name)
{
    return name[0] != '\0' && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

/* Texts are put into JSON and header values as they are. */
static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text > 0x7e || *text == '"' || *text == '\\') {
            return false;
        }
    }
    return true;
}

static bool is_error(const base_reason_info_t *row)
{
    return row->error[0] == '\0' || strcmp(row->error, "invalid_request") == 0 ||
           strcmp(row->error, "invalid_token") == 0 ||
           strcmp(row->error, "insufficient_scope") == 0;
}

/* RFC 6750 section 3.1: each error has its status. */
static bool error_has_status(const base_reason_info_t *row)
{
    if (strcmp(row->error, "invalid_token") == 0) {
        return row->status == 401;
    }
    if (strcmp(row->error, "insufficient_scope") == 0) {
        return row->status == 403;
    }
    return row->error[0] == '\0' || row->status == 400;
}

/* A client is never told 5xx for what it did, nor 4xx for what we did. */
static bool fault_fits(const base_reason_info_t *row)
{
    switch (row->fault) {
    case BASE_FAULT_NONE:
        return row->status < 400;
    case BASE_FAULT_CLIENT:
        return row->status >= 400 && row->status < 500;
    case BASE_FAULT_SERVICE:
        return row->status == 500 || row->status == 503 || row->status == 502;
    case BASE_FAULT_UPSTREAM:
        return row->status == 404 || row->status == 502 || row->status == 504;
    default:
        return row->status >= 500;
    }
}

static void test_row(unsigned reason)
{
    const base_reason_info_t *row = base_reason_info((base_reason_t) reason);

    ok(is_name(row->name), "%s: a name", row->name);
    ok(is_name(row->issue) || strchr(row->issue, '-') != NULL, "%s: issue %s", row->name,
       row->issue);
    ok(is_error(row), "%s: error '%s'", row->name, row->error);
    ok(error_has_status(row), "%s: status %u fits the error", row->name, row->status);
    ok(fault_fits(row), "%s: status %u fits the fault", row->name, row->status);
    ok(is_plain(row->text) && row->text[0] != '\0', "%s: a text without quotes", row->name);
    for (unsigned other = 0; other < reason; other++) {
        if (strcmp(base_reason_info((base_reason_t) other)->name, row->name) == 0) {
            ok(false, "%s: a name twice", row->name);
        }
    }
}

int main(void)
{
    UNIT_BEGIN();
    is_int(BASE_OK, 0, "OK is 0");
    for (unsigned reason = 0; reason < BASE_REASON_COUNT; reason++) {
        test_row(reason);
    }
    is_str(base_reason_info(BASE_REASON_COUNT)->name, "internal", "out of range is internal");
    is_str(base_reason_info((base_reason_t) -1)->name, "internal", "so is a negative value");
    UNIT_END();
}
