import type { JsonObject } from '@really/protocol';
import type { ModelSet } from '../../../model/model.js';
import type { NamedModel } from '../../../model/typescript/types-of-models.js';
import { closedObject, openObject, schemaRef } from './parameters.js';
import { ValueSchemas } from './value-schema.js';

/** The schemas of one collection, by component name. */
export function collectionSchemas(
  models: ModelSet,
  { name, model }: NamedModel,
): Record<string, JsonObject> {
  const meta = openObject(
    { fields: { type: 'array', items: { enum: [...model.fields.keys()] } } },
    ['fields'],
  );
  const r = { type: 'string' };
  const repeated = openObject({ repeated: { const: true } });
  return {
    [name]: new ValueSchemas(models, model, 'shown').object(),
    [`${name}.stored`]: new ValueSchemas(models, model, 'stored').object(),
    [`${name}.create`]: new ValueSchemas(models, model, 'written').object(),
    [`${name}.answer`]: openObject({ r, meta, body: schemaRef(name) }, ['r', 'meta', 'body']),
    [`${name}.created`]: openObject({ r, meta: repeated, body: schemaRef(`${name}.stored`) }, [
      'r',
      'body',
    ]),
    [`${name}.item`]: openObject({ meta, body: schemaRef(name) }, ['meta', 'body']),
    [`${name}.page`]: page(`${name}.item`, ['items']),
    // No `anyOf`: type generators would lose the members.
    [`${name}.pageOrCount`]: page(`${name}.item`, []),
  };
}

function page(item: string, required: readonly string[]): JsonObject {
  const body = closedObject(
    {
      tokens: schemaRef('Really.Tokens'),
      totalResults: { type: 'integer', minimum: 0 },
      items: { type: 'array', items: schemaRef(item) },
    },
    required,
  );
  return openObject({ r: { type: 'string' }, body }, ['r', 'body']);
}
