"""GPU: what nvidia-smi reports of the driver and of the first device."""

from __future__ import annotations

from aicr import programs
from aicr.collect.facts import Data, Facts
from aicr.errors import AicrError, NotFound, Unavailable

KIND = "GPU"
SECONDS = 10
# Element of the report -> key of the reading.
_DRIVER = {"driver_version": "driver", "cuda_version": "cuda-version"}
_DEVICE = {
    "product_name": "gpu.model",
    "product_architecture": "gpu.product-architecture",
    "display_mode": "gpu.display-mode",
    "display_active": "gpu.display-active",
    "persistence_mode": "gpu.persistence-mode",
    "addressing_mode": "gpu.addressing-mode",
    "vbios_version": "gpu.vbios-version",
    "gsp_firmware_version": "gpu.gsp-firmware-version",
}


def collect() -> Facts:
    """The driver and its devices; a machine without nvidia-smi has none."""
    try:
        report = programs.run(["nvidia-smi", "-q", "-x"], SECONDS)
    except NotFound:
        return Facts({"smi": {"gpu-count": 0}})
    except AicrError as e:  # there may be devices: no count is better than a wrong one
        return Facts({}, (f"{KIND}: {e.message}",))
    return Facts({"smi": readings(report)})


def readings(report: str) -> Data:
    """The readings of an XML report of nvidia-smi. Raises Unavailable when it is none."""
    # A local program's output, not a stranger's; expat refuses entities that grow.
    from xml.etree import ElementTree as ET

    try:
        log = ET.fromstring(report)  # noqa: S314
    except ET.ParseError as e:
        raise Unavailable(f"nvidia-smi answered something else than XML: {e}") from None
    devices = log.findall("gpu")
    found: Data = {"gpu-count": len(devices)}
    for element, names in ((log, _DRIVER), *((device, _DEVICE) for device in devices[:1])):
        texts = {key: (element.findtext(tag) or "").strip() for tag, key in names.items()}
        found |= {key: text for key, text in texts.items() if text}
    return found
