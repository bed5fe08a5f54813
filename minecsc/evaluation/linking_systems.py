"""The linkers that are compared: ours, plain exact match, and scispaCy's candidate generator over the same names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from minecsc.evaluation.linking_cases import Case
from minecsc.linking.layout import Concept
from minecsc.linking.normalize import fold
from minecsc.linking.scoring import COMPATIBLE

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from minecsc.linking import KnowledgeBase, Linker


@dataclass(frozen=True, slots=True)
class Answer:
    """What a system links a mention to. score: 0..1 by the system's own measure."""

    concept: Concept
    score: float


class System(Protocol):
    """A linker under test. Answers do not depend on the other cases; None is NIL."""

    @property
    def name(self) -> str: ...

    def answer(self, cases: Sequence[Case]) -> list[Answer | None]: ...


class Ours:
    """The package's linker, called as the extraction pipeline calls it."""

    name = "minecsc"

    def __init__(self, linker: Linker) -> None:
        self._linker = linker

    def answer(self, cases: Sequence[Case]) -> list[Answer | None]:
        answers: list[Answer | None] = [None] * len(cases)
        documents: dict[str, list[int]] = {}
        for i, case in enumerate(cases):
            documents.setdefault(case.document, []).append(i)
        for members in documents.values():
            for attempt in range(max(len(cases[i].types) for i in members)):
                open_ = [i for i in members if answers[i] is None and attempt < len(cases[i].types)]
                self._read(cases, open_, attempt, answers)
        return answers

    def _read(self, cases: Sequence[Case], members: list[int], attempt: int, answers: list[Answer | None]) -> None:
        """Links mentions of one document, each as its ``attempt``-th type."""
        if not members:
            return
        first = cases[members[0]]
        found = self._linker.link_document(
            [(cases[i].surface, cases[i].types[attempt]) for i in members],
            context=first.context,
            expansions=first.expansions,
        )
        for i, candidates in zip(members, found, strict=True):
            concept = self._linker.kb.concept(candidates[0].concept_id) if candidates else None
            if concept is not None:
                answers[i] = Answer(concept, candidates[0].score)


class ExactMatch:
    """The folded name, else the folded long form; among several concepts the nearest type, then the most names."""

    name = "exact match"

    def __init__(self, kb: KnowledgeBase) -> None:
        self._kb = kb

    def answer(self, cases: Sequence[Case]) -> list[Answer | None]:
        return [self._one(case) for case in cases]

    def _one(self, case: Case) -> Answer | None:
        for type_ in case.types:
            for name in dict.fromkeys((case.surface, resolved(case))):
                allowed = [p for p in self._kb.postings(fold(name)) if p.type in COMPATIBLE[type_]]
                if allowed:
                    weights = COMPATIBLE[type_]
                    found = [(-weights[p.type], self._kb.row(p.row)) for p in allowed]
                    _, concept = min(found, key=lambda f: (f[0], -len(f[1].synonyms), f[1].concept_id))
                    return Answer(concept, 1.0)
        return None


def resolved(case: Case) -> str:
    """The document's long form of a mention that is an abbreviation, as scispaCy's linker resolves it."""
    return case.expansions.get(case.surface, case.surface)


class ExactNeighbours:
    """Exact cosine neighbours with the interface of the approximate index that scispaCy asks.

    scispaCy 0.6.2 refuses to build its index where scipy cannot store float16 (every scipy this package runs
    with), and building it takes hours; exact search can only find nearer names than the approximate one.
    names: float32[name, 3-gram], rows of length 1.
    """

    _ROWS = 16

    def __init__(self, names: csr_matrix) -> None:
        self._by_gram = names.T.tocsr()

    def knnQueryBatch(self, vectors: csr_matrix, k: int) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """For each row the ``k`` nearest names and their cosine distances, nearest first, ties by row."""
        out = []
        for start in range(0, vectors.shape[0], self._ROWS):
            products = vectors[start : start + self._ROWS] @ self._by_gram
            for row in range(products.shape[0]):
                span = slice(products.indptr[row], products.indptr[row + 1])
                names, similar = products.indices[span], products.data[span]
                if len(names) > k:
                    # every name as near as the k-th stays in, so that ties are cut by row and not by chance
                    near = similar >= np.partition(similar, -k)[-k]
                    names, similar = names[near], similar[near]
                order = np.lexsort((names, -similar))[:k]
                out.append((names[order].astype(np.int64), 1 - similar[order]))
        return out


class Scispacy:
    """scispaCy's ``CandidateGenerator`` over the names of our knowledge base, best candidate first.

    Vectoriser, neighbours (k = 30), similarity threshold (.7) and resolved abbreviations as in scispaCy's
    ``EntityLinker``; its filter for definitions is off, since our concepts have none. Equal similarities are
    decided by identifier, as there. typed: only candidates whose type the mention may have.
    """

    K: Final = 30
    THRESHOLD: Final = 0.7

    def __init__(self, candidates: ScispacyCandidates, *, typed: bool) -> None:
        self.name = "scispaCy, by type" if typed else "scispaCy"
        self._candidates = candidates
        self._typed = typed

    def answer(self, cases: Sequence[Case]) -> list[Answer | None]:
        found = self._candidates.of([resolved(case) for case in cases])
        return [self._one(case, found[resolved(case)]) for case in cases]

    def _one(self, case: Case, candidates: Sequence[Answer]) -> Answer | None:
        for type_ in case.types:
            kept = [c for c in candidates if not self._typed or c.concept.type in COMPATIBLE[type_]]
            if kept and kept[0].score > self.THRESHOLD:
                return kept[0]
        return None


class ScispacyCandidates:
    """scispaCy's generator and what it has answered; a name is looked up once, whatever the number of mentions.

    Building it takes 1.2 GB of memory and a quarter of a minute of one core: made once per run, never stored.
    """

    def __init__(self, kb: KnowledgeBase) -> None:
        from scispacy.candidate_generation import CandidateGenerator
        from scispacy.linking_utils import Entity
        from scispacy.linking_utils import KnowledgeBase as ScispacyBase
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._kb = kb
        stored = (kb.row(row) for row in range(len(kb)))
        base = ScispacyBase(Entity(c.concept_id, c.name, list(c.synonyms), [c.type]) for c in stored)
        vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3), min_df=10, dtype=np.float32)
        names = sorted(base.alias_to_cuis)
        vectors = vectorizer.fit_transform(names)
        self._generator: Any = CandidateGenerator(ExactNeighbours(vectors), vectorizer, names, base)
        self._known: dict[str, list[Answer]] = {}

    def of(self, surfaces: Sequence[str]) -> Mapping[str, Sequence[Answer]]:
        """Candidates of each surface, most similar first."""
        new = sorted(set(surfaces) - self._known.keys())
        for surface, found in zip(new, self._generator(new, Scispacy.K), strict=True):
            ranked = sorted(found, key=lambda c: (-max(c.similarities), c.concept_id))
            self._known[surface] = [
                Answer(concept, min(max(0.0, float(max(c.similarities))), 1.0))
                for c in ranked
                if (concept := self._kb.concept(c.concept_id)) is not None
            ]
        return self._known
