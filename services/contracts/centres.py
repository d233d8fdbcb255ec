"""Which centres a contract names: every id in it begins with one."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from services.contracts.base import Centre, Id

Find = Callable[[Any], Iterable[str]]


def ids_of(contract: type) -> Find:
    """What finds every id and centre in a contract, also those in its lists and parts. Made once for each contract."""
    found = {name: find for name, kind in _hints(contract).items() if (find := _finder(kind))}
    return lambda shape: [id for name, find in found.items() for id in find(getattr(shape, name))]


def _hints(shape: type) -> dict[str, Any]:
    return get_type_hints(shape, include_extras=True)


def _finder(kind: Any) -> Find | None:
    if kind in (Id, Centre):
        return lambda id: (id,)
    if get_origin(kind) is Annotated:
        return _finder(get_args(kind)[0])
    if dataclasses.is_dataclass(kind):
        return ids_of(kind) if any(map(_finder, _hints(kind).values())) else None  # type: ignore[arg-type]
    find = next(filter(None, map(_finder, get_args(kind))), None)
    if find is None:
        return None
    if get_origin(kind) is tuple:
        return lambda many: [id for each in many for id in find(each)]
    return lambda one: () if one is None else find(one)
