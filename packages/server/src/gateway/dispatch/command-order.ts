import type { OrderKey } from '../../commands/order-keys.js';

interface LastTicket {
  readonly ticket: Ticket;
  readonly mode: OrderKey['mode'];
}

/**
 * Keeps the commands of one connection in order per R (rule ENV4): responses leave in the order of
 * the requests; a command starts once the earlier ones have started, and unless both read or both
 * write, once they are answered. Holds only commands in flight.
 */
export class CommandOrder {
  readonly #last = new Map<string, LastTicket>();

  /** Rs with a command in flight. */
  get size(): number {
    return this.#last.size;
  }

  /** Queues a command behind those before it. `keys`: each R once. */
  enter(keys: readonly OrderKey[]): Ticket {
    const ticket = new Ticket(this, keys);
    for (const { r, mode } of keys) {
      const before = this.#last.get(r);
      if (before) ticket.follow(before.ticket, before.mode === mode && mode !== 'exclusive');
      this.#last.set(r, { ticket, mode });
    }
    return ticket;
  }

  /** Called by tickets: nothing has to wait for this one any more. */
  leave(ticket: Ticket, keys: readonly OrderKey[]): void {
    for (const { r } of keys) {
      if (this.#last.get(r)?.ticket === ticket) this.#last.delete(r);
    }
  }
}

/** A command's position in the order of its Rs. Call `start` once, `respond` when it is done. */
export class Ticket {
  readonly #owner: CommandOrder;
  readonly #keys: readonly OrderKey[];
  #pendingStarts = 0;
  #pendingResponses = 0;
  #started = false;
  #run: (() => void) | undefined;
  #send: (() => void) | undefined;
  /** Tickets that may start once this one has. */
  #afterStart: Ticket[] | undefined;
  /** Tickets that may respond once this one has; `start`: they wait for that to start, too. */
  #afterResponse: { readonly ticket: Ticket; readonly start: boolean }[] | undefined;

  constructor(owner: CommandOrder, keys: readonly OrderKey[]) {
    this.#owner = owner;
    this.#keys = keys;
  }

  /** Called by `CommandOrder`. */
  follow(before: Ticket, beside: boolean): void {
    this.#pendingResponses++;
    before.#afterResponse ??= [];
    before.#afterResponse.push({ ticket: this, start: !beside });
    if (beside && before.#started) return;
    this.#pendingStarts++;
    if (!beside) return;
    before.#afterStart ??= [];
    before.#afterStart.push(this);
  }

  /** Calls `run` when the command may start: now, or from another ticket's `start` or `respond`. */
  start(run: () => void): void {
    this.#run = run;
    this.#tryStart();
  }

  /** Calls `send` when the response may leave: now, or from another ticket's `respond`. */
  respond(send: () => void): void {
    this.#send = send;
    this.#tryRespond();
  }

  #tryStart(): void {
    const run = this.#run;
    if (!run || this.#pendingStarts > 0) return;
    this.#run = undefined;
    this.#started = true;
    run();
    for (const ticket of this.#afterStart ?? []) {
      ticket.#pendingStarts--;
      ticket.#tryStart();
    }
    this.#afterStart = undefined;
  }

  #tryRespond(): void {
    const send = this.#send;
    if (!send || this.#pendingResponses > 0) return;
    this.#send = undefined;
    send();
    this.#owner.leave(this, this.#keys);
    for (const { ticket, start } of this.#afterResponse ?? []) {
      ticket.#pendingResponses--;
      ticket.#tryRespond();
      if (!start) continue;
      ticket.#pendingStarts--;
      ticket.#tryStart();
    }
    this.#afterResponse = undefined;
  }
}
