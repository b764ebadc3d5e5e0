import type { JsonObject } from '@really/protocol';
import type { Client } from '../../harness/client.js';

/** Projects with members and roles: who may see and change the tasks of a project is said by other objects. */
export const roomsApp: Readonly<Record<string, string>> = {
  'models/projects/model.yaml': `version: 1
fields:
  title: { type: String }
  owner: { type: String, required: true }
  closed: { type: Boolean, default: false }
lookups:
  membership: /projects/{ids.projects}/members/{auth.uid}
access:
  create: input.owner == auth.uid
  read: obj.owner == auth.uid || membership != null
  update: obj.owner == auth.uid
  delete: obj.owner == auth.uid
`,
  'models/projects/members/model.yaml': `version: 1
fields:
  role: { type: String, required: true }
  note: { type: String }
access:
  create: parent?.owner == auth.uid
  read: parent?.owner == auth.uid || r == parent?._r + "/members/" + auth.uid
  update: parent?.owner == auth.uid
  delete: parent?.owner == auth.uid
`,
  'models/projects/tasks/model.yaml': `version: 1
fields:
  title: { type: String, required: true, validation: 'parent.closed != true' }
  assignee: { type: reference, collectionR: /people }
  estimate: { type: Long, required: 'parent.title == "estimated"' }
  secret: { type: String }
lookups:
  project: /projects/{ids.projects}
  membership: /projects/{ids.projects}/members/{auth.uid}
  assignee: "{obj.assignee}"
access:
  create: '["owner", "editor"].includes(membership?.role)'
  read: membership != null
  update: membership?.role == "owner" || assignee?.uid == auth.uid
  delete: membership?.role == "owner" && project?.closed != true
`,
  'models/projects/tasks/pre-get.js': `
if (membership === null || membership.role !== "owner") hide("secret");
`,
  'models/projects/tasks/on-validate.js': `
if (input.title === "no-editors" && membership.role === "editor") cancel(422, "editors.not");
`,
  'models/projects/tasks/pre-update.js': `
if (assignee !== null && assignee.frozen === true) cancel(423, "frozen");
`,
  'models/projects/tasks/pre-delete.js': `
if (project.title === "kept") cancel(423, "kept");
`,
  'models/projects/notes/model.yaml': `version: 1
fields:
  text: { type: String }
  author: { type: reference, collectionR: /people, required: true }
lookups:
  author: "{obj.author}"
access:
  create: true
  read: author?.open == true || author?.uid == auth.uid
  update: true
  delete: true
`,
  'models/projects/plans/model.yaml': `version: 1
fields:
  text: { type: String }
lookups:
  membership: /projects/{ids.projects}/members/{auth.uid}
access:
  read: '["owner", "editor", "reader"].includes(membership?.role)'
  create: membership?.role == "owner"
  update: membership?.role == "owner"
`,
  'models/people/model.yaml': `version: 1
fields:
  uid: { type: String }
  open: { type: Boolean, default: false }
  frozen: { type: Boolean, default: false }
  visits: { type: Long, default: 0 }
access: { create: true, read: true, update: true, delete: true }
`,
};

export const create = (client: Client, r: string, body: JsonObject) =>
  client.request({ cmd: 'create', r, body });

export const remove = (client: Client, r: string) => client.request({ cmd: 'delete', r });

export async function set(client: Client, r: string, fields: JsonObject) {
  const { body } = await client.request({ cmd: 'get', r });
  const rev = Number((body as JsonObject | undefined)?._rev ?? 1);
  return await update(client, r, rev, fields);
}

export function update(client: Client, r: string, rev: number, fields: JsonObject) {
  const ops = Object.entries(fields).map(([key, value]) => ({ op: 'set', key, value }));
  return client.request({ cmd: 'update', r, rev, body: { ops } });
}

/** A project of this owner, who is a member too, with these other members by uid. */
export async function project(
  owner: Client,
  r: string,
  members: Readonly<Record<string, string>> = {},
  more: JsonObject = {},
): Promise<void> {
  await create(owner, r, { owner: 'olga', title: 'a project', ...more });
  for (const [uid, role] of Object.entries({ olga: 'owner', ...members })) {
    await create(owner, `${r}/members/${uid}`, { role });
  }
}
