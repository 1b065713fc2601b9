"""The chipset's enable bit by the name of its part, and the diagnosis that speaks of it."""

import pytest
from irq13.model import Generation, PcInputs, SouthBridge
from irq13.model.registers import Parameters
from irq13.sim import Simulation
from irq13.sim.machines.machine import MACHINES
from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import parse_scenario
from irq13.sim.support.toml_source import Source

PROGRAM = """
program = '''
  bios
  sti
  {before}
  fldcw masks=none
  fdiv raises=ZE
check: fwait
'''
expect = "check is stuck: circuit-disabled"
[parameters]
chipset = "{chipset}"
"""
BITS = {
    "PIIX": "XBCS bit 5",
    "PIIX3": "XBCS bit 5",
    "PIIX4": "XBCS bit 5",
    "82378ZB": "configuration 4Dh bit 5",
    **dict.fromkeys(("ICH", "ICH2", "ICH3", "ICH4", "ICH5"), "GEN_CNTL bit 13"),
    **dict.fromkeys(("ICH6", "PCH"), "OIC bit 9"),
}


def stuck(chipset, before="nop", on="model"):
    text = PROGRAM.format(chipset=chipset, before=before)
    result = run_scenario(parse_scenario(Source("x", text), "x"), Generation.AMD64, on)
    assert result.passed
    return result.diagnosis.text


def test_every_part_has_its_words():
    assert {part.value for part in SouthBridge} - {"none"} == set(BITS)
    for chipset, bit in BITS.items():
        text = stuck(chipset)
        assert f"{chipset} {bit} is 0: the BIOS has not enabled FERR#\n" in text
        assert f"release it: {chipset} {bit} := 1, IGNNE#" in text


def test_a_program_that_clears_it_is_named():
    text = stuck("PIIX4", "mov ferr_enable 1\n mov ferr_enable 0", "lockstep")
    assert "PIIX4 XBCS bit 5 is 0: the program has cleared it" in text
    assert "circuit is disabled\n" in stuck("none", "mov ferr_enable 0")


@pytest.mark.parametrize("on", ["model", "hdl"])
@pytest.mark.parametrize("chipset", ["none", "ICH4"])
def test_reset_puts_it_back(on, chipset):
    with Simulation("P6", on=on, chipset=chipset) as sim:
        assert sim.ferr_enable == (chipset == "none")
        sim.ferr_enable = 1
        assert sim.ferr_enable
        sim.reset()
        assert sim.ferr_enable == (chipset == "none")
        assert sim.inp(0xF0) == 0xFF


def test_one_that_there_is_not():
    with pytest.raises(ValueError, match=r"chipset must be one of none, PIIX, .*, not 'nForce'"):
        Parameters(chipset="nForce")
    assert not MACHINES["model"](Parameters(chipset="PCH")).settle(PcInputs()).ferr_enable
