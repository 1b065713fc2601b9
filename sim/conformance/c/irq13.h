/* How an x86 processor reports a floating-point error to a PC: FERR#, IGNNE#, IRQ 13, port F0h, AMD's IGNNE MSR.
 *
 * For emulators of a 486 or later. C99 and C++, no dependencies, no allocation, no globals: all state is in one
 * struct, which may be copied to save and to restore it. Events and not cycles: call
 *
 *     irq13_before    before each x87, MMX or WAIT instruction, and do what it answers
 *     irq13_after     when it has executed
 *     irq13_withdraw  when an interrupt is taken in place of the instruction that irq13_before was asked about
 *     irq13_out       for OUT to ports F0h and F1h
 *
 * and the others where their names say. It calls `irq` when the interrupt line of the error circuit changes, and
 * `ferr` when the FERR# pin does; both may be null. Sources in brackets: SDM1 is Intel's manual, volume 1,
 * APM1 and APM2 are AMD's, PPR its processor programming references. A **choice** is made where they are silent.
 */
#ifndef IRQ13_H
#define IRQ13_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Intel486 and Pentium; P6 and Pentium 4; K8 and later. It decides when FERR# is reported [SDM1 D.2]. */
enum irq13_generation { IRQ13_I486, IRQ13_P6, IRQ13_AMD64 };

/* Bits of the status word; the lower six are the masks of the control word. */
enum { IRQ13_IE = 1, IRQ13_DE = 2, IRQ13_ZE = 4, IRQ13_OE = 8, IRQ13_UE = 16, IRQ13_PE = 32, IRQ13_SF = 64 };

/* CR0, at its own bits. */
enum { IRQ13_MP = 0x02, IRQ13_EM = 0x04, IRQ13_TS = 0x08, IRQ13_NE = 0x20 };

/* What an instruction is to the error logic. The forms with a wait before them (FCLEX, FINIT, FSTSW, ...) are
 * two: IRQ13_FWAIT, then the form without it. What does not have a name here is IRQ13_ARITHMETIC. */
enum irq13_operation {
    IRQ13_ARITHMETIC, IRQ13_FWAIT, IRQ13_MMX, IRQ13_FLDCW, IRQ13_FLDENV, IRQ13_FRSTOR, IRQ13_FXRSTOR,
    IRQ13_XRSTOR, IRQ13_FNSTSW, IRQ13_FNSTCW, IRQ13_FXSAVE, IRQ13_XSAVE, IRQ13_FNENI, IRQ13_FNDISI,
    IRQ13_FNSETPM, IRQ13_FNSTENV, IRQ13_FNSAVE, IRQ13_FNINIT, IRQ13_FNCLEX,
    IRQ13_UNDEFINED /* an undefined ESC opcode, or one that the generation does not have */
};

/* Of IRQ13_ARITHMETIC, for an I486 [SDM1 D.2.1.1]: FSCALE, FXTRACT, FPREM and the transcendental ones; FST,
 * FSTP, FIST, FISTP, FBSTP to memory; all others. */
enum irq13_family { IRQ13_BASIC, IRQ13_TRANSCENDENTAL, IRQ13_STORE };

struct irq13_instruction {
    uint8_t operation; /* enum irq13_operation */
    uint8_t family;    /* enum irq13_family */
    uint8_t raises;    /* flags that it detects, masked or not; irq13_after reads it, irq13_before does not */
    uint16_t control;  /* what FLDCW, FLDENV, FRSTOR, FXRSTOR, XRSTOR load */
    uint16_t status;   /* what all of these but FLDCW load */
};

enum irq13_answer {
    IRQ13_EXECUTE, /* execute it, then call irq13_after */
    IRQ13_FREEZE,  /* wait: ask again when an interrupt or IGNNE may have come */
    IRQ13_WINDOW,  /* offer an interrupt now, as before any instruction; if none is taken, ask again */
    IRQ13_IS_MF,   /* exception 16, before the instruction; an external interrupt at this boundary goes first */
    IRQ13_IS_NM,   /* exception 7 */
    IRQ13_IS_UD,   /* exception 6 */
    IRQ13_VMEXIT   /* #VMEXIT 7Eh, FERR_FREEZE, with rIP at the instruction */
};

/* How HWCR is made: only the two bits that matter here, family 0Fh, family 17h and later. */
enum irq13_hwcr { IRQ13_HWCR_MINIMAL, IRQ13_HWCR_K8, IRQ13_HWCR_ZEN };
#define IRQ13_MSR_HWCR 0xC0010015u
#define IRQ13_MSR_IGNNE 0xC0010115u

struct irq13 {
    /* Chosen before irq13_reset. */
    uint8_t generation;      /* enum irq13_generation */
    uint8_t hwcr_layout;     /* enum irq13_hwcr */
    uint8_t silicon;         /* reserved MSR bits as real parts have them, not as the manual has */
    uint8_t port_emulation;  /* with IgnneEm, the processor itself watches port F0h [PPR; **choice**: 0] */
    uint8_t mmx;             /* an I486 with MMX */
    uint8_t enabled_at_reset; /* the chipset's enable bit, as PIIX XBCS bit 5 */
    void (*irq)(void *user, int level);
    void (*ferr)(void *user, int asserted);
    void *user;
    /* State; read it freely. */
    uint8_t flags, masks;    /* status word 6:0, control word 5:0 */
    uint8_t cr0;             /* MP, EM, TS, NE */
    uint8_t ferr_asserted;   /* the pin is low */
    uint8_t immediate;       /* pending flags that an I486 does not defer */
    uint8_t window;          /* 1 open, 2 over: the instruction that it belongs to executes next */
    uint8_t pin;             /* IGNNE# is driven low from outside, where there is another chipset than ours */
    uint8_t ff1, ff2;        /* IRQ 13; IGNNE# once FERR# is low */
    uint8_t enabled, seen;   /* the enable bit; FERR# as the edge detector saw it */
    uint8_t guest, intercepted;
    uint8_t ignne_msr;
    uint64_t hwcr;
};

void irq13_reset(struct irq13 *s); /* RESET; also first of all, on what is 0 but for the choices and callbacks */
void irq13_init(struct irq13 *s);  /* INIT: x87 state and MSRs stay */

enum irq13_answer irq13_before(struct irq13 *s, const struct irq13_instruction *one);
void irq13_after(struct irq13 *s, const struct irq13_instruction *one);
void irq13_withdraw(struct irq13 *s);

void irq13_set_cr0(struct irq13 *s, uint32_t cr0);
void irq13_set_guest(struct irq13 *s, int guest, int intercepts_ferr_freeze);
void irq13_out(struct irq13 *s, uint16_t port);
uint8_t irq13_in(const struct irq13 *s, uint16_t port);
void irq13_enable(struct irq13 *s, int on);           /* the chipset's bit is written */
void irq13_ignne_pin(struct irq13 *s, int asserted);  /* an IGNNE# that is not that of port F0h */

/* RDMSR and WRMSR of HWCR and IGNNE: 0, or 1 for #GP(0), with nothing read or written. */
int irq13_rdmsr(const struct irq13 *s, uint32_t address, int cpl, uint64_t *value);
int irq13_wrmsr(struct irq13 *s, uint32_t address, int cpl, uint64_t value);

int irq13_es(const struct irq13 *s);          /* ES, and B */
uint16_t irq13_status(const struct irq13 *s); /* the status word without C0-C3 and TOP */
int irq13_ignne(const struct irq13 *s);       /* IGNNE in effect */

#ifdef __cplusplus
}
#endif
#endif
