import type { Auth, JsonObject } from '@really/protocol';
import type { Live } from '../live/live.js';
import type { PushTarget } from '../live/push-target.js';
import type { Migrations } from '../migration/migrations.js';
import type { ModelSet } from '../model/model.js';
import type { Objects } from '../objects/objects.js';
import type { Budgets } from '../platform/budget.js';
import type { Limits } from '../platform/limits.js';
import type { Log } from '../platform/log.js';
import type { Platform } from '../platform/platform.js';
import type { Span } from '../platform/tracing.js';
import type { QueryLimiter } from '../queries/query-limiter.js';
import type { Store } from '../store/store.js';
import type { AcceptedRevs } from './write/accepted-revs.js';

/** The services of one app that commands use. */
export interface Services {
  /** The current models; a command reads them once. */
  readonly models: () => ModelSet;
  readonly objects: Objects;
  readonly live: Live;
  /** For queries; single objects come from `objects`. */
  readonly store: Store;
  readonly platform: Platform;
  readonly limits: Limits;
  readonly budgets: Budgets;
  readonly queryLimiter: QueryLimiter;
  /** Without it every object has its model's version already. */
  readonly migrations?: Pick<Migrations, 'settled'> | undefined;
  /** True while too many post hooks wait to accept more; without it they are not bounded. */
  readonly outboxFull?: (() => boolean) | undefined;
  /** Key that seals page tokens. */
  readonly pageKey?: Buffer | undefined;
  /** Members of a token's data that others may see in `opBy`. */
  readonly publicData: readonly string[];
}

/** Who sent a command, and how. */
export interface CommandContext {
  readonly services: Services;
  readonly auth: Auth;
  /** The connection, for subscriptions. */
  readonly pushTarget: PushTarget;
  readonly traceId?: string | undefined;
  /** Where the command is traced. */
  readonly span?: Span | undefined;
  readonly log: Log;
  /**
   * Called when its write is on disk: from then on pushes to its connection wait for its response
   * (rule ONC6).
   */
  readonly onWritten?: (() => void) | undefined;
  /**
   * The number of post hooks that led to it, each run by a write of the one before; 0 for a
   * client's command.
   */
  readonly hookDepth?: number | undefined;
  /** Revisions accepted by an update or delete over HTTP. */
  readonly acceptedRevs?: AcceptedRevs | undefined;
}

export interface Reply {
  /** The response without its tag. */
  readonly body: JsonObject;
  /** Called when the response is queued: from then on pushes may follow. */
  readonly afterwards?: (() => void) | undefined;
}

/**
 * Runs one command. Rejects with a `ProtocolError` where it is refused; any other rejection is a
 * bug or a failure of the server.
 */
export type Handler<Request> = (context: CommandContext, request: Request) => Promise<Reply>;
