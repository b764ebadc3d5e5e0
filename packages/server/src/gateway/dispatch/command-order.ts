/** A command's claim on an R. Writes may run beside writes, reads beside reads, what is exclusive beside nothing. */
export interface OrderKey {
  readonly r: string;
  readonly mode: 'read' | 'write' | 'exclusive';
}

interface LastTicket {
  readonly ticket: Ticket;
  readonly mode: OrderKey['mode'];
}

/**
 * Keeps the commands of one connection in order where they concern the same R (rule ENV4): answers
 * leave in the order of the requests; a command starts once those before it have started, and,
 * unless both read or both write, once those before it are answered.
 * It holds only commands in flight: when all are answered it is empty.
 */
export class CommandOrder {
  readonly #last = new Map<string, LastTicket>();

  /** Rs that a command in flight concerns. */
  get size(): number {
    return this.#last.size;
  }

  /** Queues a command behind those before it. */
  enter(keys: readonly OrderKey[]): Ticket {
    const ticket = new Ticket(this, keys);
    for (const { r, mode } of keys.length > 1 ? merged(keys) : keys) {
      const before = this.#last.get(r);
      if (before) ticket.follow(before.ticket, before.mode === mode && mode !== 'exclusive');
      this.#last.set(r, { ticket, mode });
    }
    return ticket;
  }

  /** Of tickets only: nobody needs to wait for this one any more. */
  leave(ticket: Ticket, keys: readonly OrderKey[]): void {
    for (const { r } of keys) {
      if (this.#last.get(r)?.ticket === ticket) this.#last.delete(r);
    }
  }
}

/** Each R once: a command that claims one in two ways has it for itself. */
function merged(keys: readonly OrderKey[]): OrderKey[] {
  const modes = new Map<string, OrderKey['mode']>();
  for (const { r, mode } of keys) {
    modes.set(r, (modes.get(r) ?? mode) === mode ? mode : 'exclusive');
  }
  return [...modes].map(([r, mode]) => ({ r, mode }));
}

/** The place of one command in its lanes. Call `start` once, and `answer` once it is done. */
export class Ticket {
  readonly #owner: CommandOrder;
  readonly #keys: readonly OrderKey[];
  #pendingStarts = 0;
  #pendingResponses = 0;
  #started = false;
  #run: (() => void) | undefined;
  #send: (() => void) | undefined;
  /** Those that may start once this one has. */
  #afterStart: Ticket[] = [];
  /** Those that may answer once this one has, and whether they wait with their start, too. */
  #afterResponse: { readonly ticket: Ticket; readonly start: boolean }[] = [];

  constructor(owner: CommandOrder, keys: readonly OrderKey[]) {
    this.#owner = owner;
    this.#keys = keys;
  }

  /** Of `Lanes` only. */
  follow(before: Ticket, beside: boolean): void {
    this.#pendingResponses++;
    before.#afterResponse.push({ ticket: this, start: !beside });
    if (beside && before.#started) return;
    this.#pendingStarts++;
    if (beside) before.#afterStart.push(this);
  }

  /** Calls `run` as soon as the command may take effect: now, or from another ticket's `start` or `answer`. */
  start(run: () => void): void {
    this.#run = run;
    this.#tryStart();
  }

  /** Calls `send` as soon as the answer may leave: now, or from another ticket's `answer`. */
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
    for (const ticket of this.#afterStart) {
      ticket.#pendingStarts--;
      ticket.#tryStart();
    }
    this.#afterStart = [];
  }

  #tryRespond(): void {
    const send = this.#send;
    if (!send || this.#pendingResponses > 0) return;
    this.#send = undefined;
    send();
    this.#owner.leave(this, this.#keys);
    for (const { ticket, start } of this.#afterResponse) {
      ticket.#pendingResponses--;
      ticket.#tryRespond();
      if (!start) continue;
      ticket.#pendingStarts--;
      ticket.#tryStart();
    }
    this.#afterResponse = [];
  }
}
