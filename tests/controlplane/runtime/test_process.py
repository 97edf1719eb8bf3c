"""Instances are processes of this host, which outlive every server and runner that is killed."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from aicr.errors import NotFound, Unavailable
from controlplane.runner import shim
from controlplane.runtime import process as processes
from controlplane.runtime.process import Process, end
from controlplane.runtime.protocol import ENDED, FAILED, RUNNING, STARTING
from tests.controlplane.hosts import ECHO, PROBE, Host, instance, kill, running, wait_for_end

# Writes down what asks it to end, and does not.
STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: print("no", flush=True))
print("ready", flush=True)
while True:
    time.sleep(60)
"""
POLITE = STUBBORN.replace('print("no", flush=True)', 'sys.exit(print("bye", flush=True))')
# Starts a process of a session of its own, which survives its parent.
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        while True:
            time.sleep(60)
    os._exit(0)
os.wait()
time.sleep(60)
"""
SAYS = "import os, sys, json; print(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]))"
# Is well once.
SICKENING = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    asked = 0
    def do_GET(self):
        Handler.asked += 1
        self.send_response(200 if Handler.asked == 1 else 503)
        self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def said(host: Host, id_: str, text: str) -> list[str]:
    """The log, once there is a line in it."""

    async def wait() -> list[str]:
        found = []
        async for line in host.process.follow(id_):
            found.append(line.text)
            if text in line.text:
                return found
        raise AssertionError(f"{text} is not in {found}")

    return asyncio.run(asyncio.wait_for(wait(), 30))


# --------------------------------------------------------------------------- starting


def test_a_function_starts_is_well_and_answers(host: Host) -> None:
    id_ = host.start(ECHO)
    assert host.process.health(id_).state == STARTING
    host.until(id_, RUNNING)
    assert host.ask(id_, b"echo this") == b"echo this"
    assert host.process.list() == [instance()]
    health = host.process.health(id_)
    assert (health.state, health.exit) == (RUNNING, None)
    (shown,) = host.process.look()
    assert (shown.isolation, shown.started[:2]) == ("none", "20")


def test_starting_again_changes_nothing(host: Host) -> None:
    id_ = host.start(ECHO)
    host.until(id_, RUNNING)
    child = host.child(id_)
    host.start(ECHO)
    assert host.child(id_) == child
    assert host.state(id_) == RUNNING


def test_what_is_not_there(host: Host) -> None:
    host.process.stop("a/b/c")
    assert host.process.list() == []
    assert host.process.health("a/b/c").state == FAILED
    for id_ in ("a/b/c", "../x", ".."):
        with pytest.raises(NotFound):
            host.process.logs(id_)


def test_an_image_that_cannot_run_says_what_to_add(host: Host) -> None:
    id_ = host.start({"image": "docker.io/acme/unknown:1"})
    health = host.process.health(id_)
    assert health.state == FAILED
    assert "docker.io/acme/unknown:1" in health.reason
    assert f"{host.home}/images.yaml" in health.reason
    assert host.reason(id_) == health.reason
    host.process.stop(id_)
    assert host.process.list() == []


def test_no_stack_of_a_cluster_runs_here(host: Host) -> None:
    assert not host.process.accepts({"image": "stacks.aicr.local/stack@sha256:1"})
    assert host.process.accepts(ECHO)


def test_a_program_that_is_not_there(host: Host) -> None:
    images = {"images": [{"image": "x", "command": ["/no/such/program"], "isolation": "none"}]}
    (host.home / "images.yaml").write_text(json.dumps(images))
    id_ = host.start({"image": "x"})
    host.until(id_, FAILED)
    assert host.reason(id_) == "cannot run /no/such/program: No such file or directory"


def test_what_an_instance_is_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICR_ADMIN_SECRET", "of the server")
    said_by = host.script("says", SAYS, args="--mode 'very fast'", once=True)
    id_ = host.start({**said_by, "port": 8000, "environment": {"MODE": "x", "PORT": "1"}})
    host.until(id_, ENDED)
    arguments, environment, directory = json.loads(host.text(id_)[0])
    port = host.endpoint(id_).rpartition(":")[2]
    assert arguments == [port, "--mode", "very fast"]
    assert environment["PORT"] == port
    assert environment["MODE"] == "x"
    assert directory == f"{host.directory(id_)}/work" == environment["HOME"]
    assert "AICR_ADMIN_SECRET" not in environment


# --------------------------------------------------------------------------- ends


def test_tasks_end_and_are_kept(host: Host) -> None:
    well = host.start({"image": "samples.aicr.local/true", "once": True}, "a")
    badly = host.start({"image": "samples.aicr.local/fail", "once": True}, "b")
    host.until(well, ENDED)
    host.until(badly, FAILED)
    assert {i.id for i in host.process.list()} == {well, badly}
    assert host.process.health(well).exit == 0
    assert host.process.health(badly).exit == 1
    assert host.process.health(badly).reason == "it ended with exit status 1"
    assert host.text(badly) == ["this image always fails"]


def test_a_task_reports_and_leaves_results(host: Host, tmp_path: Path) -> None:
    told = {
        "NVCT_PROGRESS_FILE_PATH": f"{tmp_path}/progress.json",
        "NVCT_RESULTS_DIR": f"{tmp_path}/results",
        "NVCT_TASK_ID": "t",
    }
    task = {"image": "samples.aicr.local/progress:1", "args": "--steps 2", "once": True}
    id_ = host.start({**task, "environment": told})  # type: ignore[typeddict-item]
    host.until(id_, ENDED)
    progress = json.loads((tmp_path / "progress.json").read_text())
    assert (progress["taskId"], progress["percentComplete"], progress["name"]) == (
        "t",
        100,
        "step-2",
    )
    assert sorted(p.name for p in (tmp_path / "results").iterdir()) == ["step-1", "step-2"]


def test_a_task_works_in_a_directory_of_its_own(host: Host) -> None:
    """Which is there until it is stopped, also after its end; and nowhere after that."""
    told = {"NVCT_PROGRESS_FILE_PATH": "{work}/progress", "NVCT_RESULTS_DIR": "{work}/results"}
    task = {"image": "samples.aicr.local/progress:1", "args": "--steps 1", "once": True}
    id_ = host.start({**task, "environment": told, "directories": ["results"]})  # type: ignore[typeddict-item]
    host.until(id_, ENDED)
    work = Path(str(host.process.work(id_)))
    assert work == host.directory(id_) / "work"
    assert json.loads((work / "progress").read_text())["percentComplete"] == 100
    assert [p.name for p in (work / "results").iterdir()] == ["step-1"]
    assert (work / "results").stat().st_mode & 0o777 == 0o700
    host.process.stop(id_)
    host.until(id_, "gone")
    assert host.process.work(id_) is None


def test_what_is_asked_to_end_is_known_until_it_is_gone(host: Host) -> None:
    id_ = host.start(host.script("stubborn", STUBBORN, grace=0.5))
    said(host, id_, "ready")
    host.process.list()
    assert host.process.ending() == ()
    host.process.stop(id_)
    assert host.process.list() == []
    assert [i.id for i in host.process.ending()] == [id_]
    host.until(id_, "gone")
    host.process.list()
    assert host.process.ending() == ()


def test_what_serves_and_ends_has_failed(host: Host) -> None:
    id_ = host.start({"image": "samples.aicr.local/true"})
    host.until(id_, FAILED)
    assert host.reason(id_) == "it ended with exit status 0"


def test_stopping_asks_first(host: Host) -> None:
    id_ = host.start(host.script("polite", POLITE))
    said(host, id_, "ready")
    host.process.stop(id_)
    host.until(id_, "gone")
    assert host.text(id_) == ["ready", "bye"], "the log of what is gone stays"
    assert not host.directory(id_).exists()


def test_whoever_does_not_end_is_killed(host: Host) -> None:
    id_ = host.start(host.script("stubborn", STUBBORN, grace=0.05))
    said(host, id_, "ready")
    child = host.child(id_)
    host.process.stop(id_)
    host.until(id_, "gone")
    assert host.text(id_) == ["ready", "no"]
    assert shim.identity(child) == ""


def test_started_again_while_it_drains(host: Host) -> None:
    id_ = host.start(host.script("stubborn", STUBBORN, grace=0.3))
    said(host, id_, "ready")
    first = host.child(id_)
    host.process.stop(id_)
    assert host.process.list() == []
    host.start({"image": "test.local/stubborn", "grace": 0.05})
    assert host.process.health(id_).state == STARTING
    wait_for_end(first)
    host.until(id_, RUNNING)
    assert len(said(host, id_, "no")) == 2
    assert shim.identity(first) == ""


def test_what_is_not_well_any_more_ends(host: Host) -> None:
    id_ = host.start(host.script("sickening", SICKENING, port=8000, probe=PROBE))
    host.until(id_, FAILED)
    assert host.reason(id_) == "not healthy: /health answers 503, not 200"


def test_nothing_that_an_instance_started_outlives_it(host: Host) -> None:
    id_ = host.start(host.script("daemon", DAEMON))
    daemon = int(said(host, id_, "")[0])
    assert os.getsid(daemon) == daemon or os.getsid(daemon) != os.getsid(host.child(id_))
    kill(host.child(id_))
    host.until(id_, FAILED)
    assert host.reason(id_) == "it was killed by signal 9"
    assert shim.identity(daemon) == ""


# --------------------------------------------------------------------------- isolation

# As bubblewrap does it: itself, an init of its own, and the command below that.
BWRAP = """#!{python} -IS
import os, signal, sys
if sys.argv[1:2] == ["--unshare-all"]:
    sys.exit(0)
