import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { Compressions } from './compressions.js';

const response = () =>
  new EventEmitter() as unknown as Parameters<Compressions['begin']>[1] & EventEmitter;

test('[LIM47] of one address two responses are compressed at once, until they are over', () => {
  const compressions = new Compressions();
  const [first, second] = [response(), response()];
  expect(compressions.begin('192.0.2.1', first)).toBe(true);
  expect(compressions.begin('192.0.2.1', second)).toBe(true);
  expect(compressions.begin('192.0.2.1', response())).toBe(false);
  expect(compressions.begin('192.0.2.2', response())).toBe(true);
  first.emit('close');
  expect(compressions.begin('192.0.2.1', response())).toBe(true);
  expect(compressions.begin('192.0.2.1', response())).toBe(false);
});

test('[LIM47] a response whose client is gone does not count', () => {
  const compressions = new Compressions();
  for (const gone of [response(), response()]) {
    Object.assign(gone, { destroyed: true });
    expect(compressions.begin('192.0.2.1', gone)).toBe(false);
  }
  expect(compressions.begin('192.0.2.1', response())).toBe(true);
});

test('[LIM47] of all addresses together 64 are', () => {
  const compressions = new Compressions();
  for (let n = 0; n < 64; n++) expect(compressions.begin(`192.0.2.${n}`, response())).toBe(true);
  expect(compressions.begin('198.51.100.1', response())).toBe(false);
});
