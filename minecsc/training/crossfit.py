"""Calibration on training texts, each read by a network that was trained without it.

Networks of folds read the part that they left out; what is fitted on those answers has not been fitted on texts that a
network knows, nor on the dev texts, which are left to measure on.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from sklearn.isotonic import IsotonicRegression

from minecsc.errors import ModelError
from minecsc.evaluation import Calibration, calibrate
from minecsc.evaluation.relations import Comparison
from minecsc.evaluation.spans import span_of
from minecsc.nlp.encoding import PieceEncoder
from minecsc.nlp.extractor import Decision, Extractor
from minecsc.nlp.model_io import load_extractor
from minecsc.nlp.network import Network
from minecsc.training.examples import AnnotatedText, make_example
from minecsc.training.heads import HeadReader, PairScores
from minecsc.training.run import Fold
from minecsc.training.selection import (
    LOWEST,
    Calibrator,
    Candidates,
    apply_calibration,
    candidates,
    compare,
    cross_fitted,
    fit_calibration,
    fit_logistic,
    steady_threshold,
)

SUPPORT: Final = 200
"""Out-of-fold relations that must be kept for a precision to be believed."""
SEEN: Final = 40
"""Texts that a fold's network did learn from, read to see that it knows those better."""
GAP: Final = 0.02
"""Entity F1 by which it must."""
_EPSILON: Final = 0.005
_PLATT: Final = (True, True, False, False)

Fit = Callable[[torch.Tensor, torch.Tensor], Calibrator]


@dataclass(frozen=True, slots=True)
class Answers:
    """What the four heads answer on annotated texts: relations and mentions end to end, flags of given relations."""

    relations: Candidates
    mentions: Candidates
    negation: Candidates
    speculation: Candidates


def read_answers(
    network: Network, encoder: PieceEncoder, texts: Sequence[AnnotatedText], device: torch.device
) -> Answers:
    """Read annotated texts with a network; those without words are left out."""
    heads = network.config
    made = ((make_example(text, encoder, heads.entity_heads, heads.relation_heads), text) for text in texts)
    kept = [(example, text) for example, text in made if example is not None]
    read = [text for _, text in kept]
    extractor = Extractor(network, encoder, Decision(min_probability=LOWEST), device, precision="fp32")
    comparisons = compare(extractor, [example for example, _ in kept], read)
    scores = HeadReader(network, encoder, device).pairs(read, "csc")
    return Answers(
        candidates(comparisons),
        mention_candidates(comparisons),
        flag_candidates(read, scores, 0),
        flag_candidates(read, scores, 1),
    )


def mention_candidates(comparisons: Sequence[Comparison]) -> Candidates:
    """Predicted mentions, right where span and type are; the features are their log odds and two zeros."""
    found = [
        (m.probability, span_of(m) in comparison.gold_spans, k)
        for k, comparison in enumerate(comparisons)
        for m in comparison.predicted_reading.mentions
    ]
    return _single(found, [len(comparison.gold_spans) for comparison in comparisons])


def flag_candidates(texts: Sequence[AnnotatedText], scores: Sequence[PairScores], column: int) -> Candidates:
    """One flag (0 negated, 1 speculative) of the gold relations that were read, right where it is annotated."""
    found: list[tuple[float, bool, int]] = []
    gold: list[int] = []
    for k, (text, score) in enumerate(zip(texts, scores, strict=True)):
        facts = {(head, tail): bool(flags[column]) for _, head, tail, *flags in text.relations}
        probability = dict(zip(score.pairs, score.flags[:, column].tolist(), strict=True))
        found += [(probability[pair], flagged, k) for pair, flagged in facts.items() if pair in probability]
        gold.append(sum(facts.values()))
    return _single(found, gold)


def _single(found: Sequence[tuple[float, bool, int]], gold: Sequence[int]) -> Candidates:
    features = torch.zeros(len(found), 3)
    features[:, 0] = torch.logit(torch.tensor([p for p, _, _ in found]), eps=1e-4)
    right = torch.tensor([r for _, r, _ in found], dtype=torch.bool)
    text = torch.tensor([k for _, _, k in found], dtype=torch.long)
    return Candidates(features, right, text, torch.tensor(gold))


def pool(parts: Sequence[Candidates]) -> Candidates:
    """Candidates of several sets of texts as one set."""
    first = np.cumsum([0, *(len(part.gold) for part in parts)]).tolist()
    return Candidates(
        torch.cat([part.features for part in parts]),
        torch.cat([part.right for part in parts]),
        torch.cat([part.text + start for part, start in zip(parts, first, strict=False)]),
        torch.cat([part.gold for part in parts]),
    )


