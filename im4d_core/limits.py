"""Least values of settings, declared beside their type, and the check of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints


@dataclass(frozen=True, kw_only=True)
class AtLeast:
    """A number of this field, or each number of this tuple, is at least so large."""

    value: float


Count = Annotated[int, AtLeast(value=1.0)]
"""How many of something there must be for it to make sense."""
Amount = Annotated[int, AtLeast(value=0.0)]
"""How many of something there may be."""
Weight = Annotated[float, AtLeast(value=0.0)]
"""How much of something there may be."""


def too_small(settings: object) -> Iterator[tuple[str, str]]:
    """What lies below its least value: the dotted name of the field, and what is wrong, such as "must be at least 1, found 0".

    Args:
        settings: a dataclass; dataclasses in its fields are checked too.
    """
    hints = get_type_hints(type(settings), include_extras=True)
    for field in fields(settings):  # pyright: ignore[reportArgumentType]  # any dataclass
        value = getattr(settings, field.name)
        if is_dataclass(value):
            yield from ((f"{field.name}.{name}", wrong) for name, wrong in too_small(value))
            continue
        least = _least(hints[field.name])
        for number in value if isinstance(value, tuple) else (value,):
            if least is not None and isinstance(number, int | float) and not number >= least:  # not >=: NaN is refused too
                yield field.name, f"must be at least {least:g}, found {number}"


def _least(hint: Any) -> float | None:
    """The least value in a type, on itself or on the items of a tuple."""
    if get_origin(hint) is Annotated:
        return next((note.value for note in hint.__metadata__ if isinstance(note, AtLeast)), None)
    if get_origin(hint) is tuple:
        return _least(get_args(hint)[0])
    return None
