"""A JupyterLab for tests: the launcher of `make lab` with folders of its own, apart from a person's settings."""

import http.client
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

PROJECT = Path(__file__).resolve().parents[2]
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/lab/tree/\S*\?token=([0-9a-f]+)")


class Lab:
    """One running JupyterLab, started when made. Use as a context manager, or call `stop`.

    root: folder that is served.
    hidden: folder for Jupyter's own configuration, data and runtime files, and the log.
    arguments: for `.ci/lab.py`, see there.
    """

    def __init__(self, root: Path, hidden: Path, *arguments: str, timeout: float = 90) -> None:
        self.root = root
        self.log = hidden / "lab.log"
        hidden.mkdir(parents=True, exist_ok=True)
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(PROJECT / ".ci" / "lab.py"), *arguments, f"--root={root}", "--no-browser"],
                env=isolated(hidden),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self.port, self.token = self._wait_for_address(timeout)
        except BaseException:
            self.stop()
            raise

    def _wait_for_address(self, timeout: float) -> tuple[int, str]:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self.process.poll() is None:
            found = ADDRESS.search(self.log.read_text())
            if found:
                return int(found[1]), found[2]
            time.sleep(0.1)
        raise RuntimeError(f"JupyterLab did not start:\n{self.log.read_text()[-3000:]}")

    def address(self, path: str) -> str:
        """Where a browser finds the notebook `path` (relative to the root), in a fresh workspace."""
        return f"http://127.0.0.1:{self.port}/lab/tree/{quote(path)}?token={self.token}&reset"

    def ask(self, path: str, *, method: str = "GET", token: bool = True) -> tuple[int, Any]:
        """Status and body (parsed where it is JSON) of one request, for example ask("/api/status")."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, headers={"Authorization": f"token {self.token}"} if token else {})
            answer = connection.getresponse()
            body = answer.read()
            is_json = "json" in answer.headers.get("Content-Type", "") and body
            return answer.status, json.loads(body) if is_json else body.decode(errors="replace")
        finally:
            connection.close()

    def shut_kernels(self, path: str) -> None:
        """End the kernels of the notebook `path`, whatever state its page is in."""
        for running in self.ask("/api/sessions")[1]:
            if running["path"] == path:
                self.ask(f"/api/sessions/{running['id']}", method="DELETE")

    def stop(self) -> None:
        """End this JupyterLab, which ends its kernels."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> "Lab":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def isolated(hidden: Path) -> dict[str, str]:
    """The environment of a Jupyter that shares nothing with the person's; its kernels import this checkout."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
    folders = {name: str(hidden / name) for name in ("config", "data", "runtime", "ipython")}
    return inherited | {
        "JUPYTER_CONFIG_DIR": folders["config"],
        "JUPYTER_DATA_DIR": folders["data"],
        "JUPYTER_RUNTIME_DIR": folders["runtime"],
        "IPYTHONDIR": folders["ipython"],
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")])),
    }
