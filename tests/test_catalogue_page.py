"""CATALOGUE.md says what the catalogues say."""

import re

import pytest

from tests.catalogue_page import COMMAND, PAGE, page
from workbench.catalogue import Catalogue
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.codebook import format_from_levels
from workbench.numerics.formats.presets import PRESETS
from workbench.numerics.formats.rounding import OVERFLOWS, ROUNDINGS


def test_the_page_is_up_to_date():
    kept = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    assert kept == page(), f"{PAGE.name} is not what the catalogues say; renew it with: {COMMAND}"


def named(text: str) -> set[str]:
    """Names in the first column of all tables; "`int2` to `int16`" stands for every width between."""
    found = set()
    for line in text.splitlines():
        if line.startswith("| `"):
            first = re.findall(r"`(\w+)`", line.split(" | ")[0])
            found.update(first)
            if len(first) == 2:
                kind, suffix = re.fullmatch(r"(\D+)\d+(.*)", first[0]).groups()
                found.update(f"{kind}{bits}{suffix}" for bits in range(2, 17))
    return found


@pytest.mark.parametrize("members", [FORMATS, CLIPPING, PRESETS, ROUNDINGS, OVERFLOWS], ids=lambda c: next(iter(c)))
def test_every_member_has_a_row(members):
    names = members.built_in if isinstance(members, Catalogue) else set(members)
    assert names <= named(page())


def test_what_a_person_registers_is_not_documented():
    before = page()
    FORMATS.register(format_from_levels("of_my_own", [-1, 0, 1]))
    try:
        assert page() == before
    finally:
        FORMATS.unregister("of_my_own")
