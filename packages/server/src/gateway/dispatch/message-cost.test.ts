import { expect, test } from 'vitest';
import { costOf, costOfMembers } from './message-cost.js';

test('[LIM21] a hundred members count as one command, up to 500 commands', () => {
  const costs = [0, 199, 200, 10_000, 80_000].map(costOfMembers);
  expect(costs).toEqual([1, 1, 2, 100, 500]);
});

test('[LIM21] the larger of the two costs counts: by commands or by members', () => {
  const commands = Array.from({ length: 50 }, () => ({ cmd: 'create', r: '/users', body: {} }));
  const batch = { cmd: 'batch', tag: 1, body: { commands } };
  expect([200, 5000, 6000].map((members) => costOf(batch, members))).toEqual([50, 50, 60]);
});
