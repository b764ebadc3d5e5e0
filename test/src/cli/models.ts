/** An app of one model with rules, as `start` needs them. */
export const tasks = {
  'models/tasks/model.yaml': `version: 1
fields:
  title: { type: String, required: true }
  votes: { type: Long, default: 0 }
access: { create: true, read: true, update: true, delete: true }
`,
};
