"""What a device demands of several tensors together: scales that are one, fixed, or bounded by others; as data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SameScale:
    """All inputs and the outputs of an operator share one scale and zero point; output=False: the inputs alone."""

    operators: tuple[str, ...]
    output: bool = True


@dataclass(frozen=True)
class FixedScale:
    """The output of an operator always has this scale; zero_point counts from the lowest code."""

    operators: tuple[str, ...]
    scale: float
    zero_point: int


@dataclass(frozen=True)
class ProductBound:
    """scale of input * scale of weight / scale of output stays below `limit`: the multiplier only ever shrinks."""

    limit: float = 1.0


Rule = SameScale | FixedScale | ProductBound


@dataclass(frozen=True)
class Tie:
    """Tensors of one network that a rule holds together.

    tensors: names, in graph order; for a bound the input, the weight and the output. layer: the operator that demands
    it, the first of several. reason: why, in words without a full stop.
    """

    tensors: tuple[str, ...]
    rule: Rule
    layer: str
    reason: str

    def __str__(self) -> str:
        return f"{', '.join(map(repr, self.tensors))}: {self.reason}."
