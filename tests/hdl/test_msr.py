"""HWCR and the IGNNE MSR: access rules in both reserved-bit modes, on HDL and model."""

from contextlib import nullcontext

import pytest
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st
from irq13 import hdl
from irq13.model import Hwcr, Msr, Parameters
from irq13.model.msr import MsrFile, MsrRequest, violation
from irq13.sim import GeneralProtection, Simulation
from support.driven_pc import IDLE, RESET, DrivenPc, rdmsr, wrmsr

MODES = ["manual", "silicon"]


def may_write(mode, address, value):
    """The table of APM2 15.30 and of the masks recorded from silicon."""
    if address == Msr.HWCR:
        return mode == "silicon" or not value & ~0x180
    return not value & (0xFFFF_FFFE if mode == "silicon" else ~1)


LAYOUTS = {
    # Kind of each bit that is not reserved: w is written and read back, s set-only, l as w until SmmLock,
    # f keeps its reset value, 1 reads 1, g is #GP whatever the mode. Then the reset value.
    "minimal": ({"w": [7, 8]}, 0),
    "k8": (
        {"s": [0], "w": [*range(1, 5), *range(6, 20), 30, 31], "f": [5, *range(20, 30), *range(32, 64)]},
        0x0200_0020,
    ),
    "zen": (
        {
            "s": [0, 27],
            "w": [3, 7, 8, 9, 10, 17, 18, 20, 21, 25, 26, 30, 34, 35],
            "l": [13, 14],
            "f": [24],
            "1": [4],
            "g": [33],
        },
        0x0100_0010,
    ),
}


def expected(layout, mode, old, value):
    """HWCR after a write, or None for #GP(0)."""
    kinds = {bit: kind for kind, bits in LAYOUTS[layout][0].items() for bit in bits}
    new = 0
    for bit in range(64):
        was, wanted, kind = old >> bit & 1, value >> bit & 1, kinds.get(bit, "r")
        if (kind == "g" and wanted) or (mode == "manual" and (kind, wanted) in (("r", 1), ("1", 0))):
            return None
        new |= {"w": wanted, "s": was | wanted, "l": was if old & 1 else wanted}.get(kind, was) << bit
    return new


def hwcr_cases(layout, mode):
    """Every bit written 0 and 1, from reset and from all ones that can be had: set-up, value, outcome."""
    reset = LAYOUTS[layout][1]
    ones = sum(1 << bit for kind, bits in LAYOUTS[layout][0].items() if kind in "wsl1f" for bit in bits)
    for first, old in ((None, reset), (ones, expected(layout, mode, reset, ones))):
        for bit in range(64):
            for value in (old | 1 << bit, old & ~(1 << bit)):
                yield first, value, old, expected(layout, mode, old, value)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_single_bit_of_hwcr(layout, mode):
    """On the HDL, and on the model and its rule in words, against the table above."""
    parameters = Parameters("AMD64", hwcr=layout, reserved_bits=mode)
    dut, results = hdl.MsrFile(parameters), []
    request, response = dut.msr.request, dut.msr.response

    async def access(ctx, write, value=0):
        ctx.set(request.payload, {"write": write, "address": Msr.HWCR, "data": value, "cpl": 0})
        await ctx.tick()
        return ctx.get(response.payload.fault), ctx.get(response.payload.data)

    async def bench(ctx):
        ctx.set(request.valid, 1)
        ctx.set(response.ready, 1)
        for first, value, _, _ in hwcr_cases(layout, mode):
            ctx.set(dut.reset, 1)
            await ctx.tick()
            ctx.set(dut.reset, 0)
            if first is not None:
                await access(ctx, 1, first)
            fault, data = await access(ctx, 1, value)
            assert data == 0
            results.append(
                (fault, await access(ctx, 0), ctx.get(dut.ignne_em), ctx.get(dut.allow_ferr_on_ne))
            )

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    for (first, value, old, new), seen in zip(hwcr_cases(layout, mode), results, strict=True):
        kept = old if new is None else new
        allows = layout == "k8" or kept >> 7 & 1
        assert seen == (new is None, (False, kept), kept >> 8 & 1, allows), f"{value:x} over {old:x}"
        file = MsrFile(parameters)
        for data in (first, value):
            if data is not None:
                file.clock(MsrRequest(Msr.HWCR, True, data), True)
        assert (file.response.fault, file.hwcr) == (new is None, kept)
        assert (Hwcr.IGNNE_EM in file.in_effect, Hwcr.ALLOW_FERR_ON_NE in file.in_effect) == seen[2:]
        file.clock(MsrRequest(Msr.HWCR), True)
        assert file.response == (False, kept)


