"""Names that are spelled nearly alike, mapped from disk: found by their words, ranked by character 3-grams.

scispaCy's candidate generator takes the nearest neighbours by TF-IDF over character 3-grams from an nmslib graph.
That graph is approximate, depends on threads and insertion order, and holds hundreds of megabytes. Its cosine is kept
here and computed exactly; the neighbours come from an index of words instead. A name is listed under its two rarest
words; a word of the query stands for itself, for its inflections (pancreas, pancreatic) and, where no name holds it,
for the words one edit away (salinomicin). So the same query gives the same answer on every machine, and what differs
between two names is known word by word, which :func:`minecsc.linking.alignment.align` needs to refuse look-alikes.

Files beside the knowledge base, derived from its names and entered with their digests in ``meta.json``:

``ngram_names.npy``   numbers of each name's words, name after name (uint32)
``ngram_tables.npz``  where names start; names listed under each word and where its list starts; 3-gram weights
``ngram_words.npz``   the words sorted, as bytes with their starts, and their order by last letters first
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import log, sqrt
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from minecsc.errors import KnowledgeBaseError
from minecsc.ids import file_digest
from minecsc.linking.alignment import IGNORED, Alignment, align, derived, may_be_typo, one_edit
from minecsc.linking.layout import Concept
from minecsc.linking.normalize import fold_tokens

FILES: Final = ("ngram_names.npy", "ngram_tables.npz", "ngram_words.npz")
MIN_COSINE: Final = 0.3
_MIN_LETTERS, _MIN_RUN, _MAX_LENGTH, _MAX_WORDS, _MAX_NUMBERS = 6, 5, 72, 9, 3
_LISTED: Final = 2
_STEM_SHARE: Final = 0.65
_MAX_SPAN: Final = 4000  # words that share a beginning or an end, looked through for one edit
_MAX_ALIGNED: Final = 96
_RADIX: Final = 37
_CODE: Final = {" ": 0, **{c: i + 1 for i, c in enumerate("abcdefghijklmnopqrstuvwxyz0123456789")}}


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A name near a query. words: its folded words; cosine: of the TF-IDF vectors of 3-grams."""

    words: tuple[str, ...]
    cosine: float
    alignment: Alignment


def searchable(words: Sequence[str]) -> bool:
    """Whether a folded name is long enough for its spelling to vary: symbols, codes and formulas are not."""
    if len(words) > _MAX_WORDS or sum(map(len, words)) > _MAX_LENGTH:
        return False
    if sum(c.isalpha() for w in words for c in w) < _MIN_LETTERS or not any(_has_run(w) for w in words):
        return False
    return sum(w.isdigit() for w in words) <= _MAX_NUMBERS and all(w.isascii() for w in words)


def _has_run(word: str) -> bool:
    run = 0
    for c in word:
        run = run + 1 if c.isalpha() else 0
        if run >= _MIN_RUN:
            return True
    return False


def word_grams(word: str) -> Iterator[int]:
    """Numbers of a word's 3-grams, with a space at either end, as scikit-learn's ``char_wb`` cuts them."""
    codes = [0, *(_CODE.get(c, 0) for c in word), 0]
    for a, b, c in zip(codes, codes[1:], codes[2:], strict=False):
        yield (a * _RADIX + b) * _RADIX + c


def write(folder: Path, concepts: Iterable[Concept]) -> dict[str, Any]:
    """Index the names of ``concepts`` into ``folder`` and enter the files in its ``meta.json``; returns that table."""
    texts = {
        words
        for concept in concepts
        for name in (concept.name, *concept.synonyms)
        if searchable(words := fold_tokens(name))
    }
    names = sorted(texts)
    frequency = Counter(word for words in names for word in set(words))
    vocabulary = sorted(frequency)
    number = {word: i for i, word in enumerate(vocabulary)}
    lists: dict[int, list[int]] = {}
    for at, words in enumerate(names):
        content = {w for w in words if w not in IGNORED and len(w) > 1}
        for word in sorted(content, key=lambda w: (frequency[w], w))[:_LISTED]:
            lists.setdefault(number[word], []).append(at)
    grams: Counter[int] = Counter()
    for word, count in frequency.items():
        for gram in set(word_grams(word)):
            grams[gram] += count
    weights = np.full(_RADIX**3, log(1 + len(names)) + 1, dtype=np.float32)
    for gram, count in grams.items():
        # names per 3-gram, a name with two such words counted twice
        weights[gram] = max(log((1 + len(names)) / (1 + count)), 0) + 1
    np.save(folder / FILES[0], np.array([number[w] for words in names for w in words], dtype=np.uint32))
    np.savez(
        folder / FILES[1],
        starts=_starts([len(words) for words in names]),
        listed=np.array([at for i in range(len(vocabulary)) for at in lists.get(i, ())], dtype=np.uint32),
        list_starts=_starts([len(lists.get(i, ())) for i in range(len(vocabulary))]),
        weights=weights,
    )
    backwards = sorted(range(len(vocabulary)), key=lambda i: vocabulary[i][::-1])
    np.savez(
        folder / FILES[2],
        text=np.frombuffer("".join(vocabulary).encode("ascii"), dtype=np.uint8),
        starts=_starts([len(word) for word in vocabulary]),
        backwards=np.array(backwards, dtype=np.uint32),
    )
    path = folder / "meta.json"
    meta: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    meta["ngrams"] = {"names": len(names), "words": len(vocabulary)}
    meta["files"].update({name: file_digest(folder / name) for name in FILES})
    path.write_text(json.dumps(meta, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    return meta


def _starts(lengths: Sequence[int]) -> npt.NDArray[np.uint32]:
    return np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))).astype(np.uint32)


