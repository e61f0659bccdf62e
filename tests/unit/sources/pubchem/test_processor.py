"""How the answers for a chunk become rows, states and failures."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from cryoasync.chemistry.models import Descriptors, Rejected, Structure, StructureFormat
from cryoasync.models import (
    Activity,
    Chunk,
    ChunkResult,
    EntryResult,
    EntryState,
    FailureKind,
    Span,
)
from cryoasync.sources.asking.answer_cache import CachedClient
from cryoasync.sources.equipment import DescriptorPool
from cryoasync.sources.pubchem.processor import UNKNOWN_CID, ImportOptions, PubChemProcessor
from cryoasync.sources.pubchem.records import PROPERTY_NAMES
from cryoasync.sources.pubchem.table import KNOWN_SMILES, PROPERTY_COLUMNS, PUBCHEM_COMPOUNDS
from tests.unit.sources.pubchem.builders import (
    EPOCH,
    EXCHANGE_SECONDS,
    HOST,
    Behaviour,
    Bench,
    Reply,
    Request,
    entries,
    fault,
    on_virtual_time,
    synonyms,
    written,
)

COMPUTED_AT = datetime(2026, 12, 1, tzinfo=UTC)
DESCRIPTORS = Descriptors(
    canonical_smiles="CCO",
    inchi="InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3",
    inchikey="LFQSCWFLJHTTHZ-UHFFFAOYSA-N",
    molecular_formula="C2H6O",
    molecular_weight=46.069,
    exact_mass=46.0419,
    crippen_logp=-0.0014,
    molar_refractivity=12.7598,
    tpsa=20.23,
    h_bond_donors=1,
    h_bond_acceptors=1,
    rotatable_bonds=0,
    rings=0,
    aromatic_rings=0,
    fraction_csp3=1.0,
    heavy_atoms=3,
    formal_charge=0,
    qed=0.4,
    rdkit_version="test",
)
WHOLE: Mapping[str, object] = {
    name: "46.07" if "Mass" in name or "Weight" in name else ("CCO" if "SMILES" in name else 1)
    for name in PROPERTY_NAMES
}
"""A row with a value for every property."""


class Pool:
    """Computes nothing: rejects what is in ``refused``."""

    def __init__(self, *refused: str) -> None:
        self.asked: dict[str, str] = {}
        self._refused = refused

    async def describe(
        self, structures: Sequence[tuple[str, Structure]]
    ) -> list[tuple[str, Descriptors | Rejected]]:
        """Tell what was asked for."""
        assert {structure.format for _, structure in structures} == {StructureFormat.SMILES}
        self.asked |= {key: structure.text for key, structure in structures}
        return [
            (key, Rejected(reason="a valence of five") if key in self._refused else DESCRIPTORS)
            for key, _ in structures
        ]


class Lookup:
    """The SMILES that earlier imports left."""

    def __init__(self, smiles: Mapping[str, str] | None = None) -> None:
        self._smiles = smiles or {}

    async def pairs(self, query: str, source_ids: Sequence[str]) -> dict[str, Any]:
        """Find those asked for."""
        assert query == KNOWN_SMILES
        return {key: self._smiles[key] for key in source_ids if key in self._smiles}


class Outcome:
    """What became of one chunk."""

    def __init__(self, result: ChunkResult, bench: Bench) -> None:
        self.result = result
        self.bench = bench
        self.entries: dict[str, EntryResult] = {entry.entry.source_id: entry for entry in result.entries}

    def states(self) -> dict[str, EntryState]:
        """The state of each entry."""
        return {key: entry.state for key, entry in self.entries.items()}

    def row(self, key: str, table: str = "pubchem_compounds") -> dict[str, Any]:
        """The values of the one row of an entry in one table, by column."""
        (row,) = [row for row in self.entries[key].rows if row.table.name == table]
        return dict(zip(row.table.columns, row.values, strict=True))

    def tables(self, key: str) -> list[str]:
        """The tables that an entry has rows for."""
        return [row.table.name for row in self.entries[key].rows]

    def failures(self, key: str) -> list[tuple[FailureKind, str]]:
        """The failures of an entry."""
        return [(failure.kind, failure.message) for failure in self.entries[key].failures]


def process(
    count: int,
    behaviour: Behaviour,
    *,
    pool: DescriptorPool | None = None,
    known: Mapping[str, str] | None = None,
    with_synonyms: bool = True,
    properties: tuple[str, ...] = (),
    compute_all: bool = False,
) -> Outcome:
    """Process one chunk."""

    async def main() -> Outcome:
        bench = Bench(behaviour)
        processor = PubChemProcessor(
            CachedClient(
                bench.client, None, origin=HOST, max_age_seconds=0.0, wall_clock=lambda: COMPUTED_AT
            ),
            pool,
            Lookup(known),
            ImportOptions(run_id=7, synonyms=with_synonyms, properties=properties, compute_all=compute_all),
            wall_clock=lambda: COMPUTED_AT,
        )
        chunk = Chunk(number=1, entries=tuple(entries(count)), span=Span(start=101, stop=101 + count))
        result = await processor.process(chunk, bench.activities.append)
        assert result.chunk == chunk
        assert [entry.entry for entry in result.entries] == list(chunk.entries)
        return Outcome(result, bench)

    return on_virtual_time(main)


def answering(
    given: Mapping[str, Mapping[str, object] | Reply] = MappingProxyType({}),
    names: Mapping[str, object] | None = None,
) -> Behaviour:
    """Answer with these rows and synonyms, and with whole ones for the others; a reply goes to any who ask for it."""

    def behaviour(request: Request) -> Reply:
        replies = [reply for cid in request.ids if isinstance(reply := given.get(cid), Reply)]
        if request.is_for_synonyms:
            if names is None:
                return synonyms(request.ids)
            special = [told for cid in request.ids if isinstance(told := names.get(cid), Reply)]
            rows = [{"CID": int(cid)} | _synonym(names.get(cid)) for cid in request.ids]
            return special[0] if special else written({"InformationList": {"Information": rows}})
        table = [{"CID": int(cid), **_mapping(given.get(cid, WHOLE))} for cid in request.ids]
        return replies[0] if replies else written({"PropertyTable": {"Properties": table}})

    return behaviour


def _mapping(row: Mapping[str, object] | Reply) -> Mapping[str, object]:
    return {} if isinstance(row, Reply) else row


def _synonym(names: object) -> dict[str, object]:
    return {} if names is None else {"Synonym": names}


def test_a_compound_becomes_one_row_of_what_pubchem_said() -> None:
    """Its properties, its synonyms, the time of the answer and the run that asked."""
    outcome = process(
        2,
        answering({"1": {"Title": "Ethanol", "MolecularWeight": "46.07", "SMILES": "CCO", "Volume3D": 41.5}}),
        properties=("Volume3D", "PatentCount"),
    )
    row = outcome.row("1")
    assert {column: value for column, value in row.items() if value is not None} == {
        "cid": 1,
        "title": "Ethanol",
        "molecular_weight": row["molecular_weight"],
        "smiles": "CCO",
        "synonyms": ["name 1", "1-00-0"],
        "extra": {"Volume3D": 41.5, "PatentCount": None},
        "fetched_at": EPOCH + timedelta(seconds=EXCHANGE_SECONDS),
        "run_id": 7,
    }
    assert str(row["molecular_weight"]) == "46.07"
    assert outcome.states() == dict.fromkeys(("1", "2"), EntryState.IMPORTED)
    assert [attempt.endpoint for attempt in outcome.result.attempts] == ["property", "synonyms"]
    assert outcome.entries["1"].rows[0].table is PUBCHEM_COMPOUNDS


def test_without_synonyms_none_are_asked_for() -> None:
    """Not asked is not absent: the column is NULL, and an earlier run's stay."""
    outcome = process(2, answering(), with_synonyms=False)
    assert len(outcome.bench.requests) == 1
    assert outcome.row("1")["synonyms"] is None
    assert outcome.row("1")["extra"] is None


