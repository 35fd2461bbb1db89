"""Distributions: what is kept of a tensor so that its error under any quantizer can be asked for at once."""
