"""The molecules that the simulator knows: computed once, kept in a file, loaded in a moment."""

import hashlib
import logging
import os
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata, resources
from itertools import chain
from pathlib import Path
from typing import TypeVar

import msgspec
import platformdirs

from cryoasync.simulator.properties import PROPERTY_NAMES, PropertyValue
from cryoasync.simulator.settings import CidRange

# Raised whenever the computation gives other values than before.
_FORMAT_VERSION = 2

_Kept = TypeVar("_Kept")

_logger = logging.getLogger(__name__)


class Molecule(msgspec.Struct, frozen=True, array_like=True):
    """A compound as PubChem would tell of it: properties in the order of its answers, without the CID."""

    cid: int
    properties: dict[str, PropertyValue]
    synonyms: list[str]


class Population:
    """Molecules by CID, and a range of made-up CIDs behind each of which stands one of the same molecules."""

    def __init__(self, molecules: Sequence[Molecule], made_up: CidRange | None = None) -> None:
        """Take molecules that are sorted by CID."""
        self.molecules = molecules
        self._made_up = made_up
        self._index_of = {molecule.cid: index for index, molecule in enumerate(molecules)}

    def index_of(self, cid: int) -> int | None:
        """Return the place in ``molecules`` of the one that answers to ``cid``; ``None`` if none does."""
        index = self._index_of.get(cid)
        if index is None and self._made_up is not None and cid in self._made_up:
            return cid % len(self.molecules)
        return index

    def records(self, start: int, count: int) -> Iterator[Molecule]:
        """Give the first ``count`` compounds whose CID is at least ``start``, in the order of their CIDs."""
        given = 0
        for cid in self._cids_from(start):
            index = self.index_of(cid)
            if index is None:
                continue
            if given == count:
                return
            given += 1
            yield msgspec.structs.replace(self.molecules[index], cid=cid)

    def _cids_from(self, start: int) -> Iterator[int]:
        real = (cid for cid in self._index_of if cid >= start)
        if self._made_up is None:
            return real
        before = (cid for cid in self._index_of if start <= cid < self._made_up.first)
        last = self._made_up.last
        after = (cid for cid in self._index_of if cid >= start and cid > last)
        return chain(before, range(max(start, self._made_up.first), last + 1), after)


def kept_path(cache_dir: Path | None = None) -> Path:
    """Return the file that the molecules are kept in; see ``load_molecules``."""
    return cache_folder(cache_dir) / f"simulator-{content_key()}.msgpack"


def cache_folder(cache_dir: Path | None) -> Path:
    """Return the folder given, else the user's cache folder of cryoasync."""
    return cache_dir or Path(platformdirs.user_cache_dir("cryoasync"))


def load_molecules(cache_dir: Path | None = None) -> list[Molecule]:
    """Return all molecules, sorted by CID; the first time they take some ten seconds to compute.

    Processes that compute at the same time, or are killed while they do, do each other no harm: the file
    appears under its name only when it is complete.

    Args:
        cache_dir: Where the file is kept; the user's cache folder of cryoasync if not given.
    """
    return load_or_compute(kept_path(cache_dir), list[Molecule], compute_molecules)


def load_or_compute(path: Path, kind: type[_Kept], compute: Callable[[], _Kept]) -> _Kept:
    """Return what is kept in a file as msgpack, or compute it and keep it there."""
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        _logger.info("computing the simulator's molecules, once")
    except msgspec.DecodeError as error:
        _logger.warning("computing the simulator's molecules again: %s is damaged (%s)", path, error)
    computed = compute()
    _keep(path, msgspec.msgpack.encode(computed))
    return computed


def compute_molecules() -> list[Molecule]:
    """Compute all molecules from the structures that come with the packages."""
    # RDKit takes half a second to import, and a kept population is loaded without it.
    from cryoasync.simulator.names import draw_gaps_and_counts, draw_naming  # noqa: PLC0415 - see above
    from cryoasync.simulator.structures import read_structures  # noqa: PLC0415 - see above

    molecules = []
    for structure in read_structures():
        rng = random.Random(structure.cid)
        naming = draw_naming(
            rng,
            cid=structure.cid,
            properties=structure.properties,
            known_name=structure.name,
            registry=structure.registry,
        )
        values = draw_gaps_and_counts(rng, structure.properties) | {"Title": naming.title}
        if naming.systematic_name is not None:
            values["IUPACName"] = naming.systematic_name
        ordered = {name: values[name] for name in PROPERTY_NAMES if name in values}
        molecules.append(Molecule(cid=structure.cid, properties=ordered, synonyms=naming.synonyms))
    return molecules


def content_key() -> str:
    """Return a key that changes with everything the molecules are computed from."""
    digest = hashlib.sha256(f"{_FORMAT_VERSION} {metadata.version('rdkit')}".encode())
    digest.update((resources.files("cryoasync.data") / "cryoprotectants.csv").read_bytes())
    return digest.hexdigest()[:16]


def _keep(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
