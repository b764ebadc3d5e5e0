import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { attackedServer, attackTime, expectUnharmed } from './attack.js';
import { level } from './hoarders.js';
import { rawSocket } from './raw-sockets.js';

/** Connections that one address may have, and that it tries to have. */
const most = 200;
const tried = 2000;
const server = attackedServer({}, { REALLY_LIMITS_CONNECTIONS_PER_ADDRESS: String(most) });

test(
  '[LIM39] thousands of connections that ask for nothing, or slowly, do no harm',
  async () => {
    const attack = async (until: AbortSignal) => {
      const open: Socket[] = [];
      const worker = async (begin: string) => {
        for (let n = 0; n < tried / 4 && !until.aborted; n++) {
          const socket = await rawSocket(server);
          if (begin !== '') socket.write(begin);
          open.push(socket);
        }
      };
      const beginnings = ['', '', 'GET / HTTP/1.1\r\nHost: ', 'GET / HTTP/1.1\r\nX-Slow: x'];
      await Promise.all(beginnings.map(worker));
      if (!until.aborted) await new Promise((resolve) => until.addEventListener('abort', resolve));
      // Connections beyond the limit are cut off: it may take a while until that is noticed.
      const isOpen = ({ destroyed }: Socket) => !destroyed;
      while (open.filter(isOpen).length > 2 * most) await pause(50);
      for (const socket of open) socket.destroy();
    };
    const refused = 'really_limit_refused_total{key="limits.connectionsPerAddress"}';
    const hasBitten = async () => (await level(server, refused)) > 0;
    await expectUnharmed(server, { attack, memory: 200_000_000, hasBitten });
    expect(await hasBitten()).toBe(true);
  },
  300_000 + 20 * attackTime,
);
