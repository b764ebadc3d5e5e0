import { describe, expect, test } from 'vitest';
import { wireServer } from '../wire-server.js';

const models = {
  'models/club/model.yaml': `version: 1
fields: { name: { type: String } }
access:
  create: true
  read: auth.uid != "banned"
  update: auth.uid == "keeper"
  delete: auth.uid == "keeper" && obj.name != "kept"
  subscribe: auth.uid != "reader"
`,
  'models/secret/model.yaml': `version: 1
fields: { name: { type: String } }
access: { hidden: true, create: true, read: 'auth.uid != "banned"', update: auth.uid == "keeper" }
`,
  'models/silent/model.yaml': 'version: 1\nfields: { name: { type: String } }\n',
};
const server = wireServer({}, models);
const forbidden = { code: 403, message: 'forbidden' };
const missing = { code: 404, message: 'object.missing' };
const ops = { ops: [{ op: 'set', key: 'name', value: 'x' }] };

describe('a right that a user lacks whatever the object', () => {
  test('[ACC3] [ACC10] the subscribe right is asked for when a collection is subscribed to', async () => {
    using reader = await server.as('reader');
    const subscribe = { cmd: 'subscribe', body: { subscriptions: [{ r: '/club' }] } };
    const { body } = await reader.request(subscribe);
    expect(body).toEqual({ subscriptions: [], failures: [{ r: '/club/*', error: forbidden }] });
    const watched = { cmd: 'read', r: '/club', cmdOpts: { subscribe: true } };
    expect((await reader.request(watched)).error).toEqual(forbidden);
    expect((await reader.request({ cmd: 'read', r: '/club' })).error).toBeUndefined();
    using banned = await server.as('banned');
    expect((await banned.request(subscribe)).body.failures).toHaveLength(1);
    using other = await server.as('other');
    expect((await other.request(subscribe)).body.failures).toBeUndefined();
  });

  test('[ACC7] [ACC10] it is the same for a missing object, so that nothing is revealed', async () => {
    using banned = await server.as('banned');
    for (const r of ['/club/never', '/silent/never']) {
      expect((await banned.request({ cmd: 'get', r })).error).toEqual(forbidden);
      expect((await banned.request({ cmd: 'update', r, rev: 1, body: ops })).error).toEqual(
        forbidden,
      );
    }
    expect((await banned.request({ cmd: 'delete', r: '/silent/never' })).error).toEqual(forbidden);
    // This right depends on the object.
    expect((await banned.request({ cmd: 'delete', r: '/club/never' })).error).toEqual(missing);
    using keeper = await server.as('keeper');
    expect((await keeper.request({ cmd: 'get', r: '/club/never' })).error).toEqual(missing);
  });

  test('[ACC6] [ACC10] unless the model hides objects', async () => {
    using banned = await server.as('banned');
    const r = '/secret/never';
    expect((await banned.request({ cmd: 'get', r })).error).toEqual(missing);
    expect((await banned.request({ cmd: 'update', r, rev: 1, body: ops })).error).toEqual(missing);
  });
});
