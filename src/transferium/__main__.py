"""``python -m transferium`` is the command line."""

from transferium.cli import main

if __name__ == "__main__":
    main()
