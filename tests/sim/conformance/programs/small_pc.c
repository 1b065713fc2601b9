/* A small PC that boots the image: an interpreter for the few instructions of a 486 that it uses, two 8259As, a
 * timer, the enable bit of a PIIX3, COM1; the x87's errors by the reference in C. One instruction takes 1 us.
 *
 *     small_pc IMAGE GENERATION LATENCY [KIND]
 *
 * GENERATION is 0, 1 or 2 (I486, P6, AMD64); LATENCY is the number of instructions that IRQ 13 takes to the 8259A.
 * KIND has a letter for each thing that PCs have otherwise. Without any a reset is a RESET, and the BIOS jumps to the
 * address at 467h if it is asked to. i: it is an INIT; b: the BIOS boots from the disk; f: it executes FNINIT; 8: by
 * port 64h alone; m: memory is lost; n: there is no reset; 1: port F1h is F0h once more; e: setting the
 * enable bit with FERR# low requests nothing.
 * COM1 goes to standard output. Status 0 when it is powered off, 5 with a reset still asked for in the RTC's
 * memory, 3 if that never happens, 4 for what it lacks. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "irq13.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

enum { AX, CX, DX, BX, SP, BP, SI, DI };
enum { ES, CS, SS, DS, FS, GS };
enum { CF = 1, PF = 4, ZF = 0x40, SF = 0x80, IF = 0x200, DF = 0x400, OF = 0x800, AC = 0x40000, ID = 0x200000 };

static u8 memory[0x110000], disk[1474560];
static u32 reg[8], ip, flags = 2, cr0, gdt, idt, base[6], start;
static u16 segment[6];
static int wide_code, generation, shadow;
static u64 now;
static struct irq13 x87;

static void lacks(const char *what, u32 value) {
    fprintf(stderr, "small_pc: no %s %x at %x:%x\n", what, value, segment[CS], start);
    exit(4);
}

/* Memory. An I/O APIC, of which there is the timer's entry, and the ID of the local APIC; not in an I486's PC. */
static u32 apic_index, apic[64] = {[1] = 0x170011, [0x14] = 0x10000};
static int nmi, nmi_blocked;
static u32 get(u32 at, int size) {
    u32 value = 0;
    if (generation && at == 0xFEC00010u) return apic[apic_index & 63];
    if (generation && at == 0xFEE00020u) return 0;
    if (at > sizeof memory - 8) lacks("memory", at);
    memcpy(&value, memory + at, (size_t)size);
    return value;
}
static void put(u32 at, u32 value, int size) {
    if (generation && at == 0xFEC00000u) { apic_index = value; return; }
    if (generation && at == 0xFEC00010u) { apic[apic_index & 63] = value; return; }
    if (at > sizeof memory - 8) lacks("memory", at);
    memcpy(memory + at, &value, (size_t)size);
}
static u32 mask_of(int size) { return size == 4 ? 0xFFFFFFFFu : size == 2 ? 0xFFFFu : 0xFFu; }
static u32 sign_of(int size) { return size == 4 ? 0x80000000u : size == 2 ? 0x8000u : 0x80u; }

/* The 8259As. */
static struct pic {
    u8 line, edge, imr, isr, vector, next, read_isr;
} pics[2];

static int resolved(const struct pic *p) {
    for (int level = 0; level < 8; level++) {
        if (p->isr >> level & 1) return -1;
        if ((p->edge & p->line & ~p->imr) >> level & 1) return level;
    }
    return -1;
}
static void line(int irq, int level) {
    struct pic *p = &pics[irq >> 3];
    u8 bit = (u8)(1 << (irq & 7));
    if (level && !(p->line & bit)) p->edge |= bit;
    if (!level) p->edge &= (u8)~bit;
    p->line = (u8)(level ? p->line | bit : p->line & ~bit);
}
static int intr(void) {
    line(2, resolved(&pics[1]) >= 0);
    return resolved(&pics[0]) >= 0;
}
static int take(struct pic *p) {
    int level = resolved(p);
    if (level < 0) return p->vector + 7;
    p->isr |= (u8)(1 << level);
    p->edge &= (u8) ~(1 << level);
    return p->vector + level;
}
static int acknowledge(void) {
    int vector = take(&pics[0]);
    if (vector == pics[0].vector + 2) vector = take(&pics[1]);
    intr();
    return vector;
}
static void pic_write(struct pic *p, int odd, u8 value) {
    if (!odd && value & 0x10) {
        p->isr = p->edge = p->imr = 0;
        p->next = 2;
    } else if (!odd && value & 8) {
        if (value & 2) p->read_isr = value & 1;
    } else if (!odd) {
        int level = value & 7;
        if (!(value & 0x40))
            for (level = 0; level < 7 && !(p->isr >> level & 1);) level++;
        p->isr &= (u8) ~(1 << level);
    } else if (p->next) {
        if (p->next == 2) p->vector = value & 0xF8;
        p->next = p->next == 4 ? 0 : (u8)(p->next + 1);
    } else {
        p->imr = value;
    }
}

