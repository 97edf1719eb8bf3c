"""`aicr bundle`: a recipe to a deployable tree or archive."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import click

from aicr.bundle import checksums, settings
from aicr.bundle.compile import Bundle, compile_bundle
from aicr.bundle.deployers import DEFAULT, DEPLOYERS
from aicr.bundle.options import Options, selector, taint, tolerations
from aicr.bundle.render import renderer_of
from aicr.bundle.write import write
from aicr.cli import output
from aicr.cli.options import Command, data_option, open_catalog, single
from aicr.errors import AicrError, InvalidRequest, NotFound, Unavailable
from aicr.inputs import read_document
from aicr.recipefile import check


def _many(name: str, metavar: str, text: str) -> Callable[[Command], Command]:
    return click.option(name, multiple=True, metavar=metavar, help=text + " Repeatable.")


def _settings(command: Command) -> Command:
    for flag, form in reversed(settings.FORMS.items()):
        command = _many(flag, f"COMPONENT:PATH={form.metavar}", form.help)(command)
    return command


@click.command("bundle")
@single(
    "--recipe", "-r", "recipe_file", metavar="FILE", help="Recipe file, URL or cm:// (required)."
)
@single("--output", "-o", "target", metavar="PATH", help="Directory, .zip or .tar.gz (default .).")
@single(
    "--deployer", "-d", metavar="NAME", help=f"One of {', '.join(DEPLOYERS)} (default {DEFAULT})."
)
@single("--repo", metavar="URL", help="Git repository that Argo CD or Flux reads.")
@_settings
@_many("--bundlers", "NAME[,NAME]", "Only these components.")
@_many("--system-node-selector", "KEY=VALUE", "Where system components run.")
@_many("--system-node-toleration", "TAINT", "Taint they tolerate (key=value:Effect, key:Effect).")
@_many("--accelerated-node-selector", "KEY=VALUE", "Which nodes have GPUs.")
@_many("--accelerated-node-toleration", "TAINT", "Taint of GPU nodes.")
@_many("--workload-selector", "KEY=VALUE", "Labels of workloads that must not be interrupted.")
@click.option("--workload-gate", default="", metavar="TAINT", help="Taint until a node is tuned.")
@click.option("--nodes", type=int, default=0, metavar="N", help="Estimated number of GPU nodes.")
@data_option
@click.option("--kubeconfig", "-k", default=None, metavar="FILE", help="For cm:// addresses.")
@click.option("--force", is_flag=True, help="Replace a directory that holds something else.")
@click.pass_context
def command(ctx: click.Context, /, force: bool, **params: Any) -> None:
    """Make a deployable bundle of a recipe.

    \b
    aicr bundle -r recipe.yaml -o stack
    aicr bundle -r recipe.yaml -o stack.zip --deployer argocd --repo https://git.example/gpu.git
    """
    if params["recipe_file"] is None:
        raise click.UsageError('Required flag "recipe" not set', ctx)
    options = _options(params)
    deploy = DEPLOYERS[options.deployer]
    target = params["target"] or "."
    if target.startswith("oci://"):
        raise _no_registry(target)
    recipe = _recipe(params["recipe_file"], params["kubeconfig"])
    catalog = open_catalog(params)
    bundle = compile_bundle(catalog, recipe, options)
    files = deploy.files(bundle, renderer_of(catalog))
    files.append(checksums.of(files))
    write(files, target, force=force)
    output.emit(_summary(bundle, target, len(files)))


def _recipe(source: str, kubeconfig: str | None) -> dict[str, Any]:
    try:
        document, _ = read_document(source, "--recipe", kubeconfig)
    except NotFound:
        if "://" in source:
            raise
        raise InvalidRequest(f"recipe file not found: {os.path.abspath(source)}") from None
    return check(document, source)


_REFERENCE = re.compile(
    r"oci://[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?"
)


def _no_registry(target: str) -> AicrError:
    if not _REFERENCE.fullmatch(target):
        words = "invalid OCI reference: invalid reference format (lower-case host/repository[:tag])"
        return InvalidRequest(f"invalid --output value: {words}")
    return Unavailable(f"{target}: pushing to a registry is not built yet; write a .tar.gz instead")


def _options(params: dict[str, Any]) -> Options:
    deployer = (params["deployer"] or DEFAULT).strip().lower()
    if deployer not in DEPLOYERS:
        names = " ".join(sorted(DEPLOYERS))
        words = f'invalid deployer type "{params["deployer"]}": must be one of [{names}]'
        raise InvalidRequest(f"invalid --deployer value: {words}")
    if params["nodes"] < 0:
        raise InvalidRequest("--nodes must be >= 0")
    gate = params["workload_gate"]
    return Options(
        deployer=deployer,
        repo=params["repo"] or "",
        settings=tuple(
            setting
            for flag in settings.FORMS
            for setting in settings.parse_all(params[flag[2:].replace("-", "_")], flag)
        ),
        bundlers=tuple(word.strip() for text in params["bundlers"] for word in text.split(",")),
        system_selector=selector(params["system_node_selector"], "--system-node-selector"),
        system_tolerations=tolerations(
            params["system_node_toleration"], "--system-node-toleration"
        ),
        accelerated_selector=selector(
            params["accelerated_node_selector"], "--accelerated-node-selector"
        ),
        accelerated_tolerations=tolerations(
            params["accelerated_node_toleration"], "--accelerated-node-toleration"
        ),
        workload_selector=selector(params["workload_selector"], "--workload-selector"),
        workload_gate=taint(gate, "--workload-gate") if gate else "",
        nodes=params["nodes"],
    )


def _summary(bundle: Bundle, target: str, count: int) -> str:
    deploy = DEPLOYERS[bundle.options.deployer]
    lines = ["", f"{deploy.TITLE} generated successfully!", f"Output: {target}"]
    lines += [f"Files generated: {count}", ""]
    if bundle.notes:
        lines += ["Note:", *(f"  ⚠ {note}" for note in bundle.notes), ""]
    numbered = [f"  {i}. {step}" for i, step in enumerate(deploy.next_steps(target), 1)]
    return "\n".join([*lines, "To deploy:", *numbered, ""])
