"""What CryoProtect's own importer left behind: its checkpoints and its cache of answers."""
