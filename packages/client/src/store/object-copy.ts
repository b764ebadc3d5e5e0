import {
  applyDeltaInClient,
  applyInClient,
  deepEqual,
  type JsonObject,
  topField,
} from '@really/protocol/client';
import { Observable } from '../observable.js';
import type { ClientCommand } from '../writes/client-command.js';
import type { ClientWrite } from '../writes/client-write.js';
import { fieldsOf, type ShownRevision } from '../writes/seen-revisions.js';
import type { CopyChange, CopyInput } from './copy-change.js';

/** One command of a write on one object, drawn over what the server said until it is in that. */
interface WriteLayer {
  readonly write: ClientWrite;
  readonly command: ClientCommand;
  /** Of the command in its write. */
  readonly index: number;
}

/** Once it is committed: the revision from which on the server's object has it. */
function revOf({ write, index }: WriteLayer): number | undefined {
  return write.revs[index];
}

/**
 * The copy of an object: what the server said last, and over it the writes of this client that are not
 * in it yet, replayed on each new state. Rules TSC3 and TSC4.
 */
export class ObjectCopy {
  readonly r: string;
  readonly changes = new Observable<[CopyChange]>();
  /** A push skipped a revision: those who hold the copy have to fetch the object again. */
  readonly gaps = new Observable<[]>();
  #base: { readonly rev: number; readonly value: JsonObject } | undefined;
  #isDeleted = false;
  #layers: WriteLayer[];
  #visible: { readonly value: JsonObject | undefined } | undefined;
  /** What waits because it may or may not contain writes in doubt, until these are answered. */
  #held: { readonly inputs: CopyInput[]; readonly until: Set<ClientWrite> } | undefined;

  /** Names of the fields that it has, and of field sets as `@card`; `undefined` for all. */
  readonly #fields: readonly string[] | undefined;

  /** `fields`: joined by commas, empty for all of them. `writes`: to the object that are not settled. */
  constructor(r: string, fields: string, writes: Iterable<ClientWrite>) {
    this.r = r;
    this.#fields = fields ? fields.split(',') : undefined;
    this.#layers = [...writes].flatMap((write) => this.#layersOf(write));
  }

  /** The revision of what the server said; `undefined` before. */
  get rev(): number | undefined {
    return this.#base?.rev;
  }

  /** The revision of the last that was received: it may have to wait before it is shown. */
  get receivedRev(): number | undefined {
    return this.#held?.inputs.at(-1)?.rev ?? this.rev;
  }

