import {
  fail,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type ProtocolError,
  setMember,
} from '@really/protocol';
import { goneError } from '../../model/deleted.js';
import type { Field, Model, ReferenceField } from '../../model/model.js';
import { holdsReference } from '../../model/validation/references.js';
import { view, visibleBody } from '../../model/view/view.js';
import { estimateBytes } from '../../objects/estimate-bytes.js';
import { judgedAsNewest } from '../../objects/judged-again.js';
import { pageBytes, readBytes } from '../../platform/limits.js';
import { Slice } from '../../platform/scheduling/slices.js';
import { assertAuthorizable } from '../../queries/access-scope.js';
import type { StoredObject } from '../../store/stored-object.js';
import { type AuditedCommand, auditRead, type ShownObject } from '../admin-audit.js';
import { lookupsSettled, modelOfObject } from '../existing-object.js';
import { assertAwaited, type CommandContext, chargeFor } from '../services.js';

/** What a reference shows of its target, and its size. */
interface Showing {
  readonly shown: JsonObject;
  size: number;
}

/** By field, then by R. */
type Shown = Map<ReferenceField, Map<string, Showing>>;

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
  { bodies, command }: { bodies: readonly JsonObject[]; command: AuditedCommand },
): Promise<JsonObject[]> {
  const fields = [...model.fields.values()].filter(holdsReference);
  if (fields.length === 0) return [...bodies];
  const found: Shown = new Map();
  for (const body of bodies) {
    for (const field of fields) collect(field, body[field.name], found);
  }
  await loadTargets(context, found, command);
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

/** Each may be a megabyte, and is kept until the others of its portion are shown. */
const loadedTogether = 8;

async function loadTargets(
  context: CommandContext,
  found: Shown,
  command: AuditedCommand,
): Promise<void> {
  const rs = new Set<string>();
  for (const known of found.values()) for (const r of known.keys()) rs.add(r);
  const all = [...rs];
  const slice = new Slice(context.services.platform.clock);
  const pause = () => (slice.isOver ? slice.rest() : undefined);
  let left = readBytes(context.services.limits);
  for (let index = 0; index < all.length; index += loadedTogether) {
    const portion = all.slice(index, index + loadedTogether);
    if (left < 0) {
      show(found, new Map(portion.map((r) => [r, tooLarge])));
      continue;
    }
    const targets = await load(context, portion, pause);
    const bytes = targets.reduce((sum, { object }) => sum + estimateBytes(object?.data), 0);
    left -= bytes;
    await showTargets(context, command, found, targets);
    await chargeFor(context, bytes);
    assertAwaited(context);
    await pause();
  }
}

/** Keeps no more of the targets than what is shown of them. */
async function showTargets(
  context: CommandContext,
  command: AuditedCommand,
  found: Shown,
  targets: readonly Target[],
): Promise<void> {
  const { objects } = context.services;
  const contents = await Promise.all(
    targets.map(async ({ r, model, object }) => {
      const judge = (now: StoredObject | undefined) => contentOf(context, model, now);
      return [r, await judgedAsNewest(objects, object, judge)] as const;
    }),
  );
  await auditRead(context, command, targetsShown(found, targets));
  show(found, new Map(contents));
}

function show(found: Shown, contents: ReadonlyMap<string, Content>): void {
  for (const [{ shows }, known] of found) {
    for (const [r, content] of contents) {
      const showing = known.get(r);
      if (!showing) continue;
      Object.assign(showing.shown, content(shows));
      showing.size = estimateBytes(showing.shown);
    }
  }
}

const tooLarge: Content = () => ({ error: errorBody(fail('answer.too.large')) });

function targetsShown(found: Shown, targets: readonly Target[]): ShownObject[] {
  return [...found].flatMap(([{ shows }, known]) => {
    return targets.flatMap(({ r, model, object }) => {
      const isShown = known.has(r) && object && !object.deleted;
      return isShown && model ? { model, object, fields: shows } : [];
    });
  });
}

interface Target {
  readonly r: string;
  readonly model: Model | undefined;
  readonly object: StoredObject | undefined;
}

async function load(
  context: CommandContext,
  rs: readonly string[],
  pause: () => Promise<void> | undefined,
): Promise<Target[]> {
  const targets = rs.map((r) => ({ r, model: modelOfObject(context, r) }));
  const known = targets.filter(({ model }) => model);
  const { objects } = context.services;
  const heads = await objects.heads(
    known.map(({ r }) => r),
    pause,
  );
  await lookupsSettled(
    context,
    known.map(({ model }) => model),
  );
  const byR = new Map(known.map(({ r }, index) => [r, heads[index]]));
  return targets.map(({ r, model }) => ({ r, model, object: byR.get(r) }));
}

/** The content of a dereferenced target, by the fields shown. */
type Content = (shows: readonly string[]) => JsonObject;

async function contentOf(
  context: CommandContext,
  model: Model | undefined,
  object: StoredObject | undefined,
): Promise<Content> {
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
