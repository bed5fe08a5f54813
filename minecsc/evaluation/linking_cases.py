"""Mentions with the identifiers that they should get: from public corpora, from the seed review, from our sample."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from minecsc.errors import EvaluationError
from minecsc.schema import ENTITY_TYPES, EntityType

Split = Literal["train", "dev", "test"]
Expander = Callable[[str, int | None], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Corpus:
    """file: name without ``.jsonl.gz``; kinds: its mention type → (type we give the linker, prefix of a bare id)."""

    file: str
    kinds: Mapping[str, tuple[EntityType, str]]


CORPORA: Final[Mapping[str, Corpus]] = MappingProxyType(
    {
        "bc5cdr": Corpus("bc5cdr", {"Chemical": ("Drug", "mesh"), "Disease": ("Cancer", "mesh")}),
        "biored": Corpus(
            "biored",
            {
                "GeneOrGeneProduct": ("Gene", "ncbigene"),
                "DiseaseOrPhenotypicFeature": ("Cancer", "mesh"),
                "ChemicalEntity": ("Drug", "mesh"),
                "CellLine": ("Cell", "cellosaurus"),
            },
        ),
        "ncbi_disease": Corpus(
            "ncbi_disease",
            dict.fromkeys(("SpecificDisease", "DiseaseClass", "Modifier", "CompositeMention"), ("Cancer", "mesh")),
        ),
        "nlm_gene": Corpus("nlm_gene", {"Gene": ("Gene", "ncbigene")}),
        "nlm_gene_families": Corpus("nlm_gene", {"FamilyName": ("Gene", "ncbigene")}),
        "gnormplus": Corpus("gnormplus", {"Gene": ("Gene", "ncbigene")}),
    }
)
"""What is read of the public corpora, by the name it is reported under.

Families stand apart: NLM-Gene names their members, where a linker with concepts for families answers the family
(counted as broader). Left out: types we have no entity type for, and families in GNormPlus, which have no ids.
"""

_WITHOUT_DEV = ("nlm_gene", "gnormplus")
_DEV_SHARE = 5
_SEVERAL = re.compile(r"[|;,+]")
_SPECIES = re.compile(r"\([^)]*\)")
_NONE = frozenset({"", "-", "-1", "none", "null"})

REVIEW_TYPES: Final[Mapping[str, tuple[EntityType, ...]]] = MappingProxyType(
    {
        "drug": ("Drug", "Chemical"), "gene": ("Gene",), "gene_family": ("Gene",), "cytokine": ("Gene",),
        "mirna": ("Gene",), "pathway": ("Pathway",), "process": ("Process",), "anatomy": ("Process",),
        "cell_state": ("CSC", "Cell", "Process"), "marker_phenotype": ("CSC", "Gene"),
        "cell_type": ("Cell", "Drug"), "cancer": ("Cancer",),
    }
)  # fmt: skip
"""Type in the seed review's table → our types, tried in this order (trials are no entities of ours)."""


@dataclass(frozen=True, slots=True)
class Case:
    """A mention to link. gold: CURIEs of which any is right, empty for NIL; group: the type it is reported under.

    types: entity types to try in this order, most often one; expansions: short → long form in the document.
    typed_gold: whether gold counts only where its concept has a type that the mention may have: a disease that is no
    neoplasm is nothing to a linker of cancers, whatever else carries its identifier.
    """

    document: str
    group: str
    surface: str
    types: tuple[EntityType, ...]
    gold: tuple[str, ...]
    context: str = ""
    expansions: Mapping[str, str] = field(default_factory=dict)
    typed_gold: bool = False


def normal_curie(curie: str) -> str:
    """Form in which identifiers are compared: no blanks, lower case."""
    return curie.strip().lower()


def gold_ids(norm: Sequence[str], vocabulary: str) -> tuple[str, ...]:
    """CURIEs of a corpus' identifier field: parts divided, species notes taken off, a prefix where it has none."""
    out: dict[str, None] = {}
    for cell in norm:
        for part in _SEVERAL.split(_SPECIES.sub("", cell)):
            if (bare := part.strip()).lower() not in _NONE:
                out.setdefault(normal_curie(bare if ":" in bare else f"{vocabulary}:{bare}"))
    return tuple(out)


def in_split(corpus: str, document: str, official: str, split: Split) -> bool:
    """Whether a document belongs to a split; corpora without a dev set lend a fixed fifth of train, by hash of id."""
    if corpus not in _WITHOUT_DEV or official != "train":
        return official == split
    held_out = hashlib.blake2b(document.encode(), digest_size=8).digest()[-1] % _DEV_SHARE == 0
    return split == ("dev" if held_out else "train")


