"""Architectures trained alike and measured on gold/dev: figures of one run, and the table of several."""

from __future__ import annotations

import copy
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import torch

from minecsc.errors import ModelError
from minecsc.evaluation.bootstrap import Counts, intervals, paired_bootstrap
from minecsc.evaluation.spans import MICRO, Tally
from minecsc.nlp.encoding import PieceEncoder, collate
from minecsc.nlp.network import Network, NetworkConfig
from minecsc.nlp.transformer import build_encoder, piece_limit
from minecsc.schema import ENTITY_TYPES, RELATION_TYPES
from minecsc.training.architectures import Architecture, ComparedNetwork, objective
from minecsc.training.encoders import Pretrained
from minecsc.training.examples import Example, batches
from minecsc.training.loop import TrainConfig, Trainer
from minecsc.training.markers import Mention
from minecsc.training.run import load_data, network_config, starting_encoder
from minecsc.training.selection import gold_items

Result = dict[str, Any]
CPU: Final = torch.device("cpu")
CROWD = 20
"""Mentions of the crowded sentence that every architecture is timed on."""
SAMPLES = 2000


@dataclass
class Reading:
    """What a network says of one text.

    pairs: (head, tail), indices into ``mentions``; logits: float[pairs, types + 1], 0 = none.
    """

    mentions: list[Mention] = field(default_factory=list)
    pairs: list[tuple[int, int]] = field(default_factory=list)
    logits: torch.Tensor = field(default_factory=lambda: torch.zeros(0, len(RELATION_TYPES) + 1))

    def relations(self) -> list[tuple[float, bool, tuple[object, ...]]]:
        """(probability, likelier than none, relation as :func:`gold_items` has it) of each pair's likeliest type.

        An association has no direction: of its two readings the likelier one stays, as in the shipped model.
        """
        probability = torch.softmax(self.logits, dim=-1)
        best, kind = probability[:, 1:].max(dim=-1)
        found = {}
        for pair, p, none, label in zip(
            self.pairs, best.tolist(), probability[:, 0].tolist(), kind.tolist(), strict=True
        ):
            found[pair] = (RELATION_TYPES[label], p, p > none)
        kept: list[tuple[float, bool, tuple[object, ...]]] = []
        for (head, tail), (name, p, held) in found.items():
            back = found.get((tail, head))
            twice = name == "associated_with" and back is not None and back[0] == name
            if twice and back is not None and (-p, head, tail) > (-back[1], tail, head):
                continue
            kept.append((p, held, (name, *self.mentions[head], *self.mentions[tail])))
        return kept


@dataclass
class Costs:
    """CPU seconds of reading some texts, and the pairs scored."""

    encoding: float = 0.0
    entities: float = 0.0
    pairs: float = 0.0
    scored: int = 0

    @property
    def total(self) -> float:
        """CPU seconds of all stages."""
        return self.encoding + self.entities + self.pairs

    @property
    def per_thousand(self) -> float:
        """CPU seconds of 1,000 pairs, the encoding of their texts included."""
        return 1000 * (self.encoding + self.pairs) / max(self.scored, 1)


@torch.inference_mode()
def read(
    network: ComparedNetwork, encoder: PieceEncoder, examples: Sequence[Example], *, given: bool, max_pieces: int = 4096
) -> tuple[list[Reading], Costs]:
    """Readings in the order of ``examples``, on a CPU. given: pairs are formed of the gold mentions."""
    network.to(CPU).eval()
    marks = network.architecture.pairs == "markers"
    costs = Costs()
    results = [Reading() for _ in examples]
    for group in batches(examples, range(len(examples)), max_pieces):
        texts = [examples[i].encoded for i in group]
        borders = [examples[i].sentences for i in group]
        clock = time.process_time()
        words, vectors = None, None
        if not marks:
            batch = collate(encoder, texts)
            words, vectors = network.encode(batch)
        costs.encoding += -clock + (clock := time.process_time())
        if given or words is None:
            mentions = [[m for row in examples[i].mentions for m in row] for i in group]
        else:
            mentions = network.find(words, batch.word_mask, borders)
        costs.entities += -clock + (clock := time.process_time())
        sentences = [(k, *border) for k, row in enumerate(borders) for border in row]
        members = [[m for m in mentions[k] if first <= m[0] < end] for k, first, end in sentences]
        asked = network.candidates(sentences, members)
        logits, _ = network.relate(encoder, texts, vectors, asked)
        costs.pairs += time.process_time() - clock
        costs.scored += len(asked.pairs)
        offsets: list[int] = []
        for (k, _, _), row in zip(sentences, members, strict=True):
            offsets.append(len(results[group[k]].mentions))
            results[group[k]].mentions += row
        places: dict[int, list[int]] = {}
        for at, (s, i, j) in enumerate(asked.pairs):
            places.setdefault(sentences[s][0], []).append(at)
            results[group[sentences[s][0]]].pairs.append((offsets[s] + i, offsets[s] + j))
        for k, rows in places.items():
            results[group[k]].logits = logits[rows]
    return results, costs


