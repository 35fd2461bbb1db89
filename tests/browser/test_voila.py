"""The app as a page of Voila, without a notebook around it; skipped where Voila is not installed."""

import importlib.util
import re
import subprocess
import sys
import time

import pytest

from tests.browser.conftest import notebook_json
from tests.browser.lab import isolated
from tests.browser.watching import drag

CELL = """import workbench as wb
app = wb.App(wb.demo.model(), autosave=None)
app"""
ADDRESS = re.compile(r"http://(?:localhost|127\.0\.0\.1):(\d+)")


@pytest.mark.skipif(importlib.util.find_spec("voila") is None, reason="voila is not installed (pip install voila)")
def test_a_handle_is_dragged_in_voila(browser, tmp_path):
    (tmp_path / "app.ipynb").write_text(notebook_json([CELL]))
    log = tmp_path / "voila.log"
    command = [sys.executable, "-m", "voila", "app.ipynb", "--no-browser", "--port=0"]
    with log.open("w") as out:
        voila = subprocess.Popen(
            command, cwd=tmp_path, env=isolated(tmp_path / "jupyter"), stdout=out, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + 60
        while not (found := ADDRESS.search(log.read_text())) and voila.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        assert found, log.read_text()
        page = browser.new_context(viewport={"width": 1480, "height": 1000}).new_page()
        page.goto(f"http://127.0.0.1:{found[1]}/", timeout=90_000)
        handle = page.get_by_role("slider", name="Saturation threshold", exact=True)
        handle.wait_for(timeout=90_000)
        skip = page.get_by_role("button", name="Skip")
        skip.click(timeout=20_000)
        seen = drag(handle, -80, seconds=1)
        assert len(seen.values["mse"]) >= 3
        page.wait_for_function("() => !document.querySelector('[aria-label=undo]').disabled", timeout=30_000)
        page.context.close()
    finally:
        voila.terminate()
        voila.wait(30)
