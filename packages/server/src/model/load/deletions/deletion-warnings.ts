import { collectionPath } from '@really/protocol';
import { deletionEffects, type ReferencePath, referencePaths } from '../../deletion-effects.js';
import type { Model, ModelSet } from '../../model.js';
import type { FieldDraft, ModelDraft } from '../draft.js';
import { quoted } from '../expected-names.js';

/** Deletions that may stop half way (rule CAS8). */
export function* deletionWarnings(draft: ModelDraft, models: ModelSet): Generator<string> {
  const model = models.get(draft.names);
  if (model === undefined) return;
  for (const found of referencePaths(model.fields)) {
    const offset = offsetAt(draft, found.path);
    if (offset === undefined) continue;
    const warning = unsetWarning(found) ?? refuseWarning(found, model, models);
    if (warning !== undefined) yield `${draft.yaml.file.where(offset)}: ${warning}`;
  }
}

function unsetWarning({ path, field }: ReferencePath): string | undefined {
  const mayBeRequired = typeof field.required !== 'boolean' && field.name !== '';
  if (field.onDeleted !== 'unset' || !mayBeRequired) return undefined;
  return `${quoted(path)} is unset when what it refers to is deleted, and \`required\` may refuse that: the object then keeps the reference`;
}

function refuseWarning(
  { path, field: { onDeleted, collection } }: ReferencePath,
  model: Model,
  models: ModelSet,
): string | undefined {
  if (onDeleted !== 'refuse') return undefined;
  const target = models.get(collection);
  const owner = models.all().find((other) => {
    const { steps } = deletionEffects(models, other);
    const deletes = steps.some((step) => step.action === 'delete' && step.model === target);
    return deletes && other.key !== model.key;
  });
  if (owner === undefined) return undefined;
  return `${quoted(path)} refuses the deletion of objects of ${collectionPath(collection)}, which are deleted with those of ${collectionPath(owner.names)}: then it stops a deletion half way`;
}

/** Where the `onDeleted` of a reference is. */
function offsetAt(draft: ModelDraft, path: string): number | undefined {
  let fields: ReadonlyMap<string, FieldDraft> | undefined = draft.fields;
  let field: FieldDraft | undefined;
  for (const step of path.split('.')) {
    field = fields?.get(step.replaceAll('[]', ''));
    while (field?.type === 'List') field = field.items;
    fields = field?.type === 'Object' ? field.fields : undefined;
  }
  return field?.type === 'reference' ? field.onDeletedOffset : undefined;
}
