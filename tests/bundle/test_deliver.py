"""Destinations: OCI layouts and registries, and what to do next with each kind of output."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from aicr.bundle import checksums, oci
from aicr.bundle.deliver import Delivery, check, deliver, unpacked
from aicr.bundle.files import text
from aicr.bundle.verify import verify
from aicr.bundle.write import write_layout
from aicr.errors import InvalidRequest, Unauthorized, Unavailable
from tests.conftest import Ran

FILES = [text("a/values.yaml", "x: 1\n"), text("deploy.sh", "#!/bin/sh\n")]
FILES.append(checksums.of(FILES))
Aicr = Callable[..., Ran]


class Registry(ThreadingHTTPServer):
    """The part of the OCI distribution API that pushing needs; refuses what has a wrong digest."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.status = 0  # what to answer instead
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Registry

    def answer(self, status: int, **headers: str) -> None:
        self.send_response(self.server.status or status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def do_HEAD(self) -> None:
        self.answer(200 if self.path.rsplit("/", 1)[1] in self.server.blobs else 404)

    def do_POST(self) -> None:
        self.answer(202, Location=f"http://{self.server.host}{self.path}1")

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        address = urlsplit(self.path)
        if "/manifests/" in address.path:
            manifest = json.loads(data)
            named = {blob["digest"] for blob in (manifest["config"], *manifest["layers"])}
            if not named <= set(self.server.blobs):
                return self.answer(400)
            self.server.manifests[address.path] = data
        else:
            digest = parse_qs(address.query)["digest"][0]
            if digest != f"sha256:{sha256(data).hexdigest()}":
                return self.answer(400)
            self.server.blobs[digest] = data
        return self.answer(201)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.setenv("HOME", str(tmp_path))  # nobody's credentials
    server = Registry()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_push_is_pinned_by_the_digest_of_its_manifest(registry: Registry, tmp_path: Path) -> None:
    refs = tmp_path / "refs"
    target = f"oci://{registry.host}/gpu/stack:v1"
    pinned = deliver(FILES, Delivery(target, plain_http=True, image_refs=str(refs)))
    manifest = registry.manifests["/v2/gpu/stack/manifests/v1"]
    assert pinned == f"{registry.host}/gpu/stack@sha256:{sha256(manifest).hexdigest()}"
    assert refs.read_text() == pinned + "\n"
    layer = json.loads(manifest)["layers"][0]
    (tmp_path / "pulled.tar.gz").write_bytes(registry.blobs[layer["digest"]])
    assert verify(str(tmp_path / "pulled.tar.gz")).passed
    assert deliver(FILES, Delivery(target, plain_http=True)) == pinned


@pytest.mark.parametrize(("status", "error"), [(403, Unauthorized), (500, Unavailable)])
def test_what_the_registry_says_against_it(
    registry: Registry, status: int, error: type[Exception], tmp_path: Path
) -> None:
    registry.status = status
    refs = tmp_path / "refs"
    to = Delivery(f"oci://{registry.host}/a", plain_http=True, image_refs=str(refs))
    with pytest.raises(error, match=registry.host):
        deliver(FILES, to)
    assert not refs.exists()


def test_a_registry_that_is_not_there() -> None:
    with pytest.raises(Unavailable, match="cannot reach the registry of 127"):
        deliver(FILES, Delivery("oci://127.0.0.1:9/a", plain_http=True))


def test_layout_and_push_are_the_same_artifact(registry: Registry, tmp_path: Path) -> None:
    digest = deliver(FILES, Delivery(f"oci-layout:{tmp_path / 'l'}"))
    pinned = deliver(FILES, Delivery(f"oci://{registry.host}/a", plain_http=True))
    assert pinned.endswith(f"@{digest}")
    index = json.loads((tmp_path / "l/index.json").read_text())
    assert index["manifests"][0]["digest"] == digest
    assert verify(str(tmp_path / "l")).passed


def test_a_layout_with_another_blob_does_not_verify(tmp_path: Path) -> None:
    write_layout(oci.layout(oci.artifact(FILES)), str(tmp_path / "l"))
    for blob in (tmp_path / "l/blobs/sha256").iterdir():
        blob.write_bytes(blob.read_bytes().replace(b"aicr bundle", b"evil bundle"))
    with pytest.raises(InvalidRequest, match="is not what its digest says"):
        verify(str(tmp_path / "l"))


def test_a_layout_replaces_a_layout_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "l"
    for files in (FILES, FILES[:1]):
        write_layout(oci.layout(oci.artifact(files)), str(target))
    assert len(list((target / "blobs/sha256").iterdir())) == 3
    (target / "mine.txt").write_text("precious")
    with pytest.raises(InvalidRequest, match=r"holds mine\.txt"):
        write_layout(oci.layout(oci.artifact(FILES)), str(target))


@pytest.mark.parametrize(
    ("to", "words"),
    [
        (Delivery("oci://UPPER/x"), "invalid OCI reference"),
        (Delivery("oci://host/x:"), "invalid OCI reference"),
        (Delivery("oci://host"), "invalid OCI reference"),
        (Delivery("out", plain_http=True), "--plain-http has no effect: --output out is no oci://"),
        (Delivery("out.zip", insecure_tls=True), "--insecure-tls has no effect"),
        (Delivery("oci-layout:x", image_refs="f"), "--image-refs has no effect"),
        (
            Delivery("oci://host/x", force=True),
            "--force has no effect: --output oci://host/x is an",
        ),
        (Delivery("oci-layout:"), "names no directory"),
        *(
            (Delivery(word), "is none of what can be written")
            for word in (
                "x.tar",
                "x.ZIP",
                "x.gz",
                "-",
                "OCI://h/r",
                "https://h/r",
                "oci:x",
                "cm://ns/n",
            )
        ),
    ],
)
def test_destinations_that_cannot_be(to: Delivery, words: str) -> None:
    with pytest.raises(InvalidRequest, match=re.escape(words)):
        check(to)


@pytest.mark.parametrize("target", ["a b", "a b.zip", "a b.tar.gz", "x.tgz"])
def test_the_steps_make_a_directory_that_verifies(tmp_path: Path, target: str) -> None:
    to = Delivery(target)
    steps, directory = unpacked(to, "")
    deliver(FILES, to._replace(target=str(tmp_path / target)))
    for step in steps:
        subprocess.run(["bash", "-c", step], cwd=tmp_path, check=True, capture_output=True)
    assert verify(str(tmp_path / directory)).passed


def test_the_steps_after_a_push() -> None:
    steps, directory = unpacked(Delivery("oci://h/x:1"), "h/x@sha256:0")
    assert steps == ["oras pull h/x@sha256:0", "mkdir bundle && tar -xzf bundle.tar.gz -C bundle"]
    assert directory == "bundle"


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--attest"], 3, "does not exist; sign with a key of your own (--sign KEY)"),
        (["--certificate-identity-regexp", ".*"], 2, "to pin to the NVIDIA repository"),
        (
            ["--certificate-identity-regexp", "https://github.com/NVIDIA/aicr/x"],
            2,
            "has no effect without --attest",
        ),
    ],
)
def test_sigstore_is_for_others(
    tmp_path: Path, aicr: Aicr, flags: list[str], code: int, words: str
) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("componentRefs: [{name: cert-manager}]\n")
    ran = aicr("bundle", "-r", str(recipe), "-o", str(tmp_path / "out"), *flags)
    assert (ran.code, words in ran.err) == (code, True), ran.err
    assert not (tmp_path / "out").exists()
