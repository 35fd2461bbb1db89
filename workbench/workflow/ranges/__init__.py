"""Ranges of other tools: read from their files, and turned into recipes."""
