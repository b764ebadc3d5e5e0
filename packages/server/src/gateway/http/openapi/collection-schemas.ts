import type { JsonObject } from '@really/protocol';
import type { ModelSet } from '../../../model/model.js';
import type { NamedModel } from '../../../model/typescript/types-of-models.js';
import { ValueSchemas } from './value-schema.js';

/** The schemas of one collection, by component name. */
export function collectionSchemas(
  models: ModelSet,
  { name, model }: NamedModel,
): Record<string, JsonObject> {
  const ref = (kind: string): JsonObject => ({ $ref: `#/components/schemas/${kind}` });
  const meta = {
    type: 'object',
    required: ['fields'],
    properties: { fields: { type: 'array', items: { enum: [...model.fields.keys()] } } },
  };
  return {
    [name]: new ValueSchemas(models, model, 'shown').object(),
    [`${name}.stored`]: new ValueSchemas(models, model, 'stored').object(),
    [`${name}.create`]: new ValueSchemas(models, model, 'written').object(),
    [`${name}.answer`]: {
      type: 'object',
      required: ['r', 'meta', 'body'],
      properties: { r: { type: 'string' }, meta, body: ref(name) },
    },
    [`${name}.created`]: {
      type: 'object',
      required: ['r', 'body'],
      properties: {
        r: { type: 'string' },
        meta: { type: 'object', properties: { repeated: { const: true } } },
        body: ref(`${name}.stored`),
      },
    },
    [`${name}.item`]: {
      type: 'object',
      required: ['meta', 'body'],
      properties: { meta, body: ref(name) },
    },
    [`${name}.page`]: page(`${name}.item`, ['items']),
    // No `anyOf`: type generators would lose the members.
    [`${name}.pageOrCount`]: page(`${name}.item`, []),
  };
}

function page(item: string, required: readonly string[]): JsonObject {
  return {
    type: 'object',
    required: ['r', 'body'],
    properties: {
      r: { type: 'string' },
      body: {
        type: 'object',
        ...(required.length > 0 && { required: [...required] }),
        properties: {
          tokens: { $ref: '#/components/schemas/Really.Tokens' },
          totalResults: { type: 'integer', minimum: 0 },
          items: { type: 'array', items: { $ref: `#/components/schemas/${item}` } },
        },
        additionalProperties: false,
      },
    },
  };
}
