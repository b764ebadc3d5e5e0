import { expect, test } from 'vitest';
import { Client } from '../../harness/client.js';
import { signToken } from '../../harness/token.js';
import { attackedServer } from './attack.js';

const server = attackedServer({
  'models/words/model.yaml': `version: 1
fields:
  word: { type: String, validation: "/^(a+)+$/.test(word)" }
access: { create: true, read: true, update: true, delete: true }
`,
});

test('[DUR5] [LIM23] one whose values make a validation hang fails alone', async () => {
  using attacker = await Client.connect(server.socketUrl, signToken({ uid: 'attacker' }));
  using victim = await Client.connect(server.socketUrl, signToken({ uid: 'victim' }));
  let isOver = false;
  const attack = async () => {
    const body = { word: `${'a'.repeat(40)}b` };
    while (!isOver) await attacker.request({ cmd: 'create', r: '/words', body });
  };
  const attacks = Promise.all(Array.from({ length: 10 }, attack));
  const errors: unknown[] = [];
  try {
    for (let turn = 0; turn < 20; turn++) {
      const { error } = await victim.request({ cmd: 'create', r: '/words', body: { word: 'aa' } });
      if (error) errors.push(error);
    }
  } finally {
    isOver = true;
  }
  await attacks;
  expect(errors).toEqual([]);
});
