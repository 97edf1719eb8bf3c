"""The catalog: everything answers are made from, compiled once and never changed.

Compiled catalogs are content-addressed. The built-in one is part of the wheel; any other is
compiled at first use and cached under the digest of its files: answering never parses YAML.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

from aicr import sources
from aicr._version import __version__
from aicr.criteria import Field, fields_of
from aicr.diagnostics import Diagnostic, InvalidDocument
from aicr.errors import NotFound
from aicr.sources import EXTERNAL, SourceFile

FORMAT = 4
CATALOG, ORIGINS, TEMPLATES, DIGEST = "catalog.json", "origins.json", "templates.json", "digest.txt"
# The parts of a compiled catalog; the first is read for every answer, the others when needed.
PARTS = {CATALOG: "catalog", ORIGINS: "origins", TEMPLATES: "templates"}
# Part of every digest: another program or format must not find our compiled catalogs.
SALT = f"aicr {__version__} catalog {FORMAT}"


class Catalog:
    """A compiled catalog. Its data are shared by every answer: read them, never change them.

    `digest` identifies the content; `data_dir` is the external directory as the user gave it.
    """

    def __init__(
        self,
        digest: str,
        data: Mapping[str, Any],
        data_dir: str | None,
        load_part: Callable[[str], Mapping[str, Any]],
    ) -> None:
        self.digest = digest
        self.data = data
        self.data_dir = data_dir
        self._load_part = load_part

    @cached_property
    def fields(self) -> dict[str, Field]:
        return fields_of(self.data["criteria"])

    @cached_property
    def overlays(self) -> dict[str, Mapping[str, Any]]:
        """Overlay records by name, in the order in which they merge."""
        return {record["name"]: record for record in self.data["overlays"]}

    @cached_property
    def origins(self) -> Mapping[str, Any]:
        return self._load_part(ORIGINS)

    @cached_property
    def templates(self) -> Mapping[str, str]:
        """Text of every file that can be rendered, by path."""
        texts: Mapping[str, str] = self._load_part(TEMPLATES)["texts"]
        return texts

    @property
    def template_code(self) -> Mapping[str, Any]:
        """The templates as Python code (aicr.render); only of the built-in catalog."""
        code: Mapping[str, Any] = self._load_part(TEMPLATES)["code"]
        return code

    @property
    def base(self) -> Mapping[str, Any]:
        record: Mapping[str, Any] = self.data["base"]
        return record

    @property
    def components(self) -> Mapping[str, Any]:
        entries: Mapping[str, Any] = self.data["components"]
        return entries

    @property
    def validators(self) -> list[Mapping[str, Any]]:
        """What can be checked of a running stack, in order."""
        found: list[Mapping[str, Any]] = self.data["validators"]
        return found

    @property
    def driver_branches(self) -> Mapping[str, str]:
        """The newest CUDA version that runs on a driver branch."""
        found: Mapping[str, str] = self.data["driverBranches"]
        return found

    @property
    def layers(self) -> list[str]:
        """Digests of the source files, built-in first; the same in every installation."""
        found: list[str] = self.data["layers"]
        return found

    @property
    def values(self) -> Mapping[str, Any]:
        files: Mapping[str, Any] = self.data["values"]
        return files

    @property
    def warnings(self) -> list[str]:
        """What was suspicious when the catalog was compiled, as text with file:line:col."""
        return [self.shown(text) for text in self.data["warnings"]]

    def shown(self, text: str) -> str:
        """Labels of external files in a text as users know them: below the directory they gave."""
        return shown(text, self.data_dir)


def shown(text: str, data_dir: str | None) -> str:
    return text if data_dir is None else text.replace(EXTERNAL, os.path.join(data_dir, ""))


def load(data_dir: str | None = None) -> Catalog:
    """The built-in catalog, with an external one (`--data DIR`) over it when given.

    Raises InvalidDocument, InvalidRequest or NotFound when a catalog cannot be used.
    """
    if data_dir is None:
        packaged = sources.packaged(CATALOG)
        digest = sources.packaged(DIGEST)
        if packaged and digest:
            return Catalog(digest.decode(), json.loads(packaged), None, _packaged_part)
        builtin = sources.read_builtin()
        return _cached(_checkout_digest(builtin), [builtin], None)
    external = sources.read_external(data_dir)
    digest = sources.packaged(DIGEST)
    below = digest.decode() if digest else _checkout_digest(sources.read_builtin())
    return _cached(sources.digest(external, below), [None, external], data_dir)


def _checkout_digest(builtin: Mapping[str, SourceFile]) -> str:
    """Digest of a checkout's catalog and of the code that compiles it: both are being worked on."""
    return sources.digest({**builtin, **sources.read_code()}, SALT)


