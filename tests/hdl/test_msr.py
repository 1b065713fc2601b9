"""HWCR and the IGNNE MSR: access rules in both reserved-bit modes, on HDL and model."""

import pytest
from driven_pc import IDLE, RESET, DrivenPc, rdmsr, wrmsr
from hypothesis import given, settings
from hypothesis import strategies as st
from irq13.model import Hwcr, Msr, Parameters
from irq13.model.msr import MsrFile, MsrRequest, violation
from irq13.sim import GeneralProtection, Simulation

MODES = ["manual", "silicon"]


def may_write(mode, address, value):
    """The table of APM2 15.30 and of the masks recorded from silicon."""
    if address == Msr.HWCR:
        return mode == "silicon" or not value & ~0x180
    return not value & (0xFFFF_FFFE if mode == "silicon" else ~1)


@pytest.mark.parametrize("mode", MODES)
def test_every_single_bit_of_both_msrs(on, mode):
    dut = DrivenPc(on, "AMD64", reserved_bits=mode)
    for address in Msr:
        for bit in range(64):
            kept = 0x80 if address == Msr.HWCR else 1
            dut.run(wrmsr(address, kept), IDLE)
            out = dut.run(wrmsr(address, 1 << bit), IDLE)
            legal = may_write(mode, address, 1 << bit)
            assert out[1].msr_response == (not legal, 0), (address, bit)
            stored = 1 << bit & (0x180 if address == Msr.HWCR else 1) if legal else kept
            assert dut.run(rdmsr(address), IDLE)[1].msr_response == (False, stored), (address, bit)


@given(st.integers(0, 2**64 - 1), st.sampled_from(list(Msr)), st.sampled_from(MODES), st.integers(0, 3))
def test_a_faulting_write_changes_nothing_and_a_legal_one_only_its_msr(value, address, mode, cpl):
    parameters = Parameters("AMD64", reserved_bits=mode)
    file = MsrFile(parameters)
    file.hwcr, file.ignne = Hwcr.ALLOW_FERR_ON_NE, True
    request = MsrRequest(address, True, value, cpl)
    file.clock(request, True)
    faults = violation(request, parameters) is not None
    assert faults == (cpl != 0 or not may_write(mode, address, value))
    assert file.response.fault == faults
    written = {Msr.HWCR: (Hwcr(value & 0x180), True), Msr.IGNNE: (Hwcr(0x80), bool(value & 1))}
    assert (file.hwcr, file.ignne) == ((Hwcr(0x80), True) if faults else written[address])


@pytest.mark.parametrize("address", [0, Msr.HWCR ^ 1, Msr.IGNNE - 1, Msr.IGNNE + 1, 0x15, 0xFFFF_FFFF])
def test_any_other_msr_is_gp_on_read_and_write(pc, address):
    dut = pc("AMD64")
    for access in (rdmsr(address), wrmsr(address, 0)):
        assert dut.run(access, IDLE)[1].msr_response.fault


@pytest.mark.parametrize("generation", ["I486", "P6"])
@pytest.mark.parametrize("mode", MODES)
def test_the_msrs_exist_on_amd64_only(pc, generation, mode):
    dut = pc(generation, reserved_bits=mode)
    for address in Msr:
        for access in (rdmsr(address), wrmsr(address, 0)):
            assert dut.run(access, IDLE)[1].msr_response.fault


@pytest.mark.parametrize("cpl", [1, 2, 3])
def test_cpl_other_than_0_is_gp(pc, cpl):
    dut = pc("AMD64")
    for access in (rdmsr(Msr.IGNNE, cpl), wrmsr(Msr.IGNNE, 1, cpl)):
        assert dut.run(access, IDLE)[1].msr_response.fault
    assert dut.run(rdmsr(Msr.IGNNE), IDLE)[1].msr_response == (False, 0)


def test_ignne_is_stored_while_ignne_em_is_0_and_has_no_effect(pc):
    dut = pc("AMD64")
    out = dut.run(wrmsr(Msr.IGNNE, 1), *[IDLE] * 4)
    assert out.ignne_msr == "01111"
    assert out.ignne == "00000"


