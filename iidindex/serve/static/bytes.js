/**
 * Names are bytes: how they travel in JSON and URLs, and how people read them.
 *
 * Text that is no UTF-8 has, for each byte that is none, the character U+DC80 … U+DCFF, as in
 * Python; in URLs it is that byte again.
 */

const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;
const EXACT = /^(hex|b64|iid):/;
const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @param {string} text base64, of either alphabet @returns {Uint8Array} */
export function fromBase64(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}

/** base64url without padding, from base64. @param {string} text @returns {string} */
export function toUrlAlphabet(text) {
  return text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** base64, from base64url without padding. @param {string} text @returns {string} */
export function toPlainAlphabet(text) {
  const plain = text.replace(/-/g, "+").replace(/_/g, "/");
  return plain + "=".repeat((4 - (plain.length % 4)) % 4);
}

/** Text as it stands in a part of a URL. @param {string} text @returns {string} */
export function encode(text) {
  return text
    .split(/([\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff])/)
    .map((piece) => {
      const code = piece.charCodeAt(0);
      if (piece.length !== 1 || code < 0xd800 || code > 0xdfff) return encodeURIComponent(piece);
      const isByte = code >= 0xdc80 && code <= 0xdcff;
      return isByte ? `%${(code - 0xdc00).toString(16).toUpperCase()}` : "%EF%BF%BD";
    })
    .join("");
}

/** What `encode` encoded. @param {string} part @returns {string} */
export function decode(part) {
  const bytes = [];
  for (const piece of part.split(/(%[0-9a-fA-F]{2})/)) {
    if (/^%[0-9a-fA-F]{2}$/.test(piece)) bytes.push(parseInt(piece.slice(1), 16));
    else bytes.push(...encoder.encode(piece));
  }
  return toText(Uint8Array.from(bytes));
}

/** Bytes as text. @param {Uint8Array} bytes @returns {string} */
export function toText(bytes) {
  const whole = asUtf8(bytes);
  if (whole !== null) return whole;
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = [1, 2, 3, 4].find((n) => asUtf8(bytes.subarray(at, at + n)) !== null);
    text += length ? asUtf8(bytes.subarray(at, at + length)) : String.fromCharCode(0xdc00 + bytes[at]);
    at += length ?? 1;
  }
  return text;
}

/** Text, or null if the bytes are no UTF-8. @param {Uint8Array} bytes */
export function asUtf8(bytes) {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}

/** Text of a file's path as it can be read. @param {string} text */
export function shownPath(text) {
  return Array.from(text, (character) => {
    const code = character.codePointAt(0);
    if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`;
    if (!UNPRINTABLE.test(character)) return character;
    return `\\u{${code.toString(16)}}`;
  }).join("");
}

/**
 * A name as the command line writes it: text where it is printable, else `hex:…`.
 * @param {string|null} text @param {string} base64 @returns {string}
 */
export function shown(text, base64) {
  if (text !== null && !UNPRINTABLE.test(text) && text.trim() === text && !EXACT.test(text)) {
    return text;
  }
  const hex = Array.from(fromBase64(base64), (byte) => byte.toString(16).padStart(2, "0"));
  return `hex:${hex.join("")}`;
}