/* IRQ 13 arrives late, in order. */
static struct {
    u64 when;
    int level;
} queue[64];
static int first, queued, latency;
static void on_irq(void *user, int level) {
    (void)user;
    queue[(first + queued) % 64].when = now + (u64)latency;
    queue[(first + queued++) % 64].level = level;
    if (queued > 64) lacks("room in the queue", 0);
}

/* The timer. */
static u32 reload = 65536, latched;
static int timer_bytes, latch_bytes;
static void tick(void) {
    u32 count;
    now++;
    count = (u32)(now * 1193 / 1000 % reload);
    nmi |= count < reload / 2 && !(pics[0].line & 1) && (apic[0x14] & 0x10700) == 0x400;
    line(0, count < reload / 2);
    while (queued && queue[first].when <= now) {
        line(13, queue[first].level);
        first = (first + 1) % 64;
        queued--;
    }
}

/* Ports. */
static u32 config_address;
static u8 bridge[256], cmos[128];
static int cmos_at, asked_to_reset;
static const char *letters = "";
static int has(char what) { return strchr(letters, what) != NULL; }
static u32 in_port(u16 port, int size) {
    switch (port) {
    case 0x20: case 0xA0: {
        struct pic *p = &pics[port >> 7];
        intr();
        return p->read_isr ? p->isr : p->edge & p->line;
    }
    case 0x21: case 0xA1: return pics[port >> 7].imr;
    case 0x40: return latch_bytes++ & 1 ? latched >> 8 : latched & 0xFF;
    case 0xF0: case 0xF1: return irq13_in(&x87, port);
    case 0x64: case 0x92: return 0;
    case 0x71: return cmos[cmos_at];
    case 0x3FD: return 0x60;
    case 0xCF8: return config_address;
    }
    if (port >= 0xCFC && port <= 0xCFF) {
        u32 value = 0xFFFFFFFFu;
        if ((config_address & 0xFFFFFF00u) == 0x80000800u)
            memcpy(&value, bridge + (config_address & 0xFC) + (port & 3), (size_t)size);
        return value;
    }
    return 0xFFFFFFFFu;
}
static void out_port(u16 port, u32 value, int size) {
    switch (port) {
    case 0x20: case 0x21: case 0xA0: case 0xA1: pic_write(&pics[port >> 7], port & 1, (u8)value); return;
    case 0x43:
        if (value == 0) latched = reload - 1 - (u32)(now * 1193 / 1000 % reload), latch_bytes = 0;
        else timer_bytes = 0;
        return;
    case 0x40:
        reload = timer_bytes++ ? (reload & 0xFF) | (value & 0xFF) << 8 : value & 0xFF;
        if (!reload) reload = 65536;
        return;
    case 0xF0: case 0xF1: irq13_out(&x87, has('1') ? 0xF0 : port); return;
    case 0x64: asked_to_reset |= value == 0xFE; return;
    case 0x70: cmos_at = value & 0x7F; return;
    case 0x71: cmos[cmos_at] = (u8)value; return;
    case 0xCF9: asked_to_reset |= value == 6 && !has('8'); return;
    case 0x3F8: putchar((int)value & 0xFF); return;
    case 0xCF8: config_address = value; return;
    case 0x501: fflush(stdout); exit(cmos[0x0F] || cmos[1] ? 5 : 0);
    }
    if (port >= 0xCFC && port <= 0xCFF && (config_address & 0xFFFFFF00u) == 0x80000800u) {
        memcpy(bridge + (config_address & 0xFC) + (port & 3), &value, (size_t)size);
        if (has('e')) x87.seen = x87.ferr_asserted;
        irq13_enable(&x87, bridge[0x4E] >> 5 & 1);
    }
}

/* Registers and segments. */
static u32 get_reg(int number, int size) {
    if (size == 1) return (number & 4 ? reg[number & 3] >> 8 : reg[number]) & 0xFF;
    return reg[number] & mask_of(size);
}
static void put_reg(int number, u32 value, int size) {
    if (size == 1) {
        int shift = number & 4 ? 8 : 0;
        reg[number & 3] = (reg[number & 3] & ~(0xFFu << shift)) | (value & 0xFF) << shift;
    } else {
        reg[number] = (reg[number] & ~mask_of(size)) | (value & mask_of(size));
    }
}
static void load_segment(int number, u32 selector) {
    segment[number] = (u16)selector;
    if (cr0 & 1) {
        u32 low = get(gdt + (selector & 0xFFF8), 4), high = get(gdt + (selector & 0xFFF8) + 4, 4);
        base[number] = low >> 16 | (high & 0xFF) << 16 | (high & 0xFF000000u);
        if (number == CS) wide_code = high >> 22 & 1;
    } else {
        base[number] = selector << 4 & 0xFFFF0;
        if (number == CS) wide_code = 0;
    }
}
static void push(u32 value, int size) {
    u32 at = cr0 & 1 && wide_code ? reg[SP] - (u32)size : (reg[SP] - (u32)size) & 0xFFFF;
    put_reg(SP, at, cr0 & 1 && wide_code ? 4 : 2);
    put(base[SS] + at, value, size);
}
static u32 pop(int size) {
    int wide = cr0 & 1 && wide_code;
    u32 at = wide ? reg[SP] : reg[SP] & 0xFFFF, value = get(base[SS] + at, size);
    put_reg(SP, at + (u32)size, wide ? 4 : 2);
    return value;
}
static void interrupt(int vector, u32 back) {
    if (cr0 & 1) {
        u32 low = get(idt + (u32)vector * 8, 4), high = get(idt + (u32)vector * 8 + 4, 4);
        push(flags, 4), push(segment[CS], 4), push(back, 4);
        if (vector == 13) push(0, 4);
        load_segment(CS, low >> 16);
        ip = (low & 0xFFFF) | (high & 0xFFFF0000u);
    } else {
        push(flags, 2), push(segment[CS], 2), push(back, 2);
        ip = get((u32)vector * 4, 2);
        load_segment(CS, get((u32)vector * 4 + 2, 2));
    }
    flags &= ~(u32)IF;
    shadow = 0;
}

