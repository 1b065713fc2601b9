"""A PC on an FPGA board, over a serial port: it steps like any other machine, one packet a clock cycle.

    from irq13.sim import Board, Simulation

    with Board("/dev/ttyUSB1") as board, Simulation(on=board) as sim:
        sim.msr["HWCR"] = 0x100

The packets are described in `irq13.hdl.board.packets`.
"""

import os
import time
import warnings
from typing import Any

from ... import hdl
from ...hdl.board.design import PARAMETRISED, parameters_code
from ...hdl.board.packets import CHECKSUM, FROM_BOARD, TO_BOARD, VERSION, Command, Identity, Status, bytes_for
from ...model.pc import PcInputs, PcOutputs
from ...model.registers import Parameters
from ..support.errors import BoardError
from .ports import BOARD_OUTPUTS, INPUT_BITS, pack, unpack_from_board

_OUTPUT_BITS = sum(BOARD_OUTPUTS.values())
PATIENCE = 3
"""How often a packet is sent before the board is given up."""
_PAYLOAD = {
    Command.ATTACH: Identity.as_shape().size // 8,
    Command.SETTLE: bytes_for(_OUTPUT_BITS),
    Command.STEP: bytes_for(_OUTPUT_BITS),
    Command.RUN: 0,
}


class _Garbled(Exception):
    """One answer that did not come through."""


class Board:
    """The board's PC, at its state at power-up.

    Parameters
    ----------
    port: device name, or anything that pyserial opens.
    baud: bits a second; the board's.
    timeout: seconds to wait for an answer.
    parameters: what it was built with, if anything but the generation is not at its default.

    Attributes
    ----------
    parameters: of the PC on the board.

    Raises
    ------
    BoardError
        If nothing answers, or something that is no board of ours.
    """

    def __init__(
        self,
        port: str,
        *,
        baud: int = 115_200,
        timeout: float = 1.0,
        parameters: Parameters | None = None,
    ) -> None:
        try:
            import serial
        except ModuleNotFoundError as error:
            raise BoardError("a board needs pyserial: pip install 'irq13[board]'") from error
        self.name = port
        try:
            self._port: Any = serial.serial_for_url(port, baud, timeout=timeout)
        except serial.SerialException as error:
            raise BoardError(f"{port}: {os.strerror(error.errno) if error.errno else error}") from error
        self._lost: type[Exception] = serial.SerialException
        self._sequence = 0
        self._timeout = timeout
        self._built_with = parameters
        try:
            self.parameters = self._attach()
        except BaseException:
            self._port.close()
            raise

    def __enter__(self) -> "Board":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        """Let the PC run by itself again, and close the port."""
        try:
            self._ask(Command.RUN)
        except BoardError:
            # Whoever closes has what he wanted; a board that has gone cannot be let run.
            pass
        finally:
            self._port.close()

    def power_up(self) -> None:
        """Back to the state at power-up."""
        self._attach()

    def restart(self) -> None:
        """The name that `power_up` had in irq13 0.1."""
        warnings.warn("Board.restart is now Board.power_up", DeprecationWarning, stacklevel=2)
        self.power_up()

    def settle(self, inputs: PcInputs) -> PcOutputs:
        """The settled outputs of the present cycle for these inputs."""
        return self._outputs(Command.SETTLE, inputs)

    def step(self, inputs: PcInputs) -> PcOutputs:
        """One cycle: the settled outputs before the rising edge that ends it."""
        return self._outputs(Command.STEP, inputs)

    def _outputs(self, command: Command, inputs: PcInputs) -> PcOutputs:
        packed = int.from_bytes(self._ask(command, _inputs(inputs)), "little")
        return unpack_from_board(packed, inputs, self.parameters.fpu_irq)

    def _attach(self) -> Parameters:
        identity = Identity.from_bits(int.from_bytes(self._ask(Command.ATTACH), "little"))
        if identity.version != VERSION:
            raise BoardError(f"{self.name}: it speaks version {identity.version}, not {VERSION}")
        if (identity.input_bits, identity.output_bits) != (INPUT_BITS, _OUTPUT_BITS):
            raise BoardError(
                f"{self.name}: its PC has {identity.input_bits} bits of inputs and {identity.output_bits} of "
                f"outputs, this irq13 {INPUT_BITS} and {_OUTPUT_BITS}: build the bitstream anew"
            )
        return self._parameters_of(identity.generation)

    def _parameters_of(self, number: int) -> Parameters:
        """A board says its generation, and whether the rest is at its defaults, but not what it is."""
        generation = number & ~PARAMETRISED
        if generation >= len(hdl.GENERATIONS):
            raise BoardError(f"{self.name}: there is no generation {generation}")
        plain = Parameters(hdl.GENERATIONS[generation])
        given = self._built_with or plain
        if parameters_code(given) != number:
            how = "other parameters than" if number & PARAMETRISED else "all parameters at"
            raise BoardError(
                f"{self.name}: it is {plain.generation.value} with {how} the defaults: "
                "in Python, Board(port, parameters=Parameters(...)) has to say what it was built with"
            )
        return given

    def _ask(self, command: Command, payload: bytes = b"") -> bytes:
        """The payload of the answer; asks again if one of the two packets does not come through."""
        self._sequence = self._sequence % 255 + 1
        body = bytes([self._sequence, command]) + payload
        reason = "no answer"
        for attempt in range(PATIENCE):
            if attempt:
                self._silence()
            try:
                self._port.write(bytes([TO_BOARD]) + body + _checksum(body))
                return self._answer(command)
            except _Garbled as garbled:
                reason = str(garbled)
            except (self._lost, OSError) as error:
                raise BoardError(f"{self.name}: the line is lost ({error})") from error
        raise BoardError(f"{self.name}: {reason}, {PATIENCE} times")

    def _answer(self, command: Command) -> bytes:
        deadline = time.monotonic() + self._timeout
        while self._read(1) != bytes([FROM_BOARD]):
            if time.monotonic() > deadline:
                raise _Garbled("nothing but noise")
        head = self._read(2)
        status = head[1]
        done = status == Status.DONE
        payload = self._read(_PAYLOAD[command] if done else 0)
        if self._read(2) != _checksum(head + payload):
            raise _Garbled("the checksum of the answer is wrong")
        if head[0] != self._sequence:
            raise _Garbled(f"an answer to packet {head[0]} came for packet {self._sequence}")
        if status == Status.DETACHED:
            raise BoardError(f"{self.name}: the board was reset in the middle; its state is lost")
        if status == Status.COMMAND:
            raise BoardError(f"{self.name}: the board does not know command {command.value}")
        if not done:
            raise _Garbled("the board got a wrong checksum")
        return payload

    def _read(self, count: int) -> bytes:
        got = self._port.read(count)
        if len(got) < count:
            raise _Garbled("no answer" if not got else "the answer breaks off")
        return got

    def _silence(self) -> None:
        """Until the board has forgotten half a packet, and nothing more is on its way."""
        deadline = time.monotonic() + self._timeout
        time.sleep(2 * hdl.PAUSE)
        while self._port.in_waiting and time.monotonic() < deadline:
            self._port.reset_input_buffer()
            time.sleep(hdl.PAUSE)


def _inputs(inputs: PcInputs) -> bytes:
    return pack(inputs).to_bytes(bytes_for(INPUT_BITS), "little")


def _checksum(body: bytes) -> bytes:
    return CHECKSUM.compute(body).to_bytes(2, "little")
