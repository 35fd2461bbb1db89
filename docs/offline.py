"""Whether a site is read without a network."""

import re
from pathlib import Path

FETCHES = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"(https?:)?//|<link\b[^>]*\bhref=\"(https?:)?//")
IMPORTS = re.compile(r"@import\s+(?:url\()?['\"]?https?:|url\(['\"]?https?:")


def foreign(site: Path) -> list[str]:
    """Pages and styles of a site that would fetch something from elsewhere."""
    found = [path for path in sorted(site.rglob("*.html")) if FETCHES.search(path.read_text(encoding="utf-8"))]
    found += [path for path in sorted(site.rglob("*.css")) if IMPORTS.search(path.read_text(encoding="utf-8"))]
    return [path.relative_to(site).as_posix() for path in found]
