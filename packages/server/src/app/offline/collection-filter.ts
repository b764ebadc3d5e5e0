import { isSystemName, parseR, printedCollection } from '@really/protocol';
import { likelyCollection, listed } from '../../model/load/expected-names.js';
import type { ExportReader } from '../../store/export-reader.js';
import { ConfigError } from '../config/config.js';

/** The collections that `--collection` names. */
export interface SelectedCollections {
  /** `users/posts` and so on. */
  readonly keys: readonly string[];
  /** `/users/*` and so on. */
  readonly shown: readonly string[];
}

/** Identifies collections by their names alone, in order, however they were written. */
export async function collectionFilter(
  collections: readonly string[],
  reader: ExportReader,
): Promise<SelectedCollections | undefined> {
  if (collections.length === 0) return undefined;
  const known = (await reader.collections()).map(({ names }) => names);
  const keys = [...new Set(collections.map((given) => keyOf(given, known)))].sort();
  return { keys, shown: keys.map((key) => printedCollection(key.split('/'))) };
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
