"""The command line as a whole: exit codes, streams, messages (contract section 15)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aicr.cli import main as cli
from aicr.cli.main import COMMANDS
from tests.conftest import Ran, Write

Aicr = Callable[..., Ran]
BROKEN = {"c.yaml": "spec: [eks\n", "enum.yaml": "spec: {service: nope}\n", "s.yaml": "[]\n"}

EXITS = [
    ("--version", 0, ""),
    ("", 0, ""),
    ("--help", 0, ""),
    ("recipe --help", 0, ""),
    ("bogus", 3, "No help topic for 'bogus'"),
    ("recpie", 3, "did you mean 'recipe'"),
    ("recipe", 2, "[INVALID_REQUEST] no criteria provided: specify at least one of --service, "),
    ("recipe --service any", 2, "[INVALID_REQUEST] no criteria provided"),
    ("recipe --service foo", 2, "[INVALID_REQUEST] invalid service type: foo: valid values: eks, "),
    ("recipe --gpu v100", 2, "[INVALID_REQUEST] invalid accelerator type: v100: did you mean 'h100'"),
    ("recipe --service eks --nodes abc", 1, "'abc' is not a valid integer"),
    ("recipe --service eks --format xml", 2, '[INVALID_REQUEST] unknown output format: "xml", valid formats are: yaml, json, table'),
    ("recipe --service eks --format JSON", 2, "unknown output format"),
    ("recipe --bogus 1", 1, "No such option '--bogus'"),
    ("recipe --service", 1, "requires an argument"),
    ("recipe --service eks --service eks", 2, "[INVALID_REQUEST] flag --service can only be specified once"),
    ("recipe --gpu a100 --accelerator h100", 2, "flag --accelerator can only be specified once"),
    ("recipe --service eks -o a -o b", 2, "flag --output can only be specified once"),
    ("recipe --service eks stray", 1, "Got unexpected extra argument (stray)"),
    ("recipe --service eks -o no/such/x.yaml", 2, 'cannot write output file "no/such/x.yaml": there is no directory '),
    ("recipe --service eks -o cm://bad", 2, "invalid configmap URI format"),
    ("recipe --criteria nope.yaml", 3, "[NOT_FOUND] --criteria: no such file: nope.yaml"),
    ("recipe -c {tmp}/c.yaml", 2, "c.yaml:2:1: malformed YAML"),
    ("recipe -c {tmp}/enum.yaml", 2, "enum.yaml: invalid service type: nope"),
    ("recipe -s {tmp}/s.yaml", 2, "a snapshot must be a map"),
    ("recipe -s {tmp}/s.yaml -c {tmp}/c.yaml", 2, "--criteria has no effect beside --snapshot"),
    ("recipe --service eks --kubeconfig /kc --criteria {tmp}/c.yaml", 2, "--kubeconfig has no effect"),
    ("recipe --service eks --data {tmp}/nope", 3, "external data directory not found"),
    ("recipe --service eks --strict", 2, "[INVALID_REQUEST] intent is not stated"),
    ("query --service eks", 1, 'Required flag "selector" not set'),
    ("query --service eks --selector x", 3, '[NOT_FOUND] selector "x": key "x" not found'),
    ("query --service eks --selector kind -o x", 1, "No such option '-o'"),
    ("explain nothing --service eks", 3, '[NOT_FOUND] selector "nothing"'),
    ("explain --service eks", 1, "Missing argument 'PATH'"),
    ("diff service=eks", 2, "Missing argument 'B'"),
    ("diff service=eks intent", 3, "no such file: intent"),
    ("diff service=eks what=ever", 2, "'what=ever' in 'what=ever' is no criterion"),
    ("diff service=eks,service=gke service=eks", 2, "states service twice"),
    ("diff servce=eks service=eks", 2, "did you mean 'service'?"),
    ("diff eks gke", 3, "no such file: eks (criteria are written field=value)"),
    ("diff nodes=² service=eks", 2, "is no criterion"),
    ("--log-json diff --bad x y", 2, "No such option"),
    ("recipe --service eks --kubeconfig /kc", 2, "--kubeconfig has no effect"),
    ("recipe --format json --format yaml --service eks", 2, "flag --format can only be specified once"),
    ("diff builtin ./nope", 3, "no such directory: ./nope"),
    ("recipe --service eks --log-json", 1, "(it goes before the command: aicr --log-json recipe)"),
    ("recipe --service eks --format yaml -o x.json", 2, "--format yaml contradicts --output x.json: .json files hold JSON"),
    ("recipe --service eks --format table -o x.yml", 2, ".yml files hold YAML"),
    ("snapshot --local --format json -o x.yaml", 2, "--format json contradicts --output x.yaml"),
    ("diff builtin service=eks", 2, "cannot compare a catalog with a recipe"),
    ("list nothing", 1, "'nothing' is not one of"),
    ("schema Recipie", 3, "did you mean 'Recipe"),
    ("completion tcsh", 1, "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "code", "words"), EXITS, ids=[e[0] or "nothing" for e in EXITS])
def test_exit_codes(aicr: Aicr, write: Write, line: str, code: int, words: str) -> None:
    tmp = write(BROKEN)
    ran = aicr(*line.format(tmp=tmp).split())
    assert ran.code == code, ran.err
    assert words in ran.err
    assert "Traceback" not in ran.err
    assert bool(ran.out) is (code == 0)


def test_the_last_line_of_an_error_is_the_whole_story(aicr: Aicr, write: Write) -> None:
    tmp = write({"d/registry.yaml": "", "d/overlays/x.yaml": "a: [\n", "d/y.yaml": "- 1\n"})
    ran = aicr("recipe", "--service", "eks", "--data", str(tmp / "d"))
    lines = ran.err.splitlines()
    assert len(lines) == 4  # an empty registry is an error too
    assert lines[-1].startswith("[INVALID_REQUEST] ")
    assert all(": error: " in line for line in lines[:-1])


def test_warnings_go_to_stderr_and_into_the_recipe(aicr: Aicr) -> None:
    ran = aicr("recipe", "--service", "eks", "--format", "json")
    (warning,) = ran.json["metadata"]["warnings"]
    assert ran.err == f"warning: {warning}\n"
    assert warning.startswith("intent is not stated: ")


def test_a_negative_node_count_is_said_to_have_no_effect(aicr: Aicr) -> None:
    ran = aicr("recipe", "--service", "eks", "--intent", "any", "--nodes", "-1")
    assert (ran.code, ran.err) == (
        0,
        "warning: --nodes -1 has no effect: a node count is 1 or more\n",
    )


def test_messages_as_json_lines(aicr: Aicr) -> None:
    ran = aicr("--log-json", "recipe", "--service", "eks")
    assert [json.loads(line)["level"] for line in ran.err.splitlines()] == ["WARNING"]
    ran = aicr("--log-json", "recipe", "--service", "x")
    error = json.loads(ran.err)
    assert (error["level"], error["code"], error["requested"]) == ("ERROR", "INVALID_REQUEST", "x")


def test_environment_flags_are_read_like_flags(aicr: Aicr, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICR_LOG_JSON", "false")
    assert aicr("recipe", "--service", "x").err.startswith("[INVALID_REQUEST] ")
    monkeypatch.setenv("AICR_LOG_JSON", "true")
    assert json.loads(aicr("recipe", "--service", "x").err)["code"] == "INVALID_REQUEST"
    assert "No such option" in json.loads(aicr("recipe", "--bogus").err)["msg"]


def test_a_full_disk_is_the_systems_word(aicr: Aicr) -> None:
    line = f"{sys.executable} -m aicr recipe --service eks --intent any > /dev/full"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "[INVALID_REQUEST] No space left on device\n")


def test_a_bug_is_called_one_and_debug_shows_it(
    aicr: Aicr, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("aicr.cli.recipe.recipe_for", broken)
    ran = aicr("recipe", "--service", "eks")
    assert (ran.code, ran.err) == (
        8,
        "[INTERNAL] ZeroDivisionError: oops; this is a bug in aicr, --debug shows where\n",
    )
    with pytest.raises(ZeroDivisionError):
        cli.main(["--debug", "recipe", "--service", "eks"])


def test_interrupting_exits_130(aicr: Aicr, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("aicr.cli.recipe.recipe_for", interrupted)
    assert aicr("recipe", "--service", "eks").code == 130


def test_a_reader_that_goes_away_is_no_error() -> None:
    line = f"{sys.executable} -m aicr explain '' --service eks --intent any | head -1"
    shell = ["bash", "-o", "pipefail", "-c", line]
    done = subprocess.run(shell, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.stdout.startswith("kind: RecipeResult")
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_every_command_has_help(aicr: Aicr) -> None:
    listed = aicr("--help").out
    for name, summary in COMMANDS.items():
        assert name in listed
        own = aicr(name, "--help").out
        assert own.startswith(f"Usage: aicr {name}")
        assert summary.split()[0] in listed


class TestOutputFiles:
    def test_a_file_is_written_whole(self, aicr: Aicr, tmp_path: Path) -> None:
        target = tmp_path / "r.json"
        ran = aicr("recipe", "--service", "eks", "--format", "json", "-o", str(target))
        assert ran.out == ""
        assert json.loads(target.read_text())["kind"] == "RecipeResult"
        assert [p.name for p in tmp_path.iterdir()] == ["r.json"]

    @pytest.mark.parametrize(
        ("line", "start", "warned"),
        [
            ("r.json", "{", False),
            ("r.YML", "kind:", False),
            ("r.txt", "kind:", True),
            ("r", "kind:", True),
            ("r.txt --format json", "{", True),
            ("r --format json", "{", False),
            ("r.txt --format table", "FACT", False),
        ],
    )
    def test_the_name_says_the_format(
        self, aicr: Aicr, tmp_path: Path, line: str, start: str, warned: bool
    ) -> None:
        name, *given = line.split()
        ran = aicr("recipe", "--service", "eks", "-o", f"{tmp_path}/{name}", *given)
        assert (tmp_path / name).read_text().startswith(start)
        assert ("back: name it" in ran.err) is warned

    def test_an_error_leaves_the_old_file(self, aicr: Aicr, tmp_path: Path) -> None:
        target = tmp_path / "r.yaml"
        target.write_text("old")
        assert aicr("recipe", "--service", "nope", "-o", str(target)).code == 2
        assert target.read_text() == "old"

    @pytest.mark.parametrize("target", ["-", "", "stdout://", "/dev/stdout"])
    def test_ways_to_say_stdout(self, aicr: Aicr, target: str) -> None:
        assert aicr("recipe", "--service", "eks", "-o", target).out.startswith("kind: RecipeResult")

    def test_the_mode_of_a_file_is_kept(self, aicr: Aicr, tmp_path: Path) -> None:
        target = tmp_path / "r.yaml"
        target.touch(mode=0o600)
        target.chmod(0o600)
        assert aicr("recipe", "--service", "eks", "-o", str(target)).code == 0
        assert target.stat().st_mode & 0o777 == 0o600

    def test_a_link_is_followed_not_replaced(self, aicr: Aicr, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        link = tmp_path / "link.yaml"
        link.symlink_to(tmp_path / "real" / "r.yaml")
        assert aicr("recipe", "--service", "eks", "-o", str(link)).code == 0
        assert link.is_symlink()
        assert (tmp_path / "real" / "r.yaml").read_text().startswith("kind")
