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

/** @returns {Promise<Page>} */
export const track = (individual, parameters, signal) =>
  json("tracks", { address: exactly(individual), ...parameters }, signal);

/** @returns {Promise<Page>} */
export const chain = (a, b, signal) =>
  json("chain", { a: exactly(a), b: exactly(b) }, signal);

/** Masks of a file, as bits. @returns {Promise<import("./bits.js").Masks>} */
export async function masks(file, parameters, signal) {
  const response = await ask("masks.bin", { ...placeOf(file), ...parameters }, signal);
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

/** The picture of a file, or null if it has none. @returns {Promise<ImageBitmap|null>} */
export async function picture(file, parameters, signal) {
  try {
    const response = await ask("picture.png", { ...placeOf(file), ...parameters }, signal);
    return await createImageBitmap(await response.blob());
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** An individual as questions take it: exactly this one. */
export function exactly(individual) {
  return `iid:${idOf(individual)}`;
}

function placeOf({ root, path }) {
  return { path, root };
}
