import {
  fail,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type ProtocolError,
  setMember,
} from '@really/protocol';
import { goneError } from '../../model/deleted.js';
import type { Field, Model } from '../../model/model.js';
import { holdsReference } from '../../model/validation/references.js';
import { view, visibleBody } from '../../model/view/view.js';
import { estimateBytes } from '../../objects/estimate-bytes.js';
import { pageBytes } from '../../platform/limits.js';
import { Slice } from '../../platform/scheduling/slices.js';
import { assertAuthorizable, authorizedTogether } from '../../queries/access-scope.js';
import type { StoredObject } from '../../store/store.js';
import { modelOfObject } from '../existing-object.js';
import type { CommandContext } from '../services.js';

/** What a reference shows of its target, and its size. */
interface Showing {
  readonly shown: JsonObject;
  size: number;
}

/** By field, then by R. */
type Shown = Map<Field, Map<string, Showing>>;

/** Approximate bytes left for the targets of one object. */
interface Room {
  left: number;
}

/**
 * Bodies of objects of one model, with each reference replaced by what the reader may see of its
 * target (rules GET4, GET5), within the byte budget (rule LIM15). Every target is loaded once. Does
 * not modify the bodies passed in.
 */
export async function dereference(
  context: CommandContext,
  model: Model,
  bodies: readonly JsonObject[],
): Promise<JsonObject[]> {
  const fields = [...model.fields.values()].filter(holdsReference);
  if (fields.length === 0) return [...bodies];
  const found: Shown = new Map();
  for (const body of bodies) {
    for (const field of fields) collect(field, body[field.name], found);
  }
  await loadTargets(context, found);
  return bodies.map((body) => {
    const copy: JsonObject = { ...body };
    const room: Room = { left: pageBytes(context.services.limits) };
    for (const field of fields) {
      const value = body[field.name];
      if (value !== undefined) setMember(copy, field.name, replaced(field, value, found, room));
    }
    return copy;
  });
}

/** Collects every reference in a value. */
function collect(field: Field, value: JsonValue | undefined, found: Shown): void {
  if (!holdsReference(field)) return;
  if (field.type === 'reference' && typeof value === 'string') {
    const known = found.get(field) ?? new Map<string, Showing>();
    found.set(field, known.set(value, { shown: { value }, size: 0 }));
  } else if (field.type === 'Object' && isJsonObject(value)) {
    for (const inner of field.fields.values()) collect(inner, value[inner.name], found);
  } else if (field.type === 'List' && Array.isArray(value)) {
    for (const element of value) collect(field.items, element, found);
  }
}

function replaced(field: Field, value: JsonValue, found: Shown, room: Room): JsonValue {
  if (!holdsReference(field)) return value;
  if (field.type === 'reference' && typeof value === 'string') {
    const { shown, size } = found.get(field)?.get(value) ?? { shown: { value }, size: 0 };
    room.left -= size;
    return room.left >= 0 ? shown : { value, error: errorBody(fail('answer.too.large')) };
  }
  if (field.type === 'Object' && isJsonObject(value)) {
    const copy: JsonObject = { ...value };
    for (const inner of field.fields.values()) {
      const member = value[inner.name];
      if (member !== undefined) setMember(copy, inner.name, replaced(inner, member, found, room));
    }
    return copy;
  }
  if (field.type === 'List' && Array.isArray(value)) {
    return value.map((element) => replaced(field.items, element, found, room));
  }
  return value;
}

async function loadTargets(context: CommandContext, found: Shown): Promise<void> {
  const rs = new Set<string>();
  for (const known of found.values()) for (const r of known.keys()) rs.add(r);
  const all = [...rs];
  const byR = new Map<string, Target>();
  const slice = new Slice(context.services.platform.clock);
  for (let index = 0; index < all.length; index += authorizedTogether) {
    const targets = await load(context, all.slice(index, index + authorizedTogether));
    await Promise.all(
      targets.map(async ([r, object]) => {
        byR.set(r, await targetOf(context, r, object));
      }),
    );
    if (slice.isOver) await slice.rest();
  }
  for (const [field, known] of found) {
    const shows = field.type === 'reference' ? field.shows : [];
    for (const [r, showing] of known) {
      Object.assign(showing.shown, byR.get(r)?.(shows));
      showing.size = estimateBytes(showing.shown);
    }
  }
}

async function load(
  context: CommandContext,
  rs: readonly string[],
): Promise<[string, StoredObject | undefined][]> {
  const known = rs.filter((r) => modelOfObject(context, r));
  const objects = await context.services.objects.heads(known);
  const byR = new Map(known.map((r, index) => [r, objects[index]]));
  return rs.map((r) => [r, byR.get(r)]);
}

/** The content of a dereferenced target, by the fields shown. */
type Target = (shows: readonly string[]) => JsonObject;

async function targetOf(
  context: CommandContext,
  r: string,
  object: StoredObject | undefined,
): Promise<Target> {
  const model = modelOfObject(context, r);
  if (!model || !object) return () => ({ error: errorBody(fail('object.missing')) });
  if (object.deleted) {
    const error = await goneError(model, object, context.auth);
    const gone = error.message === 'object.gone';
    const ref = visibleBody(object, [], []);
    return () => ({ error: errorBody(error), ...(gone && { ref }) });
  }
  const seen = await view(model, object, context.auth);
  if (seen.kind === 'visible') {
    return (shows) => ({ ref: visibleBody(object, shows, seen.hidden) });
  }
  assertAuthorizable(seen.error);
  return () => ({ error: errorBody(seen.error) });
}

function errorBody({ code, message }: ProtocolError): JsonObject {
  return { code, message };
}
