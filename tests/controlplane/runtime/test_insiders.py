"""Who of this host is an instance: by its namespace, or by what the runner gave it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from controlplane.runner import files
from controlplane.runtime.insiders import is_instance

CONNECT = (
    "import socket, sys\n"
    "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
    "s.sendall(b'x'); s.recv(1)\n"
)
BWRAP = ("bwrap", "--unshare-pid", "--dev-bind", "/", "/", "--proc", "/proc")


@pytest.fixture
def home(tmp_path: Path) -> str:
    """A home in which something runs."""
    (tmp_path / files.INSTANCES / "uid~0~digest").mkdir(parents=True)
    return str(tmp_path)


@contextmanager
def connected(
    family: socket.AddressFamily, before: Sequence[str] = (), **environment: str
) -> Iterator[tuple[str, int]]:
    """The peer of a connection from another process of this host."""
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        command = [*before, sys.executable, "-c", CONNECT, host, str(port)]
        with subprocess.Popen(command, env=environment) as process:
            there, address = server.accept()
            with there:
                assert there.recv(1) == b"x"
                yield address[0], address[1]
                there.sendall(b"x")
            assert process.wait(30) == 0


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_by_what_the_runner_gave_it(home: str, family: socket.AddressFamily) -> None:
    with connected(family) as (host, port):
        assert not is_instance(home, host, port)
    with connected(family, AICR_INSTANCE="/somewhere") as (host, port):
        assert is_instance(home, host, port)


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bwrap")
def test_by_its_namespace(home: str) -> None:
    with connected(socket.AF_INET, BWRAP, PATH="/usr/bin:/bin") as (host, port):
        assert is_instance(home, host, port)


def test_where_nothing_runs_nobody_is(tmp_path: Path) -> None:
    (tmp_path / files.INSTANCES).mkdir(parents=True)
    with connected(socket.AF_INET, AICR_INSTANCE="/somewhere") as (host, port):
        assert not is_instance(str(tmp_path), host, port)


def test_a_connection_that_is_gone(home: str) -> None:
    assert not is_instance(home, "127.0.0.1", 1)
