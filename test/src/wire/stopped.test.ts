import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Client } from '../harness/client.js';
import { signToken } from '../harness/token.js';
import { wireServer } from './wire-server.js';

/** Milliseconds. */
const silence = 10_000;

const server = wireServer({ REALLY_IDLE_TIMEOUT: `${silence}ms` });

test('[SES9] [LIM40] a client that sent something while the process was suspended does not count as silent', async () => {
  const clients = await Promise.all(
    Array.from({ length: 5 }, (_, n) =>
      Client.connect(server.socketUrl, signToken({ uid: `u${n}` })),
    ),
  );
  const ping = () => clients.map((client) => client.request({ cmd: 'ping' }));
  // However long it took until all were connected.
  await Promise.all(ping());
  const { pid } = server.process;
  process.kill(pid, 'SIGSTOP');
  const answers = ping();
  // What is tested is what so long a stop does.
  await pause(silence + 1000);
  process.kill(pid, 'SIGCONT');
  for (const answer of await Promise.all(answers)) expect(answer.evt).toBe('pinged');
  for (const client of clients) {
    expect(client.pushes).toEqual([]);
    client.close();
  }
});
