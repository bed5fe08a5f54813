"""Linking accuracy given the mention: what each system answers, judged against identifiers, with intervals.

A gold identifier is *expressible* where a concept of a fitting type has it as its identifier or cross-reference.
Accuracy counts expressible mentions only; how many there are is the coverage. A mention with several gold
identifiers ("breast or ovarian cancer") is right when the answer is one of them. A family, or a broader term, of
what gold names is wrong, and counted apart. Mentions that nothing of ours expresses should be NIL.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any, Final, Literal

from minecsc.errors import EvaluationError
from minecsc.evaluation.bootstrap import Counts, intervals
from minecsc.evaluation.calibration import Calibration, calibrate
from minecsc.evaluation.linking_cases import Case, normal_curie
from minecsc.evaluation.linking_systems import Answer, System, resolved
from minecsc.evaluation.spans import Tally, TallyTable
from minecsc.linking import KnowledgeBase
from minecsc.linking.layout import Concept
from minecsc.linking.normalize import fold
from minecsc.linking.scoring import COMPATIBLE

Outcome = Literal["right", "broader", "wrong", "abstained", "nil", "namesake", "false"]
ALL: Final = "all"

_COMPOSED: Final = "minecsc:"


class Vocabulary:
    """Which concepts stand for an identifier of another vocabulary."""

    def __init__(self, kb: KnowledgeBase) -> None:
        self._kb = kb
        self._stored: dict[str, list[int]] = defaultdict(list)
        for row in range(len(kb)):
            concept = kb.row(row)
            for curie in {normal_curie(c) for c in (concept.concept_id, *concept.xrefs)}:
                self._stored[curie].append(row)

    def concepts(self, curie: str) -> list[Concept]:
        """Concepts with that identifier or cross-reference, stored or composed by rule."""
        found = [self._kb.row(row) for row in self._stored.get(curie, ())]
        if not found and curie.startswith(_COMPOSED):
            composed = self._kb.concept(curie)
            return [] if composed is None else [composed]
        return found

    def readings(self, case: Case) -> list[frozenset[str]]:
        """For each expressible gold identifier the concepts that stand for it."""
        fitting = {type_ for wanted in case.types for type_ in COMPATIBLE[wanted]}
        found = (
            frozenset(c.concept_id for c in self.concepts(g) if c.type in fitting or not case.typed_gold)
            for g in case.gold
        )
        return [concepts for concepts in found if concepts]

    def ancestors(self, concept_id: str) -> set[str]:
        """Every concept above one, by the parents that the knowledge base holds."""
        above: set[str] = set()
        open_ = [concept_id]
        while open_:
            concept = self._kb.concept(open_.pop())
            fresh = [] if concept is None else [p for p in concept.parents if p not in above]
            above.update(fresh)
            open_.extend(fresh)
        return above


def judge(case: Case, readings: Sequence[frozenset[str]], answer: Answer | None, vocabulary: Vocabulary) -> Outcome:
    """What became of a mention.

    Expressible: right; broader, where the answer stands above all that gold names; wrong; abstained. Not expressible:
    nil is right; namesake, where gold has an identifier that we do not know and the answer bears the mention's very
    name (the human gene for a mouse gene, a drug under a retired identifier); else false.
    """
    if not readings:
        if answer is None:
            return "nil"
        return "namesake" if case.gold and _bears_name(case, answer.concept) else "false"
    if answer is None:
        return "abstained"
    answered = answer.concept.concept_id
    if any(answered in concepts for concepts in readings):
        return "right"
    if all(any(answered in vocabulary.ancestors(c) for c in concepts) for concepts in readings):
        return "broader"
    return "wrong"


def _bears_name(case: Case, concept: Concept) -> bool:
    keys = {fold(case.surface), fold(resolved(case))}
    return any(fold(name) in keys for name in (concept.name, *concept.synonyms))


@dataclass(frozen=True, slots=True)
class LinkingScore:
    """Counts of outcomes for one system on one group of mentions. Rates are None where undefined.

    interval: 95 % of accuracy, by resampling documents where there are several mentions a document, else Wilson's.
    """

    mentions: int
    right: int
    broader: int
    wrong: int
    abstained: int
    nil: int
    namesakes: int
    false: int
    interval: tuple[float, float] | None = None

    @property
    def expressible(self) -> int:
        return self.right + self.broader + self.wrong + self.abstained

    @property
    def coverage(self) -> float | None:
        return _rate(self.expressible, self.mentions)

    @property
    def accuracy(self) -> float | None:
        """Right of the expressible ones."""
        return _rate(self.right, self.expressible)

    @property
    def accuracy_of_all(self) -> float | None:
        """Right, or NIL where nothing expresses the mention, of all mentions."""
        return _rate(self.right + self.nil, self.mentions)

    @property
    def precision(self) -> float | None:
        """Right of the expressible ones that were answered."""
        return _rate(self.right, self.expressible - self.abstained)

    @property
    def abstention(self) -> float | None:
        return _rate(self.abstained, self.expressible)

    @property
    def nil_precision(self) -> float | None:
        """Of the mentions answered NIL, those that nothing expresses."""
        return _rate(self.nil, self.nil + self.abstained)

    @property
    def nil_recall(self) -> float | None:
        """Of the mentions that nothing expresses, those answered NIL; namesakes count as answered."""
        return _rate(self.nil, self.mentions - self.expressible)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values: counts, rates, interval."""
        rates = (
            "expressible", "coverage", "accuracy", "accuracy_of_all", "precision", "abstention", "nil_precision",
            "nil_recall",
        )  # fmt: skip
        return {name: getattr(self, name) for name in (*self.__slots__, *rates)}


