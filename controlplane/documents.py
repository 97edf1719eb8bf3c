"""Manifests from files: read, parsed (once per content), checked one by one. Nothing is merged.

directory or file → sources → parsed documents, those of `base: ../path` below the others
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from aicr import catalog as catalogs
from aicr import yamlio
from aicr._version import __version__
from aicr.check import findings
from aicr.diagnostics import ERROR, Diagnostic, InvalidDocument, did_you_mean
from aicr.documents import Documents, Parsed
from aicr.errors import InvalidRequest, NotFound
from controlplane.models import KIND, MIXIN_KIND, ControlPlane, ControlPlaneMixin

MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_FILES = 10_000
_SUFFIXES = (".yaml", ".yml", ".json")
_MODELS: dict[str, Any] = {KIND: ControlPlane, MIXIN_KIND: ControlPlaneMixin}


class Source(NamedTuple):
    """A manifest: the name that messages show, its bytes, and how many bases it lies below what was
    asked for."""

    file: str
    data: bytes
    depth: int = 0


class Manifest(NamedTuple):
    """A parsed manifest, and how many bases it lies below what was asked for."""

    doc: Parsed
    depth: int = 0


class Loaded(NamedTuple):
    """Documents by name, and the depth of each; `found` is everything that is wrong."""

    documents: Documents
    depth: Mapping[str, int]


def read(path: str) -> list[Source]:
    """The manifests in a directory, at any depth, or the one in a file; with those of every
    directory or file that they name as their base.

    Names are as given: a relative path stays relative. Raises NotFound or InvalidRequest.
    """
    found: dict[str, Source] = {}
    _read(path, 0, found, ())
    if not found:
        # An empty directory would mean to delete everything: that has a command of its own.
        raise InvalidRequest(f"no manifests in {path} (-f)")
    return list(found.values())


def _read(path: str, depth: int, found: dict[str, Source], chain: tuple[str, ...]) -> None:
    real = os.path.realpath(path)
    if real in chain:
        raise InvalidRequest(f"{path}: bases go in a circle (spec.base)")
    for file in _files(path):
        key = os.path.realpath(file)
        if key in found and found[key].depth >= depth:
            continue  # two that name the same base
        found[key] = Source(file, _bytes(file), depth)
        if len(found) > MAX_FILES:
            raise InvalidRequest(f"{path}: more than {MAX_FILES} files (-f)")
        for base in _bases(found[key]):
            _read(
                os.path.normpath(os.path.join(os.path.dirname(file), base)),
                depth + 1,
                found,
                (*chain, real),
            )


def _files(path: str) -> list[str]:
    if os.path.isfile(path):
        return [path]
    if not os.path.isdir(path):
        raise NotFound(f"no such file or directory: {path} (-f, or spec.base)")
    return list(_below(path))


def _below(directory: str) -> Iterator[str]:
    """Manifests in name order; hidden files and directories are somebody else's."""
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError as e:
        raise InvalidRequest(f"cannot read {directory}: {e.strerror} (-f)") from None
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = os.path.normpath(entry.path)
        if entry.is_symlink():
            raise InvalidRequest(f"{path} is a link: copy what it points to (-f)")
        if entry.is_dir():
            yield from _below(path)
        elif entry.name.endswith(_SUFFIXES):
            yield path


def _bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as f:
            data = f.read(MAX_FILE_BYTES + 1)
    except OSError as e:
        raise InvalidRequest(f"cannot read {path}: {e.strerror} (-f)") from None
    if len(data) > MAX_FILE_BYTES:
        raise InvalidRequest(f"{path} has more than {MAX_FILE_BYTES} bytes (-f)")
    return data


def _bases(source: Source) -> list[str]:
    """Paths that a manifest names as its base. One that cannot be parsed names none: what is wrong
    with it is reported when it is loaded."""
    if b"base" not in source.data:
        return []
    with suppress(InvalidDocument):
        value = parse(source).value
        spec = value.get("spec") if isinstance(value, dict) else None
        base = spec.get("base") if isinstance(spec, dict) else None
        return [base] if isinstance(base, str) and is_path(base) else []
    return []


def is_path(base: str) -> bool:
    """Whether a base is a path and not the name of a document."""
    return "/" in base or base in (".", "..")


def parsed(sources: Iterable[Source]) -> list[Manifest]:
    """Parsed manifests. Raises InvalidDocument with everything that cannot be parsed."""
    found: list[Manifest] = []
    wrong: list[Diagnostic] = []
    for source in sources:
        try:
            found.append(Manifest(parse(source), source.depth))
        except InvalidDocument as e:
            wrong += e.diagnostics
    refuse(wrong)
    return found


def load(manifests: Iterable[Manifest]) -> Loaded:
    """Documents by name, each valid by itself; what is wrong with any is collected."""
    docs, depth = Documents(), {}
    for manifest in manifests:
        name = _accept(docs, manifest.doc)
        if name is not None:
            depth[name] = manifest.depth
    return Loaded(docs, depth)


def _accept(docs: Documents, doc: Parsed) -> str | None:
    """The name of a document that can be used."""
    kind = doc.value.get("kind") if isinstance(doc.value, dict) else None
    if kind not in _MODELS:
        hint = did_you_mean(str(kind), _MODELS) or f"manifests are of kind {' or '.join(_MODELS)}"
        docs.error(doc, ("kind",), "unknown-kind", f"kind {kind!r} has no effect here", hint)
        return None
    # A key that nobody reads is a mistake here, not a word of a newer version.
    found = [d._replace(severity=ERROR) for d in findings(doc, _MODELS[kind])]
    docs.diagnostics += found
    if found:
        return None
    name: str = doc.value["metadata"]["name"]
    known = docs.mixins if kind == MIXIN_KIND else docs.overlays
    if name in known:
        text = f"{name!r} is already the name of {known[name].file}"
        docs.error(doc, ("metadata", "name"), "duplicate-name", text, "names must be unique")
        return None
    known[name] = doc
    return name if kind == KIND else None


# --------------------------------------------------------------------------- the cache of parsing

_FORMAT = f"aicr {__version__} manifests 1"


def parse(source: Source) -> Parsed:
    """A parsed manifest. What was parsed once is kept under the digest of its bytes: YAML costs
    seconds where JSON costs milliseconds. Raises InvalidDocument."""
    digest = hashlib.sha256(_FORMAT.encode() + b"\n" + source.data).hexdigest()
    kept = _kept(digest)
    if kept is None:
        document = yamlio.parse(source.data, source.file)
        kept = [document.value, document.positions]
        _keep(digest, kept)
    return Parsed(source.file, kept[0], kept[1])


def _path(digest: str) -> str:
    return os.path.join(catalogs.cache_dir(), "manifests", digest[:2], f"{digest}.json")


def _kept(digest: str) -> list[Any] | None:
    try:
        with open(_path(digest), "rb") as f:
            kept = json.loads(f.read())
    except (OSError, ValueError):
        return None
    return kept if isinstance(kept, list) and len(kept) == 2 else None


def _keep(digest: str, parsed: list[Any]) -> None:
    """Best effort: a home that cannot be written to only stays slow."""
    path = _path(digest)
    with suppress(OSError):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        staged = f"{path}.{os.getpid()}"
        handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "wb") as f:
            f.write(json.dumps(parsed, separators=(",", ":")).encode())
        os.replace(staged, path)


def refuse(diagnostics: list[Diagnostic]) -> None:
    """Raises InvalidDocument with all errors, if there are any."""
    errors = [d for d in diagnostics if d.severity == ERROR]
    if errors:
        raise InvalidDocument(errors)
