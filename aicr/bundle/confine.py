"""Templates that came from elsewhere (`--data`) are rendered in a process of their own.

The sandbox keeps them from reading and calling; nothing inside one process keeps them from looping
or growing. Here a template has a second and a half, and its process 192 MiB. What it sends back is
text and nothing else.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, BinaryIO, NamedTuple

import aicr
from aicr import jsonio
from aicr.errors import Internal, InvalidRequest

SECONDS = 1.5
MEMORY_BYTES = 192 * 1024 * 1024
MAX_TEXT_BYTES = 4 * 1024 * 1024
_OK, _REFUSED = b"+", b"-"
_LENGTH = 8


class Confined:
    """Renders the templates of one catalog like aicr.bundle.render.Renderer, within limits."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = dict(texts)
        self._lock = threading.Lock()
        self._worker: _Worker | None = None

    def render(self, path: str, **names: Any) -> str:
        """The text of a template. Raises InvalidRequest with template and line, or the limit."""
        with self._lock:
            if self._worker is None:
                self._worker = _start(self._texts)
                weakref.finalize(self, _stop, self._worker)
            try:
                return _ask(self._worker, path, names)
            except (TimeoutError, EOFError, BrokenPipeError) as e:
                _stop(self._worker)
                self._worker = None
                why = "takes too long" if isinstance(e, TimeoutError) else "takes too much memory"
                raise InvalidRequest(f"{path}: the template {why}") from None


# --------------------------------------------------------------------------- this side


class _Worker(NamedTuple):
    process: subprocess.Popen[bytes]
    to: BinaryIO
    back: BinaryIO


def _start(texts: dict[str, str]) -> _Worker:
    above = os.path.dirname(os.path.dirname(os.path.abspath(aicr.__file__)))
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": above},
    )
    if process.stdin is None or process.stdout is None:
        raise Internal("no pipes to the process that renders templates")
    worker = _Worker(process, process.stdin, process.stdout)  # type: ignore[arg-type]
    _send(worker.to, jsonio.compact(texts).encode())
    return worker


def _stop(worker: _Worker) -> None:
    worker.process.kill()
    worker.process.wait()
    worker.back.close()
    with suppress(BrokenPipeError):  # what it had not read is of no use now
        worker.to.close()


def _ask(worker: _Worker, path: str, names: Mapping[str, Any]) -> str:
    """Raises TimeoutError, and EOFError or BrokenPipeError when the process is no more."""
    deadline = time.monotonic() + SECONDS
    _send(worker.to, jsonio.compact([path, names]).encode())
    status = _receive(worker.back, 1, deadline)
    length = int.from_bytes(_receive(worker.back, _LENGTH, deadline), "big")
    text = _receive(worker.back, min(length, MAX_TEXT_BYTES), deadline).decode()
    if status != _OK:
        raise InvalidRequest(text)
    return text


def _send(pipe: BinaryIO, data: bytes) -> None:
    pipe.write(len(data).to_bytes(_LENGTH, "big") + data)
    pipe.flush()


def _receive(pipe: BinaryIO, count: int, deadline: float) -> bytes:
    data = b""
    while len(data) < count:
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError
        part = os.read(pipe.fileno(), count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


# --------------------------------------------------------------------------- the other side


def main() -> None:
    """Render what is asked for on standard input until it ends."""
    import resource

    from aicr.bundle.render import Renderer

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    renderer = Renderer(json.loads(_frame(source)))
    while frame := _frame(source):
        path, names = json.loads(frame)
        try:
            status, text = _OK, renderer.render(path, **names).encode()
            if len(text) > MAX_TEXT_BYTES:
                status, text = _REFUSED, f"{path}: more than {MAX_TEXT_BYTES} bytes".encode()
        except InvalidRequest as e:
            status, text = _REFUSED, e.message.encode()
        except MemoryError:
            status, text = _REFUSED, f"{path}: the template takes too much memory".encode()
        sink.write(status)
        _send(sink, text)


def _frame(source: BinaryIO) -> bytes:
    return source.read(int.from_bytes(source.read(_LENGTH), "big"))


if __name__ == "__main__":
    main()
