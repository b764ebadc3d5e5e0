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
 * Makes known what the expressions of indexes call. Every connection that may use an index needs it. `tick` is called before what may
 * take long, and may throw.
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
