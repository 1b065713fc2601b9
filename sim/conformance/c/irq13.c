/* The error logic of irq13.h, from the rules of Intel's and AMD's manuals. */
#include "irq13.h"

#define MASKABLE 0x3Fu
#define ALLOW_FERR_ON_NE (UINT64_C(1) << 7)
#define IGNNE_EM (UINT64_C(1) << 8)
#define HWCR_BIT(n) (UINT64_C(1) << (n))

static int waits(uint8_t operation) {
    switch (operation) {
    case IRQ13_FNSTSW: case IRQ13_FNSTCW: case IRQ13_FNSTENV: case IRQ13_FNSAVE: case IRQ13_FNINIT:
    case IRQ13_FNCLEX: case IRQ13_FNENI: case IRQ13_FNDISI: case IRQ13_FNSETPM: case IRQ13_FXSAVE:
    case IRQ13_XSAVE: case IRQ13_FXRSTOR: case IRQ13_XRSTOR:
        return 0; /* [SDM1 8.3.12] */
    default:
        return 1;
    }
}

static uint8_t pending(const struct irq13 *s) { return (uint8_t)(s->flags & ~s->masks & MASKABLE); }

int irq13_es(const struct irq13 *s) { return pending(s) != 0; }

uint16_t irq13_status(const struct irq13 *s) { return (uint16_t)(s->flags | (irq13_es(s) ? 0x8080u : 0u)); }

/* IGNNE# goes inactive with FERR# [SDM1 D.2.1.2]; the MSR replaces the pin [APM2 15.30.2]. */
int irq13_ignne(const struct irq13 *s) {
    if (s->hwcr & IGNNE_EM) return s->ignne_msr;
    return s->pin || (s->ff2 && s->ferr_asserted);
}

/* FERR# under NE = 1: always on Intel [SDM1 D.4.2]; on AMD64 with AllowFerrOnNe [PPR], which family 0Fh does not
 * have and acts as if it were set. */
static int allowed(const struct irq13 *s) {
    if (s->generation != IRQ13_AMD64 || !(s->cr0 & IRQ13_NE)) return 1;
    return s->hwcr_layout == IRQ13_HWCR_K8 || (s->hwcr & ALLOW_FERR_ON_NE) != 0;
}

/* IGNNE keeps FERR# from asserting on Intel [SDM1 D.2.1.1], on AMD64 only from freezing (**choice**). */
static int gated(const struct irq13 *s) {
    return s->generation != IRQ13_AMD64 && !(s->cr0 & IRQ13_NE) && irq13_ignne(s);
}

static int at_once(const struct irq13 *s) { return s->generation != IRQ13_I486 || s->immediate != 0; }

/* The flip-flops behind port F0h [SDM1 figure D-1]: FF1 at the falling edge of FERR#, FF2 while it is low. */
static void chipset(struct irq13 *s) {
    uint8_t irq = s->ff1, sees = s->enabled && s->ferr_asserted;
    if (sees && !s->seen) s->ff1 = 1;
    s->seen = sees;
    if (!s->ferr_asserted) s->ff2 = 0;
    if (!s->enabled) s->ff1 = s->ff2 = 0;
    if (s->irq && irq != s->ff1) s->irq(s->user, s->ff1);
}

static void drive_ferr(struct irq13 *s, int asserted) {
    if (s->ferr_asserted == asserted) return;
    s->ferr_asserted = (uint8_t)asserted;
    if (!asserted && s->port_emulation && (s->hwcr & IGNNE_EM)) s->ignne_msr = 0;
    if (s->ferr) s->ferr(s->user, asserted);
    chipset(s);
}

/* The latch of FERR#. `due`: a waiting instruction freezes or takes #MF, which reports what was deferred. IGNNE
 * that asserts later does not clear it [SDM1 D.2.1.1]. */
static void report(struct irq13 *s, int due) {
    if (!irq13_es(s) || !allowed(s)) drive_ferr(s, 0);
    else if ((due || at_once(s)) && !gated(s)) drive_ferr(s, 1);
}

/* #UD before EM and TS are looked at: an opcode of the 0F page that the generation lacks. */
static int missing(const struct irq13 *s, uint8_t operation) {
    switch (operation) {
    case IRQ13_MMX: return s->generation == IRQ13_I486 && !s->mmx;
    case IRQ13_FXSAVE: case IRQ13_FXRSTOR: return s->generation == IRQ13_I486;
    case IRQ13_XSAVE: case IRQ13_XRSTOR: return s->generation != IRQ13_AMD64;
    default: return 0;
    }
}

