"""Pictures that lessons alone need: pure functions that return a plotly Figure."""
