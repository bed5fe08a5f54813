"""Frames: what one document says of drug, mechanism, CSC population and cancer together.

Joining rules (within one document, by concept key; a denied relation is never joined to another)
    chain        drug → mechanism, and mechanism → target: the actor of ``csc_effect`` is the mechanism.
    agent        drug → mechanism, and drug → target in the same sentence: the actor is the drug.
    mechanism    mechanism → target alone. drug: drug → target alone.
    population   CSC resistance_to or sensitizes_to a drug.
    context      drug → mechanism in a sentence that names a CSC population; ``csc_effect`` stays empty.

``→`` is increases or decreases. A *target* is a CSC population, a resistance or stemness process, or, by
resistance_to and sensitizes_to, a drug. A *mechanism* is a Gene, Pathway, Process or Chemical, or a Cell
whose concept has a mechanism class (fibroblasts, macrophages). The population is the target where that is
a CSC, else the CSC mention of the frame's sentences; the cancer is the mention of the frame's sentences,
else the document's commonest. A frame that another one of the document contains is dropped; at most
:data:`MAX_FRAMES` a document are kept, fullest first, then by belief.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Final, cast

from minecsc.evidence.belief import frame_belief
from minecsc.evidence.rows import (
    ConceptLike,
    CscActor,
    CscEffect,
    DrugEffect,
    Frame,
    LinkedMention,
    LinkedRelation,
    normalise,
)
from minecsc.ids import digest

MAX_FRAMES: Final = 40
_MAX_CANDIDATES: Final = 400
_SLOTS: Final = ("drug", "mechanism", "population", "cancer")

_POLAR: Final = frozenset({"increases", "decreases"})
_RESISTANCE: Final = frozenset({"resistance_to", "sensitizes_to"})
_MECHANISM_TYPES: Final = frozenset({"Gene", "Pathway", "Process", "Chemical"})
_TARGET_PROCESS: Final = (
    "resistan", "refractor", "sensitiv", "stemness", "self renew", "sphere form", "spheroid form",
    "stem cell", "stem like", "csc", "tumorigenic", "tumor initiat", "clonogenic", "relapse", "recurrence",
)  # fmt: skip
"""Parts of normalised names that make a Process a resistance or stemness target."""
_NO_TARGET: Final = ("insulin", "leptin", "hypersensitiv")
"""Parts of names that look like those and are not."""


def build_frames(
    relations: Iterable[LinkedRelation],
    mentions: Iterable[LinkedMention],
    concepts: Mapping[str, ConceptLike],
) -> list[Frame]:
    """Join the relations of each document to frames; sorted by document, fullest first within it.

    relations, mentions: of any number of documents, in any order. concepts: id → concept for the linked
    ones; a missing one only costs what its name and mechanism class would have told.
    """
    by_document: dict[str, list[LinkedRelation]] = defaultdict(list)
    for relation in relations:
        by_document[relation.document_id].append(relation)
    context: dict[str, list[LinkedMention]] = defaultdict(list)
    for mention in mentions:
        if mention.type in ("CSC", "Cancer") and mention.document_id in by_document:
            context[mention.document_id].append(mention)
    roles = _Roles(concepts)
    found: list[Frame] = []
    for document_id in sorted(by_document):
        found += _document_frames(by_document[document_id], context.get(document_id, ()), roles)
    return found


def _document_frames(
    relations: Sequence[LinkedRelation], mentions: Sequence[LinkedMention], roles: _Roles
) -> list[Frame]:
    merged: dict[str, Frame] = {}
    around = _Surroundings(mentions)
    for frame in islice(_candidates(_links(relations), roles, around), _MAX_CANDIDATES):
        same = merged.get(frame.frame_id)
        if same is not None:
            joined = tuple(sorted({*frame.relation_ids, *same.relation_ids}))
            best = max(same, frame, key=lambda f: (not f.speculative, f.belief))
            frame = replace(best, relation_ids=joined)
        merged[frame.frame_id] = frame
    kept: list[Frame] = []
    for frame in sorted(merged.values(), key=lambda f: (-_filled(f), -f.belief, f.frame_id)):
        if len(kept) < MAX_FRAMES and not any(_contains(other, frame) for other in kept):
            kept.append(frame)
    return kept


class _Roles:
    """Which mentions can be mechanisms, and which processes are targets (decided once a name)."""

    def __init__(self, concepts: Mapping[str, ConceptLike]) -> None:
        self._concepts = concepts
        self._known: dict[str, bool] = {}

    def is_mechanism(self, type_: str, key: str) -> bool:
        if type_ != "Cell":
            return type_ in _MECHANISM_TYPES
        concept = self._concepts.get(key)
        return concept is not None and concept.mechanism_class is not None

    def is_target_process(self, type_: str, key: str, surface: str) -> bool:
        if type_ != "Process":
            return False
        known = self._known.get(key)
        if known is None:
            concept = self._concepts.get(key)
            name = normalise(concept.name if concept is not None else surface)
            known = self._known[key] = any(part in name for part in _TARGET_PROCESS) and not any(
                part in name for part in _NO_TARGET
            )
        return known

    def hits_target(self, relation: LinkedRelation) -> bool:
        """Whether the relation acts on a target, by a type that makes sense for it."""
        if relation.tail_type == "Drug":
            return relation.type in _RESISTANCE
        return relation.type in _POLAR and (
            relation.tail_type == "CSC"
            or self.is_target_process(relation.tail_type, relation.tail_key, relation.tail_surface)
        )


class _Surroundings:
    """The CSC and Cancer mentions of a document, by sentence."""

    def __init__(self, mentions: Iterable[LinkedMention]) -> None:
        ordered = sorted(mentions, key=lambda m: m.mention_id)
        self._frequency = Counter(m.key for m in ordered)
        self._in_sentence: dict[tuple[str, str], LinkedMention] = {}
        self._commonest: dict[str, LinkedMention] = {}
        for mention in ordered:
            self._offer(self._in_sentence, (mention.sentence_id, mention.type), mention)
            self._offer(self._commonest, mention.type, mention)

    def _offer(self, best: dict[Any, LinkedMention], place: Any, mention: LinkedMention) -> None:
        held = best.get(place)
        if held is None or self._frequency[mention.key] > self._frequency[held.key]:
            best[place] = mention

    def population(self, sentence_ids: Iterable[str]) -> LinkedMention | None:
        """The CSC mention of the first sentence that has one; the document's commoner name wins there."""
        found = (self._in_sentence.get((sentence_id, "CSC")) for sentence_id in sentence_ids)
        return next((mention for mention in found if mention is not None), None)

    def cancer(self, sentence_ids: Iterable[str]) -> LinkedMention | None:
        """The Cancer mention of those sentences, else the document's commonest."""
        found = (self._in_sentence.get((sentence_id, "Cancer")) for sentence_id in sentence_ids)
        return next((mention for mention in found if mention is not None), self._commonest.get("Cancer"))


