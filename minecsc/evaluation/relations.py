"""Relations: end to end at mention level, untyped pairs, document level by concept, and their flags.

A name and the abbreviation beside it are one argument: "epithelial-mesenchymal transition (EMT)"
counts as the first of the two, whichever of them a reading hangs the relation on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from minecsc.evaluation.spans import MICRO, Span, Tally, TallyTable, align, count, span_of, tally
from minecsc.evidence.rows import concept_key
from minecsc.schema import Extraction, Mention

_OPENING: Final = re.compile(r"\s{0,2}[(\[]\s?")
_CLOSING: Final = frozenset(")],;/")


class Fact(NamedTuple):
    """A relation as scoring sees it: type and direction, flags apart."""

    type: str
    head: Span
    tail: Span


@dataclass(frozen=True, slots=True)
class Claim:
    """What a reading says with a fact; several relations on one argument pair are one claim."""

    negated: bool
    speculative: bool
    probability: float


def abbreviation_heads(text: str, mentions: Sequence[Mention]) -> dict[Span, Span]:
    """Map every bracketed mention to the mention of the same type that stands right before it.

    "ABCG2 (BCRP)", "name [ABBR]", "name (ABBR, other name)": the bracket must open between the two
    and close, or go on with a separator, after the second.
    """
    ordered = sorted(mentions, key=lambda mention: (mention.start, mention.end))
    heads: dict[Span, Span] = {}
    for first, second in pairwise(ordered):
        if first.type != second.type or first.sentence != second.sentence:
            continue
        after = text[second.end : second.end + 1]
        if _OPENING.fullmatch(text[first.end : second.start]) and after in _CLOSING:
            key = span_of(first)
            heads[span_of(second)] = heads.get(key, key)
    return heads


def claims(extraction: Extraction, argument: Callable[[Span], Span]) -> dict[Fact, Claim]:
    """The distinct facts of a reading under a mapping of arguments, flags joined, best probability."""
    table: dict[Fact, Claim] = {}
    for relation in extraction.relations:
        fact = Fact(relation.type, argument(span_of(relation.head)), argument(span_of(relation.tail)))
        old = table.get(fact)
        table[fact] = Claim(
            relation.negated or (old is not None and old.negated),
            relation.speculative or (old is not None and old.speculative),
            max(relation.probability, old.probability if old else 0.0),
        )
    return table


class Comparison:
    """Gold and predicted relations of one document, brought onto common arguments.

    gold, predicted: facts by exact arguments; loose_of: every predicted fact with its arguments moved
    onto the gold mentions they overlap; gold_spans, predicted_spans: the mentions of both readings.
    """

    def __init__(self, gold: Extraction, predicted: Extraction) -> None:
        text = gold.document.text
        self.gold_reading, self.predicted_reading = gold, predicted
        self.gold_spans = {span_of(m) for m in gold.mentions}
        self.predicted_spans = {span_of(m) for m in predicted.mentions}
        self.aligned = align(self.gold_spans, self.predicted_spans)
        self.gold_heads = abbreviation_heads(text, gold.mentions)
        self.predicted_heads = abbreviation_heads(text, predicted.mentions)
        self.gold = claims(gold, self._gold_argument)
        self.predicted = claims(predicted, self.exact)
        self.loose_of = {fact: Fact(fact.type, self.loose(fact.head), self.loose(fact.tail)) for fact in self.predicted}

    def _gold_argument(self, span: Span) -> Span:
        return self.gold_heads.get(span, span)

    def exact(self, span: Span) -> Span:
        """The argument a predicted span stands for when offsets and type must agree with gold."""
        if span in self.gold_spans:
            return self._gold_argument(span)
        return self._gold_argument(self.predicted_heads.get(span, span))

    def loose(self, span: Span) -> Span:
        """The argument a span stands for when overlapping a gold mention of its type is enough."""
        if span in self.gold_spans:
            return self._gold_argument(span)
        first = self.predicted_heads.get(span, span)
        return self._gold_argument(self.aligned.get(span, self.aligned.get(first, first)))

    def members(self, argument: Span) -> list[Span]:
        """The gold mentions that count as this argument, itself first."""
        return [argument, *(span for span, head in self.gold_heads.items() if head == argument)]

    def tallies(self, *, prefix: str = "relations", flags: str = "") -> TallyTable:
        """Tallies of this document: ``<prefix>.strict|overlap|pair`` and ``negation|speculation<flags>``.

        Flags are scored on the facts that both readings hold, strictly matched.
        """
        table: TallyTable = {}
        gold = count(fact.type for fact in self.gold)
        for section, predicted in (("strict", {*self.predicted}), ("overlap", {*self.loose_of.values()})):
            matched = count(fact.type for fact in predicted & self.gold.keys())
            by_type = tally(matched, count(fact.type for fact in predicted), gold)
            for label, value in by_type.items():
                table[f"{prefix}.{section}", label] = value
        table[f"{prefix}.pair", MICRO] = _set_tally(_pairs(self.gold), _pairs(self.predicted))
        both = self.gold.keys() & self.predicted.keys()
        for section, flag in (("negation", "negated"), ("speculation", "speculative")):
            table[f"{section}{flags}", MICRO] = _set_tally(
                {fact for fact in both if getattr(self.gold[fact], flag)},
                {fact for fact in both if getattr(self.predicted[fact], flag)},
            )
        return table

    def document_tallies(self, *, by_concept: bool) -> TallyTable:
        """Tallies of the distinct (type, head, tail) that the document states, arguments by concept.

        by_concept: use ``concept_id`` where a mention has one; otherwise names decide, an
        abbreviation counting as the name it was introduced with.
        """
        gold = _document_facts(self.gold_reading, self.gold_heads, by_concept)
        predicted = _document_facts(self.predicted_reading, self.predicted_heads, by_concept)
        matched = count(fact[0] for fact in gold & predicted)
        by_type = tally(matched, count(f[0] for f in predicted), count(f[0] for f in gold))
        return {("relations.document", label): value for label, value in by_type.items()}


def _pairs(facts: Iterable[Fact]) -> set[frozenset[Span]]:
    return {frozenset((fact.head, fact.tail)) for fact in facts}


def _set_tally(gold: set[Fact] | set[frozenset[Span]], predicted: set[Fact] | set[frozenset[Span]]) -> Tally:
    matched = len(gold & predicted)  # type: ignore[operator]
    return Tally(matched, len(predicted) - matched, len(gold) - matched)


def _document_facts(reading: Extraction, heads: Mapping[Span, Span], by_concept: bool) -> set[tuple[str, str, str]]:
    text = reading.document.text
    long_forms = {(span.type, text[span.start : span.end]): text[head.start : head.end] for span, head in heads.items()}

    def key(mention: Mention) -> str:
        name = long_forms.get((mention.type, mention.surface), mention.surface)
        return concept_key(mention.concept_id if by_concept else None, mention.type, name)

    return {(r.type, key(r.head), key(r.tail)) for r in reading.relations}