/* What a BIOS does: INT 10h nothing, INT 13h a sector, INT 15h no APM. */
static void bios(int service) {
    u32 at = base[SS] + (reg[SP] & 0xFFFF), failed = service == 0x15;
    if (service == 0x13 && (reg[AX] & 0xFF00) == 0x200) {
        u32 track = reg[CX] >> 8 & 0xFF, head = reg[DX] >> 8 & 0xFF, sector = reg[CX] & 0x3F;
        u32 from = ((track * 2 + head) * 18 + sector - 1) * 512;
        if (from + 512 > sizeof disk) lacks("sector", from);
        memcpy(memory + base[ES] + (reg[BX] & 0xFFFF), disk + from, 512);
    }
    put(at + 4, (get(at + 4, 2) & ~(u32)CF) | failed, 2);
    ip = pop(2);
    load_segment(CS, pop(2));
    flags = (flags & ~0xFFFFu) | pop(2);
}

/* Decoding. */
static int operand, address, repeat, override;
static u32 fetch(int size) {
    u32 value = get(base[CS] + ip, size);
    ip += (u32)size;
    return value;
}
static int32_t fetch_signed(int size) {
    u32 value = fetch(size);
    return size == 1 ? (int8_t)value : size == 2 ? (int16_t)value : (int32_t)value;
}
static struct {
    int mod, reg, rm;
    u32 offset, at;
} m;
static void modrm(void) {
    u32 byte = fetch(1);
    int stack = 0;
    m.mod = (int)byte >> 6, m.reg = byte >> 3 & 7, m.rm = byte & 7, m.offset = 0;
    if (m.mod == 3) return;
    if (address == 2) {
        static const int one[8] = {BX, BX, BP, BP, SI, DI, BP, BX}, two[8] = {SI, DI, SI, DI, -1, -1, -1, -1};
        if (m.mod == 0 && m.rm == 6) {
            m.offset = fetch(2);
        } else {
            m.offset = reg[one[m.rm]] + (two[m.rm] >= 0 ? reg[two[m.rm]] : 0);
            stack = one[m.rm] == BP;
            if (m.mod) m.offset += (u32)fetch_signed(m.mod == 1 ? 1 : 2);
        }
        m.offset &= 0xFFFF;
    } else {
        int from = m.rm;
        if (m.rm == 4) {
            u32 sib = fetch(1);
            from = sib & 7;
            if ((sib >> 3 & 7) != 4) m.offset += reg[sib >> 3 & 7] << (sib >> 6);
        }
        if (from == 5 && m.mod == 0) {
            m.offset += fetch(4);
        } else {
            m.offset += reg[from];
            stack = from == SP || from == BP;
            if (m.mod) m.offset += (u32)fetch_signed(m.mod == 1 ? 1 : 4);
        }
    }
    m.at = base[override >= 0 ? override : stack ? SS : DS] + m.offset;
}
static u32 get_rm(int size) { return m.mod == 3 ? get_reg(m.rm, size) : get(m.at, size); }
static void put_rm(u32 value, int size) {
    if (m.mod == 3) put_reg(m.rm, value, size);
    else put(m.at, value, size);
}
static u32 results(u32 value, int size) {
    value &= mask_of(size);
    flags &= ~(u32)(ZF | SF | PF);
    if (!value) flags |= ZF;
    if (value & sign_of(size)) flags |= SF;
    return value;
}
static void set(u32 bit, int on) { flags = on ? flags | bit : flags & ~bit; }
static u32 alu(int what, u32 a, u32 b, int size) {
    u64 wide;
    u32 result, carry = flags & CF;
    a &= mask_of(size), b &= mask_of(size);
    switch (what) {
    case 0: case 2:
        wide = (u64)a + b + (what == 2 ? carry : 0);
        result = (u32)wide & mask_of(size);
        set(CF, wide > mask_of(size)), set(OF, ((a ^ result) & (b ^ result) & sign_of(size)) != 0);
        break;
    case 3: case 5: case 7:
        wide = (u64)a - b - (what == 3 ? carry : 0);
        result = (u32)wide & mask_of(size);
        set(CF, wide >> 63 != 0), set(OF, ((a ^ b) & (a ^ result) & sign_of(size)) != 0);
        break;
    default:
        result = what == 1 ? a | b : what == 4 ? a & b : a ^ b;
        set(CF | OF, 0);
    }
    return results(result, size);
}
static int condition(int code) {
    int values[8] = {
        (flags & OF) != 0, (flags & CF) != 0, (flags & ZF) != 0, (flags & (CF | ZF)) != 0, (flags & SF) != 0,
        (flags & PF) != 0, !(flags & SF) != !(flags & OF), !(flags & SF) != !(flags & OF) || (flags & ZF)
    };
    return values[code >> 1] != (code & 1);
}

