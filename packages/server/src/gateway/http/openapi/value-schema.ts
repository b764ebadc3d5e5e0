import type { JsonObject } from '@really/protocol';
import type {
  Field,
  Model,
  ModelSet,
  OnDeleted,
  PlainType,
  ReferenceField,
} from '../../../model/model.js';
import { forbiddenFields } from '../../../model/rules/field-rules.js';
import { isWritten } from '../../../model/typescript/field-type.js';
import { anyObject } from './parameters.js';

/**
 * The form of a value: `shown` in responses to get and read, with references resolved; `stored` in
 * responses to create and in pushes; `written` in requests to create.
 */
export type Form = 'shown' | 'stored' | 'written';

/** An R of an object, as text. */
export const objectR = '^(/[A-Za-z_][A-Za-z0-9_-]*/[A-Za-z0-9_-]{1,64})+$';

/** JSON Schemas of a model's fields. */
export class ValueSchemas {
  readonly #models: ModelSet;
  readonly #model: Model;
  readonly #form: Form;
  /** Dotted paths of the fields that are left out. */
  readonly #without: ReadonlySet<string>;

  /** `models`: those in the document. */
  constructor(models: ModelSet, model: Model, form: Form) {
    this.#models = models;
    this.#model = model;
    this.#form = form;
    this.#without = form === 'written' ? forbiddenFields(model.fieldRules.create) : new Set();
  }

  /** The schema of a whole object. */
  object(): JsonObject {
    const { fields } = this.#model;
    if (this.#form === 'written') return this.#members(fields);
    const { properties } = this.#members(fields);
    return {
      type: 'object',
      required: ['_r', '_rev'],
      properties: { ...identity, ...(properties as JsonObject) },
      additionalProperties: false,
    };
  }

  /** `path`: of the field, dotted. */
  field(field: Field, path = field.name): JsonObject {
    switch (field.type) {
      case 'Object':
        return this.#members(field.fields, `${path}.`);
      case 'List':
        return {
          type: 'array',
          items: this.field(field.items, path),
          maxItems: this.#model.limits.list,
        };
      case 'reference':
        return this.#form === 'shown' ? this.#dereferenced(field) : this.#pointer(field);
      case 'Calculated':
        return { ...plainSchemas[field.valueType], readOnly: true };
      default:
        return { ...plainSchemas[field.type], ...(field.enum && { enum: [...field.enum] }) };
    }
  }

  #members(fields: ReadonlyMap<string, Field>, before = ''): JsonObject {
    const written = this.#form === 'written';
    const described = [...fields.values()].filter((field) => {
      return !written || (isWritten(field) && !this.#without.has(`${before}${field.name}`));
    });
    const properties = described.map((field) => [
      field.name,
      this.#member(field, `${before}${field.name}`),
    ]);
    const needed = described.filter((field) => written && isNeeded(field)).map(({ name }) => name);
    return {
      type: 'object',
      ...(needed.length > 0 && { required: needed }),
      properties: Object.fromEntries(properties),
      additionalProperties: false,
    };
  }

  #member(field: Field, path: string): JsonObject {
    const schema = this.field(field, path);
    if (this.#form !== 'written' || isNeeded(field)) return schema;
    const initial = field.default?.constant?.value;
    const nullable = field.type === 'Json' ? schema : orNull(schema);
    // With the keyword `default`, type generators would make the member required.
    const description = `Default: \`${JSON.stringify(initial)}\`.`;
    return initial === undefined ? nullable : { ...nullable, description };
  }

  #pointer({ collection, onDeleted }: ReferenceField): JsonObject {
    const steps = collection.map((name) => `/${name}/[A-Za-z0-9_-]{1,64}`);
    const isVisible = this.#models.get(collection) !== undefined;
    const description = whenDeleted[onDeleted];
    const pattern = isVisible ? `^${steps.join('')}$` : objectR;
    return { type: 'string', pattern, ...(description !== undefined && { description }) };
  }

  #dereferenced(field: ReferenceField): JsonObject {
    return {
      type: 'object',
      required: ['value'],
      properties: {
        value: this.#pointer(field),
        ref: this.#target(field),
        error: { $ref: '#/components/schemas/Really.ErrorBody' },
      },
      additionalProperties: false,
    };
  }

  /** The fields that a reference shows of its target, whose own references are not resolved. */
  #target({ collection, shows }: ReferenceField): JsonObject {
    const target = this.#models.get(collection);
    const inner = target && new ValueSchemas(this.#models, target, 'stored');
    const properties: JsonObject = { ...identity, _deleted: { const: true } };
    for (const name of shows) {
      const field = target?.fields.get(name);
      if (inner && field) properties[name] = inner.field(field);
    }
    // For a target outside the document, only its existence is described.
    const rest = target === undefined ? {} : { additionalProperties: false };
    return { type: 'object', required: ['_r', '_rev'], properties, ...rest };
  }
}

/** Rule CAS3. */
const whenDeleted: Readonly<Record<OnDeleted, string | undefined>> = {
  keep: undefined,
  unset: 'Unset when that object is deleted.',
  delete: 'When that object is deleted, this one is, too.',
  refuse: 'As long as it is there, that object cannot be deleted.',
};

const identity: JsonObject = {
  _r: { type: 'string', pattern: objectR, readOnly: true },
  _rev: { type: 'integer', minimum: 1, readOnly: true },
};

const plainSchemas: Readonly<Record<PlainType | 'Object' | 'List', JsonObject>> = {
  String: { type: 'string' },
  Boolean: { type: 'boolean' },
  Long: {
    type: 'integer',
    minimum: Number.MIN_SAFE_INTEGER,
    maximum: Number.MAX_SAFE_INTEGER,
  },
  Double: { type: 'number' },
  Date: { type: 'string', format: 'date-time' },
  Json: {},
  Object: anyObject,
  List: { type: 'array' },
};

/** True if a create has to contain it. */
function isNeeded(field: Field): boolean {
  return field.required === true && field.default === undefined;
}

function orNull(schema: JsonObject): JsonObject {
  const { type, enum: values } = schema;
  if (typeof type === 'string') {
    const nullable = Array.isArray(values) && { enum: [...values, null] };
    return { ...schema, type: [type, 'null'], ...nullable };
  }
  return { anyOf: [schema, { type: 'null' }] };
}
