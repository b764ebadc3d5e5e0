import { isDeepStrictEqual } from 'node:util';
import { type Auth, fail, ProtocolError } from '@really/protocol';
import { hasAllRights } from '../model/authority.js';
import { type LookupScope, lookupScope } from '../model/lookups/find-lookups.js';
import type { LookupFinder, LookupUse } from '../model/lookups/lookup.js';
import type { Model, Rule, RuleDecision } from '../model/model.js';
import { ruleToRql } from '../model/rules/rule-to-rql.js';
import type { Scope } from '../store/store-reads.js';
import type { StoredObject } from '../store/stored-object.js';
import { fieldRulesOf } from './access-scope.js';
import { type CandidateOptions, type Candidates, findCandidates } from './lookup-candidates.js';

export interface FoundRights {
  /** The objects that lookups find, as far as they are the same for all of the collection. */
  readonly scope: LookupScope;
  /** Set if the read rule, which no filter expresses, could be decided for all of it. */
  readonly isAllowed: boolean | undefined;
  /** Set if neither, but few objects can be visible. */
  readonly candidates: Candidates | undefined;
  /** Whether it could be decided that no field of the query is hidden from the reader, by lookups. */
  readonly showsFields: boolean;
}

/** What of a reader's rights holds for a whole collection: found once, not for each object (rule LKP5). */
export class CollectionRights {
  readonly #model: Model;
  readonly #auth: Auth;
  readonly #scope: Scope;
  readonly #finder: LookupFinder;
  readonly #readCandidates: CandidateOptions['read'];
  /** Of the fields of the query. */
  readonly #fieldRules: readonly Rule[];
  #found: FoundRights = {
    ...{ scope: {}, isAllowed: undefined, candidates: undefined, showsFields: false },
  };

  constructor(
    model: Model,
    auth: Auth,
    {
      scope,
      finder = { read: model.readLookups },
      readCandidates,
      fields = [],
    }: {
      readonly scope: Scope;
      readonly finder?: LookupFinder | undefined;
      readonly readCandidates: CandidateOptions['read'];
      /** The paths that the query filters and sorts by. */
      readonly fields?: readonly string[] | undefined;
    },
  ) {
    this.#model = model;
    this.#auth = auth;
    this.#scope = scope;
    this.#finder = finder;
    this.#readCandidates = readCandidates;
    this.#fieldRules = fieldRulesOf(model, fields);
  }

  /** Rejects where a rule was stopped or did not run, or what it looks at cannot be read. */
  async find({ mayDecideFields = true } = {}): Promise<FoundRights> {
    const scope = await this.#lookUp();
    const isAllowed = await this.#decide(scope);
    const candidates = isAllowed === undefined ? await this.#findCandidates(scope) : undefined;
    const mayShow = mayDecideFields && isAllowed !== false && !hasAllRights(this.#auth);
    const showsFields = mayShow && (await this.#showsFields());
    this.#found = { scope, isAllowed, candidates, showsFields };
    return this.#found;
  }

  /** Whether the last result of `find` holds still. */
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
    const { read } = this.#model.access;
    const isDecided = read.isCollectionWide && this.#hasLookups && !finder.known;
    if (!isDecided || this.#hasOneParent || hasAllRights(this.#auth)) return undefined;
    const collections = [...new Set(objects.map(({ r }) => collectionROf(r)))];
    const decisions = await Promise.all(
      collections.map((r) =>
        read.decide({ auth: this.#auth, r: `${r}/*`, obj: undefined, finder }),
      ),
    );
    return new Set(collections.filter((_, index) => isAllowed(decisions[index] ?? 'refused')));
  }

  /** Of the read rule, and of the rules of the fields. */
  get #lookups(): readonly LookupUse[] {
    if (hasAllRights(this.#auth)) return [];
    return [this.#model.access.read, ...this.#fieldRules].flatMap(({ lookups }) => lookups ?? []);
  }

  get #hasLookups(): boolean {
    return this.#lookups.length > 0;
  }

  /** Below several parents each has its own. */
  get #hasOneParent(): boolean {
    return !this.#scope.parents.includes('*');
  }

  async #lookUp(): Promise<LookupScope> {
    if (!this.#hasLookups || !this.#hasOneParent) return {};
    const uses = this.#lookups.filter(({ lookup }) => lookup.reach === 'collection');
    return await lookupScope(uses, this.#inputs, this.#finder);
  }

  get #inputs() {
    const { names, parents } = this.#scope;
    const r = names.map((name, index) => `/${name}/${parents[index] ?? '*'}`).join('');
    return { auth: this.#auth, r, obj: undefined };
  }

  async #findCandidates(found: LookupScope): Promise<Candidates | undefined> {
    if (!this.#hasLookups || this.#finder.known) return undefined;
    if (ruleToRql(this.#model, this.#auth, found) !== undefined) return undefined;
    const [auth, scope, read] = [this.#auth, this.#scope, this.#readCandidates];
    return await findCandidates(this.#model, { auth, scope, found, read });
  }

  async #showsFields(): Promise<boolean> {
    const rules = this.#fieldRules;
    if (rules.length === 0 || this.#model.hooks.preGet || !this.#hasOneParent) return false;
    if (!rules.every((rule) => rule.isCollectionWide)) return false;
    const scope = { ...this.#inputs, finder: this.#finder };
    for (const rule of rules) if (!isAllowed(await rule.decide(scope))) return false;
    return true;
  }

  /** A rule that no filter expresses, such as one for the sandbox. */
  async #decide(found: LookupScope): Promise<boolean | undefined> {
    const { read } = this.#model.access;
    const looksUp = read.lookups !== undefined && read.lookups.length > 0;
    if (!read.isCollectionWide || (looksUp && !this.#hasOneParent)) return undefined;
    if (ruleToRql(this.#model, this.#auth, found) !== undefined) return undefined;
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
