"""A registry that speaks the OCI distribution API, and what its client makes of it."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from aicr.errors import InvalidRequest, Unavailable
from controlplane import oci, registries
from controlplane.artifacts import SECRET, Live
from controlplane.families import KINDS
from controlplane.http.problems import Problem, Refused
from controlplane.oci import FOUND, MISSING, REFUSED, Client, Image
from controlplane.plan.effects import secret_name
from controlplane.registries import LOG, Artifact, Registry
from controlplane.state.protocol import Actor
from tests.controlplane import engines

DIGEST = f"sha256:{'0' * 64}"
IMAGES = [
    ("echo", Image("docker.io", "library/echo", "latest")),
    ("acme/echo:1", Image("docker.io", "acme/echo", "1")),
    ("docker.io/echo:1", Image("docker.io", "library/echo", "1")),
    ("nvcr.io/a/b/c", Image("nvcr.io", "a/b/c", "latest")),
    (f"nvcr.io/a/b:1@{DIGEST}", Image("nvcr.io", "a/b", DIGEST)),
    ("localhost:5000/a:1", Image("localhost:5000", "a", "1")),
    ("oci://nvcr.io/charts/a", Image("nvcr.io", "charts/a", "latest")),
]


@pytest.mark.parametrize(("text", "image"), IMAGES)
def test_references(text: str, image: Image) -> None:
    assert oci.parse(text) == image


@pytest.mark.parametrize(
    "text",
    ["", "Echo", "a//b", "a:", "a:b c", "a:-x", "a@sha256:zz", "a@", "nvcr.io/", "a/../b",
     f"a:{'x' * 129}", "a\n", "nvcr.io/a?x=1", "nvcr.io/a b"],
)  # fmt: skip
def test_what_is_none(text: str) -> None:
    with pytest.raises(InvalidRequest):
        oci.parse(text)


class Fake(BaseHTTPRequestHandler):
    """Wants a token for everything; gives one to `me`, who may pull `mine/*`."""

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        given = self.headers.get("Authorization", "")
        good = "Basic " + base64.b64encode(b"me:pw").decode()
        if self.path.startswith("/token"):
            self.server.asked.append(self.path)  # type: ignore[attr-defined]
            if given == good:
                self._answer(200, b'{"token":"good"}')
            else:
                self._answer(401)
        elif given != "Bearer good":
            host = self.headers["Host"]
            challenge = f'Bearer realm="http://{host}/token",service="fake",scope="pull"'
            self._answer(401, WWW_Authenticate=challenge)
        elif self.path == "/v2/" or self.path.startswith("/v2/mine/there/manifests/1"):
            self._answer(200)
        elif self.path.startswith("/v2/theirs/"):
            self._answer(403)
        elif self.path.startswith("/v2/broken/"):
            self._answer(500)
        elif self.path.startswith("/v2/moved/"):
            self._answer(302, Location="http://evil.example/")
        else:
            self._answer(404)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Not to the output of tests."""


@pytest.fixture
def registry() -> Iterator[Any]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Fake)
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def host(server: Any) -> str:
    return f"localhost:{server.server_address[1]}"


@pytest.mark.parametrize(
    ("repository", "reference", "found"),
    [("mine/there", "1", FOUND), ("mine/there", "2", MISSING), ("theirs/x", "1", REFUSED)],
)
def test_looking(registry: Any, repository: str, reference: str, found: str) -> None:
    client = Client(host(registry), "me:pw", plain=True)
    assert client.look(Image(host(registry), repository, reference)) == found
    assert registry.asked == ["/token?service=fake&scope=pull"]


def test_logins(registry: Any) -> None:
    assert Client(host(registry), "me:pw", plain=True).log_in() == FOUND
    assert Client(host(registry), "me:other", plain=True).log_in() == REFUSED
    assert Client(host(registry), plain=True).log_in() == REFUSED


@pytest.mark.parametrize("repository", ["broken/x", "moved/x"])
def test_what_is_no_answer(registry: Any, repository: str) -> None:
    """A redirect is none: credentials go to whom they are for."""
    with pytest.raises(Unavailable):
        Client(host(registry), "me:pw", plain=True).look(Image("", repository, "1"))


def test_nobody_there() -> None:
    with pytest.raises(Unavailable):
        Client("localhost:1", plain=True).log_in()


def test_a_token_is_never_asked_for_in_the_clear(registry: Any) -> None:
    client = Client(host(registry), "me:pw")
    challenge = f'Bearer realm="http://{host(registry)}/token"'
    assert client._token(challenge) is None
    assert registry.asked == []


@pytest.fixture
def live(registry: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Something that asks the registry, with a credential of account `a` for it."""
    there = Registry("Fake", host(registry), ("CONTAINER",))
    monkeypatch.setattr(registries, "BUILT_IN", (*registries.BUILT_IN, there))
    with engines.opened(str(tmp_path / "state.db"), KINDS) as engine:
        address = f"{registries.CREDENTIALS}.fake"
        spec = {
            "ncaId": "a",
            "registryHostname": host(registry),
            "secret": {"name": "fake", "value": {"secret": "given", "digest": ""}},
            "artifactTypes": ["CONTAINER"],
        }

        def work(changes: Any) -> None:
            value = base64.b64encode(b"me:pw").decode()
            engine.vault.put(changes.tx, secret_name(address, SECRET), value)
            changes.create(address, spec, {"registryCredentialId": "i", "provisionedBy": "USER"})

        engine.change_now(Actor("me"), work)
        yield lambda mode="throw": Live(engine, mode, plain=True)


@pytest.mark.parametrize(
    ("path", "status"),
    [("mine/there:1", 0), ("mine/there:2", 404), ("theirs/x:1", 403), ("Bad:1", 400),
     ("broken/x:1", 503)],
)  # fmt: skip
def test_artifacts(live: Any, registry: Any, path: str, status: int) -> None:
    image = Artifact("CONTAINER", f"{host(registry)}/{path}")
    if status:
        with pytest.raises(Problem) as e:
            asyncio.run(live().check("a", [image]))
        assert e.value.status == status
    asyncio.run(live(LOG if status else "throw").check("a", [image]))


def test_an_account_without_a_credential_asks_without(live: Any, registry: Any) -> None:
    with pytest.raises(Refused) as e:
        asyncio.run(live().check("b", [Artifact("CONTAINER", f"{host(registry)}/mine/there:1")]))
    assert e.value.status == 403


def test_what_is_not_asked_about(live: Any) -> None:
    taken = [
        Artifact("CONTAINER", "samples.aicr.local/echo:1"),
        Artifact("CONTAINER", "evil.example/x:1"),
        Artifact("MODEL", "https://api.ngc.nvidia.com/x"),
        Artifact("HELM", "https://helm.ngc.nvidia.com/x.tgz"),
    ]
    asyncio.run(live().check("a", taken))


def test_logging_in(live: Any, registry: Any) -> None:
    good, bad = (base64.b64encode(t).decode() for t in (b"me:pw", b"me:no"))
    asyncio.run(live().log_in(host(registry), good, ["CONTAINER"]))
    asyncio.run(live().log_in(host(registry), bad, ["MODEL"]))
    with pytest.raises(Refused) as e:
        asyncio.run(live().log_in(host(registry), bad, ["CONTAINER"]))
    assert e.value.status == 400
