/** The files that one walks through, with next and previous: those of the list one came from. */

import * as api from "./api.js";
import { fileOf, holdings } from "./places.js";

const MOST_PAGES = 400;
const lists = new Map();
let current = null;

/** Keep the rows of a list, and where it goes on. */
export function remember(name, rows, next) {
  current = { rows, next, name };
  lists.delete(name);
  lists.set(name, current);
  if (lists.size > 8) lists.delete(lists.keys().next().value);
}

/** What is known of a list. */
export function remembered(name) {
  const known = lists.get(name);
  if (known) current = known;
  return known;
}

/**
 * The file behind (1) or before (-1) another.
 * @param {{path: string, root: string|null}} file
 * @returns {Promise<{path: string, root: string|null}|null>}
 */
export async function neighbour(file, step) {
  const held = await holdings();
  const isIt = (row) => {
    const other = fileOf(row, held);
    return (other.path === file.path || row.location === file.path) && other.root === file.root;
  };
  let known = current;
  const isLast = (rows) => rows.length > 0 && isIt(rows.at(-1));
  const isShort = step > 0 && known?.next && isLast(known.rows);
  if (!known?.rows.some(isIt) || isShort) known = await all(isIt);
  const there = known.rows.filter((row) => row.state === "ok");
  const at = there.findIndex(isIt);
  const found = at < 0 ? undefined : there[at + step];
  return found ? fileOf(found, held) : null;
}

/** All files, as far as one is known with the next behind it. */
async function all(isIt) {
  const rows = [];
  let after = null;
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const page = await api.files({ limit: 1000, state: "ok", after });
    rows.push(...page.rows);
    after = page.next;
    const at = rows.findIndex(isIt);
    if (after === null || (at >= 0 && at < rows.length - 1)) break;
  }
  current = { rows, next: after };
  return current;
}
