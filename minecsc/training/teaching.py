"""Teaching: what several models together read in abstracts without annotation becomes soft labels for another.

Teachers may have different vocabularies; they meet at words. The best tag path is that of a field whose tag and
transition scores are the teachers' means; the soft labels are means of the teachers' posteriors, and, for the mentions
so found, of their relation and flag probabilities (Hinton et al., 2015; for tags Wang et al., ACL 2020,
"Structure-level knowledge distillation"). A file of labels holds no text: a text is found again by its SHA-256.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from minecsc.errors import ModelError, SourceError
from minecsc.ids import digest
from minecsc.nlp.crf import Crf
from minecsc.nlp.decoding import Decoder
from minecsc.nlp.encoding import EncodedText, PieceEncoder
from minecsc.nlp.extractor import (
    TEXTS_AT_A_TIME,
    Decision,
    Extractor,
    PredictedMention,
    Prediction,
    TextInput,
    in_threads,
)
from minecsc.nlp.fast import FastNetwork, Mentions
from minecsc.nlp.network import NetworkConfig
from minecsc.schema import ENTITY_TYPES
from minecsc.training.corpora import HeldOut, read_lines, record_text, text_key, unlabelled_records
from minecsc.training.examples import AnnotatedText, Example, SoftLabels, make_example
from minecsc.training.selection import LOWEST, candidates, choose, compare

STEM: Final = (
    *("cancer stem", "tumor stem", "tumour stem", "glioma stem", "leukemia stem", "leukaemia stem", "stem-like"),
    *("stem cell-like", "tumor-initiating", "tumour-initiating", "cancer-initiating", "leukemia-initiating"),
)
CANCER: Final = (
    *("cancer", "tumor", "tumour", "carcinoma", "leukemia", "leukaemia", "lymphoma", "melanoma", "glioma"),
    *("glioblastoma", "myeloma", "sarcoma", "neoplas", "metasta", "malignan"),
)
RESISTANCE: Final = (
    *("resistan", "sensitiz", "sensitis", "chemosens", "radiosens", "refractory", "stemness", "self-renewal"),
)
SURE: Final = (0.15, 0.6)
"""Hard labels: calibrated probability of a relation up to which a pair has none, and from which on it has one."""
_CERTAIN: Final = 0.005
"""Posterior of being in a mention below which a word outside of one is stored as outside for sure."""
_FORMAT: Final = "1"

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reading:
    """What an ensemble reads in one text.

    sentences: (first word, end word); path: tag index per word; tags: float32[words, tags], mean posteriors;
    pairs: int64[pairs, 2], head and tail by index into ``mentions``: every ordered pair of a sentence that some
    relation type allows; relations: float32[pairs, types + 1], mean probabilities, 0 = none;
    flags: float32[pairs, 2], those of negated and speculative.
    """

    sentences: list[tuple[int, int]]
    path: list[int]
    tags: Floats
    mentions: list[PredictedMention]
    pairs: Ints
    relations: Floats
    flags: Floats


@dataclass
class Ensemble(Extractor):
    """Several extractors read as one, on a CPU: this one, whose decision holds, and the ``others``.

    Raises ModelError on another device, and where the teachers' label sets differ.
    """

    others: tuple[Extractor, ...] = ()

    @classmethod
    def of(cls, teachers: Sequence[Extractor]) -> Ensemble:
        """The teachers with equal voice, uncalibrated, down to the score from which relations are candidates."""
        first, *others = teachers
        return cls(first.network, first.encoder, Decision(min_probability=LOWEST), others=tuple(others))

    def __post_init__(self) -> None:
        super().__post_init__()
        members = (self, *self.others)
        if any(m.device.type != "cpu" for m in members):
            raise ModelError("an ensemble reads on a CPU")
        for kind in ("entity_heads", "relation_heads"):
            if len({getattr(m.network.config, kind)["csc"] for m in members}) > 1:
                raise ModelError(f"teachers differ in their {kind.replace('_', ' ')}")
        joint = Crf(self._tags)
        with torch.no_grad():
            transitions = [cast(Crf, m.network.crf["csc"]).transitions.detach() for m in members]
            joint.transitions.copy_(torch.stack(transitions).mean(dim=0))
        self._joint = Decoder(joint)

    def read(self, texts: Sequence[TextInput]) -> Iterator[Reading]:
        """Readings in order; a text must hold a word. Mentions given with a text are not taken."""
        for start in range(0, len(texts), TEXTS_AT_A_TIME):
            yield from self._read_group(texts[start : start + TEXTS_AT_A_TIME])

    def _predict_group(self, texts: Sequence[TextInput], encoded: Sequence[EncodedText]) -> list[Prediction]:
        if any(text.given is not None for text in texts):
            raise ModelError("an ensemble reads its own mentions, not given ones")
        results = []
        for r in self._read_group(texts):
            logits, flags = torch.from_numpy(r.relations).log(), torch.from_numpy(r.flags).logit()
            relations = self._decide(r.pairs[:, 0], r.pairs[:, 1], logits, flags, r.mentions)
            results.append(Prediction(r.mentions, relations))
        return results

    def _read_group(self, texts: Sequence[TextInput]) -> list[Reading]:
        members = (self, *self.others)
        emissions, vectors, posteriors = [], [], []
        for member in members:
            found = _encode(cast(FastNetwork, member._fast), member.encoder, texts)
            emissions.append([scores.numpy() for scores, _ in found])
            vectors.append([states for _, states in found])
            posteriors.append([marginals for _, marginals in member._decoder(emissions[-1])])
        joint = self._joint([np.mean(scores, axis=0) for scores in zip(*emissions, strict=True)])
        readings = []
        for k, (text, (path, _)) in enumerate(zip(texts, joint, strict=True)):
            tags = np.mean([p[k] for p in posteriors], axis=0)
            mentions = self._spans(path, tags, text.sentences)
            pairs, relations, flags = self._pair_means(text, mentions, [v[k] for v in vectors])
            readings.append(
                Reading(list(text.sentences), path, tags.astype(np.float32), mentions, pairs, relations, flags)
            )
        return readings

    @torch.inference_mode()
    def _pair_means(
        self, text: TextInput, mentions: Sequence[PredictedMention], vectors: Sequence[torch.Tensor]
    ) -> tuple[Ints, Floats, Floats]:
        """Pairs, relation and flag probabilities. vectors: of the text's words, by teacher."""
        rows = np.array(
            [(m.first, m.last, ENTITY_TYPES.index(m.type), m.sentence) for m in mentions],  # type: ignore[arg-type]
            dtype=np.int64,
        ).reshape(-1, 4)
        first, last, types, sentence = rows.T
        batch = Mentions(first, last, types, sentence, borders=np.array(text.sentences, dtype=np.int64))
        relations, flags = [], []
        for member, states in zip((self, *self.others), vectors, strict=True):
            head, tail, logits, raised = cast(FastNetwork, member._fast).pair_scores(states, batch)
            relations.append(torch.softmax(logits, dim=-1))
            flags.append(torch.sigmoid(raised))
        mean_relations, mean_flags = (torch.stack(found).mean(dim=0).numpy() for found in (relations, flags))
        return np.stack([head, tail], axis=1), mean_relations, mean_flags


