"""Answer questions over a release, to be run by an instruction counter: `python -m tests.benchmarks.counted RELEASE N`.

Answers are complete but for the encoder, which is no part of our code: a fake one hashes words. Two runs with other
numbers of questions differ by the instructions of the questions alone.
"""

import sys
import time
from pathlib import Path

from indexer.release import load_release
from service.answers import search_response
from service.retriever import Retriever
from service.schemas import SearchRequest
from tests.fakes import WordEncoder, fake_spec

QUESTIONS = (
    "how to keep apprentices from dropping out of their training",
    "mentors for young people who left school without a certificate",
    "Wie halten wir Auszubildende im Betrieb?",
    "second chance school for adults",
    "pupils who are often absent, and parents who do not answer the phone",
)
DIM = 384


def main() -> None:
    """Answer the questions in turn until there are as many as asked for."""
    release, count = Path(sys.argv[1]), int(sys.argv[2])
    retriever, encoder = Retriever(load_release(release)), WordEncoder(fake_spec(dim=DIM))
    for number in range(count):
        request = SearchRequest(query=QUESTIONS[number % len(QUESTIONS)])
        question = retriever.understand(request.query)
        embeddings = encoder.encode_queries(question.encoder_texts)
        search_response(retriever, request, question, embeddings, time.perf_counter()).model_dump_json()


if __name__ == "__main__":
    main()
