import type { JsonObject } from '@really/protocol';

/** What a token says. */
export interface ReaderClaims {
  readonly uid: string;
  readonly team: string;
}

/** The fields of a stored object by its R; `undefined` where there is none, or it was deleted. */
export type Find = (r: string) => JsonObject | undefined;

/** What a rule is asked about. */
export interface Asked {
  readonly r: string;
  readonly obj: JsonObject;
  readonly claims: ReaderClaims;
  readonly find: Find;
}

/** A collection below a room: its rules as the model says them, and the same rules once more as plain functions. */
export interface Kind {
  /** Lookups and access of the model, in YAML. */
  readonly lookups: string;
  readonly read: string;
  readonly subscribe?: string;
  readonly preGet?: string;
  /** The rule of the field `secret`. */
  readonly secret?: string;
  readonly isHidden?: true;
  readonly dies?: true;
  readonly mayRead: (asked: Asked) => boolean;
  /** As `mayRead`, if it looks at no object: then nobody learns whether there is one. */
  readonly isShared?: true;
  readonly mayHear?: (asked: Asked) => boolean;
  readonly seesSecret?: (asked: Asked) => boolean;
}

const membership = '/runs/{ids.runs}/rooms/{ids.rooms}/members/{auth.uid}';

/** `/runs/1`, and `/runs/1/rooms/a`. */
const runOf = (r: string) => r.split('/').slice(0, 3).join('/');
export const roomOf = (r: string) => r.split('/').slice(0, 5).join('/');

function memberOf({ r, claims, find }: Asked): JsonObject | undefined {
  return find(`${roomOf(r)}/members/${claims.uid}`);
}
const roleOf = (asked: Asked) => memberOf(asked)?.role ?? undefined;
const isOwner = (asked: Asked) => roleOf(asked) === 'owner';
const isAmong = (asked: Asked, ...roles: string[]) => roles.includes(String(roleOf(asked)));
const isOpen = (one: JsonObject | undefined) => one?.open === true;

function found({ find }: Asked, r: unknown): JsonObject | undefined {
  return typeof r === 'string' ? find(r) : undefined;
}

/** Each looks other objects up in its own way. */
export const kinds = {
  roomed: {
    lookups: `  membership: ${membership}\n`,
    read: 'membership?.role != null',
    secret: 'membership?.role == "owner"',
    dies: true,
    isShared: true,
    mayRead: (asked) => roleOf(asked) !== undefined,
    seesSecret: isOwner,
  },
  ranked: {
    lookups: `  membership: ${membership}\n`,
    read: 'membership?.role == "owner" || membership?.role == "editor" && obj.n < 3 || obj.open == true',
    preGet: 'if (membership?.role != "owner") hide("secret");\n',
    mayRead: (asked) =>
      isOwner(asked) ||
      (isAmong(asked, 'editor') && Number(asked.obj.n ?? Number.NaN) < 3) ||
      isOpen(asked.obj),
    seesSecret: isOwner,
  },
  heard: {
    lookups: `  membership: ${membership}\n`,
    read: 'membership != null',
    subscribe: '["owner", "editor"].includes(membership?.role)',
    isShared: true,
    mayRead: (asked) => memberOf(asked) !== undefined,
    mayHear: (asked) => isAmong(asked, 'owner', 'editor'),
  },
  covert: {
    lookups: `  membership: ${membership}\n`,
    read: 'membership?.role != null',
    isHidden: true,
    isShared: true,
    mayRead: (asked) => roleOf(asked) !== undefined,
  },
  housed: {
    lookups: '',
    read: 'parent != null && parent?.open != false',
    secret: 'parent?.open == true',
    dies: true,
    isShared: true,
    mayRead: ({ r, find }) => {
      const room = find(roomOf(r));
      return room !== undefined && room.open !== false;
    },
    seesSecret: ({ r, find }) => isOpen(find(roomOf(r))),
  },
  led: {
    lookups: '  lead: "{obj.ref}"\n',
    read: 'lead?.open == true || lead?.uid == auth.uid',
    isHidden: true,
    mayRead: (asked) => {
      const lead = found(asked, asked.obj.ref);
      return isOpen(lead) || lead?.uid === asked.claims.uid;
    },
  },
  bossed: {
    lookups: '  boss: "{parent.boss}"\n',
    read: 'boss?.open == true || boss?.uid == auth.uid',
    isShared: true,
    mayRead: (asked) => {
      const boss = found(asked, asked.find(roomOf(asked.r))?.boss);
      return isOpen(boss) || boss?.uid === asked.claims.uid;
    },
  },
  paired: {
    lookups: '  one: /runs/{ids.runs}/switches/one\n  two: /runs/{ids.runs}/switches/two\n',
    read: 'one?.open == true && two?.open == true',
    isShared: true,
    mayRead: ({ r, find }) =>
      ['one', 'two'].every((id) => isOpen(find(`${runOf(r)}/switches/${id}`))),
  },
  permitted: {
    lookups: '  permit: /runs/{ids.runs}/rooms/{ids.rooms}/permits/{ids.permitted}\n',
    read: 'permit?.open == true || permit?.uid == auth.uid',
    mayRead: ({ r, claims, find }) => {
      const permit = find(`${roomOf(r)}/permits/${r.split('/').at(-1)}`);
      return isOpen(permit) || permit?.uid === claims.uid;
    },
  },
  teamed: {
    lookups: `  team: "/runs/{ids.runs}/teams/{auth.data.team}"\n  membership: ${membership}\n`,
    read: 'team?.open == true || membership?.role == "owner"',
    isShared: true,
    mayRead: (asked) =>
      isOpen(asked.find(`${runOf(asked.r)}/teams/${asked.claims.team}`)) || isOwner(asked),
  },
} satisfies Record<string, Kind>;

