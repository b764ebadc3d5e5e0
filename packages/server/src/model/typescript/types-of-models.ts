import { createHash } from 'node:crypto';
import { printedCollection } from '@really/protocol';
import type { Field, Model, ModelSet } from '../model.js';
import { forbiddenFields } from '../rules/field-rules.js';
import { holdsReference } from '../validation/references.js';
import {
  addressType,
  FieldTypes,
  isWritten,
  memberName,
  sortedFields,
  type TypeForm,
  unionOf,
} from './field-type.js';
import { block, indented, operationsType } from './operations.js';

/** The TypeScript types of an app's models (rule CLI9). */
export interface ModelTypes {
  /**
   * A module without imports, good as `really.d.ts` and as `really.ts`: flat interfaces for each collection, `Models` with all
   * of them by address, and `modelsHash`. The same for the same types, in whatever order the models have them.
   */
  readonly text: string;
  /** The JavaScript beside a `really.d.ts`: `modelsHash`. */
  readonly script: string;
  /** Of the types: it stays the same where only rules or hooks changed. 16 hexadecimal digits. */
  readonly hash: string;
}

const made = new WeakMap<ModelSet, ModelTypes>();

/** Made once for each set of models. */
export function typesOfModels(models: ModelSet): ModelTypes {
  const known = made.get(models);
  if (known) return known;
  const types = makeTypes(models);
  made.set(models, types);
  return types;
}

function makeTypes(models: ModelSet): ModelTypes {
  const named = namedModels(models.all()).sort((a, b) => (patternOf(a) < patternOf(b) ? -1 : 1));
  const body = [
    ...named.flatMap((namedModel) => ['', ...collectionTypes(models, namedModel)]),
    '',
    '/** Every collection of the app, by its address. */',
    'export interface Models {',
    ...named.flatMap((namedModel) => indented(modelMember(models, namedModel))),
    '}',
  ].join('\n');
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 16);
  const constant = `export const modelsHash = '${hash}';`;
  return {
    hash,
    text: `${[header, '', ...preamble, '', hashComment, constant].join('\n')}\n${body}\n`,
    script: `${header}\n${constant}\n`,
  };
}

const header = '// Made by `really dev` and `really models types`. Do not edit: change the models.';

const preamble = [
  '/** Anything that JSON can say. */',
  'export type JsonValue =',
  '  | null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue };',
];

const hashComment =
  '/** Of these types. A client that is given it as `models` warns if the server has others. */';

export interface NamedModel {
  readonly model: Model;
  /** Of its interface. */
  readonly name: string;
}

const uses = ['', 'Read', 'Create', 'Ops'];

/** A name for each, fit for an identifier: `user-posts` and `user_posts` would have the same one. */
export function namedModels(models: readonly Model[]): NamedModel[] {
  const taken = new Set<string>(['Models', 'JsonValue']);
  return models.map((model) => {
    const wished = interfaceName(model);
    let name = wished;
    for (let count = 2; uses.some((use) => taken.has(`${name}${use}`)); count++) {
      name = `${wished}${count}`;
    }
    for (const use of uses) taken.add(`${name}${use}`);
    return { model, name };
  });
}

/** `UsersPosts` for the posts of users. */
function interfaceName({ names }: Model): string {
  const words = names.flatMap((name) => name.split(/[-_]+/)).filter((word) => word !== '');
  const name = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return /^[A-Za-z]/.test(name) ? name : `Collection${name}`;
}

function patternOf({ model }: NamedModel): string {
  return printedCollection(model.names);
}

// Addresses have `*/` in them, which would end a block comment.
function collectionTypes(models: ModelSet, named: NamedModel): string[] {
  const { model, name } = named;
  const pattern = patternOf(named);
  const operations = operationsType(models, model);
  const read =
    readInterface(named) === name
      ? []
      : [
          '',
          `// An object of ${pattern} as get and read bring it, with what its references refer to.`,
          ...objectInterface(models, model, { name: `${name}Read`, form: 'shown' }),
        ];
  return [
    `// An object of ${pattern}, as live copies have it.`,
    ...objectInterface(models, model, { name, form: 'stored' }),
    ...read,
    '',
    `// What a create in ${pattern} takes.`,
    ...createInterface(models, named),
    '',
    `// What an update in ${pattern} may do: which key takes which operation.`,
    `export interface ${name}Ops {`,
    ...indented(operations),
    '}',
  ];
}

function objectInterface(
  models: ModelSet,
  model: Model,
  { name, form }: { name: string; form: TypeForm },
): string[] {
  const types = new FieldTypes(models, form);
  const members = sortedFields(model.fields).map((field) => {
    const mark = isAlwaysThere(model, field) ? '' : '?';
    return `readonly ${memberName(field.name)}${mark}: ${types.of(field)};`;
  });
  const identity = [`readonly _r: ${addressType(model.names)};`, 'readonly _rev: number;'];
  return [`export interface ${name} {`, ...indented([...identity, ...members]), '}'];
}

/** A field that a pre-get may hide is optional. */
function isAlwaysThere({ hides }: Model, field: Field): boolean {
  const mayBeHidden = hides === 'any' || hides.has(field.name);
  return isWritten(field) && field.required === true && !mayBeHidden;
}

function createInterface(models: ModelSet, { model, name }: NamedModel): string[] {
  const types = new FieldTypes(models, 'written', forbiddenFields(model.fieldRules.create));
  const members = sortedFields(model.fields)
    .filter((field) => isWritten(field) && types.has(field.name))
    .map((field) => {
      const needed = field.required === true && field.default === undefined;
      const type = types.of(field);
      return needed
        ? `${memberName(field.name)}: ${type};`
        : `${memberName(field.name)}?: ${type} | null | undefined;`;
    });
  return [`export interface ${name}Create {`, ...indented(members), '}'];
}

/** The interface of what get and read bring: another one only where references come with their targets. */
function readInterface({ model, name }: NamedModel): string {
  return [...model.fields.values()].some(holdsReference) ? `${name}Read` : name;
}

/** What the model says of the rooms of its objects: the state of a member, and the data of messages. */
function roomMembers(models: ModelSet, { rooms: { presence, events } }: Model): string[] {
  const types = new FieldTypes(models, 'stored');
  const typeOf = (fields: ReadonlyMap<string, Field>) =>
    types.of({ name: '', type: 'Object', fields, required: true, index: false, unique: false });
  const named = [...(events ?? [])]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([event, fields]) => `${memberName(event)}: ${typeOf(fields)};`);
  return [
    ...(presence ? [`Presence: ${typeOf(presence)};`] : []),
    ...(events ? ['Events: {', ...indented(named), '};'] : []),
  ];
}

function modelMember(models: ModelSet, named: NamedModel): string[] {
  const { model, name } = named;
  const sets = [...model.fieldSets]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([set, fields]) => {
      return `${memberName(set)}: ${unionOf([...fields].sort().map((field) => `'${field}'`))};`;
    });
  return block(`'${patternOf(named)}'`, [
    `Read: ${readInterface(named)};`,
    `Live: ${name};`,
    `Create: ${name}Create;`,
    `Ops: ${name}Ops;`,
    ...block('Sets', sets),
    ...roomMembers(models, model),
  ]);
}
