#include "smartctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t) 1 << 20)

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage;
} commands[] = {
    {"token", smartctl_token, smartctl_token_usage},
    {"keys", smartctl_keys, smartctl_keys_usage},
    {"explain", smartctl_explain, smartctl_explain_usage},
};

#define COMMANDS_N (sizeof(commands) / sizeof(commands[0]))

int smartctl_fail(int code, const char *format, ...)
{
    va_list args;

    (void) fputs("smartctl: ", stderr);
    va_start(args, format);
    (void) vfprintf(stderr, format, args);
    va_end(args);
    (void) fputc('\n', stderr);
    return code;
}

/* What follows '=' in `text`, which then ends there; else the next argument. */
static const char *option_value(int argc, char **argv, int *at, char *text)
{
    char *equals = strchr(text, '=');

    if (equals != NULL) {
        *equals = '\0';
        return equals + 1;
    }
    if (*at >= argc) {
        return NULL;
    }
    return argv[(*at)++];
}

bool smartctl_option(int argc, char **argv, int *at, const char **name, const char **value)
{
    char *text;

    if (*at >= argc || strncmp(argv[*at], "--", 2) != 0) {
        return false;
    }
    text = argv[(*at)++] + 2;
    if (*text == '\0') {
        return false;
    }
    *value = option_value(argc, argv, at, text);
    *name = text;
    return true;
}

static char *read_stream(FILE *file, const char *path, size_t *n)
{
    char *text = malloc(FILE_MAX + 1);

    if (text == NULL) {
        return NULL;
    }
    *n = fread(text, 1, FILE_MAX + 1, file);
    if (*n > FILE_MAX || ferror(file) != 0) {
        (void) smartctl_fail(SMARTCTL_USAGE, "%s: cannot be read, or is over 1 MB", path);
        free(text);
        return NULL;
    }
    text[*n] = '\0';
    return text;
}

char *smartctl_read(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    char *text;

    if (file == NULL) {
        (void) smartctl_fail(SMARTCTL_USAGE, "%s: %s", path, strerror(errno));
        return NULL;
    }
    text = read_stream(file, path, n);
    (void) fclose(file);
    return text;
}

static int usage(FILE *to, int code)
{
    size_t i;

    (void) fputs("smartctl: tokens, keys and decisions of ngx_http_smart_module\n\n", to);
    for (i = 0; i < COMMANDS_N; i++) {
        (void) fputs(commands[i].usage, to);
        (void) fputc('\n', to);
    }
    (void) fputs("Exit codes: 0 done or allowed, 1 refused or failed, 2 wrong usage.\n", to);
    return code;
}

int main(int argc, char **argv)
{
    size_t i;

    if (argc < 2) {
        return usage(stderr, SMARTCTL_USAGE);
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0) {
        return usage(stdout, SMARTCTL_OK);
    }
    for (i = 0; i < COMMANDS_N; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            if (argc == 3 && strcmp(argv[2], "--help") == 0) {
                (void) fputs(commands[i].usage, stdout);
                return SMARTCTL_OK;
            }
            return commands[i].run(argc - 2, argv + 2);
        }
    }
    (void) smartctl_fail(SMARTCTL_USAGE, "unknown command \"%s\"", argv[1]);
    return usage(stderr, SMARTCTL_USAGE);
}
