import { parseR } from '@really/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { collectionAddress, objectAddress } from './address.js';

const steps = ['users', 'posts', '_x', '1', 'a-B_9', '*', '', '**', 'é', 'x\n', 'a'.repeat(65)];
const texts = fc.oneof(
  fc
    .array(fc.constantFrom('users', 'posts', '1', 'x', '*', ...steps), { maxLength: 7 })
    .chain((parts) =>
      fc.constantFrom(`/${parts.join('/')}`, `/${parts.join('/')}/`, parts.join('/')),
    ),
  fc.string(),
);

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return undefined;
  }
}

test('[TSC9] addresses are read as the protocol reads them', () => {
  const kinds = new Set<string | undefined>();
  fc.assert(
    fc.property(texts, (text) => {
      const parsed = parseR(text);
      kinds.add(parsed?.kind);
      const object = attempt(() => objectAddress(text));
      const collection = attempt(() => collectionAddress(text));
      if (parsed?.kind === 'object') expect(object).toEqual({ r: parsed.r, id: parsed.id });
      else expect(object).toBe(undefined);
      if (parsed?.kind === 'collection') {
        expect(collection).toEqual({ r: parsed.r, isBelowAny: parsed.parents.includes('*') });
      } else expect(collection).toBe(undefined);
    }),
    { numRuns: 2_000 },
  );
  expect(kinds.size).toBe(3);
});