@pytest.mark.parametrize("answer", [None, [], fault(404, "NotFound", "No synonyms found")])
def test_a_compound_without_synonyms_has_an_empty_list(answer: object) -> None:
    """They were asked for, and there are none; its row is as good as any."""
    outcome = process(2, answering(names={"1": answer, "2": ["two"]}))
    assert outcome.row("1")["synonyms"] == []
    assert outcome.row("2")["synonyms"] == ["two"]
    assert outcome.states() == dict.fromkeys(("1", "2"), EntryState.IMPORTED)


def test_what_pubchem_does_not_know_is_not_found() -> None:
    """Told by a bare row or by a fault; no synonyms are asked for, and nothing is written."""
    outcome = process(3, answering({"1": {}, "2": fault(404, "NotFound", "No CID found")}), pool=Pool())
    assert outcome.states() == {
        "1": EntryState.NOT_FOUND,
        "2": EntryState.NOT_FOUND,
        "3": EntryState.IMPORTED,
    }
    assert outcome.entries["1"].reason == UNKNOWN_CID
    assert outcome.entries["2"].reason == "asked for alone, twice: PUGREST.NotFound: No CID found"
    assert outcome.tables("1") == outcome.tables("2") == []
    assert [request.ids for request in outcome.bench.requests if request.is_for_synonyms] == [("3",)]
    assert not outcome.failures("1") + outcome.failures("2")


