"""Entities from somebody else's spaCy model, in our types and on our words.

Any installed pipeline that sets ``doc.ents`` will do. Its labels are mapped to our types; a label that has no type
must be dropped by name, so that nothing is lost unseen. Such entities carry no probability of ours: relations are
scored between them as between given ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import filter_spans, minibatch

from minecsc.errors import ModelError
from minecsc.ids import file_digest, json_digest
from minecsc.schema import ENTITY_TYPES

Labels = Mapping[str, str | None]
"""Label of a model → our entity type, or None to leave its entities out."""

_RELEASES = "https://s3-us-west-2.amazonaws.com/ai2-s2-scispacy/releases/v0.5.4"


def _dropped(names: str) -> dict[str, str | None]:
    return dict.fromkeys(names.split())


KNOWN_LABELS: Final[Mapping[str, Labels]] = MappingProxyType(
    {
        "en_ner_bionlp13cg_md": {
            "AMINO_ACID": "Chemical", "CANCER": "Cancer", "CELL": "Cell", "GENE_OR_GENE_PRODUCT": "Gene",
            "SIMPLE_CHEMICAL": "Drug",
            **_dropped(
                "ANATOMICAL_SYSTEM CELLULAR_COMPONENT DEVELOPING_ANATOMICAL_STRUCTURE IMMATERIAL_ANATOMICAL_ENTITY "
                "MULTI_TISSUE_STRUCTURE ORGAN ORGANISM ORGANISM_SUBDIVISION ORGANISM_SUBSTANCE "
                "PATHOLOGICAL_FORMATION TISSUE"
            ),
        },
        "en_ner_bc5cdr_md": {"CHEMICAL": "Drug", "DISEASE": None},
        "en_ner_jnlpba_md": {
            "DNA": "Gene", "RNA": "Gene", "PROTEIN": "Gene", "CELL_TYPE": "Cell", "CELL_LINE": "Cell",
        },
        "en_ner_craft_md": {
            "GGP": "Gene", "CHEBI": "Chemical", "GO": "Process", "CL": "Cell", "SO": None, "TAXON": None,
        },
    }
)  # fmt: skip
"""Labels of scispaCy's NER models (Neumann et al., BioNLP 2019) as our types.