/* The x87: eight registers, TOP, tags, pointers; what each instruction detects. */
static double st[8];
static int top, empty = 0xFF;
static u16 control = 0x40, fop;
static u32 fip, fdp;
static double *sti(int n) { return &st[(top + n) & 7]; }
static int is_empty(int n) { return empty >> ((top + n) & 7) & 1; }
static float single(u32 at) {
    u32 bits = get(at, 4);
    float value;
    memcpy(&value, &bits, 4);
    return value;
}
static void load(double value) {
    top = (top - 1) & 7;
    *sti(0) = value;
    empty &= ~(1 << top);
}
static void environment(u32 at) {
    u32 status = irq13_status(&x87) | (u32)top << 11, tags = 0;
    int wide = operand == 4;
    u32 words[7];
    for (int n = 0; n < 8; n++) tags |= (empty >> n & 1 ? 3u : 0u) << 2 * n;
    words[0] = control, words[1] = status, words[2] = tags, words[3] = fip, words[4] = wide ? (u32)fop << 16 : fop;
    words[5] = fdp, words[6] = 0;
    for (u32 n = 0; n < 7; n++) put(at + n * (u32)operand, words[n], operand);
}
static void load_environment(u32 at) {
    u32 tags = get(at + 2 * (u32)operand, 2);
    control = (u16)get(at, 2);
    top = get(at + (u32)operand, 2) >> 11 & 7;
    for (empty = 0; tags; tags >>= 2) empty = empty >> 1 | ((tags & 3) == 3 ? 0x80 : 0);
}
static void fpu_reset(void) { control = 0x37F, top = 0, empty = 0xFF, fip = fdp = 0, fop = 0; }