@dataclass(frozen=True, slots=True)
class Miss:
    """A mention that did not come out right, for reading. Holds a name of the corpus: never for a test split."""

    outcome: Outcome
    case: Case
    answer: Answer | None


@dataclass(frozen=True)
class LinkingResult:
    """One system on one set of mentions. scores: group → score, with :data:`ALL` first; groups as in the cases."""

    source: str
    system: str
    scores: dict[str, LinkingScore]
    calibration: Calibration | None
    misses: tuple[Miss, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values of everything but the misses."""
        return {
            "source": self.source,
            "system": self.system,
            "scores": {group: score.to_dict() for group, score in self.scores.items()},
            "calibration": None if self.calibration is None else self.calibration.to_dict(),
        }


def evaluate_linking(
    source: str,
    cases: Sequence[Case],
    systems: Iterable[System],
    vocabulary: Vocabulary,
    *,
    samples: int = 1000,
    seed: int = 13,
) -> list[LinkingResult]:
    """Let every system link the cases and judge what it answers.

    samples: resamples of the documents behind the intervals. Raises EvaluationError where there are no cases.
    """
    if not cases:
        raise EvaluationError(f"{source}: no mentions to link")
    readings = [vocabulary.readings(case) for case in cases]
    results = []
    for system in systems:
        answers = system.answer(cases)
        outcomes = [judge(c, r, a, vocabulary) for c, r, a in zip(cases, readings, answers, strict=True)]
        scores = _scores(cases, outcomes, samples=samples, seed=seed)
        expressed = [(a.score, o == "right") for a, o in zip(answers, outcomes, strict=True) if a is not None]
        results.append(
            LinkingResult(
                source,
                system.name,
                scores,
                calibrate([s for s, _ in expressed], [r for _, r in expressed], gold=scores[ALL].expressible, bins=10),
                tuple(
                    Miss(outcome, case, answer)
                    for case, answer, outcome in zip(cases, answers, outcomes, strict=True)
                    if outcome not in ("right", "nil")
                ),
            )
        )
    return results


def wilson(right: int, total: int, z: float = 1.96) -> tuple[float, float] | None:
    """Wilson's score interval of a proportion; None of nothing."""
    if not total:
        return None
    share = right / total
    centre = share + z * z / (2 * total)
    spread = z * sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def _scores(cases: Sequence[Case], outcomes: Sequence[Outcome], *, samples: int, seed: int) -> dict[str, LinkingScore]:
    counted: dict[str, Counter[Outcome]] = defaultdict(Counter)
    tallies: dict[str, TallyTable] = defaultdict(dict)
    for case, outcome in zip(cases, outcomes, strict=True):
        for group in (ALL, case.group):
            counted[group][outcome] += 1
            before = tallies[case.document].get(("linking", group), Tally(0, 0, 0))
            right, missed = outcome == "right", outcome in ("broader", "wrong", "abstained")
            tallies[case.document]["linking", group] = Tally(before.tp + right, 0, before.fn + missed)
    resampled = samples > 0 and len(tallies) < len(cases)
    counts = Counts.of(tallies)
    bounds = intervals(counts, samples=samples if resampled else 0, seed=seed)
    out = {}
    for group in sorted(counted, key=lambda g: (g != ALL, -counted[g].total(), g)):
        found = counted[group]
        score = LinkingScore(
            found.total(), found["right"], found["broader"], found["wrong"], found["abstained"], found["nil"],
            found["namesake"], found["false"],
        )  # fmt: skip
        # the interval of tp / (tp + fn), which is the accuracy here
        low, high = bounds[counts.keys.index(("linking", group)), 1]
        by_documents = (float(low), float(high)) if resampled and score.expressible else None
        out[group] = replace(score, interval=by_documents or wilson(score.right, score.expressible))
    return out


def _rate(part: int, whole: int) -> float | None:
    return part / whole if whole else None
