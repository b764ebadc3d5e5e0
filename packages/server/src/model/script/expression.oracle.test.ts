import type { JsonValue } from '@really/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Script, ScriptResult } from '../model.js';
import { VmSandbox } from '../models.fixture.js';
import { thisKey } from './expression.js';
import { expression, names, scope } from './expressions.fixture.js';
import { makeScript } from './make-script.js';
import { parseExpression } from './parse-script.js';

/** What plain JavaScript makes of it, brought out as the sandbox brings it out. */
function oracle(
  source: string,
  values: Record<string, JsonValue | undefined>,
): ScriptResult | 'threw' {
  const copies = ['a', 'b', 'c', 'this'].map((name) => {
    const text = JSON.stringify(values[name]);
    return text === undefined ? undefined : JSON.parse(text);
  });
  try {
    const work = new Function('a', 'b', 'c', `return (${source}\n);`);
    const value = work.call(copies[3], ...copies.slice(0, 3));
    if (typeof value === 'number' && !Number.isFinite(value)) return 'threw';
    const text = JSON.stringify(value);
    return {
      kind: 'returned',
      value: text === undefined ? undefined : JSON.parse(text),
      hidden: [],
    };
  } catch {
    return 'threw';
  }
}

async function scriptOf(
  source: string,
): Promise<{ script: Script; sandbox: VmSandbox } | undefined> {
  const parsed = parseExpression(source);
  if (parsed.kind === 'failure') return undefined;
  const sandbox = new VmSandbox();
  const draft = {
    kind: 'expression',
    source,
    tree: parsed.tree,
    where: 'a:1:1',
    file: 'a',
    line: 1,
    parameters: names,
    hasThis: true,
  } as const;
  const script = await makeScript(draft, { sandbox, now: () => 0 });
  return 'kind' in script ? undefined : { script, sandbox };
}

test('[VAL3] a closure answers exactly as JavaScript does', async () => {
  let closures = 0;
  await fc.assert(
    fc.asyncProperty(expression, scope, async (source, values) => {
      const made = await scriptOf(source);
      if (made === undefined) return;
      const result = made.script.run({ ...values, [thisKey]: values.this });
      // In the sandbox it is right by itself.
      if (result instanceof Promise) {
        await result;
        return;
      }
      closures++;
      const expected = oracle(source, values);
      expect(result.kind === 'threw' ? 'threw' : result).toEqual(expected);
    }),
    { numRuns: 4000 },
  );
  expect(closures).toBeGreaterThan(1500);
});

test('[VAL3] an expression changes nothing of what it is given', async () => {
  await fc.assert(
    fc.asyncProperty(expression, scope, async (source, values) => {
      const before = JSON.stringify(values);
      const made = await scriptOf(source);
      await made?.script.run({ ...values, [thisKey]: values.this });
      expect(JSON.stringify(values)).toBe(before);
    }),
    { numRuns: 500 },
  );
});
