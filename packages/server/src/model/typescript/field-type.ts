import { type JsonValue, printedCollection } from '@really/protocol';
import type { CalculatedField, Field, ModelSet, PlainType, ReferenceField } from '../model.js';

/**
 * The form of a value: `shown` by get and read, with what references refer to; `stored` in live copies and in the
 * answer to a create; `written` by commands.
 */
export type TypeForm = 'shown' | 'stored' | 'written';

const plainTypes: Readonly<Record<PlainType | 'Object' | 'List', string>> = {
  String: 'string',
  Boolean: 'boolean',
  Long: 'number',
  Double: 'number',
  Date: 'string',
  Json: 'JsonValue',
  Object: '{ readonly [name: string]: JsonValue }',
  List: 'readonly JsonValue[]',
};

/** The TypeScript types of fields, each as of the JSON on the wire, where a Date is text. */
export class FieldTypes {
  readonly #models: ModelSet;
  readonly #form: TypeForm;
  /** Dotted paths of fields that are left out. */
  readonly #without: ReadonlySet<string>;

  constructor(models: ModelSet, form: TypeForm, without: ReadonlySet<string> = new Set()) {
    this.#models = models;
    this.#form = form;
    this.#without = without;
  }

  /** `path`: of the field, dotted. */
  of(field: Field, path = field.name): string {
    switch (field.type) {
      case 'Object':
        return this.#members(field.fields, path);
      case 'List':
        return listOf(this.of(field.items, path));
      case 'reference':
        return this.#form === 'shown' ? this.#dereferenced(field) : addressType(field.collection);
      case 'Calculated':
        return plainTypes[field.valueType];
      default:
        return field.enum ? [...field.enum].map(literalType).join(' | ') : plainTypes[field.type];
    }
  }

  /** Whether it is not among the fields that are left out. */
  has(path: string): boolean {
    return !this.#without.has(path);
  }

  #members(fields: ReadonlyMap<string, Field>, path: string): string {
    const prefix = this.#form === 'written' ? '' : 'readonly ';
    const members = sortedFields(fields)
      .filter(({ name }) => this.has(`${path}.${name}`))
      .map((field) => {
        const mark = field.required === true ? '' : '?';
        return `${prefix}${memberName(field.name)}${mark}: ${this.of(field, `${path}.${field.name}`)}`;
      });
    return members.length === 0 ? '{}' : `{ ${members.join('; ')} }`;
  }

  /** What a get or read shows of a reference ([GET4], [GET5]); the target's own references are not followed. */
  #dereferenced({ collection, shows }: ReferenceField): string {
    const target = this.#models.get(collection);
    const types = new FieldTypes(this.#models, 'stored');
    const fields = [...shows].sort().flatMap((name) => target?.fields.get(name) ?? []);
    const shown = fields.map((field) => `readonly ${memberName(field.name)}?: ${types.of(field)}`);
    const address = addressType(collection);
    const ref = ['readonly _r: string', 'readonly _rev: number', 'readonly _deleted?: true'];
    return [
      `{ readonly value: ${address};`,
      `readonly ref?: { ${[...ref, ...shown].join('; ')} };`,
      'readonly error?: { readonly code: number; readonly message: string } }',
    ].join(' ');
  }
}

/** By name, so that moving a field in its model changes nothing. */
export function sortedFields(fields: ReadonlyMap<string, Field>): Field[] {
  return [...fields.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A text or a number as a type. */
function literalType(value: JsonValue): string {
  const text = JSON.stringify(value);
  if (typeof value !== 'string' || /['\\]/.test(text)) return text;
  return `'${value}'`;
}

/** Whether clients write it. */
export function isWritten(field: Field): field is Exclude<Field, CalculatedField> {
  return field.type !== 'Calculated';
}

/** The addresses of its objects, as a template literal type. */
export function addressType(names: readonly string[]): string {
  return `\`${printedCollection(names).replaceAll('*', `\${string}`)}\``;
}

/** A name as a member of a type: quoted if it is not an identifier. */
export function memberName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : `'${name}'`;
}

/** A union of types; `never` if there are none. */
export function unionOf(types: readonly string[]): string {
  return types.length === 0 ? 'never' : types.join(' | ');
}

function listOf(item: string): string {
  return /^(\w+|`[^`]*`|\{.*\})$/.test(item) ? `readonly ${item}[]` : `readonly (${item})[]`;
}