def matches(found: Iterable[object], gold: Iterable[object]) -> Tally:
    """Counts of exact matches."""
    a, b = set(found), set(gold)
    return Tally(len(a & b), len(a - b), len(b - a))


def f1(tallies: Iterable[Tally]) -> float:
    """F1 of summed tallies; 0 where there is nothing to find and nothing found."""
    tp, fp, fn = (sum(column) for column in zip(*tallies, strict=True))
    return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0.0


def best_threshold(readings: Sequence[Reading], gold: Sequence[set[tuple[object, ...]]]) -> float:
    """The relation probability from which on F1 over all texts is best."""
    scored = sorted(
        ((p, item in wanted) for r, wanted in zip(readings, gold, strict=True) for p, _, item in r.relations()),
        reverse=True,
    )
    total, right = sum(map(len, gold)), 0
    best, threshold = -1.0, 1.0
    for n, (p, correct) in enumerate(scored, 1):
        right += correct
        last = n == len(scored) or scored[n][0] < p
        if last and 2 * right / (n + total) > best:
            best, threshold = 2 * right / (n + total), p
    return threshold


def scores(
    network: ComparedNetwork, encoder: PieceEncoder, examples: Sequence[Example]
) -> tuple[dict[str, dict[str, Tally]], Result]:
    """Tallies by measure and text, and the other figures of reading ``examples``.

    Measures: strict entities; relations given gold entities, by argmax; relations end to end at the threshold of best
    F1. In all of them type, spans and direction count. ``cpu_dev``: CPU seconds end to end, or, where no entities are
    read, from gold entities to relations.
    """
    gold = [gold_items(e) for e in examples]
    names = [e.text_id for e in examples]
    given, costs = read(network, encoder, examples, given=True)
    tallies = {
        "relations": {
            name: matches((item for _, held, item in r.relations() if held), wanted[1])
            for name, r, wanted in zip(names, given, gold, strict=True)
        }
    }
    facts: Result = {"pairs": costs.scored, "cpu_per_1000_pairs": round(costs.per_thousand, 3)}
    if network.architecture.entities != "none":
        found, costs = read(network, encoder, examples, given=False)
        threshold = best_threshold(found, [wanted[1] for wanted in gold])
        tallies["entities"], tallies["end_to_end"] = {}, {}
        for name, r, (entities, relations) in zip(names, found, gold, strict=True):
            tallies["entities"][name] = matches(((a, b, ENTITY_TYPES[k]) for a, b, k in r.mentions), entities)
            reached = (item for p, _, item in r.relations() if p >= threshold)
            tallies["end_to_end"][name] = matches(reached, relations)
        facts |= {"threshold": round(threshold, 4), "cpu_entities": round(costs.entities, 3)}
    facts |= {"cpu_dev": round(costs.total, 3), "cpu_encoding": round(costs.encoding, 3)}
    return tallies, facts


def crowded_sentence(encoder: PieceEncoder) -> Example:
    """A sentence of sixty words with twenty mentions, of our own words: types in turn, no relation told."""
    words: list[str] = []
    mentions: list[Mention] = []
    for k in range(CROWD):
        words += [f"Agent{k + 1}", "alters", "this" if k % 2 else "and"]
        mentions.append((3 * k, 3 * k, k % len(ENTITY_TYPES)))
    return Example("crowd", encoder.encode(words), None, "csc", None, [(0, len(words))], [mentions], [{}])


def crowded_cost(network: ComparedNetwork, encoder: PieceEncoder) -> float:
    """CPU seconds to read the pairs of the crowded sentence, its encoding included: mean of up to ten readings."""
    example = crowded_sentence(encoder)
    read(network, encoder, [example], given=True)
    spent = Costs()
    repeats = 0
    while repeats < 10 and spent.total < 1.0:
        _, costs = read(network, encoder, [example], given=True)
        spent.encoding += costs.encoding
        spent.pairs += costs.pairs
        repeats += 1
    return spent.total / repeats


