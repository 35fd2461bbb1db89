"""Operations of the reference cases that are outside the product, each with the reason."""

OUTSIDE: dict[str, str] = {
    "reference_table": "a published figure to show beside measured ones: there is nothing to compute",
}
