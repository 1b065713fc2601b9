"""What every design for a board has: a serial line, a button, the pins of the pair and lights."""

from ..component import Input, Output

PINS = {
    "rx": Input(1, "the line from the host, idle 1; asynchronous", init=1),
    "tx": Output(1, "the line to the host, idle 1", init=1),
    "button": Input(1, "pressed; asynchronous"),
    "ferr_n": Output(1, "drive FERR# low if 0: open drain", init=1),
    "ignne_drive_n": Output(1, "drive IGNNE# low if 0: open drain", init=1),
    "ignne_pin_n": Input(1, "the level of the pin IGNNE#; asynchronous", init=1),
    "irq13": Output(1, "IRQ 13"),
    "intr": Output(1, "INTR, a cycle late"),
    "freeze": Output(1, "a waiting instruction is frozen, a cycle late"),
    "ignne": Output(1, "IGNNE in effect, a cycle late"),
}
"""Its ports: a design has these and perhaps more."""


def drive_pins(m, pins, pc):
    """Let a PC drive the pins; what only a light shows passes a register, so that its timing is its own.

    Parameters
    ----------
    m : Module
    pins : Component
        The design, with PINS.
    pc : Pc
    """
    m.d.comb += [
        pins.ferr_n.eq(pc.ferr_n),
        pins.ignne_drive_n.eq(pc.chipset_ignne_n),
        pins.irq13.eq(pc.irq13),
    ]
    m.d.sync += [
        pins.intr.eq(pc.intr),
        pins.freeze.eq(pc.op.freeze),
        pins.ignne.eq(pc.state.ignne),
    ]
