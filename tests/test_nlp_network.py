"""The network's parts against slow, obvious reference implementations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minecsc.nlp.crf import Crf, bio_tags
from minecsc.nlp.decoding import Decoder
from minecsc.nlp.encoding import MAX_PIECES, EncodedText, windows
from minecsc.nlp.network import PAIR_BUDGET, RangeMax, chunks


@pytest.fixture
def crf() -> Crf:
    torch.manual_seed(1)
    layer = Crf(bio_tags(["A", "B"]))
    torch.nn.init.normal_(layer.transitions)
    return layer


def _paths(crf: Crf, emissions: torch.Tensor) -> tuple[list[tuple[int, ...]], torch.Tensor]:
    n_words, n_tags = emissions.shape
    matrix = crf.transitions + crf.allowed
    paths = list(itertools.product(range(n_tags), repeat=n_words))
    scores = []
    for path in paths:
        score = emissions[0, path[0]] + crf.begin[path[0]]
        for t in range(1, n_words):
            score = score + matrix[path[t - 1], path[t]] + emissions[t, path[t]]
        scores.append(score)
    return paths, torch.stack(scores).detach()


@pytest.mark.parametrize("length", [1, 2, 4])
def test_crf_agrees_with_enumeration(crf: Crf, length: int) -> None:
    emissions = torch.randn(1, 4, 5)
    mask = torch.tensor([[k < length for k in range(4)]])
    paths, scores = _paths(crf, emissions[0, :length])
    best = paths[int(scores.argmax())]
    path, marginals = Decoder(crf)([emissions[0, :length].numpy()])[0]
    assert path == list(best)
    assert crf.decode(emissions, mask)[0, :length].tolist() == path
    gold = torch.zeros(1, 4, dtype=torch.long)
    gold[0, :length] = torch.tensor(best)
    expected = torch.logsumexp(scores, 0) - scores.max()
    torch.testing.assert_close(crf.loss(emissions, gold, mask).detach(), expected, rtol=1e-4, atol=1e-4)
    weights = torch.softmax(scores, 0)
    for t, tag in itertools.product(range(length), range(5)):
        reference = sum(float(w) for w, p in zip(weights, paths, strict=True) if p[t] == tag)
        assert float(marginals[t, tag]) == pytest.approx(reference, abs=1e-4)


def test_decoded_tags_are_well_formed(crf: Crf) -> None:
    tags = bio_tags(["A", "B"])
    texts = [3 * torch.randn(length, 5).numpy() for length in (30, 1, 17, 30, 2)]
    for row, _ in Decoder(crf)(texts):
        previous = "O"
        for tag in (tags[k] for k in row):
            if tag.startswith("I-"):
                assert previous[2:] == tag[2:]
                assert previous != "O"
            previous = tag


@given(st.lists(st.integers(1, 12), min_size=1, max_size=9), st.integers(0, 1000))
def test_decoding_together_is_decoding_alone(lengths: list[int], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    layer = Crf(bio_tags(["A", "B"]))
    torch.nn.init.normal_(layer.transitions, generator=generator)
    texts = [(8 * torch.randn(n, 5, generator=generator)).numpy() for n in lengths]
    decoder = Decoder(layer)
    for text, (path, marginals) in zip(texts, decoder(texts), strict=True):
        alone, posterior = decoder([text])[0]
        assert path == alone
        assert np.array_equal(marginals, posterior)


def test_range_maximum_agrees_with_a_loop() -> None:
    x = torch.randn(2, 13, 3)
    table = RangeMax(x)
    for row, start, end in ((r, a, b) for r in range(2) for a in range(13) for b in range(a + 1, 14)):
        found = table(torch.tensor([row]), torch.tensor([start]), torch.tensor([end]))[0]
        assert torch.equal(found, x[row, start:end].max(0).values)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=900))
def test_windows_read_every_word_once_and_fit_the_encoder(lengths: list[int]) -> None:
    starts = [0, *itertools.accumulate(lengths)]
    text = EncodedText([0] * starts[-1], starts, [(0, 0, 0, 0)] * len(lengths))
    found = windows(text)
    assert [w for _, _, a, b in found for w in range(a, b)] == list(range(len(lengths)))
    for first, end, word_from, word_to in found:
        assert end - first <= MAX_PIECES
        assert first <= starts[word_from]
        assert starts[word_to] <= end


def test_a_word_longer_than_a_window_does_not_stop_the_text() -> None:
    lengths = [3, 700, 5]
    starts = [0, *itertools.accumulate(lengths)]
    found = windows(EncodedText([0] * starts[-1], starts, [(0, 0, 0, 0)] * 3))
    assert [w for _, _, a, b in found for w in range(a, b)] == [0, 1, 2]
    assert all(end - first <= MAX_PIECES for first, end, _, _ in found)


@given(st.lists(st.tuples(st.integers(2, 30), st.integers(5, 120)), max_size=60))
def test_pair_groups_cover_all_sentences_within_the_budget(shapes: list[tuple[int, int]]) -> None:
    sentences = [(0, 0, words) for _, words in shapes]
    counts = [mentions for mentions, _ in shapes]
    groups = chunks(sentences, counts)
    assert sorted(i for g in groups for i in g) == list(range(len(shapes)))
    for group in groups:
        size = len(group) * max(counts[i] for i in group) ** 2 * max(sentences[i][2] for i in group)
        assert size <= PAIR_BUDGET or len(group) == 1
