import type { Log } from '../platform/log.js';
import type { Counter, Metrics } from '../platform/metrics.js';
import type { Clock } from '../platform/platform.js';

/** What is audited, with what each event means (the table in docs/auth.md). */
export const auditEvents = {
  'token.minted': 'a token was given out, for nobody in particular or by order of the app',
  'token.refreshed': 'a live token was exchanged for a fresh one',
  'token.refused': 'a token was not good; `reason` says why',
  'token.revoked': 'one token was revoked, by its owner (`by: "owner"`) or by the app',
  'tokens.revoked': 'every token of a uid issued so far was revoked',
  'secret.refused': "somebody who does not have the app's secret asked for what needs it",
  'login.ok': 'somebody proved who they are',
  'login.failed': 'somebody did not; `reason` says why',
  'signup.ok': 'an account was made by its owner',
  'signup.failed': 'an account was not made; `reason` says why',
  'account.created': 'an account was made by order of the app',
  'account.changed': 'an account was changed; `what` says in what',
  'account.deleted': 'an account is gone',
} as const;

export type AuditEvent = keyof typeof auditEvents;

/** Never a token, a secret, a password, or a link that stands for one. */
export interface AuditFields {
  /** Of the client, as `ClientAddresses` tells it. */
  readonly address?: string | undefined;
  readonly uid?: string | undefined;
  readonly authType?: string | undefined;
  /** One of few words. */
  readonly reason?: string | undefined;
  readonly [more: string]: string | number | boolean | undefined;
}

/** Who came in, how, and who did not (rule AUT10): one line of the log for each event, marked `audit: true`. */
export interface Audit {
  record(event: AuditEvent, fields: AuditFields): void;
}

export const noAudit: Audit = { record() {} };

export interface AuditLogOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** Lines a second that tell of refusals. Whoever sends garbage shall not fill the disk: what is beyond is counted only. */
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
      'Refusals that were counted and not logged, because there were too many in one second.',
    );
  }

  record(event: AuditEvent, fields: AuditFields): void {
    this.#events.add(1, event);
    if (refusals.has(event) && !this.#mayRecord()) this.#omitted.add();
    else this.#log.info({ event, ...fields }, 'audit');
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
