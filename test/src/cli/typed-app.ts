/** Models with every kind of field, for tests of the types that are made of them. */
export const typedModels = {
  'models/users/model.yaml': `version: 3
fields:
  name:    { type: String, required: true }
  age:     { type: Long, default: 18 }
  joined:  { type: Date }
  picture: { type: Object, fields: { large: { type: String }, size: { type: Double } } }
  tags:    { type: List, items: String }
  status:  { type: String, enum: [open, "it's done"] }
  levels:  { type: List, items: Long, enum: [1, 2] }
  salary:  { type: Double, required: true, default: 0, access: { read: auth.data.hr == true } }
  score:   { type: Long, default: 0, access: { write: false } }
  owner:   { type: String, access: { update: false } }
  place:   { type: Object, fields: { city: { type: String }, zone: { type: String, access: { write: false } } } }
  extra:   { type: Json }
  friend:  { type: reference, collectionR: /users, fields: [name] }
  friends: { type: List, items: { type: reference, collectionR: /users, fields: [name, age] } }
  house:   { type: Object, fields: { owner: { type: reference, collectionR: /users } } }
  team:    { type: List, items: { type: Object, fields: { lead: { type: reference, collectionR: /users, fields: [age] } } } }
  shout:   { type: Calculated, valueType: String, dependsOn: name, value: 'this.name + "!"' }
fieldSets: { card: [name, shout] }
access: { read: true }
`,
  'models/users/my-posts/model.yaml':
    'version: 1\nfields: { text: { type: String, required: true }, title: { type: String, required: true } }\naccess: { read: true }\n',
  'models/users/my-posts/pre-get.js': 'if (!auth._r) hide("text")\n',
  'models/drafts/model.yaml':
    'version: 1\nfields: { text: { type: String, required: true }, title: { type: String } }\naccess: { read: true }\n',
  'models/drafts/pre-get.js': 'for (const name of ["te" + "xt"]) hide(name)\n',
  'models/users/my_posts/model.yaml':
    'version: 1\nfields: { note: { type: String } }\naccess: { read: true }\n',
};

const imports = `import { Really } from '@really/client';
import { modelsHash, type Drafts, type Models, type Users, type UsersCreate, type UsersMyPosts, type UsersMyPosts2, type UsersRead } from './really.js';
const really = new Really<Models>('ws://x', { token: 't', models: modelsHash });
const users = really.collection('/users');
const user = really.object('/users/1');
`;

/** Everything that the models allow. */
export const correctUse = `${imports}
export const amal: UsersCreate = { name: 'Amal', tags: ['a'], age: null, joined: undefined };
export const shown = (one: Users): string => one.name + (one.picture?.large ?? '') + one._r;
export const status = (one: Users): 'open' | "it's done" | undefined => one.status;
export const levels = (one: Users): readonly (1 | 2)[] | undefined => one.levels;
export const title = (post: UsersMyPosts): string => post.title;
export const note = (post: UsersMyPosts2): string | undefined => post.note;
export const address = (post: UsersMyPosts): \`/users/\${string}/my-posts/\${string}\` => post._r;
export const befriend = (one: Users): UsersCreate => ({ name: 'x', friend: one._r, friends: [one._r] });
export const again = ({ name, tags }: Users): UsersCreate => ({ name, ...(tags && { tags }) });
void users.create({ name: 'x', status: 'open', place: { city: 'x' }, owner: 'me', extra: { any: [1] } });
void user.update((u) => u
  .set('name', 'x').set('age', null).unset('age').set('picture.large', 'x').set('picture', { size: 1 })
  .addNumber('age', 1).addNumber('picture.size', 0.5).addNumber('levels[0]', 1)
  .push('tags', 'a').push('tags', ['a', 'b']).insertAt('tags', 0, 'a').removeAt('tags', 0).set('tags[0]', 'b')
  .set('team[0].lead', '/users/2').push('team', { lead: '/users/3' }).addToSet('friends', '/users/4')
  .set('extra', 1).set('extra.deep[0].x', { y: null }).push('extra.list', [1, 'a']).addNumber('extra.n', 1));
export const read = async (): Promise<(string | number | undefined)[]> => {
  const few = await user.get({ fields: ['age', '@card'] });
  const all: UsersRead = await user.get();
  const [item] = (await users.read({ fields: ['friends'] })).items;
  const made: Users = await users.create({ name: 'x' });
  return [few.name, few.age, few.shout, all.friend?.value, all.friend?.ref?.name, all.house?.owner?.error?.code,
    item?.friends?.[0]?.ref?.age, all.team?.[0]?.lead?.ref?.age, made.friend];
};
const live = really.live(user);
export const friend: \`/users/\${string}\` | undefined = live.value?.friend;
const list = really.live(users, { fields: ['@card', 'friends'], sort: '-age' });
export const first: string | undefined = list.value?.[0]?.friends?.[0];
void user.collection('my-posts').create({ text: 'x', title: 'x' });
void really.object('/users/1/my-posts/2').update((u) => u.set('text', 'x'));
export const byId = (id: string) => really.object(\`/users/\${id}/my-posts/\${id}\`).get({ fields: ['title'] });
void really.batch((b) => {
  const made = b.create(users, { name: 'x' });
  b.update(user, (u) => u.set('friend', made as Users['_r']));
});
export const anywhere = (r: string) => really.object(r).get();
const untyped = new Really('ws://x', { token: 't' });
void untyped.object('/any/1').get({ fields: ['some'] }).then((any) => any.some.thing);
`;

