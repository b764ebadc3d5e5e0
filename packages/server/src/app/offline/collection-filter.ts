import { isSystemName, parseR, printedCollection } from '@really/protocol';
import { likelyCollection, listed } from '../../model/load/expected-names.js';
import type { ExportReader } from '../../store/export-reader.js';
import { ConfigError } from '../config/config.js';

/** A collection that `--collection` names. */
export interface SelectedCollection {
  /** `users/posts`. */
  readonly key: string;
  /** `/users/*` and so on. */
  readonly shown: string;
}

/** Identifies collections by their names alone, in order, however they were written. */
export async function collectionFilter(
  collections: readonly string[],
  reader: ExportReader,
): Promise<readonly SelectedCollection[] | undefined> {
  if (collections.length === 0) return undefined;
  const known = (await reader.collections()).map(({ names }) => names);
  const chosen = new Map(collections.map((given) => [keyOf(given, known), given]));
  return [...chosen.keys()]
    .sort()
    .map((key) => ({ key, shown: printedCollection(key.split('/')) }));
}

function keyOf(given: string, known: readonly (readonly string[])[]): string {
  const parsed = parseR(given);
  if (parsed?.kind !== 'collection' || parsed.parents.some((parent) => parent !== '*')) {
    throw new ConfigError(
      `--collection: expected a collection such as /users/* or /users/*/posts/*, not ${given} (the FILE stands before it)`,
    );
  }
  const key = parsed.names.join('/');
  if (known.some((names) => names.join('/') === key)) return key;
  const others = known.filter(([name = '']) => !isSystemName(name));
  throw new ConfigError(
    `--collection: there is no collection ${printedCollection(parsed.names)}; ${hint(parsed.names, others)}`,
  );
}

function hint(names: readonly string[], known: readonly (readonly string[])[]): string {
  if (known.length === 0) return 'there are none';
  const likely = likelyCollection(names, known);
  return likely === undefined
    ? `expected ${listed(known.map(printedCollection))}`
    : `did you mean ${printedCollection(likely)}?`;
}
