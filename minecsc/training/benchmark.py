"""A model held against the figures to reach: public corpora with their own heads, and the project's gold.

What counts: entities strictly (span and type, all gold mentions, also those that flat tags on whole words cannot give);
relations between given gold mentions, where every gold relation counts, also one that crosses sentences; BioRED's
relations between the concepts of a document. A relation head's answer is its likeliest label, "none" among them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from minecsc.errors import ModelError
from minecsc.evaluation import Counts, Report, evaluate, load_gold
from minecsc.evaluation.bootstrap import intervals, ratios
from minecsc.evaluation.predict import predict, predict_given
from minecsc.evaluation.spans import MICRO, STRICT, Span, Tally, TallyTable, count, entity_tallies, tally
from minecsc.nlp import load
from minecsc.nlp.extractor import Decision, pick_device
from minecsc.nlp.model_io import model_digest, read_meta
from minecsc.training.benchmark_table import Benchmark, Figure
from minecsc.training.corpora import CORPORA, held_out, read_lines, read_split
from minecsc.training.corpora.events import PROCESS
from minecsc.training.examples import AnnotatedText, flatten
from minecsc.training.heads import HEADS_FILE, HeadReader, PairScores, WordIndex, load_with_corpus_heads

GOLD: Final = "gold"
SCOPES: Final = "bioscope_abstracts"
EVENTS: Final = ("bionlp13cg", "bionlp13pc", "bionlp11ge", "bionlp13ge")
ENTITIES: Final = (
    "bc5cdr", "ncbi_disease", "jnlpba", "bionlp13cg", "biored", "anatem", "bc2gm", "nlm_gene", "gnormplus",
)  # fmt: skip
RELATIONS: Final = ("chemprot", "drugprot", "biored", *EVENTS)
NAMES: Final = (GOLD, *dict.fromkeys((*ENTITIES, *RELATIONS, SCOPES)))

_ENTITY_TARGETS: Final = {"bc5cdr": 0.88, "jnlpba": 0.74, "bionlp13cg": 0.82, "biored": 0.87}
_RELATION_TARGETS: Final = {"chemprot": 0.72, "drugprot": 0.72, "biored": 0.55}
_GOLD_ENTITY_TARGETS: Final = {MICRO: 0.85, "CSC": 0.90, "Drug": 0.90}
_FLAG_TARGETS: Final = {"negation": 0.85, "speculation": 0.70}
_END_TO_END, _PRECISION, _RECALL_AT_PRECISION, _ECE = 0.55, 0.90, 0.35, 0.05
_NO_PUBLIC_TEST: Final = frozenset(("drugprot", *EVENTS))
"""Corpora whose test relations are not public: their figures are of dev whatever split is asked for."""
_BIASES: Final = tuple(np.arange(-2.0, 2.01, 0.25).tolist())
_LOWEST = 0.1
_SCOPE_WORDS: Final = {
    "negation": frozenset(("NEG_CUE", "NEG_SCOPE", "NEG_SPEC_SCOPE")),
    "speculation": frozenset(("SPEC_CUE", "SPEC_SCOPE", "NEG_SPEC_SCOPE")),
}

Fact = tuple[str, Hashable]
"""Relation label and its arguments: (head, tail) as indices of mentions, or the unordered pair of two concepts."""


@dataclass(frozen=True)
class Settings:
    """limit: documents a corpus, None for all; samples: resamples behind the intervals.

    tune_bias: on the test split, add to the score of "none" what is best on the corpus' dev split.
    """

    shared: Path
    split: str = "dev"
    limit: int | None = None
    samples: int = 1000
    seed: int = 13
    tune_bias: bool = False


@dataclass(frozen=True)
class RelationText:
    """A text with the facts that count. concepts: of each mention, where facts are between concepts."""

    text: AnnotatedText
    facts: frozenset[Fact]
    concepts: tuple[tuple[str, ...], ...] | None = None

    def keys(self, head: int, tail: int) -> list[Hashable]:
        """What a pair of mentions speaks for. A concept is in no relation with itself."""
        if self.concepts is None:
            return [(head, tail)]
        return [frozenset((a, b)) for a in self.concepts[head] for b in self.concepts[tail] if a != b]


def run_benchmark(
    model: Path,
    settings: Settings,
    *,
    corpora: Sequence[str] = (),
    device: str = "auto",
    command: str = "",
    say: Callable[[str], None] = lambda _: None,
) -> Benchmark:
    """Measure a model folder on ``corpora`` (of NAMES; default: the gold and all that the model has heads for).

    Raises ModelError where a corpus is asked for that is unknown or has no head in the model.
    """
    if unknown := set(corpora) - set(NAMES):
        raise ModelError(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(NAMES)}")
    notes: list[str] = []
    figures: list[Figure] = []
    if not corpora or GOLD in corpora:
        say(GOLD)
        figures += gold_figures(model, settings, device)
    public = [name for name in NAMES if name != GOLD and (not corpora or name in corpora)]
    if not corpora and not (model / HEADS_FILE).exists():
        notes.append(f"No public corpus: the model folder has no {HEADS_FILE}.")
        public = []
    if public:
        where = pick_device(device)
        reader = HeadReader(*load_with_corpus_heads(model, where), where)
        decision = Decision.from_dict(read_meta(model)["decision"])
        for name in public:
            heads = reader.network.config
            if name not in heads.entity_heads and name not in heads.relation_heads:
                if corpora:
                    raise ModelError(f"{model}: no head for {name}")
                notes.append(f"{name}: the model has no head for it.")
                continue
            say(name)
            figures += _public_figures(reader, settings, name, decision, notes)
    return Benchmark(
        command=command,
        model_digest=model_digest(model),
        split=settings.split,
        limit=settings.limit,
        samples=settings.samples,
        figures=tuple(figures),
        notes=tuple(notes),
    )


def _public_figures(
    reader: HeadReader, settings: Settings, name: str, decision: Decision, notes: list[str]
) -> Iterator[Figure]:
    heads = reader.network.config
    if name in ENTITIES and name in heads.entity_heads:
        if _has_split(settings, name):
            yield from entity_figures(reader, settings, name)
        else:
            notes.append(f"{name}: entities left out, the corpus has no {settings.split} split.")
    if name in RELATIONS and name in heads.relation_heads:
        yield from relation_figures(reader, settings, name, decision)
    if name == SCOPES and name in heads.entity_heads:
        yield from scope_figures(reader, settings)


def _has_split(settings: Settings, name: str) -> bool:
    path = settings.shared / "corpora" / f"{name}.jsonl.gz"
    return any(record["split"] == settings.split for record in read_lines(path))


def entity_figures(reader: HeadReader, settings: Settings, name: str) -> list[Figure]:
    """Strict figures of one entity head. Triggers of processes, which some heads learn, are no entities here."""
    texts = list(islice(read_split(settings.shared, name, settings.split), settings.limit))
    found = reader.entities([text.text for text in texts], name)
    tallies: dict[str, TallyTable] = {}
    unreachable = 0
    for text, mentions in zip(texts, found, strict=True):
        gold = {Span(*e) for e in text.entities if e[2] != PROCESS}
        table = entity_tallies(gold, {Span(*m) for m in mentions if m[2] != PROCESS})
        tallies[text.text_id] = {key: value for key, value in table.items() if key[0] == STRICT}
        unreachable += len(gold - reachable(text))
    target = _ENTITY_TARGETS.get(name)
    return _figures("entities", name, settings.split, tallies, settings, {MICRO: target}, unreachable)


def reachable(text: AnnotatedText) -> set[Span]:
    """The mentions that tags on words can give back: whole words, and of overlapping ones the longest."""
    index = WordIndex.of(text.text)
    kept = set()
    for i in flatten(text.entities):
        start, end, kind = text.entities[i]
        first, last = index.words(start, end)
        if (index.starts[first], index.ends[last]) == (start, end):
            kept.add(Span(start, end, kind))
    return kept


def relation_texts(shared: Path, name: str, split: str, limit: int | None) -> list[RelationText]:
    """Texts of a split with the facts to find: between mentions, for BioRED between concepts."""
    if name == "biored":
        lines = read_lines(shared / "corpora" / f"{name}.jsonl.gz")
        return [biored_text(record) for record in islice((r for r in lines if r["split"] == split), limit)]
    return [mention_text(text) for text in islice(read_split(shared, name, split), limit)]


def mention_text(text: AnnotatedText) -> RelationText:
    return RelationText(text, frozenset((label, (head, tail)) for label, head, tail, *_ in text.relations))


def biored_text(record: Mapping[str, Any]) -> RelationText:
    """A record with its facts (label, {concept, concept}) as annotated, whatever sentences they stand in."""
    spec = CORPORA["biored"]
    (text,) = spec.read(dict(record), spec)
    concepts = {(e["start"], e["end"], e["type"]): tuple(e.get("norm") or ()) for e in record["entities"]}
    facts = frozenset((r["type"], frozenset(concept for _, concept in r["args"])) for r in record["relations"])
    return RelationText(text, facts, tuple(concepts[entity] for entity in text.entities))


def predicted_facts(text: RelationText, scores: PairScores, labels: Sequence[str], bias: float = 0.0) -> set[Fact]:
    """The likeliest label of every pair that is not "none"; of several pairs for one key, that of the surest.

    bias: added to the score of "none".
    """
    logits = scores.logits.clone()
    logits[:, 0] += bias
    probabilities, best = torch.softmax(logits, dim=-1).max(dim=-1)
    surest: dict[Hashable, tuple[float, str]] = {}
    for pair, probability, label in zip(scores.pairs, probabilities.tolist(), best.tolist(), strict=True):
        if label == 0:
            continue
        for key in text.keys(*pair):
            if key not in surest or probability > surest[key][0]:
                surest[key] = (probability, labels[label - 1])
    return {(label, key) for key, (_, label) in surest.items()}


def fact_tallies(gold: frozenset[Fact] | set[Fact], found: frozenset[Fact] | set[Fact], section: str) -> TallyTable:
    """Tallies of one document by label, and over all."""
    matched = count(label for label, _ in gold & found)
    table = tally(matched, count(label for label, _ in found), count(label for label, _ in gold))
    return {(section, label): value for label, value in table.items()}


def relation_figures(reader: HeadReader, settings: Settings, name: str, decision: Decision) -> list[Figure]:
    """Figures of one relation head between given mentions, and of the flags where the corpus annotates them."""
    split = "dev" if name in _NO_PUBLIC_TEST else settings.split
    labels = reader.network.config.relation_heads[name]
    bias = 0.0
    if settings.tune_bias and split == "test":
        bias = best_bias(*_read(reader, settings, name, "dev"), labels)
    texts, scores = _read(reader, settings, name, split)
    task = "relations, given mentions"
    tallies: dict[str, TallyTable] = {}
    unread = 0
    for text, score in zip(texts, scores, strict=True):
        keys = {key for pair in score.pairs for key in text.keys(*pair)}
        unread += sum(key not in keys for _, key in text.facts)
        tallies[text.text.text_id] = fact_tallies(text.facts, predicted_facts(text, score, labels, bias), task)
    note = "test relations are not public" if split != settings.split else ""
    if bias:
        note = f"bias of none {bias:+.2f}, chosen on dev"
    targets = {MICRO: _RELATION_TARGETS.get(name)}
    figures = _figures(task, name, split, tallies, settings, targets, unread, note)
    if CORPORA[name].flags:
        for column, flag in enumerate(_FLAG_TARGETS):
            threshold = (decision.negation_threshold, decision.speculation_threshold)[column]
            rows = {
                text.text.text_id: flag_tallies(text.text, score, column, threshold, flag)
                for text, score in zip(texts, scores, strict=True)
            }
            task = f"{flag}, given relations"
            figures += _figures(task, name, split, rows, settings, {MICRO: _FLAG_TARGETS[flag]}, None, note)
    return figures


def _read(reader: HeadReader, settings: Settings, name: str, split: str) -> tuple[list[RelationText], list[PairScores]]:
    texts = relation_texts(settings.shared, name, split, settings.limit)
    return texts, reader.pairs([text.text for text in texts], name)


def best_bias(texts: Sequence[RelationText], scores: Sequence[PairScores], labels: Sequence[str]) -> float:
    """The bias of "none" with the best micro F1; the smallest in a tie."""

    def f1(bias: float) -> float:
        right = both = 0
        for text, score in zip(texts, scores, strict=True):
            found = predicted_facts(text, score, labels, bias)
            right += len(found & text.facts)
            both += len(found) + len(text.facts)
        return 2 * right / both if both else 0.0

    return max(_BIASES, key=lambda bias: (f1(bias), -abs(bias)))


def flag_tallies(text: AnnotatedText, scores: PairScores, column: int, threshold: float, section: str) -> TallyTable:
    """One flag (0 negated, 1 speculative) on the gold relations; of one that is not read, it is not raised."""
    raised = {
        pair for pair, flags in zip(scores.pairs, scores.flags.tolist(), strict=True) if flags[column] >= threshold
    }
    facts = {(label, (head, tail)) for label, head, tail, *_ in text.relations}
    gold = {(label, (head, tail)) for label, head, tail, *flags in text.relations if flags[column]}
    found = {(label, pair) for label, pair in facts if pair in raised}
    return {(section, MICRO): Tally(len(gold & found), len(found - gold), len(gold - found))}


def scope_figures(reader: HeadReader, settings: Settings) -> list[Figure]:
    """BioScope: words in cues and scopes, on its abstracts that stand in held-out sets of other corpora.

    The corpus has no split of its own; those abstracts are the ones that training leaves out.
    """
    spec = CORPORA[SCOPES]
    exclude = held_out(settings.shared)
    lines = read_lines(settings.shared / "corpora" / f"{SCOPES}.jsonl.gz")
    records = islice((record for record in lines if exclude.holds(record)), settings.limit)
    texts = [text for record in records for text in spec.read(record, spec)]
    found = reader.entities([text.text for text in texts], SCOPES)
    figures: list[Figure] = []
    for flag, kinds in _SCOPE_WORDS.items():
        tallies: dict[str, TallyTable] = {}
        for text, mentions in zip(texts, found, strict=True):
            gold, ours = (scope_words(text.text, spans, kinds) for spans in (text.entities, mentions))
            tallies[text.text_id] = {(flag, MICRO): Tally(len(gold & ours), len(ours - gold), len(gold - ours))}
        note = "abstracts kept out of training"
        figures += _figures(f"{flag}, words of cue and scope", SCOPES, "held out", tallies, settings, {}, None, note)
    return figures


def scope_words(text: str, spans: Sequence[tuple[int, int, str]], kinds: frozenset[str]) -> set[int]:
    """Words of ``text`` that stand in spans of these kinds."""
    index = WordIndex.of(text)
    words: set[int] = set()
    for start, end, kind in spans:
        if kind in kinds:
            first, last = index.words(start, end)
            words.update(range(first, last + 1))
    return words


def gold_figures(model: Path, settings: Settings, device: str) -> list[Figure]:
    """The project's dev set through the pipeline as users run it, at the model's own operating point."""
    readings = load_gold(settings.shared / "gold" / "dev.jsonl")[: settings.limit]
    default = Decision.from_dict(read_meta(model)["decision"]).min_probability
    lowest = min(_LOWEST, default)
    wide = predict(readings, load(model, device=device, min_probability=lowest, link=False))
    shown = {
        name: replace(reading, relations=tuple(r for r in reading.relations if r.probability >= default))
        for name, reading in wide.items()
    }
    given = predict_given(readings, load(model, device=device, link=False, given_entities=True))
    report = evaluate(readings, shown, given=given, bootstrap=settings.samples, seed=settings.seed)
    return [
        *_section(report, "entities", STRICT, _GOLD_ENTITY_TARGETS),
        *_section(report, "relations, given mentions", "relations_given.strict", {}),
        *_section(report, "relations, end to end", "relations.strict", {MICRO: _END_TO_END}),
        *_certainty(report, evaluate(readings, wide, bootstrap=0)),
        *(
            figure
            for flag, target in _FLAG_TARGETS.items()
            for task, section in ((f"{flag}, end to end", flag), (f"{flag}, given mentions", f"{flag}_given"))
            for figure in _section(report, task, section, {MICRO: target})
        ),
    ]


def _section(report: Report, task: str, section: str, targets: Mapping[str, float]) -> Iterator[Figure]:
    for label, score in sorted(report.scores[section].items(), key=lambda item: _order(item[0], item[1].support)):
        yield Figure(
            task, GOLD, "dev", label, "F1", score.f1, score.f1_interval, targets.get(label),
            precision=score.precision, recall=score.recall, gold=score.support, predicted=score.predicted,
            matched=score.matched, documents=report.documents,
        )  # fmt: skip


def _order(label: str, gold: int) -> tuple[bool, int, str]:
    """All types together first, then by how often they are to be found."""
    return label != MICRO, -gold, label


def _certainty(report: Report, wide: Report) -> Iterator[Figure]:
    """What the probabilities of relations are worth: the recall that precision .90 leaves, and their calibration."""
    task = "relations, end to end"
    everything, shown = wide.calibration.get("relations"), report.calibration.get("relations")
    point = None if everything is None else everything.at_precision
    yield Figure(
        task, GOLD, "dev", MICRO, f"recall at precision {_PRECISION:.2f}",
        0.0 if point is None else point.recall, None, _RECALL_AT_PRECISION,
        precision=None if point is None else point.precision, recall=None if point is None else point.recall,
        gold=wide.score("relations.strict").support, predicted=None if point is None else point.kept,
        documents=report.documents,
        note="no threshold reaches it" if point is None else f"probability ≥ {point.threshold:.3f}",
    )  # fmt: skip
    yield Figure(
        task, GOLD, "dev", MICRO, "ECE", None if shown is None else shown.ece, None, _ECE, at_most=True,
        predicted=None if shown is None else shown.predictions, documents=report.documents,
    )  # fmt: skip


def _figures(
    task: str,
    name: str,
    split: str,
    tallies: Mapping[str, TallyTable],
    settings: Settings,
    targets: Mapping[str, float | None],
    unreachable: int | None,
    note: str = "",
) -> list[Figure]:
    """One figure a label from tallies by document; ``unreachable`` and the note go with the one over all."""
    counts = Counts.of(tallies)
    bounds = intervals(counts, samples=settings.samples, seed=settings.seed)
    totals = counts.values.sum(axis=0)
    points = ratios(totals.astype(np.float64))
    figures = []
    for (_, label), total, point, bound in zip(counts.keys, totals.tolist(), points.tolist(), bounds, strict=True):
        precision, recall, f1 = (None if math.isnan(value) else value for value in point)
        low, high = bound[2].tolist()
        figures.append(
            Figure(
                task, name, split, label, "F1", f1, None if math.isnan(low) else (low, high), targets.get(label),
                precision=precision, recall=recall, gold=total[0] + total[2], predicted=total[0] + total[1],
                matched=total[0], unreachable=unreachable if label == MICRO else None,
                documents=len(counts.documents), note=note if label == MICRO else "",
            )
        )  # fmt: skip
    return sorted(figures, key=lambda figure: _order(figure.label, figure.gold or 0))
