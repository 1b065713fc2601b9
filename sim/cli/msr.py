"""`irq13 msr`: MSR accesses through KVM's rules, the hardware's, and the user's own kernel."""

import json
import sys
from pathlib import Path

import click
from rich.table import Table

from ...model.hypervisors import HYPERVISORS
from ..kvm import differential
from ..kvm import run as msr_run
from ..kvm import script as msr_script
from ..kvm.histogram import SENTENCES, classify, read_histogram
from ..kvm.kernel import host
from ..kvm.messages import explain_log, explain_message
from ..kvm.run import KERNEL, NOT_STATED, compare_backends, model_of, run_on_kernel, run_script
from ..kvm.trace import trace_ways
from ..support.files import ensure_replaceable
from .console import WIDE, standard_output, stderr_status
from .fail import fail


@click.command("msr")
@click.argument("script", default="ignne")
@click.argument("line", required=False)
@click.option(
    "--backend",
    type=click.Choice(["svm", "vmx", "hardware", "xen", "openvmm", "virtualbox"]),
    default="svm",
    show_default=True,
    help="Whose rules: KVM's on either vendor, no hypervisor's at all, or another one's.",
)
@click.option(
    "--on",
    type=click.Choice(["model", "kvm"]),
    default="model",
    show_default=True,
    help="The model of KVM, or this machine's own /dev/kvm.",
)
@click.option(
    "--compare",
    "side_by_side",
    is_flag=True,
    help="A table: KVM's svm and vmx, the hardware, other hypervisors, and with --on kvm this kernel.",
)
@click.option(
    "--hypervisors/--no-hypervisors",
    default=None,
    help="In the table: Xen, OpenVMM and VirtualBox by their sources; by default where these state a rule.",
)
@click.option("--full-chains", is_flag=True, help="Also the functions that a compiler inlines.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.option(
    "--differential",
    is_flag=True,
    help="Not SCRIPT but many MSRs with 79 values each: the model against --on kvm or --replay.",
)
@click.option("--record", type=click.Path(path_type=Path), help="Keep this kernel's answers in a file.")
@click.option("--replay", type=click.Path(path_type=Path), help="Take a kernel's answers from such a file.")
@click.option(
    "--histogram", help="Say which way each chain of a histogram is (bpftrace, perf, bcc); a file, or -."
)
@click.option(
    "--trace",
    "seconds",
    type=click.IntRange(1, 3600),
    help="Count the ways on the running kernel for so many seconds, as root.",
)
def msr_command(
    script: str,
    line: str | None,
    backend: str,
    on: str,
    side_by_side: bool,
    hypervisors: bool | None,
    full_chains: bool,
    as_json: bool,
    differential: bool,
    record: Path | None,
    replay: Path | None,
    histogram: str | None,
    seconds: int | None,
) -> None:
    """Run SCRIPT, a list of MSR accesses, through KVM's rules; count each way to set_msr.

    SCRIPT is a TOML file or one of: boot, filter, ignne. The histogram has bpftrace's form. The hardware is a
    processor of today, whose HWCR software reads, modifies and writes. With --on kvm the script runs on this
    machine's own kernel, and where the model of it differs that is said. Nothing of the host is changed.

    With the word explain instead of SCRIPT, LINE is a message of KVM's or QEMU's, or - for a log on
    standard input, and what it means is said.

    \b
    Example:
      irq13 msr explain "failed to set MSR 0x38d to 0x0"
      irq13 msr boot --backend vmx
      irq13 msr ignne --compare
      irq13 msr ignne --on kvm --compare
      irq13 msr --on kvm --differential
    """

    if script == "explain":
        _explain(line)
        return
    if line is not None:
        raise click.UsageError(f"expected explain before a message, not {script!r}")
    if seconds is not None:
        _trace(seconds)
        return
    if histogram is not None:
        _histogram(histogram)
        return
    if differential or record or replay:
        _differential(on, record, replay)
        return
    chosen = msr_script.load_script(script)
    if side_by_side or hypervisors is not None:
        _compare(chosen, as_json, on == "kvm", hypervisors)
        return
    if on == "kvm":
        _on_kernel(chosen, as_json)
        return
    _on_model(chosen, backend, full_chains, as_json)


def _on_model(script, backend: str, full_chains: bool, as_json: bool) -> None:
    """Each access, KVM's log, and the ways to set_msr."""
    other = next((one for one in HYPERVISORS if one.name.lower().startswith(backend)), None)
    if other is not None:
        done, vm = msr_run.run_hypervisor(script, other), None
    else:
        done, vm = msr_run.run_script(script, backend)
    if vm is None or backend == "hardware":
        # There is no set_msr, and no log.
        if as_json:
            _echo_json({"backend": backend, "accesses": [_json(one) for one in done]})
            return
        for one in done:
            click.echo(_line(one))
        return
    counts = msr_run.histogram(vm, full_chains)
    if as_json:
        accesses = [_json(one) for one in done]
        chains = [{"chain": chain, "count": count} for chain, count in counts]
        _echo_json({"backend": backend, "accesses": accesses, "set_msr": chains, "log": vm.log})
        return
    for one in done:
        click.echo(_line(one))
    log = "".join(f"{line}\n" for line in vm.log)
    if vm.log.suppressed:
        log += f"({vm.log.suppressed} more lines, held back by the kernel's rate limit)\n"
    click.echo(log + msr_run.as_bpftrace(counts))


