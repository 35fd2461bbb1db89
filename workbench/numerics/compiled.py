"""One way to compile a kernel: on its first call, without the interpreter lock, cached where a cache can be written."""

import functools
import threading
from collections.abc import Callable
from typing import Any

Kernel = Callable[..., Any]


def compiled(*kinds: Any, any_order: bool = False) -> Any:
    """Compile a function with numba when it is first called: `@compiled("float32[:] int64 float64[:,:]!")`.

    kinds: what the arguments are, separated by spaces; several such lists where they can be one or the other. Arrays
    are C-contiguous; one that the kernel writes to is marked "!", the others may be read-only. Numbers are converted,
    an array that does not fit is a TypeError. So nothing is compiled in the middle of a drag because an array happens
    to be read-only or a view. The bare `@compiled` takes whatever comes, and compiles for each combination that does.
    any_order: float sums may be taken in another order, which is several times faster; never for compensated sums.

    The cache on disk is used where numba finds a place for it; a read-only installation without a writable home
    (numba: "no locator available") and a full disk compile again in each process instead. Importing a module with
    kernels does not import numba, so the first view of a model does not wait for it. Threads that call a kernel for the
    first time at once wait for one compilation.
    """
    if len(kinds) == 1 and callable(kinds[0]):
        return _on_first_call(kinds[0], (), {})
    options: dict[str, Any] = {"fastmath": {"reassoc"}} if any_order else {}
    return functools.partial(_on_first_call, kinds=kinds, options=options)


def _on_first_call(function: Kernel, kinds: tuple[str, ...], options: dict[str, Any]) -> Kernel:
    dispatcher: Kernel | None = None
    lock = threading.Lock()

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        nonlocal dispatcher
        try:
            if dispatcher is None:
                with lock:
                    dispatcher = dispatcher or _dispatcher(function, kinds, cache=True, **options)
            return dispatcher(*arguments)
        except OSError:  # the cache could not be written: kernels themselves touch no file, and none has run yet
            dispatcher = _dispatcher(function, kinds, cache=False, **options)
            return dispatcher(*arguments)

    call.is_ready = lambda: dispatcher is not None  # type: ignore[attr-defined]
    return call


def _dispatcher(function: Kernel, kinds: tuple[str, ...], *, cache: bool, **options: Any) -> Kernel:
    import numba

    signatures = [tuple(map(_type, row.split())) for row in kinds] or None
    if cache:
        try:
            return numba.njit(signatures, nogil=True, cache=True, **options)(function)
        except RuntimeError:
            pass
    return numba.njit(signatures, nogil=True, **options)(function)


def _type(kind: str) -> Any:
    """The numba type of "float64", "float32[:]" (read) or "int64[:,:]!" (written to)."""
    from numba import types

    name, _, dimensions = kind.partition("[")
    scalar = getattr(types, name)
    if not dimensions:
        return scalar
    return types.Array(scalar, dimensions.count(":"), "C", readonly=not kind.endswith("!"))
