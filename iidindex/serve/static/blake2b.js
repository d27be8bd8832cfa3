/**
 * BLAKE2b of a short message, as RFC 7693 has it.
 *
 * Colours are drawn from it: an individual has the same one here and on all pictures.
 */

// Each 64-bit word is two of 32 bits, the lower one first.
const IV = Uint32Array.of(
  0xf3bcc908, 0x6a09e667, 0x84caa73b, 0xbb67ae85, 0xfe94f82b, 0x3c6ef372, 0x5f1d36f1, 0xa54ff53a,
  0xade682d1, 0x510e527f, 0x2b3e6c1f, 0x9b05688c, 0xfb41bd6b, 0x1f83d9ab, 0x137e2179, 0x5be0cd19,
);
const SIGMA = [
  "0123456789abcdef", "ea489fd61c02b753", "b8c052fdae367194", "7931dcbe265a40f8", "905724afe1bc683d",
  "2c6a0b834d75fe19", "c51fed4a0763928b", "db7ec13950f4862a", "6fe9b308c2d714a5", "a2847615fb9e3cd0",
].map((row) => Array.from(row, (digit) => parseInt(digit, 16)));
const BLOCK = 128;

const v = new Uint32Array(32);
const m = new Uint32Array(32);

function add(a, b) {
  const low = v[2 * a] + v[2 * b];
  v[2 * a + 1] += v[2 * b + 1] + (low > 0xffffffff ? 1 : 0);
  v[2 * a] = low;
}

function addWord(a, word) {
  const low = v[2 * a] + m[2 * word];
  v[2 * a + 1] += m[2 * word + 1] + (low > 0xffffffff ? 1 : 0);
  v[2 * a] = low;
}

/** v[a] = (v[a] xor v[b]) turned right by `bits`. */
function turn(a, b, bits) {
  const low = v[2 * a] ^ v[2 * b];
  const high = v[2 * a + 1] ^ v[2 * b + 1];
  if (bits === 32) {
    v[2 * a] = high;
    v[2 * a + 1] = low;
  } else if (bits === 63) {
    v[2 * a] = (low << 1) | (high >>> 31);
    v[2 * a + 1] = (high << 1) | (low >>> 31);
  } else {
    v[2 * a] = (low >>> bits) | (high << (32 - bits));
    v[2 * a + 1] = (high >>> bits) | (low << (32 - bits));
  }
}

function mix(a, b, c, d, x, y) {
  add(a, b);
  addWord(a, x);
  turn(d, a, 32);
  add(c, d);
  turn(b, c, 24);
  add(a, b);
  addWord(a, y);
  turn(d, a, 16);
  add(c, d);
  turn(b, c, 63);
}

function compress(h, length, isLast) {
  v.set(h);
  v.set(IV, 16);
  v[24] ^= length;
  if (isLast) {
    v[28] = ~v[28];
    v[29] = ~v[29];
  }
  for (let round = 0; round < 12; round++) {
    const s = SIGMA[round % 10];
    mix(0, 4, 8, 12, s[0], s[1]);
    mix(1, 5, 9, 13, s[2], s[3]);
    mix(2, 6, 10, 14, s[4], s[5]);
    mix(3, 7, 11, 15, s[6], s[7]);
    mix(0, 5, 10, 15, s[8], s[9]);
    mix(1, 6, 11, 12, s[10], s[11]);
    mix(2, 7, 8, 13, s[12], s[13]);
    mix(3, 4, 9, 14, s[14], s[15]);
  }
  for (let i = 0; i < 16; i++) h[i] ^= v[i] ^ v[i + 16];
}

/**
 * @param {Uint8Array} message
 * @param {number} size bytes of the digest, 1 … 64
 * @returns {Uint8Array}
 */
export function blake2b(message, size) {
  const h = IV.slice();
  h[0] ^= 0x01010000 ^ size;
  const block = new Uint8Array(BLOCK);
  const words = new DataView(block.buffer);
  const blocks = Math.max(1, Math.ceil(message.length / BLOCK));
  for (let nth = 0; nth < blocks; nth++) {
    const piece = message.subarray(nth * BLOCK, (nth + 1) * BLOCK);
    block.fill(0);
    block.set(piece);
    for (let i = 0; i < 32; i++) m[i] = words.getUint32(4 * i, true);
    compress(h, nth * BLOCK + piece.length, nth === blocks - 1);
  }
  const digest = new DataView(new ArrayBuffer(64));
  h.forEach((word, i) => digest.setUint32(4 * i, word, true));
  return new Uint8Array(digest.buffer, 0, size);
}
