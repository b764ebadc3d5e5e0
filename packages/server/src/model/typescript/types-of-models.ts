import type { Field, Model, ModelSet } from '../model.js';
import {
  addressType,
  isWritten,
  memberName,
  printedCollection,
  typeOfField,
  unionOf,
} from './field-type.js';
import { operationsType } from './operations.js';

/**
 * TypeScript types of an app's models, as the text of a module without imports. For each collection an
 * interface of its objects and one of what a create takes; `Models` has everything that a client needs to
 * check fields, field sets, references and operations.
 */
export function typesOfModels(models: ModelSet): string {
  const named = namedModels(models.all());
  const lines = [
    ...preamble,
    ...named.flatMap((namedModel) => [
      '',
      ...objectInterface(namedModel),
      '',
      ...createInterface(namedModel),
    ]),
    '',
    '/** Every collection of the app, by its address. */',
    'export interface Models {',
    ...named.flatMap((namedModel) => indented(modelMember(namedModel))),
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

const preamble = [
  '// Made by `really models types`. Do not edit: change the models and run it again.',
  '',
  '/** Anything that JSON can say. */',
  'export type JsonValue =',
  '  | null | boolean | number | string | JsonValue[] | { [name: string]: JsonValue };',
  '',
  '// The address of an object of a collection, which is printed with stars for the ids.',
  'export type R<Collection extends string> =',
  `  Collection extends \`\${infer Name}*\${infer Inner}\` ? \`\${Name}\${string}\${R<Inner>}\` : Collection;`,
];

export interface NamedModel {
  readonly model: Model;
  /** Of its interface. */
  readonly name: string;
}

/** A name for each, fit for an identifier: `user-posts` and `user_posts` would have the same one. */
export function namedModels(models: readonly Model[]): NamedModel[] {
  const taken = new Set<string>(['Models', 'JsonValue', 'R']);
  return models.map((model) => {
    const wished = interfaceName(model);
    let name = wished;
    for (let count = 2; taken.has(name) || taken.has(`${name}Create`); count++) {
      name = `${wished}${count}`;
    }
    taken.add(name).add(`${name}Create`);
    return { model, name };
  });
}

/** `UsersPosts` for the posts of users. */
function interfaceName({ names }: Model): string {
  const words = names.flatMap((name) => name.split(/[-_]+/)).filter((word) => word !== '');
  const name = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return /^[A-Za-z]/.test(name) ? name : `Collection${name}`;
}

function objectInterface({ model, name }: NamedModel): string[] {
  const members = [...model.fields.values()].map((field) => {
    const prefix = isWritten(field) ? '' : 'readonly ';
    const mark = isAlwaysThere(model, field) ? '' : '?';
    return `  ${prefix}${memberName(field.name)}${mark}: ${typeOfField(field)};`;
  });
  return [
    // An address has `*/` in it, which would end a block comment.
    `// An object of ${printedCollection(model.names)}, version ${model.version} of its model.`,
    `export interface ${name} {`,
    `  readonly _r: ${addressType(model.names)};`,
    '  readonly _rev: number;',
    ...members,
    '}',
  ];
}

/** A field that a pre-get may hide is optional. */
function isAlwaysThere({ hides }: Model, field: Field): boolean {
  const mayBeHidden = hides === 'any' || hides.has(field.name);
  return isWritten(field) && field.required === true && !mayBeHidden;
}

function createInterface({ model, name }: NamedModel): string[] {
  const members = [...model.fields.values()].filter(isWritten).map((field) => {
    const needed = field.required === true && field.default === undefined;
    return `  ${memberName(field.name)}${needed ? '' : '?'}: ${typeOfField(field)}${needed ? '' : ' | null'};`;
  });
  return [
    `// What a create in ${printedCollection(model.names)} takes.`,
    `export interface ${name}Create {`,
    ...members,
    '}',
  ];
}

function modelMember({ model, name }: NamedModel): string[] {
  const sets = [...model.fieldSets].map(([set, fields]) => {
    return `${memberName(set)}: ${unionOf(fields)};`;
  });
  const references = referencesIn(model.fields).map(({ key, field, isList }) => {
    const list = isList ? ' list: true;' : '';
    const collection = printedCollection(field.collection);
    return `${memberName(key)}: { collection: '${collection}';${list} shows: ${unionOf(field.shows)} };`;
  });
  return [
    `'${printedCollection(model.names)}': {`,
    ...indented([
      `version: ${model.version};`,
      `object: ${name};`,
      `create: ${name}Create;`,
      ...block('fieldSets', sets),
      ...block('references', references),
      'operations: {',
      ...indented(operationsType(model)),
      '};',
    ]),
    '};',
  ];
}

interface FoundReference {
  /** `friend`, `house.owner`; of a member of objects in a list `team[].lead`. */
  readonly key: string;
  readonly field: Extract<Field, { type: 'reference' }>;
  readonly isList: boolean;
}

function referencesIn(fields: ReadonlyMap<string, Field>, before = ''): FoundReference[] {
  return [...fields.values()].flatMap((field) => referencesOf(field, `${before}${field.name}`));
}

function referencesOf(field: Field, key: string, isList = false): FoundReference[] {
  switch (field.type) {
    case 'reference':
      return [{ key, field, isList }];
    case 'Object':
      return referencesIn(field.fields, `${key}${isList ? '[]' : ''}.`);
    case 'List':
      return referencesOf(field.items, isList ? `${key}[]` : key, true);
    default:
      return [];
  }
}

function block(name: string, members: readonly string[]): string[] {
  return members.length === 0 ? [`${name}: {};`] : [`${name}: {`, ...indented(members), '};'];
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
