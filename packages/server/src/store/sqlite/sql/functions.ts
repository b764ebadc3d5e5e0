import type { Database } from 'better-sqlite3';
import {
  CompositeKeys,
  compositeFunction,
  keyAtPath,
  keyFunction,
  numberFunction,
  numberOfJson,
} from './key.js';

/**
 * Registers the functions in expressions of indexes. Every connection that may use an index needs
 * them. `tick` is called before slow work, and may throw.
 */
export function registerKeyFunctions(db: Database, tick: () => void = () => {}): void {
  const options = { deterministic: true };
  const keys = new CompositeKeys();
  db.function(compositeFunction, options, (json) => {
    tick();
    return keys.of(String(json));
  });
  db.function(numberFunction, options, (json) => numberOfJson(String(json)));
  db.function(keyFunction, options, (data, path) => keyAtPath(String(data), String(path)));
}
