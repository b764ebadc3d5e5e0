import { expect, test } from 'vitest';
import { encodeFrame, type Frame } from '../../live/push/frame.js';
import { HeldPushes } from './held-pushes.js';

function setUp() {
  const sent: string[] = [];
  const held = new HeldPushes(({ text }) => sent.push(text));
  const push = (text: string) => held.push(encodeFrame(text));
  return { sent, held, push };
}

const texts = (frames: readonly Frame[]) => frames.map(({ text }) => text);

test('[ONC6] pushes wait for the responses to the writes that are on disk, and keep their order', () => {
  const { sent, held, push } = setUp();
  push('a');
  expect(sent).toEqual(['a']);
  const first = held.hold();
  push('b');
  const second = held.hold();
  push('c');
  expect(sent).toEqual(['a']);
  second();
  expect(sent).toEqual(['a']);
  first();
  expect(sent).toEqual(['a', 'b', 'c']);
  push('d');
  expect(sent).toEqual(['a', 'b', 'c', 'd']);
});

test('[ONC6] a client that writes without a pause gets the pushes from before its later writes', () => {
  const { sent, held, push } = setUp();
  let answer = held.hold();
  for (let n = 0; n < 5; n++) {
    push(`${n}`);
    const next = held.hold();
    answer();
    answer = next;
    expect(sent).toHaveLength(n + 1);
  }
  push('last');
  expect(sent).toHaveLength(5);
  answer();
  answer();
  expect(sent).toEqual(['0', '1', '2', '3', '4', 'last']);
});

test('[ONC6] [LIM4] many held pushes make the connection congested', () => {
  const { sent, held, push } = setUp();
  const answer = held.hold();
  const large = 'x'.repeat(100_000);
  for (let n = 0; n < 2; n++) push(large);
  expect(held.congested).toBe(false);
  push(large);
  expect(held.congested).toBe(true);
  answer();
  expect(held.congested).toBe(false);
  expect(sent).toHaveLength(3);
});

test('[ONC6] [RES2] pushes held when the connection ends are handed out once, for a resume', () => {
  const { sent, held, push } = setUp();
  const answer = held.hold();
  push('a');
  push('b');
  expect(texts(held.takeAll())).toEqual(['a', 'b']);
  expect(held.takeAll()).toEqual([]);
  answer();
  expect(sent).toEqual([]);
});
