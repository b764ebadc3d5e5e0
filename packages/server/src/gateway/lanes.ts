/** A command's claim on an R. Writes may run beside writes, reads beside reads, what is exclusive beside nothing. */
export interface Lane {
  readonly r: string;
  readonly mode: 'read' | 'write' | 'exclusive';
}

interface Last {
  readonly ticket: Ticket;
  readonly mode: Lane['mode'];
}

/**
 * Keeps the commands of one connection in order where they concern the same R (rule ENV4): answers
 * leave in the order of the requests; a command starts once those before it have started, and,
 * unless both read or both write, once those before it are answered.
 * It holds only commands in flight: when all are answered it is empty.
 */
export class Lanes {
  readonly #last = new Map<string, Last>();

  /** Rs that a command in flight concerns. */
  get size(): number {
    return this.#last.size;
  }

  /** Queues a command behind those before it. */
  enter(lanes: readonly Lane[]): Ticket {
    const ticket = new Ticket(this, lanes);
    for (const { r, mode } of lanes.length > 1 ? merged(lanes) : lanes) {
      const before = this.#last.get(r);
      if (before) ticket.follow(before.ticket, before.mode === mode && mode !== 'exclusive');
      this.#last.set(r, { ticket, mode });
    }
    return ticket;
  }

  /** Of tickets only: nobody needs to wait for this one any more. */
  leave(ticket: Ticket, lanes: readonly Lane[]): void {
    for (const { r } of lanes) {
      if (this.#last.get(r)?.ticket === ticket) this.#last.delete(r);
    }
  }
}

/** Each R once: a command that claims one in two ways has it for itself. */
function merged(lanes: readonly Lane[]): Lane[] {
  const modes = new Map<string, Lane['mode']>();
  for (const { r, mode } of lanes) {
    modes.set(r, (modes.get(r) ?? mode) === mode ? mode : 'exclusive');
  }
  return [...modes].map(([r, mode]) => ({ r, mode }));
}

/** The place of one command in its lanes. Call `start` once, and `answer` once it is done. */
export class Ticket {
  readonly #owner: Lanes;
  readonly #lanes: readonly Lane[];
  #startsWaitedFor = 0;
  #answersWaitedFor = 0;
  #started = false;
  #run: (() => void) | undefined;
  #send: (() => void) | undefined;
  /** Those that may start once this one has. */
  #behindStart: Ticket[] = [];
  /** Those that may answer once this one has, and whether they wait with their start, too. */
  #behindAnswer: { readonly ticket: Ticket; readonly start: boolean }[] = [];

  constructor(owner: Lanes, lanes: readonly Lane[]) {
    this.#owner = owner;
    this.#lanes = lanes;
  }

  /** Of `Lanes` only. */
  follow(before: Ticket, beside: boolean): void {
    this.#answersWaitedFor++;
    before.#behindAnswer.push({ ticket: this, start: !beside });
    if (beside && before.#started) return;
    this.#startsWaitedFor++;
    if (beside) before.#behindStart.push(this);
  }

  /** Calls `run` as soon as the command may take effect: now, or from another ticket's `start` or `answer`. */
  start(run: () => void): void {
    this.#run = run;
    this.#tryStart();
  }

  /** Calls `send` as soon as the answer may leave: now, or from another ticket's `answer`. */
  answer(send: () => void): void {
    this.#send = send;
    this.#tryAnswer();
  }

  #tryStart(): void {
    const run = this.#run;
    if (!run || this.#startsWaitedFor > 0) return;
    this.#run = undefined;
    this.#started = true;
    run();
    for (const ticket of this.#behindStart) {
      ticket.#startsWaitedFor--;
      ticket.#tryStart();
    }
    this.#behindStart = [];
  }

  #tryAnswer(): void {
    const send = this.#send;
    if (!send || this.#answersWaitedFor > 0) return;
    this.#send = undefined;
    send();
    this.#owner.leave(this, this.#lanes);
    for (const { ticket, start } of this.#behindAnswer) {
      ticket.#answersWaitedFor--;
      ticket.#tryAnswer();
      if (!start) continue;
      ticket.#startsWaitedFor--;
      ticket.#tryStart();
    }
    this.#behindAnswer = [];
  }
}
