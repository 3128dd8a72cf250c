"""The ledger of measurements: listed, shown, exported for others and imported from them."""

from mlxkit.usecases.ledger.exporting import ExportPlan, ExportResult, export_measurements
from mlxkit.usecases.ledger.importing import ImportPlan, ImportResult, import_measurements
from mlxkit.usecases.ledger.listing import LedgerPlan, LedgerResult, list_measurements
from mlxkit.usecases.ledger.showing import ShowPlan, ShowResult, completions, show_measurement

__all__ = [
    "ExportPlan",
    "ExportResult",
    "ImportPlan",
    "ImportResult",
    "LedgerPlan",
    "LedgerResult",
    "ShowPlan",
    "ShowResult",
    "completions",
    "export_measurements",
    "import_measurements",
    "list_measurements",
    "show_measurement",
]
