"""The real server, asked as the API's document asks it, and as nobody should."""

from __future__ import annotations

import io
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.server import DEADLINE, Server, until
from tests.controlplane.test_program import OVERLAY

CRITERIA_YAML = """kind: RecipeCriteria
apiVersion: aicr.nvidia.com/v1alpha1
metadata:
  name: my-config
spec:
  service: eks
  accelerator: h100
  intent: training"""
CRITERIA_JSON = {
    "kind": "RecipeCriteria",
    "apiVersion": "aicr.nvidia.com/v1alpha1",
    "metadata": {"name": "training-config"},
    "spec": {"service": "eks", "accelerator": "h100", "intent": "training"},
}
HAND_WRITTEN = {
    "apiVersion": "aicr.nvidia.com/v1alpha1",
    "kind": "Recipe",
    "componentRefs": [
        {"name": "gpu-operator", "version": "v25.3.3", "type": "helm"},
        {"name": "network-operator", "version": "v25.4.0", "type": "helm"},
    ],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server") / "log") as started:
        yield started


def names(answer: requests.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/zip"
    return zipfile.ZipFile(io.BytesIO(answer.content)).namelist()


def folders(answer: requests.Response) -> set[str]:
    return {name.split("/")[0] for name in names(answer) if name.endswith("values.yaml")}


# --- the document's examples -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "criteria"),
    [
        ("", {}),
        ("?accelerator=h100", {"accelerator": "h100"}),
        ("?accelerator=h100&service=eks", {"accelerator": "h100", "service": "eks"}),
        (
            "?accelerator=h100&service=eks&intent=training&os=ubuntu",
            {"accelerator": "h100", "service": "eks", "intent": "training", "os": "ubuntu"},
        ),
        (
            "?service=eks&accelerator=h100&intent=training&os=ubuntu&nodes=8",
            {"accelerator": "h100", "intent": "training", "os": "ubuntu", "nodes": 8},
        ),
        ("?gpu=gb200&service=gke", {"accelerator": "gb200", "service": "gke"}),
        ("?os=ubuntu&accelerator=h100&service=eks", {"os": "ubuntu", "service": "eks"}),
        ("?os=ubuntu&accelerator=gb200&service=gke", {"os": "ubuntu", "service": "gke"}),
        ("?os=rhel&accelerator=a100&service=aks", {"os": "rhel", "service": "aks"}),
    ],
)
def test_recipes(server: Server, query: str, criteria: dict[str, Any]) -> None:
    answer = server.get(f"/v1/recipe{query}")
    assert answer.status_code == 200
    recipe = answer.json()
    assert recipe["kind"] == "Recipe"
    assert criteria.items() <= recipe["criteria"].items()
    assert all(ref["name"] and ref["order"] for ref in recipe["componentRefs"])


@pytest.mark.parametrize("kind", ["application/x-yaml", "application/yaml"])
def test_a_criteria_file_in_yaml(server: Server, kind: str) -> None:
    answer = server.post("/v1/recipe", data=CRITERIA_YAML, headers={"Content-Type": kind})
    assert answer.json()["criteria"]["intent"] == "training"


def test_a_criteria_file_in_json(server: Server) -> None:
    answer = server.post("/v1/recipe", json=CRITERIA_JSON)
    got = server.get("/v1/recipe?service=eks&accelerator=h100&intent=training")
    assert answer.json()["componentRefs"] == got.json()["componentRefs"]


def test_headers_of_every_answer_come_once_over_the_wire(server: Server) -> None:
    """On one connection: none of one answer is in the next."""
    given = "0d3b9e4e-6c5f-4f0a-9d55-0a1b2c3d4e5f"
    with requests.Session() as session:
        for path in ("/v1/recipe?accelerator=h100", "/nothing", "/docs", "/health"):
            url = f"http://127.0.0.1:{server.port}{path}"
            headers = session.get(url, headers={"X-Request-Id": given}, timeout=DEADLINE).headers
            assert headers["X-Request-Id"] == given
            assert headers["X-Api-Version"] == "v1"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["X-Frame-Options"] == "DENY"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert headers["Content-Security-Policy"].count("default-src") == 1
            assert ("Etag" in headers) == path.startswith("/v1/recipe")
            assert ("X-RateLimit-Limit" in headers) == (path != "/health")
            assert ("style-src" in headers["Content-Security-Policy"]) == (path == "/docs")


def test_root(server: Server) -> None:
    assert server.get("/").json()["service"] == "aicrd"


@pytest.mark.parametrize(
    ("selector", "kind"),
    [
        ("components.gpu-operator.values.driver.version", str),
        ("deploymentOrder", list),
        ("components.gpu-operator.values.driver", dict),
    ],
)
def test_queries(server: Server, selector: str, kind: type) -> None:
    query = f"service=eks&accelerator=h100&intent=training&selector={selector}"
    assert isinstance(server.get(f"/v1/query?{query}").json(), kind)


GPU_ONLY = "bundlers=gpu-operator"


@pytest.mark.parametrize(
    "query",
    [
        GPU_ONLY,
        f"{GPU_ONLY}&deployer=argocd&repo=https://github.com/my-org/my-gitops-repo.git"
        "&set=gpuoperator:gds.enabled=true",
        f"{GPU_ONLY}&system-node-selector=nodeGroup=system"
        "&system-node-toleration=dedicated=system:NoSchedule"
        "&accelerated-node-selector=nvidia.com/gpu.present=true"
        "&accelerated-node-toleration=nvidia.com/gpu=present:NoSchedule",
    ],
)
@pytest.mark.parametrize("criteria", ["accelerator=h100&service=eks"])
def test_a_recipe_piped_into_a_bundle(server: Server, criteria: str, query: str) -> None:
    recipe = server.get(f"/v1/recipe?{criteria}").content
    headers = {"Content-Type": "application/json"}
    answer = server.post(f"/v1/bundle?{query}", data=recipe, headers=headers)
    assert folders(answer) == {"gpu-operator"}
    assert answer.headers["Content-Disposition"] == 'attachment; filename="bundles.zip"'
    assert int(answer.headers["X-Bundle-Files"]) > 0
    assert int(answer.headers["X-Bundle-Size"]) > 0


@pytest.mark.parametrize("query", ["", "?bundlers=gpu-operator,network-operator"])
def test_a_recipe_by_hand(server: Server, query: str) -> None:
    answer = server.post(f"/v1/bundle{query}", json=HAND_WRITTEN)
    assert folders(answer) == {"gpu-operator", "network-operator"}


@pytest.mark.parametrize(("path", "status"), [("/health", "healthy"), ("/ready", "ready")])
def test_probes(server: Server, path: str, status: str) -> None:
    assert server.get(path).json()["status"] == status


def test_head_shows_the_rate_limit(server: Server) -> None:
    answer = requests.head(f"{server.url}/v1/recipe?accelerator=h100", timeout=DEADLINE)
    assert answer.status_code == 200
    for name in ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"):
        assert int(answer.headers[name]) >= 0


def test_the_python_example(server: Server, tmp_path: Path) -> None:
    params = {"accelerator": "h100", "service": "eks", "intent": "training", "os": "ubuntu"}
    resp = server.get("/v1/recipe", params=params)
    resp.raise_for_status()
    recipe = resp.json()
    resp = server.post("/v1/bundle", params={"bundlers": "gpu-operator"}, json=recipe)
    resp.raise_for_status()
    with zipfile.ZipFile(io.BytesIO(resp.content)) as archive:
        archive.extractall(tmp_path)
    assert (tmp_path / "gpu-operator/values.yaml").is_file()


NODE = """
const BASE_URL = process.argv[2];
async function main() {
  const params = new URLSearchParams({accelerator: "h100", service: "eks", intent: "training"});
  const recipeResp = await fetch(`${BASE_URL}/v1/recipe?${params}`);
  const recipe = await recipeResp.json();
  console.log(`Recipe has ${recipe.componentRefs.length} components`);
  const bundleResp = await fetch(`${BASE_URL}/v1/bundle?bundlers=gpu-operator`, {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify(recipe),
  });
  const buffer = await bundleResp.arrayBuffer();
  require("fs").writeFileSync("bundles.zip", Buffer.from(buffer));
}
main();
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_node_example(server: Server, tmp_path: Path) -> None:
    (tmp_path / "example.js").write_text(NODE)
    command = ["node", "example.js", server.url]
    ran = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert re.fullmatch(r"Recipe has [1-9]\d* components\n", ran.stdout)
    assert "gpu-operator/values.yaml" in zipfile.ZipFile(tmp_path / "bundles.zip").namelist()


WORKFLOW = """set -eu
curl -sf "$URL/v1/recipe?accelerator=h100&service=eks&intent=training" -o recipe.json
jq -r '.componentRefs[] | "  - \\(.name): \\(.version)"' recipe.json
curl -sf -X POST "$URL/v1/bundle?bundlers=gpu-operator" \\
  -H "Content-Type: application/json" -d @recipe.json -o bundles.zip
unzip -q bundles.zip -d ./deployment
cd deployment/gpu-operator
sha256sum -c checksums.txt
ls -la
"""
BATCH = """set -eu
for env in "os=ubuntu&accelerator=h100&service=eks" "os=ubuntu&accelerator=gb200&service=gke" \\
  "os=rhel&accelerator=a100&service=aks"; do
  curl -sf "$URL/v1/recipe?${env}" | jq -r '.componentRefs[] | "\\(.name): \\(.version)"'
done
"""
BACKOFF = """set -eu
response=$(curl -s -w "%{http_code}" "$URL/v1/recipe?accelerator=h100")
printf '%s' "$response" | tail -c 3
"""
PROGRAMS = ("bash", "curl", "jq", "unzip", "sha256sum")


@pytest.mark.skipif(not all(map(shutil.which, PROGRAMS)), reason=f"needs {', '.join(PROGRAMS)}")
@pytest.mark.parametrize(
    ("script", "said"),
    [
        (WORKFLOW, "values.yaml: OK"),
        (BATCH, "gpu-operator: v"),
        (BACKOFF, "200"),
    ],
    ids=["workflow", "batch", "backoff"],
)
def test_the_shell_examples(server: Server, tmp_path: Path, script: str, said: str) -> None:
    ran = subprocess.run(
        ["bash", "-c", script],
        check=False,
        cwd=tmp_path,
        env={"URL": server.url, "PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert said in ran.stdout
    assert "FAILED" not in ran.stdout


# --- bodies ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/recipe", "/v1/query", "/v1/bundle"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_large_body_is_refused_at_once(server: Server, path: str, framing: str) -> None:
    """A client that goes on writing still reads the 413, and well before its end."""
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    part = b"x" * 65536
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE) as s:
        if framing == "length":
            s.sendall(f"{head}Content-Length: {10**12}\r\n\r\n".encode())
            start = time.monotonic()
        else:
            s.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
            for _ in range(161):  # just over 10 MiB; it never ends
                s.sendall(b"10000\r\n" + part + b"\r\n")
            start = time.monotonic()
        answer = s.recv(65536)
        elapsed = time.monotonic() - start
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()
    assert elapsed < 1.0  # 0.1 on a machine that has nothing else to do


# --- messages that are not to be trusted -----------------------------------------------------

GET, POST = b"GET /v1/recipe HTTP/1.1\r\n", b"POST /v1/recipe HTTP/1.1\r\n"
HOST, END, LAST = b"Host: a\r\n", b"\r\n", b"0\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
VECTORS = {
    "no host": GET + END,
    "upgrade to something": GET + HOST + b"Connection: Upgrade\r\nUpgrade: foo\r\n" + END,
    "upgrade to h2c": GET + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + END,
    "upgrade to websocket": GET + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n" + END,
    "upgrade with a body": b"POST /v1/recipe HTTP/1.1\r\n"
    + HOST
    + b"Connection: Upgrade\r\nUpgrade: foo\r\nContent-Length: 35\r\n"
    + END,
    "head without end": GET + HOST + b"X: " + b"a" * 100_000,
    "url without end": b"GET /" + b"a" * 100_000,
    "two hosts": GET + HOST + b"Host: b\r\n" + END,
    "the same host twice": GET + HOST + HOST + END,
    "empty host": GET + b"Host: \r\n" + END,
    "host with a blank": GET + b"Host: a b\r\n" + END,
    "host with a path": GET + b"Host: a/../b\r\n" + END,
    "host with a user": GET + b"Host: u@h\r\n" + END,
    "host with a word as port": GET + b"Host: a:b\r\n" + END,
    "length and chunks": POST + HOST + b"Content-Length: 4\r\n" + CHUNKED + END + LAST,
    "chunks and length": POST + HOST + CHUNKED + b"Content-Length: 4\r\n" + END + LAST,
    "two lengths": POST + HOST + b"Content-Length: 4\r\nContent-Length: 5\r\n" + END + b"{}  ",
    "a list of lengths": POST + HOST + b"Content-Length: 2, 2\r\n" + END + b"{}",
    "negative length": POST + HOST + b"Content-Length: -1\r\n" + END,
    "length with a plus": POST + HOST + b"Content-Length: +2\r\n" + END + b"{}",
    "hexadecimal length": POST + HOST + b"Content-Length: 0x2\r\n" + END + b"{}",
    "endless length": POST + HOST + b"Content-Length: " + b"9" * 40 + END + END,
    "unknown coding": POST + HOST + b"Transfer-Encoding: xchunked\r\n" + END + LAST,
    "chunked, then another": POST
    + HOST
    + CHUNKED
    + b"Transfer-Encoding: identity\r\n"
    + END
    + LAST,
    "blank before the colon": POST + HOST + b"Transfer-Encoding : chunked\r\n" + END + LAST,
    "folded header": GET + HOST + b"X: b\r\n c\r\n" + END,
    "size of a chunk is no number": POST + HOST + CHUNKED + END + b"zz\r\n{}\r\n" + LAST,
    "chunk longer than it says": POST + HOST + CHUNKED + END + b"1\r\n{}\r\n" + LAST,
    "line feed in a chunk extension": POST + HOST + CHUNKED + END + b"2;a\nb\r\n{}\r\n" + LAST,
    "bare line feeds": b"GET /v1/recipe HTTP/1.1\nHost: a\n\n",
    "nul in a header": GET + HOST + b"X: a\0b\r\n" + END,
    "header without a name": GET + HOST + b": x\r\n" + END,
    "target for another host": b"GET http://evil/v1/recipe HTTP/1.1\r\n" + HOST + END,
    "target for another port": b"GET http://a:81/v1/recipe HTTP/1.1\r\n" + HOST + END,
    "target with a user": b"GET http://u@a/v1/recipe HTTP/1.1\r\n" + HOST + END,
    "target of another scheme": b"GET ftp://a:21/v1/recipe HTTP/1.1\r\n" + HOST + END,
    "target in asterisk form": b"OPTIONS * HTTP/1.1\r\n" + HOST + END,
    "tunnel": b"CONNECT a:80 HTTP/1.1\r\n" + HOST + END,
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/1.2": b"GET /v1/recipe HTTP/1.2\r\n" + HOST + END,
    "HTTP/2.0": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "not ASCII": b"GET /v1/recipe?x=\xff HTTP/1.1\r\n" + HOST + END,
    "unknown method": b"SMUGGLE /v1/recipe HTTP/1.1\r\n" + HOST + END,
}


def exchange(port: int, data: bytes) -> tuple[list[int], bytes]:
    """The statuses that come back, and everything; fails when the server does not close."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
        s.sendall(data)
        received = b""
        while part := s.recv(65536):
            received += part
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)], received


