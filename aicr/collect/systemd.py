"""SystemD: the units that run containers."""

from __future__ import annotations

from aicr import programs
from aicr.collect.facts import Data, Facts
from aicr.errors import AicrError

KIND = "SystemD"
SECONDS = 10
UNITS = ("containerd.service", "docker.service", "kubelet.service")
# How a unit is set up and whether it runs. Not asked for: process ids, times and counters, which
# differ at each reading, and the environment, which may hold secrets.
PROPERTIES = (
    "Id", "Description", "LoadState", "ActiveState", "SubState", "Result", "UnitFileState",
    "UnitFilePreset", "FragmentPath", "DropInPaths", "Type", "Restart", "User", "Group", "Slice",
    "ControlGroup", "Delegate", "KillMode", "OOMScoreAdjust", "TasksMax", "MemoryMax",
    "CPUAccounting", "MemoryAccounting", "LimitCORE", "LimitMEMLOCK", "LimitNOFILE", "LimitNPROC",
)  # fmt: skip


def collect() -> Facts:
    """What systemctl says of each unit that exists."""
    asked = f"--property={','.join(PROPERTIES)}"
    try:
        text = programs.run(["systemctl", "show", "--no-pager", asked, *UNITS], SECONDS)
    except AicrError as e:
        return Facts({}, (f"{KIND}: {e.message}",))
    return Facts(units(text))


def units(text: str) -> dict[str, Data]:
    """Properties by unit, from blocks in the order of UNITS, one blank line apart.

    By position and not by Id: that of an alias is another unit's.
    """
    blocks = [_properties(block) for block in text.strip().split("\n\n")]
    return {
        unit: data
        for unit, data in zip(UNITS, blocks, strict=False)
        if data.get("LoadState", "not-found") != "not-found"
    }


def _properties(block: str) -> Data:
    pairs = (line.partition("=") for line in block.splitlines())
    return {key: value for key, equals, value in pairs if equals}
