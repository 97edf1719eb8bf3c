"""OS: the kernel's command line, settings and modules, and the distribution."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator

from aicr.collect.facts import Data, Facts, Scalar

KIND = "OS"
_PROC_SYS = "proc/sys"
_MAX_BYTES = 64 * 1024  # of one setting; the kernel's own limit is a page
# Not settings but counters and the like, below /proc/sys -> what they count. They differ at each
# reading: two snapshots of one machine would never be the same.
_NOISE = {
    "fs/aio-nr": "asynchronous requests under way",
    "fs/dentry-state": "names in the cache",
    "fs/dquot-nr": "quota records in the cache",
    "fs/file-nr": "open files",
    "fs/inode-nr": "inodes in the cache",
    "fs/inode-state": "inodes in the cache",
    "fs/quota/allocated_dquots": "quota records in the cache",
    "fs/quota/cache_hits": "lookups of quotas",
    "fs/quota/drops": "lookups of quotas",
    "fs/quota/free_dquots": "quota records in the cache",
    "fs/quota/lookups": "lookups of quotas",
    "fs/quota/reads": "lookups of quotas",
    "fs/quota/syncs": "lookups of quotas",
    "fs/quota/writes": "lookups of quotas",
    "kernel/hung_task_detect_count": "tasks that hung",
    "kernel/ns_last_pid": "the process started last",
    "kernel/pty/nr": "terminals in use",
    "kernel/random/entropy_avail": "bits of randomness",
    "kernel/random/uuid": "made anew for each reader",
    "kernel/spl/kmem/slab_kvmem_alloc": "memory that ZFS uses",
    "kernel/spl/kmem/slab_kvmem_max": "memory that ZFS used",
    "kernel/spl/kmem/slab_kvmem_total": "memory that ZFS uses",
}


def collect(root: str = "/") -> Facts:
    """Everything below `root`; what cannot be read costs its own subtype only."""
    subtypes: dict[str, Data] = {}
    warnings = []
    for name, path, read in _SOURCES:
        try:
            subtypes[name] = read(os.path.join(root, path))
        except OSError as e:
            warnings.append(f"{KIND}.{name}: cannot read /{path}: {e.strerror}")
    return Facts(subtypes, tuple(warnings))


def command_line(text: str) -> Data:
    """Parameters of the kernel: `key=value`, or true for a bare word; a repeated one keeps every
    value, comma-separated. What follows `--` is init's, not the kernel's."""
    found: dict[str, Scalar] = {}
    for word in _words(text):
        if word == "--":
            break
        key, equals, value = word.partition("=")
        if not equals:
            found.setdefault(key, True)
        elif isinstance(before := found.get(key), str):
            found[key] = f"{before},{value}"
        else:
            found[key] = value
    return found


def modules(text: str) -> Data:
    """Loaded modules, each true."""
    return {line.split()[0]: True for line in sorted(text.splitlines()) if line.strip()}


def release(text: str) -> Data:
    """The fields of os-release, unquoted."""
    found: Data = {}
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            found[key] = "".join(_words(value)) if value[:1] in ("'", '"') else value
    return found


def sysctl(top: str) -> Data:
    """Settings below /proc/sys by path, without counters and without those of the network, which
    differ per interface.

    Blanks and tabs in a value are one blank, so that a constraint can be written for it.
    """
    found: Data = {}
    for path in sorted(_settings(top)):
        name = os.path.relpath(path, top)
        if name in _NOISE:
            continue
        try:
            text = _text(path)
        except OSError:  # write-only, or not for us: there is nothing to say about these
            continue
        lines = (" ".join(line.split()) for line in text.strip().splitlines())
        found[f"/{_PROC_SYS}/{name}"] = "\n".join(lines)
    return found


def _settings(top: str) -> Iterator[str]:
    os.scandir(top).close()  # os.walk would not say that there is no such directory
    for directory, below, names in os.walk(top):
        if directory == top and "net" in below:
            below.remove("net")
        yield from (os.path.join(directory, name) for name in names)


def _text(path: str) -> str:
    with open(path, "rb") as f:
        return f.read(_MAX_BYTES).decode(errors="replace").replace("\0", " ")


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # an open quote: what stands there is a word all the same
        return text.split()


_SOURCES: tuple[tuple[str, str, Callable[[str], Data]], ...] = (
    ("grub", "proc/cmdline", lambda path: command_line(_text(path))),
    ("sysctl", _PROC_SYS, sysctl),
    ("kmod", "proc/modules", lambda path: modules(_text(path))),
    ("release", "etc/os-release", lambda path: release(_text(path))),
)
