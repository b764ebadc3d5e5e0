import { expect, test } from 'vitest';
import { parseBody } from '../script/parse-script.js';
import { hidesOf } from './script-reads.js';

function hides(source: string): string[] | 'any' {
  const parsed = parseBody(source);
  if (parsed.kind === 'failure') throw new Error(parsed.message);
  const found = hidesOf(parsed.tree);
  return found === 'any' ? found : [...found].sort();
}

test('[CLI9] the fields that a pre-get may hide are its literal names', () => {
  expect(hides('print(obj.a);')).toEqual([]);
  expect(hides('if (auth.uid !== obj.owner) { hide("a", "b"); } else hide("c");')).toEqual([
    ...['a', 'b', 'c'],
  ]);
  expect(hides('const rest = () => hide("a"); rest();')).toEqual(['a']);
});

test.each([
  'hide(obj.secret)',
  'hide("a", name)',
  'hide(...["a"])',
  'hide(obj.x ? "a" : "b")',
  '["a"].forEach(hide)',
  'const h = hide; h("a")',
  'hide.apply(null, ["a"])',
  'globalThis.hide("a")',
  'this.hide("a")',
  'eval("hide(\\"a\\")")',
  '(() => 1).constructor("hide(\\"a\\")")()',
])('[CLI9] if reading the script does not show it, any field may be hidden: %s', (source) => {
  expect(hides(source)).toBe('any');
});
