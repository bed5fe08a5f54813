"""The shipped corpus: what the sample promises, what the gold must not contain, what the review holds."""

from __future__ import annotations

import csv
import gzip
import hashlib
import importlib.util
import json
import re
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
from typer import Typer
from typer.testing import CliRunner

from minecsc.evaluation import load_gold
from minecsc.schema import (
    ENTITY_TYPES,
    MECHANISM_CLASSES,
    RELATION_TYPES,
    STRATEGY_CLASSES,
    Document,
    signature_allows,
)
from minecsc.sources import read

REPO = Path(__file__).resolve().parent.parent
CORPUS = REPO / "corpus"
SAMPLE = CORPUS / "sample"
GOLD = ("train", "dev")
MADE = {"active1": "read by one annotator, two passes; chosen by model uncertainty"}

KINDS_AT_LEAST = {
    "fact": 30,
    "negated": 10,
    "speculative": 10,
    "contradicting": 8,
    "off_topic": 5,
    "other_csc": 5,
}
OPPOSITE = {"increases": "decreases", "decreases": "increases"}


def _rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


ABSTRACTS = {row["id"]: row for row in _rows(SAMPLE / "abstracts.jsonl")}
FACTS = {row["id"]: row for row in _rows(SAMPLE / "facts.jsonl")}
ASSERTIONS = {row["id"]: row for row in _rows(CORPUS / "review" / "assertions.jsonl")}


def _sentences(abstract: dict) -> list[str]:
    return [abstract["title"], *re.split(r"(?<=[.?!])\s+(?=[A-Z0-9])", abstract["abstract"])]


def _stands_in(surface: str, sentence: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(surface)}(?!\w)", sentence) is not None


def _facts(*kinds: str) -> list[tuple[str, dict]]:
    return [(id_, fact) for id_, row in FACTS.items() if row["kind"] in kinds for fact in row["facts"]]


# The sample


