"""Muon for the matrices inside the layers, AdamW for the vocabulary's matrices and the norms, one schedule for both.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) takes the momentum of a matrix to the nearest
orthogonal one. Written out here, because matrices of one shape then share one batched product: on a CPU that is what
makes it cheap; the processes of a run share the products out among themselves.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, distributed, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # quintic Newton-Schulz, from the reference implementation
_ITERATIONS = 5
_VOCABULARY = ("embed_tokens", "lm_head")  # matrices with one row per token


def orthogonalized(matrices: Tensor) -> Tensor:
    """Return (count, rows, columns) with each matrix's singular values taken near one; rows must not exceed columns."""
    a, b, c = _COEFFICIENTS
    x = (matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16()
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.float()


def shared_out(matrices: Tensor) -> Tensor:
    """Return all matrices orthogonalized, of which this process has computed every n-th."""
    is_shared = distributed.is_initialized()
    rank, processes = (distributed.get_rank(), distributed.get_world_size()) if is_shared else (0, 1)
    mine, whole = matrices[rank::processes], torch.zeros_like(matrices)
    is_tall = matrices.shape[1] > matrices.shape[2]
    whole[rank::processes] = orthogonalized(mine.mT).mT if is_tall else orthogonalized(mine)
    if is_shared:
        distributed.all_reduce(whole)
    return whole


class Muon:
    """Nesterov momentum, orthogonalized, with decoupled weight decay; parameters of one shape are updated together."""

    def __init__(self, weights: Iterable[Tensor], rate: float, momentum: float = 0.95, decay: float = 0.05) -> None:
        """Group the weights by shape; `rate` is the step at scale 1."""
        by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
        for weight in weights:
            by_shape[weight.shape].append(weight)
        self.groups = list(by_shape.values())
        self.moments = [torch.zeros(len(group), *group[0].shape) for group in self.groups]
        self.rate, self.momentum, self.decay = rate, momentum, decay

    @torch.no_grad()
    def step(self, scale: float) -> None:
        """Update all weights from their gradients with the rate times `scale`."""
        rate = self.rate * scale
        for group, moment in zip(self.groups, self.moments, strict=True):
            gradient = torch.stack([weight.grad for weight in group if weight.grad is not None])
            moment.lerp_(gradient, 1 - self.momentum)
            ahead = gradient.lerp(moment, self.momentum)
            update = shared_out(ahead) * max(1.0, ahead.shape[1] / ahead.shape[2]) ** 0.5
            for weight, change in zip(group, update, strict=True):
                weight.mul_(1 - rate * self.decay).sub_(change, alpha=rate)


class Optimizer:
    """Both optimizers behind one step."""

    def __init__(self, model: nn.Module, matrix_rate: float, other_rate: float) -> None:
        """Share out the parameters: matrices inside layers to Muon, all else to AdamW."""
        matrices, others = [], []
        for name, weight in model.named_parameters():
            is_inner = weight.dim() == 2 and not any(part in name for part in _VOCABULARY)
            (matrices if is_inner else others).append(weight)
        self.muon = Muon(matrices, matrix_rate)
        self.adam = torch.optim.AdamW(others, lr=other_rate, betas=(0.9, 0.98), weight_decay=0.0)
        self.other_rate = other_rate

    def step(self, scale: float) -> None:
        """Update all parameters with their rates times `scale`, and clear the gradients."""
        self.muon.step(scale)
        for group in self.adam.param_groups:
            group["lr"] = self.other_rate * scale
        self.adam.step()
        for weight in [w for group in self.muon.groups for w in group]:
            weight.grad = None
        self.adam.zero_grad()

    def state(self) -> dict[str, Any]:
        """Return what a later run needs to go on from here."""
        return {"moments": self.muon.moments, "adam": self.adam.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.muon.moments = state["moments"]
        self.adam.load_state_dict(state["adam"])


def schedule(step: int, plateau: int, steps: int, warmup: int = 100) -> float:
    """Return the factor on the learning rates: a short rise, one up to the step `plateau`, a line down to zero."""
    if step < warmup:
        return (step + 1) / warmup
    return min(1.0, (steps - step) / (steps - plateau))
