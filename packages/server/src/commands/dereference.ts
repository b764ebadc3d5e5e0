import {
  fail,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type ProtocolError,
  setMember,
} from '@really/protocol';
import { goneError } from '../model/deleted.js';
import type { Field, Model } from '../model/model.js';
import { holdsReference } from '../model/references.js';
import { view, visibleBody } from '../model/view.js';
import { assertJudged, judgedTogether } from '../queries/readers-view.js';
import type { StoredObject } from '../store/store.js';
import { modelOfObject } from './presence.js';
import type { CommandContext } from './services.js';

/** By field, and by R: what a reference of this field shows of its target. */
type Shown = Map<Field, Map<string, JsonObject>>;

/**
 * Bodies of objects of one model with each reference in them replaced by what the reader may see of
 * its target (rules GET4, GET5). Every target is loaded once. The bodies given stay as they are.
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
    for (const field of fields) {
      const value = body[field.name];
      if (value !== undefined) setMember(copy, field.name, replaced(field, value, found));
    }
    return copy;
  });
}

/** Notes every reference in a value. */
function collect(field: Field, value: JsonValue | undefined, found: Shown): void {
  if (!holdsReference(field)) return;
  if (field.type === 'reference' && typeof value === 'string') {
    const known = found.get(field) ?? new Map<string, JsonObject>();
    found.set(field, known.set(value, { value }));
  } else if (field.type === 'Object' && isJsonObject(value)) {
    for (const inner of field.fields.values()) collect(inner, value[inner.name], found);
  } else if (field.type === 'List' && Array.isArray(value)) {
    for (const element of value) collect(field.items, element, found);
  }
}

function replaced(field: Field, value: JsonValue, found: Shown): JsonValue {
  if (!holdsReference(field)) return value;
  if (field.type === 'reference' && typeof value === 'string') {
    return found.get(field)?.get(value) ?? { value };
  }
  if (field.type === 'Object' && isJsonObject(value)) {
    const copy: JsonObject = { ...value };
    for (const inner of field.fields.values()) {
      const member = value[inner.name];
      if (member !== undefined) setMember(copy, inner.name, replaced(inner, member, found));
    }
    return copy;
  }
  if (field.type === 'List' && Array.isArray(value)) {
    return value.map((element) => replaced(field.items, element, found));
  }
  return value;
}

async function loadTargets(context: CommandContext, found: Shown): Promise<void> {
  const rs = new Set<string>();
  for (const known of found.values()) for (const r of known.keys()) rs.add(r);
  const targets = await load(context, [...rs]);
  const byR = new Map<string, Target>();
  for (let index = 0; index < targets.length; index += judgedTogether) {
    await Promise.all(
      targets.slice(index, index + judgedTogether).map(async ([r, object]) => {
        byR.set(r, await targetOf(context, r, object));
      }),
    );
  }
  for (const [field, known] of found) {
    const shows = field.type === 'reference' ? field.shows : [];
    for (const [r, shown] of known) Object.assign(shown, byR.get(r)?.(shows));
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

/** What a reference says besides its value, by the fields that it shows. */
type Target = (shows: readonly string[]) => JsonObject;

async function targetOf(
  context: CommandContext,
  r: string,
  object: StoredObject | undefined,
): Promise<Target> {
  const model = modelOfObject(context, r);
  if (!model || !object) return () => ({ error: told(fail('object.missing')) });
  if (object.deleted) {
    const error = await goneError(model, object, context.auth);
    const gone = error.message === 'object.gone';
    const ref = visibleBody(object, [], []);
    return () => ({ error: told(error), ...(gone && { ref }) });
  }
  const seen = await view(model, object, context.auth);
  if (seen.kind === 'visible') {
    return (shows) => ({ ref: visibleBody(object, shows, seen.hidden) });
  }
  assertJudged(seen.error);
  return () => ({ error: told(seen.error) });
}

function told({ code, message }: ProtocolError): JsonObject {
  return { code, message };
}
