"""An index over HTTP: what it answers, its pictures, and the files of the viewer. Read-only."""
