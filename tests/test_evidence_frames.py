"""Frames: what the joining rules give, and what they must not give."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from evidence_cases import CONCEPTS, Corpus

from minecsc.evaluation.gold import load_gold
from minecsc.evidence import Frame, LinkedMention, LinkedRelation, build_frames
from minecsc.evidence.frames import MAX_FRAMES
from minecsc.ids import mention_id, relation_id, sentence_id


def frames_of(*sentences: str | list[str]) -> list[Frame]:
    corpus = Corpus().document("pmid:1", *sentences)
    return build_frames(corpus.relations, corpus.mentions, CONCEPTS)


def slots(frame: Frame) -> tuple[str | None, ...]:
    names = ("drug_id", "drug_effect", "mechanism_id", "csc_actor", "csc_effect", "target_id")
    return tuple(getattr(frame, name) for name in names)


def test_a_drug_that_acts_on_mechanism_and_population_in_one_sentence_is_the_actor():
    (frame,) = frames_of(
        [
            "Drug:salinomycin decreases CSC:breast CSCs @0.8",
            "Drug:salinomycin decreases Pathway:Wnt signaling",
        ]
    )
    assert slots(frame) == ("d:salinomycin", "decreases", "w:wnt", "drug", "decreases", "s:breast")
    assert frame.population_id == "s:breast"
    assert frame.missing == ("cancer",)
    assert frame.belief == pytest.approx(0.9 * 0.8)
    assert len(frame.relation_ids) == 2


def test_the_same_two_facts_in_two_sentences_stay_apart():
    found = frames_of("Drug:salinomycin decreases CSC:breast CSCs", "Drug:salinomycin decreases Pathway:Wnt signaling")
    assert [slots(frame)[2:] for frame in found] == [(None, "drug", "decreases", "s:breast")]


def test_a_chain_joins_across_sentences_through_the_shared_concept():
    found = frames_of(
        ["Drug:cisplatin increases Pathway:Notch pathway", "Cancer:ovarian cancer"],
        "Pathway:Notch signaling increases CSC:ovarian CSCs",
    )
    assert slots(found[0]) == ("d:cisplatin", "increases", "w:notch", "mechanism", "increases", "s:ovarian")
    assert found[0].cancer_id == "k:ovarian"
    assert found[0].missing == ()
    assert len(found[0].mechanism_mentions) == 2
    assert len(found) == 1, "the mechanism frame alone is part of the chain"


def test_resistance_to_a_drug_fills_the_drug_slot_unless_another_drug_acts():
    alone = frames_of("Gene:BCRP resistance_to Drug:cisplatin")
    assert [slots(frame) for frame in alone] == [
        ("d:cisplatin", None, "g:abcg2", "mechanism", "resistance_to", "d:cisplatin")
    ]
    chain = frames_of("Drug:salinomycin decreases Gene:ABCG2", "Gene:BCRP resistance_to Drug:cisplatin")
    assert slots(chain[0]) == (
        "d:salinomycin", "decreases", "g:abcg2", "mechanism", "resistance_to", "d:cisplatin",
    )  # fmt: skip


def test_a_population_resistant_to_a_drug_is_a_frame():
    (frame,) = frames_of("CSC:CSCs resistance_to Drug:cisplatin")
    assert (frame.population_id, frame.csc_actor, frame.drug_id) == ("s:csc", "population", "d:cisplatin")
    assert frame.missing == ("mechanism", "cancer")


def test_a_denied_link_is_kept_alone_and_never_joined():
    found = frames_of(
        "Drug:cisplatin increases Pathway:Notch signaling",
        "Pathway:Notch signaling increases CSC:ovarian CSCs neg",
    )
    assert [(frame.drug_id, frame.mechanism_id, frame.negated) for frame in found] == [(None, "w:notch", True)]


def test_a_speculative_link_makes_the_frame_speculative_and_weaker():
    (firm,) = frames_of("Gene:ABCG2 increases Process:chemoresistance")
    (loose,) = frames_of("Gene:ABCG2 increases Process:chemoresistance spec")
    assert (firm.speculative, loose.speculative) == (False, True)
    assert loose.belief < firm.belief


def test_an_asserted_frame_outlives_a_fuller_speculative_one():
    found = frames_of(
        "Drug:cisplatin increases Pathway:Notch signaling spec",
        "Pathway:Notch signaling increases CSC:ovarian CSCs",
    )
    assert [(f.drug_id, f.speculative) for f in found] == [("d:cisplatin", True), (None, False)]


def test_drug_and_mechanism_without_a_target_need_a_population_beside_them():
    assert frames_of("Drug:salinomycin decreases Pathway:Wnt signaling", "CSC:CSCs") == []
    (frame,) = frames_of(["Drug:salinomycin decreases Pathway:Wnt signaling", "CSC:CSCs"])
    assert (frame.population_id, frame.csc_effect, frame.csc_actor, frame.target_id) == (
        "s:csc",
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    "fact",
    [
        "Drug:salinomycin increases Process:apoptosis",
        "Gene:ABCG2 increases Process:insulin resistance",
        "Gene:ABCG2 associated_with CSC:CSCs",
        "Gene:ABCG2 marker_of CSC:CSCs",
        "Cell:MCF-7 increases Process:chemoresistance",
    ],
)
def test_what_is_no_frame(fact):
    assert frames_of(fact) == []


def test_a_cell_with_a_mechanism_class_is_a_mechanism():
    (frame,) = frames_of("Cell:CAFs increases CSC:breast CSCs")
    assert frame.mechanism_id == "c:caf"


def test_unlinked_names_join_by_their_folded_surface():
    found = frames_of("Drug:compound X-7 decreases Gene:Zork-1", "Gene:ZORK1 increases Process:self-renewal")
    assert found[0].drug_id == "text:Drug:compound x7"
    assert found[0].mechanism_id == "text:Gene:zork1"
    assert found[0].target_id == "text:Process:self renewal"


def test_the_cancer_of_the_sentence_wins_over_the_commonest_of_the_document():
    found = frames_of(
        "Cancer:breast cancer",
        "Cancer:breast cancer",
        ["Gene:ABCG2 increases CSC:CSCs", "Cancer:ovarian cancer"],
        "Pathway:Wnt signaling increases CSC:CSCs",
    )
    assert {frame.mechanism_id: frame.cancer_id for frame in found} == {
        "g:abcg2": "k:ovarian",
        "w:wnt": "k:breast",
    }


def test_a_crowded_document_yields_a_bounded_number_of_frames():
    facts = [f"Drug:drug {chr(97 + i)} decreases Gene:ABCG2" for i in range(20)]
    facts += [f"Gene:ABCG2 resistance_to Drug:agent {chr(97 + i)}" for i in range(20)]
    found = frames_of(*facts)
    assert len(found) == MAX_FRAMES
    assert all(frame.mechanism_id == "g:abcg2" and frame.drug_effect == "decreases" for frame in found)


def test_documents_do_not_mix():
    corpus = Corpus()
    corpus.document("pmid:1", "Drug:cisplatin increases Pathway:Notch signaling")
    corpus.document("pmid:2", "Pathway:Notch signaling increases CSC:CSCs")
    assert [f.drug_id for f in build_frames(corpus.relations, corpus.mentions, CONCEPTS)] == [None]


@pytest.fixture(scope="module")
def gold(shared: Path) -> tuple[list[LinkedRelation], list[LinkedMention]]:
    """Relations and mentions of real abstracts, as annotated; nothing is linked."""
    relations, mentions = [], []
    for extraction in load_gold(shared / "gold" / "train.jsonl"):
        doc = extraction.document.document_id
        for m in extraction.mentions:
            mentions.append(
                LinkedMention(mention_id(doc, m.start, m.end), doc, sentence_id(doc, m.sentence), m.surface, m.type)
            )
        for r in extraction.relations:
            head, tail = (r.head.start, r.head.end), (r.tail.start, r.tail.end)
            relations.append(
                LinkedRelation(
                    relation_id(doc, r.type, head, tail),
                    doc,
                    sentence_id(doc, r.head.sentence),
                    r.type,
                    mention_id(doc, *head),
                    None,
                    r.head.surface,
                    r.head.type,
                    mention_id(doc, *tail),
                    None,
                    r.tail.surface,
                    r.tail.type,
                    r.negated,
                    r.speculative,
                    0.9,
                )
            )
    return relations, mentions


def test_real_abstracts_every_slot_points_to_its_mention_and_order_does_not_matter(gold):
    relations, mentions = map(list, gold)
    found = build_frames(relations, mentions, {})
    by_mention = {m.mention_id: m for m in mentions}
    by_relation = {r.relation_id: r for r in relations}
    assert len(found) > 1000
    for frame in found:
        for slot in ("drug", "mechanism", "population", "cancer", "target"):
            key, places = getattr(frame, f"{slot}_id"), getattr(frame, f"{slot}_mentions")
            assert (key is None) == (places == ())
            assert {by_mention[place].key for place in places} <= {key}
            assert {by_mention[place].document_id for place in places} <= {frame.document_id}
            if slot != "target":
                assert (slot in frame.missing) == (key is None)
        assert frame.relation_ids
        assert {by_relation[r].document_id for r in frame.relation_ids} == {frame.document_id}
        assert 0.0 <= frame.belief <= 1.0
    assert len({frame.frame_id for frame in found}) == len(found)
    generator = random.Random(7)
    generator.shuffle(relations)
    generator.shuffle(mentions)
    assert build_frames(relations, mentions, {}) == found


def test_real_abstract_chain(gold):
    relations, mentions = gold
    found = build_frames([r for r in relations if r.document_id == "pmid:32816909"], mentions, {})
    wanted = ("text:Drug:gsk126", "decreases", "text:Gene:ezh2", "mechanism", "increases")
    chains = [frame for frame in found if slots(frame)[:5] == wanted]
    assert [(frame.population_id, frame.cancer_id) for frame in chains] == [
        ("text:CSC:ovarian cancer stem cell", "text:Cancer:ovarian cancer")
    ]