def test_sample_is_whole_and_says_what_it_is():
    lines = (SAMPLE / "abstracts.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(ABSTRACTS) >= 72
    assert list(ABSTRACTS) == [f"sample:{number:04}" for number in range(1, len(lines) + 1)]
    assert list(FACTS) == list(ABSTRACTS)
    for part in ("title", "abstract"):
        assert len({row[part] for row in ABSTRACTS.values()}) == len(ABSTRACTS)
    for row in ABSTRACTS.values():
        assert row["written_for"] == "minecsc"
        assert row["journal"] == "minecsc sample (written for the project)"
        assert row["keywords"]
        assert row["publication_types"]
        assert 90 <= len(row["abstract"].split()) <= 220, row["id"]


def test_sample_reads_as_documents():
    documents = list(read(SAMPLE / "abstracts.jsonl"))
    assert all(isinstance(document, Document) for document in documents)
    assert [document.document_id for document in documents] == list(ABSTRACTS)
    assert [d.document_id for d in documents if d.retracted] == ["sample:0050", "sample:0068"]
    for document in documents:
        row = ABSTRACTS[document.document_id]
        assert document.text == f"{row['title']} {row['abstract']}"
        assert document.year == row["year"]


def test_sample_has_every_kind_in_the_number_promised():
    kinds = Counter(row["kind"] for row in FACTS.values())
    assert kinds.keys() == KINDS_AT_LEAST.keys()
    assert all(kinds[kind] >= least for kind, least in KINDS_AT_LEAST.items()), kinds
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    for kind, count in kinds.items():
        assert f"| `{kind}` | {count} |" in readme


@pytest.mark.parametrize("id_", list(FACTS))
def test_sample_facts_stand_in_their_abstract(id_):
    sentences = _sentences(ABSTRACTS[id_])
    for fact in FACTS[id_]["facts"]:
        head, tail = fact["head"], fact["tail"]
        assert any(_stands_in(head, sentence) and _stands_in(tail, sentence) for sentence in sentences), fact
        assert {fact["head_type"], fact["tail_type"]} <= set(ENTITY_TYPES)
        assert signature_allows(fact["relation"], fact["head_type"], fact["tail_type"]), fact


def test_sample_facts_agree_with_the_assertion_they_name():
    for id_, fact in _facts(*KINDS_AT_LEAST):
        if fact["assertion"] is None:
            continue
        assertion = ASSERTIONS[fact["assertion"]]
        assert fact["head_type"] == assertion["head"]["type"], (id_, fact)
        assert fact["tail_type"] == assertion["tail"]["type"], (id_, fact)
        allowed = {assertion["relation"]}
        if FACTS[id_]["kind"] == "contradicting":
            allowed.add(OPPOSITE.get(assertion["relation"], ""))
        assert fact["relation"] in allowed, (id_, fact)


def test_sample_flags_fit_the_kind():
    for row in FACTS.values():
        facts, kind = row["facts"], row["kind"]
        negated, speculative = ([f for f in facts if f[flag]] for flag in ("negated", "speculative"))
        assert bool(negated) == (kind == "negated") or kind == "contradicting", row["id"]
        assert bool(speculative) == (kind == "speculative"), row["id"]
        if kind in ("fact", "negated", "speculative", "contradicting"):
            assert 2 <= len(facts) <= 6, row["id"]
        if kind == "off_topic":
            assert not facts


def _denies(fact: dict, assertion: dict) -> bool:
    return fact["negated"] or fact["relation"] == OPPOSITE.get(assertion["relation"])


def test_contradictions_are_contradictions():
    for id_, row in FACTS.items():
        assert bool(row.get("contradicts")) == (row["kind"] == "contradicting")
        about = {f["assertion"]: f for f in row["facts"] if f["assertion"]}
        for target in row.get("contradicts", ()):
            if target in ASSERTIONS:
                assert _denies(about[target], ASSERTIONS[target]), (id_, target)
            else:
                others = {f["assertion"]: f for f in FACTS[target]["facts"] if f["assertion"]}
                shared_claims = about.keys() & others.keys()
                assert any(
                    _denies(about[claim], ASSERTIONS[claim]) != _denies(others[claim], ASSERTIONS[claim])
                    for claim in shared_claims
                ), (id_, target)


def test_stem_cells_are_stem_cells_only_where_they_are():
    for id_, row in FACTS.items():
        assert bool(row.get("not_csc")) == (row["kind"] == "other_csc")
        text = f"{ABSTRACTS[id_]['title']} {ABSTRACTS[id_]['abstract']}"
        assert all(_stands_in(surface, text) for surface in row.get("not_csc", ())), id_
        if row["kind"] in ("other_csc", "off_topic"):
            assert "CSC" not in {f[end] for f in row["facts"] for end in ("head_type", "tail_type")}
            assert not re.search(r"cancer stem|stem-like|tumou?r-initiating", text), id_


def test_every_class_of_the_schema_occurs_in_the_sample():
    named = [ASSERTIONS[fact["assertion"]] for _, fact in _facts(*KINDS_AT_LEAST) if fact["assertion"]]
    assert {assertion["mechanism_class"] for assertion in named} == set(MECHANISM_CLASSES)
    assert {assertion["strategy_class"] for assertion in named} - {None} == set(STRATEGY_CLASSES)
    assert {fact["relation"] for _, fact in _facts(*KINDS_AT_LEAST)} == set(RELATION_TYPES)


# No text of others


def _shingles(text: str, size: int) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)}


def _sample_shingles(size: int) -> set[tuple[str, ...]]:
    return set().union(*(_shingles(row[part], size) for row in ABSTRACTS.values() for part in ("title", "abstract")))


def test_sample_repeats_neither_itself_nor_the_review():
    seen: set[tuple[str, ...]] = set()
    for row in ABSTRACTS.values():
        mine = _shingles(row["title"], 8) | _shingles(row["abstract"], 8)
        assert not seen & mine, row["id"]
        seen |= mine
    for assertion in ASSERTIONS.values():
        assert not seen & _shingles(assertion["paraphrase"], 8), assertion["id"]


