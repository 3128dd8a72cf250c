"""The machine: what it is, and the state it is in while something is measured. What cannot be read is None."""

from mlxkit.engines.machine.describing import Machine, Room, free_bytes, read, read_room
from mlxkit.engines.machine.sensing import conditions, rss_bytes
from mlxkit.engines.machine.system import System, ThisSystem

__all__ = ["Machine", "Room", "System", "ThisSystem", "conditions", "free_bytes", "read", "read_room", "rss_bytes"]
