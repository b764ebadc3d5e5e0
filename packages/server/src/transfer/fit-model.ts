import { deepEqual, isSystemName, type JsonObject } from '@really/protocol';
import { TypeCheck } from '../model/check-types.js';
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
export function fitModel(models: ModelSet, object: StoredObject): Fitted {
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

function fitData(model: Model, object: StoredObject): Fitted {
  const check = new TypeCheck(model.limits);
  const calculated = new Set(model.calculated.map(({ name }) => name));
  const written = Object.fromEntries(
    Object.entries(object.data).filter(([name]) => !calculated.has(name)),
  );
  const plain = new Map([...model.fields].filter(([name]) => !calculated.has(name)));
  const stored = check.fields(plain, written, '');
  const errors = Object.entries(check.errors.toFieldErrors());
  if (errors.length > 0) {
    return { kind: 'unfit', problems: errors.map(([path, codes]) => told(model, path, codes)) };
  }
  // What is in its form already keeps the order of its members.
  if (deepEqual(stored, written)) return { kind: 'fits', object, model };
  const results: JsonObject = Object.fromEntries(
    Object.entries(object.data).filter(([name]) => calculated.has(name)),
  );
  return { kind: 'fits', object: { ...object, data: { ...stored, ...results } }, model };
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
  return `a value of the type ${field.type}`;
}

function unknownCollection(models: ModelSet, names: readonly string[]): string {
  const known = models.all().map((model) => printed(model.names));
  const nearest = nearestName(printed(names), known);
  const hint = nearest === undefined ? 'the app has no models' : `did you mean ${nearest}?`;
  return `r: the app has no collection ${printed(names)}; ${hint}`;
}
