import type { JsonValue } from '@really/protocol/client';
import type { ClientWrite } from './client-write.js';

/**
 * Which writes a new one waits for: those to one object are sent in order, and what needs an object comes after the
 * create of it.
 */
export function blockersOf(write: ClientWrite, waiting: Iterable<ClientWrite>): Set<ClientWrite> {
  const own = new Set(write.commands.map(({ r }) => r));
  const needed = neededRs(write);
  const blocks = ({ commands }: ClientWrite) =>
    commands.some(({ cmd, r }) => (cmd === 'create' ? needed : own).has(r));
  return new Set([...waiting].filter(blocks));
}

/** Whether a write cannot succeed because another, which was refused, did not create an object. */
export function needs(write: ClientWrite, refused: ClientWrite): boolean {
  const needed = neededRs(write);
  return refused.commands.some(({ cmd, r }) => cmd === 'create' && needed.has(r));
}

/** The objects that a write needs: its own, their parents, and whatever its values may refer to. */
function neededRs({ commands }: ClientWrite): Set<string> {
  const found = new Set<string>();
  const collect = (value: JsonValue): void => {
    if (typeof value === 'string') {
      if (value.startsWith('/')) found.add(value);
    } else if (typeof value === 'object' && value !== null) {
      for (const member of Object.values(value)) collect(member);
    }
  };
  for (const command of commands) {
    const steps = command.r.split('/');
    for (let end = 3; end <= steps.length; end += 2) found.add(steps.slice(0, end).join('/'));
    if (command.cmd === 'create') collect(command.body);
    if (command.cmd === 'update') for (const { value = null } of command.ops) collect(value);
  }
  return found;
}