class _Words(Sequence[str]):
    """Sorted words over one byte string; backwards: the same words, letters reversed, in the order of those."""

    def __init__(
        self, text: bytes, starts: npt.NDArray[np.uint32], order: npt.NDArray[np.uint32] | None = None
    ) -> None:
        self._text, self._starts, self._order = text, starts, order

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, at: Any) -> Any:
        number = at if self._order is None else int(self._order[at])
        word = self._text[self._starts[number] : self._starts[number + 1]].decode("ascii")
        return word if self._order is None else word[::-1]

    def span(self, beginning: str) -> range:
        """Positions of the words that begin so."""
        return range(bisect_left(self, beginning), bisect_left(self, beginning + "~"))


class NgramIndex:
    """Nearest names by spelling. Read-only; the largest file stays mapped."""

    def __init__(self, names: npt.NDArray[np.uint32], tables: Any, words: Any) -> None:
        self._names = names
        self._starts, self._weights = tables["starts"], tables["weights"].tolist()
        self._listed, self._list_starts = tables["listed"], tables["list_starts"]
        text = words["text"].tobytes()
        self._words = _Words(text, words["starts"])
        self._order = words["backwards"]
        self._backwards = _Words(text, words["starts"], self._order)

    @classmethod
    def load(cls, folder: Path, meta: dict[str, Any]) -> NgramIndex | None:
        """Map the index that ``meta`` names; None where the knowledge base has none.

        Raises KnowledgeBaseError where a file is missing or is not the one that meta.json names.
        """
        if not meta.get("ngrams", {}).get("names"):
            return None
        try:
            for name in FILES:
                if file_digest(folder / name) != meta["files"][name]:
                    raise KnowledgeBaseError(f"{folder / name} is not the file that meta.json names: rebuild")
            with np.load(folder / FILES[1]) as tables, np.load(folder / FILES[2]) as words:
                return cls(np.load(folder / FILES[0], mmap_mode="r"), tables, words)
        except (OSError, KeyError, ValueError) as error:
            raise KnowledgeBaseError(f"{folder}: the index of spellings is incomplete: {error}") from error

    def search(self, words: Sequence[str], *, inflect: bool = True, limit: int = 8) -> list[Neighbour]:
        """The names nearest to a folded query, best first; none for a symbol or code. The query itself is no neighbour.

        inflect: whether words may match by their stem.
        """
        if not searchable(words):
            return []
        lists, known = [], set()
        for word in dict.fromkeys(words):
            if word in IGNORED or len(word) < 2:
                continue
            number = self._number(word)
            if number is not None:
                known.add(word)
            for near in self._near(word, number, inflect):
                lists.append(self._listed[self._list_starts[near] : self._list_starts[near + 1]])
        if not lists:
            return []
        found, counts = np.unique(np.concatenate(lists), return_counts=True)
        lengths = self._starts[found + 1] - self._starts[found]
        apart = np.abs(lengths.astype(np.int64) - len(words))
        order = np.lexsort((found, apart, -counts))[:_MAX_ALIGNED]
        out = []
        for at in found[order].tolist():
            name = self._name(at)
            alignment = align(words, name, frozenset(known), inflect=inflect)
            if alignment is not None and name != tuple(words):
                cosine = self.cosine(words, name)
                if cosine >= MIN_COSINE:
                    out.append(Neighbour(name, round(cosine, 4), alignment))
        return sorted(out, key=lambda n: (-n.cosine, n.words))[:limit]

    def cosine(self, one: Sequence[str], other: Sequence[str]) -> float:
        """Cosine of the TF-IDF vectors of two names' 3-grams, each counted once."""
        ours = {g for w in one for g in word_grams(w)}
        theirs = {g for w in other for g in word_grams(w)}
        weights = self._weights
        norm = sqrt(sum(weights[g] ** 2 for g in ours) * sum(weights[g] ** 2 for g in theirs))
        return float(sum(weights[g] ** 2 for g in sorted(ours & theirs)) / norm) if norm else 0.0

    def _number(self, word: str) -> int | None:
        at = bisect_left(self._words, word)
        return at if at < len(self._words) and self._words[at] == word else None

    def _near(self, word: str, number: int | None, inflect: bool) -> list[int]:
        out = [] if number is None else [number]
        if inflect and len(word) > 5 and word.isalpha():
            stem = word[: max(5, int(len(word) * _STEM_SHARE))]
            span = self._words.span(stem)
            if len(span) <= _MAX_SPAN:
                out += [i for i in span if i != number and derived(word, self._words[i])]
        if number is None and may_be_typo(word):
            out += self._misspelled(word)
        return list(dict.fromkeys(out))

    def _misspelled(self, word: str) -> list[int]:
        """Words one edit away: such a word keeps the first half or the last half of the letters."""
        half = len(word) // 2
        out: set[int] = set()
        span = self._words.span(word[: half - 1])
        if len(span) <= _MAX_SPAN:
            out.update(i for i in span if one_edit(word, self._words[i]))
        turned = word[::-1]
        span = self._backwards.span(turned[: half - 1])
        if len(span) <= _MAX_SPAN:
            out.update(int(self._order[i]) for i in span if one_edit(turned, self._backwards[i]))
        return sorted(out)

    def _name(self, at: int) -> tuple[str, ...]:
        numbers = self._names[self._starts[at] : self._starts[at + 1]].tolist()
        return tuple(self._words[i] for i in numbers)
