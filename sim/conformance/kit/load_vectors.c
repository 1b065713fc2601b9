/* Reads irq13's test vectors: copy this into your project. C99, nothing to install.
 *
 *     gzip -dc handshake.json.gz | ./load_vectors
 *
 * Your emulator goes into four functions: `begin` gets a case with its state before and after; `setup` the inputs of
 * each cycle from power-up to there, if you cannot load a state; `step` those of each cycle of the case, and the
 * signals to compare with; `end` compares the state. Either write them below, or define OWN_FUNCTIONS, write them
 * elsewhere and include this file.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORTS = 96, NAME = 40, WORD = 16, TEXT = 400 };
#define NONE UINT64_MAX /* null */

/* Inputs, signals, parameters, or the registers of a state, such as "flags", "master.irr", "msr_response.1". */
struct levels {
    int count;
    struct level {
        char name[NAME], word[WORD]; /* a word where it is no number */
        uint64_t value;
    } of[PORTS];
};
struct vector {
    char name[TEXT], rule[TEXT], hash[NAME + 1];
    struct levels parameters, initial, final; /* every register, also in `final` */
};

int begin(const struct vector *one);
void setup(const struct levels *inputs);
int step(const struct levels *inputs, const struct levels *expected);
int end(const struct vector *one);

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

static struct level *called(struct levels *in, const char *name) {
    int i = 0;
    while (i < in->count && strcmp(in->of[i].name, name)) i++;
    if (i == PORTS) fail("fewer names");
    if (i == in->count) strcpy(in->of[in->count++].name, name);
    in->of[i].word[0] = 0;
    return &in->of[i];
}

static void forget(struct levels *in, const char *name) { /* a register, and what is in it */
    size_t length = strlen(name);
    for (int i = 0; i < in->count; i++) {
        const char *has = in->of[i].name;
        if (!strncmp(has, name, length) && (!has[length] || has[length] == '.')) in->of[i--] = in->of[--in->count];
    }
}

static void object(struct levels *into, const char *within);

static void value(struct levels *into, const char *name) {
    struct level *one;
    if (*at == '{') {
        object(into, name);
        return;
    }
    forget(into, name);
    if (next_is('[')) {
        for (int n = 0; !next_is(']'); n++) {
            char inner[NAME + 12];
            sprintf(inner, "%s.%d", name, n);
            if (strlen(inner) >= NAME) fail("a shorter name");
            value(into, inner), next_is(',');
        }
        return;
    }
    one = called(into, name);
    if (*at == '"') {
        string(one->word, WORD);
    } else if (*at == 't' || *at == 'f' || *at == 'n') {
        one->value = *at == 't' ? 1 : *at == 'f' ? 0 : NONE;
        at += strcspn(at, ",]}");
    } else {
        one->value = number();
    }
}

static void object(struct levels *into, const char *within) {
    need('{');
    while (!next_is('}')) {
        char name[NAME];
        size_t length = strlen(within);
        strcpy(name, within);
        if (length) name[length++] = '.';
        string(name + length, sizeof name - length);
        need(':');
        value(into, name), next_is(',');
    }
}

static uint64_t level(const struct levels *in, const char *name) {
    for (int i = 0; i < in->count; i++)
        if (!strcmp(in->of[i].name, name)) return in->of[i].value;
    fprintf(stderr, "load_vectors: no %s\n", name);
    exit(2);
}

#ifndef OWN_FUNCTIONS
int begin(const struct vector *one) { return one->initial.count > 0; }
void setup(const struct levels *inputs) { (void)inputs; }
/* The one rule that needs no emulator: ES is any unmasked flag (SDM1 8.1.3.3). */
int step(const struct levels *inputs, const struct levels *expected) {
    (void)inputs;
    return level(expected, "es") == ((level(expected, "flags") & ~level(expected, "masks") & 0x3F) != 0);
}
int end(const struct vector *one) { return one->final.count > 0; }
#endif

static char *read_all(void) {
    size_t size = 0, room = 1 << 20;
    char *file = malloc(room);
    for (size_t got; file && (got = fread(file + size, 1, room - size - 1, stdin)) > 0;) {
        size += got;
        if (room - size < 2) file = realloc(file, room *= 2);
    }
    if (file) file[size] = 0;
    return file;
}

/* A case; `steps` and `rows` are where its inputs and signals stand. */
static void read_case(struct vector *one, char **before, char **steps, char **rows) {
    need('{'), key("name"), string(one->name, TEXT), need(',');
    key("rule"), string(one->rule, TEXT), need(',');
    one->parameters.count = one->initial.count = 0;
    key("parameters"), object(&one->parameters, ""), need(',');
    key("setup"), *before = at + 1, skip(), need(',');
    key("initial"), object(&one->initial, ""), need(',');
    key("steps"), *steps = at + 1, skip(), need(',');
    key("cycles"), *rows = at + 1, skip(), need(',');
    one->final = one->initial;
    key("final"), object(&one->final, ""), need(',');
    key("hash"), string(one->hash, sizeof one->hash), need('}'), next_is(',');
}

int main(void) {
    static struct vector one;
    struct levels idle = {0}, signals = {0}, inputs;
    long cases = 0, cycles = 0, wrong = 0;
    char *file = at = read_all(), format[TEXT];
    if (!file) return 2;
    need('{');
    key("format"), string(format, sizeof format), need(',');
    key("version");
    if (strcmp(format, "irq13-vectors") || number() != 3) fail("irq13-vectors of version 3");
    need(','), key("family"), skip(), need(','), key("title"), skip(), need(',');
    key("signals"), need('[');
    while (!next_is(']')) {
        if (signals.count == PORTS) fail("fewer signals");
        string(signals.of[signals.count++].name, NAME), next_is(',');
    }
    need(','), key("idle"), object(&idle, ""), need(',');
    key("cases"), need('[');
    while (!next_is(']')) {
        char *before, *steps, *rows, *behind;
        int right;
        read_case(&one, &before, &steps, &rows);
        behind = at;
        right = begin(&one);
        for (at = before; *at != ']'; next_is(',')) inputs = idle, object(&inputs, ""), setup(&inputs);
        while (*steps != ']') {
            at = steps, inputs = idle, object(&inputs, ""), next_is(','), steps = at;
            at = rows, need('[');
            for (int i = 0; i < signals.count; i++) signals.of[i].value = number(), next_is(',');
            need(']'), next_is(','), rows = at;
            cycles++;
            right &= step(&inputs, &signals);
        }
        at = behind;
        right &= end(&one);
        if (!right) wrong++, printf("%s %s: %s\n", one.hash, one.name, one.rule);
        cases++;
    }
    printf("%ld cases, %ld cycles, %ld wrong\n", cases, cycles, wrong);
    free(file);
    return wrong != 0;
}
