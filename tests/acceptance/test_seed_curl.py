"""The documented curl command makes a key: read from docs/keys.md, run by bash, as it stands."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.server import DEADLINE, Server
from tests.conftest import ROOT

MARK = "<!-- run by tests/acceptance/test_seed_curl.py -->\n```bash\n"
SERVICE = "nvidia-cloud-functions-ncp-service-id-aketm"


def documented() -> str:
    text = (ROOT / "docs" / "keys.md").read_text()
    return text.partition(MARK)[2].partition("```")[0]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("server") / "log"
    with Server(log, "--workers", "2", AICR_HOME=str(home)) as started:
        yield started


def run(server: Server, token: str, directory: Path) -> Any:
    """The command with its two blanks filled in. `jq .` may be missing here: it only prints."""
    script = documented().replace("<your-gateway-address>", f"127.0.0.1:{server.port}")
    script = script.replace("<token-from-nvcf-cli-init>", token)
    jq = directory / "jq"
    jq.write_text('#!/bin/sh\n[ "$*" = . ] && exec cat\n')
    jq.chmod(0o755)
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f'PATH="$PATH:{directory}"\n{script}'],
        capture_output=True,
        timeout=DEADLINE,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return json.loads(ran.stdout)


def test_the_seeds_command(server: Server, tmp_path: Path) -> None:
    token = server.post("/v1/admin/keys").json()["value"]
    made = run(server, token, tmp_path)
    assert re.fullmatch(r"nvapi-nvcf-stg-[A-Za-z0-9_-]{64}", made["value"])
    assert (made["status"], made["owner_id"]) == ("ACTIVE", "test@nvcf-api.local")
    assert made["audience_service_ids"] == [SERVICE]
    assert made["authorizations"]["policies"][0]["scopes"][0] == "invoke_function"
    left = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(days=1)


def test_the_key_counts_at_every_worker(server: Server, home: Path, tmp_path: Path) -> None:
    """Right after it was made, whichever worker is asked."""
    made = run(server, "any", tmp_path)
    path = "/v1/namespaces/nvcf/evaluations/apikey.allow"
    for _ in range(20):
        answer = server.post(path, json={"input": {"apiKey": made["value"]}})
        assert answer.json()["result"]["ownerId"] == "test@nvcf-api.local"
    assert made["value"] not in server.text()
    for file in home.rglob("*"):
        assert not file.is_file() or made["value"].encode() not in file.read_bytes()


def test_the_command_is_the_vendors() -> None:
    """Line by line what users paste: nobody may improve it here."""
    script = documented()
    assert "date -u -d '+1 day'" in script
    assert '-H "Host: api-keys.${GATEWAY_ADDR}" \\\n' in script
    assert script.endswith("}' | jq .\n")
