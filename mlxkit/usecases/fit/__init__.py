"""Telling before anything is downloaded whether a model fits, and how fast it will be."""

from mlxkit.usecases.fit.listing import DevicesResult, list_devices
from mlxkit.usecases.fit.plan import FitPlan
from mlxkit.usecases.fit.result import FitResult, Row
from mlxkit.usecases.fit.reversing import ReverseResult, Room, reverse
from mlxkit.usecases.fit.verb import fit

__all__ = ["DevicesResult", "FitPlan", "FitResult", "ReverseResult", "Room", "Row", "fit", "list_devices", "reverse"]
