"""`ChannelsPanel`: the output channels of the selected weight, the worst first, and one of them more closely."""

from typing import Any

import numpy as np
import traitlets

from workbench.ui.channel_ranges import has_channel_ranges, is_mirrored
from workbench.ui.panel import Panel, script, styles
from workbench.ui.state import State
from workbench.ui.study import Study
from workbench.ui.topics.channels import Channels, ChannelTable
from workbench.workflow.choice import TensorChoice

N_BINS = 96


class ChannelsPanel(Panel):
    """A table in the place of the plot, while "channels" is asked.

    figures: float64 (6, channels) as bytes: low, high, saturated share, mse, SQNR in dB, share of the squared error.
    ranges: float64 (2, channels), the chosen low and high of each; empty where there are none.
    """

    _esm = script(
        *("virtual.js", "copying.js", "figures.js", "channels_columns.js", "channels_table.js"),
        *("channels_detail.js", "channels.js"),
    )
    _css = styles("panels/channels.css")
    parts = ("selected", "recipe", "asked", "answers", "trouble")
    figures = traitlets.Bytes(b"").tag(sync=True)
    ranges = traitlets.Bytes(b"").tag(sync=True)

    def __init__(self, study: Study) -> None:
        topic = study.topics[Channels.name]
        assert isinstance(topic, Channels)
        self._topic = topic
        self._shown: ChannelTable | None = None
        self._detail: dict[str, Any] | None = None
        super().__init__(study)

    def moved(self, state: State) -> None:
        table, choice = self._table(state), state.recipe.choices.get(state.selected)
        if self._detail is not None and (table is None or self._detail["tensor"] != table.tensor):
            self._detail = None
        with self.hold_sync():  # the page sees all of a moment or nothing of it
            if table is not self._shown:
                self._shown, self.figures = table, _figures(table)
            self.ranges = b"" if table is None else _ranges(choice, len(table.errors))
            super().moved(state)

    def look(self, state: State) -> dict[str, Any]:
        if Channels.name not in state.asked:
            return {"open": False}
        table, choice = self._table(state), state.recipe.choices.get(state.selected)
        known = table is not None
        return {
            "open": True,
            "tensor": state.selected,
            "missing": "" if known else self._missing(state),
            "words": "" if table is None else _words(table, choice),
            "stale": known and self._topic.present(state) is None,
            "editable": known and has_channel_ranges(choice),
            "mirrored": choice is not None and is_mirrored(choice),
            "signed": choice is None or choice.variation.signed,
            "whose": "of its own" if has_channel_ranges(choice) else "one for the whole tensor",
            "detail": self._detail,
        }

    def _table(self, state: State) -> ChannelTable | None:
        """The last answer about the selected tensor, maybe at an earlier choice; None while the panel is closed."""
        answer = state.answers.get(Channels.name)
        known = answer is not None and Channels.name in state.asked and answer.value.tensor == state.selected
        return answer.value if answer is not None and known else None

    def _missing(self, state: State) -> str:
        """Why there is nothing to see."""
        if Channels.name in state.trouble:
            return state.trouble[Channels.name]
        if not state.selected:
            return "This network has no layer that can be quantized."
        if self.study.model.tensors[state.selected].values is None:
            layer = self.study.layer_named(state.layer)
            hint = "" if layer is None or layer.weight is None else "\nThe weights of this layer have them."
            return (
                "Calibration counts the values of an activation all together, not channel by channel, "
                f"and its range is one for the whole tensor: there are no channels to list.{hint}"
            )
        if self._topic.axis(state.selected) is None:
            return "This weight has no output channels to tell apart: its layers read it along different axes."
        return "Measuring the channels."

    def on_choose(self, content: Any) -> None:
        """A row was chosen: count its values."""
        table = self._table(self.study.state)
        if table is None or content["tensor"] != table.tensor:
            return
        channel = int(content["channel"])
        if 0 <= channel < len(table.errors):
            array = self.study.model.tensors[table.tensor].array()
            self._detail = {"tensor": table.tensor, "channel": channel, **_counted(array.take(channel, table.axis))}
            self.refresh()

    def on_range(self, content: Any) -> None:
        """A threshold was edited; refused ones leave the table as it is."""
        try:
            self.study.set_channel_range(
                str(content["tensor"]), int(content["channel"]), float(content["low"]), float(content["high"])
            )
        finally:
            self.send({"kind": "heard", "serial": content["serial"]})


def _counted(values: np.ndarray) -> dict[str, Any]:
    """A histogram that begins or ends at 0 where all values lie on one side of it."""
    finite = values[np.isfinite(values)].astype(np.float64)
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    counts, _ = np.histogram(finite, N_BINS, (low, high) if high > low else (-1.0, 1.0))
    return {"counts": counts.tolist(), "low": low, "high": high, "count": int(finite.size)}


def _figures(table: ChannelTable | None) -> bytes:
    if table is None:
        return b""
    errors = table.errors
    columns = (errors.low, errors.high, errors.saturated_fraction, errors.mse, errors.sqnr_db, errors.share)
    return np.stack(columns).astype("<f8").tobytes()


def _ranges(choice: TensorChoice | None, n_channels: int) -> bytes:
    """The chosen range of each channel; nothing where blocks have theirs, and where the format has its own."""
    if choice is None or not choice.variation.has_scale or choice.block_size is not None:
        return b""
    bounds = [np.broadcast_to(np.asarray(bound, np.float64), n_channels) for bound in (choice.low, choice.high)]
    return np.stack(bounds).astype("<f8").tobytes()


def _words(table: ChannelTable, choice: TensorChoice | None) -> str:
    n = len(table.errors)
    parts = [f"{n:,} channel{'s' if n > 1 else ''}"]
    if table.spread is not None and n > 1:
        parts.append(f"ranges up to {table.spread:.3g}× apart")
    if table.n_worst and n > 1:
        some = "1 makes" if table.n_worst == 1 else f"{table.n_worst:,} make"
        parts.append(f"{some} half of the error")
    if choice is None:
        parts.append("float: no error")
    elif choice.block_size is not None:
        parts.append(f"ranges of blocks of {choice.block_size}")
    elif not choice.variation.has_scale:
        parts.append(f"{choice.format} has its own range")
    elif not has_channel_ranges(choice):
        parts.append("one range for all")
    return " · ".join(parts)
