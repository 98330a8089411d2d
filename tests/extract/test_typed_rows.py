"""The fast way of decoding gives the table that the tolerant way gives, whatever arrives."""

from __future__ import annotations

import json
from collections.abc import Iterable
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from d2l_brightspace.client.errors import ProtocolError, RequestContext
from d2l_brightspace.client.json_codec import decode
from d2l_brightspace.client.paging.pages import Expected, Page, read_page
from d2l_brightspace.endpoints import ENDPOINTS
from d2l_brightspace.endpoints.model import ORG_UNIT_ID
from d2l_brightspace.extract.arrow import Part, Tabulator, UnexpectedValue
from d2l_brightspace.extract.field_tree import BELOW, UNDECLARED
from d2l_brightspace.extract.typed_rows import TypedRows

WHERE = RequestContext("lp/(version)/things/")
SECRET = "canary-0451"
TYPES = {
    "Id": "bigint",
    "Name": "text",
    "Points": "double",
    "IsActive": "bool",
    "StartDate": "timestamp",
    "Tags": "json",
    "Type__Id": "bigint",
    "Type__Owner__Name": "text",
    "Type__Tags": "json",
}
DROPPED = ("Password", "Type__Secret", "Vault")
COLUMNS = {name: {"data_type": kind} for name, kind in TYPES.items()}
USUAL: dict[str, Any] = {
    "Id": 1,
    "Name": "a",
    "Points": 1.5,
    "IsActive": True,
    "StartDate": "2026-11-22T04:44:00.000Z",
    "Tags": ["x"],
    "Type": {"Id": "2", "Owner": {"Name": "b"}, "Tags": []},
}

Outcome = tuple[str, Any]


def typed_rows(learnt: Iterable[str] = (), *, single: bool = False) -> TypedRows:
    typed = TypedRows(TYPES, DROPPED, single=single)
    typed.learn(learnt)
    return typed


def outcome(parsed: Any, expected: Expected) -> Outcome:
    """The table of a body, column by column, or the words of its error."""
    try:
        page = read_page(parsed, expected, WHERE)
        table = Tabulator(COLUMNS, [], DROPPED)([Part(page.rows)]).table
    except (ProtocolError, UnexpectedValue) as error:
        return "error", str(error)
    way = (page.bookmark, page.next_url, page.has_more)
    return "table", (way, *sorted((name, *_column(table, name)) for name in table.schema.names))


def _column(table: pa.Table, name: str) -> tuple[Any, ...]:
    return str(table.schema.field(name).type), str(table[name].to_pylist())


def without_empty(found: Outcome) -> Outcome:
    """Leave out columns of nothing but nulls that nobody declared: they are as good as none."""
    kind, parts = found
    if kind == "error":
        return found
    kept = [one for one in parts[1:] if not _is_empty(*one)]
    return kind, (parts[0], *kept)


def _is_empty(name: str, _kind: str, values: str) -> bool:
    return name.startswith(UNDECLARED) and set(values) <= set("[]None, ")


def assert_same(
    body: bytes | str,
    expected: Expected = "array",
    learnt: Iterable[str] = (),
    *,
    fast: bool | None = None,
) -> Outcome:
    """Both ways of decoding a body agree; whether the fast one took it, where that is said."""
    data = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    typed = typed_rows(learnt, single=expected == "object")
    results: list[Outcome] = []
    for parse in (typed.parse, decode):
        try:
            parsed = parse(data)
        except (ValueError, RecursionError):
            results.append(("error", "no JSON"))
            continue
        if parse == typed.parse and fast is not None:
            assert isinstance(parsed, Page) == fast, "the other way of decoding than expected"
        results.append(without_empty(outcome(parsed, expected)))
    if any(words == "no JSON" for _, words in results):
        # found out while decoding, or when the text of a field is made: an error either way
        assert [kind for kind, _ in results] == ["error", "error"]
    else:
        assert results[0] == results[1]
    return results[0]


def rows(*blocks: dict[str, Any]) -> str:
    return json.dumps(list(blocks))


