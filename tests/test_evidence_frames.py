"""Frames: what the joining rules give, and what they must not give."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from evidence_cases import CONCEPTS, Corpus

from minecsc.evaluation.gold import load_gold
from minecsc.evidence import DocumentContext, Frame, LinkedMention, LinkedRelation, build_frames, find_cues
from minecsc.evidence.aliases import Aliases
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
    assert (frame.rule, frame.cancer_id) == ("co_stated", "k:breast")
    assert frame.missing == ("model_system",)
    assert frame.belief == pytest.approx(0.9 * 0.8)
    assert len(frame.relation_ids) == 2


def test_the_same_two_facts_in_two_sentences_stay_apart():
    found = frames_of("Drug:salinomycin decreases CSC:breast CSCs", "Drug:salinomycin decreases Pathway:Wnt signaling")
    assert [slots(frame)[2:] for frame in found] == [(None, "drug", "decreases", "s:breast")]


@pytest.mark.parametrize("outcome", ["chemoresistance", "proliferation", "stemness"])
def test_what_came_of_a_drug_is_not_how_it_worked(outcome):
    found = frames_of(["Drug:salinomycin decreases CSC:CSCs", f"Drug:salinomycin decreases Process:{outcome}"])
    assert all(frame.mechanism_id is None and frame.rule == "drug" for frame in found)
    (frame,) = frames_of(["Drug:salinomycin decreases CSC:CSCs", "Drug:salinomycin decreases Process:EMT"])
    assert (frame.mechanism_id, frame.rule) == ("p:emt", "co_stated")


def test_an_outcome_that_the_paper_shows_to_act_is_a_mechanism():
    found = frames_of("Drug:salinomycin decreases Process:proliferation", "Process:proliferation increases CSC:CSCs")
    assert [frame.rule for frame in found] == ["chain"]


def test_each_rule_names_itself():
    rules = {
        "Gene:ABCG2 resistance_to Drug:cisplatin": "mechanism",
        "Drug:salinomycin decreases CSC:CSCs": "drug",
        "CSC:CSCs resistance_to Drug:cisplatin": "population",
    }
    for fact, rule in rules.items():
        assert [frame.rule for frame in frames_of(fact)] == [rule]
    (frame,) = frames_of(["Drug:salinomycin decreases Pathway:Wnt signaling", "CSC:CSCs"])
    assert frame.rule == "context"


def test_a_name_joins_what_its_abbreviation_says():
    corpus = Corpus().document(
        "pmid:1",
        ["Drug:zorkinostat A", "Drug:ZKA"],
        "Drug:zorkinostat A decreases Gene:ABCG2",
        "Drug:ZKA decreases CSC:CSCs",
        "Drug:ZKB increases CSC:CSCs",
    )
    spans = {0: (0, 13), 1: (15, 18)}
    mentions = [
        replace(m, start_char=spans[i][0], end_char=spans[i][1]) if i in spans else m
        for i, m in enumerate(corpus.mentions)
    ]
    assert {m.surface for m in mentions[:2]} == {"zorkinostat A", "ZKA"}
    drugs = {frame.drug_id for frame in build_frames(corpus.relations, mentions, CONCEPTS)}
    assert drugs == {"text:Drug:zorkinostat a", "text:Drug:zkb"}
    apart = {frame.drug_id for frame in build_frames(corpus.relations, corpus.mentions, CONCEPTS)}
    assert apart == {"text:Drug:zka", "text:Drug:zkb"}, "nothing joins names that no bracket defines"


def test_a_population_that_is_a_normal_cell_is_not_the_population_beside_a_drug():
    corpus = Corpus().document("pmid:1", ["Drug:salinomycin decreases Pathway:Wnt signaling", "CSC:stem cells"])
    mentions = [replace(m, concept_id="c:caf") if m.type == "CSC" else m for m in corpus.mentions]
    assert build_frames(corpus.relations, mentions, CONCEPTS) == []


def test_a_chain_joins_across_sentences_through_the_shared_concept():
    found = frames_of(
        ["Drug:cisplatin increases Pathway:Notch pathway", "Cancer:ovarian cancer"],
        "Pathway:Notch signaling increases CSC:ovarian CSCs",
    )
    assert slots(found[0]) == ("d:cisplatin", "increases", "w:notch", "mechanism", "increases", "s:ovarian")
    assert found[0].cancer_id == "k:ovarian"
    assert found[0].rule == "chain"
    assert found[0].missing == ("model_system",)
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
    assert frame.missing == ("mechanism", "cancer", "model_system")


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


@dataclass
class Gold:
    """Real abstracts as annotated; nothing is linked."""

    relations: list[LinkedRelation] = field(default_factory=list)
    mentions: list[LinkedMention] = field(default_factory=list)
    contexts: dict[str, DocumentContext] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def frames(self) -> list[Frame]:
        return build_frames(self.relations, self.mentions, {}, self.contexts)


@pytest.fixture(scope="module")
def gold(shared: Path) -> Gold:
    held = Gold()
    for extraction in load_gold(shared / "gold" / "train.jsonl"):
        doc, text = extraction.document.document_id, extraction.document.text
        held.texts[doc] = text
        held.contexts[doc] = DocumentContext(
            cues=tuple(
                cue
                for s in extraction.sentences
                for cue in find_cues(doc, sentence_id(doc, s.index), text[s.start : s.end], s.start)
            )
        )
        for m in extraction.mentions:
            place = (mention_id(doc, m.start, m.end), doc, sentence_id(doc, m.sentence))
            held.mentions.append(LinkedMention(*place, m.surface, m.type, None, 1.0, m.start, m.end))
        for r in extraction.relations:
            head, tail = (r.head.start, r.head.end), (r.tail.start, r.tail.end)
            held.relations.append(
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
    return held


def test_real_abstracts_every_slot_points_to_its_mention_and_order_does_not_matter(gold):
    found = gold.frames()
    by_mention = {m.mention_id: m for m in gold.mentions}
    by_relation = {r.relation_id: r for r in gold.relations}
    assert len(found) > 1000
    documents = defaultdict(list)
    for m in gold.mentions:
        documents[m.document_id].append(m)
    full = {m.mention_id: m.key for held in documents.values() for m in Aliases(held).mentions}
    assert any(full[m.mention_id] != m.key for m in gold.mentions)
    for frame in found:
        for slot in ("drug", "mechanism", "population", "cancer", "target"):
            key, places = getattr(frame, f"{slot}_id"), getattr(frame, f"{slot}_mentions")
            assert (key is None) == (places == ())
            assert {by_mention[place].document_id for place in places} <= {frame.document_id}
            if slot != "cancer":
                assert {full[place] for place in places} <= {key}
            if slot != "target":
                assert (slot in frame.missing) == (key is None)
        if frame.cancer_source == "sentence":
            sentences = {by_relation[r].sentence_id for r in frame.relation_ids}
            assert by_mention[frame.cancer_mentions[0]].sentence_id in sentences
        for model in frame.model_systems:
            start, end = map(int, model.shown_by.partition("#")[2].split("-"))
            words = gold.texts[frame.document_id][start:end]
            assert find_cues("d", "s", words)[0].system == model.system
        assert frame.relation_ids
        assert {by_relation[r].document_id for r in frame.relation_ids} == {frame.document_id}
        assert 0.0 <= frame.belief <= 1.0
    assert len({frame.frame_id for frame in found}) == len(found)
    generator = random.Random(7)
    generator.shuffle(gold.relations)
    generator.shuffle(gold.mentions)
    assert gold.frames() == found


FACTS = [
    ("19029980", "arsenic", "decreases", "pml rara", "increases", "leukemia initiating cell",
     "acute promyelocytic leukemia", {"animal"}),
    ("29505034", "tyrosine kinase inhibitor", "increases", "mir126", "increases", "leukemia stem cell",
     "chronic myelogenous leukemia", {"animal"}),
    ("32816909", "gsk126", "decreases", "ezh2", "increases", "ovarian cancer stem cell",
     "ovarian cancer", {"animal", "cell_culture"}),
    ("33197925", "cc90009", "decreases", "gspt1", "increases", "leukemia stem cell",
     "acute myeloid leukemia", {"animal", "patient"}),
    ("41696740", "huang qin decoction", "increases", "reactive oxygen species", "decreases", "csc",
     "non small cell lung cancer", {"animal", "cell_line", "organoid"}),
]  # fmt: skip
"""PMID, drug and effect, mechanism and effect, population, cancer, model systems: chains, from reading abstracts."""


@pytest.mark.parametrize("fact", FACTS, ids=[fact[0] for fact in FACTS])
def test_chains_of_real_abstracts(gold, fact):
    pmid, drug, drug_effect, mechanism, csc_effect, population, cancer, systems = fact
    chains = [
        frame
        for frame in gold.frames()
        if frame.document_id == f"pmid:{pmid}" and frame.rule == "chain" and frame.drug_id == f"text:Drug:{drug}"
        and (frame.mechanism_id or "").endswith(f":{mechanism}") and frame.csc_actor == "mechanism"
    ]  # fmt: skip
    told = {(f.drug_effect, f.csc_effect, f.population_id, f.cancer_id) for f in chains}
    assert (drug_effect, csc_effect, f"text:CSC:{population}", f"text:Cancer:{cancer}") in told
    assert systems in [{model.system for model in frame.model_systems} for frame in chains]


def test_a_real_sentence_of_two_cancers_goes_by_its_population(gold):
    (frame,) = (
        f
        for f in gold.frames()
        if f.document_id == "pmid:23284640" and f.rule == "drug" and f.target_id == "text:CSC:breast cancer stem cell"
    )
    assert (frame.drug_id, frame.cancer_id) == ("text:Drug:salinomycin", "text:Cancer:breast cancer")
    assert (frame.cancer_source, frame.cancer_mentions) == ("population", frame.population_mentions)
