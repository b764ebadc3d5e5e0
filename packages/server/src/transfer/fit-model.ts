import {
  deepEqual,
  isSystemName,
  type JsonObject,
  ownMember,
  ProtocolError,
} from '@really/protocol';
import { calculate, storedCalculated } from '../model/calculate.js';
import { TypeCheck } from '../model/check-types.js';
import { FoundErrors } from '../model/found-errors.js';
import { nearestName } from '../model/load/nearest-name.js';
import type { Field, Model, ModelSet } from '../model/model.js';
import type { StoredObject } from '../store/store.js';
import { namesOf, printed } from './names.js';

export type Fitted =
  | { readonly kind: 'fits'; readonly object: StoredObject; readonly model: Model | undefined }
  | { readonly kind: 'unfit'; readonly problems: readonly string[] };

/**
 * Whether an object can be one of this app, and how it is stored then. One of an older version of its model is
 * taken as it is: it is brought up to date when it is read.
 */
export async function fitModel(models: ModelSet, object: StoredObject): Promise<Fitted> {
  const names = namesOf(object.r);
  if (isSystemName(names[0] ?? '')) return { kind: 'fits', object, model: undefined };
  const model = models.get(names);
  if (!model) return { kind: 'unfit', problems: [unknownCollection(models, names)] };
  const { modelVersion } = object;
  if (modelVersion > model.version) {
    const problem = `modelVersion: expected at most ${model.version}, as the model of ${printed(names)} says, not ${modelVersion}`;
    return { kind: 'unfit', problems: [problem] };
  }
  if (object.deleted || modelVersion < model.version) return { kind: 'fits', object, model };
  return fitData(model, object);
}

async function fitData(model: Model, object: StoredObject): Promise<Fitted> {
  const errors = new FoundErrors();
  const check = new TypeCheck(model.limits, errors);
  const results = new Map(model.calculated.map((field) => [field.name, field]));
  const members = Object.entries(object.data);
  const written = Object.fromEntries(members.filter(([name]) => !results.has(name)));
  const plain = new Map([...model.fields].filter(([name]) => !results.has(name)));
  const stored = check.fields(plain, written, '');
  for (const [name, value] of members) {
    const field = results.get(name);
    if (field && storedCalculated(model, field, value) === undefined)
      errors.add(name, 'type.invalid');
  }
  const problems = Object.entries(errors.toFieldErrors());
  if (problems.length > 0) {
    return { kind: 'unfit', problems: problems.map(([path, codes]) => told(model, path, codes)) };
  }
  // What is in its form already keeps the order of its members.
  const kept = members.filter(([name]) => results.has(name));
  const data = deepEqual(stored, written)
    ? object.data
    : { ...stored, ...Object.fromEntries(kept) };
  return { kind: 'fits', object: { ...object, data: await withResults(model, data) }, model };
}

/** Calculated fields that are missing are worked out: a file that people write has none of them. */
async function withResults(model: Model, data: JsonObject): Promise<JsonObject> {
  const missing = model.calculated.filter(({ name }) => !Object.hasOwn(data, name));
  if (missing.length === 0) return data;
  const calculated = await calculate(model, data, 'all').catch((error: unknown) => {
    // Its script was stopped: the log says so, and the field is worked out with the next update.
    if (error instanceof ProtocolError) return { data };
    throw error;
  });
  const found = missing.flatMap(({ name }) => {
    const value = ownMember(calculated.data, name);
    return value === undefined ? [] : [[name, value]];
  });
  return found.length > 0 ? { ...data, ...Object.fromEntries(found) } : data;
}

function told(model: Model, path: string, codes: readonly string[]): string {
  const [code = ''] = codes;
  const where = `data.${path}`;
  switch (code) {
    case 'field.unknown': {
      const nearest = nearestName(path, model.fields.keys());
      return `${where}: the model has no such field; did you mean ${nearest ?? 'another collection'}? (${code})`;
    }
    case 'value.required':
      return `${where}: expected a value (${code})`;
    default:
      return `${where}: expected ${typeOf(model, path)} (${code})`;
  }
}

/** The type of the field at a path such as `house.rooms[3].size`, in words. */
function typeOf(model: Model, path: string): string {
  let field: Field | undefined;
  let fields: ReadonlyMap<string, Field> | undefined = model.fields;
  for (const step of path.split(/[.[]/)) {
    if (step.endsWith(']')) field = field?.type === 'List' ? field.items : undefined;
    else field = fields?.get(step);
    fields = field?.type === 'Object' ? field.fields : undefined;
  }
  if (field === undefined) return 'another value';
  if (field.type === 'reference') return `the R of an object of ${printed(field.collection)}`;
  const type = field.type === 'Calculated' ? field.valueType : field.type;
  return `a value of the type ${type}`;
}

function unknownCollection(models: ModelSet, names: readonly string[]): string {
  const known = models.all().map((model) => printed(model.names));
  const nearest = nearestName(printed(names), known);
  const hint = nearest === undefined ? 'the app has no models' : `did you mean ${nearest}?`;
  return `r: the app has no collection ${printed(names)}; ${hint}`;
}