export type KindName = keyof typeof kinds;
export const kindNames = Object.keys(kinds) as KindName[];

/** Which rules are in force: `strict` ones demand more of everybody. */
export type Rules = 'plain' | 'strict';

/** What somebody may see of an object. */
export interface Sight {
  readonly read: boolean;
  /** What is pushed to them. */
  readonly hear: boolean;
  readonly secret: boolean;
}

export function sightOf(kind: Kind, rules: Rules, asked: Asked): Sight {
  const read = kind.mayRead(asked) && (rules === 'plain' || asked.claims.team === 'red');
  const hear = read && (kind.mayHear?.(asked) ?? true);
  return { read, hear, secret: read && (kind.seesSecret?.(asked) ?? true) };
}

const writes = 'auth.data.writer == true';
const closed = `access: { create: ${writes}, read: ${writes}, update: ${writes}, delete: ${writes} }\n`;

function infrastructure(fields: string, more = ''): string {
  return `version: 1\nfields: { ${fields} }\n${more}${closed}`;
}

const person = 'type: reference, collectionR: "/runs/*/people"';

function kindModel({ lookups, read, subscribe, secret, isHidden, dies }: Kind, rules: Rules) {
  const strictly = (rule: string) =>
    rules === 'strict' ? `(${rule}) && auth.data.team == "red"` : rule;
  const lines = [
    'version: 1',
    ...(dies ? ['onParentDeleted: delete'] : []),
    'fields:',
    '  text: { type: String, index: true }',
    `  secret: { type: String${secret ? `, access: { read: '${secret}' }` : ''} }`,
    '  n: { type: Long, index: true }',
    '  open: { type: Boolean }',
    `  ref: { ${person} }`,
    ...(lookups ? [`lookups:\n${lookups.trimEnd()}`] : []),
    'access:',
    ...(isHidden ? ['  hidden: true'] : []),
    ...['create', 'update', 'delete'].map((right) => `  ${right}: '${writes}'`),
    `  read: '${strictly(read)}'`,
    ...(subscribe ? [`  subscribe: '${subscribe}'`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** The files of one kind under these rules. */
export function kindFiles(name: KindName, rules: Rules): Readonly<Record<string, string>> {
  const kind: Kind = kinds[name];
  const folder = `models/runs/rooms/${name}`;
  return {
    [`${folder}/model.yaml`]: kindModel(kind, rules),
    ...(kind.preGet && { [`${folder}/pre-get.js`]: kind.preGet }),
  };
}

/** Everything that rights depend on, and that only writers may see; and links, by which anybody may refer to anything. */
export const membershipApp: Readonly<Record<string, string>> = {
  'models/runs/model.yaml': infrastructure('name: { type: String }'),
  'models/runs/people/model.yaml': infrastructure('uid: { type: String }, open: { type: Boolean }'),
  'models/runs/switches/model.yaml': infrastructure('open: { type: Boolean }'),
  'models/runs/teams/model.yaml': infrastructure('open: { type: Boolean }'),
  'models/runs/rooms/model.yaml': infrastructure(`open: { type: Boolean }, boss: { ${person} }`),
  'models/runs/rooms/members/model.yaml': infrastructure(
    'role: { type: String }, visits: { type: Long }',
    'onParentDeleted: delete\n',
  ),
  'models/runs/rooms/permits/model.yaml': infrastructure(
    'uid: { type: String }, open: { type: Boolean }',
  ),
  'models/runs/links/model.yaml': `version: 1
fields:
${kindNames.map((name) => `  ${name}: { type: reference, collectionR: "/runs/*/rooms/*/${name}", fields: [text, secret] }`).join('\n')}
access: { create: true, read: true, update: true, delete: true }
`,
  ...Object.assign({}, ...kindNames.map((name) => kindFiles(name, 'plain'))),
};
