"""The packets with which a host steps a PC on a board, one clock cycle each.

    to the board      69h  sequence  command  payload      checksum (2)
    from the board    96h  sequence  status   payload      checksum (2)

The checksum is CRC-16/IBM-3740 (CCITT, initial value FFFFh) over everything from the sequence number on, low
byte first. Payloads have the length that their command gives them:

    command           payload to the board     payload from the board
    1 attach          -                        version, generation, bits of inputs (2), bits of outputs (2)
    2 settle          inputs                   outputs
    3 step            inputs                   outputs, as they were before the clock edge
    4 run             -                        -

*attach* stops the PC, brings it to its state at power-up and drives its inputs from packets; *run* lets it
go on by itself, at the board's clock. Inputs and outputs are the ports of the PC in the order of its
signature, the first one in the lowest bits of the first byte.

    status 0  done
    1         the checksum is wrong        (no payload follows; nothing was done)
    2         there is no such command     (likewise)
    3         nobody has attached since the board was reset, or since *run*     (likewise)

A packet with the sequence number of the *step* before it is that packet again: it is answered again and not
carried out again, so a host that gets no answer can ask once more. Bytes outside of a packet are skipped; a
packet that breaks off is forgotten after a pause.
"""

import enum
from typing import NamedTuple

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import crc, data, stream

from ..component import Component, Input, Output

TO_BOARD = 0x69
FROM_BOARD = 0x96
VERSION = 1
CHECKSUM = crc.catalog.CRC16_IBM_3740(data_width=8)


class Command(enum.IntEnum):
    """What a host can ask for."""

    ATTACH = 1
    SETTLE = 2
    STEP = 3
    RUN = 4


class Status(enum.IntEnum):
    """How it went."""

    DONE = 0
    CHECKSUM = 1
    COMMAND = 2
    DETACHED = 3


class Identity(data.Struct):
    """What *attach* is answered with."""

    version: 8
    generation: 8
    input_bits: 16
    output_bits: 16


class Carries(enum.IntEnum):
    """What an answer has for a payload."""

    NOTHING = 0
    IDENTITY = 1
    OUTPUTS = 2
    AGAIN = 3
    """What the answer before it had."""


