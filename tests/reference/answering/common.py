"""What the answers to reference cases share: numbers in and out of the cases, and the formats they name.

Scales are float32 in the workbench, and the cases ask for more digits: `exact` checks that a float32 number is the
right one to its last bit and hands on the float64 number that it was rounded from.
"""

from typing import Any

import numpy as np

from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.format import Format

Case = dict[str, Any]
Answer = dict[str, Any]
NAMES = {"fp8_e4m3fn": "fp8_e4m3"}  # the cases' name of a format -> ours


def plain(array: Any) -> Any:
    """Nested lists of Python numbers."""
    return np.asarray(array).tolist()


def numbers(values: list[Any]) -> np.ndarray:
    """float64, from numbers and words such as "nan" or "-0.0"."""
    return np.array([float(v) for v in values])


def need(params: dict[str, Any], **wanted: Any) -> None:
    """Fails where a parameter has another value than the one that is answered."""
    for name, value in wanted.items():
        assert params.get(name, value) == value, f"{name} {params[name]!r} has no answer"


def known(params: dict[str, Any], *names: str) -> None:
    """Fails where there is a parameter that this operation does not know."""
    for name in params:
        assert name in names, f"the parameter {name!r} is not known"


def exact(found: np.ndarray, float64: Any) -> Any:
    """The float64 numbers, after checking that `found` holds them rounded to float32."""
    assert np.array_equal(found, np.asarray(float64, np.float32)), f"{found} is not {float64} rounded to float32"
    return float64


def format_named(name: str) -> Format:
    return FORMATS[NAMES.get(name, name)]