_Link = list[LinkedRelation]
"""Relations of one document with equal head, type, tail and negation; the best comes first."""


def _links(relations: Iterable[LinkedRelation]) -> list[_Link]:
    grouped: dict[tuple[str, str, str, bool], _Link] = defaultdict(list)
    for relation in sorted(relations, key=lambda r: (-_weight(r), r.relation_id)):
        grouped[(relation.head_key, relation.type, relation.tail_key, relation.negated)].append(relation)
    return list(grouped.values())


def _weight(relation: LinkedRelation) -> float:
    return frame_belief([(relation.probability, relation.speculative)])


def _candidates(links: Sequence[_Link], roles: _Roles, around: _Surroundings) -> Iterator[Frame]:
    """Every frame that the joining rules give, joined ones first, each rule by falling probability."""
    inputs: list[_Link] = []  # drug → mechanism
    outputs: list[_Link] = []  # mechanism → target
    direct: list[_Link] = []  # drug → target
    populations: list[_Link] = []  # population → drug
    for link in links:
        best = link[0]
        on_target = roles.hits_target(best)
        if best.head_type == "Drug":
            if on_target:
                direct.append(link)
            if best.type in _POLAR and roles.is_mechanism(best.tail_type, best.tail_key):
                inputs.append(link)
        elif best.head_type == "CSC" and best.type in _RESISTANCE:
            populations.append(link)
        elif on_target and roles.is_mechanism(best.head_type, best.head_key) and best.head_key != best.tail_key:
            outputs.append(link)

    by_mechanism: dict[str, list[_Link]] = defaultdict(list)
    for link in outputs:
        by_mechanism[link[0].head_key].append(link)
    by_drug: dict[str, list[_Link]] = defaultdict(list)
    for link in direct:
        by_drug[link[0].head_key].append(link)
    for link in inputs:
        if link[0].negated:
            continue
        for output in by_mechanism.get(link[0].tail_key, ()):
            if not output[0].negated:
                yield _frame(around, link[0], output[0], "mechanism")
        for output in by_drug.get(link[0].head_key, ()):
            pair = _in_one_sentence(link, output)
            if pair is not None and not output[0].negated and output[0].tail_key != link[0].tail_key:
                yield _frame(around, *pair, "drug")
    for link in outputs:
        yield _frame(around, None, link[0], "mechanism")
    for link in direct:
        yield _frame(around, None, link[0], "drug")
    for link in populations:
        yield _frame(around, None, link[0], "population")
    for link in inputs:
        if not roles.hits_target(link[0]):
            beside = next((r for r in link if around.population([r.sentence_id]) is not None), None)
            if beside is not None:
                yield _frame(around, beside, None, None)


