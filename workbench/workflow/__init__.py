"""The verbs: load, calibrate, choose, simulate, export. Here the numerics and the models meet."""
