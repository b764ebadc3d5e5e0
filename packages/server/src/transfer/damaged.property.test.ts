import fc from 'fast-check';
import { expect, test } from 'vitest';
import { loaded } from '../model/models.fixture.js';
import { creation, deletion, each, update } from '../store/contract/sample-writes.js';
import { ImportRefused } from './import-plan.js';
import { exported, imported, openMemory } from './transfer.fixture.js';

const yaml = 'version: 1\nfields:\n  n: { type: Long }\n  any: { type: Json }\n';

/** Pieces that form valid lines now and then. */
const piece = fc.constantFrom(
  ...['', '\n', '{', '}', '"', ',', ':', '0', '-1', '1e999', 'null', 'true', '[]', '{}', '\0'],
  ...[
    '"rev":2,',
    '"deleted":true,',
    '/users/1',
    '__proto__',
    '"change"',
    '{"since":3}\n',
    '\\ud800',
  ],
  ...['{"end":{}}\n', '{"r":"/users/1","rev":1,"modelVersion":1,"data":{}}\n', '['.repeat(20_000)],
);
const damage = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  cut: fc.nat(40),
  piece,
});

test('[MOV9] a damaged file is either imported or refused, and a refusal writes nothing', async () => {
  const { models } = await loaded({ 'users/model.yaml': yaml });
  const from = await openMemory();
  const [a, b, c] = ['1', '2', '3'].map((id) =>
    creation(`/users/${id}`, { n: 1, any: [{ x: '' }] }),
  );
  if (!a || !b || !c) throw new Error('there are three');
  await from.store.commit(each(a, b, c, update(a.object, { n: 2 }), deletion(b.object)));
  const whole = await exported(from.reader);
  let refusals = 0;
  const check = async (damages: (typeof damage extends fc.Arbitrary<infer T> ? T : never)[]) => {
    let text = whole;
    for (const { at, cut, piece } of damages) {
      const from = Math.floor(at * text.length);
      text = text.slice(0, from) + piece + text.slice(from + cut);
    }
    const to = await openMemory();
    try {
      await imported(to.store, models, text);
    } catch (error) {
      refusals += 1;
      expect(error).toBeInstanceOf(ImportRefused);
      for (const line of (error as ImportRefused).problems) expect(line).not.toContain('\n');
      expect(await to.store.position()).toBe(0);
    }
  };
  await fc.assert(fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 3 }), check), {
    numRuns: 500,
  });
  expect(refusals).toBeGreaterThan(100);
});