def _packaged_part(name: str) -> Mapping[str, Any]:
    data = sources.packaged(name)
    if data is None:
        raise NotFound(f"this installation of aicr has no {name}; install it again")
    part: Mapping[str, Any] = json.loads(data)
    return part


def _cached(
    digest: str, layers: list[Mapping[str, SourceFile] | None], data_dir: str | None
) -> Catalog:
    """A catalog from the cache, or compiled and put there. None stands for the built-in layer,
    which is only read when it must be compiled."""

    def compiled() -> Mapping[str, Any]:
        present = [sources.read_builtin() if layer is None else layer for layer in layers]
        result = compile_layers(present, data_dir)
        _store(digest, result)
        return result

    def part(name: str) -> Mapping[str, Any]:
        stored = _read(digest, name)
        whole: Mapping[str, Any] = compiled()[PARTS[name]] if stored is None else stored
        return whole

    return Catalog(digest, part(CATALOG), data_dir, part)


def _read(digest: str, name: str) -> Any:
    """A cached part, or None when it is not there or something else than we put there."""
    try:
        with open(os.path.join(cache_dir(), f"{digest}.{name}"), "rb") as f:
            part = json.loads(f.read())
    except (OSError, ValueError):
        return None
    return part if isinstance(part, dict) and part.get("format") == FORMAT else None


def compile_layers(
    layers: list[Mapping[str, SourceFile]], data_dir: str | None = None
) -> dict[str, Any]:
    """Compile; errors name external files as the user knows them."""
    from aicr.compile import compile_catalog  # pydantic and ruamel: only when compiling
    from aicr.render import Renderer

    try:
        parts = compile_catalog(*layers)
    except InvalidDocument as e:
        raise InvalidDocument(in_directory(e.diagnostics, data_dir)) from None
    # Somebody else's templates are parsed where they can do no harm: when they are rendered.
    texts = {} if len(layers) > 1 else parts[PARTS[TEMPLATES]]["texts"]
    parts[PARTS[TEMPLATES]]["code"] = Renderer(texts).generated()
    parts[PARTS[CATALOG]]["layers"] = [sources.digest(layer, "") for layer in layers]
    return {part: {"format": FORMAT, **v} for part, v in parts.items()}


def in_directory(diagnostics: Iterable[Diagnostic], data_dir: str | None) -> list[Diagnostic]:
    """Diagnostics with external files named below `data_dir`."""

    return [
        d._replace(file=shown(d.file, data_dir), message=shown(d.message, data_dir))
        for d in diagnostics
    ]


def cache_dir() -> str:
    """$AICR_CACHE_DIR, or `aicr` below $XDG_CACHE_HOME or ~/.cache."""
    explicit = os.environ.get("AICR_CACHE_DIR")
    if explicit:
        return explicit
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "aicr")


def _store(digest: str, compiled: Mapping[str, Any]) -> None:
    """Best effort: a read-only home must not fail the command, it only stays slow."""
    import tempfile

    with suppress(OSError):
        os.makedirs(cache_dir(), mode=0o700, exist_ok=True)
        # Written aside and renamed: another process sees the whole file or none.
        with tempfile.TemporaryDirectory(dir=cache_dir()) as aside:
            for name, part in reversed(PARTS.items()):
                staged = os.path.join(aside, name)
                with open(staged, "wb") as f:
                    f.write(json.dumps(compiled[part], separators=(",", ":")).encode())
                os.replace(staged, os.path.join(cache_dir(), f"{digest}.{name}"))
