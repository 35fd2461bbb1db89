"""The benchmarks take turns and say what they measured; README's table of speed has every figure."""

import json
import re
import socket
import sys

import numpy as np
import pytest

from tests.benchmarks.speed.child import Child
from tests.benchmarks.speed.figures import FIGURES
from tests.benchmarks.speed.measuring import Quantity, Sample, interleaved, ratio, seconds, timed
from tests.benchmarks.speed.readme_table import BEGIN, COMMAND, END, HEADING, PAGE, renewed, section
from tests.benchmarks.speed.results import PACKAGES, Results, plain, shown, table


def kept_section() -> str:
    page = PAGE.read_text(encoding="utf-8")
    assert page.count(BEGIN) == page.count(END) == 1
    return page.partition(BEGIN)[2].partition(END)[0]


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_readme_has_every_figure_and_says_truly_whether_it_is_reached():
    heading, rule, *found = rows(kept_section())
    assert tuple(heading) == HEADING and len(rule) == len(HEADING)
    assert [(row[0], row[1], row[5]) for row in found] == [(f.what, f.beside, f.target) for f in FIGURES.values()], (
        f"renew it with: {COMMAND}"
    )
    for row, figure in zip(found, FIGURES.values(), strict=True):
        value = float(row[4].split(" (")[0].replace(",", ""))
        if value != figure.limit:  # rounded to it, it can be on either side
            assert row[6] == {True: "yes", False: "no", None: ""}[figure.met(value)], row[0]
        compared = re.fullmatch(r"[\d.,e-]+ \(([\d.,e-]+) to ([\d.,e-]+)\)", row[4])
        assert bool(compared) == bool(row[2]) == bool(row[3]), row[0]


def test_readme_names_the_machine_by_its_parts_and_the_versions():
    words = " ".join(kept_section().split())
    assert re.search(r"\d+ cores", words)
    for name in ("Python", *PACKAGES):
        assert re.search(rf"{name} \d+\.\d+", words), name
    assert socket.gethostname() not in words.split()


def measured(images: int = 32) -> Results:
    """Made-up rows: ours takes 1 s, the peer 3 s, and then 2 and 10."""
    results = Results(images)
    for key, figure in FIGURES.items():
        if figure.beside:
            ours, peer = Quantity((1.0, 2.0), "s", (2.0, 2.0)), Quantity((3.0, 10.0), "s", (5.0, 5.0))
            results.compare(key, ours, peer, inputs="made up")
        else:
            results.number(key, np.float64(2.5e-4), inputs="made up")
    return results


def test_ratios_say_how_many_times_better_or_more():
    found = measured().rows
    assert found["fill_relu"]["value"] == pytest.approx(6.5 / 1.5) and found["fill_relu"]["spread"] == [3.0, 5.0]
    assert found["fill_relu"]["met"] is True and found["kl_2048"]["met"] is False
    assert found["setup"]["value"] == pytest.approx(1.5 / 6.5) and found["setup"]["spread"] == [0.2, 1 / 3]
    assert found["certain_width"]["met"] is True and found["certain_middle"]["met"] is False
    assert found["query_small"]["met"] is None
    assert found["fill_relu"]["cpu_ratio"] == 2.5 and found["setup"]["cpu_ratio"] == 0.4


def test_the_section_of_a_run_takes_the_place_of_the_old_one():
    record = json.loads(json.dumps(measured(images=7).record()))
    page = renewed(f"before\n{BEGIN}\nold\n{END}\nafter\n", record)
    assert page == f"before\n{BEGIN}\n{section(record)}{END}\nafter\n"
    assert "7 images" in section(record) and len(rows(page)) == len(FIGURES) + 2
    assert len(rows("\n".join(table(record)))) == len(FIGURES) + 2
    del record["rows"]["kl_8001"]
    with pytest.raises(ValueError, match="not measured: KL at all thresholds, 8001 bins"):
        section(record)
    with pytest.raises(ValueError, match="needs the lines"):
        renewed("nothing", measured().record())


def test_contenders_take_turns_in_changing_order():
    order: list[str] = []

    def contender(name: str):
        return lambda: order.append(name) or Sample(float(len(order)), 0.0)

    samples = interleaved({name: contender(name) for name in "abc"}, {"a": 3, "b": 2, "c": 1})
    assert order == ["a", "b", "c", "b", "a", "a"]
    assert [sample.seconds for sample in samples["a"]] == [1.0, 5.0, 6.0]


def test_a_short_function_is_timed_over_many_calls():
    calls: list[int] = []
    sample = timed(lambda: calls.append(1), calls=5)()
    assert len(calls) == 5 and 0 < sample.seconds < 60


def test_numbers_have_three_digits_and_a_unit():
    said = [shown(0.0123, "s"), shown(4.1e9, "B"), shown(12.0, "s"), shown(3e-6, "s"), plain(1234.5), plain(1.2e-11)]
    assert said == ["12.3 ms", "4.10 GB", "12.0 s", "3.00 µs", "1,234", "1.2e-11"]
    assert ratio(Quantity((4.0, 9.0), "s"), Quantity((2.0, 3.0, 5.0), "s")) == (6.5 / 3, 9 / 5, 3.0)
    assert Quantity((1.0,), "s").record()["quartiles"] == [1.0, 1.0]
    halves = seconds([Sample(4.0, 6.0), Sample(2.0, 2.0)], parts=2)
    assert halves == Quantity((2.0, 1.0), "s", (3.0, 1.0)) and halves.record()["cpu_median"] == 2.0


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_a_contender_in_a_process_of_its_own_tells_its_peak_memory():
    with Child("sorted_sums", n=5_000_000) as child:
        sample = child()
    assert sample.facts["count"] == 5_000_000 and sample.seconds > 0
    assert 20e6 < (sample.peak_bytes or 0) < 200e6  # a sorted copy of 20 MB at least
    with pytest.raises(RuntimeError, match="no_such_contender"), Child("no_such_contender"):
        pass
