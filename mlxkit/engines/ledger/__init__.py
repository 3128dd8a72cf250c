"""The ledger: every measurement that was made on this machine or imported, added to and never changed.

The door to SQLite. Nothing private is ever stored: home folders and login names are redacted on the way in.
"""

from mlxkit.engines.ledger.entries import find, get, held, record
from mlxkit.engines.ledger.files import read_lines, write_whole
from mlxkit.engines.ledger.place import ledger_path
from mlxkit.engines.ledger.privacy import as_kept, redacted

__all__ = ["as_kept", "find", "get", "held", "ledger_path", "read_lines", "record", "redacted", "write_whole"]
