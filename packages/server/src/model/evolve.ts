import {
  deepEqual,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  ownMember,
  ProtocolError,
} from '@really/protocol';
import type { StoredObject } from '../store/stored-object.js';
import { calculate } from './calculate.js';
import type { Evolution, Model, ScriptResult } from './model.js';
import { failureReason } from './script/failure-log.js';
import { TypeCheck } from './validation/check-types.js';
import type { ValidationErrors } from './validation/validation-errors.js';
import { scriptObject } from './view/view.js';

/** The result of evolving an object of an earlier version. */
export type Evolved =
  | { readonly kind: 'evolved'; readonly object: StoredObject }
  /** `reason` is for the log and for operators. */
  | { readonly kind: 'failed'; readonly reason: string };

/** Whether an object has to be evolved before it is shown as of the model's version. A deleted object has nothing to evolve. */
export function isOutdated(model: Model, object: StoredObject): boolean {
  return object.modelVersion < model.currentFrom && !object.deleted;
}

/**
 * The object as of the model's version (rules MIG1 to MIG4): the evolutions from its own version on, one after the
 * other, and then its calculated fields, recalculated. Its `_r`, `_rev` and `touched` stay. Never rejects.
 */
export async function evolve(model: Model, object: StoredObject): Promise<Evolved> {
  const due = model.evolutions.filter(({ to }) => to > object.modelVersion);
  let { data } = object;
  for (const evolution of due) {
    const evolved = await runEvolution(model, evolution, { ...object, data });
    if (typeof evolved === 'string') return { kind: 'failed', reason: evolved };
    data = evolved;
  }
  const last = due.at(-1);
  if (!last) return await recalculated(model, object, data);
  const result = fitted(model, object.data, data);
  if (result.errors.none) return await recalculated(model, object, result.data);
  const errors = JSON.stringify(result.errors.toFieldErrors());
  const message = `returned an object that does not fit the model: ${errors}`;
  return { kind: 'failed', reason: reasonOf(model, last, threw(message)) };
}

/** The new data, or the reason why there is none. */
async function runEvolution(
  model: Model,
  evolution: Evolution,
  object: StoredObject,
): Promise<JsonObject | string> {
  const result = await evolution.script.run({ obj: scriptObject(object) });
  if (result.kind !== 'returned') return reasonOf(model, evolution, result);
  const { value } = result;
  if (isJsonObject(value)) return ownMembers(value);
  return reasonOf(model, evolution, threw(`returned ${kindOf(value)}; expected the object`));
}

/** The data to store from an evolution's result, without its R and revision. */
function ownMembers(value: JsonObject): JsonObject {
  const entries = Object.entries(value).filter(
    ([name, member]) => !name.startsWith('_') && member !== null,
  );
  return Object.fromEntries(entries);
}

function kindOf(value: JsonValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}

/**
 * The fields that evolutions changed, in stored form; the others are unchanged. A field unknown to the model is an
 * error if the last evolution leads to the model's version; otherwise a later version may have dropped it.
 */
function fitted(
  model: Model,
  before: JsonObject,
  after: JsonObject,
): { readonly data: JsonObject; readonly errors: ValidationErrors } {
  const isLatest = model.evolutions.at(-1)?.to === model.version;
  const check = new TypeCheck(model.limits);
  const data = { ...after };
  for (const [name, value] of Object.entries(after)) {
    const field = model.fields.get(name);
    if (value === undefined || deepEqual(ownMember(before, name), value)) continue;
    if (!field && isLatest) check.errors.add(name, 'field.unknown');
    if (!field || field.type === 'Calculated') continue;
    data[name] = check.value(field, value, name) ?? value;
  }
  return { data, errors: check.errors };
}

async function recalculated(
  model: Model,
  object: StoredObject,
  data: JsonObject,
): Promise<Evolved> {
  try {
    const calculated = await calculate(model, knownMembers(model, data), 'all');
    const { version: modelVersion } = model;
    return { kind: 'evolved', object: { ...object, data: calculated.data, modelVersion } };
  } catch (error) {
    if (error instanceof ProtocolError) {
      return { kind: 'failed', reason: 'a calculated field was stopped' };
    }
    throw error;
  }
}

/** Without the fields that the model no longer has. */
export function knownMembers({ fields }: Model, data: JsonObject): JsonObject {
  const entries = Object.entries(data);
  if (entries.every(([name]) => fields.has(name))) return data;
  return Object.fromEntries(entries.filter(([name]) => fields.has(name)));
}

function reasonOf(
  model: Model,
  { script }: Evolution,
  result: Exclude<ScriptResult, { kind: 'returned' }>,
): string {
  if (result.kind === 'cancelled') return `${script.where} cancelled: ${result.message}`;
  if (result.kind === 'refused') return `${script.where} did not run: beyond ${result.bound}`;
  model.onScriptFailure(script.where, result);
  const line = result.line === undefined ? '' : `:${result.line}`;
  return `${script.where}${line}: ${failureReason(result)}`;
}

function threw(message: string) {
  return { kind: 'threw', message, line: undefined } as const;
}
