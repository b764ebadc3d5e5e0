import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import type { MigrationEvent } from '../migration/migrate-all.js';
import { migrateOnServer } from './migrate-on-server.js';

const begun = { kind: 'begun', collection: 'users', total: 3 };

/** Asks a server that responds like this; the events, and the error. */
async function migrateWith(respond: (response: ServerResponse) => void) {
  const server = createServer((_, response) => respond(response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const events: MigrationEvent[] = [];
  try {
    const access = { url, host: undefined, secret: 's' };
    const done = migrateOnServer(access, (event) => events.push(event));
    const message = await done.then(
      () => undefined,
      (error: Error) => error.message.replace(url, 'URL'),
    );
    return { events, message };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('[MIG7] a migration on a server reports its events to the end', async () => {
  const lines = [begun, { kind: 'done' }].map((line) => JSON.stringify(line));
  const { events, message } = await migrateWith((response) => response.end(lines.join('\n')));
  expect({ events, message }).toEqual({ events: [begun], message: undefined });
});

test('[MIG7] a server that breaks off is said to have stopped', async () => {
  const { events, message } = await migrateWith((response) => {
    response.write(`${JSON.stringify(begun)}\n`, () => response.destroy());
  });
  expect(events).toEqual([begun]);
  expect(message).toBe('the server at URL stopped before everything was migrated');
});

test('[MIG7] something else that listens there is no such server', async () => {
  const { message } = await migrateWith((response) => response.end('<html>'));
  expect(message).toMatch(/there is no response from a server at URL/);
});
