"""A prepared installation with a clock of its own, and the API Keys service over it."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from falcon import testing

from controlplane.access import bootstrap, times
from controlplane.access.credentials import Credentials
from controlplane.access.registry import FUNCTIONS
from controlplane.changes import Changes
from controlplane.engine import Engine
from controlplane.families import KINDS
from controlplane.home import Home
from controlplane.http.app import create_app
from controlplane.http.lifecycle import Lifecycle
from controlplane.http.metrics import Metrics
from controlplane.http.problem_json import DIALECT
from controlplane.http.settings import Network, Settings
from controlplane.local import open_state
from controlplane.services.keys.context import Context, Trust
from controlplane.services.keys.models import SCHEMAS
from controlplane.services.keys.routes import routes
from controlplane.services.keys.service import PREFIXES, Service
from controlplane.state import sql
from controlplane.state.protocol import Actor
from tests.controlplane.conftest import _as_served

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LOCAL = "aicr-admin-of-this-host"
TESTER = Actor("tester")
REMOTE = "192.0.2.7"


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now.timestamp()

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def after(self, **span: float) -> str:
        return times.stamp(self.now + timedelta(**span))


class Worker:
    """One process of an installation: its engine, its credentials, and clients of its routes."""

    def __init__(self, home: Path, clock: Clock, state: str = "") -> None:
        place = Home(str(home))
        self.home, self.clock = home, clock
        self.engine = Engine(open_state(place, state or None), KINDS, place.vault())
        self.roots = bootstrap.prepare(self.engine)
        local = {hashlib.sha256(LOCAL.encode()).digest()}
        self.credentials = Credentials(self.engine, self.roots, local, clock)

    def api(self, *proxies: Network, peer: str = "127.0.0.1", loopback: bool = True) -> Api:
        trust = Trust(proxies, loopback)
        context = Context(self.engine, self.credentials, trust, self.clock)
        service = Service(routes(context), SCHEMAS, PREFIXES, DIALECT, limited=False)
        app = create_app(Settings(), [service], Lifecycle(), Metrics()).asgi
        return Api(app, self, peer)

    def caller(self, bearer: str, namespace: str = "nvcf") -> Any:
        return asyncio.run(self.credentials.caller(bearer, namespace))

    def change(self, work: Callable[[Changes], Any]) -> Any:
        return self.engine.change_now(TESTER, work)

    def read(self, work: Callable[[Any], Any]) -> Any:
        return self.engine.store.read(work)

    def counts(self) -> tuple[int, int, int]:
        """Serial, events and audit entries: what grows with every change."""
        meta = self.read(lambda r: r.meta())
        return meta.serial, meta.revision, meta.audit_count


class Api(testing.TestClient):
    """The routes, asked from one address."""

    def __init__(self, app: Any, worker: Worker, peer: str) -> None:
        super().__init__(_as_served(app))
        self.worker, self.peer = worker, peer

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> testing.Result:
        """`headers` with _ for -; `owner`, `service` and `bearer` are those of keys."""
        more = {"json": body} if body is not None else {}
        return self.simulate_request(
            method, path, headers=_headers(headers), remote_addr=self.peer, **more
        )

    def key(self, owner: str = "anna", **fields: Any) -> testing.Result:
        """Ask for a key."""
        service = fields.pop("service", FUNCTIONS.id)
        headers = fields.pop("headers", {})
        body = request(self.worker.clock, **fields)
        return self.ask("POST", "/v1/keys", body, owner=owner, service=service, **headers)


def _headers(given: dict[str, str]) -> dict[str, str]:
    names = {"owner": "Key-Owner-Id", "service": "Key-Issuer-Id"}
    said = {names.get(n, n.replace("_", "-")): v for n, v in given.items() if n != "bearer"}
    return {**said, "Authorization": f"Bearer {given['bearer']}"} if "bearer" in given else said


POLICY = {
    "aud": FUNCTIONS.id,
    "auds": [FUNCTIONS.id],
    "product": "nv-cloud-functions",
    "resources": [{"id": "*", "type": "account-functions"}],
    "scopes": ["list_functions"],
}
ABSENT = object()


def request(clock: Clock, **fields: Any) -> dict[str, Any]:
    """The body that asks for a key; ABSENT leaves a field out."""
    body = {
        "description": "a key",
        "expires_at": clock.after(days=1),
        "authorizations": {"policies": [POLICY]},
        **fields,
    }
    return {name: value for name, value in body.items() if value is not ABSENT}


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after its first start, to be copied."""
    home, clock = tmp_path_factory.mktemp("prepared"), Clock()
    with pytest.MonkeyPatch.context() as patch:
        _tell(patch, clock)
        worker = Worker(home, clock)
        worker.engine.store.close()
    return home


def _tell(patch: pytest.MonkeyPatch, clock: Clock) -> None:
    """The store has this time, too."""
    patch.setattr(
        sql, "_now", lambda: clock.now.isoformat(timespec="microseconds").replace("+00:00", "Z")
    )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of tokens, keys and the store."""
    found = Clock()
    _tell(monkeypatch, found)
    return found


@pytest.fixture
def workers(prepared: Path, tmp_path: Path, clock: Clock) -> Iterator[Callable[[], Worker]]:
    """Makes workers of one installation."""
    home = tmp_path / "home"
    shutil.copytree(prepared, home)
    made: list[Worker] = []

    def make() -> Worker:
        made.append(Worker(home, clock))
        return made[-1]

    yield make
    for worker in made:
        worker.engine.store.close()


@pytest.fixture
def worker(workers: Callable[[], Worker]) -> Worker:
    return workers()


@pytest.fixture
def keys(worker: Worker) -> Api:
    """The routes, asked from this machine."""
    return worker.api()