@pytest.mark.parametrize("mode", MODES)
def test_every_single_bit_of_ignne(on, mode):
    dut = DrivenPc(on, "AMD64", reserved_bits=mode)
    for bit in range(64):
        dut.run(wrmsr(Msr.IGNNE, 1), IDLE)
        out = dut.run(wrmsr(Msr.IGNNE, 1 << bit), IDLE)
        legal = may_write(mode, Msr.IGNNE, 1 << bit)
        assert out[1].msr_response == (not legal, 0), bit
        stored = 1 << bit & 1 if legal else 1
        assert dut.run(rdmsr(Msr.IGNNE), IDLE)[1].msr_response == (False, stored), bit


@given(
    st.sampled_from(list(LAYOUTS)),
    st.sampled_from(MODES),
    st.lists(st.integers(0, 2**64 - 1), max_size=6),
    st.integers(0, 63),
)
def test_what_software_reads_modifies_and_writes_is_never_refused(layout, mode, values, bit):
    """Whatever was written before, a bit that can be written changes alone."""
    with Simulation("AMD64", on="model", hwcr=layout, reserved_bits=mode) as sim:
        for value in values:
            before = sim.msr["HWCR"]
            after = expected(layout, mode, before, value)
            with nullcontext() if after is not None else pytest.raises(GeneralProtection, match="HWCR bit"):
                sim.msr["HWCR"] = value
            assert sim.msr["HWCR"] == (before if after is None else after)
        old = sim.msr["HWCR"]
        sim.msr["HWCR"] = old
        assert sim.msr["HWCR"] == old
        if bit in LAYOUTS[layout][0]["w"]:
            sim.msr["HWCR"] = old ^ 1 << bit
            assert sim.msr["HWCR"] == old ^ 1 << bit


def test_zen_says_what_is_wrong_with_a_write():
    with Simulation("AMD64", on="model", hwcr="zen") as sim:
        for value, rule in (
            (0x100, r"HWCR bit 4 \(INVDWBINVD\) reads 1 and must be written as 1: read, modify, write"),
            (0x1000030, "HWCR bit 5 is reserved"),
            (0x8000_0000_1000_0030, "HWCR bits 5, 28, 63 are reserved"),
            (0x2_0100_0010, r"HWCR bit 33 \(SmmPgCfgLock\) can be set in SMM only"),
        ):
            with pytest.raises(GeneralProtection, match=f"{rule}$"):
                sim.msr["HWCR"] = value
        sim.msr["HWCR"] |= 0x100
        assert sim.msr["HWCR"] == 0x100_0110


@pytest.mark.parametrize(("layout", "asserts"), [("minimal", False), ("k8", True), ("zen", False)])
def test_ferr_under_ne_by_layout(on, layout, asserts):
    """Family 0Fh has no AllowFerrOnNe, and FERR# whatever NE is; a RESET changes nothing about that."""
    with Simulation("AMD64", on=on, hwcr=layout) as sim:
        sim.reset()
        sim.ne = True
        sim.issue("fninit")
        sim.issue("fldcw", masks="none")
        sim.issue("fdiv", raises="ZE")
        sim.step(3)
        assert sim.ferr_n != asserts
        sim.msr["HWCR"] |= 0x80
        sim.step(2)
        assert not sim.ferr_n


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
