"""Catalogues: members by name, those that a user registers, those who watch, and what is refused."""

import threading

import pytest

from workbench.catalogue import Catalogue
from workbench.messages import WorkbenchError
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.codebook import format_from_levels
from workbench.numerics.formats.format import Format
from workbench.workflow.export.catalogue import TARGETS


def one(_: object) -> int:
    return 1


def two(_: object) -> int:
    return 2


@pytest.fixture
def methods() -> Catalogue:
    return Catalogue("clipping method", {"first": one, "second": two})


def test_a_registered_member_comes_last_and_goes_again(methods):
    methods.register("mine", one)
    assert list(methods) == ["first", "second", "mine"] and methods["mine"] is one and len(methods) == 3
    assert "mine" in methods and methods.built_in == {"first", "second"}
    with pytest.raises(WorkbenchError, match="unknown clipping method 'yours'; expected one of first, second, mine"):
        methods["yours"]
    methods.unregister("mine")
    assert list(methods) == ["first", "second"] and "mine" not in methods and methods.get("mine") is None


def test_a_name_is_taken_until_it_is_replaced(methods):
    methods.register("mine", one)
    with pytest.raises(WorkbenchError, match="'mine' is registered already; use replace=True"):
        methods.register("mine", two)
    assert methods["mine"] is one
    methods.register("mine", two, replace=True)
    assert methods["mine"] is two and list(methods) == ["first", "second", "mine"]


@pytest.mark.parametrize("replace", [True, False])
def test_what_the_package_brought_stays(methods, replace):
    with pytest.raises(WorkbenchError, match="'first' belongs to the package; choose another name"):
        methods.register("first", two, replace=replace)
    with pytest.raises(WorkbenchError, match="'first' belongs to the package and stays"):
        methods.unregister("first")
    assert methods["first"] is one


@pytest.mark.parametrize("name", ["", "two words", "1st", "a-b", "a.b", 3, None, ("a",)])
def test_a_name_that_is_no_word_is_refused(methods, name):
    with pytest.raises(WorkbenchError, match="is a word of letters, digits and underscores"):
        methods.register(name, one)
    assert len(methods) == 2


def test_members_that_are_none_are_refused(methods):
    with pytest.raises(WorkbenchError, match=r"registered as register\(name, method\)"):
        methods.register(one)
    with pytest.raises(WorkbenchError, match=r"registered as register\(name, method\)"):
        methods.register("mine")
    with pytest.raises(WorkbenchError, match="5 is no clipping method: expected a function, got int"):
        methods.register("mine", 5)
    with pytest.raises(WorkbenchError, match="unknown clipping method 'mine'"):
        methods.unregister("mine")
    for key in ([], {}, None, 3):
        assert key not in methods
        with pytest.raises(WorkbenchError, match="unknown clipping method"):
            methods[key]


def test_members_with_a_name_of_their_own_need_no_other():
    formats = Catalogue("format", {}, key_of=lambda member: member.name, member_type=Format)
    mine = format_from_levels("mine", [-1, 0, 2])
    formats.register(mine)
    formats.register("mine", mine, replace=True)
    assert formats["mine"] is mine
    with pytest.raises(WorkbenchError, match="this format is called 'mine', not 'yours'"):
        formats.register("yours", mine)
    with pytest.raises(WorkbenchError, match="7 is no format: expected a Format, got int"):
        formats.register(7)
    with pytest.raises(WorkbenchError, match=r"registered as register\(name, format\)"):
        formats.register("mine")


def test_those_who_watch_are_told_of_every_change_until_they_stop(methods):
    seen = []
    stop = methods.observe(lambda: seen.append(list(methods)))
    methods.register("mine", one)
    with pytest.raises(WorkbenchError):
        methods.register("mine", two)  # changes nothing, says nothing
    methods.register("mine", two, replace=True)
    methods.unregister("mine")
    assert [len(names) for names in seen] == [3, 3, 2]
    stop()
    stop()  # again does no harm
    methods.register("mine", one)
    assert len(seen) == 3


def test_one_who_stops_while_being_told_does_not_hide_others(methods):
    told = []

    def once() -> None:
        told.append("once")
        stop()

    stop = methods.observe(once)
    methods.observe(lambda: told.append("always"))
    methods.register("mine", one)
    methods.unregister("mine")
    assert told == ["once", "always", "always"]


def test_a_list_being_read_does_not_change_under_the_reader(methods):
    names = iter(methods)
    assert next(names) == "first"
    methods.register("mine", one)
    assert list(names) == ["second"] and list(methods)[-1] == "mine"


def test_threads_that_register_at_once_lose_nothing(methods):
    threads = [threading.Thread(target=methods.register, args=(f"mine{i}", one)) for i in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(methods) == {"first", "second", *(f"mine{i}" for i in range(40))}


@pytest.mark.parametrize("catalogue", [FORMATS, CLIPPING, TARGETS], ids=lambda catalogue: catalogue.kind)
def test_the_package_s_own_catalogues_hold_their_own_alone(catalogue):
    """Also: what other tests registered is gone."""
    assert set(catalogue) == catalogue.built_in and len(catalogue) >= 2
    assert repr(catalogue).startswith(f"<{len(catalogue)} {catalogue.kind}s: ")
    for name in catalogue:
        with pytest.raises(WorkbenchError, match="belongs to the package"):
            catalogue.unregister(name)
