"""Logs of functions and tasks as the hosted service gives them: asked for once, read page by page.

Whoever may see the instances may read their logs. A job is nothing but its question, written down:
it is asked again for every page, so that nothing is kept.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import falcon
from falcon.asgi import Request, Response

from aicr import jsonio
from aicr.errors import AicrError, NotFound
from controlplane.access import guard
from controlplane.access.credentials import Caller
from controlplane.http import bodies
from controlplane.http.openapi import Route
from controlplane.http.problem_json import REFUSALS
from controlplane.http.problems import Problem, Refused
from controlplane.runtime.protocol import Line, Runtime
from controlplane.services.ngc.models import LogQuestion
from controlplane.services.nvcf import functions
from controlplane.services.nvct import tasks
from controlplane.vendor import errors, requests
from controlplane.vendor.calls import Call, Read
from controlplane.vendor.routes import Context as Vendor

PAGE = 100
# Of each instance so many lines are looked at, the last ones.
MAX_LINES = 10_000
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


class Source(NamedTuple):
    """Whose logs: what is below their base, the scope that shows instances, and what reads them."""

    context: Vendor
    runtime: Runtime | None
    path: str
    scope: str
    instances: Read


class Question(NamedTuple):
    """What a job asks: ids of the path, and the seconds from and to which (nothing: no bound)."""

    ids: Mapping[str, str]
    start: str = ""
    end: str = ""


def of_functions(context: Vendor, runtime: Runtime | None) -> list[tuple[str, Route]]:
    """By paths below that of an org."""
    path = "/functions/{functionId}/versions/{functionVersionId}"
    source = Source(context, runtime, path, "list_functions_details", functions.instances)
    return list(_routes("/nvcf/logs", source))


def of_tasks(context: Vendor, runtime: Runtime | None) -> list[tuple[str, Route]]:
    """By paths below that of an org."""
    source = Source(context, runtime, "/tasks/{taskId}", "task_details", tasks.instances)
    return list(_routes("/nvct/logs", source))


def _routes(base: str, source: Source) -> Iterator[tuple[str, Route]]:
    body = {
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/LogQuestion"}}}
    }
    post = {"post": {**_operation(source), "requestBody": body}}
    asked, page = f"{base}{source.path}", f"{base}/{{jobId}}"
    yield asked, Route(asked, Asked(source), "Ask for a log", post)
    yield page, Route(page, Job(source), "A page of a log", {"get": _operation(source)})


def _operation(source: Source) -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    said = {"200": {"description": "OK.", "content": content}, **REFUSALS}
    about = f"Needs the scope {source.scope}."
    return {"description": about, "security": [{"bearer": []}], "responses": said}


class Asked:
    """What is asked for, with its first page."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def on_post(self, req: Request, resp: Response, **names: str) -> None:
        caller = await _caller(self._source, req)
        ids = {name: requests.uuid(value, name) for name, value in names.items()}
        given = {p.name: str(p.value) for p in (await requests.body(req, LogQuestion)).parameters}
        moments = [given.get(name, "") for name in ("start", "end")]
        if any(m and not _MOMENT.fullmatch(m) for m in moments):
            raise errors.not_a("time such as 2026-01-31 12:00:00", "start or end")
        question = Question(ids, *(m.replace(" ", "T") for m in moments))
        await _answer(self._source, caller, resp, question, 1)


class Job:
    """A page of what was asked for."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def on_get(self, req: Request, resp: Response, jobId: str) -> None:  # noqa: N803
        caller = await _caller(self._source, req)
        number = req.get_param("page") or "1"
        if not re.fullmatch("[1-9][0-9]{0,6}", number):
            raise errors.not_a("number", "page")
        await _answer(self._source, caller, resp, _opened(jobId, self._source), int(number))


async def _caller(source: Source, req: Request) -> Caller:
    of = source.context
    return await guard.require(req, of.credentials, source.scope, namespace=of.api.namespace)


async def _answer(
    source: Source, caller: Caller, resp: Response, question: Question, number: int
) -> None:
    context = source.context
    call = Call(caller, question.ids, {}, None, context.engine.vault, context.rows)
    try:
        found = await context.engine.read(lambda reader: source.instances(reader, call))
    except AicrError as e:
        raise errors.of(e) from None
    shown = found["instances"] if isinstance(found, dict) else []
    ids = [instance["instanceId"] for instance in shown]
    lines = await asyncio.to_thread(lambda: list(_lines(source.runtime, ids, question)))
    pages = -(-len(lines) // PAGE)
    resp.content_type = falcon.MEDIA_JSON
    resp.data = bodies.compact({
        "jobId": _closed(question),
        "metadata": {"page": number, "totalPages": pages, "pageSize": PAGE, "total": len(lines)},
        "data": lines[(number - 1) * PAGE : number * PAGE],
    })  # fmt: skip


def _lines(
    runtime: Runtime | None, instances: list[str], question: Question
) -> Iterator[dict[str, str]]:
    """The lines that are asked for, of one instance after the other."""
    for id_ in instances if runtime is not None else ():
        try:
            found = list(runtime.logs(id_, MAX_LINES)) if runtime is not None else []
        except NotFound:  # its log is gone, with it
            continue
        for line in found:
            if _is_within(line, question):
                said = {"timestamp": line.time, "instanceId": id_, "stream": line.stream}
                yield {**said, "message": line.text}


def _is_within(line: Line, question: Question) -> bool:
    second = line.time[: len("2026-01-31T12:00:00")]
    return question.start <= second and (not question.end or second <= question.end)


def _closed(question: Question) -> str:
    return jsonio.canonical([dict(question.ids), question.start, question.end]).hex()


def _opened(job: str, source: Source) -> Question:
    """Raises Refused 404 for what is no job of such a source. Whether it may be asked is asked
    again."""
    try:
        ids, start, end = jsonio.parse(bytes.fromhex(job), "job")
        named = {str(name): requests.uuid(str(value), str(name)) for name, value in ids.items()}
    except (AicrError, Problem, ValueError, TypeError, AttributeError):
        raise Refused(404, "no such job") from None
    if set(named) != set(re.findall(r"\{(\w+)\}", source.path)):
        raise Refused(404, "no such job")
    return Question(named, str(start), str(end))
