"""`python -m workers.cli`: how the supervisor starts its children."""

from workers.cli.app import main

if __name__ == "__main__":
    main()
