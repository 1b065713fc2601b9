"""Scripts of MSR accesses, and `irq13 msr`."""

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from irq13.sim.kvm import run as msr_run
from irq13.sim.kvm import script as msr_script
from irq13.sim.support.toml_source import Source, SourceError

WORDS = [
    *"guest host user boot reset init 0 1 all wrmsr rdmsr modify set clear get ok error".split(),
    *"HWCR IGNNE VM_CR 0x100 5 , x".split(),
]
OPTIONS = [
    *([], ["--compare"], ["--json"], ["--json", "--compare"], ["--full-chains"]),
    *(["--backend", "hardware"], ["--backend", "xen", "--json"]),
]


@pytest.mark.parametrize("name", msr_script.shipped_scripts())
@pytest.mark.parametrize("backend", msr_run.COLUMNS)
def test_shipped_scripts_run_everywhere(name, backend):
    done, _ = msr_run.run_script(msr_script.load_script(name), backend)
    assert done


def test_the_boot_script_shows_the_three_chains_in_bpftraces_form():
    _, vm = msr_run.run_script(msr_script.load_script("boot"), "vmx")
    text = msr_run.as_bpftrace(msr_run.histogram(vm))
    assert text.startswith(
        "@[\n    vmx_set_msr\n    kvm_vcpu_reset\n    kvm_arch_vcpu_create\n    kvm_vm_ioctl\n"
        "    __x64_sys_ioctl\n    do_syscall_64\n    entry_SYSCALL_64_after_hwframe\n]: 6\n@[\n"
    )
    assert text.count("@[") == 3


def test_side_by_side():
    rows = {access.text: done for access, done in msr_run.compare_backends(msr_script.load_script("ignne"))}
    first = rows["guest 0 modify HWCR set 0x100"]
    assert [(one.result, one.value) for one in first.values()] == [
        ("dropped", "0h"),
        ("dropped", "0h"),
        ("accepted", "1000110h"),
    ]
    for bit in (18, 30):
        assert rows[f"guest 0 modify HWCR set {1 << bit:#x}"]["hardware"].result == "accepted"
    plain = rows["guest 0 wrmsr HWCR 0x100"]["hardware"]
    assert (plain.result, plain.why[:26]) == ("#GP", "HWCR bit 4 (INVDWBINVD) re")
    # SmmLock, once set, refuses SMM_CTL.
    assert rows["guest 0 wrmsr SMM_CTL 1"]["hardware"].result == "#GP"
    second = rows["guest 0 wrmsr IGNNE 1"]
    assert [one.result for one in second.values()] == ["dropped", "#GP", "accepted"]


@pytest.mark.parametrize(
    ("layout", "results"), [("minimal", "accepted #GP #GP"), ("k8", "in_part accepted dropped")]
)
def test_the_part_is_chosen(layout, results):
    text = "script = '''\nguest 0 wrmsr HWCR 0x100\nguest 0 modify HWCR set 0x40000 clear 0x100\n"
    text += f"guest 0 modify HWCR set 0x20000000\n'''\n[hardware]\nhwcr = '{layout}'"
    done, _ = msr_run.run_script(msr_script.parse_script(Source("x", text)), "hardware")
    assert " ".join(one.result.replace(" ", "_") for one in done) == results


def test_modify_reads_first_and_ends_where_that_fails():
    text = """
user_space = ["filter"]
script = '''
guest 0 modify IGNNE set 1
guest 0 modify HWCR set 0x40000
user 0 ok 0x1000000
guest 0 modify K7_EVNTSEL0 set 4 clear 1
host 0 modify IGNNE set 1
host 0 modify 0xDEAD clear 1
'''
[filter]
ranges = "HWCR 1 deny read"
"""
    done, _ = msr_run.run_script(msr_script.parse_script(Source("x", text)), "svm")
    assert [(one.result, one.value) for one in done] == [
        ("#GP on reading", ""),
        ("exit to user space (filter) on reading", ""),
        ("done", "1000000h"),
        ("dropped", "0h"),
        ("0 of 1 read", ""),
        ("0 of 1 read", ""),
    ]


def test_what_is_not_known_of_the_hardware_is_not_stated():
    text = "script = '''\nguest 0 rdmsr 0x8B\nhost 0 set FEATURE_CONTROL 5\nguest 0 rdmsr EFER\n'''"
    done, _ = msr_run.run_script(msr_script.parse_script(Source("x", text)), "hardware")
    assert [one.result for one in done] == ["not stated", "0 of 1 set", "read"]


def test_hypervisors_that_state_something_have_a_column():
    def columns(text):
        script = msr_script.parse_script(Source("x", f"script = '{text}'"))
        return [*next(msr_run.compare_backends(script, with_hypervisors=None))[1]][3:]

    assert columns("guest 0 rdmsr HWCR") == ["Xen HVM", "OpenVMM"]
    assert columns("guest 0 rdmsr VM_CR") == ["Xen HVM", "VirtualBox"]
    assert columns("host 0 get HWCR") == []


