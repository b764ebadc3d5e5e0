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

/** What commands work with: one for each app. */
export interface Services {
  /** The models that are in force now; a command asks once. */
  readonly models: () => ModelSet;
  readonly objects: Objects;
  readonly live: Live;
  /** For queries; single objects come from `objects`. */
  readonly store: Store;
  readonly platform: Platform;
  readonly limits: Limits;
  readonly budgets: Budgets;
  readonly queryLimiter: QueryLimiter;
  /** Without it every object is as of its model's version. */
  readonly migrations?: Pick<Migrations, 'settled'> | undefined;
  /** Whether so many post hooks wait that no more are taken on; without it there is no such bound. */
  readonly outboxFull?: (() => boolean) | undefined;
  /** What page tokens are sealed with. */
  readonly pageKey?: Buffer | undefined;
  /** Members of a token's data that others may see in `opBy`. */
  readonly publicData: readonly string[];
}

/** What one command knows of who sent it. */
export interface CommandContext {
  readonly services: Services;
  readonly auth: Auth;
  /** The connection, for subscriptions. */
  readonly pushTarget: PushTarget;
  readonly traceId?: string | undefined;
  /** Where the command is traced. */
  readonly span?: Span | undefined;
  readonly log: Log;
  /** Called when what it wrote is on disk: pushes to its connection wait for its answer then (rule ONC6). */
  readonly onWritten?: (() => void) | undefined;
  /** Post hooks that stand behind it, each set off by a write of the one before; 0 for a client's. */
  readonly hookDepth?: number | undefined;
  /** Of an update or delete over HTTP. */
  readonly acceptedRevs?: AcceptedRevs | undefined;
}

export interface Reply {
  /** The response without its tag. */
  readonly body: JsonObject;
  /** To be called when the response is queued: what follows it may flow then. */
  readonly afterwards?: (() => void) | undefined;
}

/** Carries out one command. Rejects with a `ProtocolError` where it is refused; any other rejection is a bug or a failure of the server. */
export type Handler<Request> = (context: CommandContext, request: Request) => Promise<Reply>;
