"""``python -m minecsc`` is the command line."""

from minecsc.cli import main

if __name__ == "__main__":
    main()
