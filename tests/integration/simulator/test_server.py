"""The simulator over a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from cryoasync.errors import UsageError
from cryoasync.simulator.policy import REFUSED_TEXT
from cryoasync.simulator.population import load_molecules
from cryoasync.simulator.server import SIMULATOR_HEADER, Simulator
from cryoasync.simulator.settings import CidRange, SimulatorSettings

TABLE = "compound/cid/property/Title,MolecularWeight/JSON"
SYNONYMS = "compound/cid/synonyms/JSON"
# Scenarios are tried without their delays; the policy stays.
AT_ONCE = "latency=none"


class Client:
    """Asks a simulator as any client of PUG REST would."""

    def __init__(self, simulator: Simulator, session: aiohttp.ClientSession) -> None:
        self._simulator = simulator
        self._session = session

    async def ask(self, path: str, cids: str | None = None) -> tuple[aiohttp.ClientResponse, str]:
        """GET, or POST where ``cids`` are given; return the answer and its text."""
        method, data = ("GET", None) if cids is None else ("POST", {"cid": cids})
        async with self._session.request(method, f"{self._simulator.base_url}/{path}", data=data) as response:
            return response, await response.text()

    async def rows(self, path: str, cids: str | None = None) -> list[dict[str, Any]]:
        """Return the rows of a good answer."""
        response, text = await self.ask(path, cids)
        assert response.status == 200
        [outer] = json.loads(text).values()
        [rows] = outer.values()
        result: list[dict[str, Any]] = rows
        return result

    async def operate(self, method: str, path: str) -> str:
        """Use one of the endpoints beside PUG REST."""
        url = self._simulator.base_url.removesuffix("/rest/pug") + path
        async with self._session.request(method, url) as response:
            assert response.ok
            return await response.text()


@asynccontextmanager
async def serving(
    scenario: str, *overrides: str, made_up: CidRange | None = None, seed: int = 0
) -> AsyncIterator[tuple[Simulator, Client]]:
    settings = SimulatorSettings(
        scenario=scenario, overrides=(AT_ONCE, *overrides), made_up=made_up, seed=seed
    )
    async with Simulator(settings) as simulator, aiohttp.ClientSession() as session:
        yield simulator, Client(simulator, session)


async def test_host_and_port_alone_are_a_base_url_of_either_source() -> None:
    async with serving("steady") as (simulator, client):
        for base_url, path in (
            (simulator.base_url, SYNONYMS.replace("cid/", "cid/702/")),
            (simulator.chembl_base_url, "molecule.json?limit=1"),
            (simulator.chembl_base_url, "molecule/CHEMBL25.json"),
            (simulator.chembl_base_url, "status.json"),
        ):
            directory = urlsplit(base_url).path
            whole = await client.operate("GET", f"{directory}/{path}")
            assert json.loads(await client.operate("GET", f"/{path}")) == json.loads(whole)
        assert (simulator.statistics().requests, simulator.chembl_statistics().requests) == (2, 6)


async def test_a_table_holds_a_row_for_each_cid() -> None:
    """POST and GET give the same rows, in the order asked, bare where nobody knows the compound."""
    async with serving("steady") as (_, client):
        posted = await client.rows(TABLE, "702,962,999999999")
        got = await client.rows("compound/cid/702,962,999999999/property/Title,MolecularWeight/JSON")
    assert posted == got
    assert posted == [
        {"CID": 702, "MolecularWeight": "46.07", "Title": "Ethanol"},
        {"CID": 962, "MolecularWeight": "18.015", "Title": "Water"},
        {"CID": 999999999},
    ]


async def test_synonyms_begin_with_the_title() -> None:
    """A compound without names has a bare object among the others."""
    async with serving("steady") as (_, client):
        rows = await client.rows(SYNONYMS, "679,999999999")
    assert rows[0]["Synonym"][0] == "Dimethyl sulfoxide"
    assert rows[1] == {"CID": 999999999}


async def test_no_synonym_at_all_is_not_found() -> None:
    """Where no compound of the request has a name the answer is a 404 fault."""
    async with serving("steady") as (_, client):
        response, text = await client.ask(SYNONYMS, "999999998,999999999")
    assert response.status == 404
    assert json.loads(text)["Fault"]["Code"] == "PUGREST.NotFound"


@pytest.mark.parametrize(
    ("path", "cids", "status", "message"),
    [
        (TABLE, "1,zwei", 400, "Invalid ID, must be positive integer"),
        (TABLE, "999999999999", 400, "Invalid ID, must be positive integer"),
        ("compound/cid/0/property/Title/JSON", None, 400, "Invalid ID, must be positive integer"),
        ("compound/cid/1/property/Titel/JSON", None, 400, "Invalid property: Titel"),
        (TABLE, "1," * 100_000 + "1", 413, "Request entity too large"),
    ],
    ids=["word", "64 bit", "zero", "property", "large"],
)
async def test_bad_requests_get_a_fault(path: str, cids: str | None, status: int, message: str) -> None:
    """The body is a JSON fault, and the reason phrase repeats its code."""
    async with serving("steady") as (_, client):
        response, text = await client.ask(path, cids)
    assert response.status == status
    fault = json.loads(text)["Fault"]
    assert fault["Message"] == message
    assert response.reason == fault["Code"] == "PUGREST.BadRequest"


async def test_an_answer_looks_like_pubchems() -> None:
    """Pretty-printed, with the throttling header, and signed as the simulator's."""
    async with serving("steady") as (_, client):
        response, text = await client.ask(TABLE, "962")
    assert text.startswith('{\n  "PropertyTable": {\n    "Properties": [\n      {\n        "CID": 962,\n')
    assert response.content_type == "application/json"
    assert response.headers["X-Throttling-Control"].startswith("Request Count status: Green (0%), ")
    assert response.headers[SIMULATOR_HEADER] == "steady"


