import type { JsonValue } from '@really/protocol/client';
import type { ClientCommand } from './client-command.js';
import type { ClientWrite } from './client-write.js';

/**
 * Which writes wait for which: those to one object for one another, in order, and whatever needs an
 * object for the create of it.
 */
export class WriteDependencies {
  readonly #byR = new Map<string, Set<ClientWrite>>();

  /** Finds what a new write has to wait for. */
  add(write: ClientWrite): void {
    for (const command of write.commands) {
      for (const other of this.#byR.get(command.r) ?? []) write.blockers.add(other);
      for (const r of neededRs(command)) {
        for (const other of this.#byR.get(r) ?? []) {
          if (creates(other, r)) write.blockers.add(other);
        }
      }
    }
    write.blockers.delete(write);
    for (const { r } of write.commands) {
      const writes = this.#byR.get(r) ?? new Set();
      this.#byR.set(r, writes.add(write));
    }
  }

  remove(write: ClientWrite): void {
    for (const { r } of write.commands) {
      const writes = this.#byR.get(r);
      writes?.delete(write);
      if (writes?.size === 0) this.#byR.delete(r);
    }
  }

  /** The writes to this object that are not settled, in order. */
  writesTo(r: string): Iterable<ClientWrite> {
    return this.#byR.get(r) ?? [];
  }
}

/** Whether a write cannot succeed because another, which was refused, did not create an object. */
export function needs(write: ClientWrite, refused: ClientWrite): boolean {
  const rs = new Set(write.commands.flatMap((command) => [command.r, ...neededRs(command)]));
  return refused.commands.some(({ cmd, r }) => cmd === 'create' && rs.has(r));
}

function creates({ commands }: ClientWrite, r: string): boolean {
  return commands.some((command) => command.cmd === 'create' && command.r === r);
}

/** The objects that a command needs beside its own: parents, and whatever its values may refer to. */
function neededRs(command: ClientCommand): Set<string> {
  const found = new Set<string>();
  const steps = command.r.split('/');
  for (let end = 3; end < steps.length; end += 2) found.add(steps.slice(0, end).join('/'));
  const collect = (value: JsonValue): void => {
    if (typeof value === 'string') {
      if (value.startsWith('/')) found.add(value);
    } else if (typeof value === 'object' && value !== null) {
      for (const member of Object.values(value)) collect(member);
    }
  };
  if (command.cmd === 'create') collect(command.body);
  if (command.cmd === 'update') for (const { value = null } of command.ops) collect(value);
  return found;
}