@pytest.mark.parametrize("name", VECTORS)
def test_one_4xx_and_the_connection_closes(server: Server, name: str) -> None:
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    statuses, received = exchange(server.port, VECTORS[name] + smuggled)
    assert len(statuses) == 1
    assert 400 <= statuses[0] < 500
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower()
    assert json.loads(body)["code"] == "INVALID_REQUEST"


@pytest.mark.parametrize(
    "target",
    [b"/v1/recipe", b"http://a/v1/recipe", b"HTTP://A:80/v1/recipe", b"http://a/v1/recipe?os=any"],
)
def test_a_request_that_agrees_with_itself(server: Server, target: bytes) -> None:
    request = b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert exchange(server.port, request)[0] == [200]


def test_requests_in_a_row_on_one_connection(server: Server) -> None:
    one = b"GET /v1/recipe HTTP/1.1\r\nHost: a\r\n"
    data = (one + b"\r\n") * 4 + one + b"Connection: close\r\n\r\n"
    assert exchange(server.port, data)[0] == [200] * 5


def test_doubled_slashes(server: Server) -> None:
    answer = server.get("//v1/recipe?service=eks", allow_redirects=False)
    assert answer.status_code == 307
    assert answer.headers["Location"] == "/v1/recipe?service=eks"


