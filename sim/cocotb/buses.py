"""What drives the ports of the core from a cocotb test: operations, MSRs, I/O, interrupts."""

from typing import Any

from ...model.msr import MsrRequest
from ...model.registers import BIOS_WORDS, PIC_MASTER, PIC_SLAVE, Parameters
from ...model.reporting import Decision
from ..cpu.instructions import presented
from ..cpu.msr_requests import read_request, write_request
from ..cpu.operands import unsigned
from ..cpu.steps import x87
from ..machines.msr_bus import GeneralProtection
from ..support.errors import InputError
from .pins import Pins, parameters_for

_ANSWERS = {f"op_{one.name.lower()}": one for one in Decision if one is not Decision.IDLE}
_EOI = 0x20
"""OCW2: non-specific end of interrupt."""


class PortDriver:
    """A group of ports.

    Parameters
    ----------
    dut: the module, or whatever has the ports under these names.
    parameters: of the design; by default what the module's name says.
    prefix: what stands before the name of each port in the design.
    clock: the name of the clock.
    timeout: cycles to wait for an answer before `TimeoutError`.

    Raises
    ------
    PinError
        If the design lacks one of the ports.
    """

    NAMES: tuple[str, ...] = ()

    def __init__(
        self,
        dut: Any,
        parameters: Parameters | None = None,
        *,
        prefix: str = "",
        clock: str = "clk",
        timeout: int = 1000,
    ) -> None:
        self._pins = Pins(dut, self.NAMES, prefix=prefix, clock=clock)
        self._parameters = parameters_for(dut, parameters)
        self._timeout = timeout

    async def _until(self, *names: str) -> str:
        """Behind the edge that ends the first cycle in which one of these is 1; which it is."""
        await self._pins.begin()
        for _ in range(self._timeout):
            await self._pins.settled()
            found = next((name for name in names if self._pins.level(name)), None)
            if found is None:
                await self._pins.edge()
                continue
            return found
        raise TimeoutError(f"none of {', '.join(names)} within {self._timeout} cycles")


class MsrBus(PortDriver):
    """RDMSR and WRMSR by number or name, as the MsrBus for Amaranth; parameters as of `PortDriver`."""

    NAMES = (
        "msr_request_valid",
        "msr_request_ready",
        "msr_request_write",
        "msr_request_address",
        "msr_request_data",
        "msr_request_cpl",
        "msr_response_valid",
        "msr_response_ready",
        "msr_response_fault",
        "msr_response_data",
    )

    async def read(self, address: int | str, *, cpl: int = 0) -> int:
        """RDMSR: the 64-bit value.

        Parameters
        ----------
        address : int or str
            A number of 32 bits, or a name such as "HWCR".
        cpl : int
            Privilege level, 0 to 3.

        Raises
        ------
        GeneralProtection
            For #GP(0). ValueError for an address or level that is none, TimeoutError without an answer.
        """
        return await self._access(read_request(address, cpl))

    async def write(self, address: int | str, value: int, *, cpl: int = 0) -> None:
        """WRMSR; in effect when it returns. Errors as of `read`.

        Parameters
        ----------
        address : int or str
            A number of 32 bits, or a name such as "HWCR".
        value : int
            64 bits.
        cpl : int
            Privilege level, 0 to 3.
        """
        await self._access(write_request(address, value, cpl))

    async def _access(self, request: MsrRequest) -> int:
        pins = self._pins
        await pins.begin()
        fields = {f"msr_request_{name}": int(value) for name, value in request._asdict().items()}
        pins.drive(**fields, msr_request_valid=1, msr_response_ready=1)
        try:
            await self._until("msr_request_ready")
            await pins.edge()
            pins.drive(msr_request_valid=0)
            await self._until("msr_response_valid")
            fault, data = pins.level("msr_response_fault"), pins.level("msr_response_data")
            await pins.edge()
        finally:
            pins.drive(msr_request_valid=0, msr_response_ready=0)
        if fault:
            raise GeneralProtection(request, self._parameters)
        return data


