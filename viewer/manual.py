"""The table of keys in the manual, made from the table of bindings.

python -m viewer.manual        writes it into docs/viewer.md
"""

from __future__ import annotations

from pathlib import Path

from viewer.bindings import Table

MANUAL = Path(__file__).resolve().parent.parent / "docs" / "viewer.md"
_BEGIN, _END = "<!-- keys: written by python -m viewer.manual -->", "<!-- end of keys -->"


def key_tables() -> str:
    """Every row of the table of bindings, as Markdown."""
    parts = []
    for section, rows in Table().help_rows():
        lines = [f"| {' or '.join(f'`{part}`' for part in keys.split(' or '))} | {text} |" for keys, text in rows]
        parts.append("\n".join([f"### {section}", "", "| | |", "|---|---|", *lines]))
    return "\n\n".join(parts)


def with_keys(text: str) -> str:
    """A manual with the present table between its marks.

    Raises:
        ValueError: the marks are not there.
    """
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"the manual must have {_BEGIN} and {_END}")
    return f"{before}{_BEGIN}\n\n{key_tables()}\n\n{_END}{after}"


if __name__ == "__main__":
    MANUAL.write_text(with_keys(MANUAL.read_text(encoding="utf-8")), encoding="utf-8")
