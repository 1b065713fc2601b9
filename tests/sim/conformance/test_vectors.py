"""Test vectors: the same bytes each time, true on both halves, read by the loaders that come with them."""

import gzip
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from irq13.sim.cli.main import main
from irq13.sim.conformance import vectors
from support.c_reference import PROGRAMS, SOURCE, compile_c

ROOT = Path(__file__).parents[3]


def invoke(*arguments):
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("vectors")
    vectors.write_vectors(target)
    return target


def test_the_same_version_writes_the_same_bytes(folder, tmp_path):
    again = tmp_path / "again"
    assert invoke("vectors", "--out", str(again)).exit_code == 0
    names = sorted(path.name for path in folder.iterdir())
    assert names == sorted(path.name for path in again.iterdir())
    assert len(names) == len(vectors.FAMILIES) + 4
    assert all((folder / name).read_bytes() == (again / name).read_bytes() for name in names)
    assert sum((folder / name).stat().st_size for name in names) < 300_000


@pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("family", list(vectors.FAMILIES))
def test_every_file_keeps_to_the_schema(folder, family, every):
    """With every eighth case, and with all."""
    schema = json.loads((folder / "schema.json").read_text())
    data = json.loads(gzip.decompress((folder / f"{family}.json.gz").read_bytes()))
    jsonschema.Draft202012Validator(schema).validate(data | {"cases": data["cases"][::every]})
    names = [case["name"] for case in data["cases"]]
    assert len(names) == len(set(names))
    assert all(len(row) == len(data["signals"]) for case in data["cases"] for row in case["cycles"])
    assert all(len(case["cycles"]) == len(case["steps"]) for case in data["cases"])


@pytest.mark.parametrize("on", ["model", pytest.param("hdl", marks=pytest.mark.slow)])
def test_every_vector_holds_on_both_halves(folder, on):
    checker = vectors.Checker(on)
    cases = list(vectors.read_vectors(folder))
    assert len(cases) > 3000
    assert [wrong for _, case in cases if (wrong := checker.check(case))] == []


def test_the_loader_in_python_reads_them(folder):
    spec = importlib.util.spec_from_file_location("load_vectors", folder / "load_vectors.py")
    loader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loader)
    cases = list(loader.load(folder / "handshake.json.gz"))
    kept = [case for family, case in vectors.read_vectors(folder) if family == "handshake"]
    for case, one in zip(cases, kept, strict=True):
        assert vectors.changed_registers(case["initial"], case["final"]) == one["final"]
        assert case["final"].keys() == case["initial"].keys()
    assert {name for one in kept for name in one["final"]} >= {"ff1", "master", "slave", "flags"}
    assert cases[0]["cycles"][0]["ferr_n"] == 1
    assert cases[0]["steps"][0]["ignne_drive_n"] == 1
    done = subprocess.run(
        [sys.executable, folder / "load_vectors.py", folder / "svm.json.gz"], capture_output=True, text=True
    )
    assert f"{len(list(loader.load(folder / 'svm.json.gz')))} cases" in done.stdout


