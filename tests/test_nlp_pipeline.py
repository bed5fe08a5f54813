"""The shipped pipeline: real weights, real knowledge base, awkward texts."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
from spacy.language import Language
from spacy.tokens import Doc, Span

import minecsc
from minecsc.errors import MinecscError, ModelError
from minecsc.nlp import default_model
from minecsc.nlp.model_io import load_extractor
from minecsc.nlp.records import extract_documents, extraction_from_doc, make_doc
from minecsc.resources import resource
from minecsc.schema import Document, Extraction, RecordError

CLAIM = "Salinomycin depleted CD44+/CD24- breast cancer stem cells by blocking Wnt signaling."


@pytest.fixture(scope="module")
def nlp() -> Language:
    return minecsc.load(device="cpu")


def sample(count: int) -> list[Document]:
    lines = (resource("corpus", "sample") / "abstracts.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines[:count]]
    return [Document(document_id=r["id"], title=r["title"], abstract=r["abstract"]) for r in rows]


def facts(doc: Doc) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = {(e.text, str(e.start_char), e.label_, e.kb_id_) for e in doc.ents}
    found |= {(r.type, r.head.text, r.tail.text, str(r.negated), str(r.speculative)) for r in doc._.relations}
    return found


def test_the_contract_of_the_readme(nlp: Language) -> None:
    doc = nlp(CLAIM)
    types = {e.text: e.label_ for e in doc.ents}
    assert types["Salinomycin"] == "Drug"
    assert "CSC" in types.values()
    assert next(e for e in doc.ents if e.text == "Salinomycin").kb_id_
    assert any(r.type == "decreases" and r.head.text == "Salinomycin" for r in doc._.relations)
    for relation in doc._.relations:
        assert isinstance(relation.head, Span)
        assert 0.0 <= relation.probability <= 1.0


def test_components_are_declared(nlp: Language) -> None:
    assert nlp.pipe_names == [
        "minecsc_sentences",
        "minecsc_abbreviations",
        "minecsc_extractor",
        "minecsc_linker",
    ]
    assert not nlp.analyze_pipes()["problems"]["minecsc_linker"]


def test_batch_size_changes_nothing(nlp: Language) -> None:
    documents = sample(24)
    alone = [nlp(make_doc(nlp, d)) for d in documents]
    for size in (5, 24):
        together = list(nlp.pipe((make_doc(nlp, d) for d in documents), batch_size=size))
        for one, other in zip(alone, together, strict=True):
            assert facts(one) == facts(other)
            assert [r.probability for r in one._.relations] == [r.probability for r in other._.relations]
            assert [e._.probability for e in one.ents] == [e._.probability for e in other.ents]


def test_pipe_keeps_order_and_context(nlp: Language) -> None:
    texts = [(d.text, d.document_id) for d in sample(9)]
    out = list(nlp.pipe(texts, as_tuples=True, batch_size=4))
    assert [(doc.text, name) for doc, name in out] == texts


@pytest.mark.parametrize("text", ["", " ", "\n\t", ".", "a", "😀", "\x00\x01", "CSC" * 400, "(" * 300 + ")" * 300])
def test_odd_texts_pass(nlp: Language, text: str) -> None:
    assert nlp(text).text == text


def test_a_very_long_abstract_is_read_to_its_end(nlp: Language) -> None:
    filler = "The cohort was followed for several years without further treatment. " * 1450
    document = Document(document_id="long:1", title="A long record", abstract=f"{filler}{CLAIM}")
    assert len(document.text) > 100_000
    found = extraction_from_doc(document, nlp(make_doc(nlp, document)))
    assert any(m.surface == "Salinomycin" and m.type == "Drug" for m in found.mentions)


def test_one_failing_text_does_not_lose_its_neighbours(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    from minecsc.nlp.components import Abbreviations

    whole = Abbreviations.__call__

    def fail(self: Abbreviations, doc: Doc) -> Doc:
        if "poison" in doc.text:
            raise RuntimeError("cannot read this")
        return whole(self, doc)

    monkeypatch.setattr(Abbreviations, "__call__", fail)
    documents = [*sample(3), Document(document_id="bad:1", title="poison", abstract=""), *sample(5)[3:]]
    results = list(extract_documents(nlp, documents, batch_size=4))
    assert [isinstance(r, RecordError) for r in results] == [False, False, False, True, False, False]
    error = results[3]
    assert isinstance(error, RecordError)
    assert error.record == "bad:1"
    assert "cannot read this" in error.reason


def test_given_entities_are_kept() -> None:
    pipeline = minecsc.load(device="cpu", given_entities=True, link=False)
    doc = pipeline.make_doc(CLAIM)
    start = CLAIM.index("Wnt signaling")
    spans = [doc.char_span(0, 11, label="Drug"), doc.char_span(start, start + 13, label="Pathway")]
    doc.ents = [s for s in spans if s is not None]  # type: ignore[assignment]
    doc = pipeline(doc)
    assert [(e.text, e.label_) for e in doc.ents] == [("Salinomycin", "Drug"), ("Wnt signaling", "Pathway")]
    assert [(r.type, r.head.text) for r in doc._.relations] == [("decreases", "Salinomycin")]


def test_a_higher_threshold_reports_a_subset(nlp: Language) -> None:
    strict = minecsc.load(device="cpu", min_probability=0.9, link=False)
    for document in sample(6):
        all_found = {(r.type, r.head.text, r.tail.text) for r in nlp(make_doc(nlp, document))._.relations}
        kept = strict(make_doc(strict, document))._.relations
        assert all(r.probability >= 0.9 for r in kept)
        assert {(r.type, r.head.text, r.tail.text) for r in kept} <= all_found


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(default_model(), folder)
    return folder


def test_wrong_model_folders_say_what_is_wrong(copied: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        load_extractor(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"not a model folder; meta\.json"):
        load_extractor(tmp_path)
    (copied / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match=r"tokenizer\.json: content does not match"):
        load_extractor(copied)
    (copied / "meta.json").write_text('{"format": 99}', encoding="utf-8")
    with pytest.raises(ModelError, match="model format 99"):
        load_extractor(copied)


def test_unknown_device_and_threshold_are_refused() -> None:
    with pytest.raises(MinecscError, match="device"):
        minecsc.load(device="abacus")
    with pytest.raises(MinecscError, match="min_probability"):
        minecsc.load(device="cpu", min_probability=1.5)


def test_offsets_hold_over_real_abstracts(nlp: Language, shared: Path) -> None:
    """Extraction checks every span against the text when it is built; none may fail."""
    with gzip.open(shared / "csc" / "csc_abstracts.jsonl.gz", "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream][:60]
    documents = [
        Document(document_id=f"pmid:{r['pmid']}", title=r["title"] or "", abstract=r["abstract"] or "") for r in rows
    ]
    results = list(extract_documents(nlp, documents, batch_size=32))
    assert all(isinstance(r, Extraction) for r in results)
    assert sum(len(r.mentions) for r in results if isinstance(r, Extraction)) > 1000
