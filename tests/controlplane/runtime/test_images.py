"""The map from images to commands of this host."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aicr.diagnostics import InvalidDocument
from aicr.errors import InvalidRequest, NotFound
from controlplane.runtime.images import BUILT_IN, Image, ImageMap, bare, fitting, parse, run_of

ECHO = "samples.aicr.local/echo"


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("a", "a"),
        ("a:1", "a"),
        ("docker.io/acme/echo:1", "docker.io/acme/echo"),
        ("localhost:5000/echo", "localhost:5000/echo"),
        ("localhost:5000/echo:1@sha256:ab", "localhost:5000/echo"),
        ("docker.io/acme/echo@sha256:ab", "docker.io/acme/echo"),
    ],
)
def test_references_without_tag_and_digest(reference: str, name: str) -> None:
    assert bare(reference) == name


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("docker.io/acme/echo", True),
        ("docker.io/acme/echo:1", True),
        ("docker.io/acme/echo:*", True),
        ("docker.io/*", True),
        ("docker.io/acme/ech?", True),
        ("docker.io/acme/echo:2", False),
        ("docker.io/acme", False),
        ("DOCKER.io/acme/echo", False),
    ],
)
def test_patterns(pattern: str, fits: bool) -> None:
    image = Image(image=pattern, command=["x"])
    assert (fitting("docker.io/acme/echo:1", [image]) == image) is fits


def test_the_first_that_fits_counts_and_the_file_before_our_own(tmp_path: Path) -> None:
    path = tmp_path / "images.yaml"
    path.write_text(
        "images:\n- {image: 'samples.aicr.local/*', command: [mine]}\n- {image: '*', command: [rest]}\n"
    )
    images = ImageMap(str(path))
    assert images.resolve({"image": f"{ECHO}:1"})["command"] == ["mine"]
    assert images.resolve({"image": "else"})["command"] == ["rest"]


def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "images.yaml"
    images = ImageMap(str(path))
    with pytest.raises(NotFound):
        images.resolve({"image": "a"})
    for command in ("one", "three"):
        path.write_text(f"images: [{{image: a, command: [{command}]}}]")
        assert images.resolve({"image": "a"})["command"] == [command]
    path.unlink()
    with pytest.raises(NotFound):
        images.resolve({"image": "a"})


def test_what_is_not_known_says_what_to_add_where(tmp_path: Path) -> None:
    path = tmp_path / "images.yaml"
    with pytest.raises(NotFound) as e:
        ImageMap(str(path)).resolve({"image": "docker.io/acme/echo:1"})
    for word in ("docker.io/acme/echo:1", "command:", "images:", str(path)):
        assert word in e.value.message
    with pytest.raises(NotFound, match="containerImage"):
        ImageMap(str(path)).resolve({})


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("images:\n- image: a\n  comand: [x]\n", "images.yaml:3:3", "comand"),
        ("images:\n- image: a\n", "images.yaml:2:3", "command is missing"),
        ("images:\n- {image: a, command: x}\n", "images.yaml:2:23", "command"),
        (
            "images:\n- {image: a, command: [x], isolation: docker}\n",
            "images.yaml:2:39",
            "isolation",
        ),
        ("images:\n- {image: a, command: [x], env: {A: 1}}\n", "images.yaml:2:37", "text"),
        ("images: [\n", "images.yaml:", ""),
        ("- image: a\n", "images.yaml:1", ""),
    ],
)
def test_what_is_wrong_in_the_file(text: str, place: str, words: str) -> None:
    with pytest.raises(InvalidDocument) as e:
        parse(text.encode(), "images.yaml")
    assert place in e.value.message
    assert words in e.value.message


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="AICR_IMAGES"):
        ImageMap(str(tmp_path)).resolve({"image": "a"})


def test_arguments_of_the_function_follow() -> None:
    image = Image(image="a", command=["serve", "{port}"], env={"A": "1"})
    run = run_of(image, {"image": "a:1", "args": "--name 'a b' {port}", "port": 8000})
    assert run["command"] == ["serve", "{port}", "--name", "a b", "{port}"]
    assert run["own"] == 2
    assert (run["image"], run["env"], run["isolation"], run["port"]) == (
        "a:1",
        {"A": "1"},
        "",
        8000,
    )
    with pytest.raises(InvalidRequest, match="containerArgs"):
        run_of(image, {"image": "a", "args": "'open"})


def test_podman_needs_no_command() -> None:
    (image,) = parse(b"images: [{image: a, isolation: podman}]", "images.yaml")
    assert run_of(image, {"image": "a"})["command"] == []


@pytest.mark.parametrize("image", BUILT_IN, ids=lambda i: i.image)
def test_our_own_are_there(image: Image) -> None:
    assert image.image.startswith("samples.aicr.local/")
    assert image.command[0] == sys.executable
    assert os.path.isfile(image.command[3])


def test_they_need_nothing_but_python() -> None:
    for image in BUILT_IN:
        compiled = [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"compile(open({image.command[3]!r}).read(), 'x', 'exec')",
        ]
        subprocess.run(compiled, check=True)
