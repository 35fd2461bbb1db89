"""Quantization error: expected (from a distribution), measured (from arrays), divergence (KL)."""
