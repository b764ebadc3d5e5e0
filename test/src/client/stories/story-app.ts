const access = 'access: { create: true, read: true, update: true, delete: true }\n';

/** The app of the stories. A new version of the model gives each item another label. */
export function storyApp(version: number): Readonly<Record<string, string>> {
  return {
    'models/stories/model.yaml': `version: 1\nfields: { name: { type: String } }\n${access}`,
    'models/stories/items/model.yaml': `version: ${version}
fields:
  name: { type: String }
  n: { type: Long, index: true }
  count: { type: Long }
  log: { type: List, items: String }
  tags: { type: List, items: String }
  box: { type: Object, fields: { a: { type: Long }, b: { type: String } } }
  label: { type: Calculated, valueType: String, dependsOn: name, value: '"v${version} " + this.name' }
${access}`,
  };
}
