"""Clipping methods: from a distribution and a format to the range a quantizer should cover."""
