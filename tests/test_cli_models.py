"""The command line with the shipped models: extraction, evaluation and the demo, on a few abstracts."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import minecsc.resources
from minecsc.cli import main
from minecsc.errors import EvaluationError
from minecsc.evaluation import evaluate, load_gold
from minecsc.evaluation.predict import predict, predict_given
from minecsc.evaluation.spans import span_of
from minecsc.evaluation.stored import stored_extractions
from minecsc.nlp import load
from minecsc.resources import resource
from minecsc.schema import Extraction
from minecsc.store import open_base

pytestmark = pytest.mark.slow


def run(*arguments: object, code: int = 0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.output, result.stderr, result.exception)
    return result


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Path:
    """The first six abstracts of the sample, and a line that is no record."""
    lines = resource("corpus", "sample", "abstracts.jsonl").read_text(encoding="utf-8").splitlines()
    path = tmp_path_factory.mktemp("sample") / "abstracts.jsonl"
    path.write_text("\n".join([*lines[:6], "{broken"]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def db(sample) -> Path:
    path = sample.parent / "evidence.duckdb"
    run("extract", sample, "--db", path, "--device", "cpu", "--quiet")
    return path


@pytest.fixture(scope="module")
def gold(sample) -> Path:
    """Two of the abstracts as gold: two names and a relation each, one name cut inside a token."""
    path = sample.parent / "gold.jsonl"
    with path.open("w", encoding="utf-8") as stream:
        for number, line in enumerate(sample.read_text(encoding="utf-8").splitlines()[:2], start=1):
            text = json.loads(line)["abstract"]
            first = text.index(" ", 40) + 1
            record = {
                "pmid": str(number),
                "text": text,
                "sha256": hashlib.sha256(text.encode()).hexdigest(),
                "sentences": [[0, len(text)]],
                "entities": [
                    {"id": "A", "type": "Drug", "start": 0, "end": 2, "sent": 1},
                    {"id": "B", "type": "Gene", "start": first, "end": text.index(" ", first), "sent": 1},
                ],
                "relations": [{"type": "decreases", "head": "A", "tail": "B"}],
            }
            stream.write(json.dumps(record) + "\n")
    return path


def test_extract_accounts_for_every_record_and_goes_on_from_what_is_there(sample, db, tmp_path):
    with open_base(db) as base:
        counts = base.summary()
    assert (counts["documents"], counts["errors"]) == (6, 1)
    assert min(counts["mentions"], counts["linked_mentions"], counts["relations"], counts["frames"]) > 0
    again = json.loads(run("extract", sample, "--db", db, "--device", "cpu", "--json").stdout)
    assert (again["read"], again["present"], again["errors"], again["processed"]) == (7, 6, 1, 0)
    assert again["accounted"] is True
    text = run("extract", sample, "--db", db, "--device", "cpu", "--strict", code=3).stdout
    assert "7 records from 1 files" in text
    assert "already present 6, error 1" in text


def _said(reading: Extraction) -> tuple[set[object], set[object]]:
    """Mentions and relations without their probabilities."""
    return (
        {(span_of(m), m.concept_id) for m in reading.mentions},
        {(r.type, span_of(r.head), span_of(r.tail), r.negated, r.speculative) for r in reading.relations},
    )


def test_stored_predictions_are_the_ones_the_pipeline_makes(db):
    with open_base(db) as base:
        stored = stored_extractions(base, ["sample:0001", "sample:0002", "sample:9999"])
    assert sorted(stored) == ["sample:0001", "sample:0002"]
    fresh = predict(list(stored.values()), load(device="cpu"))
    for document_id, reading in stored.items():
        again = fresh[document_id]
        assert reading.document.text == again.document.text
        assert _said(reading) == _said(again)
        probabilities = [[m.probability for m in sorted(r.mentions, key=span_of)] for r in (reading, again)]
        assert probabilities[0] == pytest.approx(probabilities[1], abs=2e-4)


def test_predictions_between_given_entities(db, gold):
    with open_base(db) as base:
        found = list(stored_extractions(base, [f"sample:{n:04}" for n in range(1, 7)]).values())
    nlp = load(device="cpu", link=False, given_entities=True)
    given = predict_given(found, nlp)
    for reading in found:  # sure of the names, it reports what it reported before, and no less surely
        answer = given[reading.document.document_id]
        assert answer.mentions == reading.mentions
        sure = {(r.type, span_of(r.head), span_of(r.tail)): r.probability for r in answer.relations}
        for r in reading.relations:
            assert sure[r.type, span_of(r.head), span_of(r.tail)] >= r.probability
    assert any(reading.relations for reading in found)
    cut = load_gold(gold)  # a name that ends inside a token is kept as it is
    given = predict_given(cut, nlp)
    report = evaluate(cut, given, given=given, bootstrap=0)
    assert report.score("entities.strict").f1 == 1.0
    assert report.score("relations_given.strict").support == 2
    nlp.get_pipe("minecsc_extractor").given_entities = False
    with pytest.raises(EvaluationError, match="given_entities=True"):
        predict_given(cut, nlp)


def test_evaluate_runs_the_model(gold):
    arguments = ("evaluate", gold, "--device", "cpu", "--given-entities", "--bootstrap", "10", "--json")
    scores = json.loads(run(*arguments).stdout)["scores"]
    assert scores["entities.strict"]["micro"]["support"] == 4
    assert scores["relations_given.strict"]["micro"]["support"] == 2


def test_a_folder_that_is_no_model_is_refused(sample, tmp_path):
    result = run("extract", sample, "--db", tmp_path / "new.duckdb", "--model", tmp_path, code=1)
    assert result.stderr.startswith("minecsc: [MCSC-E301]")
    assert list(tmp_path.iterdir()) == []


def test_the_demo_goes_the_whole_way_and_spares_what_is_there(sample, tmp_path, monkeypatch):
    def shorter(*parts: str) -> Path:
        return sample if parts == ("corpus", "sample", "abstracts.jsonl") else resource(*parts)

    monkeypatch.setattr(minecsc.resources, "resource", shorter)
    monkeypatch.chdir(tmp_path)
    text = " ".join(run("demo", "--device", "cpu").stdout.split())
    for said in (
        "6 abstracts",
        "names were found",
        "directed relations",
        "The fullest and most believed",
        "not found",
    ):
        assert said in text
    assert "minecsc query --drug salinomycin frames of one drug" in text
    before = Path("evidence.duckdb").read_bytes()
    assert "--force replaces it" in run("demo", code=1).stderr
    assert Path("evidence.duckdb").read_bytes() == before
    foreign = tmp_path / "notes.txt"
    foreign.write_text("mine")
    run("demo", "--db", foreign, "--force", code=1)
    assert foreign.read_text() == "mine"
    verdicts = json.loads(run("validate", "--group", "core", "--json").stdout)
    assert len(verdicts["verdicts"]) == sum(verdicts["coverage"]["section"][0]["counts"].values()) == 350
    table = run("validate", "--sentences", "2").stdout
    assert "all chapters" in table
    assert "819" in table
