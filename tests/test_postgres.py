"""A catalogue on PostgreSQL: what is its alone."""

import pytest

from iidindex.catalog.catalogue import Catalog
from iidindex.errors import CatalogError, CatalogNotFoundError


def test_tables_are_made_when_they_are_asked_for(schema_url):
    with pytest.raises(CatalogNotFoundError, match="ingest DIR"):
        Catalog(schema_url)
    with Catalog(schema_url, create=True):
        pass
    with Catalog(schema_url) as catalog, catalog.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM entries").scalar() == 0


def test_password_is_not_told(schema_url):
    secret = schema_url.replace("iidindex@", "iidindex:sesame@").replace("host=", "host=/nowhere")
    with pytest.raises(CatalogError, match="cannot be reached") as caught:
        Catalog(secret)
    assert "sesame" not in str(caught.value)
    assert "***" in str(caught.value)


def test_ingest(schema_url, archive):
    import iidindex

    with iidindex.open(schema_url, create=True) as index:
        report = index.ingest(archive)
        print(report)
        print(index.ingest(archive))
