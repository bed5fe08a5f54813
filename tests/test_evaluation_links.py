"""Linking in an evaluation: where identifiers come from, and what each answer counts as."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from evaluation_cases import TEXT, mention, reading, relation

from minecsc.errors import EvaluationError
from minecsc.evaluation import evaluate, load_gold, load_links, named_links
from minecsc.evaluation.links import END_TO_END, FOUND
from minecsc.evaluation.spans import span_of
from minecsc.linking import KnowledgeBase

SAMPLE = Path(__file__).resolve().parent.parent / "corpus" / "linking" / "sample.jsonl"
SOX2, BMI1 = span_of(mention("SOX2")), span_of(mention("BMI1"))


@pytest.fixture(scope="module")
def knowledge_base() -> KnowledgeBase:
    return KnowledgeBase.load()


@pytest.fixture(scope="module")
def concept(knowledge_base):
    def find(name: str) -> str:
        found = knowledge_base.resolve(name, "Gene")
        assert found is not None
        return found.concept_id

    return find


def _answer(concept_id: str | None, *, type_: str = "Gene"):
    link = {} if concept_id is None else {"concept_id": concept_id, "link_score": 0.9}
    return reading(mentions=(mention("SOX2", type_=type_, **link), mention("BMI1")))


@pytest.mark.parametrize(
    ("expected", "answered", "tally"),
    [
        ("SOX2", "SOX2", (1, 0, 0)),
        ("SOX2", "BMI1", (0, 1, 1)),
        ("SOX2", None, (0, 0, 1)),
        (None, "SOX2", (0, 1, 0)),
        (None, None, (0, 0, 0)),
        ("none:beyond-our-vocabulary", "SOX2", (0, 0, 0)),
    ],
    ids=["right", "wrong", "abstained", "not NIL", "NIL", "cannot be checked"],
)
def test_what_an_answer_counts_as(knowledge_base, concept, expected, answered, tally):
    identifiers = () if expected is None else (expected if ":" in expected else concept(expected),)
    answer = _answer(None if answered is None else concept(answered))
    links = {"pmid:1": {SOX2: tuple(i.lower() for i in identifiers)}}
    report = evaluate([reading()], {"pmid:1": answer}, knowledge_base=knowledge_base, links=links, bootstrap=0)
    for section in (FOUND, END_TO_END):
        for label in ("micro", "Gene"):
            score = report.score(section, label)
            assert (score.matched, score.predicted - score.matched, score.support - score.matched) == tally
    assert report.calibration.keys() >= ({"links"} if answered else set())


def test_a_mention_that_was_not_found_is_missed_end_to_end_only(knowledge_base, concept):
    links = {"pmid:1": {SOX2: (concept("SOX2").lower(),), BMI1: ()}}
    answer = _answer(concept("SOX2"), type_="Drug")
    report = evaluate([reading()], {"pmid:1": answer}, knowledge_base=knowledge_base, links=links, bootstrap=0)
    assert report.score(FOUND).support == 0
    assert (report.score(END_TO_END).support, report.score(END_TO_END).matched) == (1, 0)


def test_a_right_relation_on_the_wrong_concept_is_a_grounding_error(knowledge_base, concept):
    gold = reading(relation("increases", "SOX2", "BMI1"))
    links = {"pmid:1": {SOX2: (concept("SOX2").lower(),)}}
    for answered, missed in (("SOX2", 0), ("BMI1", 1)):
        linked = mention("SOX2", concept_id=concept(answered), link_score=0.9)
        (old,) = gold.relations
        mentions = tuple(linked if m == old.head else m for m in gold.mentions)
        answer = replace(gold, mentions=mentions, relations=(replace(old, head=linked),))
        report = evaluate([gold], {"pmid:1": answer}, knowledge_base=knowledge_base, links=links, bootstrap=0)
        assert report.score("relations.strict").f1 == 1.0
        assert {item.category: item.missed for item in report.errors}["grounding"] == missed


def test_a_concept_of_another_knowledge_base_is_refused(knowledge_base):
    links = {"pmid:1": {SOX2: ()}}
    answer = _answer("none:of-ours")
    with pytest.raises(EvaluationError, match="not in this knowledge base"):
        evaluate([reading()], {"pmid:1": answer}, knowledge_base=knowledge_base, links=links)


def test_gold_can_name_identifiers_itself():
    named = reading(mentions=(mention("SOX2", concept_id="HGNC:11195", link_score=1.0), mention("BMI1")))
    assert named_links([named, reading(document_id="pmid:2")]) == {"pmid:1": {SOX2: ("hgnc:11195",)}}


def _line(**changes) -> str:
    gold = reading()
    record = {
        "sha256": gold.document.text_sha256,
        "start": SOX2.start,
        "end": SOX2.end,
        "type": "Gene",
        "expected": ["HGNC:11195"],
    }
    return json.dumps(record | changes)


def test_checked_mentions_are_joined_by_text(tmp_path):
    path = tmp_path / "links.jsonl"
    path.write_text("\n".join([_line(), "", _line(sha256="0" * 64)]), encoding="utf-8")
    assert load_links(path, [reading()]) == {"pmid:1": {SOX2: ("hgnc:11195",)}}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("{", "links.jsonl:1: broken line"),
        (_line(expected=None), "links.jsonl:1: broken line"),
        (_line() + "\n[]", "links.jsonl:2: broken line"),
        (_line(end=len(TEXT)), "links.jsonl:1: Gene at .* is no mention of gold"),
        (_line(sha256="0" * 64), "no mention of these gold documents"),
    ],
)
def test_files_that_cannot_be_used_are_refused(tmp_path, lines, message):
    path = tmp_path / "links.jsonl"
    path.write_text(lines, encoding="utf-8")
    with pytest.raises(EvaluationError, match=message):
        load_links(path, [reading()])
    with pytest.raises(EvaluationError, match="cannot be read"):
        load_links(tmp_path / "none.jsonl", [reading()])


@pytest.mark.shared
def test_the_checked_mentions_of_the_development_set_are_all_there(shared):
    gold = load_gold(shared / "gold" / "dev.jsonl")
    links = load_links(SAMPLE, gold)
    assert sum(map(len, links.values())) == 93