def test_a_chunk_that_pubchem_knows_nothing_of_takes_no_request_for_synonyms() -> None:
    """Nor any computation."""
    pool = Pool()
    outcome = process(2, answering({"1": {}, "2": {}}), pool=pool, compute_all=True)
    assert len(outcome.bench.requests) == 1
    assert pool.asked == {}
    assert Activity.COMPUTING not in outcome.bench.activities


@pytest.mark.parametrize(
    "bad", [{"Title": ["x"]}, {"Title": "x", "Charge": "1.5"}, {"XLogP": "NaN"}, {"ExactMass": "heavy"}]
)
def test_a_row_that_cannot_be_read_fails_its_compound_alone(bad: Mapping[str, object]) -> None:
    """The kind is decode, and the message names what is wrong."""
    outcome = process(3, answering({"2": bad}))
    assert outcome.states() == {"1": EntryState.IMPORTED, "2": EntryState.FAILED, "3": EntryState.IMPORTED}
    ((kind, message),) = outcome.failures("2")
    assert kind is FailureKind.DECODE
    assert message == outcome.entries["2"].reason
    assert message.startswith("its properties cannot be read: ")
    assert outcome.tables("2") == []


def test_a_poisonous_compound_fails_alone() -> None:
    """With the source's own words."""
    outcome = process(3, answering({"2": fault(400, "BadRequest", "Unable to process the given record")}))
    assert outcome.states() == {"1": EntryState.IMPORTED, "2": EntryState.FAILED, "3": EntryState.IMPORTED}
    assert outcome.failures("2") == [
        (FailureKind.POISON, "PUGREST.BadRequest: Unable to process the given record")
    ]
    assert outcome.entries["2"].failures[0].attempts == 2


@pytest.mark.parametrize("answer", [fault(400, "BadRequest", "No"), "aspirin", [None], [["nested"]]])
def test_a_compound_whose_synonyms_fail_for_good_keeps_its_row(answer: object) -> None:
    """It counts as failed, with the kind synonyms, and its synonyms are unknown, not empty."""
    outcome = process(3, answering(names={"2": answer}))
    assert outcome.states() == {"1": EntryState.IMPORTED, "2": EntryState.FAILED, "3": EntryState.IMPORTED}
    assert [kind for kind, _ in outcome.failures("2")] == [FailureKind.SYNONYMS]
    row = outcome.row("2")
    assert (row["title"], row["synonyms"]) == ("1", None)


def absent(*columns: str) -> dict[str, object]:
    """A whole row but for the properties of some columns."""
    names = {PROPERTY_NAMES[PROPERTY_COLUMNS.index(column)] for column in columns}
    return {name: value for name, value in WHOLE.items() if name not in names}


