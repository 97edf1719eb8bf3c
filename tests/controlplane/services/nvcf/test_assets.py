"""Assets: what is said of them, and their bytes by signed URLs."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

import pytest

from controlplane import assets as stored
from controlplane import signed
from controlplane.assets import Files, Short
from controlplane.services.nvcf import assets
from tests.controlplane.services.calling import problem
from tests.controlplane.services.nvcf.conftest import ALL, BASE, Nvcf

ASSETS = f"{BASE}/assets"
BODY = {"contentType": "image/png", "description": "a picture"}
LIMIT = 3 * stored.BLOCK


@pytest.fixture(scope="module")
def nvcf(own_cache: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nvcf]:
    made = Nvcf(home=str(tmp_path_factory.mktemp("home")), max_asset=LIMIT)
    made.admin = made.token(*ALL, "invoke_function")
    yield made
    made.close()


def create(nvcf: Nvcf, **more: Any) -> Any:
    return nvcf.good("POST", ASSETS, {**BODY, **more})


def send(nvcf: Nvcf, url: str, data: bytes, **headers: str) -> Any:
    at = urlsplit(url)
    return nvcf.simulate_put(at.path, body=data, query_string=at.query, headers=headers)


def fetch(nvcf: Nvcf, url: str) -> Any:
    at = urlsplit(url)
    return nvcf.simulate_get(at.path, query_string=at.query)


def file(nvcf: Nvcf, asset_id: str) -> Path:
    return Path(nvcf.program.settings.home, "assets", asset_id)


def redirect(nvcf: Nvcf, asset_id: str) -> str:
    return str(nvcf.good("GET", f"{ASSETS}/{asset_id}/content-redirect")["presignedUrl"])


def test_a_life(nvcf: Nvcf) -> None:
    made = create(nvcf)
    id_ = made["assetId"]
    assert list(made) == ["assetId", "uploadUrl", "contentType", "description"]
    known = {"assetId": id_, **BODY}
    assert nvcf.good("GET", f"{ASSETS}/{id_.upper()}") == {"asset": known}
    assert known in nvcf.good("GET", ASSETS)["assets"]
    problem(fetch(nvcf, redirect(nvcf, id_)), 404, "Not uploaded")

    data = os.urandom(2 * stored.BLOCK + 17)
    mark = {"x-amz-meta-nvcf-asset-description": "a picture", "Content-Type": "image/png"}
    answer = send(nvcf, made["uploadUrl"], data, **mark)
    assert (answer.status_code, answer.content) == (200, b"")
    path = file(nvcf, id_)
    assert path.read_bytes() == data
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert os.listdir(path.parent) == [id_]

    answer = fetch(nvcf, redirect(nvcf, id_))
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == "attachment"

    assert send(nvcf, made["uploadUrl"], b"").status_code == 200
    assert fetch(nvcf, redirect(nvcf, id_)).content == b""

    url = redirect(nvcf, id_)
    assert nvcf.ask("DELETE", f"{ASSETS}/{id_}").status_code == 204
    assert not path.exists()
    for answer in (
        nvcf.ask("GET", f"{ASSETS}/{id_}"),
        nvcf.ask("DELETE", f"{ASSETS}/{id_}"),
        nvcf.ask("GET", f"{ASSETS}/{id_}/content-redirect"),
        fetch(nvcf, url),
        send(nvcf, made["uploadUrl"], b"again"),
    ):
        problem(answer, 404, id_)
    assert os.listdir(path.parent) == []


@pytest.mark.parametrize(
    "wrong",
    [{"contentType": None}, {"description": None}, {"description": " "}, {"contentType": ""},
     {"contentType": "png"}, {"contentType": "a/b\r\nX: y"}, {"contentType": "a/b\n;c"},
     {"contentType": "a/ü"}, {"contentType": "a/" + "b" * 254}, {"contentType": 7}],
)  # fmt: skip
def test_what_is_no_asset(nvcf: Nvcf, wrong: dict[str, Any]) -> None:
    problem(nvcf.ask("POST", ASSETS, {**BODY, **wrong}), 400)


def test_parameters_of_media_types(nvcf: Nvcf) -> None:
    made = create(nvcf, contentType="text/plain; charset=utf-8")
    send(nvcf, made["uploadUrl"], b"text")
    answer = fetch(nvcf, redirect(nvcf, made["assetId"]))
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_ids_are_uuids(nvcf: Nvcf) -> None:
    problem(nvcf.ask("GET", f"{ASSETS}/null"), 400)
    problem(nvcf.ask("GET", f"{ASSETS}/{uuid4()}"), 404)
    problem(nvcf.simulate_get(f"{assets.CONTENT}/..%2Fadmin.token"), 404)
    problem(nvcf.simulate_get(f"{assets.CONTENT}/admin.token"), 400)


def test_other_accounts_know_nothing_of_it(nvcf: Nvcf) -> None:
    nvcf.good("POST", f"{BASE}/accounts/other", {"name": "Other"})
    nvcf.good("PATCH", f"{BASE}/accounts/other/clients/associate", {"clientIds": ["other-client"]})
    bearer = nvcf.token("invoke_function", client="other-client")
    mine = create(nvcf)["assetId"]
    theirs = nvcf.good("POST", ASSETS, BODY, bearer=bearer)["assetId"]
    assert [a["assetId"] for a in nvcf.good("GET", ASSETS, bearer=bearer)["assets"]] == [theirs]
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/content-redirect")):
        problem(nvcf.ask(method, f"{ASSETS}/{mine}{path}", bearer=bearer), 404)

    def known(account: str, id_: str) -> bool:
        return nvcf.engine.store.read(lambda r: stored.known(r, account, id_)) is not None

    assert known("nvcf-default", mine)
    assert known("other", theirs)
    assert not known("other", mine)
    assert not known("nvcf-default", theirs)
    problem(nvcf.ask("DELETE", f"{BASE}/accounts/other"), 400, "nvcf.assets")


def test_an_api_key_may(nvcf: Nvcf) -> None:
    answer = nvcf.call("POST", ASSETS, nvcf.key("invoke_function"), BODY)
    assert answer.status_code == 200
    problem(nvcf.call("POST", ASSETS, nvcf.key("list_functions"), BODY), 403)


def changed(url: str, **more: str) -> str:
    at = urlsplit(url)
    query = {k: v[0] for k, v in parse_qs(at.query).items()}
    return at._replace(query=urlencode({**query, **more})).geturl()


def test_a_url_is_good_for_one_thing(nvcf: Nvcf) -> None:
    made, other = create(nvcf), create(nvcf)
    url, get = made["uploadUrl"], redirect(nvcf, made["assetId"])
    later = str(int(parse_qs(urlsplit(url).query)["expires"][0]) + 1)
    for bad in (
        get,
        url.replace(made["assetId"], other["assetId"]),
        changed(url, expires=later),
        changed(url, expires="-1"),
        changed(url, expires=f" {later}"),
        changed(url, expires="9" * 400),
        changed(url, signature="é"),
        changed(url, signature=""),
        url.partition("?")[0],
        url + "&signature=x",
    ):
        problem(send(nvcf, bad, b"data"), 403, "no longer")
    problem(fetch(nvcf, url), 403)
    assert not file(nvcf, made["assetId"]).exists()


def test_a_url_expires(nvcf: Nvcf) -> None:
    vault = nvcf.engine.vault
    query = {
        k: v[0]
        for k, v in parse_qs(urlsplit(assets.url("", vault, "PUT", "a", 1000.5)).query).items()
    }
    assert query["expires"] == str(1000 + signed.GOOD_FOR)
    assert assets.allows(vault, "PUT", "a", query, 999.0 + signed.GOOD_FOR)
    assert not assets.allows(vault, "PUT", "a", query, 1000.0 + signed.GOOD_FOR)


def test_signatures_outlive_a_rotation_and_no_other_ring_makes_them(nvcf: Nvcf) -> None:
    from controlplane.vault import Vault, new_key

    ours = (new_key(),)
    mark = Vault(ours).sign("a")
    assert Vault((new_key(), *ours)).signed("a", mark)
    assert not Vault(ours).signed("b", mark)
    assert not Vault((new_key(),)).signed("a", mark)


def test_how_large(nvcf: Nvcf) -> None:
    made = create(nvcf)
    assert send(nvcf, made["uploadUrl"], b"x" * LIMIT).status_code == 200
    problem(send(nvcf, made["uploadUrl"], b"x" * (LIMIT + 1)), 413)
    assert file(nvcf, made["assetId"]).stat().st_size == LIMIT
    too_large = b"x" * (nvcf.program.settings.max_body + 1)
    problem(nvcf.simulate_post(ASSETS, body=too_large), 413)


def test_a_length_is_needed(nvcf: Nvcf) -> None:
    at = urlsplit(create(nvcf)["uploadUrl"])
    answer = nvcf.simulate_put(at.path, query_string=at.query)
    problem(answer, 411)


def test_no_room(nvcf: Nvcf, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    made = create(nvcf)
    monkeypatch.setattr(stored, "_write", full)
    problem(send(nvcf, made["uploadUrl"], b"data"), 507, "no room")
    assert not [n for n in os.listdir(file(nvcf, "").parent) if made["assetId"] in n]


# --------------------------------------------------------------------------- files


async def parts(*data: bytes) -> AsyncIterator[bytes]:
    for part in data:
        yield part


def test_all_of_it_or_none(tmp_path: Path) -> None:
    files = Files(str(tmp_path / "assets"))
    asyncio.run(files.receive("a", parts(b"ol", b"d"), 3))
    for data in ((b"ne",), (b"new", b"er"), ()):
        with pytest.raises(Short):
            asyncio.run(files.receive("a", parts(*data), 3))
    assert (tmp_path / "assets" / "a").read_bytes() == b"old"
    assert os.listdir(files.directory) == ["a"]
    assert (files.size("a"), files.size("b")) == (3, None)


def test_who_sends_is_gone(tmp_path: Path) -> None:
    async def gone() -> AsyncIterator[bytes]:
        yield b"x"
        raise asyncio.CancelledError

    files = Files(str(tmp_path))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(files.receive("a", gone(), 2))
    assert os.listdir(tmp_path) == []


def test_what_a_crash_left_is_swept(tmp_path: Path) -> None:
    files = Files(str(tmp_path))
    for name in ("whole", "late.0a", "new.0b"):
        (tmp_path / name).write_bytes(b"x")
    os.utime(tmp_path / "whole", (0, 0))
    os.utime(tmp_path / "late.0a", (0, 0))
    os.utime(tmp_path / "new.0b", (50_000, 50_000))
    files.sweep(100_000)
    assert sorted(os.listdir(tmp_path)) == ["new.0b", "whole"]
    Files(str(tmp_path / "none")).sweep(100_000)
