"""deploy/plan-action: what its script prints, and what it says to GitHub's API."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT, Program

ACTION = ROOT / "deploy/plan-action"
SCRIPT = ACTION / "plan.sh"
API = "https://api.example.com"
COMMENTS = f"{API}/repos/acme/site/issues/7/comments"
SECRETS = {"GITHUB_TOKEN": "github-canary-1", "PRODUCTION_WEBHOOK_SECRET": "webhook-canary-2"}
BOT = {"login": "github-actions[bot]"}
MARKER = "<!-- aicr plan of examples/production -->"

needs_jq = pytest.mark.skipif(not (shutil.which("jq") and shutil.which("bash")), reason="needs jq")


def action() -> Any:
    return YAML(typ="safe", pure=True).load((ACTION / "action.yml").read_text())


def test_inputs_reach_the_script_by_the_environment_only() -> None:
    document = action()
    assert document["runs"]["using"] == "composite"
    for step in document["runs"]["steps"]:
        assert "${{" not in step.get("run", ""), "an input in a command would be run"
        assert "run" not in step or step["shell"] == "bash"
    (plan,) = (s for s in document["runs"]["steps"] if s.get("id") == "plan")
    given = " ".join(plan["env"].values())
    unused = {"python-version"}
    assert all(f"inputs.{name} " in given for name in document["inputs"] if name not in unused)
    text = SCRIPT.read_text()
    assert all(name in text for name in plan["env"] if name not in ("AICR_HOME",))
    assert os.access(SCRIPT, os.X_OK)


def test_the_script_passes_shellcheck() -> None:
    program = shutil.which("shellcheck") or str(Path(sys.executable).with_name("shellcheck"))
    ran = subprocess.run([program, str(SCRIPT)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


# It writes its arguments, standard input and body down, one JSON object a line, and answers what
# lies in pages/N.json for a GET of page N.
CURL = """
body=
method=GET
for a in "$@"; do case $a in @*.json) body=$(cat "${a#@}") ;; PATCH | POST) method=$a ;; esac; done
header=$(cat)
jq -nc --arg m "$method" --arg h "$header" --arg b "$body" --args \
  '{method: $m, header: $h, body: $b, args: $ARGS.positional}' -- "$@" >> "$CALLS"
