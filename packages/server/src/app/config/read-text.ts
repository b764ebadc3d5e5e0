import { readFileSync } from 'node:fs';
import type { JsonValue } from '@really/protocol';
import { StartError, systemReason } from '../start-error.js';

/** A file as text. The mark that some editors put at its beginning, to say that it is UTF-8, is no part of it. Throws as `readFileSync`. */
export function readText(path: string): string {
  return readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
}

/** As `readText`, of a file that a start needs: throws a `StartError`. */
export function readNeeded(path: string): string {
  try {
    return readText(path);
  } catch (error) {
    throw new StartError([`${path} cannot be read: ${systemReason(error)}`], error);
  }
}

/** The value of a JSON text; `undefined` if it is none. */
export function jsonIn(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
