# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0

import copy
from dataclasses import replace
import io

from inspatio_ros.training.networks import copy_of, frozen
from inspatio_ros.training.optim import OptimConfig
from inspatio_ros.training.stages.causal_init import CausalInitConfig, CausalInitStage
from inspatio_ros.training.stages.jdmd import JdmdConfig, JdmdStage
from inspatio_ros.training.stages.stage import NotFiniteError
from inspatio_ros.training.stages.teacher import TeacherConfig, TeacherStage
from micro import clips, dit, lively, rng, setting, STAR
import pytest
import torch

FAST = OptimConfig(3e-3)
BATCH = clips(batch=4)


def teacher(task):
    return TeacherStage(dit(), setting(), TeacherConfig(task, FAST))


def causal_init(source):
    config = CausalInitConfig(source, FAST, ode_steps=4, guidance=1.0)
    return CausalInitStage(dit(), setting(), config, frozen(lively(9)))


def jdmd(*tasks, ratio=1, **rest):
    quick = OptimConfig(1e-3, betas=(0.0, 0.999))
    config = JdmdConfig(quick, quick, tasks=tasks, ratio=ratio, **rest)
    teachers = {task: frozen(lively(seed)) for seed, task in enumerate(tasks)}
    # Fake scores that know nothing of the teachers: a copy of an unguided one draws nowhere.
    fakes = {task: lively(7 + seed) for seed, task in enumerate(tasks)}
    return JdmdStage(lively(5), teachers, setting(), config, fakes)


STAGES = {'teacher_v2v': lambda: teacher('v2v'), 'teacher_t2v': lambda: teacher('t2v'),
          'causal_init': lambda: causal_init('data'),
          'causal_init_ode': lambda: causal_init('ode'),
          'jdmd': lambda: jdmd('v2v', 't2v', ratio=2)}
each_stage = pytest.mark.parametrize('name', STAGES)


def judged(stage, figure='loss', draws=8):
    """Return the mean of a figure over the same draws, with the weights left as they are."""
    twin = copy.deepcopy(stage)
    weights = {name: copy.deepcopy(net.state_dict()) for name, net in twin.networks().items()}
    total = 0.0
    for seed in range(draws):
        for name, network in twin.networks().items():
            network.load_state_dict(weights[name])
        twin._turns.count = 0
        total += twin.step(BATCH, rng(1000 + seed))[figure]
    return total / draws


@pytest.mark.parametrize('name', ['teacher_v2v', 'teacher_t2v', 'causal_init',
                                  'causal_init_ode'])
def test_the_loss_falls_on_a_fixed_batch(name):
    stage, numbers = STAGES[name](), rng(1)
    before = judged(stage)
    for _ in range(20):
        stage.step(BATCH, numbers)
    assert judged(stage) < 0.9 * before


@pytest.fixture(scope='module')
def teachers():
    """Return teachers that have learnt something."""
    found = {}
    for task in ('v2v', 't2v'):
        stage, numbers = teacher(task), rng(2)
        for _ in range(60):
            stage.step(BATCH, numbers)
        found[task] = frozen(stage.networks()['teacher'])
    return found


@pytest.mark.parametrize('tasks', [('v2v',), ('v2v', 't2v')])
def test_jdmd_draws_the_student_to_what_the_teachers_know(teachers, tasks):
    # The fake scores must be quicker than the student, or it runs away from them.
    config = JdmdConfig(OptimConfig(1e-3, betas=(0.0, 0.999)),
                        OptimConfig(3e-3, betas=(0.0, 0.999)), tasks=tasks, ratio=1,
                        guidance=1.0, average=0.0)
    stage = JdmdStage(dit(5), {task: teachers[task] for task in tasks}, setting(), config)

    def distance():
        return float((stage.pictures(BATCH, rng(7)) - BATCH.target).square().mean())
    before, numbers = distance(), rng(1)
    for _ in range(20 * len(tasks)):
        stage.step(BATCH, numbers)
    assert distance() < 0.8 * before