def _encode(
    network: FastNetwork, encoder: PieceEncoder, texts: Sequence[TextInput]
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Tag scores and word vectors of each text."""
    return in_threads(lambda text: network.encode(encoder, encoder.encode(text.words)), texts)


def evaluate(
    extractor: Extractor, examples: Sequence[Example], texts: Sequence[AnnotatedText]
) -> tuple[Decision, dict[str, float]]:
    """Calibration from annotated texts, with strict entity F1 and the relation figures of :func:`choose`.

    The extractor's own calibration must be the identity.
    """
    comparisons = compare(extractor, examples, texts)
    right = found = total = 0
    for comparison, text in zip(comparisons, texts, strict=True):
        mentions = {(m.start, m.end, m.type) for m in comparison.predicted_reading.mentions}
        right += len(mentions & set(text.entities))
        found += len(mentions)
        total += len(text.entities)
    decision, figures = choose(candidates(comparisons))
    return decision, {"entity_f1": round(200 * right / max(found + total, 1), 2), **figures}


def topic_rank(text: str) -> int:
    """How near a text is to the field, by its words: 0 cancer stem cells, 1 resistance in cancer, 2 cancer, 3 none."""
    low = text.lower()
    if any(term in low for term in STEM):
        return 0
    if not any(term in low for term in CANCER):
        return 3
    return 1 if any(term in low for term in RESISTANCE) else 2


def pick_texts(shared: Path, count: int, exclude: HeldOut) -> list[AnnotatedText]:
    """Abstracts to teach from: nearest to the field first, by :func:`topic_rank`, then by a hash of the PMID.

    Left out: abstracts without PMID, held-out ones, and those of gold/train, by PMID and by text.
    """
    gold = list(read_lines(shared / "gold" / "train.jsonl"))
    ids = {str(record["pmid"]) for record in gold}
    keys = {text_key(record["text"]) for record in gold}
    order: list[tuple[int, str, AnnotatedText]] = []
    for record in unlabelled_records(shared):
        if record.get("pmid") and record.get("abstract") and not record.get("held_out"):
            source = _source(record)
            order.append((topic_rank(source.text), digest(source.text_id), source))
    picked: list[AnnotatedText] = []
    for _, _, source in sorted(order, key=lambda row: row[:2]):
        if len(picked) == count:
            break
        key = text_key(source.text)
        if source.text_id in ids or key in keys or (source.text_id, source.text) in exclude:
            continue
        ids.add(source.text_id)  # an abstract that two files hold is taken once
        keys.add(key)
        picked.append(source)
    return picked


def _source(record: dict[str, Any]) -> AnnotatedText:
    title = record.get("title")
    return AnnotatedText(
        str(record["pmid"]),
        record_text(record),
        entities=[],
        pair_types=[],
        relation_head="csc",
        title_end=len(title.lstrip()) if title and record.get("abstract") else None,
    )


def text_digest(text: str) -> str:
    """SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def write_readings(path: Path, sources: Sequence[AnnotatedText], readings: Sequence[Reading], facts: Any) -> None:
    """Write readings as fp16 in one safetensors file. facts: JSON-able, given back by :func:`read_readings`.

    Of words outside of mentions those are kept that might be inside of one.
    """
    parts: dict[str, list[npt.NDArray[Any]]] = {}
    counts = []
    for reading in readings:
        path_array = np.array(reading.path)
        (words,) = ((path_array > 0) | (reading.tags[:, 0] < 1 - _CERTAIN)).nonzero()
        mentions = [
            (m.first, m.last, ENTITY_TYPES.index(m.type), m.sentence)  # type: ignore[arg-type]
            for m in reading.mentions
        ]
        arrays = {
            "sentences": np.array(reading.sentences, dtype=np.int32).reshape(-1, 2),
            "words": np.stack([words, path_array[words]], axis=1).astype(np.int32),
            "tags": reading.tags[words].astype(np.float16),
            "mentions": np.array(mentions, dtype=np.int32).reshape(-1, 4),
            "certainty": np.array([m.probability for m in reading.mentions], dtype=np.float16),
            "pairs": reading.pairs.astype(np.int32),
            "relations": reading.relations.astype(np.float16),
            "flags": reading.flags.astype(np.float16),
        }
        counts.append([len(arrays[name]) for name in _ARRAYS])
        for name, array in arrays.items():
            parts.setdefault(name, []).append(array)
    tensors = {name: torch.from_numpy(np.concatenate(found)) for name, found in parts.items()}
    tensors["counts"] = torch.tensor(counts, dtype=torch.int32)
    texts = [(s.text_id, text_digest(s.text), len(r.path)) for s, r in zip(sources, readings, strict=True)]
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, {"format": _FORMAT, "facts": json.dumps(facts), "texts": json.dumps(texts)})
    path.chmod(0o644)  # safetensors makes it private


