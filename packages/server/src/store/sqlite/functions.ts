import type { Database } from 'better-sqlite3';
import {
  compositeFunction,
  compositeKeyOfJson,
  keyAtPath,
  keyFunction,
  numberFunction,
  numberOfJson,
} from './key.js';

/** Makes known what the expressions of indexes call. Every connection that may use an index needs it. */
export function registerKeyFunctions(db: Database): void {
  const options = { deterministic: true };
  db.function(compositeFunction, options, (json) => compositeKeyOfJson(String(json)));
  db.function(numberFunction, options, (json) => numberOfJson(String(json)));
  db.function(keyFunction, options, (data, path) => keyAtPath(String(data), String(path)));
}
