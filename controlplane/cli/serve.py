"""`aicr serve`: the HTTP server."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from aicr.cli import output
from aicr.errors import InvalidRequest
from aicr.inputs import read_document
from controlplane.http.settings import SHARED_METRICS, Settings, from_environment


@click.command("serve")
@click.option(
    "--host", default=None, metavar="ADDRESS", help="Where to listen (default 127.0.0.1)."
)
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Port (default 8080).")
@click.option("--workers", type=click.IntRange(1), default=None, help="Processes (default 1).")
@click.option("--data", default=None, metavar="DIR", help="External catalog over the built-in one.")
@click.option("--state", default=None, metavar="FILE", help="A file, or postgresql://…")
@click.option("--init", is_flag=True, help="Prepare AICR_HOME, print a bootstrap secret, and end.")
@click.option("--config", default=None, metavar="FILE", help="Settings; the environment wins.")
def command(config: str | None, init: bool, **flags: Any) -> None:
    """Serve recipes, queries, bundles and the control plane over HTTP.

    \b
    aicr serve
    PORT=9090 AICR_ALLOWED_ACCELERATORS=h100,l40 aicr serve --host 0.0.0.0

    SIGTERM stops it after the requests it has; SIGHUP reads the catalog again.
    """
    settings = _settings(config, flags)
    if init:
        output.emit(f"{_initialised(settings)}\n")
        return
    with _shared_metrics(settings.workers):
        from controlplane.server import serve

        serve(settings)


def _initialised(settings: Settings) -> str:
    """A new bootstrap secret of the state, with which the first token is minted from elsewhere."""
    from controlplane.access import roots
    from controlplane.changes import Changes
    from controlplane.cli.options import me
    from controlplane.program import engine_of, prepare

    prepare(settings)
    engine = engine_of(settings)

    def work(changes: Changes) -> str:
        changes.tx.record(changes.actor, "minted", roots.BOOTSTRAP, {})
        return roots.new_bootstrap_secret(changes.tx, engine.vault)

    try:
        return engine.change_now(me(), work)
    finally:
        engine.store.close()


@contextmanager
def _shared_metrics(workers: int) -> Iterator[None]:
    """A directory in which several workers add up what they count, before anything counts."""
    if workers == 1:
        yield
        return
    directory, owner = tempfile.mkdtemp(prefix="aicr-metrics-"), os.getpid()
    os.environ[SHARED_METRICS] = directory
    try:
        yield
    finally:
        if os.getpid() == owner:  # a worker that ends comes by here too
            shutil.rmtree(directory, ignore_errors=True)


def _settings(config: str | None, flags: dict[str, Any]) -> Settings:
    file: Any = {}
    if config is not None:
        file, _ = read_document(config, "--config")
        if not isinstance(file, dict):
            raise InvalidRequest(f"--config: {config} must be a map of settings")
    settings = from_environment(os.environ, file)
    if flags["host"] is not None and not flags["host"].strip():
        raise InvalidRequest("--host '' would be all interfaces; say 0.0.0.0 or ::")
    return settings._replace(**{k: v for k, v in flags.items() if v is not None})
