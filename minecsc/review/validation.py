"""The whole validation at once: verdicts, trials, and what the review does not say; from a base and into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from minecsc.evidence.curation import apply_curations
from minecsc.review.assertions import Assertion, Trial, load_assertions, load_trials
from minecsc.review.compatibility import Families
from minecsc.review.matching import ConceptLookup, EvidenceIndex, LinkerLike, Matcher
from minecsc.review.novelty import NovelStatement, novel_statements
from minecsc.review.trials import TrialLink, link_trials
from minecsc.review.verdicts import MIN_PROBABILITY, Verdict, judge_all
from minecsc.store import ReviewRows, collection_paused, read_review, replace_review

if TYPE_CHECKING:
    from minecsc.linking import Linker


@dataclass(frozen=True, slots=True)
class Validation:
    """The review held against a base: one verdict an assertion, links of its trials, novel statements."""

    assertions: Sequence[Assertion]
    verdicts: Sequence[Verdict]
    trials: Sequence[Trial]
    trial_links: Sequence[TrialLink]
    novel: Sequence[NovelStatement]


def validate_review(
    rows: ReviewRows,
    linker: LinkerLike,
    concept: ConceptLookup,
    assertions: Sequence[Assertion] | None = None,
    trials: Sequence[Trial] | None = None,
    *,
    min_probability: float = MIN_PROBABILITY,
) -> Validation:
    """Hold the review (or the assertions and trials given) against the rows of a base.

    concept: id → concept. min_probability: relations below it do not count in a verdict; where there is nothing
    else, its reason says so.
    """
    assertions = load_assertions() if assertions is None else assertions
    trials = load_trials() if trials is None else trials
    relations = apply_curations(rows.relations, rows.curations)
    index = EvidenceIndex(relations, rows.occurrences, rows.documents, concept)
    matcher = Matcher(index, linker)
    families = Families(matcher, index)
    return Validation(
        assertions,
        judge_all(assertions, matcher, families, index, min_probability=min_probability),
        trials,
        link_trials(trials, matcher, families, index, rows.statements, rows.frames),
        novel_statements(assertions, rows.statements, matcher, families, index),
    )


def validate(db: Path | str, linker: Linker | None = None, *, min_probability: float = MIN_PROBABILITY) -> Validation:
    """Hold the review against a base and store the outcome there, in one transaction. Raises StoreError.

    linker: default: over the shipped knowledge base.
    """
    if linker is None:
        from minecsc.linking import KnowledgeBase, Linker

        linker = Linker(KnowledgeBase.load())
    with collection_paused():
        found = validate_review(read_review(db), linker, linker.kb.concept, min_probability=min_probability)
    store(db, found)
    return found


def store(db: Path | str, found: Validation) -> None:
    """Puts a validation in the place of the one stored. Raises StoreError, changing nothing."""
    replace_review(
        db,
        assertions=[assertion.row() for assertion in found.assertions],
        trials=found.trials,
        verdicts=found.verdicts,
        trial_links=found.trial_links,
        novel=found.novel,
    )
