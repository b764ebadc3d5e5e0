/** The app that the wire tests talk to: one model for each thing that they have to show. */
export const wireApp: Readonly<Record<string, string>> = {
  'models/users/model.yaml': `version: 1
fields:
  name: { type: String, required: true, validation: value.length <= 40 }
  email: { type: String, unique: true }
  age: { type: Long, index: true, validation: value >= 0 }
  score: { type: Double }
  active: { type: Boolean, default: true }
  joined: { type: Date, default: now() }
  locale: { type: String, default: en }
  tags: { type: List, items: String }
  picture:
    type: Object
    fields:
      xlarge: { type: String }
      sizes: { type: List, items: Long }
  extra: { type: Json }
  friend: { type: reference, collectionR: /users, fields: [name, "@card"] }
  greeting: { type: Calculated, valueType: String, dependsOn: name, value: '"Hello " + this.name' }
  shout: { type: Calculated, valueType: String, dependsOn: [greeting], value: '(greeting) => greeting.toUpperCase()' }
fieldSets:
  card: [name, picture]
access: { create: true, read: true, update: true, delete: true }
`,
  'models/users/posts/model.yaml': `version: 1
fields:
  title: { type: String, required: true }
  author: { type: reference, collectionR: /users, fields: [name] }
  likes: { type: Long, default: 0 }
access: { create: true, read: true, update: true, delete: true }
`,
  'models/secrets/model.yaml': `version: 1
fields:
  owner: { type: String, required: true }
  text: { type: String }
  shared: { type: Boolean, default: false }
  age: { type: Long }
access:
  create: input.owner == auth.uid
  read: obj.owner == auth.uid || obj.shared == true
  update: obj.owner == auth.uid
  delete: obj.owner == auth.uid
`,
  'models/ghosts/model.yaml': `version: 1
fields:
  owner: { type: String, required: true }
access:
  hidden: true
  create: true
  read: obj.owner == auth.uid
  update: obj.owner == auth.uid
  delete: obj.owner == auth.uid
`,
  'models/haunts/model.yaml': `version: 1
fields:
  ghost: { type: reference, collectionR: /ghosts, fields: [owner] }
  secret: { type: reference, collectionR: /secrets, fields: [text] }
access: { create: true, read: true, update: true, delete: true }
`,
  'models/people/model.yaml': `version: 1
fields:
  name: { type: String, required: true }
  age: { type: Long }
  openAge: { type: Boolean, default: false }
access: { create: true, read: true, update: true, delete: true }
`,
  'models/people/pre-get.js': `
if (!obj.openAge && auth.uid !== "keeper") hide("age");
if (obj.name === "gone") cancel(418, "people.gone");
`,
  'models/people/on-validate.js': `
if (input.name === "root") cancel(422, "name.reserved");
if (input.name === "thrower") throw new Error("a detail that nobody may read");
if (input.name === "looper") while (true) "x".repeat(100000).indexOf("y");
if (input.name === "leak") { globalThis.leaked = (globalThis.leaked || 0) + 1; if (globalThis.leaked > 1) cancel(500, "leaked"); }
`,
  'models/people/pre-update.js': `
if (fields.includes("age") && before.age !== undefined && after.age < before.age) cancel(409, "age.shrinks");
`,
  'models/people/pre-delete.js': `
if (auth.uid !== "keeper") cancel(403, "keepers.only");
`,
  'models/writeonly/model.yaml': `version: 1
fields:
  text: { type: String, default: '"quiet"' }
access: { create: true }
`,
  'models/throwing/model.yaml': `version: 1
fields:
  text: { type: String }
access: { create: true, read: auth.data.role.name == "admin", update: true, delete: true }
`,
  'models/short/model.yaml': `version: 1
fields:
  n: { type: Long, default: 0 }
  m: { type: Long, default: 0 }
retention: { history: 3 }
access: { create: true, read: true, update: true, delete: true }
`,
};
