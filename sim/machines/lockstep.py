"""Model against HDL on random stimulus; a seed replays it."""

import random
from collections import Counter
from collections.abc import Callable

from ...model.chipset import FLOATING, IoAccess
from ...model.hwcr import KINDS, HwcrBit
from ...model.msr import MsrRequest
from ...model.pc import PcInputs, PcOutputs
from ...model.registers import (
    PORT_F0,
    PORT_F1,
    Cr0,
    ExceptionFlag,
    Family,
    HwcrLayout,
    Msr,
    Operation,
    Parameters,
    PicWiring,
)
from ...model.reporting import Decision
from ...model.x87 import OperationRequest
from ..support.errors import Divergence
from .machine import LockstepMachine

DEFAULTS = Parameters()
BLOCK = 500
"""Cycles between two changes of the mixture."""


class RandomStimulus:
    """Random inputs, one set a cycle: all operations, masks, MSR traffic, pins, CR0, resets.

    The mixture changes every `BLOCK` cycles, so that both crowded and quiet stretches come up, and an
    operation that is frozen or in its window is mostly held, as a processor would.

    Parameters
    ----------
    seed: the same seed gives the same stimulus, as long as the outputs are the same.
    parameters: of the PC; what is mostly written to HWCR is legal in its layout, and ports are its own.
    """

    def __init__(self, seed: int, parameters: Parameters = DEFAULTS) -> None:
        self._random = random.Random(seed)
        self._hwcr = parameters.hwcr
        self._pics = pics = parameters.pics
        self._fpu_port = parameters.fpu_port
        odd = 1 << pics.a0
        slave = pics.slave or 0
        self._pic_ports = (pics.master, pics.master + odd, slave, slave + odd)
        self._cycle = 0
        self._held: OperationRequest | None = None
        self._pin = True
        self._cr0 = Cr0(0)
        self._irq = 0
        self._half_way = False
        # The words with which a BIOS sets the 8259As up, still to be written.
        self._words: list[IoAccess] = []
        self._mix()

    def next(self, outputs: PcOutputs | None) -> PcInputs:
        """The inputs of the next cycle, after `outputs` in this one (None before the first)."""
        if self._cycle % BLOCK == 0:
            self._mix()
        self._cycle += 1
        chance = self._chance
        if chance(self._pin_rate):
            self._pin = not self._pin
        if chance(self._cr0_rate):
            self._cr0 = self._random_cr0()
        if chance(self._irq_rate):
            self._irq ^= 1 << self._random.randrange(16)
        return PcInputs(
            reset=chance(0.002),
            ignne_n=self._pin,
            cr0=self._cr0,
            operation=self._operation(outputs),
            msr=self._request() if chance(self._msr_rate) else None,
            msr_response_ready=chance(self._response_rate),
            io=self._io() if chance(self._io_rate) else None,
            ferr_enable=chance(0.7) if chance(0.01) else None,
            guest_mode=chance(self._guest_rate),
            intercept_ferr_freeze=chance(0.5),
            irq=self._irq,
            inta=self._inta(outputs),
        )

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _inta(self, outputs: PcOutputs | None) -> bool:
        """Pulses in pairs, as a processor gives them: INTR is low by the second one."""
        asked = self._half_way or (outputs is not None and outputs.intr)
        pulse = self._chance(self._inta_rate if asked else 0.02)
        self._half_way ^= pulse
        return pulse

    def _mix(self) -> None:
        """New probabilities for what comes."""
        choose = self._random.choice
        self._operation_rate = choose((0.1, 0.5, 0.95))
        self._hold_rate = choose((0.5, 0.9, 0.99))
        self._raise_rate = choose((0.05, 0.3, 0.8))
        self._pin_rate = choose((0.0, 0.02, 0.3))
        self._cr0_rate = choose((0.0, 0.02, 0.2))
        self._msr_rate = choose((0.0, 0.1, 0.6))
        self._response_rate = choose((0.3, 1.0))
        self._io_rate = choose((0.02, 0.2))
        self._guest_rate = choose((0.0, 0.0, 0.5))
        self._irq_rate = choose((0.0, 0.02, 0.2))
        self._inta_rate = choose((0.1, 0.9))
        self._words = initialisation(self._random, self._pics)

    def _random_cr0(self) -> Cr0:
        cr0 = Cr0.NE if self._chance(0.4) else Cr0(0)
        for bit in (Cr0.MP, Cr0.EM, Cr0.TS):
            if self._chance(0.1):
                cr0 |= bit
        return cr0

    def _operation(self, outputs: PcOutputs | None) -> OperationRequest | None:
        if outputs is not None and outputs.decision not in (Decision.FREEZE, Decision.WINDOW):
            self._held = None
        if self._held is None or not self._chance(self._hold_rate):
            self._held = self._new_operation() if self._chance(self._operation_rate) else None
        return self._held

    def _new_operation(self) -> OperationRequest:
        pick = self._random
        code = pick.choice([*Operation, *[Operation.ARITHMETIC] * 8, Operation.FWAIT, Operation.FWAIT])
        raises = ExceptionFlag(pick.choice((1 << pick.randrange(7), pick.getrandbits(7))))
        return OperationRequest(
            code,
            pick.choice(list(Family)),
            raises if self._chance(self._raise_rate) else ExceptionFlag(0),
            pick.choice((pick.getrandbits(16), 0)),
            pick.choice((pick.getrandbits(16), 0)),
        )

    def _request(self) -> MsrRequest:
        pick = self._random
        address = pick.choice((*Msr, *Msr, *Msr, Msr.IGNNE ^ 1, pick.getrandbits(32)))
        good = pick.choice((0, 1)) if address == Msr.IGNNE else self._legal_hwcr()
        bad = good | 1 << pick.randrange(64)
        data = good if self._chance(0.7) else pick.choice((bad, pick.getrandbits(64)))
        cpl = 0 if self._chance(0.9) else pick.randrange(4)
        return MsrRequest(int(address), self._chance(0.7), data, cpl)

    def _legal_hwcr(self) -> int:
        pick = self._random
        value = pick.choice((0, 0x80, 0x100, 0x180))
        if self._hwcr is HwcrLayout.MINIMAL:
            return value
        # SmmLock stays until RESET, and would freeze what it freezes nearly always.
        value |= pick.getrandbits(64) & pick.getrandbits(64) & ~(pick.randrange(20) > 0)
        for bit, kind in enumerate(KINDS[self._hwcr]):
            if kind is HwcrBit.ONE:
                value |= 1 << bit
            elif kind in (HwcrBit.RESERVED, HwcrBit.REFUSED):
                value &= ~(1 << bit)
        return value

    def _io(self) -> IoAccess:
        if self._words:
            return self._words.pop(0)
        pick = self._random
        pics = self._pic_ports
        # On a PC-98 port F0h resets the processor: seldom, as RESET.
        other = PORT_F1 if self._fpu_port == PORT_F0 or self._chance(0.5) else PORT_F0
        port = pick.choice((self._fpu_port,) * 6 + (*pics, *pics, other, pick.getrandbits(16)))
        data = pick.getrandbits(8)
        odd = port in pics[1::2]
        if port in pics and not odd and self._chance(0.97):
            data &= ~0x10  # ICW1 comes in whole initialisations, and now and then alone
        if odd:
            data &= pick.getrandbits(8)
        return IoAccess(port, self._chance(0.8), data)


