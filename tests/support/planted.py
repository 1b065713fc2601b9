"""The small PC of the tests, right or with one of the defects that existing emulators have."""

from irq13.model.registers import Generation
from irq13.sim.conformance.boots import run_all
from irq13.sim.conformance.conform import differences, judged
from irq13.sim.conformance.emulators import given_command
from support.c_reference import PROGRAMS, SOURCE, compile_c

_FROZEN = "    case IRQ13_FREEZE: ip = start; return;"
_ASKED = "    switch (irq13_before(&x87, &one)) {"
DEFECTS: dict[str, list[tuple[str, str, str]]] = {
    # What stands in a source, and what is put in its place.
    "no-exceptions": [
        ("irq13.c", "{ return pending(s) != 0; }", "{ return pending(s) > 0x3F; }"),
    ],
    "frozen-instruction-skipped": [
        ("small_pc.c", _FROZEN, "    case IRQ13_FREEZE: behind = ip, ip = start; return;"),
        ("small_pc.c", "wide_code, generation, shadow;", "wide_code, generation, shadow;\nstatic u32 behind;"),
        ("small_pc.c", "        interrupt(vector, ip);\n", "        interrupt(vector, behind ? behind : ip);\n        behind = 0;\n"),
        ("small_pc.c", "    operand = address = wide_code", "    behind = 0;\n    operand = address = wide_code"),
    ],
    "f0-needs-ferr": [
        ("irq13.c", "    if (port != 0xF0) return;", "    if (port != 0xF0 || !s->ferr_asserted) return;"),
    ],
    "fninit-leaves-ferr": [
        # It negates only where an instruction other than FNINIT and FNSAVE takes ES from 1 to 0.
        ("irq13.c", "pulse = s->window == 2;", "pulse = s->window == 2, was = (uint8_t)irq13_es(s);"),
        ("irq13.c", "    if (pulse) drive_ferr(s, 0);\n    report(s, 0);", """    if (pulse) drive_ferr(s, 0);
    if (one->operation == IRQ13_FNINIT || one->operation == IRQ13_FNSAVE) was = 0;
    if (irq13_es(s) || was) report(s, 0);"""),
    ],
    "f0-after-fninit-asserts-ignne": [
        # FERR# is negated by FNINIT and FNSAVE, but what stands behind port F0h has not noticed.
        ("irq13.h", "    uint8_t ignne_msr;\n", "    uint8_t ignne_msr, stale;\n"),
        ("irq13.c", "    s->ferr_asserted = (uint8_t)asserted;\n", "    s->ferr_asserted = (uint8_t)asserted;\n    if (asserted) s->stale = 0;\n"),
        ("irq13.c", "    case IRQ13_FNSAVE: case IRQ13_FNINIT:\n        s->masks", "    case IRQ13_FNSAVE: case IRQ13_FNINIT:\n        s->stale = s->ferr_asserted;\n        s->masks"),
        ("irq13.c", "        s->immediate = 0; /* **choice** */", "        s->immediate = s->stale = 0;\n        if (!irq13_es(s)) s->ff2 = 0;"),
        ("irq13.c", "    s->ff2 = s->ferr_asserted && s->enabled;", "    s->ff2 = (s->ferr_asserted || s->stale) && s->enabled;"),
    ],
    "reset-asserts-ignne": [
        # If FERR# was asserted; until FERR# is negated the next time, or an environment without an error is loaded.
        ("irq13.c", "    s->ferr_asserted = s->ff1 = s->ff2 = s->seen = 0;\n", "    s->ferr_asserted = s->ff1 = s->ff2 = s->seen = 0;\n    s->pin = ferr;\n"),
        ("irq13.c", "    s->ferr_asserted = (uint8_t)asserted;\n", "    s->ferr_asserted = (uint8_t)asserted;\n    if (!asserted) s->pin = 0;\n"),
        ("irq13.c", "        s->immediate = 0; /* **choice** */", "        s->immediate = 0;\n        if (!irq13_es(s)) s->pin = 0;"),
    ],
    "ferr-under-ne": [
        ("irq13.c", "    if (s->generation != IRQ13_AMD64 || !(s->cr0 & IRQ13_NE)) return 1;\n", "    if (s) return 1;\n"),
    ],
    "8259A-keeps-edges": [
        ("small_pc.c", "    if (!level) p->edge &= (u8)~bit;\n", ""),
        ("small_pc.c", "if ((p->edge & p->line & ~p->imr) >> level & 1) return level;", "if ((p->edge & ~p->imr) >> level & 1) return level;"),
        ("small_pc.c", "p->isr : p->edge & p->line;", "p->isr : p->edge;"),
    ],
    "f0-asserts-ignne-without-error": [
        ("irq13.c", "    s->ff2 = s->ferr_asserted && s->enabled;", "    s->ff2 = s->enabled;"),
    ],
    "fnclex-leaves-ignne": [
        ("irq13.c", "return s->pin || (s->ff2 && s->ferr_asserted);", "return s->pin || s->ff2;"),
        ("irq13.c", "    if (!s->ferr_asserted) s->ff2 = 0;\n", ""),
        ("irq13.c", "        s->immediate = 0; /* **choice** */", "        s->immediate = 0;\n        if (!irq13_es(s)) s->ff2 = 0;"),
    ],
    "few-instructions-check": [
        ("small_pc.c", _ASKED, """    int answer = irq13_before(&x87, &one);
    if (kind != WAIT && kind != FNOP && (answer == IRQ13_FREEZE || answer == IRQ13_IS_MF)) answer = IRQ13_EXECUTE;
    switch (answer) {"""),
    ],
    "no-freeze": [
        ("small_pc.c", _FROZEN, "    case IRQ13_FREEZE: execute_x87(kind, &one), irq13_after(&x87, &one); return;"),
    ],
    "reports-late": [
        ("irq13.c", "return s->generation != IRQ13_I486 || s->immediate != 0;", "return s->generation == IRQ13_I486 && s->immediate != 0;"),
    ],
}  # fmt: skip


def small_pc(folder, defect=None):
    """The program, with a defect planted."""
    for path in (SOURCE / "irq13.h", SOURCE / "irq13.c", PROGRAMS / "small_pc.c"):
        text = path.read_text("utf-8")
        for name, old, new in DEFECTS.get(defect, []):
            if name == path.name:
                assert text.count(old) == 1, f"{name} has not exactly one {old!r}"
                text = text.replace(old, new)
        (folder / path.name).write_text(text, encoding="utf-8")
    sources = (folder / "small_pc.c", folder / "irq13.c")
    return compile_c(folder / "small_pc", *sources, libraries=("-lm",), include=folder)


def judged_on(program, generation, runs, latency=3, boots="all", kind=""):
    """What comes of cases and modes on it, and in how many boots."""
    words = [str(program), "{image}", str(list(Generation).index(generation)), str(latency), kind]
    found = run_all(given_command(words), None, runs, boots=boots)
    assert found.generation is generation
    return judged(runs, generation, found.seen), found.boots


def failing(program, generation, runs, latency=3, boots="all"):
    """Cases and modes that fail on it."""
    rows, _ = judged_on(program, generation, runs, latency, boots)
    return {(row.case.name, row.mode) for row in differences(rows)}
