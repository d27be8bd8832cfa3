/** Individuals: a domain and an address, both bytes, that come in four columns of every row. */

import { asUtf8, fromBase64, shown, toPlainAlphabet, toUrlAlphabet } from "./bytes.js";

/**
 * @typedef {object} Individual
 * @property {string|null} address null where the bytes are no UTF-8
 * @property {string|null} domain
 * @property {string} address_b64
 * @property {string} domain_b64
 */

/** `<domain>.<address>`, both base64url: the same for the same individual. @param {Individual} row */
export function idOf(row) {
  return `${toUrlAlphabet(row.domain_b64)}.${toUrlAlphabet(row.address_b64)}`;
}

/** What `idOf` wrote, or null. @param {string} id @returns {Individual|null} */
export function individualOf(id) {
  const parts = id.replace(/^iid:/, "").split(".");
  if (parts.length !== 2 || parts.some((part) => !/^[A-Za-z0-9_-]*$/.test(part))) return null;
  try {
    const [domain_b64, address_b64] = parts.map(toPlainAlphabet);
    const [domain, address] = [domain_b64, address_b64].map((text) => asUtf8(fromBase64(text)));
    return { domain, address, domain_b64, address_b64 };
  } catch {
    return null;
  }
}

/** @param {Individual} row */
export function addressOf(row) {
  return row.address_b64 === "" ? "(empty)" : shown(row.address, row.address_b64);
}

/** @param {{domain: string|null, domain_b64: string}} row */
export function domainOf(row) {
  return row.domain_b64 === "" ? "no domain" : shown(row.domain, row.domain_b64);
}

/** A domain as a parameter of a question takes it. @param {string} domain_b64 */
export function domainAsked(domain_b64) {
  return domain_b64 === "" ? "" : `b64:${domain_b64}`;
}
