"""One way to compile a kernel: on its first call, without the interpreter lock, cached where a cache can be written."""

import functools
from collections.abc import Callable
from typing import Any


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` with numba when it is first called.

    The cache on disk is used where numba finds a place for it; a read-only installation without a writable home
    (numba: "no locator available") and a full disk compile again in each process instead. Importing a module with
    kernels does not import numba, so the first view of a model does not wait for it.
    """
    dispatcher: Callable[..., Any] | None = None

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        nonlocal dispatcher
        if dispatcher is None:
            dispatcher = _dispatcher(function, cache=True)
        try:
            return dispatcher(*arguments)
        except OSError:  # the cache could not be written: kernels themselves touch no file, and none has run yet
            dispatcher = _dispatcher(function, cache=False)
            return dispatcher(*arguments)

    return call


def _dispatcher(function: Callable[..., Any], *, cache: bool) -> Callable[..., Any]:
    import numba

    try:
        return numba.njit(nogil=True, cache=cache)(function)
    except RuntimeError:
        return numba.njit(nogil=True)(function)