static int not_available(const struct irq13 *s, uint8_t operation) {
    int em = (s->cr0 & IRQ13_EM) != 0, ts = (s->cr0 & IRQ13_TS) != 0;
    switch (operation) {
    case IRQ13_FWAIT: return ts && (s->cr0 & IRQ13_MP);
    case IRQ13_MMX: return ts && !em;
    case IRQ13_XSAVE: case IRQ13_XRSTOR: return ts;
    default: return em || ts;
    }
}

/* The window of an I486 before a non-waiting instruction [SDM1 D.2.1.3]: a pulse of FERR# reports what was
 * deferred, and INTR is looked at once more. */
static enum irq13_answer non_waiting(struct irq13 *s) {
    if (s->window) {
        s->window = 2;
        return IRQ13_EXECUTE;
    }
    if (s->generation != IRQ13_I486 || at_once(s) || !irq13_es(s) || s->ferr_asserted || gated(s))
        return IRQ13_EXECUTE;
    s->window = 1;
    drive_ferr(s, 1);
    return IRQ13_WINDOW;
}

enum irq13_answer irq13_before(struct irq13 *s, const struct irq13_instruction *one) {
    if (missing(s, one->operation)) return IRQ13_IS_UD;
    if (not_available(s, one->operation)) return IRQ13_IS_NM;
    if (one->operation == IRQ13_UNDEFINED) return IRQ13_IS_UD;
    if (one->operation == IRQ13_MMX && (s->cr0 & IRQ13_EM)) return IRQ13_IS_UD;
    if (!waits(one->operation)) return non_waiting(s);
    if (!irq13_es(s)) return IRQ13_EXECUTE;
    if (s->cr0 & IRQ13_NE) {
        report(s, 1);
        return IRQ13_IS_MF;
    }
    if (irq13_ignne(s)) return IRQ13_EXECUTE;
    if (s->generation == IRQ13_AMD64 && s->guest && s->intercepted) return IRQ13_VMEXIT;
    report(s, 1);
    return IRQ13_FREEZE;
}

/* FERR# stays asserted, as in a freeze. */
void irq13_withdraw(struct irq13 *s) { s->window = 0; }

/* What an I486 does not defer [SDM1 D.2.1.1]; ZE of the transcendental ones is not in the table (**choice**). */
static uint8_t immediate_of(uint8_t family) {
    if (family == IRQ13_TRANSCENDENTAL) return (uint8_t)(IRQ13_IE | IRQ13_DE);
    return family == IRQ13_STORE ? (uint8_t)(MASKABLE & ~(unsigned)IRQ13_PE) : 0;
}

void irq13_after(struct irq13 *s, const struct irq13_instruction *one) {
    uint8_t raises = one->raises, pulse = s->window == 2;
    switch (one->operation) {
    case IRQ13_ARITHMETIC:
        if (raises & IRQ13_SF) raises |= IRQ13_IE; /* [SDM1 8.1.3.4] */
        s->flags = (uint8_t)(s->flags | (raises & 0x7Fu));
        s->immediate = (uint8_t)(s->immediate | (raises & immediate_of(one->family)));
        break;
    case IRQ13_FLDCW:
        s->masks = one->control & MASKABLE;
        break;
    case IRQ13_FLDENV: case IRQ13_FRSTOR: case IRQ13_FXRSTOR: case IRQ13_XRSTOR:
        s->masks = one->control & MASKABLE; /* ES and B are not loaded: they follow [APM1 6] */
        s->flags = one->status & 0x7Fu;
        s->immediate = 0; /* **choice** */
        break;
    case IRQ13_FNSTENV:
        s->masks = MASKABLE;
        break;
    case IRQ13_FNSAVE: case IRQ13_FNINIT:
        s->masks = MASKABLE;
        s->flags = 0;
        break;
    case IRQ13_FNCLEX:
        s->flags = 0;
        break;
    default:
        break;
    }
    s->immediate = (uint8_t)(s->immediate & pending(s)); /* what FLDCW unmasks comes without a kind: deferred (**choice**) */
    s->window = 0;
    if (pulse) drive_ferr(s, 0);
    report(s, 0);
}

void irq13_set_cr0(struct irq13 *s, uint32_t cr0) {
    s->cr0 = (uint8_t)(cr0 & (IRQ13_MP | IRQ13_EM | IRQ13_TS | IRQ13_NE));
    report(s, 0);
}

void irq13_set_guest(struct irq13 *s, int guest, int intercepts_ferr_freeze) {
    s->guest = guest != 0;
    s->intercepted = intercepts_ferr_freeze != 0;
}

/* Port F0h clears IRQ 13 whether or not FERR# is still low, and asserts IGNNE# only while it is [SDM1 D.2.1.2].
 * Port F1h was the reset of the 80287: nothing here. */
