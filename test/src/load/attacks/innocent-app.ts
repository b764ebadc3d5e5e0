/** The models of the bystander clients, besides those that an attack needs. */
export const innocentApp: Readonly<Record<string, string>> = {
  'models/innocents/model.yaml': `version: 1
fields:
  owner: { type: String, required: true, index: true }
  text: { type: String }
  score: { type: Long, default: 0 }
access: { create: true, read: obj.owner == auth.uid, update: obj.owner == auth.uid, delete: false }
`,
};
