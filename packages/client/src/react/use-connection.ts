import { useSyncExternalStore } from 'react';
import type { ConnectionSnapshot } from '../really.js';
import { clientError, ReallyError } from '../really-error.js';
import { useProvided } from './provider.js';

/** The state of the connection, and of the writes that wait for it. */
export interface ConnectionResult {
  readonly status: ConnectionSnapshot['state'];
  /** Everything that is known of it, such as `retryAt` and `pendingWrites`. */
  readonly value: ConnectionSnapshot;
  /** Not connected: what live copies show may be old. */
  readonly stale: boolean;
  /** Whether writes wait. */
  readonly pending: boolean;
  /** Why nothing more happens by itself: the user has to sign in, the server refuses, it was closed. */
  readonly error: ReallyError | undefined;
}

const results = new WeakMap<ConnectionSnapshot, ConnectionResult>();

/** The connection of the client. */
export function useConnection(): ConnectionResult {
  const { connection } = useProvided().client;
  const getSnapshot = () => resultOf(connection.getSnapshot());
  return useSyncExternalStore(connection.subscribe, getSnapshot, getSnapshot);
}

function resultOf(snapshot: ConnectionSnapshot): ConnectionResult {
  const known = results.get(snapshot);
  if (known) return known;
  const result: ConnectionResult = {
    status: snapshot.state,
    value: snapshot,
    stale: snapshot.state !== 'connected',
    pending: snapshot.pendingWrites > 0,
    error: errorOf(snapshot),
  };
  results.set(snapshot, result);
  return result;
}

function errorOf(snapshot: ConnectionSnapshot): ReallyError | undefined {
  switch (snapshot.state) {
    case 'needs-auth':
      return new ReallyError({ code: 401, message: snapshot.reason, retry: 'now' });
    case 'refused':
      return new ReallyError({ code: 400, message: snapshot.reason, retry: 'never' });
    case 'closed':
      return clientError('connection.closed');
    default:
      return undefined;
  }
}
