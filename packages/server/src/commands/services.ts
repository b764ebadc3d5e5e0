import type { Auth, JsonObject } from '@really/protocol';
import type { Audit } from '../auth/audit.js';
import type { Live } from '../live/live.js';
import type { PushTarget } from '../live/push-target.js';
import type { Migrations } from '../migration/migrations.js';
import type { ModelSet } from '../model/model.js';
import { estimateBytes } from '../objects/estimate-bytes.js';
import type { Objects } from '../objects/objects.js';
import { unavailable } from '../objects/unavailable.js';
import type { WriteAsker } from '../objects/write-request.js';
import type { Budgets } from '../platform/budget.js';
import type { Limits } from '../platform/limits.js';
import type { Platform } from '../platform/platform.js';
import type { SealKey } from '../platform/seal.js';
import type { Span } from '../platform/tracing.js';
import type { Rooms } from '../presence/rooms.js';
import { ownerOf, type Requester } from '../queries/owner.js';
import type { QueryLimiter } from '../queries/query-limiter.js';
import type { Store } from '../store/store.js';
import type { StoredObject } from '../store/stored-object.js';
import type { AcceptedRevs } from './write/accepted-revs.js';

/** The services of one app that commands use. */
export interface Services {
  /** The current models. Within a read they stay the same: see `withPinnedModels`. */
  readonly models: () => ModelSet;
  readonly objects: Objects;
  readonly live: Live;
  readonly rooms: Rooms;
  /** For queries; single objects come from `objects`. */
  readonly store: Store;
  readonly platform: Platform;
  readonly limits: Limits;
  readonly budgets: Budgets;
  readonly queryLimiter: QueryLimiter;
  /** Without it every object has its model's version already. */
  readonly migrations?: Pick<Migrations, 'settled'> | undefined;
  /** True while too many post hooks wait to accept more of this owner; without it they are not bounded. */
  readonly outboxFull?: ((owner: string) => boolean) | undefined;
  /** Where the reads and writes of admins are recorded (rule ADM9). */
  readonly audit?: Audit | undefined;
  /** Key that seals page tokens. */
  readonly pageKey?: SealKey | undefined;
  /** Members of a token's data that others may see in `opBy`. */
  readonly publicData: readonly string[];
}

/** Who sent a command, and how. */
export interface CommandContext {
  readonly services: Services;
  readonly auth: Auth;
  /** The connection, for subscriptions; `undefined` where nobody receives pushes. */
  readonly pushTarget?: PushTarget | undefined;
  /** Remote address, where there is no connection; `undefined` for the server itself. */
  readonly address?: string | undefined;
  readonly traceId?: string | undefined;
  /** Charges bytes read, where there is no connection to charge: see `PushTarget.charge`. */
  readonly charge?: ((bytes: number) => void) | undefined;
  /** Where the command is traced. */
  readonly span?: Span | undefined;
  /** Called when its write is on disk: from then on pushes to its connection wait for its response (rule ONC6). */
  readonly onWritten?: (() => void) | undefined;
  /** How many post hooks led to it, one by way of the other; 0 for a client's command. */
  readonly hookDepth?: number | undefined;
  /** In a cascade: R of the deleted object that it follows from (rule CAS4). Such a command belongs to no client. */
  readonly cause?: string | undefined;
  /** Who the work that follows from it counts for, where that is not `auth`: see `jobOwner`. */
  readonly owner?: string | undefined;
  /** What it costs is paid: see `triedAgain`. */
  readonly isPaid?: boolean | undefined;
  /** Revisions accepted by an update or delete over HTTP. */
  readonly acceptedRevs?: AcceptedRevs | undefined;
}

/** The same context, in which the models that are current now stay so. */
export function withPinnedModels(context: CommandContext): CommandContext {
  const models = context.services.models();
  return { ...context, services: { ...context.services, models: () => models } };
}

/** Who pays for the reads of a command: see `ownerOf`. */
export function requesterOf({ pushTarget, auth, address }: CommandContext): Requester {
  return pushTarget ?? { auth, address };
}

/** Charges bytes of objects that a command reads besides what it responds with (rule LIM44). */
export async function chargeFor(context: CommandContext, bytes: number): Promise<void> {
  if (context.isPaid) return;
  if (context.pushTarget) await context.pushTarget.charge?.(bytes);
  else context.charge?.(bytes);
}

/** For a write that is prepared again because others were faster: its client pays once only. */
export function triedAgain(context: CommandContext): CommandContext {
  return context.isPaid ? context : { ...context, isPaid: true };
}

/** Below it an object is written for free: the number of writes is limited by the rate of commands. */
const freeBytes = 4 * 1024;

/**
 * Charges what writing an object of this size costs besides the message, as if all of it were sent
 * `times` (rule LIM45). Not waited for: others may write the same object after it.
 */
export function chargeForWriting(context: CommandContext, bytes: number, times = 1): void {
  // Bytes read count half.
  if (bytes >= freeBytes) void chargeFor(context, 2 * times * bytes);
}

/** Whose the writes of a command are. Objects that are loaded for them are charged to that client (rule LIM45). */
export function askerOf(context: CommandContext): WriteAsker {
  const onLoad = ({ data }: StoredObject) => void chargeFor(context, estimateBytes(data));
  return { owner: ownerOf(requesterOf(context)), onLoad };
}

/** Throws once the client is gone, who alone needs what is read. */
export function assertAwaited({ pushTarget }: CommandContext): void {
  if (pushTarget?.open === false) throw unavailable();
}

/** The connection of a command that only connections send. */
export function pushTargetOf({ pushTarget }: CommandContext): PushTarget {
  if (!pushTarget) throw new Error('a command that subscribes has no connection');
  return pushTarget;
}

export interface Reply {
  /** The response without its tag. */
  readonly body: JsonObject;
  /** Called when the response is queued: from then on pushes may follow. */
  readonly afterwards?: (() => void) | undefined;
}

/** Rejects with a `ProtocolError` where it refuses; with anything else for a fault of the server. */
export type Handler<Request> = (context: CommandContext, request: Request) => Promise<Reply>;