# --- what is as declared ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (rows(USUAL, USUAL), "array"),
        (json.dumps(USUAL), "object"),
        (
            json.dumps({"PagingInfo": {"Bookmark": 7, "HasMoreItems": True}, "Items": [USUAL]}),
            "bookmark",
        ),
        (
            json.dumps({"Items": [USUAL], "PagingInfo": {"HasMoreItems": False, "Bookmark": ""}}),
            "bookmark",
        ),
        (json.dumps({"Next": "?page=2", "Objects": [USUAL]}), "object_list"),
        (json.dumps({"Objects": [], "Next": None}), "object_list"),
        ("[]", "array"),
        ("[{}]", "array"),
        (rows({"Id": 1}, {"Type": None}, {"Type": {}}, {"Type": {"Owner": None}}), "array"),
        (rows(dict.fromkeys(USUAL)), "array"),
        (rows({**USUAL, "Points": 7}, {**USUAL, "StartDate": 0}), "array"),
        ("  \r\n\t[ { } ]\n", "array"),
    ],
    ids=[
        "array",
        "object",
        "bookmark",
        "bookmark-other-order",
        "links",
        "last-link",
        "empty",
        "no-fields",
        "no-blocks",
        "nulls",
        "numbers",
        "whitespace",
    ],
)
def test_what_is_as_declared_is_read_the_fast_way(body: str, expected: Expected) -> None:
    assert assert_same(body, expected, fast=True)[0] == "table"


# --- every field with every JSON value ----------------------------------------------------------

TOO_LARGE = "1e400"
VALUES = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "7",
    "7.0",
    "7.5",
    "1e3",
    "-1E-2",
    TOO_LARGE,
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "1" + "0" * 40,
    '""',
    '"7"',
    '"7.5"',
    '"true"',
    '"2026-11-22T04:44:00Z"',
    '"0001-01-01T00:00:00.000Z"',
    '"\\u00e9\\n\\u0000\\/"',
    '"\\ud83c\\udf31"',
    '"\\ud83c"',
    '"\\udf31 alone"',
    '"🌱"',
    "[]",
    "[1, 2.50, true, null]",
    '[ "a" ,\n\t"\\u0041\\/" ]',
    '{"Id": 1}',
    "{}",
    '{"a": {"b": [1]}, "a": 2}',
    "[[[[]]]]",
    "NaN",
    "[NaN]",
    "Infinity",
    "01",
    "[1,]",
    "'a'",
    "undefined",
]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("field", ["Id", "Name", "Points", "IsActive", "StartDate", "Tags"])
def test_every_field_with_every_value(field: str, value: str) -> None:
    assert_same(f'[{{"{field}": {value}}}]')
    assert_same(f'[{{"{field}": null}}, {{"{field}": {value}}}]')


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("inner", ["Id", "Tags", "Secret"])
def test_every_nested_field_with_every_value(inner: str, value: str) -> None:
    if (inner, value) == ("Secret", TOO_LARGE):
        pytest.skip("nobody loses what is dropped: the fast way does not look into it")
    assert_same(f'[{{"Type": {{"{inner}": {value}}}}}]')
    assert_same(f'[{{"Type": {value}}}]')
    assert_same(f'[{{"Type": {{"Owner": {value}}}}}, {{}}]')


@pytest.mark.parametrize("value", VALUES)
def test_an_undeclared_field_with_every_value(value: str) -> None:
    body = f'[{{"Id": 1, "New": {value}, "Type": {{"New": {value}}}}}]'
    assert_same(body)
    assert_same(body, learnt=["New", f"Type{BELOW}New"])


# --- whole bodies -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"[{]",
        b'[{"Name": "a}]',
        b"[{}]x",
        b"[{}][{}]",
        b"null",
        b"7",
        b'"a"',
        b"<html></html>",
        b"[null]",
        b"[7, {}]",
        b"\xef\xbb\xbf[{}]",
        '[{"Name": "a"}]'.encode("utf-16"),
        b'[{"Name": "\xff"}]',
        b'[{"Name": "\xed\xa0\xbc"}]',
        b'[{"Tags": ["\xff"]}]',
        b'[{"Tags": ["\xed\xa0\xbc\xed\xbc\xb1"]}]',
        b'[{"Tags": "\\ud83c"}]',
        b'[{"\xff": 1}]',
        b'[{"Name": "a\nb"}]',
        b'[{"Name": "a\x00b"}]',
        b"[" * 100_000,
        b'[{"Tags": ' + b"[" * 50_000 + b"]" * 50_000 + b"}]",
        b'[{"Id": 1, "Id": 2}]',
        b'[{"Id": 1, "Id": null}]',
        b'[{"Type": {"Id": 1}, "Type": {"Tags": []}}]',
        b'[{"Password": 1, "Password": 2}]',
        b'[{"Tags": [1], "Tags": [2]}]',
        b'[{"Id": 1} /* a comment */]',
    ],
    ids=lambda body: repr(body[:40]),
)
@pytest.mark.parametrize("expected", ["array", "bookmark", "object"])
def test_odd_bodies(body: bytes, expected: Expected) -> None:
    assert_same(body, expected)


