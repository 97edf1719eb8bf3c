"""`aicr logs`: what an instance has written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import click

from aicr.cli import output
from aicr.diagnostics import hinted
from aicr.errors import InvalidRequest, NotFound
from controlplane.client import SERVER, Remote

_DATA = b"data: "


@click.command("logs")
@click.argument("what", metavar="ADDRESS-or-INSTANCE")
@click.option("--tail", type=click.IntRange(0), default=None, help="The last so many lines.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the instance is gone.")
@click.option("--server", default=None, metavar="URL", help=f"The server (default ${SERVER}).")
def command(what: str, tail: int | None, follow: bool, server: str | None) -> None:
    """Print the log of what runs for a resource, or of one instance.

    \b
    aicr logs nvcf.deployments.VERSION --tail 100
    aicr logs UID/0.0/DIGEST -f

    Logs of instances that are gone are kept for a while.
    """
    url = server or os.environ.get(SERVER)
    if not url:
        raise InvalidRequest(f"say which server: --server URL, or {SERVER}")
    remote = Remote(url)
    found = _instances(remote, what)
    if follow and len(found) > 1:
        names = ", ".join(found)
        raise InvalidRequest(f"{what} has {len(found)} instances: follow one of {names}")
    for id_ in found:
        head = f"{id_} " if len(found) > 1 else ""
        for text in _lines(remote, id_, tail, follow):
            output.emit(f"{head}{text}\n")


def _instances(remote: Remote, what: str) -> list[str]:
    """Ids that are meant: those that run, else those that ran. What is no address may be the id of
    one that is gone."""
    known: list[dict[str, Any]] = remote.get("/v1/instances")["instances"]
    found = [i["id"] for i in known if what in (i["id"], i["address"])] or _gone(remote, what)
    if found or "/" in what or "~" in what:
        return found or [what]
    names = [i["address"] for i in known]
    raise NotFound(hinted(f"nothing runs for {what}", what, names))


def _gone(remote: Remote, what: str) -> list[str]:
    """Ids of what ran for a resource."""
    if "/" in what or "~" in what:
        return []
    try:
        uid = remote.get(f"/v1/state/{quote(what)}")["uid"]
    except NotFound:
        return []
    return [i["id"] for i in remote.get(f"/v1/instances?of={uid}")["instances"]]


def _lines(remote: Remote, id_: str, tail: int | None, follow: bool) -> Iterator[str]:
    asked = [*([f"tail={tail}"] if tail is not None else []), *(["follow=true"] if follow else [])]
    path = f"/v1/instances/{quote(id_.replace('/', '~'), safe='~')}/logs"
    for line in remote.lines(f"{path}?{'&'.join(asked)}" if asked else path):
        if not follow:
            yield line.decode("utf-8", "replace").rstrip("\n")
        elif line.startswith(_DATA):
            yield json.loads(line[len(_DATA) :])["text"]
