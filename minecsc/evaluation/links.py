"""Linking in an evaluation: mentions with known identifiers, and what the prediction answers for them.

Identifiers come with the gold (``concept_id`` of an entity) or from a stand-off file of checked mentions such as
``corpus/linking/sample.jsonl``. Right and wrong are decided as in the linking benchmark (:mod:`.linking`), whose
mentions are given; here they must be found first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from minecsc.errors import EvaluationError
from minecsc.evaluation.linking import Outcome, Vocabulary, judge
from minecsc.evaluation.linking_cases import Case, normal_curie
from minecsc.evaluation.linking_systems import Answer
from minecsc.evaluation.spans import MICRO, Span, Tally, TallyTable, span_of
from minecsc.linking import KnowledgeBase
from minecsc.schema import ENTITY_TYPES, EntityType, Extraction, Mention

FOUND: Final = "linking.found"
END_TO_END: Final = "linking.end_to_end"

Expected = Mapping[str, Mapping[Span, tuple[str, ...]]]
"""Document id → mention → identifiers of which any is right, none for NIL."""

_NOTHING: Final = Tally(0, 0, 0)
_COUNTS: Final[Mapping[Outcome, Tally]] = {
    "right": Tally(1, 0, 0),
    "broader": Tally(0, 1, 1),
    "wrong": Tally(0, 1, 1),
    "abstained": Tally(0, 0, 1),
    "false": Tally(0, 1, 0),
    "nil": _NOTHING,
    "namesake": _NOTHING,
}
"""Outcome → what it counts as; nothing where gold's identifier is beyond our vocabulary (``namesake``)."""

_TYPE: Final[Mapping[str, EntityType]] = {name: name for name in ENTITY_TYPES}
_FAILED: Final = frozenset({"broader", "wrong", "abstained", "false"})


def named_links(gold: Iterable[Extraction]) -> dict[str, dict[Span, tuple[str, ...]]]:
    """The identifiers that gold itself gives its mentions; a mention without one is not known to be NIL."""
    links: dict[str, dict[Span, tuple[str, ...]]] = {}
    for reading in gold:
        for mention in reading.mentions:
            if mention.concept_id is not None:
                named = links.setdefault(reading.document.document_id, {})
                named[span_of(mention)] = (normal_curie(mention.concept_id),)
    return links


def load_links(path: Path, gold: Iterable[Extraction]) -> dict[str, dict[Span, tuple[str, ...]]]:
    """The checked identifiers of gold mentions: JSON lines with ``sha256, start, end, type, expected``.

    expected: acceptable identifiers, none for NIL. Lines of other texts are left out. Raises EvaluationError for a
    broken line, a line whose mention gold does not have, or a file that speaks of none of the texts.
    """
    readings = {reading.document.text_sha256: reading for reading in gold}
    links: dict[str, dict[Span, tuple[str, ...]]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path}: cannot be read ({error})") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path.name}:{number}"
        try:
            record = json.loads(line)
            reading = readings.get(record["sha256"])
            span = Span(int(record["start"]), int(record["end"]), str(record["type"]))
            expected = tuple(normal_curie(curie) for curie in record["expected"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise EvaluationError(f"{where}: broken line ({error!r})") from error
        if reading is None:
            continue
        if span not in {span_of(mention) for mention in reading.mentions}:
            raise EvaluationError(f"{where}: {span.type} at {span.start}-{span.end} is no mention of gold")
        links.setdefault(reading.document.document_id, {})[span] = expected
    if not links:
        raise EvaluationError(f"{path}: no mention of these gold documents in it")
    return links


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a mention with known identifiers.

    outcome: None where the prediction lacks the mention. score: of the answer, None for NIL or no mention.
    expressible: whether a concept of ours stands for one of the identifiers.
    """

    span: Span
    outcome: Outcome | None
    score: float | None
    expressible: bool

    @property
    def failed(self) -> bool:
        """Whether the mention was found and got another concept than it should, or none."""
        return self.outcome in _FAILED


@lru_cache(maxsize=1)
def _vocabulary(knowledge_base: KnowledgeBase) -> Vocabulary:
    """Kept for the next system: making it reads every concept."""
    return Vocabulary(knowledge_base)


class LinkJudge:
    """Holds predicted concepts against the expected identifiers."""

    def __init__(self, expected: Expected, knowledge_base: KnowledgeBase) -> None:
        self._expected = expected
        self._kb = knowledge_base
        self._vocabulary = _vocabulary(knowledge_base)

    def judge(self, gold: Extraction, predicted: Extraction) -> list[Judged]:
        """Every mention of a document with known identifiers, in order of the text.

        Raises EvaluationError for a predicted concept that the knowledge base does not have.
        """
        document_id, text = gold.document.document_id, gold.document.text
        found = {span_of(mention): mention for mention in predicted.mentions}
        judged = []
        for span, identifiers in sorted(self._expected.get(document_id, {}).items()):
            case = Case(document_id, span.type, text[span.start : span.end], (_TYPE[span.type],), identifiers)
            readings = self._vocabulary.readings(case)
            mention = found.get(span)
            if mention is None:
                judged.append(Judged(span, None, None, bool(readings)))
                continue
            outcome = judge(case, readings, self._answer(mention), self._vocabulary)
            judged.append(Judged(span, outcome, mention.link_score, bool(readings)))
        return judged

    def _answer(self, mention: Mention) -> Answer | None:
        if mention.concept_id is None or mention.link_score is None:
            return None
        concept = self._kb.concept(mention.concept_id)
        if concept is None:
            raise EvaluationError(f"{mention.concept_id} is not in this knowledge base: predict with it again")
        return Answer(concept, mention.link_score)


def link_tallies(judged: Iterable[Judged]) -> TallyTable:
    """Tallies of one document by type: precision is over the answers, recall over what can be expressed."""
    table: dict[tuple[str, str], Tally] = {}

    def add(section: str, type_: str, tally: Tally) -> None:
        for label in (type_, MICRO):
            table[section, label] = Tally(*map(sum, zip(table.get((section, label), _NOTHING), tally, strict=True)))

    for item in judged:
        if item.outcome is not None:
            add(FOUND, item.span.type, _COUNTS[item.outcome])
            add(END_TO_END, item.span.type, _COUNTS[item.outcome])
        elif item.expressible:
            add(END_TO_END, item.span.type, Tally(0, 0, 1))
    return table
