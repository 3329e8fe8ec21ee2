"""``python -m mutualaid`` is the command ``mutualaid``."""

from mutualaid.cli import main

if __name__ == "__main__":
    main()