signal.signal(signal.SIGTERM, lambda *_: print("bubblewrap was asked", flush=True))
if os.fork() == 0:
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        command = sys.argv[sys.argv.index("--") + 1:]
        os.execv(command[0], command)
    os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
# Says what it was given itself, and runs nothing.
TELLS = """#!{python} -IS
import json, os, sys
if sys.argv[1:2] == ["--unshare-all"]:
    sys.exit(0)
handle = int(sys.argv[sys.argv.index("--args") + 1])
given = os.read(handle, 100000).decode().split("\\0")
print(json.dumps([dict(os.environ), given, os.fstat(handle).st_mode & 0o777]))
"""
PODMAN = """#!{python} -IS
import sys
print(" ".join(sys.argv[1:]), file=open("{calls}", "a"))
if sys.argv[1] == "run":
    print(open(sys.argv[sys.argv.index("--env-file") + 1]).read(), flush=True)
    import time
    print("runs", flush=True)
    time.sleep(3600)
"""


def put(path: Path, name: str, body: str, **facts: object) -> None:
    """A program on the PATH."""
    for fact, value in {"python": sys.executable, **facts}.items():
        body = body.replace(f"{{{fact}}}", str(value))
    (path / name).write_text(body)
    (path / name).chmod(0o700)


def test_in_bubblewrap_the_command_is_asked_to_end(host: Host, path: Path) -> None:
    put(path, "bwrap", BWRAP)
    polite = host.script("polite", POLITE)
    bubblewrapped(host)
    id_ = host.start(polite)
    said(host, id_, "ready")
    assert host.process.look()[0].isolation == "bubblewrap"
    host.process.stop(id_)
    host.until(id_, "gone")
    assert host.text(id_) == ["ready", "bye"]


