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
from minecsc.review.matching import EvidenceIndex
from minecsc.review.verdicts import (
    REASONS,
    VERDICTS,
    EvidenceSentence,
    SummaryRow,
    Verdict,
    summarise,
    validate_assertions,
    validate_rows,
)

__all__ = [
    "REASONS",
    "VERDICTS",
    "Assertion",
    "Chapter",
    "EvidenceIndex",
    "EvidenceSentence",
    "SummaryRow",
    "Taxonomy",
    "Term",
    "Trial",
    "Verdict",
    "load_assertions",
    "load_taxonomy",
    "load_trials",
    "summarise",
    "validate_assertions",
    "validate_rows",
]
