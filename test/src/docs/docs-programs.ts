import { fencesIn, filesIn } from '../harness/docs-page.js';

/** What the blocks of a page that are compiled have around them. */
export interface DocsProgram {
  /** Of `docs/`. */
  readonly page: string;
  /** The models that its types are made of, by path; `read` gives the text of a page. */
  readonly models: (read: (page: string) => string) => Record<string, string>;
  /** Names that blocks take from the blocks or the text before them. */
  readonly surroundings: string;
}

const users = `version: 1
fields:
  name: { type: String, required: true }
  age: { type: Long }
  picture: { type: Object, fields: { large: { type: String } } }
  tags: { type: List, items: String }
access: { read: true }
`;
const posts = `version: 1
fields: { title: { type: String, required: true }, created: { type: Date, default: now() } }
access: { read: true }
`;

/** The model that the README spells out. */
function firstModel(read: (page: string) => string): Record<string, string> {
  const [, model = ''] = /<<'YAML'\n(.*?)YAML\n/s.exec(read('README.md')) ?? [];
  return { 'models/tasks/model.yaml': model };
}

const modelsIn = (read: (page: string) => string, page: string) =>
  filesIn(fencesIn(read(page)).filter(({ language }) => language === 'yaml'));

export const docsPrograms: readonly DocsProgram[] = [
  {
    page: 'client.md',
    models: (read) => ({ ...firstModel(read), 'models/users/model.yaml': users }),
    surroundings: `import { Really } from '@really/client';
const client = new Really('ws://x', { token: 't' });
const sample = { users: client.collection('/users'), amal: client.object('/users/1') };
declare global {
  const really: Really;
  const url: string;
  const token: () => Promise<string>;
  const users: typeof sample.users;
  const amal: typeof sample.amal;
  function drawWhoIsHere(me: unknown, others: unknown): void;
}
`,
  },
  {
    page: 'react.md',
    models: (read) => ({
      ...firstModel(read),
      ...modelsIn(read, 'docs/presence.md'),
      'models/users/model.yaml': users,
      'models/users/posts/model.yaml': posts,
    }),
    surroundings: `import type { Really } from '@really/client';
import * as hooks from '@really/client/react';
import * as query from '@tanstack/react-query';
import type { Models } from './really.js';
declare global {
  const really: Really<Models>;
  const id: string;
  const useObject: typeof hooks.useObject;
  const useCollection: typeof hooks.useCollection;
  const useWrite: typeof hooks.useWrite;
  const useRoom: typeof hooks.useRoom;
  const useOthers: typeof hooks.useOthers;
  const RoomProvider: typeof hooks.RoomProvider;
  const useQuery: typeof query.useQuery;
}
`,
  },
  { page: 'presence.md', models: (read) => modelsIn(read, 'docs/presence.md'), surroundings: '' },
  {
    page: 'coming-from.md',
    models: (read) => modelsIn(read, 'docs/coming-from.md'),
    surroundings: `import type { Models, Tasks as Task } from './really.js';
declare module '@really/client/react' {
  interface Register { models: Models }
}
declare global {
  const token: () => Promise<string>;
  function draw(items: readonly Task[]): void;
}
`,
  },
];
