"""Random waveforms, written as VCD in legal but odd layouts, are read back; damaged ones are refused."""

import math
import random

import pytest
from irq13.sim import Trace
from irq13.sim.waveform.readers import vcd
from irq13.sim.waveform.wave import Kind, TraceError

LETTERS = "01" * 6 + "xzuwhl-"
FIRST, LAST = 33, 126


class WrittenVariable:
    def __init__(self, rng, number):
        self.kind = rng.choice(list(Kind) + [Kind.BITS] * 4)
        self.width = rng.choice([1, 1, 1, 2, 7, 8, 9, 31, 63, 64, 65, 200])
        self.name = rng.choice(["a", "b c", "\\esc.aped[3]", "v[x]", "ünï", "$end2"]) + str(number)
        self.written = []

    def declared(self):
        word = {Kind.REAL: "real 64", Kind.STRING: "string 1", Kind.EVENT: "event 1"}
        return word.get(self.kind, f"wire {self.width}")

    def value(self, rng):
        """A text of the value as a VCD has it, and the value."""
        if self.kind is Kind.EVENT:
            return "1", 1
        if self.kind is Kind.REAL:
            number = rng.choice([rng.gauss(0, 1e9), rng.randrange(5), math.inf, 0.1])
            return f"{rng.choice('rR')}{number!r} ", float(number)
        if self.kind is Kind.STRING:
            text = "".join(rng.choice("abs1#$ \\é\n") for _ in range(rng.randrange(5)))
            coded = "".join(c if c.isalnum() or c in "#$" else escaped(c) for c in text)
            return f"{rng.choice('sS')}{coded} ", text
        letters = "01" if rng.random() < 0.6 else LETTERS
        text = "".join(rng.choice(letters) for _ in range(self.width))
        value = int(text, 2) if set(text) <= {"0", "1"} else text
        short = text
        fill = text[0] if text[0] != "1" else "0"
        while rng.random() < 0.8 and len(short) > 1 and short[0] == fill and extends(short[1], fill):
            short = short[1:]
        short = "".join(rng.choice([c, c.upper()]) for c in short)
        if len(short) == 1 and rng.random() < 0.7:
            return short, value
        return rng.choice(["b", "B", "b0b" if value == 0 or self.width > 1 else "b"]) + short + " ", value


def escaped(character):
    if character == "\\":
        return "\\\\"
    return "".join(f"\\{byte:03o}" for byte in character.encode())


def extends(letter, fill):
    """Whether a text that begins with this letter is extended by that one."""
    return fill == (letter if letter != "1" else "0")


def identifier(rng, taken):
    while True:
        name = "".join(chr(rng.randint(FIRST, LAST)) for _ in range(rng.choice([1, 1, 2, 3, 9])))
        if name not in taken and not name.startswith("$"):
            taken.add(name)
            return name


def written(rng):
    """A VCD as text, and what is in it: for each path the changes."""
    taken: set[str] = set()
    variables = [WrittenVariable(rng, number) for number in range(rng.randint(1, 12))]
    space = lambda: rng.choice([" ", " ", "\n", "\t", "\r\n", "  \n "])  # noqa: E731
    parts = [
        "$comment #5 not a change $end",
        "$timescale",
        "1",
        "ns",
        "$end",
        "$scope",
        "module",
        "top",
        "$end",
    ]
    names = {}
    for variable in variables:
        names[variable] = identifier(rng, taken)
        parts += ["$var", variable.declared(), names[variable], variable.name, "$end"]
    parts += ["$upscope", "$end", "$enddefinitions", "$end"]
    text = "".join(part + space() for part in parts)
    time = 0
    for _ in range(rng.randrange(60)):
        time += rng.choice([0, 1, 1, 5, 10 ** rng.randrange(12)])
        text += f"#{time}{rng.choice(['', '', '.0'])}{space()}"
        for _ in range(rng.randrange(6)):
            variable = rng.choice(variables)
            coded, value = variable.value(rng)
            variable.written.append((time, value))
            text += coded + names[variable] + space()
        if rng.random() < 0.1:
            text += f"$comment 1{names[variables[0]]} b #99{space()}$end{space()}"
        if rng.random() < 0.1:
            text += f"$dumpvars{space()}$end{space()}"
    if rng.random() < 0.5:
        text = text.rstrip()
    expected = {f"top.{one.name}": (one.kind, fresh(one)) for one in variables}
    return text, expected, time


def fresh(variable):
    """Its changes without values that repeat."""
    kept = []
    for time, value in variable.written:
        if variable.kind is Kind.EVENT or not kept or kept[-1][1] != value:
            kept.append((time, value))
    return kept


@pytest.mark.parametrize("piece", [1 << 21, 50], ids=["at once", "in pieces"])
def test_what_was_written_is_read(tmp_path, monkeypatch, piece):
    monkeypatch.setattr(vcd, "PIECE", piece)
    path = tmp_path / "x.vcd"
    for seed in range(150):
        text, expected, end = written(random.Random(seed))
        path.write_bytes(text.encode())
        trace = Trace.load(path)
        assert (list(trace), trace.end, trace.unit) == (list(expected), end, 1e-9), seed
        for name, (kind, changes) in expected.items():
            wave = trace[name]
            found = list(zip(wave.all_times.tolist(), wave.all_values.tolist(), strict=True))
            assert (wave.kind, found) == (kind, changes), (seed, name)
            levels = dict(changes)
            assert [wave.at(time) for time in levels] == [*levels.values()], (seed, name)


def test_damage_is_refused_with_its_line_or_changes_nothing_but_values(tmp_path):
    """A byte that is replaced, dropped or doubled: an error or a waveform, and nothing else."""
    path = tmp_path / "x.vcd"
    refused = 0
    for seed in range(400):
        rng = random.Random(seed)
        content = bytearray(written(rng)[0].encode())
        for _ in range(rng.choice([1, 1, 3])):
            at = rng.randrange(len(content))
            content[at : at + 1] = rng.choice(
                [b"", b"\0", b"\xff", b"$", b"#", b" ", b"q", content[at : at + 1] * 2]
            )
        path.write_bytes(content)
        try:
            trace = Trace.load(path)
        except TraceError as error:
            assert str(error).startswith(str(path)), seed
            assert "\n" not in str(error), seed
            refused += 1
        else:
            assert all(len(wave.times) == len(wave.values) for wave in trace.values())
    assert refused > 100
