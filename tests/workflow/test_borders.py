"""What is kept for resuming: everything where it fits, else what saves most, and never more than the budget."""

import numpy as np
import pytest

from tests.real_networks import inputs, model_path, needs_assets
from tests.workflow.small_models import images
from workbench.workflow.borders import BorderPlan, border_sizes
from workbench.workflow.data import as_batches
from workbench.workflow.opening import load


def test_sizes_are_those_of_the_values(small):
    feeds = {"image": images(5)}
    values = small.chain.run(feeds, keep=small.chain.borders)
    assert border_sizes(small, feeds) == {name: values[name].nbytes for name in small.chain.borders}


def kept_bytes(plan, focus=None):
    kept = plan.kept(focus)
    return sum(plan.sizes[name] for batch in range(plan.n_batches) for name in kept(batch))


@needs_assets
@pytest.mark.parametrize("name", ["cifar10_resnet20", "cifar10_vit_a", "cifar10_mobilenet"])
def test_a_plan_stays_within_its_budget_and_uses_it(name):
    model = load(model_path(name))
    batches = as_batches(model, inputs(name, "eval")[0][:64])
    feeds = next(iter(batches))
    sizes = border_sizes(model, feeds)
    values = model.chain.run(feeds, keep=model.chain.borders)
    assert sizes == {name: values[name].nbytes for name in model.chain.borders}
    whole = sum(sizes.values())
    for n_batches in (1, 7, 200):
        last = 0.0
        for share in (0.0, 0.01, 0.1, 0.5, 0.9, 1.0, 2.0):
            budget = int(share * whole * n_batches)
            plan = BorderPlan.within(model, sizes, n_batches, batches.batch_size, budget)
            for focus in (None, *range(model.chain.n_segments)):
                assert kept_bytes(plan, focus) <= budget
            used = max(kept_bytes(plan, focus) for focus in range(model.chain.n_segments))
            assert used >= last or share == 1.0
            last = used
            if share >= 1:
                assert all(plan.kept()(batch) == frozenset(sizes) for batch in range(n_batches))
            if share in (0.1, 0.5) and n_batches > 1:
                assert used > 0.3 * budget


@needs_assets
def test_places_to_resume_are_spread_over_the_network():
    model = load(model_path("cifar10_resnet20"))
    feeds = next(iter(as_batches(model, inputs("cifar10_resnet20", "eval")[0][:1])))
    sizes = border_sizes(model, feeds)
    plan = BorderPlan.within(model, sizes, 100, 1, 30 * sum(sizes.values()))
    assert plan.n_spread == 100 and len(plan.points) > 3
    gaps = np.diff([0, *plan.points, model.chain.n_segments])
    assert gaps.max() <= model.chain.n_segments / 2
