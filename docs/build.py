"""Makes the site: `python docs/build.py [folder]`, by default site/. `make docs` brings what it needs."""

import os
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ["PLOTLY_RENDERERS"] = "plotly_mimetype"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout, not an installed copy

from offline import foreign  # noqa: E402
from reading_copies import reading_copy  # noqa: E402
from sources import PROJECT, gather, lessons  # noqa: E402

HERE = Path(__file__).resolve().parent


def build(site: Path) -> None:
    """Write the site into a folder that is replaced; exits with an error where a cell, a page or a link fails."""
    from plotly.offline import get_plotlyjs
    from sphinx.cmd.build import build_main

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = folder / "sources"
        static = sources / "_static"
        static.mkdir(parents=True)
        gather(sources)
        shutil.copy(HERE / "site.css", static)
        (static / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")

        def run(path: Path) -> None:
            reading_copy(path, sources / "notebooks" / path.name, folder / path.stem)
            print(f"ran {path.name}", flush=True)

        with ThreadPoolExecutor(os.cpu_count() or 1) as workers:
            list(workers.map(run, lessons()))
        made = folder / "site"
        options = ["-b", "html", "-W", "--keep-going", "-q", "-c", str(HERE), "-d", str(folder / "trees")]
        options += ["-D", f"html_static_path={static}"]
        if build_main([*options, str(sources), str(made)]):
            sys.exit("the site has faults, see above; nothing was written")
        fetched = foreign(made)
        if fetched:
            sys.exit(f"these pages would ask the network for something: {', '.join(fetched)}")
        shutil.rmtree(site, ignore_errors=True)
        shutil.copytree(made, site)
    print(f"{site / 'index.html'}: {len(lessons())} lessons; open it in a browser")


if __name__ == "__main__":
    build(Path(sys.argv[1]) if sys.argv[1:] else PROJECT / "site")
