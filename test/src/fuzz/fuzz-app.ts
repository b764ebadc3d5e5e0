import type { WireServer } from '../wire/wire-server.js';

/** Data that only its owner may ever receive. */
export const secretMarker = 'the-marker-of-a-secret';

/** The app that the fuzzers talk to: one model that takes nearly everything, one that keeps a secret. */
export const fuzzApp: Readonly<Record<string, string>> = {
  'models/things/model.yaml': `version: 1
fields:
  n: { type: Long, index: true }
  text: { type: String }
  list: { type: List, items: Json }
  doc: { type: Object, fields: { a: { type: Json } } }
  json: { type: Json }
access: { create: true, read: true, update: true, delete: true }
`,
  'models/secrets/model.yaml': `version: 1
fields:
  owner: { type: String, required: true }
  text: { type: String }
access:
  create: input.owner == auth.uid
  read: obj.owner == auth.uid
  update: obj.owner == auth.uid
  delete: obj.owner == auth.uid
`,
};

/** A secret, and some things that requests can name. */
export async function fillFuzzApp(server: WireServer): Promise<void> {
  using owner = await server.as('owner');
  const secret = { owner: 'owner', text: secretMarker };
  await owner.request({ cmd: 'create', r: '/secrets/s', body: secret });
  for (const id of ['1', '2', '3', '4']) {
    const body = { n: 1, text: 'a', list: [1] };
    await owner.request({ cmd: 'create', r: `/things/${id}`, body });
  }
}
