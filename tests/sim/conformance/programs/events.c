/* Events from standard input to the reference in C, and what it is after each to standard output. */
#include <stdio.h>
#include <string.h>

#include "irq13.h"

struct event {
    uint8_t kind, a, b, c;
    uint16_t control, status;
    uint32_t address, unused;
    uint64_t value;
};
struct outcome {
    uint8_t answer, flags, masks, ferr, irq, ignne_low, ignne, fault;
    uint64_t hwcr, value;
};
struct levels {
    int irq, ferr;
};
enum { INSTRUCTION, CR0, OUT, ENABLE, PIN, WRMSR, RDMSR, RESET, GUEST, WITHDRAW };

static void on_irq(void *user, int level) { ((struct levels *)user)->irq = level; }
static void on_ferr(void *user, int asserted) { ((struct levels *)user)->ferr = asserted; }

/* c: 1 an interrupt is taken where the processor would wait, 2 it is only asked, 3 it has executed. */
static int instruction(struct irq13 *s, const struct event *e) {
    struct irq13_instruction one = {e->a, e->b, 0, e->control, e->status};
    int answer;
    one.raises = (uint8_t)(e->address & 0x7F);
    if (e->c == 3) {
        irq13_after(s, &one);
        return 0;
    }
    answer = irq13_before(s, &one);
    if (e->c == 2) return answer;
    if (answer == IRQ13_WINDOW) {
        if (e->c) {
            irq13_withdraw(s);
            return answer;
        }
        if (irq13_before(s, &one) != IRQ13_EXECUTE) return 99;
        irq13_after(s, &one);
    } else if (answer == IRQ13_EXECUTE) {
        irq13_after(s, &one);
    }
    return answer;
}

int main(int count, char **words) {
    struct irq13 s;
    struct levels levels = {0, 0};
    struct event e;
    unsigned choice[6];
    if (count != 7) return 2;
    for (int at = 0; at < 6; at++)
        if (sscanf(words[at + 1], "%u", &choice[at]) != 1) return 2;
    memset(&s, 0, sizeof s);
    s.generation = (uint8_t)choice[0], s.hwcr_layout = (uint8_t)choice[1], s.silicon = (uint8_t)choice[2];
    s.port_emulation = (uint8_t)choice[3], s.mmx = (uint8_t)choice[4], s.enabled_at_reset = (uint8_t)choice[5];
    s.irq = on_irq, s.ferr = on_ferr, s.user = &levels;
    irq13_reset(&s);
    while (fread(&e, sizeof e, 1, stdin) == 1) {
        struct outcome o;
        struct irq13 saved = s; /* a copy is the whole state */
        memset(&o, 0, sizeof o);
        memset(&s, 0xAA, sizeof s);
        s = saved;
        switch (e.kind) {
        case INSTRUCTION: o.answer = (uint8_t)instruction(&s, &e); break;
        case CR0: irq13_set_cr0(&s, e.a); break;
        case OUT: irq13_out(&s, e.control); break;
        case ENABLE: irq13_enable(&s, e.a); break;
        case PIN: irq13_ignne_pin(&s, e.a); break;
        case WRMSR: o.fault = (uint8_t)irq13_wrmsr(&s, e.address, e.a, e.value); break;
        case RDMSR: o.fault = (uint8_t)irq13_rdmsr(&s, e.address, e.a, &o.value); break;
        case RESET: irq13_reset(&s); break;
        case GUEST: irq13_set_guest(&s, e.a, e.b); break;
        case WITHDRAW: irq13_withdraw(&s); break;
        default: return 2;
        }
        o.flags = s.flags, o.masks = s.masks, o.ferr = s.ferr_asserted, o.irq = s.ff1;
        o.ignne_low = s.ff2 && s.ferr_asserted, o.ignne = (uint8_t)irq13_ignne(&s), o.hwcr = s.hwcr;
        if (levels.irq != s.ff1 || levels.ferr != s.ferr_asserted) return 3; /* a callback was missed */
        fwrite(&o, sizeof o, 1, stdout);
    }
    return 0;
}
