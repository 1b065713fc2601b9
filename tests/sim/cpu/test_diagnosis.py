"""Why a program does not go on: each cause constructed, and the loop that has no end."""

import re

import pytest
from irq13.sim.cpu.diagnosis import REASONS
from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import parse_scenario
from irq13.sim.support.toml_source import Source
from support.programs import HANDLERS, SETUP, go, story

ERROR = "fdiv raises=ZE\ncheck: fwait\nend: nop"
NO_F0 = {"75h": "out 0xa0, 0x20\nout 0x20, 0x20\niret"}


class TestDiagnosis:
    """Each cause constructed; the diagnosis names it and nothing else."""

    @pytest.mark.parametrize("generation", ["I486", "P6", "AMD64"])
    @pytest.mark.parametrize(
        ("reason", "program", "extra"),
        [
            ("interrupts-off", f"{SETUP}cli\n{ERROR}", {}),
            ("slave-masked", f"{SETUP}out 0xa1, 0x20\n{ERROR}", {}),
            ("master-masked", f"{SETUP}out 0x21, 0x04\n{ERROR}", {}),
            ("slave-masked", f"sti\nfldcw masks=none\n{ERROR}", {}),
            ("circuit-disabled", f"{SETUP}mov ferr_enable 0\n{ERROR}", {}),
            ("slave-not-initialised", f"{SETUP}out 0xa0, 0x11\n{ERROR}", {}),
            ("master-not-initialised", f"{SETUP}out 0x20, 0x11\nnop 3\n{ERROR}", {}),
            ("slave-no-edge", f"{SETUP}{ERROR}", {"handlers": NO_F0}),
            (
                "slave-in-service",
                f"{SETUP}nop 20\n{ERROR}",
                {"handlers": {"70h": "out 0x20, 0x20\niret"}, "pins": "irq8 high at 20"},
            ),
            (
                "master-in-service",
                f"{SETUP}nop 20\n{ERROR}",
                {"handlers": {"08h": "iret"}, "pins": "irq0 high at 20"},
            ),
            ("no-request", "sti\nhlt\nend: nop", {}),
            ("no-signal", "wait irq13\nend: nop", {}),
        ],
    )
    def test_cause(self, reason, program, extra, generation, on):
        result = go(program, generation=generation, on=on, **extra)
        assert result.diagnosis.reason == reason
        assert REASONS[reason] in str(result.diagnosis)
        assert "executes end" not in story(result, "executes")

    def test_irq13_cleared_while_the_msr_holds_ignne_off(self, on):
        program = f"{SETUP}wrmsr HWCR 0x100\n{ERROR}"
        handlers = {"75h": "out 0xf0\nout 0xa0, 0x20\nout 0x20, 0x20\niret"}
        result = go(program, generation="AMD64", handlers=handlers, on=on)
        assert result.diagnosis.reason == "irq13-cleared"
        assert "IGNNE MSR = 1" in str(result.diagnosis)

    def test_the_master_makes_no_edge_while_the_slave_keeps_asking(self):
        # IRQ 8 is acknowledged by polling the master only: the slave's INT stays high, and IR2 makes no edge
        # for IRQ 13, although nothing is in service and nothing masked.
        program = f"{SETUP}cli\nnop 20\nout 0x20, 0x0c\nin 0x20\nout 0x20, 0x20\nsti\nnop 5\n{ERROR}"
        result = go(program, pins="irq8 high at 20")
        assert result.diagnosis.reason == "master-no-edge"
        assert "a new request of the slave" in str(result.diagnosis)

    @pytest.mark.parametrize(
        ("release", "pins"),
        [
            ("IGNNE#", "ignne_n low at 300"),
            ("NMI", "nmi high at 300"),
            ("RESET", "reset high at 300\nreset low at 301"),
        ],
    )
    def test_what_the_diagnosis_says_releases_it_does(self, release, pins):
        program = f"{SETUP}cli\n{ERROR}"
        handlers = HANDLERS | {"reset": "nop"}
        assert release in str(go(program, handlers=handlers).diagnosis)
        assert go(program, handlers=handlers, pins=pins).diagnosis is None

    def test_a_long_wait_that_ends_is_no_deadlock(self):
        result = go(f"{SETUP}cli\n{ERROR}", pins="ignne_n low at 1500")
        assert result.diagnosis is None
        assert result.trace.end > 15000


class TestNoEnd:
    """It is told of the program as a whole, with the loop, wherever the limit strikes."""

    PROGRAM = "fninit\nfldcw masks=none\nfdiv raises=ZE\nmov cr0.ne 1\nnop 2\nuse: fld1\n"

    @pytest.mark.parametrize("limit", range(300, 307))
    def test_the_loop_is_named_whatever_the_limit(self, limit):
        result = go(self.PROGRAM, handlers={"10h": "nop 3\nback: iret"}, limit=limit)
        assert result.diagnosis.reason == "no-end"
        assert {step.label or step.verb for step in result.diagnosis.loop} == {"use", "nop", "back"}
        rounds = re.search(r"(\d+) times round", str(result.diagnosis))
        assert abs(int(rounds[1]) - (limit - 7) // 5) <= 1

    @pytest.mark.parametrize("subject", ["program", "use", "back"])
    def test_it_can_be_expected_of_the_program_or_of_a_step_of_the_loop(self, subject):
        text = f"limit = 99\nprogram = '''\n{self.PROGRAM}'''\n"
        text += f"expect = '''\nuse raises #MF\n{subject} is stuck: no-end\n'''\n"
        text += "[handlers]\n10h = '''\nnop 3\nback: iret\n'''\n"
        scenario = parse_scenario(Source("x.toml", text), "x")
        assert run_scenario(scenario, scenario.generations[0], "model").passed

    def test_a_step_without_a_loop_is_named_itself(self):
        result = go("long: nop 5000", limit=60)
        assert [step.label for step in result.diagnosis.loop] == ["long"]
