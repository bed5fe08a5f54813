"""Entities from other people's spaCy models: a recogniser trained here on our own sentences, and exact rules."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from own_models import record
from spacy.language import Language
from spacy.training import Example
from typer.testing import CliRunner

import minecsc
from minecsc.cli import main
from minecsc.engine.processor import load_processor
from minecsc.errors import ModelError
from minecsc.nlp.components import Sentences, pipeline_digests
from minecsc.nlp.entity_models import KNOWN_LABELS, EntityModel, map_labels, parse_labels
from minecsc.nlp.records import extract_documents
from minecsc.nlp.tokenization import WordTokenizer
from minecsc.schema import ENTITY_TYPES, Document, Extraction

CLAIM = "salinomycin blocks STAT3 in breast cancer stem cells. metformin blocks CD44 in glioma stem cells."
SCHEME = {"Drug": "SIMPLE_CHEMICAL", "Gene": "GENE_OR_GENE_PRODUCT", "CSC": "CELL"}


@pytest.fixture(scope="module")
def recogniser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spaCy pipeline under the labels, and the name, of scispaCy's en_ner_bionlp13cg_md."""
    nlp = spacy.blank("en", meta={"name": "ner_bionlp13cg_md"})
    nlp.add_pipe("sentencizer")
    ner = nlp.add_pipe("ner")
    for label in (*SCHEME.values(), "MULTI-TISSUE_STRUCTURE", "ORGANISM"):
        ner.add_label(label)  # type: ignore[attr-defined]
    examples = []
    for number in range(12):
        source = record(number)
        spans = [(e["start"], e["end"], SCHEME[e["type"]]) for e in source["entities"]]  # type: ignore[attr-defined]
        examples.append(Example.from_dict(nlp.make_doc(str(source["text"])), {"entities": spans}))
    random.seed(3)
    spacy.util.fix_random_seed(3)
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(45):
        nlp.update(examples, sgd=optimizer)
    folder = tmp_path_factory.mktemp("ner") / "en_ner_bionlp13cg_md"
    nlp.to_disk(folder)
    return folder


@pytest.fixture(scope="module")
def nlp(recogniser: Path) -> Language:
    return minecsc.load(device="cpu", entities=recogniser, min_probability=0.1)


def rules(folder: Path, *patterns: tuple[str, list[str]]) -> Path:
    """A spaCy model that marks these token sequences, and nothing else."""
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": label, "pattern": [{"TEXT": t} for t in words]} for label, words in patterns])  # type: ignore[attr-defined]
    nlp.to_disk(folder)
    return folder


def test_entities_are_theirs_and_relations_are_ours(nlp: Language) -> None:
    assert nlp.pipe_names[2:4] == ["minecsc_entities", "minecsc_extractor"]
    doc = nlp(CLAIM)
    found = {e.text: e.label_ for e in doc.ents}
    assert found["salinomycin"] == found["metformin"] == "Drug"
    assert found["CD44"] == "Gene"
    assert found["glioma stem cells"] == "Cell"  # their scheme has no cancer stem cells
    assert all(e._.probability is None for e in doc.ents)
    assert next(e for e in doc.ents if e.text == "salinomycin").kb_id_
    spans = {(e.start, e.end) for e in doc.ents}
    assert any((r.type, r.head.text, r.tail.text) == ("decreases", "salinomycin", "STAT3") for r in doc._.relations)
    for relation in doc._.relations:
        assert {(relation.head.start, relation.head.end), (relation.tail.start, relation.tail.end)} <= spans
        assert 0.1 <= relation.probability <= 1.0


def test_records_state_given_entities_and_batches_change_nothing(nlp: Language) -> None:
    documents = [Document(f"own:{n}", "", str(record(n)["text"])) for n in range(7)]
    together = list(extract_documents(nlp, documents, batch_size=5))
    alone = [next(iter(extract_documents(nlp, [d]))) for d in documents]
    assert together == alone
    for found in together:
        assert isinstance(found, Extraction), found
        assert found.mentions
        assert all(m.probability == 1.0 for m in found.mentions)


def test_only_what_the_recogniser_needs_is_run(nlp: Language) -> None:
    other = nlp.get_pipe("minecsc_entities")
    assert isinstance(other, EntityModel)
    assert other.nlp.pipe_names == ["ner"]


def test_spans_are_widened_to_our_words_and_cut_at_sentences(tmp_path: Path) -> None:
    folder = rules(
        tmp_path / "m",
        ("Gene", ["ca"]),  # spaCy splits "can't" after two letters, we do after three
        ("CSC", ["cells", ".", "Metformin"]),
        ("Drug", ["Metformin"]),
    )
    pipeline = minecsc.load(device="cpu", entities=folder, link=False)
    doc = pipeline("It can't kill cells. Metformin does.")
    assert [(e.text, e.label_) for e in doc.ents] == [("can", "Gene"), ("cells.", "CSC")]


