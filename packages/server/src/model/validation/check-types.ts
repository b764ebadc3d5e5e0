import {
  isExact,
  isId,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  parseR,
  setMember,
} from '@really/protocol';
import type {
  Field,
  ModelLimits,
  PlainField,
  PlainType,
  ReferenceField,
  Script,
} from '../model.js';
import { parseInstant } from './instant.js';
import { ValidationErrors } from './validation-errors.js';

/** A script to run on a value of the right type. */
export interface PendingCheck {
  /** `required`: the value is missing, and the script decides whether that is an error. */
  readonly kind: 'required' | 'validation';
  readonly script: Script;
  readonly path: string;
  readonly name: string;
  readonly value: JsonValue | undefined;
}

/**
 * Validates values by the types of their fields, collecting every error, and converts them to stored form. Recursion
 * is as deep as the model's definition, not as the value.
 */
export class TypeCheck {
  readonly errors: ValidationErrors;
  readonly pending: PendingCheck[] = [];
  readonly #limits: ModelLimits;
  readonly #before: JsonObject;
  #numbersBefore: ReadonlySet<number> | undefined;

  /** `before`: the stored object. Numbers in its Json that would be refused today may stay. */
  constructor(limits: ModelLimits, errors = new ValidationErrors(), before: JsonObject = {}) {
    this.#limits = limits;
    this.errors = errors;
    this.#before = before;
  }

  /** The object as stored: its fields in the order of the model, without nulls. */
  fields(fields: ReadonlyMap<string, Field>, object: JsonObject, path: string): JsonObject {
    const stored: JsonObject = {};
    for (const field of fields.values()) {
      const value = this.field(field, object[field.name], inside(path, field.name));
      if (value !== undefined) stored[field.name] = value;
    }
    for (const name of Object.keys(object)) {
      if (this.errors.isFull) break;
      if (!fields.has(name)) this.errors.add(inside(path, name), 'field.unknown');
    }
    return stored;
  }

  /** One field, which may have no value. `undefined` if there is none, or none that can be stored. */
  field(field: Field, value: JsonValue | undefined, path: string): JsonValue | undefined {
    if (field.type === 'Calculated') return this.#written(value, path);
    if (value === undefined || value === null) return this.#missing(field, path);
    const stored = this.value(field, value, path);
    if (stored !== undefined && field.validation !== undefined) {
      const { validation: script, name } = field;
      this.pending.push({ kind: 'validation', script, path, name, value: stored });
    }
    return stored;
  }

  /** A present value, by its type alone. */
  value(field: Field, value: JsonValue, path: string): JsonValue | undefined {
    switch (field.type) {
      case 'Object':
        return isJsonObject(value) ? this.fields(field.fields, value, path) : this.#invalid(path);
      case 'List':
        return this.#list(field.items, value, path);
      case 'reference':
        return storedReference(field, value) ?? this.#refuse(path, 'reference.invalid');
      case 'Calculated':
        return this.#written(value, path);
      default:
        return this.#plain(field, value, path);
    }
  }

  #plain(
    { type, enum: allowed }: PlainField,
    value: JsonValue,
    path: string,
  ): JsonValue | undefined {
    const { depth } = this.#limits;
    const stored = storedPlain(type, value, depth);
    if (stored !== undefined) {
      if (allowed === undefined || allowed.has(stored)) return stored;
      return this.#refuse(path, 'value.not.in.enum');
    }
    const kept = type === 'Json' ? storedJson(value, depth, this.#known) : undefined;
    return kept ?? this.#invalid(path);
  }

  /** Computed once: each element of a list of Json may be refused today. */
  get #known(): ReadonlySet<number> {
    this.#numbersBefore ??= numbersIn(this.#before);
    return this.#numbersBefore;
  }

  #list(items: Field, value: JsonValue, path: string): JsonValue | undefined {
    if (!Array.isArray(value) || value.length > this.#limits.list) return this.#invalid(path);
    const stored: JsonValue[] = [];
    for (const [index, element] of value.entries()) {
      const place = `${path}[${index}]`;
      const kept =
        element === null ? this.#nullElement(items, place) : this.field(items, element, place);
      if (kept !== undefined) stored.push(kept);
    }
    return stored;
  }

  /** In a list of Json, null is an element like others. */
  #nullElement({ type }: Field, path: string): null | undefined {
    return type === 'Json' ? null : this.#invalid(path);
  }

  #missing(field: Field, path: string): undefined {
    const { required, name } = field;
    if (this.errors.has(path)) return undefined;
    if (required === true) return this.#refuse(path, 'value.required');
    if (required === false) return undefined;
    this.pending.push({ kind: 'required', script: required, path, name, value: undefined });
  }

  #written(value: JsonValue | undefined, path: string): undefined {
    if (value !== undefined && value !== null) this.errors.add(path, 'field.calculated');
  }

  #invalid(path: string): undefined {
    return this.#refuse(path, 'type.invalid');
  }

  #refuse(path: string, code: string): undefined {
    this.errors.add(path, code);
  }
}

