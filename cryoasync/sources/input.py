"""The lists of identifiers a run is given, as one stream of distinct entries in flat memory."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, Self

import msgspec
from pyroaring import BitMap

from cryoasync.errors import InputError
from cryoasync.sources.identifiers import IdentifierScheme, InvalidIdentifier
from cryoasync.sources.input_words import Reading, WordSource, source_of_word, words_hint

BLOCK_LINES = 10_000

_SHOWN_CHARACTERS = 200


# Built once a line of input: a frozen dataclass takes ten times as long to build.
class InputEntry(msgspec.Struct, frozen=True, gc=False):
    """One distinct identifier in its normal spelling, and the place it was first met at.

    ``origin`` is the word of the command line; ``line`` is None where that is the identifier or a range.
    """

    source_id: str
    line: int | None
    origin: str


class InvalidEntry(msgspec.Struct, frozen=True, gc=False):
    """One distinct text that is no identifier, cut to 200 characters, and why."""

    text: str
    line: int | None
    origin: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InputBlock:
    """The new entries among up to 10,000 lines of input, in order, and how many lines repeated older ones."""

    entries: Sequence[InputEntry | InvalidEntry]
    duplicates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InputDigest:
    """What identifies an input, and what it amounts to.

    Attributes:
        sha256: over the distinct identifiers in their normal spelling and in order, each with a line feed;
            it does not depend on the form of the input, nor on lines that are no identifiers.
        valid: distinct identifiers.
        invalid: distinct lines that hold none.
        duplicates: lines that repeat an earlier one.
    """

    sha256: str
    valid: int
    invalid: int
    duplicates: int

    @property
    def requested(self) -> int:
        """Distinct entries, valid or not."""
        return self.valid + self.invalid


class InputDigester:
    """Takes an input's blocks one after the other, so that a caller can do other work between them."""

    def __init__(self) -> None:
        """Begin with no block."""
        self._sha256 = hashlib.sha256()
        self._valid = 0
        self._invalid = 0
        self._duplicates = 0

    def add(self, block: InputBlock) -> None:
        """Take the next block."""
        identifiers = [entry.source_id for entry in block.entries if isinstance(entry, InputEntry)]
        self._sha256.update("".join(f"{identifier}\n" for identifier in identifiers).encode())
        self._valid += len(identifiers)
        self._invalid += len(block.entries) - len(identifiers)
        self._duplicates += block.duplicates

    def result(self) -> InputDigest:
        """Return the digest of the blocks taken so far."""
        return InputDigest(
            sha256=self._sha256.hexdigest(),
            valid=self._valid,
            invalid=self._invalid,
            duplicates=self._duplicates,
        )


class InputList:
    """A run's whole input, which can be read any number of times; see :meth:`open`."""

    def __init__(
        self, sources: Sequence[WordSource], *, scheme: IdentifierScheme, limit: int | None = None
    ) -> None:
        """Read ``sources`` one after the other, up to ``limit`` distinct identifiers."""
        self._sources = sources
        self._scheme = scheme
        self._limit = limit

    @classmethod
    @contextmanager
    def open(
        cls, words: Sequence[str], *, scheme: IdentifierScheme, stdin: BinaryIO, limit: int | None = None
    ) -> Iterator[Self]:
        """Open the input that the words of a command line name.

        A word is ``-`` for ``stdin``, the path of a file, an identifier, or a range such as ``1-5000``; an
        existing path wins. Standard input and pipes are copied to a temporary file here, which waits for
        their end.

        Raises:
            InputError: There is no word, or one is none of these.
        """
        if not words:
            raise InputError("No input is given.", hint=f"{words_hint(scheme)} {scheme.instead}".strip())
        if words.count("-") > 1:
            raise InputError("Standard input (-) can be given only once.")
        with ExitStack() as stack:
            sources = [source_of_word(word, scheme=scheme, stdin=stdin, stack=stack) for word in words]
            yield cls(sources, scheme=scheme, limit=limit)

    def blocks(self) -> Iterator[InputBlock]:
        """Read the input from its start; each distinct entry comes once.

        Raises:
            InputError: A file cannot be read, is no list of identifiers (empty, binary, a CSV without their
                column, more than 1,000 invalid lines among the first 10,000), or has changed since the input
                was opened; or the whole input holds no valid identifier.
        """
        selection = _Selection(self._scheme, self._limit)
        for source in self._sources:
            with closing(source.readings()) as readings:
                while lines := list(islice(readings, BLOCK_LINES)):
                    yield selection.block(lines, source.origin)
                    if selection.is_complete:
                        return
        if selection.valid == 0:
            raise InputError(
                f"The input holds no valid {self._scheme.label}: {selection.invalid_example}.",
                hint=f"Check that {', '.join(source.origin for source in self._sources)} is the right input.",
            )

    def digest(self) -> InputDigest:
        """Read the whole input for its digest; raises as :meth:`blocks` does."""
        digester = InputDigester()
        for block in self.blocks():
            digester.add(block)
        return digester.result()


class _Selection:
    """The distinct entries of one pass: what was seen, and how many more are wanted."""

    def __init__(self, scheme: IdentifierScheme, limit: int | None) -> None:
        self._scheme = scheme
        self._limit = limit
        self._seen = BitMap()
        self._seen_invalid: set[bytes] = set()
        self.valid = 0
        self.invalid_example = ""

    @property
    def is_complete(self) -> bool:
        return self.valid == self._limit

    def block(self, readings: Sequence[Reading], origin: str) -> InputBlock:
        entries: list[InputEntry | InvalidEntry] = []
        duplicates = 0
        for line, text, number in readings:
            if isinstance(number, InvalidIdentifier):
                if self._is_new_invalid(text, f"{origin}:{line}"):
                    entries.append(self._invalid(text, line, origin, number.reason))
                else:
                    duplicates += 1
            elif number in self._seen:
                duplicates += 1
            else:
                self._seen.add(number)
                entries.append(InputEntry(self._scheme.text_of(number), line, origin))
                self.valid += 1
                if self.is_complete:
                    break
        return InputBlock(entries=entries, duplicates=duplicates)

    def _is_new_invalid(self, text: str, place: str) -> bool:
        # Two lines without any text have nothing in common that would make them one entry.
        key = hashlib.blake2b((text or place).encode(), digest_size=16).digest()
        is_new = key not in self._seen_invalid
        self._seen_invalid.add(key)
        return is_new

    def _invalid(self, text: str, line: int | None, origin: str, reason: str) -> InvalidEntry:
        # PostgreSQL keeps no NUL in a text.
        shown = text[:_SHOWN_CHARACTERS].replace("\x00", "\N{REPLACEMENT CHARACTER}")
        self.invalid_example = self.invalid_example or f"{origin}, line {line}: {shown!r} ({reason})"
        return InvalidEntry(shown, line, origin, reason)
