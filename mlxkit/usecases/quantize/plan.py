"""What to quantize into what."""

from dataclasses import dataclass
from pathlib import Path

from mlxkit.core.errors import PlanError
from mlxkit.core.rules import Rule
from mlxkit.core.schemes import Scheme
from mlxkit.core.sizes import size_text

ENCODERS = ("minmax", "lsq", "feedback")

ROW_TOKENS = 512
"""Length of a row of calibration text."""


@dataclass(frozen=True)
class QuantizePlan:
    """What to quantize into what. Exactly one of schemes, mix, bits per weight, maximal size and device is given.

    Attributes:
        source: what `locate` knows: a folder, a repo or ``tiny``.
        destination: the folder to be; with several schemes or budgets, a folder of one checkpoint each.
        schemes: of every layer that its width and the model's own class allow; each makes a checkpoint.
        mix: one of mlx-lm's named mixes.
        bits_per_weight: budgets of all tensors together, unquantized ones included, over all parameters.
        max_bytes: a budget of all tensors together.
        device: the budget is what this device leaves for weights, beside cache and workspace.
        context: tokens that it is to hold besides.
        rules: what single layers get, whatever else is asked; the first that matches wins.
        encoder: ``minmax``, ``lsq`` or ``feedback``; None for the best that there are statistics for.
        calibration: a file with text; None for text that the model writes itself.
        calibration_tokens: how much of it statistics are taken on.
        seed: of the text that the model writes and of the labels that are drawn.
        polish: train scales and biases on the answers of the original afterwards.
        method: ``awq`` or ``gptq``, mlx-lm's own functions.
        dtype: of scales, biases and what stays unquantized; None keeps 16-bit floats and makes float32 bfloat16.
        shard_bytes: upper bound of one weight file.
        requantize: take a source that is quantized already, and dequantize it first.
        force: replace an existing destination.
        trust_remote_code: run code that comes with the checkpoint.
        explain: say which kinds of layer got what, and which layers are the most sensitive.

    Raises:
        PlanError: the wishes contradict each other.
    """

    source: str
    destination: Path
    schemes: tuple[Scheme, ...] = ()
    mix: str | None = None
    bits_per_weight: tuple[float, ...] = ()
    max_bytes: int | None = None
    device: str | None = None
    context: int | None = None
    rules: tuple[Rule, ...] = ()
    encoder: str | None = None
    calibration: Path | None = None
    calibration_tokens: int = 16384
    seed: int = 0
    polish: bool = False
    method: str | None = None
    dtype: str | None = None
    shard_bytes: int = 10**9
    requantize: bool = False
    force: bool = False
    trust_remote_code: bool = False
    explain: bool = False

    def __post_init__(self) -> None:
        goals = [self.schemes or None, self.mix, self.bits_per_weight or None, self.max_bytes, self.device]
        given = sum(goal is not None for goal in goals)
        if given != 1:
            raise PlanError(
                f"{'Nothing says' if given == 0 else 'More than one option says'} how small the result is to be.",
                hint="give one of --bits-per-weight 4.5, --max-size 2.5GB, --device 'M4 16GB', --scheme 4bit",
            )
        if self.context is not None and self.device is None:
            raise PlanError("--context is what a --device is to hold.", hint="mlxkit quantize SRC DEST --device NAME")
        if self.method and (len(self.schemes) != 1 or self.rules or self.encoder or self.polish):
            raise PlanError(
                f"--method {self.method} is mlx-lm's own: it takes one --scheme, and no rule, encoder or polish.",
                hint=f"mlxkit quantize SRC DEST --scheme 4bit --method {self.method}",
            )
        if self.is_budgeted and self.encoder == "minmax":
            raise PlanError(
                "--encoder minmax has no part in a budget: its errors are not the ones that are predicted.",
                hint="leave --encoder out, or give a --scheme",
            )

    @property
    def is_budgeted(self) -> bool:
        """Whether schemes are chosen layer by layer, to fit a size."""
        return bool(self.bits_per_weight) or self.max_bytes is not None or self.device is not None

    @property
    def makes_several(self) -> bool:
        """Whether the destination holds a folder for each checkpoint."""
        return len(self.schemes) > 1 or len(self.bits_per_weight) > 1

    @property
    def needs_text(self) -> bool:
        """Whether statistics are taken on text."""
        wishes = (self.is_budgeted, self.encoder == "feedback", self.polish, self.calibration is not None)
        return self.method is None and any(wishes)

    @property
    def chosen_encoder(self) -> str:
        """The encoder that is used."""
        return self.encoder or ("feedback" if self.needs_text else "lsq")

    @property
    def goal(self) -> str:
        """What was asked for, in a few words."""
        if self.schemes:
            return ", ".join(scheme.name for scheme in self.schemes)
        if self.mix is not None:
            return self.mix
        if self.max_bytes is not None:
            return f"at most {size_text(self.max_bytes)}"
        return f"{', '.join(f'{bits:.15g}' for bits in self.bits_per_weight)} bits per weight"
