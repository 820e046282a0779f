/*
 * smartctl: the operator's tool, from the module's own sources.
 *
 * Each command takes the arguments behind its name and returns the exit code: 0 done or allowed, 1 refused or failed, 2 wrong usage.
 */

#ifndef SMARTCTL_H
#define SMARTCTL_H

#include <stdbool.h>
#include <stddef.h>

#define SMARTCTL_OK      0
#define SMARTCTL_REFUSED 1
#define SMARTCTL_USAGE   2

int smartctl_token(int argc, char **argv);
int smartctl_keys(int argc, char **argv);
int smartctl_explain(int argc, char **argv);

/* How each command is used, for `smartctl help` and wrong usage. */
extern const char smartctl_token_usage[];
extern const char smartctl_keys_usage[];
extern const char smartctl_explain_usage[];

/* Prints "smartctl: " and the message to stderr; returns `code`. */
int smartctl_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * One option and its value: `--name value` or `--name=value`. Moves *at behind them. False when argv[*at] is no option; *value is NULL when the
 * option has no value behind it. "--" ends the options and is passed over.
 */
bool smartctl_option(int argc, char **argv, int *at, const char **name, const char **value);

/* The whole file, NUL terminated, to be freed; NULL, with the reason told, when it cannot be read or is over 1 MB. */
char *smartctl_read(const char *path, size_t *n);

#endif