@pytest.mark.parametrize('tasks', [('v2v',), ('t2v',), ('v2v', 't2v')])
def test_the_losses_of_fake_scores_fall_in_20_steps(tasks):
    """They learn a student that stands still: the losses of jdmd that are no directions."""
    stage = jdmd(*tasks, ratio=1000)
    stage._turns.count = len(tasks)  # the student's own turns are the first ones
    numbers, losses = rng(1), {task: [] for task in tasks}
    for _ in range(20):
        figures = stage.step(BATCH, numbers)
        for task in tasks:
            losses[task] += [figures[f'fake_{task}']] if f'fake_{task}' in figures else []
    for task in tasks:
        assert len(losses[task]) == 20 // len(tasks)
        assert sum(losses[task][-5:]) < 0.9 * sum(losses[task][:5])


@each_stage
def test_only_what_learns_is_changed(name):
    stage = STAGES[name]()
    before = {key: copy.deepcopy(net.state_dict()) for key, net in stage.networks().items()}
    numbers = rng(1)
    for _ in range(2):
        stage.step(BATCH, numbers)
    for key, network in stage.networks().items():
        same = [torch.equal(before[key][k], w) for k, w in network.state_dict().items()]
        if 'teacher_' in key or name == 'causal_init_ode' and key == 'teacher':
            assert all(same) and all(w.grad is None for w in network.parameters())
        else:
            assert not all(same), key
            assert (key == 'average') != any(w.requires_grad for w in network.parameters())


def test_turns_of_jdmd():
    stage, numbers = jdmd('v2v', 't2v', ratio=2), rng(1)
    figures = [set(stage.step(BATCH, numbers)) for _ in range(6)]
    fakes = [{name for name in seen if name.startswith('fake') and 'norm' not in name}
             for seen in figures]
    assert fakes == [{'fake_v2v'}, {'fake_t2v'}] * 3
    assert ['gradient_norm' in seen for seen in figures] == [True, True, False, False, True, True]


def test_lambda_weighs_one_task():
    light, heavy = jdmd('v2v', 't2v', weight=0.5), jdmd('v2v', 't2v', weight=2.0)
    ratios = []
    for _ in range(2):
        a, b = (stage.step(BATCH, rng(3))['gradient_norm'] for stage in (light, heavy))
        ratios.append(b / a)
        for stage in (light, heavy):  # the second turn from the same weights
            stage.networks()['student'].load_state_dict(lively(5).state_dict())
    assert ratios[0] == pytest.approx(4.0, rel=1e-3)
    assert ratios[1] == pytest.approx(1.0, rel=1e-3)


def saved(stage):
    """Return all of a stage as bytes that a file could hold."""
    buffer = io.BytesIO()
    torch.save({'stage': stage.state_dict(),
                **{f'net {k}': v.state_dict() for k, v in stage.networks().items()},
                **{f'opt {k}': v.state_dict() for k, v in stage.optimizers().items()}}, buffer)
    return buffer.getvalue()


@each_stage
def test_a_stage_goes_on_where_it_was_left(name):
    first, numbers = STAGES[name](), rng(1)
    for _ in range(3):
        first.step(BATCH, numbers)
    kept, draws = saved(first), numbers.get_state()
    expected = [first.step(BATCH, numbers) for _ in range(3)]

    second, numbers = STAGES[name](), rng(99)
    second.step(BATCH, numbers)  # optimisers that have a state of their own
    state = torch.load(io.BytesIO(kept), weights_only=True)
    for key, network in second.networks().items():
        network.load_state_dict(state[f'net {key}'])
    for key, optimizer in second.optimizers().items():
        optimizer.load_state_dict(state[f'opt {key}'])
    second.load_state_dict(state['stage'])
    numbers.set_state(draws)
    assert [second.step(BATCH, numbers) for _ in range(3)] == expected
    assert all(torch.equal(a, b) for a, b in zip(
        first.networks()['average'].parameters(), second.networks()['average'].parameters()))


