import type { ServerMessage } from '../harness/client.js';

/** The clients' knowledge of one object: sent writes, responses, pushes. */
export interface LedgerAccount {
  readonly r: string;
  /** Highest revision in a response. */
  answered: number;
  /** Adds of 1 to `count` that were sent under a once-id of their own. */
  readonly sent: Set<string>;
  /** Of these, the ones that were answered. */
  readonly confirmed: Set<string>;
  /** The one that batches always change together with this one, and by as much. */
  twin?: LedgerAccount | undefined;
}

/** All accounts, by R. */
export class Ledger {
  readonly #accounts = new Map<string, LedgerAccount>();
  /** By once-id: what is added to under it, in one command or in one batch. */
  readonly #added = new Map<string, readonly LedgerAccount[]>();

  account(r: string): LedgerAccount {
    let account = this.#accounts.get(r);
    if (account === undefined) {
      account = { r, answered: 0, sent: new Set(), confirmed: new Set() };
      this.#accounts.set(r, account);
    }
    return account;
  }

  /** Takes note that 1 will be added to each of these, together. */
  willAdd(once: string, accounts: readonly LedgerAccount[]): void {
    this.#added.set(once, accounts);
    for (const account of accounts) account.sent.add(once);
  }

  addedUnder(once: string): readonly LedgerAccount[] {
    return this.#added.get(once) ?? [];
  }

  all(): LedgerAccount[] {
    return [...this.#accounts.values()];
  }
}

/** The pushes of one object that a subscriber received, across connections. */
export interface ReceivedObject {
  readonly r: string;
  /** The last revision received. */
  rev: number;
  /** The sum that results from applying the pushes. */
  count: number;
  /** The pushed values, by revision. */
  readonly values: Map<number, number>;
}

/**
 * Takes one push into account and says what is wrong with it, if anything: revisions have to come
 * one by one, save for a snapshot.
 */
export function receivePush(received: ReceivedObject, push: ServerMessage): string | undefined {
  if (push.r !== received.r || push.rev === undefined) return undefined;
  if (push.evt === 'snapshot') {
    if (push.rev < received.rev) return `a snapshot of ${push.rev} after ${received.rev}`;
    received.rev = push.rev;
    received.count = push.body.count;
    return undefined;
  }
  if (push.evt !== 'updated') return `unexpected ${push.evt}`;
  if (push.rev !== received.rev + 1) return `${push.rev} came after ${received.rev}`;
  received.rev = push.rev;
  received.count += push.body.count.opValue;
  received.values.set(push.rev, push.body.count.value);
  if (received.count !== push.body.count.value)
    return `counted ${received.count}, was reported ${push.body.count.value}`;
  return undefined;
}