enum { FLD1, FLDZ, FLD, FDIV, FSQRT, FIST, F2XM1, WAIT, FNOP, FXCH, FSTP, FCHS, OTHER };
/* What it is to the error logic, and what it detects. */
static int x87_kind(int opcode, int byte, struct irq13_instruction *one) {
    int kind = OTHER, memory_form = m.mod != 3;
    memset(one, 0, sizeof *one);
    if (opcode == 0x9B) return one->operation = IRQ13_FWAIT, WAIT;
    switch (opcode << 4 | (memory_form ? m.reg : 8)) {
    case 0xD86: kind = FDIV; break;
    case 0xD90: kind = FLD; break;
    case 0xD93: kind = FSTP; break;
    case 0xD94: one->operation = IRQ13_FLDENV; break;
    case 0xD95: one->operation = IRQ13_FLDCW; break;
    case 0xD96: one->operation = IRQ13_FNSTENV; break;
    case 0xD97: one->operation = IRQ13_FNSTCW; break;
    case 0xDD4: one->operation = IRQ13_FRSTOR; break;
    case 0xDD6: one->operation = IRQ13_FNSAVE; break;
    case 0xDD7: one->operation = IRQ13_FNSTSW; break;
    case 0xDF2: kind = FIST; break;
    case 0xD98:
        one->operation = IRQ13_ARITHMETIC;
        kind = byte == 0xE8 ? FLD1 : byte == 0xEE ? FLDZ : byte == 0xFA ? FSQRT : byte == 0xF0 ? F2XM1
            : byte == 0xD0 ? FNOP : byte == 0xC9 ? FXCH : byte == 0xE0 ? FCHS : OTHER;
        if (byte == 0xD1) one->operation = IRQ13_UNDEFINED;
        else if (kind == OTHER) lacks("x87 instruction", (u32)byte);
        break;
    case 0xDB8:
        if (byte != 0xE2 && byte != 0xE3) lacks("x87 instruction", (u32)byte);
        one->operation = byte == 0xE2 ? IRQ13_FNCLEX : IRQ13_FNINIT;
        break;
    default: lacks("x87 instruction", (u32)(opcode << 8 | byte));
    }
    if (kind == F2XM1) one->family = IRQ13_TRANSCENDENTAL;
    if (kind == FIST || kind == FSTP) one->family = IRQ13_STORE;
    if (one->operation == IRQ13_FLDCW || one->operation == IRQ13_FLDENV || one->operation == IRQ13_FRSTOR) {
        one->control = (u16)get(m.at, 2);
        one->status = (u16)get(m.at + (u32)operand, 2);
    }
    return kind;
}
static u8 detects(int kind) {
    float value;
    int source = kind == FDIV || kind == FSQRT || kind == FIST || kind == F2XM1 || kind == FSTP || kind == FCHS;
    if (source && is_empty(0)) return IRQ13_IE | IRQ13_SF;
    switch (kind) {
    case FLD1: case FLDZ: case FLD:
        if (!is_empty(7)) return IRQ13_IE | IRQ13_SF;
        if (kind != FLD) return 0;
        value = single(m.at);
        return fpclassify(value) == FP_SUBNORMAL ? IRQ13_DE : 0;
    case FDIV:
        value = single(m.at);
        if (value == 0) return *sti(0) == 0 ? IRQ13_IE : IRQ13_ZE;
        return fma(*sti(0) / value, value, -*sti(0)) != 0 ? IRQ13_PE : 0;
    case FSQRT: return *sti(0) < 0 ? IRQ13_IE : 0;
    case FIST: return fabs(*sti(0)) >= 32768 ? IRQ13_IE : 0;
    case FXCH: return is_empty(0) || is_empty(1) ? IRQ13_IE | IRQ13_SF : 0;
    default: return 0;
    }
}
/* Unmasked IE and ZE leave all as it is; an unmasked DE does not keep a load from loading (SDM1 8.5). */
static void execute_x87(int kind, const struct irq13_instruction *one) {
    int stopped = one->raises & ~control & (IRQ13_IE | IRQ13_ZE);
    u32 bits = 0xFFC00000u;
    float value;
    double other;
    switch (one->operation) {
    case IRQ13_FLDCW: control = one->control; return;
    case IRQ13_FLDENV: case IRQ13_FRSTOR: load_environment(m.at); return;
    case IRQ13_FNSTENV: environment(m.at); control |= 0x3F; return;
    case IRQ13_FNSAVE: environment(m.at); fpu_reset(); return;
    case IRQ13_FNINIT: fpu_reset(); return;
    case IRQ13_FNSTCW: put(m.at, control, 2); return;
    case IRQ13_FNSTSW: put(m.at, irq13_status(&x87) | (u32)top << 11, 2); return;
    case IRQ13_ARITHMETIC: break;
    default: return;
    }
    if (kind != FNOP) {
        fip = start, fdp = m.mod == 3 ? 0 : m.offset;
        fop = (u16)((get(base[CS] + start, 1) & 7) << 8 | get(base[CS] + start + 1, 1));
    }
    if (stopped) return;
    switch (kind) {
    case FLD1: load(1); break;
    case FLDZ: load(0); break;
    case FLD: load(single(m.at)); break;
    case FDIV: *sti(0) /= single(m.at); break;
    case FSQRT: *sti(0) = sqrt(*sti(0)); break;
    case FIST: put(m.at, 0x8000, 2); break;
    case FCHS: *sti(0) = -*sti(0); break;
    case FXCH:
        other = *sti(0), *sti(0) = *sti(1), *sti(1) = other;
        empty &= ~(1 << top | 1 << ((top + 1) & 7));
        break;
    case FSTP:
        value = (float)*sti(0);
        if (!is_empty(0)) memcpy(&bits, &value, 4);
        put(m.at, bits, 4);
        empty |= 1 << top;
        top = (top + 1) & 7;
        break;
    }
}
static void run_x87(int opcode) {
    struct irq13_instruction one;
    int kind, byte = 0;
    m.mod = 3;
    if (opcode != 0x9B) {
        byte = (int)get(base[CS] + ip, 1);
        modrm();
    }
    kind = x87_kind(opcode, byte, &one);
    one.raises = one.operation == IRQ13_ARITHMETIC ? detects(kind) : 0;
    switch (irq13_before(&x87, &one)) {
    case IRQ13_WINDOW:
        ip = start;
        /* An interrupt that is there is taken before it; else it is asked again, and executes. */
        tick();
        if ((flags & IF && intr()) || (nmi && !nmi_blocked)) irq13_withdraw(&x87);
        return;
    case IRQ13_EXECUTE:
        execute_x87(kind, &one);
        irq13_after(&x87, &one);
        return;
    case IRQ13_FREEZE: ip = start; return;
    case IRQ13_IS_MF: interrupt(16, start); return;
    case IRQ13_IS_NM: interrupt(7, start); return;
    case IRQ13_IS_UD: interrupt(6, start); return;
    case IRQ13_VMEXIT: lacks("guest", 0);
    }
}

