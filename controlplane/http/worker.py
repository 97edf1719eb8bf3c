"""The gunicorn worker: uvicorn that says "not ready" before it stops, and reloads on SIGHUP."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from math import ceil
from types import FrameType
from typing import Any, ClassVar

from gunicorn.arbiter import Arbiter
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker

from controlplane.http.log import log
from controlplane.http.protocol import Protocol

# How often a worker looks whether its master lives.
_LOOK_SECONDS = 0.5
# How many objects there are more before new ones, and then older ones, are looked through. Requests
# leave next to none, and those that a command line allows would stop all requests for 0.2 s.
_GARBAGE = 5_000, 20, 20


class Worker(UvicornWorker):  # type: ignore[misc]
    # Who is trusted to say where a request comes from is ours to decide (rate limit); access lines
    # are ours too.
    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": Protocol,
        "ws": "none",
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,
        "lifespan": "off",
    }

    async def _serve(self) -> None:
        program = self.app.program
        self.config.app = self.wsgi
        self.config.timeout_graceful_shutdown = ceil(program.settings.shutdown_timeout)
        server = Draining(self.config, program)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGQUIT, server.quit)
        loop.add_signal_handler(signal.SIGHUP, server.reload)
        await program.start()
        _settle()
        gc.set_threshold(*_GARBAGE)
        watching = loop.create_task(self._end_with_master(server))
        try:
            await server.serve(sockets=self.sockets)
        finally:
            watching.cancel()
            await program.stop()
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)

    async def _end_with_master(self, server: Draining) -> None:
        """A master that was killed ends no workers, and the next one finds the port taken."""
        while os.getppid() == self.ppid:
            await asyncio.sleep(_LOOK_SECONDS)
        log("error", "the master is gone", pid=os.getpid())
        server.quit()


def _settle() -> None:
    """What there is now stays: nobody need look through it for garbage again."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


class Draining(Server):
    """Stops in two steps, so that whoever balances load has time to look elsewhere."""

    def __init__(self, config: Any, program: Any) -> None:
        super().__init__(config)
        self._program = program
        self._loop = asyncio.get_running_loop()
        self._reloading: set[asyncio.Task[None]] = set()
        self._one_reload = asyncio.Lock()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._program.lifecycle.reason = "shutting down"
        self._loop.call_soon_threadsafe(self._drain, sig)

    def _drain(self, sig: int) -> None:
        seconds = self._program.settings.drain
        log("info", "shutting down", signal=signal.Signals(sig).name, drainSeconds=seconds)
        self._loop.call_later(seconds, self.quit)

    def quit(self) -> None:
        """No new requests; those in flight finish."""
        # Not through uvicorn's handler, for which a second SIGINT means to drop them.
        self.should_exit = True

    def reload(self) -> None:
        """Swap the catalog; requests go on meanwhile."""
        task = self._loop.create_task(self._reload())
        self._reloading.add(task)
        task.add_done_callback(self._reloading.discard)

    async def _reload(self) -> None:
        async with self._one_reload:  # in the order of the signals: the last one is what counts
            await asyncio.to_thread(self._program.reload)
            _settle()
