"""Faults of five kinds at random layers of three networks: the true layer comes first, and its advice repairs it."""

import math

import pytest

from tests.real_networks import inputs, model_path, needs_assets
from tests.workflow.planted_faults import KINDS, Bench, planted, share_repaired
from workbench.workflow.diagnose import diagnose
from workbench.workflow.opening import load

pytestmark = needs_assets

NETWORKS = ("cifar10_resnet20", "cifar10_mobilenet", "cifar10_vit_a")
N_DRAWS, FIRST, REPAIRED = 20, 18, 0.9
FEW = [  # (network, kind, seed): what the normal run looks at
    ("cifar10_mobilenet", "clipped", 1),
    ("cifar10_vit_a", "stretched", 1),
    ("cifar10_resnet20", "unequal", 1),
    ("cifar10_vit_a", "coarse", 1),
    ("cifar10_mobilenet", "beyond_fp16", 1),
]


@pytest.fixture(scope="module")
def benches(tmp_path_factory):
    """(network name, samples that judge) -> Bench, made when first asked for; a diagnosis sees 24 other samples."""
    made: dict[tuple[str, int], Bench] = {}

    def bench(name: str, n_judging: int) -> Bench:
        if (name, n_judging) not in made:
            folder = tmp_path_factory.mktemp(name)
            model, images = load(model_path(name)), inputs(name, "eval")[0]
            judging = images[100 : 100 + n_judging]
            made[name, n_judging] = Bench(model, inputs(name, "calib")[0][:32], judging, folder)
        return made[name, n_judging]

    return bench


def diagnosed(bench: Bench, network: str, kind: str, seed: int):
    """(fault, diagnosis, place of the first finding about it, share that the first advice repairs)"""
    fault, healthy = planted(kind, bench, seed)
    data = inputs(network, "eval")[0][:24]
    diagnosis = diagnose(fault.model, fault.recipe, fault.calibration, data, n_samples=24)
    place = next((i for i, finding in enumerate(diagnosis) if finding.tensor in fault.tensors), math.inf)
    remedy = diagnosis[0].remedy if len(diagnosis) else None
    share = 0.0 if remedy is None else share_repaired(bench, fault, remedy.apply(fault.recipe), healthy)
    return fault, diagnosis, place, share


@pytest.mark.parametrize(("network", "kind", "seed"), FEW)
def test_a_planted_fault_is_found_and_repaired(benches, network, kind, seed):
    fault, diagnosis, place, share = diagnosed(benches(network, 40), network, kind, seed)
    assert place == 0, f"{fault.words}: {diagnosis}"
    assert share >= REPAIRED, f"{fault.words}: {diagnosis[0]} repairs {share:.0%}"
    assert diagnosis[0].measured_gain_db > 2
    if fault.sample is not None:
        about = [finding for finding in diagnosis if finding.tensor in fault.tensors and finding.kind == "outliers"]
        assert about and about[0].evidence["samples"] == (fault.sample,) and f"sample {fault.sample} " in str(about[0])


@pytest.mark.full
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("network", NETWORKS)
def test_of_twenty_planted_faults(benches, network, kind):
    places, shares, stories = [], [], []
    for seed in range(N_DRAWS):
        fault, diagnosis, place, share = diagnosed(benches(network, 200), network, kind, seed)
        places.append(place)
        shares.append(share)
        if place or share < REPAIRED:
            stories.append(f"{fault.words} -> place {place}, {share:.0%} repaired by {diagnosis[0]}")
    n_first, n_repaired = places.count(0), sum(share >= REPAIRED for share in shares)
    print(f"{network} {kind}: first {n_first}, repaired {n_repaired} of {N_DRAWS}", *stories, sep="\n  ")
    assert n_first >= FIRST and max(places) < 3, stories
    assert n_repaired >= FIRST, stories
