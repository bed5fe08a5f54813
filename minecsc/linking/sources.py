"""Readers of the vocabularies: each turns rows of one lexicon into typed entries with graded names.

Only vocabularies that may be redistributed have a reader here; see ``data/sources.tsv``.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Final

from minecsc.errors import KnowledgeBaseError
from minecsc.linking.layout import NAME, OFFICIAL, REVIEW, SYNONYM, WEAK
from minecsc.linking.lexicon import MAX_NAME, Entry, Row, names_of, plain, rows, split_cell
from minecsc.schema import EntityType


def hgnc(folder: Path) -> Iterator[Entry]:
    """Human genes; pseudogenes keep their symbol and full name only, since their aliases are the gene's."""
    for row in rows(folder, "hgnc"):
        names = names_of(row, NAME, lambda i, _s: OFFICIAL if i == 0 else SYNONYM)
        if row.type == "pseudogene":
            names = names[:2]
        xrefs = [x for x in row.xrefs if not x.startswith("hgnc.genegroup:")]
        parents = [x for x in row.xrefs if x.startswith("hgnc.genegroup:")]
        yield Entry(row.id, "Gene", names, xrefs, parents)


def ncbigene(folder: Path) -> Iterator[Entry]:
    """Protein names of NCBI Gene, for the HGNC gene they refer to."""
    for row in rows(folder, "ncbigene"):
        target = [x for x in row.xrefs if x.startswith("hgnc:")]
        if target:
            yield Entry(target[0], "Gene", [(s, SYNONYM) for s in row.synonyms if len(s) <= MAX_NAME], [row.id])


def famplex(folder: Path) -> Iterator[Entry]:
    """Protein families and complexes; their names are hand-made and outrank gene aliases."""
    for row in rows(folder, "famplex"):
        if row.id.count("_") >= 5:
            continue
        entry = plain(row, "Gene", OFFICIAL)
        entry.names = [(n.replace("_", " "), t) for n, t in entry.names if not re.fullmatch(r"[FC]\d{4}", n)]
        entry.xrefs = [x for x in entry.xrefs if not x.startswith("GO:")]
        yield entry


def famplex_relations(folder: Path) -> Iterator[tuple[str, str]]:
    """(child id, parent id) of FamPlex."""
    path = folder / "famplex_relations.tsv.gz"
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            next(stream)
            for line in stream:
                child, _, _, parent = line.rstrip("\n").split("\t")
                if child.startswith(("hgnc:", "fplx:")):
                    yield child, parent
    except (OSError, ValueError) as error:
        raise KnowledgeBaseError(f"cannot read lexicon {path}: {error}") from error


def genegroup(folder: Path) -> Iterator[Entry]:
    for row in rows(folder, "hgnc_genegroup"):
        yield plain(row, "Gene")


def mirbase(folder: Path) -> Iterator[Entry]:
    """MicroRNA hairpins (as their HGNC gene where there is one), mature forms and families."""
    hairpin: dict[str, str] = {}
    later: list[Row] = []
    for row in rows(folder, "mirbase"):
        if row.type != "mirna":
            later.append(row)
            continue
        gene = [x for x in row.xrefs if x.startswith("hgnc:")]
        target = gene[0] if gene else row.id
        hairpin.setdefault(row.name.lower().removeprefix("hsa-"), target)
        short = row.name.removeprefix("hsa-")
        names = [(row.name, SYNONYM), (short, OFFICIAL)]
        names += [(s, OFFICIAL if s.lower() == short.lower() else WEAK) for s in row.synonyms]
        yield Entry(target, "Gene", names, [row.id])
    for row in later:
        short = row.name.removeprefix("hsa-")
        if row.type == "mirna_family":
            names = [(f"{row.name} family", NAME), (row.name, WEAK), *((s, WEAK) for s in row.synonyms)]
            yield Entry(row.id, "Gene", names)
            continue
        stem = re.sub(r"-[35]p$", "", short.lower())
        parents = [hairpin[s] for s in (stem, f"{stem}-1", f"{stem}-2") if s in hairpin]
        names = [(row.name, NAME), (short, OFFICIAL)]
        names += [(s.removeprefix("hsa-"), SYNONYM) for s in row.synonyms if not s.endswith("*")]
        yield Entry(row.id, "Gene", names, parents=parents)


def drugbank(folder: Path) -> Iterator[Entry]:
    for row in rows(folder, "drugbank"):
        yield plain(row, "Drug")


def repurposing_hub(folder: Path) -> Iterator[Entry]:
    for row in rows(folder, "repurposing_hub"):
        yield plain(row, "Drug")