@pytest.mark.parametrize(
    "envelope",
    [
        '{"PagingInfo": {"Bookmark": "1", "HasMoreItems": "true"}, "Items": [{}]}',
        '{"PagingInfo": {"Bookmark": 1.5, "HasMoreItems": true}, "Items": [{}]}',
        '{"PagingInfo": {"Bookmark": true, "HasMoreItems": true}, "Items": [{}]}',
        '{"PagingInfo": {"Bookmark": "1"}, "Items": [{}]}',
        '{"PagingInfo": null, "Items": [{}]}',
        '{"PagingInfo": {"HasMoreItems": false, "More": 1}, "Items": [{}]}',
        '{"PagingInfo": {"HasMoreItems": false}, "Items": null}',
        '{"PagingInfo": {"HasMoreItems": false}, "Items": {}}',
        '{"PagingInfo": {"HasMoreItems": false}}',
        '{"PagingInfo": {"HasMoreItems": false}, "Items": [{}], "Objects": [{}]}',
        '{"PagingInfo": {"HasMoreItems": false}, "Items": [{}], "Items": []}',
        '{"Objects": [{}], "PagingInfo": {"HasMoreItems": true}}',
        '{"Objects": [{}]}',
        '{"Objects": [{}], "Next": 7}',
        '{"Objects": [{}], "Next": ""}',
        '{"Objects": [{}], "Next": null, "Count": 7}',
        '{"Next": "?a=b"}',
        '{"objects": [{}], "next": null}',
        '{"\\u0049tems": [{}], "PagingInfo": {"HasMoreItems": false}}',
        '{"Extra": 1, "Items": [{}], "PagingInfo": {"HasMoreItems": false}}',
        '{"Errors": [{"Message": "no"}]}',
    ],
)
@pytest.mark.parametrize("expected", ["bookmark", "object_list", "array", "page_number"])
def test_odd_envelopes(envelope: str, expected: Expected) -> None:
    assert_same(envelope, expected)


# --- odd names ----------------------------------------------------------------------------------

NAMES = [
    "class",
    "_x",
    "__",
    "__init__",
    "_dlt_id",
    "a-b",
    "a b",
    "",
    "a.b",
    "Type__Id",
    "id",
    "ID",
    "PLAN",
    "_plan",
    "_0",
    "field_0",
    "field_1",
    "x" * 300,
    "é",
    "🌱",
    "7",
    "self",
    'a"b',
    "a\\b",
    "a\u2028b",
    "a\nb",
    "a\u0000b",
    "undeclared:Id",
    "Tags__v_text",
    "password",
    "Password2",
    ORG_UNIT_ID,
]


@pytest.mark.parametrize("name", NAMES)
def test_undeclared_fields_of_odd_names(name: str) -> None:
    blocks = [{"Id": 1, name: "v"}, {"Id": 2, "Type": {"Id": 3, name: [1]}}, {"Id": 3}]
    assert_same(rows(*blocks))
    assert_same(rows(*blocks), learnt=[name, f"Type{BELOW}{name}"])


def test_all_odd_names_at_once() -> None:
    block = {"Id": 1, **{name: index for index, name in enumerate(NAMES)}}
    assert_same(rows(block), learnt=NAMES, fast=False)
    named = {
        name: value for name, value in block.items() if name and not set(name) & set('"\\\n\0')
    }
    assert_same(rows(named), learnt=NAMES, fast=True)


@pytest.mark.parametrize(
    "name",
    ["class", "_x", "a-b", "a b", "", "a.b", "id", "PLAN", "_plan", "_0", "field_0", "é", "self"],
)
def test_declared_fields_of_odd_names(name: str) -> None:
    types = {name: "text", "Other": "bigint", f"Nest__{name}": "json"}
    typed = TypedRows(types)
    body = json.dumps([{name: "v", "Other": 1, "Nest": {name: [1]}}, {}]).encode()
    page = typed.parse(body)
    assert isinstance(page, Page)
    columns = {column: {"data_type": kind} for column, kind in types.items()}
    fast = Tabulator(columns, [])([Part(page.rows)]).table
    assert fast == Tabulator(columns, [])([Part(decode(body))]).table
    assert fast[name].to_pylist() == ["v", None]


# --- fields that are learnt ---------------------------------------------------------------------


