"""Puts the components together: from raw text to linked entities and relations."""

from __future__ import annotations

from pathlib import Path

import spacy
from spacy.language import Language

from minecsc.nlp import components  # noqa: F401  registers the factories
from minecsc.nlp.tokenization import WordTokenizer


def load(
    model: Path | str | None = None,
    *,
    device: str = "auto",
    min_probability: float | None = None,
    knowledge_base: Path | str | None = None,
    link: bool = True,
    given_entities: bool = False,
) -> Language:
    """The extraction pipeline as a spaCy ``Language``.

    model: model folder, default the shipped one. device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``…
    min_probability: relations below it are left out; default: the model's own operating point.
    link: whether to link entities. given_entities: keep the entities set on a Doc beforehand.
    Raises ModelError or KnowledgeBaseError where a folder is missing or damaged.
    """
    nlp = spacy.blank("en")
    nlp.tokenizer = WordTokenizer(nlp.vocab)
    nlp.max_length = 5_000_000
    nlp.add_pipe("minecsc_sentences")
    nlp.add_pipe("minecsc_abbreviations")
    nlp.add_pipe(
        "minecsc_extractor",
        config={
            "model": str(model) if model else None,
            "device": device,
            "min_probability": min_probability,
            "given_entities": given_entities,
        },
    )
    if link:
        nlp.add_pipe("minecsc_linker", config={"knowledge_base": str(knowledge_base) if knowledge_base else None})
    return nlp
