import type { JsonObject, JsonValue } from '@really/protocol';
import type { Dials } from './dials.js';

/** A list of values that are alike, or not. */
export function listOf(dials: Dials, most: number): JsonValue[] {
  const length = dials.size(most);
  const kind = dials.pick('numbers', 'texts', 'objects', 'same', 'lists', 'alike');
  return Array.from({ length }, (_, n): JsonValue => {
    switch (kind) {
      case 'numbers':
        return n;
      case 'texts':
        return `t${n}`;
      case 'objects':
        return { a: n };
      case 'same':
        return 0;
      case 'lists':
        return [n];
      default:
        return `a text that many begin with ${n}`;
    }
  });
}

/** JSON in JSON. */
export function nested(depth: number, kind: 'lists' | 'objects', inside: JsonValue = 1): JsonValue {
  let value = inside;
  for (let level = 0; level < depth; level++) value = kind === 'lists' ? [value] : { a: value };
  return value;
}

/** A value of any shape. */
export function anyValue(dials: Dials, most: number): JsonValue {
  const size = dials.size(most);
  switch (dials.pick('list', 'wide', 'deep', 'text', 'escapes')) {
    case 'list':
      return listOf(dials, size);
    case 'wide':
      return Object.fromEntries(
        Array.from({ length: Math.ceil(size / 8) }, (_, n) => [`m${n}`, n]),
      );
    case 'deep':
      return nested(Math.min(size, 62), dials.pick('lists', 'objects'));
    case 'text':
      return 'x'.repeat(size);
    default:
      return '\u0001"\\'.repeat(Math.ceil(size / 14));
  }
}

export const fields = ['n', 'tag', 'text', 'list', 'names', 'doc', 'json', 'more'];

/** A filter with the values that it names. */
export function filterOf(dials: Dials): { filter: string; values: JsonObject } {
  const values: JsonObject = {
    list: listOf(dials, 20_000),
    number: dials.below(20_000),
    text: dials.pick('t', 'text number', 'x'.repeat(dials.size(4000))),
    pair: [0, 20_000],
    any: anyValue(dials, 4000),
  };
  const atoms = Array.from({ length: 3 }, () => atomOf(dials));
  const count = dials.size(400);
  const joint = dials.pick(' or ', ' and ', ' or not ', ' and not ');
  const depth = dials.flag() ? 0 : dials.size(40);
  const most = dials.flag() ? 4096 : 20_000;
  const open = dials.pick('(', 'not (');
  const inside: string[] = [];
  let length = depth * (open.length + 1);
  for (let n = 0; n < count; n++) {
    const atom = atoms[n % atoms.length] ?? 'n > 1';
    length += atom.length + joint.length;
    if (length > most && n > 0) break;
    inside.push(atom);
  }
  const filter = open.repeat(depth) + inside.join(joint) + ')'.repeat(depth);
  const used = Object.entries(values).filter(([name]) => filter.includes(`$${name}`));
  return { filter, values: Object.fromEntries(used) };
}

function atomOf(dials: Dials): string {
  return dials.pick(
    'n in $list',
    'not n in $list',
    'tag in $list',
    'text in $list',
    "not list contains 'zz'",
    'list contains $number',
    'list contains $any',
    'json contains $any',
    'json.a.b = $number',
    'json = $any',
    'text starts with $text',
    'text > $text',
    'n between $pair',
    'n > $number',
    'n >= 0',
    "tag = 'large'",
    'doc.a.b.c.d != null',
    '_rev > 0',
    '_r in $list',
    'more = null',
  );
}

/** A message holds no more than this of what is composed. */
export const mostBytes = 65_536;
