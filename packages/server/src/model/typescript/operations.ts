import type { Field, Model, ModelSet } from '../model.js';
import { forbiddenFields } from '../rules/field-rules.js';
import { FieldTypes, isWritten, memberName, sortedFields, unionOf } from './field-type.js';

interface Keyed {
  /** As an operation names it, a type where it has an index: `picture.xlarge`, `tags[${number}]`. */
  readonly key: string;
  /** Dotted, without indexes. */
  readonly path: string;
  readonly field: Field;
  /** An element of a list cannot be unset. */
  readonly isElement: boolean;
}

/** Which operations fit which key, as members of an interface. */
export function operationsType(models: ModelSet, model: Model): string[] {
  const types = new FieldTypes(models, 'written');
  const keyed = keysOf(
    model.fields,
    { key: '', path: '' },
    forbiddenFields(model.fieldRules.update),
  );
  const settable = keyed.map((item) => `${keyName(item.key)}: ${settableType(types, item)};`);
  const numbers = keyed.filter(({ field: { type } }) => type === 'Long' || type === 'Double');
  const lists = keyed.flatMap(({ key, path, field }) =>
    field.type === 'List' ? [`${keyName(key)}: ${types.of(field.items, path)};`] : [],
  );
  const json = keyed.filter(({ field }) => field.type === 'Json');
  const inJson = json.flatMap(({ key }) => [`${key}.\${string}`, `${key}[\${string}`]);
  const anywhere = inJson.map((key) => `${keyName(key)}: JsonValue;`);
  const listsInJson = json.map(({ key }) => `${keyName(key)}: JsonValue;`);
  const counted = [...numbers, ...json].map(({ key }) => key);
  return [
    ...block('set', [...settable, ...anywhere]),
    `addNumber: ${unionOf([...counted, ...inJson].map(literal))};`,
    ...block('lists', [...lists, ...listsInJson, ...anywhere]),
  ];
}

/** Null unsets, which a required field refuses. */
function settableType(types: FieldTypes, { field, path, isElement }: Keyed): string {
  const type = types.of(field, path);
  return field.required === true || isElement || field.type === 'Json' ? type : `${type} | null`;
}

/** A member that has members. */
export function block(name: string, members: readonly string[]): string[] {
  if (members.length === 0) return [`${name}: {};`];
  return [`${name}: {`, ...indented(members), '};'];
}

export function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

/** Every key that a client may use, including members of Objects and elements of lists. */
function keysOf(
  fields: ReadonlyMap<string, Field>,
  before: Pick<Keyed, 'key' | 'path'>,
  without: ReadonlySet<string>,
): Keyed[] {
  return sortedFields(fields)
    .filter(isWritten)
    .flatMap((field) => {
      const [key, path] = [`${before.key}${field.name}`, `${before.path}${field.name}`];
      return without.has(path) ? [] : keysAt({ key, path, field, isElement: false }, without);
    });
}

function keysAt(at: Keyed, without: ReadonlySet<string>): Keyed[] {
  const { key, path, field } = at;
  if (field.type === 'Object') {
    return [at, ...keysOf(field.fields, { key: `${key}.`, path: `${path}.` }, without)];
  }
  if (field.type !== 'List') return [at];
  const element = { key: `${key}[\${number}]`, path, field: field.items, isElement: true };
  return [at, ...keysAt(element, without)];
}

function keyName(key: string): string {
  if (key.includes('$')) return `[key: \`${key}\`]`;
  return memberName(key);
}

function literal(key: string): string {
  return key.includes('$') ? `\`${key}\`` : `'${key}'`;
}