def bubblewrapped(host: Host) -> None:
    """Leave it to the host what isolates the scripts."""
    images = (host.home / "images.yaml").read_text().replace('"isolation": "none"', '"env": {}')
    (host.home / "images.yaml").write_text(images)


def test_no_instance_decides_which_bubblewrap_isolates_it(host: Host, path: Path) -> None:
    """Nor what that loads: the environment of an instance is bubblewrap's to make, not its own."""
    evil = path / "evil"
    evil.mkdir()
    put(evil, "bwrap", "#!/bin/sh\necho escaped\n")
    put(path, "bwrap", TELLS)
    hostile = {"PATH": str(evil), "LD_PRELOAD": "/evil.so", "PASSWORD": "swordfish"}
    says = host.script("says", SAYS, once=True)
    bubblewrapped(host)
    id_ = host.start({**says, "environment": hostile})
    host.until(id_, ENDED)
    outside, given, mode = json.loads(host.text(id_)[0])
    assert outside["PATH"] == str(path)
    assert not {"LD_PRELOAD", "PASSWORD"} & set(outside)
    for name, value in hostile.items():
        at = given.index(name)
        assert given[at - 1 : at + 2] == ["--setenv", name, value]
    assert (given[0], mode) == ("--clearenv", 0o600)


@pytest.mark.parametrize("killed", [False, True])
def test_of_podman_no_container_is_left(host: Host, path: Path, killed: bool) -> None:
    put(path, "podman", PODMAN, calls=path / "calls")
    (host.home / "images.yaml").write_text("images: [{image: 'acme/*', isolation: podman}]")
    told = {"GREETING": "swordfish"}
    id_ = host.start({"image": "acme/echo:1", "args": "--fast", "environment": told})
    assert "GREETING=swordfish" in said(host, id_, "runs")
    assert (host.directory(id_) / shim.PRIVATE).stat().st_mode & 0o777 == 0o600
    if killed:
        kill(host.shim(id_))
        host.until(id_, FAILED)
    host.process.stop(id_)
    host.until(id_, "gone")
    run, remove = (path / "calls").read_text().splitlines()
    assert run.startswith("run --rm --runtime runc --name aicr-")
    assert run.endswith(" acme/echo:1 --fast")
    assert "swordfish" not in run
    name = run.split()[run.split().index("--name") + 1]
    assert remove == f"rm --force --time 0 --ignore {name}"