def _in_one_sentence(first: _Link, second: _Link) -> tuple[LinkedRelation, LinkedRelation] | None:
    there = {relation.sentence_id: relation for relation in reversed(second)}
    for relation in first:
        if relation.sentence_id in there:
            return relation, there[relation.sentence_id]
    return None


def _frame(
    around: _Surroundings,
    drug_link: LinkedRelation | None,
    effect: LinkedRelation | None,
    actor: CscActor | None,
) -> Frame:
    """Fill the slots from drug → mechanism and/or actor → target; at least one of the two is given."""
    relations = [relation for relation in (effect, drug_link) if relation is not None]
    slots: dict[str, tuple[str, set[str]]] = {}

    def fill(slot: str, key: str, mention_id: str) -> None:
        slots.setdefault(slot, (key, set()))[1].add(mention_id)

    if drug_link is not None:
        fill("drug", drug_link.head_key, drug_link.head_mention_id)
        fill("mechanism", drug_link.tail_key, drug_link.tail_mention_id)
    if effect is not None and actor is not None:
        fill(actor, effect.head_key, effect.head_mention_id)
        fill("target", effect.tail_key, effect.tail_mention_id)
        if effect.tail_type == "CSC":
            fill("population", effect.tail_key, effect.tail_mention_id)
        elif effect.tail_type == "Drug" and "drug" not in slots:
            fill("drug", effect.tail_key, effect.tail_mention_id)
    sentences = [relation.sentence_id for relation in relations]
    for slot, mention in (("population", around.population(sentences)), ("cancer", around.cancer(sentences))):
        if slot not in slots and mention is not None:
            fill(slot, mention.key, mention.mention_id)

    def key(slot: str) -> str | None:
        return slots[slot][0] if slot in slots else None

    def mentions(slot: str) -> tuple[str, ...]:
        return tuple(sorted(slots[slot][1])) if slot in slots else ()

    document_id = relations[0].document_id
    drug_effect = None if drug_link is None else cast(DrugEffect, drug_link.type)
    csc_effect = None if effect is None else cast(CscEffect, effect.type)
    negated = any(relation.negated for relation in relations)
    identity = [key(slot) for slot in (*_SLOTS, "target")]
    return Frame(
        frame_id=digest(
            document_id,
            *(f"={part}" if part is not None else "" for part in (*identity, drug_effect, csc_effect, actor)),
            "negated" if negated else "",
        ),
        document_id=document_id,
        drug_id=key("drug"),
        mechanism_id=key("mechanism"),
        population_id=key("population"),
        cancer_id=key("cancer"),
        target_id=key("target"),
        drug_effect=drug_effect,
        csc_effect=csc_effect,
        csc_actor=actor,
        negated=negated,
        speculative=any(relation.speculative for relation in relations),
        belief=frame_belief((relation.probability, relation.speculative) for relation in relations),
        drug_mentions=mentions("drug"),
        mechanism_mentions=mentions("mechanism"),
        population_mentions=mentions("population"),
        cancer_mentions=mentions("cancer"),
        target_mentions=mentions("target"),
        relation_ids=tuple(sorted(relation.relation_id for relation in relations)),
        missing=tuple(slot for slot in _SLOTS if slot not in slots),
    )


def _content(frame: Frame) -> tuple[str | None, ...]:
    return (
        frame.drug_id, frame.mechanism_id, frame.population_id, frame.cancer_id, frame.target_id,
        frame.drug_effect, frame.csc_effect, frame.csc_actor,
    )  # fmt: skip


def _filled(frame: Frame) -> int:
    return sum(part is not None for part in _content(frame))


def _contains(whole: Frame, part: Frame) -> bool:
    """Whether ``whole`` says all that ``part`` says, as firmly."""
    return (
        whole.negated == part.negated
        and (part.speculative or not whole.speculative)
        and all(p is None or p == w for p, w in zip(_content(part), _content(whole), strict=True))
    )
