"""`python -m fedmpi_program`: the program of this very Python's environment."""

from . import main

main()