TEXT = "CD44+/CD24−  cells\tcan't die. Next: 5-FU, β-catenin… and IL-6/STAT3!  End  "
BLANK = spacy.blank("en")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(TEXT)), st.integers(0, len(TEXT)), st.sampled_from(["A", "B", "C"]))))
def test_any_spans_become_flat_entities_within_sentences(found: list[tuple[int, int, str]]) -> None:
    model = EntityModel(BLANK, {"A": "Drug", "B": "Gene", "C": None})
    doc = Sentences()(WordTokenizer(BLANK.vocab)(TEXT))
    model._write(doc, [(min(a, b), max(a, b), label) for a, b, label in found])
    kept = [(a, b) for a, b, label in found if label != "C" and TEXT[min(a, b) : max(a, b)].strip()]
    assert bool(doc.ents) == bool(kept)
    last = 0
    for entity in doc.ents:
        assert entity.label_ in ("Drug", "Gene")
        assert last <= entity.start < entity.end <= entity.sent.end
        assert entity.text == entity.text.strip()
        last = entity.end


def test_maps_for_known_models_hold_our_types_and_are_completed_by_the_users() -> None:
    for name, labels in KNOWN_LABELS.items():
        assert {kind for kind in labels.values() if kind} <= set(ENTITY_TYPES), name
        blank = spacy.blank("en", meta={"name": name.removeprefix("en_")})
        ner = blank.add_pipe("ner")
        for label in labels:
            ner.add_label(label)  # type: ignore[attr-defined]
        assert map_labels(blank) == dict(labels)
    own = next(iter(KNOWN_LABELS["en_ner_craft_md"]))
    assert map_labels(blank, {own: "Chemical"})[own] == "Chemical"


def test_labels_that_are_our_types_need_no_map(tmp_path: Path) -> None:
    folder = rules(tmp_path / "m", ("GENE", ["STAT3"]), ("Drug", ["salinomycin"]))
    doc = minecsc.load(device="cpu", entities=folder, link=False)(CLAIM)
    assert [(e.text, e.label_) for e in doc.ents] == [("salinomycin", "Drug"), ("STAT3", "Gene")]


def test_what_cannot_be_used_is_said(tmp_path: Path, recogniser: Path) -> None:
    with pytest.raises(ModelError, match=r"pip install https://\S+en_ner_craft_md-\S+\.tar\.gz"):
        minecsc.load(device="cpu", entities="en_ner_craft_md")
    with pytest.raises(ModelError, match="python -m spacy download en_no_such_model"):
        minecsc.load(device="cpu", entities="en_no_such_model")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="cannot be loaded"):
        minecsc.load(device="cpu", entities=tmp_path / "empty")
    blank = tmp_path / "blank"
    spacy.blank("en").to_disk(blank)
    with pytest.raises(ModelError, match="no component of this spaCy model finds entities"):
        minecsc.load(device="cpu", entities=blank)
    folder = rules(tmp_path / "m", ("PROTEIN", ["STAT3"]), ("PLACE", ["Boston"]))
    with pytest.raises(ModelError, match="no type for the labels PLACE, PROTEIN"):
        minecsc.load(device="cpu", entities=folder)
    with pytest.raises(ModelError, match="no label PROTIEN; it has PLACE, PROTEIN"):
        minecsc.load(device="cpu", entities=folder, entity_labels={"PROTIEN": "Gene", "PLACE": None})
    with pytest.raises(ModelError, match="no entity type Protein"):
        minecsc.load(device="cpu", entities=folder, entity_labels={"PROTEIN": "Protein", "PLACE": None})
    with pytest.raises(ModelError, match="nothing would be found"):
        minecsc.load(device="cpu", entities=folder, entity_labels={"PROTEIN": None, "PLACE": None})
    with pytest.raises(ModelError, match="name it with entities"):
        minecsc.load(device="cpu", entity_labels={"PROTEIN": "Gene"})
    with pytest.raises(ModelError, match="not both"):
        minecsc.load(device="cpu", entities=recogniser, given_entities=True)


def test_labels_are_read_from_a_line() -> None:
    assert parse_labels(" GGP=Gene, TAXON= ,") == {"GGP": "Gene", "TAXON": None}
    for wrong in ("GGP", "=Gene"):
        with pytest.raises(ModelError, match="not of the form"):
            parse_labels(wrong)


def test_a_result_depends_on_model_and_map(nlp: Language, recogniser: Path) -> None:
    theirs = load_processor(device="cpu", entities=recogniser)
    other = load_processor(device="cpu", entities=recogniser, entity_labels={"CELL": "CSC"})
    assert theirs.digest != other.digest
    assert theirs.settings["entities"] == str(recogniser)
    assert pipeline_digests(nlp)["entities"] == theirs.settings["entities_digest"]


def test_extract_takes_them_on_the_command_line(recogniser: Path, tmp_path: Path) -> None:
    papers, db = tmp_path / "papers.jsonl", tmp_path / "evidence.duckdb"
    papers.write_text(json.dumps({"id": "own:1", "title": "", "abstract": CLAIM}) + "\n", encoding="utf-8")
    arguments = ["extract", str(papers), "--db", str(db), "--device", "cpu", "--json"]
    named = ["--entities-model", str(recogniser), "--entity-labels", "CELL=CSC"]
    result = CliRunner().invoke(main, [*arguments, *named])
    assert result.exit_code == 0, (result.output, result.exception)
    with minecsc.open(db) as base:
        rows = base.sql("SELECT surface, type, probability FROM mention ORDER BY start_char").rows()
    assert {"surface": "breast cancer stem cells", "type": "CSC", "probability": 1.0} in rows
    lonely = CliRunner().invoke(main, [*arguments, "--entity-labels", "CELL=CSC"])
    assert lonely.exit_code == 2
