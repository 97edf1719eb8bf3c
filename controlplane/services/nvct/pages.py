"""Pages of lists (contract 11.4): a cursor is hex of where a page ends; the last one has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from falcon.asgi import Request

from controlplane.http.problems import Problem
from controlplane.services.nvct import errors
from controlplane.vendor.errors import FAILED, not_a

T = TypeVar("T")
DEFAULT = 10
# What more than this is asked for gets so much; its cursor leads on.
MAX = 1000


class Page(NamedTuple):
    """So many entries at most, after one."""

    limit: int
    after: str


def page(req: Request) -> Page:
    """What a query string asks for. Raises Problem 400."""
    text = req.get_param("limit")
    cursor = req.get_param("cursor") or ""
    return Page(DEFAULT if not text else _limit(text), _opened(cursor) if cursor else "")


def _limit(text: str) -> int:
    try:
        found = int(text) if text.isascii() else 0
    except ValueError:
        raise not_a("number", "limit") from None
    if found <= 0 or found >= 2**31:
        raise Problem(400, f"{FAILED} with [limit: must be greater than 0]")
    return min(found, MAX)


def _opened(cursor: str) -> str:
    try:
        text = bytes.fromhex(cursor).decode() if cursor.isalnum() else ""
    except ValueError:
        text = ""
    if not text or "\0" in text:
        raise errors.bad_cursor(cursor)
    return text


def number(page_: Page) -> int:
    """The position after which a page of numbered entries begins. Raises Problem 400."""
    if not page_.after:
        return 0
    if not page_.after.isdecimal() or not page_.after.isascii() or len(page_.after) > 18:
        raise errors.bad_cursor(page_.after.encode().hex())
    return int(page_.after)


def answer(
    name: str,
    found: list[T],
    page_: Page,
    shown: Callable[[list[T]], list[Any]],
    place: Callable[[T], str],
) -> dict[str, Any]:
    """The answer of a page, of which one entry more than its limit was read. `shown` is what is
    seen of a page, `place` where an entry stands."""
    kept = found[: page_.limit]
    body: dict[str, Any] = {name: shown(kept)}
    if len(found) > len(kept):
        body["limit"] = page_.limit
        body["cursor"] = place(kept[-1]).encode().hex()
    return body