def read_folds(
    model: Path,
    runs: Sequence[Path],
    texts: Sequence[AnnotatedText],
    device: torch.device,
    *,
    say: Callable[[str], None] = lambda _: None,
) -> Answers:
    """Read each training text with the network of the run that left it out.

    model: folder of the model to calibrate, whose architecture and vocabulary the runs share; runs: run folders of
    ``Fold(0, n)`` to ``Fold(n - 1, n)``, in that order. Raises ModelError where a run has no best epoch, is of another
    architecture, or knows the texts it should have left out as well as others.
    """
    if len(runs) < 2:
        raise ModelError("calibration needs the runs of at least two folds")
    extractor = load_extractor(model)
    found = []
    for k, run in enumerate(runs):
        fold = Fold(k, len(runs))
        network = fold_network(extractor.network, run)
        left_out = [text for text in texts if fold.holds(text.text_id)]
        seen = [text for text in texts if not fold.holds(text.text_id)][:SEEN]
        if not left_out or not seen:
            raise ModelError(f"{len(texts)} texts are too few for {len(runs)} folds")
        answers = read_answers(network, extractor.encoder, left_out, device)
        again = read_answers(network, extractor.encoder, seen, device)
        new, known = _f1(answers.mentions), _f1(again.mentions)
        say(f"{run.name}: entity F1 {100 * new:.1f} on {len(left_out)} texts left out, {100 * known:.1f} on others")
        if known < new + GAP:
            raise ModelError(
                f"{run}: reads part {k} of {len(runs)} (entity F1 {new:.3f}) no worse than texts it was trained on "
                f"({known:.3f}); it has not left that part out, or the run folders stand in another order"
            )
        found.append(answers)
    return Answers(*(pool([getattr(answers, f.name) for answers in found]) for f in fields(Answers)))


def fold_network(network: Network, run: Path) -> Network:
    """A copy of ``network`` with the weights of a run's best epoch. Raises ModelError where they do not fit."""
    path = run / "best.pt"
    if not path.is_file():
        raise ModelError(f"{run}: no epoch of this run is finished")
    weights = torch.load(path, map_location="cpu", weights_only=True, mmap=True)["network"]
    made = copy.deepcopy(network)
    try:
        made.load_state_dict({key: weights[key] for key in made.state_dict()})
    except (KeyError, RuntimeError) as e:
        raise ModelError(f"{path}: another architecture or vocabulary than the model's ({e})") from e
    return made.eval()


def _f1(found: Candidates) -> float:
    return 2 * int(found.right.sum()) / max(len(found.right) + found.total, 1)


def _linear(*free: bool) -> Fit:
    bias, relation, head, tail = free
    return lambda x, right: partial(apply_calibration, fit_calibration(x, right, (bias, relation, head, tail)))


def _rising(score: Calibrator, features: torch.Tensor, right: torch.Tensor) -> Calibrator:
    """Isotonic regression on a score: probabilities that only rise with it."""
    model = IsotonicRegression(y_min=_EPSILON, y_max=1 - _EPSILON, out_of_bounds="clip")
    model.fit(score(features).double().numpy(), right.double().numpy())
    return lambda x: torch.from_numpy(model.predict(score(x).double().numpy())).float()


CALIBRATORS: Final[dict[str, Fit]] = {
    "none": lambda x, right: partial(apply_calibration, (0.0, 1.0, 0.0, 0.0)),
    "temperature": _linear(False, True, False, False),
    "Platt": _linear(True, True, False, False),
    "logistic with both mentions": fit_logistic,
    "isotonic": lambda x, right: _rising(lambda scores: scores[:, 0], x, right),
    "logistic, then isotonic": lambda x, right: _rising(fit_logistic(x, right), x, right),
}
"""Ways to calibrate relations, in rising complexity; a model folder can hold all but the isotonic ones."""


@dataclass(frozen=True, slots=True)
class CalibratorFigures:
    """A way to calibrate, cross-validated over texts.

    log_loss: mean negative log likelihood, in nats; difference: its excess over the logistic calibration, with the
    95 % interval of resampled texts; ece, ece_mass, brier: of :class:`minecsc.evaluation.Calibration`.
    """

    name: str
    log_loss: float
    difference: float
    interval: tuple[float, float]
    ece: float
    ece_mass: float
    brier: float


def compare_calibrators(
    found: Candidates, *, folds: int = 5, samples: int = 1000, seed: int = 13
) -> list[CalibratorFigures]:
    """Fit each of CALIBRATORS on the candidates of all folds but one, and measure it on the texts of that one."""
    probabilities = {name: cross_fitted(found, fit, folds) for name, fit in CALIBRATORS.items()}
    target = found.right.double()
    losses = {
        name: torch.nn.functional.binary_cross_entropy(p.double().clamp(1e-6, 1 - 1e-6), target, reduction="none")
        for name, p in probabilities.items()
    }
    texts = len(found.gold)
    counts = torch.bincount(found.text, minlength=texts).double().numpy()
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(texts, np.full(texts, 1 / texts), size=samples).astype(np.float64)
    rows = []
    for name, p in probabilities.items():
        excess = losses[name] - losses["logistic with both mentions"]
        by_text = torch.bincount(found.text, weights=excess, minlength=texts).numpy()
        low, high = np.percentile(drawn @ by_text / np.maximum(drawn @ counts, 1), [2.5, 97.5])
        measured = measure(found, p)
        rows.append(
            CalibratorFigures(
                name,
                float(losses[name].mean()),
                float(excess.mean()),
                (float(low), float(high)),
                measured.ece,
                measured.ece_mass,
                measured.brier,
            )
        )
    return rows


