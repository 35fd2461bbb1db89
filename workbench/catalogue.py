"""A catalogue: the members of a family by name. It feeds menus, error texts, documentation and contract tests."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from workbench.messages import WorkbenchError

Member = TypeVar("Member")


class Catalogue(Mapping[str, Member]):
    """Mapping from name to member in the order of entry; an unknown name is refused with the list of known ones.

    kind: what a member is called in the error text, for example "format".
    """

    def __init__(self, kind: str, members: Mapping[str, Member]) -> None:
        self.kind = kind
        self._members = dict(members)

    def __getitem__(self, name: str) -> Member:
        try:
            return self._members[name]
        except (KeyError, TypeError):
            raise WorkbenchError(f"unknown {self.kind} {name!r}; expected one of {', '.join(self._members)}") from None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._members

    def get(self, name: str, default: object = None) -> object:  # type: ignore[override]
        return self._members.get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        return f"<{len(self)} {self.kind}s: {', '.join(self)}>"
