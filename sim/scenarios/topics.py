"""What the scenarios that come with irq13 are about, and in which order they are listed."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...model.older import OlderMachine

if TYPE_CHECKING:
    from .scenario import Scenario

TOPICS = {
    "handshake": "the handshake, and what may come in between",
    "handlers": "handlers that exist",
    "hangs": "frozen for ever",
    "native": "native mode and the IGNNE MSR",
    "multiprocessor": "two processors on one FERR# wire",
    "svm": "under a hypervisor",
    "emulators": "what an emulator got wrong",
    "field": "reports from the field",
    "": "others",
}
"""Headings by topic."""


_OLDER = {
    OlderMachine.AT286: "PC/AT with 80286 or 80386",
    OlderMachine.AT386: "PC/AT with 80286 or 80386",
    OlderMachine.XT8087: "PC and PC/XT",
    OlderMachine.PC98: "PC-98",
}


def grouped(scenarios: "Iterable[Scenario]") -> "list[tuple[str, list[Scenario]]]":
    """Scenarios by machine and topic, each group with its heading; none is lost, and none twice."""
    groups: dict[tuple[str, str], list[Scenario]] = {}
    for scenario in scenarios:
        groups.setdefault((machine_of(scenario), scenario.topic), []).append(scenario)
    topics = list(TOPICS)
    machines = list(dict.fromkeys(machine for machine, _ in groups))
    order = sorted(groups, key=lambda group: (machines.index(group[0]), topics.index(group[1])))
    return [(f"{machine}: {TOPICS[topic]}", groups[machine, topic]) for machine, topic in order]


def machine_of(scenario: "Scenario") -> str:
    """The kind of machine that a scenario is for."""
    if scenario.generations:
        return "PC/AT, 486 and later"
    return _OLDER[scenario.machines[0]]
