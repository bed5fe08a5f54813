"""Context of frames: the cancer and the model systems, by rule and on real headings and abstracts."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest
from evidence_cases import CONCEPTS, Corpus
from hypothesis import given
from hypothesis import strategies as st
from store_factory import concepts, manifest, paper, read_words

from minecsc.evidence import DocumentContext, Frame, build_frames, find_cues
from minecsc.evidence.context import Cancers, cue_pattern
from minecsc.linking import Concept
from minecsc.schema import Document, MeshHeading
from minecsc.sources import read
from minecsc.store import load_shards, open_base, read_evidence, replace_evidence, write_shard

KNOWN = {
    **CONCEPTS,
    "s:breast": replace(CONCEPTS["s:breast"], parents=("s:csc", "k:breast")),
    "c:mcf7": replace(CONCEPTS["c:mcf7"], parents=("k:ductal",)),
    "k:ductal": Concept("k:ductal", "invasive ductal carcinoma", "Cancer", parents=("k:breast",)),
    "k:breast": replace(CONCEPTS["k:breast"], xrefs=("mesh:D001943",)),
}
ACT = "Gene:ABCG2 increases CSC:CSCs"


def only(*sentences: str | list[str], context: DocumentContext | None = None) -> Frame:
    corpus = Corpus().document("pmid:1", *sentences)
    (frame,) = build_frames(corpus.relations, corpus.mentions, KNOWN, {"pmid:1": context or DocumentContext()})
    return frame


def cancer(frame: Frame) -> tuple[str | None, str | None]:
    return frame.cancer_id, frame.cancer_source


def test_the_population_decides_the_cancer_against_another_one_of_the_sentence():
    frame = only(["Drug:salinomycin decreases CSC:breast CSCs", "Cancer:ovarian cancer"])
    assert cancer(frame) == ("k:breast", "population")
    assert (frame.cancer_mentions, frame.cancer_name) == (frame.population_mentions, "breast cancer")


@pytest.mark.parametrize(
    ("population", "expected"),
    [
        ("CD133+ ovarian cancer stem cells", "k:ovarian"),
        ("gastric cancer stem cells", "text:Cancer:gastric cancer"),
        ("patient-derived glioma stem-like cells", "text:Cancer:glioma"),
        ("CD44+ cancer stem cells", None),
        ("drug-resistant cancer stem cells", None),
    ],
)
def test_the_name_of_an_unlinked_population_tells_its_cancer(population, expected):
    assert only(f"Drug:salinomycin decreases CSC:{population}").cancer_id == expected


def test_a_narrower_cancer_of_the_sentence_is_kept():
    corpus = Corpus().document("pmid:1", ["Drug:salinomycin decreases CSC:breast CSCs", "Cancer:ductal carcinoma"])
    (frame,) = build_frames(corpus.relations, corpus.mentions, KNOWN)
    assert cancer(frame) == ("k:breast", "population"), "an unlinked name is not known to be narrower"
    mentions = [replace(m, concept_id="k:ductal") if m.type == "Cancer" else m for m in corpus.mentions]
    (frame,) = build_frames(corpus.relations, mentions, KNOWN)
    assert cancer(frame) == ("k:ductal", "sentence")


def test_a_cell_line_implies_its_cancer_and_yields_to_the_papers_own_word():
    line = [ACT, "Cell:MCF-7"]
    assert cancer(only("Cell:CAFs", line)) == ("k:ductal", "document")
    assert cancer(only(["Cell:gastric cancer cells"], line)) == ("k:ductal", "cell")
    frame = only("Cancer:breast cancer", line)
    assert (cancer(frame), frame.cancer_name) == (("k:breast", "document"), "breast cancer")


def test_a_site_names_its_cancer_in_a_population_but_not_in_a_cell():
    known = {**KNOWN, "k:breast": replace(KNOWN["k:breast"], synonyms=("breast",))}
    for mention, expected in (("CSC:breast stem-like cells", "k:breast"), ("Cell:breast epithelial cells", None)):
        corpus = Corpus().document("pmid:1", [ACT, mention])
        held = [m for m in corpus.mentions if m.surface == mention.partition(":")[2]]
        found = Cancers(known).of(held[0])
        assert (found and found[0]) == expected


def test_the_title_decides_for_sentences_that_name_no_cancer():
    told = only("Cancer:ovarian cancer", ACT, ["Cancer:breast cancer"], ["Cancer:breast cancer"])
    assert cancer(told) == ("k:ovarian", "document")


def test_a_document_of_many_cancers_has_none_of_its_own():
    others = [[f"Cancer:{name}"] for name in ("breast cancer", "ovarian cancer", "glioma", "melanoma", "AML")]
    frame = only(["Drug:cisplatin"], *others, ACT)
    assert cancer(frame) == (None, None)
    assert "cancer" in frame.missing


@pytest.mark.parametrize("name", ["tumours", "bulk tumors", "advanced cancer", "carcinoma"])
def test_a_name_of_no_particular_cancer_fills_no_slot(name):
    assert only([ACT, f"Cancer:{name}"]).cancer_id is None


def test_mesh_tells_the_cancer_where_the_text_does_not():
    headings = (MeshHeading("D001943", "Breast Neoplasms", True), MeshHeading("D008545", "Melanoma"))
    frame = only(ACT, context=DocumentContext(mesh=headings))
    assert (cancer(frame), frame.cancer_mentions) == (("k:breast", "mesh"), ())
    assert only(ACT, context=DocumentContext(mesh=headings[1:])).cancer_name == "Melanoma"
    both = tuple(replace(heading, major=True) for heading in headings)
    assert only(ACT, context=DocumentContext(mesh=both)).cancer_id is None
    assert only([ACT, "Cancer:ovarian cancer"], context=DocumentContext(mesh=headings)).cancer_id == "k:ovarian"


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Growth was slower in nude mice bearing xenografts.", ["animal", "animal"]),
        ("It acted in vitro and in vivo.", ["cell_culture", "animal"]),
        ("Two cell lines formed tumorspheres.", ["cell_line", "cell_culture"]),
        ("Patient-derived organoids were treated.", ["patient", "organoid"]),
        ("A phase II trial (NCT01234567) took 34 patients.", ["clinical_trial", "clinical_trial", "patient"]),
        ("In this review we compare the inhibitors.", ["review"]),
        ("Molecular docking and TCGA data agree.", ["in_silico", "in_silico"]),
        ("Patients have a poor prognosis, and clinical trials are warranted.", []),
        ("Charts were reviewed; micelles were not.", []),
    ],
)
def test_words_that_show_a_model_system(sentence, expected):
    cues = find_cues("pmid:1", "pmid:1#s0", sentence, 10)
    assert [cue.system for cue in cues] == expected
    for cue in cues:
        start, end = map(int, cue.span_id.removeprefix("pmid:1#").split("-"))
        assert sentence[start - 10 : end - 10].strip()


@given(st.text(alphabet="in vivtro mceARxgfpaNCT0123/-", max_size=60), st.integers(0, 500))
def test_spans_of_cues_lie_inside_their_sentence_and_never_overlap(text, start):
    at = start
    for cue in find_cues("d", "d#s0", text, start):
        begin, end = map(int, cue.span_id.removeprefix("d#").split("-"))
        assert at <= begin < end <= start + len(text)
        at = end


def test_duckdb_reads_the_pattern_as_python_does():
    import duckdb

    texts = ["given in vivo", "IN VITRO", "a xenograft", "xenobiotic", "invivoids", "phase 1/2a study"]
    found = duckdb.execute(
        "SELECT list(regexp_matches(t, ?)) FROM unnest(?) AS x(t)", [cue_pattern(), texts]
    ).fetchall()
    assert found[0][0] == [bool(find_cues("d", "s", text)) for text in texts]


def systems(*sentences: str | list[str], text: dict[int, str] | None = None, **facts: tuple) -> dict[str, str]:
    cues = [cue for at, words in (text or {}).items() for cue in find_cues("pmid:1", f"pmid:1#s{at}", words)]
    frame = only(*sentences, context=DocumentContext(cues=tuple(cues), **facts))
    assert ("model_system" in frame.missing) == (not frame.model_systems)
    return {model.system: model.source for model in frame.model_systems}


def test_the_frames_own_sentence_tells_its_model_system():
    words = {1: "In mice it did.", 2: "In vitro too."}
    assert systems("Drug:cisplatin", ACT, text=words) == {"animal": "sentence"}
    assert systems(ACT, text=words) == {"animal": "document", "cell_culture": "document"}
    assert systems(ACT) == {}


def test_a_review_is_a_review_whatever_it_speaks_of():
    assert systems(ACT, text={0: "In mice it did."}, publication_types=("Journal Article", "Review")) == {
        "review": "publication_type"
    }


def test_a_linked_cell_line_is_its_own_word_and_makes_culture_superfluous():
    corpus = Corpus().document("pmid:1", [ACT, "Cell:MCF-7"])
    mentions = [replace(m, concept_id="cellosaurus:CVCL_0031") if m.type == "Cell" else m for m in corpus.mentions]
    cues = tuple(find_cues("pmid:1", "pmid:1#s0", "It held in vitro."))
    (frame,) = build_frames(corpus.relations, mentions, KNOWN, {"pmid:1": DocumentContext(cues=cues)})
    assert [(m.system, m.shown_by) for m in frame.model_systems] == [("cell_line", mentions[-1].mention_id)]


def test_headings_tell_where_the_text_is_silent():
    headings = tuple(MeshHeading(f"D{i}", name) for i, name in enumerate(("Animals", "Mice, Nude", "Middle Aged")))
    assert systems(ACT, mesh=headings, publication_types=("CLINICAL TRIAL, PHASE II",)) == {
        "animal": "mesh",
        "patient": "mesh",
        "clinical_trial": "publication_type",
    }
    assert systems(ACT, mesh=headings, text={0: "In zebrafish."})["animal"] == "sentence"


def test_the_base_keeps_what_shows_the_context(tmp_path):
    """From a record's text and headings through the tables to the view, and back to the words by their offsets."""
    record = paper(
        1,
        "Here salinomycin lowers Wnt in CSCs, in vivo too.",
        mesh=(MeshHeading("D001943", "Breast Neoplasms", True), MeshHeading("D008822", "Mice, Transgenic")),
        publication_types=("Clinical Trial",),
    )
    db = tmp_path / "base.duckdb"
    load_shards(db, [write_shard(tmp_path, [read_words(record)], [], [], key="a")], manifest(), concepts)
    rows = read_evidence(db)
    replace_evidence(db, build_frames(rows.relations, rows.mentions, rows.concepts, rows.contexts), [])
    with open_base(db) as base:
        shown = base.sql("SELECT model_systems, rule, cancer, cancer_source, missing FROM frame_view").rows()
        spans = base.sql("SELECT m.shown_by FROM (SELECT unnest(model_systems) AS m FROM frame)").rows()
    assert [(row["model_systems"], row["rule"], row["cancer_source"]) for row in shown] == [
        (["animal"], "co_stated", "mesh")
    ]
    assert shown[0]["cancer"] in ("Breast Neoplasms", "breast cancer")
    start, end = map(int, spans[0]["shown_by"].partition("#")[2].split("-"))
    assert record.text[start:end] == "in vivo"


