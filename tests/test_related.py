"""Related practices: never the seed, each once over all pages, by substance, every mode as it promises."""

import random
from itertools import pairwise

import numpy as np
import pytest

from indexer.build import build_release
from indexer.embedding_cache import EmbeddingCache
from indexer.passages import lexical_text, practice_text
from indexer.practice import Practice
from service.related import RELEVANCE_WEIGHT, SAME_FROM, _diverse, _seed_embedding, _without_repeats, related
from service.retriever import Hit, Retriever, UnknownPracticeError
from tests.fakes import PRACTICES, WordEncoder, fake_spec, small_source

MODES = ("similar", "same-approach", "same-target-group", "other-country", "diverse")
WORDS = (
    "school teacher workshop parents evening course language grant travel meeting advice trust phone visit plan "
    "week month young adult group company master exam repeat support morning village city office map"
)
BOILERPLATE = "No evaluation was found of this. The sources give no figures on its effect. It is still running today."


@pytest.fixture(scope="module")
def words():
    return WordEncoder(fake_spec(dim=512))


def built(folder, practices, encoder):
    cache = EmbeddingCache(folder / "cache", encoder.spec.identity, encoder.spec.dim)
    release = build_release(
        small_source(practices), encoder, releases=folder / "releases", cache=cache, progress=lambda *_: None
    )
    return Retriever(release)


def generated_practices(count=110):
    """Return practices of which every tenth is told twice more, in shuffled order."""
    rng = random.Random(11)
    practices = []
    for number in range(count):
        description = (
            ". ".join(" ".join(rng.choices(WORDS.split(), k=rng.randint(5, 9))).capitalize() for _ in range(3)) + "."
        )
        copies = 3 if number % 10 == 0 else 1
        practices += [
            Practice(
                id=f"p{number:03}-{copy}",
                title=f"Plan {number}",
                description=description,
                country=rng.choice(("DE", "FR", "GR", None)),
                approaches=rng.sample(("mentoring", "outreach", "health-support"), rng.randint(0, 2)),
                target_groups=rng.sample(("neets", "adults", "apprentices"), rng.randint(0, 2)),
            )
            for copy in range(copies)
        ]
    rng.shuffle(practices)
    return practices


@pytest.fixture(scope="module")
def many(tmp_path_factory, words):
    return built(tmp_path_factory.mktemp("many"), generated_practices(), words)


@pytest.fixture(scope="module")
def small(tmp_path_factory, words):
    return built(tmp_path_factory.mktemp("small"), PRACTICES, words)


def ids(found):
    return [one.hit.practice.id for one in found]


def all_ids(found):
    return [name for one in found for name in (one.hit.practice.id, *one.same_as)]


def all_pages(retriever, seed, mode, top_k):
    pages = []
    while page := related(retriever, seed, mode=mode, top_k=top_k, page=len(pages) + 1):
        pages.append(page)
    return pages


def hits_like(retriever, seed):
    """Return all practices but one by how much they are like it."""
    text = lexical_text(retriever.practice(seed), retriever.release.parts.vocabulary)
    hits = retriever.like(text, _seed_embedding(retriever, retriever.row(seed)), top_k=1000)
    return [hit for hit in hits if hit.practice.id != seed]


def promised(practices, seed, mode):
    """Return the ids that a mode promises, by the plain words of its name."""
    return sorted(
        one.id
        for one in practices
        if one.id != seed.id
        and {
            "similar": True,
            "diverse": True,
            "same-approach": bool(set(one.approaches) & set(seed.approaches)),
            "same-target-group": bool(set(one.target_groups) & set(seed.target_groups)),
            "other-country": one.country and seed.country and one.country != seed.country,
        }[mode]
    )


@pytest.mark.parametrize("mode", MODES)
def test_the_seed_is_never_related_to_itself(many, mode):
    for seed in many.release.parts.practices[:8]:
        assert seed.id not in all_ids(related(many, seed.id, mode=mode, top_k=100))


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_brings_all_that_it_promises_and_nothing_else(many, mode):
    practices = many.release.parts.practices
    seeds = [one for one in practices if one.country and one.approaches and one.target_groups][:3]
    for seed in seeds:
        pages = all_pages(many, seed.id, mode, 50)
        assert sorted(all_ids([one for page in pages for one in page])) == promised(practices, seed, mode)


def test_a_seed_of_which_nothing_is_known_shares_nothing(many):
    practices = many.release.parts.practices
    bare = next(one for one in practices if not one.approaches and not one.target_groups)
    assert related(many, bare.id, mode="same-approach", top_k=5) == []
    assert related(many, bare.id, mode="same-target-group", top_k=5) == []
    homeless = next(one for one in practices if one.country is None)
    assert related(many, homeless.id, mode="other-country", top_k=5) == []