async def test_large_answers_are_compressed_for_who_asks() -> None:
    """Gzip is used where it is accepted, and never for load."""
    cids = ",".join(map(str, range(1, 201)))
    encodings = {}
    for scenario in ("steady", "unthrottled"):
        async with serving(scenario) as (_, client):
            response, text = await client.ask(TABLE, cids)
            encodings[scenario] = response.headers.get("Content-Encoding")
            assert len(json.loads(text)["PropertyTable"]["Properties"]) == 200
    assert encodings == {"steady": "gzip", "unthrottled": None}


async def test_excess_is_refused_and_counted() -> None:
    """Eight at once: three are refused with green colours, the phrase and Retry-After."""
    async with serving("steady") as (simulator, client):
        answers = await asyncio.gather(*(client.ask(TABLE, "962") for _ in range(8)))
        refused = [response for response, _ in answers if response.status == 503]
        statistics = simulator.statistics()
    assert len(refused) == 3
    assert refused[0].headers["X-Throttling-Control"] == REFUSED_TEXT
    assert refused[0].headers["Retry-After"] == "30"
    assert (statistics.requests, statistics.refused, statistics.violations) == (8, 3, 3)
    assert statistics.peak_per_second == 8
    assert statistics.statuses == {"200": 5, "503": 3}
    assert statistics.endpoints == {"property": 8}


async def test_persistent_excess_is_blocked() -> None:
    """After ten refusals nothing is answered any more."""
    async with serving("steady") as (simulator, client):
        await asyncio.gather(*(client.ask(TABLE, "962") for _ in range(15)))
        assert simulator.statistics().blocks == 1


async def test_a_neighbours_block_refuses_the_first_request() -> None:
    """Nothing was asked for yet, and still the address is refused; it is no violation."""
    async with serving("blacklisted") as (simulator, client):
        response, text = await client.ask(TABLE, "962")
        assert simulator.statistics().violations == 0
    assert response.status == 503
    assert response.headers["X-Throttling-Control"] == REFUSED_TEXT
    assert json.loads(text)["Fault"]["Code"] == "PUGREST.ServerBusy"


@pytest.mark.parametrize(
    ("fault", "status", "content_type"),
    [
        ("server_busy", 503, "application/json"),
        ("timeout", 504, "application/json"),
        ("server_error", 500, "application/json"),
        ("html_bad_gateway", 502, "text/html"),
        ("html_unavailable", 503, "text/html"),
        ("html_page", 200, "text/html"),
    ],
)
async def test_faults_have_their_status_and_type(fault: str, status: int, content_type: str) -> None:
    """Faults are told as JSON, gateways answer with pages; none is a refusal by the policy."""
    async with serving("steady", f"faults.{fault}=1") as (simulator, client):
        response, text = await client.ask(TABLE, "962")
        statistics = simulator.statistics()
    assert (response.status, response.content_type) == (status, content_type)
    assert text.startswith("<!DOCTYPE html>" if content_type == "text/html" else "{")
    assert REFUSED_TEXT not in response.headers.getall("X-Throttling-Control", [])
    assert (statistics.refused, statistics.violations, statistics.faults) == (0, 0, {fault: 1})


async def test_a_truncated_answer_is_no_json() -> None:
    """Status and length are those of a good answer, the content ends in the middle."""
    async with serving("steady", "faults.truncated=1") as (_, client):
        response, text = await client.ask(TABLE, "962,702")
    assert response.status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


async def test_a_short_answer_lacks_rows_that_exist() -> None:
    """A tenth of the rows is missing without a word."""
    async with serving("steady", "faults.missing_rows=1") as (_, client):
        rows = await client.rows(TABLE, ",".join(map(str, range(1, 101))))
    assert len(rows) == 90


async def test_a_reset_connection_is_an_error_of_the_network() -> None:
    """The client gets no answer, and the next request gets one."""
    async with serving("steady", "blackout.after_requests=0", "blackout.lasts_seconds=0.2") as (sim, client):
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.ask(TABLE, "962")
        assert sim.statistics().statuses == {"reset": 1}
        sim.reset()
        assert sim.statistics().requests == 0


