"""`LayerGraph`: which layer feeds which, operators without weights between them left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workbench.models.model import Model
from workbench.models.protos import names_read


@dataclass(frozen=True)
class LayerGraph:
    """Places of layers in `model.layers`. before, after: place -> places of the layers that feed it, and that it feeds.

    A layer feeds another where its values reach it through operators that are no layers.
    """

    before: Mapping[int, tuple[int, ...]]
    after: Mapping[int, tuple[int, ...]]

    @classmethod
    def of(cls, model: Model) -> "LayerGraph":
        """Follows each value back to the layers that it comes from, once through the graph."""
        network = model.network
        by_output = {layer.output: place for place, layer in enumerate(model.layers)}
        sources: dict[str, frozenset[int]] = {}
        before: dict[int, set[int]] = {place: set() for place in range(len(model.layers))}
        for node in network.nodes:
            reached = frozenset[int]().union(*(sources.get(name, frozenset()) for name in names_read(node)))
            place = next((by_output[name] for name in node.output if name in by_output), None)
            if place is not None:
                before[place] |= reached
                reached = frozenset((place,))
            sources.update(dict.fromkeys(node.output, reached))
        after: dict[int, list[int]] = {place: [] for place in before}
        for place, feeding in before.items():
            for each in sorted(feeding):
                after[each].append(place)
        return cls({p: tuple(sorted(s)) for p, s in before.items()}, {p: tuple(s) for p, s in after.items()})

    def around(self, place: int, reach: int = 2, most: int = 4) -> "Neighbourhood":
        """The layers up to `reach` steps before and after one, at most `most` at each distance, the nearest kept."""
        columns: dict[int, tuple[int, ...]] = {0: (place,)}
        for direction, links in ((-1, self.before), (1, self.after)):
            for step in range(1, reach + 1):
                near = columns.get(direction * (step - 1), ())
                taken = {each for column in columns.values() for each in column}
                found = {other for each in near for other in links[each]} - taken
                columns[direction * step] = tuple(sorted(found, key=lambda other: (abs(other - place), other)))[:most]
        shown = {each for column in columns.values() for each in column}
        edges = tuple((a, b) for b in sorted(shown) for a in self.before[b] if a in shown)
        return Neighbourhood({at: tuple(sorted(column)) for at, column in sorted(columns.items()) if column}, edges)


@dataclass(frozen=True)
class Neighbourhood:
    """columns: steps from the layer in the middle, negative before it -> places. edges: (from, to) between these."""

    columns: Mapping[int, Sequence[int]]
    edges: tuple[tuple[int, int], ...]
