"""The computer runs the DOS handler from bytes: order and distances; as Bochs and QEMU; on a board's UART."""

import os
import re
import subprocess
import time

import pytest
from amaranth.sim import Simulator
from irq13.hdl.board.computer_design import ComputerDesign
from irq13.hdl.machine import Computer
from irq13.model import Parameters
from irq13.model.registers import Generation
from irq13.sim import expect
from irq13.sim.conformance.presets import PRESETS
from irq13.sim.hardware.computer import boot_sector, run_computer
from irq13.sim.timing.results import is_failure
from irq13.sim.timing.rule_file import check_rules, load_rules
from irq13.sim.tools.nasm import assemble

# Handler once, 8084h in it (B, ES, ZE), 0 behind it, control word 037Bh, AX as it was, WAIT not executed.
SENT = bytes.fromhex("01 8480 0000 7b03 3412 5b7c")
FDIVP = bytes.fromhex("DE F9")


def test_the_dos_handler_runs_from_bytes(generation, tool):
    tool("nasm")
    program = boot_sector()
    run = run_computer(Parameters(generation), program)
    assert run.sent == SENT
    # WAIT is behind the division.
    assert 0x7C00 + program.index(FDIVP) + 2 == int.from_bytes(SENT[-2:], "little")
    trace = run.trace
    rules = expect(trace)
    if generation == "I486":
        rules.fall("ferr_n").exactly(1, "cycle").after.rise("freeze")
    else:
        rules.fall("ferr_n").exactly(1, "cycle").after.rise("es")
    rules.rise("irq13").exactly(1, "cycle").after.fall("ferr_n")
    rules.rise("intr").exactly(2, "cycles").after.rise("irq13")
    rules.fall("irq13").exactly(1, "cycle").after.rise("f0_write")
    rules.fall("ignne_n").exactly(1, "cycle").after.rise("f0_write")
    rules.rise("ferr_n").exactly(1, "cycle").after.fall("es")
    rules.rise("ignne_n").exactly(0, "cycles").after.rise("ferr_n")
    order = "ferr_n falls, irq13 rises, intr rises, inta rises, f0_write rises, ignne_n falls, es falls"
    rules.order(*order.split(", "), "ferr_n rises", "ignne_n rises")
    # Two pulses; the waiting instruction executes once, after the handler, and the division once.
    assert trace["inta"].rises().size == 1
    assert trace["freeze"].rises().size == 1
    assert not [one for one in check_rules(load_rules("contract"), trace) if is_failure(one, strict=False)]


def machine_code(*lines):
    return assemble("\n".join(["bits 16", "org 7C00h", *lines]), "test")


PROGRAMS = (
    ("mov al,5; add al,0FEh; SHOW; jz .bad; and al,1; SHOW; .bad: SHOW", [3, 1, 1]),
    ("mov sp,7A00h; mov ax,1234h; push ax; mov ax,0; pop bx; push bx; pop ax; SHOW", [0x34]),
    (
        "mov cx,3; .a: mov al,7; SHOW; dec cx; jnz .a; inc cx; jz .a; test al,8; jz .on; SHOW; .on:",
        [7, 7, 7],
    ),
    ("mov word [180h],.handler; mov al,9; sti; int 60h; SHOW; jmp .on; .handler: mov al,4; iret; .on:", [4]),
    (
        "jmp near .on; mov [.x],al; .x: dw 0; .on: mov al,77h; mov [.x],al; mov al,1; mov al,[.x]; SHOW",
        [0x77],
    ),
    ("mov ax,5678h; mov [.x],ax; mov ax,0; mov ax,[.x]; SHOW; jmp .on; .x: dw 0; .on:", [0x78]),
    # A masked division does not stop anybody, and 0/1 is no error.
    (
        "fninit; fldz; fld1; fdivp; fnstsw ax; SHOW; fld1; fldz; fdivp; wait; fnstsw ax; SHOW; fstp st0",
        [0, 4],
    ),
    ("fnstcw [.x]; mov al,[.x]; SHOW; fnstsw [.x]; mov al,[.x]; SHOW; jmp .on; .x: dw 0; .on:", [0x7F, 4]),
)
"""What each sends; SHOW sends AL."""


def test_the_instructions_do_what_they_do(tool):
    tool("nasm")
    lines, expected = ["mov dx,3F8h"], []
    for number, (program, sent) in enumerate(PROGRAMS):
        lines += [f"p{number}:", *program.replace("SHOW", "out dx,al").split(";")]
        expected += sent
    run = run_computer(Parameters("P6"), machine_code(*lines, "cli", "hlt"))
    assert [*run.sent] == expected
    with pytest.raises(ValueError, match="no such opcode at 7C01h"):
        run_computer(Parameters("P6"), machine_code("nop", "aaa"))
    with pytest.raises(ValueError, match="does not end within 300 cycles"):
        run_computer(Parameters("P6"), machine_code("jmp $"), limit=300)
    with pytest.raises(ValueError, match="the program has 1025 bytes: at most 1024 fit"):
        Computer(Parameters("P6"), bytes(1025))


@pytest.mark.parametrize("one", Generation)
@pytest.mark.parametrize("preset", ["qemu", "bochs"])
def test_the_same_bytes_end_in_the_same_registers_in_an_emulator(preset, one, tool, tmp_path):
    """But for one: both let WAIT complete, and return behind it."""
    for name in ("nasm", {"qemu": "qemu-system-x86_64"}.get(preset, preset)):
        tool(name)
    emulator = PRESETS[preset]()
    if re.match(r"QEMU [1-9]\.", emulator.name):
        pytest.skip(f"{emulator.name} aborts where IRQ 13 rises; 10.0 does not")
    image, log = tmp_path / "floppy.img", tmp_path / "com1"
    image.write_bytes(boot_sector().ljust(1_474_560, b"\0"))
    command = emulator.command(image, log, one)
    quiet = {name: subprocess.DEVNULL for name in ("stdin", "stdout", "stderr")}
    environment = os.environ | {"TERM": "xterm"}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, **quiet) as process:
        end = time.monotonic() + 30
        while time.monotonic() < end and not (log.exists() and log.stat().st_size >= len(SENT)):
            time.sleep(0.05)
        process.kill()
    sent = log.read_bytes()
    assert sent[:-2] == SENT[:-2]
    assert int.from_bytes(sent[-2:], "little") == int.from_bytes(SENT[-2:], "little") + 1


def test_the_result_is_on_the_uart_and_again_after_the_button(tool):
    tool("nasm")
    divisor = 4
    design = ComputerDesign(Parameters("AMD64"), boot_sector(), clock=divisor * 115_200)
    received = []

    async def host(ctx):
        for _ in range(2 * len(SENT)):
            for _ in range(10_000):
                if not ctx.get(design.tx):
                    break
                await ctx.tick()
            await ctx.tick().repeat(divisor + divisor // 2)
            byte = 0
            for bit in range(8):
                byte |= ctx.get(design.tx) << bit
                await ctx.tick().repeat(divisor)
            received.append(byte)
            if len(received) == len(SENT):
                ctx.set(design.button, 1)
                await ctx.tick().repeat(40)
                ctx.set(design.button, 0)

    simulator = Simulator(design)
    simulator.add_clock(1e-6)
    simulator.add_testbench(host)
    simulator.run()
    assert bytes(received) == SENT * 2
