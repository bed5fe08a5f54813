"""Frames built from gold against frames built from predictions, whole and slot by slot.

Both sides go through :func:`minecsc.evidence.build_frames`, so that what is measured is the extraction: a rule
that joins wrongly joins wrongly on both sides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from minecsc import ids
from minecsc.evaluation.spans import MICRO, Tally, TallyTable
from minecsc.evidence import Frame, LinkedMention, LinkedRelation, build_frames
from minecsc.evidence.rows import ConceptLike
from minecsc.schema import Extraction, Relation

WHOLE: Final = "frames.whole"
SLOTS: Final = "frames.slots"


class FrameKey(NamedTuple):
    """What a frame says: concept keys of its slots and both polarities, None where a slot is empty."""

    drug: str | None
    mechanism: str | None
    population: str | None
    cancer: str | None
    target: str | None
    drug_effect: str | None
    csc_effect: str | None

    @classmethod
    def of(cls, frame: Frame) -> FrameKey:
        return cls(
            frame.drug_id,
            frame.mechanism_id,
            frame.population_id,
            frame.cancer_id,
            frame.target_id,
            frame.drug_effect,
            frame.csc_effect,
        )


def frame_keys(reading: Extraction, concepts: Mapping[str, ConceptLike] | None) -> frozenset[FrameKey]:
    """The distinct frames of one reading. concepts: id → concept of its mentions; None to go by names alone."""
    document_id = reading.document.document_id
    linked = {
        mention: LinkedMention(
            mention_id=ids.mention_id(document_id, mention.start, mention.end),
            document_id=document_id,
            sentence_id=ids.sentence_id(document_id, mention.sentence),
            surface=mention.surface,
            type=mention.type,
            concept_id=None if concepts is None else mention.concept_id,
            probability=mention.probability,
            start_char=mention.start,
            end_char=mention.end,
        )
        for mention in reading.mentions
    }
    relations = [_linked(relation, linked[relation.head], linked[relation.tail]) for relation in reading.relations]
    return frozenset(FrameKey.of(frame) for frame in build_frames(relations, linked.values(), concepts or {}))


def _linked(relation: Relation, head: LinkedMention, tail: LinkedMention) -> LinkedRelation:
    return LinkedRelation(
        relation_id=ids.relation_id(
            head.document_id, relation.type, (head.start_char, head.end_char), (tail.start_char, tail.end_char)
        ),
        document_id=head.document_id,
        sentence_id=head.sentence_id,
        type=relation.type,
        head_mention_id=head.mention_id,
        head_concept_id=head.concept_id,
        head_surface=head.surface,
        head_type=head.type,
        tail_mention_id=tail.mention_id,
        tail_concept_id=tail.concept_id,
        tail_surface=tail.surface,
        tail_type=tail.type,
        negated=relation.negated,
        speculative=relation.speculative,
        probability=relation.probability,
    )


def frame_tallies(gold: Collection[FrameKey], predicted: Collection[FrameKey]) -> TallyTable:
    """Tallies of one document: whole frames that agree in everything, and slots of frames paired one to one.

    The pairing is the one with the most equal slots in all; a filled slot counts as found where its partner has the
    same value, as false or missed where the partner has another one or none, or where there is no partner.
    """
    ours, theirs = sorted(gold, key=_order), sorted(predicted, key=_order)
    whole = len({*ours} & {*theirs})
    table: TallyTable = {(WHOLE, MICRO): Tally(whole, len(theirs) - whole, len(ours) - whole)}
    equal = np.array(
        [[[x is not None and x == y for x, y in zip(g, p, strict=True)] for p in theirs] for g in ours], dtype=np.int64
    ).reshape(len(ours), len(theirs), len(FrameKey._fields))
    rows, columns = linear_sum_assignment(equal.sum(axis=2), maximize=True)
    found = equal[rows, columns].sum(axis=0)
    total = Tally(0, 0, 0)
    for slot, matched in zip(FrameKey._fields, found.tolist(), strict=True):
        filled = [sum(getattr(frame, slot) is not None for frame in side) for side in (theirs, ours)]
        tally = Tally(matched, filled[0] - matched, filled[1] - matched)
        table[SLOTS, slot] = tally
        total = Tally(*(a + b for a, b in zip(total, tally, strict=True)))
    table[SLOTS, MICRO] = total
    return table


def _order(frame: FrameKey) -> tuple[str, ...]:
    return tuple(value or "" for value in frame)
