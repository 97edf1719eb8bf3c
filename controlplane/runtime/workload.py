"""What a runtime is asked to run: plain JSON, so that it can be hashed, sent and stored.

Kinds give it for each of their instances; secrets are named in it, their values are not.
"""

from __future__ import annotations

from typing import TypedDict


class Probe(TypedDict):
    """How it is asked whether it is well. `port` is the one of the image; `timeout` in seconds."""

    protocol: str
    uri: str
    port: int
    timeout: float
    status: int


class Workload(TypedDict, total=False):
    """A container, or what stands in for one. Everything but `image` may be missing.

    `args` is the command line that follows the image's own. `secrets` are names of values in the
    vault, by the names that the workload knows them by. `port` is the one that the image would
    listen on; `concurrency` is how many requests one instance takes at a time. What is `once` ends
    by itself and is never started again; `grace` is for how many seconds it may end when asked to.
    In the environment `{work}` stands for a directory of the instance's own, in which the runtime
    makes these `directories` before it starts, and which is there until it is stopped.
    """

    image: str
    args: str
    environment: dict[str, str]
    secrets: dict[str, str]
    directories: list[str]
    port: int
    path: str
    probe: Probe
    concurrency: int
    once: bool
    grace: float
    gpu: str
    gpus: int
