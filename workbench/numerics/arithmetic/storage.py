"""Bytes that parameters take: packed codes, and codes with their codebook."""


def packed_bytes(count: int, bits: int) -> int:
    """Bytes of `count` codes of `bits` bits in a row without gaps; the last byte may be filled in part."""
    return -(-count * bits // 8)


def codebook_bytes(count: int, bits: int, *, entry_bits: int = 32) -> int:
    """Bytes of packed codes and the table of 2^bits levels that they point into.

    entry_bits: of one level, float32 by default. Source: Han et al. 2016, Deep Compression (arXiv:1510.00149),
    equation 1.
    """
    return packed_bytes(count, bits) + packed_bytes(2**bits, entry_bits)
