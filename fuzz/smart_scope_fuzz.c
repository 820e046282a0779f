/* Scopes: what is read as good is a resource scope by the grammar, and reads the same when it is written canonically. */

#include "smart/smart_scope.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_when_written(const smart_scope_t *scope)
{
    unsigned char memory[1024];
    base_writer_t w;
    base_span_t text;
    smart_scope_t again;

    base_writer_init(&w, memory, sizeof(memory));
    smart_scope_write(&w, scope->context, scope->type, scope->letters);
    if (!base_writer_done(&w, &text)) {
        return;
    }
    smart_scope_parse(text, &again);
    if (again.state != SMART_SCOPE_GOOD || again.letters != scope->letters ||
        again.context != scope->context || !base_span_eq(again.type, scope->type)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    smart_scope_t scope;

    smart_scope_parse(base_span_make(data, size), &scope);
    if ((scope.state == SMART_SCOPE_GOOD) != (scope.letters != 0)) {
        abort();
    }
    if (scope.state == SMART_SCOPE_GOOD) {
        same_when_written(&scope);
    }
    return 0;
}
