import type { Step, Story, StoryQuery, StoryWrite } from './live-queries-steps.js';

const all: StoryQuery = {};
const write = (one: StoryWrite): Step => ({ kind: 'write', who: 0, write: one });
const create = (body = {}, room = 0): StoryWrite => ({ cmd: 'create', room, body });
const set = (which: number, key: string, value: string | number | null): StoryWrite => {
  return { cmd: 'update', which, ops: [{ op: 'set', key, value }] };
};
const watch = (question: StoryQuery = all, room = 0): Step => {
  return { kind: 'watch', who: 0, room, question, amid: [] };
};
const fromPosition = (back: number, ...during: [number, StoryWrite][]): Step => {
  return { kind: 'drop', who: 0, during, back: { kind: 'position', back } };
};
const byHandle = (lost: number, ...during: [number, StoryWrite][]): Step => {
  return { kind: 'drop', who: 0, during, back: { kind: 'handle', lost, counts: true } };
};

/** What the fuzzer once found, as small as it made it. */
export const found: Readonly<Record<string, Story>> = {
  'who may see more by now, of what it missed, is told all of it': {
    model: 'veiled',
    steps: [watch(), write(create({ n: 0 })), fromPosition(0, [0, set(0, 'owner', 'amal')])],
  },
  'what may not be seen any more by now has left': {
    model: 'own',
    steps: [
      watch(),
      write(create({ owner: 'amal' })),
      fromPosition(0, [0, set(0, 'owner', 'beno')]),
    ],
  },
  'of fields that were not asked for a replay says what was before, too': {
    model: 'free',
    steps: [
      watch({ fields: ['s', 'owner'] }),
      write(create()),
      write(set(0, 'n', 1)),
      byHandle(0, [0, set(0, 'owner', null)]),
    ],
  },
  'of several changes at once as well': {
    model: 'free',
    steps: [
      write(create()),
      watch({ sort: 'n' }),
      write(set(0, 'n', 0)),
      fromPosition(0, [0, set(0, 'n', 1)], [0, set(0, 'doc.x', 2)]),
    ],
  },
  'where something stood that was deleted matters once the window is full': {
    model: 'free',
    steps: [
      write(create({ doc: { x: 0 } })),
      write(create()),
      write(create()),
      write(create({ n: 0 })),
      watch({ limit: 4, sort: '-doc.x' }),
      write(create({ owner: 'amal' })),
      fromPosition(1, [1, set(1, 'doc.x', 0)], [0, { cmd: 'delete', which: 0 }]),
    ],
  },
  'what comes right after a replay is not left out': {
    model: 'free',
    steps: [
      write(create()),
      write(create()),
      write(create()),
      watch({ limit: 2 }),
      write(set(2, 'n', 1)),
      byHandle(0, [0, set(0, 'n', 1)]),
      write({ cmd: 'delete', which: 2 }),
    ],
  },
  'what could not be seen then and can be seen now enters once': {
    model: 'cancelled',
    steps: [
      write(create({}, 1)),
      watch({ limit: 1 }, 1),
      write(create({ ref: '/people/p1' }, 1)),
      write(set(1, 'n', 1)),
      write(set(1, 'n', 2)),
      write(set(1, 'ref', null)),
      { kind: 'check' },
      fromPosition(1),
    ],
  },
  'what may not be subscribed to does not make a window look complete': {
    model: 'heard',
    steps: [
      ...Array.from({ length: 12 }, () => write(create({ b: true }))),
      ...Array.from({ length: 12 }, () => write(create({ open: true }))),
      watch({ limit: 4 }),
      ...Array.from({ length: 10 }, () => write({ cmd: 'delete', which: 11 } as const)),
      { kind: 'check' },
      ...[11, 10, 9, 8, 7].map((which) => write({ cmd: 'delete', which } as const)),
    ],
  },
};