/* The rest of the instructions. */
static void strings(int opcode) {
    int size = opcode & 1 ? operand : 1;
    u32 step = flags & DF ? (u32)-size : (u32)size, from = override >= 0 ? base[override] : base[DS];
    for (;;) {
        u32 si = from + (reg[SI] & (address == 2 ? 0xFFFF : ~0u)), di = base[ES] + (reg[DI] & (address == 2 ? 0xFFFF : ~0u));
        if (repeat && !get_reg(CX, address)) return;
        switch (opcode & 0xFE) {
        case 0xA4: put(di, get(si, size), size); break;
        case 0xA6: alu(7, get(si, size), get(di, size), size); break;
        case 0xAA: put(di, reg[AX], size); break;
        case 0xAC: put_reg(AX, get(si, size), size); break;
        default: lacks("string instruction", (u32)opcode);
        }
        if ((opcode & 0xFE) != 0xAA) put_reg(SI, reg[SI] + step, address);
        if ((opcode & 0xFE) != 0xAC) put_reg(DI, reg[DI] + step, address);
        if (!repeat) return;
        put_reg(CX, reg[CX] - 1, address);
        if ((opcode & 0xFE) == 0xA6 && !(flags & ZF) == (repeat == 0xF3)) return;
    }
}
static void cpuid(void) {
    const char *vendor = generation == 2 ? "AuthenticAMD" : "GenuineIntel";
    if (reg[AX] == 0) {
        reg[AX] = 1;
        memcpy(&reg[BX], vendor, 4), memcpy(&reg[DX], vendor + 4, 4), memcpy(&reg[CX], vendor + 8, 4);
    } else {
        reg[AX] = generation == 2 ? 0xF00 : 0x600;
        reg[BX] = reg[CX] = 0, reg[DX] = 1 | (generation ? 0x200 : 0);
    }
}
static void msr(int write) {
    u64 value = (u64)reg[DX] << 32 | reg[AX];
    int fault = reg[CX] == 0xC0010114u && generation == 2 ? (value = 0, write)
        : write ? irq13_wrmsr(&x87, reg[CX], 0, value) : irq13_rdmsr(&x87, reg[CX], 0, &value);
    if (fault) interrupt(13, start);
    else if (!write) reg[AX] = (u32)value, reg[DX] = (u32)(value >> 32);
}
static void two_bytes(void) {
    int opcode = (int)fetch(1);
    if (opcode >= 0x80 && opcode < 0x90) {
        int32_t by = fetch_signed(operand);
        if (condition(opcode & 15)) ip = (ip + (u32)by) & mask_of(operand);
        return;
    }
    if (opcode >= 0x90 && opcode < 0xA0) {
        modrm();
        put_rm((u32)condition(opcode & 15), 1);
        return;
    }
    switch (opcode) {
    case 0x01:
        modrm();
        if (m.reg == 2) gdt = get(m.at + 2, 4);
        else if (m.reg == 3) idt = get(m.at + 2, 4);
        else lacks("0F 01", (u32)m.reg);
        return;
    case 0x20: modrm(); reg[m.rm] = cr0; return;
    case 0x22:
        modrm();
        cr0 = reg[m.rm];
        irq13_set_cr0(&x87, cr0);
        return;
    case 0x30: msr(1); return;
    case 0x32: msr(0); return;
    case 0xA2: cpuid(); return;
    case 0xA0: push(segment[FS], operand); return;
    case 0xB6: case 0xB7: modrm(); put_reg(m.reg, get_rm(opcode & 1 ? 2 : 1), operand); return;
    default: lacks("instruction 0F", (u32)opcode);
    }
}
static void group3(int size) {
    u32 value;
    modrm();
    value = get_rm(size);
    switch (m.reg) {
    case 0: alu(4, value, fetch(size), size); return;
    case 2: put_rm(~value, size); return;
    case 3: put_rm(alu(5, 0, value, size), size); return;
    case 4:
        if (size != 2) lacks("MUL", (u32)size);
        value *= reg[AX] & 0xFFFF;
        put_reg(AX, value, 2), put_reg(DX, value >> 16, 2);
        return;
    case 6: {
        u32 wide = (reg[DX] & 0xFFFF) << 16 | (reg[AX] & 0xFFFF);
        if (size != 2 || !value) lacks("DIV", (u32)size);
        put_reg(AX, wide / value, 2), put_reg(DX, wide % value, 2);
        return;
    }
    default: lacks("F7", (u32)m.reg);
    }
}
static void shift(int size, u32 count) {
    u32 value = get_rm(size), bits = (u32)size * 8;
    count &= 31;
    if (!count) return;
    switch (m.reg) {
    case 0: put_rm(value << count % bits | value >> (bits - count % bits) % bits, size); return;
    case 4: set(CF, (int)(value >> (bits - count) & 1)); put_rm(results(value << count, size), size); return;
    case 5: set(CF, (int)(value >> (count - 1) & 1)); put_rm(results(value >> count, size), size); return;
    default: lacks("shift", (u32)m.reg);
    }
}
static void group5(int size) {
    u32 value, carry = flags & CF;
    modrm();
    value = get_rm(size);
    switch (m.reg) {
    case 0: put_rm(alu(0, value, 1, size), size); set(CF, (int)carry); return;
    case 1: put_rm(alu(5, value, 1, size), size); set(CF, (int)carry); return;
    case 2: push(ip, size); ip = value; return;
    case 4: ip = value; return;
    case 6: push(value, size); return;
    default: lacks("FF", (u32)m.reg);
    }
}
static void jump(int taken, int size) {
    int32_t by = fetch_signed(size);
    if (taken) ip = (ip + (u32)by) & (wide_code ? ~0u : 0xFFFFu);
}
static void one_byte(int opcode) {
    int size = opcode & 1 ? operand : 1;
    u32 value;
    if (opcode < 0x40 && (opcode & 7) < 6) {
        int what = opcode >> 3;
        if (opcode & 4) {
            value = alu(what, get_reg(AX, size), fetch(size), size);
            if (what != 7) put_reg(AX, value, size);
        } else {
            modrm();
            value = opcode & 2 ? alu(what, get_reg(m.reg, size), get_rm(size), size)
                : alu(what, get_rm(size), get_reg(m.reg, size), size);
            if (what != 7 && opcode & 2) put_reg(m.reg, value, size);
            else if (what != 7) put_rm(value, size);
        }
        return;
    }
    switch (opcode & 0xF8) {
    case 0x40: case 0x48: {
        u32 carry = flags & CF;
        put_reg(opcode & 7, alu(opcode & 8 ? 5 : 0, get_reg(opcode & 7, operand), 1, operand), operand);
        set(CF, (int)carry);
        return;
    }
    case 0x50: push(get_reg(opcode & 7, operand), operand); return;
    case 0x58: put_reg(opcode & 7, pop(operand), operand); return;
    case 0x70: case 0x78: jump(condition(opcode & 15), 1); return;
    case 0xB0: put_reg(opcode & 7, fetch(1), 1); return;
    case 0xB8: put_reg(opcode & 7, fetch(operand), operand); return;
    case 0xD8: run_x87(opcode); return;
    }
    switch (opcode) {
    case 0x06: push(segment[ES], operand); return;
    case 0x07: load_segment(ES, pop(operand)); return;
    case 0x0E: push(segment[CS], operand); return;
    case 0x1E: push(segment[DS], operand); return;
    case 0x1F: load_segment(DS, pop(operand)); return;
    case 0x0F: two_bytes(); return;
    case 0x60:
        value = reg[SP];
        for (int n = 0; n < 8; n++) push(n == SP ? value : reg[n], operand);
        return;
    case 0x61:
        for (int n = 7; n >= 0; n--) {
            value = pop(operand);
            if (n != SP) put_reg(n, value, operand);
        }
        return;
    case 0x68: push(fetch(operand), operand); return;
    case 0x80: case 0x81: case 0x83:
        modrm();
        value = opcode == 0x83 ? (u32)fetch_signed(1) : fetch(size);
        value = alu(m.reg, get_rm(size), value, size);
        if (m.reg != 7) put_rm(value, size);
        return;
    case 0x84: case 0x85: modrm(); alu(4, get_rm(size), get_reg(m.reg, size), size); return;
    case 0x88: case 0x89: modrm(); put_rm(get_reg(m.reg, size), size); return;
    case 0x8A: case 0x8B: modrm(); put_reg(m.reg, get_rm(size), size); return;
    case 0x8D: modrm(); put_reg(m.reg, m.offset, operand); return;
    case 0x8C: modrm(); put_rm(segment[m.reg], 2); return;
    case 0x8E: modrm(); load_segment(m.reg, get_rm(2)); return;
    case 0x90: return;
    case 0x9B: run_x87(opcode); return;
    case 0x9C: push(flags, operand); return;
    case 0x9D: {
        u32 can = CF | PF | ZF | SF | IF | DF | OF | AC | (generation ? ID : 0);
        value = pop(operand);
        if (operand == 2) can &= 0xFFFF;
        flags = (flags & ~can) | (value & can);
        return;
    }
    case 0xA0: case 0xA1:
        value = (override >= 0 ? base[override] : base[DS]) + fetch(address);
        put_reg(AX, get(value, size), size);
        return;
    case 0xA2: case 0xA3:
        value = (override >= 0 ? base[override] : base[DS]) + fetch(address);
        put(value, get_reg(AX, size), size);
        return;
    case 0xA8: case 0xA9: alu(4, get_reg(AX, size), fetch(size), size); return;
    case 0xA4: case 0xA5: case 0xA6: case 0xA7: case 0xAA: case 0xAB: case 0xAC: case 0xAD: strings(opcode); return;
    case 0xC0: case 0xC1: modrm(); shift(size, fetch(1)); return;
    case 0xD0: case 0xD1: modrm(); shift(size, 1); return;
    case 0xD2: case 0xD3: modrm(); shift(size, reg[CX] & 0xFF); return;
    case 0xC3: ip = pop(operand); return;
    case 0xC6: case 0xC7: modrm(); put_rm(fetch(size), size); return;
    case 0xCD: value = fetch(1); interrupt((int)value, ip); return;
    case 0xCF: {
        u32 kept = operand == 2 ? 0xFFFF0000u : 0;
        ip = pop(operand);
        value = pop(operand);
        flags = (flags & kept) | pop(operand);
        load_segment(CS, value);
        nmi_blocked = 0;
        return;
    }
    case 0xE0: case 0xE1: case 0xE2:
        put_reg(CX, reg[CX] - 1, address);
        jump(get_reg(CX, address) && (opcode == 0xE2 || !(flags & ZF) == (opcode == 0xE0)), 1);
        return;
    case 0xE3: jump(!get_reg(CX, address), 1); return;
    case 0xE4: case 0xE5: put_reg(AX, in_port((u16)fetch(1), size), size); return;
    case 0xE6: case 0xE7: value = fetch(1); out_port((u16)value, get_reg(AX, size), size); return;
    case 0xEC: case 0xED: put_reg(AX, in_port((u16)reg[DX], size), size); return;
    case 0xEE: case 0xEF: out_port((u16)reg[DX], get_reg(AX, size), size); return;
    case 0xE8: {
        int32_t by = fetch_signed(operand);
        push(ip, operand);
        ip = (ip + (u32)by) & mask_of(operand);
        return;
    }
    case 0xE9: jump(1, operand); return;
    case 0xEB: jump(1, 1); return;
    case 0xEA: value = fetch(operand); load_segment(CS, fetch(2)); ip = value; return;
    case 0xF4:
        if (!(flags & IF)) lacks("end after HLT", 0);
        if (!intr()) ip = start;
        return;
    case 0xF6: case 0xF7: group3(size); return;
    case 0xF8: set(CF, 0); return;
    case 0xF9: set(CF, 1); return;
    case 0xFA: flags &= ~(u32)IF; return;
    case 0xFB: shadow = !(flags & IF); flags |= IF; return;
    case 0xFC: flags &= ~(u32)DF; return;
    case 0xFE: case 0xFF: group5(size); return;
    default: lacks("instruction", (u32)opcode);
    }
}
static void step(void) {
    int opcode, held = shadow;
    start = ip;
    shadow = 0;
    if ((nmi && !nmi_blocked) || (!held && flags & IF && intr())) {
        int vector = nmi && !nmi_blocked ? 2 : acknowledge();
        if (vector == 2) nmi = 0, nmi_blocked = 1;
        interrupt(vector, ip);
        return;
    }
    if (!(cr0 & 1) && segment[CS] == 0xF000) {
        bios((int)ip);
        return;
    }
    operand = address = wide_code ? 4 : 2;
    repeat = 0, override = -1;
    for (;;) {
        opcode = (int)fetch(1);
        if (opcode == 0x66) operand = wide_code ? 2 : 4;
        else if (opcode == 0x67) address = wide_code ? 2 : 4;
        else if (opcode == 0xF2 || opcode == 0xF3) repeat = opcode;
        else if (opcode == 0x26) override = ES;
        else if (opcode == 0x2E) override = CS;
        else if (opcode == 0x36) override = SS;
        else if (opcode == 0x3E) override = DS;
        else if (opcode == 0x64) override = FS;
        else break;
    }
    one_byte(opcode);
}

