import { collectionPath } from '@really/protocol';
import type { CalculatedDraft, FieldDraft, ModelDraft, NameReference } from './draft.js';
import { expectedNames, likelyCollection, quoted } from './expected-names.js';
import type { FoundModel } from './walk-models.js';

/** Checks across the models of an app, when all were read: whether the names that they mention exist. */
export class ModelLinks {
  /** The models that could be read completely. */
  readonly #drafts: ReadonlyMap<string, ModelDraft>;
  readonly #known: readonly FoundModel['names'][];

  constructor(drafts: readonly ModelDraft[], found: readonly FoundModel[]) {
    const sound = drafts.filter(({ yaml }) => yaml.isSound);
    this.#drafts = new Map(sound.map((draft) => [draft.names.join('/'), draft]));
    this.#known = found.map(({ names }) => names);
  }

  /** Reports names in a model that do not exist. */
  check(draft: ModelDraft): void {
    for (const field of draft.fields.values()) this.#checkField(draft, field);
    for (const mentions of draft.fieldSets.values()) {
      for (const mention of mentions) checkNameReference(draft, draft, mention, [], 'this model');
    }
  }

  /** The fields that a reference shows of its target, with field sets resolved. */
  shown(field: Extract<FieldDraft, { type: 'reference' }>): string[] {
    const target = this.#drafts.get(field.collection.join('/'));
    if (target === undefined) return [];
    const shown = new Set<string>();
    for (const { name } of field.shows) {
      const set = name.startsWith('@') ? target.fieldSets.get(name.slice(1)) : undefined;
      for (const shownField of set ?? [{ name }]) shown.add(shownField.name);
    }
    return [...target.fields.keys()].filter((name) => shown.has(name));
  }

  #checkField(draft: ModelDraft, field: FieldDraft): void {
    if (field.type === 'Object')
      for (const inner of field.fields.values()) this.#checkField(draft, inner);
    else if (field.type === 'List') this.#checkField(draft, field.items);
    else if (field.type === 'reference') this.#checkReference(draft, field);
    else if (field.type === 'Calculated') {
      for (const mention of field.dependsOn)
        checkNameReference(draft, draft, mention, [], 'this model');
    }
  }

  #checkReference(
    draft: ModelDraft,
    { collection, collectionOffset, shows }: Extract<FieldDraft, { type: 'reference' }>,
  ): void {
    const key = collection.join('/');
    const target = this.#drafts.get(key);
    if (target !== undefined) {
      const sets = [...target.fieldSets.keys()].map((name) => `@${name}`);
      for (const mention of shows) checkNameReference(draft, target, mention, sets, quoted(key));
    } else if (!this.#known.some((names) => names.join('/') === key)) {
      // One that is there has a model that is too broken, which is reported elsewhere.
      draft.yaml.problem(collectionOffset, noCollection(collection, this.#known));
    }
  }
}

/** The text of a problem: no model has this collection. */
export function noCollection(
  names: readonly string[],
  known: readonly (readonly string[])[],
): string {
  const name = collectionPath(names);
  const likely = likelyCollection(names, known);
  const nearest = likely && { [name.toLowerCase()]: collectionPath(likely) };
  return `there is no collection ${quoted(name)}; ${expectedNames(name, known.map(collectionPath), nearest)}`;
}

function checkNameReference(
  draft: ModelDraft,
  target: ModelDraft,
  { name, offset }: NameReference,
  sets: readonly string[],
  where: string,
): void {
  const isThere = target.fields.has(name) || target.brokenFields.has(name) || sets.includes(name);
  if (!target.yaml.isSound || isThere) return;
  const known = [...new Set([...target.fields.keys(), ...target.brokenFields]), ...sets];
  const expected = expectedNames(name, known);
  draft.yaml.problem(offset, `unknown field ${quoted(name)} of ${where}; ${expected}`);
}

/** Calculated fields in order of their dependencies. A cycle is a problem, reported once, with all its fields. */
export function calculationOrder(draft: ModelDraft): CalculatedDraft[] {
  const order: CalculatedDraft[] = [];
  const done = new Set<string>();
  const visit = (field: CalculatedDraft, above: readonly CalculatedDraft[]): void => {
    const start = above.indexOf(field);
    if (start >= 0) refuseCycle(draft, above.slice(start));
    if (start >= 0 || done.has(field.name)) return;
    for (const { name } of field.dependsOn) {
      const inner = draft.fields.get(name);
      if (inner?.type === 'Calculated') visit(inner, [...above, field]);
    }
    done.add(field.name);
    order.push(field);
  };
  for (const field of draft.fields.values()) if (field.type === 'Calculated') visit(field, []);
  return order;
}

function refuseCycle(draft: ModelDraft, cycle: readonly CalculatedDraft[]): void {
  const names = [...cycle.map(({ name }) => name), cycle[0]?.name ?? ''];
  const first = cycle.toSorted((a, b) => a.offset - b.offset)[0];
  draft.yaml.problem(
    first?.offset ?? 0,
    `calculated fields depend on each other in a cycle: ${names.map(quoted).join(' → ')}; expected each to depend only on fields that do not depend on it`,
  );
}