def test_descriptors_of_the_lexicon_are_mesh_descriptors(shared):
    with gzip.open(shared / "lexicons" / "mesh.tsv.gz", "rt", encoding="utf-8") as lines:
        names = {line.split("\t")[1] for line in lines}
    lexicon = Path(find_cues.__code__.co_filename).parent / "data" / "model_systems.tsv"
    rows = [line.split("\t") for line in lexicon.read_text(encoding="utf-8").splitlines()]
    used = {row[2] for row in rows if len(row) == 3 and row[1] == "mesh"}
    assert len(used) > 40
    assert used <= names


FACTS = {
    "29328365": ({"animal", "cell_line"}, None),
    "28745319": ({"animal", "cell_line"}, "Prostatic Neoplasms, Castration-Resistant"),
    "29949874": ({"cell_line", "in_silico"}, "Pancreatic Neoplasms"),
    "29507618": ({"animal", "cell_line", "patient"}, "Adenocarcinoma of Lung"),
    "27927748": ({"cell_line"}, "Melanoma"),
    "27939839": (set(), "breast cancer"),
    "31588070": ({"review"}, None),
}
"""PMID → model systems and cancer by the record's headings and publication types alone, from reading the records.

The first is indexed under a site and a kind of tumour, which count as two cancers where no concept joins them.
"""


