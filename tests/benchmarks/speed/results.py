"""The rows of a run: collected by the benchmarks, printed as one table, written as JSON, shown in README."""

import importlib.metadata
import json
import math
import os
import platform
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.speed.figures import FIGURES
from tests.benchmarks.speed.measuring import Quantity, ratio

COLUMNS = ("what", "beside", "ours", "its", "ratio", "target", "met")
PACKAGES = ("numpy", "numba", "onnx", "onnxruntime")
VERSION = 1


class Results:
    """Rows by the key of their figure. images: how many calibration runs on."""

    def __init__(self, images: int) -> None:
        self.images, self.rows = images, dict[str, dict[str, Any]]()

    def compare(self, key: str, ours: Quantity, peer: Quantity, *, inputs: str, **details: Any) -> None:
        """A ratio of medians with the least and the largest ratio of a round.

        Where time was measured, cpu_ratio is that of processor time, which a busy machine changes less.
        """
        above, below = (peer, ours) if FIGURES[key].bound == ">=" else (ours, peer)
        value, *spread = ratio(above, below)
        if above.cpu and below.cpu:
            details["cpu_ratio"] = statistics.median(above.cpu) / statistics.median(below.cpu)
        self._add(key, value, inputs, {"spread": spread, "ours": ours.record(), "peer": peer.record(), **details})

    def number(self, key: str, value: float, *, inputs: str, **details: Any) -> None:
        """A figure that is no ratio of two measurements."""
        self._add(key, float(value), inputs, details)

    def _add(self, key: str, value: float, inputs: str, details: Mapping[str, Any]) -> None:
        figure = FIGURES[key]
        about = {"what": figure.what, "beside": figure.beside, "inputs": inputs}
        self.rows[key] = about | {"value": value, "target": figure.target, "met": figure.met(value)} | details

    def record(self) -> dict[str, Any]:
        """What the JSON file holds."""
        ordered = {key: self.rows[key] for key in FIGURES if key in self.rows}
        about = {"version": VERSION, "machine": machine(), "versions": versions(), "images": self.images}
        return {**about, "rows": ordered}

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.record(), indent=1) + "\n", encoding="utf-8")


def machine() -> dict[str, Any]:
    """Processor, the cores that may be used, and the system; no name of the machine."""
    lines: list[str] = []
    if (information := Path("/proc/cpuinfo")).is_file():
        lines = information.read_text(encoding="utf-8").splitlines()
    facts = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}
    known = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_vnni": "VNNI"}
    flags = [title for flag, title in known.items() if flag in facts.get("flags", "").split()]
    return {
        "processor": facts.get("model name") or platform.processor() or platform.machine(),
        "instructions": flags,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.system(),
    }


def versions() -> dict[str, str]:
    return {"Python": platform.python_version(), **{name: importlib.metadata.version(name) for name in PACKAGES}}


def shown(value: float, unit: str) -> str:
    """Three digits with a unit that fits: "1.23 ms", "4.10 GB"."""
    scales = {
        "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")),
        "B": ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")),
    }
    scale, name = next((pair for pair in scales[unit] if abs(value) >= pair[0]), scales[unit][-1])
    return f"{plain(value / scale)} {name}"


def plain(value: float) -> str:
    """Three digits, as a power of ten only where it is far below one."""
    if 0 < abs(value) < 1e-2:
        return f"{value:.1e}".replace("e-0", "e-")
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{digits}f}"


def cells(row: Mapping[str, Any]) -> list[str]:
    """One row of the table, by COLUMNS."""
    sides = [shown(row[side]["median"], row[side]["unit"]) if side in row else "" for side in ("ours", "peer")]
    value = plain(row["value"])
    if "spread" in row:
        value += f" ({plain(row['spread'][0])} to {plain(row['spread'][1])})"
    return [row["what"], row["beside"], *sides, value, row["target"], {True: "yes", False: "no", None: ""}[row["met"]]]


def table(record: Mapping[str, Any]) -> list[str]:
    """The rows as a Markdown table, columns aligned for reading as plain text."""
    lines = [list(COLUMNS), *(cells(row) for row in record["rows"].values())]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    rule = ["-" * width for width in widths]
    return [f"| {' | '.join(line)} |" for line in (padded[0], rule, *padded[1:])]


def setting(record: Mapping[str, Any]) -> str:
    """Machine and versions in one sentence."""
    machine, versions = record["machine"], record["versions"]
    having = f" with {', '.join(machine['instructions'])}" if machine["instructions"] else ""
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"{machine['processor']}, {machine['cores']} cores{having}, {machine['system']}; {packages}."