@pytest.mark.parametrize("msr_bit", [0, 1])
def test_with_ignne_em_the_pin_has_no_influence_both_ways(pc, msr_bit):
    dut = pc("AMD64")
    dut.run(wrmsr(Msr.HWCR, 0x100), IDLE, wrmsr(Msr.IGNNE, msr_bit), IDLE)
    low = IDLE._replace(ignne_n=False)
    assert dut.run(*[low] * 5, *[IDLE] * 5).ignne == str(msr_bit) * 10


def test_reset_clears_both(pc):
    dut = pc("AMD64")
    dut.run(wrmsr(Msr.HWCR, 0x180), IDLE, wrmsr(Msr.IGNNE, 1), IDLE, RESET)
    assert dut.run(rdmsr(Msr.HWCR), IDLE)[1].msr_response == (False, 0)
    assert dut.run(rdmsr(Msr.IGNNE), IDLE)[1].msr_response == (False, 0)


def test_a_response_waits_until_it_is_taken_and_holds_the_next_request(pc):
    dut = pc("AMD64")
    held = IDLE._replace(msr_response_ready=False)
    dut.run(wrmsr(Msr.HWCR, 0x80))
    out = dut.run(wrmsr(Msr.IGNNE, 1)._replace(msr_response_ready=False), held, held, IDLE, IDLE)
    assert out.msr_ready == "00011"
    assert [o.msr_response is not None for o in out] == [True, True, True, True, False]
    assert out.ignne_msr == "00000"


class TestRegisters:
    """`Simulation.msr`, as a person would use it."""

    @pytest.fixture
    def sim(self, on):
        with Simulation(generation="AMD64", on=on) as sim:
            yield sim

    def test_write_and_read_by_number_and_name(self, sim):
        sim.msr[0xC001_0015] = 0x100
        sim.msr["IGNNE"] = 1
        assert sim.ignne
        assert (sim.msr["HWCR"], sim.msr[0xC001_0115], sim.msr["hwcr"]) == (0x100, 1, 0x100)

    def test_a_fault_names_msr_value_and_rule_and_nothing_is_written(self, sim):
        with pytest.raises(GeneralProtection, match="IGNNE bits 63:1 must be zero") as caught:
            sim.msr["IGNNE"] = 0x3
        assert (caught.value.msr, caught.value.value) == (0xC001_0115, 3)
        assert "IGNNE (C0010115h) := 3h" in str(caught.value)
        assert sim.msr["IGNNE"] == 0

    @pytest.mark.parametrize(
        ("address", "value", "rule"),
        [
            ("HWCR", 1, "HWCR bits other than 7 and 8 are reserved"),
            (0x10, 0, "there is no such MSR"),
        ],
    )
    def test_rules(self, sim, address, value, rule):
        with pytest.raises(GeneralProtection, match=rule):
            sim.msr[address] = value

    def test_privilege(self, sim):
        with pytest.raises(GeneralProtection, match="RDMSR needs CPL 0, not 3"):
            sim.msr.read("HWCR", cpl=3)

    @pytest.mark.parametrize("value", [-1, 1 << 64, 1.5, "1", None, True])
    def test_a_value_that_is_not_64_bits_never_reaches_the_bus(self, sim, value):
        before = sim.cycle
        with pytest.raises(ValueError, match=r"2\^64|64 bits"):
            sim.msr["IGNNE"] = value
        assert sim.cycle == before

    @pytest.mark.parametrize("address", [-1, 1 << 32, "FOO", "", None])
    def test_an_address_that_is_none_never_reaches_the_bus(self, sim, address):
        before = sim.cycle
        with pytest.raises(ValueError, match=r"2\^32|32 bits|expected an MSR"):
            sim.msr[address]
        assert sim.cycle == before


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(list(Msr)), st.integers(0, 2**64 - 1)), max_size=8))
def test_silicon_mode_ignores_and_manual_mode_faults(accesses):
    for mode in MODES:
        with Simulation("AMD64", on="model", reserved_bits=mode) as sim:
            for address, value in accesses:
                before = sim.msr["HWCR"], sim.msr["IGNNE"]
                try:
                    sim.msr[address] = value
                except GeneralProtection:
                    assert not may_write(mode, address, value)
                    assert (sim.msr["HWCR"], sim.msr["IGNNE"]) == before
                else:
                    assert may_write(mode, address, value)
                    assert sim.msr[address] == value & (0x180 if address == Msr.HWCR else 1)