_ARRAYS = ("sentences", "words", "tags", "mentions", "certainty", "pairs", "relations", "flags")


def read_readings(path: Path) -> tuple[dict[str, Reading], Any]:
    """Readings by the SHA-256 of their text, and the facts written with them. Raises ModelError for another file."""
    try:
        with safe_open(path, framework="pt") as stored:
            metadata = dict(stored.metadata() or {})
            arrays = {key: stored.get_tensor(key).numpy() for key in stored.keys()}  # noqa: SIM118  not a mapping
    except Exception as e:
        raise ModelError(f"{path}: cannot be read ({e})") from e
    if metadata.get("format") != _FORMAT or "texts" not in metadata:
        raise ModelError(f"{path}: no file of taught labels in format {_FORMAT}")
    ends = arrays["counts"].cumsum(axis=0)
    split = {name: np.split(arrays[name], ends[:-1, k]) for k, name in enumerate(_ARRAYS)}
    readings: dict[str, Reading] = {}
    for k, (_, sha, n_words) in enumerate(json.loads(metadata["texts"])):
        own = {name: split[name][k] for name in _ARRAYS}
        tags = np.zeros((n_words, own["tags"].shape[1]), dtype=np.float32)
        tags[:, 0] = 1
        tag_path = np.zeros(n_words, dtype=np.int64)
        tags[own["words"][:, 0]], tag_path[own["words"][:, 0]] = own["tags"], own["words"][:, 1]
        readings[sha] = Reading(
            sentences=[(first, stop) for first, stop in own["sentences"].tolist()],
            path=tag_path.tolist(),
            tags=_normalised(tags),
            mentions=[
                PredictedMention(first, last, ENTITY_TYPES[kind], probability, sentence)
                for (first, last, kind, sentence), probability in zip(
                    own["mentions"].tolist(), own["certainty"].astype(np.float64).round(4).tolist(), strict=True
                )
            ],
            pairs=own["pairs"].astype(np.int64),
            relations=_normalised(own["relations"].astype(np.float32)),
            flags=own["flags"].astype(np.float32),
        )
    return readings, json.loads(metadata["facts"])


