"""Public corpora: what is kept out of training, that offsets and types survive reading, and how relations are read."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minecsc.errors import SourceError
from minecsc.resources import resource
from minecsc.schema import ENTITY_TYPES, signature_allows
from minecsc.training.card import CREDITS
from minecsc.training.corpora import (
    CORPORA,
    HeldOut,
    added_gold,
    annotates_flags,
    document_ids,
    gold_texts,
    held_out,
    long_sentences,
    pair_filter,
    read_corpus,
    read_split,
    text_key,
)
from minecsc.training.examples import AnnotatedText


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as stream:
        yield from map(json.loads, stream)


def letters(text: str) -> str:
    return "".join(c for c in text.lower() if "a" <= c <= "z")


def own_sentences(text: str) -> set[str]:
    found = {letters(piece) for piece in re.split(r"(?<=[.!?])\s+|\n", text)}
    return {piece for piece in found if len(piece) >= 60}


@pytest.fixture(scope="module")
def training(shared: Path) -> dict[str, list[AnnotatedText]]:
    """Everything that training takes, by corpus, "gold" included; relations of document-wide pairs cut short."""
    exclude = held_out(shared)
    texts = {name: [replace(t, relations=t.relations[:50]) for t in read_corpus(shared, name, exclude)]
             for name in CORPORA}  # fmt: skip
    texts["gold"] = list(gold_texts(shared, "train", exclude))
    return texts


def identifier(text: AnnotatedText) -> str:
    name, _, rest = text.text_id.rpartition(":")
    if name == "bioid_cellline":
        return f"PMC{rest[:7]}"
    if article := re.match(r"PMC-?(\d+)", rest):
        return f"PMC{article.group(1)}"
    return re.split(r"[/@]", rest)[0]


def test_nothing_that_is_reported_on_is_trained_on(shared: Path, training: dict[str, list[AnnotatedText]]) -> None:
    ids: set[str] = set()
    keys: set[str] = set()
    sentences: set[str] = set()
    for path in sorted((shared / "corpora").glob("*.jsonl.gz")):
        if path.name.startswith(("unlabelled", "csc_documents")):
            continue
        for record in lines(path):
            if record["split"] not in ("dev", "test"):
                continue
            name = str(record["id"])
            ids.add(str(record.get("pmid") or name))
            if path.name.startswith("bioid"):
                ids.add(f"PMC{name[:7]}")
            elif article := re.match(r"PMC-?(\d+)", name):
                ids.add(f"PMC{article.group(1)}")
            if len(record["text"]) >= 300:
                keys.add(letters(record["text"])[:110])
            sentences |= own_sentences(record["text"])
    for record in lines(shared / "gold" / "dev.jsonl"):
        ids.add(str(record["pmid"]))
        keys.add(letters(record["text"])[:110])
        sentences |= own_sentences(record["text"])
    for record in lines(shared / "gold" / "test_texts.jsonl"):
        ids.add(str(record["pmid"]))
        keys.add(text_key(record["text"]))
    assert min(len(ids), len(keys)) > 10_000
    assert len(sentences) > 80_000
    for name, texts in training.items():
        assert len(texts) > (20 if name == "mtor_pathway" else 150), name
        for text in texts:
            assert identifier(text) not in ids, text.text_id
            assert len(text.text) < 300 or letters(text.text)[:110] not in keys, text.text_id
            assert sentences.isdisjoint(own_sentences(text.text)), text.text_id


def test_mentions_keep_their_surface_and_types_stay_known(shared: Path) -> None:
    for name, spec in CORPORA.items():
        known = spec.entity_types.keys() | spec.pair_types.keys()
        assert known.isdisjoint(spec.dropped), name
        looked_at = 0
        for record in lines(shared / "corpora" / f"{name}.jsonl.gz"):
            assert {e["type"] for e in record["entities"]} <= known | set(spec.dropped), name
            if record["split"] != "train" or looked_at == 300 or name == "bioscope_abstracts":
                continue
            looked_at += 1
            texts = list(spec.read(record, spec))
            mentions = [e for e in record["entities"] if e["type"] in known and not e.get("fragments")]
            surfaces = Counter(record["text"][e["start"] : e["end"]] for e in mentions)
            assert surfaces == Counter(e["text"] for e in mentions if not e.get("offset_violation")) or any(
                e.get("offset_violation") for e in mentions
            )
            found = Counter(t.text[start:end] for t in texts for start, end, kind in t.entities if kind != "Process")
            assert found == surfaces, record["id"]
            assert all(len(t.entities) == len(t.pair_types) for t in texts)


def test_relations_hold_only_between_annotated_pairs(training: dict[str, list[AnnotatedText]]) -> None:
    for name, spec in CORPORA.items():
        allowed = pair_filter(name)
        labels = set()
        for text in training[name]:
            assert text.relation_head == (name if spec.relation_types else None)
            assert text.entity_head == (name if spec.entity_types else None)
            for label, head, tail, _, _ in text.relations:
                labels.add(label)
                types = (text.pair_types[head], text.pair_types[tail])
                assert head != tail
                assert allowed is None or types in allowed, (name, label, types)
        assert labels <= set(spec.relation_types)
        assert bool(labels) == bool(spec.relation_types), name
        flagged = [r for t in training[name] for r in t.relations if r[3] or r[4]]
        assert bool(flagged) == spec.flags, name


def test_the_filter_is_all_pairs_for_the_gold_and_the_annotated_ones_elsewhere() -> None:
    drug, gene = ENTITY_TYPES.index("Drug"), ENTITY_TYPES.index("Gene")
    assert pair_filter("csc") is None
    assert pair_filter("chemprot") == pair_filter("drugprot") == {(drug, gene)}
    assert pair_filter("drug_combo") == {(drug, drug)}
    assert pair_filter("bionlp13cg") is None
    assert annotates_flags("csc")
    assert annotates_flags("genia_event")
    assert not annotates_flags("biored")


def test_every_corpus_is_credited() -> None:
    assert CORPORA.keys() | {"gold/train"} == CREDITS.keys()


def test_published_splits_are_read_whole(shared: Path) -> None:
    assert sum(1 for _ in read_split(shared, "bc5cdr", "test")) == 500
    cancer = list(read_split(shared, "bionlp13cg", "test"))
    assert len(cancer) == 200
    assert all(t.relation_head is None and not t.relations for t in cancer)  # events of the test set are not public
    with pytest.raises(SourceError, match="no split 'dev'"):
        list(read_split(shared, "jnlpba", "dev"))


# Held-out texts ------------------------------------------------------------------------------------------------

SENTENCE = "Blue kites rose over the quiet harbour while seven painters counted the returning wooden boats."


@given(st.text(max_size=80), st.text(max_size=80), st.booleans())
def test_a_long_sentence_is_found_whatever_stands_around_it(before: str, after: str, tokenised: bool) -> None:
    exclude = HeldOut(frozenset(), frozenset(), frozenset(long_sentences(f"Intro. {SENTENCE} More follows.")))
    sentence = re.sub(r"([.,])", r" \1", SENTENCE).upper() if tokenised else SENTENCE
    assert exclude.shares_text(f"{before}\n{sentence}\n{after}")


def test_short_and_unrelated_texts_are_not_held_out() -> None:
    exclude = HeldOut(frozenset({"7"}), frozenset(), frozenset(long_sentences(f"Methods. {SENTENCE} Methods. ")))
    assert not exclude.shares_text("Methods. Scale bars, ten micrometres.")
    assert ("8", "Methods.") not in exclude
    assert ("7", "Methods.") in exclude
    assert exclude.holds({"id": "a/1", "pmid": "7", "text": ""})


@pytest.mark.parametrize(
    ("record", "ids"),
    [
        ({"id": "123"}, {"123"}),
        ({"id": "123/1.5", "pmid": "123"}, {"123"}),
        ({"id": "PMC-77-02-RESULTS"}, {"PMC77"}),
        ({"id": "48019521015", "corpus": "bioid_cellline"}, {"48019521015", "PMC4801952"}),
        ({"id": "ab12", "source": "https://pubmed.ncbi.nlm.nih.gov/99/"}, {"99"}),
        ({"id": "train-1", "pmid": None, "source": None}, set()),
    ],
)
def test_a_document_is_known_by_all_its_identifiers(record: dict[str, Any], ids: set[str]) -> None:
    assert document_ids(record) == ids


# Readers, on records made by hand --------------------------------------------------------------------------------


def record(text: str, mentions: dict[str, tuple[str, str]], **more: Any) -> dict[str, Any]:
    """Mentions: id → (surface, type), each at its first place in the text."""
    entities = [
        {"id": key, "start": text.index(s), "end": text.index(s) + len(s), "text": s, "type": kind}
        for key, (s, kind) in mentions.items()
    ]
    return {"id": "1", "split": "train", "text": text, "entities": entities, "relations": [], "events": [], **more}


def read(name: str, made: dict[str, Any]) -> list[tuple[str, str, str, bool, bool]]:
    """(label, head's surface, tail's surface, negated, speculative)."""
    found = []
    for text in CORPORA[name].read(made, CORPORA[name]):
        surfaces = [text.text[start:end] for start, end, _ in text.entities]
        found += [(label, surfaces[h], surfaces[t], n, s) for label, h, t, n, s in text.relations]
    return sorted(found)


def relation(label: str, *args: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"type": label, "args": [list(a) for a in args], **more}


def test_chemprot_and_drugprot_run_from_chemical_to_gene() -> None:
    made = record(
        "aba blocks CAD and BAD", {"T1": ("aba", "CHEMICAL"), "T2": ("CAD", "GENE-Y"), "T3": ("BAD", "GENE-N")}
    )
    made["relations"] = [
        relation("CPR:4", ("Arg1", "T1"), ("Arg2", "T2")),
        relation("CPR:10", ("Arg1", "T1"), ("Arg2", "T3")),
    ]
    assert read("chemprot", made) == [("downregulator", "aba", "CAD", False, False)]
    made["relations"] = [relation("INHIBITOR", ("Arg1", "T1"), ("Arg2", "T3"))]
    assert read("drugprot", made) == [("INHIBITOR", "aba", "BAD", False, False)]


def test_biored_pairs_have_one_order_and_both_where_types_agree() -> None:
    made = record(
        "gout and CAD, BAD, aba, V6F",
        {
            "T1": ("gout", "DiseaseOrPhenotypicFeature"), "T2": ("CAD", "GeneOrGeneProduct"),
            "T3": ("BAD", "GeneOrGeneProduct"), "T4": ("aba", "ChemicalEntity"), "T5": ("V6F", "SequenceVariant"),
        },
        relations=[
            relation("Association", arg_mentions=[["T1"], ["T2", "T3"]]),
            relation("Bind", arg_mentions=[["T2"], ["T3"]]),
            relation("Negative_Correlation", arg_mentions=[["T1"], ["T4"]]),
            relation("Association", arg_mentions=[["T5"], ["T2"]]),  # gene and variant: not a pair of this corpus
        ],
    )  # fmt: skip
    assert [r[:3] for r in read("biored", made)] == [
        ("Association", "BAD", "gout"),
        ("Association", "CAD", "gout"),
        ("Bind", "BAD", "CAD"),
        ("Bind", "CAD", "BAD"),
        ("Negative_Correlation", "aba", "gout"),
    ]


def test_civicmine_takes_three_arguments_apart() -> None:
    made = record(
        "aba in gout with CAD loss",
        {"T1": ("aba", "drug"), "T2": ("gout", "cancer"), "T3": ("CAD", "gene"), "T4": ("loss", "variant")},
        relations=[
            relation("Predictive", ("cancer", "T2"), ("drug", "T1"), ("gene", "T3")),
            relation("AssociatedVariant", ("gene", "T3"), ("variant", "T4")),
        ],
    )
    assert [r[:3] for r in read("civicmine", made)] == [
        ("AssociatedVariant", "CAD", "loss"),
        ("Predictive", "CAD", "gout"),
        ("Predictive", "aba", "CAD"),
        ("Predictive", "aba", "gout"),
    ]


def test_combinations_keep_their_sentence_and_its_neighbours() -> None:
    text = "First one. Second one. We gave aba, bab and cac. Fourth one. Fifth one."
    made = record(
        text, {"T1": ("aba", "Drug"), "T2": ("bab", "Drug"), "T3": ("cac", "Drug")},
        relations=[relation("POS", ("Drug", "T1"), ("Drug", "T2"))],
        sentence=[text.index("We"), text.index(" Fourth")],
    )  # fmt: skip
    (cut,) = CORPORA["drug_combo"].read(made, CORPORA["drug_combo"])
    assert cut.text == "Second one. We gave aba, bab and cac. Fourth one."
    assert cut.sentences is not None
    assert [cut.text[a:b] for a, b in cut.sentences] == ["We gave aba, bab and cac."]
    assert cut.entity_head is None
    assert [r[:3] for r in read("drug_combo", made)] == [("POS", "aba", "bab"), ("POS", "bab", "aba")]


@pytest.mark.parametrize(
    ("version", "attributes", "expected"),
    [
        ("v2", {"effect": "negative"}, ("decreases", "CAD loss", "growth")),
        ("v2", {"effect": "rescues"}, ("rescues", "CAD loss", "growth")),
        ("v2", {}, ("affects", "CAD loss", "growth")),
        ("v1", {"activity": "inhibits"}, ("decreases", "CAD loss", "slowed")),
    ],
)
def test_funcgen_labels_the_pair_by_its_effect(version: str, attributes: dict[str, str], expected: tuple[str]) -> None:
    made = record(
        "CAD loss slowed growth in mice",
        {"P": ("CAD loss", "PERTURBING_ACTION"), "E": ("slowed", "EFFECT"), "F": ("growth", "PHENOTYPE")},
        relations=[relation("Link", ("perturbing_action", "P"), ("effect", "E"), ("phenotype", "F"))],
        version=version,
    )
    made["entities"][1]["attributes"] = attributes
    assert [r[:3] for r in read("funcgen", made)] == [expected]


def event(key: str, kind: str, trigger: str | None, *args: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"id": key, "type": kind, "trigger": trigger, "args": [list(a) for a in args], **more}


def test_events_multiply_their_signs_and_keep_their_flags() -> None:
    text = "aba did not reduce loss of CAD or apoptosis"
    made = record(
        text, {"T1": ("aba", "Simple_chemical"), "T2": ("CAD", "Gene_or_gene_product")},
        triggers=[{"id": "T3", "start": text.index("apoptosis"), "end": len(text)}],
        events=[
            event("E1", "Negative_regulation", "t", ("Theme", "E2"), ("Cause", "T1")),
            event("E2", "Catabolism", "t", ("Theme", "T2")),
            event("E3", "Regulation", "t", ("Theme", "E4"), ("Cause", "T1")),
            event("E4", "Cell_death", "T3", ("Theme", "T2")),
            event("E5", "Positive_regulation", "t", ("Theme2", "T2")),  # no cause: no pair
        ],
        modifiers=[{"type": "Negation", "target": "E1"}, {"type": "Speculation", "target": "E3"}],
    )  # fmt: skip
    assert read("bionlp13cg", made) == [
        ("associated_with", "aba", "apoptosis", False, True),
        ("increases", "aba", "CAD", True, False),
    ]
    assert read("bionlp13cg", {**made, "gold_events": False}) == []


def test_genia_says_negation_and_doubt_at_the_event() -> None:
    cues = [{"role": "clueType", "start": 12, "end": 20}]
    told: dict[str, Any] = {"cues": [], "assertion": None, "uncertainty": None}
    denied, doubted = told | {"assertion": "non-exist"}, told | {"uncertainty": "doubtful"}
    made = record(
        "CAD may not adhesion of BAD",
        {"T1": ("CAD", "Protein_molecule"), "T2": ("BAD", "Protein_molecule")},
        events=[
            event("E1", "Negative_regulation", None, ("Theme", "T2"), ("Cause", "T1"), **denied),
            event("E2", "Positive_regulation", None, ("Theme", "E3"), ("Cause", "T1"), **doubted),
            event("E3", "Cell_adhesion", None, ("Theme", "T2"), **told | {"cues": cues}),
        ],
    )  # fmt: skip
    assert read("genia_event", made) == [
        ("decreases", "CAD", "BAD", True, False),
        ("increases", "CAD", "adhesion", False, True),
    ]


def stretches(text: str, cues: list[tuple[str, str]], ranges: list[tuple[str, int]]) -> list[tuple[str, str]]:
    made = record(text, {f"T{i}": cue for i, cue in enumerate(cues)}, sentences=[[0, len(text)]])
    made["scopes"] = [
        {"start": text.index(words), "end": text.index(words) + len(words), "cues": [f"T{cue}"]}
        for words, cue in ranges
    ]
    (read_text,) = CORPORA["bioscope_abstracts"].read(made, CORPORA["bioscope_abstracts"])
    return [(text[start:end], kind) for start, end, kind in read_text.entities]


def test_scopes_become_stretches_between_cues() -> None:
    assert stretches(
        "CAD may do so but BAD does not bind.",
        [("may", "speculation"), ("not", "negation")],
        [("may do so but BAD does not bind", 0), ("not bind", 1)],
    ) == [
        ("may", "SPEC_CUE"),
        ("do so but BAD does", "SPEC_SCOPE"),
        ("not", "NEG_CUE"),
        ("bind", "NEG_SPEC_SCOPE"),
    ]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30), st.booleans(), st.booleans()), max_size=6))
def test_stretches_never_overlap(marks: list[tuple[int, int, bool, bool]]) -> None:
    text = "kat sat on " * 9
    made: dict[str, Any] = {"id": "1", "text": text, "entities": [], "scopes": [], "sentences": [[0, len(text)]]}
    for i, (start, length, negation, scoped) in enumerate(marks):
        kind = "negation" if negation else "speculation"
        made["entities"].append({"id": f"T{i}", "start": start, "end": start + 3, "type": kind})
        if scoped:
            made["scopes"].append({"start": start, "end": start + length, "cues": [f"T{i}"]})
    (found,) = CORPORA["bioscope_abstracts"].read(made, CORPORA["bioscope_abstracts"])
    ends = [0] + [end for _, end, _ in found.entities]
    assert all(last <= start < end for last, (start, end, _) in zip(ends, found.entities, strict=False))
    assert all(text[start:end] == text[start:end].strip() for start, end, _ in found.entities)


@given(st.lists(st.integers(20, 900), min_size=1, max_size=40))
def test_passages_of_a_full_text_lose_nothing(lengths: list[int]) -> None:
    text = " ".join("Kat " + "sat on " * (n // 7) + "mats." for n in lengths)
    mentions = [m.span() for m in re.finditer(r"mats\. Kat|on", text)]  # some cross a sentence's end
    made = {"id": "1", "text": text, "entities": [{"start": a, "end": b, "type": "CellType"} for a, b in mentions]}
    passages = list(CORPORA["cellfinder"].read(made, CORPORA["cellfinder"]))
    assert "".join(p.text for p in passages) == text
    surfaces = [p.text[start:end] for p in passages for start, end, _ in p.entities]
    assert surfaces == [text[a:b] for a, b in mentions]


def test_what_the_project_annotated_itself_joins_its_texts_and_is_valid(shared: Path) -> None:
    added = added_gold(shared, held_out(shared))
    lines = [line for path in resource("corpus", "gold", "train").glob("*.jsonl") for line in path.open()]
    assert len(added) == len(lines) > 200
    theirs = {text.text_id for split in ("train", "dev") for text in gold_texts(shared, split)}
    for text in added:
        assert text.text_id not in theirs
        surfaces = [text.text[start:end] for start, end, _ in text.entities]
        assert all(surface and surface == surface.strip() for surface in surfaces)
        for kind, head, tail, _, _ in text.relations:
            ends = [text.entities[i] for i in (head, tail)]
            assert signature_allows(kind, ends[0][2], ends[1][2])
            first, last = min(e[0] for e in ends), max(e[1] for e in ends)
            assert any(start <= first and last <= end for start, end in text.sentences or ())
