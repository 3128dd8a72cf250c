"""What is fine gives no finding, not even a note, and the real process agrees."""

from mlxkit.core.codes import FAMILIES
from mlxkit.usecases.check import in_process


def test_nothing_is_found_where_nothing_is_wrong(here):
    result = here.check(attempt=in_process)
    assert [(one.code, one.where, one.said) for one in result.findings] == []
    assert result.failure is None
    assert [looked.family for looked in result.looked] == list(FAMILIES)
    assert "Nothing was found." in [note.text for note in result.report().notes]