@pytest.fixture(scope="module")
def records(shared: Path) -> dict[str, Document]:
    found = {}
    for path in sorted((shared / "csc" / "pubmed_xml").glob("*.xml*")):
        if path.stat().st_size < 3_000_000:
            found |= {r.pmid: r for r in read(path) if isinstance(r, Document) and r.pmid}
    return found


def by_headings(record: Document) -> Frame:
    return only(ACT, context=DocumentContext(record.mesh, record.publication_types))


@pytest.mark.parametrize("pmid", FACTS)
def test_real_records_by_their_headings(records, pmid):
    frame = by_headings(records[pmid])
    expected, name = FACTS[pmid]
    assert {model.system for model in frame.model_systems} == expected
    assert frame.cancer_name == name
    assert frame.cancer_source == ("mesh" if name else None)


def test_real_reviews_and_trials_are_told_apart(records):
    reviews = trials = 0
    for record in records.values():
        kinds = {name.casefold() for name in record.publication_types}
        shown = {model.system for model in by_headings(record).model_systems}
        if "review" in kinds:
            reviews += 1
            assert shown == {"review"}
        elif any(kind.startswith("clinical trial") for kind in kinds):
            trials += 1
            assert "clinical_trial" in shown
    assert reviews >= 20
    assert trials >= 10
