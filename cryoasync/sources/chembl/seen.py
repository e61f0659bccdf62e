"""Which molecules a list brought so far, in flat memory."""

from collections.abc import Iterable, Iterator

from pyroaring import BitMap

from cryoasync.sources.chembl.identifiers import chembl_id, parse_chembl_id


class SeenIds:
    """A set of ChEMBL ids, kept by their ``numbers``; what is no ChEMBL id is never in it."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        """Begin with some."""
        self.numbers = BitMap()
        self.add_all(ids)

    def add(self, identifier: str) -> bool:
        """Add an id, and tell whether it is new."""
        number = parse_chembl_id(identifier)
        if not isinstance(number, int):
            return True
        is_new = number not in self.numbers
        self.numbers.add(number)
        return is_new

    def add_all(self, ids: Iterable[str]) -> None:
        """Add many ids."""
        numbers = map(parse_chembl_id, ids)
        self.numbers.update([number for number in numbers if isinstance(number, int)])

    def without(self, others: "SeenIds") -> Iterator[str]:
        """Return the ids that are here and not in ``others``, in the order of their numbers."""
        return map(chembl_id, self.numbers - others.numbers)

    def __len__(self) -> int:
        return len(self.numbers)
