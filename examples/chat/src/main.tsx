import { ReallyProvider } from '@really/client/react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { really } from './client.ts';

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <ReallyProvider client={really}>
      <App />
    </ReallyProvider>,
  );
}
// The page opens without a connection, too.
void navigator.serviceWorker?.register('sw.js');
