import type { Auth } from '@really/protocol';
import type { ModelFiles } from './test-app.fixture.js';

export const amal: Auth = { uid: 'amal', authType: 'password', _r: '/users/amal' };
export const bela: Auth = { uid: 'bela', authType: 'password', _r: '/users/bela' };
export const nobody: Auth = { uid: 'nobody', authType: 'anonymous' };

/** Users with posts and a secret each, with every type of field. */
export const sampleModels: ModelFiles = {
  users: `
version: 3
fields:
  name:     { type: String, required: true, validation: value.length <= 20 }
  email:    { type: String, unique: true }
  age:      { type: Long, validation: value >= 0 }
  locale:   { type: String, default: en }
  joined:   { type: Date, default: now() }
  picture:  { type: Object, fields: { small: { type: String }, large: { type: String } } }
  tags:     { type: List, items: String }
  extra:    { type: Json }
  friend:   { type: reference, collectionR: /users, fields: [name, greeting] }
  team:     { type: List, items: { type: reference, collectionR: /users, fields: [name] } }
  house:    { type: Object, fields: { owner: { type: reference, collectionR: /users, fields: [name] } } }
  visits:   { type: Long }
  greeting: { type: Calculated, valueType: String, dependsOn: name, value: '"Hello " + this.name' }
  shout:    { type: Calculated, valueType: String, dependsOn: greeting, value: 'this.greeting + "!"' }
fieldSets:
  card: [name, greeting]
access: { create: true, read: true, update: true, delete: true }
`,
  'users/posts': `
version: 1
fields:
  title: { type: String, required: true }
  stars: { type: Long }
access: { create: true, read: true, update: true, delete: true }
`,
  notes: `
version: 1
fields:
  owner: { type: String, required: true }
  text:  { type: String, required: true }
  rank:  { type: Long }
access:
  create: input.owner == auth.uid
  read:   obj.owner == auth.uid
  update: obj.owner == auth.uid && input.owner == auth.uid
  delete: obj.owner == auth.uid
`,
  secrets: `
version: 1
fields:
  owner: { type: String, required: true }
  text:  { type: String }
access:
  hidden: true
  create: true
  read:   obj.owner == auth.uid
  update: obj.owner == auth.uid && obj.text != "sealed"
  delete: obj.owner == auth.uid
`,
  'secrets/parts': `
version: 1
fields: { text: { type: String } }
access: { create: true, read: true, update: true, delete: true }
`,
  pointers: `
version: 1
fields:
  to: { type: reference, collectionR: /secrets, fields: [text] }
  note: { type: reference, collectionR: /notes, fields: [text] }
access: { create: true, read: true, update: true, delete: true }
`,
};
