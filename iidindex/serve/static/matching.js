/** Files with entries that fit filters, found by these entries. */

import * as api from "./api.js";

const ENTRIES = 1000;

/**
 * A page of files, each with the number of its entries that fit, by path.
 *
 * A file whose last entries may be on the next page is told there.
 * @param {import("./url.js").Pairs} filters
 * @param {{cursor: string, begun: object[]}|null} after
 */
export async function filesMatching(filters, after, signal) {
  const pairs = [...filters, ["order_by", "path"], ["limit", String(ENTRIES)]];
  if (after) pairs.push(["after", after.cursor]);
  const { rows, next } = await api.entries(pairs, signal);
  const files = new Map((after?.begun ?? []).map((file) => [file.location, file]));
  for (const { path, location } of rows) {
    const file = files.get(location) ?? { path, location, state: "ok", entries: 0, isPart: true };
    files.set(location, { ...file, entries: file.entries + 1 });
  }
  const found = [...files.values()];
  if (next === null) return { rows: found, next: null };
  const last = rows.at(-1).path;
  return {
    rows: found.filter((file) => file.path !== last),
    next: { cursor: next, begun: found.filter((file) => file.path === last) },
  };
}
