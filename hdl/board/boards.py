"""The boards: what each has, and the design with its pins.

Each board gives the design a line to a host, lights and a button where it has them, and a header with
FERR# and IGNNE# (open drain, pull-up), IRQ 13 and INTR.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from amaranth.build import Attrs, Pins, Resource, Subsignal
from amaranth.hdl import Elaboratable, Module
from amaranth.lib import io

from ...model.registers import Parameters
from .design import BoardDesign


class BoardSpec(NamedTuple):
    """A board that the design goes onto."""

    title: str
    """For a reader, with its FPGA."""
    platform: str
    """Module and class of amaranth-boards."""
    connector: tuple[str, int]
    """Name and number of the header with the pins, as amaranth-boards has them."""
    pins: tuple[str, str, str, str]
    """Pins of the connector for FERR#, IGNNE#, IRQ 13, INTR."""
    attributes: Mapping[str, str | int]
    """Of those pins."""
    pull_up: Mapping[str, str | int]
    """More of them, for the open-drain ones."""
    button: str | None = None
    """The resource of its button, or None."""
    lights: int = 0
    """How many of the three: FERR#, freeze, IGNNE in effect."""
    bitstream: str | None = None
    """The suffix of what comes out; None if its tools are the vendor's."""
    synthesis: str = ""
    """Further options of Yosys' synthesis."""
    seed: int = 6
    """Of nextpnr's placement: one that went well; most are worth a twentieth less or more."""


_ICE40 = {
    "attributes": {"IO_STANDARD": "SB_LVCMOS"},
    "pull_up": {"PULLUP": 1},
    "bitstream": "bin",
}
_ECP5 = {
    "attributes": {"IO_TYPE": "LVCMOS33"},
    "pull_up": {"PULLMODE": "UP"},
    "bitstream": "bit",
}
# Where a clock enable serves few flip-flops, a multiplexer before each is the shorter way.
_FEW_ENABLES = "-dffe_min_ce_use 8"
BOARDS: Mapping[str, BoardSpec] = {
    "icebreaker": BoardSpec(
        "iCEBreaker (iCE40UP5K)",
        "icebreaker.ICEBreakerPlatform",
        ("pmod", 0),
        ("1", "2", "3", "4"),
        button="button",
        lights=2,
        synthesis="-device u -dffe_min_ce_use 12",
        seed=1,
        **_ICE40,
    ),
    "hx8k": BoardSpec(
        "iCE40-HX8K breakout board",
        "ice40_hx8k_b_evn.ICE40HX8KBEVNPlatform",
        ("j", 2),
        ("5", "6", "9", "10"),
        lights=3,
        synthesis=_FEW_ENABLES,
        **_ICE40,
    ),
    "ulx3s": BoardSpec(
        "ULX3S (ECP5-85F)",
        "ulx3s.ULX3S_85F_Platform",
        ("gpio", 0),
        ("0+", "0-", "1+", "1-"),
        button="button_fire",
        lights=3,
        seed=7,
        **_ECP5,
    ),
    "colorlight": BoardSpec(
        "Colorlight 5A-75B R7.0 (ECP5-25F)",
        "colorlight_5a75b_r7_0.Colorlight_5A75B_R70Platform",
        ("j", 1),
        ("1", "2", "3", "5"),
        **_ECP5,
    ),
    "arty": BoardSpec(
        "Arty A7-35 (Artix-7; a plan for Vivado)",
        "arty_a7.ArtyA7_35Platform",
        ("pmod", 0),
        ("1", "2", "3", "4"),
        attributes={"IOSTANDARD": "LVCMOS33"},
        pull_up={"PULLUP": "TRUE"},
        button="button",
        lights=3,
    ),
}
"""Every board, by the name that the command takes."""


class Top(Elaboratable):
    """A design with a board's pins.

    Parameters
    ----------
    spec : BoardSpec
        The board, whose platform the design is built for.
    parameters : Parameters
        Of the PC.
    design : callable
        Makes it from parameters and `clock`, in Hz: `BoardDesign`, or another with the ports of `pins`.
    """

    def __init__(
        self, spec: BoardSpec, parameters: Parameters, design: Callable[..., Any] = BoardDesign
    ) -> None:
        self._spec = spec
        self._parameters = parameters
        self._design = design

    def elaborate(self, platform) -> Module:
        spec, m = self._spec, Module()
        m.submodules.board = board = self._design(
            self._parameters, clock=platform.default_clk_constraint.frequency
        )
        platform.add_resources(_header(spec))
        uart = platform.request("uart", 0, dir={"rx": "-", "tx": "-"})
        m.submodules.rx = rx = io.Buffer(io.Direction.Input, uart.rx)
        m.submodules.tx = tx = io.Buffer(io.Direction.Output, uart.tx)
        m.d.comb += [board.rx.eq(rx.i), tx.o.eq(board.tx)]
        if spec.button:
            m.submodules.button = button = io.Buffer(
                io.Direction.Input, platform.request(spec.button, 0, dir="-")
            )
            m.d.comb += board.button.eq(button.i)
        shown = (~board.ferr_n, board.freeze, board.ignne)
        for number in range(spec.lights):
            light = io.Buffer(io.Direction.Output, platform.request("led", number, dir="-"))
            m.submodules[f"light{number}"] = light
            m.d.comb += light.o.eq(shown[number])
        pins = platform.request("irq13", 0, dir={name: "-" for name in ("ferr", "ignne", "irq", "intr")})
        m.submodules.ferr = ferr = io.Buffer(io.Direction.Bidir, pins.ferr)
        m.submodules.ignne = ignne = io.Buffer(io.Direction.Bidir, pins.ignne)
        m.submodules.irq = irq = io.Buffer(io.Direction.Output, pins.irq)
        m.submodules.intr = intr = io.Buffer(io.Direction.Output, pins.intr)
        m.d.comb += [
            # Open drain: driven low, or not at all.
            ferr.o.eq(0),
            ferr.oe.eq(~board.ferr_n),
            ignne.o.eq(0),
            ignne.oe.eq(~board.ignne_drive_n),
            board.ignne_pin_n.eq(ignne.i),
            irq.o.eq(board.irq13),
            intr.o.eq(board.intr),
        ]
        return m


def _header(spec: BoardSpec) -> list[Resource]:
    def pin(name: str, number: str, direction: str, **more: str | int):
        attributes = Attrs(**spec.attributes, **more)
        return Subsignal(name, Pins(number, dir=direction, conn=spec.connector), attributes)

    ferr, ignne, irq, intr = spec.pins
    return [
        Resource(
            "irq13",
            0,
            pin("ferr", ferr, "io", **spec.pull_up),
            pin("ignne", ignne, "io", **spec.pull_up),
            pin("irq", irq, "o"),
            pin("intr", intr, "o"),
        )
    ]
