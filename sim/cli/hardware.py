"""The commands for hardware: verilog, size, build, prove, mutate."""

from pathlib import Path
from typing import Any

import click

from ...model.older import OlderMachine
from ...model.registers import Generation, Parameters
from ..hardware.bitstream import BOARDS, build_bitstream, prepare_build
from ..hardware.mutate import mutate
from ..hardware.older_verilog import export_older
from ..hardware.parameters import BLOCK_NAMES, OLDER_BLOCK_NAMES, GivenParameters
from ..hardware.prove import prove, selected
from ..hardware.size import FAMILIES, size_of
from ..hardware.verilog import export, write_verilog
from ..support.suggest import nearest
from .console import stderr_status
from .fail import fail
from .options import generation_option, parameter_option

_OLDER_MACHINES = click.Choice([one.value for one in OlderMachine], case_sensitive=False)
GENERATION_OPTION = generation_option(default=Generation.AMD64.value, show_default=True)


@click.command("verilog")
@click.option(
    "--block",
    type=click.Choice(list(dict.fromkeys([*BLOCK_NAMES, *OLDER_BLOCK_NAMES]))),
    default="pc",
    show_default=True,
    help="What to write.",
)
@GENERATION_OPTION
@click.option(
    "--machine",
    type=_OLDER_MACHINES,
    help="A PC before the 486, with blocks pc, npx, waits, at_latch, xt_nmi, in place of a generation.",
)
@parameter_option("nowait_window=7, port_emulation=1, hwcr=zen, irq13_from=error", of_all_times=True)
@click.option(
    "--language",
    type=click.Choice(["verilog", "systemverilog", "vhdl"]),
    default="verilog",
    show_default=True,
    help="Of your design: systemverilog adds a package and an interface, vhdl a package.",
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=".", help="The folder.")
@click.option("--force", is_flag=True, help="Replace files that are there already and differ.")
def verilog_command(
    block: str,
    generation: str,
    machine: str | None,
    parameters: GivenParameters,
    language: str,
    out: Path,
    force: bool,
) -> None:
    """Write a block as Verilog-2001, with a FuseSoC core file and templates in Verilog and VHDL.

    The module and its files are called after the block, the generation and every parameter that is not at its
    default: irq13_pc_amd64, irq13_reporting_i486_nowait_window_7.

    \b
    Example:
      irq13 verilog --out rtl
      irq13 verilog --block reporting --generation I486 --parameter nowait_window=7 --out rtl
      irq13 verilog --language vhdl --out rtl
      irq13 verilog --machine AT286 --block at_latch --out rtl
      irq13 verilog --machine PC98 --parameter cpu=8086 --out rtl
    """
    design = parameters.on(OlderMachine(machine) if machine else Generation(generation))
    if isinstance(design, Parameters):
        exported = export(block, design, language)
    else:
        exported = export_older(block, design, language)
    out.mkdir(parents=True, exist_ok=True)
    for path in write_verilog(exported, out, force=force):
        click.echo(path)


@click.command("size")
@click.argument("blocks", nargs=-1, metavar="[BLOCK]...")
@generation_option(help="Only this one.")
@parameter_option("nowait_window=16, hwcr=zen")
def size_command(blocks: tuple[str, ...], generation: str | None, parameters: dict[str, Any]) -> None:
    """LUTs and flip-flops of each BLOCK, by default of all, on an iCE40 and an ECP5.

    By Yosys's synthesis of the block alone, without pins, place and route; needs pip install 'irq13[fpga]'.

    \b
    Example:
      irq13 size chipset pic
      irq13 size reporting --generation I486 --parameter nowait_window=16
    """
    for block in blocks:
        if block not in BLOCK_NAMES:
            known = f"expected one of {', '.join(BLOCK_NAMES)}"
            raise click.BadParameter(f"no block {block!r}{nearest(block, BLOCK_NAMES)}: {known}")
    click.echo(f"{'block':<10} {'on':<6}" + "".join(f"  {family} LUTs  flip-flops" for family in FAMILIES))
    for block in blocks or BLOCK_NAMES:
        for one in [Generation(generation)] if generation else list(Generation):
            sizes = [size_of(block, Parameters(one, **parameters), family) for family in FAMILIES]
            numbers = "".join(
                f"  {size.luts:>{len(family) + 5}}  {size.flip_flops:>10}"
                for family, size in zip(FAMILIES, sizes, strict=True)
            )
            click.echo(f"{block:<10} {one.value:<6}{numbers}")


