"""Tests of ChEMBL as a source."""
