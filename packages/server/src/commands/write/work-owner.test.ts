import type { Auth } from '@really/protocol';
import { expect, test } from 'vitest';
import { jobOwner } from '../../jobs/job-owner.js';
import { setScriptOwner } from '../../model/script-owner.js';
import { PrivilegedContexts } from '../privileged-contexts.js';
import { testApp } from '../test-app.fixture.js';
import { ownerOfWork } from './work-owner.js';

let people = 0;
const models = {
  notes: 'version: 1\nfields: {}\naccess: { create: true, delete: true }',
  'notes/post-create.js': 'emit("made", 1);',
  'notes/replies': 'version: 1\nfields: {}\nonParentDeleted: delete',
};

async function openApp() {
  const { send, services, store } = await testApp({ models });
  /** The owner of the work that follows from a creation and a deletion. */
  const ownersFor = async (auth: Auth, r: string) => {
    await send(auth, { cmd: 'create', r, body: {} });
    await send(auth, { cmd: 'delete', r });
    const owners: (readonly [string, string])[] = [];
    for (const name of ['_outbox', '_cascades']) {
      const { entries } = await store.created({ names: [name], parents: [] }, 0, 100);
      const data = entries.at(-1)?.object.data ?? {};
      owners.push([JSON.stringify(data.owner), jobOwner(data)]);
    }
    return owners;
  };
  const anonymous = (address: string): Auth => {
    const auth: Auth = { uid: `anon ${people++}`, authType: 'anonymous' };
    setScriptOwner(auth, `address ${address}`);
    return auth;
  };
  return { ownersFor, anonymous, services };
}

test('[POST13] work after a commit counts for its user, or for the address of an anonymous one, which is not stored', async () => {
  const { ownersFor, anonymous } = await openApp();
  expect(await ownersFor({ uid: 'amal' }, '/notes/1')).toEqual([
    [undefined, 'uid amal'],
    [undefined, 'uid amal'],
  ]);
  const here = await ownersFor(anonymous('192.0.2.1'), '/notes/2');
  const again = await ownersFor(anonymous('192.0.2.1'), '/notes/3');
  const there = await ownersFor(anonymous('192.0.2.2'), '/notes/4');
  expect(again).toEqual(here);
  expect(here[0]).toEqual(here[1]);
  expect(there[0]).not.toEqual(here[0]);
  expect(here[0]?.[1]).toMatch(/^address [\w-]{16}$/);
});

test('[POST13] what a post hook or a cascade leads to counts for the owner of it', async () => {
  const { services } = await openApp();
  const contexts = new PrivilegedContexts(services);
  expect(ownerOfWork(contexts.ofHook(1, 'uid amal'))).toEqual({ owner: 'uid amal' });
  const auth = { uid: 'bea' };
  const ofCascade = (owner: string) => ownerOfWork(contexts.ofCascade(auth, { owner }));
  expect(ofCascade('uid bea')).toEqual({});
  expect(ofCascade('address abc')).toEqual({ owner: 'address abc' });
});
