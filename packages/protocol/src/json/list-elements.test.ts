import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deepEqual } from './deep-equal.js';
import { jsonValue } from './json.fixture.js';
import { ListElements } from './list-elements.js';

test('[RQL4] lookups in a list give the same results however often, and whatever other lists are used in between', () => {
  const elements = new ListElements();
  const lists = fc.array(fc.array(jsonValue, { maxLength: 40 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(lists, fc.array(jsonValue, { maxLength: 8 }), (all, others) => {
      for (let round = 0; round < 6; round++) {
        for (const list of all) {
          for (const sought of [...others, ...list.slice(-3)]) {
            const wanted = list.some((element) => deepEqual(element, sought));
            expect(elements.has(list, sought)).toBe(wanted);
          }
        }
      }
    }),
  );
});

test('[LIM17] a thousand lookups in a long list compare its elements a few times, not a thousand', () => {
  let looks = 0;
  const list = new Proxy(
    Array.from({ length: 10_000 }, (_, n) => `element ${n}`),
    {
      get(target, name, receiver) {
        if (typeof name === 'string' && /^\d+$/.test(name)) looks += 1;
        return Reflect.get(target, name, receiver);
      },
    },
  );
  const elements = new ListElements();
  for (let n = 0; n < 1000; n++) expect(elements.has(list, `other ${n}`)).toBe(false);
  expect(looks).toBeLessThan(60_000);
});
