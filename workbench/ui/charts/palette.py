"""One meaning, one colour, everywhere (Okabe-Ito, safe for colour-blind people); `app.css` holds the same values."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """Colours of one theme. before: what a change is compared with."""

    name: str
    paper: str
    ink: str
    muted: str
    grid: str
    float_values: str
    float_fill: str
    quantized: str
    clipping: str
    rounding: str
    divergence: str
    before: str


LIGHT = Palette(
    name="light",
    paper="#ffffff",
    ink="#1f2328",
    muted="#6b7280",
    grid="#eceef1",
    float_values="#0072b2",
    float_fill="rgba(0, 114, 178, 0.20)",
    quantized="#e69f00",
    clipping="#d55e00",
    rounding="#009e73",
    divergence="#cc79a7",
    before="#9097a3",
)
DARK = Palette(
    name="dark",
    paper="#111418",
    ink="#e8eaed",
    muted="#9aa2ae",
    grid="#262b32",
    float_values="#56b4e9",
    float_fill="rgba(86, 180, 233, 0.22)",
    quantized="#e69f00",
    clipping="#ee7733",
    rounding="#2ab58d",
    divergence="#d98cb8",
    before="#7d8692",
)
PALETTES = {"light": LIGHT, "dark": DARK}