@pytest.mark.shared
def test_sample_repeats_no_real_abstract(shared):
    ours = _sample_shingles(12)
    compared = 0
    texts = [row["text"] for name in GOLD for row in _rows(shared / "gold" / f"{name}.jsonl")]
    with gzip.open(shared / "csc" / "csc_abstracts.jsonl.gz", "rt", encoding="utf-8") as stream:
        texts += [f"{row['title'] or ''} {row['abstract'] or ''}" for row in map(json.loads, stream)]
    for text in texts:
        theirs = _shingles(text, 12)
        compared += len(theirs)
        assert not ours & theirs
    assert compared > 100_000


# Gold


@pytest.mark.parametrize(("name", "documents"), [("train", 715), ("dev", 50), ("train/active1", 60)])
def test_gold_holds_offsets_and_labels_and_no_word(name, documents):
    rows = _rows(CORPUS / "gold" / f"{name}.jsonl")
    assert len({row["pmid"] for row in rows}) == len(rows) == documents
    for row in rows:
        assert row.keys() == {"pmid", "sha256", "sentences", "entities", "relations", "batch", "made"}
        assert re.fullmatch(r"\d{1,8}", row["pmid"])
        assert re.fullmatch(r"[0-9a-f]{64}", row["sha256"])
        assert re.fullmatch(r"(train|dev|active)\d+", row["batch"])
        assert row["made"] == MADE.get(row["batch"], "model-assisted, two passes")
        assert all(isinstance(offset, int) for span in row["sentences"] for offset in span)
        for entity in row["entities"]:
            assert entity.keys() == {"id", "type", "start", "end", "sent"}
            assert re.fullmatch(r"\w{1,5}", entity["id"])
            assert entity["type"] in ENTITY_TYPES
            assert all(type(entity[key]) is int for key in ("start", "end", "sent"))
        ids = {entity["id"] for entity in row["entities"]}
        assert len(ids) == len(row["entities"])
        for relation in row["relations"]:
            assert relation.keys() == {"type", "head", "tail", "negated", "speculative"}
            assert relation["type"] in RELATION_TYPES
            assert {relation["head"], relation["tail"]} <= ids


def test_gold_sets_share_no_document():
    train, dev, added = (
        {row["pmid"] for row in _rows(CORPUS / "gold" / f"{name}.jsonl")} for name in (*GOLD, "train/active1")
    )
    assert added.isdisjoint(train | dev)
    assert not train & dev


@pytest.mark.shared
@pytest.mark.parametrize("name", GOLD)
def test_gold_joins_with_its_texts_and_is_valid(shared, name):
    path = CORPUS / "gold" / f"{name}.jsonl"
    joined = load_gold(path, texts=[shared / "gold" / f"{name}.jsonl"])
    for reading, row in zip(joined, _rows(path), strict=True):
        assert hashlib.sha256(reading.document.text.encode("utf-8")).hexdigest() == row["sha256"]
        assert (len(reading.mentions), len(reading.relations)) == (
            len(row["entities"]),
            len(row["relations"]),
        )
        assert all(mention.surface == mention.surface.strip() for mention in reading.mentions)


# Review


def test_review_assertions_are_legal_and_counted():
    assert len(_rows(CORPUS / "review" / "assertions.jsonl")) == len(ASSERTIONS) == 819
    for assertion in ASSERTIONS.values():
        assert signature_allows(assertion["relation"], assertion["head"]["type"], assertion["tail"]["type"]), assertion[
            "id"
        ]
        assert assertion["mechanism_class"] in MECHANISM_CLASSES
        assert assertion["strategy_class"] in (*STRATEGY_CLASSES, None)
    assert sum(assertion["validatable"] for assertion in ASSERTIONS.values()) == 595
    assert sum(assertion["core"] for assertion in ASSERTIONS.values()) == 350
    readme = (CORPUS / "review" / "README.md").read_text(encoding="utf-8")
    for class_, count in Counter(a["mechanism_class"] for a in ASSERTIONS.values()).items():
        assert f"| {class_} | {count} |" in readme


