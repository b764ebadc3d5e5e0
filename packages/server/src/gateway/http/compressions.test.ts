import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { Compressions } from './compressions.js';

const response = () =>
  new EventEmitter() as unknown as Parameters<Compressions['begin']>[1] & EventEmitter;

test('[LIM47] of one address two responses of unknown size are compressed at once, until they are over', () => {
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

test('[LIM47] of one address eight small responses are compressed at once, and of large ones two', () => {
  const compressions = new Compressions();
  const small = 256 * 1024;
  const responses = Array.from({ length: 8 }, response);
  for (const one of responses) expect(compressions.begin('192.0.2.1', one, small)).toBe(true);
  expect(compressions.begin('192.0.2.1', response(), 1024)).toBe(false);
  for (const one of responses) one.emit('close');
  expect(compressions.begin('192.0.2.1', response(), 8 * small)).toBe(true);
  expect(compressions.begin('192.0.2.1', response(), small)).toBe(true);
  expect(compressions.begin('192.0.2.1', response(), small)).toBe(false);
  expect(compressions.begin('192.0.2.2', response())).toBe(true);
  expect(compressions.begin('192.0.2.2', response(), small)).toBe(true);
  expect(compressions.begin('192.0.2.2', response(), small)).toBe(false);
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