def mechanisms_of_action(folder: Path) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """(drug id, drug classes, target symbols) of the Drug Repurposing Hub."""
    path = folder / "repurposing_hub_moa.tsv.gz"
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            next(stream)
            for line in stream:
                id_, _, _, moa, targets, _ = line.rstrip("\n").split("\t")
                yield id_, split_cell(moa), split_cell(targets)
    except (OSError, ValueError) as error:
        raise KnowledgeBaseError(f"cannot read lexicon {path}: {error}") from error


def chebi(folder: Path) -> Iterator[Entry]:
    """Chemical entities; systematic names too long to be written in running text are left out."""
    for row in rows(folder, "chebi"):
        if len(row.name) <= 60:
            yield plain(row, "Chemical")


_MESH_TYPES: Final[tuple[tuple[str, EntityType], ...]] = (
    ("C04.697", "Process"),
    ("C04.834", "Process"),
    ("C04", "Cancer"),
    ("D12.776", "Gene"),
    ("D08.811", "Gene"),
    ("D08.622", "Gene"),
    ("D12.644.276", "Gene"),
    ("D23.529", "Gene"),
    ("D23.050.301", "Gene"),
    ("D23.101", "Gene"),
    ("D13.444.735", "Gene"),
    ("D27.505", "Drug"),
    ("D27.720.799", "Drug"),
    ("D", "Chemical"),
    ("A11.284", "Process"),
    ("A11", "Cell"),
    ("A15.378", "Cell"),
    ("A15.145.229", "Cell"),
    ("E02", "Drug"),
    ("E04.936", "Drug"),
    ("E05.393.420", "Process"),
    ("E05.041.124", "Process"),
    ("G01.750.250", "Drug"),
    ("G01.750.750", "Drug"),
    ("G", "Process"),
    ("C23.550", "Process"),
    ("C23.888.852", "Process"),
    ("C06.552.630", "Process"),
    ("E01.789", "Process"),
)
_MESH_SKIP = ("G16.", "G17.", "G13.", "G09.188", "C23.888.5", "E02.183.3", "E02.760", "G03.85")


def mesh_type(trees: list[str], name: str) -> EntityType | None:
    """Entity type of a MeSH descriptor by its tree numbers, or None where it is of no use here."""
    useful = [t for t in trees if not t.startswith(_MESH_SKIP)]
    for prefix, type_ in _MESH_TYPES:
        if any(t == prefix or t.startswith(prefix if len(prefix) == 1 else f"{prefix}.") for t in useful):
            if type_ == "Process" and any(t.startswith("G") for t in useful) and name.startswith("Signal Transduction"):
                return "Pathway"
            return type_
    return None


def mesh(folder: Path) -> Iterator[Entry]:
    """MeSH descriptors of the branches that hold our entity types, with their tree parents."""
    kept: dict[str, str] = {}
    found: list[tuple[Row, EntityType, list[str]]] = []
    for row in rows(folder, "mesh"):
        trees = [x.removeprefix("mesh.tree:") for x in row.xrefs if x.startswith("mesh.tree:")]
        type_ = mesh_type(trees, row.name)
        if type_ is not None:
            found.append((row, type_, trees))
            kept.update((t, row.id) for t in trees)
    for row, type_, trees in found:
        parents = [kept[up] for t in trees if (up := t.rpartition(".")[0]) in kept]
        parents += [f"mesh:{x.rpartition(':')[2]}" for x in row.xrefs if x.startswith("mesh.pharmaction:")]
        entry = plain(row, type_)
        entry.xrefs = []
        entry.parents = list(dict.fromkeys(parents))
        names = [n for n, _ in entry.names]
        if names[0].count(", ") in (1, 2):
            natural = " ".join(reversed(names[0].split(", ")))
            entry.names.insert(1, (natural, OFFICIAL))
        yield entry


def mesh_supplementary(folder: Path) -> Iterator[Entry]:
    """MeSH supplementary chemicals: only those that another vocabulary also has; they add a name to it."""
    for row in rows(folder, "mesh_supp"):
        if any(x.startswith(("CHEBI:", "pubchem.compound:")) for x in row.xrefs) and len(row.name) <= 60:
            yield plain(row, "Chemical")


_NEOPLASTIC = re.compile(
    r"neoplas|cancer|carcinom|sarcom|lymphom|leuk|tumou?r|myelom|gliom|blastom|melanom|myelodysplas|myeloproliferat"
    r"|mastocyt|polyposis|adenom|polycythemia vera|thrombocythemia|myelofibrosis|histiocytosis|barrett|hamartoma"
    r"|neurofibromatosis|li-fraumeni|lynch|macroglobulinemia|malignan|germinoma|thymoma|mesotheliom|cytoma",
    re.IGNORECASE,
)
_NOT_CANCER = re.compile(r"pseudotumor|leukocyte|leukoplakia|leukopenia|leukodystrophy|leukoenceph|leukomalacia", re.I)


