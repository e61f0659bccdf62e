"""Writes the rows of a selection as Parquet. Importing this needs pyarrow, the extra ``parquet``."""

from collections.abc import Sequence

import asyncpg
import pyarrow as pa
from pyarrow import parquet

from cryoasync.database.connection import Database
from cryoasync.database.stream import Selection, streamed_records
from cryoasync.service.output_file import Output

# What is of no other type is text, decimals too, so that their trailing zeros stay.
_TYPES = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "text": pa.string(),
    "text[]": pa.list_(pa.string()),
    "timestamptz": pa.timestamp("us", tz="UTC"),
}

# Many small groups would make reading slow and the footer, which stays in memory until the end, long.
_ROW_GROUP_BYTES = 32 * 2**20


async def write_parquet(database: Database, selection: Selection, output: Output) -> int:
    """Write a Parquet file, and return the number of rows.

    Raises:
        CryoasyncError: as :class:`Output` and the database do.
    """
    schema = pa.schema(
        [(column.name, _TYPES.get(column.type, pa.string())) for column in selection.columns],
        metadata=None if selection.note is None else {"license": selection.note},
    )
    rows, group = 0, []
    with parquet.ParquetWriter(output, schema) as writer:
        async with streamed_records(database, selection, kept_types=_TYPES) as pages:
            async for records in pages:
                rows += len(records)
                group.append(_batch(records, schema))
                if sum(batch.nbytes for batch in group) >= _ROW_GROUP_BYTES:
                    writer.write_table(pa.Table.from_batches(group))
                    group.clear()
        if group:
            writer.write_table(pa.Table.from_batches(group))
    return rows


def _batch(records: Sequence[asyncpg.Record], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*records, strict=True)
    return pa.RecordBatch.from_arrays(
        [pa.array(values, type=field.type) for values, field in zip(columns, schema, strict=True)],
        schema=schema,
    )
