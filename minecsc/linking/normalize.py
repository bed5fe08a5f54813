"""Folding of names: two spellings of one name get one key.

``fold`` is used on both sides, when the knowledge base is built and when a mention is looked up, so
whatever it merges is merged symmetrically. It is meant to be lossy; the linker compares the unfolded
strings afterwards and scores a folded match lower than an exact one.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from types import MappingProxyType
from typing import Final

GREEK: Final = MappingProxyType(
    {
        "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta",
        "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi",
        "π": "pi", "ρ": "rho", "σ": "sigma", "ς": "sigma", "τ": "tau", "φ": "phi", "χ": "chi", "ψ": "psi",
        "ω": "omega",
    }
)  # fmt: skip
_GREEK_NAMES = frozenset(GREEK.values())
_LETTER = MappingProxyType({"alpha": "a", "beta": "b", "gamma": "g", "delta": "d", "epsilon": "e", "kappa": "k"})
_FROM_LETTER = MappingProxyType({letter: name for name, letter in _LETTER.items() if letter in "abg"})

_TABLE = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—―−﹣－⁻₋", "-"),
        **dict.fromkeys("‘’ʼ′`´", "'"),
        **dict.fromkeys("“”„″", '"'),
        **dict.fromkeys("\xad\u200b\u200c\u200d\u2060\ufeff\u200e\u200f®™©", ""),
        "⁺": "+", "₊": "+", "ß": "β", "ı": "i", "Ø": "O", "ø": "o", "Ł": "L", "ł": "l",
    }
)  # fmt: skip
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_TAG = re.compile(r"</?(?:sup|sub|i|b|em|u)>", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_TOKEN = re.compile(r"[^\W_]+")
_ROMAN = MappingProxyType(
    {"II": "2", "III": "3", "IV": "4", "VI": "6", "VII": "7", "VIII": "8", "IX": "9", "XI": "11", "XII": "12"}
)
_ROMAN_AFTER = frozenset({"type", "class", "stage", "grade", "group", "phase", "topoisomerase", "factor", "complex"})
_ROMAN_SHORT = MappingProxyType({"I": "1", "V": "5", "X": "10"})
_SPELLING = tuple(
    (re.compile(pattern), repl)
    for pattern, repl in (
        (r"tumour", "tumor"),
        (r"leukaem", "leukem"),
        (r"signall", "signal"),
        (r"^oestr", "estr"),
        (r"^oesoph", "esoph"),
        (r"^oedem", "edem"),
        (r"haem", "hem"),
        (r"anaem", "anem"),
        (r"paediatr", "pediatr"),
        (r"^faec", "fec"),
        (r"sulph", "sulf"),
        (r"isation$", "ization"),
        (r"(?<=[a-z])yse(d?)$", r"yze\1"),
        (r"^ageing$", "aging"),
        (r"^fibre", "fiber"),
        (r"behaviour", "behavior"),
    )
)
_IRREGULAR = MappingProxyType(
    {
        "metastases": "metastasis", "mitochondria": "mitochondrion", "nuclei": "nucleus", "stimuli": "stimulus",
        "matrices": "matrix", "axes": "axis", "mice": "mouse", "diagnoses": "diagnosis", "criteria": "criterion",
        "hypotheses": "hypothesis", "apoptoses": "apoptosis", "carcinomata": "carcinoma", "adenomata": "adenoma",
        "genera": "genus", "microglia": "microglia", "phenomena": "phenomenon", "fibroses": "fibrosis",
        "syntheses": "synthesis", "leukocytes": "leukocyte", "leucocytes": "leukocyte", "leucocyte": "leukocyte",
        "niches": "niche", "caches": "cache",
    }
)  # fmt: skip
_KEEP_S = ("ss", "us", "is", "os")
_NOT_PLURAL = frozenset(
    {"pancreas", "atlas", "alias", "canvas", "texas", "species", "series", "rabies", "caries", "herpes"}
)


@lru_cache(maxsize=65536)
def clean(text: str) -> str:
    """The name in plain readable form: one kind of dash and quote, no markup, no accents, single spaces."""
    if not text.isascii() or "\\" in text or "<" in text:
        text = _ESCAPE.sub(lambda m: chr(int(m.group(1), 16)), text)
        text = _TAG.sub("", text).translate(_TABLE)
        text = unicodedata.normalize("NFKC", text).translate(_TABLE)
        if not text.isascii():
            text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return _SPACE.sub(" ", text).strip()


def spell_greek(text: str) -> str:
    """Greek letters written as names: ``HIF-1α`` → ``HIF-1alpha``."""
    if text.isascii():
        return text
    return "".join(GREEK.get(c, GREEK.get(c.lower(), c)) for c in text)


def _singular(token: str) -> str:
    """Singular of one token in its own case; symbols lose only a lower-case plural s (CSCs, TKIs)."""
    if len(token) < 3 or token[-1] != "s":
        return _IRREGULAR.get(token.lower(), token)
    stem = token[:-1]
    if any(c.isupper() or c.isdigit() for c in stem[1:]):
        return stem if stem[-1].isupper() and len(stem) >= 2 else token
    low = token.lower()
    if low in _IRREGULAR:
        return _IRREGULAR[low]
    if len(low) < 5 or low.endswith(_KEEP_S) or low in _NOT_PLURAL:
        return token
    if low.endswith("ies") and len(low) > 5:
        return low[:-3] + "y"
    if low.endswith(("sses", "xes", "ches", "shes", "uses")) and low not in {"causes", "houses"}:
        return low[:-2]
    return low[:-1]


def _fold_token(token: str, previous: str) -> str:
    if token in _ROMAN and previous:
        return _ROMAN[token]
    if token in _ROMAN_SHORT and previous in _ROMAN_AFTER:
        return _ROMAN_SHORT[token]
    token = _singular(token).lower()
    if len(token) > 4:
        for pattern, repl in _SPELLING:
            token = pattern.sub(repl, token)
    return token


@lru_cache(maxsize=65536)
def fold_tokens(text: str) -> tuple[str, ...]:
    """Lower-case alphanumeric tokens with Greek spelled out, singular, American spelling."""
    out: list[str] = []
    for token in _TOKEN.findall(spell_greek(clean(text))):
        out.append(_fold_token(token, out[-1] if out else ""))
    return tuple(out)


def join_tokens(tokens: tuple[str, ...] | list[str]) -> str:
    """Key of a token sequence: run together, except that two numbers keep a point between them."""
    out: list[str] = []
    for token in tokens:
        if out and out[-1][-1:].isdigit() and token[:1].isdigit():
            out.append(".")
        out.append(token)
    return "".join(out)


def fold(text: str) -> str:
    """Key under which a name is stored and looked up; empty when nothing alphanumeric is left.

    Merges case, Greek letters and their names, hyphens and spaces, plurals, Roman numerals II and up,
    British and American spelling, accents and markup.
    """
    return join_tokens(fold_tokens(text))


_ENDS_GREEK = re.compile(r"(alpha|beta|gamma|delta|epsilon|kappa)$")
_DIGIT_GREEK = re.compile(r"(?<=\d)(alpha|beta|gamma|delta|epsilon)(?=$|\d)")
_TOKEN_LETTER = re.compile(r"(?<=\d)([abg])$")


def greek_variants(text: str) -> list[str]:
    """Keys in which Greek names become Latin letters or the reverse: ``HIF-1α`` → hif1a, ``b-catenin`` → betacatenin.

    Only safe places are touched: a Greek name at the end of the name or after a digit, a lone a, b or g
    beside a longer word, a final a, b or g after a digit.
    """
    tokens = list(fold_tokens(text))
    key = join_tokens(tokens)
    out: list[str] = []
    for candidate in (
        _ENDS_GREEK.sub(lambda m: _LETTER[m.group(1)], key),
        _DIGIT_GREEK.sub(lambda m: _LETTER.get(m.group(1), m.group(1)), key),
        join_tokens([_FROM_LETTER.get(t, t) for t in tokens]) if len(tokens) > 1 else key,
        _TOKEN_LETTER.sub(lambda m: _FROM_LETTER[m.group(1)], key) if len(key) > 3 else key,
    ):
        if candidate not in (key, "") and candidate not in out and candidate not in _GREEK_NAMES:
            out.append(candidate)
    return out


def slug(text: str) -> str:
    """Lower-case ASCII words joined by hyphens, for local identifiers: ``EGFR-mutant NSCLC`` → egfr-mutant-nsclc."""
    ascii_text = spell_greek(clean(text)).encode("ascii", "ignore").decode()
    return "-".join(_TOKEN.findall(ascii_text)).lower()