@pytest.mark.parametrize(
    ("columns", "is_computed"),
    [
        ((), False),
        (("xlogp",), False),
        (("xlogp", "iupac_name", "tpsa", "exact_mass", "h_bond_donor_count", "rotatable_bond_count"), False),
        (("inchikey",), True),
        (("xlogp", "molecular_weight"), True),
        (("charge",), True),
        (("monoisotopic_mass",), True),
        (("smiles",), False),
        (("smiles", "inchikey"), False),
    ],
)
def test_only_what_rdkit_defines_as_pubchem_does_is_worth_computing(
    columns: tuple[str, ...], is_computed: bool
) -> None:
    """Never XLogP; and never without the structure that PubChem gave."""
    pool = Pool()
    outcome = process(1, answering({"1": absent(*columns)}), pool=pool)
    assert pool.asked == ({"1": "CCO"} if is_computed else {})
    assert outcome.tables("1") == ["pubchem_compounds"] + ["rdkit_descriptors"] * is_computed
    assert (Activity.COMPUTING in outcome.bench.activities) is is_computed


def test_what_was_computed_stands_beside_what_was_said() -> None:
    """PubChem's row keeps its gap; the computed row tells its source and its time."""
    outcome = process(1, answering({"1": absent("inchikey", "xlogp")}), pool=Pool())
    said = outcome.row("1")
    assert said["inchikey"] is said["xlogp"] is None
    computed = outcome.row("1", "rdkit_descriptors")
    assert (computed["source"], computed["source_id"], computed["computed_at"]) == (
        "pubchem",
        "1",
        COMPUTED_AT,
    )
    assert computed["inchikey"] == DESCRIPTORS.inchikey


def test_all_computes_wherever_there_is_a_structure() -> None:
    """Whether something is missing or not."""
    pool = Pool()
    outcome = process(3, answering({"2": absent("smiles")}), pool=pool, compute_all=True)
    assert pool.asked == {"1": "CCO", "3": "CCO"}
    assert outcome.tables("2") == ["pubchem_compounds"]


def test_off_computes_nothing() -> None:
    """Not even where everything is missing but the structure."""
    outcome = process(1, answering({"1": {"SMILES": "CCO"}}), pool=None)
    assert outcome.tables("1") == ["pubchem_compounds"]
    assert outcome.states() == {"1": EntryState.IMPORTED}


def test_a_structure_that_rdkit_rejects_is_noted_and_the_compound_imported() -> None:
    """PubChem's word is not RDKit's to refuse."""
    outcome = process(2, answering(), pool=Pool("1"), compute_all=True)
    assert outcome.states() == dict.fromkeys(("1", "2"), EntryState.IMPORTED)
    assert outcome.failures("1") == [(FailureKind.REJECTED_BY_RDKIT, "a valence of five")]
    assert outcome.tables("1") == ["pubchem_compounds"]
    assert outcome.tables("2") == ["pubchem_compounds", "rdkit_descriptors"]


@pytest.mark.parametrize("trouble", [fault(400, "BadRequest"), {"Title": ["x"]}], ids=["poison", "decode"])
def test_a_compound_that_cannot_be_fetched_is_described_from_the_structure_at_hand(
    trouble: Reply | Mapping[str, object],
) -> None:
    """It stays failed, but an earlier import's SMILES gives it descriptors; without one there is nothing."""
    pool = Pool()
    outcome = process(
        4,
        answering({"1": trouble, "2": trouble, "3": {}}),
        pool=pool,
        known={"1": "C1CC1", "3": "CC", "4": "CCC"},
    )
    assert pool.asked == {"1": "C1CC1"}
    assert outcome.states()["1"] is EntryState.FAILED
    assert outcome.tables("1") == ["rdkit_descriptors"]
    assert outcome.tables("2") == outcome.tables("3") == []


def test_a_compound_whose_synonyms_failed_is_not_one_that_cannot_be_fetched() -> None:
    """Its own row has the structure; an older one is not looked for."""
    pool = Pool()
    process(1, answering(names={"1": fault(400, "BadRequest")}), pool=pool, known={"1": "C1CC1"})
    assert pool.asked == {}
