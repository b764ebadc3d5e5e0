import type { Auth } from '@really/protocol';
import type { LookupScope } from '../model/lookups/find-lookups.js';
import { searchFor } from '../model/lookups/lookup-search.js';
import type { Model } from '../model/model.js';
import { type Pushdown, ruleToRql } from '../model/rules/rule-to-rql.js';
import type { Query, Scope } from '../store/store-reads.js';
import type { StoredObject } from '../store/stored-object.js';

/**
 * The objects of a collection for which lookups of its read rule find anything, such as the projects in which a reader
 * has a membership. All others are as the rule says where they find nothing.
 */
export interface Candidates {
  /** Whether `rs` are these objects themselves, or those right above them. */
  readonly kind: 'objects' | 'parents';
  /** Ascending. */
  readonly rs: readonly string[];
  /** What the rule amounts to for the others. */
  readonly others: Pushdown;
}

export interface CandidateOptions {
  readonly auth: Auth;
  readonly scope: Scope;
  /** The objects of lookups that are the same for all of the collection. */
  readonly found: LookupScope;
  /** `undefined`: they are too large to be read at once. */
  readonly read: (
    query: Pick<Query, 'scope' | 'id' | 'limit'>,
  ) => Promise<StoredObject[] | undefined>;
}

/** Beyond so many, the rule is evaluated for each object of the collection. */
const mostCandidates = 1000;

/** `undefined` if they cannot be found by an index, or do not narrow the search. */
export async function findCandidates(
  model: Model,
  { auth, scope, found, read }: CandidateOptions,
): Promise<Candidates | undefined> {
  const uses = model.access.read.lookups ?? [];
  const searches = uses.flatMap(({ lookup }) => searchFor(lookup, scope, auth) ?? []);
  const kind = searches[0]?.kind;
  if (kind === undefined) return undefined;
  const alike = searches.filter((search) => search.kind === kind);
  const nothing = Object.fromEntries(alike.map(({ name }) => [name, null]));
  const others = ruleToRql(model, auth, { ...found, ...nothing });
  if (others === undefined || others.kind === 'everything') return undefined;
  // The store can say "below these or", but not by an index.
  if (kind === 'parents' && others.kind === 'filter') return undefined;
  const rs = new Set<string>();
  for (const search of alike) {
    if (!search.query) continue;
    const objects = await read({ ...search.query, limit: mostCandidates + 1 });
    if (!objects || objects.length > mostCandidates) return undefined;
    for (const { r } of objects) rs.add(search.candidateOf(r) ?? '');
  }
  rs.delete('');
  return { kind, rs: [...rs].sort(), others };
}
