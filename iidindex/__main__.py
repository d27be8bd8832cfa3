"""Run as ``python -m iidindex``."""

from iidindex.cli.main import main

main()
