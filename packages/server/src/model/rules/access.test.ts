import { expect, test } from 'vitest';
import type { Rule, RuleScope } from '../model.js';
import { alice, bob, loaded, thing } from '../models.fixture.js';
import { demand } from './access.js';

const field = '  owner: { type: String }';
const scope: RuleScope = {
  auth: alice,
  obj: { owner: 'alice', _r: '/things/1', _rev: 1 },
  r: '/things/1',
};

test('[ACC2] without access everything is allowed in development, and nothing in production, with a warning', async () => {
  const files = {
    'open/model.yaml': 'version: 1\nfields: {}\n',
    'said/model.yaml': 'version: 1\nfields: {}\naccess: { read: true }\n',
  };
  const development = await loaded(files);
  expect(development.model('open').access).toMatchObject({
    create: { constant: true },
    read: { constant: true },
    subscribe: { constant: true },
  });
  expect(development.warnings).toEqual([]);
  const production = await loaded(files, { mode: 'production' });
  const { access } = production.model('open');
  for (const right of ['create', 'read', 'update', 'delete', 'subscribe'] as const) {
    expect(await access[right].decide(scope), right).toBe('refused');
  }
  expect(production.warnings).toEqual(['model open has no access block: everything is refused']);
});

test('[ACC3] a right that is left out is refused, and subscribe is as read', async () => {
  const { thing: model } = await thing(field, 'access: { read: obj.owner == auth.uid }');
  const { access } = model;
  for (const right of ['create', 'update', 'delete'] as const)
    expect(access[right].constant, right).toBe(false);
  expect(access.subscribe).toBe(access.read);
  const own = await thing(field, 'access: { read: true, subscribe: false }');
  expect(own.thing.access.subscribe.constant).toBe(false);
  const none = await thing(field, 'access: {}');
  expect(none.thing.access.read.constant).toBe(false);
});

async function rule(expression: string): Promise<{ rule: Rule; failures: unknown[] }> {
  const { thing: model, failures } = await thing(
    field,
    `access: { read: ${JSON.stringify(expression)} }`,
  );
  return { rule: model.access.read, failures };
}

test('[ACC1] [ACC9] rules see auth, obj, input and r', async () => {
  for (const source of [
    'auth.uid == "alice" && auth.authType == "password" && auth._r == "/users/1" && auth.data === undefined',
    'obj.owner == "alice" && obj._r == r && obj._rev == 1',
    'input === undefined',
    '["alice"].includes(auth.uid)',
    'obj.owner',
  ]) {
    expect(await (await rule(source)).rule.decide(scope), source).toBe('allowed');
  }
  const { rule: create } = await rule('input.owner == auth.uid && obj === undefined');
  const decided = (auth: typeof alice) =>
    create.decide({ auth, input: { owner: 'alice' }, r: '/things/*' });
  expect([decided(alice), decided(bob)]).toEqual(['allowed', 'refused']);
});

test('[ACC4] a rule that throws refuses, and is counted and logged', async () => {
  for (const source of ['obj.a.b == 1', 'nope', '(() => { throw 1; })()']) {
    const { rule: read, failures } = await rule(source);
    expect(await read.decide(scope), source).toBe('refused');
    expect(failures, source).toHaveLength(1);
    await expect(demand(read, scope), source).rejects.toMatchObject({
      code: 403,
      message: 'forbidden',
    });
  }
});

test('[ACC9] [HOK8] a rule that is stopped refuses a push, and is a 500 for a command', async () => {
  const { rule: read } = await rule('(() => { for (;;); })()');
  expect(await read.decide(scope)).toBe('stopped');
  await expect(demand(read, scope)).rejects.toMatchObject({
    code: 500,
    message: 'internal.server.error',
  });
});

test('[ACC1] a rule knows which parts of auth it reads, and whether it is constant', async () => {
  expect((await rule('true')).rule).toMatchObject({
    constant: true,
    reads: { uid: false, r: false, all: false },
  });
  expect((await rule('1 > 2')).rule.constant).toBe(false);
  expect((await rule('obj.owner == auth.uid')).rule).toMatchObject({
    constant: undefined,
    reads: { uid: true, r: false, all: false },
  });
  expect((await rule('auth.data.role')).rule.reads.all).toBe(true);
  await demand((await rule('true')).rule, scope);
});
