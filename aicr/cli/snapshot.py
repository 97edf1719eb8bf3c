"""`aicr snapshot`: what there is on a machine and in its cluster."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import click

from aicr._version import __version__
from aicr.cli import output
from aicr.cli.jobs import check_job, job_options, unused
from aicr.cli.options import format_option, single
from aicr.cli.suffix import format_for, misnamed
from aicr.errors import AicrError, Internal, InvalidRequest, NotFound

_PROBE_SECONDS = 10
DEFAULT = "yaml"


@click.command("snapshot")
@single(
    "--output",
    "-o",
    "target",
    metavar="FILE",
    help="File or cm://namespace/name (default: stdout).",
)
@format_option("yaml", "json", "table", default=DEFAULT, by_name=True)
@single("--template", metavar="FILE", help="Jinja template that makes the output.")
@click.option(
    "--max-nodes-per-entry",
    type=int,
    default=0,
    envvar="AICR_MAX_NODES_PER_ENTRY",
    metavar="N",
    help="Names of nodes per taint and label (default 0: all).",
)
@click.option("--local", is_flag=True, help="Measure this machine, without a Job in the cluster.")
@click.option("--kubeconfig", "-k", default=None, metavar="FILE", help="How to reach the cluster.")
@job_options
@click.pass_context
def command(ctx: click.Context, /, **params: Any) -> None:
    """Measure a machine and its cluster: OS, systemd units, GPUs, Kubernetes, nodes.

    What cannot be reached is left out with a warning. `--local` and AICR_AGENT_MODE=true measure
    this machine; measuring a node by a Job in the cluster is not built yet.

    \b
    aicr snapshot --local -o snapshot.yaml
    aicr snapshot --local -o cm://gpu-operator/aicr-snapshot
    aicr snapshot --local --template report.j2
    """
    template = _checked(params)
    if not (params["local"] or _agent_mode()):
        raise _no_job(params["kubeconfig"])
    if template is None:
        output.warn(misnamed(params["target"], params["output_format"]))
    output.warn(unused(ctx))
    document, warnings = _measured(params["kubeconfig"], params["max_nodes_per_entry"])
    output.warn(warnings)
    if template is not None:
        output.emit(_rendered(document, params["template"], template), params["target"])
    else:
        _write(document, params)


def _checked(params: dict[str, Any]) -> str | None:
    """Refuses what cannot work before any work is done, and settles the format; the template's
    text, if there is one."""
    template = params["template"]
    text = None
    if template is not None:
        text = _template(template, params["output_format"])
    else:
        params["output_format"] = format_for(params["target"], params["output_format"], DEFAULT)
    check_job(dict(params))
    if params["max_nodes_per_entry"] < 0:
        raise InvalidRequest("--max-nodes-per-entry must be >= 0")
    if _is_configmap(params["target"]):
        from aicr import configmap

        configmap.address(params["target"])
        if template is not None:
            raise InvalidRequest("--template writes to a file or to stdout, not to a ConfigMap")
    return text


def _template(path: str, output_format: str | None) -> str:
    if output_format not in (None, DEFAULT):
        raise InvalidRequest('--template requires YAML format; --format must be "yaml" or omitted')
    if not os.path.exists(path):
        raise NotFound(f"template file not found: {path}")
    if os.path.isdir(path):
        raise InvalidRequest(f"template path is a directory, not a file: {path}")
    from aicr.inputs import read_bytes

    try:
        return read_bytes(path, "--template").decode()
    except UnicodeDecodeError:
        raise InvalidRequest(f"--template: {path} is not UTF-8") from None


def _agent_mode() -> bool:
    return os.environ.get("AICR_AGENT_MODE", "").strip().lower() == "true"


def _no_job(kubeconfig: str | None) -> AicrError:
    """Why nothing was measured: no cluster, or no way yet to measure one of its nodes."""
    from aicr import kubectl

    advice = "AICR_AGENT_MODE=true (or --local) measures this machine"
    try:
        kubectl.ask(["version"], kubeconfig, _PROBE_SECONDS)
    except AicrError as e:
        return Internal(f"no cluster can be reached: {e.message}; {advice}")
    return Internal(f"starting a Job in the cluster is not built yet; {advice} and its cluster")


def _measured(kubeconfig: str | None, most: int) -> tuple[dict[str, Any], list[str]]:
    import platform

    from aicr import clock
    from aicr.collect.document import document
    from aicr.collect.measure import collectors, measure

    timestamp = clock.stamp(clock.now())
    node = os.environ.get("NODE_NAME") or platform.node()
    found = list(measure(collectors(node, kubeconfig, most)))
    warnings = [text for _, facts in found for text in facts.warnings]
    return document(found, __version__, timestamp, node), warnings


def _rendered(document: Mapping[str, Any], path: str, template: str) -> str:
    """The template's text, with the document's parts under capital letters, and its readings."""
    from aicr.render import Renderer
    from aicr.snapshot import readings

    return Renderer({path: template}).render(
        path,
        Kind=document["kind"],
        ApiVersion=document["apiVersion"],
        Metadata=document["metadata"],
        Measurements=document["measurements"],
        Readings=readings(document, path),
    )


def _write(document: dict[str, Any], params: Mapping[str, Any]) -> None:
    output_format, target = params["output_format"], params["target"]
    text = (
        _table(document) if output_format == "table" else output.document(document, output_format)
    )
    if not _is_configmap(target):
        output.emit(text, target)
        return
    from aicr import configmap

    suffix = "txt" if output_format == "table" else output_format
    configmap.write(target, text, suffix, params["kubeconfig"], "snapshot")


def _table(document: dict[str, Any]) -> str:
    from aicr.collect.document import rows

    return output.table(("TYPE", "SUBTYPE", "KEY", "VALUE"), rows(document))


def _is_configmap(target: str | None) -> bool:
    return bool(target and target.startswith("cm://"))
