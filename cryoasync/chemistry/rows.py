"""Descriptors as rows of ``rdkit_descriptors``."""

from datetime import datetime

import msgspec

from cryoasync.chemistry.models import Descriptors
from cryoasync.chemistry.table import RDKIT_DESCRIPTORS
from cryoasync.models import Row


def descriptor_row(source: str, source_id: str, descriptors: Descriptors, computed_at: datetime) -> Row:
    """Return the row that keeps ``descriptors`` beside what ``source`` said of ``source_id``."""
    values = (source, source_id, *msgspec.structs.astuple(descriptors), computed_at)
    return Row(table=RDKIT_DESCRIPTORS, source_id=source_id, values=values)
