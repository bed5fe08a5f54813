"""Two names of one thing within a document: what its brackets define, read off the mentions' offsets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Final

from minecsc.evidence.rows import LinkedMention, LinkedRelation
from minecsc.nlp.abbreviations import long_form

_BRACKET: Final = 3
"""Most characters between a name and its abbreviation: space, bracket, space."""


class Aliases:
    """The mentions and relations of one document under one key a thing.

    A mention that linking left without a concept takes the key of the name it is defined with:
    ``zorkinostat (ZKS)``. Two names that link to different concepts stay two.
    """

    def __init__(self, mentions: Iterable[LinkedMention]) -> None:
        held = sorted(mentions, key=lambda m: (m.start_char, m.mention_id))
        self._keys: dict[str, str] = {}
        for long, short in pairwise(held):
            if (
                long.type == short.type
                and long.sentence_id == short.sentence_id
                and long.key != short.key
                and 0 <= long.end_char < short.start_char <= long.end_char + _BRACKET
                and long_form(short.surface, long.surface) is not None
            ):
                if short.concept_id is None:
                    self._keys.setdefault(short.key, long.key)
                elif long.concept_id is None:
                    self._keys.setdefault(long.key, short.key)
        self.mentions = [replace(m, concept_id=self._keys[m.key]) if m.key in self._keys else m for m in held]

    def resolve(self, relation: LinkedRelation) -> LinkedRelation:
        """The relation with both arguments under the keys of their full names."""
        head, tail = (self._keys.get(key) for key in (relation.head_key, relation.tail_key))
        if head is None and tail is None:
            return relation
        return replace(
            relation,
            head_concept_id=head or relation.head_concept_id,
            tail_concept_id=tail or relation.tail_concept_id,
        )
