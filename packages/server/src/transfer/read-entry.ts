import { type Actor, type Delta, type JsonObject, parseR } from '@really/protocol';
import type { Change, Pos, StoredObject } from '../store/store.js';
import type { ExportEnd } from './format.js';
import { InvalidLine, objectIn, RecordReader } from './record-reader.js';

/** The content of a line after the first. */
export type ExportEntry =
  | { readonly kind: 'object'; readonly object: StoredObject }
  | { readonly kind: 'change'; readonly change: Change }
  | { readonly kind: 'since'; readonly position: Pos }
  | { readonly kind: 'end'; readonly end: ExportEnd };

/** Throws an `InvalidLine`. */
export function readEntry(text: string): ExportEntry {
  const line = objectIn(text);
  const reader = new RecordReader(line);
  if (reader.has('change')) return only(reader, readChange(reader.object('change')));
  if (reader.has('since')) {
    return only(reader, { kind: 'since', position: reader.integer('since', 0) });
  }
  if (reader.has('end')) return only(reader, readEnd(reader.object('end')));
  if (reader.has('r')) return readObject(line);
  throw new InvalidLine('expected an object with `r`, or `change`, `since` or `end`');
}

function only(reader: RecordReader, entry: ExportEntry): ExportEntry {
  reader.assertComplete();
  return entry;
}

function readObject(line: JsonObject): ExportEntry {
  const reader = new RecordReader(line);
  const r = objectR(reader);
  const rev = reader.integer('rev', 1);
  const modelVersion = reader.integer('modelVersion', 0);
  const deleted = reader.flag('deleted');
  const touched = deleted ? {} : reader.revisions('touched', rev);
  const data = deleted ? {} : reader.object('data');
  reader.assertComplete();
  return { kind: 'object', object: { r, rev, data, touched, deleted, modelVersion } };
}

function objectR(reader: RecordReader): string {
  const parsed = parseR(reader.text('r'));
  if (parsed?.kind !== 'object' || parsed.r !== reader.text('r')) {
    reader.fail('r', 'the R of an object, such as /users/1');
  }
  return renamed(parsed.r);
}

/** The current name of a system collection that was renamed since the export. */
function renamed(r: string): string {
  return r.startsWith(formerJobs) ? `/_jobs/${r.slice(formerJobs.length)}` : r;
}

const formerJobs = '/_errands/';

function readChange(given: JsonObject): ExportEntry {
  const reader = new RecordReader(given, 'change');
  const r = objectR(reader);
  const rev = reader.integer('rev', 1);
  const type = reader.oneOf('type', ['create', 'update', 'delete']);
  const at = reader.integer('at', 0);
  const by = readActor(reader.object('by'));
  const modelVersion = reader.integer('modelVersion', 0);
  const created = type === 'create' ? reader.object('created') : null;
  const delta = type === 'update' ? readDelta(reader.optionalObject('delta') ?? {}) : {};
  const touched = type === 'update' ? reader.revisions('touched', rev) : {};
  reader.assertComplete();
  const change = { r, rev, type, delta, touched, created, by, modelVersion, at };
  return { kind: 'change', change };
}

function readActor(given: JsonObject): Actor {
  const reader = new RecordReader(given, 'change.by');
  const authType = reader.optionalText('authType');
  const r = reader.optionalText('_r');
  const data = reader.optionalObject('data');
  const by: Actor = {
    uid: reader.text('uid'),
    ...(authType !== undefined && { authType }),
    ...(r !== undefined && { _r: r }),
    ...(data !== undefined && { data }),
  };
  reader.assertComplete();
  return by;
}

const fieldOps = ['set', 'addNumber', 'push', 'addToSet', 'pull', 'insertAt', 'removeAt'] as const;

/** Returns it unchanged, after checking every operation. */
function readDelta(given: JsonObject): Delta {
  const operations = new RecordReader(given, 'change.delta');
  for (const key of Object.keys(given)) {
    const reader = new RecordReader(operations.object(key), `change.delta.${key}`);
    reader.oneOf('op', fieldOps);
    if (!reader.has('opValue')) reader.fail('opValue', 'a value');
    reader.optionalObject('opArgs');
    reader.has('value');
    reader.assertComplete();
  }
  return given as unknown as Delta;
}

function readEnd(given: JsonObject): ExportEntry {
  const reader = new RecordReader(given, 'end');
  const count = (name: string) => (reader.has(name) ? reader.integer(name, 0) : undefined);
  const end: ExportEnd = {
    position: count('position') ?? 0,
    newest: count('newest') ?? 0,
    objects: count('objects'),
    changes: count('changes'),
  };
  reader.assertComplete();
  return { kind: 'end', end };
}
