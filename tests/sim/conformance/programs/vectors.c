/* The reference in C on the test vectors, by the loader that comes with them: a vector's cycles as events.
 *
 * Order is kept, distance is not. The decision of each cycle, what RDMSR reads, the edges of FERR# and of IRQ 13 in
 * their order and the registers at the end have to be the vector's; edges that are still on their way at the end of it
 * may be missing there. Where distance decides, a case is passed over: a write of port F0h, RESET, the enable bit or an
 * IGNNE# that ends, while an edge of FERR# is under way. Standard error: the hashes of those. */
#define OWN_FUNCTIONS
#include "load_vectors.c"

#include "irq13.h"

enum { STAGES = 8, EDGES = 64, ON_THE_WAY = 2 };
struct edges {
    int count, level[EDGES];
};

static struct irq13 s;
static struct irq13_instruction executed;
static struct edges ferr[2], irq[2]; /* of the vector, of the reference */
static int stages, pins[STAGES], has_executed, window, f0, raced, first, last_ferr, last_irq, asked, fault, coming;
static uint64_t data;

static void edge(struct edges *of, int level) {
    if (of->count < EDGES) of->level[of->count] = level;
    of->count++;
}
static void on_ferr(void *user, int asserted) { (void)user, edge(&ferr[1], asserted); }
static void on_irq(void *user, int level) { (void)user, edge(&irq[1], level); }

static int of_words(const struct levels *in, const char *name, const char *words) { /* its index among them */
    for (int i = 0; i < in->count; i++)
        if (!strcmp(in->of[i].name, name)) {
            const char *found = strstr(words, in->of[i].word);
            int index = 0;
            if (!found) break;
            for (; words < found; words++) index += *words == ' ';
            return index;
        }
    fprintf(stderr, "vectors: no %s out of %s\n", name, words);
    exit(2);
}

int begin(const struct vector *one) {
    const struct levels *is = &one->initial, *has = &one->parameters;
    memset(&s, 0, sizeof s), memset(ferr, 0, sizeof ferr), memset(irq, 0, sizeof irq), memset(pins, 0, sizeof pins);
    has_executed = window = f0 = raced = asked = coming = 0, first = 1;
    stages = (int)level(has, "synchroniser_stages");
    if (stages > STAGES) exit(2);
    s.generation = (uint8_t)of_words(has, "generation", "I486 P6 AMD64");
    s.hwcr_layout = (uint8_t)of_words(has, "hwcr", "minimal k8 zen");
    s.silicon = (uint8_t)of_words(has, "reserved_bits", "manual silicon");
    s.port_emulation = (uint8_t)level(has, "port_emulation"), s.mmx = (uint8_t)level(has, "mmx");
    s.enabled_at_reset = (uint8_t)level(has, "ferr_enable");
    irq13_reset(&s);
    s.flags = (uint8_t)level(is, "flags"), s.masks = (uint8_t)level(is, "masks");
    s.ferr_asserted = (uint8_t)level(is, "ferr"), s.immediate = (uint8_t)level(is, "immediate");
    s.ff1 = (uint8_t)level(is, "ff1"), s.ff2 = (uint8_t)level(is, "ff2"), s.seen = (uint8_t)level(is, "ferr_seen");
    s.hwcr = level(is, "hwcr"), s.ignne_msr = (uint8_t)level(is, "ignne_msr");
    last_ferr = s.ferr_asserted, last_irq = s.ff1;
    s.ferr = on_ferr, s.irq = on_irq;
    irq13_enable(&s, (int)level(is, "ferr_enable"));
    return level(is, "window") == 0 && level(is, "msr_response") == NONE;
}

static int is_f0(const struct levels *in) { return level(in, "io_write") && level(in, "io_address") == 0xF0; }

/* The pin goes through the synchroniser; IGNNE# of port F0h too, which here is at once there. */
static void shift(const struct levels *in) {
    if (is_f0(in) || pins[0] == (int)level(in, "ignne_drive_n")) coming = stages + 2;
    else if (coming) coming--;
    memmove(pins + 1, pins, (STAGES - 1) * sizeof pins[0]);
    pins[0] = !level(in, "ignne_drive_n");
}

void setup(const struct levels *in) {
    shift(in);
    f0 = is_f0(in);
}

/* What the vector says of the instruction in this cycle. */
static int decided(const struct levels *out) {
    static const char *const names[] = {"op_ready", "op_freeze", "op_window", "op_mf", "op_nm", "op_ud", "op_vmexit"};
    for (int at = 0; at < 7; at++)
        if (level(out, names[at])) return at; /* enum irq13_answer */
    return -1;
}

