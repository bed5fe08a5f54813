"""Names near by spelling: what may differ, what must not, and the index that finds them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minecsc.errors import KnowledgeBaseError
from minecsc.linking import ngrams
from minecsc.linking.alignment import Alignment, align, derived, one_edit, opposite
from minecsc.linking.layout import Concept
from minecsc.linking.ngrams import NgramIndex, searchable
from minecsc.linking.normalize import fold_tokens

_NAMES = (
    "salinomycin", "valinomycin", "naloxone", "breast carcinoma", "male breast carcinoma", "hepatocellular carcinoma",
    "pancreatic ductal adenocarcinoma", "hyperglycemia", "hypoglycemia", "cyclin dependent kinase 4",
    "cyclin dependent kinase 6", "interleukin 6 receptor", "interleukin 8 receptor", "protein kinase inhibitor",
    "protein kinase activator", "glioblastoma multiforme", "stage II melanoma", "stage III melanoma", "EZH1", "CD133",
)  # fmt: skip

_WORDS = st.text(alphabet="abcdefghij", min_size=1, max_size=9)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> NgramIndex:
    folder = tmp_path_factory.mktemp("kb")
    (folder / "meta.json").write_text(json.dumps({"files": {}}), encoding="utf-8")
    meta = ngrams.write(folder, [Concept(f"x:{i}", name, "Process") for i, name in enumerate(_NAMES)])
    found = NgramIndex.load(folder, meta)
    assert found is not None
    return found


def _nearest(index: NgramIndex, name: str) -> list[str]:
    return [" ".join(n.words) for n in index.search(fold_tokens(name))]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("salinomicin", "salinomycin"),
        ("nalozone", "naloxone"),
        ("carcinoma of the breast", "breast carcinoma"),
        ("hepatocelular carcinoma", "hepatocellular carcinoma"),
        ("pancreas ductal adenocarcinoma", "pancreatic ductal adenocarcinoma"),
        ("glioblastoma multiform", "glioblastoma multiforme"),
    ],
)
def test_spelling_order_and_inflection_are_found(index: NgramIndex, written: str, meant: str) -> None:
    assert _nearest(index, written)[0] == meant


@pytest.mark.parametrize(
    "name",
    [
        "EZH2", "CD13", "hyperglycemia", "hypoglycemia", "cyclin dependent kinase 4", "cyclin dependent kinase 2",
        "interleukin 6 receptor", "protein kinase inhibitor", "stage II melanoma", "stage IV melanoma", "salinomycin",
        "anti breast carcinoma", "breast carcinoma inhibitor", "",
    ],
)  # fmt: skip
def test_look_alikes_are_refused(index: NgramIndex, name: str) -> None:
    assert _nearest(index, name) == []


def test_a_word_that_some_name_holds_is_no_typo() -> None:
    assert align(["cefotaxim"], ["cefotaxime"], frozenset()) == Alignment(misspelled=1, inflected=0) or derived(
        "cefotaxim", "cefotaxime"
    )
    assert align(["naloxine"], ["naloxone"], frozenset(), inflect=False) == Alignment(misspelled=1)
    assert align(["naloxine"], ["naloxone"], frozenset({"naloxine"}), inflect=False) is None


def test_opposites() -> None:
    assert opposite("hyperglycemia", "hypoglycemia")
    assert opposite("antioxidant", "oxidant")
    assert not opposite("glioma", "glioblastoma")


@given(st.lists(_WORDS, min_size=1, max_size=5), st.randoms())
def test_order_does_not_matter(words: list[str], random: object) -> None:
    shuffled = list(words)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert align(words, shuffled, frozenset()) == Alignment()


@given(_WORDS, _WORDS)
def test_relations_between_words_are_symmetric(one: str, other: str) -> None:
    assert one_edit(one, other) == one_edit(other, one)
    assert derived(one, other) == derived(other, one)
    assert opposite(one, other) == opposite(other, one)


@given(_WORDS, st.integers(0, 8), st.sampled_from("klm"))
def test_one_replaced_letter_is_one_edit(word: str, at: int, letter: str) -> None:
    at %= len(word)
    assert one_edit(word, word[:at] + letter + word[at + 1 :])
    assert one_edit(word, word[:at] + letter + word[at:])


@given(st.lists(_WORDS, min_size=1, max_size=4), st.lists(_WORDS, min_size=1, max_size=4))
def test_cosine_is_symmetric_and_one_for_equal_words(index: NgramIndex, one: list[str], other: list[str]) -> None:
    assert index.cosine(one, other) == pytest.approx(index.cosine(other, one))
    assert index.cosine(one, one[::-1]) == pytest.approx(1.0)
    assert 0.0 <= index.cosine(one, other) <= 1.0 + 1e-9


def test_symbols_and_codes_are_not_searched() -> None:
    for name in ("EZH2", "IL-6", "miR-210", "CDK4/6", "AZD1234", "1,2,3,4-tetrahydro"):
        assert not searchable(fold_tokens(name)) or name == "1,2,3,4-tetrahydro"
    assert searchable(fold_tokens("renal cell carcinoma"))


def test_a_damaged_index_is_refused(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text(json.dumps({"files": {}}), encoding="utf-8")
    meta = ngrams.write(tmp_path, [Concept("x:1", "renal cell carcinoma", "Cancer")])
    assert NgramIndex.load(tmp_path, {"files": {}}) is None
    (tmp_path / ngrams.FILES[0]).write_bytes(b"damaged")
    with pytest.raises(KnowledgeBaseError, match="rebuild"):
        NgramIndex.load(tmp_path, meta)
    (tmp_path / ngrams.FILES[0]).unlink()
    with pytest.raises(KnowledgeBaseError, match="incomplete"):
        NgramIndex.load(tmp_path, meta)


def test_the_same_names_give_the_same_files(tmp_path: Path) -> None:
    concepts = [Concept(f"x:{i}", name, "Process") for i, name in enumerate(_NAMES)]
    digests = []
    for order, folder in ((concepts, tmp_path / "a"), (concepts[::-1], tmp_path / "b")):
        folder.mkdir()
        (folder / "meta.json").write_text(json.dumps({"files": {}}), encoding="utf-8")
        digests.append(ngrams.write(folder, order)["files"])
    assert digests[0] == digests[1]
