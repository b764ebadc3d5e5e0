import { expect, test } from 'vitest';
import { FakeConnection } from '../live.fixture.js';
import { Positions } from '../position.js';
import { mostKept, type WindowEvent, WindowEventFrames } from './window-event.js';

const traits = { r: '/users/*', fields: undefined, view: 'v' };
const epoch = { id: 'e', secret: 's', isFirst: true };
const connection = new FakeConnection();

/** By subscription id, the frames of an event with a text of this size, and which of them are kept. */
function framesOf(size: number, ids: number) {
  const data = { a: 'x'.repeat(size) };
  const object = { r: '/users/1', rev: 1, data, touched: {}, deleted: false, modelVersion: 1 };
  const event: WindowEvent = { evt: 'entered', object, hidden: [] };
  const positions = new Positions(() => epoch);
  const frames = new WindowEventFrames(event, { traits, positions, keep: mostKept }, 1);
  const made = Array.from({ length: ids }, (_, n) => {
    const frame = frames.frameFor(`q${n}`, connection);
    return { frame, isKept: frames.frameFor(`q${n}`, connection) === frame };
  });
  return { frames, made, kept: made.filter(({ isKept }) => isKept) };
}

test('subscribers with the same id share a frame', () => {
  const { made, kept, frames } = framesOf(100, 5000);
  expect(kept).toHaveLength(made.length);
  // Who is further has frames of its own, of the same event.
  const later = frames.notBefore(7).frameFor('q1', connection);
  expect(JSON.parse(later.text)).toMatchObject({ evt: 'entered', meta: { subscription: 'q1' } });
});

test('[LIM11] of a large event no more frames are kept than fit, whatever the ids are', () => {
  const size = 1024 * 1024;
  const { made, kept, frames } = framesOf(size, 40);
  const bytes = kept.reduce((sum, { frame }) => sum + frame.bytes.length, 0);
  expect(bytes).toBeLessThanOrEqual(mostKept);
  expect(kept.length).toBeGreaterThan(1);
  const further = frames.notBefore(7);
  const [first, second] = [0, 1].map(() => further.frameFor('q1', connection));
  expect(first === second, 'kept beyond what fits').toBe(false);
  for (const [n, { frame }] of made.entries())
    expect(frame.text.endsWith(`,"subscription":"q${n}"}}`)).toBe(true);
});