@pytest.mark.parametrize("mode", ["similar", "diverse"])
@pytest.mark.parametrize("top_k", [7, 60])
def test_the_pages_together_hold_each_practice_once_in_one_order(many, mode, top_k):
    seed = many.release.parts.practices[5]
    pages = all_pages(many, seed.id, mode, top_k)
    found = [one for page in pages for one in page]

    assert sorted(all_ids(found)) == promised(many.release.parts.practices, seed, mode)
    assert [len(page) for page in pages[:-1]] == [top_k] * (len(pages) - 1)
    assert [one.hit.rank for one in found] == list(range(1, len(found) + 1))
    longer = [one for page in all_pages(many, seed.id, mode, 100) for one in page]
    assert found == longer


@pytest.mark.parametrize("mode", ["similar", "diverse"])
def test_the_pages_end_after_the_most_that_are_put_in_order(many, monkeypatch, mode):
    monkeypatch.setattr("service.related.MOST_RELATED", 20)
    nearest = [hit.practice.id for hit in hits_like(many, "p003-0")][:20]
    pages = all_pages(many, "p003-0", mode, 3)
    assert sorted(all_ids([one for page in pages for one in page])) == sorted(nearest)


def test_scores_fall_from_page_to_page(many):
    pages = all_pages(many, many.release.parts.practices[5].id, "similar", 20)
    keys = [(-one.hit.score, one.hit.practice.id) for page in pages for one in page]
    assert keys == sorted(keys)


def test_the_same_page_has_the_same_practices_every_time(many):
    again = Retriever(many.release)
    for mode in MODES:
        first = related(many, "p020-1", mode=mode, top_k=10, page=2)
        assert related(again, "p020-1", mode=mode, top_k=10, page=2) == first


def test_a_page_behind_the_last_is_empty(small):
    assert len(related(small, "mentors", mode="similar", top_k=2, page=2)) == 1
    assert related(small, "mentors", mode="similar", top_k=2, page=3) == []


def test_an_unknown_seed_is_refused(small):
    with pytest.raises(UnknownPracticeError, match="no practice with id 'nobody'"):
        related(small, "nobody", mode="similar", top_k=5)


def test_a_catalogue_of_one_practice_has_nothing_related(tmp_path, words):
    alone = built(tmp_path, PRACTICES[:1], words)
    for mode in MODES:
        assert related(alone, "mentors", mode=mode, top_k=5) == []


def copy_of(practice, name, **changes):
    return practice.model_copy(update={"id": name} | changes)


def test_a_practice_that_is_told_twice_is_grouped_under_the_better_one(tmp_path, words):
    second = PRACTICES[1]
    worse = copy_of(second, "another-school", summary=second.summary.replace("A school", "The school"))
    retriever = built(tmp_path, [*PRACTICES, worse], words)
    found = related(retriever, "mentors", mode="similar", top_k=10)

    groups = {one.hit.practice.id: one.same_as for one in found}
    assert sorted(all_ids(found)) == ["absence-call", "another-school", "second-school", "street-work"]
    assert len(found) == 3
    better, (other,) = next((name, same) for name, same in groups.items() if same)
    assert {better, other} == {"second-school", "another-school"}
    score_of = {hit.practice.id: hit.score for hit in hits_like(retriever, "mentors")}
    assert score_of[better] >= score_of[other]


def test_a_seed_that_is_told_twice_has_its_twin_first(tmp_path, words):
    retriever = built(tmp_path, [*PRACTICES, copy_of(PRACTICES[0], "twin")], words)
    assert ids(related(retriever, "mentors", mode="similar", top_k=1)) == ["twin"]
    assert ids(related(retriever, "twin", mode="similar", top_k=1)) == ["mentors"]


@pytest.fixture(scope="module")
def wordy(tmp_path_factory, words):
    """Ten practices with the same boilerplate, and one without it that does what the first does."""
    subjects = (
        "Retired masters mentor apprentices in small workshops.",
        "Buses bring pupils from remote farms into town.",
        "Nurses advise pregnant girls about school and health.",
        "A theatre group plays scenes from prison life.",
        "Loans pay tools, meals and rent during winter.",
        "Software predicts which students stop attending lectures.",
        "Imams and priests visit families of newly arrived children.",
        "A ship takes sailors' sons on long voyages.",
        "Football clubs open homework rooms beside their stadium.",
        "Bakers teach refugees their trade and language.",
    )
    practices = [
        Practice(id=f"wordy-{at}", title=f"Number {at}", description=f"{subject} {BOILERPLATE}")
        for at, subject in enumerate(subjects)
    ]
    kindred = Practice(
        id="kindred", title="Guides", description="Old masters guide apprentices through workshops and exams."
    )
    return built(tmp_path_factory.mktemp("wordy"), [*practices, kindred], words)


@pytest.mark.parametrize("mode", ["similar", "diverse"])
def test_boilerplate_makes_no_practices_related(wordy, mode):
    assert related(wordy, "wordy-0", mode=mode, top_k=10)[0].hit.practice.id == "kindred"
    assert related(wordy, "kindred", mode=mode, top_k=10)[0].hit.practice.id == "wordy-0"


def test_boilerplate_is_no_reason(wordy):
    for seed in wordy.release.parts.practices:
        for one in related(wordy, seed.id, mode="similar", top_k=10):
            assert one.explanation.sentence.text not in BOILERPLATE
            assert one.explanation.answers.text not in BOILERPLATE


