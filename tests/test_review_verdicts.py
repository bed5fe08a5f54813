"""Verdicts: what speaks for, what against, and why nothing was found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from evidence_cases import CONCEPTS, Corpus, DictionaryLinker

from minecsc.linking import Concept
from minecsc.review import (
    REASONS,
    VERDICTS,
    Assertion,
    EvidenceIndex,
    Term,
    Verdict,
    load_assertions,
    validate_rows,
)
from minecsc.schema import RelationType


def assertion(
    head: str, relation: RelationType, tail: str, *, cancer: str | None = None, assertion_id: str = "A1"
) -> Assertion:
    ends = []
    for text in (head, tail):
        type_, name = text.split(":")
        ends.append(Term(name, type_))
    return Assertion(assertion_id, "Dormancy", "mechanism", ends[0], relation, ends[1], cancer=cancer)


def index_of(corpus: Corpus) -> EvidenceIndex:
    occurrences = [(mention.key, [mention.document_id]) for mention in corpus.mentions]
    return EvidenceIndex(corpus.relations, occurrences, corpus.documents, CONCEPTS.get)


def judge(held: Assertion, *sentences: str | list[str], corpus: Corpus | None = None) -> Verdict:
    corpus = corpus or Corpus()
    for number, sentence in enumerate(sentences):
        corpus.document(f"pmid:{number}", sentence)
    (verdict,) = validate_rows([held], index_of(corpus), DictionaryLinker())
    assert verdict.verdict in VERDICTS
    assert verdict.reason in REASONS
    return verdict


ABC = assertion("Gene:BCRP", "increases", "Process:chemoresistance")
SALINOMYCIN = assertion("Drug:salinomycin", "decreases", "CSC:breast CSCs", cancer="breast cancer")


@pytest.mark.parametrize(
    ("held", "fact", "verdict", "reason"),
    [
        (ABC, "Gene:ABCG2 increases Process:drug resistance", "supported", "stated"),
        (ABC, "Gene:ABCG2 decreases Process:drug resistance", "contradicted", "opposite_stated"),
        (ABC, "Gene:ABCG2 increases Process:drug resistance neg", "contradicted", "denied"),
        (ABC, "Gene:ABCG2 associated_with Process:drug resistance neg", "contradicted", "denied"),
        (ABC, "Gene:ABCG2 increases Process:drug resistance spec", "only_speculative", "possibility_only"),
        (ABC, "Gene:ABCG2 associated_with Process:drug resistance", "not_found", "association_only"),
        (ABC, "Process:drug resistance associated_with Gene:ABCG2", "not_found", "association_only"),
        (ABC, "Gene:ABCG2 increases Process:drug resistance @0.3", "not_found", "below_threshold"),
        (ABC, "Process:drug resistance increases Gene:ABCG2", "not_found", "other_relation_only"),
        (ABC, "Gene:ABCG2 increases Process:drug resistance spec neg", "not_found", "no_relation_extracted"),
        (ABC, ["Gene:ABCG2", "Process:drug resistance"], "not_found", "no_relation_extracted"),
        (ABC, "Gene:ABCG2", "not_found", "concepts_not_in_same_document"),
        (ABC, "Gene:ABCG2 resistance_to Drug:cisplatin", "supported", "inferred"),
        (ABC, "Gene:ABCG2 sensitizes_to Drug:chemotherapy", "contradicted", "opposite_stated"),
        (ABC, "Gene:ABCG2 sensitizes_to Drug:cisplatin", "not_found", "concepts_not_in_same_document"),
        (ABC, "Gene:ABCG2 resistance_to Drug:cisplatin neg", "not_found", "concepts_not_in_same_document"),
        (SALINOMYCIN, "CSC:breast CSCs sensitizes_to Drug:salinomycin", "supported", "inferred"),
        (SALINOMYCIN, "CSC:breast CSCs resistance_to Drug:salinomycin", "contradicted", "opposite_stated"),
        (
            SALINOMYCIN,
            "Drug:salinomycin decreases CSC:ovarian CSCs",
            "not_found",
            "concepts_not_in_same_document",
        ),
    ],
)
def test_one_paper(held, fact, verdict, reason):
    found = judge(held, fact)
    assert (found.verdict, found.reason) == (verdict, reason)
    assert (found.belief is None) == (verdict == "not_found")


@pytest.mark.parametrize(
    ("relation", "fact", "verdict"),
    [
        ("resistance_to", "Gene:ABCG2 resistance_to Drug:cisplatin", "supported"),
        ("resistance_to", ["Gene:ABCG2 increases Process:drug resistance", "Drug:cisplatin"], "supported"),
        ("resistance_to", ["Gene:ABCG2 decreases Process:drug resistance", "Drug:cisplatin"], "contradicted"),
        ("resistance_to", ["Gene:ABCG2 increases Process:drug resistance", "Drug:gemcitabine"], "not_found"),
        (
            "resistance_to",
            ["Gene:ABCG2 increases Process:drug resistance", "Drug:cisplatin", "Drug:gemcitabine"],
            "not_found",
        ),
        (
            "resistance_to",
            ["Gene:ABCG2 increases Process:drug resistance", "Drug:cisplatin", "Drug:chemotherapy"],
            "supported",
        ),
        ("resistance_to", "Gene:ABCG2 resistance_to Drug:chemotherapy", "not_found"),
        ("resistance_to", "Gene:ABCG2 sensitizes_to Drug:cisplatin", "contradicted"),
        ("sensitizes_to", "Gene:ABCG2 sensitizes_to Drug:cisplatin", "supported"),
        ("sensitizes_to", ["Gene:ABCG2 decreases Process:drug resistance", "Drug:cisplatin"], "supported"),
    ],
)
def test_resistance_to_a_named_drug(relation, fact, verdict):
    assert judge(assertion("Gene:ABCG2", relation, "Drug:cisplatin"), fact).verdict == verdict


def test_resistance_to_chemotherapy_is_shown_on_a_member_and_on_resistance_in_general():
    held = assertion("Gene:ABCG2", "resistance_to", "Drug:chemotherapy")
    assert judge(held, "Gene:ABCG2 resistance_to Drug:gemcitabine").reason == "stated"
    assert judge(held, "Gene:ABCG2 increases Process:chemoresistance").reason == "inferred"


def test_evidence_on_a_narrower_concept_counts_and_on_a_wider_one_does_not():
    wide = assertion("Gene:Notch", "increases", "CSC:CSCs")
    narrow = assertion("Gene:NOTCH3", "increases", "CSC:ovarian CSCs")
    assert judge(wide, "Gene:NOTCH3 increases CSC:ovarian CSCs").verdict == "supported"
    assert judge(narrow, "Gene:Notch increases CSC:CSCs").verdict == "not_found"


def test_a_wider_population_stands_for_the_narrower_only_in_a_paper_on_that_cancer():
    fact = "Drug:salinomycin decreases CSC:CSCs"
    assert judge(SALINOMYCIN, fact).verdict == "not_found"
    assert judge(SALINOMYCIN, [fact, "Cancer:ovarian cancer"]).verdict == "not_found"
    found = judge(SALINOMYCIN, [fact, "Cancer:breast cancer"])
    assert (found.verdict, found.reason) == ("supported", "stated_in_context")
    assert found.evidence[0].in_context


def test_the_right_cancer_makes_the_reason_specific():
    fact = "Drug:salinomycin decreases CSC:breast CSCs"
    assert judge(SALINOMYCIN, fact).reason == "stated"
    assert judge(SALINOMYCIN, [fact, "Cancer:breast cancer"]).reason == "stated_in_context"


@pytest.mark.parametrize(
    "fact",
    [
        "Gene:ABCG2 increases CSC:CSCs",
        "Gene:ABCG2 marker_of CSC:CSCs",
        "CSC:CSCs increases Gene:ABCG2",
        "CSC:CSCs associated_with Gene:ABCG2",
    ],
)
def test_an_association_is_supported_by_any_relation_either_way(fact):
    held = assertion("Gene:ABCG2", "associated_with", "CSC:CSCs")
    assert judge(held, fact).verdict == "supported"


def test_a_denied_association_contradicts_it_a_denied_increase_does_not():
    held = assertion("Gene:ABCG2", "associated_with", "CSC:CSCs")
    assert judge(held, "Gene:ABCG2 associated_with CSC:CSCs neg").verdict == "contradicted"
    assert judge(held, "Gene:ABCG2 increases CSC:CSCs neg").verdict == "not_found"


def test_something_narrower_supports_and_does_not_refute():
    family = assertion("Gene:Notch", "increases", "CSC:CSCs")
    assert judge(family, "Gene:NOTCH3 increases CSC:CSCs").verdict == "supported"
    assert judge(family, "Gene:NOTCH3 decreases CSC:CSCs").verdict == "not_found"
    assert judge(family, "Gene:NOTCH3 increases CSC:CSCs neg").verdict == "not_found"
    assert judge(family, "Gene:Notch decreases CSC:ovarian CSCs").verdict == "contradicted", "of a population it does"


@pytest.mark.parametrize(
    ("process", "drug", "verdict"),
    [
        ("chemoresistance", "gemcitabine", "supported"),
        ("chemoresistance", "nivolumab", "not_found"),
        ("chemoresistance", "radiotherapy", "not_found"),
        ("chemoresistance", "compound 7", "not_found"),
        ("therapy resistance", "nivolumab", "supported"),
        ("therapy resistance", "radiotherapy", "supported"),
    ],
)
def test_which_drugs_show_resistance_in_general(process, drug, verdict):
    held = assertion("Gene:ABCG2", "increases", f"Process:{process}")
    assert judge(held, f"Gene:ABCG2 resistance_to Drug:{drug}").verdict == verdict


def test_drug_resistance_is_therapy_resistance_and_not_the_reverse():
    wide = assertion("Gene:ABCG2", "increases", "Process:therapy resistance")
    assert judge(wide, "Gene:ABCG2 increases Process:chemoresistance").evidence[0].rule == "narrower_resistance"
    assert judge(ABC, "Gene:ABCG2 increases Process:therapy resistance").verdict == "not_found"


def test_two_drugs_that_work_together_refute_nothing():
    held = assertion("Drug:salinomycin", "increases", "Process:chemoresistance")
    assert judge(held, "Drug:salinomycin sensitizes_to Drug:cisplatin").verdict == "not_found"
    held = assertion("Drug:salinomycin", "decreases", "Process:chemoresistance")
    assert judge(held, "Drug:salinomycin sensitizes_to Drug:cisplatin").verdict == "supported"


def test_any_population_that_was_read_stands_for_cancer_stem_cells_in_general():
    fact = "Gene:Notch increases CSC:ALDHhigh tumor cells"
    assert judge(assertion("Gene:Notch", "increases", "CSC:CSCs"), fact).verdict == "supported"
    assert judge(assertion("Gene:Notch", "increases", "CSC:breast CSCs"), fact).verdict == "not_found"


def test_the_order_of_the_rows_does_not_matter():
    corpus = Corpus()
    for number in range(8):
        fact = f"Gene:ABCG2 increases Process:drug resistance @0.{number % 3 + 6}"
        corpus.document(f"x:{number}", [fact, "Gene:ABCG2 resistance_to Drug:cisplatin @0.7"])
    corpus.document("x:9", "Gene:ABCG2 decreases Process:drug resistance")
    wanted = judge(ABC, corpus=corpus)
    corpus.relations.reverse()
    corpus.mentions.reverse()
    assert judge(ABC, corpus=corpus) == wanted


def test_a_marker_needs_a_marker():
    held = assertion("Gene:ABCG2", "marker_of", "CSC:CSCs")
    assert judge(held, "Gene:ABCG2 marker_of CSC:ovarian CSCs").verdict == "supported"
    assert judge(held, "Gene:ABCG2 marker_of CSC:CSCs neg").verdict == "contradicted"
    assert judge(held, "Gene:ABCG2 increases CSC:CSCs").reason == "association_only"


def test_stemness_stands_for_the_population_in_general():
    held = assertion("Gene:ABCG2", "increases", "CSC:CSCs")
    found = judge(held, "Gene:ABCG2 increases Process:stemness")
    assert (found.verdict, found.reason, found.evidence[0].rule) == ("supported", "inferred", "stemness")
    assert judge(held, "Gene:ABCG2 decreases Process:stemness").verdict == "contradicted"
    assert judge(held, "Gene:ABCG2 increases Process:EMT").verdict == "not_found"
    reverse = assertion("Gene:ABCG2", "increases", "Process:stemness")
    assert judge(reverse, "Gene:ABCG2 increases CSC:CSCs").verdict == "supported"


def test_synergy_is_symmetric_and_resistance_is_not():
    synergy = assertion("Drug:salinomycin", "sensitizes_to", "Drug:cisplatin")
    assert judge(synergy, "Drug:cisplatin sensitizes_to Drug:salinomycin").reason == "inferred"
    held = assertion("Drug:salinomycin", "resistance_to", "Drug:cisplatin")
    assert judge(held, "Drug:cisplatin resistance_to Drug:salinomycin").verdict == "not_found"


def test_a_pathway_named_after_a_gene_is_matched_by_the_gene():
    held = assertion("Pathway:Notch signaling", "increases", "CSC:CSCs")
    assert judge(held, "Gene:NOTCH3 increases CSC:CSCs").verdict == "supported"
    other = assertion("Pathway:Wnt signaling", "increases", "CSC:CSCs")
    assert judge(other, "Gene:NOTCH3 increases CSC:CSCs").verdict == "not_found"


def test_unlinked_names_match_by_surface_whatever_the_type():
    held = assertion("Gene:Zork-1", "increases", "CSC:CSCs")
    assert judge(held, "Gene:ZORK1 increases CSC:CSCs").verdict == "supported"
    assert judge(held, "Pathway:zork1 increases CSC:CSCs").verdict == "supported"
    assert judge(held, "Gene:ABCG2 increases CSC:CSCs").reason == "concept_not_in_knowledge_base"


def test_the_reviews_wording_is_asked_only_where_the_name_is_unknown():
    known = Term("ABCG2", "Gene", mention=("Notch",))
    unknown = Term("stem transporter", "Gene", mention=("Notch",))
    tail = Term("cancer stem cells", "CSC")
    fact = "Gene:Notch increases CSC:CSCs"
    assert judge(Assertion("A1", "s", "k", known, "increases", tail), fact).verdict == "not_found"
    assert judge(Assertion("A1", "s", "k", unknown, "increases", tail), fact).verdict == "supported"


def test_a_link_to_something_wider_is_no_match():
    corpus = Corpus().document("pmid:1", "Gene:ABCG2 increases Process:drug resistance")
    (verdict,) = validate_rows([ABC], index_of(corpus), DictionaryLinker(score=0.6))
    assert verdict.reason == "concept_not_in_knowledge_base"


def test_papers_on_both_sides():
    fact = "Gene:ABCG2 increases Process:drug resistance"
    even = judge(ABC, fact, f"{fact} neg")
    assert (even.verdict, even.reason) == ("mixed", "both_sides")
    assert (even.documents_for, even.documents_against) == (1, 1)
    assert {sentence.stance for sentence in even.evidence} == {"for", "against"}
    ahead = judge(ABC, *[fact] * 9, f"{fact} neg")
    assert (ahead.verdict, ahead.reason) == ("supported", "outweighed_dissent")
    behind = judge(ABC, fact, *[f"{fact} neg"] * 9)
    assert (behind.verdict, behind.reason) == ("contradicted", "outweighed_support")
    assert even.belief is not None
    assert behind.belief < even.belief < ahead.belief


def test_copies_of_one_text_are_one_paper():
    corpus = Corpus()
    for number in range(3):
        corpus.document(f"x:{number}", "Gene:ABCG2 increases Process:drug resistance", text="same")
    found = judge(ABC, corpus=corpus)
    assert found.documents_for == 1
    assert len(found.relations_for) == 3


def test_retracted_papers_do_not_support_and_stay_visible():
    corpus = Corpus().document("x:1", "Gene:ABCG2 increases Process:drug resistance", retracted=True)
    found = judge(ABC, corpus=corpus)
    assert (found.verdict, found.reason, found.documents_for) == ("not_found", "retracted_only", 0)
    assert [sentence.document_id for sentence in found.evidence] == ["x:1"]


def test_the_best_sentences_come_first_one_a_document():
    corpus = Corpus()
    fact = "Gene:ABCG2 increases Process:drug resistance"
    for number in range(9):
        corpus.document(f"x:{number}", f"{fact} @0.{number + 1}", f"{fact} @0.6")
    evidence = [s for s in judge(ABC, corpus=corpus).evidence if s.stance == "for"]
    assert [s.probability for s in evidence] == [0.9, 0.8, 0.7, 0.6, 0.6]
    assert len({s.document_id for s in evidence}) == 5


def test_every_shipped_assertion_gets_exactly_one_verdict_even_from_an_empty_corpus():
    held = load_assertions()
    found = validate_rows(held, index_of(Corpus()), DictionaryLinker())
    assert [v.assertion_id for v in found] == [a.assertion_id for a in held]
    assert {v.verdict for v in found} == {"not_found"}


FACT_AGAINST = "Gene:ABCG2 decreases Process:drug resistance"


def test_what_is_read_unsurely_is_not_held_against_the_review():
    found = judge(ABC, f"{FACT_AGAINST} @0.69")
    assert (found.verdict, found.reason, found.documents_against) == ("not_found", "opposite_unsure", 0)
    assert [sentence.stance for sentence in found.evidence] == ["opposite_unsure"]
    assert judge(ABC, f"{FACT_AGAINST} @0.7").verdict == "contradicted"
    agreed = judge(ABC, "Gene:ABCG2 increases Process:drug resistance @0.5", f"{FACT_AGAINST} @0.69")
    assert (agreed.verdict, agreed.reason, agreed.documents_against) == ("supported", "stated", 0)


def test_a_denial_of_another_cancer_refutes_nothing_and_the_opposite_only_where_nobody_agrees():
    held = assertion("Gene:ABCG2", "increases", "Process:chemoresistance", cancer="breast cancer")
    here = ["Gene:ABCG2 increases Process:drug resistance", "Cancer:breast cancer"]
    denied = "Gene:ABCG2 increases Process:drug resistance neg"
    assert judge(held, denied).reason == "denied_elsewhere"
    assert judge(held, [denied, "Cancer:breast cancer"]).reason == "denied"
    assert judge(held, FACT_AGAINST).verdict == "contradicted"
    assert judge(held, here, FACT_AGAINST).verdict == "supported"
    assert judge(held, here, [FACT_AGAINST, "Cancer:breast cancer"]).verdict == "mixed"
    assert judge(ABC, denied).reason == "denied", "no cancer named, none to differ"


def test_a_drug_is_not_the_process_it_is_named_after():
    held = assertion("Process:EMT", "increases", "CSC:CSCs")
    corpus = Corpus().document("x:1", "Process:EMT increases CSC:CSCs")
    (relation,) = corpus.relations
    corpus.relations = [replace(relation, head_type="Drug", head_surface="EMT drugs")]
    assert judge(held, corpus=corpus).verdict == "not_found"


@pytest.mark.parametrize(
    ("surface", "verdict"),
    [("DNA methylation", "supported"), ("methylation", "supported"), ("hypomethylation", "not_found")],
)
def test_the_reverse_of_a_process_is_not_the_process(surface, verdict):
    methylation = Concept("p:methylation", "DNA methylation", "Process", synonyms=("hypomethylation",))
    linker = DictionaryLinker((methylation, CONCEPTS["p:resistance"]))
    corpus = Corpus().document("x:1", f"Process:{surface} increases Process:drug resistance")
    corpus.relations = [replace(relation, head_concept_id="p:methylation") for relation in corpus.relations]
    occurrences = [("p:methylation", ["x:1"]), ("p:resistance", ["x:1"])]
    known = CONCEPTS | {"p:methylation": methylation}
    index = EvidenceIndex(corpus.relations, occurrences, corpus.documents, known.get)
    held = assertion("Process:DNA methylation", "increases", "Process:drug resistance")
    (found,) = validate_rows([held], index, linker)
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("name", "score", "verdict"),
    [
        ("ABCG2", 0.9, "supported"),
        ("ABCG2 gene", 0.9, "supported"),
        ("ferroptosis ABCG2", 0.9, "not_found"),
        ("ferroptosis ABCG2", 0.99, "supported"),
        ("truncated ABCG2", 0.99, "not_found"),
    ],
)
def test_a_name_with_a_word_too_many_is_another_thing_unless_the_linker_is_sure(name, score, verdict):
    gene = Concept("g:abcg2", name, "Gene")  # what the linker makes of the name
    terms = (CONCEPTS["p:resistance"], gene)
    corpus = Corpus().document("x:1", "Gene:ABCG2 increases Process:drug resistance")
    held = assertion(f"Gene:{name}", "increases", "Process:drug resistance")
    index = EvidenceIndex(
        corpus.relations,
        [("g:abcg2", ["x:1"]), ("p:resistance", ["x:1"])],
        corpus.documents,
        {"g:abcg2": CONCEPTS["g:abcg2"], "p:resistance": CONCEPTS["p:resistance"]}.get,
    )
    tail = Term("drug resistance", "Process")
    named = Assertion("A1", "s", "k", Term(name, "Gene", mention=("ABCG2",)), "increases", tail)
    linker = DictionaryLinker((*terms, CONCEPTS["g:abcg2"]), score=score)
    for asked in (held, named):
        (found,) = validate_rows([asked], index, linker)
        assert found.verdict == verdict, "the review's own wording is no way round it"
