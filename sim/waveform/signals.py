"""The signals that a run records: one table for waveforms, timelines and expectations."""

import re
from collections.abc import Callable
from typing import NamedTuple

from ...model.pc import PcInputs, PcOutputs
from ...model.pic import PicRegisters
from ...model.registers import PORT_F0, Cr0, ExceptionFlag, Hwcr, Parameters
from ...model.reporting import Decision
from ..support.errors import InputError
from ..support.suggest import nearest


class CpuView(NamedTuple):
    """What a waveform shows of the CPU beside its buses."""

    step: str = "-"
    """The instruction under way."""
    handler: str = "main"
    """The vector of the handler that runs, or 'main'."""
    interrupts: bool = False
    """The interrupt flag, IF."""
    nmi: bool = False
    """The NMI pin."""
    waiting: str | None = None
    """'frozen', 'halted', 'waiting' or 'stopped'."""
    init: bool = False
    smi: bool = False
    flush: bool = False
    stpclk: bool = False
    """The pins of these names, asserted; on the package all but INIT are active low."""


Get = Callable[[PcInputs, PcOutputs, CpuView], int | str]


class Signal(NamedTuple):
    """A signal of the PC in one cycle."""

    path: str
    """Scopes and name, with dots; the name ends in _n if it is active low."""
    width: int
    """In bits; 0 for a name, shown as text."""
    get: Get
    alias: str = ""
    """Name on the datasheet, where it differs."""
    rises: str = ""
    """What a rising edge means, for the timeline; empty where it says nothing new."""
    falls: str = ""

    @property
    def name(self) -> str:
        """Without the scopes."""
        return self.path.rpartition(".")[2]

    @property
    def spoken(self) -> str:
        """As sentences and causes call it: its name, of one of two processors with that before it."""
        return spoken_name(self.path)

    @property
    def scope(self) -> str:
        """Without the name: the block."""
        return self.path.rpartition(".")[0]


def spoken_name(path: str) -> str:
    """'freeze' of pc.cpu.freeze, 'b.freeze' of pc.b.freeze."""
    found = re.fullmatch(r"pc\.([ab]\.\w+)", path)
    return found[1] if found else path.rpartition(".")[2]


def _answer(name: str, decision: Decision, rises: str = "", falls: str = "") -> Signal:
    """One of the operation port's answers."""
    return Signal(f"pc.cpu.{name}", 1, lambda i, o, c: o.decision is decision, "", rises, falls)


def _flag(flag: ExceptionFlag) -> Signal:
    name = str(flag.name).lower()
    return Signal(f"pc.processor.x87.{name}", 1, lambda i, o, c: flag in o.flags)


def _mask(flag: ExceptionFlag) -> Signal:
    name = f"{str(flag.name)[0].lower()}m"
    return Signal(f"pc.processor.x87.{name}", 1, lambda i, o, c: flag in o.masks)


def _cr0(bit: Cr0) -> Signal:
    name = str(bit.name)
    return Signal(
        f"pc.cpu.cr0_{name.lower()}",
        1,
        lambda i, o, c: bit in i.cr0,
        f"CR0.{name}",
        f"CR0.{name} = 1",
        f"CR0.{name} = 0",
    )


def _pic(pic: str) -> tuple[Signal, ...]:
    """The registers of an 8259A."""
    return tuple(
        Signal(
            f"pc.{pic}.{pic}_{register}",
            8,
            lambda i, o, c, register=register: getattr(getattr(o, pic), register),
            register.upper(),
        )
        for register in PicRegisters._fields
    )


