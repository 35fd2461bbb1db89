"""What all tests share: the same random numbers at every run, and the browser last."""

from pathlib import Path

import pytest
from hypothesis import settings

BROWSER = Path(__file__).parent / "browser"

# The same examples at every run, and no deadline: the first call of a compiled kernel takes seconds.
settings.register_profile("workbench", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("workbench")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Playwright keeps an event loop in the main thread until the end, which nothing after it should meet.
    items.sort(key=lambda item: BROWSER in item.path.parents)
