"""Merging of vocabularies: an entry becomes a concept, or part of an earlier one that is the same thing."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from minecsc.linking.layout import NAME, OFFICIAL, REVIEW, SYNONYM, WEAK
from minecsc.linking.lexicon import Entry, fold, tidy
from minecsc.schema import EntityType

GROUPS: Final[MappingProxyType[str, str]] = MappingProxyType(
    {
        "Drug": "chemical", "Chemical": "chemical", "Gene": "gene", "Pathway": "process", "Process": "process",
        "CSC": "cell", "Cell": "cell", "Cancer": "cancer",
    }
)  # fmt: skip
_JOIN_BY_NAME: Final = frozenset(
    {"chebi", "mesh", "mesh_supp", "repurposing_hub", "ncit_disease", "oncotree", "bto", "ncit_cell"}
)
_ENOUGH_NAMES: Final = 2
_SHARED_KEYS = ("inchikey:", "cas:", "unii:", "pubchem.compound:")
_NEOPLASMS: Final = re.compile(r"\bNeoplasms\b")
_CANCER: Final = re.compile(r"\bcancers?\b", re.IGNORECASE)
_SALT: Final = re.compile(
    r"^(?P<base>\S+) (?:hydrochloride|mesylate|citrate|sulfate|sodium|chloride|maleate|tartrate|phosphate|acetate"
    r"|fumarate|succinate|tosylate|malate|hydrobromide|bromide|ditosylate|dihydrochloride|calcium)$",
    re.IGNORECASE,
)


def is_descriptor(curie: str) -> bool:
    """Whether it is a MeSH heading, not a supplementary concept."""
    return curie.startswith("mesh:D")


@dataclass(slots=True)
class Draft:
    """A concept while vocabularies are still being added. headings: MeSH headings that index it as well."""

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
    headings: dict[str, None] = field(default_factory=dict)


class Merger:
    """Collects entries into concepts; an entry joins an earlier one through its id, cross-references or name."""

    def __init__(self) -> None:
        self.drafts: dict[str, Draft] = {}
        self.alias: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.by_name: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.by_preferred: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.composed: set[str] = set()
        self.blockers: set[str] = set()

    def add(self, entry: Entry, source: str) -> None:
        """Add an entry, as part of an earlier concept where it is the same thing."""
        target = self._target(entry, source)
        if source == "mesh":
            for id_ in self._also_headed(entry):
                if target is None or id_ != target.id:
                    self.drafts[id_].headings.setdefault(entry.id)
        elif entry.type == "Gene" and source != "hgnc":
            entry.names = [(name, self._not_anothers(name, tier, entry.id)) for name, tier in entry.names]
        self.counts[source]["rows"] += 1
        if target is None:
            if source in ("ncbigene", "mesh_supp"):
                return  # these only add names to what others have
            target = self.drafts[entry.id] = Draft(entry.id, entry.type, {})
            self.counts[source]["concepts"] += 1
        self._extend(target, entry)

    def resolve(self, id_: str, group: str | None = None) -> str | None:
        """The concept id that stands for any known identifier; None where it is unknown or stands for several."""
        if id_ in self.drafts:
            return id_
        groups = (group,) if group else sorted(set(GROUPS.values()))
        found = {c for g in groups for c in self.alias.get((g, id_), ())}
        return next(iter(found)) if len(found) == 1 else None

    def _target(self, entry: Entry, source: str) -> Draft | None:
        if entry.id in self.drafts:
            return self.drafts[entry.id]
        group = GROUPS[entry.type]
        if source == "mesh" and (special := self._as_used(entry)) is not None:
            return special
        own = f"{entry.id.partition(':')[0]}:"
        keys = [entry.id, *(x for x in entry.xrefs if not x.startswith(own))]
        for scope in ([entry.id], [k for k in keys if not k.startswith(_SHARED_KEYS)], keys):
            found = {
                c for key in scope for c in self.alias.get((group, key), ()) if key == entry.id or not c.startswith(own)
            }
            found |= {key for key in scope if key in self.drafts and GROUPS[self.drafts[key].type] == group}
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
                    shortest = 3 if names is self.by_preferred else 5
                    if (
                        len(found) == 1
                        and len(key) >= shortest
                        and (target := self._same(entry, source, min(found), names))
                    ):
                        return target
        if source == "mesh" and entry.type == "Cancer":
            for name, _ in entry.names:
                found = {i for i in self.by_preferred.get((group, fold(name)), ()) if i.startswith("DOID:")}
                if len(found) == 1 and (target := self._same(entry, source, min(found), self.by_name)):
                    return target
        if source == "mesh" and group in ("chemical", "gene"):
            shared = self._shared_names(entry)
            most = max(shared.values(), default=0)
            best = [id_ for id_, count in shared.items() if count == most >= _ENOUGH_NAMES]
            if len(best) == 1 and (group == "chemical" or self._has_official_name(entry, best[0])):
                return self.drafts[best[0]]
        return None

    def _shared_names(self, entry: Entry) -> Counter[str]:
        """How many names a MeSH heading shares with each concept of its group that has no heading yet."""
        group = GROUPS[entry.type]
        keys = {fold(name) for name, _ in entry.names}
        prefixes = ("hgnc:",) if group == "gene" else ("drugbank:", "CHEBI:", "DOID:", "mondo:", "ncit:")
        shared = Counter(id_ for key in keys for id_ in self.by_name.get((group, key), ()) if id_.startswith(prefixes))
        return Counter({i: n for i, n in shared.items() if not any(map(is_descriptor, self.drafts[i].xrefs))})

    def _has_official_name(self, entry: Entry, gene: str) -> bool:
        """Whether a heading carries a gene's symbol or full name; classes share only aliases of a member."""
        keys = {fold(name) for name, _ in entry.names}
        return any(tier <= OFFICIAL and fold(name) in keys for name, tier in self.drafts[gene].names.items())

    def _also_headed(self, entry: Entry) -> list[str]:
        """Further concepts that a MeSH heading indexes, although it stands for another.

        Chemicals and cancers that share two names or more with it (breast carcinoma and Breast Neoplasms, lindane and
        Hexachlorocyclohexane), and the drug of the very name of a heading of peptides (Substance P).
        """
        group = GROUPS[entry.type]
        if group in ("chemical", "cancer"):
            return sorted(id_ for id_, count in self._shared_names(entry).items() if count >= _ENOUGH_NAMES)
        if group == "gene":
            found = self.by_preferred.get(("chemical", fold(entry.names[0][0])), set())
            return sorted(
                i for i in found if i.startswith("drugbank:") and not any(map(is_descriptor, self.drafts[i].xrefs))
            )
        return []

    def _not_anothers(self, name: str, tier: int, id_: str) -> int:
        """A looser vocabulary's alias that is the approved symbol of another gene is a weak one."""
        owners = self.by_preferred.get(("gene", fold(name)), ())
        taken = tier == SYNONYM and any(o.startswith("hgnc:") and o != id_ for o in owners)
        return WEAK if taken else tier

    def _same(self, entry: Entry, source: str, id_: str, names: Mapping[tuple[str, str], set[str]]) -> Draft | None:
        """The concept that shares a name, unless it is a member or a kind of what a MeSH heading calls a class.

        MeSH headings of proteins and tumours are often classes whose name some vocabulary lists as a synonym of
        one member (Receptors, Cell Surface → CD177): there a second name must agree.
        """
        draft = self.drafts[id_]
        if source != "mesh" or names is self.by_preferred or entry.type not in ("Gene", "Cancer"):
            return draft
        group = GROUPS[entry.type]
        shared = {key for n, _ in entry.names if id_ in self.by_name.get((group, key := fold(n)), ())}
        return draft if len(shared) > 1 else None

    def _as_used(self, entry: Entry) -> Draft | None:
        """The concept that a MeSH heading is used for, where cross-references name another.

        Headings of neoplasms are used for the cancer (Breast Neoplasms, entry term Breast Cancer; Mondo maps them to
        the wider or the benign neoplasm), headings of salts for the drug (Imatinib Mesylate, entry term Imatinib).
        """
        group, wanted = GROUPS[entry.type], []
        title = entry.names[0][0]
        if entry.type == "Cancer" and _NEOPLASMS.search(title):
            wanted = [fold(name) for name, _ in entry.names if _CANCER.search(name)]
        elif group == "chemical" and (salt := _SALT.match(title)):
            wanted = [key for name, _ in entry.names if (key := fold(name)) == fold(salt["base"])]
        for key in wanted:
            found = {i for i in self.by_preferred.get((group, key), ()) if i.startswith(("DOID:", "drugbank:"))}
            if len(found) == 1:
                target = self.drafts[found.pop()]
                self.alias[group, entry.id] = {target.id}
                return target
        return None

    def _extend(self, draft: Draft, entry: Entry) -> None:
        group = GROUPS[draft.type]
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
