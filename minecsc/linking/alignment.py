"""Word by word, what differs between two names that look alike, and whether the difference may be ignored.

Symbols, numbers and short words must agree (EZH1 is not EZH2, stage 2 not stage 3), opposites are never near (hyper and
hypo, inhibitor and activator), and a word that some name holds is taken as meant: only an unknown word can be a typo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

IGNORED: Final = frozenset("of the in and or with for to a an by from on but type".split())
_POLAR: Final = frozenset(
    "non anti pro pre post hyper hypo inhibitor activator agonist antagonist blocker inducer repressor suppressor "
    "positive negative resistant sensitive deficient independent dependent up down high low benign malignant "
    "upregulation downregulation activation inhibition induction repression loss gain increase decrease receptor "
    "ligand antibody binding like pseudogene antisense associated interacting regulation biosynthesis metabolism "
    "import export secretion transport negatively positively abnormal".split()
)
"""Words that make another thing of a name: never added, dropped or exchanged."""
_PREFIXES: Final = ("hyper", "hypo", "anti", "pro", "non", "pre", "post", "pseudo", "inter", "intra", "macro", "micro")
_PREFIXES_LONG: Final = ("mono", "multi", "poly", "di", "tri", "tetra", "de", "dis", "un", "in", "over", "under")
_ENDINGS: Final = frozenset(
    ("", *"a c s e es y x us um al ial ic tic ical cal ar ular an ian ory ary ous ion sis le ia ies ing ed".split())
)
_MIN_STEM: Final = 5
_MIN_EXACT: Final = 3
_MIN_TYPO: Final = 6


@dataclass(frozen=True, slots=True)
class Alignment:
    """How many words of a name differ from a query's: inflected, misspelled, only in the query, only in the name."""

    inflected: int = 0
    misspelled: int = 0
    extra: int = 0
    missing: int = 0

    @property
    def changes(self) -> int:
        return self.inflected + self.misspelled + self.extra + self.missing


def derived(one: str, other: str) -> bool:
    """Whether two words share a stem and differ by an ending of nouns and their adjectives: pancreas, pancreatic."""
    shared = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        shared += 1
    return shared >= _MIN_STEM and one[shared:] in _ENDINGS and other[shared:] in _ENDINGS


def one_edit(one: str, other: str) -> bool:
    """Whether one letter inserted, dropped, replaced or exchanged with its neighbour turns one word into the other."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    rest, others = one[start:], other[start:]
    if len(rest) == len(others):
        swapped = len(rest) > 1 and rest[0] == others[1] and rest[1] == others[0] and rest[2:] == others[2:]
        return rest[1:] == others[1:] or swapped
    return rest[1:] == others or rest == others[1:]


def may_be_typo(word: str) -> bool:
    """Whether a word is long enough, and of letters only, to be read as another one misspelled."""
    return len(word) >= _MIN_TYPO and word.isalpha()


def align(
    query: Sequence[str], name: Sequence[str], known: frozenset[str], *, inflect: bool = True
) -> Alignment | None:
    """What differs between two folded names, or None where that makes them different things.

    known: the query's words that stand in some name; inflect: whether stems may match (never in chemistry, where
    fluoro- and fluoride differ).
    """
    ours = [w for w in query if w not in IGNORED]
    theirs = [w for w in name if w not in IGNORED]
    fewest = min(len(ours), len(theirs))
    for word in list(ours):
        if word in theirs:
            ours.remove(word)
            theirs.remove(word)
    inflected = misspelled = 0
    for word in list(ours):
        match = next((t for t in theirs if inflect and derived(word, t)), None)
        if match is not None:
            inflected += 1
        elif word not in known and may_be_typo(word):
            match = next((t for t in theirs if _misspelled(word, t)), None)
            misspelled += match is not None
        if match is not None:
            ours.remove(word)
            theirs.remove(match)
    if (ours and theirs) or len(ours) > 1 or len(theirs) > 1:
        return None
    if (ours or theirs) and fewest < 2:
        return None  # one word more makes another thing of a single word
    if any(len(w) <= _MIN_EXACT or not w.isalpha() or w in _POLAR for w in (*ours, *theirs)):
        return None
    return Alignment(inflected, misspelled, len(ours), len(theirs))


def _misspelled(word: str, meant: str) -> bool:
    """One edit apart, with the first letter right or exchanged with the second, and no opposite."""
    begins = word[0] == meant[0] or word[:2] == meant[1::-1]
    return len(meant) >= _MIN_TYPO and begins and one_edit(word, meant) and not opposite(word, meant)


def opposite(one: str, other: str) -> bool:
    """Whether two words differ by their prefix alone: hyperglycemia, hypoglycemia; also antioxidant, oxidant."""
    for prefix in (*_PREFIXES, *_PREFIXES_LONG):
        if one.startswith(prefix) != other.startswith(prefix):
            bare = one.removeprefix(prefix)
            if any(bare == other.removeprefix(p) for p in (*_PREFIXES, *_PREFIXES_LONG, "")) or (
                other.removeprefix(prefix) == one
            ):
                return True
    return False
