"""Options that say how a Job in the cluster runs, and their checks."""

from __future__ import annotations

import re
from typing import Any

import click

from aicr.bundle.options import selector, tolerations
from aicr.cli.options import Command, single
from aicr.errors import InvalidRequest

_DURATION = re.compile(r"([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+|0")


def _duration(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if not _DURATION.fullmatch(value):
        raise click.BadParameter(f'invalid duration "{value}" (examples: 90s, 5m, 1h30m)')
    return value


_OPTIONS = (
    single(
        "--namespace",
        "-n",
        envvar="AICR_NAMESPACE",
        help="Namespace of the Job (default: default).",
    ),
    single("--image", envvar="AICR_IMAGE", help="Image that it runs."),
    click.option(
        "--image-pull-secret",
        multiple=True,
        metavar="NAME",
        help="Secret to pull it with. Repeatable.",
    ),
    single("--job-name", metavar="NAME", help="Name of the Job (default aicr)."),
    single(
        "--service-account-name", metavar="NAME", help="Account that it runs as (default aicr)."
    ),
    click.option(
        "--node-selector", multiple=True, metavar="KEY=VALUE", help="Nodes for it. Repeatable."
    ),
    click.option(
        "--toleration", multiple=True, metavar="TAINT", help="Taint it tolerates (default all)."
    ),
    click.option(
        "--timeout",
        default="5m",
        callback=_duration,
        metavar="DURATION",
        help="How long to wait for it (default 5m).",
    ),
    click.option("--no-cleanup", is_flag=True, help="Leave the Job in the cluster."),
    click.option(
        "--privileged",
        type=bool,
        is_flag=False,
        flag_value="true",
        default=True,
        metavar="[true|false]",
        help="Privileged pod (default true).",
    ),
    click.option(
        "--require-gpu", is_flag=True, envvar="AICR_REQUIRE_GPU", help="Reserve a GPU for it."
    ),
    single(
        "--runtime-class",
        envvar="AICR_RUNTIME_CLASS",
        metavar="NAME",
        help="Runtime class that shows the GPUs without taking one (nvidia).",
    ),
)

NAMES = (
    "namespace", "image", "image_pull_secret", "job_name", "service_account_name",
    "node_selector", "toleration", "timeout", "no_cleanup", "privileged", "require_gpu",
    "runtime_class",
)  # fmt: skip


def job_options(command: Command) -> Command:
    """Adds the flags that say how a Job runs."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def check_job(params: dict[str, Any]) -> None:
    """Everything that can be wrong with them. Raises InvalidRequest."""
    selector(params["node_selector"], "node-selector")
    tolerations(params["toleration"], "toleration")
    if params["require_gpu"] and params["runtime_class"]:
        raise InvalidRequest(
            "--require-gpu and --runtime-class are mutually exclusive; --runtime-class shows the "
            "GPUs without taking one away from other work"
        )


def unused(ctx: click.Context) -> list[str]:
    """What to say of the Job's flags on a command line that starts none."""
    typed = [
        n for n in NAMES if ctx.get_parameter_source(n) is click.core.ParameterSource.COMMANDLINE
    ]
    return [f"--{name.replace('_', '-')} has no effect: no Job is started" for name in typed]
