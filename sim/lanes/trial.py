"""A design under stimulus in many lanes: signature, counts, coverage, and the first failure as a waveform.

trial = Trial(Gpio(), {"enable": Random(hold=0.9)}, fail={"both": lambda p: p["rise"][0] & p["fall"][0]})
run = trial.run(lanes=4096, cycles=100_000)
if run.first["both"]:
    trial.replay(run.first["both"], vcd="both.vcd")
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.hdl import Value
from amaranth.sim import Simulator

from ...model.lanes.bits import numbers_of, words_of
from ..netlist.flat import Bare, Flat, component_of
from ..netlist.gates import Bit
from ..netlist.lowering import lower
from ..support.errors import Divergence, NetlistError
from ..support.files import replacing
from .builder import Builder
from .lanes import First, Lanes, Recipe, cores, recipe_of
from .signature import SIGNATURE_BITS, next_signature
from .stimulus import Source, Stimulus

SIGNATURE = "signature"
"""The register of the signature, in each lane."""

Condition = Callable[[Mapping[str, list[Bit]]], Bit]
"""From the words of all inputs and outputs, the lowest bit first, to a bit."""


@dataclass(frozen=True)
class TrialRun:
    """What came of a trial.

    Attributes
    ----------
    signature: 64 bits, of all outputs in all lanes and cycles.
    counts: how often each watched output or condition was 1, over all lanes and cycles.
    first: where each failure came first, or None.
    toggled: of each register of the design the bits that changed in any lane, and
    registers: those that it has. Both only with `toggles`.
    """

    signature: int
    counts: dict[str, int]
    first: dict[str, First | None]
    toggled: dict[str, int]
    registers: dict[str, int]


class Trial:
    """A design with its stimulus.

    Parameters
    ----------
    design: as for `lower`: a component, an elaboratable with `ports`, or a Verilog file with `top`.
    sources: of inputs, by name; an input without one is random.
    watch, fail: outputs of one bit, or conditions by name. A failure is what must never be 1.
    seed: of all lanes; the same seed gives the same run.
    ports, top: as for `lower`.

    Attributes
    ----------
    stimulus: of the inputs.
    outputs: the design's, by name, in the order of the signature.

    Raises
    ------
    NetlistError
        As `lower`, and for inputs, outputs and values that do not exist.
    """

    def __init__(
        self,
        design: Any,
        sources: Mapping[str, Source] = {},
        *,
        watch: Iterable[str] | Mapping[str, Condition] = (),
        fail: Iterable[str] | Mapping[str, Condition] = (),
        seed: int = 0,
        ports: Sequence[Any] | None = None,
        top: str | None = None,
    ) -> None:
        self._design, self._ports = design, ports
        inner = lower(design, ports=ports, top=top)
        self.outputs = list(inner.outputs)
        self._registers = inner.register_words()
        widths = {name: len(word) for name, word in inner.inputs.items()}
        self.stimulus = Stimulus(widths, sources)
        self._watch, self._fail, self._seed = _names(watch), _names(fail), seed
        both = set(self._watch) & set(self._fail)
        if both and (isinstance(watch, Mapping) or isinstance(fail, Mapping)):
            raise NetlistError(f"{min(both)!r} is in `watch` and in `fail`: give one of the two another name")
        build = Builder()
        state = {name: build.register(name, width) for name, width in self.stimulus.registers.items()}
        inputs, after = self.stimulus.step(state, build.one)
        for name, word in after.items():
            build.follow(name, word)
        build.attach(inner, inputs)
        observed = [bit for name in self.outputs for bit in build.outputs[name]]
        self._add_conditions(build, _Words({**build.outputs, **inputs}), watch, fail)
        for name in [*self._watch, *self._fail]:
            if len(build.outputs.get(name, ())) != 1:
                raise NetlistError(
                    f"no output {name!r} of one bit: expected one of {', '.join(build.outputs)}"
                )
        build.follow(SIGNATURE, next_signature(build.register(SIGNATURE, SIGNATURE_BITS), observed))
        self._netlist = build.netlist(list(self.stimulus.registers))
        self._recipes: dict[bool, Recipe] = {}

    @property
    def flip_flops(self) -> int:
        """Of the design, its stimulus and its signature."""
        return len(self._netlist.registers)

    @property
    def operations(self) -> int:
        """Of one step, as `Recipe.operations`."""
        return self._recipe(False).operations

    @staticmethod
    def _add_conditions(build: Builder, words: Mapping[str, list[Bit]], *conditions: Any) -> None:
        for given in conditions:
            for name, condition in given.items() if isinstance(given, Mapping) else ():
                if name in words:
                    raise NetlistError(f"{name!r} is a port: give the condition another name")
                bit = condition(words) if callable(condition) else condition
                if not isinstance(bit, Bit):
                    raise NetlistError(
                        f"condition {name!r}: expected a function that gives a bit, as in "
                        f"lambda p: p['busy'][0] & ~p['ready'][0], not {type(bit).__name__}"
                    )
                build.outputs[name] = [bit]

    def _recipe(self, toggles: bool) -> Recipe:
        """Planned once: many runs of one trial are the rule."""
        if toggles not in self._recipes:
            self._recipes[toggles] = recipe_of(self._netlist, self._watch, self._fail, toggles=toggles)
        return self._recipes[toggles]

    def lanes(
        self, lanes: int, *, engine: str = "auto", threads: int = 1, toggles: bool = False, first: int = 0
    ) -> Lanes:
        """Lanes at cycle 0, with their seeds. Errors as `Recipe.kernel`.

        Parameters
        ----------
        lanes, threads : int
            As for `Lanes`, from 1 on.
        engine : str
            One of `lanes.ENGINES`.
        toggles : bool
            Keep which registers ever changed.
        first : int
            The number of the first lane.
        """
        kernel = self._recipe(toggles).kernel(engine)
        kernel.netlist = self._netlist
        made = Lanes(kernel, lanes, threads)
        for name, values in self.stimulus.initial(self._seed, lanes, first).items():
            made.set_register(name, values)
        return made

    def run(
        self,
        lanes: int,
        cycles: int,
        *,
        engine: str = "auto",
        threads: int | None = None,
        toggles: bool = False,
    ) -> TrialRun:
        """Let all lanes run. Errors as `Recipe.kernel`.

        Parameters
        ----------
        lanes, cycles : int
            How many: lanes from 1 on, cycles from 0 on.
        engine : str
            One of `lanes.ENGINES`.
        threads : int or None
            On how many processors; None for all that this process may use. It does not change the result.
        toggles : bool
            Fill in `toggled` of the result.
        """
        made = self.lanes(lanes, engine=engine, threads=threads or cores(), toggles=toggles)
        made.run(cycles)
        return TrialRun(
            signature=_joined(made.register(SIGNATURE)),
            counts=made.counts,
            first=made.first,
            toggled={name: made.toggled()[name] for name in self._registers if name in made.names}
            if toggles
            else {},
            registers={name: sum(1 << bit for bit in bits) for name, bits in self._registers.items()},
        )

    def inputs(self, lane: int, cycles: int) -> Iterator[dict[str, int]]:
        """What a lane's inputs are in each cycle, by name, worked out in Python.

        Parameters
        ----------
        lane : int
            Its number, from 0 on.
        cycles : int
            How many, from cycle 0 on.
        """
        state = dict.fromkeys(self.stimulus.registers, 0)
        state |= {name: int(values[0]) for name, values in self.stimulus.initial(self._seed, 1, lane).items()}
        for _ in range(cycles):
            now, after = self.stimulus.step(words_of(state, self.stimulus.registers), 1)
            state = numbers_of(after)
            yield numbers_of(now)

    def replay(self, where: First, vcd: str | Path | None = None) -> dict[str, int]:
        """A lane alone under Amaranth's simulator, up to and with a cycle; returns the outputs of that one.

        Parameters
        ----------
        where: as `TrialRun.first` has it.
        vcd: where its waveform goes.

        Raises
        ------
        Divergence
            If an output is another one there than in lanes.
        NetlistError
            For a design in Verilog, which Amaranth does not simulate.
        OSError
            If the waveform cannot be written.
        """
        if isinstance(self._design, str | Path):
            raise NetlistError(
                f"{self._design}: Amaranth's simulator takes no Verilog; trial.inputs has its inputs"
            )
        alone = self.lanes(1, engine="numpy", first=where.lane)
        alone.run(where.cycle)
        expected = {name: int(alone.output(name)[0]) for name in self.outputs}
        got = self._simulated(where, vcd)
        for name in self.outputs:
            if got[name] != expected[name]:
                raise Divergence(
                    f"lane {where.lane}, cycle {where.cycle}: {name} is {got[name]:#x} under Amaranth's "
                    f"simulator and {expected[name]:#x} in lanes"
                )
        return got

    def _simulated(self, where: First, vcd: str | Path | None) -> dict[str, int]:
        plain = self._ports is not None or component_of(self._design) is None
        # With a reset of `sync` that nobody asserts: the design may read it.
        top = (
            Bare(self._design, self._ports, domain_reset=True)
            if plain
            else Flat(self._design, domain_reset=True)
        )
        ports = {str(signal.name): signal for signal in top.signals}
        pads = [name for name in (*self.stimulus.widths, *self.outputs) if name not in ports]
        if pads:
            raise NetlistError(
                f"{pads[0]} is a pad, which Amaranth's simulator does not take: make it a port"
            )
        outputs: dict[str, int] = {}

        async def testbench(ctx: Any) -> None:
            for row in self.inputs(where.lane, where.cycle + 1):
                if outputs:
                    await ctx.tick(self._netlist.domain)
                for name, value in row.items():
                    ctx.set(ports[name], value)
                for name in self.outputs:
                    outputs[name] = int(ctx.get(Value.cast(ports[name]).as_unsigned()))
            # The last cycle has its width in the waveform.
            await ctx.tick(self._netlist.domain)

        simulator = Simulator(top)
        simulator.add_clock(1e-8, domain=self._netlist.domain)
        simulator.add_testbench(testbench)
        if vcd is None:
            simulator.run()
        else:
            with replacing(vcd) as file, simulator.write_vcd(file):
                simulator.run()
        return outputs


class _Words(dict[str, list[Bit]]):
    """The words of all ports, for conditions."""

    def __missing__(self, name: str) -> list[Bit]:
        raise NetlistError(f"a condition reads {name!r}: expected one of {', '.join(self)}")


def _names(given: Iterable[str]) -> list[str]:
    if isinstance(given, str):
        raise NetlistError(f"expected a list of outputs, as in [{given!r}], not {given!r}")
    return list(given)


def _joined(signatures: np.ndarray) -> int:
    """One of those of all lanes, each with a factor of its own, so that equal ones do not cancel out."""
    factors = np.arange(len(signatures), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    return int((signatures * factors).sum(dtype=np.uint64))
