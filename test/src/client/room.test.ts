import { afterEach, expect, test } from 'vitest';
import { testSecret } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';
import { wireServer } from '../wire/wire-server.js';
import { CuttingProxy } from './cutting-proxy.js';
import { Really, type Room } from './really-client.js';

const server = wireServer();

const open: Really[] = [];
afterEach(() => {
  for (const client of open.splice(0)) client.close();
});

function clientAs(uid: string, url = server.url): Really {
  const client = new Really(url, { token: () => signToken({ uid }, testSecret) });
  open.push(client);
  return client;
}

/** Resolves when the room is as it should be. */
function until(room: Room, isSo: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!isSo()) return;
      stop();
      resolve();
    };
    const stop = room.subscribe(look);
    look();
  });
}

test('[TSC14] [PRS9] two clients see each other, talk, and a cut in between is not noticed', async () => {
  await using proxy = await CuttingProxy.to(server.url);
  const [amal, badr] = [clientAs('amal', proxy.url), clientAs('badr')];
  const { _r: r } = await badr.collection('/users').create({ name: 'board' });
  const here = amal.room(r, { state: { x: 0 } }) as Room;
  const there = badr.room(r, { state: {} }) as Room;
  await until(here, () => here.others.length === 1);
  await until(there, () => there.others.length === 1);
  const id = here.me?.id;
  let changes = 0;
  const stop = there.subscribe(() => changes++);
  proxy.cut();
  await until(here, () => here.status === 'joining');
  await until(here, () => here.status === 'joined');
  expect(here.me).toMatchObject({ id, user: { uid: 'amal' }, state: { x: 0 } });
  // Whatever was to be pushed of the cut would have come before this.
  here.present({ x: 1 });
  await until(there, () => there.others[0]?.state.x === 1);
  expect(changes).toBe(1);
  stop();
  const received = new Promise((resolve) => here.on('wave', resolve));
  await there.send('wave', { to: 'amal' });
  expect(await received).toEqual({
    ...{ event: 'wave', data: { to: 'amal' }, member: there.me?.id, by: { uid: 'badr' } },
  });
  here.leave();
  await until(there, () => there.others.length === 0);
});
