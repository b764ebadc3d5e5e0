import {
  infiniteIn,
  isDeeperThan,
  isJsonObject,
  type JsonObject,
  parseJson,
} from '@really/protocol';
import type { Static, TSchema } from '@really/protocol/schema';
import { misfitIn, shown } from '../platform/record-schema.js';

/** An error in a line: which member, and what was expected. */
export class InvalidLine extends Error {
  override readonly name = 'InvalidLine';
}

/** The object of a line. Throws an `InvalidLine` where it does not fit the schema. */
export function readAs<S extends TSchema>(schema: S, line: JsonObject): Static<S> {
  const problem = misfitIn(schema, line);
  if (problem !== undefined) throw new InvalidLine(problem);
  return line as Static<S>;
}

/** Far beyond what a model allows; deeper values could not even be serialized again. */
const mostLevels = 1000;

/** Throws an `InvalidLine` where it is no JSON object. */
export function objectIn(text: string): JsonObject {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    value = undefined;
  }
  if (!isJsonObject(value)) throw new InvalidLine(`expected a JSON object, not ${shown(text)}`);
  if (isDeeperThan(value, mostLevels)) {
    throw new InvalidLine(`expected at most ${mostLevels} levels of JSON`);
  }
  const infinite = infiniteIn(value)?.slice(1);
  if (infinite !== undefined)
    throw new InvalidLine(`${infinite}: expected a number that is finite`);
  return value;
}
