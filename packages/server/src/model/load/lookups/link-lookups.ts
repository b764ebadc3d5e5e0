import type { Insertion } from '../../lookups/lookup.js';
import type { FieldDraft, ModelDraft } from '../draft.js';
import { expectedNames, quoted } from '../expected-names.js';
import { noCollection } from '../link-models.js';
import type { FoundModel } from '../walk-models.js';
import type { PlacedInsertion } from './parse-template.js';
import type { LookupDraft } from './read-lookups.js';

/** Checks which collections the lookups of an app can reach, when all models were read (rule LKP6). */
export class LookupLinks {
  readonly #drafts: ReadonlyMap<string, ModelDraft>;
  readonly #known: readonly FoundModel['names'][];

  constructor(drafts: readonly ModelDraft[], found: readonly FoundModel[]) {
    this.#drafts = new Map(drafts.map((draft) => [draft.names.join('/'), draft]));
    this.#known = found.map(({ names }) => names);
  }

  /** Reports what no lookup of this model can ever find. */
  check(draft: ModelDraft): void {
    for (const lookup of draft.lookups.declared.values()) {
      if (!draft.lookups.lookups.has(lookup.name)) continue;
      for (const placed of lookup.insertions) {
        const problem = this.#insertionProblem(draft, placed);
        if (problem === undefined) continue;
        draft.yaml.problem(placed.offset, `the lookup ${quoted(lookup.name)}: ${problem}`);
      }
      this.#checkTarget(draft, lookup);
    }
  }

  /** The model whose objects a lookup finds, if that is known and could be read. */
  model(draft: ModelDraft, name: string): ModelDraft | undefined {
    const target = this.#target(draft, name);
    return target && this.#drafts.get(target.join('/'));
  }

  /** The collection of the objects that a lookup can find, if that is known. */
  #target(draft: ModelDraft, name: string): readonly string[] | undefined {
    const ancestor = name === 'parent' ? draft.names.at(-2) : name.split('.')[1];
    if (name === 'parent' || name.startsWith('parents.')) {
      const length = draft.names.lastIndexOf(ancestor ?? '', draft.names.length - 2) + 1;
      return draft.names.slice(0, length);
    }
    const lookup = draft.lookups.declared.get(name);
    // One with a problem may be part of a cycle.
    if (!lookup || !draft.lookups.lookups.has(name)) return undefined;
    const { start } = lookup.template;
    if (start === undefined) return lookup.names;
    const names = this.#collectionOf(draft, start);
    return names && [...names, ...lookup.names];
  }

  /** The collection of the R that is inserted at the beginning. */
  #collectionOf(draft: ModelDraft, insertion: Insertion): readonly string[] | undefined {
    if (insertion.kind !== 'obj' && insertion.kind !== 'lookup') return undefined;
    const owner = insertion.kind === 'obj' ? draft : this.model(draft, insertion.name);
    const found = owner && fieldAt(owner, insertion.path);
    return typeof found === 'object' && found.type === 'reference' ? found.collection : undefined;
  }

  #checkTarget(draft: ModelDraft, { name, names, offset }: LookupDraft): void {
    const target = this.#target(draft, name);
    const known = this.#known.map((collection) => collection.join('/'));
    const isThere = target
      ? known.includes(target.join('/'))
      : known.some((collection) => collection.endsWith(names.join('/')));
    if (isThere) return;
    const problem = noCollection(target ?? names, this.#known);
    draft.yaml.problem(offset, `the lookup ${quoted(name)}: ${problem}`);
  }

  #insertionProblem(draft: ModelDraft, { insertion, place }: PlacedInsertion): string | undefined {
    switch (insertion.kind) {
      case 'ids':
        if (place === 'id') return undefined;
        return 'it begins with an id; expected `/` and a collection';
      case 'auth':
        if (place === 'start' || insertion.path[0] !== '_r') return undefined;
        return '`{auth._r}` is a whole address; expected it at the beginning';
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
    if (place === 'start') return undefined;
    return `\`_r\` of ${owner} is a whole address; expected it at the beginning`;
  }
  const found = fieldAt(model, path);
  const name = path.join('.');
  if (found === 'unknown') {
    const known = [...model.fields.keys()];
    return `${owner} has no field ${quoted(name)}; ${expectedNames(name, known)}`;
  }
  if (found === 'inside') return undefined;
  const { type } = found;
  if (place === 'start' && type !== 'reference') {
    return `${quoted(name)} of ${owner} is of type ${type}; expected a reference to begin with`;
  }
  if (place === 'id' && type !== 'String' && type !== 'Calculated') {
    return `${quoted(name)} of ${owner} is of type ${type}; expected an id, which is a String`;
  }
  return undefined;
}

/** `inside`: in a value that the model does not describe. */
function fieldAt(
  model: ModelDraft,
  [first = '', ...rest]: readonly string[],
): FieldDraft | 'unknown' | 'inside' {
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
  return field;
}