def initialisation(pick: random.Random, pics: PicWiring) -> list[IoAccess]:
    """The words with which a BIOS sets its 8259As up, mostly as a PC has them, in all modes.

    Parameters
    ----------
    pick : random.Random
        Chooses the modes; the same state gives the same words.
    pics : PicWiring
        Where the 8259As are, and whether there is a slave.

    Returns
    -------
    list of IoAccess
        Writes alone: for each chip ICW1, ICW2, ICW3 unless it is single, ICW4 and OCW1, master first.
    """
    words = []
    cascade = 1 << pics.cascade
    chips = [(pics.master, 0x08, cascade)] + [(pics.slave or 0, pics.base, pics.cascade)] * bool(pics.slave)
    for port, base, cascade in chips:
        odd = port + (1 << pics.a0)
        single = (0, 0, 0, 0x02) if pics.slave else (0x02, 0x02, 0x02, 0)
        icw1 = 0x11 | pick.choice((0, 0, 0x08)) | pick.choice(single)
        icw4 = 0x01 | pick.choice((0, 0, 0x02)) | pick.choice((0, 0, 0x10))
        icw4 |= pick.choice((0, 0, 0, 0x08, 0x0C))
        words.append(IoAccess(port, True, icw1))
        words.append(IoAccess(odd, True, pick.choice((base, base, pick.getrandbits(8)))))
        if not icw1 & 0x02:
            wrong = pick.choice((1 << pick.randrange(8), pick.getrandbits(8)))
            words.append(IoAccess(odd, True, pick.choice((cascade, cascade, cascade, wrong))))
        words.append(IoAccess(odd, True, icw4))
        words.append(IoAccess(odd, True, pick.choice((0, 0, pick.getrandbits(8)))))
    return words


def lockstep(
    parameters: Parameters,
    seed: int,
    cycles: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Counter[str]:
    """Compare model and HDL on `cycles` of random stimulus.

    Parameters
    ----------
    progress: called with the number of cycles since the last call.

    Returns
    -------
    How often each situation came up, by name: the decisions, and which pins were active.

    Raises
    ------
    Divergence
        At the first difference; names seed, cycle, signals, and the cycles before.
    """
    machine = LockstepMachine(parameters)
    stimulus = RandomStimulus(seed, parameters)
    seen: Counter[str] = Counter()
    outputs = None
    for cycle in range(cycles):
        try:
            outputs = machine.step(stimulus.next(outputs))
        except Divergence as error:
            raise Divergence(f"{parameters.generation.value}, seed {seed}: {error}") from None
        seen[outputs.decision.name] += 1
        for pin in ("ferr_n", "ignne_n", "chipset_ignne_n"):
            seen[pin] += not getattr(outputs, pin)
        seen["irq13"] += outputs.irq13
        seen["intr"] += outputs.intr
        seen["vector"] += outputs.vector != FLOATING
        seen["in service twice"] += outputs.master.isr.bit_count() > 1
        if cycle % BLOCK == BLOCK - 1:
            progress(BLOCK)
    return seen
