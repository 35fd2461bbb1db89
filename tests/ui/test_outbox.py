"""The outbox: calls reach a thread where widgets may be touched."""

import asyncio
import threading
from pathlib import Path

from jupyter_client.manager import start_new_kernel

from workbench.ui.outbox import Outbox

PROJECT = Path(__file__).parents[2]


def test_without_a_loop_the_call_is_made_at_once():
    outbox, calls = Outbox(), []
    outbox.join()
    outbox.post(lambda: calls.append(threading.current_thread()))
    assert calls == [threading.current_thread()]


def test_with_a_loop_the_call_is_made_there_and_in_order():
    outbox, calls = Outbox(), []

    async def main():
        outbox.join()
        poster = threading.Thread(target=lambda: [outbox.post(lambda i=i: note(i)) for i in range(50)])
        poster.start()
        while len(calls) < 50:
            await asyncio.sleep(0.001)
        poster.join()

    def note(i):
        calls.append((i, threading.current_thread()))

    asyncio.run(main())
    assert [i for i, _ in calls] == list(range(50))
    assert {thread for _, thread in calls} == {threading.current_thread()}


def test_a_closed_loop_is_forgotten():
    outbox, calls = Outbox(), []

    async def main():
        outbox.join()

    asyncio.run(main())
    outbox.post(lambda: calls.append(1))
    assert calls == [1]


IN_A_KERNEL = """
import threading
from tests.ui.studies import small_model, images
from workbench.ui.study import Study
import pathlib, tempfile
heard = []
study = Study(small_model(pathlib.Path(tempfile.mkdtemp())), images())
study.observe(lambda change: heard.append((change["name"], threading.current_thread().name)), "comparison")
study.start()
"""


def test_in_a_real_kernel_observers_of_background_work_run_in_the_kernels_own_thread():
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(PROJECT))
    try:
        said = []

        def run(code):
            reply = client.execute_interactive(
                code, timeout=60, output_hook=lambda m: said.append(m["content"].get("text", ""))
            )
            assert reply["content"]["status"] == "ok", reply["content"]

        run(IN_A_KERNEL)
        run("study.worker.wait(60) or 1/0")  # the kernel is busy meanwhile: nothing can be shown
        run("print(heard)")
        assert eval("".join(said)) and {thread for _, thread in eval("".join(said))} == {"MainThread"}
        said.clear()
        run("heard.clear(); study.set_range('relu_out', 0.0, 0.5); study.wait(60)")  # wait shows what has come
        run("print(len(heard), threading.active_count() > 1, study.status == '')")
        assert "".join(said).split()[1:] == ["True", "True"]
        run("study.close()")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
