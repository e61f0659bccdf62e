"""The stand-in for ChEMBL over a real socket."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from cryoasync.simulator.server import SIMULATOR_HEADER, Simulator
from cryoasync.simulator.settings import SimulatorSettings

OVERRIDE = {"X-HTTP-Method-Override": "GET"}


class Client:
    """Asks as any client of ChEMBL would."""

    def __init__(self, simulator: Simulator, session: aiohttp.ClientSession) -> None:
        self._base_url = simulator.chembl_base_url
        self._session = session

    async def ask(self, path: str, method: str = "GET", **how: Any) -> tuple[aiohttp.ClientResponse, str]:
        """Return the answer and its text."""
        async with self._session.request(method, f"{self._base_url}/{path}", **how) as response:
            return response, await response.text()

    async def json(self, path: str, method: str = "GET", **how: Any) -> dict[str, Any]:
        """Return a good answer."""
        response, text = await self.ask(path, method, **how)
        assert response.status == 200, text
        result: dict[str, Any] = json.loads(text)
        return result

    async def ids(self, **parameters: object) -> list[str]:
        """Return the ids on a page."""
        answer = await self.json(
            "molecule.json", params={key: str(value) for key, value in parameters.items()}
        )
        return [molecule["molecule_chembl_id"] for molecule in answer["molecules"]]


@asynccontextmanager
async def serving(scenario: str = "steady", *overrides: str) -> AsyncIterator[tuple[Simulator, Client]]:
    settings = SimulatorSettings(scenario=scenario, overrides=("latency=none", *overrides))
    async with Simulator(settings) as simulator, aiohttp.ClientSession() as session:
        yield simulator, Client(simulator, session)


async def test_the_pages_of_the_list_hold_each_molecule_once() -> None:
    """A page has at most a thousand, and tells where it stands, relative to the host."""
    async with serving() as (simulator, client):
        first = await client.json("molecule.json", params={"limit": "5000", "offset": "0"})
        meta = first["page_meta"]
        pages = [
            await client.ids(limit=1000, offset=offset) for offset in range(0, meta["total_count"], 1000)
        ]
        statistics = simulator.chembl_statistics()
    listed = [identity for page in pages for identity in page]
    assert (meta["limit"], meta["previous"]) == (1000, None)
    assert meta["next"] == "/chembl/api/data/molecule.json?limit=1000&offset=1000"
    assert len(listed) == len(set(listed)) == meta["total_count"]
    assert {f"CHEMBL{number}" for number in range(1, 5001)} <= set(listed)
    assert listed[:3] != ["CHEMBL1", "CHEMBL2", "CHEMBL3"], "the order is not that of the ids"
    assert (statistics.requests, statistics.ids) == (len(pages) + 1, len(listed) + 1000)


async def test_molecules_are_those_of_pubchem_under_other_ids() -> None:
    """The same structures, so that the two sources overlap."""
    async with serving() as (simulator, client):
        page = await client.json("molecule.json", params={"limit": "1000"})
        async with aiohttp.ClientSession() as session:
            url = simulator.base_url.removesuffix("/rest/pug") + "/simulator/records?count=1000"
            async with session.get(url) as answer:
                records = [json.loads(line) for line in (await answer.text()).splitlines()]
    keys = [molecule["molecule_structures"]["standard_inchi_key"] for molecule in page["molecules"]]
    assert keys == [record["row"]["InChIKey"] for record in records]


async def test_a_page_across_a_border_repeats_one_molecule_and_loses_another() -> None:
    """As was seen where pages did not divide a thousand."""
    async with serving() as (_, client):
        across = await client.ids(limit=10, offset=995)
        aligned = await client.ids(limit=5, offset=995) + await client.ids(limit=5, offset=1000)
    assert across[5] == across[4]
    assert (across[:5], across[6:]) == (aligned[:5], aligned[6:])


@pytest.mark.parametrize(
    ("given", "limit", "offset"),
    [({"limit": "abc", "offset": "x"}, 20, 0), ({"limit": "10x"}, 10, 0), ({"limit": "0"}, 1000, 0)],
)
async def test_numbers_are_read_as_the_server_reads_them(
    given: dict[str, str], limit: int, offset: int
) -> None:
    async with serving() as (_, client):
        meta = (await client.json("molecule.json", params=given))["page_meta"]
    assert (meta["limit"], meta["offset"]) == (limit, offset)


async def test_ids_are_asked_for_by_a_post_that_stands_for_a_get() -> None:
    """As a list of pairs; what does not exist is just absent."""
    pairs = [["molecule_chembl_id__in", "CHEMBL25,CHEMBL1,CHEMBL999999999"], ["limit", "1000"]]
    async with serving() as (_, client):
        answer = await client.json("molecule.json", "POST", json=pairs, headers=OVERRIDE)
        refused = [
            (await client.ask("molecule.json", "POST", **how))[0].status
            for how in (
                {"json": pairs},
                {"json": dict(pairs), "headers": OVERRIDE},
                {"data": dict(pairs), "headers": OVERRIDE},
            )
        ]
        posted_set = await client.ask("molecule/set/CHEMBL25.json", "POST", json=pairs, headers=OVERRIDE)
    assert [molecule["molecule_chembl_id"] for molecule in answer["molecules"]] == ["CHEMBL25", "CHEMBL1"]
    assert answer["page_meta"]["total_count"] == 2
    assert refused == [405, 400, 500]
    assert posted_set[0].status == 405


async def test_a_set_names_those_it_does_not_find() -> None:
    """In the order asked; without the member where all are found."""
    async with serving() as (_, client):
        some = await client.json("molecule/set/CHEMBL25;CHEMBL999999999;chembl1.json")
        all_found = await client.json("molecule/set/CHEMBL25.json")
    assert [molecule["molecule_chembl_id"] for molecule in some["molecules"]] == ["CHEMBL25", "CHEMBL1"]
    assert some["not_found"] == ["CHEMBL999999999"]
    assert "not_found" not in all_found


async def test_one_molecule_is_found_or_answered_with_an_empty_404() -> None:
    """``only`` trims it to fields whose names are part of what is asked for."""
    async with serving() as (_, client):
        whole = await client.json("molecule/CHEMBL25.json")
        trimmed = await client.json("molecule/CHEMBL25.json", params={"only": "molecule_chembl_id"})
        response, text = await client.ask("molecule/CHEMBL999999999.json")
    assert whole["molecule_structures"]["molfile"].endswith(f"> <chembl_pref_name>\n{whole['pref_name']}")
    assert trimmed == {"molecule_chembl_id": "CHEMBL25"}
    assert (response.status, text) == (404, "")
    assert response.headers[SIMULATOR_HEADER] == "steady"


HEAVY = {"full_mwt": "9999"}
FILTERS: Mapping[str, Callable[[dict[str, Any]], bool]] = {
    "molecule_properties__full_mwt__lte=150": lambda m: (
        float((m["molecule_properties"] or HEAVY)["full_mwt"]) <= 150
    ),
    "max_phase__gte=1": lambda m: m["max_phase"] is not None and float(m["max_phase"]) >= 1,
    "molecule_structures__isnull=true": lambda m: m["molecule_structures"] is None,
    "pref_name__istartswith=a": lambda m: (m["pref_name"] or "").startswith("A"),
    "molecule_chembl_id__in=CHEMBL25,CHEMBL1": lambda m: m["molecule_chembl_id"] in ("CHEMBL25", "CHEMBL1"),
    "oral=true": lambda m: bool(m["oral"]),
}


async def test_a_filter_lists_what_fulfils_it() -> None:
    """Each of them, beside the whole list."""
    async with serving() as (_, client):
        everything: list[dict[str, Any]] = []
        for offset in range(0, 7000, 1000):
            page = await client.json("molecule.json", params={"limit": "1000", "offset": str(offset)})
            everything += page["molecules"]
        listed = {
            condition: await client.ids(limit=1000, **dict([condition.split("=")])) for condition in FILTERS
        }
    for condition, fulfils in FILTERS.items():
        expected = [molecule["molecule_chembl_id"] for molecule in everything if fulfils(molecule)]
        assert expected, condition
        assert sorted(listed[condition]) == sorted(expected[:1000]), condition


async def test_an_unknown_filter_is_passed_over_and_an_impossible_one_refused() -> None:
    """The first is the trap: the answer is the whole table."""
    async with serving() as (_, client):
        total = (await client.json("molecule.json", params={"limit": "1"}))["page_meta"]["total_count"]
        ignored = await client.json("molecule.json", params={"limit": "1", "full_mwt__lte": "10"})
        answers = [
            await client.ask("molecule.json", params={name: "1"})
            for name in (
                "max_phase__above",
                "molecule_synonyms__syn_type__exact",
                "molecule_properties__mass",
            )
        ]
        fields = (await client.json("molecule/schema.json"))["fields"]
    assert ignored["page_meta"]["total_count"] == total
    assert [response.status for response, _ in answers] == [400, 400, 400]
    assert json.loads(answers[1][1]) == {
        "error_message": "The 'molecule_synonyms' field does not support relations."
    }
    assert "full_mwt" not in fields
    assert "full_mwt" in fields["molecule_properties"]["schema"]["fields"]


async def test_a_failure_is_kept_for_its_address_and_for_no_other() -> None:
    """Any further parameter gets around it; a POST is never kept."""
    async with serving("steady", "faults.server_error=0.5") as (_, client):
        statuses = [(await client.ask(f"molecule/CHEMBL{number}.json"))[0].status for number in range(1, 40)]
        again = [(await client.ask(f"molecule/CHEMBL{number}.json"))[0].status for number in range(1, 40)]
        varied = [
            (await client.ask(f"molecule/CHEMBL{number}.json?v=1"))[0].status for number in range(1, 40)
        ]
    failed = [number for number, status in enumerate(statuses) if status == 500]
    assert failed
    assert all(again[number] == 500 for number in failed)
    assert any(varied[number] == 200 for number in failed)


async def test_a_new_release_moves_the_places_of_the_list() -> None:
    """It drops some molecules and brings others; the status tells of it."""
    async with serving("new_release", "chembl.changes_after_requests=3") as (_, client):
        before = await client.json("status.json")
        old = await client.ids(limit=1000)
        total = (await client.json("molecule.json", params={"limit": "1"}))["page_meta"]["total_count"]
        after = await client.json("status.json")
        new = await client.ids(limit=1000)
    assert (before["chembl_db_version"], after["chembl_db_version"]) == ("ChEMBL_37", "ChEMBL_38")
    assert (before["disinct_compounds"], after["disinct_compounds"]) == (total, after["disinct_compounds"])
    assert set(old) - set(new)
    assert set(new) - set(old)


async def test_made_up_ids_are_listed_and_answered() -> None:
    """Each with one of the same molecules, under its own id throughout."""
    async with serving("unthrottled") as (_, client):
        page = await client.ids(limit=3, offset=9_999_997)
        molecule = await client.json("molecule/CHEMBL9999998.json")
        meta = (await client.json("molecule.json", params={"limit": "1"}))["page_meta"]
    assert page == ["CHEMBL9999998", "CHEMBL9999999", "CHEMBL10000000"]
    assert molecule["molecule_hierarchy"]["molecule_chembl_id"] == "CHEMBL9999998"
    assert "<chembl_id>\nCHEMBL9999998\n" in molecule["molecule_structures"]["molfile"]
    assert meta["total_count"] == 10_000_000


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("server_busy", 503),
        ("timeout", 504),
        ("server_error", 500),
        ("html_bad_gateway", 502),
        ("html_page", 200),
    ],
)
async def test_errors_come_as_pages_for_people(fault: str, status: int) -> None:
    """Whatever was asked for."""
    async with serving("steady", f"faults.{fault}=1") as (_, client):
        response, text = await client.ask("molecule.json")
    assert (response.status, response.content_type) == (status, "text/html")
    assert text.startswith("<!doctype html>")


async def test_what_is_cut_off_reset_or_incomplete_comes_as_such() -> None:
    """The same faults as for PubChem."""
    async with serving("steady", "faults.truncated=1") as (_, client):
        _, text = await client.ask("molecule.json")
        with pytest.raises(json.JSONDecodeError):
            json.loads(text)
    async with serving("steady", "faults.missing_rows=1") as (_, client):
        assert len(await client.ids(limit=20)) == 18
    async with serving("steady", "faults.connection_reset=1") as (_, client):
        with pytest.raises(aiohttp.ClientError):
            await client.ask("molecule.json")
