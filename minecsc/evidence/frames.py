"""Frames: what one document says of drug, mechanism, CSC population, cancer and model system together.

Joining rules (within one document, by concept key; a denied relation is never joined to another)
    chain        drug → mechanism, and mechanism → target: the actor of ``csc_effect`` is the mechanism.
    co_stated    drug → mechanism, and drug → target in the same sentence: the actor is the drug. The sentence
                 states both links, not that the one effect comes of the other.
    mechanism    mechanism → target alone.
    drug         drug → target alone.
    population   CSC resistance_to or sensitizes_to a drug.
    context      drug → mechanism in a sentence that names a CSC population; ``csc_effect`` stays empty.

``→`` is increases or decreases. A *target* is a CSC population, a resistance or stemness process, or, by
resistance_to and sensitizes_to, a drug. A *mechanism* is a Gene, Pathway, Process or Chemical, or a Cell
whose concept has a mechanism class (fibroblasts, macrophages); beside another effect of the drug in the same
sentence, where nothing shows that it is the means, a Process needs a class as well, and is no target itself
(recurrence, proliferation: what came of the drug, not how). A name that one of the document's brackets defines
counts as the name it stands for. The population is the target where that is a CSC, else the CSC mention of the
frame's sentences; cancer and model systems are those of :mod:`.context`. A frame that another one of the
document contains is dropped; at most :data:`MAX_FRAMES` a document are kept, fullest first, then by belief.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final, cast

from minecsc.evidence.aliases import Aliases
from minecsc.evidence.belief import frame_belief
from minecsc.evidence.context import Cancers, Surroundings
from minecsc.evidence.rows import (
    ConceptLike,
    CscActor,
    CscEffect,
    DocumentContext,
    DrugEffect,
    Frame,
    FrameRule,
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
    contexts: Mapping[str, DocumentContext] | None = None,
) -> list[Frame]:
    """Join the relations of each document to frames; sorted by document, fullest first within it.

    relations, mentions: of any number of documents, in any order. concepts: id → concept for the linked
    ones; a missing one only costs what its name and classes would have told. contexts: by document;
    without one, cancer and model systems come from the mentions alone.
    """
    by_document: dict[str, list[LinkedRelation]] = defaultdict(list)
    for relation in relations:
        by_document[relation.document_id].append(relation)
    named: dict[str, list[LinkedMention]] = defaultdict(list)
    for mention in mentions:
        if mention.document_id in by_document:
            named[mention.document_id].append(mention)
    roles, cancers, nothing = _Roles(concepts), Cancers(concepts), DocumentContext()
    found: list[Frame] = []
    for document_id in sorted(by_document):
        aliases = Aliases(named.get(document_id, ()))
        around = Surroundings(
            document_id, aliases.mentions, (contexts or {}).get(document_id, nothing), cancers, concepts
        )
        found += _document_frames([aliases.resolve(r) for r in by_document[document_id]], around, roles)
    return found


def _document_frames(relations: Sequence[LinkedRelation], around: Surroundings, roles: _Roles) -> list[Frame]:
    merged: dict[str, Frame] = {}
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

    def is_means(self, type_: str, key: str) -> bool:
        """Whether it can be how a drug works, though the sentence does not say so; an outcome cannot."""
        concept = self._concepts.get(key)
        return type_ != "Process" or (concept is not None and concept.mechanism_class is not None)

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


_Link = list[LinkedRelation]
"""Relations of one document with equal head, type, tail and negation; the best comes first."""


def _links(relations: Iterable[LinkedRelation]) -> list[_Link]:
    grouped: dict[tuple[str, str, str, bool], _Link] = defaultdict(list)
    for relation in sorted(relations, key=lambda r: (-_weight(r), r.relation_id)):
        grouped[(relation.head_key, relation.type, relation.tail_key, relation.negated)].append(relation)
    return list(grouped.values())


def _weight(relation: LinkedRelation) -> float:
    return frame_belief([(relation.probability, relation.speculative)])


def _candidates(links: Sequence[_Link], roles: _Roles, around: Surroundings) -> Iterator[Frame]:
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
                yield _frame(around, "chain", link[0], output[0], "mechanism")
        if roles.hits_target(link[0]) or not roles.is_means(link[0].tail_type, link[0].tail_key):
            continue
        for output in by_drug.get(link[0].head_key, ()):
            pair = _in_one_sentence(link, output)
            if pair is not None and not output[0].negated and output[0].tail_key != link[0].tail_key:
                yield _frame(around, "co_stated", *pair, "drug")
    for link in outputs:
        yield _frame(around, "mechanism", None, link[0], "mechanism")
    for link in direct:
        yield _frame(around, "drug", None, link[0], "drug")
    for link in populations:
        yield _frame(around, "population", None, link[0], "population")
    for link in inputs:
        means = roles.is_means(link[0].tail_type, link[0].tail_key)
        if not means and any(_in_one_sentence(link, output) for output in by_drug.get(link[0].head_key, ())):
            continue
        if not roles.hits_target(link[0]):
            beside = next((r for r in link if around.population([r.sentence_id]) is not None), None)
            if beside is not None:
                yield _frame(around, "context", beside, None, None)


def _in_one_sentence(first: _Link, second: _Link) -> tuple[LinkedRelation, LinkedRelation] | None:
    there = {relation.sentence_id: relation for relation in reversed(second)}
    for relation in first:
        if relation.sentence_id in there:
            return relation, there[relation.sentence_id]
    return None


def _frame(
    around: Surroundings,
    rule: FrameRule,
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
    beside = around.population(sentences)
    if "population" not in slots and beside is not None:
        fill("population", beside.key, beside.mention_id)
    populations = slots["population"][1] if "population" in slots else set()
    cancer = around.cancer(sentences, populations)
    systems = around.model_systems(sentences)
    if cancer is not None:
        slots["cancer"] = (cancer.key, set(cancer.mentions))

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
        rule=rule,
        belief=frame_belief((relation.probability, relation.speculative) for relation in relations),
        drug_mentions=mentions("drug"),
        mechanism_mentions=mentions("mechanism"),
        population_mentions=mentions("population"),
        cancer_mentions=mentions("cancer"),
        target_mentions=mentions("target"),
        relation_ids=tuple(sorted(relation.relation_id for relation in relations)),
        missing=(
            *(slot for slot in _SLOTS if slot not in slots),
            *(() if systems else ("model_system",)),
        ),
        cancer_name=None if cancer is None else cancer.name,
        cancer_source=None if cancer is None else cancer.source,
        model_systems=systems,
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
