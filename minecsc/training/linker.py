"""Fitting the linker's probability on mentions with known identifiers.

A mention's readings compete with NIL. Left out is what the corpus cannot say: mentions whose identifier no concept of
ours carries, families of genes by their own name, which corpora do not annotate, and concepts above or below the one
that is meant ("cancer" for MeSH's Neoplasms). Diseases that are no cancer are left out too: three of four mentions in
these corpora, hardly any of those that our extractor calls Cancer. How often they come out NIL is reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np

from minecsc.evaluation.calibration import calibrate
from minecsc.evaluation.linking import Vocabulary
from minecsc.evaluation.linking_cases import Case, Split, corpus_cases
from minecsc.linking import Linker
from minecsc.linking.calibration import FEATURES, Calibrator, fit, probabilities, with_context
from minecsc.linking.layout import CURATED, NAME, OFFICIAL
from minecsc.linking.normalize import fold
from minecsc.linking.scoring import Scored
from minecsc.nlp.abbreviations import find_definitions
from minecsc.training.corpora import HeldOut

CORPORA: Final = ("bc5cdr", "biored", "ncbi_disease", "nlm_gene", "gnormplus")
_FAMILIES: Final = ("fplx:", "hgnc.genegroup:")
_THRESHOLDS: Final = tuple(round(0.3 + 0.02 * i, 2) for i in range(11))
"""Up to .5: an answer more likely right than wrong is given."""


@dataclass(frozen=True, slots=True)
class WeighedMention:
    """A mention with the features of its readings and which of them are right; None: the corpus cannot say.

    expressible: whether a concept of ours is right; nil: whether NIL is certainly right.
    """

    corpus: str
    type: str
    rows: tuple[tuple[float, ...], ...]
    right: tuple[bool | None, ...]
    expressible: bool
    nil: bool


def expand(text: str, _title_end: int | None) -> Mapping[str, str]:
    """Abbreviations of a text, without sentences: what the fit needs of the pipeline's component."""
    return {d.short: d.long for d in find_definitions(text, [(0, len(text))])}


def read_cases(shared: Path, corpus: str, split: Split, held: HeldOut) -> list[Case]:
    """Mentions of a corpus split; from train the documents of any development or test set are left out."""
    cases = corpus_cases(shared / "corpora", corpus, split, expand)
    if split != "train":
        return cases
    kept = {c.document for c in cases if (c.document, c.context) not in held}
    return [c for c in cases if c.document in kept]


def weigh(linker: Linker, corpus: str, cases: Iterable[Case], vocabulary: Vocabulary) -> Iterator[WeighedMention]:
    """Features and labels of every distinct mention of a document."""
    for _, group in groupby(cases, key=lambda case: case.document):
        mentions = list({(c.surface, c.types): c for c in group}.values())
        read = [linker.readings(c.surface, c.types[0], context=c.context, expansions=c.expansions) for c in mentions]
        named: dict[str, set[str]] = {}
        for case, readings in zip(mentions, read, strict=True):
            if readings:
                named.setdefault(readings[0].scored.concept.concept_id, set()).add(fold(case.surface))
        for case, readings in zip(mentions, read, strict=True):
            around = {id_ for id_, by in named.items() if by != {fold(case.surface)}}
            answers = vocabulary.readings(case)
            nil = not answers and case.types == ("Cancer",) and bool(case.gold)
            text = case.context.lower()
            rows, right = [], []
            for reading in readings:
                rows.append(tuple(with_context(list(reading.features), *reading.context(text, around))))
                right.append(_label(reading.scored, answers, nil, vocabulary))
            yield WeighedMention(corpus, case.types[0], tuple(rows), tuple(right), bool(answers), nil)


def _label(scored: Scored, answers: Sequence[frozenset[str]], nil: bool, vocabulary: Vocabulary) -> bool | None:
    concept = scored.concept
    if any(concept.concept_id in concepts for concepts in answers):
        return True
    if not answers:
        return False if nil else None
    if scored.way in ("modifier", "broader", "fuzzy"):
        return False
    if concept.concept_id.startswith(_FAMILIES) and scored.way == "direct":
        return None
    wanted = {c for concepts in answers for c in concepts}
    above = any(concept.concept_id in vocabulary.ancestors(c) for c in wanted)
    below = scored.tier in (CURATED, NAME, OFFICIAL) and bool(wanted & vocabulary.ancestors(concept.concept_id))
    return None if above or below else False


def fit_calibrator(mentions: Sequence[WeighedMention]) -> Calibrator:
    """Coefficients on all readings that are right or wrong, and the threshold with most right minus wrong answers."""
    judged = [m for m in mentions if not m.nil]
    rows: list[tuple[float, ...]] = []
    right: list[bool] = []
    starts: list[int] = []
    for mention in judged:
        known = [(row, label) for row, label in zip(mention.rows, mention.right, strict=True) if label is not None]
        if known and (any(label for _, label in known) or len(known) == len(mention.rows)):
            starts.append(len(rows))
            at = next((i for i, (_, label) in enumerate(known) if label), None)
            rows += [row for row, _ in known]
            right += [i == at for i in range(len(known))]
    model = Calibrator(fit(np.array(rows), np.array(right), np.array(starts)), 0.5)
    answers = [a for m in judged if (a := answer(model, m)) is not None and a[1] is not None]
    gains = {t: sum(1 if right else -1 for p, right in answers if p >= t) for t in _THRESHOLDS}
    best = max(gains.values())
    return Calibrator(model.coefficients, min(t for t in _THRESHOLDS if gains[t] == best))


def answer(model: Calibrator, mention: WeighedMention) -> tuple[float, bool | None] | None:
    """Probability of the best reading and whether it is right, below any threshold; None without readings."""
    if not mention.rows:
        return None
    weighed = probabilities([model.base(row) for row in mention.rows])
    best = max(range(len(weighed)), key=lambda i: (weighed[i], -i))
    return weighed[best], mention.right[best]


def report(model: Calibrator, mentions: Sequence[WeighedMention]) -> dict[str, Any]:
    """Accuracy on expressible mentions (a broader answer is wrong), share of right NIL, calibration error."""
    expressible = [m for m in mentions if m.expressible]
    given = [(a, m) for m in mentions if (a := answer(model, m)) is not None and a[0] >= model.threshold]
    right = sum(bool(a[1]) for a, m in given if m.expressible)
    answered = sum(m.expressible for _, m in given)
    nil = [m for m in mentions if m.nil]
    judged = [a for a, m in given if a[1] is not None and not m.nil]
    calibration = calibrate([p for p, _ in judged], [bool(r) for _, r in judged], gold=len(expressible), bins=10)
    return {
        "mentions": len(mentions),
        "expressible": len(expressible),
        "accuracy": _share(right, len(expressible)),
        "precision": _share(right, answered),
        "nil_kept": _share(len(nil) - sum(m.nil for _, m in given), len(nil)),
        "ece": None if calibration is None else round(calibration.ece, 4),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def prior_only() -> Calibrator:
    """The prior score as it is, cut at .5: what the fitted model is compared with."""
    return Calibrator(tuple(float(name == "prior") for name in FEATURES), 0.5)
