import { expect, test } from 'vitest';
import { encodeFrame } from './frame.js';

test.each([
  [0, 2],
  [125, 2],
  [126, 4],
  [65_535, 4],
  [65_536, 10],
])('[CON5] a text of %i bytes has a head of %i', (size, head) => {
  const text = 'x'.repeat(size);
  const { bytes } = encodeFrame(text);
  expect(bytes.length).toBe(head + size);
  expect(bytes[0]).toBe(0x81);
  expect(lengthOf(bytes)).toBe(size);
  expect(bytes.subarray(head).toString()).toBe(text);
});

test('[CON5] lengths count bytes, not characters', () => {
  const { bytes, text } = encodeFrame('{"name":"Zoë €"}');
  expect(lengthOf(bytes)).toBe(Buffer.byteLength(text));
  expect(bytes.subarray(2).toString()).toBe(text);
});

/** As RFC 6455 reads it; the mask bit has to be 0. */
function lengthOf(bytes: Buffer): number {
  const short = bytes[1] ?? 0;
  if (short < 126) return short;
  return short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
}
