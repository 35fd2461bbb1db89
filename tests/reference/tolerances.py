"""How an answer is compared with a reference case: the tolerance rules of the cases' README, schema 1."""

import math
from numbers import Integral, Real
from typing import Any

Rule = str | float | dict[str, Any]  # a number alone is an absolute tolerance
DEFAULT: Rule = {"rel": 1e-9}


def rule_for(key: str, tolerance: dict[str, Any]) -> Rule:
    """The rule of one key of `expected`: its own, its family's, the case's, or the general one."""
    families = {"scales": key.endswith("_scale"), "published": key.startswith("published_")}
    for name in (key, *(family for family, belongs in families.items() if belongs)):
        if name in tolerance:
            return tolerance[name]
    if tolerance.get("exact"):
        return "exact"
    general = {k: v for k, v in tolerance.items() if k in ("rel", "abs")}
    return general or DEFAULT


def number(value: Any) -> float | None:
    """A number, also where it is written as text ("nan", "-0.0", hex); None for anything else."""
    if isinstance(value, str):
        try:
            return float(int(value, 16)) if value.lower().startswith("0x") else float(value)
        except ValueError:
            return None
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else None


def differences(found: Any, expected: Any, rule: Rule, place: str = "") -> list[str]:
    """What differs, in words; empty where the answer agrees. A null stands for any NaN pattern."""
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return [f"{place}: {found!r} is no mapping"]
        missing = [f"{place}.{key}: no answer" for key in expected if key not in found]
        both = [key for key in expected if key in found]
        return missing + [d for key in both for d in differences(found[key], expected[key], rule, f"{place}.{key}")]
    if isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            return [f"{place}: {found!r:.100} instead of {len(expected)} values"]
        pairs = enumerate(zip(found, expected, strict=True))
        return [d for i, (f, e) in pairs for d in differences(f, e, rule, f"{place}[{i}]")]
    return [] if agrees(found, expected, rule) else [f"{place}: {found!r} instead of {expected!r}"]


def agrees(found: Any, expected: Any, rule: Rule) -> bool:
    """Whether one value meets its rule; integers, booleans and words are exact under any rule."""
    if expected is None or isinstance(expected, bool):
        return found is expected
    if isinstance(rule, float):
        rule = {"abs": rule}
    a, b = number(found), number(expected)
    if a is None or b is None:
        return found == expected
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    exact = rule == "exact" or (isinstance(rule, str) and rule.startswith("exact"))
    whole = isinstance(expected, Integral) or (isinstance(expected, str) and expected.lower().startswith("0x"))
    if exact or whole or math.isinf(b) or not isinstance(rule, dict):
        return a == b and (not exact or a != 0 or math.copysign(1, a) == math.copysign(1, b))
    if rule.get("exact"):
        return a == b
    return abs(a - b) <= max(rule.get("rel", 0.0) * abs(b), rule.get("abs", 0.0))