def measure(found: Candidates, probability: torch.Tensor, lowest: float = 0.0) -> Calibration:
    """Calibration of the candidates with a probability of ``lowest`` or more. Raises ModelError where there is none."""
    shown = probability >= lowest
    measured = calibrate(probability[shown].double().tolist(), found.right[shown].tolist(), gold=found.total)
    if measured is None:
        raise ModelError("nothing was found on these texts to calibrate or measure on")
    return measured


def raw(found: Candidates) -> torch.Tensor:
    """Probabilities as the head gives them."""
    return torch.sigmoid(found.features[:, 0])


def fit_platt(features: torch.Tensor, right: torch.Tensor) -> Calibrator:
    """Bias and slope of a single score's log odds."""
    return _linear(*_PLATT)(features, right)


def fit_decision(found: Answers) -> Decision:
    """Everything that a decision takes from out-of-fold answers; the default threshold is left to the dev texts."""
    bias, slope, *_ = fit_calibration(found.mentions.features, found.mentions.right, _PLATT)
    relations = found.relations
    return Decision(
        calibration=fit_calibration(relations.features, relations.right),
        mention_calibration=(bias, slope),
        negation_threshold=flag_threshold(found.negation),
        speculation_threshold=flag_threshold(found.speculation),
        confident_probability=steady_threshold(cross_fitted(relations), relations.right, support=SUPPORT),
    )


def flag_threshold(found: Candidates, folds: int = 5) -> float:
    """The threshold of a flag's raw probability with the best F1; one half where that does not carry over to new texts.

    Calibrating a flag would move no decision: only whether it is raised is reported.
    """
    probability = raw(found)
    chosen = torch.full_like(probability, 0.5)
    for fold in range(folds):
        held = found.text % folds == fold
        if bool(held.any()) and bool(found.right[~held].any()):
            chosen[held] = _best_threshold(probability[~held], found.right[~held])
    half = torch.full_like(probability, 0.5)
    if flag_f1(found, chosen) <= flag_f1(found, half):
        return 0.5
    return _best_threshold(probability, found.right)


def flag_f1(found: Candidates, threshold: torch.Tensor | float) -> float:
    """F1 of raising a flag from a raw probability on (one for all, or one for each candidate)."""
    raised = raw(found) >= threshold
    return 2 * int((raised & found.right).sum()) / max(int(raised.sum()) + found.total, 1)


def _best_threshold(probability: torch.Tensor, right: torch.Tensor) -> float:
    def f1(threshold: float) -> float:
        raised = probability >= threshold
        return 2 * int((raised & right).sum()) / max(int(raised.sum() + right.sum()), 1)

    return max(np.arange(0.05, 0.96, 0.05).round(2).tolist(), key=lambda t: (f1(t), -abs(t - 0.5)))


@dataclass(frozen=True, slots=True)
class HeadFigures:
    """Calibration of one head: raw, and calibrated on texts that the calibration was not fitted on."""

    name: str
    out_of_fold_raw: Calibration
    out_of_fold: Calibration
    dev_raw: Calibration
    dev: Calibration


def head_figures(found: Answers, dev: Answers, decision: Decision) -> list[HeadFigures]:
    """Every head before and after: cross-validated on the out-of-fold answers, and as ``decision`` has it on dev.

    Relations have a second row of those alone that are reported by default. Flags are calibrated for this table only.
    """
    bias, slope = decision.mention_calibration
    mentions: Calibrator = partial(apply_calibration, (bias, slope, 0.0, 0.0))
    relations: Calibrator = partial(apply_calibration, decision.calibration)
    lowest = decision.min_probability
    flags = [(part, fit_platt(part.features, part.right)) for part in (found.negation, found.speculation)]
    plan: list[tuple[str, Candidates, Candidates, Fit, Calibrator, float]] = [
        ("relations", found.relations, dev.relations, fit_logistic, relations, 0.0),
        (f"relations from {lowest:.2f} on", found.relations, dev.relations, fit_logistic, relations, lowest),
        ("mentions", found.mentions, dev.mentions, fit_platt, mentions, 0.0),
        ("negation", found.negation, dev.negation, fit_platt, flags[0][1], 0.0),
        ("speculation", found.speculation, dev.speculation, fit_platt, flags[1][1], 0.0),
    ]
    return [
        HeadFigures(
            name,
            measure(ours, raw(ours), low),
            measure(ours, cross_fitted(ours, fit), low),
            measure(theirs, raw(theirs), low),
            measure(theirs, calibrator(theirs.features), low),
        )
        for name, ours, theirs, fit, calibrator, low in plan
    ]
