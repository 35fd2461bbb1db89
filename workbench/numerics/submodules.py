"""`front_door`: a package whose modules are its attributes, imported when first asked for (PEP 562)."""

from collections.abc import Callable, Iterable
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def front_door(
    package: str, path: Iterable[str]
) -> tuple[list[str], Callable[[str], ModuleType], Callable[[], list[str]]]:
    """`__all__`, `__getattr__` and `__dir__` of a package, from its `__name__` and `__path__`."""
    names = sorted(module.name for module in iter_modules(path))

    def attribute(name: str) -> ModuleType:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}; it has {', '.join(names)}")
        return import_module(f"{package}.{name}")

    return names, attribute, lambda: list(names)
