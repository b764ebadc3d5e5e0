import fc from 'fast-check';
import { expect, test } from 'vitest';
import { systemPlatform } from '../../platform/system.js';
import { createQuickJsSandbox } from '../sandbox/quickjs/sandbox.js';
import { thisKey } from './expression.js';
import { expression, names, scope } from './expressions.fixture.js';
import { makeScript } from './make-script.js';
import { parseExpression } from './parse-script.js';

test('[VAL3] [HOK8] a closure answers exactly as the sandbox does', async () => {
  const sandbox = await createQuickJsSandbox({ platform: systemPlatform });
  let compared = 0;
  const work = fc.asyncProperty(expression, scope, async (source, values) => {
    const parsed = parseExpression(source);
    if (parsed.kind === 'failure') return;
    const place = { where: 'a:1:1', file: 'a', line: 1, hasThis: true } as const;
    const draft = {
      ...place,
      kind: 'expression',
      source,
      tree: parsed.tree,
      parameters: names,
    } as const;
    const script = await makeScript(draft, { sandbox, now: () => 0 });
    if ('kind' in script) return;
    const result = script.run({ ...values, [thisKey]: values.this });
    if (result instanceof Promise) {
      await result;
      return;
    }
    const program = await sandbox.compile({ ...draft, parameters: [...names, 'this'] });
    if (program.kind === 'syntax-error') return;
    compared++;
    const remote = await sandbox.call(program, values);
    if (result.kind === 'threw') expect(remote.kind).toBe('threw');
    else expect(remote).toEqual(result);
  });
  try {
    await fc.assert(work, { numRuns: 2000 });
  } finally {
    await sandbox.close();
  }
  expect(compared).toBeGreaterThan(700);
});
