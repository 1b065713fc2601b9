"""The processor of `lanes`: error state, reporting and MSRs, one bit at a time for many of them."""

from collections.abc import Mapping

from ..registers import (
    CONTROL_FNINIT,
    VMEXIT_FERR_FREEZE,
    Generation,
    HwcrLayout,
    Msr,
    Operation,
    Parameters,
    ReservedBits,
)
from ..reporting import IMMEDIATE
from ..x87 import LOADS_IMAGE, NON_WAITING
from .bits import Bit, Logic, Word
from .hwcr import MASKS, after_write, faults, held_bits, readable_bits


class ProcessorCycle:
    """The processor's part of one cycle, section by section.

    Parameters
    ----------
    parameters : Parameters
        The same in all lanes.
    zero : Bit
        The constant 0.
    state : mapping of str to Word
        The registers of `lane_registers`.
    inputs : mapping of str to Word
        By port.
    """

    def __init__(
        self, parameters: Parameters, zero: Bit, state: Mapping[str, Word], inputs: Mapping[str, Word]
    ) -> None:
        self._parameters = parameters
        self._state, self._in = state, inputs
        self._logic = Logic(~zero)
        self._zero, self._one = self._logic.zero, self._logic.one
        self._generation = parameters.generation
        self._after: dict[str, Word] = {}
        self._out: dict[str, Word] = {}
        code = inputs["op_code"]
        self._code = {operation: self._logic.equal(code, operation) for operation in Operation}

    def _one_bit(self, name: str) -> Bit:
        (bit,) = self._state[name]
        return bit

    def _input(self, name: str) -> Bit:
        (bit,) = self._in[name]
        return bit

    # IGNNE in effect (APM2 15.30.2)

    def _select_ignne(self) -> None:
        ferr = self._one_bit("ferr")
        # FF2 is held clear while FERR# is high: its output is gated in the same cycle (SDM1 figure D-1).
        chipset = ~(self._one_bit("ff2") & ferr)
        wire = chipset & self._input("ignne_drive_n")
        stages = self._state["pin"]
        self._after["pin"] = [~wire, *stages[:-1]]
        self._ignne = self._logic.mux(self._one_bit("ignne_em"), self._one_bit("ignne_msr"), stages[-1])
        self._out |= {
            "chipset_ignne_n": [chipset],
            "ignne_n": [wire],
            "ignne": [self._ignne],
            "ferr_n": [~ferr],
        }

    # What a pending exception does (spec of the freeze: SDM1 8.7, SDM3 tables 2-2 and 12-1)

    def _decide(self) -> None:
        code, out = self._code, self._out
        mp, em, ts, ne = (self._input(f"cr0_{bit}") for bit in ("mp", "em", "ts", "ne"))
        flags, masks = self._state["flags"], self._state["masks"]
        self._pending = [flag & ~mask for flag, mask in zip(flags[:6], masks, strict=True)]
        self._es = self._logic.any(self._pending)
        there = self._input("op_valid")
        wait, mmx = code[Operation.FWAIT], code[Operation.MMX]
        extended = code[Operation.XSAVE] | code[Operation.XRSTOR]
        x87 = ~(wait | mmx | extended)
        lacks = self._logic.any(code[one] for one in self._lacking())
        unavailable = (wait & mp & ts) | (mmx & ts & ~em) | (x87 & (em | ts)) | (extended & ts)
        unavailable = unavailable & ~lacks
        undefined = lacks | (~unavailable & (code[Operation.UNDEFINED] | (mmx & em)))
        self._checks = ~self._logic.any(code[one] for one in sorted(NON_WAITING))
        alive = there & ~unavailable & ~undefined
        held = alive & self._checks & self._es
        stopped = held & ~ne & ~self._ignne
        exits = self._zero
        if self._generation is Generation.AMD64:
            exits = stopped & self._input("guest_mode") & self._input("intercept_ferr_freeze")
        self._passes = alive & ~self._checks
        self._window_open = self._window_now(ne)
        self._freeze = stopped & ~exits
        self._mf = held & ne
        self._ready = alive & ~self._mf & ~stopped & ~self._window_open
        out |= {
            "op_ready": [self._ready],
            "op_freeze": [self._freeze],
            "op_window": [self._window_open],
            "op_mf": [self._mf],
            "op_nm": [there & unavailable],
            "op_ud": [there & undefined],
            "op_vmexit": [exits],
            "exit_code": [exits & bit for bit in self._logic.constant(VMEXIT_FERR_FREEZE, 8)],
            "flags": flags,
            "masks": masks,
            "es": [self._es],
        }

    def _lacking(self) -> set[Operation]:
        """Opcodes of the 0F page that the generation lacks: #UD before CR0 is looked at (SDM2)."""
        lacking = {
            Generation.I486: {Operation.MMX, Operation.FXSAVE, Operation.FXRSTOR},
            Generation.P6: set(),
            Generation.AMD64: set(),
        }[self._generation]
        if self._generation is not Generation.AMD64:
            lacking |= {Operation.XSAVE, Operation.XRSTOR}
        return lacking - {Operation.MMX} if self._parameters.mmx else lacking

    def _gated(self, ne: Bit) -> Bit:
        """IGNNE keeps FERR# from asserting: on Intel, while NE = 0 (SDM1 D.2.1.1)."""
        return self._zero if self._generation is Generation.AMD64 else self._ignne & ~ne

    def _window_now(self, ne: Bit) -> Bit:
        """The interrupt window of a no-wait instruction is open (SDM1 D.2.1.3, figure D-3)."""
        if self._generation is not Generation.I486:
            return self._zero
        age = self._state["window"]
        closed = self._logic.equal(age, 0)
        over = self._logic.equal(age, self._parameters.nowait_window)
        waiting_to_be_told = self._es & ~self._one_bit("ferr") & ~self._gated(ne)
        deferred = ~self._logic.any(self._state["immediate"])
        opens = closed & waiting_to_be_told & deferred
        return self._passes & (opens | (~closed & ~over))

    # What an instruction does to flags and masks (SDM1 8.1.3, 8.3.11)

    def _execute(self) -> None:
        code, ready = self._code, self._ready
        flags, masks = self._state["flags"], self._state["masks"]
        raises = [bit & code[Operation.ARITHMETIC] for bit in self._in["op_raises"]]
        # A stack fault is an invalid operation.
        self._raised = [raises[0] | raises[6], *raises[1:]]
        image = self._logic.any(code[one] for one in LOADS_IMAGE)
        fresh = code[Operation.FNINIT] | code[Operation.FNSAVE]
        wiped = fresh | code[Operation.FNCLEX]
        new_flags = [
            (image & loaded) | (~image & ~wiped & (flag | raised))
            for flag, raised, loaded in zip(flags, self._raised, self._in["op_status"][:7], strict=True)
        ]
        loads_masks = image | code[Operation.FLDCW]
        all_masked = fresh | code[Operation.FNSTENV]
        assert CONTROL_FNINIT & 0x3F == 0x3F
        new_masks = [
            (loads_masks & loaded) | (~loads_masks & (mask | all_masked))
            for mask, loaded in zip(masks, self._in["op_control"][:6], strict=True)
        ]
        self._after["flags"] = self._logic.select(ready, new_flags, flags)
        self._after["masks"] = self._logic.select(ready, new_masks, masks)
        self._image = ready & image

    # FERR# (SDM1 D.2.1; APM1 6, table 6-22; PPR AllowFerrOnNe)

    def _report(self) -> None:
        ne = self._input("cr0_ne")
        ferr, es = self._one_bit("ferr"), self._es
        allowed = self._one
        if self._generation is Generation.AMD64:
            allowed = ~ne | self._one_bit("allow_ferr_on_ne")
        due = self._freeze | self._mf
        pulse_over = self._zero
        if self._generation is Generation.I486:
            due = due | self._logic.any(self._state["immediate"])
            pulse_over = (
                self._logic.equal(self._state["window"], self._parameters.nowait_window) & self._passes
            )
            self._remember_kind()
            self._age_window()
        else:
            due = due | es
            self._after["immediate"] = self._state["immediate"]
            self._after["window"] = self._state["window"]
        sets = self._window_open | (due & ~self._gated(ne))
        new = es & allowed & ~pulse_over & (ferr | sets)
        self._after["ferr"] = [new]
        self._ferr_ends = ferr & ~new
        self._ferr = ferr

    def _remember_kind(self) -> None:
        """Which pending exceptions are reported at once.

        What an image or FLDCW brings is deferred (**choice**).
        """
        families = {family: self._logic.equal(self._in["op_family"], family) for family in IMMEDIATE}
        pending = [
            flag & ~mask for flag, mask in zip(self._after["flags"][:6], self._after["masks"], strict=True)
        ]
        kinds = []
        for index, old in enumerate(self._state["immediate"]):
            families_now = self._logic.any(
                bit for family, bit in families.items() if IMMEDIATE[family] >> index & 1
            )
            new = self._ready & self._raised[index] & families_now
            kinds.append((old | new) & ~self._image & pending[index])
        self._after["immediate"] = kinds

    def _age_window(self) -> None:
        carry, older = self._one, []
        for bit in self._state["window"]:
            older.append((bit ^ carry) & self._window_open)
            carry = carry & bit
        self._after["window"] = older

    # HWCR and IGNNE (APM2 15.30, PPR MSRC001_0015)

    def _access_msrs(self) -> None:
        state, out = self._state, self._out
        gone = ~self._one_bit("response_valid") | self._input("msr_response_ready")
        request = self._input("msr_request_valid")
        taken = request & gone
        writes = self._input("msr_request_write")
        hwcr, ignne = (
            self._logic.equal(self._in["msr_request_address"], msr) for msr in (Msr.HWCR, Msr.IGNNE)
        )
        data = self._in["msr_request_data"]
        legal = self._zero
        if self._generation is Generation.AMD64:
            privileged = ~self._logic.any(self._in["msr_request_cpl"])
            wrong = (hwcr & self._wrong_hwcr(data)) | (ignne & self._reserved_ignne(data))
            legal = privileged & (hwcr | ignne) & ~(writes & wrong)
        stores = taken & legal & writes
        reads = taken & legal & ~writes
        allow, em, bit = (self._one_bit(name) for name in ("allow_ferr_on_ne", "ignne_em", "ignne_msr"))
        after = self._after
        answer = self._access_hwcr(stores & hwcr, data, {7: allow, 8: em})
        after["ignne_msr"] = [self._logic.mux(stores & ignne, data[0], self._emulated(bit))]
        after["response_valid"] = [self._logic.mux(gone, request, self._one_bit("response_valid"))]
        after["response_fault"] = [self._logic.mux(gone, ~legal, self._one_bit("response_fault"))]
        read = [reads & hwcr & one for one in answer]
        after["response_hwcr"] = self._logic.select(gone, read, state["response_hwcr"])
        after["response_ignne"] = self._logic.select(gone, [reads & ignne & bit], state["response_ignne"])
        value = [*state["response_ignne"], *[self._zero] * 63]
        for number, one in zip(readable_bits(self._parameters.hwcr), state["response_hwcr"], strict=True):
            value[number] = value[number] | one
        out |= {
            "msr_request_ready": [gone],
            "msr_response_valid": state["response_valid"],
            "msr_response_fault": state["response_fault"],
            "msr_response_data": value,
            "allow_ferr_on_ne": [allow],
            "ignne_em": [em],
            "ignne_msr": [bit],
        }

    def _access_hwcr(self, written: Bit, data: Word, bits: dict[int, Bit]) -> Word:
        """HWCR after this cycle; gives what it reads in this one."""
        layout, held = self._parameters.hwcr, held_bits(self._parameters.hwcr)
        acts = {8: "ignne_em"} if layout is HwcrLayout.K8 else {7: "allow_ferr_on_ne", 8: "ignne_em"}
        if held:
            bits = bits | dict(zip(held, self._state["hwcr_held"], strict=True))
        new = after_write(layout, bits, data)
        for number, name in acts.items():
            self._after[name] = [self._logic.mux(written, new[number], bits[number])]
        if layout is HwcrLayout.K8:
            self._after["allow_ferr_on_ne"] = self._state["allow_ferr_on_ne"]
        if held:
            self._after["hwcr_held"] = [
                self._logic.mux(written, new[number], bits[number]) for number in held
            ]
        ones = MASKS[layout].ones
        return [self._one if ones >> number & 1 else bits[number] for number in readable_bits(layout)]

    def _wrong_hwcr(self, data: Word) -> Bit:
        return faults(self._parameters.hwcr, self._parameters.reserved_bits, data, self._logic.any)

    def _reserved_ignne(self, data: Word) -> Bit:
        high = 32 if self._parameters.reserved_bits is ReservedBits.SILICON else 64
        return self._logic.any(data[1:high])

    def _emulated(self, bit: Bit) -> Bit:
        """With port emulation the processor watches F0h itself (PPR; **choice**: off)."""
        if not self._parameters.port_emulation or self._generation is not Generation.AMD64:
            return bit
        em = self._one_bit("ignne_em")
        sets = em & self._ferr & self._f0_written()
        clears = em & self._ferr_ends
        return (bit | sets) & ~clears

    def _f0_written(self) -> Bit:
        return self._input("io_write") & self._logic.equal(self._in["io_address"], self._parameters.fpu_port)
