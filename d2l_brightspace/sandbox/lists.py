"""The rows of every table of the reference, list by list: kept in the world, or invented.

A list is what one GET route gives for one parent. It is made when it is first looked at, and kept,
so that it can be changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .reference import Parent, Reference, TableRoute
from .row_maker import Circumstances, Id, JsonObject, RowMaker, Tenant, child_id
from .settings import SandboxSettings
from .world import World
from .world_rows import ROWS_OF_WORLD

OF_DATA_HUB = frozenset({"data_sets", "data_set_extracts", "advanced_data_sets"})
NOT_SERVED: Mapping[str, str] = {
    "competencies": "its pages hold pages, which no other list does",
    "data_export_jobs": "no list is kept of the reports that were ordered",
}
"""Tables of the reference without a list route, and why."""

_ONE_ROW = frozenset({"object", "tree"})
_BY_FIRST_ROWS = 4  # of four neighbours, one has an empty list


@dataclass
class Row:
    """A row as its route sends it, and the ids of its parents by placeholder."""

    keys: dict[str, Id]
    block: JsonObject
    number: int = 0

    def get(self, name: str) -> Any:
        """Return a field by its dotted path, or else a parent's id."""
        value: Any = self.block
        for part in name.split("."):
            if not isinstance(value, dict) or part not in value:
                return self.keys.get(name)
            value = value[part]
        return value

    def fits(self, wanted: Mapping[str, Any]) -> bool:
        """Tell whether fields and ids have these values; an id may be a text or a number."""
        return all(str(self.get(name)) == str(value) for name, value in wanted.items())


