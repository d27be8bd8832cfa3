/**
 * Colours: one for each individual, and a scale from few to many, the same as on all pictures.
 *
 * From lightness, chroma and hue in Oklab: B. Ottosson, "A perceptual color space for image
 * processing", 2020, https://bottosson.github.io/posts/oklab/.
 */

import { blake2b } from "./blake2b.js";
import { fromBase64 } from "./bytes.js";

/** @typedef {[number, number, number]} Color red, green and blue, 0 … 255 */

const HUES = 256;
const LIGHTNESS = [0.6, 0.7, 0.8];
const MOST_CHROMA = 0.21;

/** Of two domains, which eyes that do not tell red from green can tell, too (Okabe and Ito, 2008). */
export const AGREEMENT = {
  both: /** @type {Color} */ ([240, 240, 240]),
  a: /** @type {Color} */ ([0, 130, 200]),
  b: /** @type {Color} */ ([230, 159, 0]),
};

/** What lies below masks that have no picture. */
export const GROUND = /** @type {Color} */ ([18, 18, 24]);

const known = new Map();
let palette;

/** @param {import("./individuals.js").Individual} row @returns {Color} */
export function colorOf(row) {
  const name = `${row.domain_b64}.${row.address_b64}`;
  let color = known.get(name);
  if (!color) {
    palette ??= LIGHTNESS.map((lightness) =>
      Array.from({ length: HUES }, (_, nth) => {
        const hue = (2 * Math.PI * nth) / HUES;
        return rgb(lightness, Math.min(mostChroma(lightness, hue), MOST_CHROMA), hue);
      }),
    );
    const [domain, address] = [fromBase64(row.domain_b64), fromBase64(row.address_b64)];
    const message = new Uint8Array(domain.length + 1 + address.length);
    message.set(domain);
    message.set(address, domain.length + 1);
    const digest = blake2b(message, 2);
    color = palette[digest[1] % LIGHTNESS.length][digest[0]];
    known.set(name, color);
  }
  return color;
}

/** Colours from few to many. @type {Color[]} */
export const heatScale = Array.from({ length: 256 }, (_, nth) => {
  const part = nth / 255;
  const lightness = 0.3 + 0.66 * part;
  const hue = ((295 + (105 + 360 - 295) * part) * Math.PI) / 180;
  return rgb(lightness, Math.min(0.92 * mostChroma(lightness, hue), 0.19), hue);
});

/** As CSS writes it. @param {Color} color @param {number} [alpha] */
export function css([red, green, blue], alpha = 1) {
  return `rgb(${red} ${green} ${blue} / ${alpha})`;
}

/** The strongest chroma that a screen can show, by halving an interval. */
function mostChroma(lightness, hue) {
  let [low, high] = [0, 0.4];
  for (let step = 0; step < 20; step++) {
    const middle = (low + high) / 2;
    const isShown = linear(lightness, middle, hue).every((part) => part >= 0 && part <= 1);
    [low, high] = isShown ? [middle, high] : [low, middle];
  }
  return low;
}

/** @returns {Color} */
function rgb(lightness, chroma, hue) {
  return linear(lightness, chroma, hue).map((part) => {
    const light = Math.min(1, Math.max(0, part));
    // The transfer function of sRGB, IEC 61966-2-1.
    const encoded = light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055;
    return Math.round(255 * encoded);
  });
}

function linear(lightness, chroma, hue) {
  const [a, b] = [chroma * Math.cos(hue), chroma * Math.sin(hue)];
  const long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
    -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
    -0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short,
  ];
}
