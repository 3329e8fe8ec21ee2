"""What the room of data promises to everybody else."""

from __future__ import annotations

import inspect

import mutualaid.data
import mutualaid.errors

PROMISED = {
    "HOUR_CLASSES",
    "SERVICES",
    "Parameters",
    "Region",
    "Source",
    "check_region",
    "demo_path",
    "read_region",
    "read_table",
    "region_notes",
    "region_schema",
    "write_region",
    "write_table",
}


def test_the_promised_names_of_data_are_there() -> None:
    assert set(mutualaid.data.__all__) >= PROMISED
    assert all(hasattr(mutualaid.data, name) for name in mutualaid.data.__all__)


def test_every_public_function_of_data_has_a_docstring_with_an_example_or_a_result() -> None:
    for name in mutualaid.data.__all__:
        value = getattr(mutualaid.data, name)
        if inspect.isfunction(value):
            text = inspect.getdoc(value) or ""
            assert "Returns\n-------" in text, name


def test_every_error_is_public_and_of_one_tree() -> None:
    classes = {
        name
        for name, value in vars(mutualaid.errors).items()
        if inspect.isclass(value) and issubclass(value, Exception)
    }

    assert classes | {"Defect"} == set(mutualaid.errors.__all__)
    assert list(mutualaid.errors.__all__) == sorted(mutualaid.errors.__all__)
    for name in classes:
        assert issubclass(getattr(mutualaid.errors, name), mutualaid.errors.MutualAidError)
        assert name in (mutualaid.errors.__doc__ or ""), "the tree is drawn in the docstring"
