import { type Actor, type Delta, type JsonObject, parseR } from '@really/protocol';
import type { Change, Pos, StoredObject } from '../store/store.js';
import type { End } from './format.js';
import { Members, objectIn, WrongLine } from './members.js';

/** What a line after the first one says. */
export type Entry =
  | { readonly kind: 'object'; readonly object: StoredObject }
  | { readonly kind: 'change'; readonly change: Change }
  | { readonly kind: 'since'; readonly position: Pos }
  | { readonly kind: 'end'; readonly end: End };

/** Throws a `WrongLine`. */
export function readEntry(text: string): Entry {
  const line = objectIn(text);
  const members = new Members(line);
  if (members.has('change')) return only(members, readChange(members.object('change')));
  if (members.has('since')) {
    return only(members, { kind: 'since', position: members.integer('since', 0) });
  }
  if (members.has('end')) return only(members, readEnd(members.object('end')));
  if (members.has('r')) return readObject(line);
  throw new WrongLine('expected an object with `r`, or `change`, `since` or `end`');
}

function only(members: Members, entry: Entry): Entry {
  members.done();
  return entry;
}

function readObject(line: JsonObject): Entry {
  const members = new Members(line);
  const r = objectR(members);
  const rev = members.integer('rev', 1);
  const modelVersion = members.integer('modelVersion', 0);
  const deleted = members.flag('deleted');
  const touched = deleted ? {} : members.revisions('touched', rev);
  const data = deleted ? {} : members.object('data');
  members.done();
  return { kind: 'object', object: { r, rev, data, touched, deleted, modelVersion } };
}

function objectR(members: Members): string {
  const parsed = parseR(members.text('r'));
  if (parsed?.kind !== 'object' || parsed.r !== members.text('r')) {
    members.fail('r', 'the R of an object, such as /users/1');
  }
  return renamed(parsed.r);
}

/** The name of today, where a collection of the server itself had another one when the export was written. */
function renamed(r: string): string {
  return r.startsWith(errands) ? `/_jobs/${r.slice(errands.length)}` : r;
}

const errands = '/_errands/';

function readChange(given: JsonObject): Entry {
  const members = new Members(given, 'change');
  const r = objectR(members);
  const rev = members.integer('rev', 1);
  const type = members.oneOf('type', ['create', 'update', 'delete']);
  const at = members.integer('at', 0);
  const by = readActor(members.object('by'));
  const modelVersion = members.integer('modelVersion', 0);
  const created = type === 'create' ? members.object('created') : null;
  const delta = type === 'update' ? readDelta(members.optionalObject('delta') ?? {}) : {};
  const touched = type === 'update' ? members.revisions('touched', rev) : {};
  members.done();
  const change = { r, rev, type, delta, touched, created, by, modelVersion, at };
  return { kind: 'change', change };
}

function readActor(given: JsonObject): Actor {
  const members = new Members(given, 'change.by');
  const authType = members.optionalText('authType');
  const r = members.optionalText('_r');
  const data = members.optionalObject('data');
  const by: Actor = {
    uid: members.text('uid'),
    ...(authType !== undefined && { authType }),
    ...(r !== undefined && { _r: r }),
    ...(data !== undefined && { data }),
  };
  members.done();
  return by;
}

const fieldOps = ['set', 'addNumber', 'push', 'addToSet', 'pull', 'insertAt', 'removeAt'] as const;

/** As it is, once every operation is known to be one. */
function readDelta(given: JsonObject): Delta {
  const operations = new Members(given, 'change.delta');
  for (const key of Object.keys(given)) {
    const members = new Members(operations.object(key), `change.delta.${key}`);
    members.oneOf('op', fieldOps);
    if (!members.has('opValue')) members.fail('opValue', 'a value');
    members.optionalObject('opArgs');
    members.has('value');
    members.done();
  }
  return given as unknown as Delta;
}

function readEnd(given: JsonObject): Entry {
  const members = new Members(given, 'end');
  const count = (name: string) => (members.has(name) ? members.integer(name, 0) : undefined);
  const end: End = {
    position: count('position') ?? 0,
    newest: count('newest') ?? 0,
    objects: count('objects'),
    changes: count('changes'),
  };
  members.done();
  return { kind: 'end', end };
}
