"""SystemD facts, from what systemctl prints."""

from __future__ import annotations

from aicr.collect import systemd
from tests.conftest import Program

SHOWN = """\
Id=containerd.service
LoadState=loaded
ActiveState=active
DropInPaths=/etc/a.conf /etc/b.conf
Description=A = B

Id=docker.service
LoadState=not-found
ActiveState=inactive

Id=snap.kubelet.service
LoadState=loaded
ActiveState=failed
"""


def test_units_that_exist_by_the_name_that_was_asked_for() -> None:
    assert systemd.units(SHOWN) == {
        "containerd.service": {
            "Id": "containerd.service",
            "LoadState": "loaded",
            "ActiveState": "active",
            "DropInPaths": "/etc/a.conf /etc/b.conf",
            "Description": "A = B",
        },
        "kubelet.service": {
            "Id": "snap.kubelet.service",
            "LoadState": "loaded",
            "ActiveState": "failed",
        },
    }


def test_nothing_shown_is_no_unit() -> None:
    assert systemd.units("") == {}


def test_collecting(program: Program) -> None:
    program("systemctl", f"cat <<'END'\n{SHOWN}END")
    assert list(systemd.collect().subtypes) == ["containerd.service", "kubelet.service"]


def test_no_systemd(program: Program) -> None:
    program("systemctl", "echo 'System has not been booted with systemd' >&2; exit 1")
    facts = systemd.collect()
    assert facts.subtypes == {}
    assert facts.warnings == ("SystemD: systemctl failed: System has not been booted with systemd",)
