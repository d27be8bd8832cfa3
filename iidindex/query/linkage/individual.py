"""Which individual is meant by an address: there may be one of that address in every domain."""

from __future__ import annotations

from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.dialect import Text
from iidindex.catalog.lookup import asked
from iidindex.errors import SeveralDomainsError
from iidindex.model import IID, check_bytes

# The domains in which an address is that of an entry; IIDs of missing files are kept, too.
_DOMAINS = Text(
    "SELECT i.domain FROM iids i WHERE i.address = ? AND EXISTS ("
    "SELECT 1 FROM entries e {then} files f ON f.id = e.file_id "
    "WHERE e.iid_id = i.id AND f.state = 'ok') ORDER BY i.domain"
)


def individual(catalog: Catalog, address: bytes, domain: bytes | None = None) -> IID | None:
    """The individual of an address.

    Parameters
    ----------
    catalog : Catalog
    address : bytes
    domain : bytes, optional
        ``b""`` stands for none given; without it, the only domain that has the address.

    Returns
    -------
    IID or None
        None, if no file has it.

    Raises
    ------
    SeveralDomainsError
        If no domain is given, and the address is in several.
    """
    with catalog.reading() as connection:
        return one_individual(connection, address, domain)


def one_individual(connection: Connection, address: bytes, domain: bytes | None) -> IID | None:
    """The same, in a transaction."""
    check_bytes(address, "address")
    if domain is not None:
        check_bytes(domain, "domain")
    there = domains_of(connection, address)
    if domain is None and len(there) > 1:
        raise SeveralDomainsError(address, there)
    of_it = [one for one in there if domain in (None, one)]
    return IID(of_it[0], address) if of_it else None


def domains_of(connection: Connection, address: bytes) -> list[bytes]:
    """The domains in which files have an address, sorted; ``b""`` for none given."""
    return [row[0] for row in asked(connection, _DOMAINS, [address])]