def test_a_field_that_nobody_declared_costs_the_fast_way_one_page() -> None:
    typed = typed_rows()
    body = rows({**USUAL, "New": 1, "Type": {"Newer": {"a": 1}, "Id": 2}}).encode()
    first = typed.parse(body)
    assert not isinstance(first, Page)
    names = Tabulator(COLUMNS, [], DROPPED)([Part(first)]).table.schema.names

    typed.learn(name.removeprefix(UNDECLARED) for name in names if name.startswith(UNDECLARED))

    second = typed.parse(body)
    assert isinstance(second, Page)
    assert without_empty(outcome(second, "array")) == without_empty(outcome(first, "array"))
    assert isinstance(typed.parse(rows(USUAL).encode()), Page), "the field may be absent again"


def test_a_tenant_of_very_many_new_fields_is_read_the_tolerant_way() -> None:
    learnt = [f"New{number}" for number in range(500)]
    block = {"Id": 1, **dict.fromkeys(learnt, 7)}
    assert_same(rows(block), learnt=learnt, fast=False)


def test_an_undeclared_block_is_one_field() -> None:
    kind, parts = assert_same(rows({"Id": 1, "New": {"a": {"b": 1}}}), learnt=["New"], fast=True)
    assert kind == "table"
    assert (f"{UNDECLARED}New", "string", """['{"a":{"b":1}}']""") in parts


# --- fields that are never loaded ---------------------------------------------------------------


@pytest.mark.parametrize("value", [SECRET, [SECRET], {"a": SECRET}, None, 7], ids=repr)
def test_dropped_fields_arrive_by_neither_way(value: Any) -> None:
    block = {"Id": 1, "Password": value, "Type": {"Id": 1, "Secret": value}, "Vault": value}
    assert SECRET not in str(assert_same(rows(block), fast=True))
    assert SECRET not in str(assert_same(rows({**block, "New": 1}), fast=False))


def test_no_typed_row_holds_what_is_dropped_longer_than_its_page() -> None:
    page = typed_rows().parse(rows({"Id": 1, "Password": SECRET}).encode())
    assert SECRET not in str(Tabulator(COLUMNS, [], DROPPED)([Part(page.rows)]).table.to_pylist())


def test_the_password_of_a_quiz_never_arrives() -> None:
    quizzes = ENDPOINTS["quizzes"]
    types = {n: str(h["data_type"]) for n, h in quizzes.columns.items() if n != ORG_UNIT_ID}
    typed = TypedRows(types, quizzes.dropped)
    body = json.dumps({"Next": None, "Objects": [{"QuizId": 1, "Password": SECRET}]}).encode()
    for parsed in (typed.parse(body), decode(body)):
        page = read_page(parsed, "object_list", WHERE)
        part = Part(page.rows, {ORG_UNIT_ID: 6606})
        table = Tabulator(quizzes.columns, quizzes.keys, quizzes.dropped)([part]).table
        assert table.schema.names == list(quizzes.columns)
        assert SECRET not in str(table.to_pylist())


# --- many random bodies -------------------------------------------------------------------------


class Generator:
    """Invents blocks that are mostly as declared."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def body(self) -> str:
        blocks = [self.block() for _ in range(self._random.randrange(4))]
        if self._random.random() < 0.1:
            blocks.insert(0, self.value())
        return f"[{self.space()}{','.join(blocks)}]{self.space()}"

    def block(self) -> str:
        pairs = []
        for name in ("Id", "Name", "Points", "IsActive", "StartDate", "Tags", "Type", "Password"):
            chance = self._random.random()
            if chance < 0.3:
                continue
            usual = self.nested() if name == "Type" else json.dumps(USUAL.get(name, SECRET))
            value = usual if chance < 0.85 or name == "Password" else self.value()
            pairs.append(f'"{name}"{self.space()}:{value}')
        if self._random.random() < 0.15:
            pairs.append(f"{json.dumps(self._random.choice(NAMES))}: {self.value()}")
        self._random.shuffle(pairs)
        return "{" + f"{self.space()},".join(pairs) + "}"

    def nested(self) -> str:
        chance = self._random.random()
        if chance < 0.2:
            return "null"
        owner = '{"Name": "b"}' if chance < 0.8 else self.value()
        return f'{{"Owner": {owner}, "Id": {self.value() if chance > 0.9 else 3}}}'

    def value(self) -> str:
        return self._random.choice(VALUES[:35])

    def space(self) -> str:
        return self._random.choice(["", "", " ", "\n", "\t\r\n  "])


@pytest.mark.parametrize("seed", range(20))
def test_invented_bodies(seed: int) -> None:
    generator = Generator(seed)
    for _ in range(60):
        body = generator.body()
        assert SECRET not in str(assert_same(body))
        assert_same(body, learnt=["New", *NAMES[:10]])
