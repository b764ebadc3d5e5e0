import type { Insertion } from '../../lookups/lookup.js';
import type { FieldDraft, ModelDraft } from '../draft.js';
import { expectedNames, quoted } from '../expected-names.js';
import { noCollection } from '../link-models.js';
import type { FoundModel } from '../walk-models.js';
import type { PlacedInsertion } from './parse-template.js';
import type { LookupDraft } from './read-lookups.js';

/** What is known of the objects that a lookup can find: their collection, or nothing. */
export type LookupTarget =
  | { readonly kind: 'collection'; readonly names: readonly string[] }
  | { readonly kind: 'any' };

type FieldPath = { readonly field: FieldDraft } | 'unknown' | 'inside';

/** Checks which collections the lookups of an app can reach, when all models were read (rule LKP6). */
export class LookupLinks {
  readonly #drafts: ReadonlyMap<string, ModelDraft>;
  readonly #found: readonly FoundModel[];

  constructor(drafts: readonly ModelDraft[], found: readonly FoundModel[]) {
    this.#drafts = new Map(drafts.map((draft) => [draft.names.join('/'), draft]));
    this.#found = found;
  }

  /** Reports what no lookup of this model can ever find. */
  check(draft: ModelDraft): void {
    for (const lookup of draft.lookups.declared.values()) {
      if (!draft.lookups.lookups.has(lookup.name)) continue;
      for (const placed of lookup.insertions) this.#checkInsertion(draft, lookup, placed);
      this.#checkTarget(draft, lookup);
    }
  }

  /** The model whose objects a lookup finds, if that is known and could be read. */
  model(draft: ModelDraft, name: string): ModelDraft | undefined {
    const target = this.target(draft, name);
    return target.kind === 'any' ? undefined : this.#drafts.get(target.names.join('/'));
  }

  target(draft: ModelDraft, name: string): LookupTarget {
    const ancestor = name === 'parent' ? draft.names.at(-2) : name.split('.')[1];
    if (name === 'parent' || name.startsWith('parents.')) {
      const length = draft.names.lastIndexOf(ancestor ?? '', draft.names.length - 2) + 1;
      return { kind: 'collection', names: draft.names.slice(0, length) };
    }
    const lookup = draft.lookups.declared.get(name);
    // One with a problem may be part of a cycle.
    if (!lookup || !draft.lookups.lookups.has(name)) return { kind: 'any' };
    const { start } = lookup.template;
    if (start === undefined) return { kind: 'collection', names: lookup.names };
    const names = this.#collectionOf(draft, start);
    return names === undefined
      ? { kind: 'any' }
      : { kind: 'collection', names: [...names, ...lookup.names] };
  }

  /** The collection of the R that is inserted at the beginning. */
  #collectionOf(draft: ModelDraft, insertion: Insertion): readonly string[] | undefined {
    const owner =
      insertion.kind === 'obj'
        ? draft
        : insertion.kind === 'lookup'
          ? this.model(draft, insertion.name)
          : undefined;
    if (owner === undefined || !('path' in insertion)) return undefined;
    const found = fieldAt(owner, insertion.path);
    return typeof found === 'object' && found.field.type === 'reference'
      ? found.field.collection
      : undefined;
  }

  #checkTarget(draft: ModelDraft, lookup: LookupDraft): void {
    const target = this.target(draft, lookup.name);
    const known = this.#found.map(({ names }) => names);
    const isThere =
      target.kind === 'collection'
        ? known.some((names) => names.join('/') === target.names.join('/'))
        : known.some((names) => names.join('/').endsWith(lookup.names.join('/')));
    if (isThere) return;
    const names = target.kind === 'collection' ? target.names : lookup.names;
    draft.yaml.problem(
      lookup.offset,
      `the lookup ${quoted(lookup.name)}: ${noCollection(names, known)}`,
    );
  }

  #checkInsertion(draft: ModelDraft, lookup: LookupDraft, placed: PlacedInsertion): void {
    const problem = this.#insertionProblem(draft, placed);
    if (problem === undefined) return;
    draft.yaml.problem(placed.offset, `the lookup ${quoted(lookup.name)}: ${problem}`);
  }

  #insertionProblem(draft: ModelDraft, { insertion, place }: PlacedInsertion): string | undefined {
    switch (insertion.kind) {
      case 'ids':
        return place === 'start'
          ? 'it begins with an id; expected `/` and a collection'
          : undefined;
      case 'auth':
        return place === 'id' && insertion.path[0] === '_r'
          ? '`{auth._r}` is a whole address; expected it at the beginning'
          : undefined;
      case 'obj':
        return fieldProblem(draft, insertion.path, place, '`obj`');
      case 'lookup': {
        const model = this.model(draft, insertion.name);
        return model && fieldProblem(model, insertion.path, place, quoted(insertion.name));
      }
      default:
        return insertion satisfies never;
    }
  }
}

/** Why the field at a path cannot be inserted; `undefined` if it can. */
function fieldProblem(
  model: ModelDraft,
  path: readonly string[],
  place: PlacedInsertion['place'],
  owner: string,
): string | undefined {
  if (path.length === 1 && path[0] === '_r') {
    return place === 'id'
      ? `\`_r\` of ${owner} is a whole address; expected it at the beginning`
      : undefined;
  }
  const found = fieldAt(model, path);
  const name = path.join('.');
  if (found === 'unknown') {
    const known = [...model.fields.keys()];
    return `${owner} has no field ${quoted(name)}; ${expectedNames(name, known)}`;
  }
  if (found === 'inside') return undefined;
  const { type } = found.field;
  if (place === 'start' && type !== 'reference') {
    return `${quoted(name)} of ${owner} is of type ${type}; expected a reference to begin with`;
  }
  if (place === 'id' && type !== 'String' && type !== 'Calculated') {
    return `${quoted(name)} of ${owner} is of type ${type}; expected an id, which is a String`;
  }
  return undefined;
}

/** `inside`: in a value that the model does not describe. */
function fieldAt(model: ModelDraft, [first = '', ...rest]: readonly string[]): FieldPath {
  let field = model.fields.get(first);
  if (field === undefined) {
    return model.brokenFields.has(first) || !model.yaml.isSound ? 'inside' : 'unknown';
  }
  for (const name of rest) {
    if (field.type === 'Json' || field.type === 'Calculated') return 'inside';
    if (field.type !== 'Object') return 'unknown';
    const inner: FieldDraft | undefined = field.fields.get(name);
    if (inner === undefined) return 'unknown';
    field = inner;
  }
  return { field };
}
