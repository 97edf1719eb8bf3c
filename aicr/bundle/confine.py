"""Templates that came from elsewhere (`--data`) are rendered in a process of their own.

The sandbox keeps them from reading and calling; nothing inside one process keeps them from looping
or growing. Here a template has a second and a half of processor time, and its process 192 MiB. What
it sends back is text and nothing else.
"""

from __future__ import annotations

import json
import os
import select
import signal
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
# Processor time is what counts: a busy machine makes no template wrong. This is for what uses none.
_PATIENCE_SECONDS = 60
_READY, _OK, _REFUSED = b"!", b"+", b"-"
_LENGTH = 8


class Confined:
    """Renders the templates of one catalog like aicr.render.Renderer, within limits."""

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
            except (TimeoutError, EOFError, BrokenPipeError):
                code = _stop(self._worker)
                self._worker = None
                why = "memory" if code not in (-signal.SIGPROF, -signal.SIGKILL) else "time"
                raise InvalidRequest(f"{path}: the template takes too much {why}") from None


# --------------------------------------------------------------------------- this side


class _Worker(NamedTuple):
    process: subprocess.Popen[bytes]
    to: BinaryIO
    back: BinaryIO


def _start(texts: dict[str, str]) -> _Worker:
    """Raises Internal when the process does not come up."""
    above = os.path.dirname(os.path.dirname(aicr.__file__))
    process = subprocess.Popen(
        # Modules come from where ours come from, never from the directory somebody is in.
        [sys.executable, "-P", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": os.pathsep.join(map(os.path.abspath, [above, *filter(None, sys.path)]))},
        cwd="/",
    )
    if process.stdin is None or process.stdout is None:
        raise Internal("no pipes to the process that renders templates")
    worker = _Worker(process, process.stdin, process.stdout)  # type: ignore[arg-type]
    try:
        ready = _receive(worker.back, 1, time.monotonic() + _PATIENCE_SECONDS)
        _send(worker.to, jsonio.compact(texts).encode())
    except (TimeoutError, EOFError, BrokenPipeError):
        ready = b""
    if ready != _READY:
        code = _stop(worker)
        raise Internal(f"the process that renders templates does not start (exit code {code})")
    return worker


def _stop(worker: _Worker) -> int:
    """End the process; its exit code, negative for a signal."""
    worker.back.close()
    with suppress(BrokenPipeError):  # what it had not read is of no use now
        worker.to.close()
    try:
        return worker.process.wait(0.2)  # it may be dying by itself, and its code says of what
    except subprocess.TimeoutExpired:
        worker.process.kill()
        return worker.process.wait()


def _ask(worker: _Worker, path: str, names: Mapping[str, Any]) -> str:
    """Raises TimeoutError, and EOFError or BrokenPipeError when the process is no more."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
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

    from aicr.render import Renderer

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sink.write(_READY)
    sink.flush()
    renderer = Renderer(json.loads(_frame(source)))
    while frame := _frame(source):
        path, names = json.loads(frame)
        # SIGPROF ends the process, even in the midst of one long operation, and also when whoever
        # asked is gone.
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            status, text = _OK, renderer.render(path, **names).encode()
            if len(text) > MAX_TEXT_BYTES:
                status, text = _REFUSED, f"{path}: more than {MAX_TEXT_BYTES} bytes".encode()
        except InvalidRequest as e:
            status, text = _REFUSED, e.message.encode()
        except MemoryError:
            status, text = _REFUSED, f"{path}: the template takes too much memory".encode()
        signal.setitimer(signal.ITIMER_PROF, 0)
        sink.write(status)
        _send(sink, text)


def _frame(source: BinaryIO) -> bytes:
    return source.read(int.from_bytes(source.read(_LENGTH), "big"))


if __name__ == "__main__":
    main()
