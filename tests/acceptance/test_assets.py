"""Assets on the real server: a file in and out, and uploads that break off."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from controlplane.access.registry import FUNCTIONS
from tests.acceptance.server import Server, until

BODY = {"contentType": "application/octet-stream", "description": "noise"}
# More than a body may have elsewhere, and no whole number of blocks.
SIZE = 12 * 1024 * 1024 + 7


class Assets:
    def __init__(self, server: Server, home: Path) -> None:
        self.server, self.directory = server, home / "assets"
        until_ = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        policy = {"aud": FUNCTIONS.id, "scopes": ["invoke_function"], "resources": []}
        headers = {"Key-Issuer-Id": FUNCTIONS.id, "Key-Owner-Id": "a@nvcf-api.local"}
        body = {"description": "a key", "expires_at": until_,
                "authorizations": {"policies": [policy]}}  # fmt: skip
        key = server.post("/v1/keys", json=body, headers=headers).json()["value"]
        self.bearer = {"Authorization": f"Bearer {key}"}

    def create(self) -> Any:
        return self.server.post("/v2/nvcf/assets", json=BODY, headers=self.bearer).json()

    def fetch(self, id_: str) -> requests.Response:
        path = f"/v2/nvcf/assets/{id_}/content-redirect"
        url = self.server.get(path, headers=self.bearer).json()["presignedUrl"]
        return requests.get(url, timeout=30)


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assets]:
    home = tmp_path_factory.mktemp("home")
    log = tmp_path_factory.mktemp("server") / "log"
    with Server(log, AICR_HOME=str(home), AICR_WORKERS="2") as started:
        yield Assets(started, home)


def test_in_and_out(assets: Assets, tmp_path: Path) -> None:
    data = os.urandom(SIZE)
    (tmp_path / "noise").write_bytes(data)
    made = assets.create()
    assert made["uploadUrl"].startswith(f"{assets.server.url}/")
    with open(tmp_path / "noise", "rb") as f:
        assert requests.put(made["uploadUrl"], data=f, timeout=60).status_code == 200
    answer = assets.fetch(made["assetId"])
    assert answer.headers["Content-Length"] == str(SIZE)
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(data).digest()


def test_without_a_length(assets: Assets) -> None:
    made = assets.create()
    answer = requests.put(made["uploadUrl"], data=iter([b"x"]), timeout=30)
    assert answer.status_code == 411


def test_what_breaks_off_leaves_what_was_there(assets: Assets) -> None:
    made = assets.create()
    assert requests.put(made["uploadUrl"], data=b"old", timeout=30).status_code == 200
    at = urlsplit(made["uploadUrl"])
    with socket.create_connection((at.hostname, at.port)) as broken:
        head = (
            f"PUT {at.path}?{at.query} HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Length: 99\r\n\r\n"
        )
        broken.sendall(head.encode() + b"new")
        until(lambda: _staged(assets, made["assetId"]) or None, "the upload to begin")
    until(lambda: not _staged(assets, made["assetId"]) or None, "the upload to end")
    assert assets.fetch(made["assetId"]).content == b"old"


def _staged(assets: Assets, id_: str) -> list[str]:
    return [name for name in os.listdir(assets.directory) if name.startswith(f"{id_}.")]