/** What the models refuse: each line with the error that the developer sees. */
export const mistakes = `${imports}
really.collection('/usres'); // error: Argument of type '"/usres"' is not assignable to parameter of type '"The models have no collection /usres/*"'.
really.object('/users/1/posts/2'); // error: Argument of type '"/users/1/posts/2"' is not assignable to parameter of type '"The models have no collection /users/*/posts/*"'.
user.collection('posts'); // error: Argument of type '"posts"' is not assignable to parameter of type '…"my-posts"…'.
void users.create({}); // error: …'{}' …'UsersCreate'.
void users.create({ nme: 'x' }); // error: Object literal may only specify known properties, but 'nme' does not exist in type 'UsersCreate'. Did you mean to write 'name'?
void users.create({ name: 'x', shout: 'X' }); // error: Object literal may only specify known properties, and 'shout' does not exist in type 'UsersCreate'.
void users.create({ name: 'x', score: 1 }); // error: Object literal may only specify known properties, and 'score' does not exist in type 'UsersCreate'.
void users.create({ name: 'x', place: { zone: 'x' } }); // error: Object literal may only specify known properties, and 'zone' does not exist in type '{ city?: string…; }'.
void users.create({ name: 'x', status: 'closed' }); // error: Type '"closed"' is not assignable to type '…"open"…'.
void users.create({ name: 'x', levels: [3] }); // error: Type '3' is not assignable to type '…'.
void users.create({ name: 'x', age: '18' }); // error: Type 'string' is not assignable to type 'number'.
void users.create({ name: 'x', friend: '/drafts/1' }); // error: Type '"/drafts/1"' is not assignable to type '…\`/users/\${string}\`…'.
void user.update((u) => u.set('nme', 'x')); // error: Argument of type '"nme"' is not assignable to parameter of type '…"name"…'.
void user.update((u) => u.set('shout', 'x')); // error: Argument of type '"shout"' is not assignable to parameter of type '…'.
void user.update((u) => u.set('score', 1)); // error: Argument of type '"score"' is not assignable to parameter of type '…'.
void user.update((u) => u.set('owner', 'x')); // error: Argument of type '"owner"' is not assignable to parameter of type '…'.
void user.update((u) => u.set('place.zone', 'x')); // error: Argument of type '"place.zone"' is not assignable to parameter of type '…'.
void user.update((u) => u.set('tags[x]', 'x')); // error: Argument of type '"tags[x]"' is not assignable to parameter of type '…'.
void user.update((u) => u.set('age', 'x')); // error: Argument of type 'string' is not assignable to parameter of type 'number'.
void user.update((u) => u.set('name', null)); // error: Argument of type 'null' is not assignable to parameter of type 'string'.
void user.update((u) => u.unset('name')); // error: Argument of type '"name"' is not assignable to parameter of type '…'.
void user.update((u) => u.addNumber('name', 1)); // error: Argument of type '"name"' is not assignable to parameter of type '…"age"…'.
void user.update((u) => u.push('name', 'x')); // error: Argument of type '"name"' is not assignable to parameter of type '…"tags"…'.
void user.update((u) => u.push('tags', 1)); // error: Argument of type 'number' is not assignable to parameter of type '…string…'.
void user.get({ fields: ['nme'] }); // error: Type '"nme"' is not assignable to type 'FieldNameAt<Models, "/users/*">'. Did you mean '"name"'?
void user.get({ fields: ['@cart'] }); // error: Type '"@cart"' is not assignable to type 'FieldNameAt<Models, "/users/*">'. Did you mean '"@card"'?
really.live(users, { fields: ['nme'] }); // error: Type '"nme"' is not assignable to type 'FieldNameAt<Models, "/users/*">'. Did you mean '"name"'?
void user.get({ fields: ['name'] }).then((one) => one.age); // error: Property 'age' does not exist on type 'Pick<UsersRead, …>'.
void user.get({ fields: ['@card'] }).then((one) => one.age); // error: Property 'age' does not exist on type 'Pick<UsersRead, …>'.
void users.read().then(({ items }) => items[0]?.nme); // error: Property 'nme' does not exist on type 'UsersRead'. Did you mean 'name'?
really.live(user).value?.friend?.ref; // error: Property 'ref' does not exist on type '…'.
export const older = (one: Users): number => one.age + 1; // error: 'one.age' is possibly 'undefined'.
export const paid = (one: Users): number => one.salary; // error: Type 'number | undefined' is not assignable to type 'number'.
export const text = (post: UsersMyPosts): string => post.text; // error: Type 'string | undefined' is not assignable to type 'string'.
export const drafted = (draft: Drafts): string => draft.text; // error: Type 'string | undefined' is not assignable to type 'string'.
export const renamed = (one: Users) => { one.name = 'x'; }; // error: Cannot assign to 'name' because it is a read-only property.
export const noUser = (draft: Drafts): UsersCreate => ({ name: 'x', friends: [draft._r] }); // error: Type …is not assignable to type …
`;

