"""`aicr bundle`: a recipe to a deployable tree or archive."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import click

from aicr.bundle import settings
from aicr.bundle.assemble import assemble
from aicr.bundle.compile import Bundle
from aicr.bundle.deliver import Delivery, deliver, unpacked
from aicr.bundle.deliver import check as check_delivery
from aicr.bundle.deployers import DEFAULT, DEPLOYERS, deployer
from aicr.bundle.options import Options, selector, taint, tolerations
from aicr.bundle.signature import private_key
from aicr.cli import output
from aicr.cli.options import Command, check_pin, data_option, open_catalog, single
from aicr.errors import InvalidRequest, NotFound
from aicr.inputs import read_document
from aicr.recipefile import check


def _many(name: str, metavar: str, text: str) -> Callable[[Command], Command]:
    return click.option(name, multiple=True, metavar=metavar, help=text + " Repeatable.")


def _settings(command: Command) -> Command:
    for flag, form in reversed(settings.FORMS.items()):
        command = _many(flag, f"COMPONENT:PATH={form.metavar}", form.help)(command)
    return command


_OUTPUT = "Directory (default .), .zip, .tar.gz, oci-layout:DIR or oci://HOST/REPOSITORY[:TAG]."


@click.command("bundle")
@single(
    "--recipe", "-r", "recipe_file", metavar="FILE", help="Recipe file, URL or cm:// (required)."
)
@single("--output", "-o", "target", metavar="PATH", help=_OUTPUT)
@single(
    "--deployer", "-d", metavar="NAME", help=f"One of {', '.join(DEPLOYERS)} (default {DEFAULT})."
)
@single("--repo", metavar="URL", help="Git repository that Argo CD or Flux reads.")
@_many(settings.VALUES, "FILE", "Helm values by component, below every --set.")
@_settings
@_many("--bundlers", "NAME[,NAME]", "Only these components.")
@_many("--system-node-selector", "KEY=VALUE", "Where system components run.")
@_many("--system-node-toleration", "TAINT", "Taint they tolerate (key=value:Effect, key:Effect).")
@_many("--accelerated-node-selector", "KEY=VALUE", "Which nodes have GPUs.")
@_many("--accelerated-node-toleration", "TAINT", "Taint of GPU nodes.")
@_many("--workload-selector", "KEY=VALUE", "Labels of workloads that must not be interrupted.")
@click.option("--workload-gate", default="", metavar="TAINT", help="Taint until a node is tuned.")
@click.option("--nodes", type=int, default=0, metavar="N", help="Estimated number of GPU nodes.")
@single("--sign", metavar="KEY", help="Sign the checksums with the Ed25519 key in this file.")
@data_option
@click.option("--kubeconfig", "-k", default=None, metavar="FILE", help="For cm:// addresses.")
@click.option("--force", is_flag=True, help="Replace a directory that holds something else.")
@click.option("--plain-http", is_flag=True, help="Talk to the registry without TLS.")
@click.option("--insecure-tls", is_flag=True, help="Do not check the registry's certificate.")
@single("--image-refs", metavar="FILE", help="Write the pushed reference, by digest, to FILE.")
@click.option("--attest", is_flag=True, help="Sign with Sigstore (only NVIDIA's own releases can).")
@single("--certificate-identity-regexp", metavar="RE", help="Identity that --attest must have.")
@click.pass_context
def command(ctx: click.Context, /, **params: Any) -> None:
    """Make a deployable bundle of a recipe.

    \b
    aicr bundle -r recipe.yaml -o stack
    aicr bundle -r recipe.yaml -o stack.zip --deployer argocd --repo https://git.example/gpu.git
    """
    if params["recipe_file"] is None:
        raise click.UsageError('Required flag "recipe" not set', ctx)
    options = _options(params)
    _attestation(params["attest"], params["certificate_identity_regexp"])
    to = Delivery(
        params["target"] or ".",
        force=params["force"],
        plain_http=params["plain_http"],
        insecure_tls=params["insecure_tls"],
        image_refs=params["image_refs"] or "",
    )
    check_delivery(to)
    key = private_key(params["sign"]) if params["sign"] else None
    recipe = _recipe(params["recipe_file"], params["kubeconfig"])
    catalog = open_catalog(params)
    bundle, files = assemble(catalog, recipe, options, key)
    pinned = deliver(files, to)
    output.emit(_summary(bundle, to, len(files), pinned))


def _recipe(source: str, kubeconfig: str | None) -> dict[str, Any]:
    try:
        document, _ = read_document(source, "--recipe", kubeconfig)
    except NotFound:
        if "://" in source:
            raise
        raise InvalidRequest(f"recipe file not found: {os.path.abspath(source)}") from None
    return check(document, source)


def _attestation(attest: bool, pattern: str | None) -> None:
    """What of --attest can be said: signing with Sigstore needs an attested program, which only
    NVIDIA's releases are. Raises NotFound or InvalidRequest."""
    check_pin(pattern)
    if attest:
        path = f"{os.path.abspath(sys.argv[0])}-attestation.sigstore.json"
        raise NotFound(f"--attest: {path} does not exist; sign with a key of your own (--sign KEY)")
    if pattern:
        raise InvalidRequest("--certificate-identity-regexp has no effect without --attest")


def _options(params: dict[str, Any]) -> Options:
    name = (params["deployer"] or DEFAULT).strip().lower()
    if name not in DEPLOYERS:
        names = " ".join(DEPLOYERS)
        words = f'invalid deployer type "{params["deployer"]}": must be one of [{names}]'
        raise InvalidRequest(f"invalid --deployer value: {words}")
    _check_text(params)
    if params["nodes"] < 0:
        raise InvalidRequest("--nodes must be >= 0")
    gate = params["workload_gate"]
    return Options(
        deployer=name,
        repo=params["repo"] or "",
        values=tuple(s for path in params["values"] for s in settings.from_values(path)),
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


def _check_text(params: dict[str, Any]) -> None:
    """What is no text in UTF-8 cannot get into any file. Raises InvalidRequest."""
    for name, value in params.items():
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str) and any("\ud800" <= c <= "\udfff" for c in text):
                flag = name.replace("_", "-")
                raise InvalidRequest(f"--{flag}: {text!r} is not UTF-8 text")


def _summary(bundle: Bundle, to: Delivery, count: int, pinned: str) -> str:
    deploy = deployer(bundle.options.deployer)
    lines = ["", f"{deploy.TITLE} generated successfully!", f"Output: {to.target}"]
    lines += [f"Files generated: {count}", *([f"Digest: {pinned}"] if pinned else []), ""]
    if bundle.notes:
        lines += ["Note:", *(f"  ⚠ {note}" for note in bundle.notes), ""]
    unpack, directory = unpacked(to, pinned)
    numbered = (f"  {i}. {s}" for i, s in enumerate([*unpack, *deploy.next_steps(directory)], 1))
    return "\n".join([*lines, "To deploy:", *numbered, ""])
