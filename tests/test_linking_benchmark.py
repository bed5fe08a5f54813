"""The linking benchmark: reading of cases, judging of answers, the systems compared, and the report."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer import Typer
from typer.testing import CliRunner

from minecsc.errors import EvaluationError
from minecsc.evaluation.linking import ALL, Vocabulary, evaluate_linking, judge, wilson
from minecsc.evaluation.linking_cases import (
    CORPORA,
    Case,
    corpus_cases,
    gold_ids,
    in_split,
    pipeline_expander,
    review_cases,
    sample_cases,
)
from minecsc.evaluation.linking_report import REVIEW, LinkingReport
from minecsc.evaluation.linking_systems import Answer, ExactMatch, ExactNeighbours, Ours, Scispacy, ScispacyCandidates
from minecsc.linking import KnowledgeBase, Linker
from minecsc.linking.layout import NAME, SYNONYM, Concept, pack, write
from minecsc.linking.normalize import fold

REPO = Path(__file__).resolve().parent.parent
CONCEPTS = (
    Concept("DOID:1", "breast cancer", "Cancer", ("mammary carcinoma",), ("mesh:D001943",), ("DOID:9",)),
    Concept("DOID:2", "lung cancer", "Cancer", (), ("mesh:D008175",), ("DOID:9",)),
    Concept("DOID:9", "cancer", "Cancer", ("malignant tumor",), ("mesh:D009369",)),
    Concept("drugbank:1", "cisplatin", "Drug", ("cis-platinum", "CDDP"), ("mesh:D002945",)),
    Concept("fplx:AKT", "AKT", "Gene", ("protein kinase B",)),
    Concept("hgnc:1", "AKT1", "Gene", ("RAC-alpha kinase",), ("ncbigene:207",), ("fplx:AKT",)),
    Concept("hgnc:2", "AKT2", "Gene", (), ("ncbigene:208",), ("fplx:AKT",)),
    Concept("mesh:D020257", "remodeling of the ventricle", "Process"),
)


def _expand(text: str, title_end: int | None) -> dict[str, str]:
    return {"BC": "breast cancer"} if "(BC)" in text else {}


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    folder = tmp_path_factory.mktemp("kb")
    keys = [
        (fold(name), pack(row, concept.type, SYNONYM if n else NAME))
        for row, concept in enumerate(CONCEPTS)
        for n, name in enumerate((concept.name, *concept.synonyms))
    ]
    write(folder, CONCEPTS, keys, {"senses": {}}, {})
    return KnowledgeBase.load(folder)


@pytest.fixture(scope="module")
def vocabulary(kb: KnowledgeBase) -> Vocabulary:
    return Vocabulary(kb)


def _case(surface: str, type_: str, *gold: str, document: str = "1", **fields) -> Case:
    return Case(document, type_, surface, (type_,), tuple(g.lower() for g in gold), typed_gold=True, **fields)


def _answer(kb: KnowledgeBase, concept_id: str) -> Answer:
    concept = kb.concept(concept_id)
    assert concept is not None
    return Answer(concept, 0.9)


@pytest.mark.parametrize(
    ("norm", "vocabulary", "expected"),
    [
        (["D009270"], "mesh", ("mesh:d009270",)),
        (["C067411", "C072959"], "mesh", ("mesh:c067411", "mesh:c072959")),
        (["D017180|D014693"], "mesh", ("mesh:d017180", "mesh:d014693")),
        ([" D015862", "OMIM:106210 "], "mesh", ("mesh:d015862", "omim:106210")),
        (["100155702(Tax:9823)", "24513(tax:10116)"], "ncbigene", ("ncbigene:100155702", "ncbigene:24513")),
        ([" CVCL_1452"], "cellosaurus", ("cellosaurus:cvcl_1452",)),
        (["-1"], "mesh", ()),
        (["-", ""], "mesh", ()),
        (["D1", "D1"], "mesh", ("mesh:d1",)),
        ([], "mesh", ()),
    ],
)
def test_identifiers_as_the_corpora_write_them(norm: list[str], vocabulary: str, expected: tuple[str, ...]) -> None:
    assert gold_ids(norm, vocabulary) == expected


@given(st.text(min_size=1))
def test_every_document_is_in_one_split(document: str) -> None:
    for corpus in ("nlm_gene", "bc5cdr"):
        for official in ("train", "test"):
            assert sum(in_split(corpus, document, official, s) for s in ("train", "dev", "test")) == 1
            assert in_split(corpus, document, official, "test") == (official == "test")


def test_a_corpus_without_dev_lends_about_a_fifth_of_train() -> None:
    lent = sum(in_split("gnormplus", str(n), "train", "dev") for n in range(2000))
    assert 330 < lent < 470


@pytest.mark.parametrize(
    ("case", "answered", "outcome"),
    [
        (_case("AKT1", "Gene", "ncbigene:207"), "hgnc:1", "right"),
        (_case("AKT1", "Gene", "ncbigene:207"), "hgnc:2", "wrong"),
        (_case("AKT1", "Gene", "ncbigene:207"), None, "abstained"),
        (_case("Akt", "Gene", "ncbigene:207", "ncbigene:208"), "hgnc:2", "right"),
        (_case("Akt", "Gene", "ncbigene:207", "ncbigene:208"), "fplx:AKT", "broader"),
        (_case("breast tumour", "Cancer", "mesh:D001943"), "DOID:9", "broader"),
        (_case("cancer", "Cancer", "mesh:D009369"), "DOID:1", "wrong"),
        (_case("breast and lung cancer", "Cancer", "mesh:D001943", "mesh:D008175"), "DOID:2", "right"),
        (_case("breast and lung cancer", "Cancer", "mesh:D001943", "mesh:D999999"), "DOID:1", "right"),
        (_case("Akt1", "Gene", "ncbigene:11651"), "hgnc:1", "namesake"),
        (_case("Akt1", "Gene", "ncbigene:11651"), "hgnc:2", "false"),
        (_case("Akt1", "Gene", "ncbigene:11651"), None, "nil"),
        (_case("Akt1", "Gene"), "hgnc:1", "false"),
        (_case("remodeling", "Cancer", "mesh:D020257"), None, "nil"),
        (_case("remodeling", "Cancer", "mesh:D020257"), "DOID:9", "false"),
        (_case("BC", "Cancer", "mesh:D7", expansions={"BC": "breast cancer"}), "DOID:1", "namesake"),
    ],
)
def test_outcomes(kb: KnowledgeBase, vocabulary: Vocabulary, case: Case, answered: str | None, outcome: str) -> None:
    answer = None if answered is None else _answer(kb, answered)
    assert judge(case, vocabulary.readings(case), answer, vocabulary) == outcome


class Scripted:
    """Answers as told, to test the counting."""

    name = "scripted"

    def __init__(self, answers: Sequence[Answer | None]) -> None:
        self._answers = list(answers)

    def answer(self, cases: Sequence[Case]) -> list[Answer | None]:
        return self._answers


def test_rates_follow_from_the_counts(kb: KnowledgeBase, vocabulary: Vocabulary) -> None:
    told = [
        (_case("AKT1", "Gene", "ncbigene:207", document="1"), "hgnc:1"),
        (_case("AKT1", "Gene", "ncbigene:207", document="1"), "fplx:AKT"),
        (_case("AKT2", "Gene", "ncbigene:208", document="2"), None),
        (_case("Akt1", "Gene", "ncbigene:11651", document="2"), "hgnc:1"),
        (_case("gene", "Gene", document="2"), None),
        (_case("cisplatin", "Drug", "mesh:D002945", document="3"), "drugbank:1"),
        (_case("lung cancer", "Cancer", "mesh:D001943", document="3"), "DOID:2"),
    ]
    answers = [None if a is None else _answer(kb, a) for _, a in told]
    (result,) = evaluate_linking("own", [c for c, _ in told], [Scripted(answers)], vocabulary, samples=200)
    every, gene = result.scores[ALL], result.scores["Gene"]
    assert (every.mentions, every.expressible, every.right, every.broader, every.wrong) == (7, 5, 2, 1, 1)
    assert every.coverage == pytest.approx(5 / 7)
    assert every.accuracy == pytest.approx(2 / 5)
    assert every.precision == pytest.approx(2 / 4)
    assert (every.abstention, every.nil_precision, every.nil_recall) == (1 / 5, 1 / 2, 1 / 2)
    assert (every.namesakes, every.false, every.nil) == (1, 0, 1)
    assert (gene.mentions, gene.accuracy) == (5, pytest.approx(1 / 3))
    assert every.interval is not None
    assert every.interval[0] <= 2 / 5 <= every.interval[1]
    assert result.calibration is not None
    assert result.calibration.predictions == 5
    assert [miss.outcome for miss in result.misses] == ["broader", "abstained", "namesake", "wrong"]
    assert next(iter(result.scores)) == ALL


_KNOWN = st.sampled_from(["ncbigene:207", "ncbigene:208", "ncbigene:11651"])
_SAID = st.sampled_from([None, "hgnc:1", "hgnc:2", "fplx:AKT"])


@given(st.lists(st.tuples(st.lists(_KNOWN, max_size=2), _SAID, st.integers(0, 3)), min_size=1, max_size=12))
def test_every_mention_has_one_outcome_and_rates_stay_in_range(
    kb: KnowledgeBase, vocabulary: Vocabulary, drawn: list[tuple[list[str], str | None, int]]
) -> None:
    cases = [_case("Akt1", "Gene", *gold, document=str(document)) for gold, _, document in drawn]
    answers = [None if said is None else _answer(kb, said) for _, said, _ in drawn]
    (result,) = evaluate_linking("own", cases, [Scripted(answers)], vocabulary, samples=50)
    score = result.scores[ALL]
    assert score.expressible + score.nil + score.namesakes + score.false == score.mentions == len(drawn)
    for name, value in score.to_dict().items():
        if isinstance(value, float):
            assert 0.0 <= value <= 1.0, name


def test_nothing_to_link_is_refused(vocabulary: Vocabulary) -> None:
    with pytest.raises(EvaluationError, match="no mentions"):
        evaluate_linking("own", [], [], vocabulary)


def test_wilson_interval_agrees_with_the_published_example() -> None:
    low, high = wilson(81, 263) or (0.0, 0.0)  # Newcombe 1998, table I
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 0) is None
    assert (wilson(0, 10) or (1,))[0] == 0.0


def test_exact_match_folds_names_and_respects_types(kb: KnowledgeBase) -> None:
    cases = [
        _case("Cis-Platinum", "Drug"),
        _case("cisplatin", "Gene"),
        _case("BC", "Cancer", expansions={"BC": "breast cancer"}),
        _case("unheard of", "Drug"),
    ]
    found = [a and a.concept.concept_id for a in ExactMatch(kb).answer(cases)]
    assert found == ["drugbank:1", None, "DOID:1", None]


def test_ours_is_the_linker_itself(kb: KnowledgeBase) -> None:
    linker = Linker(kb)
    (answer, nothing) = Ours(linker).answer([_case("AKT1", "Gene"), _case("unheard of", "Drug")])
    assert answer is not None
    assert (answer.concept.concept_id, answer.score) == ("hgnc:1", linker.link("AKT1", "Gene")[0].score)
    assert nothing is None


def _many_names(tmp_path: Path) -> KnowledgeBase:
    rng = np.random.default_rng(5)
    names = sorted({"".join(rng.choice(list("abcde"), size=9)) for _ in range(400)})
    concepts = tuple(Concept(f"CHEBI:{n:04}", name, "Drug" if n % 2 else "Gene") for n, name in enumerate(names))
    write(tmp_path, concepts, [(fold(c.name), pack(r, c.type, NAME)) for r, c in enumerate(concepts)], {}, {})
    return KnowledgeBase.load(tmp_path)


def test_scispacy_generator_over_our_names(tmp_path: Path) -> None:
    kb = _many_names(tmp_path)
    candidates = ScispacyCandidates(kb)
    names = [kb.row(row).name for row in range(0, len(kb), 7)]
    untyped = Scispacy(candidates, typed=False)
    exact = untyped.answer([_case(name, "Drug") for name in names])
    assert [a and a.concept.name for a in exact] == names
    assert all(a is not None and a.score == pytest.approx(1.0, abs=1e-5) for a in exact)
    typed = Scispacy(candidates, typed=True).answer([_case(name, "Gene") for name in names])
    assert {a.concept.type for a in typed if a is not None} == {"Gene"}
    assert untyped.answer([_case("zzzz", "Drug")]) == [None]
    long = untyped.answer([_case("XY", "Drug", expansions={"XY": names[3]})])[0]
    assert long is not None
    assert long.concept.name == names[3]


def test_exact_neighbours_are_those_of_the_index_scispacy_would_build(tmp_path: Path) -> None:
    nmslib = pytest.importorskip("nmslib")
    from sklearn.feature_extraction.text import TfidfVectorizer

    kb = _many_names(tmp_path)
    names = [kb.row(row).name for row in range(len(kb))]
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3), min_df=10, dtype=np.float32)
    vectors = vectorizer.fit_transform(names)
    index = nmslib.init(method="hnsw", space="cosinesimil_sparse", data_type=nmslib.DataType.SPARSE_VECTOR)
    index.addDataPointBatch(vectors)
    index.createIndex({"M": 50, "efConstruction": 500, "post": 0, "indexThreadQty": 1})
    index.setQueryTimeParams({"efSearch": 500})
    queries = vectorizer.transform([f"{name}x" for name in names[:40]])
    ours, theirs = ExactNeighbours(vectors).knnQueryBatch(queries, 5), index.knnQueryBatch(queries, k=5)
    for (_, distances), (_, approximate) in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(distances, approximate, atol=1e-4)


def test_neighbours_cut_ties_by_row() -> None:
    from scipy.sparse import csr_matrix

    same = csr_matrix(np.ones((9, 1), dtype=np.float32))
    ((rows, distances),) = ExactNeighbours(same).knnQueryBatch(same[0], 4)
    assert rows.tolist() == [0, 1, 2, 3]
    assert distances.tolist() == [0.0] * 4


def _corpus(folder: Path, name: str, records: list[dict]) -> None:
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress(lines.encode()))


def test_corpus_cases(tmp_path: Path) -> None:
    text = "Breast cancer (BC) and cisplatin."
    entities = [
        {"id": "1", "start": 0, "end": 13, "text": "Breast cancer", "type": "Disease", "norm": ["D001943"]},
        {"id": "2", "start": 23, "end": 32, "text": "cisplatin", "type": "Chemical", "norm": []},
        {"id": "3", "start": 0, "end": 1, "text": "B", "type": "Species", "norm": ["9606"]},
    ]
    record = {"id": "7", "split": "dev", "title": None, "text": text, "entities": entities}
    _corpus(tmp_path, "bc5cdr", [record, record | {"id": "8", "split": "test"}])
    disease, chemical = corpus_cases(tmp_path, "bc5cdr", "dev", _expand)
    assert (disease.types, disease.gold, disease.document) == (("Cancer",), ("mesh:d001943",), "7")
    assert (disease.context, disease.expansions) == (text, {"BC": "breast cancer"})
    assert (chemical.types, chemical.gold) == (("Drug",), ())
    with pytest.raises(EvaluationError, match="no mentions in its split 'train'"):
        corpus_cases(tmp_path, "bc5cdr", "train", _expand)
    with pytest.raises(EvaluationError, match="unknown corpus"):
        corpus_cases(tmp_path, "pubmed", "dev", _expand)
    with pytest.raises(EvaluationError, match="cannot be read"):
        corpus_cases(tmp_path, "biored", "dev", _expand)


def _sample(tmp_path: Path, **changes) -> tuple[Path, Path]:
    title, abstract = "Cisplatin.", "AKT1 acts."
    text = f"{title} {abstract}"
    line = {
        "pmid": "5", "source": "x", "sha256": hashlib.sha256(text.encode()).hexdigest(), "start": 11, "end": 15,
        "type": "Gene", "expected": ["hgnc:1"], "checked": "first",
    }  # fmt: skip
    (tmp_path / "sample.jsonl").write_text(json.dumps(line | changes) + "\n", encoding="utf-8")
    _corpus(tmp_path, "texts", [{"pmid": "5", "title": title, "abstract": abstract}, {"pmid": "6", "text": "Other."}])
    return tmp_path / "sample.jsonl", tmp_path / "texts.jsonl.gz"


def test_sample_lines_find_their_text(tmp_path: Path) -> None:
    path, texts = _sample(tmp_path)
    (case,) = sample_cases(path, [texts], _expand)
    assert (case.surface, case.types, case.gold, case.document) == ("AKT1", ("Gene",), ("hgnc:1",), "5")
    assert case.context.startswith("Cisplatin.")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": "0" * 64}, "not in the text files"),
        ({"type": "Protein"}, "no mention of a text"),
        ({"end": 400}, "no mention of a text"),
        ({"expected": None}, "broken line"),
        ({"start": None}, "broken line"),
        ({"checked": None}, "no checked mention"),
    ],
)
def test_broken_sample_lines_are_refused(tmp_path: Path, changes: dict, message: str) -> None:
    path, texts = _sample(tmp_path, **changes)
    with pytest.raises(EvaluationError, match=message):
        sample_cases(path, [texts], _expand)


def test_abbreviations_are_those_of_the_pipeline() -> None:
    text = "Resistance in lung. Epithelial-mesenchymal transition (EMT) is driven by γ-secretase inhibitor (GSI)."
    found = pipeline_expander()(text, 19)
    assert found["EMT"].lower() == "epithelial-mesenchymal transition"
    assert found["GSI"] == "γ-secretase inhibitor"


def test_report_in_its_three_forms(kb: KnowledgeBase, vocabulary: Vocabulary) -> None:
    cases = [
        _case("AKT1", "Gene", "ncbigene:207"),
        _case("lung cancer", "Cancer", "mesh:D008175"),
        _case("zzz", "Cancer", "mesh:D1"),
    ]
    systems = [Ours(Linker(kb)), ExactMatch(kb)]
    results = [
        r for source in ("biored", REVIEW, "sample") for r in evaluate_linking(source, cases, systems, vocabulary)
    ]
    report = LinkingReport("python it.py", kb.digest, "dev", tuple(results))
    markdown = report.to_markdown()
    assert "`python it.py`" in markdown
    assert "| biored | all | 3 | 66.7 |" in markdown
    assert "ECE" in markdown
    values = json.loads(json.dumps(report.to_dict()))
    assert values["results"][0]["scores"][ALL]["accuracy"] == 1.0
    titles = [title for title, _, _ in report.grids()]
    assert Counter(len(columns) == len(row) for _, columns, rows in report.grids() for row in rows).keys() == {True}
    assert [str(table.title) for table in report.tables()] == titles
    assert len(titles) == 5


@pytest.fixture(scope="module")
def command() -> Typer:
    spec = importlib.util.spec_from_file_location("benchmark_linking", REPO / "scripts" / "benchmark_linking.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    app = Typer()
    app.command()(module.main)
    return app


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "pubmed"], "nothing is called pubmed"),
        (["--split", "test", "--errors", "errors.tsv"], "errors of the test split stay unread"),
    ],
)
def test_command_refuses(command: Typer, arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert not Path("errors.tsv").exists()


def test_command_names_a_missing_corpus(command: Typer, tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["--only", REVIEW, "--shared", str(tmp_path)])
    assert result.exit_code == 1
    assert "no table of the review's entities" in result.output


@pytest.mark.shared
def test_command_measures_the_review_and_the_sample(command: Typer, shared: Path, tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("json", "markdown", "errors")}
    options = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    result = CliRunner().invoke(
        command, ["--only", REVIEW, "--only", "sample", "--no-scispacy", "--shared", str(shared), *options]
    )
    assert result.exit_code == 0, result.output
    values = json.loads(files["json"].read_text(encoding="utf-8"))
    measured = {(r["source"], r["system"]): r["scores"][ALL] for r in values["results"]}
    review, exact = measured[REVIEW, "minecsc"], measured[REVIEW, "exact match"]
    assert review["mentions"] == 550
    assert review["accuracy"] > exact["accuracy"]
    assert measured["sample", "minecsc"]["mentions"] == 300
    assert str(shared) not in files["markdown"].read_text(encoding="utf-8")
    misses = files["errors"].read_text(encoding="utf-8").splitlines()[1:]
    assert {line.split("\t")[0] for line in misses} == {REVIEW}


@pytest.mark.shared
def test_every_corpus_can_be_read(shared: Path) -> None:
    for corpus in CORPORA:
        for split in ("dev", "train"):
            cases = corpus_cases(shared / "corpora", corpus, split, lambda _text, _end: {})
            assert len(cases) > 10
            assert sum(bool(case.gold) for case in cases) > 0.8 * len(cases)
    assert len(review_cases(shared / "review" / "seed_entities.tsv")) == 550
