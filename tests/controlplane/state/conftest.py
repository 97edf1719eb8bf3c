"""A store on each database, and resources to put into it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from controlplane.state.protocol import Resource
from controlplane.state.sql import SqlStore

THING = "test.things.one"


@pytest.fixture
def store(where: str) -> Iterator[SqlStore]:
    made = SqlStore(where)
    yield made
    assert made.check() == []
    made.close()


def thing(address: str = THING, **more: Any) -> Resource:
    made = Resource(address, "uid", {"size": 1}, None, {}, False, 0, "then", "then")
    return made._replace(**more)
