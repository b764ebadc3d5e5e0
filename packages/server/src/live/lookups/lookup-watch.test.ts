import { expect, test } from 'vitest';
import { loaded } from '../../model/models.fixture.js';
import type { StoredObject } from '../../store/stored-object.js';
import { FakeConnection, setUpLive } from '../live.fixture.js';

const files = {
  'projects/model.yaml': `version: 1
fields: { title: { type: String } }
access: { read: true }
`,
  'projects/members/model.yaml': `version: 1
fields: { role: { type: String } }
access: { read: true }
`,
  'projects/docs/model.yaml': `version: 1
fields: { title: { type: Long } }
lookups: { membership: '/projects/{ids.projects}/members/{auth.uid}' }
access: { read: 'membership != null && membership.role != "none"' }
`,
};

const member = '/projects/1/members/u';
const docs = Array.from({ length: 30 }, (_, n) => `/projects/1/docs/${n}`);

test('[LIM43] [LKP5] what the rights to many objects depend on is looked up once for all of them', async () => {
  const memberships = new Map<string, StoredObject>();
  const reads: string[] = [];
  const { models } = await loaded(files, {
    readLookups: (rs) => {
      reads.push(...rs);
      return rs.map((r) => memberships.get(r));
    },
  });
  const on = await setUpLive({ models: models.all() });
  await on.create('/projects/1', {});
  memberships.set(member, (await on.create(member, { role: 'writer' })).object);
  for (const r of docs) await on.create(r, { title: 0 });
  const connection = new FakeConnection({ uid: 'u' });
  await on.subscribe(connection, ...docs);
  await on.live.settled();
  connection.frames.length = 0;
  reads.length = 0;
  connection.auth = { uid: 'u', data: { is: 'another' } };
  expect(on.live.authChanged(connection)).toBe(2);
  expect(reads.splice(0).length).toBeLessThan(5);
  on.bus.held = [];
  const change = await on.set(member, { role: 'reader' });
  memberships.set(member, change.object);
  on.bus.deliver(change);
  await on.live.settled();
  expect(reads.length).toBeLessThan(5);
  expect(connection.frames).toEqual([]);
});