static int instruction(const struct levels *in, const struct levels *out) {
    int wants = decided(out), answer;
    struct irq13_instruction one = {
        (uint8_t)level(in, "op_code"), (uint8_t)level(in, "op_family"), (uint8_t)level(in, "op_raises"),
        (uint16_t)level(in, "op_control"), (uint16_t)level(in, "op_status")
    };
    if (wants == IRQ13_EXECUTE && level(out, "es") && level(out, "ignne"))
        raced = !level(out, "ignne_em") && level(out, "ignne_n");
    if (raced) return 1;
    answer = irq13_before(&s, &one);
    if (wants == IRQ13_EXECUTE) executed = one, has_executed = 1;
    /* An IGNNE# may be there that the vector's processor does not see yet. */
    return answer == wants || (coming && wants == IRQ13_FREEZE && answer == IRQ13_EXECUTE);
}

static void execute(void) {
    if (has_executed) irq13_after(&s, &executed);
    has_executed = 0;
}

static int response(const struct levels *out) {
    if (!asked || !level(out, "msr_response_valid")) return 1;
    asked = 0;
    return level(out, "msr_response_fault") == (uint64_t)fault && (fault || level(out, "msr_response_data") == data);
}

static void request(const struct levels *in, const struct levels *out) {
    uint32_t address = (uint32_t)level(in, "msr_request_address");
    int cpl = (int)level(in, "msr_request_cpl");
    if (!level(in, "msr_request_valid") || !level(out, "msr_request_ready")) return;
    asked = 1, data = 0;
    fault = level(in, "msr_request_write") ? irq13_wrmsr(&s, address, cpl, level(in, "msr_request_data"))
        : irq13_rdmsr(&s, address, cpl, &data);
}

static int ahead(void) { return ferr[1].count > ferr[0].count || irq[1].count > irq[0].count; }
static int behind(void) { return ferr[1].count < ferr[0].count || irq[1].count < irq[0].count; }

int step(const struct levels *in, const struct levels *out) {
    uint32_t cr0 = (uint32_t)(level(in, "cr0_mp") << 1 | level(in, "cr0_em") << 2 | level(in, "cr0_ts") << 3
        | level(in, "cr0_ne") << 5);
    int now = !level(out, "ferr_n"), right;
    if (raced) return 1;
    if (now != last_ferr && (f0 || is_f0(in))) {
        raced = 1;
        return 1;
    }
    if (now != last_ferr) edge(&ferr[0], now);
    if ((int)level(out, "irq13") != last_irq) edge(&irq[0], !last_irq);
    last_ferr = now, last_irq = (int)level(out, "irq13"), f0 = is_f0(in);
    right = response(out);
    irq13_ignne_pin(&s, pins[stages - 1]);
    shift(in);
    if (first || cr0 != s.cr0) irq13_set_cr0(&s, cr0);
    first = 0;
    execute(); /* it reports in the cycle behind it, under the CR0 of that */
    right &= !behind();
    irq13_set_guest(&s, (int)level(in, "guest_mode"), (int)level(in, "intercept_ferr_freeze"));
    now = decided(out);
    if (window && now != IRQ13_WINDOW && now != IRQ13_EXECUTE) irq13_withdraw(&s);
    if (level(in, "op_valid") && !(window && now == IRQ13_WINDOW)) right &= instruction(in, out);
    window = now == IRQ13_WINDOW;
    if (level(in, "enable_write") || level(in, "reset")) raced |= ahead();
    if (raced) return 1;
    if (level(in, "enable_write")) irq13_enable(&s, (int)level(in, "enable_value"));
    if (level(in, "io_write")) irq13_out(&s, (uint16_t)level(in, "io_address"));
    request(in, out);
    if (level(in, "reset")) irq13_reset(&s), has_executed = asked = 0;
    return right;
}

static int same(const struct edges of[2]) {
    int count = of[0].count;
    return count <= EDGES && of[1].count - count >= 0 && of[1].count - count <= ON_THE_WAY
        && !memcmp(of[0].level, of[1].level, (size_t)count * sizeof of[0].level[0]);
}

int end(const struct vector *one) {
    const struct levels *is = &one->final;
    if (raced) fprintf(stderr, "%s\n", one->hash);
    if (raced) return 1;
    execute();
    return s.flags == level(is, "flags") && s.masks == level(is, "masks") && s.enabled == level(is, "ferr_enable")
        && s.hwcr == level(is, "hwcr") && s.ignne_msr == level(is, "ignne_msr") && same(ferr) && same(irq);
}
