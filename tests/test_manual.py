"""The manual: its table of keys is the table of bindings, its pictures exist, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from viewer.bindings import KEYS
from viewer.manual import MANUAL, key_tables, with_keys

ROOT = Path(__file__).parent.parent


def test_the_keys_of_the_manual_are_those_of_the_program() -> None:
    text = MANUAL.read_text(encoding="utf-8")
    assert with_keys(text) == text, "run: python -m viewer.manual"


def test_a_manual_that_is_behind_is_noticed() -> None:
    text = MANUAL.read_text(encoding="utf-8")
    assert with_keys(text.replace(KEYS[0].help, "something else")) != text.replace(KEYS[0].help, "something else")
    with pytest.raises(ValueError, match="must have"):
        with_keys("no marks")


def test_no_cell_of_the_table_breaks_it() -> None:
    for line in key_tables().splitlines():
        assert not line.startswith("|") or line.count("|") == 3, line


@pytest.mark.parametrize("page", ["README.md", "docs/viewer.md", "docs/training.md", "docs/formats.md", "docs/architecture.md", "CONTRIBUTING.md"])
def test_pictures_and_links_lead_to_files(page: str) -> None:
    file = ROOT / page
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", file.read_text(encoding="utf-8")):
        assert target.startswith("http") or (file.parent / target).exists(), f"{page} names {target}"
