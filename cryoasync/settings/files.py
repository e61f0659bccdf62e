"""The settings of files of structures."""

from pydantic import Field

from cryoasync.settings.section import Section, about


class FilesSettings(Section):
    """How SDF and SMILES files are read; section ``files``."""

    id_tag: str | None = Field(
        default=None,
        min_length=1,
        description="The SDF tag, or the column, that names a record. By default the molblock's first line, or the "
        "name behind the SMILES.",
        json_schema_extra=about(flag="--id-tag NAME"),
    )
