/** Where one is, as a URL, and back: `/`, `/file/PATH`, `/iid/DOMAIN.ADDRESS`. */

import { decode, encode, toPlainAlphabet, toUrlAlphabet } from "./bytes.js";
import { idOf, individualOf } from "./individuals.js";

/** @typedef {[string, string][]} Pairs names and values, in order */
/** @typedef {[number, number, number, number]} Box minr, minc, maxr, maxc; half-open */

/** Filters of files, and of their entries, as the questions have them. */
const OF_FILES = ["path", "not_path", "meta", "root"];
const OF_ENTRIES = [
  ...["address", "domain", "not_domain", "prefix", "group", "all_groups", "not_group", "area", "key"],
];
const FILTERS = [...OF_FILES, ...OF_ENTRIES];
const INTEGER = /^-?\d{1,15}$/;

/** @param {Pairs} pairs @returns {string} with the question mark, if there are any */
export function queryOf(pairs) {
  const text = pairs.map(([name, value]) => `${name}=${readable(encode(value))}`).join("&");
  return text && `?${text}`;
}

/** @param {string} search @returns {Pairs} */
export function pairsOf(search) {
  const parts = search.replace(/^\?/, "").split("&").filter(Boolean);
  return parts.map((part) => {
    const [name, ...value] = part.replace(/\+/g, " ").split("=");
    return [decode(name), decode(value.join("="))];
  });
}

/** The filters of entries among others. @param {Pairs} filters @returns {Pairs} */
export function ofEntries(filters) {
  return filters.filter(([name]) => OF_ENTRIES.includes(name));
}

/** What needs no escape in a query stays as people read it. */
function readable(text) {
  return text.replace(/%2C/g, ",").replace(/%2F/g, "/").replace(/%3A/g, ":").replace(/%2A/g, "*");
}

/**
 * The page that a URL means.
 * @param {{pathname: string, search: string}} location
 */
export function parse({ pathname, search }) {
  const query = pairsOf(search);
  const parts = pathname.split("/").slice(1);
  if (pathname === "/") {
    const filters = query.filter(([name]) => FILTERS.includes(name));
    return { page: "archive", filters, heat: valueOf(query, "heat") === "1" };
  }
  if (parts[0] === "file" && pathname.length > "/file/".length) {
    const path = decode(pathname.slice("/file/".length));
    return { page: "file", path, root: valueOf(query, "root") ?? null, ...viewOf(query) };
  }
  if (parts[0] === "iid" && parts.length === 2) {
    const individual = individualOf(decode(parts[1]));
    const to = individualOf(valueOf(query, "to") ?? "");
    const order = valueOf(query, "order") ?? "path";
    if (individual) return { page: "individual", individual, to, order };
  }
  return { page: "unknown" };
}

/** @param {Pairs} filters @param {{heat?: boolean}} [view] `heat`: where masks lie, not the files */
export function archiveUrl(filters = [], { heat = false } = {}) {
  return `/${queryOf(heat ? [...filters, ["heat", "1"]] : filters)}`;
}

/**
 * @param {{path: string, root: string|null}} file `root` where its path alone is not enough
 * @param {object} [view] see `viewOf`
 */
export function fileUrl({ path, root }, view = {}) {
  const parts = path.split("/").map((part) => encode(part));
  const pairs = pairsOfView(view);
  if (root) pairs.unshift(["root", root]);
  return `/file/${parts.join("/")}${queryOf(pairs)}`;
}

/** @param {import("./individuals.js").Individual} individual */
export function individualUrl(individual, { to = null, order = "path" } = {}) {
  const pairs = [];
  if (to) pairs.push(["to", idOf(to)]);
  if (order !== "path") pairs.push(["order", order]);
  return `/iid/${idOf(individual)}${queryOf(pairs)}`;
}

/**
 * What is seen of a file.
 *
 * `x, y`: the pixel that was chosen; `iid`: which of its masks; `box`: what the window shows, null
 * for all; `hide`: domains that are not drawn; `agree`: two domains that are compared; `heat`:
 * masks a pixel; `masks`, `lines`, `picture`: whether these are drawn.
 */
export function viewOf(query) {
  const number = (name) => {
    const value = valueOf(query, name) ?? "";
    return INTEGER.test(value) ? Number(value) : null;
  };
  const domains = (name) =>
    (valueOf(query, name)?.split(".") ?? [])
      .filter((part) => /^[A-Za-z0-9_-]*$/.test(part) && part.length % 4 !== 1)
      .map(toPlainAlphabet);
  const [x, y] = [number("x"), number("y")];
  const box = (valueOf(query, "box") ?? "").split(",").filter((text) => INTEGER.test(text));
  const iid = individualOf(valueOf(query, "iid") ?? "");
  const agree = domains("agree");
  return {
    x: y === null ? null : x,
    y: x === null ? null : y,
    iid: iid && idOf(iid),
    box: box.length === 4 && Number(box[2]) > Number(box[0]) && Number(box[3]) > Number(box[1])
      ? /** @type {Box} */ (box.map(Number))
      : null,
    hide: domains("hide"),
    agree: agree.length === 2 ? agree : null,
    heat: valueOf(query, "heat") === "1",
    masks: valueOf(query, "masks") !== "0",
    lines: valueOf(query, "lines") !== "0",
    picture: valueOf(query, "picture") !== "0",
  };
}

/** @returns {Pairs} */
export function pairsOfView(view) {
  const pairs = [];
  const add = (name, value) => pairs.push([name, String(value)]);
  if (view.x != null && view.y != null) {
    add("x", view.x);
    add("y", view.y);
  }
  if (view.iid) add("iid", view.iid);
  if (view.box) add("box", view.box.join(","));
  if (view.hide?.length) add("hide", view.hide.map(toUrlAlphabet).join("."));
  if (view.agree) add("agree", view.agree.map(toUrlAlphabet).join("."));
  if (view.heat) add("heat", 1);
  for (const name of ["masks", "lines", "picture"]) if (view[name] === false) add(name, 0);
  return pairs;
}

function valueOf(query, name) {
  return query.find(([known]) => known === name)?.[1];
}
