import { type Delta, isJsonObject, type JsonObject, parseR } from '@really/protocol';
import { type Static, Type } from '@really/protocol/schema';
import {
  AnyObject,
  AnyValue,
  Exact,
  RecordOf,
  unexpected,
  Whole,
} from '../platform/record-schema.js';
import type { Change, Pos, StoredObject } from '../store/stored-object.js';
import type { ExportEnd } from './format.js';
import { InvalidLine, objectIn, readAs } from './line-object.js';

/** The content of a line after the first. */
export type ExportEntry =
  | { readonly kind: 'object'; readonly object: StoredObject }
  | { readonly kind: 'change'; readonly change: Change }
  | { readonly kind: 'since'; readonly position: Pos }
  | { readonly kind: 'end'; readonly end: ExportEnd };

const optional = { text: Type.Optional(Type.String()), object: Type.Optional(AnyObject) };
const place = { r: Type.String(), rev: Whole(1), modelVersion: Whole(0) };
const deletedObject = Exact({ ...place, deleted: Type.Boolean() });
const livingObject = Exact({
  ...place,
  deleted: Type.Optional(Type.Boolean()),
  touched: optional.object,
  data: AnyObject,
});

const actor = Exact({
  uid: Type.String(),
  authType: optional.text,
  _r: optional.text,
  data: optional.object,
  admin: Type.Optional(Type.Unsafe<true>({ enum: [true] })),
});
const fieldOp = Exact({
  op: Type.Enum(['set', 'addNumber', 'push', 'addToSet', 'pull', 'insertAt', 'removeAt']),
  opValue: AnyValue,
  opArgs: optional.object,
  value: Type.Optional(AnyValue),
});
const deletion = {
  r: Type.String(),
  rev: Whole(1),
  type: Type.Enum(['create', 'update', 'delete']),
  at: Whole(0),
  by: actor,
  modelVersion: Whole(0),
  cause: optional.text,
};
const creation = { ...deletion, created: AnyObject };
const update = {
  ...deletion,
  delta: Type.Optional(RecordOf(fieldOp)),
  touched: optional.object,
};
const lineOfChange = (change: typeof deletion) => Exact({ change: Exact(change) });
const changeLines = new Map([
  ['create', lineOfChange(creation)],
  ['update', lineOfChange(update)],
]);
const changeParts = Type.Partial(Type.Object({ ...creation, ...update }));

const sinceLine = Exact({ since: Whole(0) });
const count = Type.Optional(Whole(0));
const end = Exact({ position: count, newest: count, objects: count, changes: count });
const endLine = Exact({ end });

/** Throws an `InvalidLine`. */
export function readEntry(text: string): ExportEntry {
  const line = objectIn(text);
  if (Object.hasOwn(line, 'change')) return { kind: 'change', change: readChange(line) };
  if (Object.hasOwn(line, 'since')) {
    return { kind: 'since', position: readAs(sinceLine, line).since };
  }
  if (Object.hasOwn(line, 'end')) {
    const { position = 0, newest = 0, objects, changes } = readAs(endLine, line).end;
    return { kind: 'end', end: { position, newest, objects, changes } };
  }
  if (Object.hasOwn(line, 'r')) return { kind: 'object', object: readObject(line) };
  throw new InvalidLine('expected an object with `r`, or `change`, `since` or `end`');
}

function readObject(line: JsonObject): StoredObject {
  if (line.deleted === true) {
    const { r, rev, modelVersion } = readAs(deletedObject, line);
    return { r: objectR(r, 'r'), rev, data: {}, touched: {}, deleted: true, modelVersion };
  }
  const { r, rev, modelVersion, data, touched = {} } = readAs(livingObject, line);
  const revisions = revisionsIn(touched, rev, 'touched');
  return { r: objectR(r, 'r'), rev, data, touched: revisions, deleted: false, modelVersion };
}

function readChange(line: JsonObject): Change {
  const { type: given } = isJsonObject(line.change) ? line.change : {};
  const schema = changeLines.get(String(given)) ?? lineOfChange(deletion);
  const { change } = readAs(schema, line);
  const { rev, type, at, by, modelVersion, cause } = change;
  const { created = null, delta = {}, touched = {} } = change as Static<typeof changeParts>;
  const r = objectR(change.r, 'change.r');
  const revisions = revisionsIn(touched, rev, 'change.touched');
  // The values of operations are any JSON.
  const fields = delta as Delta;
  const origin = {
    ...{ by, modelVersion, at },
    ...(cause !== undefined && { cause: objectR(cause, 'change.cause') }),
  };
  return { r, rev, type, delta: fields, touched: revisions, created, ...origin };
}

/** The R of an object, under the current name of a system collection that was renamed since. */
function objectR(r: string, path: string): string {
  const parsed = parseR(r);
  if (parsed?.kind !== 'object' || parsed.r !== r) {
    throw new InvalidLine(unexpected(path, 'the R of an object, such as /users/1', r));
  }
  return r.startsWith(formerJobs) ? `/_jobs/${r.slice(formerJobs.length)}` : r;
}

const formerJobs = '/_errands/';

/** Checks that all members are revisions, up to `most`. */
function revisionsIn(
  touched: JsonObject,
  most: number,
  path: string,
): Readonly<Record<string, number>> {
  for (const [name, rev] of Object.entries(touched)) {
    if (typeof rev === 'number' && Number.isInteger(rev) && rev >= 1 && rev <= most) continue;
    throw new InvalidLine(unexpected(`${path}.${name}`, `a revision from 1 to ${most}`, rev));
  }
  return touched as Readonly<Record<string, number>>;
}
