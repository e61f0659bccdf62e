"""The settings of a run."""

import os

from pydantic import ByteSize, Field

from cryoasync.settings.section import Section, about
from cryoasync.settings.values import CacheChoice, ChunkSize, ChunkSizeRange, Names, ProgressMode, RdkitMode


class RunSettings(Section):
    """How a run works; section ``run``."""

    name: str | None = Field(
        default=None, description="A name for the run.", json_schema_extra=about(flag="--name TEXT")
    )
    workers: int = Field(
        default=8,
        ge=1,
        le=64,
        description="Requests under way at the same time. Eight fill PubChem's 5 requests/s as long as an "
        "answer takes less than 1.6 s. Of files, parts of 200 records: by default one more than RDKit has processes.",
        json_schema_extra=about(flag="--workers N"),
    )
    chunk_size: ChunkSize = Field(
        default=ChunkSizeRange(minimum=5, maximum=200),
        description="Ids a request, smallest and largest; between them the size that brings most compounds is "
        "learned. One number fixes it.",
        json_schema_extra=about(
            flag="--chunk-size MIN-MAX", allowed="MIN-MAX or N, with 1 ≤ MIN ≤ MAX ≤ 10000", default="5-200"
        ),
    )
    sequential: bool = Field(
        default=False,
        description="One chunk at a time, without the worker pool.",
        json_schema_extra=about(flag="--sequential"),
    )
    synonyms: bool = Field(
        default=True,
        description="Fetch the synonyms of each compound.",
        json_schema_extra=about(flag="--synonyms/--no-synonyms"),
    )
    properties: Names = Field(
        default=(),
        description="Further properties to ask PubChem for, kept in the column `extra`.",
        json_schema_extra=about(flag="--properties NAMES", allowed="names separated by commas"),
    )
    rdkit: RdkitMode = Field(
        default=RdkitMode.MISSING,
        description="What RDKit computes: the descriptors the source left out (of your own files, all), all of "
        "them, or none.",
        json_schema_extra=about(flag="--rdkit"),
    )
    rdkit_workers: int = Field(
        default_factory=lambda: max(1, (os.cpu_count() or 1) - 1),
        ge=1,
        le=256,
        description="Processes that compute descriptors.",
        json_schema_extra=about(default="one fewer than the machine has processors"),
    )
    cache: CacheChoice = Field(
        default="default",
        description="The file that keeps the source's answers. By default `responses.sqlite` in `cache_dir`, "
        "or `responses-simulated.sqlite` for simulated runs.",
        json_schema_extra=about(flag="--cache PATH/--no-cache", allowed="a path, `default` or `off`"),
    )
    cache_max_bytes: ByteSize = Field(
        default=ByteSize(2 * 1024**3),
        ge=1024**2,
        description="How large the cache may grow before the answers used longest ago are dropped.",
        json_schema_extra=about(allowed="at least 1MiB, such as 512MiB or 2GiB", default="2GiB"),
    )
    max_age_days: float = Field(
        default=30.0,
        ge=0,
        description="Compounds and cached answers younger than this count as up to date.",
        json_schema_extra=about(flag="--max-age DAYS"),
    )
    refresh: bool = Field(
        default=False,
        description="Ask the source for every compound again, whatever its age.",
        json_schema_extra=about(flag="--refresh"),
    )
    restart: bool = Field(
        default=False,
        description="Start the run afresh instead of resuming it.",
        json_schema_extra=about(flag="--restart"),
    )
    takeover: bool = Field(
        default=False,
        description="Take the run over from the process that holds it.",
        json_schema_extra=about(flag="--takeover"),
    )
    limit: int | None = Field(
        default=None,
        ge=1,
        description="Import only the first so many ids or records of the input.",
        json_schema_extra=about(flag="--limit N"),
    )
    max_rate: float | None = Field(
        default=None,
        gt=0,
        description="Requests per second at most. It can only lower the source's policy.",
        json_schema_extra=about(flag="--max-rate R"),
    )
    cautious: bool = Field(
        default=False,
        description="Ask no faster than section `hours` says for the time of the source's week, and slow down "
        "further with each refusal.",
        json_schema_extra=about(flag="--cautious"),
    )
    patience_seconds: float = Field(
        default=86_400.0,
        ge=0,
        description="How long, per outage, a source or database out of reach is waited for before the run "
        "pauses.",
        json_schema_extra=about(flag="--patience SECONDS"),
    )
    simulate: bool = Field(
        default=False,
        description="Import from the built-in stand-in for the source, into a database and cache of their "
        "own.",
        json_schema_extra=about(flag="--simulate"),
    )
    scenario: str = Field(
        default="steady",
        min_length=1,
        description="The faults that the simulator plays.",
        json_schema_extra=about(
            flag="--scenario NAME", allowed="the name of a scenario of `cryoasync simulate`"
        ),
    )
    seed: int = Field(
        default=1,
        ge=0,
        description="The seed of the simulator's randomness: the same seed plays the same faults.",
        json_schema_extra=about(flag="--seed N"),
    )
    progress: ProgressMode = Field(
        default=ProgressMode.AUTO,
        description="How progress is shown on stderr: a live display, log lines, nothing, or whichever fits.",
        json_schema_extra=about(flag="--progress"),
    )
    chunk_queue_size: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="Chunks of files that wait for a worker before reading the input pauses. Those of a source are "
        "cut late, so that their size is chosen with all that is known by then.",
    )
    result_queue_size: int = Field(
        default=16,
        ge=1,
        le=10_000,
        description="Results that wait for the database before the workers pause. Results hold whole rows, "
        "so that this number, not the length of the input, sets the memory needed.",
    )
    batch_rows: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="Rows that are committed in one transaction at first. Then the size follows what the server "
        "does best, between a tenth and ten times of it, in less than half a second and 4 MiB a commit.",
    )
    batch_age_seconds: float = Field(
        default=0.25, gt=0, description="The longest that a result waits for its batch to fill."
    )
    drowning_seconds: float = Field(
        default=10.0,
        gt=0,
        description="Where the database takes longer for a batch, no more is fetched until it has caught up. Where "
        "it is out of reach, that is so at once.",
    )
    stop_grace_seconds: float = Field(
        default=8.0, ge=0, description="How long a stopping run may finish the requests under way."
    )
    stuck_after_seconds: float = Field(
        default=180.0, gt=0, description="A worker that makes no step for this long is reported as stuck."
    )

    @property
    def concurrent_chunks(self) -> int:
        """How many chunks are worked on at the same time."""
        return 1 if self.sequential else self.workers
