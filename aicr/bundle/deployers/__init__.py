"""One module per way of deploying; each turns the same components into files.

A deployer module has TITLE, `files(bundle, renderer)` and `next_steps(target)`.
"""

from importlib import import_module
from types import ModuleType

DEFAULT = "helm"
# Those whose controller pulls the bundle from Git (--repo).
READ_A_REPOSITORY = ("argocd", "flux")
# Where their controller reads from when nobody said.
PLACEHOLDER_REPO = "https://github.com/YOUR-ORG/YOUR-REPO.git"
DEPLOYERS = ("argocd", "flux", "helm", "helmfile")


def deployer(name: str) -> ModuleType:
    """The module of a deployer; only the one that is used gets loaded."""
    return import_module(f"{__name__}.{name}")
