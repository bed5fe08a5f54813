"""Building the knowledge base: vocabularies in, one merged set of concepts and a look-up table out.

Deterministic: sources are read in a fixed order, every set is sorted before it is written.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from minecsc.errors import KnowledgeBaseError
from minecsc.linking import layout, mechanisms, normalize, sources
from minecsc.linking.card import write_card
from minecsc.linking.compose import pathway_core
from minecsc.linking.layout import CURATED, NAME, OFFICIAL, REVIEW, SYNONYM, WEAK, Concept
from minecsc.linking.lexicon import Entry, table, tidy
from minecsc.schema import ENTITY_TYPES, EntityType

fold = cache(normalize.fold)  # most names are folded three times during a build
DATA: Final = Path(__file__).resolve().parent / "data"
_GROUPS: Final[MappingProxyType[str, str]] = MappingProxyType(
    {
        "Drug": "chemical", "Chemical": "chemical", "Gene": "gene", "Pathway": "process", "Process": "process",
        "CSC": "cell", "Cell": "cell", "Cancer": "cancer",
    }
)  # fmt: skip
_JOIN_BY_NAME: Final = frozenset(
    {"chebi", "mesh", "mesh_supp", "repurposing_hub", "ncit_disease", "oncotree", "bto", "ncit_cell"}
)
_SHARED_KEYS = ("inchikey:", "cas:", "unii:", "pubchem.compound:")
_KEPT_XREFS = (
    "hgnc:", "ncbigene:", "uniprot:", "mirbase:", "fplx:", "hgnc.genegroup:", "drugbank:", "CHEBI:", "mesh:", "broad:",
    "cas:", "unii:", "pubchem.compound:", "DOID:", "mondo:", "ncit:", "oncotree:", "CL:", "BTO:", "cellosaurus:",
    "depmap:", "GO:", "reactome:", "wikipathways:", "msigdb:",
)  # fmt: skip


@dataclass(slots=True)
class _Draft:
    id: str
    type: EntityType
    names: dict[str, int]
    xrefs: dict[str, None] = field(default_factory=dict)
    parents: dict[str, None] = field(default_factory=dict)
    mechanism_class: str | None = None
    strategy_class: str | None = None
    genes: dict[str, None] = field(default_factory=dict)
    review: dict[str, None] = field(default_factory=dict)
    other_types: dict[tuple[str, EntityType], None] = field(default_factory=dict)


class Merger:
    """Collects entries into concepts; an entry joins an earlier one through its id, cross-references or name."""

    def __init__(self) -> None:
        self.drafts: dict[str, _Draft] = {}
        self.alias: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.by_name: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.by_preferred: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)

    def add(self, entry: Entry, source: str) -> None:
        """Add an entry, as part of an earlier concept where it is the same thing."""
        target = self._target(entry, source)
        self.counts[source]["rows"] += 1
        if target is None:
            if source in ("ncbigene", "mesh_supp"):
                return  # these only add names to what others have
            target = self.drafts[entry.id] = _Draft(entry.id, entry.type, {})
            self.counts[source]["concepts"] += 1
        self._extend(target, entry)

    def resolve(self, id_: str, group: str | None = None) -> str | None:
        """The concept id that stands for any known identifier; None where it is unknown or stands for several."""
        if id_ in self.drafts:
            return id_
        groups = (group,) if group else sorted(set(_GROUPS.values()))
        found = {c for g in groups for c in self.alias.get((g, id_), ())}
        return next(iter(found)) if len(found) == 1 else None

    def _target(self, entry: Entry, source: str) -> _Draft | None:
        if entry.id in self.drafts:
            return self.drafts[entry.id]
        group = _GROUPS[entry.type]
        own = f"{entry.id.partition(':')[0]}:"
        keys = [entry.id, *(x for x in entry.xrefs if not x.startswith(own))]
        for scope in ([entry.id], [k for k in keys if not k.startswith(_SHARED_KEYS)], keys):
            found = {
                c for key in scope for c in self.alias.get((group, key), ()) if key == entry.id or not c.startswith(own)
            }
            found |= {key for key in scope if key in self.drafts and _GROUPS[self.drafts[key].type] == group}
            if len(found) == 1:
                return self.drafts[found.pop()]
            if found and source in _JOIN_BY_NAME:
                found &= self.by_name.get((group, fold(entry.names[0][0])), set())
                if len(found) == 1:
                    return self.drafts[found.pop()]
        if source in _JOIN_BY_NAME:
            preferred = [fold(n) for i, (n, tier) in enumerate(entry.names[:2]) if i == 0 or tier == OFFICIAL]
            for key in preferred:
                for names in (self.by_preferred, self.by_name):
                    found = names.get((group, key), set())
                    if len(found) == 1 and len(key) >= 5:
                        return self.drafts[next(iter(found))]
        return None

    def _extend(self, draft: _Draft, entry: Entry) -> None:
        group = _GROUPS[draft.type]
        foreign = entry.id != draft.id and bool(draft.names)
        own = f"{entry.id.partition(':')[0]}:"
        if not foreign and entry.names:
            self.by_preferred[group, fold(tidy(entry.names[0][0]))].add(draft.id)
        for raw, tier in entry.names:
            name = tidy(raw)
            if not usable(name):
                continue
            if tier == REVIEW:
                draft.names.setdefault(name, REVIEW)
                draft.review.setdefault(name)
                continue
            if foreign and tier in (NAME, OFFICIAL):
                tier = SYNONYM
            draft.names[name] = min(tier, draft.names.get(name, WEAK))
            self.by_name[group, fold(name)].add(draft.id)
        for xref in (entry.id, *entry.xrefs):
            # a vocabulary's references within itself are near misses, not equals
            if xref != draft.id and (xref == entry.id or not xref.startswith(own)):
                draft.xrefs.setdefault(xref)
                self.alias[group, xref].add(draft.id)
        draft.parents.update(dict.fromkeys(entry.parents))
        draft.mechanism_class = draft.mechanism_class or entry.mechanism_class
        draft.strategy_class = draft.strategy_class or entry.strategy_class


_GENERIC = frozenset(
    (
        "protein gene cell factor receptor enzyme kinase ligand antigen complex treatment control group "
        "patient study human mouse rat tissue disease syndrome drug agent compound therapy inhibitor "
        "activator effect level expression and or the of in on to for with not a an other unknown none "
        "normal"
    ).split()
)


def usable(name: str) -> bool:
    """Whether a surface is worth storing: two characters or more with a letter among them, and not a generic word."""
    return len(name) >= 2 and len(fold(name)) >= 2 and any(c.isalpha() for c in name) and fold(name) not in _GENERIC


def _curated_entries() -> Iterable[Entry]:
    for row in table(DATA / "concepts.tsv"):
        names = [(row["name"], CURATED), *((s, CURATED) for s in row["synonyms"].split("|") if s)]
        if row["type"] not in ENTITY_TYPES:
            raise KnowledgeBaseError(f"concepts.tsv: unknown type {row['type']!r} of {row['id']}")
        yield Entry(
            row["id"],
            row["type"],  # type: ignore[arg-type]
            names,
            [x for x in row["xrefs"].split("|") if x],
            [p for p in row["parents"].split("|") if p],
            mechanism_class=row["mechanism_class"] or None,
            strategy_class=row["strategy_class"] or None,
        )


def _apply_aliases(merger: Merger) -> dict[str, list[list[Any]]]:
    """Curated names: unconditional ones become surfaces, those with context words become sense rules."""
    rules: dict[str, list[list[Any]]] = defaultdict(list)
    unknown = []
    for row in table(DATA / "aliases.tsv"):
        target = merger.resolve(row["id"], _GROUPS[row["type"]]) or merger.resolve(row["id"])
        if target is None:
            unknown.append(f"{row['surface']} ({row['id']})")
            continue
        for surface in row["surface"].split("|"):
            if row["context"]:
                rules[fold(surface)].append([row["type"], target, row["context"].split("|")])
            else:
                draft = merger.drafts[target]
                if row["type"] == draft.type:
                    draft.names[tidy(surface)] = CURATED
                else:
                    draft.other_types.setdefault((tidy(surface), row["type"]))  # type: ignore[arg-type]
    if unknown:
        raise KnowledgeBaseError(f"aliases.tsv: names of unknown concepts: {', '.join(unknown)}")
    return dict(rules)


def _apply_blocks(merger: Merger) -> None:
    for row in table(DATA / "blocked.tsv"):
        target = merger.resolve(row["id"])
        if target is None:
            raise KnowledgeBaseError(f"blocked.tsv: {row['surface']!r} points to unknown {row['id']}")
        key = fold(row["surface"])
        names = merger.drafts[target].names
        for name in [n for n in names if fold(n) == key]:
            del names[name]


def _apply_relations(merger: Merger, lexicons: Path) -> None:
    for child, parent in sources.famplex_relations(lexicons):
        child_id, parent_id = merger.resolve(child), merger.resolve(parent)
        if child_id and parent_id:
            merger.drafts[child_id].parents.setdefault(parent_id)
    symbols = {next(iter(d.names)): d.id for d in merger.drafts.values() if d.id.startswith("hgnc:") and d.names}
    classes: dict[str, str | None] = {}
    for drug, moas, targets in sources.mechanisms_of_action(lexicons):
        drug_id = merger.resolve(drug, "chemical")
        if drug_id is None:
            continue
        draft = merger.drafts[drug_id]
        draft.genes.update(dict.fromkeys(symbols[t] for t in targets if t in symbols))
        for moa in moas:
            if moa not in classes:
                classes[moa] = _drug_class(merger, moa)
            class_id = classes[moa]
            if class_id is not None and class_id != drug_id:
                draft.parents.setdefault(class_id)
            draft.strategy_class = draft.strategy_class or mechanisms.strategy_of_moa(moa)


def _drug_class(merger: Merger, moa: str) -> str | None:
    found = {c for c in merger.by_name.get(("chemical", fold(moa)), ()) if not c.startswith(("drugbank:", "broad:"))}
    return next(iter(found)) if len(found) == 1 else None


def _finish(merger: Merger) -> list[Concept]:
    out = []
    kept = {id_ for id_, draft in merger.drafts.items() if draft.names}
    for draft in merger.drafts.values():
        if draft.id not in kept:
            continue
        name, *rest = draft.names
        parents = {p for raw in draft.parents if (p := merger.resolve(raw)) in kept and p != draft.id}
        xrefs = sorted(x for x in draft.xrefs if x.startswith(_KEPT_XREFS) and x not in merger.drafts)
        out.append(
            Concept(
                draft.id, name, draft.type, tuple(rest), tuple(xrefs), tuple(sorted(parents)), draft.mechanism_class,
                draft.strategy_class, tuple(sorted(draft.genes)),
            )
        )  # fmt: skip
    out.sort(key=lambda c: c.concept_id)
    return mechanisms.assign(out, DATA / "mechanisms.tsv", merger.resolve)


def _keys(merger: Merger, concepts: list[Concept]) -> Iterable[tuple[str, int]]:
    for row, concept in enumerate(concepts):
        draft = merger.drafts[concept.concept_id]
        best: dict[tuple[str, bool], int] = {}
        for position, (name, tier) in enumerate(draft.names.items()):
            if tier == REVIEW:
                continue
            if position == 0 and tier != CURATED:
                tier = NAME
            _note(best, concept, name, tier)
        for name in draft.review:
            _note(best, concept, name, REVIEW)
        for (key, _), tier in best.items():
            yield key, layout.pack(row, concept.type, tier)
        for name, type_ in draft.other_types:
            for key in _name_keys(name, type_):
                yield key, layout.pack(row, type_, CURATED)


def _name_keys(name: str, type_: EntityType) -> list[str]:
    """Keys of a name; a pathway is also found by what it is about."""
    keys = [fold(name)]
    if type_ == "Pathway" and (core := pathway_core(name) or name):
        keys.append("~" + fold(core))
    return keys


def _note(best: dict[tuple[str, bool], int], concept: Concept, name: str, tier: int) -> None:
    review = tier == REVIEW
    for key in _name_keys(name, concept.type):
        grade = max(tier, OFFICIAL) if key.startswith("~") and tier == NAME else tier
        best[key, review] = min(grade, best.get((key, review), REVIEW))


def gather(lexicons: Path, left_out: Collection[str] = ()) -> Merger:
    """All entries of the curated concepts and the vocabularies, merged."""
    merger = Merger()
    for entry in _curated_entries():
        if "minecsc_tables" in left_out:
            entry.names = entry.names[:1]
        merger.add(entry, "minecsc_tables")
    for name, read in sources.SOURCES:
        if name not in left_out:
            for entry in read(lexicons):
                merger.add(entry, name)
    return merger


def build(lexicons: Path, out: Path, *, exclude: Iterable[str] = ()) -> dict[str, Any]:
    """Build the knowledge base into ``out`` and return its meta table.

    lexicons: folder of ``<name>.tsv.gz`` files; exclude: source names to leave out (``minecsc_seed`` gives the
    variant for testing on the seed review's entities, ``minecsc_tables`` leaves out our own curated names).
    Raises KnowledgeBaseError where a lexicon is missing or a curated table points to an unknown concept.
    """
    left_out = set(exclude)
    unknown = left_out - {name for name, _ in sources.SOURCES} - {"minecsc_tables"}
    if unknown:
        raise KnowledgeBaseError(f"no such source: {', '.join(sorted(unknown))}")
    merger = gather(lexicons, left_out)
    rules: dict[str, Any] = {"senses": {}}
    if "minecsc_tables" not in left_out:
        rules["senses"] = _apply_aliases(merger)
    _apply_blocks(merger)
    _apply_relations(merger, lexicons)
    concepts = _finish(merger)
    meta = {
        "left_out": sorted(left_out),
        "sources": {name: dict(counts) for name, counts in merger.counts.items()},
        "types": dict(Counter(c.type for c in concepts)),
        "mechanism_classes": dict(sorted(Counter(c.mechanism_class for c in concepts if c.mechanism_class).items())),
    }
    meta = layout.write(out, concepts, _keys(merger, concepts), rules, meta)
    write_card(out / "README.md", meta, DATA / "sources.tsv")
    return meta
