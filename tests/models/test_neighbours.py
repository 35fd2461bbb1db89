"""Which layer feeds which: chains, branches, skip connections."""

from tests.ui.studies import small_model
from workbench.models.neighbours import LayerGraph


def test_a_residual_network(tmp_path):
    model = small_model(tmp_path)
    names = [layer.name for layer in model.layers]
    assert names == ["conv1", "conv2", "add", "fc"]
    graph = LayerGraph.of(model)
    assert graph.before == {0: (), 1: (0,), 2: (0, 1), 3: (2,)}  # conv1 reaches the Add through its Relu
    assert graph.after == {0: (1, 2), 1: (2,), 2: (3,), 3: ()}
    around = graph.around(1)
    assert around.columns == {-1: (0,), 0: (1,), 1: (2,), 2: (3,)}
    assert (0, 2) in around.edges  # the skip connection


def test_no_more_than_asked(tmp_path):
    around = LayerGraph.of(small_model(tmp_path)).around(2, reach=1, most=1)
    assert around.columns == {-1: (1,), 0: (2,), 1: (3,)}  # of the two before it the nearer one
