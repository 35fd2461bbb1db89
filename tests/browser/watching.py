"""What a page's live numbers did while something happened: the values seen, and how promptly they were painted."""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page

SCRIPT = Path(__file__).with_name("watch.js").read_text()
HERTZ = 60  # mouse moves a second, as a usual mouse and a usual screen have them


@dataclass(frozen=True)
class Seen:
    """What was seen of the elements with `data-metric`.

    values: metric -> its different values (`data-value`, as text) in the order of their first appearance, the one that
        stood there at the beginning first.
    seconds: length of the watch.
    repaints_per_s, frames_per_s: frames that painted a new number, and all frames.
    lag_p50_ms, lag_p95_ms: pointer event to painted number (see watch.js); None where nothing was painted.
    """

    values: dict[str, list[str]]
    seconds: float
    repaints_per_s: float
    frames_per_s: float
    lag_p50_ms: float | None
    lag_p95_ms: float | None

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {len(values)}" for name, values in self.values.items())
        lag = "no lag" if self.lag_p50_ms is None else f"lag p50 {self.lag_p50_ms:.1f} ms, p95 {self.lag_p95_ms:.1f} ms"
        return f"{self.repaints_per_s:.1f} repaints/s of {self.frames_per_s:.1f} frames/s, {lag}; values seen: {counts}"


def start_watch(page: Page) -> None:
    """Begin to note what the live numbers do."""
    page.evaluate(SCRIPT)


def read_watch(page: Page) -> Seen:
    """What was noted since `start_watch`; the watch goes on."""
    raw = page.evaluate("watch.read()")
    seconds = raw["seconds"]
    lags = sorted(paint["lag"] for paint in raw["paints"])
    return Seen(
        values={name: list(dict.fromkeys(values)) for name, values in raw["values"].items()},
        seconds=seconds,
        repaints_per_s=len(lags) / seconds,
        frames_per_s=raw["frames"] / seconds,
        lag_p50_ms=statistics.median(lags) if lags else None,
        lag_p95_ms=lags[int(0.95 * (len(lags) - 1))] if lags else None,
    )


def drag(
    handle: Locator, dx: float, dy: float = 0, *, seconds: float = 2, swings: int = 1, release: bool = True
) -> Seen:
    """Press the mouse on the middle of `handle`, move it by (dx, dy) CSS pixels at 60 moves a second, and release it.

    swings: 1 goes straight there, 3 goes there, back and there again: more moves over the same pixels.
    release: False leaves the button pressed, for a look at what shows then; end with `page.mouse.up()`.
    Returns what was seen from the press to the last move: nothing in it comes from after the release.
    """
    page = handle.page
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    if box is None:
        raise AssertionError("the handle is not shown, so it cannot be dragged")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    start_watch(page)
    n_moves = round(seconds * HERTZ)
    started = time.perf_counter()
    for i in range(1, n_moves + 1):
        along = swings * i / n_moves
        share = 1 - abs(1 - along % 2) if i < n_moves else 1  # the last move ends exactly there
        page.mouse.move(x + dx * share, y + dy * share)
        time.sleep(max(0.0, started + i / HERTZ - time.perf_counter()))
    seen = read_watch(page)
    page.evaluate("watch.stop()")
    if release:
        page.mouse.up()
    return seen
