"""Number formats of inference on a CPU: 32-bit, bfloat16, and 8-bit weights with 8-bit activations.

``int8`` keeps weights as 8-bit integers with one scale per output channel and brings a layer's input to 8 bits by
the range it has, one text at a time: no calibration data, and no text's result depends on another's. Sums are 32-bit
integers; everything between the layers stays in 32-bit floating point.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any, Final, Literal, cast

import torch
from torch import nn

from minecsc.errors import ModelError

Precision = Literal["fp32", "bf16", "int8"]
PRECISIONS: Final = ("auto", "fp32", "bf16", "int8")
_ENGINE: Final = "fbgemm"

Layer = Callable[[torch.Tensor], torch.Tensor]


def _engines() -> list[str]:
    """The kernels for 8-bit matrices that this build of torch has. Later releases may drop them altogether."""
    return list(torch.backends.quantized.supported_engines) if hasattr(torch, "quantize_per_channel") else []


def supports_int8() -> bool:
    """Whether this build of torch has 8-bit matrix kernels for this processor."""
    return _ENGINE in _engines()


def pick_precision(name: str, device: torch.device) -> Precision:
    """``auto`` is ``int8`` on a CPU that has the kernels for it, else ``fp32``; on a GPU ``bf16``.

    Raises ModelError for a format that is unknown or that this machine does not have.
    """
    if name not in PRECISIONS:
        raise ModelError(f"precision must be one of {', '.join(PRECISIONS)}, not {name!r}")
    if device.type != "cpu":
        if name == "int8":
            raise ModelError(f"precision 'int8' is for CPUs; on {device} use 'auto', 'bf16' or 'fp32'")
        return "fp32" if name == "fp32" else "bf16"
    if name == "auto":
        return "int8" if supports_int8() else "fp32"
    if name == "int8" and not supports_int8():
        engines = ", ".join(_engines()) or "none"
        raise ModelError(
            f"precision 'int8' needs torch's {_ENGINE} kernels, which this install lacks (it has: {engines}); "
            "use 'fp32' or 'bf16', or the x86-64 build of torch"
        )
    return cast(Precision, name)


def linear(weight: torch.Tensor, bias: torch.Tensor | None, precision: Precision, *, by_row: bool = False) -> Layer:
    """``x @ weight.T + bias`` in the precision given. In bf16 input and output are bfloat16, else float32.

    by_row: of int8, see :class:`QuantizedLinear`.
    """
    weight = weight.detach()
    bias = torch.zeros(len(weight)) if bias is None else bias.detach()
    if precision == "int8":
        return QuantizedLinear(weight.float(), bias.float(), by_row=by_row)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    weight, bias = weight.to(dtype), bias.to(dtype)
    return lambda x: nn.functional.linear(x, weight, bias)


class QuantizedLinear(nn.Module):
    """A linear layer over 8-bit integers. float32[..., in] → float32[..., out].

    The leading dimensions are one text: its rows share the range by which the input is brought to 8 bits.
    by_row: each row is scaled to a largest value of one first. Around the wide layer of a transformer a few word
    pieces are far larger than all others and would leave those few levels: on the shipped model the error of the
    encoder's states falls from 14 to 6 % of their size.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, *, by_row: bool = False) -> None:
        super().__init__()
        self._bias = bias if by_row else None
        self._packed = _pack(weight, torch.zeros_like(bias) if by_row else bias)
        self._reduced = _saturates()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self._bias is None:
            return self._product(x)
        peak = torch.linalg.vector_norm(x, float("inf"), dim=-1, keepdim=True).clamp_(min=1e-9)
        return torch.addcmul(self._bias, self._product(x / peak), peak)

    def _product(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = torch.ops.quantized.linear_dynamic(x, self._packed, self._reduced)
        return out


def _pack(weight: torch.Tensor, bias: torch.Tensor) -> Any:
    scale = (weight.abs().amax(dim=1) / 127).clamp(min=1e-12).double()
    zero = torch.zeros(len(weight), dtype=torch.long)
    with warnings.catch_warnings():  # torch means to drop these tensors: see _engines
        warnings.simplefilter("ignore", UserWarning)
        levels = torch.quantize_per_channel(weight.contiguous(), scale, zero, 0, torch.qint8)
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = _ENGINE
    try:
        return torch.ops.quantized.linear_prepack(levels, bias)
    finally:
        torch.backends.quantized.engine = before


@cache
def _saturates() -> bool:
    """Whether sums of two products overflow here, as on processors without VNNI: inputs then get 7 bits."""
    width = 64
    x, weight = torch.ones(4, width), torch.ones(4, width)
    out = torch.ops.quantized.linear_dynamic(x, _pack(weight, torch.zeros(4)), False)
    return bool((out - width).abs().max() > 1.0)


def with_precision(module: nn.Module, precision: Precision) -> nn.Module:
    """A copy of ``module`` for inference whose linear layers run in the precision given; itself where fp32."""
    if precision == "fp32":
        return module
    copied = deepcopy(module).eval()
    if precision == "bf16":
        return copied.to(torch.bfloat16)
    for parent in list(copied.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear:
                bias = torch.zeros(child.out_features) if child.bias is None else child.bias.detach().float()
                setattr(parent, name, QuantizedLinear(child.weight.detach().float(), bias, by_row=True))
    return copied
