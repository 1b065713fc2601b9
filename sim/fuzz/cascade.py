"""A monitor for a cascade that is stuck: INT of the slave is high, and the master holds no request for it.

Nothing but a fall of the slave's INT would then give the edge that the master waits for, and INT falls only
when somebody serves the slave. The datasheet allows two ways into that state: ICW1 to the master while INT of
the slave is high, and a poll of the master that reports the slave. Those are left out until INT of the slave
falls or the slave is polled, and so is what no program does: an access within an INTA sequence, two chips
that do not count the same pulses, and ICWs that make no pair of them.
"""

from collections.abc import Mapping

from ...model.registers import CASCADE_IRQ, PIC_MASTER, PIC_SLAVE
from ..lanes.builder import Builder, Word
from ..netlist.gates import Bit


def stuck(
    build: Builder, state: Mapping[str, Word], inputs: Mapping[str, Word], outputs: Mapping[str, Word]
) -> Bit:
    """Whether it is in this cycle.

    Parameters
    ----------
    state: registers of the reference, which tell what both chips are programmed to.
    inputs, outputs: of the HDL.
    """
    (reset,), (inta,) = inputs["reset"], inputs["inta"]
    # INT of the slave now and in the cycle before; an edge of it may have been lost with leave.
    (high,), (before,) = outputs["slave_int"], build.register("monitor.high", 1)
    (lost,) = build.register("monitor.lost", 1)
    (second,), (slave_second,) = state["master.second"], state["slave.second"]
    access = (inputs["io_read"][0] | inputs["io_write"][0]) & ~inta
    chips = {
        name: access & build.equal(inputs["io_address"][1:], port >> 1)
        for name, port in (("master", PIC_MASTER), ("slave", PIC_SLAVE))
    }
    writes_even = inputs["io_write"][0] & ~inputs["io_address"][0]
    icw1 = chips["master"] & writes_even & inputs["io_write_data"][4]
    read = {
        name: chip & ~inputs["io_write"][0] & state[f"{name}.poll"][0] & ~state[f"{name}.second"][0]
        for name, chip in chips.items()
    }
    polled = read["master"] & state["master.poll_level"][CASCADE_IRQ]
    odd = build.any([_no_pair(build, state), second ^ slave_second, (second | slave_second) & access])
    event = icw1 | polled | odd
    build.follow("monitor.high", [high & ~reset])
    build.follow("monitor.lost", [high & ~read["slave"] & ~reset & (lost | event)])
    request = outputs["master_irr"][CASCADE_IRQ]
    return before & high & ~lost & ~second & ~request


def _no_pair(build: Builder, state: Mapping[str, Word]) -> Bit:
    """They are not initialised as master and slave of IR2."""
    wrong = []
    for name, as_master in (("master", True), ("slave", False)):
        word = state[f"{name}.icw3"]
        fits = build.equal(word, 1 << CASCADE_IRQ) if as_master else build.equal(word[:3], CASCADE_IRQ)
        (buffered,), (says_master,) = state[f"{name}.buffered_mode"], state[f"{name}.buffered_master"]
        done = ~build.any(state[f"{name}.next"])
        wrong += [done & ~fits, *state[f"{name}.single"]]
        wrong.append(buffered & (~says_master if as_master else says_master))
    return build.any(wrong)
