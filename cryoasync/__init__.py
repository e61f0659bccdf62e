"""Compounds from PubChem and ChEMBL into PostgreSQL: completely, politely, fast, each one accounted for."""

__version__ = "0.1.0"