def _normalised(rows: Floats) -> Floats:
    scaled: Floats = rows / rows.sum(axis=1, keepdims=True)
    return scaled


def harden(reading: Reading, decision: Decision, sure: tuple[float, float] = SURE) -> Reading:
    """The reading as decisions: one tag a word, and for a pair its relation, none, or, where unsure, no label (all 0).

    decision: its calibration says how likely a relation is right; sure: see :data:`SURE`.
    """
    relations = np.zeros_like(reading.relations)
    if len(reading.pairs):
        certainty = torch.tensor([m.probability for m in reading.mentions])
        head, tail = torch.from_numpy(reading.pairs).unbind(1)
        raw, label = torch.from_numpy(reading.relations)[:, 1:].max(dim=1)
        right = decision.calibrate(raw, certainty[head], certainty[tail]).numpy()
        relations[right <= sure[0], 0] = 1
        held = right >= sure[1]
        relations[held, label.numpy()[held] + 1] = 1
    flags = np.stack(
        [
            reading.flags[:, 0] >= decision.negation_threshold,
            reading.flags[:, 1] >= decision.speculation_threshold,
        ],
        axis=1,
    )
    tags = np.eye(reading.tags.shape[1], dtype=np.float32)[reading.path]
    return replace(reading, tags=tags, relations=relations, flags=flags.astype(np.float32))


def taught_example(source: AnnotatedText, reading: Reading, encoder: PieceEncoder, heads: NetworkConfig) -> Example:
    """What a student learns from a reading. Raises SourceError where text and reading differ in their words."""
    example = make_example(source, encoder, heads.entity_heads, heads.relation_heads)
    if example is None or len(example.encoded) != len(reading.path):
        raise SourceError(f"{source.text_id}: other words than those that the teachers read")
    mentions: list[list[tuple[int, int, int]]] = [[] for _ in reading.sentences]
    place = []
    for m in reading.mentions:
        place.append(len(mentions[m.sentence]))
        mentions[m.sentence].append((m.first, m.last, ENTITY_TYPES.index(m.type)))  # type: ignore[arg-type]
    sentence = np.array([m.sentence for m in reading.mentions], dtype=np.int64)[reading.pairs[:, 0]]
    pairs = np.array(place, dtype=np.int64)[reading.pairs]
    rows = [(sentence == k).nonzero()[0] for k in range(len(reading.sentences))]
    return replace(
        example,
        tags=reading.path,
        sentences=reading.sentences,
        mentions=mentions,
        labels=[{} for _ in mentions],
        soft=SoftLabels(
            tags=torch.from_numpy(reading.tags).half(),
            pairs=[torch.from_numpy(pairs[k]) for k in rows],
            relations=[torch.from_numpy(reading.relations[k]).half() for k in rows],
            flags=[torch.from_numpy(reading.flags[k]).half() for k in rows],
        ),
    )


def taught_examples(
    path: Path, shared: Path, encoder: PieceEncoder, heads: NetworkConfig, exclude: HeldOut, *, hard: bool = False
) -> list[Example]:
    """Examples of a file of labels, in its order, their texts found among the unlabelled ones; hard: see `harden`.

    Raises ModelError where the file is for other types, SourceError where a text is held out or not in ``shared``.
    """
    readings, facts = read_readings(path)
    for kind in ("entity_heads", "relation_heads"):
        if tuple(facts[kind]) != getattr(heads, kind)["csc"]:
            raise ModelError(f"{path}: labels of other {kind.replace('_', ' ')} than the network's")
    decision = Decision.from_dict(facts["decision"])
    found: dict[str, Example] = {}
    for record in unlabelled_records(shared):
        sha = text_digest(record_text(record))
        if sha not in readings or sha in found:
            continue
        source = _source(record)
        if (source.text_id, source.text) in exclude:
            raise SourceError(f"{path}: {source.text_id} is a held-out text")
        reading = harden(readings[sha], decision) if hard else readings[sha]
        found[sha] = taught_example(source, reading, encoder, heads)
    if missing := len(readings) - len(found):
        raise SourceError(f"{path}: {missing} of {len(readings)} texts are not in {shared}")
    return [found[sha] for sha in readings]
