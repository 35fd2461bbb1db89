"""`DroppedFile`: a file of arrays that comes from the page, piece by piece."""

import base64
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.workflow.data_files import ARRAYS, read_array

LARGEST = 1 << 30  # bytes; more is read faster from the kernel's own disk


class DroppedFile:
    """name: as the person's computer calls it. size: bytes that are to come, in order, by `add`.

    Raises WorkbenchError for another kind of file, and for one that is too large to come this way.
    """

    def __init__(self, name: str, size: int) -> None:
        self.name, self.size = Path(name).name, size
        if Path(self.name).suffix.lower() not in ARRAYS:
            raise WorkbenchError(f"{self.name}: drop an .npy or .npz file; for images use wb.images in a cell")
        if size > LARGEST:
            words = f"{self.name} has {size / 2**20:,.0f} MB; more than {LARGEST >> 20:,} MB are not taken this way"
            raise WorkbenchError(f"{words}; give the path in a cell: wb.App(model, path)")
        self._file = tempfile.NamedTemporaryFile(suffix=Path(self.name).suffix.lower())  # noqa: SIM115  # until closed
        self.n_bytes = 0

    @property
    def whole(self) -> bool:
        return self.n_bytes >= self.size

    def add(self, piece: str) -> None:
        """The next bytes, in base64."""
        try:
            content = base64.b64decode(piece, validate=True)
        except ValueError:
            raise WorkbenchError(f"{self.name} came damaged; drop it again") from None
        self._file.write(content)
        self.n_bytes += len(content)

    def arrays(self) -> Any:
        """What is in it, an array or a dict of arrays; WorkbenchError naming the file where it holds none."""
        self._file.flush()
        path = Path(self._file.name)
        try:
            found: np.ndarray | dict[str, np.ndarray] = read_array(path)
        except WorkbenchError as error:
            raise WorkbenchError(str(error).replace(str(path), self.name)) from None
        return found

    def close(self) -> None:
        """Forget it."""
        self._file.close()
