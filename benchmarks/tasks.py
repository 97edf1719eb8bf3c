"""Cloud Tasks, in the same run: tasks that do nothing against the same program in a plain loop, the
scheduler's decision over a long queue, and pages of a long list.

    python benchmarks/tasks.py [how many tasks]

The bounds of issue 8: 1,000 tasks through the API to COMPLETED at 0.3 times a loop that spawns them
one after the other; a decision for 10,000 that wait in under 50 ms; pages that cost the same
however far on they are.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

from server import served

from controlplane import samples
from controlplane.scheduler import Pool, Request, decide

SERVICE = "nvidia-cloud-tasks-ncp-service-id-nvcttasks"
SCOPES = ["launch_task", "list_tasks", "task_details"]
TASK = {
    "name": "bench",
    "containerImage": "samples.aicr.local/true:1",
    "gpuSpecification": {"gpu": "H100", "instanceType": "NCP.GPU.H100_1x"},
    "resultHandlingStrategy": "NONE",
}
# As many run at once; the machine is what bounds them.
GPUS, CLIENTS, QUEUED = 64, 8, 10_000


def call(url: str, token: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:  # noqa: S310
        return json.loads(answer.read())


def key(url: str) -> str:
    """A key for tasks."""
    policy = {"aud": SERVICE, "scopes": SCOPES, "resources": [{"type": "account-tasks", "id": "*"}]}
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
    body = {"description": "bench", "expires_at": until, "authorizations": {"policies": [policy]}}
    headers = {"Key-Issuer-Id": SERVICE, "Key-Owner-Id": "bench@nvct-api.local"}
    headers["Content-Type"] = "application/json"
    request = urllib.request.Request(f"{url}/v1/keys", json.dumps(body).encode(), headers)  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return str(json.loads(answer.read())["value"])


def plain(count: int) -> float:
    """Seconds of a loop that spawns the program of such a task."""
    script = os.path.join(os.path.dirname(samples.__file__), "true.py")
    begin = time.perf_counter()
    for _ in range(count):
        subprocess.run([sys.executable, "-I", "-S", script], check=True)
    return time.perf_counter() - begin


def through(url: str, token: str, count: int) -> tuple[float, float]:
    """Seconds until all were created, and until all were completed."""
    begin = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        made = pool.map(lambda _: call(f"{url}/v1/nvct/tasks", token, TASK), range(count))
        ids = [answer["task"]["id"] for answer in made]
    created = time.perf_counter() - begin
    while True:
        found = call(f"{url}/v1/nvct/tasks/bulk", token, {"taskIds": ids})["tasks"]
        states = {t["status"] for t in found}
        if states <= {"COMPLETED", "ERRORED"}:
            break
        time.sleep(0.1)
    if states != {"COMPLETED"}:
        raise SystemExit(f"some tasks failed: {states}")
    return created, time.perf_counter() - begin


def pages(url: str, token: str) -> tuple[float, float]:
    """Median milliseconds of the first ten pages of the list, and of the last ten."""
    took, cursor = [], ""
    while True:
        begin = time.perf_counter()
        answer = call(f"{url}/v1/nvct/tasks?limit=10&cursor={cursor}", token)
        took.append((time.perf_counter() - begin) * 1000)
        cursor = answer.get("cursor", "")
        if not cursor:
            return median(took[:10]), median(took[-10:])


def decision() -> float:
    """Milliseconds of the scheduler's decision for a long queue, the worst of several."""
    some = random.Random(1)  # noqa: S311
    pools = tuple(Pool(f"cluster-{n}", "H100") for n in range(4))
    waiting = [
        Request(
            str(n), some.choice((1, 2, 4, 8)), pools, 1, some.randint(0, 3), some.random() * 900
        )
        for n in range(QUEUED)
    ]
    worst = 0.0
    for free in (0, 7, 64, 5000):
        begin = time.thread_time()  # whatever else this machine does
        decide(dict.fromkeys(pools, free), waiting, 1000.0)
        worst = max(worst, (time.thread_time() - begin) * 1000)
    return worst


def main(count: int) -> int:
    print(f"decision for {QUEUED} that wait    {decision():6.1f} ms")
    serve = [sys.executable, "-m", "aicr", "serve", "--port", "0", "--workers", "2"]
    os.environ |= {"AICR_RUNTIME": "process", "AICR_CLUSTER_GPUS": f"H100={GPUS}"}
    with tempfile.TemporaryDirectory() as scratch, served(serve, scratch) as (url, _):
        alone = plain(count)
        created, completed = through(url, key(url), count)
        first, last = pages(url, key(url))
    print(f"{count} in a plain loop          {alone:6.2f} s")
    print(f"{count} created                  {created:6.2f} s")
    print(f"{count} completed                {completed:6.2f} s   ratio {alone / completed:.2f}")
    print(f"pages: first {first:.1f} ms, last {last:.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
