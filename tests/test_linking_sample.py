"""The hand-checked sample for the linker: well formed, true to the gold it was drawn from, and as its README says."""

from __future__ import annotations

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
from minecsc.evaluation.linking import Vocabulary
from minecsc.evaluation.linking_cases import normal_curie
from minecsc.linking import KnowledgeBase
from minecsc.schema import ENTITY_TYPES, Document, Extraction, Mention, Sentence

REPO = Path(__file__).resolve().parent.parent
FOLDER = REPO / "corpus" / "linking"
ROWS: list[dict] = [json.loads(line) for line in (FOLDER / "sample.jsonl").read_text(encoding="utf-8").splitlines()]
DRAWN = {"pmid", "source", "sha256", "start", "end", "type"}
DECIDED = {"expected", "checked"}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sample_linking", REPO / "scripts" / "sample_linking.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_line_is_a_stand_off_mention_with_a_decision() -> None:
    for row in ROWS:
        assert DRAWN | DECIDED <= set(row) <= DRAWN | DECIDED | {"note"}
        assert re.fullmatch(r"\d+", row["pmid"])
        assert re.fullmatch(r"[0-9a-f]{64}", row["sha256"])
        assert row["source"] in ("gold/dev", "gold/train")
        assert row["type"] in ENTITY_TYPES
        assert 0 <= row["start"] < row["end"]
        assert row["checked"] in ("first", "both")
        assert len(row["expected"]) == len(set(row["expected"]))
        assert row["expected"] or row["note"], f"{row['pmid']}:{row['start']}: NIL without a reason"
        assert len(row.get("note", "x")) in range(1, 121)
    assert len({(row["pmid"], row["start"]) for row in ROWS}) == len(ROWS)


def test_every_expected_identifier_is_in_the_knowledge_base() -> None:
    """As a concept, or as a cross-reference of one that it has been merged with."""
    vocabulary = Vocabulary(KnowledgeBase.load())
    unknown = {i for row in ROWS for i in row["expected"] if not vocabulary.concepts(normal_curie(i))}
    assert not unknown


def test_the_readme_counts_what_is_in_the_file() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    stated = {name: (int(n), int(nil)) for name, n, nil in re.findall(r"^\| (\w+) \| (\d+) \| (\d+) \|$", readme, re.M)}
    mentions = Counter(row["type"] for row in ROWS)
    nil = Counter(row["type"] for row in ROWS if not row["expected"])
    assert stated == {"all": (300, nil.total()), **{t: (mentions[t], nil[t]) for t in ENTITY_TYPES}}
    assert f"random {sum(row['checked'] == 'both' for row in ROWS)} " in readme


def _reading(pmid: int, words: str) -> Extraction:
    """A document of one-word names: every one a mention of Gene where it has a digit, else of Drug."""
    mentions = tuple(
        Mention(m.start(), m.end(), m.group(), "Gene" if any(map(str.isdigit, m.group())) else "Drug", 0)
        for m in re.finditer(r"\S+", words)
    )
    document = Document(document_id=f"pmid:{pmid}", pmid=str(pmid), title=words, abstract="")
    return Extraction(document, (Sentence(0, 0, len(words)),), mentions, ())


def test_only_dev_and_stem_cell_abstracts_of_train_may_be_drawn(script: ModuleType) -> None:
    dev, train = [_reading(1, "cisplatin")], [_reading(2, "stemness SOX2"), _reading(3, "gefitinib EGFR1")]
    drawn = [(source, reading.document.pmid) for source, reading, _ in script.pool(dev, train)]
    assert drawn == [("gold/dev", "1"), ("gold/train", "2"), ("gold/train", "2")]


def test_quotas_and_limits_are_kept_and_the_seed_decides(script: ModuleType) -> None:
    readings = [_reading(n, f"drug{'abcdefghij'[n]} Same SAME GENE{n} GENE{n}0 GENE{n}00") for n in range(10)]
    candidates = list(script.pool(readings, []))
    quota = {"Drug": 6, "Gene": 12}
    lines = script.draw(candidates, quota, per_abstract=2, seed=1)
    names = [readings[int(r["pmid"])].document.text[r["start"] : r["end"]].casefold() for r in lines]
    assert Counter(line["type"] for line in lines) == quota
    assert max(Counter(line["pmid"] for line in lines).values()) == 2
    assert len(set(names)) == len(names)
    assert lines == script.draw(candidates, quota, per_abstract=2, seed=1)
    assert lines != script.draw(candidates, quota, per_abstract=2, seed=2)


@pytest.mark.shared
def test_the_sample_is_what_the_script_draws_from_the_gold(shared: Path, script: ModuleType) -> None:
    dev, train = (load_gold(shared / "gold" / name) for name in ("dev.jsonl", "train.jsonl"))
    drawn = script.draw(list(script.pool(dev, train)))
    assert [{key: row[key] for key in DRAWN} for row in ROWS] == drawn
    texts = {(d.pmid, d.text_sha256): d.text for d in (r.document for r in (*dev, *train))}
    for row in ROWS:
        assert row["end"] <= len(texts[row["pmid"], row["sha256"]])


def test_a_drawn_file_is_never_overwritten(script: ModuleType, tmp_path: Path) -> None:
    app = Typer()
    app.command()(script.main)
    kept = tmp_path / "decided.jsonl"
    kept.write_text("decided\n", encoding="utf-8")
    result = CliRunner().invoke(app, [str(kept)])
    assert result.exit_code == 1
    assert kept.read_text(encoding="utf-8") == "decided\n"
