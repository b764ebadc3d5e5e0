import type { JsonValue } from '@really/protocol';
import type { Log } from '../platform/log.js';
import type { Counter, Metrics } from '../platform/metrics.js';
import type { Clock } from '../platform/platform.js';

/** Audited events and their meanings (the table in docs/auth.md). */
export const auditEvents = {
  'token.minted': 'a token was issued, anonymous or at the request of the app',
  'token.refreshed': 'a valid token was exchanged for a new one',
  'token.refused': 'a token was not accepted; `reason` says why',
  'token.revoked': 'one token was revoked, by its owner (`by: "owner"`) or by the app',
  'tokens.revoked': 'every token of a uid issued so far was revoked',
  'secret.refused': "a request that needs the app's secret had none or a wrong one",
  'login.ok': 'a login succeeded',
  'login.failed': 'a login failed; `reason` says why',
  'signup.ok': 'a user signed up',
  'signup.failed': 'a signup failed; `reason` says why',
  'account.created': 'an account was created at the request of the app',
  'account.changed': 'an account was changed; `what` says what changed',
  'account.deleted': 'an account was deleted',
  'admin.session': 'a socket was initialized, renewed or resumed with an admin token',
  'admin.subscribe':
    'an admin token subscribed, or became the token of a socket with subscriptions, to `rs`; it is pushed everything about them',
  'admin.read':
    'a response showed an admin token what the rules would not: `shown` has each object, and the fields if only some were hidden',
  'admin.write': 'an admin token wrote revision `rev` of the object `r`',
  'admin.send': 'an admin token sent a message, or showed a state, to the room of the object `r`',
} as const;

export type AuditEvent = keyof typeof auditEvents;

/** Never a token, a secret, a password, or a link that contains one. */
export interface AuditFields {
  /** The client's address, from `ClientAddresses`. */
  readonly address?: string | undefined;
  readonly uid?: string | undefined;
  readonly authType?: string | undefined;
  /** One of a few values. */
  readonly reason?: string | undefined;
  readonly [more: string]: JsonValue | undefined;
}

/** Logs logins and the like, failed ones too (rule AUT10): a line per event, `audit: true`. */
export interface Audit {
  record(event: AuditEvent, fields: AuditFields): void;
}

/** The message of lines about admins, which are never left out. */
export const adminAudit = 'admin audit';

/** Rs of one line: a socket may have thousands of subscriptions. */
const rsPerLine = 100;

/** Records what an admin is pushed from now on (rule ADM9). */
export function recordSubscribed(audit: Audit, fields: AuditFields, rs: readonly string[]): void {
  for (let from = 0; from < rs.length; from += rsPerLine) {
    audit.record('admin.subscribe', { ...fields, rs: rs.slice(from, from + rsPerLine) });
  }
}

export const noAudit: Audit = { record() {} };

export interface AuditLogOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** Refusals logged per second: an attacker must not fill the disk. Others are only counted. */
const refusalLines = 50;
const second = 1000;

const refusals: ReadonlySet<AuditEvent> = new Set(['token.refused', 'secret.refused']);

export class AuditLog implements Audit {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #events: Counter;
  readonly #omitted: Counter;
  #windowEnd = 0;
  #lines = 0;

  constructor({ log, metrics, clock }: AuditLogOptions) {
    this.#log = log.child({ audit: true });
    this.#clock = clock;
    this.#events = metrics.counter('really_auth_events_total', 'Events of the audit log.', [
      'event',
    ]);
    this.#omitted = metrics.counter(
      'really_audit_lines_omitted_total',
      'Refusals counted but not logged, because there were too many in one second.',
    );
  }

  record(event: AuditEvent, fields: AuditFields): void {
    this.#events.add(1, event);
    if (refusals.has(event) && !this.#mayRecord()) this.#omitted.add();
    else this.#log.info({ event, ...fields }, event.startsWith('admin.') ? adminAudit : 'audit');
  }

  #mayRecord(): boolean {
    const now = this.#clock.monotonic();
    if (now >= this.#windowEnd) {
      this.#windowEnd = now + second;
      this.#lines = 0;
    }
    this.#lines += 1;
    return this.#lines <= refusalLines;
  }
}
