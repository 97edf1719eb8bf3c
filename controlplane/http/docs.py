"""/docs: the OpenAPI document as a page. No script, no request to anybody else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

import falcon
from falcon.asgi import Request, Response

# Its own style, and nothing else.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code { font-family: ui-monospace, monospace; }
h2 code { background: #eef; padding: .1rem .4rem; border-radius: .3rem; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .2rem .8rem .2rem 0; }
"""


class Docs:
    """The page of one document, rendered once."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        self._page = "".join(_page(described)).encode()

    async def on_get(self, req: Request, resp: Response) -> None:
        resp.content_type = falcon.MEDIA_HTML
        resp.data = self._page

    on_head = on_get


def _page(described: Mapping[str, Any]) -> Iterator[str]:
    title = escape(described["info"]["title"])
    yield "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n"
    yield f"<title>{title}</title>\n<style>{_STYLE}</style>\n<h1>{title}</h1>\n"
    yield '<p>The same as data: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>\n'
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            yield from _operation(path, method, operation)


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2><code>{method.upper()} {escape(path)}</code></h2>\n"
    yield f"<p>{escape(operation['summary'])}</p>\n"
    parameters = operation.get("parameters") or []
    if parameters:
        rows = ((p["name"], p.get("description", "")) for p in parameters)
        yield from _table("parameter", rows)
    body = operation.get("requestBody")
    if body:
        yield f"<p>Body: {escape(', '.join(body['content']))}</p>\n"
    yield from _table("status", ((s, r["description"]) for s, r in operation["responses"].items()))


def _table(title: str, rows: Any) -> Iterator[str]:
    yield f"<table>\n<tr><th>{title}<th>\n"
    for name, text in rows:
        yield f"<tr><td><code>{escape(name)}</code><td>{escape(text)}\n"
    yield "</table>\n"