_BENIGN = re.compile(r"\bbenign\b", re.IGNORECASE)


def _is_cancer(row: Row) -> bool:
    if row.name.startswith("obsolete") or len(row.name) > MAX_NAME:
        return False
    return row.type == "cancer" or bool(_NEOPLASTIC.search(row.name) and not _NOT_CANCER.search(row.name))


def _cancers(lexicon: str) -> Callable[[Path], Iterator[Entry]]:
    def read(folder: Path) -> Iterator[Entry]:
        for row in rows(folder, lexicon):
            if _is_cancer(row):
                entry = plain(row, "Cancer")
                if _BENIGN.search(row.name):  # Mondo maps headings to it that MeSH uses for the malignant ones too
                    entry.xrefs = [x for x in entry.xrefs if not x.startswith("mesh:")]
                    entry.names = [p for i, p in enumerate(entry.names) if i == 0 or _BENIGN.search(p[0])]
                yield entry

    return read


def oncotree(folder: Path) -> Iterator[Entry]:
    """OncoTree names; its codes (BRCA, GB) are left out: they are other things in running text."""
    for row in rows(folder, "oncotree"):
        if _NEOPLASTIC.search(row.name):  # the upper levels of the tree are bare sites
            yield Entry(row.id, "Cancer", [(row.name, NAME)], [x for x in row.xrefs if x.startswith("ncit:")])


_STEM_POPULATION = re.compile(r"(cancer|leuk[ae]mic|glioma|glioblastoma|tumou?r) .*(stem|initiating)|GBM stem", re.I)
_CELL_WORD = re.compile(
    r"cell|blast|cyte|phage|neuron|glia|platelet|thelium|exosome|\bline\b|fibroblast|progenitor|sphere|tumou?r", re.I
)
_NOT_CELL = re.compile(r"culture condition|plant|protoplast|leaf|root|spore|callus|-grown|suspension|bacter|fung", re.I)


_LINE_NAME = re.compile(r"^((?=\S*\d)(?=\S*[A-Z])\S{3,}(?: \d+(?:\.\d+)?)?) cell$")


def cl(folder: Path) -> Iterator[Entry]:
    for row in rows(folder, "cl"):
        yield plain(row, "Cell")


def bto(folder: Path) -> Iterator[Entry]:
    """Cells of the BRENDA Tissue Ontology; tissues and plants left out, cancer stem cells typed CSC."""
    for row in rows(folder, "bto"):
        if _CELL_WORD.search(row.name) and not _NOT_CELL.search(row.name):
            entry = plain(row, "CSC" if _STEM_POPULATION.search(row.name) else "Cell")
            entry.names += [(m.group(1), SYNONYM) for n, _ in entry.names if (m := _LINE_NAME.match(n))]
            yield entry


def ncit_cell(folder: Path) -> Iterator[Entry]:
    for row in rows(folder, "ncit_cell"):
        yield plain(row, "Cell")


_CLASSIC = re.compile(r"cellosaurus:CVCL_[0-3]\d{3}$")
_CLASSIC_OTHER = re.compile(r"cellosaurus:CVCL_0\d{3}$")
_RESISTANT_LINE = re.compile(
    r"^(A549|MCF-?7|K-?562|SK-?OV-?3|A2780|HL-?60|HCT-?116|HepG2|PC-?9|SGC-?7901|HT-?29|H1975|NCI-H\d+)"
    r"[/-]?(DDP|CDDP|CIS|ADR|ADM|DOX|TAX|PTX|5-?FU|VCR|OR|GR|ER|G01|DTX|MX|R|L-OHP)\d*$",
    re.I,
)


def cellosaurus(folder: Path) -> Iterator[Entry]:
    """Cell lines in common use: those with a DepMap or OncoTree link, old accession numbers (numeric, below
    CVCL_4000 for human lines and CVCL_1000 for the rest: the lines collected first), resistant derivatives of
    a dozen classic lines.
    """
    for lexicon, classic in (("cellosaurus_human", _CLASSIC), ("cellosaurus_other", _CLASSIC_OTHER)):
        for row in rows(folder, lexicon):
            linked = any(x.startswith(("depmap:", "oncotree:")) for x in row.xrefs)
            if linked or classic.fullmatch(row.id) or _RESISTANT_LINE.match(row.name):
                entry = plain(row, "Cell")
                entry.names = [(n, WEAK if len(n) < 3 or n.isdigit() else t) for n, t in entry.names]
                entry.names = [entry.names[0], *(p for p in entry.names[1:] if not p[0].isdigit())]
                entry.parents = [x for x in entry.xrefs if x.startswith("oncotree:")]
                entry.xrefs = [x for x in entry.xrefs if x.startswith("depmap:")]
                yield entry


