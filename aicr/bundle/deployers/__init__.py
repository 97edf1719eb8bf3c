"""One module per way of deploying; each turns the same components into files.

A deployer module has TITLE, `files(bundle, renderer)` and `next_steps(target)`.
"""

from types import ModuleType

from aicr.bundle.deployers import argocd, flux, helm, helmfile

DEFAULT = "helm"
DEPLOYERS: dict[str, ModuleType] = {
    "argocd": argocd,
    "flux": flux,
    "helm": helm,
    "helmfile": helmfile,
}
