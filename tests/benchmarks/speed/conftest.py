"""What the benchmarks of speed share: their options, the rows they collect, and the table at the end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.networks import save_resnet50
from tests.benchmarks.speed.figures import FIGURES
from tests.benchmarks.speed.readme_table import COMMAND
from tests.benchmarks.speed.results import Results, setting, table

_RESULTS = pytest.StashKey[Results]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("benchmarks")
    group.addoption("--bench-json", default="test-artifacts/benchmarks.json", help="where the table goes as JSON")
    group.addoption("--bench-images", type=int, default=32, help="images of calibration; the figures are for 32")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_RESULTS] = Results(config.getoption("--bench-images"))


@pytest.fixture(scope="session")
def results(pytestconfig: pytest.Config) -> Results:
    return pytestconfig.stash[_RESULTS]


@pytest.fixture(scope="session")
def resnet50(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file of the network of ResNet-50's size; 100 MB that do not stay."""
    path = save_resnet50(tmp_path_factory.mktemp("networks") / "resnet50_size.onnx")
    yield path
    path.unlink()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    results = config.stash[_RESULTS]
    if not results.rows:
        return
    path = config.rootpath / config.getoption("--bench-json")
    results.write(path)
    record = results.record()
    terminalreporter.section("benchmarks: medians, ratio of medians (least to largest ratio of a round)")
    for line in (*table(record), "", setting(record), f"written as {path}; README: {COMMAND} {path}"):
        terminalreporter.write_line(line)
    if missing := [figure.what for key, figure in FIGURES.items() if key not in results.rows]:
        terminalreporter.write_line(f"not measured: {'; '.join(missing)}")