Our guidelines keep "Chemical" for what the body makes and "Drug" for what is applied; the models do not tell them
apart, so that each chemical label takes the type that prevails in its corpus. Diseases in general are not annotated.
"""

_UNUSED = frozenset(
    ("tagger", "morphologizer", "attribute_ruler", "lemmatizer", "trainable_lemmatizer", "parser", "senter",
     "sentencizer", "textcat", "textcat_multilabel")
)  # fmt: skip
"""Factories that an entity recogniser does not listen to."""


def _fold(label: str) -> str:
    return label.upper().replace("-", "_").replace(" ", "_")


_TYPES: Final = {_fold(name): name for name in ENTITY_TYPES}


def load_entity_model(name: str) -> Language:
    """An installed spaCy model, or one in a folder. Raises ModelError, with how to get it, where it cannot be had."""
    try:
        return spacy.load(name)
    except Exception as e:
        lines = str(e).strip().splitlines()
        reason = lines[0] if lines else type(e).__name__
        if Path(name).exists() or not isinstance(e, OSError):
            raise ModelError(f"entity model {name!r} cannot be loaded ({reason})") from e
        if name in KNOWN_LABELS:
            how = f"install it: pip install {_RELEASES}/{name}-0.5.4.tar.gz"
        else:
            how = f"install it (python -m spacy download {name}, or pip install of its package), or pass its folder"
        raise ModelError(f"entity model {name!r} is neither an installed spaCy model nor a folder; {how}") from e


def map_labels(nlp: Language, own: Labels | None = None) -> dict[str, str | None]:
    """Our type for every label that the model can give.

    ``own`` goes before the map for a known model, and that before a label that is one of our types itself. Raises
    ModelError where a label is left over, or where ``own`` names a label or a type that is not there.
    """
    labels = _labels(nlp)
    own = own or {}
    known = {_fold(label): kind for label, kind in KNOWN_LABELS.get(_model_name(nlp), {}).items()}
    if unknown := sorted(set(own) - labels):
        raise ModelError(f"the entity model has no label {', '.join(unknown)}; it has {', '.join(sorted(labels))}")
    if wrong := sorted({kind for kind in own.values() if kind is not None} - set(ENTITY_TYPES)):
        raise ModelError(f"no entity type {', '.join(wrong)}; there are {', '.join(ENTITY_TYPES)}")
    mapped: dict[str, str | None] = {}
    missing = []
    for label in sorted(labels):
        folded = _fold(label)
        if label in own:
            mapped[label] = own[label]
        elif folded in known:
            mapped[label] = known[folded]
        elif folded in _TYPES:
            mapped[label] = _TYPES[folded]
        else:
            missing.append(label)
    if missing:
        raise ModelError(
            f"no type for the labels {', '.join(missing)} of the entity model: name one of {', '.join(ENTITY_TYPES)} "
            "for each in entity_labels (--entity-labels LABEL=Type,…), or nothing (LABEL=) to leave it out"
        )
    if not any(mapped.values()):
        raise ModelError("all labels of the entity model are left out: nothing would be found")
    return mapped


def parse_labels(text: str) -> dict[str, str | None]:
    """``"GGP=Gene,TAXON="`` as a map; nothing after the sign leaves a label out. Raises ModelError on other forms."""
    found: dict[str, str | None] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        label, sign, kind = (p.strip() for p in part.partition("="))
        if not sign or not label:
            raise ModelError(f"{part!r} is not of the form LABEL=Type")
        found[label] = kind or None
    return found


def _model_name(nlp: Language) -> str:
    return f"{nlp.lang}_{nlp.meta.get('name', '')}"


def _setters(nlp: Language) -> list[str]:
    return [name for name in nlp.pipe_names if "doc.ents" in nlp.get_pipe_meta(name).assigns]


def _labels(nlp: Language) -> set[str]:
    setters = _setters(nlp)
    labels = {str(label) for name in setters for label in getattr(nlp.get_pipe(name), "labels", ())}
    if not labels:
        raise ModelError(f"{_model_name(nlp)}: no component of this spaCy model finds entities")
    return labels


class EntityModel:
    """Sets ``doc.ents`` to what another model finds, in our types, widened to whole words of ours.

    An entity that would run over a sentence border is cut there; of overlapping ones the longest stays.
    """

    def __init__(self, nlp: Language, labels: Mapping[str, str | None]) -> None:
        self.nlp = nlp
        self.labels = dict(labels)
        self.name = _model_name(nlp)
        if all(nlp.get_pipe_meta(name).factory == "ner" for name in _setters(nlp)):
            for name in nlp.pipe_names:
                if nlp.get_pipe_meta(name).factory in _UNUSED:
                    nlp.disable_pipe(name)

    @property
    def digest(self) -> str:
        """One digest for the model and its map: with the same one the same entities are found."""
        folder = self.nlp.path
        held = {p.relative_to(folder).as_posix(): file_digest(p) for p in sorted(folder.rglob("*")) if p.is_file()}
        return json_digest([self.nlp.meta, self.nlp.config.to_str(), held, self.labels])

    def __call__(self, doc: Doc) -> Doc:
        return next(iter(self.pipe([doc])))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        for docs in minibatch(stream, size=batch_size):
            batch = list(docs)
            for doc, found in zip(batch, self._read([doc.text for doc in batch]), strict=True):
                self._write(doc, found)
            yield from batch

    def _read(self, texts: list[str]) -> list[list[tuple[int, int, str]]]:
        """(start, end, label) of the entities of each text, in characters."""
        with self.nlp.memory_zone():
            return [[(e.start_char, e.end_char, e.label_) for e in doc.ents] for doc in self.nlp.pipe(texts)]

    def _write(self, doc: Doc, found: Iterable[tuple[int, int, str]]) -> None:
        spans = []
        for start, end, label in found:
            if label not in self.labels:
                raise ModelError(f"{self.name} gave an entity the label {label}, which it did not declare")
            kind = self.labels[label]
            surface = doc.text[start:end]
            start += len(surface) - len(surface.lstrip())
            end -= len(surface) - len(surface.rstrip())
            if kind is None or end <= start:
                continue
            span = doc.char_span(start, end, label=kind, alignment_mode="expand")
            if span is not None:
                stop = min(span.end, doc[span.start].sent.end)
                while doc[stop - 1].is_space:
                    stop -= 1
                spans.append(Span(doc, span.start, stop, label=kind))
        doc.ents = filter_spans(spans)  # type: ignore[assignment]


@Language.factory(
    "minecsc_entities",
    requires=["token.is_sent_start"],
    assigns=["doc.ents"],
    default_config={"labels": None},
)
def make_entities(nlp: Language, name: str, model: str, labels: dict[str, Any] | None) -> EntityModel:
    other = load_entity_model(model)
    return EntityModel(other, map_labels(other, labels))