# --------------------------------------------------------------------------- crashes


def test_a_killed_runner_is_missed_by_nobody(host: Host) -> None:
    id_ = host.start(ECHO)
    host.until(id_, RUNNING)
    before, runner, endpoint = host.child(id_), host.runner, host.endpoint(id_)
    kill(runner)
    assert host.state(id_) == RUNNING, "as it was, at once"
    assert host.runner not in (runner, 0)
    assert (host.child(id_), host.endpoint(id_)) == (before, endpoint)
    assert host.ask(id_) == b"hello"
    host.process.stop(id_)
    host.until(id_, "gone")
    assert shim.identity(before) == ""


def test_what_ended_while_no_runner_was_there(host: Host) -> None:
    serving = host.start(ECHO, "a")
    id_ = host.start(host.script("polite", POLITE, once=True), "b")
    host.until(serving, RUNNING)
    said(host, id_, "ready")
    held, child = host.shim(id_), host.child(id_)
    host.kill_runner()
    os.kill(child, signal.SIGTERM)
    wait_for_end(held)
    host.until(id_, ENDED)
    assert (host.process.list()[1].id, host.process.health(id_).exit) == (id_, 0)


def test_a_killed_runner_goes_on_with_what_it_stopped(host: Host) -> None:
    id_ = host.start(host.script("stubborn", STUBBORN, grace=0.3))
    said(host, id_, "ready")
    child = host.child(id_)
    host.process.stop(id_)
    host.kill_runner()
    host.until(id_, "gone")
    assert shim.identity(child) == ""


@pytest.mark.parametrize("without_a_runner", [False, True])
def test_a_killed_shim_takes_everything_with_it(host: Host, without_a_runner: bool) -> None:
    id_ = host.start(host.script("daemon", DAEMON), K="of nobody")
    daemon, child = int(said(host, id_, "")[0]), host.child(id_)
    held = host.shim(id_)
    if without_a_runner:
        host.kill_runner()
    kill(held)
    wait_for_end(child)
    host.until(id_, FAILED)
    assert host.reason(id_) == "it was killed together with its shim"
    assert shim.identity(daemon) == ""
    assert not (host.directory(id_) / shim.SECRETS).exists()
    host.process.stop(id_)
    host.start(ECHO)
    host.until(id_, RUNNING)


def test_a_killed_nursery_is_replaced(host: Host) -> None:
    first = host.start(ECHO, "a")
    host.until(first, RUNNING)
    nursery = int(Path(f"/proc/{host.shim(first)}/stat").read_text().rpartition(")")[2].split()[1])
    kill(nursery)
    second = host.start(ECHO, "b")
    host.until(second, RUNNING)
    assert host.ask(first) == host.ask(second) == b"hello"


def test_a_start_that_was_cut_off_is_no_instance(host: Host) -> None:
    host.process.look()
    host.kill_runner()
    cut = host.directory("uid/0.0/digest")
    cut.mkdir(parents=True)
    (cut / shim.SPEC).write_text("{}")
    assert host.process.list() == []
    assert not cut.exists()


# --------------------------------------------------------------------------- nobody there


def test_a_runner_without_servers_ends_with_everything(tmp_path: Path, path: Path) -> None:
    with running(tmp_path / "home", deadman=0.2) as host:
        id_ = host.start(ECHO)
        host.until(id_, RUNNING)
        runner, child = host.runner, host.child(id_)
        host.process.release()
        wait_for_end(runner)
        assert shim.identity(child) == ""
        assert host.processes() == []


