import { isScalar } from 'yaml';
import type { Insertion, Lookup, LookupReach } from '../../lookups/lookup.js';
import { insertionsOf } from '../../lookups/template-reads.js';
import { expectedNames, quoted } from '../expected-names.js';
import type { ModelYaml, YamlEntry } from '../model-yaml.js';
import { scalarOffset } from '../scalar-offset.js';
import { alwaysInScope, isVariableName } from '../scope-names.js';
import { type ParsedTemplate, parseTemplate } from './parse-template.js';

/** A lookup as declared; offsets are in the file. */
export interface LookupDraft extends ParsedTemplate {
  readonly name: string;
  readonly offset: number;
}

export interface LookupDrafts {
  /** The declared ones that could be read. */
  readonly declared: ReadonlyMap<string, LookupDraft>;
  /** All that scripts can see, by name, each after those that it uses. */
  readonly lookups: ReadonlyMap<string, Lookup>;
  /** Names declared with problems that were reported. */
  readonly broken: ReadonlySet<string>;
}

const mostLookups = 8;
/** How many others a template may use, one by way of the other. */
const mostSteps = 2;

/** What scripts see under these names is something else. */
const taken: ReadonlySet<string> = new Set([
  ...['auth', 'obj', 'input', 'r', 'ids', 'value', 'was', 'before', 'after', 'fields'],
  ...['parent', 'parents', 'print', 'cancel', 'hide', 'emit'],
  ...['create', 'update', 'remove', 'get', 'read', 'count'],
]);

/** Reads the block `lookups` of the model at this path (rule LKP1). */
export function readLookups(
  yaml: ModelYaml,
  member: YamlEntry | undefined,
  path: readonly string[],
): LookupDrafts {
  const declared = new Map<string, LookupDraft>();
  const broken = new Set<string>();
  const entries = member === undefined ? [] : (yaml.entries(member.node, '`lookups`') ?? []);
  for (const [index, entry] of entries.entries()) {
    if (index === mostLookups) {
      yaml.problem(
        entry,
        `there are ${entries.length} lookups; expected at most ${mostLookups} in a model`,
      );
    }
    const problem = nameProblem(entry.name);
    if (problem !== undefined) yaml.problem(entry, problem);
    const parsed = readTemplate(yaml, entry, path);
    if (parsed === undefined || problem !== undefined) broken.add(entry.name);
    else declared.set(entry.name, { ...parsed, name: entry.name, offset: entry.offset });
  }
  const lookups = new LookupLinker(yaml, path, declared, broken).link();
  return { declared, lookups, broken };
}

function nameProblem(name: string): string | undefined {
  if (taken.has(name) || alwaysInScope.has(name)) {
    return `a lookup cannot be named ${quoted(name)}, which scripts know as something else; expected another name`;
  }
  if (isVariableName(name)) return undefined;
  return `a lookup cannot be named ${quoted(name)}; expected a name that JavaScript can read, such as \`membership\``;
}

function readTemplate(
  yaml: ModelYaml,
  { node, name }: YamlEntry,
  path: readonly string[],
): ParsedTemplate | undefined {
  if (!isScalar(node) || typeof node.value !== 'string' || node.value.trim() === '') {
    return yaml.unexpected(
      node,
      `the lookup ${quoted(name)}`,
      'the address of an object, such as `/projects/{ids.projects}`, or in quotes where it begins with a brace: `"{obj.owner}"`',
    );
  }
  return parseTemplate(node.value, path, {
    offsetOf: (index) => scalarOffset(yaml.file.text, node, index),
    onProblem: (offset, message) => {
      yaml.problem(offset, `the lookup ${quoted(name)}: ${message}`);
    },
  });
}

/** Finds out which lookups use which, in which order. */
class LookupLinker {
  readonly #yaml: ModelYaml;
  readonly #path: readonly string[];
  readonly #declared: ReadonlyMap<string, LookupDraft>;
  readonly #broken: Set<string>;
  readonly #linked = new Map<string, Lookup>();

  constructor(
    yaml: ModelYaml,
    path: readonly string[],
    declared: ReadonlyMap<string, LookupDraft>,
    broken: Set<string>,
  ) {
    this.#yaml = yaml;
    this.#path = path;
    this.#declared = declared;
    this.#broken = broken;
  }

