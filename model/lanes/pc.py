"""The reference once more, one bit at a time: every variable holds the same bit of many PCs at once.

Where `pc` and its neighbours say what one PC does, in the manuals' words, this says the same of as many PCs
as a word has bits, in nothing but AND, OR, XOR and NOT. A bit is whatever has these operators: a numpy array
of unsigned integers, or a gate under construction. A test holds it to the scalar model.

A word is a list of bits, the lowest first. Inputs and outputs go by the names of the ports, as in
`op_valid` or `msr_request_address`.
"""

from collections.abc import Mapping

from ..registers import (
    CONTROL_RESET,
    PORT_F0,
    Generation,
    HwcrLayout,
    Parameters,
    Wiring,
)
from .bits import Bit, Word
from .hwcr import held_bits, readable_bits
from .pic import PIC_STATE, LanePic, PicBus, PicState
from .processor import ProcessorCycle


def lane_registers(parameters: Parameters) -> dict[str, tuple[int, int]]:
    """The registers of a PC: width and value at power-up."""
    window = parameters.nowait_window.bit_length()
    own = {
        "flags": (7, 0),
        "masks": (6, CONTROL_RESET & 0x3F),
        "ferr": (1, 0),
        "immediate": (6, 0),
        "window": (window, 0),
        "pin": (parameters.synchroniser_stages, 0),
        "allow_ferr_on_ne": (1, int(_always_allows(parameters))),
        "ignne_em": (1, 0),
        "ignne_msr": (1, 0),
        "response_valid": (1, 0),
        "response_fault": (1, 0),
        "response_hwcr": (len(readable_bits(parameters.hwcr)), 0),
        "response_ignne": (1, 0),
        "ff1": (1, 0),
        "ff2": (1, 0),
        "enabled": (1, int(parameters.enabled_at_reset)),
        "ferr_seen": (1, 0),
    }
    if held := len(held_bits(parameters.hwcr)):
        own["hwcr_held"] = (held, 0)
    pics = {f"{pic}.{name}": value for pic in ("master", "slave") for name, value in PIC_STATE.items()}
    return own | pics


def _always_allows(parameters: Parameters) -> bool:
    """Family 0Fh has no AllowFerrOnNe, and FERR# under NE = 1."""
    return parameters.hwcr is HwcrLayout.K8 and parameters.generation is Generation.AMD64


class LanePc:
    """A PC in lanes. It holds no state: `step` takes one and gives the next.

    Parameters
    ----------
    parameters: the same in all lanes.
    zero: the constant 0 as a bit.
    """

    def __init__(self, parameters: Parameters, zero: Bit) -> None:
        self.parameters = parameters
        self._zero = zero

    def step(
        self, state: Mapping[str, Word], inputs: Mapping[str, Word]
    ) -> tuple[dict[str, Word], dict[str, Word]]:
        """One cycle.

        Parameters
        ----------
        state : mapping of str to Word
            The registers of `lane_registers`.
        inputs : mapping of str to Word
            By port.

        Returns
        -------
        The outputs before the rising edge, and the registers after it.
        """
        return _Cycle(self.parameters, self._zero, state, inputs).result()


class _Cycle(ProcessorCycle):
    """One cycle of a PC."""

    def result(self) -> tuple[dict[str, Word], dict[str, Word]]:
        self._select_ignne()
        self._decide()
        self._execute()
        self._report()
        self._access_msrs()
        self._chipset()
        self._interrupts()
        (reset,) = self._in["reset"]
        processor_reset = reset | self._resets_processor()
        for name, (width, value) in lane_registers(self._parameters).items():
            # The synchroniser and the edge detector follow their wires whatever RESET does.
            if name not in ("pin", "ferr_seen"):
                begun = self._logic.constant(value, width)
                outside = name in ("ff1", "ff2", "enabled") or name.startswith(("master.", "slave."))
                resets = reset if outside else processor_reset
                self._after[name] = self._logic.select(resets, begun, self._after[name])
        return self._out, self._after

    def _resets_processor(self) -> Bit:
        """A PC-98's port F0h, which nothing but the processor sees (**choice**)."""
        if self._parameters.wiring is not Wiring.PC98:
            return self._logic.zero
        return self._input("io_write") & self._logic.equal(self._in["io_address"], PORT_F0)

    # The two flip-flops behind port F0h (SDM1 D.2.1.2, figure D-1)

    def _chipset(self) -> None:
        after = self._after
        enabled, ferr, f0 = self._one_bit("enabled"), self._ferr, self._f0_written()
        sees = enabled & ferr
        falls = sees & ~self._one_bit("ferr_seen")
        stays = self._logic.mux(self._input("enable_write"), self._input("enable_value"), enabled)
        after["ferr_seen"] = [sees]
        after["enabled"] = [stays]
        # An edge wins over a write to F0h: an error is never lost (**choice**).
        after["ff1"] = [stays & (falls | (self._one_bit("ff1") & ~f0))]
        after["ff2"] = [stays & ferr & (self._one_bit("ff2") | f0)]
        self._out |= {"irq13": self._state["ff1"], "ferr_enable": [enabled]}

    # The cascaded pair of 8259As (Intel 231468)

    def _interrupts(self) -> None:
        lines = list(self._in["irq"])
        number, cascade = self._parameters.fpu_irq, self._parameters.pics.cascade
        lines[number] = lines[number] | self._one_bit("ff1")
        self._out["ir13"] = [lines[number]]
        master = self._chip("master", self._one, [self._zero] * 3)
        slave = self._chip("slave", self._zero, master.cas)
        lines[cascade] = slave.int_
        for name, chip, ir in (("master", master, lines[:8]), ("slave", slave, lines[8:])):
            self._after |= {f"{name}.{key}": word for key, word in chip.clock(ir).items()}
            self._out |= {f"{name}_irr": chip.irr, f"{name}_isr": chip.isr, f"{name}_imr": chip.imr}
        floating = self._logic.constant(0xFF, 8)
        vector = self._logic.select(slave.drives, slave.vector, floating)
        self._out["vector"] = self._logic.select(master.drives, master.vector, vector)
        data = self._logic.select(self._reads("slave"), slave.data, floating)
        self._out["io_read_data"] = self._logic.select(self._reads("master"), master.data, data)
        self._out |= {"intr": [master.int_], "slave_int": [slave.int_]}

    def _selected(self, chip: str) -> Bit:
        pics = self._parameters.pics
        port = pics.master if chip == "master" else pics.slave
        assert port is not None
        address = self._in["io_address"]
        return self._logic.equal([*address[: pics.a0], *address[pics.a0 + 1 :]], pics.decoded(port))

    def _reads(self, chip: str) -> Bit:
        return self._selected(chip) & self._input("io_read")

    def _chip(self, name: str, sp: Bit, cas: Word) -> PicState:
        state = {key: self._state[f"{name}.{key}"] for key in PIC_STATE}
        selected = self._selected(name)
        bus = PicBus(
            write=selected & self._input("io_write"),
            read=selected & self._input("io_read"),
            a0=self._in["io_address"][self._parameters.pics.a0],
            data=self._in["io_write_data"],
            inta=self._input("inta"),
            cas=cas,
            sp=sp,
        )
        return LanePic(self._zero).settle(state, bus)
