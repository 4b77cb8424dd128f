"""Places on the map: likeness becomes nearness, dots keep apart, and odd catalogues get a map too."""

import numpy as np
import pytest
from sklearn.manifold import TSNE

from indexer import layout as module
from indexer import row_blocks
from indexer.encoder import unit_rows
from indexer.layout import CANVAS, LEAST_DISTANCE, MOST_APART, MOST_BY_NEIGHBOURS


def layout(rows, firsts=None):
    """Return the places of practices that have one window each, unless `firsts` says where their first is."""
    return module.layout(rows, np.arange(len(rows)) if firsts is None else np.array(firsts))


def random_rows(size, *, dim=16, seed=3):
    return unit_rows(np.random.default_rng(seed).normal(size=(size, dim)).astype(np.float32))


def clusters(size, *, count=5, dim=32, seed=1):
    """Return unit rows (n, dim) of which row r lies near axis r modulo `count`."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, 0.1, (size * count, dim))
    rows[np.arange(len(rows)), np.arange(len(rows)) % count] += 1
    return unit_rows(rows.astype(np.float32))


def gaps(places):
    """Return the distance in pixels of each dot to each (n, n), infinite to itself."""
    on_canvas = places.astype(np.float64) * CANVAS
    found = np.linalg.norm(on_canvas[:, None] - on_canvas, axis=2)
    np.fill_diagonal(found, np.inf)
    return found


@pytest.mark.parametrize("size", [4, 15, 40])
def test_every_practice_lies_nearest_to_those_that_are_like_it(size):
    found = gaps(layout(clusters(size)))
    own = np.arange(size * 5) % 5
    nearest = np.argsort(found, axis=1)[:, :3]
    assert (own[nearest] == own[:, None]).mean() > 0.97


def test_practices_alike_lie_nearer_than_others_on_average():
    found = gaps(layout(clusters(15)))
    own = np.arange(75) % 5
    is_alike = own[:, None] == own
    assert found[is_alike & np.isfinite(found)].mean() < found[~is_alike].mean() / 2


def test_the_same_embeddings_give_the_same_bytes_and_stay_as_they_were():
    embeddings = random_rows(60)
    before = embeddings.copy()
    first, second = layout(embeddings), layout(before.copy())
    assert first.tobytes() == second.tobytes()
    assert embeddings.tobytes() == before.tobytes()
    assert (first.dtype, first.shape) == (np.float32, (60, 2))


@pytest.mark.parametrize("size", [2, 3, 9, 10, 75])
def test_the_map_is_used_to_its_edges_and_no_further(size):
    places = layout(random_rows(size))
    assert places.min() == 0
    assert places.max() == 1
    assert np.isfinite(places).all()


@pytest.mark.parametrize("size", [2, 9, 10, 75, 200])
def test_no_dot_lies_on_another_and_a_target_of_24_pixels_fits(size):
    assert LEAST_DISTANCE > 24
    assert gaps(layout(random_rows(size))).min() > 24.9
    assert gaps(layout(clusters(-(-size // 5)))).min() > 24.9


def test_as_many_as_are_pushed_apart_find_room_and_one_more_stay_where_likeness_puts_them(monkeypatch):
    monkeypatch.setattr("indexer.layout.MOST_BY_NEIGHBOURS", 0)
    rows = random_rows(MOST_APART + 1)
    assert gaps(layout(rows[:-1])).min() > 24
    assert gaps(layout(rows)).min() < 5


def test_dots_in_a_heap_are_pushed_apart():
    # two practices at the ends of the map, all others between them and all but the same
    rows = np.vstack([np.eye(2, 8), np.full((60, 8), [1, 1, 0, 0, 0, 0, 0, 0])]).astype(np.float32)
    rows[2:] += random_rows(60, dim=8) * np.float32(1e-4)
    assert gaps(layout(unit_rows(rows))).min() > 24.9


def test_one_practice_lies_in_the_middle():
    assert layout(random_rows(1)).tolist() == [[0.5, 0.5]]


def test_two_practices_lie_at_opposite_edges():
    places = layout(np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float32))
    assert sorted(places[:, 0].tolist()) == [0, 1]
    assert places[:, 1] == pytest.approx([0.5, 0.5], abs=1e-4)


def test_of_three_practices_the_two_alike_lie_together():
    found = gaps(layout(unit_rows(np.array([[1, 0.1, 0], [0, 0, 1], [1, -0.1, 0]], dtype=np.float32))))
    assert found[0, 2] < found[0, 1]
    assert found[0, 2] < found[1, 2]


@pytest.mark.parametrize("size", [2, 3, 10, 75])
def test_practices_that_say_the_same_lie_side_by_side(size):
    places = layout(np.repeat(random_rows(1), size, axis=0))
    assert gaps(places).min() > 24.9
    assert (places.min(), places.max()) == (0, 1)


def test_twins_among_others_are_each_others_neighbours():
    others = random_rows(60)
    found = gaps(layout(np.vstack([others, others[:5]])))
    twins = np.arange(5)
    assert found.min() > 24.9
    assert (found[twins, 60 + twins] < 60).all()


def test_practices_on_a_line_keep_their_order():
    angles = np.linspace(0, 0.5, 7)
    places = layout(np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32))
    order = np.argsort(places[:, 0]).tolist()
    assert order in ([0, 1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1, 0])


def test_above_the_limit_principal_components_place_and_t_sne_does_not_run(monkeypatch):
    def fail(*_):
        raise AssertionError("t-SNE ran")

    monkeypatch.setattr(TSNE, "fit_transform", fail)
    with pytest.raises(AssertionError, match="t-SNE ran"):
        layout(random_rows(20))
    rng = np.random.default_rng(5)
    # widest along the third axis, then along the first: these are the two components
    embeddings = (rng.uniform(-1, 1, (MOST_BY_NEIGHBOURS + 1, 4)) * [2, 0.1, 4, 0.1]).astype(np.float32)
    places = layout(embeddings)
    assert abs(np.corrcoef(places[:, 0], embeddings[:, 2])[0, 1]) > 0.99
    assert abs(np.corrcoef(places[:, 1], embeddings[:, 0])[0, 1]) > 0.99
    assert (places.min(axis=0).tolist(), places.max(axis=0).tolist()) == ([0, 0], [1, 1])


@pytest.mark.parametrize("dim", [32, 4], ids=["fewer practices than dimensions", "more"])
def test_a_practice_lies_where_its_first_window_puts_it(dim):
    rows = random_rows(60, dim=dim)
    firsts = [0, 1, 4, 9, 16, 25, 36, 49, 50, 51, 52, 59]
    among_others = layout(rows, firsts)
    assert among_others.tobytes() == layout(rows[firsts]).tobytes()
    assert len(among_others) == 12


@pytest.mark.parametrize("at_once", [1, 4, 7])
def test_the_size_of_blocks_moves_no_dot(monkeypatch, at_once):
    rows = random_rows(9, dim=4)  # too few for t-SNE, which would magnify the last bit
    expected = layout(rows)
    monkeypatch.setattr(row_blocks, "AT_ONCE", at_once)
    np.testing.assert_allclose(layout(rows), expected, atol=1e-4)


@pytest.mark.parametrize("size", [4, 5, 6, 7, 30])
def test_the_first_places_are_the_principal_components_however_many_practices_there_are(monkeypatch, size):
    monkeypatch.setattr("indexer.layout.MOST_BY_NEIGHBOURS", 0)
    monkeypatch.setattr("indexer.layout.MOST_APART", 0)
    monkeypatch.setattr(row_blocks, "AT_ONCE", 4)
    rows = random_rows(size, dim=5)
    centred = rows - rows.mean(axis=0)
    expected = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    places = layout(rows)
    for axis in range(2):
        assert abs(np.corrcoef(places[:, axis], expected[:, axis])[0, 1]) == pytest.approx(1, abs=1e-6)
