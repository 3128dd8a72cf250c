"""Devices that a model can be fitted for: which there are, and which one a name means."""

from mlxkit.core.devices.described import SHIPPED, devices
from mlxkit.core.devices.figures import Confidence, Device, Figure, Kind, Speed
from mlxkit.core.devices.naming import device

__all__ = ["SHIPPED", "Confidence", "Device", "Figure", "Kind", "Speed", "device", "devices"]