def depmap(folder: Path) -> Iterator[Entry]:
    """Cancer models of DepMap, as the Cellosaurus line they name, with the cancer they come from as parent."""
    for row in rows(folder, "depmap"):
        line = [x for x in row.xrefs if x.startswith("cellosaurus:")]
        names = [(n, SYNONYM) for n in (row.name, *row.synonyms) if len(n) >= 3 and not n.isdigit()]
        if names:
            parents = [x for x in row.xrefs if x.startswith("oncotree:")]
            yield Entry(line[0] if line else row.id, "Cell", names, [row.id] if line else [], parents)


_SIGNALING = re.compile(r"signall?ing|\bcascade\b|signal transduction|\bpathway$", re.I)
_GO_SKIP = re.compile(r"\binvolved in\b|^(positive |negative )?regulation of |^obsolete ", re.I)


def go_bp(folder: Path) -> Iterator[Entry]:
    """GO processes; regulation and 'involved in' terms left out, signalling terms typed Pathway."""
    for row in rows(folder, "go_bp"):
        if not _GO_SKIP.search(row.name) and len(row.name) <= MAX_NAME:
            yield plain(row, "Pathway" if _SIGNALING.search(row.name) else "Process")


def reactome(folder: Path) -> Iterator[Entry]:
    """Human Reactome pathways; the lexicon's cross-references are parents."""
    for row in rows(folder, "reactome"):
        yield Entry(row.id, "Pathway", names_of(row, NAME, lambda _i, _s: SYNONYM), [], list(row.xrefs))


def wikipathways(folder: Path) -> Iterator[Entry]:
    for row in rows(folder, "wikipathways"):
        yield Entry(row.id, "Pathway", [(row.name, NAME)])


def hallmark(folder: Path) -> Iterator[Entry]:
    """MSigDB hallmark sets only: the KEGG, BioCarta and PID sets carry terms of their own."""
    for row in rows(folder, "msigdb_pathway"):
        if row.name.startswith("HALLMARK_"):
            words = row.name.removeprefix("HALLMARK_").replace("_", " ").lower()
            yield Entry(row.id, "Pathway", [(words, SYNONYM)])


_SEED_TYPES: Final[MappingProxyType[str, EntityType]] = MappingProxyType(
    {
        "drug": "Drug", "gene": "Gene", "gene_family": "Gene", "cytokine": "Gene", "mirna": "Gene",
        "pathway": "Pathway", "process": "Process", "anatomy": "Process", "cell_state": "CSC",
        "marker_phenotype": "CSC", "cell_type": "Cell", "cancer": "Cancer",
    }
)  # fmt: skip
_SEED_SKIP = ("atc:", "chembl.compound:", "pid.pathway:", "clinicaltrials:", "kegg.pathway:", "UBERON:")


def seed(folder: Path) -> Iterator[Entry]:
    """The entities that the seed review names; their names keep a tier of their own so that tests can mask them."""
    for row in rows(folder, "minecsc_seed"):
        type_ = _SEED_TYPES.get(row.type)
        if type_ is None or row.id.startswith(_SEED_SKIP):
            continue
        names = [(n, REVIEW) for n in (row.name, *row.synonyms) if n not in {"iota", "TCF4 (LIN28/TCF4)"}]
        yield Entry(row.id, type_, names)


SOURCES: Final[tuple[tuple[str, Callable[[Path], Iterator[Entry]]], ...]] = (
    ("hgnc", hgnc),
    ("ncbigene", ncbigene),
    ("famplex", famplex),
    ("hgnc_genegroup", genegroup),
    ("mirbase", mirbase),
    ("drugbank", drugbank),
    ("chebi", chebi),
    ("doid", _cancers("doid")),
    ("mondo", _cancers("mondo")),
    ("ncit_disease", _cancers("ncit_disease")),
    ("oncotree", oncotree),
    ("cl", cl),
    ("cellosaurus", cellosaurus),
    ("depmap", depmap),
    ("bto", bto),
    ("go_bp", go_bp),
    ("mesh", mesh),
    ("ncit_cell", ncit_cell),
    ("mesh_supp", mesh_supplementary),
    ("repurposing_hub", repurposing_hub),
    ("reactome", reactome),
    ("wikipathways", wikipathways),
    ("msigdb_pathway", hallmark),
    ("minecsc_seed", seed),
)
"""Readers in the order of priority: an entry joins a concept of an earlier vocabulary, never the reverse."""
