// The client, who we are, and what the address bar says.
import { Really } from '@really/client';
import { anonymous } from '@really/client/anonymous';
import { offline } from '@really/client/offline';
import { useSyncExternalStore } from 'react';
import { type Models, modelsHash } from './really.js';

declare module '@really/client/react' {
  interface Register {
    models: Models;
  }
}

export const really = new Really<Models>(location.origin, {
  token: anonymous(location.origin, { key: 'chat.token' }),
  models: modelsHash,
  offline: offline({ app: 'chat' }),
});

// It is needed without a connection, too.
really.connection.subscribe(() => {
  if (really.user) localStorage.setItem('chat.uid', really.user.uid);
});

/** Our uid. */
export function useMe(): string | null {
  return useSyncExternalStore(really.connection.subscribe, () => localStorage.getItem('chat.uid'));
}

const onHashChange = (listener: () => void) => {
  addEventListener('hashchange', listener);
  return () => removeEventListener('hashchange', listener);
};

/** `#/rooms/<id>`, and `#/rooms/<id>/invitations/<id>` of who is invited. */
export function useAddress(): { room: string | undefined; invitation: string | undefined } {
  const hash = useSyncExternalStore(onHashChange, () => location.hash);
  const [, room, invitation] = /^#\/rooms\/([\w-]+)(?:\/invitations\/([\w-]+))?$/.exec(hash) ?? [];
  return { room, invitation };
}
