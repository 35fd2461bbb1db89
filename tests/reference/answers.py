"""What the workbench answers to a reference case: one function an operation, each gives every key of `expected`."""

from collections.abc import Callable
from typing import Any

from tests.reference.answering import arithmetic, codebooks, floats, integer_codes, kl, networks

ROOMS = (floats, integer_codes, arithmetic, codebooks, kl, networks)
ANSWERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    name: function for room in ROOMS for name, function in room.ANSWERS.items()
}
