import type { JsonObject } from '@really/protocol';
import { instantText } from '../../platform/instant-text.js';
import type { Model } from '../model.js';
import { TypeCheck } from './check-types.js';
import { fillDefaults } from './fill-defaults.js';
import { roundedLongs } from './rounded-numbers.js';
import { runChecks, type ValidationContext } from './run-checks.js';
import { mostPaths, ValidationErrors } from './validation-errors.js';

export interface Checked {
  /** The data to store; only valid if there are no errors. */
  readonly data: JsonObject;
  /** Codes by the path of the field, for a 409 `validation.failed`. Empty if it is valid. */
  readonly errors: Record<string, string[]>;
}

/**
 * The data to store for a create: unknown and calculated fields refused, defaults filled in, nulls left out, instants
 * in UTC. Collects the errors of all fields. Calculated fields are not in it yet. Throws `ProtocolError` 500 if a
 * script was stopped, at once or later: it is synchronous where no script has to run.
 */
export function prepareCreate(
  model: Model,
  body: JsonObject,
  context: ValidationContext & { readonly now: number },
): Checked | Promise<Checked> {
  const errors = new ValidationErrors();
  if (hasTooMany(body)) addUnknown(model, body, errors);
  if (errors.isFull) return { data: {}, errors: errors.toFieldErrors() };
  const { owner, request } = context;
  const now = instantText(context.now);
  const checkAll = (filled: JsonObject): Checked | Promise<Checked> => {
    const check = new TypeCheck(model.limits, errors);
    const data = check.fields(model.fields, filled, '');
    for (const path of roundedLongs(model.fields, body)) errors.add(path, 'type.invalid');
    const checked = (): Checked => ({ data, errors: errors.toFieldErrors() });
    if (check.pending.length === 0) return checked();
    const seen = { now, owner, request, obj: data };
    return runChecks(model, check.pending, errors, seen).then(checked);
  };
  const filled = fillDefaults(model, body, errors, { now, owner });
  return filled instanceof Promise ? filled.then(checkAll) : checkAll(filled);
}

/** More than a response would name: copying and checking more would be useless. */
function hasTooMany(body: JsonObject): boolean {
  let members = 0;
  for (const _name in body) {
    members += 1;
    if (members > mostPaths) return true;
  }
  return false;
}

function addUnknown({ fields }: Model, body: JsonObject, errors: ValidationErrors): void {
  for (const name in body) {
    if (errors.isFull) return;
    if (!fields.has(name)) errors.add(name, 'field.unknown');
  }
}

/**
 * An object after an update: validates the touched top-level fields as a whole, and converts them to stored form. The
 * others stay as they are. Synchronous where no script has to run. Throws as `prepareCreate`.
 */
export function checkUpdate(
  model: Model,
  before: JsonObject,
  after: JsonObject,
  touched: readonly string[],
  context: ValidationContext = {},
): Checked | Promise<Checked> {
  const check = new TypeCheck(model.limits, new ValidationErrors(), before);
  const data: JsonObject = { ...after };
  for (const name of touched) {
    const field = model.fields.get(name);
    if (field === undefined) check.errors.add(name, 'field.unknown');
    else if (field.type === 'Calculated') check.errors.add(name, 'field.calculated');
    else {
      const value = check.field(field, after[name], name);
      if (value === undefined) delete data[name];
      else data[name] = value;
    }
  }
  const checked = (): Checked => ({ data, errors: check.errors.toFieldErrors() });
  if (check.pending.length === 0) return checked();
  const { owner, request } = context;
  const seen = { owner, request, obj: data };
  return runChecks(model, check.pending, check.errors, seen).then(checked);
}