@each_stage
def test_pictures_are_the_same_each_time(name):
    stage = STAGES[name]()
    stage.step(BATCH, rng(1))
    first = stage.pictures(BATCH, rng(2))
    assert first.shape == BATCH.target.shape and first.isfinite().all()
    assert torch.equal(first, stage.pictures(BATCH, rng(2)))
    decoded = replace(setting(), decode=lambda latents: latents[:, :, :3])
    stage.setting = decoded
    assert stage.pictures(BATCH, rng(2)).shape[2] == 3


@each_stage
def test_data_that_is_not_finite_stops_before_any_weight_changes(name):
    stage, broken = STAGES[name](), clips(batch=4)
    broken.target[0, 1, 2, 3, 4] = torch.nan
    broken.render[0, 1, 2, 3, 4] = torch.nan
    broken.reference[0, 1, 2, 3, 4] = torch.inf
    stage._turns.count = stage._turns.count or 0
    before = {key: copy.deepcopy(net.state_dict()) for key, net in stage.networks().items()}
    if name == 'teacher_t2v':
        broken.render[:] = 0.0
    with pytest.raises(NotFiniteError, match='not finite') as caught:
        for _ in range(1):
            stage.step(broken, rng(1))
    assert 'target' in caught.value.seen
    for key, network in stage.networks().items():
        assert all(torch.equal(before[key][k], w) for k, w in network.state_dict().items())


def test_a_broken_gradient_is_named():
    stage = teacher('v2v')
    network = stage.networks()['teacher']
    network.head.head.bias.register_hook(lambda gradient: gradient * torch.nan)
    with pytest.raises(NotFiniteError, match=r'gradients are not finite: teacher.head.head.bias'):
        stage.step(BATCH, rng(1))


def test_the_average_follows():
    stage, numbers = teacher('v2v'), rng(1)
    start = copy_of(stage.networks()['teacher'], learns=False)
    for _ in range(5):
        stage.step(BATCH, numbers)
    learnt, average = stage.networks()['teacher'], stage.networks()['average']
    key = 'blocks.0.ffn.0.weight'
    a, b, c = (net.state_dict()[key] for net in (start, average, learnt))
    assert 0.0 < (b - a).norm() < (c - a).norm()


def test_settings_that_are_refused():
    with pytest.raises(ValueError, match='whole blocks of 2 latents, got 3'):
        replace(setting(), latents=3)
    with pytest.raises(ValueError, match='clips must be .4, 4, 4, 6. with 2 mask channels'):
        teacher('v2v').step(clips(blocks=1), rng())
    with pytest.raises(ValueError, match="'ode' needs a teacher"):
        CausalInitStage(dit(), setting(), CausalInitConfig('ode'))
    with pytest.raises(ValueError, match='no teacher for t2v'):
        JdmdStage(dit(), {'v2v': frozen(dit())}, setting(), JdmdConfig())
    with pytest.raises(ValueError, match='teachers must be frozen'):
        JdmdStage(dit(), {'v2v': dit()}, setting(), JdmdConfig(tasks=('v2v',)))
    for wrong in ({'tasks': ()}, {'tasks': ('v2v', 'v2v')}, {'ratio': 0}, {'weight': 0.0}):
        with pytest.raises(ValueError):
            JdmdConfig(**wrong)
    with pytest.raises(ValueError, match='own_steps must lie in 0..1'):
        CausalInitConfig(own_steps=2.0)


@pytest.mark.parametrize('steps', [(1000,), (1000, 750, 500, 250)])
@pytest.mark.parametrize('history', [0, 1, 3])
def test_any_number_of_steps_and_any_history(steps, history):
    star = replace(STAR, steps=steps, shape=replace(STAR.shape, history_blocks=history))
    place = setting(blocks=3, star=star)
    batch = clips(batch=1, blocks=3)
    teachers = {task: frozen(lively()) for task in ('v2v', 't2v')}
    fakes = {task: lively(1) for task in ('v2v', 't2v')}
    stage = JdmdStage(dit(), teachers, place, JdmdConfig(ratio=1), fakes)
    init = CausalInitStage(dit(), place, CausalInitConfig())
    for _ in range(2):
        assert stage.step(batch, rng(1))['gradient_norm'] > 0.0
    assert init.step(batch, rng(1))['loss'] > 0.0
