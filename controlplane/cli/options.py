"""Options that the commands of desired state share, and the backend and the manifests they name."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import click

from aicr.cli import output
from aicr.errors import InvalidRequest
from controlplane.backend import Backend, Local
from controlplane.client import SERVER, Remote, host_of, is_here
from controlplane.home import NOTHING
from controlplane.home import STATE_VARIABLE as STATE
from controlplane.plan.builder import Options
from controlplane.plan.definition import Plan
from controlplane.planner import Asked
from controlplane.state.protocol import Actor

Command = TypeVar("Command", bound=Callable[..., Any])

_BACKEND = (
    click.option("--server", default=None, metavar="URL", help=f"A server (default ${SERVER})."),
    click.option(
        "--state",
        default=None,
        metavar="FILE",
        help=f"State on this host: a file, or postgresql://… "
        f"(default ${STATE}, else $AICR_HOME/state.db).",
    ),
)
catalog_option = click.option(
    "--data", "data_dir", default=None, metavar="DIR", help="External catalog."
)


def _once(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> str | None:
    """The only one. Of two the first would count for nothing, and what it declares be deleted."""
    if len(given) > 1:
        raise InvalidRequest(
            f"-f can be said once, not for {' and '.join(given)}: put them below one directory, "
            "or name one as the base of the other"
        )
    return given[0] if given else None


_MANIFESTS = (
    click.option(
        "-f",
        "--file",
        "path",
        multiple=True,
        callback=_once,
        metavar="DIR",
        help="Manifests: a directory or file.",
    ),
    click.option(
        "--for",
        "asked",
        multiple=True,
        metavar="FIELD=VALUE",
        help="Criteria that select documents; repeatable, or by comma.",
    ),
)
prune_option = click.option(
    "--prune", is_flag=True, help="Delete resources that nobody declares or ever managed, too."
)
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
full_option = click.option("--full", is_flag=True, help="Every field, and values in full length.")


def _say_two_is_an_answer(ctx: click.Context, _param: click.Parameter, value: bool) -> bool:
    if value and ctx.obj is not None:
        ctx.obj["two_is_an_answer"] = True
    return value


exitcode_option = click.option(
    "--detailed-exitcode",
    is_flag=True,
    is_eager=True,  # known before any other option is looked at: what is wrong with that exits 1
    callback=_say_two_is_an_answer,
    help="Exit 0 for no changes, 2 for changes, 1 for errors.",
)


def _all(options: tuple[Any, ...], command: Command) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def backend_options(command: Command) -> Command:
    """Adds --server and --state."""
    return _all(_BACKEND, command)


def manifest_options(command: Command) -> Command:
    """Adds -f and --for."""
    return _all(_MANIFESTS, command)


class Place(NamedTuple):
    """Where the engine is, as options say it."""

    server: str | None
    state: str | None
    # Where the catalog is that plans are made with.
    data_dir: str | None = None


@contextmanager
def backend(place: Place, make: str = NOTHING) -> Iterator[Backend]:
    """The engine: --server, --state, AICR_SERVER, AICR_STATE, or AICR_HOME, in this order. `make`
    says which state on this host is made when it is not there."""
    if place.server and place.state:
        raise InvalidRequest("--state has no effect beside --server: the server has its own")
    server = place.server or (None if place.state else os.environ.get(SERVER))
    if server:
        if place.data_dir:
            raise InvalidRequest("--data has no effect beside a server: it has its own catalog")
        yield Remote(server)
        return
    from controlplane.local import open_engine

    with open_engine(place.state, make=make) as engine:
        yield Local(engine, place.data_dir, me())


def note_here(state: str | None) -> None:
    """Say that a command works on this host when AICR_SERVER names another: somebody who set that
    may mean the server there. Raises InvalidRequest when it names none."""
    server = os.environ.get(SERVER)
    if server and not state and not is_here(host_of(server, SERVER)):
        output.warn([f"this is the state of this host: {SERVER} does not count here (--state)"])


def me() -> Actor:
    """Who runs a command here, as the audit names it."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return Actor(f"{name}@local")


def criteria(asked: tuple[str, ...]) -> dict[str, str]:
    """--for as a map. Raises InvalidRequest."""
    found: dict[str, str] = {}
    for pair in (p for text in asked for p in text.split(",")):
        field, equals, value = (word.strip() for word in pair.partition("="))
        if not (field and equals and value):
            raise InvalidRequest(f"--for {pair!r}: write field=value")
        if found.setdefault(field, value) != value:
            raise InvalidRequest(f"--for states {field} twice: {found[field]} and {value}")
    return found


def wanted(path: str, asked: tuple[str, ...], prune: bool) -> Asked:
    """The manifests of a command, with the values of the secrets that they refer to."""
    from controlplane import documents, secretrefs
    from controlplane.compile import references
    from controlplane.families import KINDS

    sources, fields = documents.read(path), criteria(asked)
    manifests = documents.parsed(sources)
    places: dict[str, str] = {}
    if any(word in source.data for source in sources for word in (b"env:", b"file:")):
        places = references(manifests, fields, KINDS)
    values = secretrefs.read(places, places.__getitem__)
    return Asked(manifests, fields, values, Options(prune))


def secrets_of(plan: Plan) -> dict[str, str]:
    """The values of the secrets that a plan needs, by reference."""
    from controlplane import secretrefs
    from controlplane.compile import secret_values

    places = {
        reference: stage.address
        for stage in plan.stages
        for _, reference in secret_values(stage.after or {})
    }
    return secretrefs.read(places, places.__getitem__)


def confirm(question: str, yes: bool) -> None:
    """Ask, unless told not to. Raises click.Abort for no, InvalidRequest where nobody can say."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise InvalidRequest("nobody can be asked here: --yes goes on without asking")
    click.confirm(question, abort=True, err=True)


def required(path: str | None, otherwise: str = "") -> str:
    """Raises InvalidRequest when no manifests are named; `otherwise` is what else could be."""
    if path is None:
        raise InvalidRequest(f"say which manifests: -f DIR{otherwise}")
    return path