def test_every_vcpu_exists_without_a_boot():
    done, vm = msr_run.run_script(
        msr_script.parse_script(Source("x", "vcpus = 3\nscript = 'guest 2 rdmsr HWCR'")), "svm"
    )
    assert (done[0].result, len(vm.vcpus)) == ("read", 3)


def test_ignored():
    script = "ignore_msrs = true\nscript = 'guest 0 wrmsr 0xDEADBEEF 1'"
    done, _ = msr_run.run_script(msr_script.parse_script(Source("x", script)), "svm")
    assert done[0].result == "ignored"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("guest 0 wrmsr HWCR", "expected guest VCPU wrmsr MSR VALUE"),
        ("guest 0 modify HWCR", "expected modify MSR set BITS, clear BITS or both, not 'modify HWCR'"),
        ("guest 0 modify HWCR set 1 set 2", "expected modify MSR set BITS, clear BITS or both"),
        ("host 0 modify HWCR flip 1", "expected modify MSR set BITS, clear BITS or both"),
        ("guest 1 rdmsr HWCR", "there is no vCPU 1: vcpus = 1"),
        ("guest 0 rdmsr HWRC", "did you mean HWCR"),
        ("guest 0 wrmsr HWCR 0x10000000000000000", r"not in 0\.\.2\^64-1"),
        ("guest 0 rdmsr 0x100000000", r"not in 0\.\.2\^32-1"),
        ("host 0 put HWCR 1", "expected host VCPU set MSR VALUE, ..."),
        ("user 0 maybe", r"expected user VCPU ok \[VALUE\]"),
        ("reset 0 now", "expected reset VCPU"),
        ("visitor 0 rdmsr HWCR", "expected boot, or guest, host, user, reset, init"),
        ("boot now", "expected boot, or"),
    ],
)
def test_mistakes_have_file_and_line(text, message):
    with pytest.raises(SourceError, match=f"^x:2: .*{message}"):
        msr_script.parse_script(Source("x", f"script = '''\n{text}\n'''"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("script = ''\nvcpus = 0", "x:2: vcpus must be 1 to 4096, not 0"),
        (
            "script = ''\n[hardware]\nhwcr = 'zen5'",
            "x:3: hwcr must be one of minimal, k8, zen, not 'zen5'",
        ),
        ("script = ''\nvcpu = 1", "x:2: unknown key 'vcpu'"),
        ("vcpus = 1", "there is no script"),
        ("script = ''\nuser_space = ['all']", "x:2: expected reasons out of filter, unknown, invalid"),
        ("script = ''\n[filter]\ndefault = 'no'", "x:3: default must be allow or deny"),
        ("script = ''\n[filter]\nranges = '''\nHWCR 1 deny\n'''", "x:4: expected BASE COUNT"),
        ("script = ''\n[filter]\ndefault = 'deny'", "x:2: default deny without a range: Invalid"),
    ],
)
def test_mistakes_around_the_script(text, message):
    with pytest.raises(SourceError, match=message):
        msr_script.parse_script(Source("x", text))


def test_an_access_while_user_space_has_to_answer():
    text = "user_space = ['unknown']\nscript = '''\nguest 0 rdmsr 0xDEAD\nguest 0 rdmsr HWCR\n'''"
    with pytest.raises(SourceError, match="x:4: guest 0 rdmsr HWCR: MSR DEADh waits for user space"):
        msr_run.run_script(msr_script.parse_script(Source("x", text)), "svm")


def test_more_accesses_than_an_ioctl_takes():
    text = "script = '''\nhost 0 set " + ", ".join(["HWCR 0"] * 256) + "\n'''"
    with pytest.raises(SourceError, match="256 MSRs in one ioctl: Argument list too long"):
        msr_run.run_script(msr_script.parse_script(Source("x", text)), "svm")


@settings(max_examples=200)
@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=7), max_size=6))
def test_no_script_whatever_crashes(lines):
    text = (
        "vcpus = 2\nuser_space = ['unknown', 'invalid']\nscript = '''\n"
        + "\n".join(map(" ".join, lines))
        + "\n'''"
    )
    try:
        script = msr_script.parse_script(Source("x", text))
        for backend in msr_run.COLUMNS:
            msr_run.run_script(script, backend)
    except SourceError as error:
        assert str(error).startswith("x:")


@pytest.mark.parametrize("options", OPTIONS)
def test_the_command(tmp_path, options):
    command = [sys.executable, "-c", "from irq13.sim.cli.main import main; main()", "msr", "ignne", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    if "--json" in options:
        assert json.loads(done.stdout)
    elif "--compare" in options:
        assert "dropped, unknown" in done.stdout
        assert "differs" in done.stdout
        assert "VirtualBox 7, " in done.stdout
    elif "hardware" in options:
        assert "#GP, 1000110h (HWCR bit 4 (INVDWBINVD) reads 1 and must be written as 1: " in done.stdout
    else:
        assert "svm_set_msr\n" in done.stdout
        assert ("msr_io" in done.stdout) == ("--full-chains" in options)