def longest_span(examples: Sequence[Example], share: float = 0.99) -> int:
    """Words of the longest span to score so that at least ``share`` of the mentions are within reach."""
    lengths = Counter(last - first + 1 for e in examples for row in e.mentions for first, last, _ in row)
    wanted = share * sum(lengths.values())
    reached = 0
    for length in sorted(lengths):
        reached += lengths[length]
        if reached >= wanted:
            return length
    raise ModelError("no mention to learn the length of spans from")


def truncated(pretrained: Pretrained, layers: int | None) -> Pretrained:
    """The encoder with its first ``layers`` layers. Raises ModelError where it has not that many."""
    if layers is None:
        return pretrained
    config = copy.deepcopy(pretrained.config)
    if not 0 < layers <= config.num_hidden_layers:
        raise ModelError(f"{pretrained.name} has {config.num_hidden_layers} layers; {layers} asked for")
    config.num_hidden_layers = layers
    kept = build_encoder(config).state_dict().keys()
    return replace(pretrained, config=config, weights={k: v for k, v in pretrained.weights.items() if k in kept})


def build(
    architecture: Architecture, pretrained: Pretrained, heads: NetworkConfig, encoder: PieceEncoder, seed: int
) -> ComparedNetwork:
    """The encoder's weights under heads drawn with ``seed``; ``pretrained`` has the architecture's layers."""
    torch.manual_seed(seed)
    network = ComparedNetwork(architecture, heads, pretrained.config)
    network.encoder.load_state_dict(pretrained.weights)
    if architecture.pairs == "markers":
        layer: Any = network.pairs
        layer.name_markers(network.encoder, encoder)
    return network


@dataclass
class EpochClock:
    """Stands in for the evaluation after each epoch: notes the epoch's CPU seconds and measures nothing."""

    started: float = field(default_factory=time.process_time)

    def __call__(self, _: Network) -> dict[str, float]:
        spent, self.started = time.process_time() - self.started, time.process_time()
        return {"score": 0.0, "cpu_seconds": round(spent, 3)}


@dataclass(frozen=True)
class Setting:
    """What all architectures of a comparison share: the encoder to start from, and gold examples."""

    pretrained: Pretrained
    heads: NetworkConfig
    encoder: PieceEncoder
    train: list[Example]
    dev: list[Example]


def compare(
    shared: Path,
    run_folder: Path,
    architecture: Architecture,
    config: TrainConfig,
    *,
    base: Path | str | None,
    limit: int | None,
    say: Callable[[str], None],
) -> Result:
    """:func:`trial` on the gold set. limit: abstracts to train on, drawn with the seed; None for all."""
    pretrained = truncated(starting_encoder(base), architecture.layers)
    heads = network_config(())
    encoder = PieceEncoder(pretrained.tokenizer, heads.feature_buckets, piece_limit(build_encoder(pretrained.config)))
    data = load_data(shared, (), heads, encoder, limit=limit, seed=config.seed)
    return trial(run_folder, architecture, config, Setting(pretrained, heads, encoder, data.gold, data.dev), say)


