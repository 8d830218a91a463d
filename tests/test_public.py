"""The public names of im4d_core: each one exists, loads lazily, and type checkers are told the same list."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import im4d_core


@pytest.mark.parametrize("name", sorted(im4d_core._HOME))
def test_a_public_name_exists(name: str) -> None:
    assert getattr(im4d_core, name).__module__ == im4d_core._HOME[name]
    assert name in dir(im4d_core)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NoSuchThing"):
        im4d_core.NoSuchThing  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(im4d_core.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {node.module: tuple(alias.name for alias in node.names) for node in block.body if isinstance(node, ast.ImportFrom)}
    assert seen == im4d_core._HOMES


def test_no_public_name_hides_a_module() -> None:
    modules = {path.stem for path in Path(im4d_core.__file__).parent.iterdir()}
    assert not modules & im4d_core._HOME.keys()
