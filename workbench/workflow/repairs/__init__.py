"""Repairs of the float network before it is quantized: the same function in numbers that are easier to hold."""
