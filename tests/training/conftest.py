"""The shipped parameters, for the tests of the training room."""

from tests.match.conftest import by, parameters

__all__ = ["by", "parameters"]
