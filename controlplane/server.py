"""The master process: gunicorn with our worker, and SIGHUP passed on instead of restarting."""

from __future__ import annotations

import logging
import os
import signal
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from prometheus_client.multiprocess import mark_process_dead

from controlplane.http.log import set_level, text_of
from controlplane.http.settings import SHARED_METRICS, Settings


class _Master(Arbiter):  # type: ignore[misc]
    def handle_hup(self) -> None:
        """Workers read the catalog again; a restart would end with none when it is broken."""
        self.log.info("Hang up: workers reload")
        self.kill_workers(signal.SIGHUP)

    def handle_int(self) -> None:
        """Ctrl-C: as gentle as SIGTERM. gunicorn's own waits for the timeout, then kills."""
        self.handle_term()


class _Line(logging.Formatter):
    """What gunicorn and uvicorn have to say, in the form of our own lines."""

    def format(self, record: logging.LogRecord) -> str:
        facts = {"logger": record.name, "pid": record.process}
        error = record.exc_info[1] if record.exc_info else None
        return text_of(record.levelname.lower(), record.getMessage(), error, facts)


class _Log(Logger):  # type: ignore[misc]
    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(_Line())


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.program: Any = None
        super().__init__()

    def load_config(self) -> None:
        s = self._settings
        host = f"[{s.host}]" if ":" in s.host else s.host
        given = {
            "bind": f"{host}:{s.port}",
            "workers": s.workers,
            "worker_class": "controlplane.http.worker.Worker",
            "graceful_timeout": int(s.shutdown_timeout + s.drain) + 1,
            "timeout": 60,
            "keepalive": 120,
            "control_socket_disable": True,
            "loglevel": {"warn": "warning"}.get(s.log_level, s.log_level),
            "proc_name": "aicr",
            "logger_class": _Log,
        }
        if SHARED_METRICS in os.environ:
            given["child_exit"] = lambda _, worker: mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
        if s.runtime == "process":
            given["on_exit"] = lambda _: self._end_instances()
        for name, value in given.items():
            self.cfg.set(name, value)

    def _end_instances(self) -> None:
        """What runs here ends with its server, but not with one that was killed."""
        from controlplane.program import home_of
        from controlplane.runtime import process

        process.end(home_of(self._settings).path, self._settings.shutdown_timeout)

    def load(self) -> Any:
        from controlplane.program import Program

        self.program = Program(self._settings)
        return self.program.app

    def run(self) -> None:
        _Master(self).run()


def serve(settings: Settings) -> None:
    """Serve until a signal ends it. Raises AicrError when the settings or the catalog are wrong."""
    from controlplane.program import announce, load, prepare

    set_level(settings.log_level)
    # What cannot start says so here, once, and not from every worker.
    load(settings)
    announce(settings)
    prepare(settings)
    _Gunicorn(settings).run()