# --- the life of a server --------------------------------------------------------------------


def test_the_log_is_json_with_request_ids(tmp_path: Path) -> None:
    with Server(tmp_path / "log") as server:
        answer = server.get("/v1/recipe")
        exchange(server.port, VECTORS["two lengths"])
        server.get("/v1/recipe?service=nowhere")
    lines = server.lines()
    ids = [line["requestId"] for line in lines if line["msg"] == "request"]
    assert ids[0] == answer.headers["X-Request-Id"]
    assert len(ids) == 2
    assert all({"time", "level", "msg"} <= set(line) for line in lines)
    assert server.process.returncode == 0


def test_workers_share_metrics(tmp_path: Path) -> None:
    with Server(tmp_path / "log", "--workers", "2") as server:
        # New connections, so that both workers get some.
        for _ in range(40):
            assert server.get("/v1/recipe").status_code == 200

        def total() -> float:
            line = 'aicr_http_requests_total{method="GET",path="/v1/recipe",status="200"} '
            found = [x for x in server.get("/metrics").text.splitlines() if x.startswith(line)]
            return float(found[0].removeprefix(line)) if found else 0

        assert {total() for _ in range(20)} == {40.0}
    assert server.process.returncode == 0


def test_hangup_swaps_the_catalog(tmp_path: Path, external: Any) -> None:
    data = Path(external({"overlays/acme.yaml": OVERLAY.format(value=">= 1")}))
    overlay = data / "overlays/acme.yaml"

    with Server(tmp_path / "log", "--data", str(data)) as server:

        def level() -> str:
            constraints = server.get("/v1/recipe?service=eks").json()["constraints"]
            return str(constraints["Acme.level"])

        assert level() == ">= 1"
        overlay.write_text(OVERLAY.format(value=">= 2"))
        server.signal(signal.SIGHUP)
        until(lambda: level() == ">= 2", "the new catalog")
        overlay.write_text("kind: [")
        server.signal(signal.SIGHUP)
        note = until(lambda: server.get("/ready").json().get("note"), "a note in /ready")
        assert "acme.yaml" in note
        assert server.get("/ready").status_code == 200
        assert level() == ">= 2"
        overlay.write_text(OVERLAY.format(value=">= 3"))
        server.signal(signal.SIGHUP)
        until(lambda: level() == ">= 3", "the catalog after that")
        assert "note" not in server.get("/ready").json()
    failed = [line for line in server.lines() if line["level"] == "ERROR"]
    assert [line["msg"] for line in failed] == ["the catalog was not reloaded"]


