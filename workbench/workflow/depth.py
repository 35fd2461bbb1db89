"""`error_along_depth`: how far the quantized network has gone from the float one, tensor by tensor."""

from dataclasses import dataclass

from workbench.workflow.comparison import Comparison, TensorError

LEAST_COSINE = 0.98  # the field's rule of thumb: below it a tensor is looked at


@dataclass(frozen=True)
class DepthRow:
    """One observed tensor, in graph order.

    now, before: its error with the recipe, and with the one before (None where it was not observed then).
    drop_db: how much its SQNR is below that of the observed tensor before it, dB; 0 for the first.
    """

    tensor: str
    now: TensorError
    before: TensorError | None
    drop_db: float

    @property
    def low_cosine(self) -> bool:
        return self.now.cosine < LEAST_COSINE


def error_along_depth(now: Comparison, before: Comparison | None = None) -> tuple[DepthRow, ...]:
    """The tensors of a comparison, beside those of an earlier one. Both must have been made with tensors=True."""
    rows: list[DepthRow] = []
    for name, error in now.tensors.items():
        drop = 0.0
        if rows and rows[-1].now.sqnr_db != error.sqnr_db:  # two tensors without error have no difference
            drop = rows[-1].now.sqnr_db - error.sqnr_db
        rows.append(DepthRow(name, error, None if before is None else before.tensors.get(name), drop))
    return tuple(rows)


def largest_drop(rows: tuple[DepthRow, ...]) -> DepthRow | None:
    """The row where the SQNR falls most below the tensor before it; None where it never falls."""
    worst = max(rows, key=lambda row: row.drop_db, default=None)
    return worst if worst is not None and worst.drop_db > 0 else None