def test_the_loader_in_javascript_reads_them(folder, tmp_path):
    """Under Node where it is installed; a number of 64 bits keeps them all."""
    if shutil.which("node") is None:
        pytest.skip("no node")
    paths = sorted(folder.glob("*.json.gz"))
    done = subprocess.run(["node", folder / "load_vectors.js", *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(paths)
    ask = "const { load } = require(process.argv[1]); let all = 0n; for (const one of load(process.argv[2]))"
    ask += " { if (Object.keys(one.final).length < 15 || Object.keys(one.final.slave).length < 27) throw one.name;"
    ask += " for (const now of one.steps) all += BigInt(now.msr_request_data); } console.log(String(all));"
    words = ["node", "-e", ask, folder / "load_vectors.js", folder / "msr.json.gz"]
    done = subprocess.run(words, capture_output=True, text=True)
    cases = [case for family, case in vectors.read_vectors(folder) if family == "msr"]
    wanted = sum(now.get("msr_request_data", 0) for case in cases for now in case["steps"])
    assert wanted > 1 << 64
    assert int(done.stdout) == wanted


def test_the_loader_in_c_reads_them(folder, tmp_path, tool):
    tool("g++")
    program = compile_c(tmp_path / "load", folder / "load_vectors.c")
    for path in folder.glob("*.json.gz"):
        data = gzip.decompress(path.read_bytes())
        cases = json.loads(data)["cases"]
        done = subprocess.run([program], input=data, capture_output=True, check=True)
        cycles = sum(len(case["cycles"]) for case in cases)
        assert done.stdout.decode() == f"{len(cases)} cases, {cycles} cycles, 0 wrong\n"
    broken = data.replace(b'"cycles":[[1', b'"cycles":[[x', 1)
    assert subprocess.run([program], input=broken[:5000], capture_output=True).returncode == 2


def test_the_reference_in_c_is_right_on_them(folder, tmp_path, tool):
    """By the loader in C: all but where the distance of two events decides and not their order; one wrong line is seen."""
    tool("g++")
    sources = PROGRAMS / "vectors.c", SOURCE / "irq13.c"
    flags = ("-fsanitize=undefined,address", "-fno-sanitize-recover=all", f"-I{folder}")
    program = compile_c(tmp_path / "right", *sources, flags=flags)
    text, passed_over = "", []
    for path in sorted(folder.glob("*.json.gz")):
        data = gzip.decompress(path.read_bytes())
        done = subprocess.run([program], input=data, capture_output=True)
        text += done.stdout.decode()
        passed_over += done.stderr.decode().split()
    assert re.findall(r"(\d+) wrong", text) == ["0"] * len(vectors.FAMILIES), text
    hashes = {case["hash"] for _, case in vectors.read_vectors(folder)}
    assert len(hashes) == sum(map(int, re.findall(r"(\d+) cases", text))) == 3250
    assert len(passed_over) == 133
    assert hashes >= set(passed_over)
    wrong, line = tmp_path / "irq13.c", "    if (!s->ferr_asserted) s->ff2 = 0;\n"
    wrong.write_text(sources[1].read_text().replace(line, ""))
    program = compile_c(tmp_path / "wrong", sources[0], wrong, flags=(f"-I{folder}",))
    data = gzip.decompress((folder / "handshake.json.gz").read_bytes())
    done = subprocess.run([program], input=data, capture_output=True)
    assert done.returncode == 1
    assert done.stdout.endswith(b" 9 wrong\n")


def test_a_wrong_vector_is_told(folder, tmp_path):
    data = json.loads(gzip.decompress((folder / "svm.json.gz").read_bytes()))
    case = data["cases"][3]
    case["cycles"][1][data["signals"].index("es")] ^= 1
    (tmp_path / "svm.json.gz").write_bytes(gzip.compress(json.dumps(data).encode()))
    result = invoke("vectors", "--check", str(tmp_path))
    assert result.exit_code == 2
    assert f"case {case['name']!r} is not as it was written" in result.stderr
    case["hash"] = vectors.hash_of(case)
    (tmp_path / "svm.json.gz").write_bytes(gzip.compress(json.dumps(data).encode()))
    result = invoke("vectors", "--check", str(tmp_path))
    assert result.exit_code == 1
    assert "cycle 1: es is" in result.output
    assert f"{len(data['cases'])} cases on model: 1 fail" in result.output


@pytest.mark.parametrize(
    "text",
    [
        b"{}",
        b"\x1f\x8b\x08\x00",
        gzip.compress(b"", mtime=0)[:10] + b"\xff" * 20,
        b"[1]",
        b'{"format": "irq13-vectors", "version": 2, "family": "x", "cases": []}',
        b'{"format": "irq13-vectors", "version": 3, "family": "x", "cases": 5}',
        b'{"format": "irq13-vectors", "version": 3, "family": "x", "cases": [{"name": "x"}]}',
    ],
)
def test_a_damaged_file_is_one_line(tmp_path, text):
    (tmp_path / "x.json.gz").write_bytes(text if text[:2] == b"\x1f\x8b" else gzip.compress(text))
    result = invoke("vectors", "--check", str(tmp_path))
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


def test_the_kit_is_part_of_the_package():
    """Assembly sources, schema and loaders are installed with it."""
    names = {path.name for part in ("asm", "kit") for path in (ROOT / "sim" / "conformance" / part).iterdir()}
    loaders = {"load_vectors.py", "load_vectors.c", "load_vectors.js"}
    assert names >= {"image.asm", "capture.asm", "schema.json"} | loaders
