import { once } from 'node:events';
import { fail } from '@really/protocol';
import { expect, test } from 'vitest';
import { heldCommand, openTestGateway, RawClient } from '../../gateway.fixture.js';

const streamRequest = (path: string, token: string) =>
  [`GET ${path} HTTP/1.1`, 'Host: x', 'Accept: text/event-stream', `Authorization: Bearer ${token}`]
    .map((line) => `${line}\r\n`)
    .join('')
    .concat('\r\n');

test('[PRS13] a stream whose client leaves while it subscribes joins no room', async () => {
  const subscribe = heldCommand({ body: { body: { subscriptions: [] } } });
  let joins = 0;
  const { gateway, port, tokens, live } = await openTestGateway({
    commands: {
      subscribe: subscribe.command,
      join: async () => {
        joins += 1;
        return { body: {} };
      },
    },
  });
  const client = new RawClient(port);
  client.write(streamRequest('/v0.1/things/1?presence', await tokens.mint({ uid: 'u' })));
  await subscribe.asked;
  client.socket.destroy();
  await expect.poll(() => live.dropped.length).toBe(1);
  subscribe.answer();
  // What was subscribed to after it left is dropped, too.
  await expect.poll(() => live.dropped.length).toBe(2);
  expect(joins).toBe(0);
  await gateway.close();
});

test('[HTTP11] refused streams leave nothing behind on a connection that goes on', async () => {
  const warnings: Error[] = [];
  const keep = (warning: Error) => warnings.push(warning);
  process.on('warning', keep);
  const subscribe = async () => {
    throw fail('forbidden');
  };
  const { gateway, port, tokens } = await openTestGateway({ commands: { subscribe } });
  const client = new RawClient(port);
  const request = streamRequest('/v0.1/things/1', await tokens.mint({ uid: 'u' }));
  for (let n = 1; n <= 20; n++) {
    client.write(request);
    await client.until((bytes) => bytes.toString('latin1').split('HTTP/1.1 403').length > n);
  }
  client.socket.end();
  await once(client.socket, 'close');
  await gateway.close();
  process.off('warning', keep);
  // Node warns of more than ten listeners for one event.
  expect(warnings.filter(({ name }) => name === 'MaxListenersExceededWarning')).toEqual([]);
});
