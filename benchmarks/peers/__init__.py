"""Other ways to keep labelled masks and to ask for them, beside iidindex.

Each is given the shape that suits it best, holds the same entries, and must give the same answers.
"""
