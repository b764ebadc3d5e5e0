import { listed } from './expected-names.js';
import type { YamlEntry } from './model-yaml.js';

export const plainTypes = ['String', 'Boolean', 'Long', 'Double', 'Date', 'Json'] as const;
/** Every `type` that a field can have. CONTRIBUTING.md says what else a new one needs. */
export const fieldTypes = [...plainTypes, 'Object', 'List', 'reference', 'Calculated'] as const;
export type FieldTypeName = (typeof fieldTypes)[number];

/** The possible types of a calculated field. */
export const valueTypes = [...plainTypes, 'Object', 'List'] as const;

/** Names of these types in other systems. */
export const elsewhere: Readonly<Record<string, FieldTypeName>> = {
  ...{ text: 'String', char: 'String', varchar: 'String', bool: 'Boolean' },
  ...{ int: 'Long', integer: 'Long', bigint: 'Long', number: 'Double', float: 'Double' },
  ...{ decimal: 'Double', datetime: 'Date', time: 'Date', timestamp: 'Date' },
  ...{ any: 'Json', array: 'List', set: 'List', map: 'Object', ref: 'reference' },
};

/** The types whose values an `enum` can list; and lists of them. */
export const typesWithEnum = ['String', 'Long'] as const;

const clientKeys = ['required', 'default', 'validation', 'access'];
const indexKeys = ['index', 'unique'];
const plainKeys = ['type', ...clientKeys, ...indexKeys];

/** The keys of a field by its type. A type without order or equality has no index either. */
const keysByType: Record<FieldTypeName, readonly string[]> = {
  String: [...plainKeys, 'enum'],
  Boolean: plainKeys,
  Long: [...plainKeys, 'enum'],
  Double: plainKeys,
  Date: plainKeys,
  Json: ['type', ...clientKeys],
  Object: ['type', ...clientKeys, 'fields'],
  List: ['type', ...clientKeys, 'items', 'enum'],
  reference: [...plainKeys, 'collectionR', 'fields', 'onDeleted'],
  Calculated: ['type', 'valueType', 'dependsOn', 'value', 'access', ...indexKeys],
};

export const allFieldKeys: readonly string[] = [...new Set(Object.values(keysByType).flat())];

/** Whether a field of this type can be part of an index. */
export function takesIndex(type: FieldTypeName): boolean {
  return indexKeys.every((key) => keysByType[type].includes(key));
}

/** The place of a field: in the model, in an Object, or as the items of a List (or in an Object in one). */
export type FieldPlace = 'top' | 'inside' | 'items' | 'inside items';

/** A field that is being read. */
export interface FieldSpot {
  readonly type: FieldTypeName;
  readonly entry: YamlEntry;
  readonly members: ReadonlyMap<string, YamlEntry>;
  readonly path: string;
  readonly place: FieldPlace;
  /** For messages. */
  readonly what: string;
}

/** The problem of a known key at a field of this type and place; `undefined` if there is none. */
export function misplacedKey(
  key: string,
  type: FieldTypeName,
  place: FieldPlace,
): string | undefined {
  const keys = keysByType[type];
  if (key === 'onDeleted' && type === 'List') {
    return '`onDeleted` is for references; expected it at those in the `items` of the List';
  }
  if (!keys.includes(key)) {
    const owners = fieldTypes.filter((other) => keysByType[other].includes(key));
    return `\`${key}\` is for fields of type ${listed(owners)}; a${type === 'Object' ? 'n' : ''} ${type} has ${listed(keys)}`;
  }
  if (indexKeys.includes(key) && place.endsWith('items')) {
    return `\`${key}\` cannot be inside of a List; expected it at a field that an object has once`;
  }
  if (key === 'access' && place.endsWith('items')) {
    return '`access` cannot be inside of a List; expected it at the List itself';
  }
  if (key === 'default' && place === 'items') {
    return '`default` means nothing for the items of a List; expected it at the List itself';
  }
  return undefined;
}
