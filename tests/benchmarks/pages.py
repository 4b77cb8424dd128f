"""Print what the pages weigh and what they cost: `python -m tests.benchmarks.pages`.

Bytes of a page with its style sheet, script and icon, before and after compression, and the median milliseconds from
request to answer within one process; of these, those that the encoder takes are shown apart.
"""

import gzip
import re
import time
from statistics import median

from starlette.testclient import TestClient

from service.app import create_app
from service.loading import load_current_release
from service.release_encoder import load_release_encoder
from service.retriever import Retriever
from service.settings import Settings

QUESTION = "how to keep apprentices from dropping out"
PAGES = {
    "start": "/",
    "answer with ten hits": f"/?q={QUESTION}",
    "listing": "/practices",
    "practice": "/practices/quabb",
    "map with ten hits": f"/map?q={QUESTION}",
    "comparison of four": "/compare?pick=quabb&pick=carpo&pick=vera&pick=lehrlingscoaching",
    "about": "/about",
    "widget.js": "/widget.js",
}
_TIMES = 15


def milliseconds(action) -> float:
    """Return the median milliseconds of an action."""
    spent = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        action()
        spent.append((time.perf_counter() - started) * 1000)
    return median(spent)


def main() -> None:
    """Print one row a page."""
    settings = Settings()
    release = load_current_release(settings)
    encoder = load_release_encoder(release.folder, settings)
    retriever = Retriever(release)
    texts = retriever.understand(QUESTION).encoder_texts
    print("| page | bytes | compressed | ms | of these encoder |\n|---|---:|---:|---:|---:|")
    with TestClient(create_app(retriever, encoder, queue_size=8)) as client:
        for name, address in PAGES.items():
            bodies = [client.get(address).content]
            assets = re.findall(r'(?:href|src)="(/static/[^"#]+)', bodies[0].decode()) if name != "widget.js" else []
            bodies += [client.get(asset).content for asset in dict.fromkeys(assets)]
            weight, packed = sum(map(len, bodies)), sum(len(gzip.compress(body)) for body in bodies)
            whole = milliseconds(lambda: client.get(address))  # noqa: B023  called at once
            encoding = milliseconds(lambda: encoder.encode_queries(texts)) if "q=" in address else 0
            print(f"| {name} | {weight:,} | {packed:,} | {whole:.0f} | {encoding:.0f} |")


if __name__ == "__main__":
    main()