def test_an_instance_without_a_runner_ends(tmp_path: Path, path: Path) -> None:
    with running(tmp_path / "home", deadman=0.2) as host:
        id_ = host.start(host.script("polite", POLITE))
        said(host, id_, "ready")
        held = host.shim(id_)
        host.kill_runner()
        wait_for_end(held)
        assert host.processes() == []
        assert host.state(id_) == FAILED or host.until(id_, FAILED) is None
        assert "nobody held" in host.reason(id_)


def test_a_server_that_ends_ends_its_instances(host: Host) -> None:
    id_ = host.start(ECHO)
    host.until(id_, RUNNING)
    runner = host.runner
    end(str(host.home), 30)
    assert shim.identity(runner) == ""
    assert host.processes() == []
    end(str(host.home), 30)  # once more, which does nothing


def test_there_is_one_runner(host: Host) -> None:
    other = Process(str(host.home))
    assert other.look() == ()
    runner = host.runner
    other.spawn()
    assert host.runner == runner
    assert len([line for _, line in host.processes() if "controlplane.runner" in line]) == 1


# A runner that is never ready: it goes into the background, or does not even do that.
HANGS = """#!{python} -IS
import os, signal
print(os.getpid(), file=open("{pids}", "w"))
if "{hangs}" == "late" and os.fork():
    os._exit(0)
print(os.getpid(), file=open("{pids}", "w"))
signal.pause()
"""


@pytest.mark.parametrize("hangs", ["early", "late"])
def test_a_runner_that_is_never_ready_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs: str
) -> None:
    put(tmp_path, "python", HANGS, pids=tmp_path / "pid", hangs=hangs)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(processes, "_SPAWN_SECONDS", 3.0)
    words = re.escape(f"not ready after 3 s: see {tmp_path}/home/run/runner.log")
    with pytest.raises(Unavailable, match=words):
        Process(str(tmp_path / "home")).spawn()
    pid = int((tmp_path / "pid").read_text())
    assert (shim.identity(pid) == "") is (hangs == "early")
    with suppress(ProcessLookupError):
        kill(pid)


def test_a_home_too_deep_for_a_socket(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="too long"):
        Process(str(tmp_path / ("x" * 100))).look()


def test_changes_wake(host: Host) -> None:
    """Also the change from no runner to one."""

    async def watch() -> None:
        woken = asyncio.Event()
        watching = asyncio.create_task(host.process.watch(woken.set))
        await asyncio.wait_for(woken.wait(), 30)
        woken.clear()
        await asyncio.to_thread(host.start, ECHO)
        await asyncio.wait_for(woken.wait(), 30)
        woken.clear()
        await asyncio.to_thread(host.kill_runner)
        await asyncio.wait_for(woken.wait(), 30)
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

    asyncio.run(watch())


def test_a_runner_that_cannot_be_brought_is_tried_again(
    host: Host, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processes, "_AGAIN_SECONDS", 0.0)
    spawn, failures = host.process.spawn, iter([OSError(errno.EMFILE, "too many open files")])

    def fragile() -> None:
        for failure in failures:
            raise failure
        spawn()

    monkeypatch.setattr(host.process, "spawn", fragile)

    async def watch() -> None:
        woken = asyncio.Event()
        watching = asyncio.create_task(host.process.watch(woken.set))
        await asyncio.wait(
            {watching, asyncio.create_task(woken.wait())},
            timeout=30,
            return_when=asyncio.FIRST_COMPLETED,
        )
        assert woken.is_set()
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

    asyncio.run(watch())
    assert "too many open files" in capfd.readouterr().err


# --------------------------------------------------------------------------- secrets


def test_secrets_are_in_one_private_file_and_nowhere_else(host: Host) -> None:
    body = "import os, time; print(open(os.environ['NVCF_SECRETS_PATH']).read()[:9], flush=True)"
    body += "; time.sleep(60)"
    id_ = host.start(host.script("opens", body), K="swordfish-7")
    assert said(host, id_, "") == ['{"K": "sw']
    secrets = host.directory(id_) / shim.SECRETS
    assert secrets.stat().st_mode & 0o777 == 0o600
    assert host.home.joinpath("run/runner.sock").stat().st_mode & 0o777 == 0o600
    holding = [p for p in host.home.rglob("*") if p.is_file() and b"swordfish-7" in p.read_bytes()]
    assert holding == [secrets]
    for pid, line in host.processes():
        assert "swordfish-7" not in line
        assert b"swordfish-7" not in Path(f"/proc/{pid}/environ").read_bytes()
    kill(host.child(id_))
    host.until(id_, FAILED)
    assert not secrets.exists()
