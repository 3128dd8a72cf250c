"""Encoded weights on disk: a search encodes each weight once per scheme; what is written later is read from here."""

from pathlib import Path

from mlxkit.core.schemes import Scheme
from mlxkit.engines.models import saving
from mlxkit.engines.models.encoding.encoders import Encoded


class Spool:
    """Encoded weights by unit path and scheme.

    Args:
        folder: where they are; made when there is something to keep.

    Attributes:
        folder: where they are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _path(self, unit: str, scheme: Scheme) -> Path:
        return self.folder / f"{unit}={scheme.name}.safetensors"

    def __contains__(self, key: tuple[str, Scheme]) -> bool:
        return self._path(*key).exists()

    def put(self, unit: str, encoded: Encoded) -> None:
        """Keep one, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)  # another run that shares it may have removed it
        saving.save(self._path(unit, encoded.scheme), encoded.arrays())

    def get(self, unit: str, scheme: Scheme) -> Encoded:
        """Return one; its arrays are read when they are evaluated."""
        arrays = saving.load(self._path(unit, scheme))
        return Encoded(scheme, arrays["weight"], arrays["scales"], arrays.get("biases"))
