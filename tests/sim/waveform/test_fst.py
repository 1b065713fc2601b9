"""FST: what is written is what the VCD has; whatever libfst can write is read, one by one and as a stream."""

import subprocess
import sys

import pylibfst
import pytest
import pywellen
from irq13.sim import Trace
from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import load_scenario
from irq13.sim.support.errors import InputError
from irq13.sim.waveform.fst_writer import write_fst_waveform
from irq13.sim.waveform.readers import wellen
from irq13.sim.waveform.vcd_writer import write_waveform


@pytest.fixture(params=[1e9, -1], ids=["one by one", "as a stream"])
def many(request, monkeypatch):
    """Read both as an FST of few variables is, and as one of many."""
    monkeypatch.setattr(wellen, "_MANY", request.param)


def changes(trace):
    found = {}
    for name, wave in trace.items():
        pairs = zip(wave.all_times.tolist(), wave.all_values.tolist(), strict=True)
        found[name] = (wave.kind.value, wave.width, list(pairs))
    return found


@pytest.fixture(scope="module")
def trace():
    scenario = load_scenario("dos-divide-by-zero")
    return run_scenario(scenario, scenario.generations[0], "model").trace


def test_the_fst_holds_what_the_vcd_holds(tmp_path, trace, many):
    write_waveform(trace, tmp_path / "x.vcd")
    save = write_fst_waveform(trace, tmp_path / "y.fst")
    vcd, fst = Trace.load(tmp_path / "x.vcd"), Trace.load(tmp_path / "y.fst")
    assert changes(fst) == changes(vcd)
    assert (fst.end, fst.unit, fst.title, fst.notes) == (vcd.end, vcd.unit, vcd.title, ())
    assert fst.causes == vcd.causes
    assert '[dumpfile] "y.fst"' in save.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.gtkw", "x.vcd", "y.fst", "y.gtkw"]
    names = {variable.full_name for variable in pywellen.Waveform(str(tmp_path / "y.fst")).all_vars()}
    assert names == set(vcd)


def test_the_same_run_gives_the_same_fst(tmp_path, trace):
    for name in ("x.fst", "y.fst"):
        write_fst_waveform(trace, tmp_path / name)
    assert (tmp_path / "x.fst").read_bytes() == (tmp_path / "y.fst").read_bytes()


def test_where_the_library_is_missing_that_is_one_line(monkeypatch, tmp_path, trace):
    monkeypatch.setitem(sys.modules, "pylibfst", None)
    with pytest.raises(InputError, match="to write an FST, install pylibfst"):
        write_fst_waveform(trace, tmp_path / "x.fst")
    assert [*tmp_path.iterdir()] == []


def test_run_writes_both(tmp_path):
    command = "from irq13.sim.cli.main import main; main()"
    arguments = ["run", "native-mf", "--on", "model", "--fst", "x.fst", "--vcd", "x.vcd"]
    done = subprocess.run(
        [sys.executable, "-c", command, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    read = [changes(Trace.load(path)) for path in sorted(tmp_path.glob("x*.fst"))]
    assert read == [changes(Trace.load(path)) for path in sorted(tmp_path.glob("x*.vcd"))]


def write_all_kinds(path):
    """By the FST library itself: nine letters, glitches, and each kind of signal there is."""
    ffi, lib = pylibfst.ffi, pylibfst.lib
    file = lib.fstWriterCreate(str(path).encode(), 1)
    lib.fstWriterSetTimescale(file, -12)
    lib.fstWriterSetComment(file, b"of somebody else")
    lib.fstWriterSetScope(file, lib.FST_ST_VCD_MODULE, b"top", ffi.NULL)

    def declare(kind, width, name, alias=0):
        return lib.fstWriterCreateVar(file, kind, 0, width, name.encode(), alias)

    bit = declare(lib.FST_VT_VCD_WIRE, 1, "a")
    bus = declare(lib.FST_VT_VCD_REG, 4, "v [3:0]")
    wide = declare(lib.FST_VT_VCD_REG, 70, "w")
    real = declare(lib.FST_VT_VCD_REAL, 64, "r")
    text = declare(lib.FST_VT_GEN_STRING, 0, "s")
    event = declare(lib.FST_VT_VCD_EVENT, 1, "e")
    declare(lib.FST_VT_VCD_WIRE, 1, "quiet")
    declare(lib.FST_VT_VCD_WIRE, 1, "same", bit)
    singles = [declare(lib.FST_VT_VCD_WIRE, 1, f"b [{index}]") for index in (1, 0)]
    lib.fstWriterSetUpscope(file)

    def write(handle, value):
        if handle == text:
            lib.fstWriterEmitVariableLengthValueChange(file, handle, value.encode(), len(value.encode()))
        else:
            data = ffi.new("double*", value) if handle == real else value.encode()
            lib.fstWriterEmitValueChange(file, handle, data)

    steps = {
        0: [
            (bit, "0"),
            (bus, "01xz"),
            (wide, "0" * 69 + "1"),
            (real, 1.5),
            (text, "IDLE"),
            (singles[0], "1"),
        ],
        5: [(bit, "1"), (bit, "0"), (bus, "uwhl"), (wide, "1" * 70), (text, "two words\n"), (event, "1")],
        9: [(event, "1"), (event, "1"), (bit, "-"), (real, float("inf")), (text, "é"), (singles[1], "0")],
    }
    for time, listed in steps.items():
        lib.fstWriterEmitTimeChange(file, time)
        for handle, value in listed:
            write(handle, value)
    lib.fstWriterEmitTimeChange(file, 20)
    lib.fstWriterClose(file)


def test_all_that_an_fst_can_hold_is_read(tmp_path, many):
    """Nine letters, glitches, reals, texts, events, an alias, a signal without a value, bits one by one."""
    path = tmp_path / "x.fst"
    write_all_kinds(path)
    read = Trace.load(path)
    assert changes(read) == {
        "top.a": ("bits", 1, [(0, 0), (5, 1), (5, 0), (9, "-")]),
        "top.v[3:0]": ("bits", 4, [(0, "01xz"), (5, "uwhl")]),
        "top.w": ("bits", 70, [(0, 1), (5, (1 << 70) - 1)]),
        "top.r": ("real", 64, [(0, 1.5), (9, float("inf"))]),
        "top.s": ("string", 0, [(0, "IDLE"), (5, "two words\n"), (9, "é")]),
        "top.e": ("event", 0, [(5, 1), (9, 1), (9, 1)]),
        "top.quiet": ("bits", 1, []),
        "top.same": ("bits", 1, [(0, 0), (5, 1), (5, 0), (9, "-")]),
        "top.b[1]": ("bits", 1, [(0, 1)]),
        "top.b[0]": ("bits", 1, [(9, 0)]),
    }
    assert (read.end, read.unit, read.title) == (20, 1e-12, "")
