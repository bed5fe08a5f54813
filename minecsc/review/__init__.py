"""The seed review held against the evidence: assertions, how relations match them, verdicts."""

from __future__ import annotations

from minecsc.review.assertions import (
    Assertion,
    Chapter,
    Taxonomy,
    Term,
    Trial,
    load_assertions,
    load_taxonomy,
    load_trials,
)
from minecsc.review.coverage import DIVISIONS, GROUPS, SummaryRow, groups_of, summarise
from minecsc.review.matching import EvidenceIndex
from minecsc.review.novelty import NovelStatement
from minecsc.review.trials import TrialLink
from minecsc.review.validation import Validation, store, validate, validate_review
from minecsc.review.verdicts import REASONS, VERDICTS, EvidenceSentence, Verdict, validate_rows

__all__ = [
    "DIVISIONS",
    "GROUPS",
    "REASONS",
    "VERDICTS",
    "Assertion",
    "Chapter",
    "EvidenceIndex",
    "EvidenceSentence",
    "NovelStatement",
    "SummaryRow",
    "Taxonomy",
    "Term",
    "Trial",
    "TrialLink",
    "Validation",
    "Verdict",
    "groups_of",
    "load_assertions",
    "load_taxonomy",
    "load_trials",
    "store",
    "summarise",
    "validate",
    "validate_review",
    "validate_rows",
]
