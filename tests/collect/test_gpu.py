"""GPU facts, from a report of nvidia-smi."""

from __future__ import annotations

import pytest

from aicr.collect import gpu
from aicr.errors import Unavailable
from tests.conftest import Program

DEVICE = """
<gpu id="00000000:{bus}:00.0">
  <product_name>{model}</product_name>
  <product_architecture>Hopper</product_architecture>
  <display_mode>Enabled</display_mode>
  <display_active>Disabled</display_active>
  <persistence_mode>Enabled</persistence_mode>
  <addressing_mode>HMM</addressing_mode>
  <vbios_version>96.00.89.00.01</vbios_version>
  <gsp_firmware_version></gsp_firmware_version>
</gpu>"""
REPORT = (
    '<?xml version="1.0" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">\n'
    "<nvidia_smi_log><driver_version>570.133.20</driver_version><cuda_version>12.8</cuda_version>"
    f"{DEVICE.format(bus='01', model='NVIDIA H100 80GB HBM3')}"
    f"{DEVICE.format(bus='02', model='NVIDIA A100')}</nvidia_smi_log>"
)


def test_the_driver_and_the_first_device() -> None:
    assert gpu.readings(REPORT) == {
        "gpu-count": 2,
        "driver": "570.133.20",
        "cuda-version": "12.8",
        "gpu.model": "NVIDIA H100 80GB HBM3",
        "gpu.product-architecture": "Hopper",
        "gpu.display-mode": "Enabled",
        "gpu.display-active": "Disabled",
        "gpu.persistence-mode": "Enabled",
        "gpu.addressing-mode": "HMM",
        "gpu.vbios-version": "96.00.89.00.01",
    }


def test_a_driver_without_devices() -> None:
    report = "<nvidia_smi_log><driver_version>570</driver_version></nvidia_smi_log>"
    assert gpu.readings(report) == {"gpu-count": 0, "driver": "570"}


@pytest.mark.parametrize("report", ["", "No devices were found", "<a><b></a>"])
def test_what_is_no_report(report: str) -> None:
    with pytest.raises(Unavailable, match="something else than XML"):
        gpu.readings(report)


def test_entities_do_not_grow() -> None:
    layers = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    with pytest.raises(Unavailable):
        gpu.readings(f'<!DOCTYPE x [<!ENTITY e0 "aaaaaaaaaa">{layers}]><x>&e11;</x>')


def test_without_nvidia_smi_there_is_none(no_programs: None) -> None:
    assert gpu.collect() == gpu.Facts({"smi": {"gpu-count": 0}})


def test_a_broken_driver_is_not_counted(program: Program) -> None:
    program("nvidia-smi", "echo 'cannot talk to the driver' >&2; exit 9")
    assert gpu.collect() == gpu.Facts({}, ("GPU: nvidia-smi failed: cannot talk to the driver",))
