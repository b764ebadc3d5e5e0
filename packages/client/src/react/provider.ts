import { createContext, createElement, type ReactNode, useContext, useMemo } from 'react';
import type { Really } from '../really.js';
import type { RegisteredModels } from './register.js';
import { type SharedCopies, sharedCopiesOf } from './shared-copies.js';

export interface ReallyProviderProps {
  // biome-ignore lint/suspicious/noExplicitAny: whatever models it has; the hooks know those of `Register`
  readonly client: Really<any>;
  /** Milliseconds that a subscription outlives the last component that shows it, 5,000 by default. */
  readonly linger?: number | undefined;
  readonly children?: ReactNode;
}

interface ProvidedClient {
  readonly client: Really;
  readonly copies: SharedCopies;
  readonly linger: number;
}

const Context = createContext<ProvidedClient | undefined>(undefined);

/** Gives a client to the hooks of the components in it. The client is made, and closed, outside of React. */
export function ReallyProvider({
  client,
  linger = 5_000,
  children,
}: ReallyProviderProps): ReactNode {
  const provided = useMemo(
    () => ({ client, copies: sharedCopiesOf(client), linger }),
    [client, linger],
  );
  return createElement(Context.Provider, { value: provided }, children);
}

export function useProvided(): ProvidedClient {
  const provided = useContext(Context);
  if (provided) return provided;
  throw new Error('a hook of Really is used outside of <ReallyProvider client={…}>');
}

/** The client of the provider. */
export function useReally(): Really<RegisteredModels> {
  return useProvided().client as unknown as Really<RegisteredModels>;
}
