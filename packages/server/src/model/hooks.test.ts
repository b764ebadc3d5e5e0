import type { Auth } from '@really/protocol';
import { expect, test } from 'vitest';
import { runOnValidate, runPreDelete, runPreUpdate } from './hooks.js';
import { alice, bob, thing } from './models.fixture.js';

const field = '  age: { type: Long }';
const by = (auth: Auth) => ({ auth, r: '/things/1' });

test('[HOK1] [HOK5] on-validate sees input and auth, and cancels with its own code', async () => {
  const { thing: model } = await thing(field, '', {
    'on-validate.js': 'if (input.age < 18 && auth.uid !== "alice") cancel(451, "too.young");',
  });
  await runOnValidate(model, { age: 3 }, by(alice));
  await runOnValidate(model, { age: 18 }, by(bob));
  await expect(runOnValidate(model, { age: 3 }, by(bob))).rejects.toMatchObject({
    code: 451,
    message: 'too.young',
  });
});

test('[HOK3] pre-update sees before, after, fields and auth', async () => {
  const { thing: model } = await thing(field, '', {
    'pre-update.js': 'cancel(409, [before.age, after.age, fields.join(), auth._r].join(" "));',
  });
  const scope = { before: { age: 1 }, after: { age: 2 }, fields: ['age'] };
  await expect(runPreUpdate(model, scope, by(alice))).rejects.toMatchObject({
    message: '1 2 age /users/1',
  });
});

test('[HOK4] pre-delete sees obj and auth', async () => {
  const { thing: model } = await thing(field, '', {
    'pre-delete.js': 'cancel(409, obj._r + auth.uid)',
  });
  await expect(runPreDelete(model, { _r: '/things/1' }, by(bob))).rejects.toMatchObject({
    message: '/things/1bob',
  });
});

test('[HOK8] a hook that throws or exceeds its limits is a 500, and is logged with its file and line', async () => {
  const { thing: model, failures } = await thing(field, '', {
    'on-validate.js': 'null.x',
    'pre-delete.js': 'for (;;);',
  });
  await expect(runOnValidate(model, {}, by(alice))).rejects.toMatchObject({
    code: 500,
    message: 'internal.server.error',
  });
  await expect(runPreDelete(model, {}, by(alice))).rejects.toMatchObject({ code: 500 });
  expect(failures).toMatchObject([
    {
      where: expect.stringMatching(/things\/on-validate\.js$/),
      result: { kind: 'threw', line: 1 },
    },
    {
      where: expect.stringMatching(/things\/pre-delete\.js$/),
      result: { kind: 'stopped', reason: 'time' },
    },
  ]);
});

test('[HOK1] a model without hooks allows everything', async () => {
  const { thing: model, sandbox } = await thing(field);
  await runOnValidate(model, {}, by(alice));
  await runPreUpdate(model, { before: {}, after: {}, fields: [] }, by(alice));
  await runPreDelete(model, {}, by(alice));
  expect(sandbox.calls).toEqual([]);
});