function inside(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** The stored form of a value for this field type; `undefined` if it has another type. */
export function storedPlain(
  type: PlainType,
  value: JsonValue,
  depth: number,
): JsonValue | undefined {
  switch (type) {
    case 'String':
      return typeof value === 'string' ? value : undefined;
    case 'Boolean':
      return typeof value === 'boolean' ? value : undefined;
    case 'Long':
      return Number.isSafeInteger(value) ? withoutSignedZero(value) : undefined;
    case 'Double':
      return Number.isFinite(value) ? withoutSignedZero(value) : undefined;
    case 'Date':
      return typeof value === 'string' ? parseInstant(value) : undefined;
    case 'Json':
      return storedJson(value, depth);
    default:
      return type satisfies never;
  }
}

/** JSON has no −0, so the value would change on its way to the disk. */
function withoutSignedZero(value: JsonValue): JsonValue {
  return value === 0 ? 0 : value;
}

/**
 * Any JSON value: with at most this many levels, its numbers finite, and whole ones not so large that parsing rounded
 * them. Numbers in `known` may be larger. Unchanged parts are not copied.
 */
function storedJson(
  value: JsonValue,
  levels: number,
  known?: ReadonlySet<number>,
): JsonValue | undefined {
  if (typeof value === 'number') {
    return isExact(value) || known?.has(value) ? withoutSignedZero(value) : undefined;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (levels === 0) return undefined;
  if (Array.isArray(value)) return storedElements(value, levels - 1, known);
  let copy: JsonObject | undefined;
  // For an object with very many members, entries take five times as long as keys.
  for (const name of Object.keys(value)) {
    const member = value[name] as JsonValue;
    const stored = storedJson(member, levels - 1, known);
    if (stored === undefined) return undefined;
    if (Object.is(stored, member)) continue;
    copy ??= { ...value };
    setMember(copy, name, stored);
  }
  return copy ?? value;
}

function storedElements(
  list: JsonValue[],
  levels: number,
  known?: ReadonlySet<number>,
): JsonValue[] | undefined {
  let copy: JsonValue[] | undefined;
  for (const [index, element] of list.entries()) {
    const stored = storedJson(element, levels, known);
    if (stored === undefined) return undefined;
    if (Object.is(stored, element)) continue;
    copy ??= [...list];
    copy[index] = stored;
  }
  return copy ?? list;
}

/** All numbers in a value, at any depth. */
function numbersIn(value: JsonValue, found = new Set<number>()): ReadonlySet<number> {
  if (typeof value === 'number') found.add(value);
  else if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) numbersIn(member, found);
  }
  return found;
}

export function storedReference(field: ReferenceField, value: JsonValue): string | undefined {
  if (isPlainReference(field, value)) return value;
  const { collection } = field;
  const parsed = parseR(value);
  if (parsed?.kind !== 'object' || parsed.names.length !== collection.length) return undefined;
  return parsed.names.every((name, index) => name === collection[index]) ? parsed.r : undefined;
}

/** A shorter way for an R as it is printed: lists of thousands are checked again whenever one is added. */
function isPlainReference({ collection }: ReferenceField, value: JsonValue): value is string {
  if (collection.length !== 1 || typeof value !== 'string') return false;
  const start = `/${collection[0]}/`;
  return value.startsWith(start) && isId(value.slice(start.length));
}
