"""Text that plotly shows as it is."""


def plain(text: str) -> str:
    """`text` with the characters escaped that plotly would read as pseudo-HTML (tags, links, entities)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
