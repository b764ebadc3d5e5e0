import { isSystemName, parseR } from '@really/protocol';
import type { StoreReader } from '../store/store-reader.js';
import { printed } from '../transfer/names.js';
import { ConfigError } from './config.js';
import { nearest } from './config-names.js';

/** A collection that `--collection` names. */
export interface Chosen {
  /** `users/posts`. */
  readonly key: string;
  /** `/users/*` and so on. */
  readonly shown: string;
}

/** Collections are told by their names alone, in order: which ones, and not how they were written. */
export async function chosenCollections(
  collections: readonly string[],
  reader: StoreReader,
): Promise<readonly Chosen[] | undefined> {
  if (collections.length === 0) return undefined;
  const known = (await reader.collections()).map(({ names }) => names);
  const chosen = new Map(collections.map((given) => [keyOf(given, known), given]));
  return [...chosen.keys()].sort().map((key) => ({ key, shown: printed(key.split('/')) }));
}

function keyOf(given: string, known: readonly (readonly string[])[]): string {
  const parsed = parseR(given);
  if (parsed?.kind !== 'collection' || parsed.parents.some((parent) => parent !== '*')) {
    throw misuse(
      `--collection: expected a collection such as /users/* or /users/*/posts/*, not ${given} (the FILE stands before it)`,
    );
  }
  const key = parsed.names.join('/');
  if (known.some((names) => names.join('/') === key)) return key;
  const others = known.filter(([name = '']) => !isSystemName(name)).map(printed);
  const like = nearest(given, others);
  const hint = like === undefined ? 'there are none' : `did you mean ${like}?`;
  throw misuse(`--collection: there is no collection ${printed(parsed.names)}; ${hint}`);
}

const misuse = (problem: string): ConfigError => new ConfigError([problem], true);
