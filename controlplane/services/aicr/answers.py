"""Answers as bytes: compiled once for each question to a catalog, then kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

from aicr import jsonio
from aicr._version import __version__
from aicr.catalog import Catalog
from aicr.hydrate import hydrate
from aicr.query import select
from aicr.resolve import Recipe, resolve
from controlplane.http.cache import Cache
from controlplane.http.metrics import Metrics
from controlplane.services.aicr.requests import Asked, check_allowed
from controlplane.services.aicr.view import api_recipe

# Warnings beyond this many bytes are left out of the header; the body has them all.
_HEADER_BYTES = 4096


class Answer(NamedTuple):
    """A body with what its headers say about it."""

    data: bytes
    etag: str
    warnings: str
    headers: Mapping[str, str] = {}

    @property
    def size(self) -> int:
        return len(self.data) + len(self.warnings) + len(self.etag)


class Answers:
    """What one catalog answers. A reloaded catalog has Answers of its own."""

    def __init__(
        self,
        catalog: Catalog,
        allowed: Mapping[str, list[str]],
        cache_bytes: int,
        metrics: Metrics,
    ) -> None:
        self.catalog, self.allowed = catalog, allowed
        self.kept: Cache[Answer] = Cache(cache_bytes)
        self._metrics = metrics

    def recipe(self, asked: Asked, as_result: bool) -> Answer:
        """The recipe: the seed's document, or exactly what `aicr recipe --format json` prints."""

        question = ("recipe", as_result, _key(asked))

        def compile_it() -> Answer:
            recipe = self._resolve(asked)
            result = recipe.document(__version__)
            if as_result:
                data = jsonio.pretty(result).encode()
            else:
                data = jsonio.line(api_recipe(self.catalog, result, _now()))
            return self._answer(data, question, recipe.messages)

        return self._kept(question, compile_it, asked)

    def query(self, asked: Asked, selector: str) -> Answer:
        """One value of the hydrated recipe. Raises NotFound."""

        question = ("query", selector, _key(asked))

        def compile_it() -> Answer:
            recipe = self._resolve(asked)
            value = select(hydrate(self.catalog, recipe, __version__), selector)
            return self._answer(jsonio.line(value), question, recipe.messages)

        return self._kept(question, compile_it, asked)

    def _kept(self, key: Hashable, compile_it: Callable[[], Answer], asked: Asked) -> Answer:
        check_allowed(self.allowed, asked.criteria.values)
        answer = self.kept.get(key)
        if answer is None:
            answer = compile_it()
            self.kept.put(key, answer, answer.size + sum(map(len, asked.warnings)))
        return answer

    def _resolve(self, asked: Asked) -> Recipe:
        start = time.perf_counter()
        recipe = resolve(self.catalog, asked.criteria)
        self._metrics.misses.inc()
        self._metrics.builds.observe(time.perf_counter() - start)
        told = (*self.catalog.warnings, *asked.warnings, *recipe.warnings)
        return recipe._replace(warnings=told)

    def _answer(self, data: bytes, question: Hashable, warnings: Iterable[str]) -> Answer:
        # Weak: the same question to the same catalog, whichever worker compiled it and when.
        name = repr((__version__, self.catalog.digest, question)).encode()
        return Answer(data, f'W/"{sha256(name).hexdigest()[:32]}"', header_of(warnings))


def _key(asked: Asked) -> Hashable:
    criteria = asked.criteria
    values = tuple(sorted(criteria.values.items()))
    return values, criteria.nodes, tuple(sorted(criteria.stated)), asked.warnings


def header_of(warnings: Iterable[str]) -> str:
    """Warnings as one header value: a JSON list in ASCII, as many as fit."""
    said: list[str] = []
    for warning in warnings:
        if len(json.dumps([*said, warning])) > _HEADER_BYTES:
            break
        said.append(warning)
    return json.dumps(said) if said else ""


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
