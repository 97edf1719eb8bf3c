"""Where results go: a directory, and a bucket with signed requests."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from aicr.errors import InvalidRequest, Unavailable
from controlplane.results import DEPTH, S3, Directory, files, sink

KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}


def test_files_of_a_directory(tmp_path: Path) -> None:
    (tmp_path / "b" / "c").mkdir(parents=True)
    (tmp_path / "b" / "c" / "two").write_text("2")
    (tmp_path / "one").write_text("1")
    (tmp_path / "link").symlink_to("/etc/hostname")
    (tmp_path / "there").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe")
    assert [(key, f.read()) for key, f in files(str(tmp_path))] == [
        ("b/c/two", b"2"),
        ("one", b"1"),
    ]
    assert list(files(str(tmp_path / "nowhere"))) == []


def test_links_lead_nowhere_whatever_stands_where(tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    (home / "deep").mkdir(parents=True)
    (home / "vault.json").write_text("ring")
    work.mkdir()
    (work / "results").symlink_to(home)
    assert list(files(str(work / "results"))) == []
    (work / "results").unlink()
    os.mkfifo(work / "results")
    assert list(files(str(work / "results"))) == []


def test_what_was_opened_is_read_though_a_link_takes_its_place(tmp_path: Path) -> None:
    root, home = tmp_path / "results", tmp_path / "home"
    for place in (root / "b", home):
        place.mkdir(parents=True)
    (root / "a").write_text("mine")
    (root / "b" / "vault.json").write_text("mine")
    (home / "vault.json").write_text("ring")
    found = files(str(root))
    key, source = next(found)
    (root / "a").unlink()
    (root / "a").symlink_to(home / "vault.json")
    (root / "b").rename(tmp_path / "away")
    (root / "b").symlink_to(home)
    assert (key, source.read()) == ("a", b"mine")
    assert list(found) == []


def test_directories_are_not_too_deep(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    (tmp_path / "/".join("d" * (DEPTH + 1))).mkdir(parents=True)
    with pytest.raises(InvalidRequest, match="64 deep"):
        list(files(str(tmp_path)))
    assert len(os.listdir("/proc/self/fd")) == before


class Torn(io.BytesIO):
    """A file that cannot be read to its end."""

    def read(self, *_: Any) -> bytes:
        raise OSError(5, "Input/output error")


def test_a_directory_holds_whole_files(tmp_path: Path) -> None:
    store = Directory(str(tmp_path / "store"))
    store.put("org/model/a", io.BytesIO(b"new"))
    (tmp_path / "store/org/model/a").write_text("old, and longer")
    store.put("org/model/a", io.BytesIO(b"new"))
    assert (tmp_path / "store/org/model/a").read_text() == "new"
    assert [p.name for p in (tmp_path / "store/org/model").iterdir()] == ["a"]
    with pytest.raises(Unavailable, match="Input/output error"):
        store.put("org/model/b", Torn())
    assert [p.name for p in (tmp_path / "store/org/model").iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("where", "environment"),
    [("s3://bucket/x", {}), ("s3://", KEYS), ("s3://b", {"AWS_ACCESS_KEY_ID": "a"})],
)
def test_buckets_need_a_name_and_credentials(where: str, environment: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match="AICR_RESULTS"):
        sink(where, environment)


def test_settings() -> None:
    assert sink("/a/b", {}) == Directory("/a/b")
    found = sink("s3://bucket/pre/fix?endpoint=http://127.0.0.1:9&region=eu-west-1", KEYS)
    assert isinstance(found, S3)
    assert found[:4] == ("http://127.0.0.1:9", "bucket", "pre/fix", "eu-west-1")


class Bucket(BaseHTTPRequestHandler):
    """Keeps what it gets; refuses what is called `refused`."""

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), data))  # type: ignore[attr-defined]
        self.send_response(403 if "refused" in self.path else 200)
        self.end_headers()
        self.wfile.write(b"<Code>AccessDenied</Code>" if "refused" in self.path else b"")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def bucket() -> Iterator[Any]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    server.got = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_bucket_gets_files_with_their_digests(bucket: Any, tmp_path: Path) -> None:
    where = f"http://127.0.0.1:{bucket.server_port}"
    store = sink(f"s3://results/pre?endpoint={where}", KEYS)
    (tmp_path / "file").write_bytes(b"hello")
    with (tmp_path / "file").open("rb") as source:
        store.put("org/model/id/a b+ü", source)
    ((path, headers, data),) = bucket.got
    assert path == "/results/pre/org/model/id/a%20b%2B%C3%BC"
    assert data == b"hello"
    assert (
        headers["x-amz-content-sha256"]
        == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    )
    assert headers["Authorization"].startswith(
        f"AWS4-HMAC-SHA256 Credential={KEYS['AWS_ACCESS_KEY_ID']}/"
    )
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in str(headers)
    source = (tmp_path / "file").open("rb")
    with source, pytest.raises(Unavailable, match=r"403.*AccessDenied"):
        store.put("refused", source)


def test_a_bucket_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"hello")
    source = (tmp_path / "file").open("rb")
    with source, pytest.raises(Unavailable, match=r"127\.0\.0\.1"):
        sink("s3://b?endpoint=http://127.0.0.1:1", KEYS).put("a", source)


def test_a_signature_is_that_of_others() -> None:
    """As botocore 1.44 signs this very request."""
    at = datetime(2013, 5, 24, tzinfo=UTC)
    store = S3(
        "https://s3.amazonaws.com", "examplebucket", "", "us-east-1", *KEYS.values(), lambda: at
    )
    digest = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
    found = store._signed("s3.amazonaws.com", "/examplebucket/test%24file.text", digest)
    assert found["Authorization"].endswith(EXPECTED)


EXPECTED = "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=5cdf0e58fb83a39eab1db0d3dbcd2d2562c22910d3c4b229100dcc09a7833407"