def corpus_cases(folder: Path, corpus: str, split: Split, expander: Expander) -> list[Case]:
    """The mentions of a corpus that we have a type for, in the order of the file.

    corpus: a key of :data:`CORPORA`; folder: holds its file; expander: text, end of its title → abbreviations.
    Raises EvaluationError for an unknown corpus, a file that cannot be read, or a split without documents.
    """
    if corpus not in CORPORA:
        raise EvaluationError(f"unknown corpus {corpus!r}; there are: {', '.join(CORPORA)}")
    file, kinds = CORPORA[corpus].file, CORPORA[corpus].kinds
    cases = []
    for record in _lines(folder / f"{file}.jsonl.gz"):
        document = str(record["id"])
        if not in_split(file, document, record["split"], split):
            continue
        text, title = record["text"], record.get("title") or ""
        expansions = expander(text, len(title) if text.startswith(title) else None)
        for entity in record["entities"]:
            if entity["type"] in kinds:
                type_, vocabulary = kinds[entity["type"]]
                gold = gold_ids(entity.get("norm") or (), vocabulary)
                cases.append(
                    Case(document, entity["type"], entity["text"], (type_,), gold, text, expansions, typed_gold=True)
                )
    if not cases:
        raise EvaluationError(f"{corpus} has no mentions in its split {split!r}")
    return cases


def review_cases(table: Path) -> list[Case]:
    """The entities that the seed review names, each a document of its own. Raises EvaluationError."""
    try:
        with table.open(encoding="utf-8") as stream:
            rows = [row for row in csv.DictReader(stream, delimiter="\t") if row["type"] in REVIEW_TYPES]
            return [
                Case(str(n), r["type"], r["seed_surface"], REVIEW_TYPES[r["type"]], (normal_curie(r["curie"]),))
                for n, r in enumerate(rows)
            ]
    except (OSError, KeyError) as error:
        raise EvaluationError(f"{table}: no table of the review's entities ({error!r})") from error


def sample_cases(sample: Path, texts: Sequence[Path], expander: Expander) -> list[Case]:
    """The hand-checked mentions: stand-off lines, their texts found by SHA-256 among ``texts``.

    A line has ``pmid, source, sha256, start, end, type, expected, checked``; expected lists acceptable concept
    ids, none for NIL. Lines that are not ``checked`` yet are left out. Raises EvaluationError for a broken line
    or a text that is not at hand.
    """
    lines = [line for line in _lines(sample) if line.get("checked")]
    wanted = {str(line.get("sha256")) for line in lines}
    found = {sha256: entry for path in texts for sha256, entry in _texts(path, wanted)}
    expanded: dict[str, Mapping[str, str]] = {}
    cases = []
    for line in lines:
        where = f"{sample.name}, PMID {line.get('pmid')}"
        try:
            sha256, start, end = line["sha256"], int(line["start"]), int(line["end"])
            type_, expected = line["type"], tuple(normal_curie(e) for e in line["expected"])
        except (KeyError, TypeError, ValueError) as error:
            raise EvaluationError(f"{where}: broken line ({error!r})") from error
        if sha256 not in found:
            raise EvaluationError(f"{where}: its text is not in the text files")
        text, title_end = found[sha256]
        if type_ not in ENTITY_TYPES or not 0 <= start < end <= len(text):
            raise EvaluationError(f"{where}: {type_!r} at {start}-{end} is no mention of a text of {len(text)}")
        if sha256 not in expanded:
            expanded[sha256] = expander(text, title_end)
        cases.append(Case(str(line["pmid"]), type_, text[start:end], (type_,), expected, text, expanded[sha256]))
    if not cases:
        raise EvaluationError(f"{sample}: no checked mention in it")
    return cases


def pipeline_expander() -> Expander:
    """Abbreviations as the extraction pipeline finds them: same tokens, same sentences, same component."""
    import spacy

    from minecsc.nlp import components  # noqa: F401  registers the factories
    from minecsc.nlp.tokenization import WordTokenizer

    nlp = spacy.blank("en")
    nlp.tokenizer = WordTokenizer(nlp.vocab)
    nlp.add_pipe("minecsc_sentences")
    nlp.add_pipe("minecsc_abbreviations")

    def expand(text: str, title_end: int | None) -> Mapping[str, str]:
        doc = nlp.make_doc(text)
        doc._.title_end = title_end
        for _, component in nlp.pipeline:
            doc = component(doc)
        return dict(doc._.expansions)

    return expand


def _texts(path: Path, wanted: set[str]) -> Iterator[tuple[str, tuple[str, int | None]]]:
    """(SHA-256, (text, end of its title)) of the wanted texts of a JSON-lines file."""
    for record in _lines(path):
        title, text = record.get("title") or "", record.get("text")
        if text is None:
            text = " ".join(part for part in (title, record.get("abstract")) if part)
        sha256 = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        if sha256 in wanted:
            yield sha256, (text, len(title) if title and text.startswith(title) else None)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    try:
                        yield json.loads(line)
                    except json.JSONDecodeError as error:
                        raise EvaluationError(f"{path.name}:{number}: not JSON ({error.msg})") from error
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path}: cannot be read ({error})") from error