async def test_a_hanging_request_gets_no_answer_and_holds_nothing_up() -> None:
    """The client's patience ends it; the server goes on, and its end does not wait for it."""
    async with serving("steady", "faults.hang=1") as (simulator, client):
        first, second = (asyncio.create_task(client.ask(TABLE, "962")) for _ in range(2))
        while simulator.statistics().requests < 2:  # noqa: ASYNC110 - the requests are on their way
            await asyncio.sleep(0)
        done, _ = await asyncio.wait((first,), timeout=0.2)
        assert not done
        first.cancel()
        await asyncio.wait((first,))
    with pytest.raises(aiohttp.ClientError):
        await second


async def test_poison_fails_its_batch_and_nothing_else() -> None:
    """The records name the poisonous CIDs; a batch without them is answered in full."""
    async with serving("poison", "policy=none", "poison.rate=0.01") as (_, client):
        lines = (await client.operate("GET", "/simulator/records?count=1000")).splitlines()
        records = [json.loads(line) for line in lines]
        bad = [record["row"]["CID"] for record in records if "property" in record["poison"]]
        good = [record["row"]["CID"] for record in records if not record["poison"]]
        assert bad
        rows = await client.rows(TABLE, ",".join(map(str, good)))
        statuses = [
            (await client.ask(TABLE, ",".join(map(str, [*good[:50], cid]))))[0].status for cid in bad[:4]
        ]
    assert [row["CID"] for row in rows] == good
    assert set(statuses) <= {400, 500}


async def test_old_names_are_keys_where_the_scenario_says_so() -> None:
    """Asked for the new names, the answer has the old keys, their values not exchanged."""
    async with serving("old_names") as (_, client):
        [row] = await client.rows("compound/cid/property/SMILES,ConnectivitySMILES/JSON", "24602")
    assert row == {"CID": 24602, "CanonicalSMILES": "O", "IsomericSMILES": "[2H]O[2H]"}


async def test_the_html_scenario_answers_everything_with_a_page() -> None:
    """A good status, and no API."""
    async with serving("html") as (_, client):
        response, text = await client.ask(TABLE, "962")
    assert (response.status, response.content_type) == (200, "text/html")
    assert text.startswith("<!DOCTYPE html>")


async def test_made_up_cids_are_answered_from_real_molecules() -> None:
    """The range can be asked for as a whole; what is real in it stays itself."""
    made_up = CidRange(first=200_000_001, last=200_000_100)
    async with serving("unthrottled", made_up=made_up) as (_, client):
        rows = await client.rows(TABLE, "962,200000001,200000100,200000101")
    assert [len(row) for row in rows] == [3, 3, 3, 1]
    assert rows[0]["Title"] == "Water"


async def test_records_are_the_truth_behind_the_answers() -> None:
    """Row and synonyms of a record are those that PUG REST serves."""
    async with serving("steady") as (_, client):
        lines = (await client.operate("GET", "/simulator/records?start=700&count=5")).splitlines()
        records = [json.loads(line) for line in lines]
        cids = ",".join(str(record["row"]["CID"]) for record in records)
        rows = await client.rows(TABLE, cids)
        synonyms = await client.rows(SYNONYMS, cids)
    assert [record["row"]["CID"] for record in records] == [700, 701, 702, 703, 704]
    for record, row, names in zip(records, rows, synonyms, strict=True):
        assert row == {key: record["row"][key] for key in ("CID", "MolecularWeight", "Title")}
        assert record["synonyms"] == names.get("Synonym", [])


async def test_operations_do_not_count_as_requests() -> None:
    """Statistics can be looked at as often as one likes, and reset begins anew."""
    async with serving("steady") as (_, client):
        await client.ask(TABLE, "962")
        await client.operate("GET", "/simulator/health")
        statistics = json.loads(await client.operate("GET", "/simulator/statistics"))
        assert (statistics["requests"], statistics["ids"], len(statistics["arrivals"])) == (1, 1, 1)
        await client.operate("POST", "/simulator/reset")
        assert json.loads(await client.operate("GET", "/simulator/statistics"))["requests"] == 0


async def test_unstorable_values_are_served_as_they_are() -> None:
    """A NUL in a title comes as JSON, and the records hold it too."""
    async with serving("unstorable", "unstorable.rate=1") as (_, client):
        [row] = await client.rows("compound/cid/property/Title/JSON", "962")
        [record] = (await client.operate("GET", "/simulator/records?start=962&count=1")).splitlines()
    assert row["Title"] == "Water\x00"
    assert json.loads(record)["row"]["Title"] == "Water\x00"
    assert (
        next(molecule for molecule in load_molecules() if molecule.cid == 962).properties["Title"] == "Water"
    )


async def test_a_port_in_use_is_a_usage_error() -> None:
    """The message names the address and the hint another port."""
    async with serving("steady") as (simulator, _):
        port = int(simulator.base_url.split(":")[2].split("/")[0])
        with pytest.raises(UsageError, match=f"127.0.0.1:{port}"):
            await Simulator(SimulatorSettings(port=port)).__aenter__()


async def test_an_unknown_scenario_fails_before_anything_is_opened() -> None:
    """The context is never entered."""
    with pytest.raises(UsageError, match="no scenario 'rainy'"):
        await Simulator(SimulatorSettings(scenario="rainy")).__aenter__()
