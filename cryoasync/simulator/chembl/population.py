"""Which molecules ChEMBL's stand-in lists, release by release, and by which ids."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import msgspec

from cryoasync.simulator.chembl.filters import Filter
from cryoasync.simulator.chembl.molecules import (
    ChemblMolecule,
    as_before_release_32,
    compute_chembl_molecules,
)
from cryoasync.simulator.population import Molecule, cache_folder, content_key, load_or_compute
from cryoasync.simulator.settings import CidRange

# Raised whenever the computation gives other values than before.
_FORMAT_VERSION = 3
_KEPT_LISTS = 64
_ID = b"@id@"
_NEW_EVERY, _GONE_EVERY = 97, 101


def kept_chembl_path(cache_dir: Path | None = None) -> Path:
    """Return the file that the molecules are kept in."""
    return cache_folder(cache_dir) / f"simulator-chembl-{_FORMAT_VERSION}-{content_key()}.msgpack"


def load_chembl_molecules(
    molecules: Sequence[Molecule], cache_dir: Path | None = None
) -> list[ChemblMolecule]:
    """Return all molecules in the order of ChEMBL's list; the first time they take some seconds to compute."""
    return load_or_compute(
        kept_chembl_path(cache_dir), list[ChemblMolecule], lambda: compute_chembl_molecules(molecules)
    )


class ChemblPopulation:
    """Molecules by id and by place in the list.

    Made-up numbers answer too, each with one of the same molecules, and then make up the whole list; filters
    look among the true molecules alone.
    """

    def __init__(
        self, molecules: Sequence[ChemblMolecule], made_up: CidRange | None = None, *, old_shape: bool = False
    ) -> None:
        """Take the molecules in the order of the list; ``old_shape`` tells of them as before release 32."""
        self.molecules = [as_before_release_32(each) for each in molecules] if old_shape else molecules
        self._made_up = made_up
        self._index_of = {each["molecule_chembl_id"]: index for index, each in enumerate(molecules)}
        self._encoded: list[bytes | None] = [None] * len(molecules)
        self._matching = lru_cache(_KEPT_LISTS)(self._match)

    def index_of(self, chembl_id: str, *, after_change: bool | None) -> int | None:
        """Return the place in ``molecules`` of the one that answers to an id; see :meth:`ids` for ``after_change``."""
        index = self._index_of.get(chembl_id)
        if index is not None:
            return index if is_listed(index, after_change=after_change) else None
        number = chembl_id.removeprefix("CHEMBL")
        if self._made_up is not None and number.isdecimal() and int(number) in self._made_up:
            return int(number) % len(self.molecules)
        return None

    def ids(self, filters: tuple[Filter, ...], *, after_change: bool | None) -> Sequence[str] | range:
        """Return the ids of the list, or the numbers of made-up ones.

        Args:
            filters: all of which must match.
            after_change: whether the release that comes in mid-run is out; ``None`` where none comes.
        """
        if self._made_up is not None and not filters:
            return range(self._made_up.first, self._made_up.last + 1)
        return self._matching(filters, after_change)

    def encoded(self, chembl_id: str, index: int) -> bytes:
        """Return the molecule at a place of ``molecules`` as JSON, under an id."""
        template = self._encoded[index]
        if template is None:
            molecule = self.molecules[index]
            whole = msgspec.json.encode(molecule, order="sorted")
            identity = molecule["molecule_chembl_id"].encode()
            # A parent keeps its own id; "CHEMBL1" stands in "CHEMBL12", too.
            template = whole.replace(b'"%b"' % identity, b'"%b"' % _ID).replace(
                b"\\n%b\\n" % identity, b"\\n%b\\n" % _ID
            )
            self._encoded[index] = template
        return template.replace(_ID, chembl_id.encode())

    def _match(self, filters: tuple[Filter, ...], after_change: bool | None) -> list[str]:
        return [
            molecule["molecule_chembl_id"]
            for index, molecule in enumerate(self.molecules)
            if is_listed(index, after_change=after_change) and all(each.matches(molecule) for each in filters)
        ]


def is_listed(index: int, *, after_change: bool | None) -> bool:
    """Tell whether a release holds a molecule: the next one adds some, and leaves some others out."""
    if after_change is None:
        return True
    return bool(index % _GONE_EVERY) if after_change else bool(index % _NEW_EVERY)
