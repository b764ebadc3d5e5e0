import type { Auth } from '@really/protocol';
import { expect, test } from 'vitest';
import { calculate } from './calculate.js';
import { runOnValidate, runPreDelete, runPreUpdate } from './hooks.js';
import { loaded } from './models.fixture.js';
import { demand } from './rules/access.js';
import { scriptOwnerOf, setScriptOwner } from './script-owner.js';
import { checkUpdate, prepareCreate } from './validation/validate.js';
import { pushView, view } from './view/view.js';

const call = '(() => true)()';

/** A model all of whose scripts need the sandbox, and what commands and reads make run. */
async function scripted() {
  const app = await loaded({
    'things/model.yaml': `version: 1
fields:
  v: { type: String, validation: "${call}" }
  d: { type: String, default: "(() => 'd')()" }
  c: { type: Calculated, valueType: String, dependsOn: v, value: "(() => 'c')()" }
access: { create: "${call}", read: "${call}", update: "${call}", delete: "${call}", subscribe: "${call} && true" }
`,
    'things/on-validate.js': 'print(input)',
    'things/pre-update.js': 'print(after)',
    'things/pre-delete.js': 'print(obj)',
    'things/pre-get.js': 'print(obj)',
  });
  const model = app.model('things');
  const auth: Auth = { uid: 'anyone', authType: 'anonymous' };
  setScriptOwner(auth, 'address 192.0.2.7');
  const owner = scriptOwnerOf(auth);
  const data = { v: 'v', d: 'd' };
  const obj = { ...data, _r: '/things/1', _rev: 1 };
  const stored = {
    ...{ r: '/things/1', rev: 1, data, deleted: false, modelVersion: 1 },
    ...{ createdAt: 0, updatedAt: 0 },
  } as unknown as Parameters<typeof view>[1];
  const { r } = stored;
  const { create, update } = model.access;
  const writes: [string, () => Promise<unknown>][] = [
    ['create', () => demand(create, { auth, input: data, r })],
    ['update', () => demand(update, { auth, obj, input: data, r })],
    ['validation', async () => await checkUpdate(model, {}, { v: 'v' }, ['v'], { owner })],
    ['default', async () => await prepareCreate(model, {}, { now: 0, owner })],
    ['calculated', () => calculate(model, data, 'all', { now: 0, owner })],
    ['on-validate', () => runOnValidate(model, obj, { auth, r })],
    [
      'pre-update',
      () => runPreUpdate(model, { before: obj, after: obj, fields: ['v'] }, { auth, r }),
    ],
  ];
  const others: [string, () => Promise<unknown>][] = [
    ['delete', () => demand(model.access.delete, { auth, obj, r })],
    ['pre-delete', () => runPreDelete(model, obj, { auth, r })],
  ];
  const views: [string, () => Promise<unknown>][] = [
    ['get', async () => await view(model, stored, auth)],
    ['push', async () => await pushView(model, stored, auth)],
  ];
  return { ...app, writes, others, views };
}

test('[LIM24] [LIM25] every call of the sandbox names the owner, and whether its input comes from the owner', async () => {
  const { sandbox, writes, others, views } = await scripted();
  const owner = 'address 192.0.2.7';
  for (const [what, run] of writes) {
    await run();
    expect(sandbox.callers.splice(0), what).toContainEqual({ owner, isOwn: true });
  }
  for (const [what, run] of [...others, ...views]) {
    await run();
    expect(sandbox.callers.splice(0), what).toContainEqual({ owner, isOwn: false });
  }
});

test('[LIM24] [LIM25] a script that may not run is a 429 with the limit, and not a failure of the script', async () => {
  const { sandbox, writes, others, views, failures } = await scripted();
  sandbox.refusal = { bound: 'limits.hookTime', retryAfter: 4 };
  const error = {
    ...{ code: 429, message: 'rate.limited', meta: { retryAfter: 4 } },
    errors: { cmd: ['beyond limits.hookTime'] },
  };
  for (const [what, run] of [...writes, ...others]) {
    await expect(run(), what).rejects.toMatchObject(error);
  }
  for (const [what, run] of views) {
    expect(await run(), what).toMatchObject({ kind: 'refused', error });
  }
  expect(failures).toEqual([]);
});
