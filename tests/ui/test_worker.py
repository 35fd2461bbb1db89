"""The worker: one job at a time, the newest of a topic, the most urgent first, no error lost."""

import threading

import pytest

from workbench.models.segments import Cancelled
from workbench.ui.worker import Request, Worker


class Listener:
    def __init__(self):
        self.values, self.errors, self.running = [], [], []
        self.worker = Worker(
            lambda generation, value: self.values.append((generation.topic, value)),
            lambda job, error: self.errors.append((job.generation.topic, error)),
            lambda job, share: self.running.append((None if job is None else job.generation.topic, share)),
        )

    def submit(self, topic, compute, urgency=5, what="working"):
        return self.worker.submit(Request(topic, compute, what, urgency))


@pytest.fixture
def listener():
    made = Listener()
    yield made
    made.worker.close()


def held_back(gate):
    def compute(turn):
        gate.wait(10)
        return "first"

    return compute


def test_values_come_from_another_thread_one_at_a_time(listener):
    threads = []
    for i in range(20):
        listener.submit(f"topic {i}", lambda turn, i=i: threads.append(threading.current_thread()) or i)
    assert listener.worker.wait(10)
    assert sorted(value for _, value in listener.values) == list(range(20))
    assert len(set(threads)) == 1 and threads[0] is not threading.main_thread()
    assert not listener.worker.busy and not listener.worker.inside


def test_the_newest_of_a_topic_wins(listener):
    gate = threading.Event()
    listener.submit("busy", held_back(gate))
    generations = [listener.submit("figure", lambda turn, i=i: i) for i in range(5)]
    gate.set()
    assert listener.worker.wait(10)
    assert [value for topic, value in listener.values if topic == "figure"] == [4]
    assert [listener.worker.is_current(g) for g in generations] == [False] * 4 + [True]


def test_a_newer_request_makes_the_running_one_give_up(listener):
    started = threading.Event()

    def long(turn):
        started.set()
        while not turn.cancelled():
            pass
        raise Cancelled

    listener.submit("figure", long)
    started.wait(10)
    listener.submit("figure", lambda turn: "new")
    assert listener.worker.wait(10)
    assert listener.values == [("figure", "new")] and not listener.errors


def test_urgent_work_runs_inside_long_work(listener):
    order, started, asked = [], threading.Event(), threading.Event()

    def long(turn):
        started.set()
        asked.wait(10)
        assert not turn.cancelled()
        order.append("long")
        return "long"

    listener.submit("calibration", long, urgency=9)
    started.wait(10)
    listener.submit("details", lambda turn: order.append("urgent"), urgency=1)
    listener.submit("later", lambda turn: order.append("later"), urgency=9)
    asked.set()
    assert listener.worker.wait(10)
    assert order == ["urgent", "long", "later"]


def test_partial_values_and_progress(listener):
    def compute(turn):
        for i in range(3):
            turn.report(i + 1, 3)
            turn.publish(i)

    listener.submit("calibration", compute)
    assert listener.worker.wait(10)
    assert [value for _, value in listener.values] == [0, 1, 2]
    assert [share for topic, share in listener.running if topic] == [None, 1 / 3, 2 / 3, 1.0]
    assert listener.running[-1] == (None, None)


def test_an_error_is_told_and_the_thread_lives_on(listener):
    listener.submit("figure", lambda turn: 1 / 0)
    assert listener.worker.wait(10)
    listener.submit("figure", lambda turn: "well")
    assert listener.worker.wait(10)
    assert [type(error) for _, error in listener.errors] == [ZeroDivisionError]
    assert listener.values == [("figure", "well")]


def test_wait_gives_up_and_close_stops(listener):
    gate = threading.Event()
    listener.submit("busy", held_back(gate))
    assert not listener.worker.wait(0.05)
    listener.submit("never", lambda turn: "never")
    listener.worker.close()
    gate.set()
    assert listener.worker.wait(10)
    listener.submit("after", lambda turn: "after")
    assert "never" not in dict(listener.values) and "after" not in dict(listener.values)
