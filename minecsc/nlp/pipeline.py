"""Puts the components together: from raw text to linked entities and relations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import spacy
from spacy.language import Language

from minecsc.errors import ModelError
from minecsc.nlp import components  # noqa: F401  registers the factories
from minecsc.nlp.tokenization import WordTokenizer


def load(
    model: Path | str | None = None,
    *,
    device: str = "auto",
    precision: str = "auto",
    min_probability: float | None = None,
    knowledge_base: Path | str | None = None,
    link: bool = True,
    given_entities: bool = False,
    entities: Path | str | None = None,
    entity_labels: Mapping[str, str | None] | None = None,
) -> Language:
    """The extraction pipeline as a spaCy ``Language``.

    model: model folder, default the shipped one. device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``…
    precision: ``fp32``, ``bf16``, ``int8`` (CPUs only), or ``auto``: int8 on a CPU that has the kernels, bf16 on a GPU.
    min_probability: relations below it are left out; default: the model's own operating point.
    link: whether to link entities. given_entities: keep the entities set on a Doc beforehand.
    entities: an installed spaCy model, such as scispaCy's ``en_ner_bionlp13cg_md``, or a folder of one, that finds the
    entities in place of ours; entity_labels: its labels → our types, None leaves a label out; known for scispaCy's
    models. Such entities have no probability, and relations are scored as if they were right.
    Raises ModelError or KnowledgeBaseError where a folder is missing or damaged.
    """
    if entities is None and entity_labels is not None:
        raise ModelError("entity_labels are those of a spaCy model: name it with entities")
    if entities is not None and given_entities:
        raise ModelError("entities come either from a model or with the text: not both entities and given_entities")
    nlp = spacy.blank("en")
    nlp.tokenizer = WordTokenizer(nlp.vocab)
    nlp.max_length = 5_000_000
    nlp.add_pipe("minecsc_sentences")
    nlp.add_pipe("minecsc_abbreviations")
    if entities is not None:
        labels = None if entity_labels is None else dict(entity_labels)
        nlp.add_pipe("minecsc_entities", config={"model": str(entities), "labels": labels})
    nlp.add_pipe(
        "minecsc_extractor",
        config={
            "model": str(model) if model else None,
            "device": device,
            "precision": precision,
            "min_probability": min_probability,
            "given_entities": given_entities or entities is not None,
        },
    )
    if link:
        nlp.add_pipe("minecsc_linker", config={"knowledge_base": str(knowledge_base) if knowledge_base else None})
    return nlp
