"""mlx-lm's named mixes of two widths, so that other layouts can be compared with them.

The rules are those of `mlx_lm.convert.mixed_quant_predicate_builder` in mlx-lm 0.32.2, which follows llama.cpp's
Q4_K_M; nothing is mended here.
"""

from collections.abc import Iterable, Sequence

from mlxkit.core.errors import PlanError
from mlxkit.core.quantization import Layout, Skipped, Unit
from mlxkit.core.schemes import DEFAULT_GROUP_SIZE, Scheme

_BITS = {"mixed_2_6": (2, 6), "mixed_3_4": (3, 4), "mixed_3_6": (3, 6), "mixed_4_6": (4, 6)}

MIXES: tuple[str, ...] = tuple(_BITS)
"""Names of the mixes: bits of most layers, and of the few which matter more."""


def mixed(units: Iterable[Unit], name: str, layers: int) -> Layout:
    """Lay a named mix over all units, with group size 64.

    `lm_head` and, in some layers, `v_proj` and `down_proj` get more bits; all else gets fewer. Floors count for
    nothing: mlx-lm puts a mix in the place of what the model's own class demands. A unit whose width 64 does not divide
    is left as it is.

    Args:
        units: of the model, in its own order.
        name: one of `MIXES`.
        layers: how many layers the model says it has, `len(model.layers)`.

    Raises:
        PlanError: there is no such mix, or mlx-lm has none for a model with such paths.
    """
    if name not in _BITS:
        raise PlanError(f"There is no mix {name!r}.", hint=f"choose one of: {', '.join(MIXES)}")
    low, high = (Scheme("affine", bits, DEFAULT_GROUP_SIZE) for bits in _BITS[name])
    units = tuple(units)
    place = _place_of_the_layer(name, [unit.path for unit in units])
    schemes: dict[str, Scheme] = {}
    skipped: list[Skipped] = []
    for unit in units:
        if unit.width % DEFAULT_GROUP_SIZE:
            reason = f"its width {unit.width} does not divide by {DEFAULT_GROUP_SIZE}"
            skipped.append(Skipped(unit.path, reason))
        else:
            schemes[unit.path] = high if _matters_more(unit.path, _layer(unit.path, place, name), layers) else low
    return Layout(low, schemes, tuple(skipped))


def _place_of_the_layer(name: str, paths: Sequence[str]) -> int:
    """Return which part of a path is the number of its layer: the first number of the last down_proj, or its last part.

    mlx-lm takes the first down_proj, of modules that it walks from the last to the first.
    """
    found = [path for path in paths if "down_proj" in path]
    if not found:
        raise PlanError(
            f"{name} is for models with layers called down_proj, and this one has none.",
            hint="choose one scheme for all layers, such as 4bit",
        )
    parts = found[-1].split(".")
    return next((place for place, part in enumerate(parts) if part.isdigit()), len(parts) - 1)


def _layer(path: str, place: int, name: str) -> int:
    """Return the number of a unit's layer; 0 outside of layers."""
    parts = path.split(".")
    if len(parts) <= place:
        return 0
    if not parts[place].isdecimal():
        raise PlanError(
            f"{name} expects the number of a layer as part {place + 1} of {path!r}, and got {parts[place]!r}.",
            hint="choose one scheme for all layers, such as 4bit",
        )
    return int(parts[place])


def _matters_more(path: str, layer: int, layers: int) -> bool:
    """Return whether a unit gets more bits.

    In the first and the last eighth of the layers, and in every third one between, down_proj and v_proj do.
    """
    is_chosen = layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2
    names = ("v_proj", "v_a_proj", "v_b_proj", "down_proj")
    return "lm_head" in path or (is_chosen and any(name in path for name in names))
