"""Which device a name means."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from mlxkit.core.devices.figures import GIB, Device
from mlxkit.core.errors import NotFoundError, PlanError


def device(name: str, known: Sequence[Device]) -> Device:
    """Return the device that a user means; case, white space and a leading ``Apple`` count for nothing.

    A name may be followed by the memory, as in ``M4 Max 64GB``, and has to be where that alone tells devices apart. A
    model's own name goes before another one's alias.

    Args:
        name: as it was typed.
        known: of `devices`.

    Raises:
        PlanError: several devices are called so.
        NotFoundError: none is.
    """
    wanted = folded(name)
    by_name = [device for device in known if wanted in keys(device, device.model)]
    by_alias = [device for device in known if any(wanted in keys(device, alias) for alias in device.aliases)]
    found = by_name or by_alias
    if len(found) == 1:
        return found[0]
    if found:
        raise PlanError(
            f"{name!r} can be any of {len(found)} devices: {', '.join(device.name for device in found)}.",
            hint=f"say which: {found[-1].name!r}",
        )
    raise _unknown(name, known)


def _unknown(name: str, known: Sequence[Device]) -> NotFoundError:
    """Return the error for a name that nothing has: the memory may be wrong, or the rest."""
    wanted = folded(name)
    tail = re.search(r"\d+gb$", wanted)
    for end in range(tail.start(), len(wanted) - 2) if tail else ():  # the digits of M464GB are of both
        models = [one for one in known if wanted[:end] in {folded(called) for called in (one.model, *one.aliases)}]
        if models:
            sizes = sorted({one.memory_bytes // GIB for one in models})
            return NotFoundError(
                f"There is no device {name!r}: it comes with {_listed(sizes)} GB.",
                hint=f"name another size, such as {models[-1].model + f' {sizes[-1]} GB'!r}",
            )
    shown = {folded(called): called for one in known for called in (*one.aliases, one.model, one.name)}
    near = " or ".join(repr(shown[key]) for key in get_close_matches(wanted, shown, n=3))
    hint = f"did you mean {near}?" if near else "name a device, or a chip with its memory, such as 'M4 Max 64GB'"
    return NotFoundError(f"There is no device {name!r} among those that are known.", hint=hint)


def _listed(sizes: Sequence[int]) -> str:
    *most, last = map(str, sizes)
    return f"{', '.join(most)} or {last}" if most else last


def folded(text: str) -> str:
    """Return what of a name counts.

    >>> folded("Apple M4  Max 64GiB"), folded("m4max 64 gb")
    ('m4max64gb', 'm4max64gb')
    """
    return re.sub(r"(\d)gib$", r"\1gb", re.sub(r"\s+", "", text).casefold().removeprefix("apple"))


def keys(device: Device, called: str) -> tuple[str, str]:
    """Return what counts of a name that a device has: without its memory, and with it."""
    return folded(called), folded(f"{called} {device.memory_bytes // GIB} GB")
