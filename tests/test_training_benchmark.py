"""The benchmark of models: scores that can be counted by hand, and the whole from a folder."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from benchmark_cases import Told, copy_of, event_record, gold_dev, only, reader, record, told, write_corpus, write_model
from nervaluate import Evaluator

from minecsc.errors import ModelError
from minecsc.nlp.extractor import Decision
from minecsc.training.benchmark import (
    ENTITIES,
    RelationText,
    Settings,
    best_bias,
    biored_text,
    entity_figures,
    flag_tallies,
    mention_text,
    predicted_facts,
    reachable,
    relation_figures,
    run_benchmark,
    scope_figures,
    scope_words,
)
from minecsc.training.benchmark_table import Benchmark, Figure
from minecsc.training.corpora import CORPORA, read_lines, read_split
from minecsc.training.examples import AnnotatedText
from minecsc.training.heads import HEADS_FILE


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


LABELS = ("INHIBITOR", "AGONIST")

ENTITY_RECORDS = [
    # the inner mention and the half word cannot be given by tags on whole words: two of five are out of reach
    record(
        "1", "Aba acid harms cad cells.",
        [("a", "Aba acid", "Chemical"), ("b", "acid", "Chemical"), ("c", "cad", "Disease")],
    ),
    record("2", "Pseudobab ends dac.", [("a", "bab", "Chemical"), ("b", "dac", "Disease")]),
    record("3", "Test split.", [("a", "Test", "Disease")]) | {"split": "test"},
]  # fmt: skip


def test_entities_are_scored_on_all_gold_mentions_in_characters(tmp_path: Path) -> None:
    shared = write_corpus(tmp_path, "bc5cdr", ENTITY_RECORDS)
    answers = {
        ENTITY_RECORDS[0]["text"]: [(0, 8, "Chemical"), (15, 18, "Chemical")],  # right; right span, wrong type
        ENTITY_RECORDS[1]["text"]: [(0, 9, "Chemical"), (15, 18, "Disease")],  # the whole word; right
    }
    figures = entity_figures(Told(answers), Settings(shared, samples=200), "bc5cdr")
    whole = only(figures)
    assert (whole.gold, whole.predicted, whole.matched, whole.unreachable, whole.documents) == (5, 4, 2, 2, 2)
    assert whole.value == pytest.approx(2 * 2 / (5 + 4))
    assert (whole.precision, whole.recall) == (pytest.approx(2 / 4), pytest.approx(2 / 5))
    assert whole.interval is not None
    assert whole.interval[0] <= whole.value <= whole.interval[1]
    assert (whole.target, whole.reached) == (0.88, False)
    disease = only(figures, "Disease")
    assert (disease.gold, disease.predicted, disease.matched, disease.target) == (2, 1, 1, None)
    (first,) = [text for text in read_split(shared, "bc5cdr", "dev") if text.text_id.endswith(":1")]
    assert {(s.start, s.end) for s in reachable(first)} == {(0, 8), (15, 18)}


def test_entity_scores_agree_with_nervaluate(tmp_path: Path) -> None:
    rng = random.Random(5)
    words = [f"w{chr(97 + i)}" for i in range(12)]
    records, answers, listed = [], {}, ([], [])

    def drawn() -> list[tuple[int, int, str]]:
        return [(3 * i, 3 * i + 2, rng.choice(("Chemical", "Disease"))) for i in range(12) if rng.random() < 0.6]

    for n in range(8):
        text = " ".join(words) + f" number{n}"
        gold, found = drawn(), drawn()
        rows = [{"id": f"T{k}", "start": a, "end": b, "type": t} for k, (a, b, t) in enumerate(gold)]
        records.append({"id": str(n), "split": "dev", "text": text, "entities": rows})
        answers[text] = found
        for side, spans in zip(listed, (gold, found), strict=True):
            side.append([{"label": t, "start": a, "end": b - 1} for a, b, t in spans])
    figures = entity_figures(Told(answers), Settings(write_corpus(tmp_path, "bc5cdr", records), samples=0), "bc5cdr")
    theirs = Evaluator(*listed, tags=["Chemical", "Disease"], loader="dict").evaluate()["overall"]["strict"]
    whole = only(figures)
    assert (whole.matched, whole.gold, whole.predicted) == (theirs.correct, theirs.possible, theirs.actual)
    assert whole.value == pytest.approx(theirs.f1)
    assert whole.interval is None


CHEMPROT_RECORD = record(
    "1", "Aba blocks cad and dac. Bab acts.",
    [("a", "Aba", "CHEMICAL"), ("b", "Bab", "CHEMICAL"), ("c", "cad", "GENE-Y"), ("d", "dac", "GENE-N")],
    relations=[
        {"type": "CPR:4", "args": [["Arg1", "a"], ["Arg2", "c"]]},
        {"type": "CPR:4", "args": [["Arg1", "a"], ["Arg2", "c"]]},  # given twice: one relation
        {"type": "CPR:5", "args": [["Arg1", "b"], ["Arg2", "c"]]},  # crosses sentences: out of reach
        {"type": "CPR:10", "args": [["Arg1", "a"], ["Arg2", "d"]]},  # not scored
    ],
)  # fmt: skip


def test_relations_across_sentences_count_as_missed(tmp_path: Path) -> None:
    labels = CORPORA["chemprot"].relation_types
    shared = write_corpus(tmp_path, "chemprot", [CHEMPROT_RECORD])
    answer = {"chemprot:1": told(labels, (0, 2, "downregulator", 0.9), (0, 3, "agonist", 0.6))}
    whole = only(relation_figures(Told(answer), Settings(shared, samples=0), "chemprot", Decision()))
    assert (whole.gold, whole.predicted, whole.matched, whole.unreachable) == (2, 2, 1, 1)
    assert (whole.value, whole.target) == (pytest.approx(0.5), 0.72)
    (real,) = reader().pairs(list(read_split(shared, "chemprot", "dev")), "chemprot")
    assert sorted(real.pairs) == [(0, 2), (0, 3)]


BIORED_RECORD = record(
    "1", "Aba with cad. Aba again, cad and bab.",
    [("a", "Aba", "ChemicalEntity"), ("c", "cad", "GeneOrGeneProduct"), ("b", "bab", "GeneOrGeneProduct")],
    relations=[
        {"type": "Association", "args": [["1", "A"], ["2", "C"]], "arg_mentions": [["a", "a2"], ["c"]]},
        {"type": "Bind", "args": [["1", "B"], ["2", "C"]], "arg_mentions": [["b"], ["c"]]},
        {"type": "Association", "args": [["1", "A"], ["2", "B"]], "arg_mentions": [["a", "a2"], ["b"]]},
    ],
)  # fmt: skip
BIORED_RECORD["entities"].append({"id": "a2", "start": 14, "end": 17, "type": "ChemicalEntity", "norm": ["A", "X"]})


def test_biored_is_scored_between_concepts_whatever_their_order() -> None:
    labels = CORPORA["biored"].relation_types
    text = biored_text(BIORED_RECORD)
    a, b, c, x = "ABCX"
    assert text.facts == {
        ("Association", frozenset((a, c))), ("Bind", frozenset((b, c))), ("Association", frozenset((a, b)))
    }  # fmt: skip
    # mentions: 0 Aba (A), 1 cad (C), 2 bab (B), 3 Aba (A and X)
    scores = told(
        labels,
        (0, 1, "Association", 0.6),
        (3, 1, "Positive_Correlation", 0.7),  # the surest of the pairs of A and C; also speaks for X and C
        (1, 2, "Bind", 0.5),  # both orders say the same: one fact
        (2, 1, "Bind", 0.8),
        (3, 2, None, 0.9),
        (0, 3, "Comparison", 0.9),  # A with A and X: no concept is in a relation with itself
    )
    assert predicted_facts(text, scores, labels) == {
        ("Positive_Correlation", frozenset((a, c))), ("Positive_Correlation", frozenset((x, c))),
        ("Bind", frozenset((b, c))), ("Comparison", frozenset((a, x))),
    }  # fmt: skip


def test_biored_facts_without_a_shared_sentence_count_as_missed(tmp_path: Path) -> None:
    labels = CORPORA["biored"].relation_types
    shared = write_corpus(tmp_path, "biored", [BIORED_RECORD])
    answer = {"biored:1": told(labels, (0, 1, "Association", 0.9), (2, 1, "Association", 0.8), (1, 2, None, 0.9))}
    whole = only(relation_figures(Told(answer), Settings(shared, samples=0), "biored", Decision()))
    assert (whole.gold, whole.predicted, whole.matched, whole.unreachable) == (3, 2, 1, 1)


FLAGGED = AnnotatedText(
    "t", "a b c. d", [(0, 1, "x"), (2, 3, "x"), (4, 5, "x"), (7, 8, "x")], [0, 0, 0, 0],
    [("increases", 0, 1, True, False), ("decreases", 1, 2, False, True), ("increases", 0, 3, True, False)],
)  # fmt: skip


def test_flags_are_scored_on_gold_relations_alone() -> None:
    scores = told(
        LABELS, (0, 1, None, 0.9), (1, 2, "AGONIST", 0.9), (0, 2, "AGONIST", 0.9),
        flags=[(0.9, 0.2), (0.8, 0.4), (0.9, 0.9)],
    )  # fmt: skip
    # negation: (0, 1) found, (1, 2) raised wrongly, (0, 3) not read and so missed; (0, 2) is no gold relation
    assert flag_tallies(FLAGGED, scores, 0, 0.5, "negation")["negation", "micro"] == (1, 1, 1)
    assert flag_tallies(FLAGGED, scores, 1, 0.5, "speculation")["speculation", "micro"] == (0, 0, 1)
    assert flag_tallies(FLAGGED, scores, 1, 0.3, "speculation")["speculation", "micro"] == (1, 0, 0)


def test_a_bias_moves_none_and_the_best_is_found() -> None:
    text = RelationText(FLAGGED, frozenset({("AGONIST", (0, 1))}))
    scores = told(LABELS, (0, 1, "AGONIST", 0.8), (1, 2, "INHIBITOR", 0.5))
    assert predicted_facts(text, scores, LABELS) == {("AGONIST", (0, 1)), ("INHIBITOR", (1, 2))}
    assert predicted_facts(text, scores, LABELS, bias=9.0) == set()
    bias = best_bias([text], [scores], LABELS)
    assert predicted_facts(text, scores, LABELS, bias) == text.facts
    easy = told(LABELS, (0, 1, "AGONIST", 0.99))
    assert best_bias([text], [easy], LABELS) == 0.0
    assert float(scores.logits[0, 0]) == pytest.approx(float(torch.tensor(0.1).log()))  # scores stay as they were


def test_a_bias_is_chosen_on_dev_and_used_on_test_alone(tmp_path: Path) -> None:
    labels = CORPORA["chemprot"].relation_types
    test = CHEMPROT_RECORD | {"id": "2", "split": "test"}
    shared = write_corpus(tmp_path, "chemprot", [CHEMPROT_RECORD, test])
    sure, unsure = (0, 2, "downregulator", 0.9), (0, 3, "agonist", 0.4)
    answers = {"chemprot:1": told(labels, sure, unsure), "chemprot:2": told(labels, sure, unsure)}

    def predicted(split: str, tune: bool) -> int | None:
        settings = Settings(shared, split, samples=0, tune_bias=tune)
        return only(relation_figures(Told(answers), settings, "chemprot", Decision())).predicted

    assert [predicted("test", False), predicted("test", True), predicted("dev", True)] == [2, 1, 2]


def test_scope_words_are_those_of_cues_and_scopes() -> None:
    spans = [(0, 3, "NEG_CUE"), (4, 9, "NEG_SPEC_SCOPE"), (10, 13, "SPEC_SCOPE")]
    text = "not ab cd may ef"
    assert scope_words(text, spans, frozenset(("NEG_CUE", "NEG_SPEC_SCOPE"))) == {0, 1, 2}
    assert scope_words(text, spans, frozenset(("SPEC_SCOPE", "NEG_SPEC_SCOPE"))) == {1, 2, 3}


def test_bioscope_is_read_where_training_leaves_it_out(tmp_path: Path) -> None:
    texts = ["Aba does not block cad here.", "Bab may act."]
    said = ((texts[0], 9, 12, "negation", 22), (texts[1], 4, 7, "speculation", 11))
    rows = [
        {
            "id": str(11 + n), "pmid": str(11 + n), "split": "train", "text": text, "sentences": [[0, len(text)]],
            "entities": [{"id": "c", "start": a, "end": b, "type": kind}],
            "scopes": [{"start": a, "end": stop, "cues": ["c"]}],
        }
        for n, (text, a, b, kind, stop) in enumerate(said)
    ]  # fmt: skip
    shared = write_corpus(tmp_path, "bioscope_abstracts", rows)
    write_corpus(tmp_path, "bionlp11ge", [{"id": "11", "pmid": "11", "split": "dev", "text": texts[0]}])
    (tmp_path / "gold").mkdir()
    for name in ("dev", "test_texts"):
        (tmp_path / "gold" / f"{name}.jsonl").write_text("")
    answers = {texts[0]: [(9, 12, "NEG_CUE"), (13, 18, "NEG_SCOPE"), (23, 27, "SPEC_CUE")]}
    figures = scope_figures(Told(answers), Settings(shared, samples=0))
    assert {(f.task.split(",")[0], f.gold, f.predicted, f.matched, f.documents) for f in figures} == {
        ("negation", 3, 2, 2, 1),  # not | block cad
        ("speculation", 0, 1, 0, 1),
    }


def test_a_model_is_measured_from_its_folder(model: Path, tmp_path: Path) -> None:
    gold_dev(tmp_path)
    write_corpus(tmp_path, "bc5cdr", ENTITY_RECORDS)
    write_corpus(tmp_path, "chemprot", [CHEMPROT_RECORD])
    write_corpus(tmp_path, "bionlp13cg", [event_record()])
    names = ["gold", "bc5cdr", "chemprot", "bionlp13cg"]
    result = run_benchmark(model, Settings(tmp_path, samples=20), corpora=names, device="cpu", command="the command")
    seen = {(f.task, f.corpus) for f in result.figures}
    assert seen >= {
        ("entities", "gold"), ("relations, end to end", "gold"), ("relations, given mentions", "gold"),
        ("negation, end to end", "gold"), ("speculation, given mentions", "gold"), ("entities", "bc5cdr"),
        ("relations, given mentions", "chemprot"), ("relations, given mentions", "bionlp13cg"),
        ("negation, given relations", "bionlp13cg"),
    }  # fmt: skip
    assert {f.measure for f in result.figures if f.corpus == "gold"} == {"F1", "recall at precision 0.90", "ECE"}
    assert {f.gold for f in result.figures if f.corpus == "bionlp13cg" and f.task.startswith("negation")} == {1}
    again = run_benchmark(model, Settings(tmp_path, samples=20), corpora=names, device="cpu", command="the command")
    assert again == result
    shown = result.to_markdown()
    assert "`the command`" in shown
    assert all(f.task in shown for f in result.figures)
    assert len(json.loads(json.dumps(result.to_dict()))["figures"]) == len(result.figures)


def test_what_cannot_be_measured_is_said(model: Path, tmp_path: Path) -> None:
    gold_dev(tmp_path)
    with pytest.raises(ModelError, match="no benchmark bc6"):
        run_benchmark(model, Settings(tmp_path), corpora=["bc6"])
    with pytest.raises(ModelError, match="no head for anatem"):
        run_benchmark(model, Settings(tmp_path), corpora=["anatem"], device="cpu")
    write_corpus(tmp_path, "bc5cdr", ENTITY_RECORDS[2:])
    nothing = run_benchmark(model, Settings(tmp_path), corpora=["bc5cdr"], device="cpu")
    assert nothing.figures == ()
    assert nothing.notes == ("bc5cdr: entities left out, the corpus has no dev split.",)
    plain = copy_of(model, tmp_path)
    (plain / HEADS_FILE).unlink()
    result = run_benchmark(plain, Settings(tmp_path, samples=0), device="cpu")
    assert {f.corpus for f in result.figures} == {"gold"}
    assert HEADS_FILE in result.notes[0]
    with pytest.raises(ModelError, match=HEADS_FILE):
        run_benchmark(plain, Settings(tmp_path), corpora=["bc5cdr"], device="cpu")


def test_a_figure_knows_whether_it_reaches_its_target() -> None:
    figure = Figure("relations, end to end", "gold", "dev", "micro", "F1", 0.55, (0.5, 0.6), 0.55)
    assert figure.reached is True
    assert replace(figure, value=0.549).reached is False
    assert replace(figure, value=None).reached is None
    assert replace(figure, target=None).reached is None
    error = replace(figure, measure="ECE", value=0.06, target=0.05, at_most=True, interval=None)
    assert error.reached is False
    assert replace(error, value=0.05).reached is True
    assert figure.cells()[3:9] == ["all", "F1", "55.0", "50.0–60.0", "≥ 55.0", "yes"]
    assert error.cells()[4:9] == ["ECE", "0.060", "–", "≤ 0.050", "no"]
    limited = Benchmark("c", "d", "dev", 40, 0, (figure, replace(figure, label="increases", target=None)))
    assert "not figures to quote" in limited.to_markdown()
    assert [len(rows) for _, _, rows in limited.grids()] == [1, 1]


def test_no_gold_mention_or_relation_is_left_out_of_the_count(shared: Path) -> None:
    for name in ("bc5cdr", "ncbi_disease", "bionlp13cg", "biored"):
        spec = CORPORA[name]
        assert name in ENTITIES
        raw = sum(
            len({(e["start"], e["end"], spec.entity_types[e["type"]]) for e in r["entities"]})
            for r in read_lines(shared / "corpora" / f"{name}.jsonl.gz")
            if r["split"] == "dev"
        )
        ours = sum(len({e for e in t.entities if e[2] != "Process"}) for t in read_split(shared, name, "dev"))
        assert ours == raw, name
    for name in ("chemprot", "drugprot"):
        lines = (r for r in read_lines(shared / "corpora" / f"{name}.jsonl.gz") if r["split"] == "dev")
        wanted = {
            (r["id"], x["type"], x["args"][0][1], x["args"][1][1])
            for r in lines
            for x in r["relations"]
            if x.get("evaluated", True)
        }
        assert sum(len(mention_text(t).facts) for t in read_split(shared, name, "dev")) == len(wanted), name
