"""Settings that nobody reads, that are of two schemes, or of the wrong type: nothing is sent."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import ConfigTomlProvider, SecretsTomlProvider
from dlt.common.configuration.specs import PluggableRunContext

from d2l_brightspace import (
    BearerAuth,
    ConfigurationError,
    brightspace_data_sets_source,
    d2l_brightspace_source,
    import_jobs_source,
    setting_names,
)
from d2l_brightspace.connection import configured_session
from d2l_brightspace.setting_checks import plain_setting_errors

CANARY = "canary-secret-0451"
HOST = "school.example.org"
SOURCE = "SOURCES__D2L_BRIGHTSPACE_SOURCE__"
DATA_SETS = "SOURCES__D2L_BRIGHTSPACE_DATA_SETS__"
CREDENTIALS = f"{SOURCE}CREDENTIALS__"

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Write]:
    """Write a file of settings, which dlt reads from then on."""
    providers = Container()[PluggableRunContext].providers
    before = list(providers.providers)
    kinds = {"config.toml": ConfigTomlProvider, "secrets.toml": SecretsTomlProvider}

    def write_file(name: str, text: str) -> None:
        (tmp_path / name).write_text(text, encoding="utf-8")
        providers.providers[:] = [
            kinds[one.name](str(tmp_path)) if one.name == name else one
            for one in providers.providers
        ]

    yield write_file
    providers.providers[:] = before


def load_rest(**arguments: Any) -> Any:
    return d2l_brightspace_source(**{"host": HOST, "credentials": BearerAuth(CANARY), **arguments})


def refusal(ask: Callable[[], object]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        ask()
    assert CANARY not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        (f"{SOURCE}ORG_UNIT_ID", f"{SOURCE}ORG_UNIT_IDS"),
        (f"{SOURCE}HOTS", f"{SOURCE}HOST"),
        (f"{SOURCE}COURSE_OFFERING_FROM", f"{SOURCE}COURSE_OFFERINGS_FROM"),
        (f"{SOURCE}D2L_BRIGHTSPACE__TABLE", f"{SOURCE}TABLES"),
        (f"{SOURCE}NORTH__START_DAT", f"{SOURCE}START_DATE"),
        ("SOURCES__D2L_BRIGHTSPACE__ORG_UNITS_IDS", f"{SOURCE}ORG_UNIT_IDS"),
        ("NIGHTLY__" + SOURCE + "ORG_UNIT_ID", f"{SOURCE}ORG_UNIT_IDS"),
        (f"{SOURCE}MAX_PAGES", f"{SOURCE}LIMITS__MAX_PAGES"),
        (f"{SOURCE}LIMITS__MAX_PAGE", f"{SOURCE}LIMITS__MAX_PAGES"),
        (f"{SOURCE}LIMIT__MAX_PAGES", f"section {SOURCE}LIMITS__"),
        (f"{SOURCE}LIMITS", "limits is a section of its own"),
        (f"{SOURCE}LOGGING__LOGLEVEL", f"{SOURCE}LOGGING__LOG_LEVEL"),
        (f"{SOURCE}CREDENTIALS__TOKE", f"{CREDENTIALS}TOKEN"),
        (f"{SOURCE}CREDENTIAL__TOKEN", f"section {CREDENTIALS}"),
        (f"{SOURCE}COURSE_PACKAGES__POLL_SECOND", f"{SOURCE}COURSE_PACKAGES__POLL_SECONDS"),
        (f"{SOURCE}COURSE_PACKAGES__NOTHING_LIKE_IT", "settings there are poll_seconds"),
        ("SOURCES__D2L_BRIGTHSPACE_SOURCE__HOST", f"section {SOURCE}"),
        ("SOURCES__BRIGHTSPACE_SOURCE__HOST", f"section {SOURCE}"),
        (f"{DATA_SETS}DATA_SET", f"{DATA_SETS}DATA_SETS"),
        (f"{DATA_SETS}FILES__ATONCE", f"{DATA_SETS}FILES__AT_ONCE"),
        ("SOURCES__D2L_BRIGHTSPACE_DATASETS__HOST", f"section {DATA_SETS}"),
        # the settings of blocks are read by the section, and not by the name of a source in it
        ("SOURCES__D2L_BRIGHTSPACE__LIMITS__MAX_PAGES", f"{SOURCE}LIMITS__MAX_PAGES"),
        (f"{SOURCE}NORTH__LOGGING__LOG_LEVEL", f"{SOURCE}LOGGING__LOG_LEVEL"),
        # and nothing is read in other places
        ("D2L_BRIGHTSPACE_SOURCE__ORG_UNIT_IDS", f"{SOURCE}ORG_UNIT_IDS"),
        ("SOURCE__D2L_BRIGHTSPACE_SOURCE__ORG_UNIT_IDS", f"{SOURCE}ORG_UNIT_IDS"),
        ("SOURCES_D2L_BRIGHTSPACE_SOURCE_ORG_UNIT_IDS", f"{SOURCE}ORG_UNIT_IDS"),
        ("SOURCES__D2L_BRIGHTSPACE_SOURCE_LOGGING_LOG_LEVEL", f"{SOURCE}LOGGING__LOG_LEVEL"),
        ("sources__d2l_brightspace_source__org_unit_ids", f"{SOURCE}ORG_UNIT_IDS"),
    ],
)
def test_a_name_that_nobody_reads(
    variable: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, CANARY)
    message = refusal(load_rest)
    assert f"{variable}: " in message
    assert meant in message.partition(f"{variable}: ")[2]


@pytest.mark.parametrize(
    "variable",
    [
        f"{SOURCE}LIMITS__MAX_PAGES",
        f"{SOURCE}LOGGING__OVERLAP_MINUTES",
        f"{SOURCE}COURSE_PACKAGES__POLL_SECONDS",
        f"{DATA_SETS}FILES__AT_ONCE",
        f"{DATA_SETS}FULL_EVERY_DAYS",
        f"{SOURCE}DATA_WRITER__BUFFER_MAX_ITEMS",  # dlt's own
        f"{SOURCE}D2L_BRIGHTSPACE__SCHEMA__NAMING",
        f"{SOURCE}NORTH__HOST",  # of a source of that name
        "SOURCES__D2L_BRIGHTSPACE_SOURCE_NORTH__ANYTHING",  # of a second tenant
        "SOURCES__D2L_BRIGHTSPACE_SOURCE_2__ANYTHING",
        "SOURCES__GITHUB__ORG_UNIT_ID",  # somebody else's
        "DESTINATION__WAREHOUSE__ORG_UNIT_ID",
        "PATH__D2L_BRIGHTSPACE_SOURCE",
        "SOURCES__D2L_BRIGHTSPACE__HOST",  # by the name of the source
        "DESTINATION__D2L_BRIGHTSPACE_SOURCE__HOST",
        "D2L_BRIGHTSPACE_SOURCE__DESTINATION__HOST",  # of a pipeline of that name
    ],
)
def test_a_name_that_somebody_reads(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "1")
    load_rest()


def test_a_name_that_only_a_part_knows_which_is_not_imported() -> None:
    load = (
        "from d2l_brightspace import BearerAuth, d2l_brightspace_source as source\n"
        "import sys; assert 'd2l_brightspace.course_packages' not in sys.modules\n"
        "source('school.example.org', BearerAuth('t'))"
    )
    environment = {**os.environ, f"{SOURCE}COURSE_PACKAGES__POLL_SECONDS": "3"}
    subprocess.run([sys.executable, "-c", load], env=environment, check=True)


@pytest.mark.parametrize(
    ("section", "meant"),
    [
        ("d2l_brightspace_source", "d2l_brightspace_source"),
        ("source.d2l_brightspace_source", "d2l_brightspace_source"),
        ("Sources.d2l_brightspace_source.limits", "d2l_brightspace_source.limits"),
        ("nightly.d2l_brightspace_data_sets", "d2l_brightspace_data_sets"),
    ],
)
def test_sections_where_nobody_looks(write: Write, section: str, meant: str) -> None:
    write("config.toml", f"[{section}]\nsomething = 3\n")
    message = refusal(load_rest)
    assert f"something under [{section}] in config.toml: did you mean [sources.{meant}]?" in message


def test_the_section_of_a_pipeline_is_looked_into_while_that_is_active(write: Write) -> None:
    write("config.toml", "[d2l_brightspace_source]\norg_unit_ids = [6618]\n")
    dlt.pipeline("d2l_brightspace_source", destination="duckdb")
    load_rest()


def test_the_section_of_a_copy_may_be_called_like_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(setting_names, "SECTIONS", {**setting_names.SECTIONS})
    monkeypatch.setenv("POSTGRES_HOST", "db.example.org")
    d2l_brightspace_source.clone(section="postgres")(HOST, BearerAuth(CANARY))


def test_names_in_files(write: Write) -> None:
    write(
        "config.toml",
        '[sources.d2l_brightspace_source]\norg_unit_id = [6618]\nhost = "x.example.org"\n'
        "[sources.d2l_brightspace_source.limit]\nmax_pages = 3\n",
    )
    message = refusal(load_rest)
    assert (
        "org_unit_id under [sources.d2l_brightspace_source] in config.toml: "
        "did you mean org_unit_ids under [sources.d2l_brightspace_source]" in message
    )
    assert "did you mean the section [sources.d2l_brightspace_source.limits]?" in message
    assert "host" not in message.replace("x.example.org", "")


@pytest.mark.parametrize(
    "ask",
    [
        load_rest,
        configured_session,
        lambda: brightspace_data_sets_source(host=HOST, credentials=BearerAuth(CANARY)),
        lambda: import_jobs_source(jobs=[(1, "t")], host=HOST, credentials=BearerAuth(CANARY)),
        lambda: d2l_brightspace_source.with_args(name="north")(
            host=HOST, credentials=BearerAuth(CANARY)
        ),
    ],
    ids=["source", "session", "data sets", "import jobs", "source of another name"],
)
def test_every_way_in_looks_at_the_names(
    ask: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{SOURCE}ORG_UNIT_ID", "6618")
    assert f"{SOURCE}ORG_UNIT_IDS" in refusal(ask)


# --- schemes ------------------------------------------------------------------------------------

REFRESH_TOKEN = ("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN")
ID_KEY = ("APP_ID", "APP_KEY", "USER_ID", "USER_KEY")


@pytest.mark.parametrize(
    "names",
    [
        ("TOKEN", *REFRESH_TOKEN),
        ("TOKEN", "REFRESH_TOKEN"),
        ("TOKEN", "SCOPE"),
        (*REFRESH_TOKEN, "KEY_ID"),
        (*ID_KEY, "TOKEN"),
        ("APP_ID", "CLIENT_ID"),
    ],
    ids="+".join,
)
@pytest.mark.parametrize(
    "ask",
    [
        lambda: d2l_brightspace_source(host=HOST),
        lambda: brightspace_data_sets_source(host=HOST),
        configured_session,
    ],
    ids=["source", "data sets", "session"],
)
def test_two_schemes(
    names: tuple[str, ...], ask: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in names:
        monkeypatch.setenv(CREDENTIALS + name, CANARY)
    message = refusal(ask)
    assert "more than one scheme" in message
    for name in names:
        assert f"{name.lower()} in {CREDENTIALS}{name}, of " in message


def test_two_schemes_in_two_places(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = "".join(f'{name.lower()} = "{CANARY}"\n' for name in REFRESH_TOKEN)
    write("secrets.toml", f"[sources.d2l_brightspace_source.credentials]\n{fields}")
    d2l_brightspace_source(host=HOST)
    monkeypatch.setenv(f"{CREDENTIALS}TOKEN", CANARY)
    message = refusal(lambda: d2l_brightspace_source(host=HOST))
    assert "client_secret in secrets.toml, of RefreshTokenAuth" in message
    assert "client_id in secrets.toml, of ServiceUserAuth or RefreshTokenAuth" in message
    assert f"token in {CREDENTIALS}TOKEN, of BearerAuth" in message
    # what is passed in Python is what was meant
    load_rest()
    load_rest(credentials={"token": CANARY})


@pytest.mark.parametrize(
    "names", [("TOKEN",), (*REFRESH_TOKEN, "SCOPE", "TOKEN_STORE"), ID_KEY], ids="+".join
)
def test_one_scheme(names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in names:
        monkeypatch.setenv(CREDENTIALS + name, "/a/path" if name == "TOKEN_STORE" else CANARY)
    d2l_brightspace_source(host=HOST)
    # the two sources may have credentials of their own
    monkeypatch.setenv(f"{DATA_SETS}CREDENTIALS__TOKEN", CANARY)
    brightspace_data_sets_source(host=HOST)


def test_a_secret_where_everybody_reads_it(write: Write) -> None:
    write("config.toml", f'[sources.d2l_brightspace_source.credentials]\ntoken = "{CANARY}"\n')
    message = refusal(lambda: d2l_brightspace_source(host=HOST))
    assert "credentials.token is a secret and stands in config.toml" in message
    assert "secrets.toml" in message


# --- types --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("ORG_UNIT_IDS", "all", "a list of whole numbers|org_unit_ids = [6606, 6607]"),
        ("ORG_UNIT_IDS", "6618", "a list of whole numbers|org_unit_ids = [6606, 6607]"),
        ("TABLES", "core", "a list|tables = "),
        ("LIMITS__MAX_PAGES", "many", "`limits.max_pages`|a whole number|max_pages = 100000"),
        ("LIMITS__REQUESTS_IN_FLIGHT", "0.5", "a whole number|requests_in_flight = 20"),
        ("LIMITS__CONNECT_SECONDS", "soon", "a number|connect_seconds = 10.0"),
        ("LOGGING__INCLUDE_TRACES", "maybe", "true or false|include_traces = false"),
        ("START_DATE", "5", "no date|start_date = "),
    ],
)
def test_values_of_the_wrong_type(
    variable: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SOURCE + variable, value)
    message = refusal(load_rest)
    for word in words.split("|"):
        assert word in message
    if variable != "START_DATE":
        assert f"in {SOURCE}{variable} must be" in message


def test_a_value_of_the_wrong_type_where_only_a_session_is_made() -> None:
    ask = (
        "from d2l_brightspace.settings import configured_selection\n"
        "import sys; assert 'd2l_brightspace.source' not in sys.modules\n"
        "configured_selection()"
    )
    environment = {**os.environ, f"{SOURCE}ORG_UNIT_IDS": "all"}
    done = subprocess.run(
        [sys.executable, "-c", ask], env=environment, stderr=subprocess.PIPE, text=True, check=False
    )
    assert "must be a list of whole numbers" in done.stderr.splitlines()[-1]


def test_a_value_of_the_wrong_type_in_a_file(write: Write) -> None:
    write(
        "config.toml",
        '[sources.d2l_brightspace_data_sets]\ndeletes = "all"\n'
        "[sources.d2l_brightspace_data_sets.files]\nat_once = 0.5\n",
    )
    message = refusal(lambda: brightspace_data_sets_source(host=HOST))
    assert "`deletes` under [sources.d2l_brightspace_data_sets] in config.toml" in message
    assert 'one of "keep", "drop"' in message
    message = refusal(lambda: brightspace_data_sets_source(HOST, BearerAuth("t"), deletes="drop"))
    assert "`files.at_once` under [sources.d2l_brightspace_data_sets.files]" in message
    assert "at_once = 4" in message


def test_a_file_that_is_no_toml(write: Write, tmp_path: Path) -> None:
    def read() -> None:
        with plain_setting_errors():
            write("secrets.toml", f'[sources]\n\ntoken = = "{CANARY}"\n')

    message = refusal(read)
    assert f"{tmp_path / 'secrets.toml'} cannot be read" in message
    assert "line 3 col 8" in message
