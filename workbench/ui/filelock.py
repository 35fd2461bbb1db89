"""`FileLock`: marks a file as in use by this process; the mark ends with the process, however it ends."""

import os
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class FileLock:
    """An exclusive lock held on a small file beside the one it protects.

    path: the file to protect; the lock is `.<name>.lock` in the same folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f".{path.name}.lock")
        self._stream: IO[bytes] | None = None

    def acquire(self) -> bool:
        """Whether the lock is now held; False where somebody else holds it. Raises OSError."""
        stream = open(self._path, "ab")
        try:
            if fcntl is not None:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            else:
                import msvcrt

                stream.seek(0)
                msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            stream.close()
            return False
        self._stream = stream
        return True

    def release(self) -> None:
        """Give the lock back; the small file is taken away."""
        if self._stream is None:
            return
        if fcntl is not None:
            self._path.unlink(missing_ok=True)  # while held, so that nobody else's is removed
        self._stream.close()
        self._stream = None
        if fcntl is None and self._path.exists():
            os.unlink(self._path)
