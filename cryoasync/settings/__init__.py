"""The settings of a command: what there is, where it is read from, and where each value came from."""

from cryoasync.settings.chembl import CHEMBL_BASE_URL, ChemblSettings
from cryoasync.settings.circuit import CircuitSettings
from cryoasync.settings.hours import HoursSettings
from cryoasync.settings.loading import LoadedSettings, load_settings
from cryoasync.settings.model import LogSettings, Settings
from cryoasync.settings.pubchem import PUBCHEM_BASE_URL, PolicySettings, PubChemSettings
from cryoasync.settings.run import RunSettings
from cryoasync.settings.values import (
    ChunkSizeRange,
    LogFormat,
    LogLevel,
    PoolerChoice,
    ProgressMode,
    RdkitMode,
    Weekday,
)

__all__ = [
    "CHEMBL_BASE_URL",
    "PUBCHEM_BASE_URL",
    "ChemblSettings",
    "ChunkSizeRange",
    "CircuitSettings",
    "HoursSettings",
    "LoadedSettings",
    "LogFormat",
    "LogLevel",
    "LogSettings",
    "PolicySettings",
    "PoolerChoice",
    "ProgressMode",
    "PubChemSettings",
    "RdkitMode",
    "RunSettings",
    "Settings",
    "Weekday",
    "load_settings",
]
