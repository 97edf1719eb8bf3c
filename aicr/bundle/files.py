"""A file of a bundle, while it is only in memory."""

from __future__ import annotations

from typing import NamedTuple


class BundleFile(NamedTuple):
    """Path relative to the bundle, content, and whether it is a program."""

    path: str
    data: bytes
    executable: bool = False


def text(path: str, content: str, *, executable: bool = False) -> BundleFile:
    return BundleFile(path, content.encode(), executable)
