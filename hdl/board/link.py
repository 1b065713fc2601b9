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

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import crc, data, stream, wiring
from amaranth.lib.wiring import In, Out

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


def bytes_for(bits: int) -> int:
    """Bytes that hold so many bits."""
    return -(-bits // 8)


class Link(wiring.Component):
    """The board's end of the line.

    Parameters
    ----------
    generation: its number, for the host.
    input_bits, output_bits: of the PC.
    idle_inputs: what drives the PC while it restarts.
    pause: clock cycles without a byte after which a packet that has broken off is forgotten.
    settle: clock cycles that *attach* holds the PC in its state at power-up, at least 1.

    Attributes
    ----------
    received: In(stream of 8 bits), transmitted: Out(stream of 8 bits).
    attached: Out(1), the PC's inputs come from `inputs`, and its clock stands still but for `step`.
    restart: Out(1), the PC is to go to its state at power-up.
    step: Out(1), one clock edge for the PC, in this cycle or the next.
    inputs: Out, stable for many cycles before and after `step`.
    outputs: In, as they settle for `inputs`, a few cycles later at most.
    """

    def __init__(
        self,
        generation: int,
        input_bits: int,
        output_bits: int,
        *,
        idle_inputs: int,
        pause: int,
        settle: int = 8,
    ):
        self.identity = (generation, input_bits, output_bits)
        self.idle_inputs = idle_inputs
        self.pause = pause
        self.settle = settle
        super().__init__(
            {
                "received": In(stream.Signature(8, always_ready=True)),
                "transmitted": Out(stream.Signature(8)),
                "attached": Out(1),
                "restart": Out(1),
                "step": Out(1),
                "inputs": Out(input_bits),
                "outputs": In(output_bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = checksum = CHECKSUM.create()
        generation, input_bits, output_bits = self.identity
        in_bytes, out_bytes = bytes_for(input_bits), bytes_for(output_bits)
        identity = Const(
            {
                "version": VERSION,
                "generation": generation,
                "input_bits": input_bits,
                "output_bits": output_bits,
            },
            Identity,
        )
        identity_bytes = Identity.as_shape().size // 8
        received, transmitted = self.received, self.transmitted

        packet = Signal(8 * in_bytes)
        answer = Signal(8 * max(out_bytes, identity_bytes))
        sequence = Signal(8)
        last_step = Signal(8)
        stepped = Signal()
        command = Signal(8)
        status = Signal(Status)
        left = Signal(range(max(in_bytes, out_bytes, identity_bytes, self.settle) + 1))
        idle = Signal(range(self.pause + 1))
        good = Signal()
        # Everything on the line is slow, so what is long is cut by registers: the command once it is
        # decoded, the outputs of the PC, which stands still, and the byte that the checksum counts.
        attaches, runs, settles, steps = (Signal() for _ in range(4))
        again = Signal()
        seen = Signal(output_bits)
        counted = Signal(8)
        counts = Signal()
        m.d.sync += [
            attaches.eq(command == Command.ATTACH),
            runs.eq(command == Command.RUN),
            settles.eq(command == Command.SETTLE),
            steps.eq(command == Command.STEP),
            again.eq(stepped & steps & (sequence == last_step)),
            seen.eq(self.outputs),
            checksum.data.eq(counted),
            checksum.valid.eq(counts),
        ]
        has_payload = settles | steps
        m.d.comb += self.inputs.eq(packet)

        # What becomes of the answer in the next cycle.
        identifies, sees, turns = (Signal() for _ in range(3))
        m.d.sync += Cat(identifies, sees, turns).eq(0)
        with m.If(identifies):
            m.d.sync += answer.eq(identity)
        with m.Elif(sees):
            m.d.sync += answer.eq(seen)
        with m.Elif(turns):
            # Turned and not shifted out: the same answer may be asked for again.
            m.d.sync += self._turn(answer, out_bytes)

        def receive():
            """Count what arrives into the checksum."""
            m.d.comb += [counted.eq(received.payload), counts.eq(received.valid)]

        def send(byte, after):
            """Put a byte on the line, then go on."""
            m.d.comb += [transmitted.valid.eq(1), transmitted.payload.eq(byte)]
            m.d.comb += [counted.eq(byte), counts.eq(transmitted.ready)]
            with m.If(transmitted.ready):
                m.next = after

        with m.If(received.valid):
            m.d.sync += idle.eq(0)
        with m.Elif(idle != self.pause):
            m.d.sync += idle.eq(idle + 1)
        broken_off = idle == self.pause

        with m.FSM():
            with m.State("HUNT"):
                m.d.comb += checksum.start.eq(1)
                with m.If(received.valid & (received.payload == TO_BOARD)):
                    m.next = "SEQUENCE"
            for state, register, after in (
                ("SEQUENCE", sequence, "COMMAND"),
                ("COMMAND", command, "LENGTH"),
            ):
                with m.State(state):
                    receive()
                    with m.If(received.valid):
                        m.d.sync += register.eq(received.payload)
                        m.next = after
                    with m.Elif(broken_off):
                        m.next = "HUNT"
            with m.State("LENGTH"):
                m.d.sync += left.eq(in_bytes - 1)
                m.next = "CHECKSUM LOW"
                with m.If((command == Command.SETTLE) | (command == Command.STEP)):
                    m.next = "PAYLOAD"
            with m.State("PAYLOAD"):
                receive()
                with m.If(received.valid):
                    m.d.sync += [packet.eq(Cat(packet[8:], received.payload)), left.eq(left - 1)]
                    with m.If(left == 0):
                        m.next = "CHECKSUM LOW"
                with m.Elif(broken_off):
                    m.next = "HUNT"
            for state, part, after in (
                ("CHECKSUM LOW", 0, "CHECKSUM HIGH"),
                ("CHECKSUM HIGH", 1, "CARRY OUT"),
            ):
                with m.State(state):
                    with m.If(received.valid):
                        same = received.payload == checksum.crc.word_select(part, 8)
                        m.d.sync += good.eq(same & good if part else same)
                        m.next = after
                    with m.Elif(broken_off):
                        m.next = "HUNT"
            with m.State("CARRY OUT"):
                m.d.comb += checksum.start.eq(1)
                m.d.sync += status.eq(Status.DONE)
                m.next = "START"
                with m.If(~good):
                    m.d.sync += status.eq(Status.CHECKSUM)
                with m.Elif(attaches):
                    m.d.sync += [
                        self.attached.eq(1),
                        stepped.eq(0),
                        packet.eq(self.idle_inputs),
                        left.eq(self.settle - 1),
                        identifies.eq(1),
                    ]
                    m.next = "RESTART"
                with m.Elif(runs):
                    m.d.sync += self.attached.eq(0)
                with m.Elif(~has_payload):
                    m.d.sync += status.eq(Status.COMMAND)
                with m.Elif(~self.attached):
                    m.d.sync += status.eq(Status.DETACHED)
                with m.Elif(~again):
                    m.d.comb += self.step.eq(steps)
                    m.d.sync += [sees.eq(1), stepped.eq(steps), last_step.eq(sequence)]
            with m.State("RESTART"):
                m.d.comb += [self.restart.eq(1), self.step.eq(1), checksum.start.eq(1)]
                m.d.sync += left.eq(left - 1)
                with m.If(left == 0):
                    m.next = "START"
            with m.State("START"):
                m.d.comb += [transmitted.valid.eq(1), transmitted.payload.eq(FROM_BOARD)]
                m.d.comb += checksum.start.eq(1)
                with m.If(transmitted.ready):
                    m.next = "SEND SEQUENCE"
            with m.State("SEND SEQUENCE"):
                send(sequence, "SEND STATUS")
            with m.State("SEND STATUS"):
                send(status, "SEND CHECKSUM LOW")
                with m.If(attaches):
                    m.d.sync += left.eq(identity_bytes - 1)
                with m.Else():
                    m.d.sync += left.eq(out_bytes - 1)
                with m.If(transmitted.ready & (status == Status.DONE) & (has_payload | attaches)):
                    m.next = "SEND PAYLOAD"
            with m.State("SEND PAYLOAD"):
                send(answer[:8], "SEND PAYLOAD")
                with m.If(transmitted.ready):
                    m.d.sync += [turns.eq(1), left.eq(left - 1)]
                    with m.If(left == 0):
                        m.next = "SEND CHECKSUM LOW"
            for state, part, after in (
                ("SEND CHECKSUM LOW", checksum.crc[:8], "SEND CHECKSUM HIGH"),
                ("SEND CHECKSUM HIGH", checksum.crc[8:], "HUNT"),
            ):
                with m.State(state):
                    m.d.comb += [transmitted.valid.eq(~checksum.valid), transmitted.payload.eq(part)]
                    with m.If(transmitted.valid & transmitted.ready):
                        m.next = after
        return m

    @staticmethod
    def _turn(answer, used):
        """The lowest byte goes behind the last one that is used."""
        return answer.eq(Cat(answer[8 : 8 * used], answer[:8]))
