"""Each code is brought about by a folder made for it, and nothing graver than it comes along."""

import pytest

from mlxkit.core.codes import CODES, FAMILIES
from mlxkit.usecases.check import list_codes
from tests.usecases.check.cases import CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_a_spoiled_folder_gives_exactly_its_code(here, case):
    case.spoil(here)
    findings = here.check().findings
    grave = {one.code for one in findings if one.severity != "note"}
    expected = {case.code, *case.also} if CODES[case.code].severity != "note" else set(case.also)
    assert case.code in {one.code for one in findings}, findings
    assert grave == expected, [(one.code, one.where, one.said) for one in findings]
    assert all(one.said.endswith(".") and "\n" not in one.said for one in findings)


def test_there_is_a_case_for_every_code():
    assert {case.code for case in CASES} == set(CODES)


def test_codes_are_many_and_each_says_what_to_do():
    assert len(CODES) >= 40
    for name, code in CODES.items():
        assert name.startswith(f"{code.family}.")
        assert code.family in FAMILIES
        assert code.meaning
        assert code.hint
        assert not code.hint.endswith(".")


def test_all_codes_are_listed():
    listed = list_codes()
    assert [entry["code"] for entry in listed.data()["codes"]] == list(CODES)
    assert len(listed.report().tables[0].rows) == len(CODES)
    assert listed.failure is None
