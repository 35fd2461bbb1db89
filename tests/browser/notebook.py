"""A notebook open in a real JupyterLab, driven as a person does. Made by the fixture `open_notebook`."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Locator, Page, Request, WebSocket
from playwright.sync_api import TimeoutError as NotYet

from tests.browser.lab import Lab
from tests.browser.watching import Seen, drag, read_watch, start_watch

FAILED = pytest.StashKey[bool]()  # of a test: whether it needs a picture
KERNEL = "jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel"
CALM_MS = 120  # a page that owes nothing for so long, and two frames more, has painted what it was told
# Every message to the kernel is answered by "idle" when all that it caused was said. `owed` holds those without.
WATCH_MESSAGES = """() => {
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  if (window.talk?.kernel === kernel) return;
  const talk = (window.talk = { kernel, owed: new Set() });
  kernel.anyMessage.connect((_, { msg, direction }) => {
    const state = msg.header.msg_type === "status" ? msg.content.execution_state : "";
    if (direction === "send") talk.owed.add(msg.header.msg_id);
    else if (state === "idle") talk.owed.delete(msg.parent_header.msg_id);
    else if (state === "restarting") talk.owed.clear();
  });
}"""
NOTHING_OWED = """async ([timeout, calm]) => {
  const [end, frame] = [performance.now() + timeout, () => new Promise(requestAnimationFrame)];
  const owes = () => window.talk.owed.size > 0 || window.talk.kernel.status !== "idle";
  for (let since = performance.now(); performance.now() < end;) {
    await new Promise((done) => setTimeout(done, 20));
    if (owes()) since = performance.now();
    else if (performance.now() - since >= calm) {
      await frame();
      await frame();
      if (!owes()) return true;
    }
  }
  return false;
}"""
EXECUTE = """async ([code, timeout]) => {
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({ code, store_history: false });
  const answer = { text: "", error: null };
  future.onIOPub = ({ header, content }) => {
    if (header.msg_type === "stream" && content.name === "stdout") answer.text += content.text;
    if (header.msg_type === "error") answer.error = `${content.ename}: ${content.evalue}`;
  };
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`no answer to: ${code}`)), timeout));
  await Promise.race([future.done, late]);
  return answer;
}"""
CELL_ERRORS = """() => {
  const errors = [];
  let index = 0;
  for (const cell of jupyterapp.shell.currentWidget.content.model.cells) {
    for (let i = 0; cell.type === "code" && i < cell.outputs.length; i++) {
      const output = cell.outputs.get(i).toJSON();
      if (output.output_type === "error") errors.push(`cell ${index}: ${output.ename}: ${output.evalue}`);
    }
    index += 1;
  }
  return errors;
}"""
PRINTED = """() => [...jupyterapp.shell.currentWidget.content.model.cells].filter((cell) => cell.type === "code")
  .flatMap((cell) => Array.from({ length: cell.outputs.length }, (_, i) => cell.outputs.get(i).toJSON()))
  .filter((output) => output.output_type === "stream")
  .map(({ text }) => [text].flat().join("")).join("")"""


class Notebook:
    """One notebook in one page.

    page: playwright's page, for everything not named here.
    path: below the folder that the Lab serves.
    console_errors: what the browser's console reported as errors, and uncaught exceptions.
    foreign_requests: addresses outside this machine that the page asked for.
    websocket_bytes: bytes that came over the page's websockets so far.
    """

    def __init__(self, page: Page, lab: Lab, path: str, artefacts: Path) -> None:
        self.page, self.lab, self.path, self.artefacts = page, lab, path, artefacts
        self.console_errors: list[str] = []
        self.foreign_requests: list[str] = []
        self.websocket_bytes = 0
        page.on("console", self._hear_console)
        page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        page.on("request", self._hear_request)
        page.on("websocket", self._hear_websocket)

    def _hear_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.console_errors.append(f"{message.text} ({message.location.get('url', '')})")

    def _hear_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
            self.foreign_requests.append(request.url)

    def _hear_websocket(self, socket: WebSocket) -> None:
        def count(payload: str | bytes) -> None:
            self.websocket_bytes += len(payload.encode() if isinstance(payload, str) else payload)

        socket.on("framereceived", count)

    def open(self, *, theme: str = "light", timeout: float = 120) -> None:
        """Load the page, wait for its kernel, set the theme, fold the file browser away."""
        self.page.goto(self.lab.address(self.path))
        self.page.wait_for_function(f"window.jupyterapp && {KERNEL}?.status === 'idle'", timeout=timeout * 1000)
        self.page.evaluate(WATCH_MESSAGES)
        self.page.evaluate("jupyterapp.shell.collapseLeft()")
        self.set_theme(theme)

    def set_theme(self, theme: str) -> None:
        """ "light" or "dark"; returns when JupyterLab shows it."""
        wanted = {"light": "true", "dark": "false"}[theme]
        if self.page.evaluate("document.body.dataset.jpThemeLight") != wanted:
            name = f"JupyterLab {theme.capitalize()}"
            self.page.evaluate("(theme) => jupyterapp.commands.execute('apputils:change-theme', { theme })", name)
            self.page.wait_for_function("(light) => document.body.dataset.jpThemeLight === light", arg=wanted)

    def run(self, *, timeout: float = 120, check: bool = True) -> None:
        """Run all cells and wait until the kernel is quiet. check: an error in a cell fails the test."""
        deadline = time.monotonic() + timeout
        self.page.evaluate(
            """() => { window.ranAll = false;
                jupyterapp.commands.execute("notebook:run-all-cells").finally(() => { window.ranAll = true; }); }"""
        )
        self.page.wait_for_function("window.ranAll", timeout=timeout * 1000)
        self.wait_idle(timeout=max(5.0, deadline - time.monotonic()))
        if check:
            assert not self.cell_errors(), self.cell_errors()

    def wait_idle(self, *, timeout: float = 60) -> None:
        """Wait until the kernel has dealt with every message of the page, and the page has painted what came back."""
        self.page.evaluate(WATCH_MESSAGES)
        if not self.page.evaluate(NOTHING_OWED, [timeout * 1000, CALM_MS]):
            raise TimeoutError(f"the kernel of {self.path} was not quiet within {timeout} s")

    def cell_errors(self) -> list[str]:
        """The errors that cells ended with, as "cell 2: NameError: ..."."""
        return list(self.page.evaluate(CELL_ERRORS))

    def printed(self) -> str:
        """What all cells wrote to stdout and stderr."""
        return str(self.page.evaluate(PRINTED))

    def execute(self, code: str, *, timeout: float = 60) -> str:
        """Run code in the notebook's kernel without a cell; returns what it printed."""
        answer = self.page.evaluate(EXECUTE, [code, timeout * 1000])
        assert answer["error"] is None, answer["error"]
        return str(answer["text"])

    def value(self, expression: str, *, timeout: float = 60) -> Any:
        """The value of a Python expression in the kernel, brought over as JSON."""
        return json.loads(self.execute(f"import json; print(json.dumps({expression}))", timeout=timeout))

    def keep_busy(self, seconds: float) -> None:
        """Let the kernel work on a cell for so long; returns when it is busy."""
        code = f"import time; time.sleep({seconds})"
        for _ in range(3):  # a kernel that has only just connected may lose its first request
            self.page.evaluate(f"(code) => void {KERNEL}.requestExecute({{ code }})", code)
            try:
                self.page.wait_for_function(f"{KERNEL}.status === 'busy'", polling=50, timeout=10_000)
                return
            except NotYet:
                continue
        raise AssertionError(f"the kernel of {self.path} takes no work")

    @contextmanager
    def kept_busy(self) -> Iterator[None]:
        """The kernel works on a cell for as long as this lasts; fails where the cell ended before."""
        self.keep_busy(120)
        began = time.monotonic()
        yield
        assert time.monotonic() - began < 110, "the cell ended too early to show anything"
        self.page.evaluate(f"{KERNEL}.interrupt()")
        self.wait_idle()

    def restart_kernel(self, *, timeout: float = 60) -> None:
        """Restart without the question whether; the cells keep their outputs."""
        self.page.evaluate(f"{KERNEL}.restart()")
        self.page.wait_for_function(f"{KERNEL}?.status === 'idle'", timeout=timeout * 1000)
        self.wait_idle(timeout=timeout)

    def slider(self, name: str) -> Locator:
        """The handle with this accessible name, for example "Saturation threshold"."""
        return self.page.get_by_role("slider", name=name, exact=True)

    def metric(self, name: str) -> float:
        """The raw value of a live number, as it stands now."""
        element = self.page.locator(f'[data-metric="{name}"]').first
        element.wait_for(state="attached")
        return float(element.get_attribute("data-value") or "nan")

    def drag(self, handle: Locator | str, dx: float, dy: float = 0, **options: Any) -> Seen:
        """Drag a handle (or the slider so named); see `watching.drag`. What it returns was seen before the release."""
        return drag(self.slider(handle) if isinstance(handle, str) else handle, dx, dy, **options)

    def press(self, handle: Locator | str, *keys: str, pause: float = 0.05) -> Seen:
        """Press keys ("ArrowRight", "Shift+ArrowLeft") with the focus on a handle; returns what was seen meanwhile."""
        (self.slider(handle) if isinstance(handle, str) else handle).focus()
        start_watch(self.page)
        for key in keys:
            self.page.keyboard.press(key)
            self.page.wait_for_timeout(pause * 1000)
        seen = read_watch(self.page)
        self.page.evaluate("watch.stop()")
        return seen

    def screenshot(self, name: str, of: Locator | None = None) -> Path:
        """Picture of the page, or of one element, in test-artifacts/; returns its path."""
        self.artefacts.parent.mkdir(parents=True, exist_ok=True)
        path = self.artefacts.with_name(f"{self.artefacts.name}-{name}.png")
        (of or self.page).screenshot(path=path)
        return path

    def close(self) -> None:
        """Close the page and end the kernel."""
        self.page.context.close()
        self.lab.shut_kernels(self.path)
