# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Training in several processes (torchrun): each holds a share of all weights.

FSDP2: a weight is gathered when a pass needs it and dropped behind it; gradients are averaged and
scattered. Attention and MLP of each layer are gathered one by one, the rest (embeddings, what is
made of the text, head) stays gathered during a pass. Activations can be forgotten in the forward
pass and made again in the backward one, layer by layer.

What all processes do is the same sequence of passes: only data and noise differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import contextlib
from dataclasses import dataclass
import os
from typing import Any
import warnings

from inspatio_ros.model.attention import torch_attention
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.layers import Layer
import torch
from torch import distributed, nn, Tensor
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import (
    apply_activation_checkpointing)
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import (
    fully_shard, MixedPrecisionPolicy, register_fsdp_forward_method)


@dataclass(frozen=True)
class Party:
    """
    The processes that train together.

    :param rank: of this one.
    :param size: how many.
    :param device: of this one.
    :param mesh: of their devices; None: one process alone.
    """

    rank: int
    size: int
    device: torch.device
    mesh: DeviceMesh | None = None


@contextlib.contextmanager
def joined() -> Iterator[Party]:
    """
    Join the processes that torchrun started; without torchrun this one is alone.

    :returns: (yields) the party, which ends with the context.
    """
    cuda = torch.cuda.is_available()
    if 'RANK' not in os.environ:
        yield Party(0, 1, torch.device('cuda' if cuda else 'cpu'))
        return
    device = torch.device('cpu')
    if cuda:
        device = torch.device('cuda', int(os.environ['LOCAL_RANK']))
        torch.cuda.set_device(device)
    # It warns of operations in place on what a pass returns; there are none.
    warnings.filterwarnings('ignore', 'FSDP2-wrapped module .* returned a view tensor')
    distributed.init_process_group('nccl' if cuda else 'gloo')
    try:
        rank, size = distributed.get_rank(), distributed.get_world_size()
        yield Party(rank, size, device, init_device_mesh(device.type, (size,)))
    finally:
        distributed.destroy_process_group()


def preparation(party: Party, recompute: bool = False,
                dtype: torch.dtype | None = None) -> Callable[[CausalDit], CausalDit]:
    """
    Return what is done with each network before it trains; see `Setting.prepare`.

    :param recompute: forget activations of the layers and make them again.
    :param dtype: that passes compute in; None: that of the weights, which stay as they are.
    """
    def prepare(dit: CausalDit) -> CausalDit:
        dit = dit.to(party.device)
        learns = any(weight.requires_grad for weight in dit.parameters())
        if recompute and learns:
            recompute_layers(dit)
        if party.mesh is not None:
            return spread(dit, party.mesh, dtype)
        return dit if dtype is None else compute_in(dit, dtype)
    return prepare


def compute_in(dit: CausalDit, dtype: torch.dtype) -> CausalDit:
    """
    Let the passes of a network that learns alone compute in another type (autocast); in place.

    Attention stays in float32 on a CPU, whose kernel for half precision takes twice as long.
    """
    device, whole = dit.device.type, dit.flow_anew

    def flow_anew(*args: Any, **named: Any) -> Tensor:
        with torch.autocast(device, dtype):
            return whole(*args, **named)

    dit.flow_anew = flow_anew  # type: ignore[method-assign]
    if device == 'cpu':
        for layer in dit.layers:
            layer.self_attn.attend = layer.cross_attn.attend = _float_attention
    return dit


def _float_attention(q_BSNd: Tensor, k_BRNd: Tensor, v_BRNd: Tensor) -> Tensor:
    with torch.autocast('cpu', enabled=False):
        return torch_attention(q_BSNd.float(), k_BRNd.float(), v_BRNd.float())


def recompute_layers(dit: CausalDit) -> CausalDit:
    """Let the layers of a network forget what they computed until the backward pass; in place."""
    apply_activation_checkpointing(dit, check_fn=lambda module: isinstance(module, Layer))
    return dit


def spread(dit: CausalDit, mesh: DeviceMesh, dtype: torch.dtype | None = None) -> CausalDit:
    """
    Spread a network over processes, each of which has all of its weights by now; in place.

    :param mesh: of the processes.
    :param dtype: that passes compute in; gradients are summed in float32.
    """
    policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32,
                                  # Timesteps need their digits; latents are cast where it matters.
                                  cast_forward_inputs=False)
    for layer in dit.layers:
        parts: list[nn.Module] = [layer.self_attn, layer.ffn]
        for part in parts:
            fully_shard(part, mesh=mesh, mp_policy=policy)
        register_fsdp_forward_method(layer.self_attn, 'keys_values')
    fully_shard(dit, mesh=mesh, mp_policy=policy)
    register_fsdp_forward_method(dit, 'flow_anew')
    return dit
