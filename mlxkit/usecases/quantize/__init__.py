"""Quantized weights from a checkpoint: every layer's scheme said, what was skipped said too."""

from mlxkit.usecases.quantize.plan import ENCODERS, QuantizePlan
from mlxkit.usecases.quantize.result import Point, Quality, QuantizeResult
from mlxkit.usecases.quantize.verb import quantize

__all__ = ["ENCODERS", "Point", "Quality", "QuantizePlan", "QuantizeResult", "quantize"]
