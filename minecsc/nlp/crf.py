"""Linear-chain conditional random field over BIO tags (Lafferty et al., 2001)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

_FORBIDDEN = -1e4


def bio_tags(types: Sequence[str]) -> list[str]:
    """``O`` and a B-/I- pair for each type."""
    return ["O", *(f"{mark}-{t}" for t in types for mark in "BI")]


class Crf(nn.Module):
    """Scores tag sequences; an I- tag may only follow the B- or I- of its own type."""

    def __init__(self, tags: Sequence[str]) -> None:
        super().__init__()
        n = len(tags)
        self.transitions = nn.Parameter(torch.zeros(n, n))
        allowed = torch.zeros(n, n)
        begin = torch.zeros(n)
        for j, tag in enumerate(tags):
            if tag.startswith("I-"):
                begin[j] = _FORBIDDEN
                for i, before in enumerate(tags):
                    if before[2:] != tag[2:] or before == "O":
                        allowed[i, j] = _FORBIDDEN
        self.register_buffer("allowed", allowed, persistent=False)
        self.register_buffer("begin", begin, persistent=False)
        self.allowed: torch.Tensor
        self.begin: torch.Tensor

    def matrix(self) -> torch.Tensor:
        """Scores float[tags, tags] of one tag followed by another, forbidden pairs far below all others."""
        return self.transitions + self.allowed

    def loss(self, emissions: torch.Tensor, tags: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Mean negative log-likelihood per text.

        emissions: float[batch, words, tags]; tags: int64[batch, words]; mask: bool[batch, words].
        """
        matrix = self.matrix()
        score = (emissions.gather(2, tags.unsqueeze(2)).squeeze(2) * mask).sum(1)
        score = score + (matrix[tags[:, :-1], tags[:, 1:]] * mask[:, 1:]).sum(1) + self.begin[tags[:, 0]]
        return (self._log_partition(emissions, mask, matrix) - score).mean()

    def _log_partition(self, emissions: torch.Tensor, mask: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
        alpha = emissions[:, 0] + self.begin
        steps = emissions.unbind(1)
        keep = mask.unsqueeze(2).unbind(1)
        for t in range(1, len(steps)):
            moved = torch.logsumexp(alpha.unsqueeze(2) + matrix, dim=1) + steps[t]
            alpha = torch.where(keep[t], moved, alpha)
        return torch.logsumexp(alpha, dim=1)

    @torch.no_grad()
    def decode(self, emissions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Best tag sequences (Viterbi), int64[batch, words]; masked places hold 0."""
        matrix = self.matrix()
        n_words = emissions.shape[1]
        score = emissions[:, 0] + self.begin
        back: list[torch.Tensor] = []
        for t in range(1, n_words):
            best, where = (score.unsqueeze(2) + matrix).max(dim=1)
            score = torch.where(mask[:, t : t + 1], best + emissions[:, t], score)
            back.append(where)
        tag = score.argmax(dim=1)
        path = [tag]
        for t in range(n_words - 1, 0, -1):
            previous = back[t - 1].gather(1, tag.unsqueeze(1)).squeeze(1)
            tag = torch.where(mask[:, t], previous, tag)
            path.append(tag)
        return torch.stack(path[::-1], dim=1) * mask
