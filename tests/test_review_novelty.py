"""What counts as said by the review, and what is left."""

from __future__ import annotations

import pytest
from evidence_cases import CONCEPTS, Corpus, DictionaryLinker

from minecsc.evidence import build_statements
from minecsc.linking import Concept
from minecsc.review import Assertion, EvidenceIndex, NovelStatement, Term, validate_review
from minecsc.review.compatibility import Families
from minecsc.review.matching import Matcher
from minecsc.review.novelty import novel_statements
from minecsc.store import ReviewRows, StatementRow

TARGETED = CONCEPTS | {
    "d:dapt": Concept("d:dapt", "DAPT", "Drug", genes=("g:notch3",), strategy_class="pathway_blockade"),
    "g:kras": Concept("g:kras", "KRAS", "Gene"),
}
REVIEW = [
    Assertion("A1", "s", "mechanism", Term("Notch", "Gene"), "increases", Term("CSCs", "CSC")),
    Assertion("A2", "s", "mechanism", Term("ABCG2", "Gene"), "increases", Term("chemoresistance", "Process")),
    Assertion("A3", "s", "mechanism", Term("Wnt signaling", "Pathway"), "increases", Term("EMT", "Process")),
]


def rows_of(corpus: Corpus) -> list[StatementRow]:
    found = build_statements(corpus.relations, corpus.documents)
    fields = StatementRow.__dataclass_fields__
    return [StatementRow(**{name: getattr(s, name) for name in fields}) for s in found if s.documents_for]


def novel(*documents: list[str], review: list[Assertion] = REVIEW, **limits: float) -> list[tuple[str, NovelStatement]]:
    corpus = Corpus()
    for number, facts in enumerate(documents):
        corpus.document(f"x:{number}", *[[fact] for fact in facts])
    occurrences = [(mention.key, [mention.document_id]) for mention in corpus.mentions]
    index = EvidenceIndex(corpus.relations, occurrences, corpus.documents, TARGETED.get)
    matcher = Matcher(index, DictionaryLinker(TARGETED.values()))
    statements = {s.statement_id: s for s in rows_of(corpus)}
    found = novel_statements(review, statements.values(), matcher, Families(matcher, index), index, **limits)
    return [(f"{statements[n.statement_id].head_name} {statements[n.statement_id].tail_name}", n) for n in found]


@pytest.mark.parametrize(
    "fact",
    [
        "Gene:Notch increases CSC:CSCs",
        "Gene:Notch decreases CSC:CSCs",
        "Gene:NOTCH3 increases CSC:CSCs",
        "Gene:Notch increases CSC:ovarian CSCs",
        "Gene:Notch associated_with CSC:breast CSCs",
        "CSC:CSCs increases Gene:Notch",
        "Gene:Notch increases Process:stemness",
        "Pathway:Notch signaling increases CSC:CSCs",
        "Gene:ABCG2 resistance_to Drug:cisplatin",
        "Gene:ABCG2 increases Process:drug resistance",
    ],
)
def test_said_in_another_form_is_said(fact):
    assert novel([fact]) == []


@pytest.mark.parametrize(
    ("fact", "topic", "chapter"),
    [
        ("Gene:ABCG2 increases CSC:CSCs", "csc", "abc_transporter"),
        ("Drug:salinomycin decreases CSC:CSCs", "csc", "other"),
        ("Drug:MK-0752 decreases CSC:CSCs", "csc", "other"),
        ("Gene:Notch resistance_to Drug:cisplatin", "resistance", "notch"),
        ("Drug:salinomycin sensitizes_to Drug:cisplatin", "resistance", "other"),
    ],
)
def test_a_new_pair_is_new(fact, topic, chapter):
    ((_, found),) = novel([fact])
    assert (found.topic, found.chapter, found.rank) == (topic, chapter, 1)
    assert found.document_id == "x:0"


@pytest.mark.parametrize(
    "fact",
    [
        "Drug:treatment decreases CSC:CSCs",
        "Drug:salinomycin decreases Process:apoptosis",
        "Cell:MCF-7 increases Process:EMT",
        "Drug:salinomycin decreases CSC:CSCs spec",
        "Drug:salinomycin decreases CSC:CSCs neg",
        "Drug:salinomycin decreases CSC:CSCs @0.2",
    ],
)
def test_what_is_off_topic_vague_possible_denied_or_unsure_is_left_out(fact):
    assert novel([fact], min_belief=0.4) == []


def test_a_mechanism_needs_a_paper_on_stem_cells_or_resistance():
    fact = "Drug:salinomycin decreases Pathway:Wnt signaling"
    assert novel([fact]) == []
    ((_, found),) = novel([fact, "CSC:CSCs"])
    assert (found.topic, found.chapter) == ("mechanism", "wnt")


def test_contested_statements_are_not_the_strongest():
    fact = "Drug:salinomycin decreases CSC:CSCs"
    assert novel([fact], [f"{fact} neg"]) == []


def test_ranks_follow_belief_and_the_limit_holds_in_each_chapter():
    facts = [[f"Drug:XR-{number} decreases CSC:CSCs @0.{number}"] for number in range(5, 10)]
    facts += [["Gene:ABCG2 increases CSC:CSCs @0.9"]]
    found = novel(*facts, min_belief=0.0, per_chapter=3)
    assert [(n.chapter, n.rank, name) for name, n in found] == [
        ("abc_transporter", 1, "ABCG2 CSCs"),
        ("other", 1, "XR-9 CSCs"),
        ("other", 2, "XR-8 CSCs"),
        ("other", 3, "XR-7 CSCs"),
    ]


def test_an_empty_review_and_an_empty_base_say_nothing():
    assert novel() == []
    rows = ReviewRows([], [], {}, {}, [], [])
    found = validate_review(rows, DictionaryLinker(), CONCEPTS.get, [], [])
    assert (found.verdicts, found.trial_links, found.novel) == ([], [], [])
