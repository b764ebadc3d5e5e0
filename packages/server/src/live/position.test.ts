import { expect, test } from 'vitest';
import type { Epoch } from '../store/store.js';
import { Positions } from './position.js';

const epoch: Epoch = { id: 'e', secret: 'the secret of the epoch', isFirst: true };
const view = 'mX7dR2kWvB0qLs9e';
const gone = expect.objectContaining({ code: 410, message: 'position.gone' });
const positionsOf = (of: Epoch = epoch) => new Positions(() => of);

test('[LIM16] [VIEW3] a position is valid within its epoch, and nothing else is accepted', () => {
  const text = positionsOf().text({ pos: 1234, view });
  expect(text).toMatch(/^ya\.[\w-]{16}$/);
  const read = (given: string, by = positionsOf(), under = view) => by.read(given, under, 'pos');
  expect(read(text)).toEqual({ pos: 1234, view });
  for (const [at, character] of [...text].entries()) {
    if (character === '.') continue;
    const forged = `${text.slice(0, at)}${character === 'n' ? 'p' : 'n'}${text.slice(at + 1)}`;
    expect(() => read(forged), forged).toThrow(gone);
  }
  expect(() => read(text, positionsOf(), 'mX7dR2kWvB0qLs9f')).toThrow(gone);
  expect(() => read(text, positionsOf({ ...epoch, secret: 'another' }))).toThrow(gone);
  for (const other of [`ya.${view}`, `0.${view}`, '1234', '0']) {
    expect(() => read(other), other).toThrow(gone);
  }
  for (const malformed of [
    '',
    '.',
    'ya',
    'ya.',
    text.slice(0, -1),
    `${text}n`,
    ` ${text}`,
    'ya.é',
  ]) {
    expect(() => read(malformed), malformed).toThrow(expect.objectContaining({ code: 400 }));
  }
});

test('[EPO3] the seal changes with the epoch, even while the server runs', () => {
  let now = epoch;
  const positions = new Positions(() => now);
  const before = positions.text({ pos: 1, view });
  expect(positions.text({ pos: 1, view })).toBe(before);
  now = { ...epoch, secret: 'another' };
  expect(positions.text({ pos: 1, view })).not.toBe(before);
  expect(() => positions.read(before, view, 'pos')).toThrow(gone);
});