@dataclass
class Lists:
    """Every list there is. Who calls holds the world's lock."""

    world: World
    settings: SandboxSettings
    reference: Reference
    origin: str = ""
    _made: dict[tuple[str, tuple[Id, ...]], list[Row]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Get ready to invent rows."""
        unknown = set(self.settings.items_of) - set(self.reference.routes)
        if unknown:
            raise ValueError(f"items_of does not know {', '.join(sorted(unknown))}")
        world = self.world
        tenant = Tenant(
            world.organization.unit_id,
            list(world.roles),
            [kind.type_id for kind in world.unit_types.values()],
            self.settings.seed,
        )
        self._maker = RowMaker(self.reference, tenant)

    # -- looking ---------------------------------------------------------------------------------

    def rows(self, table: str) -> Iterator[Row]:
        """Give every row of a table, also those of lists that may not be read."""
        for keys in self.parents(table):
            yield from self.of(table, keys)

    def parents(self, table: str) -> list[dict[str, Id]]:
        """Return the ids of the parents of every list there is of a table."""
        combinations: list[dict[str, Id]] = [{}]
        for source, parents in _by_table(self._route(table)).items():
            choices = self._choices(source, parents)
            combinations = [
                known | chosen
                for known in combinations
                for chosen, row_keys in choices
                if _belong_together(known, chosen, row_keys)
            ]
        return list({tuple(one.values()): one for one in combinations}.values())

    def of(self, table: str, keys: Mapping[str, Id]) -> list[Row]:
        """Return the list of a table that belongs to parents."""
        if table in self.reference.child_arrays:
            return self._of_arrays(table, keys)
        if table in ROWS_OF_WORLD:
            found = ROWS_OF_WORLD[table](self.world, keys, self.origin)
            return [Row(dict(keys), block, place) for place, block in enumerate(found, 1)]
        place = (table, tuple(keys.values()))
        if place not in self._made:
            self._made[place] = self._make(self._route(table), dict(keys))
        return self._made[place]

    def missing_parent(self, table: str, keys: Mapping[str, Id]) -> str | None:
        """Name the first placeholder whose value leads nowhere."""
        for source, parents in _by_table(self._route(table)).items():
            wanted = {parent.field: keys[parent.placeholder] for parent in parents}
            if not self._holds(source, wanted, parents[0].filter):
                return parents[-1].placeholder
        return None

    def may_be_read(self, table: str, keys: Mapping[str, Id]) -> bool:
        """Tell whether a list belongs to no forbidden course."""
        in_path = [one.placeholder for one in self.reference.parents(table) if not one.param]
        return "orgUnitId" not in in_path or keys.get("orgUnitId") not in self.world.forbidden

    # -- changing --------------------------------------------------------------------------------

    def remove(self, table: str, wanted: Mapping[str, Any]) -> list[Row]:
        """Take invented rows away."""
        found = self._invented(table, wanted)
        for row in found:
            self.of(table, row.keys).remove(row)
        return found

    def change(self, table: str, wanted: Mapping[str, Any], changes: JsonObject) -> list[Row]:
        """Change fields of invented rows; the names are dotted paths."""
        found = self._invented(table, wanted)
        for row in found:
            for path, value in changes.items():
                *above, name = path.split(".")
                inner = row.block
                for part in above:
                    inner = inner[part]
                inner[name] = value
        return found

    def add(self, table: str, keys: Mapping[str, Id]) -> Row:
        """Invent one more row at the end of a list."""
        route = self._route(table)
        rows = self._invented_list(table, keys)
        number = max((row.number for row in rows), default=0) + 1
        rows.append(self._invent(route, dict(keys), number))
        return rows[-1]

    def _invented(self, table: str, wanted: Mapping[str, Any]) -> list[Row]:
        if table in ROWS_OF_WORLD or table not in self.reference.routes:
            raise KeyError(f"{table}: only invented rows can be changed here; change the world")
        found = [row for row in self.rows(table) if row.fits(wanted)]
        if not found:
            raise KeyError(f"{table} has no row with {dict(wanted)}")
        return found

    def _invented_list(self, table: str, keys: Mapping[str, Id]) -> list[Row]:
        ordered = {parent.placeholder: keys[parent.placeholder] for parent in self._parents(table)}
        if table in ROWS_OF_WORLD or self.missing_parent(table, ordered):
            raise KeyError(f"{table} has no invented list of {dict(keys)}")
        return self.of(table, ordered)

    # -- parents ---------------------------------------------------------------------------------

    def _route(self, table: str) -> TableRoute:
        if table in self.reference.child_arrays:
            return self.reference.child_arrays[table][0]
        if table in OF_DATA_HUB or table in NOT_SERVED:
            reason = NOT_SERVED.get(table, "Data Hub keeps its rows")
            raise KeyError(f"{table} has no rows here: {reason}")
        return self.reference.routes[table]

    def _parents(self, table: str) -> Sequence[Parent]:
        return self._route(table).parents

    def _choices(
        self, source: str, parents: Sequence[Parent]
    ) -> list[tuple[dict[str, Id], dict[str, Id]]]:
        kinds = self._kinds(parents[0].filter)
        found: dict[tuple[Id, ...], tuple[dict[str, Id], dict[str, Id]]] = {}
        for row in self.rows(source):
            if kinds and row.get("Type.Code") not in kinds:
                continue
            chosen = {one.placeholder: self._id(source, one, row.get(one.field)) for one in parents}
            of_which = (*chosen.values(), *row.keys.values())
            found.setdefault(of_which, (chosen, row.keys))
        return list(found.values())

    def _holds(self, source: str, wanted: Mapping[str, Id], words: str) -> bool:
        """Tell whether a table has such a row; only its own list is looked at where it is known."""
        quick = _IN_WORLD.get(source)
        if quick:
            kinds = self._kinds(words)
            return quick(self.world, next(iter(wanted.values())), kinds)
        own = [parent.placeholder for parent in self._parents(source)]
        if not set(own) <= set(wanted):
            return any(row.fits(wanted) for row in self.rows(source))
        keys = {name: wanted[name] for name in own}
        if self.missing_parent(source, keys):
            return False
        return any(row.fits(wanted) for row in self.of(source, keys))

    def _kinds(self, words: str) -> set[str]:
        return {kind for kind in self.world.unit_types if kind.lower() in words.lower()}

    def _id(self, source: str, parent: Parent, value: Any) -> Id:
        return int(value) if self.reference.is_number(source, parent.field) else str(value)

    # -- inventing -------------------------------------------------------------------------------

    def _make(self, route: TableRoute, keys: dict[str, Id]) -> list[Row]:
        return [
            self._invent(route, keys, number) for number in range(1, self._count(route, keys) + 1)
        ]

    def _invent(self, route: TableRoute, keys: dict[str, Id], number: int) -> Row:
        fields = self.reference.fields(route.table)
        people, units = self._people(keys), self._units(keys)
        base = _last_id(keys)
        at = Circumstances(
            parents=_with_aliases(route, keys, fields),
            number=number,
            row_id=_as_number(base) if route.paging in _ONE_ROW else child_id(base, number),
            key=frozenset(route.key) & fields.keys(),
            people=people,
            units=units,
            elements=self.settings.items,
            last=self._count(route, keys),
            fill_arrays=route.paging in _ONE_ROW,
        )
        return Row(dict(keys), self._maker.make(route.block, at), number)

    def _count(self, route: TableRoute, keys: Mapping[str, Id]) -> int:
        if route.paging in _ONE_ROW:
            return 1
        count = self.settings.items_of.get(route.table, self.settings.items)
        base = _last_id(keys)
        if _as_number(base) % _BY_FIRST_ROWS == _BY_FIRST_ROWS - 1:
            return 0
        return min(count, self._most(route, keys))

    def _most(self, route: TableRoute, keys: Mapping[str, Id]) -> int:
        """Return how many rows there can be: a list of people has each of them once."""
        fields = self.reference.fields(route.table)
        own = [fields[name] for name in route.key if name in fields]
        of_parents = {name.lower() for name in keys}
        free = [one for one in own if one.name.rpartition(".")[2].lower() not in of_parents]
        free = [one for one in free if not one.type.startswith("enum:")]
        if not free:
            return 1
        if not all(self._maker.names_known_ids(one) for one in free):
            return self.settings.items_of.get(route.table, self.settings.items)
        if any(one.pii == "person_key" for one in free):
            return len(self._people(keys))
        return len(self._units(keys)) if "OrgUnitId" in route.key else len(self.world.roles)

    def _people(self, keys: Mapping[str, Id]) -> list[int]:
        """Return who may be named: the members of the course, or everybody."""
        unit = keys.get("orgUnitId")
        members = self.world.class_list(unit) if isinstance(unit, int) else []
        is_course = self.world.is_kind(self.world.units.get(_as_number(unit or 0)), _COURSE)
        if members or is_course:
            return [row.user_id for row in members]
        return [user_id for user_id in self.world.users if user_id != self.world.caller_id]

    def _units(self, keys: Mapping[str, Id]) -> list[int]:
        """Return which courses may be named: those of the user, or all."""
        user = keys.get("userId")
        mine = self.world.enrollments_of(user) if isinstance(user, int) else []
        courses = self.world.course_ids
        return [row.unit_id for row in mine if row.unit_id in set(courses)] or courses

    def _of_arrays(self, table: str, keys: Mapping[str, Id]) -> list[Row]:
        route, child = self.reference.child_arrays[table]
        found = [
            Row(row.keys, element if isinstance(element, dict) else {"value": element})
            for row in self.of(route.table, keys)
            for element in _elements(row.block, child.field.split("."))
        ]
        for place, row in enumerate(found, 1):
            row.number = place
        return found


_COURSE = "Course Offering"
_IN_WORLD: Mapping[str, Callable[[World, Id, set[str]], bool]] = {
    "organizations": lambda world, value, _kinds: value == world.organization.unit_id,
    "users": lambda world, value, _kinds: value in world.users,
    "courses": lambda world, value, _kinds: value in set(world.course_ids),
    "org_units": lambda world, value, kinds: (
        value in world.units and (not kinds or world.units[_as_number(value)].kind.code in kinds)
    ),
}
"""Parents that are found without making their rows."""


def _by_table(route: TableRoute) -> dict[str, list[Parent]]:
    found: dict[str, list[Parent]] = {}
    for parent in route.parents:
        found.setdefault(parent.table, []).append(parent)
    return found


def _belong_together(
    known: Mapping[str, Id], chosen: Mapping[str, Id], row_keys: Mapping[str, Id]
) -> bool:
    """Tell whether a second parent is of the same course as the first one."""
    of_itself = set(chosen.values())
    return all(
        value in of_itself or known.get(name, value) == value for name, value in row_keys.items()
    )


def _with_aliases(
    route: TableRoute, keys: Mapping[str, Id], fields: Mapping[str, Any]
) -> dict[str, Id]:
    """Add the name that a single object has for the id by which it was asked for."""
    names = {name.lower() for name in keys}
    own = [name for name in route.key if name in fields and name.lower() not in names]
    if route.paging in _ONE_ROW and keys and len(own) == 1:
        return {**keys, own[0]: _last_id(keys)}
    return dict(keys)


def _elements(block: JsonObject, path: Sequence[str]) -> Iterator[Any]:
    """Give the elements of an array of arrays, and of arrays of the same name inside them."""
    name, *rest = path
    value = block.get(name)
    if isinstance(value, dict):
        yield from _elements(value, rest)
        return
    for element in value or ():
        if rest:
            yield from _elements(element, rest)
        else:
            yield element
        if isinstance(element, dict) and isinstance(element.get(name), list):
            yield from _elements(element, path)


def _last_id(keys: Mapping[str, Id]) -> Id:
    """Return the id of the nearest parent; the tenant itself counts as 1."""
    return list(keys.values())[-1] if keys else 1


def _as_number(value: Id) -> int:
    return value if isinstance(value, int) else child_id(value, 0)
