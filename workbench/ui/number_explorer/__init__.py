"""The number explorer: one number taken apart bit by bit, in all formats at once."""

from workbench.ui.number_explorer.widget import NumberExplorer, numbers

__all__ = ["NumberExplorer", "numbers"]
