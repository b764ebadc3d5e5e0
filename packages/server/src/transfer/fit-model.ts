import {
  deepEqual,
  isSystemName,
  type JsonObject,
  namesOf,
  ownMember,
  ProtocolError,
  printedCollection,
} from '@really/protocol';
import { calculate, storedCalculated } from '../model/calculate.js';
import { fieldAt } from '../model/field-at.js';
import { likelyCollection, likelyName } from '../model/load/expected-names.js';
import type { Model, ModelSet } from '../model/model.js';
import { TypeCheck } from '../model/validation/check-types.js';
import { roundedLongs } from '../model/validation/rounded-numbers.js';
import { runChecks } from '../model/validation/run-checks.js';
import type { ValidationErrors } from '../model/validation/validation-errors.js';
import type { StoredObject } from '../store/stored-object.js';

export type FittedObject =
  | { readonly kind: 'fits'; readonly object: StoredObject }
  | { readonly kind: 'unfit'; readonly problems: readonly string[] };

/**
 * Validates a hand-written object against the model, and returns it in its stored form. An object
 * of an older version of its model is accepted unchanged: it is migrated when it is read.
 */
export async function fitModel(models: ModelSet, object: StoredObject): Promise<FittedObject> {
  const model = modelToCheck(models, object);
  if (model === undefined) return { kind: 'fits', object };
  if (typeof model === 'string') return { kind: 'unfit', problems: [model] };
  const { check, stored, written, results } = checkTypes(model, object.data);
  const problems = problemsIn(model, check.errors);
  if (problems.length > 0) return { kind: 'unfit', problems };
  // Data already in its stored form keeps the order of its members.
  const data = deepEqual(stored, written) ? object.data : { ...stored, ...results };
  return { kind: 'fits', object: { ...object, data: await withResults(model, data) } };
}

/** The model that the data of an object has to fit, if any, or why the object cannot be in the app at all. */
function modelToCheck(
  models: ModelSet,
  { r, modelVersion, deleted }: StoredObject,
): Model | string | undefined {
  const names = namesOf(r);
  if (isSystemName(names[0] ?? '')) return undefined;
  const model = models.get(names);
  if (!model) return unknownCollection(models, names);
  if (modelVersion > model.version) return laterVersion(model, modelVersion);
  // The fields of an earlier version are not known any more.
  return deleted || modelVersion < model.version ? undefined : model;
}

/** `stored`: the fields that clients write, in their stored form; `written`: as given; `results`: the calculated ones. */
function checkTypes(model: Model, data: JsonObject) {
  const check = new TypeCheck(model.limits);
  const calculated = new Map(model.calculated.map((field) => [field.name, field]));
  const members = Object.entries(data);
  const written = Object.fromEntries(members.filter(([name]) => !calculated.has(name)));
  const results = Object.fromEntries(members.filter(([name]) => calculated.has(name)));
  const plain = new Map([...model.fields].filter(([name]) => !calculated.has(name)));
  const stored = check.fields(plain, written, '');
  for (const path of roundedLongs(plain, data)) check.errors.add(path, 'type.invalid');
  for (const [name, value] of members) {
    const field = calculated.get(name);
    if (field && storedCalculated(model, field, value) === undefined)
      check.errors.add(name, 'type.invalid');
  }
  return { check, stored, written, results };
}

function problemsIn(model: Model, errors: ValidationErrors): string[] {
  return Object.entries(errors.toFieldErrors()).map(([path, codes]) =>
    describeProblem(model, path, codes),
  );
}

/**
 * What the current models would refuse in an object of another store. Models change while data
 * stays, so a store may well have it: it is reported, but the object is imported.
 */
export async function misfitsOf(
  models: ModelSet,
  object: StoredObject,
): Promise<readonly string[]> {
  const model = modelToCheck(models, object);
  if (model === undefined) return [];
  if (typeof model === 'string') return [model];
  const { check } = checkTypes(model, object.data);
  try {
    await runChecks(model, check.pending, check.errors);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return [...problemsIn(model, check.errors), 'a validation of it was stopped'];
  }
  return problemsIn(model, check.errors);
}

/** Computes missing calculated fields: hand-written files have none. */
async function withResults(model: Model, data: JsonObject): Promise<JsonObject> {
  const missing = model.calculated.filter(({ name }) => !Object.hasOwn(data, name));
  if (missing.length === 0) return data;
  const calculated = await calculate(model, data, 'all').catch((error: unknown) => {
    // Its script was stopped: the log says so, and the field is computed at the next update.
    if (error instanceof ProtocolError) return { data };
    throw error;
  });
  const found = missing.flatMap(({ name }) => {
    const value = ownMember(calculated.data, name);
    return value === undefined ? [] : [[name, value]];
  });
  return found.length > 0 ? { ...data, ...Object.fromEntries(found) } : data;
}

function describeProblem(model: Model, path: string, codes: readonly string[]): string {
  const [code = ''] = codes;
  const where = `data.${path}`;
  switch (code) {
    case 'field.unknown': {
      const likely = likelyName(path, model.fields.keys());
      const hint = likely === undefined ? '' : `; did you mean ${likely}?`;
      return `${where}: the model has no such field${hint} (${code})`;
    }
    case 'value.required':
      return `${where}: expected a value (${code})`;
    case 'validation.custom.failed':
    case 'validation.custom.runtime_error':
    case 'validation.custom.invalid_return_type':
      return `${where}: expected a value that passes its validation (${code})`;
    case 'value.not.in.enum':
      return `${where}: expected a value that its \`enum\` lists (${code})`;
    default:
      return `${where}: expected ${typeOf(model, path)} (${code})`;
  }
}

/** The type of the field at a path such as `house.rooms[3].size`, in words. */
function typeOf(model: Model, path: string): string {
  // Which element of a list it is does not matter.
  const steps = path.split(/[.[]/).map((step) => (step.endsWith(']') ? 0 : step));
  const field = fieldAt(model.fields, steps);
  if (field === undefined) return 'another value';
  if (field.type === 'reference')
    return `the R of an object of ${printedCollection(field.collection)}`;
  const type = field.type === 'Calculated' ? field.valueType : field.type;
  return `a value of the type ${type}`;
}

function laterVersion({ names, version }: Model, modelVersion: number): string {
  return `modelVersion: expected at most ${version}, as the model of ${printedCollection(names)} says, not ${modelVersion}`;
}

function unknownCollection(models: ModelSet, names: readonly string[]): string {
  const known = models.all().map((model) => model.names);
  const likely = likelyCollection(names, known);
  const hint = likely === undefined ? '' : `; did you mean ${printedCollection(likely)}?`;
  return `r: the app has no collection ${printedCollection(names)}${hint}`;
}