void irq13_out(struct irq13 *s, uint16_t port) {
    uint8_t irq = s->ff1;
    if (port != 0xF0) return;
    if (s->port_emulation && (s->hwcr & IGNNE_EM) && s->ferr_asserted) s->ignne_msr = 1;
    s->ff1 = 0;
    s->ff2 = s->ferr_asserted && s->enabled;
    if (s->irq && irq) s->irq(s->user, 0);
}

uint8_t irq13_in(const struct irq13 *s, uint16_t port) {
    (void)s;
    (void)port;
    return 0xFF; /* **choice**: as PIIX does */
}

/* Setting it while FERR# is low counts as an edge (**choice**). */
void irq13_enable(struct irq13 *s, int on) {
    s->enabled = on != 0;
    chipset(s);
}

void irq13_ignne_pin(struct irq13 *s, int asserted) {
    s->pin = asserted != 0;
    report(s, 0);
}

static uint64_t hwcr_at_reset(const struct irq13 *s) {
    if (s->generation != IRQ13_AMD64) return 0;
    if (s->hwcr_layout == IRQ13_HWCR_K8) return UINT64_C(0x02000020);
    return s->hwcr_layout == IRQ13_HWCR_ZEN ? UINT64_C(0x01000010) : 0;
}

void irq13_reset(struct irq13 *s) {
    uint8_t irq = s->ff1, ferr = s->ferr_asserted;
    s->flags = 0;
    s->masks = 0; /* control word 0040h: every exception unmasked [SDM3 table 9-1] */
    s->cr0 = 0;
    s->immediate = s->window = s->guest = s->intercepted = 0;
    s->hwcr = hwcr_at_reset(s);
    s->ignne_msr = 0;
    s->ferr_asserted = s->ff1 = s->ff2 = s->seen = 0;
    s->enabled = s->enabled_at_reset;
    if (s->ferr && ferr) s->ferr(s->user, 0);
    if (s->irq && irq) s->irq(s->user, 0);
}

void irq13_init(struct irq13 *s) {
    s->window = 0;
    irq13_set_cr0(s, 0);
}

static int there(const struct irq13 *s, uint32_t address, int cpl) {
    return cpl == 0 && s->generation == IRQ13_AMD64 && (address == IRQ13_MSR_HWCR || address == IRQ13_MSR_IGNNE);
}

int irq13_rdmsr(const struct irq13 *s, uint32_t address, int cpl, uint64_t *value) {
    if (!there(s, address, cpl)) return 1;
    *value = address == IRQ13_MSR_HWCR ? s->hwcr : s->ignne_msr;
    return 0;
}

/* HWCR of real parts [PPR; masks recorded from parts]: bits that are stored, and those that can only be set. */
static int write_hwcr(struct irq13 *s, uint64_t value) {
    static const uint64_t stored[3] = {
        0x180, /* AllowFerrOnNe, IgnneEm */
        UINT64_C(0xC00FFFDE), /* 1 to 4, 6 to 19, 30, 31 */
        UINT64_C(0xC46366788) /* 3, 7 to 10, 13, 14, 17, 18, 20, 21, 25, 26, 30, 34, 35 */
    };
    static const uint64_t set_only[3] = {0, HWCR_BIT(0), HWCR_BIT(0) | HWCR_BIT(27)};
    static const uint64_t passed_over[3] = {0, UINT64_C(0xFFFFFFFF3FF00020), HWCR_BIT(4) | HWCR_BIT(24)};
    uint64_t keeps = stored[s->hwcr_layout];
    uint64_t known = keeps | set_only[s->hwcr_layout] | passed_over[s->hwcr_layout];
    if (s->hwcr_layout == IRQ13_HWCR_ZEN) {
        if (value & HWCR_BIT(33)) return 1; /* SmmPgCfgLock: there is no SMM here */
        if (!s->silicon && !(value & HWCR_BIT(4))) return 1;
        if (s->hwcr & HWCR_BIT(0)) keeps &= ~(HWCR_BIT(13) | HWCR_BIT(14));
    }
    if (!s->silicon && (value & ~known)) return 1;
    s->hwcr = (s->hwcr & ~keeps) | (value & keeps) | (value & set_only[s->hwcr_layout]);
    return 0;
}

int irq13_wrmsr(struct irq13 *s, uint32_t address, int cpl, uint64_t value) {
    if (!there(s, address, cpl)) return 1;
    if (address == IRQ13_MSR_HWCR) {
        if (write_hwcr(s, value)) return 1;
    } else {
        if (value & (s->silicon ? UINT64_C(0xFFFFFFFE) : ~UINT64_C(1))) return 1;
        s->ignne_msr = (uint8_t)(value & 1);
    }
    report(s, 0);
    return 0;
}
