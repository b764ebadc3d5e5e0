import { isJsonObject, type JsonObject, type JsonValue } from '@really/protocol';
import type { Dependency } from '../store/store-reads.js';
import type { Field, Model, ModelSet, ReferenceField } from './model.js';
import { holdsReference } from './validation/references.js';

/** A reference field of a model, with its path as in `CollectionLayout.references`. */
export interface ReferencePath {
  readonly path: string;
  readonly field: ReferenceField;
}

/** The reference fields of a model, at any depth. */
export function referencePaths(fields: ReadonlyMap<string, Field>): ReferencePath[] {
  return [...fields.values()].flatMap((field) => pathsIn(field, field.name));
}

function pathsIn(field: Field, path: string): ReferencePath[] {
  if (!holdsReference(field)) return [];
  if (field.type === 'reference') return [{ path, field }];
  if (field.type === 'List') return pathsIn(field.items, `${path}[]`);
  if (field.type !== 'Object') return [];
  return [...field.fields.values()].flatMap((inner) => pathsIn(inner, `${path}.${inner.name}`));
}

/** What the deletion of an object of a collection leads to, as the models say. */
export interface DeletionEffects {
  /** What refuses their deletion. */
  readonly refusing: readonly Dependency[];
  /** What a deletion goes on with, once it is committed, in this order. */
  readonly steps: readonly CascadeStep[];
}

/** A dependency that a deletion follows. `key` names it, as long as the models declare it. */
export interface CascadeStep {
  readonly key: string;
  readonly action: 'delete' | 'unset';
  readonly dependency: Dependency;
  readonly model: Model;
}

const known = new WeakMap<ModelSet, Map<string, DeletionEffects>>();

/** Rules CAS2 and CAS3. */
export function deletionEffects(models: ModelSet, { key }: Pick<Model, 'key'>): DeletionEffects {
  let all = known.get(models);
  if (!all) {
    all = allEffects(models);
    known.set(models, all);
  }
  return all.get(key) ?? none;
}

const none: DeletionEffects = { refusing: [], steps: [] };

function allEffects(models: ModelSet): Map<string, DeletionEffects> {
  const found = new Map<string, { refusing: Dependency[]; steps: CascadeStep[] }>();
  const of = (names: readonly string[]) => {
    const key = names.join('/');
    const entry = found.get(key) ?? { refusing: [], steps: [] };
    found.set(key, entry);
    return entry;
  };
  for (const model of models.all()) {
    const { names, key, onParentDeleted, fields } = model;
    if (onParentDeleted === 'delete') {
      const [parent, dependency] = [names.slice(0, -1), { names }];
      of(parent).steps.push({ key: `delete ${key}`, action: 'delete', dependency, model });
    }
    for (const { path, field } of referencePaths(fields)) {
      const { onDeleted, collection } = field;
      if (onDeleted === 'keep') continue;
      const dependency = { names, field: path };
      if (onDeleted === 'refuse') of(collection).refusing.push(dependency);
      else {
        const step = { key: `${onDeleted} ${key} ${path}`, action: onDeleted, dependency, model };
        of(collection).steps.push(step);
      }
    }
  }
  for (const { steps } of found.values()) steps.sort((a, b) => (a.key < b.key ? -1 : 1));
  return found;
}

/** A reference in an object that is to be unset: an operation of an update. */
export interface UnsetOperation {
  readonly op: 'set' | 'pull';
  readonly key: string;
  readonly value: JsonValue;
}

/**
 * The operations that take a reference out of an object, where its fields say `unset`: elements of
 * lists are removed, other fields lose their value.
 */
export function unsetOperations(model: Model, data: JsonObject, r: string): UnsetOperation[] {
  return [...model.fields.values()].flatMap((field) =>
    operationsIn(field, data[field.name], field.name, r),
  );
}

function operationsIn(
  field: Field,
  value: JsonValue | undefined,
  key: string,
  r: string,
): UnsetOperation[] {
  if (!holdsReference(field)) return [];
  if (field.type === 'reference') {
    return value === r && field.onDeleted === 'unset' ? [{ op: 'set', key, value: null }] : [];
  }
  if (field.type === 'Object' && isJsonObject(value)) {
    return [...field.fields.values()].flatMap((inner) =>
      operationsIn(inner, value[inner.name], `${key}.${inner.name}`, r),
    );
  }
  if (field.type !== 'List' || !Array.isArray(value)) return [];
  const { items } = field;
  if (items.type === 'reference') {
    const isUnset = items.onDeleted === 'unset' && value.includes(r);
    return isUnset ? [{ op: 'pull', key, value: r }] : [];
  }
  return value.flatMap((element, index) => operationsIn(items, element, `${key}[${index}]`, r));
}
