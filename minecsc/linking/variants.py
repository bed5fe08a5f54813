"""Other ways to write a name, by entity type: heads and modifiers taken off, spelling habits undone.

Pure functions of strings. A rewrite keeps the meaning (``EGFR protein`` → EGFR) and costs a small factor; a broader
form drops information (``advanced NSCLC`` → NSCLC) and costs more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Final, Literal

from minecsc.schema import EntityType

REWRITE: Final = 0.95
BROADER: Final = 0.75

_I = re.IGNORECASE
_WRAP = " \t.,;:\"'“”‘’*"
_DETERMINER = re.compile(r"^(?:the|an?|both|these|those|this|its|their|several|other|various|such)\s+", _I)
_PAREN = re.compile(r"\s*[\(\[]+\s*([^()\[\]]{1,60}?)\s*[\)\]]+\s*")


def trim(text: str) -> str:
    """Without surrounding punctuation, unbalanced brackets and determiners."""
    text = text.strip(_WRAP)
    if text.count("(") != text.count(")"):
        text = text.strip("()")
    if text.startswith("(") and text.endswith(")") and text.count("(") == 1:
        text = text[1:-1]
    shorter = _DETERMINER.sub("", text)
    return (shorter or text).strip(_WRAP)


def parenthesised(text: str) -> Iterator[str]:
    """``natural killer (NK) cells`` → natural killer cells; then the bracketed part where it ends the name."""
    match = _PAREN.search(text)
    if match is None or not match.start() or not any(c.isalpha() for c in match.group(1)):
        return  # PGE(2), Ca(2+), t(8;21): part of the name
    outer = f"{text[: match.start()]} {text[match.end() :]}".strip()
    if outer:
        yield " ".join(outer.split())
    if match.end() == len(text) and len(match.group(1)) >= 2:
        yield match.group(1)


def _sub(pattern: str, repl: str = "") -> tuple[re.Pattern[str], str]:
    return re.compile(pattern, _I), repl


_REWRITES: Final[MappingProxyType[str, tuple[tuple[re.Pattern[str], str], ...]]] = MappingProxyType(
    {
        "Gene": (
            _sub(
                r"\s+(?:genes?|proteins?|oncogenes?|oncoproteins?|mrnas?|transcripts?"
                r"|(?:gene )?promoters?|antigens?|isoforms?"
                r"|enzymes?|cytokines?|ligands?|kinases?|molecules?|(?:protein )?famil(?:y"
                r"|ies)(?: members?| proteins?)?"
                r"|complex(?:es)?|transcription factors?|tumou?r suppressor|activity"
                r"|expression|transporters?|loc(?:us|i)"
                r"|monomers?|(?:homo|hetero)?dimers?|subunits?|alleles?|transgenes?|fusions?"
                r"|mutants?|mutations?|clusters?)$"
            ),
            _sub(
                r"^(?:human|mouse|murine|rat|phospho(?:rylated)?-?|p-(?=[A-Z])|phosphorylated"
                r"|total|nuclear|cytoplasmic|soluble|active"
                r"|activated|cleaved|mutant|mutated|wild-?type|wt-?(?=[A-Z])|oncogenic"
                r"|endogenous|exogenous|recombinant|mature"
                r"|membrane(?:-bound)?|full-length|truncated|constitutively active|ectopic"
                r"|secreted|pro-(?=caspase)|pan-"
                r"|anti-apoptotic|pro-?apoptotic|antiapoptotic|transcription factor|oncogene"
                r"|proto-oncogene|cell surface"
                r"|protein|receptor tyrosine kinase|tumou?r suppressor|cytokine|intracellular|exosomal|circulating"
                r"|lncrna|long non-?coding rna|stem cell marker|circrna)[\s-]*"
            ),
            _sub(r"^h(?=[A-Z][A-Z0-9]{2,})|^c-(?=[A-Z][a-z]{1,3}$)|^h(?=[A-Z][a-z]{2,}\d?$)"),
            _sub(r"^(?:hsa-)?(?:micro-?rnas?|mirnas?|mir)[\s-]*(?=\d|let)", "miR-"),
            _sub(r"^hsa-"),
            _sub(r"\((?:[a-z]*\d+)\)$"),
            _sub(r"[\s-]+[A-Z]\d{1,4}[A-Z*]$"),
            _sub(r"-(?:positive|pathway)$"),
            _sub(r"(?<=[A-Za-z0-9])\s*\((?:mrna|protein|gene|human)\)$"),
            _sub(r"\s+receptors?$", " receptor"),
            _sub(r"\s+receptors?$"),
            _sub(r"(?<=receptor)\s+[A-Z0-9]{1,2}$|(?<=\d)s$|(?<=[a-z]{4})[\s-]1$"),
            # isoforms: NRG-1 beta, SERCA2b
            _sub(r"(?<=\d)[\s-]+(?:alpha|beta|gamma|delta|[αβγδ])\d?$|(?-i:(?<=[A-Z]\d)[abc])$"),
            _sub(r"^(?:dopamine )?D([1-5]) receptors?$", r"dopamine receptor D\1"),
            _sub(r"^(C-(?:X-)?C) chemokine receptor (?:type )?(\d+)$", r"\1 motif chemokine receptor \2"),
            _sub(r"^(p\d{2})\s*[-/(]?\s*(?:kip1|cip1|waf1|ink4a?|cip1/waf1)\)?$", r"\1"),
        ),
        "Drug": (
            _sub(
                r"\s+(?:(?:di)?hydrochloride|hcl|mesylate|mesilate|sodium|potassium|calcium"
                r"|sulfate|sulphate|tosylate|maleate|citrate"
                r"|acetate|phosphate|succinate|fumarate|tartrate|(?:di)?hydrobromide|besylate|malate|ditosylate)$"
            ),
            _sub(
                r"[\s-]+(?:treatments?|therap(?:y|ies)|monotherapy|chemotherap(?:y|ies)"
                r"|administration|exposure|drugs?|agents?|compounds?"
                r"|molecules?|injections?|based(?: therap(?:y|ies)| chemotherap(?:y|ies)"
                r"| regimens?)?|regimens?|analogs?|analogues?"
                r"|supplementation|medications?|combination|dyes?|derivatives?|conjugates?"
                r"|formulations?|antibod(?:y|ies)|monoclonal antibod(?:y|ies)|mabs?"
                r"|extracts?)$"
            ),
            _sub(
                r"^(?:liposomal|pegylated|nab-|nanoparticle(?:-encapsulated)?|free|oral"
                r"|low-dose|high-dose|natural|synthetic|recombinant"
                r"(?: human)?|rh-?(?=[A-Z])|exogenous|systemic|adjuvant|neoadjuvant"
                r"|conventional|standard|novel|cytotoxic|selective"
                r"|specific|potent|small[- ]molecule|single-agent|first-line|palliative"
                r"|intravenous|combination|anticancer"
                r"|natural (?:compound|product)|flavonoid|chemotherapeutic (?:drug|agent)"
                r"|human|topical|anti-cancer)[\s-]+"
            ),
            _sub(r"^\([\d,+\-–rsezRSEZ±/]{1,12}\)-?|^(?:trans|rac|dl?|l)-(?=[a-z]{6,})"),
            _sub(r"(?<=[a-z]{5})e$"),
        ),
        "Chemical": (
            _sub(r"\s+(?:ions?|levels?|molecules?|acids?|metabolites?|contents?|pools?|species)$"),
            _sub(
                r"^(?:intracellular|extracellular|cellular|mitochondrial|cytosolic|endogenous|free"
                r"|total|reduced|serum|plasma)\s+"
            ),
            _sub(r"\(?\d?[+-]\)?$|\(\d?\s?[+-]\)$"),
            _sub(r"\((\d)\)$", r"\1"),
        ),
        "Process": (
            _sub(
                r"\s+(?:process(?:es)?|phenotypes?|abilit(?:y|ies)|capacit(?:y|ies)"
                r"|activit(?:y|ies)|potentials?|states?|properties|traits?"
                r"|induction|programs?|programmes?|rates?|events?|formation|behaviou?rs?"
                r"|features?|conditions?|characteristics|programming"
                r"|pathways?|response|responses|mechanisms?|machinery|status|levels?"
                r"|functions?|changes|modifications?|flux"
                r"|development|phase|transition)$"
            ),
            _sub(r"^(\w+(?: \w+)?) of (?:the )?(\w+(?: \w+){0,3})$", r"\2 \1"),
            _sub(r"\blys(?=\d)", "K"),
            _sub(r"^(?:histone )?H(?P<h>[34])-?K(?P<k>\d+)[ -]", r"histone H\g<h>-K\g<k> "),
            _sub(
                r"^(?:cell(?:ular)?|tumou?r(?: cell)?|cancer(?: cell)?|in vi(?:vo|tro)"
                r"|enhanced|increased|decreased|reduced|impaired"
                r"|spontaneous|experimental|human|drug-induced|therapeutic|clinical"
                r"|anti-?tumou?r|pro-?tumou?rigenic|global|de novo)[\s-]+"
            ),
        ),
        "Cancer": (
            _sub(r"\s*\(disease\)$"),
            _sub(
                r"^(.*?)((?:adeno)?carcinomas?|cancers?|tumou?rs?|neoplasms?|sarcomas?"
                r"|lymphomas?) (?:of|in) (?:the )?(.+)$", r"\1\3 \2"
            ),
            _sub(
                r"\s+(?:patients?|cases|subjects|xenografts?|samples?|tissues?|specimens?|disease"
                r"|progression|development)$"
            ),
            _sub(r"\b(?:tumou?rs?|malignanc(?:y|ies)|neoplasms?|neoplasias?|cancers?)$", "cancer"),
            _sub(r"\bcancers?$", "carcinoma"),
            _sub(r"\bnon-?\s?small-?\s?cell\b", "non-small cell"),
            _sub(r"\bacute myelo(?:id|genous|cytic)\b", "acute myeloid"),
            _sub(r"\bpancreas\b", "pancreatic"),
            _sub(r"\bgastric\b", "stomach"),
            _sub(r"\bcolonic\b", "colon"),
            _sub(r"\bmammary\b", "breast"),
            _sub(r"\bhepatic\b", "liver"),
            _sub(r"\bpulmonary\b", "lung"),
            _sub(r"\brenal\b", "kidney"),
            _sub(r"\bcutaneous\b", "skin"),
            _sub(r"\buterine cervi(?:x|cal)\b", "cervical"),
        ),
        "Cell": (
            _sub(
                r"\s+(?:cell lines?|cell cultures?|cell populations?|cultures?|populations?"
                r"|subsets?|compartments?|lines?)$", " cells"
            ),
            _sub(
                r"^(?:human|mouse|murine|rat|primary|cultured|normal|adult|mature|immortalized"
                r"|established|isolated|patient-derived|parental"
                r"|infiltrating|activated|tumou?r-infiltrating|circulating|resident|viable"
                r"|living|transformed|local|autologous)[\s-]+"
            ),
            _sub(r"(?:\s+(?:cells?|lines?))+$"),
            _sub(r"\s+(?:lymphocytes?)$", " cells"),
            _sub(r"^(.*) lymphocytes ([TB])$", r"\2 cells"),
            _sub(r"(?<=[A-Za-z\d])\s+(?:human|mouse)\b.*$"),
        ),
        "CSC": (
            _sub(r"\s+(?:populations?|subpopulations?|fractions?|subsets?|compartments?|pools?|lines?|cultures?)$"),
            _sub(r"\s+cells?$"),
        ),
        "Pathway": (
            _sub(
                r"^(?:canonical|classical|autocrine|paracrine|downstream|oncogenic"
                r"|intracellular|mitogenic|aberrant|active|activated"
                r"|hyperactivated|constitutive|human)\s+"
            ),
            _sub(
                r"\s+(?:oncogenic|pro-?survival|survival|downstream|cell"
                r"|checkpoint)(?=\s+(?:signal|pathway|axis))"
            ),
        ),
    }
)  # fmt: skip

_CANCER_MODIFIER = re.compile(
    r"^(?:advanced|(?:locally[- ])?advanced|metastatic|recurrent|relapsed|refractory"
    r"|relapsed(?:/|\s(?:or|and)\s)refractory"
    r"|refractory (?:or|and) relapsed|r/r|primary|secondary|human|murine|mouse|canine"
    r"|childhood|p(?:a)?ediatric|adult|elderly|adolescent"
    r"|early[- ]stage|late[- ]stage|stages?\s[ivx\d]+[abc]?"
    r"(?:(?:[-/]|\s(?:and|or|to)\s(?:stage\s)?)[ivx\d]+[abc]?)?|high[- ]grade"
    r"|low[- ]grade|poorly differentiated|invasive"
    r"|aggressive|resectable|unresectable|de novo|sporadic|familial|hereditary|inherited"
    r"|localized|operable|untreated|malignant"
    r"|newly diagnosed|refractory/relapsed|resistant|progressive|residual|therapy-related"
    r"|treatment-naive|experimental|inoperable"
    r"|[\w/αβγκ:+.-]+?(?:\s\w+)?[- ](?:mutant|mutated|mutation-positive|positive|negative"
    r"|amplified|rearranged|deficient|resistant"
    r"|refractory|driven|associated|related|dependent|overexpressing|activated|expressing"
    r"|addicted|fusion-positive|insertion-mutated"
    r"|null|independent|sensitive|naive|low|high|induced|altered|wild-?type|unmethylated|methylated|like)"
    r"|[\w-]+\+(?:/[\w-]+[+-])*|double-negative|pan-\w+(?: mutant)?|(?:egfr|kras|braf|alk"
    r"|idh\d?|flt3|tp53)(?:\s[A-Z]\d+[A-Z])?"
    r"|exon\s\d+(?:\s\w+)?|human epidermal growth factor receptor 2[- ](?:positive|negative)"
    r"|\w+-?dependent)[\s,-]+",
    _I,
)
_PROCESS_MODIFIER = re.compile(
    r"^(?:[\w./αβγκ+-]+-(?:induced|mediated|dependent|driven|associated|related|triggered"
    r"|independent|elicited|specific|promoting)"
    r"|tumou?r(?:-specific)?|cancer(?: cell)?|cell(?:ular)?|t cell|immune cell|breast|lung"
    r"|liver|brain|bone|colon|prostate|gastric|ovarian"
    r"|pancreatic|hepatic|pulmonary|lymph node|lymphatic|distant|peritoneal|intracranial"
    r"|leptomeningeal|early|late|local|systemic|acquired"
    r"|intrinsic|mitochondrial|intracellular|nuclear|global|aberrant|excessive|enhanced"
    r"|increased|elevated|reduced|impaired|sustained"
    r"|chronic|acute|clinical|spontaneous|in vi(?:vo|tro)|caspase-dependent|extrinsic"
    r"|genome-wide|promoter|gene|[cC]p[gG]|dna|hepatocellular"
    r"|immunogenic|immunosuppressive|inflammatory|cancer cell|leukemi[ac]|breast cancer"
    r"|lung cancer|skeletal|transcriptional|epigenetic"
    r"|[\w/-]*[A-Z][\w/-]*[A-Z0-9][\w/-]*|Akt|tumou?r cell|overall|rapid|multiple|major"
    r"|endothelial cell|stem cell|pro-?tumou?rigenic|hypoxic|premature|oncogene-induced"
    r"|host)\s+",
    _I,
)
_RESISTANCE = re.compile(r"\b(?:drug|chemo|therap\w+|treatment|chemotherap\w+)[- ]?resistan", _I)
_DRUG_CLASS_MODIFIER = re.compile(
    r"^(?:[\w-]+-(?:based|containing|derived|loaded|conjugated)|novel|new|selective|dual"
    r"|specific|targeted|approved|first-generation"
    r"|second-generation|third-generation|next-generation|irreversible|reversible|oral|potent"
    r"|synthetic|natural|dietary|multi-?targeted?"
    r"|combined?|concurrent|induction|adjuvant|neo-?adjuvant|conventional|standard|cytotoxic"
    r"|systemic|single-agent|intensive|maintenance"
    r"|palliative|salvage|available|clinical|current|existing|different|common|pelvic"
    r"|whole[- ]brain|stereotactic)\s+",
    _I,
)


_MODIFIERS: Final = MappingProxyType(
    {
        "Cancer": _CANCER_MODIFIER,
        "Process": _PROCESS_MODIFIER,
        "Drug": _DRUG_CLASS_MODIFIER,
        "Cell": re.compile(r"^(?:normal|human|mouse|murine|healthy|non-?malignant|parental)\s+", _I),
    }
)
_TOO_BROAD = frozenset(
    (
        "cell cells line lines population populations cancer cancers tumor tumors tumour tumours malignancy "
        "malignancies neoplasm neoplasms disease diseases carcinoma carcinomas response responses effect effects "
        "activity process changes stress therapy therapies treatment drug drugs agent agents compound compounds "
        "inhibitor inhibitors state signaling function functions levels homeostasis localization degradation "
        "cytotoxicity mutation mutations regulation formation release reprogramming"
    ).split()
)


_ANY_CANCER = re.compile(r"cancers?|tumou?rs?|neoplasms?|malignanc(?:y|ies)", _I)


def rewrites(text: str, type_: EntityType | None) -> Iterator[tuple[str, float]]:
    """Forms of equal meaning with their factor, fewer changes first; each form once."""
    seen, level = {text}, [text]
    factor = 1.0
    for _ in range(3):
        factor *= REWRITE
        following = []
        for form in level:
            for pattern, repl in _REWRITES.get(type_ or "", ()):
                new = trim(pattern.sub(repl, form))
                if len(new) >= 2 and new not in seen:
                    seen.add(new)
                    following.append(new)
                    yield new, factor
        level = following[:12]


def broader(text: str, type_: EntityType | None) -> Iterator[tuple[str, float, Literal["modifier", "broader"]]]:
    """Forms that drop a modifier, the least reduced first; for cancers and cells any leading word may go.

    The last of the three says which of the two it was: a modifier leaves the disease or process what it is.
    """
    pattern = _MODIFIERS.get(type_ or "")
    if pattern is None or (type_ in ("Process", "Drug") and _RESISTANCE.search(text)):
        return  # "apoptosis" is no broader form of "drug resistance to apoptosis inducers"
    factor, reduced = BROADER, text
    for _ in range(5):
        shorter = trim(pattern.sub("", reduced, count=1))
        if shorter == reduced or not (_specific(shorter) or (type_ == "Cancer" and _ANY_CANCER.fullmatch(shorter))):
            break
        reduced = shorter
        yield reduced, factor, "modifier"
        factor *= 0.97
    if type_ in ("Cancer", "Cell"):
        words = text.split()
        for start in range(1, min(len(words), 6)):
            rest = " ".join(words[start:])
            if _specific(rest):
                yield rest, BROADER * 0.95**start, "broader"


_MEMBER = r"(?:\d{1,3}[A-Za-z]?|[A-Z]\d{1,2}|[IVX]{1,3}|alpha|beta|gamma|delta|[αβγδ])"
_MEMBERS = re.compile(
    rf"^(?P<first>[A-Za-z][\w .-]*?{_MEMBER})(?:\s*(?:,|/|&|\band\b|\bor\b)(?:\s*(?:&|and\b|or\b))?\s*-?{_MEMBER})+$"
)
_SITES = re.compile(
    r"^(?P<first>\w+)(?:, \w+)*(?:,? (?:and|or|and/or) |/)(?:other |\w+ )"
    r"(?P<head>(?:adeno)?carcinomas?|cancers?|tumou?rs?|neoplasms?|sarcomas?|lymphomas?|leuk(?:a)?emias?)$",
    _I,
)


def first_of_several(text: str, type_: EntityType | None) -> str | None:
    """The first name of a list whose later members are cut short, else None.

    ``Notch-1 & -3`` → Notch-1, ``breast and ovarian cancer`` → breast cancer. Names written out in full on both sides
    are two things, and NIL.
    """
    if type_ == "Gene" and (match := _MEMBERS.match(text)):
        return match["first"]
    if type_ == "Cancer" and (match := _SITES.match(text)):
        return f"{match['first']} {match['head']}"
    return None


def _specific(text: str) -> bool:
    return len(text) >= 3 and not all(word in _TOO_BROAD for word in text.lower().split())