class OperationPort(PortDriver):
    """x87 instructions by name, as `Simulation.issue` has them; parameters as of `PortDriver`."""

    NAMES = (
        "op_valid",
        "op_code",
        "op_family",
        "op_raises",
        "op_control",
        "op_status",
        *_ANSWERS,
    )

    async def issue(self, mnemonic: str, **operands: str | int) -> Decision:
        """Present an instruction until it executes, freezes or faults.

        Parameters
        ----------
        mnemonic: such as "fdiv"; a form without N, such as "fclex", is FWAIT and the N form.
        operands: raises="ZE", masks="none", control=0x37F, flags="IE,SF", status=0.

        Returns
        -------
        Decision.READY, or what else it is answered. With FREEZE and VMEXIT it stays presented: `resume`
        waits for it, `withdraw` takes it back, as an interrupt would. With MF, NM and UD it is withdrawn.

        Raises
        ------
        ValueError
            For an unknown instruction or operand, before anything reaches the port.
        TimeoutError
            If nothing answers.
        """
        action = x87(mnemonic, {name: str(value) for name, value in operands.items()})
        await self._pins.begin()
        decision = Decision.READY
        for operation in action.operations:
            request = presented(mnemonic, operation, self._parameters)
            fields = {f"op_{name}": int(value) for name, value in request._asdict().items()}
            self._pins.drive(**fields, op_valid=1)
            decision = await self._answer()
            if decision is not Decision.READY:
                break
        return decision

    async def resume(self) -> Decision:
        """Wait until the frozen operation executes or faults. Raises TimeoutError."""
        for _ in range(self._timeout):
            decision = await self._answer()
            if decision not in (Decision.FREEZE, Decision.VMEXIT):
                return decision
        raise TimeoutError(f"still frozen after {self._timeout} cycles")

    async def withdraw(self) -> None:
        """Take back the operation that is presented, as a processor does to take an interrupt."""
        await self._pins.begin()
        self._pins.drive(op_valid=0)

    async def _answer(self) -> Decision:
        """The answer, behind the edge that ends its cycle."""
        while (decision := _ANSWERS[await self._until(*_ANSWERS)]) is Decision.WINDOW:
            await self._pins.edge()
        await self._pins.edge()
        if decision not in (Decision.FREEZE, Decision.VMEXIT):
            self._pins.drive(op_valid=0)
        return decision


class IoBus(PortDriver):
    """IN and OUT of a byte, one cycle each; parameters as of `PortDriver`."""

    NAMES = ("io_address", "io_write", "io_read", "io_write_data", "io_read_data")

    async def out(self, port: int, value: int = 0) -> None:
        """OUT.

        Parameters
        ----------
        port : int
            16 bits; ValueError for more.
        value : int
            8 bits; ValueError for more.
        """
        await self._access(io_write=1, io_address=unsigned(port, 16), io_write_data=unsigned(value, 8))

    async def inp(self, port: int) -> int:
        """IN: the byte. Raises ValueError for a port of more than 16 bits."""
        return await self._access(io_read=1, io_address=unsigned(port, 16))

    async def _access(self, **levels: int) -> int:
        await self._pins.begin()
        self._pins.drive(**levels)
        await self._pins.settled()
        data = self._pins.level("io_read_data")
        await self._pins.edge()
        self._pins.drive(io_write=0, io_read=0)
        return data


class Pic(PortDriver):
    """The two 8259As of a PC, as a processor and a BIOS use them.

    Parameters
    ----------
    dut, parameters, **options
        As of `PortDriver`; the design has the ports of NAMES and those of `IoBus`.
    """

    NAMES = (
        *("irq", "intr", "inta", "vector"),
        *("master_irr", "master_isr", "master_imr", "slave_irr", "slave_isr", "slave_imr"),
    )

    def __init__(self, dut: Any, parameters: Parameters | None = None, **options: Any) -> None:
        super().__init__(dut, parameters, **options)
        self._io = IoBus(dut, parameters, **options)
        self._lines = 0

    async def initialise(self) -> None:
        """The BIOS's words: edge triggered, cascaded, vectors 08h and 70h, nothing masked."""
        for port, value in BIOS_WORDS:
            await self._io.out(port, value)

    def request(self, irq: int, level: int = 1) -> None:
        """Another device's interrupt request, from now on.

        Parameters
        ----------
        irq : int
            0 to 15 but 2, else InputError.
        level : int
            0 takes it back.
        """
        bit = 1 << _line(irq)
        self._lines = self._lines | bit if level else self._lines & ~bit
        self._pins.drive(irq=self._lines)

    async def mask(self, irq: int, masked: int = 1) -> None:
        """Set or clear a request's bit in its interrupt mask register.

        Parameters
        ----------
        irq : int
            0 to 15 but 2, else InputError.
        masked : int
            0 clears the bit.
        """
        chip, bit = (PIC_SLAVE, _line(irq) - 8) if irq > 7 else (PIC_MASTER, _line(irq))
        now = await self._io.inp(chip + 1)
        await self._io.out(chip + 1, now | 1 << bit if masked else now & ~(1 << bit))

    async def acknowledge(self) -> int:
        """Wait for INTR, then the two INTA pulses: the vector. Raises TimeoutError."""
        await self._until("intr")
        await self._pins.edge()
        self._pins.drive(inta=1)
        await self._pins.edge()
        await self._pins.settled()
        vector = self._pins.level("vector")
        await self._pins.edge()
        self._pins.drive(inta=0)
        return vector

    async def end_of_interrupt(self, irq: int) -> None:
        """Non-specific EOI, to the slave first where the request is one of its own."""
        if _line(irq) > 7:
            await self._io.out(PIC_SLAVE, _EOI)
        await self._io.out(PIC_MASTER, _EOI)


def _line(irq: int) -> int:
    if irq not in range(16) or irq == 2:
        raise InputError(f"irq must be 0..15 and not 2, not {irq!r}")
    return irq