/* What a BIOS does first. */
static void boots(void) {
    memcpy(memory + 0x7C00, disk, 512);
    for (u32 n = 0; n < 256; n++) put(n * 4, 0xF0000000u | n, 4);
    ip = 0x7C00;
}
static void reset(void) {
    struct irq13_instruction fninit = {IRQ13_FNINIT, 0, 0, 0, 0};
    asked_to_reset = 0;
    if (has('n')) return;
    flags = 2, cr0 = 0, shadow = nmi = nmi_blocked = 0;
    for (int n = ES; n <= GS; n++) load_segment(n, 0);
    if (has('i')) {
        irq13_init(&x87);
    } else {
        irq13_reset(&x87);
        control = 0x40, top = 0, empty = 0, bridge[0x4E] = 0;
    }
    if (has('f')) {
        while (irq13_before(&x87, &fninit) != IRQ13_EXECUTE) {}
        fpu_reset();
        irq13_after(&x87, &fninit);
    }
    if (has('m')) memset(memory, 0, sizeof memory);
    if (cmos[0x0F] == 0x0A && !has('b') && !has('m')) {
        load_segment(CS, get(0x469, 2));
        ip = get(0x467, 2);
    } else {
        boots();
    }
}

int main(int count, char **words) {
    FILE *file = count == 4 || count == 5 ? fopen(words[1], "rb") : NULL;
    if (!file || fread(disk, 1, sizeof disk, file) != sizeof disk) return 2;
    fclose(file);
    generation = atoi(words[2]);
    latency = atoi(words[3]);
    if (count == 5) letters = words[4];
    boots();
    bridge[0] = 0x86, bridge[1] = 0x80, bridge[2] = 0x00, bridge[3] = 0x70;
    x87.generation = (u8)generation;
    x87.irq = on_irq;
    irq13_reset(&x87);
    while (now < 200000000u) {
        step();
        tick();
        if (asked_to_reset) reset();
    }
    return 3;
}