def test_review_trials_taxonomy_and_seed_entities():
    trials = _rows(CORPUS / "review" / "trials.jsonl")
    assert len({trial["nct_id"] for trial in trials}) == len(trials) == 28
    assert {trial["strategy_class"] for trial in trials} <= set(STRATEGY_CLASSES)
    taxonomy = json.loads((CORPUS / "review" / "taxonomy.json").read_text(encoding="utf-8"))
    assert set(taxonomy["by_mechanism_class"]) == set(MECHANISM_CLASSES)
    assert set(taxonomy["by_strategy_class"]) == set(STRATEGY_CLASSES)
    with (CORPUS / "review" / "seed_entities.tsv").open(encoding="utf-8", newline="") as stream:
        seeds = list(csv.DictReader(stream, delimiter="\t"))
    assert len(seeds) == 578
    assert all(re.fullmatch(r"[\w.]+:\S+", seed["curie"]) for seed in seeds)


# The builder


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_corpus", REPO / "scripts" / "build_corpus.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def sources(tmp_path, builder) -> Path:
    """A small folder laid out like the shared one, with one annotated document in either gold file."""
    text = "Salinomycin works. Salinomycin lowered SOX2 in spheres."
    record = {
        "pmid": "11",
        "title": "Salinomycin works.",
        "text": text,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "sentences": [[0, 18], [19, len(text)]],
        "entities": [
            {"id": "2a", "type": "Drug", "start": 19, "end": 30, "text": "Salinomycin", "sent": 2},
            {"id": "2b", "type": "Gene", "start": 39, "end": 43, "text": "SOX2", "sent": 2},
        ],
        "relations": [{"type": "decreases", "head": "2a", "tail": "2b", "negated": False, "speculative": False}],
        "batch": "train1",
    }
    folder = tmp_path / "data"
    for name in builder.REVIEW_FILES:
        (folder / "review").mkdir(parents=True, exist_ok=True)
        (folder / "review" / name).write_text(f"content of {name}\n", encoding="utf-8")
    for name in builder.GOLD_FILES:
        (folder / "gold").mkdir(exist_ok=True)
        (folder / "gold" / name).write_text(json.dumps(record) + "\n", encoding="utf-8")
    return folder


def _build(builder: ModuleType, sources: Path, target: Path, *more: str):
    app = Typer()
    app.command()(builder.main)
    return CliRunner().invoke(app, ["--shared", str(sources), "--corpus", str(target), *more])


def test_builder_leaves_the_words_behind(builder, sources, tmp_path):
    result = _build(builder, sources, tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "gold/dev.jsonl: 1 abstracts, 2 entities, 1 relations" in result.output
    for name in builder.REVIEW_FILES:
        assert (tmp_path / "out/review" / name).read_bytes() == (sources / "review" / name).read_bytes()
    content = (tmp_path / "out/gold/train.jsonl").read_text(encoding="utf-8")
    assert not {"Salinomycin", "SOX2", "spheres"} & set(re.findall(r"\w+", content))
    assert load_gold(tmp_path / "out/gold/train.jsonl", texts=[sources / "gold/train.jsonl"]) == load_gold(
        sources / "gold/train.jsonl"
    )


def test_builder_keeps_corrections_unless_told(builder, sources, tmp_path):
    corrected = tmp_path / "out/gold/dev.jsonl"
    assert _build(builder, sources, tmp_path / "out").exit_code == 0
    built = corrected.read_bytes()
    assert _build(builder, sources, tmp_path / "out").exit_code == 0
    corrected.write_bytes(built.replace(b'"Gene"', b'"Process"'))
    refused = _build(builder, sources, tmp_path / "out")
    assert refused.exit_code == 1
    assert "--force" in refused.output
    assert b'"Process"' in corrected.read_bytes()
    assert _build(builder, sources, tmp_path / "out", "--force").exit_code == 0
    assert corrected.read_bytes() == built


def test_builder_refuses_a_text_that_is_not_the_one_annotated(builder, sources, tmp_path):
    path = sources / "gold" / "dev.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("in spheres.", "in sphere."), encoding="utf-8")
    result = _build(builder, sources, tmp_path / "out")
    assert result.exit_code == 1
    assert "does not match its SHA-256" in result.output
    assert not (tmp_path / "out/gold/dev.jsonl").exists()
