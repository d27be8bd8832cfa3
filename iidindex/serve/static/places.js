/** How a file is named: by its path alone, if there is one root. */

import { status } from "./api.js";

let roots;

/**
 * What the index holds, asked once; a page that is loaded anew asks again.
 * @returns {Promise<object>}
 */
export function holdings() {
  roots ??= status().catch((error) => {
    roots = undefined;
    throw error;
  });
  return roots;
}

/**
 * The name of a row's file.
 * @param {{path: string, location?: string}} row
 * @param {object|null} held what `holdings` answers
 * @returns {{path: string, root: string|null}}
 */
export function fileOf({ path, location }, held) {
  const all = held?.root_list ?? [];
  if (all.length < 2) return { path, root: null };
  const root = all.find((one) => `${one.location.replace(/\/$/, "")}/${path}` === location);
  return root ? { path, root: root.name } : { path: location ?? path, root: null };
}
