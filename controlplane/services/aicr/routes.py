"""The routes of the AICR API: /v1/recipe, /v1/query, /v1/bundle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from hashlib import sha256

import falcon
from falcon.asgi import Request, Response

from aicr.bundle.options import Options
from aicr.errors import InvalidRequest, NotFound
from controlplane.http import bodies
from controlplane.http.encoded import add
from controlplane.http.openapi import Route
from controlplane.http.problems import Problem, about
from controlplane.services.aicr import bundles, requests, spec
from controlplane.services.aicr.answers import Answer, Answers

Current = Callable[[], Answers]
_CACHED = ((b"cache-control", b"public, max-age=600"), (b"vary", b"Accept"))
RESULT_TYPE = "application/vnd.nvidia.aicr.reciperesult+json"


def routes(current: Current) -> tuple[Route, ...]:
    """The routes over whatever catalog is current when a request comes."""
    fields = current().catalog.fields
    return (
        Route("/v1/recipe", Recipe(current), **spec.recipe(fields)),
        Route("/v1/query", Query(current), **spec.query(fields)),
        Route("/v1/bundle", Bundle(current), **spec.BUNDLE),
    )


class Recipe:
    def __init__(self, current: Current) -> None:
        self._current = current

    async def on_get(self, req: Request, resp: Response) -> None:
        answers = self._current()
        as_result = _wants_result(req)
        # The very same question needs no parsing.
        key = ("GET recipe", as_result, req.query_string)
        answer = answers.kept.get(key)
        if answer is None:
            try:
                given = requests.parameters(req.query_string)
                as_result = _kind(given, as_result)
                asked = requests.from_query(answers.catalog, given, also=("kind",))
            except InvalidRequest as e:
                raise about("Invalid recipe criteria", e) from None
            answer = answers.recipe(asked, as_result)
            _remember(answers, key, answer, req)
        _send(req, resp, answer)

    on_head = on_get

    async def on_post(self, req: Request, resp: Response) -> None:
        answers = self._current()
        try:
            given = requests.parameters(req.query_string)
            as_result = _kind(given, _wants_result(req))
            document, is_json = await bodies.document(req, await bodies.read(req))
            asked = requests.from_body(answers.catalog, document, is_json)
        except InvalidRequest as e:
            raise about("Invalid recipe criteria", e) from None
        _send(req, resp, answers.recipe(asked, as_result))


class Query:
    def __init__(self, current: Current) -> None:
        self._current = current

    async def on_get(self, req: Request, resp: Response) -> None:
        answers = self._current()
        key = ("GET query", req.query_string)
        answer = answers.kept.get(key)
        if answer is None:
            try:
                given = requests.parameters(req.query_string)
                asked = requests.from_query(answers.catalog, given, also=("selector",))
            except InvalidRequest as e:
                raise about("Invalid query criteria", e) from None
            answer = _selected(answers, asked, given.get("selector", [""])[0])
            _remember(answers, key, answer, req)
        _send(req, resp, answer)

    on_head = on_get

    async def on_post(self, req: Request, resp: Response) -> None:
        answers = self._current()
        data = await bodies.read(req)
        try:
            document, is_json = await bodies.document(req, data)
        except InvalidRequest as e:
            raise about("Invalid query request body", e) from None
        try:
            query = requests.query_body(answers.catalog, document, is_json)
        except InvalidRequest as e:
            raise about("Invalid criteria in request body", e) from None
        _send(req, resp, _selected(answers, query.asked, query.selector))


def _selected(answers: Answers, asked: requests.Asked, selector: str) -> Answer:
    try:
        return answers.query(asked, selector)
    except NotFound as e:
        raise about("Selector path not found", e) from None


MAX_UNDER_WAY = 64


class Bundle:
    def __init__(self, current: Current) -> None:
        self._current = current
        self._under_way = 0

    async def on_post(self, req: Request, resp: Response) -> None:
        answers = self._current()
        given = requests.parameters(req.query_string)
        options = bundles.options_of(given)
        data = await bodies.read(req)
        key = ("bundle", req.query_string, sha256(data).digest())
        answer = answers.kept.get(key)
        if answer is None:
            answer = await self._make(answers, data, options, bundles.unknown(given))
            _remember(answers, key, answer, req)
        resp.content_type = "application/zip"
        resp.set_headers(answer.headers)
        _body(resp, answer)

    async def _make(
        self, answers: Answers, data: bytes, options: Options, said: list[str]
    ) -> Answer:
        """Milliseconds of work, in a thread: others are answered meanwhile."""
        if self._under_way >= MAX_UNDER_WAY:
            raise Problem(503, "too many bundles are being made", headers={"Retry-After": "1"})
        self._under_way += 1
        try:
            recipe = await asyncio.to_thread(
                bundles.recipe_of, answers.catalog, data, answers.allowed
            )
            return await asyncio.to_thread(bundles.bundle, answers.catalog, recipe, options, said)
        finally:
            self._under_way -= 1


def _remember(answers: Answers, key: tuple[Hashable, ...], answer: Answer, req: Request) -> None:
    """Keep an answer under a question as it was written.

    It counts in full: the entry under the canonical question may go first, and then this one
    alone holds the bytes.
    """
    answers.kept.put(key, answer, answer.size + len(req.query_string))


def _wants_result(req: Request) -> bool:
    return RESULT_TYPE in (req.get_header("Accept") or "").lower()


def _kind(given: dict[str, list[str]], default: bool) -> bool:
    """Whether the command line's document is asked for. Raises Problem for another kind."""
    if "kind" not in given:
        return default
    kind = given["kind"][0]
    if kind not in ("Recipe", "RecipeResult"):
        details = {"requested": kind, "allowed": ["Recipe", "RecipeResult"]}
        raise Problem(400, "Invalid kind parameter", details=details)
    return kind == "RecipeResult"


def _send(req: Request, resp: Response, answer: Answer) -> None:
    resp.content_type = falcon.MEDIA_JSON
    add(req, (b"etag", answer.etag.encode()), *_CACHED)
    if req.method != "POST" and _is_fresh(req.get_header("If-None-Match"), answer.etag):
        resp.status = falcon.HTTP_304
        return
    _body(resp, answer)


def _body(resp: Response, answer: Answer) -> None:
    if answer.warnings:
        resp.set_header("X-AICR-Warnings", answer.warnings)
    resp.data = answer.data


def _is_fresh(condition: str | None, etag: str) -> bool:
    """Weak comparison (RFC 9110, 13.1.2)."""
    if not condition:
        return False
    words = [word.strip().removeprefix("W/") for word in condition.split(",")]
    return "*" in words or etag.removeprefix("W/") in words