  /** Up to which revision the app sees it; `undefined` where it does not, or the revision is of another store. */
  get shown(): ShownRevision | undefined {
    const { rev, value } = this.#base ?? {};
    if (!rev || !value) return undefined;
    return { rev, fields: fieldsOf(this.#fields, value) };
  }

  /** Whether it shows writes that the server has not confirmed. */
  get isPending(): boolean {
    return this.#layers.length > 0;
  }

  /** Whether a write that is not settled creates it. */
  get isBeingCreated(): boolean {
    return this.#layers.some(({ write, command }) => !write.isSettled && command.cmd === 'create');
  }

  /** What is to be shown; `undefined` where there is no object. The same reference until it changes. */
  get value(): JsonObject | undefined {
    this.#visible ??= { value: this.#layers.reduce(this.#draw, this.#base?.value) };
    return this.#visible.value;
  }

  /** Revisions of another store mean something else: whatever comes next replaces what is known. */
  forgetRevision(): void {
    this.#isDeleted = false;
    if (this.#base) this.#base = { rev: 0, value: this.#base.value };
  }

  /** Nothing is known any more. */
  forget(): void {
    this.#base = undefined;
    this.#held = undefined;
    this.#isDeleted = false;
    this.#visible = undefined;
  }

  receive(input: CopyInput): void {
    if (!this.#held) {
      const until = this.#doubtsAbout(input);
      if (until.size > 0) this.#held = { inputs: [], until };
    }
    if (this.#held) this.#held.inputs.push(input);
    else this.#take(input);
  }

  /** `behind`: the writes that come after it. */
  addWrite(write: ClientWrite, behind: readonly ClientWrite[]): void {
    const layers = this.#layersOf(write);
    if (layers.length === 0) return;
    const at = this.#layers.findIndex((layer) => behind.includes(layer.write));
    this.#layers.splice(at < 0 ? this.#layers.length : at, 0, ...layers);
    this.#emit({ kind: 'local' });
  }

  /** The write is committed: its layers go once their revisions have come. */
  commitWrite(write: ClientWrite): void {
    if (this.#dropLayers()) this.#emit({ kind: 'local' });
    this.#release(write);
  }

  /** The write is not in the object, or not known to be: takes it back. */
  dropWrite(write: ClientWrite): void {
    const before = this.#layers.length;
    this.#layers = this.#layers.filter((layer) => layer.write !== write);
    if (this.#layers.length < before) this.#emit({ kind: 'local' });
    this.#release(write);
  }

  /**
   * Writes of which this state may be the result, or not: it says nothing about them, and drawing them
   * over it could show them twice.
   */
  #doubtsAbout(input: CopyInput): Set<ClientWrite> {
    if (input.kind !== 'snapshot') return new Set();
    const unanswered = this.#layers.filter((layer) => {
      const { write } = layer;
      if (revOf(layer) !== undefined || write.isSettled || write.id === input.once) return false;
      return write.isInDoubt || (input.isAnswer === true && write.state === 'sent');
    });
    return new Set(unanswered.map(({ write }) => write));
  }

  #release(write: ClientWrite): void {
    const held = this.#held;
    if (!held?.until.delete(write) || held.until.size > 0) return;
    this.#held = undefined;
    for (const input of held.inputs) this.#take(input);
  }

  #take(input: CopyInput): void {
    const change = this.#advance(input);
    if (change === 'gap') {
      this.gaps.emit();
      return;
    }
    const isDropped = this.#dropLayers(input.once);
    if (change) this.#emit(change);
    else if (isDropped) this.#emit({ kind: 'local' });
  }

  /** Moves what the server said on; `undefined` where it is known already. */
  #advance(input: CopyInput): CopyChange | 'gap' | undefined {
    // It never comes back: what comes now is of a subscription that is behind.
    if (this.#isDeleted) return undefined;
    const known = this.#base?.rev ?? 0;
    const { rev } = input;
    if (input.kind === 'snapshot') {
      // Two subscriptions to one object are not equally fast.
      if (rev < known) return undefined;
      const isFirst = this.#base === undefined;
      if (rev === known && deepEqual(input.value, this.#base?.value)) return undefined;
      this.#base = { rev, value: input.value };
      return { kind: isFirst ? 'snapshot' : 'reset', rev };
    }
    if (input.kind === 'deleted') {
      this.#base = undefined;
      this.#isDeleted = true;
      return { kind: 'deleted', rev, by: input.by };
    }
    if (rev <= known) return undefined;
    if (!this.#base || input.prev > known) return 'gap';
    const { value } = this.#base;
    const next = fitting(() => applyDeltaInClient(value, input.delta));
    if (!next) return 'gap';
    this.#base = { rev, value: { ...next, _rev: rev } };
    return { kind: 'updated', rev, by: input.by };
  }

  /** Removes the layers that are in what the server said. Returns whether there were any. */
  #dropLayers(once?: string): boolean {
    const known = this.#base?.rev ?? 0;
    const before = this.#layers.length;
    // Of a batch each command is a push of its own.
    const own = this.#layers.find(({ write }) => write.id === once);
    this.#layers = this.#layers.filter((layer) => {
      const rev = revOf(layer);
      if (this.#isDeleted) return false;
      return rev === undefined ? layer !== own : rev > known;
    });
    return this.#layers.length < before;
  }

  #layersOf(write: ClientWrite): WriteLayer[] {
    return write.commands
      .map((command, index) => ({ write, command, index }))
      .filter((layer) => layer.command.r === this.r && this.#concerns(layer));
  }

  /** Whether anything of it is to be seen here. What a field set has is not known. */
  #concerns({ command }: WriteLayer): boolean {
    if (command.cmd !== 'update' || this.#fields?.some((name) => name.startsWith('@'))) return true;
    return command.ops.some(({ key }) => this.#has(topField(key)));
  }

  #has(field: string): boolean {
    return this.#fields?.includes(field) !== false || this.#base?.value[field] !== undefined;
  }

  /** The object as it will be once the server has done it, as far as the client can tell. */
  readonly #draw = (
    value: JsonObject | undefined,
    { command }: WriteLayer,
  ): JsonObject | undefined => {
    if (command.cmd === 'delete') return undefined;
    if (command.cmd === 'create') return value ?? this.#created(command);
    if (!value) return undefined;
    const ops = command.ops.filter(({ key }) => this.#has(topField(key)));
    // What does not fit will be refused.
    return fitting(() => applyInClient(value, ops)) ?? value;
  };

  #created({ r, body }: Extract<ClientCommand, { cmd: 'create' }>): JsonObject {
    const fields = Object.entries(body).filter(
      ([name, value]) => value !== null && value !== undefined && this.#has(name),
    );
    return { ...Object.fromEntries(fields), _r: r, _rev: 0 };
  }

  #emit(change: CopyChange): void {
    this.#visible = undefined;
    this.changes.emit(change);
  }
}

/** `undefined` where it does not fit. */
function fitting(change: () => JsonObject): JsonObject | undefined {
  try {
    return change();
  } catch {
    return undefined;
  }
}