  link(): ReadonlyMap<string, Lookup> {
    for (const lookup of parentLookups(this.#path)) this.#linked.set(lookup.name, lookup);
    for (const draft of this.#declared.values()) this.#link(draft, []);
    return this.#linked;
  }

  /** `undefined` if it, or one that it uses, has a problem. */
  #link(draft: LookupDraft, above: readonly string[]): Lookup | undefined {
    const known = this.#linked.get(draft.name);
    if (known !== undefined || this.#broken.has(draft.name)) return known;
    if (above.includes(draft.name)) return this.#refuseCycle(draft, above);
    const used = new Map<string, Lookup>();
    for (const { insertion } of draft.insertions) {
      if (insertion.kind !== 'lookup') continue;
      const other = this.#other(draft, insertion.name, [...above, draft.name]);
      if (other === undefined) return undefined;
      for (const lookup of [...other.needs, other]) used.set(lookup.name, lookup);
    }
    const needs = [...used.values()];
    const lookup: Lookup = {
      name: draft.name,
      template: draft.template,
      needs,
      reach: reachOf(insertionsOf(draft.template), needs, this.#path.length - 1),
    };
    const steps = stepsOf(lookup);
    if (steps > mostSteps) {
      const message = `uses others by way of others, ${steps} steps deep; expected at most ${mostSteps}`;
      return this.#refuse(draft, message);
    }
    this.#linked.set(draft.name, lookup);
    return lookup;
  }

  /** The lookup of this name, which the template of `draft` uses. */
  #other(draft: LookupDraft, name: string, above: readonly string[]): Lookup | undefined {
    const other = this.#declared.get(name);
    const linked = other ? this.#link(other, above) : this.#linked.get(name);
    if (linked !== undefined) return linked;
    if (other !== undefined || this.#broken.has(name)) {
      this.#broken.add(draft.name);
      return undefined;
    }
    const names = new Set([...this.#declared.keys(), ...this.#linked.keys()]);
    names.delete(draft.name);
    const expected = expectedNames(name, [...names]);
    return this.#refuse(draft, `there is no lookup ${quoted(name)}; ${expected}`);
  }

  #refuseCycle(draft: LookupDraft, above: readonly string[]): undefined {
    const cycle = [...above.slice(above.indexOf(draft.name)), draft.name];
    for (const name of cycle) this.#broken.add(name);
    this.#yaml.problem(
      draft.offset,
      `lookups use each other in a cycle: ${cycle.map(quoted).join(' → ')}; expected each to use only those that do not use it`,
    );
  }

  #refuse({ name, offset }: LookupDraft, message: string): undefined {
    this.#broken.add(name);
    this.#yaml.problem(offset, `the lookup ${quoted(name)}: ${message}`);
  }
}

/** `parent` and `parents.<collection>`, which need no declaration. */
function parentLookups(path: readonly string[]): Lookup[] {
  const ancestors = path.slice(0, -1).map((name, index): Lookup => {
    const names = path.slice(0, index + 1);
    const steps = names.flatMap((step, at) => [step, { kind: 'ids' as const, index: at }]);
    const text = names.map((step) => `/${step}/{ids.${step}}`).join('');
    const template = { text, start: undefined, steps };
    return { name: `parents.${name}`, template, needs: [], reach: 'collection' };
  });
  const nearest = ancestors.at(-1);
  return nearest === undefined ? [] : [{ ...nearest, name: 'parent' }, ...ancestors];
}

function reachOf(
  insertions: readonly Insertion[],
  needs: readonly Lookup[],
  ownIndex: number,
): LookupReach {
  const isOf = (reach: LookupReach) => needs.some((lookup) => lookup.reach === reach);
  if (insertions.some(({ kind }) => kind === 'obj') || isOf('content')) return 'content';
  const hasOwnId = insertions.some((part) => part.kind === 'ids' && part.index === ownIndex);
  return hasOwnId || isOf('id') ? 'id' : 'collection';
}

/** The longest way through others. */
function stepsOf(lookup: Lookup): number {
  const direct = insertionsOf(lookup.template).flatMap((part) => {
    return part.kind === 'lookup' ? lookup.needs.filter(({ name }) => name === part.name) : [];
  });
  return direct.length === 0 ? 0 : 1 + Math.max(...direct.map(stepsOf));
}

/** The lookups that a script may read, for scripts of the model: by the names that it reads them by. */
export function lookupNames({ lookups, declared, broken }: LookupDrafts): ReadonlySet<string> {
  return new Set([...lookups.keys(), ...declared.keys(), ...broken]);
}
