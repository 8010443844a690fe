# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A few steps of every stage, for torchrun or a lone process; figures go to a JSON file.

Usage: spread_training.py FOLDER (begin | go_on) [recompute].
"""

import json
from pathlib import Path
import sys

sys.path.insert(0, str(Path(__file__).resolve().parent))

from inspatio_ros.model.schedule import FlowSchedule  # noqa: E402
from inspatio_ros.training.conditions import Conditions  # noqa: E402
from inspatio_ros.training.distributed import joined, preparation  # noqa: E402
from inspatio_ros.training.networks import frozen  # noqa: E402
from inspatio_ros.training.noise_levels import draw_noise, flow_loss  # noqa: E402
from inspatio_ros.training.optim import OptimConfig  # noqa: E402
from inspatio_ros.training.stages.causal_init import (  # noqa: E402
    CausalInitConfig, CausalInitStage)
from inspatio_ros.training.stages.jdmd import JdmdConfig, JdmdStage  # noqa: E402
from inspatio_ros.training.stages.learning import Setting  # noqa: E402
from inspatio_ros.training.stages.teacher import TeacherConfig, TeacherStage  # noqa: E402
from micro import clips, lively, rng, STAR, TEXT  # noqa: E402
import torch  # noqa: E402
from torch.distributed import checkpoint  # noqa: E402
from torch.distributed.checkpoint.state_dict import (  # noqa: E402
    get_model_state_dict, get_optimizer_state_dict, set_model_state_dict,
    set_optimizer_state_dict)
from torch.distributed.tensor import DTensor  # noqa: E402

OPTIM = OptimConfig(1e-3)
STEPS = 2


def stages(setting):
    """Return every stage, on networks that all processes make alike."""
    teachers = {'v2v': frozen(lively(2)), 't2v': frozen(lively(3))}
    fakes = {'v2v': lively(4), 't2v': lively(5)}
    return {
        'teacher': TeacherStage(lively(0), setting, TeacherConfig('v2v', OPTIM)),
        'causal_init': CausalInitStage(lively(0), setting, CausalInitConfig(
            'ode', OPTIM, ode_steps=2), frozen(lively(1))),
        'jdmd': JdmdStage(lively(0), teachers, setting, JdmdConfig(
            OPTIM, OPTIM, ratio=1), fakes)}


def gradients(setting, party):
    """Return the length of each weight's gradient for two clips, one of which each process has."""
    dit = setting.prepare(lively(0))
    batch = clips(2)
    noise = draw_noise(batch.target, rng(1))
    mine = slice(None) if party.size == 1 else slice(party.rank, party.rank + 1)
    batch, noise = batch.rows(mine), noise[mine]
    schedule = FlowSchedule()
    times = schedule.timesteps[[300, 700]][mine]
    noisy = schedule.add_noise(batch.target, noise, times)
    flow = setting.network(dit, schedule, STAR).flow(noisy, times, Conditions.of(batch, 'v2v'))
    flow_loss(flow, batch.target, noise, torch.ones(len(times))).backward()
    whole = {name: weight.grad.full_tensor() if isinstance(weight.grad, DTensor) else weight.grad
             for name, weight in dit.named_parameters() if weight.grad is not None}
    return {name.replace('_checkpoint_wrapped_module.', ''): float(gradient.norm())
            for name, gradient in whole.items()}


def state(stage):
    """Return all of a stage, with names that do not depend on how many processes there are."""
    networks = stage.networks()
    return {'networks': {name: get_model_state_dict(net) for name, net in networks.items()},
            'optimizers': {name: get_optimizer_state_dict(networks[name], optimizer)
                           for name, optimizer in stage.optimizers().items()},
            'stage': stage.state_dict()}


def load(stage, folder):
    """Put a stage where a checkpoint left it."""
    kept, networks = state(stage), stage.networks()
    checkpoint.load(kept, checkpoint_id=folder)
    for name, net in networks.items():
        set_model_state_dict(net, kept['networks'][name])
    for name, optimizer in stage.optimizers().items():
        set_optimizer_state_dict(networks[name], optimizer, kept['optimizers'][name])
    stage.load_state_dict(kept['stage'])


def main(folder: Path, mode: str, recompute: bool) -> None:
    """
    Train and write figures.

    :param mode: `begin`: from the start, save, go on; `go_on`: from what is saved.
    """
    torch.set_num_threads(1)
    with joined() as party:
        setting = Setting(STAR, 2 * STAR.shape.block_latents, TEXT,
                          prepare=preparation(party, recompute))
        figures = {'gradients': gradients(setting, party)}
        for name, stage in stages(setting).items():
            batch, numbers = clips(1), rng(1)
            if mode == 'begin':
                figures[name] = [stage.step(batch, numbers) for _ in range(STEPS)]
                checkpoint.save(state(stage), checkpoint_id=folder / name)
            else:
                load(stage, folder / name)
            figures[f'{name}, later'] = [stage.step(batch, rng(2 + i)) for i in range(STEPS)]
        file = folder / f'{mode}_{party.size}_{party.rank}.json'
        file.write_text(json.dumps(figures))


if __name__ == '__main__':
    main(Path(sys.argv[1]), sys.argv[2], 'recompute' in sys.argv)
