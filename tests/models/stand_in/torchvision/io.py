"""Reading and writing of files: nothing of it is used."""