[ -z "${CURL_FAILS:-}" ] || exit 22
page=$(printf '%s\\n' "$@" | sed -n 's/.*[&]page=//p')
[ -z "$page" ] || cat "$PAGES/$page.json"
"""
Run = Callable[..., Any]


class Ran:
    def __init__(self, ran: Any, place: Path) -> None:
        self.code, self.out, self.err = ran.returncode, ran.stdout, ran.stderr
        calls = place / "calls"
        self.calls = (
            [json.loads(x) for x in calls.read_text().splitlines()] if calls.exists() else []
        )
        for name in ("output", "summary"):
            path = place / name
            setattr(self, name, path.read_text() if path.exists() else "")

    output: str
    summary: str

    @property
    def sent(self) -> list[tuple[str, str, str]]:
        """Method, URL and text of every comment that was written."""
        return [
            (
                c["method"],
                next(a for a in c["args"] if a.startswith("http")),
                json.loads(c["body"])["body"],
            )
            for c in self.calls
            if c["method"] != "GET"
        ]


@pytest.fixture
def run(tmp_path: Path, program: Program) -> Run:
    program("curl", CURL)
    program("aicr", f'exec {sys.executable} -m aicr "$@"')
    place = tmp_path / "runner"
    (place / "pages").mkdir(parents=True)
    (place / "pages/1.json").write_text("[]")
    (place / "event.json").write_text('{"pull_request": {"number": 7}}')

    def go(*pages: Any, **more: str) -> Ran:
        for i, page in enumerate(pages, 1):
            (place / f"pages/{i}.json").write_text(json.dumps(page))
        environment = {
            **os.environ,
            **SECRETS,
            "PYTHONPATH": str(ROOT),
            "RUNNER_TEMP": str(place),
            "AICR_HOME": str(place / "home"),
            "GITHUB_API_URL": API,
            "GITHUB_REPOSITORY": "acme/site",
            "GITHUB_EVENT_PATH": str(place / "event.json"),
            "GITHUB_OUTPUT": str(place / "output"),
            "GITHUB_STEP_SUMMARY": str(place / "summary"),
            "INPUT_PATH": "examples/production",
            "CALLS": str(place / "calls"),
            "PAGES": str(place / "pages"),
            **more,
        }
        ran = subprocess.run(
            ["bash", str(SCRIPT)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Ran(ran, place)

    return go


@needs_jq
def test_changes_are_a_new_comment(run: Run) -> None:
    ran = run()
    assert ran.code == 0, ran.err
    ((method, url, text),) = ran.sent
    assert (method, url) == ("POST", COMMENTS)
    lines = text.splitlines()
    assert lines[0] == MARKER
    assert lines[1:4] == ["### aicr plan: examples/production", "", "**Plan: 4 to create.**"]
    assert "  + aicr.clusters.main  (examples/base/clusters.yaml)" in lines
    assert ran.summary.splitlines() == lines
    assert "changes=true\n" in ran.output
    plan = Path(ran.output.split("plan=")[1].strip())
    assert json.loads(plan.read_text())["summary"] == {"create": 4}


@needs_jq
def test_nothing_says_a_secret(run: Run) -> None:
    ran = run(AICR_TOKEN="")
    everything = ran.out + ran.err + ran.summary + ran.output
    arguments = json.dumps([c["args"] + [c["body"]] for c in ran.calls])
    for value in SECRETS.values():
        assert value not in everything + arguments
    assert {c["header"] for c in ran.calls} == {"Authorization: Bearer github-canary-1"}


OTHERS = [{"id": i, "user": BOT, "body": "something else"} for i in range(100)]
SOMEBODY = {"id": 500, "user": {"login": "mallory"}, "body": f"{MARKER}\nmine"}
OURS = {"id": 501, "user": BOT, "body": f"{MARKER}\nearlier"}


@needs_jq
def test_our_earlier_comment_is_updated(run: Run) -> None:
    ran = run(OTHERS, [SOMEBODY, OURS])
    assert ran.code == 0, ran.err
    ((method, url, _),) = ran.sent
    assert (method, url) == ("PATCH", f"{API}/repos/acme/site/issues/comments/501")


@needs_jq
@pytest.mark.parametrize(
    "more",
    [{"INPUT_NAME": "other"}, {"INPUT_FOR": "region=europe"}, {"INPUT_AUTHOR": "robot"}],
    ids=str,
)
def test_other_comments_are_not_ours(run: Run, more: dict[str, str]) -> None:
    ran = run([SOMEBODY, OURS], **more)
    assert ran.code == 0, ran.err
    assert [method for method, _, _ in ran.sent] == ["POST"]


@needs_jq
def test_without_changes_it_says_so(run: Run, tmp_path: Path, aicr: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PRODUCTION_WEBHOOK_SECRET", SECRETS["PRODUCTION_WEBHOOK_SECRET"])
    monkeypatch.setenv("AICR_HOME", str(tmp_path / "runner/home"))
    assert aicr("apply", "-f", "examples/production", "--yes").code == 0
    ran = run([OURS])
    assert ran.code == 0, ran.err
    ((method, _, text),) = ran.sent
    assert method == "PATCH"
    assert "\nNo changes.\n" in text
    assert "changes=false" in ran.output


@needs_jq
def test_what_cannot_be_planned_fails_and_is_told(run: Run) -> None:
    ran = run(PRODUCTION_WEBHOOK_SECRET="")
    assert ran.code == 1
    ((_, _, text),) = ran.sent
    assert "**It cannot be planned.**" in text
    assert "the variable PRODUCTION_WEBHOOK_SECRET is not set" in text
    assert "changes" not in ran.output


@needs_jq
def test_wrong_manifests_are_annotated_and_told(run: Run, write: Any) -> None:
    fence = "```` ::error::x"
    wrong = write({"m/a.yaml": f"kind: ControlPlane\nmetadata: {{name: a}}\n'{fence}': 1\n"}) / "m"
    ran = run(INPUT_PATH=str(wrong))
    assert ran.code == 2
    assert f"::error file={wrong}/a.yaml,line=" in ran.out
    ((_, _, text),) = ran.sent
    assert "**The manifests are wrong.**" in text
    assert "`````text" in text, "what is quoted cannot end the quotation"
    stop = next(x for x in ran.out.splitlines() if x.startswith("::stop-commands::"))
    assert f"::{stop.rpartition('::')[2]}::" in ran.out.splitlines()


@needs_jq
@pytest.mark.parametrize(
    "more",
    [{"INPUT_COMMENT": "false"}, {"GITHUB_EVENT_PATH": "/dev/null"}],
    ids=["told not to", "no pull request"],
)
def test_no_comment(run: Run, more: dict[str, str]) -> None:
    ran = run(**more)
    assert ran.code == 0, ran.err
    assert ran.calls == []
    assert "Plan: 4 to create." in ran.summary


@needs_jq
def test_a_token_that_may_not_comment_is_a_warning(run: Run) -> None:
    ran = run(CURL_FAILS="1")
    assert ran.code == 0, ran.err
    assert "::warning title=aicr plan::the comments of the pull request cannot be read" in ran.out


@needs_jq
def test_a_state_in_a_database_needs_its_ring(
    run: Run, aicr: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.setenv("AICR_HOME", str(tmp_path / "made"))
    monkeypatch.setenv("PRODUCTION_WEBHOOK_SECRET", SECRETS["PRODUCTION_WEBHOOK_SECRET"])
    state = str(tmp_path / "shared.db")
    assert aicr("apply", "-f", "examples/production", "--yes", "--state", state).code == 0
    ran = run(AICR_STATE=state)
    assert ran.code == 2
    assert "key-ring" in ran.err
    text = (tmp_path / "made/keys/ring.json").read_text()
    ran = run(AICR_STATE=state, INPUT_KEY_RING=text)
    assert (ran.code, ran.output.splitlines()[0]) == (0, "changes=false"), ran.err
    assert text.strip() not in ran.out + ran.err + ran.summary
    ring = tmp_path / "runner/home/keys/ring.json"
    assert ring.read_text().strip() == text.strip()
    assert ring.stat().st_mode & 0o777 == 0o600
