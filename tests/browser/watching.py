"""What a page's live numbers did while something happened: the values seen, and how promptly they were painted."""

import statistics
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page

SCRIPT = Path(__file__).with_name("watch.js").read_text()
HERTZ = 60  # mouse moves a second of a page that draws as often: one for each of its frames


@dataclass(frozen=True)
class Seen:
    """What was seen of the elements with `data-metric`.

    values: metric -> its different values (`data-value`, as text) in the order of their first appearance, the one that
        stood there at the beginning first.
    seconds: length of the watch.
    repaints_per_s, moved_per_s, frames_per_s: frames that painted a new number, that began with a move of the pointer,
        and all frames. A page that keeps up paints as often as the pointer moves.
    lag_p50_ms, lag_p95_ms: pointer event to painted number (see watch.js); None where nothing was painted.
    """

    values: dict[str, list[str]]
    seconds: float
    repaints_per_s: float
    moved_per_s: float
    frames_per_s: float
    lag_p50_ms: float | None
    lag_p95_ms: float | None

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {len(values)}" for name, values in self.values.items())
        lag = "no lag" if self.lag_p50_ms is None else f"lag p50 {self.lag_p50_ms:.1f} ms, p95 {self.lag_p95_ms:.1f} ms"
        frames = f"{self.moved_per_s:.1f} with a move and {self.frames_per_s:.1f} frames/s in all"
        return f"{self.repaints_per_s:.1f} repaints/s of {frames}, {lag}; values seen: {counts}"


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
        moved_per_s=raw["moved"] / seconds,
        frames_per_s=raw["frames"] / seconds,
        lag_p50_ms=statistics.median(lags) if lags else None,
        lag_p95_ms=lags[int(0.95 * (len(lags) - 1))] if lags else None,
    )


def drag(
    handle: Locator, dx: float, dy: float = 0, *, seconds: float = 2, swings: int = 1, release: bool = True
) -> Seen:
    """Press the mouse on the middle of `handle`, move it by (dx, dy) CSS pixels and release it.

    The moves come one a frame, the next as soon as the page has taken the last: `seconds` * 60 in all.
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
    for swing in range(swings):
        there = 1 - swing % 2
        page.mouse.move(x + dx * there, y + dy * there, steps=max(1, round(seconds * HERTZ / swings)))
    seen = read_watch(page)
    page.evaluate("watch.stop()")
    if release:
        page.mouse.up()
    return seen
