"""The command line: one thin function for each thing the library does.

Exit codes: 0 done; 2 wrong use of a command; 3 the input has defects, each printed with its remedy; 4 a download
failed; 130 stopped by the user. Anything else is a defect of mutualaid.
"""

from mutualaid.cli._app import app, main

__all__ = ["app", "main"]
