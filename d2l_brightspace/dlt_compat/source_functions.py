"""The functions that `dlt.source` makes: what they take, and something to do around each call."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from dlt.common.configuration.inject import get_fun_spec
from dlt.common.configuration.specs import BaseConfiguration
from dlt.extract.decorators import DltSourceFactoryWrapper

_Factory = TypeVar("_Factory")


def settings_of(function: Any) -> type[BaseConfiguration]:
    """The block of settings that dlt derives from the signature of a function.

    Args:
        function: Made by `dlt.source` or `with_config`.
    """
    return get_fun_spec(function)


def call_within(
    factory: _Factory,
    surroundings: Callable[[str, str, dict[str, Any]], AbstractContextManager[None]],
) -> _Factory:
    """Have a source function called, and its settings resolved, within something.

    That holds as well for what `with_args` and `clone` make of it, and where dlt finds it by name.
    Relies on all of them being a `DltSourceFactoryWrapper` that copies itself by its class, and on
    `name` and `section` of it, by which dlt resolves its settings.

    Args:
        factory: What `dlt.source` made of a function.
        surroundings: Given section, name and the arguments of a call.
    """

    class Within(DltSourceFactoryWrapper[Any, Any]):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            given = inspect.signature(self._f).bind_partial(*args, **kwargs).arguments
            with surroundings(self.section, self.name, given):
                return super().__call__(*args, **kwargs)

    made: Any = factory
    made.__class__ = Within
    return factory
