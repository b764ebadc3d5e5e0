import type { Field, Model } from '../model.js';
import { isWritten, memberName, typeOfField, unionOf } from './field-type.js';

interface Keyed {
  /** As an operation names it: `picture.xlarge`. */
  readonly key: string;
  readonly field: Field;
}

/** Which operations fit which key, as members of a type. */
export function operationsType(model: Model): string[] {
  const keyed = keysOf(model.fields, '');
  const numbers = keyed.filter(({ field }) => field.type === 'Long' || field.type === 'Double');
  const settable = keyed.map(({ key, field }) => `${keyName(key)}: ${settableType(field)};`);
  const lists = keyed.flatMap(({ key, field }) =>
    field.type === 'List' ? [`${keyName(key)}: ${typeOfField(field.items)};`] : [],
  );
  return [
    ...block('/** Keys that `set` takes, with what it takes; null unsets. */', 'set', settable),
    '/** Keys that `addNumber` takes. */',
    `addNumber: ${unionOf(numbers.map(({ key }) => key))};`,
    ...block(
      '/** Lists, with what they hold: `push`, `addToSet`, `pull`, `insertAt`, `removeAt`. */',
      'lists',
      lists,
    ),
  ];
}

/** Null unsets, which a required field refuses. */
function settableType(field: Field): string {
  return field.required === true ? typeOfField(field) : `${typeOfField(field)} | null`;
}

function block(comment: string, name: string, members: readonly string[]): string[] {
  if (members.length === 0) return [comment, `${name}: {};`];
  return [comment, `${name}: {`, ...members.map((member) => `  ${member}`), '};'];
}

/** Every key that a client may use, including members of Objects. */
function keysOf(fields: ReadonlyMap<string, Field>, before: string): Keyed[] {
  return [...fields.values()].filter(isWritten).flatMap((field) => {
    const key = `${before}${field.name}`;
    const inside = field.type === 'Object' ? keysOf(field.fields, `${key}.`) : [];
    return [{ key, field }, ...inside];
  });
}

function keyName(key: string): string {
  return key.includes('.') ? `'${key}'` : memberName(key);
}
