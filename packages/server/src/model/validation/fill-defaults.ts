import { isJsonObject, type JsonObject, type JsonValue } from '@really/protocol';
import type { Field, Model, Script, ScriptResult } from '../model.js';
import { nowKey, ownerKey, type ScriptScope } from '../script/expression.js';
import { anywhereIn } from './anywhere-in.js';
import { TypeCheck } from './check-types.js';
import { reportFailure } from './run-checks.js';
import type { ValidationErrors } from './validation-errors.js';

/**
 * The body of a create with defaults for absent fields, at any depth; only changed parts are copied. A default of the
 * wrong type is an error, and leaves its field absent. Synchronous where no script has to run.
 */
export function fillDefaults(
  model: Model,
  body: JsonObject,
  errors: ValidationErrors,
  context: { readonly now: string; readonly owner: string | undefined },
): JsonObject | Promise<JsonObject> {
  if (!anyDefault(model.fields)) return body;
  const scope = { [nowKey]: context.now, [ownerKey]: context.owner };
  const filler = new Filler(model, errors, scope);
  const filled = filler.fields(model.fields, body, '');
  return filler.waiting.length > 0 ? Promise.all(filler.waiting).then(() => filled) : filled;
}

class Filler {
  readonly waiting: Promise<void>[] = [];
  readonly #model: Model;
  readonly #errors: ValidationErrors;
  readonly #scope: ScriptScope;

  constructor(model: Model, errors: ValidationErrors, scope: ScriptScope) {
    this.#model = model;
    this.#errors = errors;
    this.#scope = scope;
  }

  fields(fields: ReadonlyMap<string, Field>, object: JsonObject, path: string): JsonObject {
    const filled = { ...object };
    for (const field of fields.values()) {
      if (!hasDefault(field)) continue;
      const place = path === '' ? field.name : `${path}.${field.name}`;
      const value = filled[field.name];
      if (value !== undefined && value !== null)
        filled[field.name] = this.#within(field, value, place);
      else if (field.default !== undefined) this.#fill(filled, field, field.default, place);
    }
    return filled;
  }

  /** Defaults inside of a present value. A value of the wrong type is left for the type check to refuse. */
  #within(field: Field, value: JsonValue, path: string): JsonValue {
    if (field.type === 'Object' && isJsonObject(value))
      return this.fields(field.fields, value, path);
    if (field.type !== 'List' || !Array.isArray(value)) return value;
    if (value.length > this.#model.limits.list) return value;
    return value.map((element, index) => this.#within(field.items, element, `${path}[${index}]`));
  }

  #fill(target: JsonObject, field: Field, script: Script, path: string): void {
    const result = script.run(this.#scope);
    if (result instanceof Promise) {
      // A placeholder keeps the order of the members until the value arrives.
      target[field.name] = null;
      this.waiting.push(result.then((late) => this.#settle(target, field, script, path, late)));
    } else this.#settle(target, field, script, path, result);
  }

  #settle(
    target: JsonObject,
    field: Field,
    script: Script,
    path: string,
    result: ScriptResult,
  ): void {
    if (result.kind !== 'returned') {
      reportFailure(this.#model, script, result);
      this.#errors.add(path, 'field.default.invalid_return_type');
      return;
    }
    const { value } = result;
    if (value === undefined || value === null) return;
    const check = new TypeCheck(this.#model.limits);
    const stored = check.value(field, value, path);
    if (stored === undefined || !check.errors.none) {
      this.#errors.add(path, 'field.default.invalid_return_type');
    } else target[field.name] = stored;
  }
}

const hasDefault = anywhereIn((field) => field.default !== undefined);

function anyDefault(fields: ReadonlyMap<string, Field>): boolean {
  for (const field of fields.values()) if (hasDefault(field)) return true;
  return false;
}
