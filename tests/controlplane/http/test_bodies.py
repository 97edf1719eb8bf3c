"""Strict bodies: what one parser would read so and another otherwise is refused with a 400."""

from __future__ import annotations

import pytest

from tests.controlplane.conftest import Api, problem

HOSTILE = {
    "deep arrays": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "deep and closed": b'{"spec":' + b"[" * 1000 + b"]" * 1000 + b"}",
    "duplicate keys": b'{"spec":{"service":"eks","service":"gke"}}',
    "duplicate keys at the top": b'{"spec":{},"spec":{"service":"eks"}}',
    "NaN": b'{"spec":{"nodes":NaN}}',
    "Infinity": b'{"spec":{"nodes":-Infinity}}',
    "overflowing float": b'{"spec":{"nodes":1e999}}',
    "lone surrogate": rb'{"spec":{"service":"\ud800"}}',
    "reversed surrogates": rb'{"spec":{"service":"\udc00\ud800"}}',
    "huge integer": b'{"spec":{"nodes":' + b"9" * 5000 + b"}}",
    "large integer": b'{"spec":{"nodes":' + b"9" * 50 + b"}}",
    "invalid UTF-8": b'{"spec":{"service":"\xff"}}',
    "UTF-16": '{"spec":{}}'.encode("utf-16"),
    "control character": b'{"spec":{"service":"a\nb"}}',
    "trailing comma": b'{"spec":{},}',
    "comment": b'{"spec":{}} // x',
    "second document": b"{}{}",
    "single quotes": b"{'spec':{}}",
    "cut off": b'{"spec":{"service":"ek',
    "no map": b"[]",
    "text": b'"eks"',
    "number": b"5",
}
BLANK = {"nothing": b"", "blanks": b" \n\t "}
YAML = {
    "alias bomb": b"a: &a [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(
        b"%c: &%c [" % (98 + i, 98 + i) + b",".join([b"*%c" % (97 + i)] * 9) + b"]\n"
        for i in range(8)
    ),
    "tag": b"!!python/object/apply:os.system [id]",
    "unclosed": b"spec: [",
    "duplicate keys": b"spec: {service: eks, service: gke}",
    "deep": b"[" * 10_000,
    "tab": b"spec:\n\tservice: eks",
}


@pytest.mark.parametrize("path", ["/v1/recipe", "/v1/query", "/v1/bundle"])
@pytest.mark.parametrize("name", [*HOSTILE, *BLANK])
def test_json(api: Api, path: str, name: str) -> None:
    data = {**HOSTILE, **BLANK}[name]
    body = problem(api.post(path, data, "application/json"), 400, "INVALID_REQUEST")
    assert len(body["message"]) < 300


@pytest.mark.parametrize("name", HOSTILE)
def test_json_inside_a_query(api: Api, name: str) -> None:
    data = b'{"criteria":' + HOSTILE[name].removeprefix(b'{"spec":') + b',"selector":""}'
    problem(api.post("/v1/query", data, "application/json"), 400, "INVALID_REQUEST")


@pytest.mark.parametrize("kind", ["application/x-yaml", "application/yaml", "text/yaml"])
@pytest.mark.parametrize("name", YAML)
def test_yaml(api: Api, name: str, kind: str) -> None:
    problem(api.post("/v1/recipe", YAML[name], kind), 400, "INVALID_REQUEST")
