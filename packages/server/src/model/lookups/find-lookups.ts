import { fail, type JsonObject, type JsonValue, ProtocolError } from '@really/protocol';
import type { StoredObject } from '../../store/stored-object.js';
import { scriptObject } from '../script-object.js';
import {
  type FoundObjects,
  type Lookup,
  type LookupFinder,
  type LookupInputs,
  type LookupUse,
  lookupR,
  type ReadLookups,
} from './lookup.js';
import { insertionsOf } from './template-reads.js';

/** Variables of a script, by name. */
export type LookupScope = Record<string, JsonValue>;

const nothing: LookupScope = {};

/**
 * The objects that a script looks at, as its variables (rule LKP2): as stored, and null where there is none. At once
 * if they can be read so; one read for each step of templates that use each other. Rejects as the read does.
 */
export function lookupScope(
  uses: readonly LookupUse[] | undefined,
  inputs: LookupInputs,
  finder: LookupFinder,
): LookupScope | Promise<LookupScope> {
  if (uses === undefined || uses.length === 0) return nothing;
  if (finder.known) return finder.known;
  const found = new Map<string, StoredObject | undefined>();
  const finish = () => {
    if (finder.onFound) report(uses, inputs, found, finder.onFound);
    return scopeOf(uses, found);
  };
  const rest = find(withNeeded(uses), inputs, found, finder.read);
  return rest instanceof Promise ? rest.then(finish) : finish();
}

/** What a command answers where the objects that a script looks at could not be read. */
export function lookupFailure(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  const failure = fail('internal.server.error');
  failure.cause = error;
  return failure;
}

/** The lookups that a script reads, and those that their templates use, which come first. */
function withNeeded(uses: readonly LookupUse[]): readonly Lookup[] {
  const lookups = uses.map(({ lookup }) => lookup);
  if (lookups.every(({ needs }) => needs.length === 0)) return lookups;
  return [...new Set(lookups.flatMap((lookup) => [...lookup.needs, lookup]))];
}

/** Fills `found`. Lookups whose templates can be filled in are read together. */
function find(
  lookups: readonly Lookup[],
  inputs: LookupInputs,
  found: Map<string, StoredObject | undefined>,
  read: ReadLookups,
): Promise<void> | undefined {
  const ready: Lookup[] = [];
  const rs: string[] = [];
  const later: Lookup[] = [];
  for (const lookup of lookups) {
    const isReady = lookup.needs.every(({ name }) => found.has(name));
    const r = isReady ? lookupR(lookup.template, inputs, found) : undefined;
    if (!isReady) later.push(lookup);
    else if (r === undefined) found.set(lookup.name, undefined);
    else {
      ready.push(lookup);
      rs.push(r);
    }
  }
  const keep = (objects: readonly (StoredObject | undefined)[]) => {
    for (const [index, { name }] of ready.entries()) {
      const object = objects[index];
      found.set(name, object?.deleted ? undefined : object);
    }
    return later.length === 0 ? undefined : find(later, inputs, found, read);
  };
  const objects = rs.length === 0 ? [] : read(rs);
  return objects instanceof Promise ? objects.then(keep) : keep(objects);
}

function scopeOf(uses: readonly LookupUse[], found: FoundObjects): LookupScope {
  const scope: LookupScope = {};
  for (const { lookup } of uses) {
    const object = found.get(lookup.name);
    const value = object ? scriptObject(object) : null;
    const [name = '', collection] = lookup.name.split('.');
    if (collection === undefined) scope[name] = value;
    else scope[name] = { ...(scope[name] as JsonObject | undefined), [collection]: value };
  }
  return scope;
}

function report(
  uses: readonly LookupUse[],
  inputs: LookupInputs,
  found: FoundObjects,
  onFound: NonNullable<LookupFinder['onFound']>,
): void {
  for (const { lookup, members } of uses) {
    const r = lookupR(lookup.template, inputs, found);
    if (r !== undefined) onFound(r, found.get(lookup.name), members);
    for (const { template } of [...lookup.needs, lookup]) {
      for (const part of insertionsOf(template)) {
        if (part.kind !== 'lookup') continue;
        const source = lookup.needs.find(({ name }) => name === part.name);
        const sourceR = source && lookupR(source.template, inputs, found);
        const [member = ''] = part.path;
        if (sourceR !== undefined) onFound(sourceR, found.get(part.name), new Set([member]));
      }
    }
  }
}