const hookImports = `import { ReallyProvider, RoomProvider, useCollection, useObject, useOthers, useReally, useRoom, useSuspenseObject, useWrite } from '@really/client/react';
import { Really } from '@really/client';
import { reallyQueryOptions } from '@really/client/query';
import { useQuery } from '@tanstack/react-query';
import { createElement } from 'react';
import { modelsHash, type Models, type Users } from './really.js';
declare module '@really/client/react' {
  interface Register { models: Models }
}
const client = new Really<Models>('ws://x', { token: 't', models: modelsHash });
`;

/** The hooks of React with the models of `Register`. */
export const correctHooks = `${hookImports}
export const app = createElement(ReallyProvider, { client });
export function useAll(id: string | null) {
  const user = useObject(id === null ? null : \`/users/\${id}\`);
  const name: string | undefined = user.value?.name;
  const list = useCollection('/users', { fields: ['age', '@card'] });
  const shout: string | undefined = list.value?.[0]?.shout;
  const posts = useCollection(id && \`/users/\${id}/my-posts\`, {}, { keepPrevious: true });
  const title: string | undefined = posts.value?.[0]?.title;
  const loaded: Users | undefined = useSuspenseObject('/users/1').value;
  const { create, update, delete: remove } = useWrite();
  const really: Really<Models> = useReally();
  const one: string | undefined = useQuery(reallyQueryOptions(really.object('/users/1'))).data?.name;
  const some = useQuery(reallyQueryOptions(really.collection('/users'), { fields: ['age'] }));
  const age: number | undefined = some.data?.[0]?.age;
  const { value: room, present } = useRoom('/users/1', { state: { typing: true } });
  const count: number | undefined = useOthers((others) => others.length).value;
  const provider = createElement(RoomProvider, { r: '/users/1' });
  return () => [
    room?.others.length, count, provider, present({ typing: null }), one, age, name, shout, title, loaded, really,
    create('/users', { name: 'x' }), update('/users/1', (u) => u.addNumber('age', 1)), remove('/users/1'),
  ];
}
`;

export const hookMistakes = `${hookImports}
export function useAll() {
  useObject('/usres/1'); // error: Argument of type '"/usres/1"' is not assignable to parameter of type '…"The models have no collection /usres/*"…'.
  useObject('/users/1').value?.nme; // error: Property 'nme' does not exist on type 'Users'. Did you mean 'name'?
  useCollection('/users', { fields: ['nme'] }); // error: Type '"nme"' is not assignable to type '…'. Did you mean '"name"'?
  useCollection('/users', { fields: ['age'] }).value?.[0]?.name; // error: Property 'name' does not exist on type 'Pick<Users, …>'.
  useQuery(reallyQueryOptions(client.object('/users/1'))).data?.nme; // error: Property 'nme' does not exist on type '…Users'. Did you mean 'name'?
  const { create, update } = useWrite();
  void create('/users', { name: 'x', score: 1 }); // error: Object literal may only specify known properties, and 'score' does not exist in type 'UsersCreate'.
  void update('/users/1', (u) => u.push('name', 'x')); // error: Argument of type '"name"' is not assignable to parameter of type '…'.
}
`;
