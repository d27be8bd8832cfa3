/**
 * What the pages know of the archive: all of it comes through here.
 *
 * The pages use nothing but the functions below, so that others that answer alike, from files of
 * a static page, can stand in their place.
 */

import { parseMasks } from "./bits.js";
import { idOf } from "./individuals.js";
import { queryOf } from "./url.js";

/** Rows that a list is asked for at a time. */
export const PAGE = 500;

/** How long a server that is busy is left alone, in milliseconds, before it is asked again. */
const PAUSES = [500, 2000];
const BOXES = "key,address,domain,address_b64,domain_b64,bbox,area,groups";

/** A question that was not answered: what is wrong, what may help, and the status. */
export class NoAnswer extends Error {
  constructor(message, hint = "", status = 0) {
    super(message);
    this.hint = hint;
    this.status = status;
  }
}

async function ask(name, parameters, signal) {
  const address = addressOf(name, parameters);
  let response;
  for (const pause of [...PAUSES, null]) {
    try {
      response = await fetch(address, { signal, credentials: "same-origin" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new NoAnswer("The server does not answer.", "Is iidindex serve still running?");
    }
    if (response.status !== 503 || pause === null) break;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  if (response.ok) return response;
  let told = {};
  try {
    told = await response.json();
  } catch {
    // Whatever answered was not this server; the status says what there is to say.
  }
  const hint =
    response.status === 401 ? "Open the address that iidindex serve printed." : (told.hint ?? "");
  throw new NoAnswer(told.error ?? `The server answered ${response.status}.`, hint, response.status);
}

/** @param {object} parameters lists are repeated; null and undefined are left out */
function addressOf(name, parameters = {}) {
  const pairs = Array.isArray(parameters)
    ? parameters
    : Object.entries(parameters).flatMap(([key, value]) =>
        (Array.isArray(value) ? value : [value])
          .filter((one) => one !== null && one !== undefined)
          .map((one) => [key, String(one)]),
      );
  return `/api/${name}${queryOf(pairs)}`;
}

async function json(name, parameters, signal) {
  return (await ask(name, parameters, signal)).json();
}

/** @typedef {{rows: object[], next: string|null}} Page */

/** How much there is, and the roots. */
export const status = (signal) => json("status", {}, signal);

/** @returns {Promise<Page>} */
export const files = (parameters, signal) => json("files", parameters, signal);
/** @returns {Promise<Page>} */
export const entries = (parameters, signal) => json("entries", parameters, signal);
/** @returns {Promise<Page>} */
export const individuals = (parameters, signal) => json("iids", parameters, signal);
/** @returns {Promise<Page>} */
export const groups = (parameters, signal) => json("groups", parameters, signal);
/** @returns {Promise<Page>} */
export const related = (parameters, signal) => json("related", parameters, signal);

/** @returns {Promise<Page>} */
export const links = (individual, parameters, signal) =>
  json("links", { address: exactly(individual), ...parameters }, signal);

/** @returns {Promise<Page>} */
export const companions = (individual, parameters, signal) =>
  json("cooccur", { address: exactly(individual), ...parameters }, signal);

/** @returns {Promise<Page>} */
export const appearances = (individual, parameters, signal) =>
  json("entries", { address: exactly(individual), ...parameters }, signal);

/** From the first of its files to the last: `first last files entries gaps area_min …`, or null. */
export async function track(individual, by, signal) {
  const { rows } = await json("tracks", { address: exactly(individual), by, limit: 1 }, signal);
  return rows[0] ?? null;
}

/**
 * Its area in one file after the other: by path a row for each file, else a row for each entry.
 * @returns {Promise<Page>}
 */
export function areas(individual, order, signal) {
  const asked = { fields: "path,location,area", limit: 1000 };
  if (order === "path") return links(individual, asked, signal);
  return appearances(individual, { ...asked, order_by: order }, signal);
}

/** @returns {Promise<Page>} */
export const chain = (a, b, signal) =>
  json("chain", { a: exactly(a), b: exactly(b) }, signal);

/**
 * Masks of a file, as bits.
 * @param {import("./url.js").Pairs} filters that they fit
 * @returns {Promise<import("./bits.js").Masks>}
 */
export async function masks(file, { box, filters = [] }, signal) {
  const place = Object.entries(placeOf(file)).filter(([, value]) => value !== null);
  const pairs = [...place, ...filters, ...(box ? [["box", box.join(",")]] : [])];
  const response = await ask("masks.bin", pairs, signal);
  return parseMasks(await response.arrayBuffer());
}

/**
 * The boxes of masks of a file, without their bits and without reading it, part by part.
 * @param {import("./url.js").Box} box that they meet
 */
export async function* boxes(file, box, signal) {
  const asked = { ...placeOf(file), box: box.join(","), exact: false, limit: 1000, fields: BOXES };
  for (let after = null, page; after !== null || !page; after = page.next) {
    page = await json("region", { ...asked, after }, signal);
    yield page.rows;
    if (page.next === null) return;
  }
}

/** Entries of a file whose masks hold a pixel. @returns {Promise<Page>} */
export const at = (file, { row, column }, signal) =>
  json("at", { ...placeOf(file), x: column, y: row, limit: 1000 }, signal);

/** The picture of a file that has one, as `masks` tells. @returns {Promise<ImageBitmap>} */
export async function picture(file, parameters, signal) {
  const response = await ask("picture.png", { ...placeOf(file), ...parameters }, signal);
  return createImageBitmap(await response.blob());
}

/** Where masks lie, over all files. @param {import("./url.js").Pairs} filters @returns {Promise<Blob>} */
export async function heat(filters, signal) {
  return (await ask("heat.png", filters, signal)).blob();
}

/** An individual as questions take it: exactly this one. */
export function exactly(individual) {
  return `iid:${idOf(individual)}`;
}

function placeOf({ root, path }) {
  return { path, root };
}
