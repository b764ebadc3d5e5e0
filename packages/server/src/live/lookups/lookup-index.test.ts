import { type Auth, namesOf } from '@really/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ModelSet } from '../../model/model.js';
import { type Files, loaded } from '../../model/models.fixture.js';
import type { CommittedChange } from '../../store/stored-object.js';
import type { Subscription } from '../registry/live-session.js';
import { LookupIndex } from './lookup-index.js';

const open = 'version: 1\nfields:\n  role: { type: String }\naccess: { read: true }\n';

/** Tasks that those may see whom `lookup` makes a member; comments go by their task and its assignee. */
const rooms = (lookup: string): Files => ({
  'users/model.yaml': open,
  'projects/model.yaml': `version: 1
fields: { title: { type: String } }
lookups:
  membership: ${lookup}
access: { read: membership?.role == "editor" }
`,
  'projects/members/model.yaml': open,
  'projects/tasks/model.yaml': `version: 1
fields:
  title: { type: String }
  assignee: { type: reference, collectionR: /users }
lookups:
  membership: ${lookup}
access: { read: membership?.role == "editor" }
`,
  'projects/tasks/comments/model.yaml': `version: 1
fields: { text: { type: String } }
lookups:
  boss: "{parent.assignee}"
access: { read: parent != null && boss?.role == "boss" }
`,
});

const byUid = '/projects/{ids.projects}/members/{auth.uid}';
const byData = '/projects/{ids.projects}/members/{auth.data.member}';

const id = fc.constantFrom('1', '2', '3');
const uid = fc.constantFrom('a', 'b', 'c');
const wanted = fc
  .tuple(fc.constantFrom('1', '2', '3', '*'), id, uid, fc.nat(5))
  .map(([project, task, who, kind]) => {
    const tasks = `/projects/${project}/tasks`;
    const all = [
      { kind: 'object', r: `/projects/${project === '*' ? '1' : project}/tasks/${task}` },
      { kind: 'collection', r: tasks },
      { kind: 'query', r: tasks },
      { kind: 'object', r: `/projects/1/tasks/${task}/comments/1` },
      { kind: 'query', r: `/projects/1/tasks/${task}/comments` },
      { kind: 'query', r: '/projects' },
    ] as const;
    return { ...(all[kind] ?? all[0]), uid: who };
  });
const changed = fc.oneof(
  fc.tuple(id, uid).map(([project, who]) => `/projects/${project}/members/${who}`),
  id.map((task) => `/projects/1/tasks/${task}`),
  id.map((user) => `/users/${user}`),
);

type Wanted = typeof wanted extends fc.Arbitrary<infer T> ? T : never;

class World {
  models: ModelSet;
  readonly all: Subscription[];
  readonly index: LookupIndex;

  constructor(models: ModelSet, all: readonly Wanted[]) {
    this.models = models;
    this.all = all.map(subscriptionTo);
    this.index = new LookupIndex({ models: () => this.models, all: () => this.all });
    for (const subscription of this.all) this.index.add(subscription);
  }

  affectedBy(r: string): ReadonlySet<Subscription> {
    return this.index.affectedBy([changeOf(r)]).holders;
  }

  /** By what the models say, for each subscription. */
  expected(r: string): ReadonlySet<Subscription> {
    return new Set(this.all.filter((subscription) => isAffected(subscription, r)));
  }
}

function subscriptionTo({ kind, r, uid: who }: Wanted): Subscription {
  const auth: Auth = { uid: who, authType: 'password', data: { member: who } };
  const names = namesOf(r);
  const topic = { r, names, scope: { names } };
  const session = { pushTarget: { auth } };
  return { kind, topic, group: { traits: topic }, session } as unknown as Subscription;
}

function changeOf(r: string): CommittedChange {
  return { r, type: 'create', touched: {}, pos: 1 } as unknown as CommittedChange;
}

/** More than needed for comments: whose boss it is takes their task to know. */
function isAffected({ topic, session }: Subscription, changedR: string): boolean {
  const { data } = session.pushTarget.auth;
  const [, , project, inside, task] = topic.r.split('/');
  if (topic.r.includes('/comments')) {
    return changedR === `/projects/${project}/${inside}/${task}` || changedR.startsWith('/users/');
  }
  const member = changedR.split('/members/')[1];
  if (project === '*' || topic.r === '/projects') return member === data?.member;
  return changedR === `/projects/${project}/members/${data?.member}`;
}

test('[LKP4] the subscriptions that a change concerns are found as if all were looked at', async () => {
  const [before, after] = await Promise.all(
    [byUid, byData].map(async (lookup) => (await loaded(rooms(lookup))).models),
  );
  if (!before || !after) throw new Error('no models');
  let found = 0;
  const check = (world: World, rs: readonly string[]) => {
    for (const r of rs) {
      expect(world.affectedBy(r)).toEqual(world.expected(r));
      found += world.expected(r).size;
    }
  };
  fc.assert(
    fc.property(
      fc.array(wanted, { minLength: 1, maxLength: 12 }),
      fc.array(changed, { minLength: 3, maxLength: 12 }),
      (all, rs) => {
        const world = new World(before, all);
        check(world, rs);
        const [ended] = world.all.splice(0, 1);
        if (ended) world.index.remove(ended);
        check(world, rs);
        world.models = after;
        check(world, rs);
        for (const subscription of world.all) {
          const { pushTarget } = subscription.session;
          Object.assign(pushTarget, { auth: { ...pushTarget.auth, data: { member: 'b' } } });
          world.index.update(subscription);
        }
        check(world, rs);
      },
    ),
    { numRuns: 200 },
  );
  expect(found).toBeGreaterThan(100);
});
