"""The MSR bus from Python: RDMSR and WRMSR by number or name, #GP(0) as an exception.

Inside an Amaranth testbench:

    bus = MsrBus(dut)                              # a Processor or a Pc
    await bus.write(ctx, 0xC001_0115, 1)
    value = await bus.read(ctx, "HWCR")

Outside, `Simulation.msr` is a `Registers` over the same rules: `sim.msr["IGNNE"] = 1`.
"""

from collections.abc import Callable
from typing import Any

from ...hdl.ports import MsrSignature
from ...model.msr import MsrRequest, MsrResponse, violation
from ...model.registers import Parameters
from ..cpu.msr_requests import read_request, write_request
from ..cpu.operands import msr_name
from ..support.errors import Irq13Error


class GeneralProtection(Irq13Error):
    """#GP(0) from RDMSR or WRMSR; nothing was read or written.

    Parameters
    ----------
    request : MsrRequest
        The access that faults.
    parameters : Parameters
        Of the processor, for the rule.

    Attributes
    ----------
    msr: address, 32 bits.
    value: what was to be written, or None for a read.
    rule: the rule that was broken, in words.
    """

    def __init__(self, request: MsrRequest, parameters: Parameters) -> None:
        self.msr = request.address
        self.value = request.data if request.write else None
        self.rule = violation(request, parameters) or "the design faults and no rule asks for it"
        name = f"{msr_name(self.msr)} ({self.msr:08X}h)"
        access = f"RDMSR {name}" if self.value is None else f"WRMSR {name} := {self.value:X}h"
        super().__init__(f"#GP(0) on {access}: {self.rule}")


class MsrBus:
    """The MSR port of a component, inside an Amaranth testbench.

    Parameters
    ----------
    component: a component with a port `msr` of `MsrSignature`, as Processor and Pc have, or such a port.
    parameters: for the rule that a fault names; by default the component's own.
    timeout: cycles to wait for the port before `TimeoutError`.

    Raises
    ------
    TypeError
        If the port has another signature (other widths, other members).
    """

    def __init__(self, component: Any, parameters: Parameters | None = None, *, timeout: int = 100) -> None:
        port: Any = getattr(component, "msr", component)
        signature = getattr(port, "signature", None)
        expected = MsrSignature()
        if signature is None or signature.members not in (expected.members, expected.flip().members):
            raise TypeError(f"expected a port msr of MsrSignature(), not {signature or port!r}")
        self._port = port
        self._parameters = parameters or getattr(component, "parameters", Parameters())
        self._timeout = timeout

    async def read(self, ctx, address: int | str, *, cpl: int = 0) -> int:
        """RDMSR: the 64-bit value.

        Parameters
        ----------
        ctx : TestbenchContext
            Of the testbench that it is called in.
        address : int or str
            A number of 32 bits, or a name such as "HWCR".
        cpl : int
            Privilege level, 0 to 3.

        Raises
        ------
        GeneralProtection
            For #GP(0). ValueError for an address or level that is none, TimeoutError without an answer.
        """
        return await self._access(ctx, read_request(address, cpl))

    async def write(self, ctx, address: int | str, value: int, *, cpl: int = 0) -> None:
        """WRMSR; in effect when it returns. Errors as of `read`.

        Parameters
        ----------
        ctx : TestbenchContext
            Of the testbench that it is called in.
        address : int or str
            A number of 32 bits, or a name such as "HWCR".
        value : int
            64 bits.
        cpl : int
            Privilege level, 0 to 3.
        """
        await self._access(ctx, write_request(address, value, cpl))

    async def _access(self, ctx, request: MsrRequest) -> int:
        stream, answer = self._port.request, self._port.response
        ctx.set(stream.payload, request._asdict())
        ctx.set(stream.valid, 1)
        ctx.set(answer.ready, 1)
        try:
            await self._until(ctx, stream.ready)
            ctx.set(stream.valid, 0)
            fault, data = await self._until(ctx, answer.valid, answer.payload.fault, answer.payload.data)
        finally:
            ctx.set(stream.valid, 0)
            ctx.set(answer.ready, 0)
        if fault:
            raise GeneralProtection(request, self._parameters)
        return data

    async def _until(self, ctx, condition, *sampled):
        """The sampled values of the first cycle in which the condition holds."""
        for _ in range(self._timeout):
            _, _, done, *values = await ctx.tick().sample(condition, *sampled)
            if done:
                return values
        raise TimeoutError(f"the MSR port did not answer within {self._timeout} cycles")


class Registers:
    """MSRs as a mapping: `msr[0xC0010115] = 1`, `msr["HWCR"]`.

    Parameters
    ----------
    access: carries out one request and gives the response.
    parameters: for the rule that a fault names.

    Raises
    ------
    GeneralProtection
        On a fault; nothing is written.
    ValueError
        For an address that is not 32 bits or a value that is not 0..2^64-1, before anything reaches the bus.
    """

    def __init__(self, access: Callable[[MsrRequest], MsrResponse], parameters: Parameters) -> None:
        self._access = access
        self._parameters = parameters

    def __getitem__(self, address: int | str) -> int:
        return self.read(address)

    def __setitem__(self, address: int | str, value: int) -> None:
        self.write(address, value)

    def read(self, address: int | str, *, cpl: int = 0) -> int:
        """RDMSR at a privilege level: the 64-bit value.

        Parameters
        ----------
        address : int or str
            32 bits, or a name of `Msr`.
        cpl : int
            0 to 3.

        Raises
        ------
        GeneralProtection
            On a fault.
        ValueError
            For what is no address or no privilege level.
        """
        return self._run(read_request(address, cpl))

    def write(self, address: int | str, value: int, *, cpl: int = 0) -> None:
        """WRMSR at a privilege level.

        Parameters
        ----------
        address : int or str
            32 bits, or a name of `Msr`.
        value : int
            64 bits.
        cpl : int
            0 to 3.

        Raises
        ------
        GeneralProtection
            On a fault; nothing is written.
        ValueError
            For what is no address, value or privilege level.
        """
        self._run(write_request(address, value, cpl))

    def _run(self, request: MsrRequest) -> int:
        response = self._access(request)
        if response.fault:
            raise GeneralProtection(request, self._parameters)
        return response.data
