"""``python -m cryoasync`` does what ``cryoasync`` does."""

from cryoasync.cli.app import main

if __name__ == "__main__":
    main()
