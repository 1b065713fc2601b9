"""The commands for hardware: verilog."""

from pathlib import Path

import click

from ..model.registers import Generation

BLOCKS = ("pc", "processor", "reporting", "x87", "msr", "chipset", "pic")


@click.command("verilog")
@click.option("--block", type=click.Choice(BLOCKS), default="pc", show_default=True, help="What to write.")
@click.option(
    "--generation",
    type=click.Choice([generation.value for generation in Generation], case_sensitive=False),
    default=Generation.AMD64.value,
    show_default=True,
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=".", help="The folder.")
def verilog_command(block: str, generation: str, out: Path) -> None:
    """Write a block as Verilog-2001, with a FuseSoC core file and templates in Verilog and VHDL.

    \b
    Example:
      irq13 verilog --out rtl
      irq13 verilog --block chipset --generation I486 --out rtl
    """
    from ..model.registers import Parameters
    from .verilog import export, write

    exported = export(block, Parameters(Generation(generation)))
    out.mkdir(parents=True, exist_ok=True)
    for path in write(exported, out):
        click.echo(path)
