import { isDeepStrictEqual } from 'node:util';
import { type Auth, fail, ProtocolError } from '@really/protocol';
import { hasAllRights } from '../model/authority.js';
import { type LookupScope, lookupScope } from '../model/lookups/find-lookups.js';
import type { LookupFinder, LookupUse } from '../model/lookups/lookup.js';
import type { Model, Rule, RuleDecision } from '../model/model.js';
import { ruleToRql } from '../model/rules/rule-to-rql.js';
import type { Scope } from '../store/store-reads.js';
import type { StoredObject } from '../store/stored-object.js';
import { type FoundRights, fieldRulesOf, nothingFound } from './access-scope.js';
import { type CandidateOptions, type Candidates, findCandidates } from './lookup-candidates.js';

export interface CollectionRightsOptions {
  readonly model: Model;
  readonly auth: Auth;
  readonly scope: Scope;
  readonly finder?: LookupFinder | undefined;
  readonly readCandidates: CandidateOptions['read'];
  /** The paths that the query filters and sorts by. */
  readonly fields: readonly string[];
}

/** What of a reader's rights holds for a whole collection: found once, not for each object (rule LKP5). */
export class CollectionRights {
  readonly #options: CollectionRightsOptions;
  readonly #finder: LookupFinder;
  /** Of the fields of the query. */
  readonly #fieldRules: readonly Rule[];
  #found = nothingFound;

  constructor(options: CollectionRightsOptions) {
    const { model, finder = { read: model.readLookups }, fields } = options;
    this.#options = options;
    this.#finder = finder;
    this.#fieldRules = fieldRulesOf(model, fields);
  }

  /** The last result of `find`. */
  get found(): FoundRights {
    return this.#found;
  }

  /** Rejects where a rule was stopped or did not run, or what it looks at cannot be read. */
  async find(mayDecideFields: boolean): Promise<FoundRights> {
    const scope = await this.#lookUp();
    const isAllowed = await this.#decide(scope);
    const candidates = isAllowed === undefined ? await this.#findCandidates(scope) : undefined;
    const mayShow = mayDecideFields && isAllowed !== false && !hasAllRights(this.#options.auth);
    const showsFields = mayShow && (await this.#showsFields());
    this.#found = { scope, isAllowed, candidates, showsFields };
    return this.#found;
  }

  /** Whether `found` holds still. */
  async areSame(): Promise<boolean> {
    if (!this.#hasLookups) return true;
    const { scope, candidates } = this.#found;
    if (revisionsOf(await this.#lookUp()) !== revisionsOf(scope)) return false;
    if (candidates === undefined) return true;
    return isDeepStrictEqual(await this.#findCandidates(scope), candidates);
  }

  /**
   * The collections of these objects, by R, that may be read, each decided once (rule LKP5); `undefined` where the rule
   * looks at each object, or where there is only one collection.
   */
  async allowedCollections(
    objects: readonly StoredObject[],
    finder: LookupFinder,
  ): Promise<ReadonlySet<string> | undefined> {
    const { auth, model } = this.#options;
    const { read } = model.access;
    const isDecided = read.isCollectionWide && this.#hasLookups && !finder.known;
    if (!isDecided || this.#hasOneParent || hasAllRights(auth)) return undefined;
    const collections = [...new Set(objects.map(({ r }) => collectionROf(r)))];
    const decisions = await Promise.all(
      collections.map((r) => read.decide({ auth, r: `${r}/*`, obj: undefined, finder })),
    );
    return new Set(collections.filter((_, index) => isAllowed(decisions[index] ?? 'refused')));
  }

  /** Of the read rule, and of the rules of the fields. */
  get #lookups(): readonly LookupUse[] {
    const { auth, model } = this.#options;
    if (hasAllRights(auth)) return [];
    return [model.access.read, ...this.#fieldRules].flatMap(({ lookups }) => lookups ?? []);
  }

  get #hasLookups(): boolean {
    return this.#lookups.length > 0;
  }

  /** Below several parents each has its own. */
  get #hasOneParent(): boolean {
    return !this.#options.scope.parents.includes('*');
  }

  async #lookUp(): Promise<LookupScope> {
    if (!this.#hasLookups || !this.#hasOneParent) return {};
    const uses = this.#lookups.filter(({ lookup }) => lookup.reach === 'collection');
    return await lookupScope(uses, this.#inputs, this.#finder);
  }

  get #inputs() {
    const { auth, scope } = this.#options;
    const { names, parents } = scope;
    const r = names.map((name, index) => `/${name}/${parents[index] ?? '*'}`).join('');
    return { auth, r, obj: undefined };
  }

  async #findCandidates(found: LookupScope): Promise<Candidates | undefined> {
    const { model, auth, scope, readCandidates: read } = this.#options;
    if (!this.#hasLookups || this.#finder.known) return undefined;
    if (ruleToRql(model, auth, found) !== undefined) return undefined;
    return await findCandidates(model, { auth, scope, found, read });
  }

  async #showsFields(): Promise<boolean> {
    const rules = this.#fieldRules;
    if (rules.length === 0 || this.#options.model.hooks.preGet || !this.#hasOneParent) return false;
    if (!rules.every((rule) => rule.isCollectionWide)) return false;
    const scope = { ...this.#inputs, finder: this.#finder };
    for (const rule of rules) if (!isAllowed(await rule.decide(scope))) return false;
    return true;
  }

  /** A rule that no filter expresses, such as one for the sandbox. */
  async #decide(found: LookupScope): Promise<boolean | undefined> {
    const { model, auth } = this.#options;
    const { read } = model.access;
    if (!read.isCollectionWide || (read.lookups?.length && !this.#hasOneParent)) return undefined;
    if (ruleToRql(model, auth, found) !== undefined) return undefined;
    return isAllowed(await read.decide({ ...this.#inputs, finder: this.#finder }));
  }
}

function isAllowed(decision: RuleDecision): boolean {
  if (decision instanceof ProtocolError) throw decision;
  if (decision === 'stopped') throw fail('internal.server.error');
  return decision === 'allowed';
}

function revisionsOf(scope: LookupScope): string {
  return JSON.stringify(scope, (key, value) => {
    const isObject = typeof value === 'object' && value !== null && '_rev' in value;
    return isObject && key !== '' ? [value._r, value._rev] : value;
  });
}

/** `/rooms/1/tasks` for `/rooms/1/tasks/2`. */
export function collectionROf(r: string): string {
  return r.slice(0, r.lastIndexOf('/'));
}
