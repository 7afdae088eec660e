"""``python -m autoglm_fix``: the same as the console script."""

from autoglm_fix.cli import main

if __name__ == "__main__":
    main()
