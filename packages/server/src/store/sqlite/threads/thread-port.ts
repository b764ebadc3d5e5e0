import { type MessagePort, parentPort } from 'node:worker_threads';
import {
  AnswersMissing,
  QueryTimeout,
  StoreInUse,
  StoreRefused,
  StoreUnavailable,
  UniqueClash,
} from '../../store-errors.js';
import { asStoreError, GaveWay } from '../errors.js';

/** A thread's reply: errors lose their class on the way, so their parts are sent. */
export type ThreadReply = { readonly value: unknown } | { readonly error: EncodedError };

interface EncodedError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  readonly collection?: string | undefined;
  readonly fields?: readonly string[] | undefined;
  readonly passing?: boolean | undefined;
  readonly missing?: number | undefined;
}

/** A thread's first message: its modules are loaded and its database is open. */
export interface ThreadStarted {
  readonly started: true;
}

/** The thread's side: says that it has started, and answers each request, in order. */
export function serve<Request>(
  handle: (request: Request) => unknown,
  afterwards: (port: MessagePort) => void = () => {},
): void {
  const port = parentPort;
  if (!port) throw new Error('this module runs in a worker thread');
  port.on('message', (request: Request) => {
    port.postMessage(answer(() => handle(request)));
    afterwards(port);
  });
  port.postMessage({ started: true } satisfies ThreadStarted);
}

function answer(work: () => unknown): ThreadReply {
  try {
    return { value: work() };
  } catch (error) {
    return { error: encodeError(asStoreError(error)) };
  }
}

function encodeError(error: unknown): EncodedError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message, stack, collection, fields, passing, missing }: EncodedError = error;
  return { name, message, stack, collection, fields, passing, missing };
}

export function decodeError(encoded: EncodedError): Error {
  const { name, message } = encoded;
  switch (name) {
    case 'StoreUnavailable':
      return new StoreUnavailable(message);
    case 'StoreRefused':
      return new StoreRefused(message, { passing: encoded.passing === true });
    case 'AnswersMissing':
      return new AnswersMissing(message, encoded.missing);
    case 'StoreInUse':
      return new StoreInUse(message);
    case 'QueryTimeout':
      return new QueryTimeout(message);
    case 'GaveWay':
      return new GaveWay(message);
    case 'UniqueClash':
      return new UniqueClash(encoded.collection ?? '', encoded.fields ?? []);
    default: {
      const error = new Error(message);
      if (encoded.stack !== undefined) error.stack = encoded.stack;
      return error;
    }
  }
}
