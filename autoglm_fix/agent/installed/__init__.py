"""What is installed in a Python's environment, read from its files: nothing of it is run or imported."""
