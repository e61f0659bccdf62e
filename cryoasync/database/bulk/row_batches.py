"""Rows of any iterable in batches, each as large as is best when it begins."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from itertools import islice
from typing import Any

Rows = Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]]


async def batches(rows: Rows, size: Callable[[], int]) -> AsyncIterator[Sequence[Sequence[Any]]]:
    """Yield all rows in lists; no more than one list is taken from ``rows`` before it is asked for."""
    if isinstance(rows, AsyncIterable):
        batch, wanted = [], size()
        async for row in rows:
            batch.append(row)
            if len(batch) >= wanted:
                yield batch
                batch, wanted = [], size()
        if batch:
            yield batch
        return
    iterator = iter(rows)
    while batch := list(islice(iterator, size())):
        yield batch