SIGNALS = (
    Signal(
        "pc.ferr_n",
        1,
        lambda i, o, c: o.ferr_n,
        "FERR#",
        "FERR# negated: no error is being reported",
        "FERR# asserted: the error is reported to the chipset",
    ),
    Signal(
        "pc.irq13",
        1,
        lambda i, o, c: o.irq13,
        "IRQ13",
        "IRQ 13: the chipset has latched the edge of FERR#",
        "IRQ 13 lowered",
    ),
    Signal(
        "pc.ir13",
        1,
        lambda i, o, c: o.ir13,
        "IR5 (wire)",
        "the wire at IR5 of the slave goes high: FF1 or another device drives it",
        "the wire at IR5 of the slave goes low: neither FF1 nor another device drives it",
    ),
    Signal(
        "pc.ignne_n",
        1,
        lambda i, o, c: o.ignne_n,
        "IGNNE#",
        "IGNNE# negated",
        "IGNNE# asserted: ignore numeric errors",
    ),
    Signal(
        "pc.intr",
        1,
        lambda i, o, c: o.intr,
        "INTR",
        "INTR: the 8259As ask for an interrupt",
        "INTR lowered",
    ),
    Signal("pc.inta", 1, lambda i, o, c: i.inta, "INTA", "INTA: two pulses, the vector in the second"),
    Signal("pc.nmi", 1, lambda i, o, c: c.nmi, "NMI", "NMI"),
    Signal("pc.reset", 1, lambda i, o, c: i.reset, "RESET", "RESET"),
    Signal("pc.init", 1, lambda i, o, c: c.init, "INIT", "INIT"),
    Signal("pc.smi", 1, lambda i, o, c: c.smi, "SMI#, active high", "SMI# asserted"),
    Signal("pc.flush", 1, lambda i, o, c: c.flush, "FLUSH#, active high", "FLUSH# asserted"),
    Signal(
        "pc.stpclk",
        1,
        lambda i, o, c: c.stpclk,
        "STPCLK#, active high",
        "STPCLK# asserted: the processor stops at an instruction boundary",
        "STPCLK# negated",
    ),
    Signal("pc.cpu.step", 0, lambda i, o, c: c.step),
    Signal("pc.cpu.handler", 0, lambda i, o, c: c.handler),
    Signal("pc.cpu.if", 1, lambda i, o, c: c.interrupts, "IF"),
    Signal("pc.cpu.halted", 1, lambda i, o, c: c.waiting == "halted"),
    Signal("pc.cpu.op_valid", 1, lambda i, o, c: i.operation is not None),
    Signal("pc.cpu.operation", 0, lambda i, o, c: i.operation.code.name if i.operation else "-"),
    Signal(
        "pc.cpu.family",
        0,
        lambda i, o, c: i.operation.family.name if i.operation and i.operation.raises else "-",
    ),
    Signal("pc.cpu.raises", 7, lambda i, o, c: int(i.operation.raises) if i.operation else 0),
    _answer("ready", Decision.READY),
    _answer(
        "freeze",
        Decision.FREEZE,
        "the processor freezes before a waiting instruction",
        "the processor is no longer frozen",
    ),
    _answer(
        "window",
        Decision.WINDOW,
        "a no-wait instruction opens its interrupt window",
        "the interrupt window closes",
    ),
    _answer("mf", Decision.MF, "#MF, vector 16"),
    _answer("nm", Decision.NM, "#NM, vector 7"),
    _answer("ud", Decision.UD, "#UD, vector 6"),
    _answer("vmexit", Decision.VMEXIT, "#VMEXIT 07Eh: the hypervisor takes over instead of a freeze"),
    Signal("pc.cpu.guest_mode", 1, lambda i, o, c: i.guest_mode, "", "the guest runs", "the hypervisor runs"),
    Signal("pc.cpu.exit_code", 8, lambda i, o, c: o.exit_code),
    _cr0(Cr0.NE),
    _cr0(Cr0.EM),
    _cr0(Cr0.TS),
    _cr0(Cr0.MP),
    Signal("pc.cpu.io_write", 1, lambda i, o, c: i.io is not None and i.io.write),
    Signal("pc.cpu.io_read", 1, lambda i, o, c: i.io is not None and not i.io.write),
    Signal("pc.cpu.io_address", 16, lambda i, o, c: i.io.address if i.io else 0),
    Signal("pc.cpu.io_write_data", 8, lambda i, o, c: i.io.data if i.io else 0),
    Signal("pc.cpu.io_read_data", 8, lambda i, o, c: o.io_data),
    Signal(
        "pc.processor.x87.es",
        1,
        lambda i, o, c: o.es,
        "ES",
        "ES set: an unmasked exception is pending",
        "ES clear: no unmasked exception is pending",
    ),
    Signal("pc.processor.x87.flags", 7, lambda i, o, c: int(o.flags)),
    Signal("pc.processor.x87.masks", 6, lambda i, o, c: int(o.masks)),
    *(_flag(flag) for flag in ExceptionFlag),
    *(_mask(flag) for flag in ExceptionFlag if flag is not ExceptionFlag.SF),
    Signal(
        "pc.processor.ignne",
        1,
        lambda i, o, c: o.ignne,
        "IGNNE in effect",
        "IGNNE in effect: nothing freezes",
        "IGNNE no longer in effect",
    ),
    Signal(
        "pc.processor.msr.ignne_em",
        1,
        lambda i, o, c: Hwcr.IGNNE_EM in o.hwcr,
        "HWCR.IgnneEm",
        "HWCR.IgnneEm = 1: the IGNNE MSR replaces the pin",
        "HWCR.IgnneEm = 0: the pin decides",
    ),
    Signal(
        "pc.processor.msr.allow_ferr_on_ne",
        1,
        lambda i, o, c: Hwcr.ALLOW_FERR_ON_NE in o.hwcr,
        "HWCR.AllowFerrOnNe",
        "HWCR.AllowFerrOnNe = 1: FERR# is signalled under NE = 1 too",
        "HWCR.AllowFerrOnNe = 0",
    ),
    Signal(
        "pc.processor.msr.ignne_msr",
        1,
        lambda i, o, c: o.ignne_msr,
        "IGNNE MSR[0]",
        "IGNNE MSR bit 0 = 1",
        "IGNNE MSR bit 0 = 0",
    ),
    Signal("pc.processor.msr.request_valid", 1, lambda i, o, c: i.msr is not None),
    Signal("pc.processor.msr.request_ready", 1, lambda i, o, c: o.msr_ready),
    Signal("pc.processor.msr.write", 1, lambda i, o, c: i.msr is not None and i.msr.write),
    Signal("pc.processor.msr.address", 32, lambda i, o, c: i.msr.address if i.msr else 0),
    Signal("pc.processor.msr.write_data", 64, lambda i, o, c: i.msr.data if i.msr else 0),
    Signal("pc.processor.msr.cpl", 2, lambda i, o, c: i.msr.cpl if i.msr else 0),
    Signal("pc.processor.msr.response_valid", 1, lambda i, o, c: o.msr_response is not None),
    Signal(
        "pc.processor.msr.fault",
        1,
        lambda i, o, c: o.msr_response is not None and o.msr_response.fault,
        "#GP(0)",
        "#GP(0) on an MSR access",
    ),
    Signal("pc.processor.msr.read_data", 64, lambda i, o, c: o.msr_response.data if o.msr_response else 0),
    Signal(
        "pc.chipset.f0_write",
        1,
        lambda i, o, c: i.io is not None and i.io.write and i.io.address == PORT_F0,
        "OUT F0h",
        "OUT F0h",
    ),
    *_pic("master"),
    *_pic("slave"),
    Signal("pc.slave.slave_int", 1, lambda i, o, c: o.slave_int, "INT"),
    Signal("pc.irq", 16, lambda i, o, c: i.irq),
    Signal("pc.vector", 8, lambda i, o, c: o.vector),
    Signal("pc.chipset.chipset_ignne_n", 1, lambda i, o, c: o.chipset_ignne_n),
    Signal(
        "pc.chipset.ferr_enable",
        1,
        lambda i, o, c: o.ferr_enable,
        "",
        "the chipset's error circuit is enabled",
        "the chipset's error circuit is disabled",
    ),
)
"""Every recorded signal, the pins first."""

