import {
  type FieldErrors,
  fail,
  type ProtocolError,
  printedCollection,
  setMember,
} from '@really/protocol';
import type { Model } from '../../model/model.js';
import type { FoundReference } from '../../model/validation/references.js';
import { ValidationErrors } from '../../model/validation/validation-errors.js';
import { actorOf, type WriteOrigin } from '../../objects/change.js';
import type { CommitRefusal } from '../../objects/write-request.js';
import type { OnceKey, OnceRecord, OnceResult } from '../../store/write-group.js';
import type { CommandContext } from '../services.js';

/** The parts that every write command has. */
export interface WriteMessage {
  readonly cmd: 'create' | 'update' | 'delete';
  readonly target: { readonly r: string };
  readonly cmdOpts: { readonly once?: string | undefined };
}

/** The command's once-key, if any. */
export function onceKeyOf(context: CommandContext, request: WriteMessage): OnceKey | undefined {
  const id = request.cmdOpts.once;
  if (id === undefined) return undefined;
  return { uid: context.auth.uid, id, cmd: request.cmd, r: request.target.r };
}

/** Author, time and model version of a write. */
export function originOf(
  context: CommandContext,
  model: Model,
  more: Pick<WriteOrigin, 'requires' | 'reads'> = {},
): WriteOrigin {
  const { cause } = context;
  const { objects, publicData } = context.services;
  return {
    by: actorOf(context.auth, publicData),
    at: objects.changeTime(),
    modelVersion: model.version,
    cause,
    ...more,
  };
}

/** The first result of a repeated command. Throws 409 where that was another, or of another R. */
export function repeatedResult(key: OnceKey | undefined, first: OnceRecord): OnceResult {
  const [result] = first.results;
  if (first.cmd !== key?.cmd || first.r !== key.r || !result) throw fail('once.reused');
  return result;
}

/** `reference.missing` under each path to a missing object, as far as a response names them. */
export function missingErrors(
  references: readonly FoundReference[],
  missing: ReadonlySet<string>,
): FieldErrors {
  const errors = new ValidationErrors();
  for (const { path, r } of references) {
    if (errors.isFull) break;
    if (missing.has(r)) errors.add(path, 'reference.missing');
  }
  return errors.toFieldErrors();
}

/** Throws 409 where the command's revision is of another store (rule EPO2). */
export function assertEpoch(
  { services }: CommandContext,
  { epoch }: { readonly epoch?: string | undefined },
): void {
  if (epoch === undefined || epoch === services.store.epoch.id) return;
  throw fail('object.revision.unknown');
}

/** Throws 409 `validation.failed` where there is any error. */
export function assertValid(...found: readonly FieldErrors[]): void {
  const errors: FieldErrors = {};
  for (const fieldErrors of found) {
    for (const [path, codes] of Object.entries(fieldErrors)) setMember(errors, path, codes);
  }
  if (Object.keys(errors).length > 0) throw fail('validation.failed', errors);
}

/** The error for what only the commit could find. */
export function commitRefusal(
  found: CommitRefusal,
  references: readonly FoundReference[],
): ProtocolError {
  if (found.kind === 'unique') {
    const errors = found.fields.map((field) => [field, ['value.not.unique']]);
    return fail('validation.failed', Object.fromEntries(errors));
  }
  if (found.kind === 'referenced') {
    const { names, field = '' } = found.by;
    return fail('object.referenced', { [field]: [`referenced.by: ${printedCollection(names)}`] });
  }
  const errors = missingErrors(references, new Set([found.r]));
  if (Object.keys(errors).length > 0) return fail('validation.failed', errors);
  return fail('object.parent.missing');
}
