"""OS facts, from recorded files."""

from __future__ import annotations

import pytest

from aicr.collect import linux
from tests.conftest import Write

RELEASE = """\
# Ubuntu
NAME="Ubuntu"
VERSION_ID="24.04"
ID=ubuntu
HOME_URL='https://ubuntu.com/?a=b'

nonsense
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("root=/dev/sda1 ro quiet\n", {"root": "/dev/sda1", "ro": True, "quiet": True}),
        ("console=tty0 console=ttyS0", {"console": "tty0,ttyS0"}),
        ('dyndbg="file a.c +p" iommu=pt', {"dyndbg": "file a.c +p", "iommu": "pt"}),
        ("a='open b=1", {"a": "'open", "b": "1"}),
        ("quiet quiet=2", {"quiet": "2"}),
        ("iommu=pt -- --password=x", {"iommu": "pt"}),
        ("", {}),
    ],
)
def test_command_line(text: str, expected: dict[str, object]) -> None:
    assert linux.command_line(text) == expected


def test_release_is_unquoted() -> None:
    assert linux.release(RELEASE) == {
        "NAME": "Ubuntu",
        "VERSION_ID": "24.04",
        "ID": "ubuntu",
        "HOME_URL": "https://ubuntu.com/?a=b",
    }


def test_modules() -> None:
    text = "overlay 151552 0 - Live 0x0\nbr_netfilter 32768 0 - Live 0x0\n\n"
    assert list(linux.modules(text).items()) == [("br_netfilter", True), ("overlay", True)]


def test_a_machine(write: Write) -> None:
    root = write({
        "proc/cmdline": "quiet\n",
        "proc/modules": "nvidia 1 0 - Live 0x0\n",
        "etc/os-release": "ID=ubuntu\n",
        "proc/sys/kernel/osrelease": "6.8.0-1028-aws\n",
        "proc/sys/kernel/printk": "4\t4\t1\t7\n",
        **{f"proc/sys/{name}": "never the same\n" for name in linux._NOISE},
        "proc/sys/net/ipv4/ip_forward": "1\n",
        "proc/sys/dev/net/kept": b"\xff\n",
    })  # fmt: skip
    facts = linux.collect(str(root))
    assert facts.warnings == ()
    assert list(facts.subtypes) == ["grub", "sysctl", "kmod", "release"]
    assert facts.subtypes["sysctl"] == {
        "/proc/sys/dev/net/kept": "�",
        "/proc/sys/kernel/osrelease": "6.8.0-1028-aws",
        "/proc/sys/kernel/printk": "4 4 1 7",
    }
    assert facts.subtypes["kmod"] == {"nvidia": True}


def test_what_cannot_be_read_costs_itself_only(write: Write) -> None:
    root = write({"etc/os-release": "ID=cos\n"})
    facts = linux.collect(str(root))
    assert facts.subtypes == {"release": {"ID": "cos"}}
    assert facts.warnings == (
        "OS.grub: cannot read /proc/cmdline: No such file or directory",
        "OS.sysctl: cannot read /proc/sys: No such file or directory",
        "OS.kmod: cannot read /proc/modules: No such file or directory",
    )