BY_NAME = {signal.name: signal for signal in SIGNALS}


def pc_signals(parameters: Parameters) -> tuple[Signal, ...]:
    """The signals of a PC. On a PC-98 `irq13` is IRQ 8, and `f0_write` a write of port F8h."""
    port, irq = parameters.fpu_port, parameters.fpu_irq
    own: dict[str, Signal] = {}
    if irq != 13:
        one = BY_NAME["irq13"]
        rises, falls = (text.replace("IRQ 13", f"IRQ {irq}") for text in (one.rises, one.falls))
        own["irq13"] = one._replace(rises=rises, falls=falls)
    if port != PORT_F0:
        text = f"OUT {port:X}h"
        own["f0_write"] = BY_NAME["f0_write"]._replace(
            get=lambda i, o, c: i.io is not None and i.io.write and i.io.address == port,
            alias=text,
            rises=text,
        )
    return tuple(own.get(signal.name, signal) for signal in SIGNALS)


EDGES = {name: signal for name, signal in BY_NAME.items() if signal.width == 1}
"""Signals of one bit: what can rise and fall."""


def edge_signal(name: str) -> Signal:
    """The one-bit signal of this name. Raises ValueError with the nearest names."""
    if name not in EDGES:
        raise InputError(f"no signal {name!r} of one bit{nearest(name, EDGES)}")
    return EDGES[name]
