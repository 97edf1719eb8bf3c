"""Documents from files, URLs and ConfigMaps."""

from __future__ import annotations

import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from aicr.errors import (
    AicrError,
    InvalidRequest,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from aicr.inputs import read_document
from tests.conftest import Write


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("c.yaml", "a: yes\n", ({"a": "yes"}, False)),
        ("c.YML", "a: 1\n", ({"a": 1}, False)),
        ("c.json", '{"a": 1}', ({"a": 1}, True)),
        ("c", '{"a": 1}', ({"a": 1}, True)),
    ],
)
def test_the_suffix_decides(write: Write, name: str, content: str, expected: object) -> None:
    assert read_document(str(write({name: content}) / name), "-c") == expected


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("nope.yaml", NotFound, "-c: no such file: "),
        (".", InvalidRequest, "-c: cannot read "),
        ("a\0b.yaml", InvalidRequest, "-c: cannot read "),
        ("t.txt", InvalidRequest, "tables cannot be read back"),
        ("c", InvalidRequest, "name it .yaml if it is YAML"),
        ("bad.yaml", InvalidRequest, "bad.yaml:1:5: malformed YAML"),
    ],
)
def test_what_cannot_be_read(write: Write, name: str, kind: type[AicrError], words: str) -> None:
    directory = write({"t.txt": "", "c": "spec: {}\n", "bad.yaml": "a: ["})
    with pytest.raises(kind) as caught:
        read_document(os.path.join(directory, name), "-c")
    assert words in caught.value.message


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        body = {"/c.yaml": b"a: 1\n", "/c.json": b'{"a": 1}', "/cut.yaml": b"a: 1\n"}.get(path, b"")
        statuses = {"/nope.yaml": 404, "/secret.yaml": 401, "/busy.yaml": 429}
        self.send_response(200 if body else statuses.get(path, 500))
        self.send_header("Content-Length", str(len(body) + 90 * path.startswith("/cut")))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class TestUrls:
    def test_the_type_is_that_of_the_path(self, url: str) -> None:
        assert read_document(f"{url}/c.yaml?token=x.json", "-c") == ({"a": 1}, False)
        assert read_document(f"{url}/c.json", "-c") == ({"a": 1}, True)

    @pytest.mark.parametrize(
        ("path", "kind", "words"),
        [
            ("nope.yaml", NotFound, "answered 404"),
            ("secret.yaml", Unauthorized, "answered 401"),
            ("busy.yaml", RateLimited, "answered 429"),
            ("broken.yaml", Unavailable, "answered 500"),
            ("cut.yaml", Unavailable, "broke off, 90 bytes are missing"),
        ],
    )
    def test_failures(self, url: str, path: str, kind: type[AicrError], words: str) -> None:
        with pytest.raises(kind, match=words):
            read_document(f"{url}/{path}", "-c")

    def test_what_is_no_url(self) -> None:
        with pytest.raises(InvalidRequest, match="is no URL"):
            read_document("http://[x/a.yaml", "-c")

    def test_nobody_there(self) -> None:
        with pytest.raises(Unavailable, match=r"cannot read http://127.0.0.1:1/x.yaml"):
            read_document("http://127.0.0.1:1/x.yaml", "-c")


KUBECTL = """#!/bin/sh
echo "$@" >> "{log}"
case "$*" in
  *missing*) echo 'Error from server (NotFound): configmaps "missing" not found' >&2; exit 1 ;;
  *broken*) echo 'connection refused' >&2; exit 1 ;;
  *get*) echo '{{"data": {{"format": "yaml", "snapshot.yaml": "a: 1"}}}}' ;;
  *apply*) cat >> "{log}" ;;
esac
"""


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubectl that records how it was called."""
    log, program = tmp_path / "log", tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(KUBECTL.format(log=log))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    return log


class TestConfigMaps:
    def test_reading(self, kubectl: Path) -> None:
        assert read_document("cm://ns/name", "-s", "/kc") == ({"a": 1}, False)
        assert kubectl.read_text() == "--kubeconfig /kc get configmap name -n ns -o json\n"

    def test_missing_and_unreachable(self, kubectl: Path) -> None:
        with pytest.raises(NotFound, match="not found"):
            read_document("cm://ns/missing", "-s")
        with pytest.raises(Unavailable, match="kubectl get failed: connection refused"):
            read_document("cm://ns/broken", "-s")

    def test_writing(self, kubectl: Path) -> None:
        from aicr import configmap

        configmap.write("cm://ns/name", "a: 1\n", "yaml", None, "recipe")
        call, manifest = kubectl.read_text().split("\n", 1)
        assert call == ("apply --server-side --force-conflicts --field-manager aicr -f -")
        assert '"snapshot.yaml": "a: 1\\n", "format": "yaml"' in manifest

    def test_no_kubectl(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nonexistent")
        with pytest.raises(Unavailable, match="needs kubectl on the PATH"):
            read_document("cm://ns/name", "-s")

    @pytest.mark.parametrize(
        "uri",
        [
            "cm://bad",
            "cm:///x",
            "cm://a/",
            "cm://a/b/c",
            "cm://ns/--kubeconfig=evil.yaml",
            "cm://-n/x",
        ],
    )
    def test_bad_addresses(self, uri: str) -> None:
        with pytest.raises(InvalidRequest, match="invalid configmap URI format"):
            read_document(uri, "-s")

    def test_a_kubeconfig_without_use(self) -> None:
        with pytest.raises(InvalidRequest, match="--kubeconfig has no effect"):
            read_document("c.yaml", "-c", "/kc")
