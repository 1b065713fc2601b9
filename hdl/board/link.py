"""The board's end of the line: a packet comes, is carried out, and is answered (see `packets`)."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import connect, flipped

from ..component import Component, Input, Output
from .packets import Carries, Command, PacketReceiver, PacketSender, Sizes, Status


class Executor(Component):
    """Carries packets out, one at a time: each is taken once its answer is.

    Parameters
    ----------
    sizes : Sizes
    settle : int
        Clock cycles that *attach* holds the PC in its state at power-up, at least 1.
    """

    def __init__(self, sizes: Sizes, *, settle: int):
        super().__init__(
            {
                "packets": Input(stream.Signature(sizes.packet), "a packet"),
                "answers": Output(stream.Signature(sizes.answer), "an answer to it"),
                "attached": Output(1, "a host drives the PC"),
                "restart": Output(1, "the PC is to go to its state at power-up"),
                "step": Output(1, "one clock edge for the PC"),
                "outputs": Input(sizes.output_bits, "of the PC"),
            }
        )
        self.settle = settle

    def elaborate(self, platform):
        m = Module()
        packet, answer = self.packets.payload, self.answers.payload
        last_step = Signal(8)
        stepped = Signal()
        left = Signal(range(self.settle + 1))
        # Everything on the line is slow, so what is long is cut by registers: the command once it is decoded,
        # and the outputs of the PC, which stands still until the answer is taken.
        attaches, runs, settles, steps = decoded = [Signal() for _ in range(4)]
        again, moves = Signal(), Signal()
        commands = (Command.ATTACH, Command.RUN, Command.SETTLE, Command.STEP)
        m.d.sync += [
            *(one.eq(packet.command == command) for one, command in zip(decoded, commands, strict=True)),
            again.eq(stepped & (packet.command == Command.STEP) & (packet.sequence == last_step)),
        ]
        m.d.comb += answer.sequence.eq(packet.sequence)
        m.d.sync += answer.outputs.eq(self.outputs)
        with m.FSM():
            with m.State("WAIT"), m.If(self.packets.valid):
                m.next = "CARRY OUT"
            with m.State("CARRY OUT"):
                m.d.sync += [
                    answer.status.eq(Status.DONE),
                    answer.carries.eq(Carries.NOTHING),
                    moves.eq(0),
                ]
                m.next = "ANSWER"
                with m.If(~packet.good):
                    m.d.sync += answer.status.eq(Status.CHECKSUM)
                with m.Elif(attaches):
                    m.d.sync += [self.attached.eq(1), stepped.eq(0), left.eq(self.settle - 1)]
                    m.d.sync += answer.carries.eq(Carries.IDENTITY)
                    m.next = "RESTART"
                with m.Elif(runs):
                    m.d.sync += self.attached.eq(0)
                with m.Elif(~(settles | steps)):
                    m.d.sync += answer.status.eq(Status.COMMAND)
                with m.Elif(~self.attached):
                    m.d.sync += answer.status.eq(Status.DETACHED)
                with m.Elif(again):
                    m.d.sync += answer.carries.eq(Carries.AGAIN)
                with m.Else():
                    m.d.sync += [moves.eq(steps), stepped.eq(steps), last_step.eq(packet.sequence)]
                    m.d.sync += answer.carries.eq(Carries.OUTPUTS)
            with m.State("RESTART"):
                m.d.comb += [self.restart.eq(1), self.step.eq(1)]
                m.d.sync += left.eq(left - 1)
                with m.If(left == 0):
                    m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += [self.answers.valid.eq(1), self.packets.ready.eq(self.answers.ready)]
                with m.If(self.answers.ready):
                    m.d.comb += self.step.eq(moves)
                    m.next = "WAIT"
        return m


class Link(Component):
    """The board's end of the line.

    Parameters
    ----------
    generation : int
        Its number, for the host.
    input_bits, output_bits : int
        Of the PC.
    idle_inputs : int
        What drives the PC while it restarts.
    pause : int
        Clock cycles without a byte after which a packet that has broken off is forgotten.
    settle : int
        Clock cycles that *attach* holds the PC in its state at power-up, at least 1.
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
        super().__init__(
            {
                "received": Input(stream.Signature(8, always_ready=True), "a byte from the host"),
                "transmitted": Output(stream.Signature(8), "a byte for the host"),
                "attached": Output(
                    1, "the PC's inputs come from `inputs`, and its clock stands still but for `step`"
                ),
                "restart": Output(1, "the PC is to go to its state at power-up"),
                "step": Output(1, "one clock edge for the PC, in this cycle or the next"),
                "inputs": Output(input_bits, "stable for many cycles before and after `step`"),
                "outputs": Input(
                    output_bits, "of the PC, as they settle for `inputs`, a few cycles later at most"
                ),
            }
        )
        sizes = Sizes(generation, input_bits, output_bits)
        self._receiver = PacketReceiver(sizes, idle_inputs=idle_inputs, pause=pause)
        self._executor = Executor(sizes, settle=settle)
        self._sender = PacketSender(sizes)

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver = receiver = self._receiver
        m.submodules.executor = executor = self._executor
        m.submodules.sender = sender = self._sender
        connect(m, flipped(self.received), receiver.received)
        connect(m, receiver.packets, executor.packets)
        connect(m, executor.answers, sender.answers)
        connect(m, sender.transmitted, flipped(self.transmitted))
        m.d.comb += [
            self.attached.eq(executor.attached),
            self.restart.eq(executor.restart),
            self.step.eq(executor.step),
            self.inputs.eq(receiver.packets.payload.inputs),
            executor.outputs.eq(self.outputs),
        ]
        return m
