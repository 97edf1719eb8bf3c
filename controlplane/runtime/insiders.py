"""Whether a connection comes from an instance: it shares this host's network, not its trust.

    address of the peer → its socket (/proc/net/tcp) → the process that holds it → one of ours?

An instance is known by its own PID namespace (bubblewrap, podman) or by what the runner put into
its environment. Without isolation this keeps out only who does not mean to come in: such an
instance can read what the server can.
"""

from __future__ import annotations

import ipaddress
import os
import struct
from collections.abc import Iterator
from contextlib import suppress

from controlplane.runner import files, shim

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_COOKIE = f"{shim.COOKIE}=".encode()


def is_instance(home: str, host: str, port: int) -> bool:
    """Whether an instance of a home holds the other end of a connection from this host. Asked only
    while there are any: it looks through the processes of the host, which takes milliseconds."""
    if not _any(home):
        return False
    inode = _inode(host, port)
    return bool(inode) and any(_is_ours(pid) for pid in _holders(inode))


def _any(home: str) -> bool:
    try:
        return bool(os.listdir(f"{home}/{files.INSTANCES}"))
    except FileNotFoundError:
        return False


def _inode(host: str, port: int) -> str:
    """The socket with this local address; empty when there is none (any more)."""
    wanted = {f"{text}:{port:04X}" for text in _spellings(host)}
    for table in _TABLES:
        with suppress(OSError), open(table, encoding="ascii") as f:
            for line in f:
                fields = line.split()
                if fields[1] in wanted and fields[9] != "0":
                    return fields[9]
    return ""


def _spellings(host: str) -> Iterator[str]:
    """An address as the tables of the kernel write it: 32-bit words in the order of this host."""
    address = ipaddress.ip_address(host)
    four = getattr(address, "ipv4_mapped", None) or address
    if four.version == 4:
        yield _words(four.packed)
        yield _words(ipaddress.IPv6Address(f"::ffff:{four}").packed)
    else:
        yield _words(address.packed)


def _words(packed: bytes) -> str:
    return "".join(f"{word:08X}" for word in struct.unpack(f"={len(packed) // 4}I", packed))


def _holders(inode: str) -> Iterator[str]:
    """The pids of processes that have a socket open, as far as this process may see."""
    wanted = f"socket:[{inode}]"
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            fds = f"/proc/{pid}/fd"
            if any(_leads_to(f"{fds}/{fd}", wanted) for fd in os.listdir(fds)):
                yield pid


def _leads_to(link: str, wanted: str) -> bool:
    with suppress(OSError):
        return os.readlink(link) == wanted
    return False


def _is_ours(pid: str) -> bool:
    with suppress(OSError):
        if os.readlink(f"/proc/{pid}/ns/pid") != os.readlink("/proc/self/ns/pid"):
            return True
        with open(f"/proc/{pid}/environ", "rb") as f:
            return any(entry.startswith(_COOKIE) for entry in f.read().split(b"\0"))
    return False
