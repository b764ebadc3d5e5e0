import { createRequire } from 'node:module';
import type { JsonObject } from '@really/protocol';

interface Schemas {
  addSchema(schema: object, name: string): unknown;
  compile(schema: object): ((value: unknown) => boolean) & { errors?: unknown };
}

// The validator of OpenAPI documents brings a validator of JSON Schema along: ours for answers, too.
const own = createRequire(import.meta.url);
const inside = createRequire(own.resolve('@seriousme/openapi-schema-validator'));
const { Ajv2020 }: { Ajv2020: new (options: object) => Schemas } = inside('ajv/dist/2020.js');
const addFormats: { default(schemas: Schemas): void } = inside('ajv-formats');

export interface ReceivedResponse {
  readonly method: string;
  /** Without query. */
  readonly path: string;
  readonly status: number;
  readonly headers: Headers;
  /** `undefined` if there is none. */
  readonly json: unknown;
}

/** An OpenAPI document, to hold answers against. */
export class ApiDocument {
  // biome-ignore lint/suspicious/noExplicitAny: a document is looked into freely
  readonly document: any;
  readonly #schemas = new Ajv2020({ strict: false, allErrors: true });

  constructor(document: JsonObject) {
    this.document = document;
    addFormats.default(this.#schemas);
    this.#schemas.addSchema(document, 'document');
  }

  /** What is wrong with an answer by what the document says of its operation; `undefined`: nothing. */
  problemOf(answer: ReceivedResponse): string | undefined {
    const operation = this.operation(answer.method, answer.path);
    if (operation === undefined) return `no operation ${answer.method} ${answer.path}`;
    const response = this.#resolved(
      operation.responses[answer.status] ?? (answer.status >= 400 && operation.responses.default),
    );
    if (!response) return `no response ${answer.status} of ${operation.operationId}`;
    for (const name of Object.keys(response.headers ?? {})) {
      if (!answer.headers.has(name)) return `no header ${name} in ${operation.operationId}`;
    }
    const type = answer.headers.get('content-type')?.split(';')[0] ?? '';
    if (answer.json === undefined) {
      return response.content === undefined || type in response.content ? undefined : 'no body';
    }
    const schema = response.content?.[type]?.schema;
    if (schema === undefined) return `no content ${type} of ${operation.operationId}`;
    const check = this.#schemas.compile(relative(schema));
    return check(answer.json) ? undefined : JSON.stringify([check.errors, answer.json]);
  }

  /** What is wrong with the body of a request. */
  problemOfBody(method: string, path: string, body: unknown): string | undefined {
    const { requestBody } = this.operation(method, path);
    const check = this.#schemas.compile(relative(requestBody.content['application/json'].schema));
    return check(body) ? undefined : JSON.stringify(check.errors);
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  operation(method: string, path: string): any {
    const template = Object.keys(this.document.paths).find((one) => {
      const pattern = one.replace(/\{[^}]+\}/g, '[^/]+').replaceAll('.', '\\.');
      return new RegExp(`^${pattern}$`).test(path);
    });
    return template === undefined ? undefined : this.document.paths[template][method.toLowerCase()];
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  #resolved(part: any): any {
    if (typeof part?.$ref !== 'string') return part;
    const steps: string[] = part.$ref.slice(2).split('/');
    return steps.reduce((found, step) => found[step], this.document);
  }
}

/** The schema, its references aimed at the document that it is a part of. */
function relative(schema: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"document#/'));
}
