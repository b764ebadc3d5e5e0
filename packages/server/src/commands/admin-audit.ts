import type { JsonObject } from '@really/protocol';
import { type AuditFields, recordSubscribed } from '../auth/audit.js';
import type { Model } from '../model/model.js';
import { hidesNothing, viewByRules } from '../model/view/view.js';
import { Slice } from '../platform/scheduling/slices.js';
import { authorizedTogether } from '../queries/access-scope.js';
import type { StoredObject } from '../store/stored-object.js';
import type { Write } from '../store/write-group.js';
import { type CommandContext, requesterOf } from './services.js';

export interface AuditedCommand {
  readonly cmd: string;
  readonly target: { readonly r: string };
}

/** An object in a response; `fields`: those that were requested, `undefined` for all. */
export interface ShownObject {
  readonly model: Model;
  readonly object: StoredObject;
  readonly fields: readonly string[] | undefined;
}

/** Rule ADM9: records what a response shows to an admin that the rules of the models would not. */
export async function auditRead(
  context: CommandContext,
  command: AuditedCommand,
  objects: readonly ShownObject[],
): Promise<void> {
  if (!context.auth.admin) return;
  const shown: JsonObject[] = [];
  const slice = new Slice(context.services.platform.clock);
  for (let from = 0; from < objects.length; from += authorizedTogether) {
    const some = objects.slice(from, from + authorizedTogether);
    const found = await Promise.all(some.map((each) => shownAgainstRules(context, each)));
    shown.push(...found.filter((each) => each !== undefined));
    if (slice.isOver) await slice.rest();
  }
  if (shown.length > 0) record(context, 'admin.read', { ...named(command), shown });
}

/** As `auditRead`, for a number of objects. */
export function auditCount(context: CommandContext, command: AuditedCommand, model: Model): void {
  if (!context.auth.admin || hidesNothing(model)) return;
  record(context, 'admin.read', { ...named(command), shown: 'count' });
}

/** Records what an admin is pushed from now on. */
export function auditSubscribe(context: CommandContext, rs: readonly string[]): void {
  const { services, auth, traceId } = context;
  const { address } = requesterOf(context);
  if (!auth.admin || !services.audit) return;
  recordSubscribed(services.audit, { address, uid: auth.uid, traceId }, rs);
}

/** Records the revisions that an admin wrote. */
export function auditWrites(context: CommandContext, writes: readonly Write[]): void {
  if (!context.auth.admin) return;
  for (const { change } of writes) {
    const { r, rev, type: cmd } = change;
    record(context, 'admin.write', { cmd, r, rev });
  }
}

/** Records what an admin says in the room of an object: those who hear it take it for allowed. */
export function auditSend(context: CommandContext, { cmd, target }: AuditedCommand): void {
  if (context.auth.admin) record(context, 'admin.send', named({ cmd, target }));
}

/** `undefined` where the rules would show all of it. */
async function shownAgainstRules(
  { auth }: CommandContext,
  { model, object, fields }: ShownObject,
): Promise<JsonObject | undefined> {
  const view = await viewByRules(model, object, auth);
  const { r, rev } = object;
  if (view.kind === 'refused') return { r, rev };
  const hidden = view.hidden.filter((name) => fields?.includes(name) ?? true);
  return hidden.length > 0 ? { r, rev, fields: hidden } : undefined;
}

function named({ cmd, target }: AuditedCommand): AuditFields {
  return { cmd, r: target.r };
}

function record(
  context: CommandContext,
  event: 'admin.read' | 'admin.write' | 'admin.send',
  fields: AuditFields,
): void {
  const { services, auth, traceId } = context;
  const { address } = requesterOf(context);
  services.audit?.record(event, { address, uid: auth.uid, ...fields, traceId });
}