def bytes_for(bits: int) -> int:
    """Bytes that hold so many bits."""
    return -(-bits // 8)


class Sizes(NamedTuple):
    """What a host has to know of a PC."""

    generation: int
    input_bits: int
    output_bits: int

    @property
    def packet(self) -> data.StructLayout:
        """A packet from the host, once it is there; without a payload its inputs are the idle ones."""
        return data.StructLayout(
            {"sequence": 8, "command": 8, "good": 1, "inputs": 8 * bytes_for(self.input_bits)}
        )

    @property
    def answer(self) -> data.StructLayout:
        """An answer to it."""
        return data.StructLayout(
            {"sequence": 8, "status": Status, "carries": Carries, "outputs": self.output_bits}
        )


class PacketReceiver(Component):
    """Packets from bytes. One that is there waits until it is taken, and bytes are skipped meanwhile.

    Parameters
    ----------
    sizes : Sizes
    idle_inputs : int
        What stands for the inputs in a packet that has none.
    pause : int
        Clock cycles without a byte after which a packet that has broken off is forgotten.
    """

    def __init__(self, sizes: Sizes, *, idle_inputs: int, pause: int):
        super().__init__(
            {
                "received": Input(stream.Signature(8, always_ready=True), "a byte of the line"),
                "packets": Output(stream.Signature(sizes.packet), "a packet"),
            }
        )
        self.idle_inputs = idle_inputs
        self.pause = pause

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = checksum = CHECKSUM.create()
        received, packet = self.received, self.packets.payload
        inputs = packet.inputs
        left = Signal(range(len(inputs) // 8))
        idle = Signal(range(self.pause + 1))
        # The byte that the checksum counts comes through a register: the line is slow, its path long.
        counts = Signal()
        m.d.sync += [checksum.data.eq(received.payload), checksum.valid.eq(counts)]
        with m.If(received.valid):
            m.d.sync += idle.eq(0)
        with m.Elif(idle != self.pause):
            m.d.sync += idle.eq(idle + 1)
        broken_off = idle == self.pause

        def byte(after, *effects):
            """Wait for a byte, then go on."""
            with m.If(received.valid):
                m.d.sync += effects
                m.next = after
            with m.Elif(broken_off):
                m.next = "HUNT"

        with m.FSM():
            with m.State("HUNT"):
                m.d.comb += checksum.start.eq(1)
                with m.If(received.valid & (received.payload == TO_BOARD)):
                    m.next = "SEQUENCE"
            for state, register, after in (
                ("SEQUENCE", packet.sequence, "COMMAND"),
                ("COMMAND", packet.command, "LENGTH"),
            ):
                with m.State(state):
                    m.d.comb += counts.eq(received.valid)
                    byte(after, register.eq(received.payload))
            with m.State("LENGTH"):
                m.d.sync += left.eq(len(inputs) // 8 - 1)
                with m.If((packet.command == Command.SETTLE) | (packet.command == Command.STEP)):
                    m.next = "PAYLOAD"
                with m.Else():
                    m.d.sync += inputs.eq(self.idle_inputs)
                    m.next = "CHECKSUM LOW"
            with m.State("PAYLOAD"):
                m.d.comb += counts.eq(received.valid)
                byte("PAYLOAD", inputs.eq(Cat(inputs[8:], received.payload)), left.eq(left - 1))
                with m.If(received.valid & (left == 0)):
                    m.next = "CHECKSUM LOW"
            low, high = (received.payload == checksum.crc.word_select(part, 8) for part in range(2))
            with m.State("CHECKSUM LOW"):
                byte("CHECKSUM HIGH", packet.good.eq(low))
            with m.State("CHECKSUM HIGH"):
                byte("PACKET", packet.good.eq(high & packet.good))
            with m.State("PACKET"):
                m.d.comb += self.packets.valid.eq(1)
                with m.If(self.packets.ready):
                    m.next = "HUNT"
        return m


class PacketSender(Component):
    """Answers as bytes. One is taken when its last byte is, so it need not be kept here.

    Parameters
    ----------
    sizes : Sizes
    """

    def __init__(self, sizes: Sizes):
        super().__init__(
            {
                "answers": Input(stream.Signature(sizes.answer), "an answer"),
                "transmitted": Output(stream.Signature(8), "a byte for the line"),
            }
        )
        self.sizes = sizes

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = checksum = CHECKSUM.create()
        transmitted, answer = self.transmitted, self.answers.payload
        out_bytes, identity_bytes = bytes_for(self.sizes.output_bits), Identity.as_shape().size // 8
        payload = Signal(8 * max(out_bytes, identity_bytes))
        left = Signal(range(len(payload) // 8))
        counts = Signal()
        m.d.sync += [checksum.data.eq(transmitted.payload), checksum.valid.eq(counts)]
        identifies, sees, turns = self._load(m, payload, answer.outputs, out_bytes)

        def send(byte, after):
            """Put a byte on the line, then go on."""
            m.d.comb += [transmitted.valid.eq(1), transmitted.payload.eq(byte)]
            m.d.comb += counts.eq(transmitted.ready)
            with m.If(transmitted.ready):
                m.next = after

        with m.FSM():
            with m.State("WAIT"), m.If(self.answers.valid):
                m.d.sync += [
                    identifies.eq(answer.carries == Carries.IDENTITY),
                    sees.eq(answer.carries == Carries.OUTPUTS),
                ]
                m.next = "START"
            with m.State("START"):
                m.d.comb += [transmitted.valid.eq(1), transmitted.payload.eq(FROM_BOARD)]
                m.d.comb += checksum.start.eq(1)
                with m.If(transmitted.ready):
                    m.next = "SEQUENCE"
            with m.State("SEQUENCE"):
                send(answer.sequence, "STATUS")
            with m.State("STATUS"):
                send(answer.status, "CHECKSUM LOW")
                identity = answer.carries == Carries.IDENTITY
                m.d.sync += left.eq(Mux(identity, identity_bytes - 1, out_bytes - 1))
                with m.If(transmitted.ready & (answer.carries != Carries.NOTHING)):
                    m.next = "PAYLOAD"
            with m.State("PAYLOAD"):
                send(payload[:8], "PAYLOAD")
                with m.If(transmitted.ready):
                    m.d.sync += [turns.eq(1), left.eq(left - 1)]
                    with m.If(left == 0):
                        m.next = "CHECKSUM LOW"
            for state, part, after in (
                ("CHECKSUM LOW", checksum.crc[:8], "CHECKSUM HIGH"),
                ("CHECKSUM HIGH", checksum.crc[8:], "WAIT"),
            ):
                with m.State(state):
                    m.d.comb += [transmitted.valid.eq(~checksum.valid), transmitted.payload.eq(part)]
                    with m.If(transmitted.valid & transmitted.ready):
                        m.d.comb += self.answers.ready.eq(after == "WAIT")
                        m.next = after
        return m

    def _load(self, m, payload, outputs, out_bytes):
        """What the payload takes after each of three signals: identity, outputs, its own next byte."""
        identifies, sees, turns = (Signal() for _ in range(3))
        m.d.sync += Cat(identifies, sees, turns).eq(0)
        with m.If(identifies):
            m.d.sync += payload.eq(Identity.const({"version": VERSION, **self.sizes._asdict()}))
        with m.Elif(sees):
            m.d.sync += payload.eq(outputs)
        with m.Elif(turns):
            # Turned and not shifted out: the same answer may be asked for again.
            m.d.sync += payload.eq(Cat(payload[8 : 8 * out_bytes], payload[:8]))
        return identifies, sees, turns
