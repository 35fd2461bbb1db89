"""Export: one file per target; every written file is read back and compared with what was simulated."""