def test_termination_loses_no_request(tmp_path: Path) -> None:
    """50 bundles are being made when SIGTERM comes; /ready says so before anything closes."""
    count = 50
    with Server(tmp_path / "log", AICR_DRAIN_SECONDS="1") as server:
        recipe = server.get("/v1/recipe?service=eks&accelerator=h100&intent=training").content
        sent = threading.Barrier(count + 1)

        def bundle(i: int) -> int:
            path = f"/v1/bundle?set=gpuoperator:driver.version=1.{i}"
            with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE) as s:
                head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(recipe)}\r\n\r\n"
                s.sendall(head.encode() + recipe)
                sent.wait()
                received = b""
                while part := s.recv(1 << 20):
                    received += part
                    found = re.search(rb"content-length: (\d+)", received.partition(b"\r\n\r\n")[0])
                    body = received.partition(b"\r\n\r\n")[2]
                    if found and len(body) == int(found[1]):
                        return int(received[9:12])
            return 0

        with ThreadPoolExecutor(count) as pool:
            futures = [pool.submit(bundle, i) for i in range(count)]
            sent.wait()
            server.signal(signal.SIGTERM)
            not_ready = until(
                lambda: (r := server.get("/ready")).status_code == 503 and r.json(), "not ready"
            )
            assert [f.result() for f in futures] == [200] * count
        assert not_ready["status"] == "not_ready"
        assert not_ready["reason"] == "shutting down"
        assert server.process.wait(DEADLINE) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_soon_and_well(tmp_path: Path, number: signal.Signals) -> None:
    with Server(tmp_path / "log", AICR_DRAIN_SECONDS="0") as server:
        server.signal(number)
        assert server.process.wait(DEADLINE) == 0
    assert "Traceback" not in server.text()


def test_workers_end_when_their_master_was_killed(tmp_path: Path) -> None:
    with Server(tmp_path / "log", "--workers", "2") as server:
        master = server.process.pid
        workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        assert len(workers) == 2
        handles = [os.pidfd_open(int(pid)) for pid in workers]
        server.process.kill()
        server.process.wait(DEADLINE)
        for handle in handles:
            assert select.select([handle], [], [], DEADLINE)[0], "a worker lives on"
            os.close(handle)
    assert "the master is gone" in server.text()


def test_garbage_behind_a_request_does_not_take_its_answer(server: Server) -> None:
    """Whatever comes back is the request's own answer, or nothing."""
    statuses, _ = exchange(server.port, GET + HOST + END + b"GARBAGE\r\n\r\n")
    assert set(statuses) <= {200}