def assert_reasons_stand_where_they_say(retriever, seed, found):
    titles = {practice.title for practice in retriever.release.parts.practices}
    for one in found:
        for span, practice in ((one.explanation.sentence, one.hit.practice), (one.explanation.answers, seed)):
            assert practice_text(practice)[span.start : span.end] == span.text
            assert span.text not in titles
            assert len(span.text) > 10


def test_a_reason_is_a_sentence_of_each_of_both_practices(small, many):
    for retriever in (small, many):
        for seed in retriever.release.parts.practices[:5]:
            found = related(retriever, seed.id, mode="similar", top_k=20)
            assert len(found) >= 3
            assert_reasons_stand_where_they_say(retriever, seed, found)


def test_the_reason_is_what_both_practices_say(tmp_path, words):
    # the common sentence is first in one practice, in the middle of the other, and last in the third
    says = {
        "lake": "A judge mentors runaway boys. Tents stand beside a lake. Lunch costs nothing.",
        "farm": "Cows are milked at dawn. Our judge mentors runaway girls. Rooms have two beds.",
        "ship": "Sails are sewn by hand. Storms teach patience. One judge mentors runaway youngsters.",
    }
    practices = [Practice(id=name, title=name.capitalize(), description=text) for name, text in says.items()]
    retriever = built(tmp_path, [*practices, *PRACTICES], words)
    for seed in says:
        found = {one.hit.practice.id: one.explanation for one in related(retriever, seed, mode="similar", top_k=10)}
        for other in says.keys() - {seed}:
            assert "mentors runaway" in found[other].sentence.text
            assert "mentors runaway" in found[other].answers.text


def test_a_reason_names_what_both_practices_have(small):
    found = {one.hit.practice.id: one for one in related(small, "mentors", mode="similar", top_k=5)}
    shared = [(one.field, one.value, one.label) for one in found["street-work"].explanation.shared]
    assert shared == [("approaches", "mentoring", "Mentoring"), ("country", "DE", "Germany")]
    assert found["second-school"].explanation.shared == ()


def hit(name, score):
    return Hit(1, score, None, Practice(id=name, title=name), 0)


def test_diverse_practices_come_in_the_order_of_maximal_marginal_relevance():
    # a is best. b is nearly the same: .7 * .9 - .3 * .95 = .345; c is new: .7 * .7 - .3 * .1 = .46.
    # Then b .345, and d, near to c: .7 * .6 - .3 * .8 = .18; e is as new as can be: .7 * .45 - .3 * .0 = .315.
    groups = [[hit(*one)] for one in (("a", 1.0), ("b", 0.9), ("c", 0.7), ("d", 0.6), ("e", 0.45))]
    likeness = np.array(
        [
            [1.00, 0.95, 0.10, 0.10, 0.00],
            [0.95, 1.00, 0.10, 0.10, 0.00],
            [0.10, 0.10, 1.00, 0.80, 0.00],
            [0.10, 0.10, 0.80, 1.00, 0.00],
            [0.00, 0.00, 0.00, 0.00, 1.00],
        ],
        dtype=np.float32,
    )
    assert [group[0].practice.id for group in _diverse(groups, likeness)] == ["a", "c", "b", "e", "d"]


def test_diverse_order_is_that_of_trying_all_that_are_left():
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(30, 6)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    likeness = rows @ rows.T
    scores = sorted(rng.uniform(size=30).tolist(), reverse=True)
    expected, left = [], list(range(30))
    while left:
        best = max(
            left,
            key=lambda at: (
                RELEVANCE_WEIGHT * scores[at]
                - (1 - RELEVANCE_WEIGHT) * max((float(likeness[at, one]) for one in expected), default=0.0)
            ),
        )
        expected.append(best)
        left.remove(best)
    found = _diverse([[hit(str(at), score)] for at, score in enumerate(scores)], likeness)
    assert [int(group[0].practice.id) for group in found] == expected


def test_each_hit_is_grouped_under_the_first_that_says_the_same():
    same, other = np.float32(SAME_FROM + 0.01), np.float32(SAME_FROM - 0.01)
    # b says the same as a and c the same as b, but c not the same as a: c stands alone, and d belongs to it
    likeness = np.array([[1, same, other, 0], [same, 1, same, 0], [other, same, 1, same], [0, 0, same, 1]], np.float32)
    hits = [hit(name, score) for name, score in (("a", 0.9), ("b", 0.8), ("c", 0.7), ("d", 0.6))]
    groups = _without_repeats(hits, likeness)
    assert [[one.practice.id for one in group] for group in groups] == [["a", "b"], ["c", "d"]]


def test_diverse_practices_are_less_alike_than_similar_ones(many):
    def mean_likeness(mode):
        found = related(many, "p003-0", mode=mode, top_k=8)
        rows = many.scorer.first_windows(np.array([one.hit.row for one in found]))
        return float(np.mean([one @ other for one, other in pairwise(rows)]))

    assert mean_likeness("diverse") < mean_likeness("similar")
