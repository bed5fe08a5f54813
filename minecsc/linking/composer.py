"""Grammar of composed names: populations, cell states, axes, drug classes. Surfaces in, composed identifiers out.

Each rule needs its parts to be linked themselves; a name whose parts are unknown is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Final, Literal

from minecsc.linking import compose, phenotype
from minecsc.linking.compose import pathway_core
from minecsc.linking.kb import KnowledgeBase
from minecsc.linking.layout import Concept
from minecsc.linking.normalize import fold_tokens
from minecsc.schema import EntityType

Best = Callable[[str, EntityType], tuple[Concept, float] | None]
Stage = Literal["markers", "first", "later"]
"""When a rule is tried: before look-up (signs matter), after it, or after plain rewriting."""

_FACTOR: Final = 0.85
_I = re.IGNORECASE
_CSC_ABBREVIATION: Final = MappingProxyType(
    {
        "csc": "", "cslc": "", "tic": "", "cic": "", "tpc": "", "tsc": "", "cscl": "", "crsc": "",
        "bcsc": "breast cancer", "bcic": "breast cancer", "btic": "breast cancer", "gsc": "glioma", "gslc": "glioma",
        "gic": "glioma", "lsc": "leukemia", "lic": "leukemia", "ocsc": "ovarian cancer", "ccsc": "colon cancer",
        "crcsc": "colorectal cancer", "hcsc": "hepatocellular carcinoma", "lcsc": "", "pcsc": "", "gcsc": "",
    }
)  # fmt: skip
_UNIT = r"(?:cell|population|subpopulation|fraction|subset|line|culture|compartment|pool|clone|clump|fate|model)"
_STEM: Final = re.compile(
    r"^(?P<pre>.*?)\s?\b(?:(?:cancer|tumor|neoplastic|malignant|carcinoma)\s)?"
    r"(?:(?:stem(?:\scell)?(?:\slike)?(?:\sprogenitor|\sinitiating)?|initiating|propagating"
    r"|repopulating|regenerating|sphere\sforming"
    r"|spheroid\sforming|stemness\shigh)(?:\s(?:cancer|tumor|glioma|carcinoma|leukemic))?(?:\slike)?\s(?:cell|sc|"
    + _UNIT[3:]
    + r"|sc|(?P<short>"
    + "|".join(sorted(_CSC_ABBREVIATION, key=len, reverse=True))
    + r"))(?:\slike)?(?P<post>(?:\s(?:like|"
    + _UNIT[3:]
    + r")*)$"
)
_STEM_ADJECTIVE: Final = re.compile(r"^(?P<pre>.*?)\s?\bstem(?:\scell)?\slike$")
_SIDE: Final = re.compile(r"\bside population\b|^sp(?: stem)?(?: cell)?$|\bsp$|^sp ")
_WITHIN: Final = re.compile(
    r"^(?P<cells>(?:cancer )?(?:stem|initiating|csc)\b.*?) (?:in|of|from|within) (?:the )?(?P<cancer>.+)$"
)
NON_STEM: Final = "minecsc:non-stem-cancer-cell"
_SPHERE: Final = re.compile(
    r"^(?P<pre>.*?)\s?(?P<kind>mammo|tumor\s?|onco|neuro|prosta|melano|colono"
    r"|glioma\s?)spher(?:e|oid)s?(?:\scells?)?$"
)
_CANCER_WORD = re.compile(
    r"cancer|tumor|leukem|gliom|blastom|carcinom|sarcom|lymphom|myelom|melanom|csc|tic\b|cic\b"
    r"|lsc|neoplas|malignan|initiating|propagating"
)
_STATE: Final = (
    (re.compile(r"\bquiescent\b"), "minecsc:quiescent-cancer-stem-cell"),
    (re.compile(r"\bdormant\b"), "minecsc:dormant-cancer-stem-cell"),
    (
        re.compile(r"\b(?:slow|slowly)\s(?:cycling|growing|proliferating|dividing)\b"),
        "minecsc:slow-cycling-cancer-cell",
    ),
    (
        re.compile(r"\b(?:drug|chemo|therapy|treatment|chemotherapy)\s?resistant\b"),
        "minecsc:drug-resistant-cancer-stem-cell",
    ),
    (re.compile(r"\bcirculating\b"), "minecsc:circulating-cancer-stem-cell"),
    (re.compile(r"\bmetastatic|metastasis\b"), "minecsc:metastatic-cancer-stem-cell"),
)
_FILLER: Final = re.compile(
    r"\b(?:human|murine|mouse|putative|residual|primary|patient|derived|specific|purified"
    r"|isolated|sorted|enriched|cultured|tumor|cancer"
    r"|neoplastic|malignant|solid|cell|bulk|self|renewing|highly|so|called|true|functional"
    r"|long|term|rare|the|of|resident|in|vitro|vivo"
    r"|like|lt|population|line|chemoresistant|radioresistant|resistant|aggressive|subset"
    r"|associated|oncogenic|ex|expressing|progenitor)\b"
)
_LEUKEMIA = frozenset({"leukemia", "leukemic", "leukemia cell", "preleukemic"})

_RESISTANT: Final = re.compile(
    r"^(?:acquired )?(?P<drug>[^\s].*?)[-\s](?:acquired )?(?:resistant|tolerant)[-\s](?P<rest>.+)$", _I
)
_CELL_HEAD: Final = re.compile(
    r"\s*(?:\b(?:cancer |tumou?r )?(?:cells?|cell lines?|lines?|cell populations?|populations?"
    r"|cultures?|clones?|sublines?|variants?|blasts?))+$",
    _I,
)
_LINE_SUFFIX: Final = re.compile(
    r"^(?P<line>[A-Za-z][\w-]*?\d[\w]*|[A-Z][\w]+)\s?[/-]\s?(?P<drug>[A-Za-z0-9-]{2,12}?)(?:[-/]?R)?$"
)
_NOT_DRUG = frozenset(
    {
        "drug",
        "multidrug",
        "chemo",
        "therapy",
        "apoptosis",
        "treatment",
        "castration",
        "hormone",
        "radio",
        "radiation",
        "multi-drug",
    }
)

_SPLIT: Final = re.compile(r"\s*(?:/|–|—|→|,|\band\b|-(?=[A-Za-zαβγκ0-9]))\s*")
_PAREN = re.compile(r"\s*\([^()]*\)\s*")
_HEADWORD = re.compile(
    r"\b(?:protein kinases?|kinases?|genes?|proteins?|receptors?|mediated|dependent|driven"
    r"|regulated|induced|related)\b",
    _I,
)

_MODULATOR: Final = re.compile(
    r"^(?:(?:selective|dual|pan|specific|potent|small[- ]molecule|novel|oral|covalent"
    r"|irreversible|allosteric|direct|reversible|targeted"
    r"|pharmacological|pharmacologic|new|third-generation|first-generation|second-generation"
    r"|next-generation|anti-?cancer)[\s-]+)*"
    r"(?P<target>.+?)[\s-]+"
    r"(?P<kind>inhibitors?|antagonists?|agonists?|activators?|degraders?|blockers?|modulators?"
    r"|tkis?|inhibition|blockade)$",
    _I,
)
_TARGET_FILLER: Final = re.compile(
    r"[\s-]+(?:pathway|signall?ing|tyrosine kinase|kinase|protein|enzyme|small[- ]molecule)$", _I
)
_INHIBITORS_OF: Final = re.compile(
    r"^(?P<kind>inhibitor|antagonist|agonist|activator|blocker|inhibition)s? (?:of|against|to) (?P<target>.+)$", _I
)
_SUFFIX_I: Final = re.compile(r"^(?P<target>[A-Z][A-Z0-9-]*[A-Z0-9])is?$")
_ANTI: Final = re.compile(
    r"^(?:anti[- ](?P<a>[A-Za-z0-9αβγ/-]+?)|(?P<b>[A-Z][A-Za-z0-9-]+)(?:-neutrali[sz]ing|-blocking)?)"
    r"(?:[\s-]+(?:monoclonal|therapeutic|neutrali[sz]ing|blocking|targeting|specific|humani[sz]ed|bispecific))*"
    r"(?P<head>[\s-]+(?:antibod(?:y|ies)|m?abs?|therap(?:y|ies)|immunotherap(?:y|ies)|agents?"
    r"|treatment|blockade|drugs?))?$"
)
_RESISTANCE: Final = re.compile(
    r"^(?:acquired |intrinsic |primary )?(?P<drug>.+?)[-\s](?:chemo)?resistance$"
    r"|^resistance (?:to|against) (?P<to>.+)$",
    _I,
)
_KIND: Final = MappingProxyType({"tki": "inhibitor", "inhibition": "inhibitor", "blockade": "inhibitor"})


class Composer:
    """Composes identifiers from the parts of a name. best: look-up of a part by text and type."""

    def __init__(self, kb: KnowledgeBase, best: Best) -> None:
        self._kb = kb
        self._best = best

    def compose(self, text: str, type_: EntityType | None, stage: Stage) -> list[tuple[str, float]]:
        """(concept id, score) of the composed reading, if any; stage: see :data:`Stage`."""
        for rule in _RULES[stage].get(type_ or "", ()):
            for found in rule(self, text, type_):
                return [found]
        return []

    def marker_population(self, text: str, type_: EntityType | None) -> Iterator[tuple[str, float]]:
        """``CD44+/CD24−/low breast CSCs`` → minecsc:cd44-pos-cd24-neg."""
        found = phenotype.parse(text)
        if found is None:
            return
        rest = found.rest
        if type_ == "Cell":
            direct = self._best(text, "Cell")
            if direct is not None and direct[1] > 0.85:
                yield direct[0].concept_id, direct[1]
                return
            head = _CELL_HEAD.sub("", rest).strip()
            named = self._best(rest, "Cell") if head else None
            if named is not None and not named[0].concept_id.startswith("minecsc:"):
                yield named[0].concept_id, round(named[1] * 0.7, 4)
                return
        concept = self._kb.concept(found.concept_id)
        if concept is not None and (concept.genes or concept.parents):
            yield found.concept_id, 0.92
        elif type_ == "CSC":
            yield found.concept_id, 0.75

    def stem_cells(self, text: str, type_: EntityType | None) -> Iterator[tuple[str, float]]:
        """Cancer stem cells in any wording: the general population, that of a cancer, or a named state."""
        words = " ".join(fold_tokens(text))
        if (
            words.startswith("non ")
            and _CANCER_WORD.search(words)
            and ("stem" in words or "csc" in words or "initiating" in words)
        ):
            yield NON_STEM, 0.93
            return
        within = _WITHIN.match(words)
        if within:
            words = f"{within.group('cancer')} {within.group('cells')}"
        if _SIDE.search(words) and (type_ == "CSC" or "side" in words):
            yield "mesh:D058985", 0.93
            return
        sphere = _SPHERE.match(words)
        if sphere and type_ == "CSC":
            yield "minecsc:tumorsphere-cell", 0.88
            return
        match = _STEM.match(words) or (_STEM_ADJECTIVE.match(words) if type_ == "CSC" else None)
        if match is None or (type_ != "CSC" and not _CANCER_WORD.search(words)):
            return
        groups = match.groupdict()
        pre = groups["pre"]
        cancer = _CSC_ABBREVIATION.get(groups.get("short") or "", "")
        if type_ != "CSC" and not cancer and not _CANCER_WORD.search(words):
            return
        for pattern, concept_id in _STATE:
            if pattern.search(words) and self._kb.concept(concept_id) is not None:
                yield concept_id, 0.88
                return
        bare = " ".join(_FILLER.sub(" ", pre).split())
        if bare in _LEUKEMIA or (not bare and cancer == "leukemia") or (not bare and "leukem" in words):
            yield "BTO:0004178", 0.93
            return
        if not bare and not cancer:
            yield compose.CSC, 0.95 if pre == "" else 0.85
            return
        for name in dict.fromkeys((f"{bare} cancer", bare, pre, cancer) if bare else (cancer,)):
            concept = self._cancer(name)
            if concept is not None:
                yield self._stem_cell_of(concept), 0.92 if name != cancer else 0.85
                return
        if type_ == "CSC":
            yield compose.CSC, 0.62

    def _cancer(self, name: str) -> Concept | None:
        found = self._best(name, "Cancer") if len(name) >= 2 else None
        return found[0] if found is not None and found[1] >= 0.7 else None

    def _stem_cell_of(self, cancer: Concept) -> str:
        listed = self._kb.resolve(f"{cancer.name} stem cell", "CSC")
        return listed.concept_id if listed is not None else compose.stem_cell_id(cancer)

    def resistant_cells(self, text: str, type_: EntityType | None) -> Iterator[tuple[str, float]]:
        """``cisplatin-resistant A549 cells`` and ``A549/DDP``."""
        match = _RESISTANT.match(text)
        if match and _CELL_HEAD.search(match.group("rest")):
            drug_name = match.group("drug")
            if drug_name.lower() in _NOT_DRUG:
                return
            drug = self._best(drug_name, "Drug")
            rest = _CELL_HEAD.sub("", match.group("rest")).strip()
            if drug is not None:
                base = (self._best(rest, "Cell") or self._best(rest, "Cancer")) if rest else None
                yield compose.resistant_cell_id(drug[0], base[0] if base else None), 0.88
            return
        match = _LINE_SUFFIX.match(_CELL_HEAD.sub("", text))
        if match:
            line, drug = self._best(match.group("line"), "Cell"), self._best(match.group("drug"), "Drug")
            if line is not None and drug is not None and _is_line(line[0]):
                yield compose.resistant_cell_id(drug[0], line[0]), _FACTOR

    def tumor_cells(self, text: str, type_: EntityType | None) -> Iterator[tuple[str, float]]:
        """``MCF-7 breast cancer cells`` → the line; ``breast cancer cells`` → cells of that cancer."""
        bare = _CELL_HEAD.sub("", text).strip(" -,")
        if bare == text:
            line = self._line_within(text)
            found = self._best(text, "Cancer") if line is None else None
            if line is not None:
                yield line
            elif found is not None and found[1] >= 0.9:  # the first half of "AML and CML cells"
                yield compose.tumor_cell_id(found[0]), 0.7
            return
        line = self._line_within(bare)
        if line is not None:
            yield line
            return
        for name in (bare, f"{bare} cancer"):
            found = self._best(name, "Cancer")
            if found is not None and found[1] >= 0.7 and found[0].concept_id != "DOID:162":
                listed = self._kb.resolve(f"{found[0].name} cell", "Cell")
                yield (listed.concept_id if listed else compose.tumor_cell_id(found[0])), round(found[1] * 0.9, 4)
                return

    def _line_within(self, text: str) -> tuple[str, float] | None:
        words = text.split()
        for size in (3, 2, 1):
            for start in range(len(words) - size + 1):
                part = " ".join(words[start : start + size])
                if size == len(words) or len(part) < 3 or not any(c.isdigit() or c.isupper() for c in part):
                    continue
                found = self._best(part, "Cell")
                if found is not None and _is_line(found[0]) and found[1] >= 0.85:
                    return found[0].concept_id, round(found[1] * 0.92, 4)
        return None

    def axis(self, text: str, type_: EntityType | None) -> Iterator[tuple[str, float]]:
        """``FOXM1-PDGFA-STAT3 signaling`` → an axis of genes; ``STAT3 signaling`` → signalling of one."""
        core = _HEADWORD.sub("", pathway_core(text) or text).strip(" -")
        whole = self._best(core, "Gene")
        if whole is not None and whole[1] >= 0.85:
            yield compose.signaling_id(whole[0]), round(whole[1] * _FACTOR, 4)
            return
        known = self._segments([p for p in _SPLIT.split(_PAREN.sub(" ", core)) if p.strip()])
        if known:
            unique = list({c.concept_id: c for c in known}.values())
            if len(unique) >= 2:
                yield compose.axis_id(unique), 0.8
            else:
                yield compose.signaling_id(unique[0]), 0.8

    def _segments(self, parts: list[str]) -> list[Concept]:
        """Genes that the parts spell one after another; parts are joined again where only that is a name (NF-kB)."""
        if not 2 <= len(parts) <= 9:
            return []
        out: list[Concept] = []
        position = 0
        while position < len(parts):
            for size in (1, 2, 3):
                found = self._best("-".join(parts[position : position + size]), "Gene")
                if found is not None and position + size <= len(parts):
                    out.append(found[0])
                    position += size
                    break
            else:
                return []
        return out

    def modulator(self, text: str, type_: EntityType | None) -> Iterator[tuple[str, float]]:
        """``ATR inhibitors``, ``inhibitors of ATR``, ``PARPi``, ``anti-PD-1 antibody`` → a class of drugs."""
        match = _MODULATOR.match(text) or _INHIBITORS_OF.match(text) or _SUFFIX_I.match(text)
        if match:
            kind = (match.groupdict().get("kind") or "inhibitor").lower().rstrip("s")
            kind = _KIND.get(kind, kind)
            target_text = match.group("target")
            while True:
                listed = self._kb.resolve(f"{target_text} {kind}", "Drug")
                if listed is not None:
                    yield listed.concept_id, 0.9
                    return
                target = self._best(target_text, "Gene")
                if target is not None:
                    listed = self._kb.resolve(f"{target[0].name} {kind}", "Drug")
                    yield (listed.concept_id if listed else compose.modulator_id(target[0], kind)), _FACTOR
                    return
                shorter = _TARGET_FILLER.sub("", target_text)
                if shorter == target_text:
                    return
                target_text = shorter
        match = _ANTI.match(text)
        if match and (match.group("a") or match.group("head")):
            target = self._best(match.group("a") or match.group("b"), "Gene")
            if target is not None:
                yield compose.antibody_id(target[0]), _FACTOR

    def resistance(self, text: str, type_: EntityType | None) -> Iterator[tuple[str, float]]:
        """``cisplatin resistance`` → resistance to that drug."""
        match = _RESISTANCE.match(text)
        if match is None:
            return
        name = match.group("drug") or match.group("to")
        drug = self._best(name, "Drug") if name.lower() not in _NOT_DRUG else None
        if drug is not None and drug[0].type in ("Drug", "Chemical"):
            yield compose.resistance_id(drug[0]), _FACTOR


def _is_line(cell: Concept) -> bool:
    return cell.concept_id.startswith(("cellosaurus:", "BTO:")) and any(c.isdigit() or c.isupper() for c in cell.name)


_Rule = Callable[[Composer, str, EntityType | None], Iterator[tuple[str, float]]]
_RULES: Final[MappingProxyType[str, dict[str, tuple[_Rule, ...]]]] = MappingProxyType(
    {
        "markers": dict.fromkeys(("CSC", "Cell", ""), (Composer.marker_population,)),
        "first": {
            "CSC": (Composer.stem_cells,),
            "Cell": (Composer.stem_cells, Composer.resistant_cells),
            "": (Composer.stem_cells,),
            "Drug": (Composer.modulator,),
            "Process": (Composer.resistance,),
        },
        "later": {
            "Cell": (Composer.tumor_cells,),
            "CSC": (Composer.tumor_cells,),
            "Pathway": (Composer.axis,),
        },
    }
)
