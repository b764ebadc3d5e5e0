import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deepEqual } from './deep-equal.js';
import { jsonValue } from './json.fixture.js';
import { ListElements } from './list-elements.js';

test('[RQL4] a list has the same elements however often it is asked, and whatever others are asked in between', () => {
  const elements = new ListElements();
  const lists = fc.array(fc.array(jsonValue, { maxLength: 40 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(lists, fc.array(jsonValue, { maxLength: 8 }), (all, others) => {
      for (let round = 0; round < 6; round++) {
        for (const list of all) {
          for (const one of [...others, ...list.slice(-3)]) {
            const wanted = list.some((element) => deepEqual(element, one));
            expect(elements.has(list, one)).toBe(wanted);
          }
        }
      }
    }),
  );
});

test('[LIM17] a thousand looks into a long list compare its elements a few times, not a thousand', () => {
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
