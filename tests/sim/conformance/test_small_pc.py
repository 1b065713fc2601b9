"""The image on a PC of our own: one that is right passes every case, and each planted defect fails those listed."""

import random
import subprocess

import pytest
from irq13.model import Generation
from irq13.sim.conformance.conform import Seen, counts, differences, findings, judged
from irq13.sim.conformance.defects import defects, recognised
from irq13.sim.conformance.image import ALL_RUNS, image, only
from irq13.sim.conformance.image_cases import CASES
from irq13.sim.conformance.image_reference import expected_log
from support.planted import DEFECTS, failing, judged_on, small_pc

BY_NAME = {defect.name: defect for defect in defects()}
RESAMPLES = "setting the enable bit with FERR# low counts as a falling edge"
DOES_NOT = "setting the enable bit with FERR# low requests nothing"
RESET_MSRS = "the reset is {}: HWCR.IgnneEm and the IGNNE MSR {}"
INIT_X87 = "the reset is an INIT: the state of the x87 stays"
FNINIT = "the BIOS executes FNINIT after the reset, which is a RESET or an INIT"
LEAVES_TRACES = {"f0-needs-ferr"}
"""IRQ 13 stays requested, which no program can put back there: a boot of its own is what keeps the verdict."""


@pytest.fixture(scope="module")
def right(tmp_path_factory, tool):
    tool("nasm")
    tool("g++")
    return small_pc(tmp_path_factory.mktemp("right"))


def shuffled(seed):
    return random.Random(seed).sample(ALL_RUNS, len(ALL_RUNS))


@pytest.mark.parametrize("generation", list(Generation))
def test_a_pc_that_is_right_passes_every_case(right, generation):
    """In one boot, as the image says so too; in any order of cases and modes, however late IRQ 13 comes."""
    rows, boots = judged_on(right, generation, ALL_RUNS, boots="auto")
    assert not list(differences(rows))
    assert boots == 1
    assert failing(right, generation, shuffled(generation.value), latency=200) == set()


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (
            "b",
            {
                RESAMPLES,
                "port F1h does nothing",
                "the reset is a RESET",
                RESET_MSRS.format("a RESET", "are 0"),
            },
        ),
        (
            "i81e",
            {DOES_NOT, "port F1h lowers IRQ 13, as F0h does", INIT_X87, RESET_MSRS.format("an INIT", "stay")},
        ),
        ("if", {RESAMPLES, "port F1h does nothing", FNINIT, RESET_MSRS.format("an INIT", "stay")}),
        ("n", {RESAMPLES, "port F1h does nothing"}),
        ("m", {RESAMPLES, "port F1h does nothing"}),
    ],
)
def test_what_pcs_have_otherwise_is_found_out(right, kind, found, tmp_path):
    """By cases that ask: what a reset is and where it leads to, what port F1h and the enable bit do."""
    runs = [run for run in ALL_RUNS if CASES[run[0]].asks]
    rows, boots = judged_on(right, Generation.AMD64, runs, kind=kind, boots="auto")
    lost = 4 if kind in ("n", "m") else 0
    assert boots == (lost if kind == "m" else 1)
    assert counts(rows) == {"agrees": len(runs) - lost} | ({"skipped": lost} if lost else {})
    assert set(findings(rows)) == found
    # Nothing of it is left for the next boot.
    (tmp_path / "image").write_bytes(only(image(), runs))
    subprocess.run([right, tmp_path / "image", "2", "3", kind], capture_output=True, check=True, timeout=20)


@pytest.mark.slow
@pytest.mark.parametrize("generation", list(Generation))
def test_no_verdict_changes_with_the_interrupt_path(right, generation):
    """From the instruction behind the error on; the test before this one has it 200 instructions later."""
    late = {latency: failing(right, generation, ALL_RUNS, latency) for latency in (0, 1, 2, 4, 7, 30, 100)}
    assert not any(late.values())


def test_each_defect_has_a_case_of_its_own():
    """No two are the same to the image, and every case of theirs exists."""
    assert BY_NAME.keys() == DEFECTS.keys()
    for generation in (Generation.P6, Generation.AMD64):
        sets = [one.cases[generation] for one in defects() if one.cases[generation]]
        assert len(sets) == len(set(sets)) >= len(DEFECTS) - 1
    names = {case.name for case in CASES}
    assert {name for one in defects() for cases in one.cases.values() for name in cases} <= names
    assert all(BY_NAME[name].cases[Generation.AMD64] for name in DEFECTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(DEFECTS))
def test_a_planted_defect_fails_exactly_the_cases_listed(name, tmp_path, tool):
    """On every generation and in both modes; on the last one also in another order, and late."""
    tool("nasm")
    tool("g++")
    program = small_pc(tmp_path, name)
    for generation in Generation:
        wanted = {(case, mode) for case in BY_NAME[name].cases[generation] for mode in "rp"}
        boots = "auto" if name in LEAVES_TRACES else "all"
        assert failing(program, generation, ALL_RUNS, boots=boots) == wanted
    assert failing(program, Generation.AMD64, shuffled(name), latency=150, boots=boots) == wanted


def test_a_defect_is_recognised_by_the_cases_that_fail():
    """Beside another; one that others explain is not said."""
    # Of the cases of port F0h most need an 8259A that lets go of a fallen line: that is what is named.
    for generation in Generation:
        names = BY_NAME["8259A-keeps-edges"].cases[generation]
        seen = {
            (n, m): Seen(() if case.name in names else expected_log(case, generation))
            for n, case in enumerate(CASES)
            for m in "rp"
        }
        found = recognised(judged(ALL_RUNS, generation, seen))
        assert found == [(generation, BY_NAME["8259A-keeps-edges"])]
    names = BY_NAME["fnclex-leaves-ignne"].cases[Generation.P6] | BY_NAME["reports-late"].cases[Generation.P6]
    seen = {
        (n, m): Seen(() if case.name in names else expected_log(case, Generation.P6))
        for n, case in enumerate(CASES)
        for m in "rp"
    }
    found = recognised(judged(ALL_RUNS, Generation.P6, seen))
    assert [(generation, one.name) for generation, one in found] == [
        (Generation.P6, "reports-late"),
        (Generation.P6, "fnclex-leaves-ignne"),
    ]
    reset = [run for run in ALL_RUNS if CASES[run[0]].name == "reset-releases-ignne"]
    assert recognised(judged(reset, Generation.P6, {run: Seen((), "") for run in reset})) == []
    skipped = {run: Seen(None, "skipped") if CASES[run[0]].nmi else Seen((), "") for run in ALL_RUNS}
    assert (Generation.P6, BY_NAME["no-exceptions"]) in recognised(judged(ALL_RUNS, Generation.P6, skipped))
    everything = {run: Seen((), "") for run in ALL_RUNS}
    names = [one.name for _, one in recognised(judged(ALL_RUNS, Generation.P6, everything))]
    assert "no-exceptions" in names
    assert "few-instructions-check" not in names