def _json(one) -> dict[str, str]:
    return {"access": one.access.text, "result": one.result, "value": one.value}


def _explain(line: str | None) -> None:

    if line is None:
        raise click.UsageError('expected a message: irq13 msr explain "LINE", or - for standard input')
    for one in explain_log(sys.stdin.read()) if line == "-" else explain_message(line):
        click.echo(one)


def _histogram(name: str) -> None:
    """Each chain in a sentence, then those that match none."""
    text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8", errors="replace")
    _echo_ways(classify(read_histogram(name, text)))


def _trace(seconds: int) -> None:
    """What happens on this kernel, and by which means it was seen."""
    with stderr_status(f"counting for {seconds} s"):
        traced = trace_ways(seconds)
    for one in traced.refused:
        click.echo(f"not permitted: {one}")
    click.echo(f"{traced.means.name}, {traced.means.sees}")
    if not traced.ways:
        click.echo("nothing was counted: no guest wrote an MSR")
    _echo_ways(traced.ways)


def _echo_ways(ways) -> None:

    for way in ways:
        said = SENTENCES.get(way.name, "matches no way that the model knows")
        click.echo(f"{way.times:8}  {said}: {' < '.join(way.chain) or '(no frames)'}")


def _line(one) -> str:
    because = f" ({one.why})" if one.why else ""
    return f"{one.access.text}: {one.result}" + (f", {one.value}" if one.value else "") + because


def _on_kernel(script, as_json: bool) -> None:
    """The script on this kernel, and where the model differs from it."""
    done, vm = run_on_kernel(script)
    there = vm.host
    backend, adapted = model_of(script, there, vm.supported)
    expected, _ = run_script(adapted, backend)
    if as_json:
        accesses = [
            {
                "access": one.access.text,
                "result": one.result,
                "value": one.value,
                "model": [model.result, model.value],
            }
            for one, model in zip(done, expected, strict=True)
        ]
        _echo_json({"kernel": there.release, "module": there.module, "accesses": accesses})
        return
    click.echo(f"on {there}; the model is that of {'.'.join(map(str, adapted.options.kernel))}, {backend}")
    for one, model in zip(done, expected, strict=True):
        agrees = (one.result, one.value) == (model.result, model.value)
        click.echo(
            _line(one) + ("" if agrees else f"   (the model: {model.result}, {model.value or 'nothing'})")
        )


def _compare(script, as_json: bool, with_kernel: bool, hypervisors: bool | None) -> None:

    rows = list(compare_backends(script, with_kernel, hypervisors))
    columns = list(rows[0][1]) if rows else []
    if as_json:
        answers = [{column: [one.result, one.value] for column, one in done.items()} for _, done in rows]
        _echo_json([{"access": access.text, **each} for (access, _), each in zip(rows, answers, strict=True)])
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    titles = {"svm": "KVM svm", "vmx": "KVM vmx", KERNEL: f"{KERNEL} ({host()})"}
    titles |= {"hardware": f"hardware ({script.hardware.hwcr.value})"}
    on_terminal = sys.stdout.isatty()
    table.add_column("access", no_wrap=True)
    for column in columns:
        table.add_column(titles.get(column, column), no_wrap=not on_terminal)
    table.add_column("", no_wrap=True)
    for access, done in rows:
        stated = {(one.result, one.value) for one in done.values() if one.result != NOT_STATED}
        cells = [", ".join(filter(None, (one.result, one.value))) for one in done.values()]
        table.add_row(access.text, *cells, "differs" if len(stated) > 1 else "")
    standard_output(3 * WIDE).print(table)
    why = {done["hardware"].why: access.text for access, done in reversed(rows) if done["hardware"].why}
    for rule, text in reversed(why.items()):
        click.echo(f"hardware: {text}: {rule}")
    for one in HYPERVISORS:
        if one.name in columns:
            click.echo(f"{one.name}: {one.source}")


def _differential(on: str, record: Path | None, replay: Path | None) -> None:
    """Model against kernel on many accesses; exit status 1 if they differ where they should agree."""
    if record is not None:
        ensure_replaceable(record)
    if replay is not None:
        recording = differential.read_recording(replay)
    elif on == "kvm":
        with stderr_status("asking this kernel"):
            recording = differential.ask_kernel()
    else:
        raise click.ClickException("--differential needs a kernel's answers: --on kvm, or --replay FILE")
    if record is not None:
        differential.write_recording(recording, record)
    found = differential.compare_recording(recording)
    for one in found.differences[:20]:
        click.echo(one)
    count = f"{found.compared} accesses compared with the model, {len(found.differences)} differences"
    left_out = f"; {found.left_out} left out, which are the module's own: {', '.join(differential.OWN_NAMES)}"
    click.echo(f"{recording.host}: {count}" + (left_out if found.left_out else ""))
    if found.differences:
        fail("the model differs from this kernel", 1)


def _echo_json(value) -> None:
    click.echo(json.dumps(value, indent=2))
