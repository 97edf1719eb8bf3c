"""What is started for an image: the map from images to commands of this host.

Built in are our own samples. Beside them there is AICR_HOME/images.yaml (or AICR_IMAGES):

    images:
      - image: docker.io/acme/echo:*
        command: [python3, /opt/acme/echo.py, --port, "{port}"]
        env: {MODE: fast}

The first that fits counts, the file's before our own.
"""

from __future__ import annotations

import fnmatch
import os
import shlex
import sys
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple, TypedDict

from pydantic import Field

from aicr import yamlio
from aicr.check import findings
from aicr.diagnostics import InvalidDocument
from aicr.documents import Parsed
from aicr.errors import InvalidRequest, NotFound
from aicr.models import Model
from controlplane import samples
from controlplane.registries import SAMPLES
from controlplane.runner.isolation import PODMAN
from controlplane.runtime.workload import Workload

# Stacks of clusters have no place on a host.
STACKS = "stacks.aicr.local/"
FILE, VARIABLE = "images.yaml", "AICR_IMAGES"


class Image(Model):
    """How an image is run."""

    image: str = Field(
        min_length=1,
        description="A pattern (* and ?) for whole references, or for them without tag and digest.",
    )
    command: list[Annotated[str, Field(min_length=1)]] = Field(
        default_factory=list,
        description="What is started instead; {port} in it is the port it must listen on.",
    )
    env: dict[str, str] = Field(
        default_factory=dict, description="Added to its environment; {port} as in the command."
    )
    isolation: Literal["none", "bubblewrap", "podman"] | None = Field(
        default=None,
        description="None: bubblewrap where it works. With podman the image itself runs.",
    )


class Images(Model):
    """The file images.yaml."""

    images: list[Image] = Field(description="The first that fits counts.")


class Run(TypedDict):
    """What the runner is told to start; an empty isolation is the host's default. Of the command so
    many words are the image map's `own`: what follows are arguments of the workload."""

    image: str
    command: list[str]
    own: int
    env: dict[str, str]
    isolation: str
    port: int


def _sample(name: str, *arguments: str) -> Image:
    script = os.path.join(os.path.dirname(samples.__file__), f"{name}.py")
    return Image(
        image=f"{SAMPLES}/{name}", command=[sys.executable, "-I", "-S", script, *arguments]
    )


_SERVING = ("echo", "stream", "slow")
_ENDING = ("progress", "fail", "true")
BUILT_IN = (
    *(_sample(name, "{port}") for name in _SERVING),
    *(_sample(name) for name in _ENDING),
)


def parse(data: bytes, name: str) -> tuple[Image, ...]:
    """The images of a file. Raises InvalidDocument with file, line and column."""
    document = yamlio.parse(data, name)
    doc = Parsed(name, document.value, document.positions)
    found = findings(doc, Images)
    if found:  # unknown keys are errors too: an image would silently run otherwise than meant
        raise InvalidDocument([f._replace(severity="error") for f in found])
    images = tuple(Images.model_validate(document.value).images)
    for i, image in enumerate(images):
        if not image.command and image.isolation != PODMAN:
            words = "command is missing: only with `isolation: podman` does the image itself run"
            raise InvalidDocument([doc.diagnostic(("images", i), "error", "invalid", words)])
    return images


class _Stamp(NamedTuple):
    inode: int
    size: int
    changed: int


class ImageMap:
    """The images of a file and the built-in ones; the file is read again when it changes."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self._stamp: _Stamp | None = None
        self._images: tuple[Image, ...] = ()

    def resolve(self, workload: Workload) -> Run:
        """What to start for a workload. Raises NotFound saying what to add where, InvalidRequest
        (file, line) when the file cannot be used."""
        reference = workload.get("image", "")
        found = fitting(reference, (*self._read(), *BUILT_IN))
        if found is None:
            raise NotFound(self._missing(reference))
        return run_of(found, workload)

    def check(self) -> None:
        """Read the file. Raises InvalidRequest when it cannot be used."""
        self._read()

    def _missing(self, reference: str) -> str:
        if not reference:
            return "it has no containerImage, and nothing else can run here"
        return (
            f"no command is known for the image {reference}: add `- image: {reference}` with "
            f"`command: [...]` (and {{port}} for its port) below `images:` in {self.path}"
        )

    def _read(self) -> Sequence[Image]:
        try:
            status = os.stat(self.path)
            stamp = _Stamp(status.st_ino, status.st_size, status.st_mtime_ns)
            if stamp != self._stamp:
                with open(self.path, "rb") as f:
                    self._images = parse(f.read(), self.path)
                self._stamp = stamp
        except FileNotFoundError:
            self._stamp, self._images = None, ()
        except OSError as e:
            raise InvalidRequest(f"{self.path}: {e.strerror} ({VARIABLE})") from None
        return self._images


def fitting(reference: str, images: Sequence[Image]) -> Image | None:
    """The first whose pattern fits a reference, with or without its tag and digest."""
    names = (reference, bare(reference))
    return next((i for i in images if any(fnmatch.fnmatchcase(n, i.image) for n in names)), None)


def bare(reference: str) -> str:
    """A reference without tag and digest."""
    name = reference.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def run_of(image: Image, workload: Workload) -> Run:
    """An image with the arguments of a workload. Raises InvalidRequest when they are no words."""
    try:
        arguments = shlex.split(workload.get("args", ""))
    except ValueError as e:
        raise InvalidRequest(f"containerArgs cannot be split into words: {e}") from None
    return {
        "image": workload["image"],
        "command": [*image.command, *arguments],
        "own": len(image.command),
        "env": dict(image.env),
        "isolation": image.isolation or "",
        "port": workload.get("port", 0),
    }