@click.command("build")
@click.argument("board")
@GENERATION_OPTION
@parameter_option("nowait_window=7, fpu_irq=8")
@click.option(
    "--design",
    type=click.Choice(["pc", "machine"]),
    default="pc",
    show_default=True,
    help="The PC with a line to a host, or a computer with a CPU that runs a DOS handler (needs nasm).",
)
@click.option("--clock", type=click.FloatRange(1, 1000), help="MHz to hold timing to, if not the board's.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="The folder; by default build-BOARD."
)
@click.option("--plan", "plan_only", is_flag=True, help="Write the build plan only, for tools elsewhere.")
def build_command(
    board: str,
    generation: str,
    parameters: dict[str, Any],
    design: str,
    clock: float | None,
    out: Path | None,
    plan_only: bool,
) -> None:
    """Build the bitstream of BOARD: icebreaker, hx8k, ulx3s, colorlight; arty with --plan.

    Needs pip install 'irq13[fpga]' and nothing else. Prints LUTs, flip-flops and Fmax; exit status 1 if the
    design is slower than its clock. A host knows a board's parameters only if they are at their defaults.

    \b
    Example:
      irq13 build icebreaker
      irq13 build icebreaker --generation I486 --parameter nowait_window=7
      irq13 build ulx3s --design machine
      irq13 build arty --plan --out arty
    """
    plan = prepare_build(board, Parameters(Generation(generation), **parameters), clock, design)
    spec = BOARDS[board]
    folder = out or Path(f"build-{board}")
    if plan_only or spec.bitstream is None:
        if not plan_only:
            fail(f"{spec.title}: its tools are the vendor's; --plan writes the plan", 2)
        folder.mkdir(parents=True, exist_ok=True)
        plan.extract(folder)
        click.echo(f"{folder}: sh build_irq13.sh builds it there")
        return
    folder.mkdir(parents=True, exist_ok=True)
    with stderr_status(spec.title) as status:
        report = build_bitstream(
            plan, spec, folder, clock, lambda step: status.update(f"{spec.title}: {step}")
        )
    click.echo(f"{spec.title}, {generation}: {report.luts} LUTs, {report.flip_flops} flip-flops")
    click.echo(f"Fmax {report.fmax:.1f} MHz, requested {report.requested:.1f} MHz")
    click.echo(report.bitstream)
    if not report.in_time:
        fail("the design is slower than its clock", 1)


@click.command("prove")
@click.argument("names", nargs=-1, metavar="[PROPERTY]...")
@generation_option(help="Only this one.")
@parameter_option("nowait_window=7, port_emulation=1")
def prove_command(names: tuple[str, ...], generation: str | None, parameters: dict[str, Any]) -> None:
    """Prove the design's properties for all inputs and all time, and reach each state that it should reach.

    By k-induction with Yosys's own solver; needs pip install 'irq13[formal]'. Exit status 1 if one fails.
    With --parameter of the generations alone, since no machine before the 486 has any of these.

    \b
    Example:
      irq13 prove
      irq13 prove ignne-em never-lost --generation AMD64
      irq13 prove non-waiting --generation I486 --parameter nowait_window=7
    """
    chosen = selected(names)
    machines = [Generation(generation)] if generation else [*Generation, *OlderMachine]
    width = max(len(prop.name) for prop in chosen)
    failed = count = 0
    for one in prove(chosen, machines, parameters):
        if not count:
            click.echo(f"{'property':<{width}}  {'on':<13}  {'':<7}  depth  seconds")
        word = ("reached" if one.prop.is_cover else "proved") if one.holds else "FAILS"
        says = "" if one.prop.is_cover else f"  {one.prop.says}"
        numbers = f"{one.depth:>5}  {one.seconds:>7.1f}"
        on = one.machine.value
        if len(one.prop.layouts) > 1 and isinstance(one.parameters, Parameters):
            on += f" {one.parameters.hwcr.value}"
        click.echo(f"{one.prop.name:<{width}}  {on:<13}  {word:<7}  {numbers}{says}")
        count += 1
        failed += not one.holds
    if not count:
        where = f"of {generation}" if generation else "with --parameter"
        fail(f"nothing is proved {where} by these properties: {', '.join(names)}", 2)
    click.echo(f"\n{count - failed} of {count} hold")
    if failed:
        raise SystemExit(1)


@click.command("mutate")
@generation_option(help="AMD64 without --machine.")
@click.option("--machine", type=_OLDER_MACHINES, help="A PC before the 486, in place of a generation.")
@parameter_option("hwcr=zen, irq13_from=error", of_all_times=True)
@click.option("--count", type=click.IntRange(1), default=200, show_default=True, help="Mutants, at most.")
@click.option("--cycles", type=click.IntRange(1), default=20_000, show_default=True, help="Of stimulus.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Chooses both.")
@click.option("--source", default="", metavar="TEXT", help="Only points of files with this in their path.")
def mutate_command(
    generation: str | None,
    machine: str | None,
    parameters: GivenParameters,
    count: int,
    cycles: int,
    seed: int,
    source: str,
) -> None:
    """Break the netlist at COUNT points, one at a time, and see whether the lockstep stimulus notices.

    For a mutant that survives it ABC finds inputs that show it, which are run too, or proves that it behaves
    as the design does; what is neither is listed, and the exit status is 1. There are some 25,000 points
    (13,000 of an XT8087): a count above that takes all of them, and over an hour; Ctrl-C ends it with what is
    known by then. Needs pip install 'irq13[mutate]', g++, make, perl and berkeley-abc.

    \b
    Example:
      irq13 mutate --generation I486 --count 2000
      irq13 mutate --machine XT8087 --source hdl/older --count 100000
    """
    if generation and machine:
        raise click.UsageError("--machine stands alone: without --generation")
    design = parameters.on(OlderMachine(machine) if machine else Generation(generation or Generation.AMD64))
    noticed: list[int] = []
    found: list[int] = []
    equivalent = survivors = 0
    try:
        with stderr_status("mutating") as status:
            for one in mutate(design, count, cycles, seed, status.update, source):
                if one.killed_in is not None:
                    (found if one.searched else noticed).append(one.killed_in)
                elif one.equivalent:
                    equivalent += 1
                else:
                    survivors += 1
                    click.echo(f"survives: {one.mutant.text}")
    finally:
        # All mutants take over an hour: what is known by then is said when a run is stopped, too.
        if noticed or found or equivalent or survivors:
            click.echo(
                f"{len(noticed)} mutants killed by the stimulus, the last one in cycle "
                f"{max(noticed, default=0)}; {len(found)} by inputs that ABC found, of up to "
                f"{max(found, default=0) + 1} cycles; {equivalent} proved equivalent, {survivors} survive"
            )
    if survivors:
        raise SystemExit(1)
