"""The views of a catalogue on PostgreSQL, which all programs that connect to it see."""

from __future__ import annotations

from iidindex.catalog.views import Words, said

# Bytes that text cannot hold are written as octal numbers behind a backslash. Nearly all text is
# ASCII, of which that is known without an attempt that may fail.
_TEXT_OF = r"""
CREATE FUNCTION text_of(value bytea) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL RESTRICTED AS $$
DECLARE
  escaped text := encode(value, 'escape');
BEGIN
  IF position('\' IN escaped) = 0 THEN
    RETURN escaped;
  END IF;
  RETURN convert_from(value, 'UTF8');
EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
  RETURN escaped;
END
$$
"""

WORDS = Words(
    text="text_of({})",
    greater="greatest",
    appearance="i.id, f.id, r.id",
    seen="e.iid_id, e.file_id, p.root_id, p.place, p.path, p.name",
)


def statements() -> list[str]:
    """What makes the views, and the function that they use."""
    views = said(WORDS).items()
    return [_TEXT_OF, *(f"CREATE VIEW {name} AS {text}" for name, text in views)]
