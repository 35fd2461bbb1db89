"""A catalogue: the members of a family by name. It feeds menus, error texts, documentation and contract tests."""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from workbench.messages import WorkbenchError

Member = TypeVar("Member")


class Catalogue(Mapping[str, Member]):
    """Mapping from name to member in the order of entry; an unknown name is refused with the list of known ones.

    kind: what a member is called in the error text, for example "format". key_of: gives the name that a member carries
    itself, where it does. member_type: what every registered member must be an instance of; None: any function, or
    anything with a name where there is a `key_of`.
    Members of a user's own come and go with `register` and `unregister`; those that the package brought stay.
    """

    def __init__(
        self,
        kind: str,
        members: Mapping[str, Member],
        *,
        key_of: Callable[[Member], str] | None = None,
        member_type: type | None = None,
    ) -> None:
        self.kind, self._member_type = kind, member_type
        self._members = dict(members)
        self._own = frozenset(members)
        self._key_of = key_of
        self._observers: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def register(self, name: str | Member, member: Member | None = None, *, replace: bool = False) -> None:
        """Add a member: `register(member)` where members carry their name, else `register(name, member)`.

        replace: whether an earlier registration of the same name is overwritten; the package's own members never are.
        Menus and error texts have it at once. Raises WorkbenchError for a name that is taken or no identifier.
        """
        key, entry = self._entry(name, member)
        with self._lock:
            if key in self._own:
                raise WorkbenchError(f"{self.kind} {key!r} belongs to the package; choose another name")
            if key in self._members and not replace:
                raise WorkbenchError(f"{self.kind} {key!r} is registered already; use replace=True to overwrite it")
            self._members = {**self._members, key: entry}  # a new dict: threads that iterate keep the old one
        self._tell()

    def _entry(self, name: str | Member, member: Member | None) -> tuple[str, Member]:
        """(name, member) from what `register` was given."""
        if member is None and (self._key_of is None or isinstance(name, str)):
            raise WorkbenchError(f"a {self.kind} is registered as register(name, {self.kind.split()[-1]})")
        entry: Any = name if member is None else member
        wanted = "function" if self._member_type is None else self._member_type.__name__
        unnamed = self._key_of is None and not callable(entry)
        if unnamed or (self._member_type is not None and not isinstance(entry, self._member_type)):
            raise WorkbenchError(f"{entry!r:.80} is no {self.kind}: expected a {wanted}, got {type(entry).__name__}")
        own_name = None if self._key_of is None else self._key_of(entry)
        key = own_name if member is None else name
        if not isinstance(key, str) or not key.isidentifier():
            raise WorkbenchError(f"the name of a {self.kind} is a word of letters, digits and underscores, got {key!r}")
        if own_name is not None and own_name != key:
            raise WorkbenchError(f"this {self.kind} is called {own_name!r}, not {key!r}")
        return key, entry

    def unregister(self, name: str) -> None:
        """Take a registered member out again. WorkbenchError for the package's own and for unknown names."""
        _ = self[name]
        with self._lock:
            if name in self._own:
                raise WorkbenchError(f"{self.kind} {name!r} belongs to the package and stays")
            self._members = {key: member for key, member in self._members.items() if key != name}
        self._tell()

    @property
    def built_in(self) -> frozenset[str]:
        """Names of the members that the package brought; all others were registered."""
        return self._own

    def observe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after every change; returns a function that ends it."""
        self._observers.append(callback)

        def stop() -> None:
            if callback in self._observers:
                self._observers.remove(callback)

        return stop

    def _tell(self) -> None:
        for callback in tuple(self._observers):
            callback()

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
