"""Gold files: the full form, the stand-off form, and everything that may be wrong with either."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from minecsc.errors import EvaluationError
from minecsc.evaluation import load_gold

TITLE = "Salinomycin depletes stem cells."
ABSTRACT = "We treated spheres. Salinomycin lowered SOX2 in CSCs."
TEXT = f"{TITLE} {ABSTRACT}"


def _record(*, pmid: str = "11", text: str = TEXT, title: str | None = TITLE) -> dict:
    first, second = text.index("Salinomycin lowered"), text.index("SOX2")
    return {
        "pmid": pmid,
        "title": title,
        "text": text,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "sentences": [[0, first - 1], [first, len(text)]],
        "entities": [
            {"id": "T1", "type": "Drug", "start": first, "end": first + 11, "text": "Salinomycin", "sent": 2},
            {"id": "T2", "type": "Gene", "start": second, "end": second + 4, "text": "SOX2", "sent": 2},
        ],
        "relations": [{"type": "decreases", "head": "T1", "tail": "T2", "negated": False, "speculative": True}],
    }


def _stand_off(record: dict) -> dict:
    entities = [{k: v for k, v in entity.items() if k != "text"} for entity in record["entities"]]
    return {k: v for k, v in record.items() if k not in ("text", "title")} | {"entities": entities}


def _write(path: Path, *records: dict) -> Path:
    lines = "".join(json.dumps(record) + "\n" for record in records)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(lines.encode()))
    else:
        path.write_text(lines, encoding="utf-8")
    return path


def test_full_form(tmp_path):
    (gold,) = load_gold(_write(tmp_path / "gold.jsonl", _record()))
    assert gold.document.document_id == "pmid:11"
    assert (gold.document.title, gold.document.abstract) == (TITLE, ABSTRACT)
    assert [(m.surface, m.type, m.sentence) for m in gold.mentions] == [
        ("Salinomycin", "Drug", 1),
        ("SOX2", "Gene", 1),
    ]
    (relation,) = gold.relations
    assert (relation.type, relation.head.surface, relation.speculative, relation.negated) == (
        "decreases",
        "Salinomycin",
        True,
        False,
    )


@pytest.mark.parametrize("title", [None, "", "A title that the text does not begin with", TEXT, TITLE[:5]])
def test_text_stays_identical_whatever_the_title(tmp_path, title):
    (gold,) = load_gold(_write(tmp_path / "gold.jsonl", _record(title=title)))
    assert gold.document.text == TEXT


@pytest.mark.parametrize(
    "source",
    [
        {"pmid": "11", "text": TEXT},
        {"pmid": 11, "title": TITLE, "abstract": ABSTRACT},
        {"pmid": "11", "title": None, "abstract": TEXT},
    ],
)
@pytest.mark.parametrize("name", ["texts.jsonl", "texts.jsonl.gz"])
def test_stand_off_form_is_joined_by_pmid_and_digest(tmp_path, source, name):
    gold = _write(tmp_path / "gold.jsonl", _stand_off(_record()))
    other = _write(tmp_path / "other.jsonl", {"pmid": "11", "text": "An older text."}, {"pmid": "12", "text": "x"})
    texts = _write(tmp_path / name, source)
    (joined,) = load_gold(gold, texts=[other, texts])
    (full,) = load_gold(_write(tmp_path / "full.jsonl", _record()))
    assert joined.document.text == TEXT
    assert joined.mentions == full.mentions
    assert joined.relations == full.relations


def test_stand_off_form_is_joined_from_pubmed_xml(tmp_path):
    xml = (
        "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID Version='1'>11</PMID><Article>"
        f"<ArticleTitle>{TITLE}</ArticleTitle><Abstract><AbstractText>{ABSTRACT}</AbstractText></Abstract>"
        "</Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"
    )
    texts = tmp_path / "texts.xml"
    texts.write_text(xml, encoding="utf-8")
    gold = _write(tmp_path / "gold.jsonl", _stand_off(_record()))
    (joined,) = load_gold(gold, texts=[texts])
    assert joined.document.text == TEXT


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "PMID 11 is stand-off"),
        ([{"pmid": "12", "text": TEXT}], "PMID 11 is not in the text files"),
        ([{"pmid": "11", "text": TEXT + " "}], "PMID 11 stands in the text files with another text"),
    ],
)
def test_a_text_that_is_missing_or_differs_names_the_pmid(tmp_path, texts, message):
    gold = _write(tmp_path / "gold.jsonl", _stand_off(_record()))
    paths = [_write(tmp_path / "texts.jsonl", *texts)] if texts else []
    with pytest.raises(EvaluationError, match=f"gold.jsonl:1: {message}"):
        load_gold(gold, texts=paths)


def _with(**changes) -> dict:
    return _record() | changes


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (_with(sha256="0" * 64), "does not match its SHA-256"),
        (_with(pmid="PMC7"), "is not a number"),
        (_with(text=""), "empty text"),
        (_with(sentences=[[0, 5]]), "in no sentence"),
        (_with(relations=[{"type": "marker_of", "head": "T1", "tail": "T2"}]), "not in the signature table"),
        (_with(relations=[{"type": "decreases", "head": "T1", "tail": "T9"}]), "lacks 'T9'"),
        (_with(entities=[{"id": "T1", "type": "Planet", "start": 0, "end": 3, "sent": 1}]), "Planet"),
        ({k: v for k, v in _record().items() if k not in ("text", "sha256")}, "neither text nor the SHA-256"),
        ({k: v for k, v in _record().items() if k != "relations"}, "lacks 'relations'"),
    ],
)
def test_a_broken_line_names_file_line_and_reason(tmp_path, record, message):
    path = _write(tmp_path / "gold.jsonl", record)
    with pytest.raises(EvaluationError, match=r"^\[MCSC-E601\]") as caught:
        load_gold(path)
    assert message in str(caught.value)
    assert "gold.jsonl:1" in str(caught.value)


def test_one_document_twice_is_refused(tmp_path):
    with pytest.raises(EvaluationError, match=r"gold.jsonl:2: PMID 11 is annotated twice"):
        load_gold(_write(tmp_path / "gold.jsonl", _record(), _record()))


@pytest.mark.parametrize("content", [b"", b"{broken\n", b"[1]\n", b"\xff\xfe\n"])
def test_a_file_without_readable_documents_is_refused(tmp_path, content):
    path = tmp_path / "gold.jsonl"
    path.write_bytes(content)
    with pytest.raises(EvaluationError, match=r"gold\.jsonl"):
        load_gold(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(EvaluationError, match="cannot be read"):
        load_gold(tmp_path / "none.jsonl")


@pytest.mark.shared
def test_the_real_development_set_reads_in_both_forms(tmp_path, shared):
    path = shared / "gold" / "dev.jsonl"
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    full = load_gold(path)
    assert len(full) == len(records) == 50
    assert sum(len(x.mentions) for x in full) == sum(len(r["entities"]) for r in records)
    assert sum(len(x.relations) for x in full) == sum(len(r["relations"]) for r in records)
    for reading, record in zip(full, records, strict=True):
        assert reading.document.text == record["text"]
        assert reading.document.text_sha256 == record["sha256"]
    gold = _write(tmp_path / "gold.jsonl", *map(_stand_off, records))
    assert load_gold(gold, texts=[path]) == full
