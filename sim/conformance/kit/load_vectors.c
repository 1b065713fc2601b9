/* Reads irq13's test vectors: copy this into your project. C99, nothing to install.
 *
 *     gzip -dc handshake.json.gz | ./load_vectors
 *
 * `step` is where your emulator goes: it gets the inputs of a cycle by port, and the signals to compare with.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORTS = 64, NAME = 40, TEXT = 400 };

struct levels {
    int count;
    char name[PORTS][NAME];
    uint64_t value[PORTS];
};

static char *at; /* in the whole file */

static void fail(const char *what) {
    fprintf(stderr, "load_vectors: expected %s at: %.40s\n", what, at);
    exit(2);
}

static int next_is(char c) { /* white space does not occur */
    if (*at != c) return 0;
    at++;
    return 1;
}

static void need(char c) {
    char what[4] = {'\'', c, '\'', 0};
    if (!next_is(c)) fail(what);
}

static void string(char *into, size_t room) {
    size_t length = 0;
    need('"');
    while (*at != '"') {
        if (*at == '\\') at++;
        if (!*at) fail("the end of a string");
        if (length + 1 < room) into[length++] = *at;
        at++;
    }
    into[length] = 0;
    at++;
}

static uint64_t number(void) {
    char *end;
    uint64_t value = strtoull(at, &end, 10);
    if (end == at) fail("a number");
    at = end;
    return value;
}

static void skip(void) { /* any value */
    char text[TEXT];
    if (*at == '"') {
        string(text, sizeof text);
    } else if (next_is('{')) {
        while (!next_is('}')) {
            string(text, sizeof text);
            need(':');
            skip();
            next_is(',');
        }
    } else if (next_is('[')) {
        while (!next_is(']')) {
            skip();
            next_is(',');
        }
    } else {
        at += strcspn(at, ",]}");
    }
}

static void key(const char *name) { /* keys come in this order in every file */
    char text[TEXT];
    string(text, sizeof text);
    if (strcmp(text, name)) fail(name);
    need(':');
}

static void object(struct levels *into) {
    need('{');
    while (!next_is('}')) {
        char name[NAME];
        int i = 0;
        string(name, sizeof name);
        need(':');
        while (i < into->count && strcmp(into->name[i], name)) i++;
        if (i == PORTS) fail("fewer ports");
        if (i == into->count) strcpy(into->name[into->count++], name);
        into->value[i] = number();
        next_is(',');
    }
}

static uint64_t level(const struct levels *of, const char *name) {
    for (int i = 0; i < of->count; i++)
        if (!strcmp(of->name[i], name)) return of->value[i];
    fprintf(stderr, "load_vectors: no %s\n", name);
    exit(2);
}

/* Your emulator, in place of the one rule that needs none: ES is any unmasked flag (SDM1 8.1.3.3). */
static int step(const struct levels *inputs, const struct levels *expected) {
    (void)inputs;
    return level(expected, "es") == ((level(expected, "flags") & ~level(expected, "masks") & 0x3F) != 0);
}

int main(void) {
    size_t size = 0, room = 1 << 20;
    char *file = malloc(room), name[TEXT], rule[TEXT];
    struct levels idle = {0}, signals = {0};
    long cases = 0, cycles = 0, wrong = 0;
    for (size_t got; file && (got = fread(file + size, 1, room - size - 1, stdin)) > 0;) {
        size += got;
        if (room - size < 2) file = realloc(file, room *= 2);
    }
    if (!file) return 2;
    file[size] = 0;
    at = file;
    need('{');
    key("format"), string(name, sizeof name), need(',');
    key("version");
    if (strcmp(name, "irq13-vectors") || number() != 2) fail("irq13-vectors of version 2");
    need(','), key("family"), skip(), need(','), key("title"), skip(), need(',');
    key("signals"), need('[');
    while (!next_is(']')) string(signals.name[signals.count++], NAME), next_is(',');
    need(','), key("idle"), object(&idle), need(',');
    key("cases"), need('[');
    while (!next_is(']')) {
        need('{'), key("name"), string(name, sizeof name), need(',');
        key("rule"), string(rule, sizeof rule), need(',');
        key("parameters"), skip(), need(','), key("setup"), skip(), need(','), key("initial"), skip(), need(',');
        key("steps");
        char *steps = at;
        skip(), need(','), key("cycles");
        char *rows = at;
        for (steps++, rows++; *steps != ']';) {
            struct levels inputs = idle;
            at = steps, object(&inputs), next_is(','), steps = at;
            at = rows, need('[');
            for (int i = 0; i < signals.count; i++) signals.value[i] = number(), next_is(',');
            need(']'), next_is(','), rows = at;
            cycles++;
            if (!step(&inputs, &signals)) wrong++, printf("%s: %s\n", name, rule);
        }
        at = rows, need(']'), need(','), key("final"), skip(), need('}'), next_is(',');
        cases++;
    }
    printf("%ld cases, %ld cycles, %ld wrong\n", cases, cycles, wrong);
    return wrong != 0;
}