def trial(
    run_folder: Path,
    architecture: Architecture,
    config: TrainConfig,
    setting: Setting,
    say: Callable[[str], None],
) -> Result:
    """Train one architecture and measure the averaged weights of its last epoch on the dev examples.

    The last epoch, not the best on dev: nothing is chosen on what is reported. A run goes on from its last checkpoint
    in ``run_folder``; ModelError where that holds a run of something else.
    """
    pretrained, heads, encoder = setting.pretrained, setting.heads, setting.encoder
    architecture = replace(architecture, longest=longest_span(setting.train))
    network = build(architecture, pretrained, heads, encoder, config.seed)
    facts = {
        "architecture": asdict(architecture),
        "encoder": pretrained.name,
        "encoder_sha256": pretrained.sha256,
        "texts": len(setting.train),
    }
    claim(run_folder, facts)
    say(f"{architecture.name}: {facts}, dev {len(setting.dev)}")
    trainer = Trainer(network, encoder, config, run_folder, CPU, EpochClock(), say, objective)
    progress = trainer.run(setting.train, [])
    weights = torch.load(run_folder / "last.pt", map_location=CPU, weights_only=True)["average"]
    network.load_state_dict(weights)
    tallies, measured = scores(network, encoder, setting.dev)
    measured["crowded_sentence"] = round(crowded_cost(network, encoder), 4)
    if architecture.pairs != "full":
        whole = build(replace(architecture, entities="none", pairs="full"), pretrained, heads, encoder, config.seed)
        _, costs = read(whole, encoder, setting.dev, given=True)
        measured["full_per_1000_pairs"] = round(costs.per_thousand, 3)
        measured["full_crowded_sentence"] = round(crowded_cost(whole, encoder), 4)
    named = list(network.named_parameters())
    return {
        "name": architecture.name,
        **facts,
        "training": asdict(config),
        "threads": torch.get_num_threads(),
        "parameters": sum(p.numel() for _, p in named),
        "head_parameters": sum(p.numel() for name, p in named if not name.startswith("encoder.")),
        "cpu_training": round(sum(epoch["cpu_seconds"] for epoch in progress.history), 2),
        **{f"{measure}_f1": round(100 * f1(by_text.values()), 2) for measure, by_text in tallies.items()},
        **measured,
        "history": progress.history,
        "tallies": tallies,
    }


def claim(run_folder: Path, facts: Result) -> None:
    """Note what a run trains; raises ModelError where its folder already holds a run of something else."""
    path = run_folder / "architecture.json"
    said = json.dumps(facts, indent=1, sort_keys=True) + "\n"
    run_folder.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.read_text(encoding="utf-8") != said:
        raise ModelError(f"{run_folder} holds a run of another architecture, encoder or data; choose another folder")
    path.write_text(said, encoding="utf-8")


def read_results(paths: Sequence[Path]) -> list[Result]:
    """Results from files of JSON lines. Raises ModelError where one holds none."""
    results = []
    for path in paths:
        try:
            found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as e:
            raise ModelError(f"{path}: no results can be read ({e})") from e
        if not found:
            raise ModelError(f"{path}: no results")
        results += found
    return results


_MEASURES: Final = {
    "entities": "entities F1",
    "relations": "relations F1, gold entities",
    "end_to_end": "end to end F1",
}


def table(results: Sequence[Result]) -> str:
    """Markdown table, a row a result; differences are to the first row, with paired 95 % bootstrap intervals."""
    head = [
        "entities + pairs", "texts", "epochs", "seed", "head weights", *_MEASURES.values(), "CPU s training",
        "CPU s dev", "CPU s per 1,000 pairs", "× full", "CPU s, 20 mentions", "× full",
    ]  # fmt: skip
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]
    for result in results:
        training = result["training"]
        rows.append(
            [
                result["name"],
                str(result["texts"]),
                str(training["gold_epochs"]),
                str(training["seed"]),
                f"{result['head_parameters'] / 1e6:.2f} M",
                *(_cell(result, results[0], measure) for measure in _MEASURES),
                f"{result['cpu_training']:.0f}",
                f"{result['cpu_dev']:.1f}",
                f"{result['cpu_per_1000_pairs']:.2f}",
                _times(result, "cpu_per_1000_pairs", "full_per_1000_pairs"),
                f"{result['crowded_sentence']:.3f}",
                _times(result, "crowded_sentence", "full_crowded_sentence"),
            ]
        )
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _times(result: Result, key: str, full: str) -> str:
    """How many times as much as the shipped pair layer in the same run."""
    return f"{result[key] / result[full]:.1f}" if full in result else "1.0"


def _cell(result: Result, first: Result, measure: str) -> str:
    tallies = result["tallies"].get(measure)
    if tallies is None:
        return "–"
    counts, others = _counts(measure, tallies), first["tallies"].get(measure)
    low, high = 100 * intervals(counts, samples=SAMPLES, seed=13)[0, 2]
    cell = f"{100 * f1(tallies.values()):.1f} [{low:.1f}, {high:.1f}]"
    if result is first or others is None:
        return cell
    d = paired_bootstrap(counts, _counts(measure, others), section=measure, samples=SAMPLES)
    return f"{cell} {100 * d.difference:+.1f} [{100 * d.low:+.1f}, {100 * d.high:+.1f}]"


def _counts(measure: str, tallies: dict[str, Sequence[int]]) -> Counts:
    return Counts.of({text: {(measure, MICRO): Tally(*values)} for text, values in tallies.items()})
